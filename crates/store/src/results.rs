//! Result files such as `findings.parquet`: named, typed columns, written at once and read back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hedui_base::Fen;
use hedui_base::columns::{date_to_days, days_to_date};
use jiff::Timestamp;
use jiff::civil::Date;
use polars::prelude as pl;
use polars::prelude::SerReader as _;

use crate::shape::Kind;
use crate::{StoreError, file, frame};

/// One column of a result; `None` is null.
#[derive(Clone, Debug, PartialEq)]
pub enum ResultColumn {
    /// Utf8.
    Text(Vec<Option<Arc<str>>>),
    /// Int64.
    Int(Vec<Option<i64>>),
    /// Int64, in fen; name the column `*_fen`.
    Money(Vec<Option<Fen>>),
    /// Date32.
    Date(Vec<Option<Date>>),
    /// Microseconds in UTC.
    Time(Vec<Option<Timestamp>>),
    /// Boolean.
    Bool(Vec<Option<bool>>),
    /// Binary.
    Bytes(Vec<Option<Vec<u8>>>),
}

impl ResultColumn {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(v) => v.len(),
            Self::Int(v) => v.len(),
            Self::Money(v) => v.len(),
            Self::Date(v) => v.len(),
            Self::Time(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Bytes(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Writes columns of equal length as zstd Parquet, in the order given: whole and synced, or not at all.
///
/// # Errors
/// If columns differ in length or share a name, or the file cannot be written.
pub fn write<N: AsRef<str>>(path: &Path, columns: &[(N, ResultColumn)]) -> Result<(), StoreError> {
    let rows = columns.first().map_or(0, |(_, c)| c.len());
    let mut made: Vec<pl::Column> = Vec::with_capacity(columns.len());
    for (name, column) in columns {
        let name = name.as_ref();
        let series = match column {
            ResultColumn::Text(v) => Some(frame::texts(name, v.iter().map(Option::as_deref))),
            ResultColumn::Int(v) => frame::ints(name, Kind::Int, v.iter().copied()),
            ResultColumn::Money(v) => frame::ints(name, Kind::Int, v.iter().map(|v| v.map(Fen::fen))),
            ResultColumn::Date(v) => frame::ints(name, Kind::Date, v.iter().map(|v| v.map(date_to_days))),
            ResultColumn::Time(v) => frame::ints(name, Kind::Time, v.iter().map(|v| v.map(Timestamp::as_microsecond))),
            ResultColumn::Bool(v) => frame::ints(name, Kind::Bool, v.iter().map(|v| v.map(i64::from))),
            ResultColumn::Bytes(v) => Some(frame::bytes(name, v.iter().map(Option::as_deref))),
        };
        made.extend(series.map(pl::Column::from));
    }
    let mut frame = pl::DataFrame::new(rows, made)?;
    let bytes = file::encode(path, &mut frame)?;
    let temporary = path.with_extension("parquet.tmp");
    file::write_synced(&temporary, &bytes)?;
    fs::rename(&temporary, path).map_err(StoreError::io(path))
}

/// Reads a result file back, in its own order. Money comes back as [`ResultColumn::Int`].
///
/// # Errors
/// If the file cannot be read or has a column of another type.
pub fn read(path: &Path) -> Result<Vec<(String, ResultColumn)>, StoreError> {
    let file = fs::File::open(path).map_err(StoreError::io(path))?;
    let frame = pl::ParquetReader::new(file).set_rechunk(true).finish().map_err(StoreError::parquet(path))?;
    columns_of(&frame)
}

/// Reads the first row in which a column of texts has some text, without reading the other rows into memory; `None` if
/// there is none.
///
/// # Errors
/// As [`read`].
pub fn read_one(path: &Path, column: &str, text: &str) -> Result<Option<Vec<(String, ResultColumn)>>, StoreError> {
    let open = || fs::File::open(path).map_err(StoreError::io(path));
    let reader = pl::ParquetReader::new(open()?).with_columns(Some(vec![column.to_owned()])).set_rechunk(true);
    let keys = reader.finish().map_err(StoreError::parquet(path))?;
    let keys = frame::text_values(&keys, column)?;
    let Some(row) = keys.iter().position(|key| key.as_deref() == Some(text)) else { return Ok(None) };
    let reader = pl::ParquetReader::new(open()?).with_slice(Some((row, 1))).set_rechunk(true);
    columns_of(&reader.finish().map_err(StoreError::parquet(path))?).map(Some)
}

fn columns_of(frame: &pl::DataFrame) -> Result<Vec<(String, ResultColumn)>, StoreError> {
    let mut columns = Vec::with_capacity(frame.width());
    for column in frame.columns() {
        let name = column.name().as_str();
        let ints = || frame::int_values(frame, name);
        let read = match column.dtype() {
            pl::DataType::String => ResultColumn::Text(frame::text_values(frame, name)?),
            pl::DataType::Binary => ResultColumn::Bytes(frame::byte_values(frame, name)?),
            pl::DataType::Date => ResultColumn::Date(ints()?.into_iter().map(|v| v.and_then(days_to_date)).collect()),
            pl::DataType::Datetime(..) => ResultColumn::Time(
                ints()?.into_iter().map(|v| v.and_then(|v| Timestamp::from_microsecond(v).ok())).collect(),
            ),
            pl::DataType::Boolean => ResultColumn::Bool(ints()?.into_iter().map(|v| v.map(|v| v != 0)).collect()),
            _ => ResultColumn::Int(ints()?),
        };
        columns.push((name.to_owned(), read));
    }
    Ok(columns)
}
