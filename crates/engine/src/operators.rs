//! What operators do, to a cell and to a column: each is said once, in known values and in bounds ([`Operand`]).

use hedui_base::Tri;
use hedui_rules::program::{CompareOp, RoundMode};

use crate::interval::Span;
use crate::operand::Operand;
use crate::output::CaseErrorKind;
use crate::reasons::{Fault, Reasons, Why};
use crate::register::{Known as Values, Presence, Register, Slot, zip};

/// Why an operation on known values has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Overflow,
    BadMultiple,
    DivisionByZero,
}

pub(crate) type Known = Result<i64, Broken>;

/// What operators need: the reasons of the slice and the step to blame.
pub(crate) struct Operators<'s> {
    pub(crate) reasons: &'s mut Reasons,
    pub(crate) step: usize,
    /// The rule to name when it divides by zero.
    pub(crate) rule: &'s str,
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

    pub(crate) fn settle(&mut self, known: Known) -> Slot {
        known.map_or_else(|broken| self.broken(broken), Slot::known)
    }

    pub(crate) fn neg<O: Operand>(&mut self, a: &O) -> O {
        O::unary(self, a, known::neg, Span::neg)
    }

    pub(crate) fn abs<O: Operand>(&mut self, a: &O) -> O {
        O::unary(self, a, known::abs, Span::abs)
    }

    pub(crate) fn add<O: Operand>(&mut self, a: &O, b: &O) -> O {
        O::binary(self, a, b, known::add, Span::add)
    }

    pub(crate) fn sub<O: Operand>(&mut self, a: &O, b: &O) -> O {
        O::binary(self, a, b, known::sub, Span::sub)
    }

    pub(crate) fn mul<O: Operand>(&mut self, a: &O, b: &O, drop: u8) -> O {
        O::binary(self, a, b, known::mul(drop), |a, b| a.mul(b, drop))
    }

    pub(crate) fn div<O: Operand>(&mut self, a: &O, b: &O, raise: i8) -> O {
        let result = O::binary(self, a, b, known::div(raise), |a, b| a.div(b, raise));
        O::by_zero(self, result, a, b)
    }

    pub(crate) fn rescale<O: Operand>(&mut self, a: &O, by: i8) -> O {
        O::unary(self, a, known::rescale(by), |span| span.rescale(by))
    }

    pub(crate) fn round<O: Operand>(&mut self, a: &O, multiple: &O, mode: RoundMode) -> O {
        O::binary(self, a, multiple, known::round(mode), |a, to| a.round(to, mode))
    }

    /// A monotone function of dates or months, such as the month of a day.
    pub(crate) fn rising<O: Operand>(&mut self, a: &O, f: impl Fn(i64) -> Option<i64>) -> O {
        O::unary(self, a, |v| f(v).ok_or(Broken::Overflow), |span| span.rising(&f))
    }

    /// An antitone function of dates, such as an age.
    pub(crate) fn falling<O: Operand>(&mut self, a: &O, f: impl Fn(i64) -> Option<i64>) -> O {
        O::unary(self, a, |v| f(v).ok_or(Broken::Overflow), |span| span.falling(&f))
    }

    /// A function that rises with both operands, such as a date moved by months.
    pub(crate) fn rising_both<O: Operand>(&mut self, a: &O, b: &O, f: impl Fn(i64, i64) -> Option<i64>) -> O {
        O::binary(self, a, b, |a, b| f(a, b).ok_or(Broken::Overflow), |a, b| a.rising_both(b, &f))
    }

    /// What a month may hold of a yearly amount: from nothing to all of it, unless the year holds nothing.
    pub(crate) fn per_month(&mut self, a: Slot) -> Slot {
        let span = Span { lo: a.span.lo.min(0), hi: a.span.hi.max(0) };
        if a.is_none() || span.is_exact() {
            return Slot::within(span, a.presence, a.why);
        }
        let spread = self.reasons.because(&self.rule.into(), "spread");
        Slot::within(span, a.presence, self.reasons.union(a.why, spread))
    }

    pub(crate) fn compare<O: Operand>(&mut self, op: CompareOp, a: &O, b: &O) -> O {
        O::compare(self, op, a, b)
    }

    /// The value of the first branch whose condition is met; the hull of all that could be, while that is open.
    pub(crate) fn case(
        &mut self,
        branches: &[(&Register, &Register)],
        otherwise: &Register,
        is_text: bool,
    ) -> Register {
        let rows = otherwise.len();
        let at_row = |operators: &mut Self, row: usize| {
            let branches = branches.iter().map(|(c, v)| (c.get(row), v.get(row)));
            operators.first_met(branches, otherwise.get(row), is_text)
        };
        let columns = || branches.iter().flat_map(|(c, v)| [*c, *v]).chain([otherwise]);
        if columns().all(|column| column.as_same().is_some()) && rows > 0 {
            return Register::same(at_row(self, 0), rows);
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
        Register::mended(results, none, &open, |row| at_row(self, row))
    }

    /// Of one row: the value of the first branch whose condition is met, as [`Operators::case`].
    pub(crate) fn first_met(
        &mut self,
        branches: impl Iterator<Item = (Slot, Slot)>,
        otherwise: Slot,
        is_text: bool,
    ) -> Slot {
        let mut seen: Option<Slot> = None;
        let mut why = Why::KNOWN;
        for (condition, value) in branches {
            let (tri, because) = condition.truth();
            if tri == Tri::NotMet {
                continue;
            }
            why = self.reasons.union(why, because);
            seen = Some(self.either(seen, value, why, is_text));
            if tri == Tri::Met {
                return seen.unwrap_or(Slot::NONE);
            }
        }
        self.either(seen, otherwise, why, is_text)
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

/// What operators do to known values.
pub(crate) mod known {
    use hedui_rules::program::{CompareOp, RoundMode};

    use super::{Broken, Known};
    use crate::interval::{narrow, power, quotient, rescale as rescaled, round_div, round_to};

    fn fits(wide: i128) -> Known {
        narrow(wide).ok_or(Broken::Overflow)
    }

    /// The ends of 64 bits stand for what is unbounded, and are no numbers.
    fn finite(value: Option<i64>) -> Known {
        value.filter(|value| *value != i64::MIN && *value != i64::MAX).ok_or(Broken::Overflow)
    }

    pub(crate) fn neg(a: i64) -> Known {
        fits(-i128::from(a))
    }

    pub(crate) fn abs(a: i64) -> Known {
        fits(i128::from(a).abs())
    }

    pub(crate) fn add(a: i64, b: i64) -> Known {
        finite(a.checked_add(b))
    }

    pub(crate) fn sub(a: i64, b: i64) -> Known {
        finite(a.checked_sub(b))
    }

    pub(crate) fn mul(drop: u8) -> impl Fn(i64, i64) -> Known {
        let unit = power(drop);
        move |a, b| {
            let product = i128::from(a) * i128::from(b);
            fits(if drop == 0 { product } else { round_div(product, unit) })
        }
    }

    pub(crate) fn div(raise: i8) -> impl Fn(i64, i64) -> Known {
        move |a, b| match b {
            0 => Err(Broken::DivisionByZero),
            _ => quotient(a.into(), b.into(), raise).ok_or(Broken::Overflow).and_then(fits),
        }
    }

    pub(crate) fn rescale(by: i8) -> impl Fn(i64) -> Known {
        move |a| fits(rescaled(a.into(), by))
    }

    pub(crate) fn round(mode: RoundMode) -> impl Fn(i64, i64) -> Known {
        move |a, to| if to <= 0 { Err(Broken::BadMultiple) } else { fits(round_to(a.into(), to.into(), mode)) }
    }

    pub(crate) fn compare(op: CompareOp, a: i64, b: i64) -> bool {
        match op {
            CompareOp::Eq => a == b,
            CompareOp::Ne => a != b,
            CompareOp::Lt => a < b,
            CompareOp::Le => a <= b,
            CompareOp::Gt => a > b,
            CompareOp::Ge => a >= b,
        }
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
