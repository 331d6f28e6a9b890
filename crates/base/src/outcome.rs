use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How one ask (one person, one source, one period) ended.
///
/// `Found` and `NoRecord` are answers; `NotApplicable` is out of play; the other six leave the facts of that source
/// unknown for that person, each with its own explanation and its own next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// At least one valid row.
    Found = 0,
    /// The source said by a declared proof that it has nothing.
    NoRecord = 1,
    /// Some rows are valid and some are quarantined, or the period is not covered.
    Partial = 2,
    /// Accepted by the source and not due yet.
    Pending = 3,
    /// The due date has passed.
    Overdue = 4,
    /// No valid letter (ours), or refused (theirs).
    NotAuthorised = 5,
    /// The key is missing, malformed or cannot be encoded for that source.
    Unsendable = 6,
    /// Transport, protocol or an unclassified answer.
    Failed = 7,
    /// Policy does not ask this source about this person.
    NotApplicable = 8,
}

/// A word that is not one of the nine outcomes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an outcome; one of found, no_record, partial, pending, overdue, not_authorised, unsendable, failed, not_applicable"
)]
pub struct UnknownOutcome;

impl Outcome {
    /// All nine, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Found,
        Self::NoRecord,
        Self::Partial,
        Self::Pending,
        Self::Overdue,
        Self::NotAuthorised,
        Self::Unsendable,
        Self::Failed,
        Self::NotApplicable,
    ];

    /// Whether the source answered, so that its facts are known.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Found | Self::NoRecord)
    }

    /// Whether the facts of the source are unknown for that person.
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        !matches!(self, Self::Found | Self::NoRecord | Self::NotApplicable)
    }

    /// Stable code for columns, 0 to 8.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The inverse of [`Outcome::code`].
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The word in columns, API and manifests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NoRecord => "no_record",
            Self::Partial => "partial",
            Self::Pending => "pending",
            Self::Overdue => "overdue",
            Self::NotAuthorised => "not_authorised",
            Self::Unsendable => "unsendable",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// The word a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Found => "查得",
            Self::NoRecord => "查无",
            Self::Partial => "部分查得",
            Self::Pending => "待回复",
            Self::Overdue => "逾期未回复",
            Self::NotAuthorised => "未授权",
            Self::Unsendable => "无法发送",
            Self::Failed => "查询失败",
            Self::NotApplicable => "不适用",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.into_iter().find(|o| o.as_str() == text).ok_or(UnknownOutcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_round_trip() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
            assert_eq!(Outcome::from_code(outcome.code()), Some(outcome));
        }
        assert_eq!(Outcome::ALL.into_iter().filter(|o| o.is_unknown()).count(), 6);
        assert!("clear".parse::<Outcome>().is_err());
        assert_eq!(Outcome::from_code(9), None);
    }
}
