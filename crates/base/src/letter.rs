//! Letters of authorisation (核对授权书): without one, no question about a person can be expressed.
//!
//! [`Authorised`] has no public constructor; only [`Letter::authorise`] makes one, and `connect` asks for one per
//! person in every request.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::names::{PersonKey, SourceId};

/// What a letter allows: whom, by which sources, for what purpose, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Number the bureau gave it.
    pub number: String,
    /// Schemes it was signed for, such as `dibao`; purposes of a query must be among them.
    pub purposes: Vec<String>,
    /// Scopes of sources it covers, such as `identity`, `income`, `assets`; `*` covers all.
    pub scopes: Vec<String>,
    /// People who signed it, or whose guardian did.
    pub covers: Vec<PersonKey>,
    /// First day it is valid.
    pub valid_from: Date,
    /// Last day it is valid; none means as long as aid is received.
    pub valid_until: Option<Date>,
    /// Day it was withdrawn, if it was; from that day on it allows nothing.
    pub revoked_on: Option<Date>,
}

/// Proof that one person may be asked about at one source on one day. Cannot be made up: see [`Letter::authorise`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorised {
    person: PersonKey,
    source: SourceId,
    letter: String,
    purpose: String,
    day: Date,
}

impl Authorised {
    /// Whom.
    #[must_use]
    pub const fn person(&self) -> PersonKey {
        self.person
    }

    /// At which source.
    #[must_use]
    pub const fn source(&self) -> &SourceId {
        &self.source
    }

    /// By which letter.
    #[must_use]
    pub fn letter(&self) -> &str {
        &self.letter
    }

    /// For what: the scheme the letter was signed for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// On which day.
    #[must_use]
    pub const fn day(&self) -> Date {
        self.day
    }
}

/// Why a letter does not allow a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Denial {
    /// There is no letter at all.
    #[error("no letter of authorisation is on file")]
    LetterMissing,
    /// Not valid yet.
    #[error("the letter is not valid yet")]
    LetterNotYetValid,
    /// Past its last day.
    #[error("the letter has expired")]
    LetterExpired,
    /// Withdrawn.
    #[error("the letter was withdrawn")]
    LetterRevoked,
    /// This person (or a guardian) did not sign.
    #[error("the letter does not cover this person")]
    MemberNotCovered,
    /// Signed for another scheme.
    #[error("the letter was signed for another purpose")]
    PurposeMismatch,
    /// The source's scope was not granted.
    #[error("the letter does not cover this kind of source")]
    ScopeMismatch,
}

impl Denial {
    /// Stable code for coverage, audit and problem types.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LetterMissing => "letter-missing",
            Self::LetterNotYetValid => "letter-not-yet-valid",
            Self::LetterExpired => "letter-expired",
            Self::LetterRevoked => "letter-revoked",
            Self::MemberNotCovered => "member-not-covered",
            Self::PurposeMismatch => "purpose-mismatch",
            Self::ScopeMismatch => "scope-mismatch",
        }
    }

    /// What a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::LetterMissing => "没有核对授权书",
            Self::LetterNotYetValid => "授权书尚未生效",
            Self::LetterExpired => "授权书已过期",
            Self::LetterRevoked => "授权书已撤销",
            Self::MemberNotCovered => "授权书未包含该成员",
            Self::PurposeMismatch => "授权用途不符",
            Self::ScopeMismatch => "授权范围不含该类信息",
        }
    }
}

impl Letter {
    /// Decides whether `person` may be asked about at `source` (of `scope`) for `purpose` on `day`.
    ///
    /// # Errors
    /// The first [`Denial`] that applies.
    pub fn authorise(
        &self,
        person: PersonKey,
        source: &SourceId,
        scope: &str,
        purpose: &str,
        day: Date,
    ) -> Result<Authorised, Denial> {
        if self.revoked_on.is_some_and(|d| day >= d) {
            return Err(Denial::LetterRevoked);
        }
        if day < self.valid_from {
            return Err(Denial::LetterNotYetValid);
        }
        if self.valid_until.is_some_and(|d| day > d) {
            return Err(Denial::LetterExpired);
        }
        if !self.covers.contains(&person) {
            return Err(Denial::MemberNotCovered);
        }
        if !self.purposes.iter().any(|p| p == purpose) {
            return Err(Denial::PurposeMismatch);
        }
        if !self.scopes.iter().any(|s| s == scope || s == "*") {
            return Err(Denial::ScopeMismatch);
        }
        Ok(Authorised { person, source: source.clone(), letter: self.number.clone(), purpose: purpose.to_owned(), day })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_a_letter_denies() {
        let day = |t: &str| t.parse::<Date>().unwrap();
        let letter = Letter {
            number: "L1".into(),
            purposes: vec!["dibao".into()],
            scopes: vec!["identity".into()],
            covers: vec![PersonKey(1)],
            valid_from: day("2026-01-01"),
            valid_until: Some(day("2026-06-30")),
            revoked_on: None,
        };
        let source = SourceId::from("police.hukou");
        let ask =
            |l: &Letter, p, scope, purpose, d| l.authorise(PersonKey(p), &source, scope, purpose, day(d)).map(|_| ());
        assert_eq!(ask(&letter, 1, "identity", "dibao", "2026-06-30"), Ok(()));
        assert_eq!(ask(&letter, 1, "identity", "dibao", "2026-07-01"), Err(Denial::LetterExpired));
        assert_eq!(ask(&letter, 1, "identity", "dibao", "2025-12-31"), Err(Denial::LetterNotYetValid));
        assert_eq!(ask(&letter, 2, "identity", "dibao", "2026-03-01"), Err(Denial::MemberNotCovered));
        assert_eq!(ask(&letter, 1, "identity", "tekun", "2026-03-01"), Err(Denial::PurposeMismatch));
        assert_eq!(ask(&letter, 1, "assets", "dibao", "2026-03-01"), Err(Denial::ScopeMismatch));
        let revoked = Letter { revoked_on: Some(day("2026-02-01")), ..letter };
        assert_eq!(ask(&revoked, 1, "identity", "dibao", "2026-02-01"), Err(Denial::LetterRevoked));
        assert_eq!(ask(&revoked, 1, "identity", "dibao", "2026-01-31"), Ok(()));
    }
}
