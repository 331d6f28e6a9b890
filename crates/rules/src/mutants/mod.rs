//! Small changes to what a pack itself writes, one at a time: what its cases should notice.
//!
//! A change is a slip that a person could make: a limit a tenth higher, `<` for `<=`, a day later, up for down. What
//! cannot show is left out where that can be proved: parameters that nothing reads, rows that began before the pack.
//! Nothing a pack inherits is changed, nor how grave a flag is.

mod edit; // what a change does to a program, and how it is taken back
mod formulas; // changes to formulas
mod rows; // changes to rows of parameters
mod words; // what people read

pub use edit::Mutant;

use crate::program::{DatasetId, Expr, Program};

/// Writes an expression as people read it: the program, the dataset of its columns, the expression.
pub type Print<'p> = &'p dyn Fn(&Program, Option<DatasetId>, &Expr) -> String;

/// All changes to a program, in the order of its parameters and steps.
#[must_use]
pub fn mutants(program: &Program, print: Print<'_>) -> Vec<Mutant> {
    let mut mutants = rows::changes(program, print);
    mutants.extend(formulas::changes(program, print));
    mutants
}

/// Whether a pack wrote a file itself, rather than one it extends.
#[must_use]
pub fn is_own(program: &Program, file: &str) -> bool {
    file.strip_prefix(program.pack.id.as_str()).is_some_and(|rest| rest.starts_with('/'))
}
