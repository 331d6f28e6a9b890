//! Scanned columns as the batch takes them apart.

use hedui_engine::packed::{PackedColumn, Words};
use hedui_store::ScannedColumn;

use crate::VerifyError;

/// Scanned columns, one after the other.
pub(super) struct Columns(std::vec::IntoIter<ScannedColumn>);

impl Columns {
    pub(super) fn new(columns: Vec<ScannedColumn>) -> Self {
        Self(columns.into_iter())
    }

    pub(super) fn next(&mut self) -> Option<ScannedColumn> {
        self.0.next()
    }
}

fn wrong() -> VerifyError {
    VerifyError::Internal("a column of the store has another type than its table".to_owned())
}

/// The numbers of a column and which rows have one; empty if all have.
pub(super) fn ints(column: Option<ScannedColumn>) -> Result<(Vec<i64>, Vec<bool>), VerifyError> {
    match column {
        Some(ScannedColumn::Ints { values, valid }) => Ok((values, valid)),
        _ => Err(wrong()),
    }
}

/// The words of a column, by number.
pub(super) fn words(column: Option<ScannedColumn>) -> Result<(Vec<u32>, Vec<Box<str>>), VerifyError> {
    match column {
        Some(ScannedColumn::Words { ids, words }) => Ok((ids, words)),
        _ => Err(wrong()),
    }
}

/// A column for the engine: words become those of the bucket.
pub(super) fn packed(column: ScannedColumn, all: &mut Words) -> PackedColumn {
    match column {
        ScannedColumn::Ints { values, valid } => PackedColumn::Int { values, valid },
        ScannedColumn::Words { mut ids, words } => {
            let number: Vec<u32> = words.iter().map(|word| all.intern(word)).collect();
            ids.iter_mut().filter(|id| **id != ScannedColumn::NULL).for_each(|id| *id = number[*id as usize]);
            PackedColumn::Word(ids)
        }
    }
}

/// Some rows of a column, in this order.
pub(super) fn taken(column: &PackedColumn, rows: &[u32]) -> PackedColumn {
    match column {
        PackedColumn::Int { values, valid } => PackedColumn::Int {
            values: rows.iter().map(|row| values[*row as usize]).collect(),
            valid: if valid.is_empty() { Vec::new() } else { rows.iter().map(|row| valid[*row as usize]).collect() },
        },
        PackedColumn::Word(words) => PackedColumn::Word(rows.iter().map(|row| words[*row as usize]).collect()),
    }
}

/// Adds one value to a column.
pub(super) fn push(column: &mut PackedColumn, value: &Value, all: &mut Words) {
    match (column, value) {
        (PackedColumn::Int { values, valid }, value) => {
            let known = if let Value::Int(known) = value { Some(*known) } else { None };
            if known.is_none() && valid.is_empty() {
                valid.resize(values.len(), true);
            }
            if known.is_none() || !valid.is_empty() {
                valid.push(known.is_some());
            }
            values.push(known.unwrap_or_default());
        }
        (PackedColumn::Word(words), Value::Word(word)) => words.push(all.intern(word)),
        (PackedColumn::Word(words), _) => words.push(Words::NULL),
    }
}

/// One value, on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Word(Box<str>),
}

/// The value in a row.
pub(super) fn value(column: &PackedColumn, row: usize, all: &Words) -> Value {
    if let Some(number) = column.int(row) {
        return Value::Int(number);
    }
    column.word(row).and_then(|word| all.get(word)).map_or(Value::Null, |word| Value::Word(word.into()))
}
