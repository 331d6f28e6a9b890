//! What operators do to columns: a tight loop while all is known, cell by cell with bounds otherwise.

use hedui_base::Tri;
use hedui_rules::program::{CompareOp, RoundMode};

use crate::interval::{Span, narrow, quotient, rescale, round_div, round_to};
use crate::output::CaseErrorKind;
use crate::pool::Pooled;
use crate::reasons::{Fault, Reasons, Why};
use crate::register::{Known as Values, Presence, Register, Slot, zip};

/// Why an operation on known values has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Overflow,
    BadMultiple,
    DivisionByZero,
}

type Known = Result<i64, Broken>;

/// What operators need: the reasons of the slice and the step to blame.
pub(crate) struct Operators<'s> {
    pub(crate) reasons: &'s mut Reasons,
    pub(crate) step: usize,
    /// The rule to name when it divides by zero.
    pub(crate) rule: &'s str,
}

fn fits(wide: i128) -> Known {
    narrow(wide).ok_or(Broken::Overflow)
}

/// The ends of 64 bits stand for what is unbounded, and are no numbers.
fn finite(value: Option<i64>) -> Known {
    value.filter(|value| *value != i64::MIN && *value != i64::MAX).ok_or(Broken::Overflow)
}

impl Operators<'_> {
    /// An unknown that no answer can settle.
    pub(crate) fn broken(&mut self, broken: Broken) -> Slot {
        let kind = match broken {
            Broken::DivisionByZero => {
                let why = self.reasons.because(&self.rule.into(), "division_by_zero");
                return Slot::within(Span::ALL, Presence::Some, why);
            }
            Broken::Overflow => CaseErrorKind::Overflow,
            Broken::BadMultiple => CaseErrorKind::BadMultiple,
        };
        self.fault(kind)
    }

    /// Something that fails the case if the value is used.
    pub(crate) fn fault(&mut self, kind: CaseErrorKind) -> Slot {
        let why = self.reasons.fault(Fault { step: self.step, kind });
        Slot::within(Span::ALL, Presence::Some, why)
    }

    fn settle(&mut self, known: Known) -> Slot {
        known.map_or_else(|broken| self.broken(broken), Slot::known)
    }

    /// An operation on one column.
    pub(crate) fn unary(
        &mut self,
        a: &Register,
        known: impl Fn(i64) -> Known,
        bounds: impl Fn(Span) -> Span,
    ) -> Register {
        let mut one = |slot: Slot| match slot.presence {
            Presence::None => Slot::NONE,
            _ if slot.is_known() => self.settle(known(slot.span.lo)),
            presence => Slot::within(bounds(slot.span), presence, slot.why),
        };
        if let Some(same) = a.as_same() {
            return Register::same(one(same), a.len());
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
        Register::mended(results, none, &open, |row| one(a.get(row)))
    }

    /// An operation on two columns.
    pub(crate) fn binary(
        &mut self,
        a: &Register,
        b: &Register,
        known: impl Fn(i64, i64) -> Known,
        bounds: impl Fn(Span, Span) -> Span,
    ) -> Register {
        let mut both = |a: Slot, b: Slot| {
            let presence = a.presence.max(b.presence);
            if presence == Presence::None {
                return Slot::NONE;
            }
            if a.is_known() && b.is_known() {
                return self.settle(known(a.span.lo, b.span.lo));
            }
            let why = self.reasons.union(a.why, b.why);
            Slot::within(bounds(a.span, b.span), presence, why)
        };
        if let (Some(a_same), Some(b_same)) = (a.as_same(), b.as_same()) {
            return Register::same(both(a_same, b_same), a.len());
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
        Register::mended(results, none, &open, |row| both(a.get(row), b.get(row)))
    }

    pub(crate) fn neg(&mut self, a: &Register) -> Register {
        self.unary(a, |v| fits(-i128::from(v)), Span::neg)
    }

    pub(crate) fn abs(&mut self, a: &Register) -> Register {
        self.unary(a, |v| fits(i128::from(v).abs()), Span::abs)
    }

    pub(crate) fn add(&mut self, a: &Register, b: &Register) -> Register {
        self.binary(a, b, |a, b| finite(a.checked_add(b)), Span::add)
    }

    pub(crate) fn sub(&mut self, a: &Register, b: &Register) -> Register {
        self.binary(a, b, |a, b| finite(a.checked_sub(b)), Span::sub)
    }

    pub(crate) fn mul(&mut self, a: &Register, b: &Register, drop: u8) -> Register {
        let unit = crate::interval::power(drop);
        let known = |a, b| {
            let product = i128::from(a) * i128::from(b);
            fits(if drop == 0 { product } else { round_div(product, unit) })
        };
        self.binary(a, b, known, |a, b| a.mul(b, drop))
    }

    pub(crate) fn div(&mut self, a: &Register, b: &Register, raise: i8) -> Register {
        let known = |a: i64, b: i64| match b {
            0 => Err(Broken::DivisionByZero),
            _ => quotient(a.into(), b.into(), raise).ok_or(Broken::Overflow).and_then(fits),
        };
        let mut result = self.binary(a, b, known, |a, b| a.div(b, raise));
        // An unknown divided by a known zero is unknown for both reasons.
        let zero = |row: usize| b.get(row) == Slot::known(0);
        let rows: Vec<(u32, Slot)> =
            result.open().filter(|(row, _)| zero(*row as usize) && !a.get(*row as usize).is_known()).collect();
        for (row, slot) in rows {
            let by_zero = self.broken(Broken::DivisionByZero).why;
            let why = self.reasons.union(slot.why, by_zero);
            result.set(row as usize, Slot { why, ..slot });
        }
        result
    }

    pub(crate) fn rescale(&mut self, a: &Register, by: i8) -> Register {
        self.unary(a, |v| fits(rescale(v.into(), by)), |span| span.rescale(by))
    }

    pub(crate) fn round(&mut self, a: &Register, multiple: &Register, mode: RoundMode) -> Register {
        let known = |a: i64, to: i64| {
            if to <= 0 { Err(Broken::BadMultiple) } else { fits(round_to(a.into(), to.into(), mode)) }
        };
        self.binary(a, multiple, known, |a, to| a.round(to, mode))
    }

    /// A monotone function of dates or months, such as the month of a day.
    pub(crate) fn rising(&mut self, a: &Register, f: impl Fn(i64) -> Option<i64>) -> Register {
        self.unary(a, |v| f(v).ok_or(Broken::Overflow), |span| span.rising(&f))
    }

    /// An antitone function of dates, such as an age.
    pub(crate) fn falling(&mut self, a: &Register, f: impl Fn(i64) -> Option<i64>) -> Register {
        self.unary(a, |v| f(v).ok_or(Broken::Overflow), |span| span.falling(&f))
    }

    /// A function that rises with both operands, such as a date moved by months.
    pub(crate) fn rising_both(&mut self, a: &Register, b: &Register, f: impl Fn(i64, i64) -> Option<i64>) -> Register {
        self.binary(a, b, |a, b| f(a, b).ok_or(Broken::Overflow), |a, b| a.rising_both(b, &f))
    }

    /// What a month may hold of a yearly amount: from nothing to all of it, unless the year holds nothing.
    pub(crate) fn per_month(&mut self, a: &Register) -> Register {
        let spread = self.reasons.because(&self.rule.into(), "spread");
        Register::of(a.slots().map(|slot| {
            if slot.is_none() {
                return slot;
            }
            let why = self.reasons.union(slot.why, spread);
            let span = Span { lo: slot.span.lo.min(0), hi: slot.span.hi.max(0) };
            Slot::within(span, slot.presence, if span.is_exact() { slot.why } else { why })
        }))
    }

    pub(crate) fn compare(&mut self, op: CompareOp, a: &Register, b: &Register) -> Register {
        let mut both = |a: Slot, b: Slot| {
            let presence = a.presence.max(b.presence);
            match (presence, a.span.compare(op, b.span)) {
                (Presence::None, _) | (_, Some(false)) => Slot::known(0),
                (Presence::Some, Some(true)) => Slot::known(1),
                _ => Slot::of_truth(Tri::Undetermined, self.reasons.union(a.why, b.why)),
            }
        };
        if let (Some(a_same), Some(b_same)) = (a.as_same(), b.as_same()) {
            return Register::same(both(a_same, b_same), a.len());
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
        // Beside a none nothing is met.
        let (mut none, mut open) = (Vec::new(), Vec::new());
        for side in [a, b] {
            side.add_none(&mut none);
            side.add_open(&mut open);
        }
        if !none.is_empty() {
            results.iter_mut().zip(&none).for_each(|(result, none)| *result &= i64::from(!none));
        }
        Register::mended(results, Vec::new(), &open, |row| both(a.get(row), b.get(row)))
    }

    pub(crate) fn not(a: &Register) -> Register {
        let one = |slot: Slot| {
            let (tri, why) = slot.truth();
            Slot::of_truth(tri.negate(), why)
        };
        if let Some(same) = a.as_same() {
            return Register::same(one(same), a.len());
        }
        let results = zip(a.known(), Values::All(1), a.len(), |a, b| a ^ b);
        let mut open = Vec::new();
        a.add_open(&mut open);
        Register::mended(results, Vec::new(), &open, |row| one(a.get(row)))
    }

    pub(crate) fn is_none(a: &Register) -> Register {
        let one = |slot: Slot| match slot.presence {
            Presence::Some => Slot::known(0),
            Presence::Maybe => Slot::of_truth(Tri::Undetermined, slot.why),
            Presence::None => Slot::known(1),
        };
        if let Some(same) = a.as_same() {
            return Register::same(one(same), a.len());
        }
        let (mut none, mut open) = (Vec::new(), Vec::new());
        a.add_none(&mut none);
        a.add_open(&mut open);
        none.resize(a.len(), false);
        let results = Pooled::of(none.iter().map(|none| i64::from(*none)));
        Register::mended(results, Vec::new(), &open, |row| one(a.get(row)))
    }

    /// The value of the first branch whose condition is met; the hull of all that could be, while that is open.
    pub(crate) fn case(
        &mut self,
        branches: &[(&Register, &Register)],
        otherwise: &Register,
        is_text: bool,
    ) -> Register {
        let rows = otherwise.len();
        let columns = || branches.iter().flat_map(|(c, v)| [*c, *v]).chain([otherwise]);
        if columns().all(|column| column.as_same().is_some()) && rows > 0 {
            return Register::same(self.first_met(branches, otherwise, 0, is_text), rows);
        }
        let mut results = zip(otherwise.known(), Values::All(0), rows, |value, _| value);
        let mut none = Vec::new();
        let any_none = columns().any(Register::has_none);
        if any_none {
            none.resize(rows, false);
            otherwise.add_none(&mut none);
        }
        for (condition, value) in branches.iter().rev() {
            let (met, values) = (condition.known(), value.known());
            match values {
                Values::All(value) => pick(&mut results, met, |_| value),
                Values::Rows(values) => pick(&mut results, met, |row| values[row]),
            }
            if any_none {
                pick(&mut none, met, |row| value.is_none_at(row));
            }
        }
        let mut open = Vec::new();
        columns().for_each(|column| column.add_open(&mut open));
        Register::mended(results, none, &open, |row| self.first_met(branches, otherwise, row, is_text))
    }

    fn first_met(
        &mut self,
        branches: &[(&Register, &Register)],
        otherwise: &Register,
        row: usize,
        is_text: bool,
    ) -> Slot {
        let mut seen: Option<Slot> = None;
        let mut why = Why::KNOWN;
        for (condition, value) in branches {
            let (tri, because) = condition.get(row).truth();
            if tri == Tri::NotMet {
                continue;
            }
            why = self.reasons.union(why, because);
            seen = Some(self.either(seen, value.get(row), why, is_text));
            if tri == Tri::Met {
                return seen.unwrap_or(Slot::NONE);
            }
        }
        self.either(seen, otherwise.get(row), why, is_text)
    }

    /// Hull of what was seen and one more value, unknown for the reasons of both and of the choice between them.
    fn either(&mut self, seen: Option<Slot>, more: Slot, choice: Why, is_text: bool) -> Slot {
        let Some(seen) = seen else { return more };
        let why = self.reasons.union(seen.why, more.why);
        let why = self.reasons.union(why, choice);
        let hull = seen.hull(more, why);
        // The numbers of texts mean nothing between themselves.
        if is_text && !hull.span.is_exact() { Slot { span: Span::ALL, ..hull } } else { hull }
    }
}

/// Replaces the values of the rows that meet a condition.
fn pick<T>(values: &mut [T], met: Values<'_>, value: impl Fn(usize) -> T) {
    match met {
        Values::All(0) => {}
        Values::All(_) => values.iter_mut().enumerate().for_each(|(row, old)| *old = value(row)),
        Values::Rows(met) => {
            for (row, (old, met)) in values.iter_mut().zip(met).enumerate() {
                if *met != 0 {
                    *old = value(row);
                }
            }
        }
    }
}
