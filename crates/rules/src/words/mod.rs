//! Formulas in words, for people who decide about rules and do not read SQL.
//!
//! From: an expression as written ([`crate::surface::Expr`]) and the program it became. To: [`Words`], a line or a list.
//! Adds: titles for names, units for bare numbers, titles for codes. Removes: SQL.
//! Promises: nothing of the formula is left out; brackets stand wherever the order of a formula is not that of reading.
//! A function without a turn of phrase is said by its name, so that a new one is readable before it is eloquent.

mod amounts; // values with units
mod calls; // functions, aggregates, parameters with keys
mod line; // start here: what is said
mod names; // titles and types of names
mod phrases; // both languages
mod speak; // the walk over an expression
mod units; // types, as far as words need them

pub use amounts::{amount, number, type_word};
pub use line::{Lang, Line, Piece, Words};
pub use names::Place;
pub use speak::Speaker;
