use std::sync::Arc;

use hedui_base::{AreaCode, ColumnType};
use jiff::civil::Date;

/// A dated parameter: a table of values by area, residence and further keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// Type and unit of the values.
    pub ty: ColumnType,
    /// Names of key columns beyond area, residence, from and until.
    pub keys: Vec<String>,
    /// Rows; the checker has made sure that no two match at once with one area length.
    pub rows: Vec<ParameterRow>,
}

/// One row: one value with its citation.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterRow {
    /// Area and everything inside it; none means everywhere.
    pub area: Option<AreaCode>,
    /// `urban` or `rural`; none means both.
    pub residence: Option<Arc<str>>,
    /// What each further key must be.
    pub keys: Vec<KeyMatch>,
    /// First day.
    pub from: Date,
    /// Last day; none means until further notice.
    pub until: Option<Date>,
    /// The value.
    pub value: ParameterValue,
    /// Where it was published.
    pub cite: String,
    /// File within the pack.
    pub file: String,
    /// Line in that file, from 1.
    pub line: usize,
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterValue {
    /// A number, date or boolean in the type's scale.
    Int(i64),
    /// A text or code.
    Text(Arc<str>),
}

/// What a key column of a row accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMatch {
    /// Anything (an empty cell).
    Any,
    /// A whole number within bounds, both included.
    Range(i64, i64),
    /// Exactly this text.
    Text(Arc<str>),
}

/// A value to look a row up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValue<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl Parameter {
    /// The row in force on a day for an area and residence: the one with the longest area.
    ///
    /// `None` is an error of the pack or of the case, never zero.
    #[must_use]
    pub fn lookup(
        &self,
        area: AreaCode,
        residence: Option<&str>,
        keys: &[KeyValue<'_>],
        day: Date,
    ) -> Option<&ParameterRow> {
        self.rows
            .iter()
            .filter(|row| {
                row.area.is_none_or(|a| area.is_within(a))
                    && row.residence.as_deref().is_none_or(|r| residence == Some(r))
                    && row.from <= day
                    && row.until.is_none_or(|u| day <= u)
                    && row.keys.iter().zip(keys).all(|(m, k)| m.accepts(k))
            })
            .max_by_key(|row| (row.area.map_or(0, AreaCode::depth), row.residence.is_some()))
    }
}

impl KeyMatch {
    /// Whether a value passes.
    #[must_use]
    pub fn accepts(&self, value: &KeyValue<'_>) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Range(lo, hi), KeyValue::Int(v)) => (lo..=hi).contains(&v),
            (Self::Text(t), KeyValue::Text(v)) => **t == **v,
            _ => false,
        }
    }
}
