//! Interval arithmetic on integers: both ends included, `i64::MIN` and `i64::MAX` mean unbounded.
//!
//! Promise: whatever values lie in the operands, the exact result lies in the result. Each operation rounds half away
//! from zero once, like the operation on known values, and rounding is monotone, so ends map to ends.

use hedui_rules::program::{CompareOp, RoundMode};

/// Bounds of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) lo: i64,
    pub(crate) hi: i64,
}

/// Stands for an unbounded end in wide arithmetic: beyond every `i64`, yet far from the ends of `i128`.
pub(crate) const INFINITE: i128 = 1 << 100;

impl Span {
    pub(crate) const ALL: Self = Self { lo: i64::MIN, hi: i64::MAX };

    pub(crate) const fn exact(value: i64) -> Self {
        Self { lo: value, hi: value }
    }

    /// From wide ends; what leaves `i64` becomes unbounded outwards and stays finite inwards.
    pub(crate) fn of(lo: i128, hi: i128) -> Self {
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        Self { lo: lo.clamp(min, max - 1) as i64, hi: hi.clamp(min + 1, max) as i64 }
    }

    pub(crate) const fn is_exact(self) -> bool {
        self.lo == self.hi
    }

    /// The lower end, wide.
    pub(crate) fn low(self) -> i128 {
        if self.lo == i64::MIN { -INFINITE } else { i128::from(self.lo) }
    }

    /// The upper end, wide.
    pub(crate) fn high(self) -> i128 {
        if self.hi == i64::MAX { INFINITE } else { i128::from(self.hi) }
    }

    pub(crate) const fn contains(self, value: i64) -> bool {
        self.lo <= value && value <= self.hi
    }

    pub(crate) fn hull(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    pub(crate) fn add(self, other: Self) -> Self {
        Self::of(self.low() + other.low(), self.high() + other.high())
    }

    pub(crate) fn sub(self, other: Self) -> Self {
        Self::of(self.low() - other.high(), self.high() - other.low())
    }

    pub(crate) fn neg(self) -> Self {
        Self::of(-self.high(), -self.low())
    }

    pub(crate) fn abs(self) -> Self {
        if self.lo >= 0 {
            self
        } else if self.hi <= 0 {
            self.neg()
        } else {
            Self::of(0, self.high().max(-self.low()))
        }
    }

    pub(crate) fn mul(self, other: Self, drop: u8) -> Self {
        let product = |a: i128, b: i128| match (a, b) {
            (0, _) | (_, 0) => 0,
            _ if a.abs() == INFINITE || b.abs() == INFINITE => INFINITE * a.signum() * b.signum(),
            _ => round_div(a * b, power(drop)),
        };
        let ends = [
            product(self.low(), other.low()),
            product(self.low(), other.high()),
            product(self.high(), other.low()),
            product(self.high(), other.high()),
        ];
        let (lo, hi) = ends.iter().fold((ends[0], ends[0]), |(lo, hi), e| (lo.min(*e), hi.max(*e)));
        Self::of(lo, hi)
    }

    /// Unbounded if the divisor may be 0.
    pub(crate) fn div(self, divisor: Self, raise: i8) -> Self {
        if divisor.contains(0) {
            return Self::ALL;
        }
        if divisor.hi < 0 {
            return self.neg().div(divisor.neg(), raise);
        }
        let quotient = |a: i128, b: i128| match (a.abs() == INFINITE, b == INFINITE) {
            (true, _) => a,
            (false, true) => 0,
            _ => quotient(a, b, raise).unwrap_or(INFINITE * a.signum()),
        };
        let low = self.low();
        let high = self.high();
        let near = i128::from(divisor.lo);
        let far = divisor.high();
        Self::of(quotient(low, if low < 0 { near } else { far }), quotient(high, if high < 0 { far } else { near }))
    }

    pub(crate) fn rescale(self, by: i8) -> Self {
        let end = |e: i128| if e.abs() == INFINITE { e } else { rescale(e, by) };
        Self::of(end(self.low()), end(self.high()))
    }

    /// To a multiple; a multiple that may not be positive counts as 1 at least, since it would be an error.
    pub(crate) fn round(self, multiple: Self, mode: RoundMode) -> Self {
        if multiple.is_exact() && multiple.lo > 0 {
            let to = i128::from(multiple.lo);
            let end = |e: i128| if e.abs() == INFINITE { e } else { round_to(e, to, mode) };
            return Self::of(end(self.low()), end(self.high()));
        }
        let most = multiple.high().max(1);
        let (down, up) = match mode {
            RoundMode::Nearest | RoundMode::HalfEven | RoundMode::HalfDown => (most / 2, most / 2),
            RoundMode::Up | RoundMode::Down => (most - 1, most - 1),
            RoundMode::Floor => (most - 1, 0),
            RoundMode::Ceil => (0, most - 1),
        };
        Self::of(self.low() - down, self.high() + up)
    }

    /// Through a monotone function of known values; an end it cannot map is unbounded.
    pub(crate) fn rising(self, f: impl Fn(i64) -> Option<i64>) -> Self {
        Self {
            lo: if self.lo == i64::MIN { i64::MIN } else { f(self.lo).unwrap_or(i64::MIN) },
            hi: if self.hi == i64::MAX { i64::MAX } else { f(self.hi).unwrap_or(i64::MAX) },
        }
    }

    /// Through an antitone function of known values.
    pub(crate) fn falling(self, f: impl Fn(i64) -> Option<i64>) -> Self {
        Self {
            lo: if self.hi == i64::MAX { i64::MIN } else { f(self.hi).unwrap_or(i64::MIN) },
            hi: if self.lo == i64::MIN { i64::MAX } else { f(self.lo).unwrap_or(i64::MAX) },
        }
    }

    /// Through a function that rises with both operands.
    pub(crate) fn rising_both(self, other: Self, f: impl Fn(i64, i64) -> Option<i64>) -> Self {
        let low = (self.lo != i64::MIN && other.lo != i64::MIN).then(|| f(self.lo, other.lo)).flatten();
        let high = (self.hi != i64::MAX && other.hi != i64::MAX).then(|| f(self.hi, other.hi)).flatten();
        Self { lo: low.unwrap_or(i64::MIN), hi: high.unwrap_or(i64::MAX) }
    }

    /// What all pairs of values agree on, if they do.
    pub(crate) fn compare(self, op: CompareOp, other: Self) -> Option<bool> {
        let apart = self.hi < other.lo || other.hi < self.lo;
        let same = self.is_exact() && self == other;
        let below = |a: Self, b: Self| {
            if a.hi < b.lo {
                Some(true)
            } else if a.lo >= b.hi {
                Some(false)
            } else {
                None
            }
        };
        match op {
            CompareOp::Eq if apart => Some(false),
            CompareOp::Eq => same.then_some(true),
            CompareOp::Ne if apart => Some(true),
            CompareOp::Ne => same.then_some(false),
            CompareOp::Lt => below(self, other),
            CompareOp::Gt => below(other, self),
            CompareOp::Le => below(other, self).map(|b| !b),
            CompareOp::Ge => below(self, other).map(|b| !b),
        }
    }
}

/// Ten to a power small enough for the scales that exist.
pub(crate) const fn power(exponent: u8) -> i128 {
    10i128.pow(exponent as u32)
}

/// Rounds half away from zero.
pub(crate) const fn round_div(a: i128, b: i128) -> i128 {
    let (q, r) = (a / b, a % b);
    // |r| < |b|, so doubling the remainder is safe where subtracting is.
    if r.unsigned_abs() >= b.unsigned_abs() - r.unsigned_abs() { q + a.signum() * b.signum() } else { q }
}

/// `a * 10^raise / b`, rounded once; `None` beyond `i128`.
pub(crate) fn quotient(a: i128, b: i128, raise: i8) -> Option<i128> {
    let unit = power(raise.unsigned_abs());
    if raise >= 0 { Some(round_div(a.checked_mul(unit)?, b)) } else { Some(round_div(a, b.checked_mul(unit)?)) }
}

/// `x * 10^by`, rounded once.
pub(crate) fn rescale(x: i128, by: i8) -> i128 {
    let unit = power(by.unsigned_abs());
    if by >= 0 { x.saturating_mul(unit) } else { round_div(x, unit) }
}

/// To a positive multiple.
pub(crate) fn round_to(x: i128, multiple: i128, mode: RoundMode) -> i128 {
    let times = match mode {
        RoundMode::Nearest => round_div(x, multiple),
        RoundMode::HalfEven => {
            let (below, above) = (x.div_euclid(multiple), x.rem_euclid(multiple));
            below + i128::from(above > multiple - above || (above == multiple - above && below % 2 != 0))
        }
        RoundMode::HalfDown => {
            let (q, r) = (x / multiple, (x % multiple).abs());
            if r > multiple - r { q + x.signum() } else { q }
        }
        RoundMode::Up if x % multiple == 0 => x / multiple,
        RoundMode::Up => x / multiple + x.signum(),
        RoundMode::Down => x / multiple,
        RoundMode::Floor => x.div_euclid(multiple),
        RoundMode::Ceil => -(-x).div_euclid(multiple),
    };
    times * multiple
}

/// A wide result as a value; `None` if it left the range of values.
pub(crate) fn narrow(wide: i128) -> Option<i64> {
    i64::try_from(wide).ok().filter(|v| *v != i64::MIN && *v != i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_round_away_from_zero() {
        for (a, b, q) in [(5, 2, 3), (-5, 2, -3), (4, 3, 1), (-4, 3, -1), (7, -2, -4), (1, 3, 0), (0, 5, 0)] {
            assert_eq!(round_div(a, b), q, "{a}/{b}");
        }
        assert_eq!(round_to(-150, 100, RoundMode::Nearest), -200);
        assert_eq!(round_to(-150, 100, RoundMode::Floor), -200);
        assert_eq!(round_to(-150, 100, RoundMode::Ceil), -100);
        assert_eq!(round_to(101, 100, RoundMode::Ceil), 200);
    }

    #[test]
    fn each_way_of_rounding_treats_halves_and_signs_its_way() {
        let rounded = |mode| [-350, -250, -150, -149, 50, 51, 100, 150, 250].map(|x| round_to(x, 100, mode) / 100);
        assert_eq!(rounded(RoundMode::Nearest), [-4, -3, -2, -1, 1, 1, 1, 2, 3]);
        assert_eq!(rounded(RoundMode::HalfEven), [-4, -2, -2, -1, 0, 1, 1, 2, 2]);
        assert_eq!(rounded(RoundMode::HalfDown), [-3, -2, -1, -1, 0, 1, 1, 1, 2]);
        assert_eq!(rounded(RoundMode::Up), [-4, -3, -2, -2, 1, 1, 1, 2, 3]);
        assert_eq!(rounded(RoundMode::Down), [-3, -2, -1, -1, 0, 0, 1, 1, 2]);
        assert_eq!(round_to(-7, 5, RoundMode::HalfEven), -5, "an odd multiple has no exact half");
    }

    fn end() -> impl Strategy<Value = i64> {
        prop_oneof![-30i64..30, -1000i64..1000, Just(i64::MIN), Just(i64::MAX), (i64::MAX - 5)..i64::MAX]
    }

    fn span_with_value() -> impl Strategy<Value = (Span, i64)> {
        (end(), end(), -1000i64..1000).prop_map(|(a, b, v)| {
            let (lo, hi) = (a.min(b), a.max(b));
            let (lo, hi) =
                (if lo == i64::MAX { i64::MAX - 1 } else { lo }, if hi == i64::MIN { i64::MIN + 1 } else { hi });
            (Span { lo, hi }, v.clamp(lo, hi))
        })
    }

    fn holds(span: Span, exact: i128) -> bool {
        // Beyond 64 bits all numbers are alike.
        let exact = exact.clamp(-INFINITE, INFINITE);
        span.low() <= exact && exact <= span.high()
    }

    const ALL_MODES: [RoundMode; 7] = [
        RoundMode::Nearest,
        RoundMode::HalfEven,
        RoundMode::HalfDown,
        RoundMode::Up,
        RoundMode::Down,
        RoundMode::Floor,
        RoundMode::Ceil,
    ];

    proptest! {
        #[test]
        fn results_hold_every_value((a, x) in span_with_value(), (b, y) in span_with_value(), drop in 0u8..4, raise in -2i8..3) {
            let (wx, wy) = (i128::from(x), i128::from(y));
            prop_assert!(holds(a.add(b), wx + wy));
            prop_assert!(holds(a.sub(b), wx - wy));
            prop_assert!(holds(a.neg(), -wx));
            prop_assert!(holds(a.abs(), wx.abs()));
            prop_assert!(holds(a.mul(b, drop), round_div(wx * wy, power(drop))));
            prop_assert!(holds(a.rescale(raise), rescale(wx, raise)));
            if y != 0 {
                prop_assert!(holds(a.div(b, raise), quotient(wx, wy, raise).unwrap()));
            }
            if y > 0 {
                for mode in ALL_MODES {
                    prop_assert!(holds(a.round(b, mode), round_to(wx, wy, mode)));
                }
            }
            for (op, is) in [
                (CompareOp::Eq, x == y), (CompareOp::Ne, x != y), (CompareOp::Lt, x < y),
                (CompareOp::Le, x <= y), (CompareOp::Gt, x > y), (CompareOp::Ge, x >= y),
            ] {
                if let Some(all) = a.compare(op, b) {
                    prop_assert_eq!(all, is);
                }
                prop_assert_eq!(Span::exact(x).compare(op, Span::exact(y)), Some(is));
            }
        }
    }
}
