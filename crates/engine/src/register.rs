//! A register: one column of values, cheap while everything in it is known.

use hedui_base::Tri;

use crate::interval::Span;
use crate::output::Cell;
use crate::reasons::{Reasons, Why};

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

    pub(crate) fn is_known(self) -> bool {
        self.why.is_known()
    }

    pub(crate) fn is_none(self) -> bool {
        self.presence == Presence::None
    }

    /// A condition and why it is open; none is not met, as in SQL.
    pub(crate) fn truth(self) -> (Tri, Why) {
        match (self.presence, self.span.lo, self.span.hi) {
            (Presence::None, ..) | (_, _, 0) => (Tri::NotMet, Why::KNOWN),
            (Presence::Some, 1.., _) => (Tri::Met, Why::KNOWN),
            _ => (Tri::Undetermined, self.why),
        }
    }

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

/// One column of values. Without `open` every cell is a known value and `lo` is all there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Register {
    pub(crate) lo: Vec<i64>,
    pub(crate) open: Option<Box<Open>>,
}

/// What a column needs once one of its cells is unknown or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Open {
    pub(crate) hi: Vec<i64>,
    pub(crate) presence: Vec<Presence>,
    pub(crate) why: Vec<Why>,
}

impl Register {
    /// A column of known values.
    pub(crate) const fn closed(lo: Vec<i64>) -> Self {
        Self { lo, open: None }
    }

    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self::closed(Vec::with_capacity(rows))
    }

    pub(crate) fn of(slots: impl ExactSizeIterator<Item = Slot>) -> Self {
        let mut register = Self::with_capacity(slots.len());
        slots.for_each(|slot| register.push(slot));
        register
    }

    pub(crate) fn repeat(slot: Slot, rows: usize) -> Self {
        Self::of(std::iter::repeat_n(slot, rows))
    }

    pub(crate) fn len(&self) -> usize {
        self.lo.len()
    }

    pub(crate) fn push(&mut self, slot: Slot) {
        if self.open.is_none() && !(slot.is_known() && slot.presence == Presence::Some) {
            let rows = self.lo.len();
            let mut open =
                Open { hi: self.lo.clone(), presence: vec![Presence::Some; rows], why: vec![Why::KNOWN; rows] };
            let more = self.lo.capacity() - rows;
            open.hi.reserve(more);
            open.presence.reserve(more);
            open.why.reserve(more);
            self.open = Some(Box::new(open));
        }
        self.lo.push(slot.span.lo);
        if let Some(open) = &mut self.open {
            open.hi.push(slot.span.hi);
            open.presence.push(slot.presence);
            open.why.push(slot.why);
        }
    }

    pub(crate) fn get(&self, row: usize) -> Slot {
        match &self.open {
            None => Slot::known(self.lo[row]),
            Some(open) => Slot {
                span: Span { lo: self.lo[row], hi: open.hi[row] },
                presence: open.presence[row],
                why: open.why[row],
            },
        }
    }

    pub(crate) fn slots(&self) -> impl ExactSizeIterator<Item = Slot> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The values of owners, once per row that belongs to them.
    pub(crate) fn gather(&self, owner: &[u32]) -> Self {
        let lo = owner.iter().map(|o| self.lo[*o as usize]).collect();
        let open = self.open.as_ref().map(|open| {
            Box::new(Open {
                hi: owner.iter().map(|o| open.hi[*o as usize]).collect(),
                presence: owner.iter().map(|o| open.presence[*o as usize]).collect(),
                why: owner.iter().map(|o| open.why[*o as usize]).collect(),
            })
        });
        Self { lo, open }
    }

    /// Both conditions, cell by cell.
    pub(crate) fn and(&self, other: &Self, reasons: &mut Reasons) -> Self {
        if self.open.is_none() && other.open.is_none() {
            return Self::closed(self.lo.iter().zip(&other.lo).map(|(a, b)| a & b).collect());
        }
        Self::of(self.slots().zip(other.slots()).map(|(a, b)| and(a, b, reasons)))
    }

    /// Either condition, cell by cell.
    pub(crate) fn or(&self, other: &Self, reasons: &mut Reasons) -> Self {
        if self.open.is_none() && other.open.is_none() {
            return Self::closed(self.lo.iter().zip(&other.lo).map(|(a, b)| a | b).collect());
        }
        Self::of(self.slots().zip(other.slots()).map(|(a, b)| or(a, b, reasons)))
    }
}

/// Kleene conjunction: `not_met` absorbs the other side's reasons.
pub(crate) fn and(a: Slot, b: Slot, reasons: &mut Reasons) -> Slot {
    let ((a, why_a), (b, why_b)) = (a.truth(), b.truth());
    let tri = a.and(b);
    Slot::of_truth(tri, if tri == Tri::Undetermined { reasons.union(why_a, why_b) } else { Why::KNOWN })
}

/// Kleene disjunction: `met` absorbs the other side's reasons.
pub(crate) fn or(a: Slot, b: Slot, reasons: &mut Reasons) -> Slot {
    let ((a, why_a), (b, why_b)) = (a.truth(), b.truth());
    let tri = a.or(b);
    Slot::of_truth(tri, if tri == Tri::Undetermined { reasons.union(why_a, why_b) } else { Why::KNOWN })
}
