//! How long columns are needed. A batch lets go of a step's column after the last step that reads it: what is at work stays
//! in the processor's cache.

use hedui_rules::Program;
use hedui_rules::program::{ExprKind, StepId, StepKind};

use crate::shared::Shared;

/// What nobody reads any more after a step.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    /// Steps whose columns are over, by step.
    pub(crate) steps: Vec<Vec<u32>>,
    /// Classes of shared expressions that are over, by step.
    pub(crate) classes: Vec<Vec<u32>>,
}

impl Lives {
    /// `keep` are steps that are read once all is computed, beside those that findings and flags are made of.
    pub(crate) fn of(program: &Program, shared: &Shared, keep: impl IntoIterator<Item = usize>) -> Self {
        let count = program.steps.len();
        let mut results = vec![false; count];
        let mut result = |step: StepId| results[step.index()] = true;
        for test in &program.tests {
            [Some(test.value), test.limit, Some(test.result)].into_iter().flatten().for_each(&mut result);
        }
        for scheme in &program.schemes {
            let own = [Some(scheme.when), scheme.amount, scheme.recheck_months, scheme.until];
            own.into_iter().flatten().for_each(&mut result);
            if let Some(persons) = &scheme.persons {
                [Some(persons.when), persons.amount, persons.until].into_iter().flatten().for_each(&mut result);
            }
        }
        for flag in &program.flags {
            [Some(flag.when), flag.declared, flag.found].into_iter().flatten().for_each(&mut result);
        }
        program.score.into_iter().for_each(&mut result);
        keep.into_iter().for_each(|step| results[step] = true);
        // A step that nobody reads is over at once.
        let mut last: Vec<usize> = (0..count).collect();
        for (at, step) in program.steps.iter().enumerate() {
            let read = match &step.kind {
                StepKind::Formula(value) => value.all(),
                StepKind::Fact { filter, value, .. } => {
                    filter.iter().flat_map(|filter| filter.all()).chain(value.all()).collect()
                }
                // It reads conditions of flags, which are results.
                StepKind::FlagCount(_) => Vec::new(),
            };
            for expr in read {
                if let ExprKind::Step(read) = &expr.kind {
                    last[read.index()] = at;
                }
            }
        }
        let mut steps = vec![Vec::new(); count];
        for (step, last) in last.into_iter().enumerate().filter(|(step, _)| !results[*step]) {
            steps[last].push(step as u32);
        }
        let mut classes = vec![Vec::new(); count];
        for (class, last) in shared.last.iter().enumerate() {
            classes[*last].push(class as u32);
        }
        Self { steps, classes }
    }
}
