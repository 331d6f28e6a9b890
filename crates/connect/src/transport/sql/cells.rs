//! What a database's binary values say, as JSON: exact, and never a value that was not there.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Number, Value};

/// Adds a column; none if the result has it already, because one of two would be lost.
pub(super) fn put(object: &mut Map<String, Value>, name: &str, value: Value) -> Option<()> {
    object.insert(name.to_owned(), value).is_none().then_some(())
}

/// Digits as a JSON number, kept as they are; what is no number (`NaN`) stays a text that no converter takes for one.
pub(super) fn decimal(text: String) -> Value {
    match text.parse::<Number>() {
        Ok(number) if text.bytes().any(|b| b.is_ascii_digit()) => Value::Number(number),
        _ => Value::String(text),
    }
}

/// A float by its shortest decimal.
pub(super) fn float(value: impl ToString) -> Value {
    decimal(value.to_string())
}

/// PostgreSQL's NUMERIC: digits to the base of 10,000, the weight of the first, a sign, and how many decimals are shown.
pub(super) fn pg_numeric(bytes: &[u8]) -> Option<Value> {
    let word = |at: usize| Some(u16::from_be_bytes(bytes.get(2 * at..2 * at + 2)?.try_into().ok()?));
    let signed = |at: usize| Some(i32::from(i16::from_be_bytes(word(at)?.to_be_bytes())));
    let (count, weight, sign, scale) = (usize::from(word(0)?), signed(1)?, word(2)?, usize::from(word(3)? & 0x3fff));
    let negative = match sign {
        0x0000 => false,
        0x4000 => true,
        0xC000 => return Some(Value::String("NaN".into())),
        0xD000 => return Some(Value::String("Infinity".into())),
        0xF000 => return Some(Value::String("-Infinity".into())),
        _ => return None,
    };
    if bytes.len() != 8 + 2 * count {
        return None;
    }
    // The group that stands for 10,000^position.
    let group = |position: i32| {
        let index = usize::try_from(weight - position).ok().filter(|i| *i < count)?;
        word(4 + index).filter(|digits| *digits < 10_000)
    };
    if (0..count).any(|i| word(4 + i).is_none_or(|d| d >= 10_000)) {
        return None;
    }
    let whole: String = (0..=weight.max(0)).rev().map(|p| format!("{:04}", group(p).unwrap_or(0))).collect();
    let whole = whole.trim_start_matches('0');
    let groups = i32::try_from(scale.div_ceil(4)).ok()?;
    let mut part: String = (1..=groups).map(|p| format!("{:04}", group(-p).unwrap_or(0))).collect();
    part.truncate(scale);
    let mut text = String::from(if negative { "-" } else { "" });
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if !part.is_empty() {
        text.push('.');
        text.push_str(&part);
    }
    Some(decimal(text))
}

/// PostgreSQL's DATE: days since 2000-01-01. `infinity` is a text that is no date.
pub(super) fn pg_date(bytes: &[u8]) -> Option<Value> {
    let days = i32::from_be_bytes(bytes.try_into().ok()?);
    Some(Value::String(match days {
        i32::MAX => "infinity".into(),
        i32::MIN => "-infinity".into(),
        days => Date::constant(2000, 1, 1)
            .checked_add(SignedDuration::from_secs(i64::from(days) * 86_400))
            .map_or_else(|_| "out of range".into(), |day| day.to_string()),
    }))
}

/// PostgreSQL's TIMESTAMP, and TIMESTAMPTZ where the institutions are: UTC+8, all year. Microseconds since 2000-01-01.
pub(super) fn pg_timestamp(bytes: &[u8], zoned: bool) -> Option<Value> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    if micros == i64::MAX || micros == i64::MIN {
        return Some(Value::String(if micros > 0 { "infinity".into() } else { "-infinity".into() }));
    }
    let shift = SignedDuration::from_hours(if zoned { 8 } else { 0 });
    let time = DateTime::constant(2000, 1, 1, 0, 0, 0, 0)
        .checked_add(SignedDuration::from_micros(micros))
        .and_then(|time| time.checked_add(shift));
    Some(Value::String(time.map_or_else(|_| "out of range".into(), |time| time.to_string())))
}

/// MySQL's DATE, DATETIME and TIMESTAMP: a length, then the parts. A day that does not exist (`0000-00-00`) stays a text
/// that is no date: it was written there, so it is not null.
pub(super) fn mysql_time(bytes: &[u8], with_time: bool) -> Option<Value> {
    let (length, parts) = bytes.split_first()?;
    if usize::from(*length) != parts.len() {
        return None;
    }
    let at = |index: usize| parts.get(index).copied().unwrap_or(0);
    let year = u16::from_le_bytes([at(0), at(1)]);
    let mut text = format!("{year:04}-{:02}-{:02}", at(2), at(3));
    if with_time {
        text.push_str(&format!("T{:02}:{:02}:{:02}", at(4), at(5), at(6)));
        if let Some(micros) = parts.get(7..11).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
            && micros > 0
        {
            text.push_str(&format!(".{micros:06}"));
        }
    }
    Some(Value::String(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn numeric(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> String {
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(groups.len()).unwrap().to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        for word in [sign, scale].iter().chain(groups) {
            bytes.extend(word.to_be_bytes());
        }
        match pg_numeric(&bytes).unwrap() {
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("text {text}"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_numeric_keeps_every_digit() {
        assert_eq!(numeric(1, 0, 2, &[65, 0, 1000]), "650000.10");
        assert_eq!(numeric(-1, 0x4000, 4, &[5]), "-0.0005");
        assert_eq!(numeric(-2, 0, 6, &[1200]), "0.000012");
        assert_eq!(numeric(0, 0, 0, &[]), "0");
        assert_eq!(numeric(2, 0, 0, &[1]), "100000000");
        let long = numeric(9, 0, 0, &[9; 10]);
        assert_eq!(long, "9000900090009000900090009000900090009");
        assert_eq!(numeric(0, 0xC000, 0, &[]), "text NaN");
        assert_eq!(numeric(0, 0xD000, 0, &[]), "text Infinity");
        assert_eq!(pg_numeric(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 1]), None, "a group is missing");
    }

    #[test]
    fn days_that_do_not_exist_stay_what_they_are() {
        let text = |value: Option<Value>| value.unwrap().as_str().unwrap().to_owned();
        assert_eq!(text(pg_date(&9_677i32.to_be_bytes())), "2026-06-30");
        assert_eq!(text(pg_date(&i32::MAX.to_be_bytes())), "infinity");
        assert_eq!(text(pg_date(&(i32::MAX - 1).to_be_bytes())), "out of range");
        let noon = (9_677i64 * 86_400 + 20 * 3600) * 1_000_000;
        assert_eq!(text(pg_timestamp(&noon.to_be_bytes(), false)), "2026-06-30T20:00:00");
        assert_eq!(text(pg_timestamp(&noon.to_be_bytes(), true)), "2026-07-01T04:00:00", "a day of UTC+8");
        assert_eq!(text(pg_timestamp(&i64::MIN.to_be_bytes(), true)), "-infinity");
        assert_eq!(text(mysql_time(&[0], false)), "0000-00-00");
        assert_eq!(text(mysql_time(&[4, 0xea, 7, 6, 30], false)), "2026-06-30");
        assert_eq!(text(mysql_time(&[4, 0xea, 7, 0, 0], true)), "2026-00-00T00:00:00");
        assert_eq!(text(mysql_time(&[7, 0xea, 7, 6, 30, 8, 5, 9], true)), "2026-06-30T08:05:09");
        assert_eq!(mysql_time(&[7, 1], false), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_of_a_server_stop_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let _ = (pg_numeric(&bytes), pg_date(&bytes), pg_timestamp(&bytes, true), mysql_time(&bytes, true));
        }
    }
}
