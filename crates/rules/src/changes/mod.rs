//! What changed between two packs, or two states of one: rules, parameters, cases, and what depends on each change.
//!
//! [`changes`] compares; [`document`] says it in words. Formatting, comments and the order of a file are no changes:
//! formulas are compared as understood.

mod compare; // start here: the comparison
mod outputs; // what depends on a name
mod parameters; // rows of values
mod rules; // one rule with another
mod say; // as a document

use jiff::civil::Date;

pub use compare::changes;
pub use say::document;

use crate::Program;
use crate::cases::Case;
use crate::words::Words;
use crate::written::Written;

/// One of the two packs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// What it compiles to.
    pub program: &'s Program,
    /// Its rules as written, inherited ones included.
    pub written: &'s [Written],
    /// Its cases.
    pub cases: &'s [Case],
}

/// Everything that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Id, version and hash of the older pack.
    pub old: PackName,
    /// Id, version and hash of the newer pack.
    pub new: PackName,
    /// The day compared; none if everything is compared, of whatever day.
    pub on: Option<Date>,
    /// What `pack.toml` says otherwise.
    pub head: Vec<Edit>,
    /// Rules other than parameters: schemes, tests, flags, variables, facts, inputs, the score; each kind by name.
    pub rules: Vec<RuleChange>,
    /// Parameters, by name.
    pub parameters: Vec<ParameterChange>,
    /// Titles of cases that only the newer pack has.
    pub cases_added: Vec<String>,
    /// Titles of cases that only the older pack has.
    pub cases_removed: Vec<String>,
    /// Titles of cases that give or expect something else.
    pub cases_changed: Vec<String>,
}

/// Which pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackName {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Content hash.
    pub hash: String,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Only the newer pack has it.
    Added,
    /// Only the older pack has it.
    Removed,
    /// Both have it, and it differs.
    Changed,
}

impl Fate {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A rule that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    /// Name.
    pub name: String,
    /// `scheme`, `test` and so on, as in TOML.
    pub kind: &'static str,
    /// Title, the newer one if there are two.
    pub title: String,
    /// File and line, in the newer pack if it is there.
    pub place: String,
    /// What became of it.
    pub fate: Fate,
    /// What it says otherwise; for a rule added or removed, all that it says.
    pub edits: Vec<Edit>,
    /// Schemes, tests, flags and the score that depend on it, by name with their titles.
    pub outputs: Vec<(String, String)>,
}

/// One thing said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The key in TOML, such as `formula` or `severity`; of a version with its day, such as `2026-07-01 formula`.
    pub key: String,
    /// What the older pack says.
    pub old: Option<Said>,
    /// What the newer pack says.
    pub new: Option<Said>,
}

/// As written and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// As written.
    pub text: String,
    /// In words; the same as `text` where that is plain.
    pub words: Words,
}

/// A parameter that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterChange {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// What became of it.
    pub fate: Fate,
    /// What differs besides its rows.
    pub edits: Vec<Edit>,
    /// Rows that differ, in order of their keys and days.
    pub rows: Vec<RowChange>,
    /// Schemes, tests, flags and the score that depend on it, by name with their titles.
    pub outputs: Vec<(String, String)>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFate {
    /// A value where there was none.
    Begins,
    /// A row that follows another one of the same keys, which holds until the day before.
    Follows,
    /// The same row with another value.
    Corrected,
    /// Another value on the day that is compared.
    OnTheDay,
    /// The same value with other dates or another citation.
    Restated,
    /// A row that now ends, and none follows.
    Ends,
    /// A row that is gone.
    Removed,
}

impl RowFate {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Follows => "follows",
            Self::Corrected => "corrected",
            Self::OnTheDay => "on_the_day",
            Self::Restated => "restated",
            Self::Ends => "ends",
            Self::Removed => "removed",
        }
    }
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Area, residence and keys; empty for a row that holds everywhere for all.
    pub which: String,
    /// What became of it.
    pub fate: RowFate,
    /// First day of what is new, or of what is gone.
    pub from: Date,
    /// Last day, if known.
    pub until: Option<Date>,
    /// The value before.
    pub old: Option<String>,
    /// The value now.
    pub new: Option<String>,
    /// How much more or less, in percent with two decimals, where both are numbers: `+3.17`.
    pub percent: Option<String>,
    /// Citation of the row: of the newer pack, if it has it.
    pub cite: String,
    /// File and line.
    pub place: String,
}

impl Changes {
    /// Whether nothing differs that rules or cases say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
            && self.rules.is_empty()
            && self.parameters.is_empty()
            && self.cases_added.is_empty()
            && self.cases_removed.is_empty()
            && self.cases_changed.is_empty()
    }
}
