//! What a reform does to one case.

use std::fmt;

use hedui_base::Tri;
use serde::Serialize;

use super::outcome::{Outcome, Standing};

/// Exactly one for each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// From no scheme into one.
    Entered,
    /// From a scheme into none.
    Left,
    /// From one scheme into another.
    Moved,
    /// The same scheme pays more.
    Gained,
    /// The same scheme pays less.
    Lost,
    /// The same scheme, and an amount of which only bounds are known on a side changed.
    AmountOpen,
    /// The same scheme and amount for other members, or until another day.
    Terms,
    /// The same, but what another scheme pays beside it changed, such as to a single member.
    Beside,
    /// The same scheme and amount on the same terms, and nothing beside it.
    Same,
    /// In no scheme, before and after.
    Out,
    /// Settled before, open after.
    BecameUndetermined,
    /// Open before, settled after.
    BecameDetermined,
    /// Open before and after.
    StaysUndetermined,
    /// The rules of a side cannot compute it.
    NotComputed,
}

impl Movement {
    /// Between two outcomes.
    pub(super) fn of(before: &Outcome, after: &Outcome) -> Self {
        use Standing::{In, NotComputed, Out, Undetermined};
        match (&before.standing, &after.standing) {
            (NotComputed, _) | (_, NotComputed) => Self::NotComputed,
            (Undetermined, Undetermined) => Self::StaysUndetermined,
            (Undetermined, _) => Self::BecameDetermined,
            (_, Undetermined) => Self::BecameUndetermined,
            (Out, Out) => Self::Out,
            (Out, In(_)) => Self::Entered,
            (In(_), Out) => Self::Left,
            (In(a), In(b)) if a != b => Self::Moved,
            (In(_), In(_)) => match (before.amount.exact(), after.amount.exact()) {
                _ if before.amount == after.amount => {
                    let alike = before.until == after.until && before.persons == after.persons;
                    let mut schemes = before.paying.keys().chain(after.paying.keys());
                    if !alike {
                        Self::Terms
                    } else if schemes.all(|s| before.beside(s) == after.beside(s)) {
                        Self::Same
                    } else {
                        Self::Beside
                    }
                }
                (Some(a), Some(b)) if a < b => Self::Gained,
                (Some(_), Some(_)) => Self::Lost,
                _ => Self::AmountOpen,
            },
        }
    }

    /// Whether somebody has to look at the case again: its category or amount changes, or it is settled no more.
    pub(super) fn needs_recheck(self, before: &Outcome, after: &Outcome) -> bool {
        match self {
            Self::Entered | Self::Left | Self::Moved | Self::Gained | Self::Lost => true,
            Self::AmountOpen | Self::Terms | Self::Beside | Self::BecameUndetermined | Self::BecameDetermined => true,
            Self::Same | Self::Out | Self::StaysUndetermined => false,
            Self::NotComputed => before.standing != after.standing,
        }
    }

    /// The word in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Left => "left",
            Self::Moved => "moved",
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::AmountOpen => "amount_open",
            Self::Terms => "terms",
            Self::Beside => "beside",
            Self::Same => "same",
            Self::Out => "out",
            Self::BecameUndetermined => "became_undetermined",
            Self::BecameDetermined => "became_determined",
            Self::StaysUndetermined => "stays_undetermined",
            Self::NotComputed => "not_computed",
        }
    }
}

impl fmt::Display for Movement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is paid more (or less) a month, where both sides are settled and known exactly.
pub(super) fn difference(before: &Outcome, after: &Outcome) -> Option<i64> {
    let settled = |o: &Outcome| matches!(o.standing, Standing::In(_) | Standing::Out);
    if !settled(before) || !settled(after) {
        return None;
    }
    after.amount.exact()?.checked_sub(before.amount.exact()?)
}

/// Whether a case in a scheme leaves it: settled in none, or in one that ranks after it.
pub(super) fn exits(before: &Outcome, after: &Outcome) -> bool {
    match (&before.standing, &after.standing) {
        (Standing::In(_), Standing::Out) => true,
        (Standing::In(a), Standing::In(b)) => a != b && before.order < after.order,
        _ => false,
    }
}

/// Whether a case that is paid by `scheme` beside its category no longer is, and is in no better category instead.
pub(super) fn exits_beside(scheme: &str, before: &Outcome, after: &Outcome) -> bool {
    let gone = after.schemes.get(scheme).is_none_or(|finding| *finding == Tri::NotMet);
    match &after.standing {
        Standing::Out => true,
        Standing::In(_) => gone && after.order >= before.order,
        Standing::Undetermined | Standing::NotComputed => false,
    }
}
