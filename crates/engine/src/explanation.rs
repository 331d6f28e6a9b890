//! How a value came about: formula, inputs, parameter rows, steps below it, source records.

use hedui_base::{AreaCode, PersonKey, SourceId, Tri};
use jiff::civil::Date;

use crate::output::Reason;
use crate::shown::Value;

/// A value unfolded. The children of a SUM re-add to it, and so do the contributions of its records.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The rule or input, or the aggregate as text for a node between.
    pub name: String,
    /// Chinese title; empty for a node between.
    pub title: String,
    /// The person it is about; none for the household.
    pub person: Option<PersonKey>,
    /// Its value.
    pub value: Value,
    /// The formula as written; empty for a declared input.
    pub formula: String,
    /// Clause or `[design]`.
    pub cite: Option<String>,
    /// File within the pack; empty for a declared input.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What it was computed from, in the order of the formula.
    pub children: Vec<Explanation>,
    /// Parameter rows it used.
    pub parameters: Vec<ParameterUse>,
    /// Source records it read, for a fact.
    pub records: Vec<RecordUse>,
    /// Why it is unknown; empty if it is known.
    pub reasons: Vec<Reason>,
    /// The reason given where `ASSUME` stood in for an unknown.
    pub assumed: Option<String>,
    /// Whether the same value was unfolded before in this tree, so that its children are not repeated.
    pub repeated: bool,
    /// Whether the records behind it cannot be read any more: of each only whether it counted is known.
    pub removed: bool,
}

/// One parameter row in use.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterUse {
    /// Parameter.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// The row's value, in the parameter's type; unknown for a declared gap.
    pub value: Value,
    /// The value as it was published, where that was for another period.
    pub published: Option<Value>,
    /// Whether it is a declared gap, and why as far as the row says (its citation says the rest).
    pub gap: Option<String>,
    /// The reason given for a value that holds where no row does; then there is no citation.
    pub fallback: Option<String>,
    /// Where it was published.
    pub cite: String,
    /// File within the pack.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// First day; that of the pack for a fallback.
    pub from: Date,
    /// Last day, if known.
    pub until: Option<Date>,
    /// Area of the row; none means everywhere.
    pub area: Option<AreaCode>,
}

/// One source record behind a fact.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordUse {
    /// Dataset.
    pub dataset: String,
    /// Source.
    pub source: SourceId,
    /// Natural key.
    pub record_id: String,
    /// What day it is true for.
    pub as_of: Option<Date>,
    /// Whose record; none for a record of the household.
    pub person: Option<PersonKey>,
    /// Whether it passed the fact's filters.
    pub counted: Tri,
    /// The columns in use: name, Chinese title, value with its unit.
    pub columns: Vec<(String, String, String)>,
    /// What it added to a SUM or COUNT, where that is known.
    pub contribution: Option<i64>,
}
