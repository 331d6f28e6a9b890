use std::mem::swap;

use crate::program::{Expr, Fallback, ParameterId, ParameterRow, Program, StepId, StepKind};

/// One change to a program.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What is changed: `test income_below_standard`, `parameter dibao_standard`.
    pub rule: String,
    /// File within the pack.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// From what to what.
    pub change: String,
    /// Steps to compute anew; no other step changes but by them.
    pub steps: Vec<StepId>,
    /// The first row changed, for a change to a parameter; one past the last is its fallback.
    pub row: Option<(ParameterId, usize)>,
    /// Days around which alone it can show, for a change of dates.
    pub days: Vec<jiff::civil::Date>,
    pub(super) edit: Edit,
}

/// Which expression of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Filter,
    Value,
}

#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// The expression at a place (as [`Expr::all`] counts) becomes another.
    Expr { step: StepId, part: Part, place: usize, other: Expr },
    /// Rows of a parameter become others.
    Rows { parameter: ParameterId, rows: Vec<(usize, ParameterRow)> },
    /// What holds where no row does becomes something else.
    Fallback { parameter: ParameterId, other: Option<Fallback> },
}

impl Mutant {
    /// The program with this change.
    #[must_use]
    pub fn applied(&self, program: &Program) -> Program {
        let mut program = program.clone();
        self.edit.clone().exchange(&mut program);
        program
    }

    /// Lends the changed program to a task and takes the change back: no copy of a whole program.
    pub fn with<T>(&self, program: &mut Program, task: impl FnOnce(&Program) -> T) -> T {
        let mut edit = self.edit.clone();
        edit.exchange(program);
        let result = task(program);
        edit.exchange(program);
        result
    }
}

impl Edit {
    /// Puts the change into the program and what was there into itself; a second time takes it back.
    fn exchange(&mut self, program: &mut Program) {
        match self {
            Self::Expr { step, part, place, other } => {
                let here = match (&mut program.steps[step.index()].kind, part) {
                    (StepKind::Formula(value) | StepKind::Fact { value, .. }, Part::Value) => Some(value),
                    (StepKind::Fact { filter, .. }, Part::Filter) => filter.as_mut(),
                    _ => None,
                };
                if let Some(here) = here.and_then(|expr| expr.nth_mut(*place)) {
                    swap(here, other);
                }
            }
            Self::Fallback { parameter, other } => swap(&mut program.parameters[parameter.index()].fallback, other),
            Self::Rows { parameter, rows } => {
                for (row, other) in rows {
                    swap(&mut program.parameters[parameter.index()].rows[*row], other);
                }
            }
        }
    }
}
