//! Between columns in memory (`hedui_base`) and data frames, the form that Parquet is written from and read into.

use std::collections::HashMap;
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{Column, ColumnType, Fen, PersonKey, Records};
use jiff::Timestamp;
use polars::prelude as pl;
use polars::prelude::{IntoSeries as _, NewChunkedArray as _};

use crate::columns::{BulkColumn, Texts};
use crate::shape::{Kind, RECORD_COLUMNS, Shape, ShapeColumn};
use crate::{CoverageRow, StoreError};

/// A column of numbers of a kind, from the values `hedui_base` holds.
pub(crate) fn ints(name: &str, kind: Kind, values: impl Iterator<Item = Option<i64>>) -> Option<pl::Series> {
    Some(match kind {
        Kind::Int => pl::Int64Chunked::from_iter_options(name.into(), values).into_series(),
        Kind::Bool => {
            pl::BooleanChunked::from_iter_options(name.into(), values.map(|v| v.map(|v| v != 0))).into_series()
        }
        Kind::Time => pl::Int64Chunked::from_iter_options(name.into(), values)
            .into_datetime(pl::TimeUnit::Microseconds, None)
            .into_series(),
        Kind::Date => {
            let days: Option<Vec<Option<i32>>> =
                values.map(|v| v.map_or(Some(None), |v| i32::try_from(v).ok().map(Some))).collect();
            pl::Int32Chunked::from_iter_options(name.into(), days?.into_iter()).into_date().into_series()
        }
        Kind::Text => return None,
    })
}

/// A column of texts.
pub(crate) fn texts<'a>(name: &str, values: impl Iterator<Item = Option<&'a str>>) -> pl::Series {
    pl::StringChunked::from_iter_options(name.into(), values).into_series()
}

/// A column of bytes.
pub(crate) fn bytes<'a>(name: &str, values: impl Iterator<Item = Option<&'a [u8]>>) -> pl::Series {
    pl::BinaryChunked::from_iter_options(name.into(), values).into_series()
}

/// The values of a column of bytes.
pub(crate) fn byte_values(frame: &pl::DataFrame, name: &str) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let column = frame.column(name)?.as_materialized_series().binary()?;
    Ok(column.iter().map(|value| value.map(<[u8]>::to_vec)).collect())
}

fn nulls(column: &ShapeColumn, rows: usize) -> pl::Series {
    pl::Series::full_null(column.name.as_str().into(), rows, &dtype(column.kind))
}

fn dtype(kind: Kind) -> pl::DataType {
    match kind {
        Kind::Int => pl::DataType::Int64,
        Kind::Text => pl::DataType::String,
        Kind::Bool => pl::DataType::Boolean,
        Kind::Date => pl::DataType::Date,
        Kind::Time => pl::DataType::Datetime(pl::TimeUnit::Microseconds, None),
    }
}

pub(crate) fn assemble(rows: usize, series: Vec<pl::Series>) -> Result<pl::DataFrame, StoreError> {
    Ok(pl::DataFrame::new(rows, series.into_iter().map(pl::Column::from).collect())?)
}

/// Checks that records have the shape of their dataset: every column known, of the right kind, length and range.
pub(crate) fn check_records(shape: &Shape, records: &Records) -> Result<(), StoreError> {
    let rows = records.len();
    let lengths =
        [records.source.len(), records.record_id.len(), records.as_of.len(), records.ask.len(), records.answer.len()];
    if lengths.iter().any(|l| *l != rows) || records.table.rows != rows {
        return Err(shape.bad("person", "all columns of a set of records have the same length"));
    }
    for (name, column) in &records.table.columns {
        let own = shape.columns[RECORD_COLUMNS.len()..].iter().find(|c| c.name == *name);
        let Some(spec) = own else {
            let known = shape.columns[RECORD_COLUMNS.len()..].iter().map(|c| c.name.as_str());
            return Err(StoreError::UnknownColumn {
                dataset: shape.name.clone(),
                column: name.clone(),
                nearest: hedui_base::diagnostic::nearest(name, known).map(str::to_owned),
            });
        };
        if column.len() != rows {
            return Err(shape.bad(name, "all columns of a set of records have the same length"));
        }
        match (column, spec.kind) {
            (Column::Text(_), Kind::Text) => {}
            (Column::Int(values), kind) if kind != Kind::Text => {
                let limit = Fen::INGEST_LIMIT.fen();
                let money = matches!(spec.ty, Some(ColumnType::Money(_)));
                if money && values.iter().flatten().any(|v| *v > limit || *v < -limit) {
                    return Err(shape.bad(name, "an amount beyond 10^15 fen; quarantine it at ingest"));
                }
                if kind == Kind::Bool && values.iter().flatten().any(|v| *v != 0 && *v != 1) {
                    return Err(shape.bad(name, "a boolean is 0 or 1"));
                }
            }
            (Column::Text(_), _) => return Err(shape.bad(name, "expected a column of numbers")),
            (Column::Int(_), _) => return Err(shape.bad(name, "expected a column of texts")),
        }
    }
    Ok(())
}

/// The frame of some rows of checked records, in the order given.
pub(crate) fn from_records(shape: &Shape, records: &Records, order: &[usize]) -> Result<pl::DataFrame, StoreError> {
    let rows = order.len();
    let mut series = Vec::with_capacity(shape.columns.len());
    for column in &shape.columns {
        let name = column.name.as_str();
        let at = order.iter().copied();
        let made = match (name, column.ty) {
            ("person", None) => ints(name, column.kind, at.map(|r| Some(i64::from(records.person[r].0)))),
            ("source", None) => Some(texts(name, at.map(|r| Some(records.source[r].as_str())))),
            ("record_id", None) => Some(texts(name, at.map(|r| Some(&*records.record_id[r])))),
            ("as_of", None) => ints(name, column.kind, at.map(|r| records.as_of[r].map(date_to_days))),
            ("ask", None) => ints(name, column.kind, at.map(|r| Some(records.ask[r].0))),
            ("answer", None) => ints(name, column.kind, at.map(|r| Some(records.answer[r].0))),
            _ => match records.table.columns.get(name) {
                None => Some(nulls(column, rows)),
                Some(Column::Int(values)) => ints(name, column.kind, at.map(|r| values[r])),
                Some(Column::Text(values)) => Some(texts(name, at.map(|r| values[r].as_deref()))),
            },
        };
        series.push(made.ok_or_else(|| shape.bad(name, "expected a date between the years 1 and 9999"))?);
    }
    assemble(rows, series)
}

/// The frame of coverage rows, in the order given.
pub(crate) fn from_coverage(shape: &Shape, rows: &[&CoverageRow]) -> Result<pl::DataFrame, StoreError> {
    let mut series = Vec::with_capacity(shape.columns.len());
    for column in &shape.columns {
        let name = column.name.as_str();
        let all = rows.iter().copied();
        let time = |t: Timestamp| Some(t.as_microsecond());
        let made = match name {
            "person" => ints(name, column.kind, all.map(|r| Some(i64::from(r.person.0)))),
            "source" => Some(texts(name, all.map(|r| Some(r.source.as_str())))),
            "outcome" => Some(texts(name, all.map(|r| Some(r.outcome.as_str())))),
            "ask" => ints(name, column.kind, all.map(|r| Some(r.ask.0))),
            "answer" => ints(name, column.kind, all.map(|r| Some(r.answer.0))),
            "asked" => ints(name, column.kind, all.map(|r| time(r.asked))),
            "answered" => ints(name, column.kind, all.map(|r| r.answered.and_then(time))),
            "as_of" => ints(name, column.kind, all.map(|r| r.as_of.map(date_to_days))),
            "due" => ints(name, column.kind, all.map(|r| r.due.map(date_to_days))),
            "letter" => Some(texts(name, all.map(|r| r.letter.as_deref()))),
            "manifest" => Some(texts(name, all.map(|r| Some(r.manifest.as_str())))),
            _ => Some(texts(name, all.map(|r| r.detail.as_deref()))),
        };
        series.push(made.ok_or_else(|| shape.bad(name, "expected a date between the years 1 and 9999"))?);
    }
    assemble(rows.len(), series)
}

/// Gives a frame read from a file exactly these columns: those the file lacks (it is older than they are) are null.
pub(crate) fn conform(frame: &pl::DataFrame, columns: &[&ShapeColumn]) -> Result<pl::DataFrame, StoreError> {
    let rows = frame.height();
    let mut series = Vec::with_capacity(columns.len());
    for column in columns {
        series.push(match frame.column(&column.name) {
            Ok(found) => found.as_materialized_series().clone(),
            Err(_) => nulls(column, rows),
        });
    }
    assemble(rows, series)
}

/// The values of a column of numbers, as `hedui_base` holds them.
pub(crate) fn int_values(frame: &pl::DataFrame, name: &str) -> Result<Vec<Option<i64>>, StoreError> {
    let series = frame.column(name)?.as_materialized_series();
    Ok(match series.dtype() {
        pl::DataType::Boolean => series.bool()?.iter().map(|v| v.map(i64::from)).collect(),
        pl::DataType::Date => series.to_physical_repr().i32()?.iter().map(|v| v.map(i64::from)).collect(),
        pl::DataType::Datetime(..) => series.to_physical_repr().i64()?.iter().collect(),
        _ => series.i64()?.iter().collect(),
    })
}

/// A column in the form that files are written from.
pub(crate) fn bulk_column(frame: &pl::DataFrame, name: &str, kind: Kind) -> Result<BulkColumn, StoreError> {
    if kind != Kind::Text {
        return Ok(BulkColumn::Ints(int_values(frame, name)?.into_iter().collect()));
    }
    let mut texts = Texts::default();
    frame.column(name)?.as_materialized_series().str()?.iter().for_each(|text| texts.push(text));
    Ok(BulkColumn::Texts(texts))
}

/// The numbers of a column without nulls.
pub(crate) fn required(frame: &pl::DataFrame, name: &str) -> Result<Vec<i64>, StoreError> {
    Ok(int_values(frame, name)?.into_iter().map(|v| v.unwrap_or_default()).collect())
}

/// Texts that occur again share one allocation.
#[derive(Default)]
struct Interner(HashMap<Box<str>, Arc<str>>);

impl Interner {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        self.0.insert(text.into(), Arc::clone(&shared));
        shared
    }
}

/// The texts of a column.
pub(crate) fn text_values(frame: &pl::DataFrame, name: &str) -> Result<Vec<Option<Arc<str>>>, StoreError> {
    let mut interner = Interner::default();
    Ok(frame.column(name)?.as_materialized_series().str()?.iter().map(|v| v.map(|v| interner.get(v))).collect())
}

pub(crate) fn person(value: i64) -> PersonKey {
    PersonKey(u32::try_from(value).unwrap_or(u32::MAX))
}

/// Sorts a frame by person, then the texts named, then answer.
pub(crate) fn sorted(frame: &pl::DataFrame, by: &[&str]) -> Result<pl::DataFrame, StoreError> {
    let persons = required(frame, "person")?;
    let answers = required(frame, "answer")?;
    let keys: Vec<&pl::StringChunked> =
        by.iter().map(|name| frame.column(name)?.as_materialized_series().str()).collect::<pl::PolarsResult<_>>()?;
    let mut order: Vec<usize> = (0..frame.height()).collect();
    order.sort_by(|a, b| {
        persons[*a]
            .cmp(&persons[*b])
            .then_with(|| {
                keys.iter().map(|k| k.get(*a).cmp(&k.get(*b))).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
            })
            .then_with(|| answers[*a].cmp(&answers[*b]))
    });
    take(frame, &order)
}

/// Some rows of a frame, in the order given.
pub(crate) fn take(frame: &pl::DataFrame, rows: &[usize]) -> Result<pl::DataFrame, StoreError> {
    let index: pl::IdxCa = pl::IdxCa::from_iter_values(
        "".into(),
        rows.iter().map(|r| pl::IdxSize::try_from(*r).unwrap_or(pl::IdxSize::MAX)),
    );
    Ok(frame.take(&index)?)
}
