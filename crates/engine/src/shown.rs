//! Values as people read them: units in Chinese, codes by their titles.

use std::fmt;
use std::sync::Arc;

use hedui_base::columns::days_to_date;
use hedui_base::{ColumnType, Month, Period, Tri};

use crate::output::Cell;

/// A value with its type: what a trace gives for any name.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Type and unit.
    pub ty: ColumnType,
    /// The value.
    pub held: Held,
}

/// What a value is, by kind of type.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// A number, date or month in the type's scale.
    Number(Cell),
    /// A condition.
    Condition(Tri),
    /// A text or code, known or none.
    Text(Option<Arc<str>>),
    /// A text or code that nobody knows.
    UnknownText,
}

impl Value {
    /// The number, if it is one and known.
    #[must_use]
    pub const fn number(&self) -> Option<i64> {
        match self.held {
            Held::Number(cell) => cell.known(),
            _ => None,
        }
    }

    /// Bounds of a number, both included; `None` if it is no number or there is none.
    #[must_use]
    pub const fn bounds(&self) -> Option<(i64, i64)> {
        match self.held {
            Held::Number(Cell::Known(v)) => Some((v, v)),
            Held::Number(Cell::Between(lo, hi)) => Some((lo, hi)),
            _ => None,
        }
    }

    /// The truth, if it is a condition.
    #[must_use]
    pub const fn condition(&self) -> Option<Tri> {
        match self.held {
            Held::Condition(tri) => Some(tri),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.held {
            Held::Condition(tri) => f.pad(tri.zh()),
            Held::Text(Some(text)) => f.pad(text),
            Held::Text(None) | Held::Number(Cell::None) => f.pad("无"),
            Held::UnknownText => f.pad("未知"),
            Held::Number(Cell::Known(v)) => f.pad(&number(self.ty, *v)),
            Held::Number(Cell::Between(i64::MIN, i64::MAX)) => f.pad("未知"),
            Held::Number(Cell::Between(lo, i64::MAX)) => f.pad(&format!("未知，不少于 {}", number(self.ty, *lo))),
            Held::Number(Cell::Between(i64::MIN, hi)) => f.pad(&format!("未知，不多于 {}", number(self.ty, *hi))),
            Held::Number(Cell::Between(lo, hi)) => {
                f.pad(&format!("未知，在 {} 与 {} 之间", number(self.ty, *lo), number(self.ty, *hi)))
            }
        }
    }
}

/// A known number in its type's scale, with its unit, as a caseworker reads it: `1,234.50 元/月`.
#[must_use]
pub fn number(ty: ColumnType, value: i64) -> String {
    match ty {
        ColumnType::Bool => if value == 0 { "否" } else { "是" }.to_owned(),
        ColumnType::Date => days_to_date(value).map_or_else(|| value.to_string(), |d| d.to_string()),
        ColumnType::Month => Month::from_index(value).map_or_else(|| value.to_string(), |m| m.to_string()),
        ColumnType::Money(Period::Stock) => format!("{} 元", scaled(value, 2, true)),
        ColumnType::Money(Period::Month) => format!("{} 元/月", scaled(value, 2, true)),
        ColumnType::Money(Period::Year) => format!("{} 元/年", scaled(value, 2, true)),
        ColumnType::Area => format!("{} 平方米", scaled(value, 2, false)),
        ColumnType::Decimal(scale) => scaled(value, scale, false),
        ColumnType::Person => format!("P{value}"),
        ColumnType::Int | ColumnType::Text | ColumnType::Code => value.to_string(),
    }
}

/// An integer with `scale` digits after the point; money groups its thousands.
fn scaled(value: i64, scale: u8, grouped: bool) -> String {
    let unit = 10u64.pow(u32::from(scale));
    let magnitude = value.unsigned_abs();
    let mut whole = (magnitude / unit).to_string();
    if grouped {
        let mut at = whole.len();
        while at > 3 {
            at -= 3;
            whole.insert(at, ',');
        }
    }
    let sign = if value < 0 { "-" } else { "" };
    match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{:0width$}", magnitude % unit, width = usize::from(scale)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_their_units() {
        let month = ColumnType::Money(Period::Month);
        assert_eq!(number(month, 123_456_789), "1,234,567.89 元/月");
        assert_eq!(number(month, -5), "-0.05 元/月");
        assert_eq!(number(ColumnType::Money(Period::Stock), 100_000), "1,000.00 元");
        assert_eq!(number(ColumnType::Decimal(4), 12), "0.0012");
        assert_eq!(number(ColumnType::Date, 0), "1970-01-01");
        let value = |lo, hi| Value { ty: month, held: Held::Number(Cell::Between(lo, hi)) }.to_string();
        assert_eq!(value(100, i64::MAX), "未知，不少于 1.00 元/月");
        assert_eq!(value(i64::MIN, i64::MAX), "未知");
    }
}
