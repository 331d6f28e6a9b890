//! One Parquet file: written to a temporary name, synced and summed up; read whole or by column.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;
use polars::prelude as pl;
use polars::prelude::SerReader as _;
use sha2::{Digest as _, Sha256};

use crate::columns::BulkColumn;
use crate::parquet::{self, FileColumn};
use crate::shape::{Kind, Shape};
use crate::{StoreError, frame};

/// A file that is on disk but not in the catalogue. Dropped unpublished, it takes its temporary file with it.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) temporary: Option<PathBuf>,
    pub(crate) bucket: u32,
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
    pub(crate) footer: u64,
    pub(crate) sha256: String,
    pub(crate) persons: (i64, i64),
    /// Settlements whose rows the file holds, ascending.
    pub(crate) answers: Vec<i64>,
    pub(crate) stats: Vec<ColumnStats>,
}

/// What the catalogue knows about one column of a file; lets readers skip files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnStats {
    pub(crate) column: String,
    pub(crate) values: usize,
    pub(crate) nulls: usize,
    pub(crate) min: Option<String>,
    pub(crate) max: Option<String>,
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            let _ = fs::remove_file(path);
        }
    }
}

impl Written {
    /// Makes its content last.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let Some(path) = &self.temporary else { return Ok(()) };
        File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::io(path))
    }

    /// The name under which it is published: its bucket and content.
    pub(crate) fn name(&self) -> String {
        format!("b{:05}-{}.parquet", self.bucket, &self.sha256[..24])
    }

    /// Gives the file its published name. Not visible until the catalogue names it.
    pub(crate) fn settle(&mut self, folder: &Path) -> Result<String, StoreError> {
        let name = self.name();
        if let Some(temporary) = &self.temporary {
            let target = folder.join(&name);
            fs::rename(temporary, &target).map_err(StoreError::io(&target))?;
            self.temporary = None;
        }
        Ok(name)
    }
}

/// Makes a folder's renames last.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder))
}

/// Suffix of files that are not finished.
pub(crate) const TEMPORARY: &str = "tmp";

fn temporary_name(folder: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{}-{nanos:x}-{n}.{TEMPORARY}", std::process::id()))
}

/// The bytes of a frame as zstd Parquet.
pub(crate) fn encode(path: &Path, frame: &mut pl::DataFrame) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    pl::ParquetWriter::new(&mut bytes)
        .with_compression(pl::ParquetCompression::Zstd(None))
        .finish(frame)
        .map_err(StoreError::parquet(path))?;
    Ok(bytes)
}

/// Writes bytes to a new file and syncs it.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = File::create(path).map_err(StoreError::io(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(StoreError::io(path))
}

/// Writes one bucket's rows under a temporary name.
pub(crate) fn write(
    folder: &Path,
    shape: &Shape,
    bucket: u32,
    frame: &mut pl::DataFrame,
) -> Result<Written, StoreError> {
    let columns: Vec<BulkColumn> =
        shape.columns.iter().map(|c| frame::bulk_column(frame, &c.name, c.kind)).collect::<Result<_, _>>()?;
    let named: Vec<FileColumn<'_>> = shape
        .columns
        .iter()
        .zip(&columns)
        .map(|(c, values)| FileColumn { name: &c.name, kind: c.kind, values: Some(values) })
        .collect();
    let mut answers = frame::required(frame, "answer")?;
    answers.sort_unstable();
    answers.dedup();
    let persons = frame::required(frame, "person")?;
    let persons = (persons.iter().copied().min().unwrap_or(0), persons.iter().copied().max().unwrap_or(0));
    let mut written = write_columns(folder, bucket, &named, frame.height(), persons)?;
    written.sync()?;
    written.answers = answers;
    Ok(written)
}

/// Writes columns, all of so many rows about these people, under a temporary name. Not synced yet.
pub(crate) fn write_columns(
    folder: &Path,
    bucket: u32,
    columns: &[FileColumn<'_>],
    rows: usize,
    persons: (i64, i64),
) -> Result<Written, StoreError> {
    fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
    let path = temporary_name(folder);
    let (bytes, stats) = parquet::encode(columns, rows)
        .map_err(|e| StoreError::Parquet { path: path.clone(), source: pl::PolarsError::from(e) })?;
    let tail = bytes.len().checked_sub(8).and_then(|at| bytes.get(at..at + 4)).and_then(|b| b.try_into().ok());
    let footer = tail.map_or(0, u32::from_le_bytes);
    fs::write(&path, &bytes).map_err(StoreError::io(&path))?;
    Ok(Written {
        temporary: Some(path),
        bucket,
        rows,
        bytes: bytes.len() as u64,
        footer: u64::from(footer),
        sha256: hex::encode(Sha256::digest(&bytes)),
        persons,
        answers: Vec::new(),
        stats,
    })
}

/// A value as DuckLake writes it in statistics.
pub(crate) fn shown(kind: Kind, value: i64) -> Option<String> {
    match kind {
        Kind::Date => hedui_base::columns::days_to_date(value).map(|d: Date| d.to_string()),
        Kind::Time => jiff::Timestamp::from_microsecond(value).ok().map(|t| crate::ducklake::time_text(t, "")),
        _ => Some(value.to_string()),
    }
}

/// Reads the columns named that the file has.
pub(crate) fn read(path: &Path, columns: &[&str]) -> Result<pl::DataFrame, StoreError> {
    let file = File::open(path).map_err(StoreError::io(path))?;
    let mut reader = pl::ParquetReader::new(file).set_rechunk(true);
    let schema = reader.schema().map_err(StoreError::parquet(path))?;
    let wanted = columns.iter().filter(|c| schema.get(c).is_some()).map(|c| (*c).to_owned()).collect();
    reader.with_columns(Some(wanted)).finish().map_err(StoreError::parquet(path))
}

/// SHA-256 of a file, in hex.
pub(crate) fn checksum(path: &Path) -> Result<String, StoreError> {
    let mut file = File::open(path).map_err(StoreError::io(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = std::io::Read::read(&mut file, &mut buffer).map_err(StoreError::io(path))?;
        if n == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}
