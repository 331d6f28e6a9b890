//! A computed case under a program that differs a little: only what the difference reaches is computed anew.

use hedui_rules::Program;
use hedui_rules::program::{ExprKind, StepId, StepKind};

use crate::output::CaseError;
use crate::reads::{expressions, walk};
use crate::trace::Trace;

/// Which steps each step of a program reads. Found once per program.
#[derive(Debug)]
pub struct Readers {
    reads: Vec<Vec<usize>>,
}

impl Readers {
    /// Of a program. They hold too for one that differs in numbers, operators and parameters, or reads less.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let reads = program.steps.iter().map(|step| {
            let mut reads = Vec::new();
            for expr in expressions(&step.kind) {
                walk(expr, &mut |e| {
                    if let ExprKind::Step(below) = e.kind {
                        reads.push(below.index());
                    }
                    true
                });
            }
            if let StepKind::FlagCount(severity) = &step.kind {
                let flags = program.flags.iter().filter(|flag| flag.severity == *severity);
                reads.extend(flags.map(|flag| flag.when.index()));
            }
            reads
        });
        Self { reads: reads.collect() }
    }

    /// Some steps and all that depend on them.
    #[must_use]
    pub fn downstream(&self, steps: &[StepId]) -> Vec<bool> {
        let mut reached = vec![false; self.reads.len()];
        steps.iter().for_each(|step| reached[step.index()] = true);
        for step in 0..reached.len() {
            reached[step] |= self.reads[step].iter().any(|below| reached[*below]);
        }
        reached
    }
}

/// A case as it would come out under another program, given one whose `steps` alone have other formulas or read other
/// parameters; `None` if nothing comes out otherwise. Evidence of flags is left out.
///
/// # Errors
/// [`CaseError`] if the case cannot be computed then.
pub fn under<'m>(
    trace: &'m Trace<'_>,
    program: &'m Program,
    steps: &[StepId],
    readers: &Readers,
) -> Result<Option<Trace<'m>>, CaseError> {
    let mut kernel = trace.kernel().fork(program);
    let mut changed = vec![false; program.steps.len()];
    let mut broken = vec![None];
    let mut assumed = false;
    for (step, definition) in program.steps.iter().enumerate() {
        let touched = steps.iter().any(|s| s.index() == step);
        if !touched && !readers.reads[step].iter().any(|below| changed[*below]) {
            continue;
        }
        let before = kernel.assumed.clone();
        kernel.assumed.retain(|(_, of, _)| *of != step);
        let register = kernel.compute(step);
        assumed |= kernel.assumed != before;
        if register != kernel.registers[step] {
            kernel.note_faults(&register, definition.entity.into(), &mut broken);
            kernel.registers[step] = register;
            changed[step] = true;
        }
    }
    if let Some(fault) = broken.pop().flatten() {
        return Err(kernel.case_error(0, fault));
    }
    if !assumed && !changed.contains(&true) {
        return Ok(None);
    }
    let findings = kernel.refreshed(&trace.findings, &changed);
    Ok(Some(Trace { program, persons: trace.persons.clone(), kernel: kernel.into(), findings }))
}
