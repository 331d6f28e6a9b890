//! The book of a pack: its rules in words, each with an example from the pack's own cases worked through by the engine.

mod examples; // a case for each rule
mod worked; // the case's value unfolded

use hedui_rules::Program;
use hedui_rules::book::{BookOptions, Document, book};
use hedui_rules::cases::Case;
use hedui_rules::written::Written;

pub use examples::examples;

/// Makes the book of a pack. `written` are its rules and those it inherits ([`hedui_rules::Library::written`]).
#[must_use]
pub fn rulebook(written: &[Written], program: &Program, cases: &[Case], options: BookOptions) -> Document {
    book(program, written, options, &examples(program, cases, written, options.lang, options.on))
}
