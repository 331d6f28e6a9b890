//! What operators do to columns: a tight loop while all is known, cell by cell with bounds otherwise.

use hedui_base::Tri;
use hedui_rules::program::{CompareOp, RoundMode};

use crate::interval::{Span, narrow, quotient, rescale, round_div, round_to};
use crate::output::CaseErrorKind;
use crate::reasons::{Fault, Reasons, Why};
use crate::register::{Presence, Register, Slot};

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
        if a.open.is_none()
            && let Ok(lo) = a.lo.iter().map(|v| known(*v)).collect::<Result<Vec<_>, _>>()
        {
            return Register::closed(lo);
        }
        Register::of(a.slots().map(|slot| match slot.presence {
            Presence::None => Slot::NONE,
            _ if slot.is_known() => self.settle(known(slot.span.lo)),
            presence => Slot::within(bounds(slot.span), presence, slot.why),
        }))
    }

    /// An operation on two columns.
    pub(crate) fn binary(
        &mut self,
        a: &Register,
        b: &Register,
        known: impl Fn(i64, i64) -> Known,
        bounds: impl Fn(Span, Span) -> Span,
    ) -> Register {
        if a.open.is_none()
            && b.open.is_none()
            && let Ok(lo) = a.lo.iter().zip(&b.lo).map(|(a, b)| known(*a, *b)).collect::<Result<Vec<_>, _>>()
        {
            return Register::closed(lo);
        }
        Register::of(a.slots().zip(b.slots()).map(|(a, b)| {
            let presence = a.presence.max(b.presence);
            if presence == Presence::None {
                return Slot::NONE;
            }
            if a.is_known() && b.is_known() {
                return self.settle(known(a.span.lo, b.span.lo));
            }
            let why = self.reasons.union(a.why, b.why);
            Slot::within(bounds(a.span, b.span), presence, why)
        }))
    }

    pub(crate) fn neg(&mut self, a: &Register) -> Register {
        self.unary(a, |v| fits(-i128::from(v)), Span::neg)
    }

    pub(crate) fn abs(&mut self, a: &Register) -> Register {
        self.unary(a, |v| fits(i128::from(v).abs()), Span::abs)
    }

    pub(crate) fn add(&mut self, a: &Register, b: &Register) -> Register {
        self.binary(a, b, |a, b| fits(i128::from(a) + i128::from(b)), Span::add)
    }

    pub(crate) fn sub(&mut self, a: &Register, b: &Register) -> Register {
        self.binary(a, b, |a, b| fits(i128::from(a) - i128::from(b)), Span::sub)
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
        if let Some(open) = &mut result.open {
            for (row, slot) in b.slots().enumerate() {
                if slot == Slot::known(0) && open.presence[row] != Presence::None {
                    let zero = self.broken(Broken::DivisionByZero).why;
                    open.why[row] = self.reasons.union(open.why[row], zero);
                }
            }
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
        if a.open.is_none() && b.open.is_none() {
            let pairs = a.lo.iter().zip(&b.lo);
            return Register::closed(match op {
                CompareOp::Eq => pairs.map(|(a, b)| i64::from(a == b)).collect(),
                CompareOp::Ne => pairs.map(|(a, b)| i64::from(a != b)).collect(),
                CompareOp::Lt => pairs.map(|(a, b)| i64::from(a < b)).collect(),
                CompareOp::Le => pairs.map(|(a, b)| i64::from(a <= b)).collect(),
                CompareOp::Gt => pairs.map(|(a, b)| i64::from(a > b)).collect(),
                CompareOp::Ge => pairs.map(|(a, b)| i64::from(a >= b)).collect(),
            });
        }
        Register::of(a.slots().zip(b.slots()).map(|(a, b)| {
            let presence = a.presence.max(b.presence);
            match (presence, a.span.compare(op, b.span)) {
                (Presence::None, _) | (_, Some(false)) => Slot::known(0),
                (Presence::Some, Some(true)) => Slot::known(1),
                _ => Slot::of_truth(Tri::Undetermined, self.reasons.union(a.why, b.why)),
            }
        }))
    }

    pub(crate) fn not(a: &Register) -> Register {
        if a.open.is_none() {
            return Register::closed(a.lo.iter().map(|v| v ^ 1).collect());
        }
        Register::of(a.slots().map(|slot| {
            let (tri, why) = slot.truth();
            Slot::of_truth(tri.negate(), why)
        }))
    }

    pub(crate) fn is_none(a: &Register) -> Register {
        Register::of(a.slots().map(|slot| match slot.presence {
            Presence::Some => Slot::known(0),
            Presence::Maybe => Slot::of_truth(Tri::Undetermined, slot.why),
            Presence::None => Slot::known(1),
        }))
    }

    /// The value of the first branch whose condition is met; the hull of all that could be, while that is open.
    pub(crate) fn case(
        &mut self,
        branches: &[(&Register, &Register)],
        otherwise: &Register,
        is_text: bool,
    ) -> Register {
        let all_known = branches.iter().all(|(c, v)| c.open.is_none() && v.open.is_none());
        let rows = 0..otherwise.len();
        if all_known && otherwise.open.is_none() {
            let pick = |row: usize| branches.iter().find(|(c, _)| c.lo[row] != 0).map_or(otherwise, |(_, v)| v).lo[row];
            return Register::closed(rows.map(pick).collect());
        }
        Register::of(rows.map(|row| {
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
        }))
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
