//! Result files such as `findings.parquet`: named, typed columns, written at once and read back.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::Fen;
use hedui_base::columns::{date_to_days, days_to_date};
use jiff::Timestamp;
use jiff::civil::Date;
use polars::prelude as pl;
use polars::prelude::SerReader as _;

use crate::columns::BulkColumn;
use crate::parquet::{self, EncodedGroup, FileColumn, GrowingFile, PageSize};
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

/// What a column of a [`ResultWriter`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// Utf8.
    Text,
    /// Int64.
    Int,
    /// Date32, from days since 1970-01-01.
    Date,
    /// Microseconds in UTC.
    Time,
}

impl ResultKind {
    const fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Int => Kind::Int,
            Self::Date => Kind::Date,
            Self::Time => Kind::Time,
        }
    }
}

/// Names and kinds of the columns of a result file.
#[derive(Clone, Debug)]
pub struct ResultShape {
    columns: Vec<(String, ResultKind)>,
    blobs: Option<String>,
}

/// Rows of a result file, encoded but not yet in it.
#[derive(Debug)]
pub struct ResultRows(Option<EncodedGroup>);

impl ResultShape {
    /// Encodes rows, one value in each column, and one in `bytes` if the file has such a column. May run on any thread.
    ///
    /// # Errors
    /// If the columns are not as many as the file has, or differ in length.
    pub fn encode(&self, columns: &[BulkColumn], bytes: &[Vec<u8>]) -> Result<ResultRows, StoreError> {
        let rows = columns.first().map_or(0, BulkColumn::len);
        let fits = columns.len() == self.columns.len()
            && columns.iter().all(|column| column.len() == rows)
            && bytes.len() == if self.blobs.is_some() { rows } else { 0 };
        if !fits {
            return Err(StoreError::Catalogue("rows of a result do not have the columns of its file".to_owned()));
        }
        if rows == 0 {
            return Ok(ResultRows(None));
        }
        let named = self.columns.iter().zip(columns);
        let named: Vec<FileColumn<'_>> =
            named.map(|((name, kind), values)| FileColumn { name, kind: kind.kind(), values: Some(values) }).collect();
        let blobs = self.blobs.as_deref().map(|name| (name, bytes));
        let (group, _) =
            parquet::encode_group(&named, rows, blobs, PageSize::RESULTS).map_err(pl::PolarsError::from)?;
        Ok(ResultRows(Some(group)))
    }
}

/// A result file in the making, some rows at a time: memory does not grow with the file. Dropped unfinished, it leaves
/// nothing behind.
pub struct ResultWriter {
    path: PathBuf,
    temporary: PathBuf,
    columns: Vec<(String, ResultKind)>,
    blobs: Option<String>,
    file: Option<GrowingFile<BufWriter<fs::File>>>,
}

impl ResultWriter {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path, columns: Vec<(String, ResultKind)>) -> Result<Self, StoreError> {
        Self::with_bytes(path, columns, None)
    }

    /// The same with a column of bytes behind the others.
    ///
    /// # Errors
    /// As [`ResultWriter::create`].
    pub fn with_bytes(
        path: &Path,
        columns: Vec<(String, ResultKind)>,
        blobs: Option<String>,
    ) -> Result<Self, StoreError> {
        let temporary = path.with_extension("parquet.tmp");
        let to = BufWriter::with_capacity(1 << 20, fs::File::create(&temporary).map_err(StoreError::io(&temporary))?);
        let named = columns.iter().map(|(name, kind)| (name.clone(), kind.kind())).collect();
        let broken = |e| StoreError::Parquet { path: path.to_owned(), source: pl::PolarsError::from(e) };
        let file = GrowingFile::begin(to, named, blobs.clone()).map_err(broken)?;
        Ok(Self { path: path.to_owned(), temporary, columns, blobs, file: Some(file) })
    }

    /// What rows of this file are made of, to encode them on another thread.
    #[must_use]
    pub fn shape(&self) -> ResultShape {
        ResultShape { columns: self.columns.clone(), blobs: self.blobs.clone() }
    }

    /// Adds rows, one value in each column.
    ///
    /// # Errors
    /// As [`ResultShape::encode`] and [`ResultWriter::append`].
    pub fn write(&mut self, columns: &[BulkColumn]) -> Result<(), StoreError> {
        let rows = self.shape().encode(columns, &[])?;
        self.append(rows)
    }

    /// Adds rows that were encoded by the shape of this file.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, rows: ResultRows) -> Result<(), StoreError> {
        let (Some(file), Some(group)) = (&mut self.file, rows.0) else { return Ok(()) };
        let broken = |e| StoreError::Parquet { path: self.path.clone(), source: pl::PolarsError::from(e) };
        file.add(group).map_err(broken)
    }

    /// Makes the file whole, synced, and gives it its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), StoreError> {
        let Some(file) = self.file.take() else { return Err(StoreError::Stopped) };
        let broken = |e| StoreError::Parquet { path: self.path.clone(), source: pl::PolarsError::from(e) };
        let inner = file.finish().map_err(broken)?.into_inner().map_err(|e| e.into_error());
        inner.and_then(|file| file.sync_all()).map_err(StoreError::io(&self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(StoreError::io(&self.path))
    }
}

impl Drop for ResultWriter {
    fn drop(&mut self) {
        // Gone already if it was finished.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl std::fmt::Debug for ResultWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultWriter").field("path", &self.path).finish_non_exhaustive()
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
