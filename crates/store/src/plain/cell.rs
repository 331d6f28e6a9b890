//! From a cell to a value of its column's type, exactly, or to a sentence that says what was expected.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{Column, ColumnSpec, ColumnType, Fen, FenError, Month};
use jiff::civil::Date;

use super::sheet::Cells;

/// Why a cell is not a value: a sentence without the value.
pub(super) type Complaint = String;

/// Converts a whole column; `complain` is told the row and what was expected, and that row reads as null.
///
/// # Errors
/// What was expected, if the column as a whole has a type that cannot hold it.
pub(super) fn convert(
    cells: &Cells,
    rows: usize,
    spec: &ColumnSpec,
    people: &HashMap<Arc<str>, u32>,
    complain: &mut dyn FnMut(usize, Complaint),
) -> Result<Column, Complaint> {
    suits(cells, spec.ty)?;
    Ok(if spec.ty.is_int() {
        let values = (0..rows).map(|row| number(cells, row, spec, people).and_then(|v| in_bounds(spec, v)));
        Column::Int(values.enumerate().map(|(row, v)| kept(row, v, complain)).collect())
    } else {
        let mut shared: HashMap<Box<str>, Arc<str>> = HashMap::new();
        let values = (0..rows).map(|row| {
            Ok(text(cells, row, spec)?.map(|text| match shared.get(text) {
                Some(known) => Arc::clone(known),
                None => {
                    let made: Arc<str> = text.into();
                    shared.insert(text.into(), Arc::clone(&made));
                    made
                }
            }))
        });
        Column::Text(values.enumerate().map(|(row, v)| kept(row, v, complain)).collect())
    })
}

/// Whether a column of the file can hold values of a type at all.
fn suits(cells: &Cells, ty: ColumnType) -> Result<(), Complaint> {
    use ColumnType as T;
    let found = match (cells, ty) {
        (Cells::Text(_), _)
        | (Cells::Bool(_), T::Bool)
        | (Cells::Date(_), T::Date)
        | (Cells::Int(_), T::Int | T::Money(_) | T::Month)
        | (Cells::Decimal(..), T::Money(_) | T::Area | T::Decimal(_)) => return Ok(()),
        (Cells::Int(_), _) => "whole numbers",
        (Cells::Date(_), _) => "dates",
        (Cells::Bool(_), _) => "booleans",
        (Cells::Decimal(..), _) => "decimals",
        (Cells::Float, _) => "binary floats, which are never exact",
        (Cells::Other(name), _) => name,
    };
    Err(format!(
        "the column holds {found}; expected {}{}",
        expected(ty),
        match ty {
            T::Money(_) => " (in Parquet: Int64 fen or Decimal yuan)",
            T::Area | T::Decimal(_) => " (in Parquet: Decimal)",
            T::Month => " (in Parquet: text)",
            _ => "",
        }
    ))
}

/// The text of an id; whole numbers of a Parquet file are ids too.
///
/// # Errors
/// What was expected.
pub(super) fn id(cells: &Cells, row: usize) -> Result<Option<Cow<'_, str>>, Complaint> {
    match cells {
        Cells::Int(v) => Ok(v[row].map(|v| v.to_string().into())),
        _ => Ok(plain_text(cells, row)?.map(Into::into)),
    }
}

fn kept<T>(row: usize, value: Result<Option<T>, Complaint>, complain: &mut dyn FnMut(usize, Complaint)) -> Option<T> {
    value.unwrap_or_else(|complaint| {
        complain(row, complaint);
        None
    })
}

/// The text of a cell; refuses what a spreadsheet made of a long number.
pub(super) fn plain_text(cells: &Cells, row: usize) -> Result<Option<&str>, Complaint> {
    match cells {
        Cells::Text(texts) => match texts.get(row) {
            Some(text) if damaged(text) => Err(
                "a long number that a spreadsheet cut short (exponent form); format the column as text and export again"
                    .to_owned(),
            ),
            text => Ok(text),
        },
        _ => Err("expected text".to_owned()),
    }
}

fn text<'a>(cells: &'a Cells, row: usize, spec: &ColumnSpec) -> Result<Option<&'a str>, Complaint> {
    let text = plain_text(cells, row)?;
    if let Some(text) = text
        && spec.ty == ColumnType::Code
        && !spec.codes.is_empty()
        && !spec.codes.contains_key(text)
    {
        let codes: Vec<&str> = spec.codes.keys().map(String::as_str).collect();
        return Err(format!("not a code of this column; one of {}", codes.join(", ")));
    }
    Ok(text)
}

/// Digits, a point, digits, `E+`, digits: what remains of an 18-digit number in a spreadsheet.
fn damaged(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once("E+").or_else(|| text.split_once("e+")) else { return false };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    digits(exponent) && mantissa.split_once('.').map_or_else(|| digits(mantissa), |(a, b)| digits(a) && digits(b))
}

fn number(
    cells: &Cells,
    row: usize,
    spec: &ColumnSpec,
    people: &HashMap<Arc<str>, u32>,
) -> Result<Option<i64>, Complaint> {
    let expected = format!("expected {}", expected(spec.ty));
    match (spec.ty, cells) {
        (_, Cells::Text(texts)) => {
            texts.get(row).map(|t| from_text(t, spec.ty, people).ok_or_else(|| expected.clone())).transpose()
        }
        (ColumnType::Bool, Cells::Bool(v)) => Ok(v[row].map(i64::from)),
        (ColumnType::Date, Cells::Date(v)) | (ColumnType::Int | ColumnType::Money(_), Cells::Int(v)) => Ok(v[row]),
        // Our own files hold a month as its index; a small number such as 202605 or 2026 is something else.
        (ColumnType::Month, Cells::Int(v)) => match v[row] {
            Some(index) if Month::from_index(index).is_some_and(|m| m.year() >= 1900) => Ok(Some(index)),
            None => Ok(None),
            Some(_) => Err(expected),
        },
        (ColumnType::Money(_) | ColumnType::Area | ColumnType::Decimal(_), Cells::Decimal(v, scale)) => {
            v[row].map(|v| rescaled(v, *scale, u32::from(spec.ty.scale())).ok_or(expected)).transpose()
        }
        _ => Err(expected),
    }
}

/// What a column takes, for messages.
fn expected(ty: ColumnType) -> String {
    match ty {
        ColumnType::Text | ColumnType::Code => "text".to_owned(),
        ColumnType::Bool => "true or false".to_owned(),
        ColumnType::Int => "a whole number in digits".to_owned(),
        ColumnType::Decimal(n) => format!("a number in digits with at most {n} decimals"),
        ColumnType::Date => "a date as YYYY-MM-DD".to_owned(),
        ColumnType::Month => "a month as YYYY-MM".to_owned(),
        ColumnType::Money(_) => {
            "an amount of yuan in digits with at most two decimals, such as 1234.50, below 10 million million"
                .to_owned()
        }
        ColumnType::Area => "square metres in digits with at most two decimals".to_owned(),
        ColumnType::Person => "the id of a person in persons".to_owned(),
    }
}

fn from_text(text: &str, ty: ColumnType, people: &HashMap<Arc<str>, u32>) -> Option<i64> {
    match ty {
        ColumnType::Text | ColumnType::Code => None,
        ColumnType::Bool => match text {
            "true" | "1" => Some(1),
            "false" | "0" => Some(0),
            _ => None,
        },
        ColumnType::Int => decimal(text, 0),
        ColumnType::Decimal(scale) => decimal(text, u32::from(scale)),
        ColumnType::Area => decimal(text, 2),
        ColumnType::Date => date(text).map(date_to_days),
        ColumnType::Month => text.parse().ok().map(Month::index),
        ColumnType::Money(_) => match text.parse::<Fen>() {
            Ok(fen) => Some(fen.fen()),
            Err(FenError::NotANumber | FenError::TooPrecise | FenError::OutOfRange) => None,
        },
        ColumnType::Person => people.get(text).map(|p| i64::from(*p)),
    }
}

/// Exactly `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Option<Date> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse().ok().filter(|_| plain)
}

/// A plain decimal number times 10^scale, exact.
fn decimal(text: &str, scale: u32) -> Option<i64> {
    let body = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let fraction_kept = fraction.trim_end_matches('0');
    if !digits(whole) || !digits(fraction) || fraction_kept.len() > scale as usize {
        return None;
    }
    let value: i64 = format!("{whole}{fraction_kept:0<width$}", width = scale as usize).parse().ok()?;
    Some(if text.starts_with('-') { -value } else { value })
}

/// A value with `from` decimals as one with `to` decimals, if it is exact.
fn rescaled(value: i128, from: u32, to: u32) -> Option<i64> {
    let exact = if to >= from {
        value.checked_mul(10i128.checked_pow(to - from)?)?
    } else {
        let unit = 10i128.checked_pow(from - to)?;
        if value % unit != 0 {
            return None;
        }
        value / unit
    };
    i64::try_from(exact).ok()
}

fn in_bounds(spec: &ColumnSpec, value: Option<i64>) -> Result<Option<i64>, Complaint> {
    let Some(v) = value else { return Ok(None) };
    if matches!(spec.ty, ColumnType::Money(_)) && v.unsigned_abs() > Fen::INGEST_LIMIT.fen().unsigned_abs() {
        return Err(format!("expected {}", expected(spec.ty)));
    }
    let shown = |bound: i64| {
        let scale = u32::from(spec.ty.scale());
        rust_decimal::Decimal::new(bound, scale).normalize().to_string()
    };
    match (spec.min, spec.max) {
        (Some(min), _) if v < min => Err(format!("less than {}, the smallest possible value", shown(min))),
        (_, Some(max)) if v > max => Err(format!("more than {}, the largest possible value", shown(max))),
        _ => Ok(value),
    }
}

/// A value of a key column as text, as a CSV file would write it.
pub(super) fn key_text(column: &Column, ty: ColumnType, row: usize) -> Option<String> {
    let Some(value) = column.int(row) else { return column.text(row).map(str::to_owned) };
    Some(match ty {
        ColumnType::Date => hedui_base::columns::days_to_date(value)?.to_string(),
        ColumnType::Month => Month::from_index(value)?.to_string(),
        ColumnType::Money(_) => Fen::new(value).to_string(),
        ColumnType::Area | ColumnType::Decimal(_) => {
            rust_decimal::Decimal::new(value, u32::from(ty.scale())).normalize().to_string()
        }
        _ => value.to_string(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!(decimal("12.50", 2), Some(1250));
        assert_eq!(decimal("-0.5", 4), Some(-5000));
        assert_eq!(decimal("3", 0), Some(3));
        for bad in ["", ".", "1.", ".5", "1.234", "1e3", "１", "+1", "1,000"] {
            assert_eq!(decimal(bad, 2), None, "{bad}");
        }
        assert_eq!(rescaled(12345, 4, 2), None);
        assert_eq!(rescaled(12300, 4, 2), Some(123));
        assert_eq!(rescaled(5, 0, 2), Some(500));
        assert!(damaged("4.40524E+17") && damaged("4E+17"));
        assert!(!damaged("E+17") && !damaged("苏E+1") && !damaged("440524"));
        assert!(date("2026-02-30").is_none() && date("2026-2-3").is_none() && date("2026-02-03").is_some());
    }
}
