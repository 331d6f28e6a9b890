//! Values in the words that cases are written in.

use std::collections::BTreeSet;

use hedui_base::{ColumnType, Tri};
use hedui_rules::cases::Expected;
use hedui_rules::program::ParameterValue;

use crate::output::Cell;
use crate::shown::{Held, Value, number as show_number};

pub(super) fn join(names: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Whether a value is what a case expects.
pub(super) fn agrees(expected: &Expected, got: &Value) -> bool {
    match (expected, &got.held) {
        (Expected::Value(ParameterValue::Int(v)), Held::Number(cell)) => cell.known() == Some(*v),
        (Expected::Value(ParameterValue::Int(v)), Held::Condition(tri)) => *tri == Tri::from(*v != 0),
        (Expected::Value(ParameterValue::Text(text)), Held::Text(Some(got))) => text == got,
        (Expected::Unknown, Held::Number(cell)) => matches!(cell, Cell::Between(..)),
        (Expected::Unknown, Held::Condition(tri)) => *tri == Tri::Undetermined,
        (Expected::Unknown, Held::UnknownText) | (Expected::None, Held::Text(None)) => true,
        (Expected::None, Held::Number(cell)) => *cell == Cell::None,
        (Expected::Between(lo, hi), Held::Number(Cell::Between(a, b))) => {
            lo.unwrap_or(i64::MIN) == *a && hi.unwrap_or(i64::MAX) == *b
        }
        _ => false,
    }
}

/// What a case expects.
pub(super) fn shown(expected: &Expected, ty: ColumnType) -> String {
    let number = |v: i64| show_number(ty, v);
    match expected {
        Expected::Value(ParameterValue::Int(v)) if ty == ColumnType::Bool => Tri::from(*v != 0).to_string(),
        Expected::Value(ParameterValue::Int(v)) => number(*v),
        Expected::Value(ParameterValue::Text(text)) => text.to_string(),
        Expected::Unknown if ty == ColumnType::Bool => Tri::Undetermined.to_string(),
        Expected::Unknown => "unknown".to_owned(),
        Expected::None => "none".to_owned(),
        Expected::Between(lo, hi) => bounds(lo.map(number), hi.map(number)),
    }
}

fn bounds(lo: Option<String>, hi: Option<String>) -> String {
    let word = |end: Option<String>, word: &str| end.map(|end| format!(", {word} {end}")).unwrap_or_default();
    format!("unknown{}{}", word(lo, "at least"), word(hi, "at most"))
}

/// What came out.
pub(super) fn plain(value: &Value) -> String {
    let end = |v: i64| (v != i64::MIN && v != i64::MAX).then(|| show_number(value.ty, v));
    match &value.held {
        Held::Condition(tri) => tri.to_string(),
        Held::Number(Cell::Known(v)) => show_number(value.ty, *v),
        Held::Number(Cell::Between(lo, hi)) => bounds(end(*lo), end(*hi)),
        Held::Text(Some(text)) => text.to_string(),
        Held::Number(Cell::None) | Held::Text(None) => "none".to_owned(),
        Held::UnknownText => "unknown".to_owned(),
    }
}
