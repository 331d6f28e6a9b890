//! Which types go together, and what to say when they do not.

use hedui_base::{ColumnType, Diagnostic, Period};

use crate::program::{Expr, ExprKind};
use crate::spot::{Also as _, Spot};

/// A number that can be added: plain, money or area.
pub(super) const fn is_number(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Int | ColumnType::Decimal(_) | ColumnType::Money(_) | ColumnType::Area)
}

/// A number without a unit.
pub(super) const fn is_plain(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Int | ColumnType::Decimal(_))
}

/// A text or code.
pub(super) const fn is_text(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Text | ColumnType::Code)
}

/// Whether one value can be less than another.
pub(super) const fn is_ordered(ty: ColumnType) -> bool {
    is_number(ty) || matches!(ty, ColumnType::Date | ColumnType::Month)
}

/// The type in words.
pub(super) fn words(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Text => "a text",
        ColumnType::Code => "a code",
        ColumnType::Bool => "a condition",
        ColumnType::Int => "a count",
        ColumnType::Decimal(_) => "a plain decimal",
        ColumnType::Date => "a date",
        ColumnType::Month => "a month",
        ColumnType::Money(Period::Stock) => "money at one moment",
        ColumnType::Money(Period::Month) => "money per month",
        ColumnType::Money(Period::Year) => "money per year",
        ColumnType::Area => "an area",
        ColumnType::Person => "a person",
    }
}

/// A type and where the expression of that type is.
pub(super) type Side<'a> = (ColumnType, &'a Spot);

/// Two types that do not go together; `verb` completes "cannot .. a with b".
pub(super) fn mismatch(verb: &str, left: Side<'_>, right: Side<'_>) -> Diagnostic {
    let (code, help) = match (left.0, right.0) {
        (ColumnType::Money(a), ColumnType::Money(b)) => ("rules::period_mixed", period_help(a, b)),
        (a, b) if is_number(a) && is_number(b) => (
            "rules::unit_mixed",
            "compare and add like with like: multiply a count by an amount, or divide amounts to get a plain number",
        ),
        (ColumnType::Bool, _) | (_, ColumnType::Bool) => {
            ("rules::type_mismatch", "a condition stands by itself: write `x`, or `NOT x`")
        }
        (ColumnType::Date | ColumnType::Month, ColumnType::Date | ColumnType::Month) => {
            ("rules::type_mismatch", "MONTH(date) is the month of a date; MONTHS_BETWEEN(a, b) takes both")
        }
        (ColumnType::Date, _) | (_, ColumnType::Date) => (
            "rules::type_mismatch",
            "dates go with dates: DATE '2026-03-31', as_of, date + INTERVAL '12' MONTH; AGE and DAYS_BETWEEN make numbers of them",
        ),
        _ => ("rules::type_mismatch", "both sides need one type"),
    };
    let joined = match verb {
        "divide" | "multiply" => "by",
        "add" | "subtract" | "mix" => "and",
        _ => "with",
    };
    let first = Diagnostic::error(code, format!("cannot {verb} {} {joined} {}", words(left.0), words(right.0)));
    first.also(left.1, words(left.0)).also(right.1, words(right.0)).help(help)
}

pub(super) const fn period_help(a: Period, b: Period) -> &'static str {
    match (a, b) {
        (Period::Month, Period::Year) | (Period::Year, Period::Month) => {
            "SPREAD(x, 'clause') makes a yearly amount monthly where a clause says so (PER_MONTH(x) gives bounds only); PER_YEAR(x) makes a monthly one yearly"
        }
        (Period::Stock, Period::Month) | (Period::Month, Period::Stock) => {
            "PER_MONTH(x, 12) spreads a sum over 12 months; OVER_MONTHS(x, 36) is what a monthly amount comes to in 36 months"
        }
        _ => "PER_MONTH(x, 12) makes a sum of 12 months monthly, PER_YEAR of that makes it yearly",
    }
}

/// A value in the scale of another type of the same kind.
pub(super) fn rescaled(expr: Expr, ty: ColumnType) -> Expr {
    let power = i16::from(ty.scale()) - i16::from(expr.ty.scale());
    // Scales are 0 to 9.
    let power = i8::try_from(power).unwrap_or(0);
    match (power, expr.kind) {
        (0, kind) => Expr::new(kind, ty),
        (1.., ExprKind::Int(n)) if n.checked_mul(10i64.pow(power.unsigned_abs().into())).is_some() => {
            Expr::new(ExprKind::Int(n * 10i64.pow(power.unsigned_abs().into())), ty)
        }
        (_, kind) => Expr::new(ExprKind::Rescale(Box::new(Expr::new(kind, expr.ty)), power), ty),
    }
}

/// The narrowest type that holds both, if there is one.
pub(super) fn common(a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    match (a, b) {
        (a, b) if a == b => Some(a),
        (a, b) if is_plain(a) && is_plain(b) => Some(if a.scale() >= b.scale() { a } else { b }),
        (a, b) if is_text(a) && is_text(b) => Some(ColumnType::Text),
        _ => None,
    }
}
