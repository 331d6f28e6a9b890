//! What type a written expression has, as far as its words need it: the unit of bare numbers, the word of a comparison.
//!
//! Not a checker: what it cannot tell stays untold, and a number then has no unit.

use hedui_base::{ColumnType, Period};
use rust_decimal::Decimal;

use super::names::{Names, Place};
use crate::surface::{Arithmetic, Expr, ExprKind};

/// The type of an expression, if it is easily seen.
pub(super) fn type_of(names: &Names<'_>, expr: &Expr, place: Place<'_>) -> Option<ColumnType> {
    let of = |expr: &Expr| type_of(names, expr, place);
    let first = |all: &[Expr]| all.iter().find_map(of);
    match &expr.kind {
        ExprKind::Name(parts) => name_type(names, parts, place),
        ExprKind::Neg(x) => of(x),
        ExprKind::Arithmetic(Arithmetic::Add | Arithmetic::Sub, a, b) => of(a).or_else(|| of(b)),
        ExprKind::Arithmetic(Arithmetic::Mul, a, b) => [of(a), of(b)].into_iter().flatten().find(|ty| has_unit(*ty)),
        ExprKind::Arithmetic(Arithmetic::Div, a, b) => of(a).filter(|ty| has_unit(*ty) && !of(b).is_some_and(has_unit)),
        ExprKind::Case { branches, otherwise, .. } => {
            branches.iter().map(|(_, value)| value).chain(otherwise.as_deref()).find_map(of)
        }
        ExprKind::Call { name, args, .. } => match name.value.to_ascii_uppercase().as_str() {
            "COUNT" | "AGE" | "MONTHS_BETWEEN" | "DAYS_BETWEEN" | "WHOLE" => Some(ColumnType::Int),
            "PER_MONTH" | "SPREAD" => Some(ColumnType::Money(Period::Month)),
            "PER_YEAR" => Some(ColumnType::Money(Period::Year)),
            "OVER_MONTHS" => Some(ColumnType::Money(Period::Stock)),
            "MONTH" => Some(ColumnType::Month),
            "BOOL_OR" | "BOOL_AND" | "IN_LAST_MONTHS" => Some(ColumnType::Bool),
            "LEAST" | "GREATEST" => first(args),
            "SCALE" => args.get(1).and_then(of),
            "SUM" | "MIN" | "MAX" | "AVG" | "ABS" | "ROUND" | "ROUND_TO" | "FLOOR_TO" | "CEIL_TO" | "ASSUME"
            | "ADD_MONTHS" | "MONTH_FIRST" | "MONTH_LAST" | "MONTH_MAX" | "MONTH_MIN" => args.first().and_then(of),
            _ => names.meaning(&name.value, place).ty,
        },
        ExprKind::Date(_) => Some(ColumnType::Date),
        ExprKind::Bool(_)
        | ExprKind::Not(_)
        | ExprKind::Logic(..)
        | ExprKind::Compare(..)
        | ExprKind::Between { .. }
        | ExprKind::In { .. }
        | ExprKind::IsNull { .. } => Some(ColumnType::Bool),
        ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Interval { .. } | ExprKind::Star(_) | ExprKind::Error => {
            None
        }
    }
}

/// The type of a name.
pub(super) fn name_type(names: &Names<'_>, parts: &[String], place: Place<'_>) -> Option<ColumnType> {
    match parts {
        [word] if word == "as_of" => Some(ColumnType::Date),
        [word] if word == "is_member" => Some(ColumnType::Bool),
        [word] if word == "residence" => Some(ColumnType::Code),
        [name] => names.meaning(name, place).ty,
        [whose, name] if is_whose(whose) => names.meaning(name, Place::default()).ty,
        parts => names.meaning(&parts.join("."), Place::default()).ty,
    }
}

/// Whether the first part of a name says whose value it is.
pub(super) fn is_whose(word: &str) -> bool {
    ["member", "obligor", "household"].contains(&word)
}

fn has_unit(ty: ColumnType) -> bool {
    matches!(ty, ColumnType::Money(_) | ColumnType::Area)
}

/// Plain digits, as written in a formula: `5000`, `1.5`.
pub(super) fn digits(number: Decimal) -> String {
    number.normalize().to_string()
}
