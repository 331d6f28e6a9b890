//! What operators do to values: plainly where all is known, else on both ends.

use hedui_rules::program::RoundMode;

use crate::printer::{Printer, View};
use crate::slot::{Presence, Slot, Sort, Why, all, not};
use crate::sql::{Sql, q};

/// The two ends of a result, or none where an operand that is not known leaves nothing known of it.
type Ends = Option<(Sql, Sql)>;

impl Printer<'_> {
    /// Whether all operands are known and nothing needs to be told of a number out of range.
    fn plain(&self, operands: &[&Slot]) -> bool {
        !self.is_full() && operands.iter().all(|slot| slot.is_closed())
    }

    fn plain_result(operands: &[&Slot], value: Sql) -> Slot {
        let may_be_none = operands.iter().any(|slot| slot.presence != Presence::Always);
        if may_be_none { Slot::optional(value, Sort::Number) } else { Slot::known(value, Sort::Number) }
    }

    /// The result of an operation: `exact` on known operands, the ends otherwise.
    fn settle(&mut self, operands: &[&Slot], exact: Sql, ends: Ends, mut why: Why, code: Option<Sql>) -> Slot {
        let value = self.bind(exact);
        let value = self.narrow(&value);
        let value = self.bind(value);
        let known = all(operands.iter().map(|slot| slot.is_value()));
        let broken = all([known.clone(), q!("{} IS NULL", value)]);
        why = why.or(&Self::fault().when(&broken));
        let (lo, hi) = match ends {
            _ if known.is("TRUE") => (value, None),
            None => (value, None),
            Some((lo, hi)) => {
                let known = self.bind(known);
                (
                    q!("CASE WHEN {} THEN {} ELSE {} END", known, value, lo),
                    Some(q!("CASE WHEN {} THEN {} ELSE {} END", known, value, hi)),
                )
            }
        };
        let (lo, hi) = (self.bind(lo), hi.map(|hi| self.bind(hi)));
        self.finish(Sort::Number, lo, hi, code, why)
    }

    /// Whether each operand is known exactly or not at all.
    fn all_or_nothing(operands: &[&Slot]) -> bool {
        operands.iter().all(|slot| slot.hi.is_none())
    }

    fn unary(
        &mut self,
        a: &Slot,
        plain: impl FnOnce(&mut Self, &Sql) -> Sql,
        exact: impl FnOnce(&mut Self, &Sql) -> Sql,
        ends: impl FnOnce(&mut Self, &View) -> Ends,
    ) -> Slot {
        if self.plain(&[a]) {
            let value = plain(self, &a.lo);
            return Self::plain_result(&[a], value);
        }
        let view = self.view(a);
        let ends = if a.is_closed() { None } else { ends(self, &view) };
        let wide = self.wide(&view.lo);
        let wide = self.bind(wide);
        let value = exact(self, &wide);
        self.settle(&[a], value, ends, a.why.clone(), view.code)
    }

    fn binary(
        &mut self,
        (a, b): (&Slot, &Slot),
        plain: impl FnOnce(&mut Self, &Sql, &Sql) -> Sql,
        exact: impl FnOnce(&mut Self, &Sql, &Sql) -> Sql,
        ends: impl FnOnce(&mut Self, &View, &View) -> Ends,
    ) -> Slot {
        if self.plain(&[a, b]) {
            let value = plain(self, &a.lo, &b.lo);
            return Self::plain_result(&[a, b], value);
        }
        let (left, right) = (self.view(a), self.view(b));
        let ends = if a.is_closed() && b.is_closed() { None } else { ends(self, &left, &right) };
        let (x, y) = (self.wide(&left.lo), self.wide(&right.lo));
        let (x, y) = (self.bind(x), self.bind(y));
        let value = exact(self, &x, &y);
        let code = Self::worst(&[left.code, right.code]);
        self.settle(&[a, b], value, ends, a.why.clone().or(&b.why), code)
    }

    pub(crate) fn neg(&mut self, a: &Slot) -> Slot {
        let whole = Self::all_or_nothing(&[a]);
        self.unary(
            a,
            |_, a| q!("(-{})", a),
            |_, a| q!("(-{})", a),
            |p, a| {
                let ends = || (p.lower(&q!("-{}", p.wide(&a.hi))), p.upper(&q!("-{}", p.wide(&a.lo))));
                (!whole).then(ends)
            },
        )
    }

    pub(crate) fn abs(&mut self, a: &Slot) -> Slot {
        self.unary(
            a,
            |_, a| q!("ABS({})", a),
            |_, a| q!("ABS({})", a),
            |p, a| {
                let (low, high) = (p.low(&a.lo), p.high(&a.hi));
                let (low, high) = (p.bind(low), p.bind(high));
                let least = q!("CASE WHEN {} >= 0 THEN {} WHEN {} <= 0 THEN -{} ELSE 0 END", low, low, high, high);
                let most = q!("GREATEST({}, -{})", high, low);
                Some((p.lower(&least), p.upper(&most)))
            },
        )
    }

    pub(crate) fn add(&mut self, a: &Slot, b: &Slot) -> Slot {
        if let Some(sum) = constant(a, b, |a, b| Some(a + b)) {
            return sum;
        }
        let whole = Self::all_or_nothing(&[a, b]);
        self.binary(
            (a, b),
            |_, a, b| q!("({} + {})", a, b),
            |_, a, b| q!("({} + {})", a, b),
            |p, a, b| {
                let sum = |x: &Sql, y: &Sql| q!("({} + {})", p.wide(x), p.wide(y));
                (!whole).then(|| (p.lower(&sum(&a.lo, &b.lo)), p.upper(&sum(&a.hi, &b.hi))))
            },
        )
    }

    pub(crate) fn sub(&mut self, a: &Slot, b: &Slot) -> Slot {
        if let Some(difference) = constant(a, b, |a, b| Some(a - b)) {
            return difference;
        }
        let whole = Self::all_or_nothing(&[a, b]);
        self.binary(
            (a, b),
            |_, a, b| q!("({} - {})", a, b),
            |_, a, b| q!("({} - {})", a, b),
            |p, a, b| {
                let difference = |x: &Sql, y: &Sql| q!("({} - {})", p.wide(x), p.wide(y));
                (!whole).then(|| (p.lower(&difference(&a.lo, &b.hi)), p.upper(&difference(&a.hi, &b.lo))))
            },
        )
    }

    pub(crate) fn mul(&mut self, a: &Slot, b: &Slot, drop: u8) -> Slot {
        // Half away from zero, as everywhere.
        let unit = 10i128.pow(drop.into());
        let rounded = |a: i128, b: i128| {
            let product = a.checked_mul(b)?;
            Some((product.abs() + unit / 2) / unit * product.signum())
        };
        if let Some(product) = constant(a, b, rounded) {
            return product;
        }
        let unit = Sql::number(10i64.pow(drop.into()));
        let (plain_unit, exact_unit) = (unit.clone(), unit.clone());
        self.binary(
            (a, b),
            move |p, a, b| {
                let product = q!("({} * {})", a, b);
                let product = if drop == 0 { product } else { p.bind(product) };
                p.round_div(&product, &plain_unit, false)
            },
            move |p, a, b| {
                let product = p.bind(q!("({} * {})", a, b));
                p.round_div(&product, &exact_unit, true)
            },
            |p, a, b| {
                let ends = |p: &mut Self, view: &View| {
                    let low = p.low(&view.lo);
                    let low = p.bind(low);
                    if view.lo == view.hi && view.lo.number.is_some() {
                        return vec![low];
                    }
                    let high = p.high(&view.hi);
                    vec![low, p.bind(high)]
                };
                let (lefts, rights) = (ends(p, a), ends(p, b));
                let mut products = Vec::new();
                for left in &lefts {
                    for right in &rights {
                        products.push(p.product(left, right, &unit));
                    }
                }
                let list = Sql::join(&products, ", ");
                Some((p.lower(&q!("LEAST({})", list)), p.upper(&q!("GREATEST({})", list))))
            },
        )
    }

    /// A product of ends, of which either may be infinite.
    fn product(&mut self, a: &Sql, b: &Sql, unit: &Sql) -> Sql {
        let infinite = self.infinite();
        // Kept small where it is not used, so that it cannot leave the range of wide numbers.
        let finite = self.bind(q!(
            "CASE WHEN ABS({}) = {} OR ABS({}) = {} THEN 0 ELSE {} * {} END",
            a,
            infinite,
            b,
            infinite,
            a,
            b
        ));
        let rounded = self.round_div(&finite, unit, true);
        self.bind(q!(
            "CASE WHEN {} = 0 OR {} = 0 THEN 0 WHEN ABS({}) = {} OR ABS({}) = {} \
             THEN CASE WHEN ({} < 0) = ({} < 0) THEN {} ELSE -{} END ELSE {} END",
            a,
            b,
            a,
            infinite,
            b,
            infinite,
            a,
            b,
            infinite,
            infinite,
            rounded
        ))
    }

    pub(crate) fn div(&mut self, a: &Slot, b: &Slot, raise: i8) -> Slot {
        let unit = Sql::number(10i64.pow(raise.unsigned_abs().into()));
        let scaled = |p: &mut Self, a: &Sql, b: &Sql, wide: bool| {
            let (a, b) = match raise {
                0 => (a.clone(), b.clone()),
                1.. => (p.bind(q!("({} * {})", a, unit)), b.clone()),
                _ => {
                    let down = match b.number {
                        Some(by) => Sql::number(by.saturating_mul(10i64.pow(raise.unsigned_abs().into()))),
                        None => p.bind(q!("({} * {})", b, unit)),
                    };
                    (a.clone(), down)
                }
            };
            let a = p.bind(a);
            p.round_div(&a, &b, wide)
        };
        // A divisor that may be 0 is null then: the result is unknown because of it.
        let safe = |p: &mut Self, b: &Sql| match b.number {
            Some(by) if by != 0 => b.clone(),
            _ => p.bind(q!("NULLIF({}, 0)", b)),
        };
        if self.plain(&[a, b]) {
            let x = self.bind(a.lo.clone());
            let by = safe(self, &b.lo);
            let value = scaled(self, &x, &by, false);
            return match b.lo.number {
                Some(by) if by != 0 => Self::plain_result(&[a, b], value),
                _ => Slot::optional(value, Sort::Number),
            };
        }
        let (left, right) = (self.view(a), self.view(b));
        let x = self.wide(&left.lo);
        let x = self.bind(x);
        let by = match right.lo.number {
            Some(by) if by != 0 && right.lo == right.hi => right.lo.clone(),
            _ => {
                let by = self.wide(&right.lo);
                self.bind(q!("NULLIF({}, 0)", by))
            }
        };
        let exact = scaled(self, &x, &by, true);
        let value = self.bind(exact);
        let value = self.narrow(&value);
        let value = self.bind(value);
        let code = Self::worst(&[left.code.clone(), right.code.clone()]);
        let mut why = a.why.clone().or(&b.why);
        let known = all([a.is_value(), b.is_value()]);
        let is_zero = match right.lo.number {
            Some(by) if right.lo == right.hi => Sql::truth(by == 0),
            _ => {
                let zero = q!("{} = 0 AND {} = 0", right.lo, right.hi);
                match &right.code {
                    Some(code) => q!("({} AND {} = 0)", zero, code),
                    None => q!("({})", zero),
                }
            }
        };
        let name = self.program.steps[self.step].name.clone();
        let zero = self.because(&name);
        why = why.or(&zero.when(&is_zero));
        let broken = all([known.clone(), q!("{} IS NULL", value), not(&q!("COALESCE({}, FALSE)", is_zero))]);
        why = why.or(&Self::fault().when(&broken));
        let ends = (!(a.is_closed() && b.is_closed())).then(|| self.quotient_ends(&left, &right, &scaled));
        let (lo, hi) = match ends {
            None => (value, None),
            Some((lo, hi)) => {
                let known = self.bind(known);
                (
                    q!("CASE WHEN {} THEN {} ELSE {} END", known, value, lo),
                    Some(q!("CASE WHEN {} THEN {} ELSE {} END", known, value, hi)),
                )
            }
        };
        let (lo, hi) = (self.bind(lo), hi.map(|hi| self.bind(hi)));
        self.finish(Sort::Number, lo, hi, code, why)
    }

    /// The ends of a quotient; null where the divisor may be 0.
    fn quotient_ends(
        &mut self,
        a: &View,
        b: &View,
        scaled: &impl Fn(&mut Self, &Sql, &Sql, bool) -> Sql,
    ) -> (Sql, Sql) {
        let bind = |p: &mut Self, sql: Sql| p.bind(sql);
        let (al, ah) = (self.low(&a.lo), self.high(&a.hi));
        let (al, ah) = (bind(self, al), bind(self, ah));
        let (bl, bh) = (self.low(&b.lo), self.high(&b.hi));
        let (bl, bh) = (bind(self, bl), bind(self, bh));
        let infinite = self.infinite();
        // Seen with a positive divisor.
        let low = bind(self, q!("CASE WHEN {} < 0 THEN -{} ELSE {} END", bh, ah, al));
        let high = bind(self, q!("CASE WHEN {} < 0 THEN -{} ELSE {} END", bh, al, ah));
        let near = bind(self, q!("CASE WHEN {} < 0 THEN -{} WHEN {} > 0 THEN {} END", bh, bh, bl, bl));
        let far = bind(self, q!("CASE WHEN {} < 0 THEN -{} WHEN {} > 0 THEN {} END", bh, bl, bl, bh));
        let mut end = |end: &Sql, by: Sql| {
            let by = self.bind(by);
            let finite = self.bind(q!("CASE WHEN ABS({}) = {} THEN 0 ELSE {} END", end, infinite, end));
            let over = self.bind(q!("CASE WHEN {} = {} THEN 1 ELSE {} END", by, infinite, by));
            let quotient = scaled(self, &finite, &over, true);
            self.bind(q!(
                "CASE WHEN {} IS NULL THEN NULL WHEN ABS({}) = {} THEN {} WHEN {} = {} THEN 0 ELSE {} END",
                by,
                end,
                infinite,
                end,
                by,
                infinite,
                quotient
            ))
        };
        let lo = end(&low, q!("CASE WHEN {} < 0 THEN {} ELSE {} END", low, near, far));
        let hi = end(&high, q!("CASE WHEN {} < 0 THEN {} ELSE {} END", high, far, near));
        (self.lower(&lo), self.upper(&hi))
    }

    pub(crate) fn rescale(&mut self, a: &Slot, by: i8) -> Slot {
        if by == 0 && a.is_closed() {
            return a.clone();
        }
        let unit = Sql::number(10i64.pow(by.unsigned_abs().into()));
        let change = |p: &mut Self, x: &Sql, wide: bool| {
            if by >= 0 {
                return q!("({} * {})", x, unit);
            }
            let x = p.bind(x.clone());
            p.round_div(&x, &unit, wide)
        };
        self.unary(
            a,
            |p, x| change(p, x, false),
            |p, x| change(p, x, true),
            |p, view| {
                let (lo, hi) = (p.wide(&view.lo), p.wide(&view.hi));
                let (lo, hi) = (p.bind(lo), p.bind(hi));
                let (lo, hi) = (change(p, &lo, true), change(p, &hi, true));
                Some((p.lower(&lo), p.upper(&hi)))
            },
        )
    }

    pub(crate) fn round(&mut self, a: &Slot, multiple: &Slot, mode: RoundMode) -> Slot {
        if self.plain(&[a, multiple]) {
            let x = self.bind(a.lo.clone());
            let to = self.bind(multiple.lo.clone());
            let value = self.round_to(&x, &to, mode, false);
            return Self::plain_result(&[a, multiple], value);
        }
        let (left, right) = (self.view(a), self.view(multiple));
        let positive = |p: &mut Self, to: &Sql| match to.number {
            Some(by) if by > 0 => to.clone(),
            _ => {
                let wide = p.wide(to);
                p.bind(q!("CASE WHEN {} > 0 THEN {} END", to, wide))
            }
        };
        let x = self.wide(&left.lo);
        let x = self.bind(x);
        let to = positive(self, &right.lo);
        let exact = self.round_to(&x, &to, mode, true);
        let code = Self::worst(&[left.code.clone(), right.code.clone()]);
        let why = a.why.clone().or(&multiple.why);
        let ends = (!(a.is_closed() && multiple.is_closed())).then(|| {
            // By one known multiple: end to end.
            let by_one = multiple.is_closed();
            let y = self.wide(&left.hi);
            let y = self.bind(y);
            let (lo, hi) = (exact.clone(), self.round_to(&y, &to, mode, true));
            let (lo, hi) = (self.bind(lo), self.bind(hi));
            if by_one && right.lo.number.is_some_and(|by| by > 0) {
                return (self.lower(&lo), self.upper(&hi));
            }
            // By any of several: as far as the largest may lead.
            let most = self.high(&right.hi);
            let most = self.bind(q!("GREATEST({}, 1)", most));
            let half = {
                let two = Sql::number(2);
                let text = self.dialect().wide_quotient(&most.text, &two.text);
                let half = Sql::with(text, most.reads.clone());
                self.bind(half)
            };
            let less = q!("({} - 1)", most);
            let none = Sql::number(0);
            let (down, up) = match mode {
                RoundMode::Nearest | RoundMode::HalfEven | RoundMode::HalfDown => (half.clone(), half),
                RoundMode::Up | RoundMode::Down => (less.clone(), less),
                RoundMode::Floor => (less, none),
                RoundMode::Ceil => (none, less),
            };
            let (low, high) = (self.low(&left.lo), self.high(&left.hi));
            let one = self.bind(q!("COALESCE({} = {} AND {} > 0, FALSE)", right.lo, right.hi, right.lo));
            let lo = self.bind(q!("CASE WHEN {} THEN {} ELSE {} - {} END", one, lo, low, down));
            let hi = self.bind(q!("CASE WHEN {} THEN {} ELSE {} + {} END", one, hi, high, up));
            (self.lower(&lo), self.upper(&hi))
        });
        self.settle(&[a, multiple], exact, ends, why, code)
    }

    /// What a month may hold of a yearly amount: from nothing to all of it, unless the year holds nothing.
    pub(crate) fn per_month(&mut self, a: &Slot) -> Slot {
        let view = self.view(a);
        let name = self.program.steps[self.step].name.clone();
        let spread = self.because(&name);
        let lo = self.bind(q!("CASE WHEN {} IS NOT NULL THEN LEAST({}, 0) END", view.lo, view.lo));
        let hi = self.bind(q!("CASE WHEN {} IS NOT NULL THEN GREATEST({}, 0) END", view.hi, view.hi));
        let open = q!("NOT COALESCE({} = {}, FALSE)", lo, hi);
        let why = a.why.clone().or(&spread.when(&open));
        self.finish(Sort::Number, lo, Some(hi), view.code, why)
    }
}

/// What comes of two constants, if it is well within 64 bits.
fn constant(a: &Slot, b: &Slot, of: impl Fn(i128, i128) -> Option<i128>) -> Option<Slot> {
    let (Some(x), Some(y), true) = (a.lo.number, b.lo.number, a.is_closed() && b.is_closed()) else { return None };
    let result = i64::try_from(of(x.into(), y.into())?).ok()?;
    (result.checked_abs()? < i64::MAX / 2).then(|| Slot::number(result))
}
