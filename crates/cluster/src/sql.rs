//! Pieces of SQL that know which columns they read.

use std::fmt::Display;

/// A column of the plan: index into [`crate::plan::Plan::columns`].
pub(crate) type ColumnId = u32;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    /// Columns it reads, ascending.
    pub(crate) reads: Vec<ColumnId>,
    /// Whether it is a literal or the name of a column: cheap to write again.
    pub(crate) atom: bool,
    /// The number it is, for a literal.
    pub(crate) number: Option<i64>,
}

impl Sql {
    /// A literal or a name of the base relations.
    pub(crate) fn literal(text: impl Display) -> Self {
        Self { text: text.to_string(), reads: Vec::new(), atom: true, number: None }
    }

    /// A number of 64 bits.
    pub(crate) fn number(value: i64) -> Self {
        let text = match value {
            // The literal would be read as minus a number that does not fit.
            i64::MIN => "(-9223372036854775807 - 1)".to_owned(),
            _ if value < 0 => format!("({value})"),
            _ => value.to_string(),
        };
        Self { number: Some(value), ..Self::literal(text) }
    }

    /// A truth value.
    pub(crate) fn truth(value: bool) -> Self {
        Self::literal(if value { "TRUE" } else { "FALSE" })
    }

    /// Whether it is this literal.
    pub(crate) fn is(&self, literal: &str) -> bool {
        self.text == literal
    }

    /// Several, joined.
    pub(crate) fn join<'s>(parts: impl IntoIterator<Item = &'s Self>, by: &str) -> Self {
        let mut text = Vec::new();
        let mut reads = Vec::new();
        for part in parts {
            text.push(part.text.as_str());
            reads.extend(&part.reads);
        }
        Self::with(text.join(by), reads)
    }

    pub(crate) fn with(text: String, mut reads: Vec<ColumnId>) -> Self {
        reads.sort_unstable();
        reads.dedup();
        Self { text, reads, atom: false, number: None }
    }
}

/// A piece of SQL from a format string and other pieces.
macro_rules! q {
    ($format:literal $(, $part:expr)* $(,)?) => {{
        let reads = Vec::new();
        $( let reads = { let mut reads: Vec<$crate::sql::ColumnId> = reads; reads.extend(&$part.reads); reads }; )*
        $crate::sql::Sql::with(format!($format $(, $part.text)*), reads)
    }};
}
pub(crate) use q;
