//! One cell: a value, a none, or something unknown within bounds.

use hedui_base::Tri;

use crate::interval::Span;
use crate::output::Cell;
use crate::reasons::Why;

/// Whether there is a value at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Presence {
    /// There is one.
    #[default]
    Some,
    /// That depends on what is unknown.
    Maybe,
    /// There is no such thing.
    None,
}

/// One cell: a value, a none, or something unknown within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) span: Span,
    pub(crate) presence: Presence,
    /// Empty if and only if the slot is known (a value, or none).
    pub(crate) why: Why,
}

impl Slot {
    pub(crate) const NONE: Self = Self { span: Span { lo: 0, hi: 0 }, presence: Presence::None, why: Why::KNOWN };

    #[inline]
    pub(crate) const fn known(value: i64) -> Self {
        Self { span: Span::exact(value), presence: Presence::Some, why: Why::KNOWN }
    }

    /// Something within bounds. A single possible value is known, and its reasons are absorbed.
    ///
    /// Unknown without a reason is possible only in what was kept and got damaged since.
    pub(crate) fn within(span: Span, presence: Presence, why: Why) -> Self {
        match presence {
            Presence::None => Self::NONE,
            Presence::Some if span.is_exact() => Self::known(span.lo),
            _ => Self { span, presence, why },
        }
    }

    #[inline]
    pub(crate) fn is_known(self) -> bool {
        self.why.is_known()
    }

    pub(crate) fn is_none(self) -> bool {
        self.presence == Presence::None
    }

    /// A condition and why it is open; none is not met, as in SQL.
    #[inline]
    pub(crate) fn truth(self) -> (Tri, Why) {
        match (self.presence, self.span.lo, self.span.hi) {
            (Presence::None, ..) | (_, _, 0) => (Tri::NotMet, Why::KNOWN),
            (Presence::Some, 1.., _) => (Tri::Met, Why::KNOWN),
            _ => (Tri::Undetermined, self.why),
        }
    }

    #[inline]
    pub(crate) fn of_truth(tri: Tri, why: Why) -> Self {
        match tri {
            Tri::NotMet => Self::known(0),
            Tri::Met => Self::known(1),
            Tri::Undetermined => Self::within(Span { lo: 0, hi: 1 }, Presence::Some, why),
        }
    }

    /// Either of two.
    pub(crate) fn hull(self, other: Self, why: Why) -> Self {
        let (span, presence) = match (self.presence, other.presence) {
            (Presence::None, Presence::None) => return Self::NONE,
            (Presence::None, _) => (other.span, Presence::Maybe),
            (_, Presence::None) => (self.span, Presence::Maybe),
            (a, b) => (self.span.hull(other.span), a.max(b)),
        };
        Self::within(span, presence, why)
    }

    pub(crate) fn cell(self) -> Cell {
        match self.presence {
            Presence::None => Cell::None,
            Presence::Some if self.is_known() => Cell::Known(self.span.lo),
            _ => Cell::Between(self.span.lo, self.span.hi),
        }
    }
}
