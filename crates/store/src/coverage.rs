use hedui_base::{AnswerId, AskId, Outcome, PersonKey, SourceId};
use jiff::Timestamp;
use jiff::civil::Date;

/// How one ask ended: one row per settlement; the row with the largest answer is the current one of (person, source).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageRow {
    /// About whom.
    pub person: PersonKey,
    /// Who was asked.
    pub source: SourceId,
    /// How it ended.
    pub outcome: Outcome,
    /// The question.
    pub ask: AskId,
    /// The settlement; unique in a data folder.
    pub answer: AnswerId,
    /// When it was asked; kept to the microsecond.
    pub asked: Timestamp,
    /// When the source answered; none if it did not.
    pub answered: Option<Timestamp>,
    /// What day the answer is true for, if the source said.
    pub as_of: Option<Date>,
    /// Until when an answer may take, for sources that answer later.
    pub due: Option<Date>,
    /// Number of the letter that allowed it.
    pub letter: Option<String>,
    /// Hash of the manifest it was asked by.
    pub manifest: String,
    /// Closed-vocabulary cause of an outcome that is no answer; never personal data.
    pub detail: Option<String>,
}
