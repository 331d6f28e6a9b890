//! `+ - * /`: units combine, scales are kept, each operation rounds once.

use hedui_base::ColumnType;
use rust_decimal::Decimal;

use super::check::{Checker, Rx};
use super::units::{is_number, is_plain, mismatch, words};
use crate::program::{Expr, ExprKind};
use crate::resolved::ExprKind as R;
use crate::spot::{Also as _, Spot};
use crate::surface::Arithmetic;

/// Decimals of a ratio, unless its variable is declared with another number.
const RATIO: u8 = 6;

impl Checker<'_> {
    pub(super) fn arithmetic(
        &mut self,
        op: Arithmetic,
        a: &Rx,
        b: &Rx,
        expected: Option<ColumnType>,
        spot: &Spot,
    ) -> Option<Expr> {
        if let (Some(x), Some(y)) = (constant(a), constant(b))
            && let Some(folded) = fold(op, x, y)
        {
            return self.check(&Rx { kind: R::Number(folded), spot: spot.clone() }, expected);
        }
        match (op, &a.kind, &b.kind) {
            (Arithmetic::Add | Arithmetic::Sub, _, R::Interval { months, days }) => {
                let sign = if op == Arithmetic::Sub { -1 } else { 1 };
                self.shift(a, sign * months, sign * days)
            }
            (Arithmetic::Add, R::Interval { months, days }, _) => self.shift(b, *months, *days),
            (Arithmetic::Add | Arithmetic::Sub, ..) => self.sum(op, a, b, expected),
            (Arithmetic::Mul, ..) => self.product(a, b),
            (Arithmetic::Div, ..) => self.quotient(a, b, expected),
        }
    }

    /// A date or month moved.
    fn shift(&mut self, date: &Rx, months: i32, days: i32) -> Option<Expr> {
        let moved = self.check(date, None)?;
        let ty = moved.ty;
        let kind = match ty {
            ColumnType::Date if days != 0 => ExprKind::AddDays(Box::new(moved), days),
            ColumnType::Date => ExprKind::AddMonths(Box::new(moved), months),
            ColumnType::Month if days == 0 => {
                ExprKind::Add(Box::new(moved), Box::new(Expr::new(ExprKind::Int(months.into()), ColumnType::Month)))
            }
            _ => {
                return self.fail(
                    date.spot.error(
                        "rules::type_mismatch",
                        format!("an interval cannot be added to {}", words(ty)),
                        words(ty),
                    ),
                    "add intervals to dates (or whole months to months)",
                );
            }
        };
        Some(Expr::new(kind, ty))
    }

    fn sum(&mut self, op: Arithmetic, a: &Rx, b: &Rx, expected: Option<ColumnType>) -> Option<Expr> {
        let (left, right) = self.pair(a, b, expected)?;
        let verb = if op == Arithmetic::Add { "add" } else { "subtract" };
        if left.ty == right.ty && !is_number(left.ty) {
            let help = match left.ty {
                ColumnType::Date => "DAYS_BETWEEN(a, b) or MONTHS_BETWEEN(a, b) is the time between two dates",
                ColumnType::Month => "MONTHS_BETWEEN(a, b) is the time between two months",
                ColumnType::Bool => "join conditions with AND or OR",
                _ => "only numbers are added",
            };
            return self.fail(
                a.spot
                    .error(
                        "rules::type_mismatch",
                        format!("cannot {verb} {} and {}", words(left.ty), words(right.ty)),
                        words(left.ty),
                    )
                    .also(&b.spot, words(right.ty)),
                help,
            );
        }
        let mut both = self.unify(verb, vec![(left, &a.spot), (right, &b.spot)])?;
        let (right, left) = (Box::new(both.pop()?), Box::new(both.pop()?));
        let ty = left.ty;
        let kind = if op == Arithmetic::Add { ExprKind::Add(left, right) } else { ExprKind::Sub(left, right) };
        Some(Expr::new(kind, ty))
    }

    fn product(&mut self, a: &Rx, b: &Rx) -> Option<Expr> {
        let (left, right) = (self.check(a, None), self.check(b, None));
        let (left, right) = (left?, right?);
        let (ty, drop) = match (left.ty, right.ty) {
            (ColumnType::Money(_), ColumnType::Money(_)) => {
                return self.fail(
                    a.spot
                        .error("rules::money_times_money", "money times money means nothing", words(left.ty))
                        .also(&b.spot, words(right.ty)),
                    "multiply money by a count or a plain decimal; a share is money divided by money",
                );
            }
            (x, y) if is_plain(x) && is_plain(y) => {
                let wide = if x.scale() >= y.scale() { x } else { y };
                (wide, x.scale().min(y.scale()))
            }
            (x, y) if is_number(x) && is_plain(y) => (x, y.scale()),
            (x, y) if is_plain(x) && is_number(y) => (y, x.scale()),
            (x, y) => {
                self.mistakes.push(mismatch("multiply", (x, &a.spot), (y, &b.spot)));
                return None;
            }
        };
        Some(Expr::new(ExprKind::Mul(Box::new(left), Box::new(right), drop), ty))
    }

    fn quotient(&mut self, a: &Rx, b: &Rx, expected: Option<ColumnType>) -> Option<Expr> {
        if constant(b).is_some_and(|n| n.is_zero()) {
            return self.fail(
                b.spot.error("rules::division_by_zero", "this divides by zero", "zero"),
                "divide by something else",
            );
        }
        let (left, right) = (self.check(a, None), self.check(b, None));
        let (left, right) = (left?, right?);
        let digits = match expected {
            Some(ColumnType::Decimal(n)) => n,
            _ => RATIO,
        };
        let (ty, raise) = match (left.ty, right.ty) {
            (x, y) if is_plain(x) && is_plain(y) => {
                let digits = digits.max(x.scale().saturating_sub(y.scale()));
                (ColumnType::Decimal(digits), digits + y.scale() - x.scale())
            }
            (x, y) if x == y && is_number(x) => (ColumnType::Decimal(digits), digits),
            (x, y) if is_number(x) && is_plain(y) => (x, y.scale()),
            (x, y) => {
                self.mistakes.push(mismatch("divide", (x, &a.spot), (y, &b.spot)));
                return None;
            }
        };
        let raise = i8::try_from(raise).unwrap_or(i8::MAX);
        Some(Expr::new(ExprKind::Div(Box::new(left), Box::new(right), raise), ty))
    }
}

/// The number an expression is, if it is a literal.
pub(super) fn constant(expr: &Rx) -> Option<Decimal> {
    match &expr.kind {
        R::Number(n) => Some(*n),
        R::Neg(x) => constant(x).map(|n| -n),
        _ => None,
    }
}

/// Exactly, or not at all.
fn fold(op: Arithmetic, a: Decimal, b: Decimal) -> Option<Decimal> {
    match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div => a.checked_div(b).filter(|q| q.normalize().scale() <= 9),
    }
    .map(|n| n.normalize())
}
