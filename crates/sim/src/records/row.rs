//! Rows of datasets that have no struct of their own: few columns, many rows, so they are kept small.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use hedui_base::{Fen, Month};
use jiff::civil::Date;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A row of a register: columns with their values, in the order they were written. Amounts are yuan in text, dates ISO,
/// months `YYYY-MM`, decimals text. JSON: an object.
#[derive(Clone, Default, PartialEq)]
pub struct Row(Vec<(Cow<'static, str>, Value)>);

impl Row {
    /// The value of a column; none if the row does not have it.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == column).map(|(_, value)| value)
    }

    /// The text of a column; none if it is null, absent or no text.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column).and_then(Value::as_str)
    }

    /// The date of a column; none if it is null, absent or no date.
    #[must_use]
    pub fn date(&self, column: &str) -> Option<Date> {
        self.text(column)?.parse().ok()
    }

    /// Sets a column.
    pub fn set(&mut self, column: &'static str, value: impl Into<Cell>) {
        let value = value.into().0;
        match self.0.iter_mut().find(|(name, _)| name == column) {
            Some((_, old)) => *old = value,
            None => self.0.push((Cow::Borrowed(column), value)),
        }
    }

    /// Columns and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<Row> for Value {
    fn from(row: Row) -> Self {
        Self::Object(row.0.into_iter().map(|(name, value)| (name.into_owned(), value)).collect())
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row: an object of columns")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some((name, value)) = map.next_entry::<Cow<'de, str>, Value>()? {
                    row.push((known(&name).map_or_else(|| Cow::Owned(name.into_owned()), Cow::Borrowed), value));
                }
                Ok(Row(row))
            }
        }
        deserializer.deserialize_map(Columns)
    }
}

/// A column's name as the catalogue has it, so that rows read from a file do not each hold a copy.
fn known(name: &str) -> Option<&'static str> {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let datasets = hedui_connect::catalogue().datasets;
        datasets
            .values()
            .flat_map(|d| d.columns.keys())
            .map(ToString::to_string)
            .chain(["_institution".into()])
            .collect()
    });
    names.get(name).map(String::as_str)
}

/// A value as registers hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell(Value);

macro_rules! cell_of {
    ($($from:ty => |$value:ident| $make:expr;)*) => {
        $(impl From<$from> for Cell {
            fn from($value: $from) -> Self {
                Self($make)
            }
        })*
    };
}

cell_of! {
    &'static str => |value| Value::from(value);
    String => |value| Value::from(value);
    Cow<'static, str> => |value| Value::from(value.into_owned());
    bool => |value| Value::from(value);
    i64 => |value| Value::from(value);
    Date => |value| Value::from(value.to_string());
    Month => |value| Value::from(value.to_string());
    Fen => |value| Value::from(value.to_string());
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Value::Null), Into::into)
    }
}

/// A row: `row! { "column": value, … }`.
macro_rules! row {
    ($($column:literal : $value:expr),* $(,)?) => {{
        let mut row = $crate::records::Row::default();
        $(row.set($column, $value);)*
        row
    }};
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_an_object_and_comes_back() {
        let mut row = row! {
            "kind": "deed", "paid_on": Date::constant(2026, 1, 9), "price": Fen::from_yuan(12), "year": 3_i64,
            "local": true, "aid_end": None::<Date>, "_institution": "tax".to_owned(), "unheard_of": "x",
        };
        let text = serde_json::to_string(&row).unwrap_or_default();
        assert_eq!(
            text,
            r#"{"kind":"deed","paid_on":"2026-01-09","price":"12.00","year":3,"local":true,"aid_end":null,"_institution":"tax","unheard_of":"x"}"#
        );
        assert_eq!(serde_json::from_str::<Row>(&text).ok(), Some(row.clone()));
        assert_eq!(Value::from(row.clone())["price"], "12.00");
        row.set("kind", "vehicle");
        assert_eq!((row.text("kind"), row.date("paid_on")), (Some("vehicle"), Some(Date::constant(2026, 1, 9))));
        assert_eq!((row.get("aid_end"), row.get("aid")), (Some(&Value::Null), None));
    }
}
