//! A pack as a readable book: every rule with its words, formula, clause, parameters on a day, and a worked example.
//!
//! [`book`] makes a [`Document`] of a program and of the rules as written; [`markdown`] and [`html`] write it.
//! Examples come from outside, because only the engine can compute them.

mod chapters; // start here: what is in the book, in which order
mod document; // the document
mod entry; // one rule
mod html;
mod labels; // fixed words
mod markdown;
mod parameters; // rows on a day
mod tables; // inputs, datasets, glossary

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use chapters::book;
pub(crate) use chapters::mentioned;
pub(crate) use document::words_item;
pub use document::{Block, Document, Item, Span, Text};
pub use html::html;
pub use markdown::markdown;
pub(crate) use parameters::{key_text, row_text};

use crate::words::Lang;

/// What a book is made for.
#[derive(Clone, Copy, Debug)]
pub struct BookOptions {
    /// The language.
    pub lang: Lang,
    /// The day whose parameters and versions it shows.
    pub on: Date,
}

/// A case worked through for one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// Title of the case.
    pub title: String,
    /// File and line of the case.
    pub place: String,
    /// The day of the case, its area and residence.
    pub when: String,
    /// What the case gives of all that this rule depends on: what, and its value.
    pub given: Vec<(String, String)>,
    /// The value that comes out.
    pub value: String,
    /// What it was made of.
    pub parts: Vec<ExamplePart>,
}

/// A part of a worked example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExamplePart {
    /// What it is.
    pub title: String,
    /// The rule it is the value of, if it is one.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What it was made of in turn, where it is no rule of its own.
    pub parts: Vec<ExamplePart>,
}

/// Examples by name of rule.
pub type Examples = BTreeMap<String, Example>;
