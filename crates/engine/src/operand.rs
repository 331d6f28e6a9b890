//! What an operator works on: one cell, or a column of them. Of a column, what is known goes through a tight loop, and the
//! rows that are open are cells.

use hedui_base::Tri;
use hedui_rules::program::CompareOp;

use crate::interval::Span;
use crate::operators::{Broken, Known, Operators};
use crate::pool::Pooled;
use crate::register::{Known as Values, Presence, Register, Slot, zip};

/// A cell or a column.
pub(crate) trait Operand: Sized {
    /// An operation on one: what it does to a known value, and to bounds.
    fn unary(
        operators: &mut Operators<'_>,
        a: &Self,
        known: impl Fn(i64) -> Known,
        bounds: impl Fn(Span) -> Span,
    ) -> Self;

    /// An operation on two.
    fn binary(
        operators: &mut Operators<'_>,
        a: &Self,
        b: &Self,
        known: impl Fn(i64, i64) -> Known,
        bounds: impl Fn(Span, Span) -> Span,
    ) -> Self;

    /// A comparison of numbers, or of texts by their numbers.
    fn compare(operators: &mut Operators<'_>, op: CompareOp, a: &Self, b: &Self) -> Self;

    /// A quotient, of which an unknown divided by a known zero is unknown for both reasons.
    fn by_zero(operators: &mut Operators<'_>, quotient: Self, a: &Self, b: &Self) -> Self;

    /// Negation of a condition.
    fn not(a: &Self) -> Self;

    /// Whether there is no such thing.
    fn absent(a: &Self) -> Self;
}

impl Operand for Slot {
    fn unary(
        operators: &mut Operators<'_>,
        a: &Self,
        known: impl Fn(i64) -> Known,
        bounds: impl Fn(Span) -> Span,
    ) -> Self {
        match a.presence {
            Presence::None => Self::NONE,
            _ if a.is_known() => operators.settle(known(a.span.lo)),
            presence => Self::within(bounds(a.span), presence, a.why),
        }
    }

    fn binary(
        operators: &mut Operators<'_>,
        a: &Self,
        b: &Self,
        known: impl Fn(i64, i64) -> Known,
        bounds: impl Fn(Span, Span) -> Span,
    ) -> Self {
        let presence = a.presence.max(b.presence);
        if presence == Presence::None {
            return Self::NONE;
        }
        if a.is_known() && b.is_known() {
            return operators.settle(known(a.span.lo, b.span.lo));
        }
        let why = operators.reasons.union(a.why, b.why);
        Self::within(bounds(a.span, b.span), presence, why)
    }

    fn compare(operators: &mut Operators<'_>, op: CompareOp, a: &Self, b: &Self) -> Self {
        let presence = a.presence.max(b.presence);
        match (presence, a.span.compare(op, b.span)) {
            // Beside a none nothing is met.
            (Presence::None, _) | (_, Some(false)) => Self::known(0),
            (Presence::Some, Some(true)) => Self::known(1),
            _ => Self::of_truth(Tri::Undetermined, operators.reasons.union(a.why, b.why)),
        }
    }

    fn by_zero(operators: &mut Operators<'_>, quotient: Self, a: &Self, b: &Self) -> Self {
        if quotient.is_known() || a.is_known() || *b != Self::known(0) {
            return quotient;
        }
        let by_zero = operators.broken(Broken::DivisionByZero).why;
        Self { why: operators.reasons.union(quotient.why, by_zero), ..quotient }
    }

    fn not(a: &Self) -> Self {
        let (tri, why) = a.truth();
        Self::of_truth(tri.negate(), why)
    }

    fn absent(a: &Self) -> Self {
        match a.presence {
            Presence::Some => Self::known(0),
            Presence::Maybe => Self::of_truth(Tri::Undetermined, a.why),
            Presence::None => Self::known(1),
        }
    }
}

impl Operand for Register {
    fn unary(
        operators: &mut Operators<'_>,
        a: &Self,
        known: impl Fn(i64) -> Known,
        bounds: impl Fn(Span) -> Span,
    ) -> Self {
        let mut one = |a: Slot| Slot::unary(operators, &a, &known, &bounds);
        if let Some(same) = a.as_same() {
            return Self::same(one(same), a.len());
        }
        let mut broke = false;
        let results = zip(a.known(), Values::All(0), a.len(), |v, _| {
            known(v).unwrap_or_else(|_| {
                broke = true;
                0
            })
        });
        let (mut none, mut open) = (Vec::new(), Vec::new());
        a.add_none(&mut none);
        a.add_open(&mut open);
        if broke {
            let broken = |row: usize| !a.is_none_at(row) && known(a.known().at(row)).is_err();
            open.extend((0..a.len()).filter(|row| broken(*row)).map(|row| row as u32));
            open.sort_unstable();
            open.dedup();
        }
        Self::mended(results, none, &open, |row| one(a.get(row)))
    }

    fn binary(
        operators: &mut Operators<'_>,
        a: &Self,
        b: &Self,
        known: impl Fn(i64, i64) -> Known,
        bounds: impl Fn(Span, Span) -> Span,
    ) -> Self {
        let mut both = |a: Slot, b: Slot| Slot::binary(operators, &a, &b, &known, &bounds);
        if let (Some(a_same), Some(b_same)) = (a.as_same(), b.as_same()) {
            return Self::same(both(a_same, b_same), a.len());
        }
        let mut broke = false;
        let results = zip(a.known(), b.known(), a.len(), |a, b| {
            known(a, b).unwrap_or_else(|_| {
                broke = true;
                0
            })
        });
        let (mut none, mut open) = (Vec::new(), Vec::new());
        for side in [a, b] {
            side.add_none(&mut none);
            side.add_open(&mut open);
        }
        if broke {
            let broken =
                |row: usize| none.get(row) != Some(&true) && known(a.known().at(row), b.known().at(row)).is_err();
            open.extend((0..a.len()).filter(|row| broken(*row)).map(|row| row as u32));
            open.sort_unstable();
            open.dedup();
        }
        Self::mended(results, none, &open, |row| both(a.get(row), b.get(row)))
    }

    fn compare(operators: &mut Operators<'_>, op: CompareOp, a: &Self, b: &Self) -> Self {
        let mut both = |a: Slot, b: Slot| Slot::compare(operators, op, &a, &b);
        if let (Some(a_same), Some(b_same)) = (a.as_same(), b.as_same()) {
            return Self::same(both(a_same, b_same), a.len());
        }
        let (x, y, rows) = (a.known(), b.known(), a.len());
        let mut results = match op {
            CompareOp::Eq => zip(x, y, rows, |a, b| i64::from(a == b)),
            CompareOp::Ne => zip(x, y, rows, |a, b| i64::from(a != b)),
            CompareOp::Lt => zip(x, y, rows, |a, b| i64::from(a < b)),
            CompareOp::Le => zip(x, y, rows, |a, b| i64::from(a <= b)),
            CompareOp::Gt => zip(x, y, rows, |a, b| i64::from(a > b)),
            CompareOp::Ge => zip(x, y, rows, |a, b| i64::from(a >= b)),
        };
        let (mut none, mut open) = (Vec::new(), Vec::new());
        for side in [a, b] {
            side.add_none(&mut none);
            side.add_open(&mut open);
        }
        if !none.is_empty() {
            results.iter_mut().zip(&none).for_each(|(result, none)| *result &= i64::from(!none));
        }
        Self::mended(results, Vec::new(), &open, |row| both(a.get(row), b.get(row)))
    }

    fn by_zero(operators: &mut Operators<'_>, mut quotient: Self, a: &Self, b: &Self) -> Self {
        let at = |row: u32| (a.get(row as usize), b.get(row as usize));
        let mended: Vec<(u32, Slot)> = quotient
            .open()
            .filter_map(|(row, slot)| {
                let (a, b) = at(row);
                let mended = Slot::by_zero(operators, slot, &a, &b);
                (mended.why != slot.why).then_some((row, mended))
            })
            .collect();
        mended.into_iter().for_each(|(row, slot)| quotient.set(row as usize, slot));
        quotient
    }

    fn not(a: &Self) -> Self {
        if let Some(same) = a.as_same() {
            return Self::same(Slot::not(&same), a.len());
        }
        let results = zip(a.known(), Values::All(1), a.len(), |a, b| a ^ b);
        let mut open = Vec::new();
        a.add_open(&mut open);
        Self::mended(results, Vec::new(), &open, |row| Slot::not(&a.get(row)))
    }

    fn absent(a: &Self) -> Self {
        if let Some(same) = a.as_same() {
            return Self::same(Slot::absent(&same), a.len());
        }
        let (mut none, mut open) = (Vec::new(), Vec::new());
        a.add_none(&mut none);
        a.add_open(&mut open);
        none.resize(a.len(), false);
        let results = Pooled::of(none.iter().map(|none| i64::from(*none)));
        Self::mended(results, Vec::new(), &open, |row| Slot::absent(&a.get(row)))
    }
}

/// The order of texts, which is that of their characters and not of their numbers in the slice.
pub(crate) fn compare_texts<'t>(
    operators: &mut Operators<'_>,
    op: CompareOp,
    (a, b): (Slot, Slot),
    text: impl Fn(i64) -> &'t str,
) -> Slot {
    if a.is_none() || b.is_none() {
        Slot::known(0)
    } else if a.is_known() && b.is_known() {
        let order = text(a.span.lo).cmp(text(b.span.lo));
        Slot::known(i64::from(Span::exact(order as i64).compare(op, Span::exact(0)) == Some(true)))
    } else {
        Slot::of_truth(Tri::Undetermined, operators.reasons.union(a.why, b.why))
    }
}
