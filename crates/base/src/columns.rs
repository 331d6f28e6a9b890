//! Columns in memory: what the store hands to the engine and what connectors hand to the store.
//!
//! Every value is an `i64` or a text. Money is fen, decimals are scaled by their type, dates are days since
//! 1970-01-01, months are [`crate::Month::index`], booleans are 0 and 1. What null means, the catalogue says.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::names::{AnswerId, AskId, PersonKey, SourceId};

/// One column of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers, dates, months and booleans; `None` is null.
    Int(Vec<Option<i64>>),
    /// Texts and codes; `None` is null. Equal texts share one allocation where the reader can.
    Text(Vec<Option<Arc<str>>>),
}

impl Column {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at `row`; `None` if null or a text column.
    #[must_use]
    pub fn int(&self, row: usize) -> Option<i64> {
        match self {
            Self::Int(v) => v[row],
            Self::Text(_) => None,
        }
    }

    /// The text at `row`; `None` if null or a number column.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Int(_) => None,
            Self::Text(v) => v[row].as_deref(),
        }
    }

    /// A new column of the rows at `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Int(v) => Self::Int(rows.iter().map(|r| v[*r]).collect()),
            Self::Text(v) => Self::Text(rows.iter().map(|r| v[*r].clone()).collect()),
        }
    }
}

/// Named columns of equal length. A column the catalogue knows but nobody sent is absent, which reads as null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Rows in every column.
    pub rows: usize,
    /// Columns by name.
    pub columns: BTreeMap<String, Column>,
}

impl Table {
    /// The number in a named column; `None` if null or absent.
    #[must_use]
    pub fn int(&self, column: &str, row: usize) -> Option<i64> {
        self.columns.get(column)?.int(row)
    }

    /// The text in a named column; `None` if null or absent.
    #[must_use]
    pub fn text(&self, column: &str, row: usize) -> Option<&str> {
        self.columns.get(column)?.text(row)
    }
}

/// Records of one dataset: who, from where, and the dataset's own columns.
///
/// Shape: one row per record. As the store returns them they are sorted by `person`, then `source`, then `record_id`,
/// and hold only current answers under the snapshot read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// Whose record it is.
    pub person: Vec<PersonKey>,
    /// Which source sent it.
    pub source: Vec<SourceId>,
    /// The natural key within person and source; the same key again is the same record.
    pub record_id: Vec<Arc<str>>,
    /// What day the value is true for, if the source said.
    pub as_of: Vec<Option<Date>>,
    /// Which question brought it.
    pub ask: Vec<AskId>,
    /// Which settled answer brought it.
    pub answer: Vec<AnswerId>,
    /// The dataset's columns.
    pub table: Table,
}

impl Records {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.person.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.person.is_empty()
    }
}

/// Days since 1970-01-01: how columns hold a date.
#[must_use]
pub fn date_to_days(date: Date) -> i64 {
    i64::from((date - EPOCH).get_days())
}

/// The inverse of [`date_to_days`]; `None` outside the calendar.
#[must_use]
pub fn days_to_date(days: i64) -> Option<Date> {
    let days = i32::try_from(days).ok()?;
    EPOCH.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

const EPOCH: Date = Date::constant(1970, 1, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_round_trip() {
        for text in ["1970-01-01", "1969-12-31", "2026-02-28", "1880-01-01", "9999-12-31"] {
            let date: Date = text.parse().unwrap();
            assert_eq!(days_to_date(date_to_days(date)), Some(date));
        }
        assert_eq!(date_to_days("1970-01-02".parse().unwrap()), 1);
        assert_eq!(days_to_date(i64::MAX), None);
    }
}
