//! The book of a pack: its rules in words, each with an example worked through by the engine.

mod examples; // a case for each rule
mod worked; // the case's value unfolded

use hedui_rules::book::{BookOptions, Document, Examples, book};
use hedui_rules::cases::Case;
use hedui_rules::{Library, Program};

pub use examples::examples;

/// Makes the book of a pack, with examples from its own cases.
#[must_use]
pub fn rulebook(library: &Library, program: &Program, cases: &[Case], options: BookOptions) -> Document {
    let written = library.written(&program.pack.id);
    let examples: Examples = examples(program, cases, &written, options.lang);
    book(program, &written, options, &examples)
}
