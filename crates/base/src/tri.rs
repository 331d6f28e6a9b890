use std::fmt;

use serde::{Deserialize, Serialize};

/// Three-valued truth (Kleene): a condition is met, not met, or cannot be told from what has been answered.
///
/// The default is [`Tri::Undetermined`]: nothing is concluded from nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Tri {
    /// False in every completion of what is unknown.
    NotMet = 0,
    /// True in every completion of what is unknown.
    Met = 1,
    /// Some unknown could decide it either way.
    #[default]
    Undetermined = 2,
}

impl Tri {
    /// Both; `not_met` absorbs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotMet, _) | (_, Self::NotMet) => Self::NotMet,
            (Self::Met, Self::Met) => Self::Met,
            _ => Self::Undetermined,
        }
    }

    /// Either; `met` absorbs.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        self.negate().and(other.negate()).negate()
    }

    /// The opposite; the unknown stays unknown.
    #[must_use]
    pub const fn negate(self) -> Self {
        match self {
            Self::NotMet => Self::Met,
            Self::Met => Self::NotMet,
            Self::Undetermined => Self::Undetermined,
        }
    }

    /// The word in columns, API and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotMet => "not_met",
            Self::Met => "met",
            Self::Undetermined => "undetermined",
        }
    }

    /// The word a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::NotMet => "不符合",
            Self::Met => "符合",
            Self::Undetermined => "存疑待核",
        }
    }
}

impl From<bool> for Tri {
    fn from(value: bool) -> Self {
        if value { Self::Met } else { Self::NotMet }
    }
}

impl fmt::Display for Tri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Tri::{self, Met, NotMet, Undetermined};

    #[test]
    fn operators_agree_with_every_completion() {
        let worlds = |t| match t {
            Met => vec![true],
            NotMet => vec![false],
            Undetermined => vec![false, true],
        };
        let hull = |all: Vec<bool>| match (all.contains(&true), all.contains(&false)) {
            (true, false) => Met,
            (false, true) => NotMet,
            _ => Undetermined,
        };
        for a in [Met, NotMet, Undetermined] {
            for b in [Met, NotMet, Undetermined] {
                let pairs = || worlds(a).into_iter().flat_map(|x| worlds(b).into_iter().map(move |y| (x, y)));
                assert_eq!(a.and(b), hull(pairs().map(|(x, y)| x && y).collect()), "{a} and {b}");
                assert_eq!(a.or(b), hull(pairs().map(|(x, y)| x || y).collect()), "{a} or {b}");
            }
        }
        assert_eq!(Tri::default(), Undetermined);
    }
}
