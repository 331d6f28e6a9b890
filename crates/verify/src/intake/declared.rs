use std::str::FromStr;
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{ColumnSpec, ColumnType, Fen, FenError, Month};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

/// A declared value in the scale of its input's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeclaredValue {
    /// A number, date, month or boolean.
    Int(i64),
    /// A text or code.
    Text(Arc<str>),
    /// Nothing was declared.
    Null,
}

/// Reads one declared value by the input's type. The message says what to write and never repeats the value.
pub(crate) fn read_declared(spec: &ColumnSpec, value: &Value) -> Result<DeclaredValue, (&'static str, String)> {
    let number = |code: &'static str, what: &str| (code, format!("write {what}"));
    let int = match (spec.ty, value) {
        (_, Value::Null) => return Ok(DeclaredValue::Null),
        (ColumnType::Text | ColumnType::Code, Value::String(text)) => {
            if spec.ty == ColumnType::Code && !spec.codes.is_empty() && !spec.codes.contains_key(text) {
                let codes: Vec<&str> = spec.codes.keys().map(String::as_str).collect();
                return Err(("unknown_code", format!("one of {}", codes.join(", "))));
            }
            return Ok(DeclaredValue::Text(text.as_str().into()));
        }
        (ColumnType::Text | ColumnType::Code, _) => return Err(number("not_text", "a text")),
        (ColumnType::Bool, Value::Bool(b)) => i64::from(*b),
        (ColumnType::Bool, _) => return Err(number("not_bool", "true or false")),
        (ColumnType::Date, Value::String(text)) => {
            let day = Date::from_str(text).map_err(|_| number("bad_date", "a day as YYYY-MM-DD"))?;
            date_to_days(day)
        }
        (ColumnType::Date, _) => return Err(number("bad_date", "a day as YYYY-MM-DD")),
        (ColumnType::Month, Value::String(text)) => {
            text.parse::<Month>().map_err(|_| number("bad_month", "a month as YYYY-MM"))?.index()
        }
        (ColumnType::Month, _) => return Err(number("bad_month", "a month as YYYY-MM")),
        (ColumnType::Money(_), _) => money(value)?,
        (ColumnType::Int, _) => {
            text_of(value).and_then(|t| t.parse().ok()).ok_or_else(|| number("bad_number", "a whole number"))?
        }
        (ColumnType::Decimal(scale), _) => decimal(value, scale)?,
        (ColumnType::Area, _) => decimal(value, 2)?,
        (ColumnType::Person, _) => return Err(("not_declared", "a person cannot be declared here".to_owned())),
    };
    if spec.min.is_some_and(|min| int < min) || spec.max.is_some_and(|max| int > max) {
        return Err(("out_of_range", "the value is outside what this input may be".to_owned()));
    }
    Ok(DeclaredValue::Int(int))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Number(n) => Some(n.to_string()),
        Value::String(s) => Some(s.clone()),
        _ => None,
    }
}

fn money(value: &Value) -> Result<i64, (&'static str, String)> {
    let text = text_of(value).ok_or_else(|| ("bad_money", FenError::NotANumber.to_string()))?;
    let fen = text.parse::<Fen>().map_err(|error| ("bad_money", error.to_string()))?;
    if fen.fen().abs() > Fen::INGEST_LIMIT.fen() {
        return Err(("bad_money", FenError::OutOfRange.to_string()));
    }
    Ok(fen.fen())
}

fn decimal(value: &Value, scale: u8) -> Result<i64, (&'static str, String)> {
    let wrong = || ("bad_number", format!("write a number with at most {scale} decimals"));
    let decimal = text_of(value).and_then(|t| Decimal::from_str(&t).ok()).ok_or_else(wrong)?;
    let scaled = decimal.checked_mul(Decimal::from(10i64.pow(u32::from(scale)))).ok_or_else(wrong)?.normalize();
    if scaled.scale() > 0 {
        return Err(wrong());
    }
    i64::try_from(scaled.mantissa()).map_err(|_| wrong())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use hedui_base::catalogue::{NullMeaning, Title};
    use serde_json::json;

    fn spec(ty: &str) -> ColumnSpec {
        ColumnSpec {
            title: Title::default(),
            ty: ty.parse().unwrap(),
            null: NullMeaning::Unknown,
            min: Some(0),
            max: None,
            codes: std::collections::BTreeMap::new(),
            level: "L3".into(),
            mzt073: None,
        }
    }

    #[test]
    fn declared_values_take_their_inputs_scale() {
        for (ty, value, expected) in [
            ("money", json!(12.5), 1250),
            ("money/month", json!("0.01"), 1),
            ("int", json!(3), 3),
            ("bool", json!(true), 1),
            ("decimal(4)", json!("0.5"), 5000),
            ("date", json!("1970-01-02"), 1),
        ] {
            assert_eq!(read_declared(&spec(ty), &value), Ok(DeclaredValue::Int(expected)), "{ty}");
        }
        assert_eq!(read_declared(&spec("money"), &Value::Null), Ok(DeclaredValue::Null));
        let code = |ty: &str, value: Value| read_declared(&spec(ty), &value).unwrap_err().0;
        assert_eq!(code("money", json!("1.2万元")), "bad_money");
        assert_eq!(code("money", json!(0.005)), "bad_money");
        assert_eq!(code("money", json!(-1)), "out_of_range");
        assert_eq!(code("int", json!(1.5)), "bad_number");
        assert_eq!(code("bool", json!("yes")), "not_bool");
        assert_eq!(code("date", json!("2026-02-30")), "bad_date");
    }
}
