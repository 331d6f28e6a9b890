//! What a run gives back: one row per case in the order of [`crate::input::Cases`], whatever the slices and threads.

use hedui_base::{AreaCode, CaseId, PersonKey, SourceId, Tri};
use hedui_rules::program::{DatasetId, FlagSeverity};
use jiff::civil::Date;

/// A number that may be unknown within bounds, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Known exactly.
    Known(i64),
    /// Somewhere between two bounds; `i64::MIN` and `i64::MAX` mean unbounded.
    Between(i64, i64),
    /// There is no such thing.
    None,
}

impl Cell {
    /// The value if it is known.
    #[must_use]
    pub const fn known(self) -> Option<i64> {
        match self {
            Self::Known(v) => Some(v),
            _ => None,
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// One per case, in input order.
    pub cases: Vec<CaseFinding>,
    /// Raised flags, by case, then flag, then person.
    pub flags: Vec<RaisedFlag>,
    /// Cases that could not be computed: they have no row in `cases`.
    pub errors: Vec<CaseError>,
}

/// What one verification concludes.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseFinding {
    /// Row in the input.
    pub row: usize,
    /// The case.
    pub case: CaseId,
    /// Per test of the program (household tests; a person's test is met if all members meet it).
    pub tests: Vec<TestFinding>,
    /// Per scheme of the program.
    pub schemes: Vec<SchemeFinding>,
    /// Score 0-100 in the scale of its step's type.
    pub score: Option<Cell>,
    /// Raised flags by [`FlagSeverity::ALL`].
    pub flag_counts: [u32; FlagSeverity::ALL.len()],
    /// Values taken by `ASSUME`: rule name and reason.
    pub assumed: Vec<(String, String)>,
}

/// One test of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFinding {
    /// The value compared; none for a test without a limit.
    pub value: Cell,
    /// The limit.
    pub limit: Cell,
    /// How far inside (positive) or outside (negative) the limit.
    pub margin: Cell,
    /// The result.
    pub result: Tri,
    /// Sources that could still change it; empty unless undetermined.
    pub waiting_on: Vec<Reason>,
}

/// One scheme of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemeFinding {
    /// Met only if true in every completion of what is unknown.
    pub finding: Tri,
    /// Monthly amount in fen where the scheme pays one.
    pub amount: Option<Cell>,
    /// Months between rechecks.
    pub recheck_months: Option<i64>,
    /// The last day of what it gives, in days since 1970-01-01, where the scheme says one.
    pub until: Option<Cell>,
    /// For a scheme of persons: the members who meet it or may, by person. Empty otherwise.
    pub persons: Vec<PersonFinding>,
    /// Sources that could still change the finding; empty unless undetermined.
    pub waiting_on: Vec<Reason>,
}

/// One member of one case in a scheme of persons.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonFinding {
    /// Who.
    pub person: PersonKey,
    /// `met` or `undetermined`.
    pub finding: Tri,
    /// Monthly amount in fen where the scheme pays one.
    pub amount: Option<Cell>,
    /// The last day of what it gives, in days since 1970-01-01, where the scheme says one.
    pub until: Option<Cell>,
    /// Sources that could still change the finding; empty unless undetermined.
    pub waiting_on: Vec<Reason>,
}

/// Why something is unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    /// The source, or the dataset or rule where no source is to blame.
    pub source: SourceId,
    /// Why, as a stable word: an unknown outcome, `not_asked`, `no_source`, `null`, `gap`, `division_by_zero`.
    pub cause: &'static str,
}

/// A raised flag.
#[derive(Clone, Debug, PartialEq)]
pub struct RaisedFlag {
    /// Row of the case in the input.
    pub row: usize,
    /// The case.
    pub case: CaseId,
    /// The person, for a flag of a person.
    pub person: Option<PersonKey>,
    /// Index into the program's flags.
    pub flag: usize,
    /// What was declared.
    pub declared: Option<Cell>,
    /// What was found.
    pub found: Option<Cell>,
    /// found - declared, where both are known.
    pub difference: Option<i64>,
    /// The records that are the evidence.
    pub evidence: Vec<Evidence>,
}

/// A record that led to a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Dataset.
    pub dataset: DatasetId,
    /// Source.
    pub source: SourceId,
    /// Natural key.
    pub record_id: String,
    /// What day it is true for.
    pub as_of: Option<Date>,
}

/// A case that could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("case {case}: {kind} (rule `{rule}`, {file}:{line})")]
pub struct CaseError {
    /// Row in the input.
    pub row: usize,
    /// The case.
    pub case: CaseId,
    /// The rule.
    pub rule: String,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// What happened.
    pub kind: CaseErrorKind,
}

/// What made a case impossible to compute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum CaseErrorKind {
    /// A number left 64 bits.
    #[error("a number went out of range")]
    Overflow,
    /// No parameter row for the area, residence and day.
    #[error("parameter `{name}` has no value for area {area} on {day}; add a row to its table")]
    MissingParameter {
        /// Which parameter.
        name: Box<str>,
        /// Where.
        area: AreaCode,
        /// When.
        day: Date,
    },
    /// The caseload has no such row.
    #[error("there is no such case")]
    NoSuchCase,
    /// Rounding to a multiple that is not positive.
    #[error("cannot round to a multiple that is not positive")]
    BadMultiple,
}
