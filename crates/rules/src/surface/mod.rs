//! Rules as written: TOML tables with expressions in a closed subset of SQL.
//!
//! From: the files of one pack. To: [`crate::resolved`].
//! Adds: the shape of each kind of rule, a tree for each expression, a place for everything.
//! Removes: TOML, SQL beyond the subset, quoting and escapes.
//! Promises: every key is a known one and has the right kind of value; names are still texts.
//! Reports: every problem of every file, in its order. What could not be read becomes [`ExprKind::Error`].

mod allow; // lints that a rule silences
mod ast; // start here: the shape of a written rule
mod deduction; // a deduction becomes a variable and parameters
mod document; // TOML with mistakes
mod fields; // reading a TOML table key by key
mod from_sql; // expressions
mod from_toml; // files and heads
mod parameter; // dated values
mod print; // text form, as it could be written again
mod quoted; // places inside TOML strings
mod scale; // tables of brackets
mod tables; // one table, by kind
mod versions; // what a rule says from a day on

pub use ast::{
    Allow, Arithmetic, DeductionColumn, DeductionTable, Expr, ExprKind, Formula, Head, Literal, Logic, Lost, Pack,
    ParameterNotes, ParameterSource, Rule, RuleBody, TestCheck,
};
pub(crate) use document::parse_document;
pub(crate) use fields::{Fields, Reader};
pub use from_sql::parse_formula;
pub use from_toml::from_toml;
pub(crate) use from_toml::read_head;
pub use versions::Version;
