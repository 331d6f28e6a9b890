//! What a condition rests on: steps, inputs, facts and datasets. What is not among them cannot change it.

use std::collections::BTreeSet;
use std::sync::Arc;

use hedui_rules::Program;
use hedui_rules::program::{ExprKind, Over, StepKind};

use crate::reads::{expressions, walk};

/// A fact that a condition rests on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub(super) step: usize,
    pub(super) dataset: usize,
    /// Whether it reads records only, so that no declared value and no other fact changes it.
    pub(super) pure: bool,
}

/// All that a condition rests on.
#[derive(Debug)]
pub(super) struct Matters {
    /// By step.
    pub(super) steps: Arc<[bool]>,
    /// By input.
    pub(super) inputs: Vec<bool>,
    pub(super) facts: Vec<Fact>,
    /// Datasets of those facts.
    pub(super) datasets: BTreeSet<usize>,
    /// Datasets of those facts that are not pure.
    pub(super) reread: BTreeSet<usize>,
    /// Whether obligors count.
    pub(super) obligors: bool,
}

impl Matters {
    pub(super) fn of(program: &Program, step: usize) -> Self {
        let mut steps = vec![false; program.steps.len()];
        let mut inputs = vec![false; program.inputs.len()];
        let mut facts = Vec::new();
        let mut obligors = false;
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            if std::mem::replace(&mut steps[step], true) {
                continue;
            }
            let kind = &program.steps[step].kind;
            let mut pure = true;
            for expr in expressions(kind) {
                walk(expr, &mut |e| {
                    match &e.kind {
                        ExprKind::Step(below) => {
                            open.push(below.index());
                            pure = false;
                        }
                        ExprKind::Input(input) => {
                            inputs[input.index()] = true;
                            pure = false;
                        }
                        ExprKind::Aggregate(of) if of.over == Over::Obligors => obligors = true,
                        _ => {}
                    }
                    true
                });
            }
            match kind {
                StepKind::Fact { dataset, .. } => facts.push(Fact { step, dataset: dataset.index(), pure }),
                StepKind::FlagCount(severity) => {
                    let flags = program.flags.iter().filter(|flag| flag.severity == *severity);
                    open.extend(flags.map(|flag| flag.when.index()));
                }
                StepKind::Formula(_) => {}
            }
        }
        facts.sort_by_key(|fact| fact.step);
        let datasets = facts.iter().map(|fact| fact.dataset).collect();
        let reread = facts.iter().filter(|fact| !fact.pure).map(|fact| fact.dataset).collect();
        Self { steps: steps.into(), inputs, facts, datasets, reread, obligors }
    }
}
