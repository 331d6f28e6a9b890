//! What the SQL is printed for, apart from the program: the day, the sources, who is asked.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::Dialect;

/// A source in play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its id, as in `coverage.source` and in the `source` of records.
    pub id: String,
    /// The dataset it serves.
    pub dataset: String,
    /// About whom it is asked. Pairs outside count as not applicable.
    pub subjects: Subjects,
}

/// About whom a source is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Everyone in a case, or the case itself.
    #[default]
    Everyone,
    /// Members only.
    Members,
    /// The applicant only: the member whose input `relation` is `self`.
    Applicant,
}

/// Day, sources and what is taken as answered: all that is written into the SQL as literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The day the check speaks about.
    pub as_of: Date,
    /// The moment up to which answers count: printed into the results.
    pub known_at: Option<Timestamp>,
    /// Sources in play. Each name in the `source` column of a record must be here, or in [`Setting::writers`].
    pub sources: Vec<Source>,
    /// Other names that may stand in the `source` column of records.
    pub writers: Vec<String>,
    /// Datasets whose pairs without a row in coverage count as answered.
    pub complete: Vec<String>,
    /// Whether there is a relation `denied(case_row, person, source)`: pairs whose records a case may not see. For it
    /// their outcome is `not_authorised`, whatever coverage says.
    pub denied: bool,
}

impl Setting {
    /// A day on which nobody was asked anything.
    #[must_use]
    pub const fn new(as_of: Date) -> Self {
        Self { as_of, known_at: None, sources: Vec::new(), writers: Vec::new(), complete: Vec::new(), denied: false }
    }
}

/// What of the program's meaning is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All of it: bounds, presence, reasons.
    Full,
    /// As if all was answered and known, all cases lay in the pack's area, and no number left 64 bits: the SQL that one
    /// would write by hand. Only what a declared gap leaves open has bounds; a quotient by zero is none, so is a
    /// parameter without a row, and an overflow stops the query.
    Known,
}

impl Mode {
    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Known => "known",
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// For which engine.
    pub dialect: Dialect,
    /// How much of the meaning.
    pub mode: Mode,
    /// Whether findings also have the bounds of each test and scheme, and what each waits on: what tests compare.
    pub bounds: bool,
}
