//! Whole buckets as plain columns: what a batch reads. Nothing is allocated for a value, words come as numbers, and only the
//! columns asked for are read from disk.

mod own;

use std::fs::File;
use std::io::Cursor;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use polars_arrow::array::{
    Array, BooleanArray, DictionaryArray, Int32Array, Int64Array, PrimitiveArray, Utf8ViewArray,
};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, DTYPE_CATEGORICAL_NEW, Field, IntegerType, Metadata};
use polars_buffer::Buffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};
use polars_parquet::read::{BasicDecompressor, PageReader, column_iter_to_arrays, read_metadata};
use rustc_hash::FxHashMap;

use self::own::{number, own};
use crate::StoreError;
use crate::shape::{Kind, ShapeColumn};
use crate::snapshot::Snapshot;
use crate::store::Table;

/// Some columns of one bucket of a table, file after file, superseded answers included.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Rows in every column.
    pub rows: usize,
    /// In the order asked for.
    pub columns: Vec<ScannedColumn>,
    /// Where each file's rows end. Rows of one file are sorted.
    pub ends: Vec<usize>,
}

/// One column.
#[derive(Clone, Debug)]
pub enum ScannedColumn {
    /// Numbers, dates in days, moments in microseconds, months, booleans as 0 and 1.
    Ints {
        /// One a row; anything where it is null.
        values: Vec<i64>,
        /// Which rows have a value; empty if all have.
        valid: Vec<bool>,
    },
    /// Texts and codes.
    Words {
        /// One a row, an index into `words`; [`ScannedColumn::NULL`] is null.
        ids: Vec<u32>,
        /// The different words. Words of different files are one list.
        words: Vec<Box<str>>,
    },
}

impl ScannedColumn {
    /// The id of a null.
    pub const NULL: u32 = u32::MAX;

    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Words { ids: Vec::new(), words: Vec::new() },
            _ => Self::Ints { values: Vec::new(), valid: Vec::new() },
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ints { values, .. } => values.len(),
            Self::Words { ids, .. } => ids.len(),
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Ints { values, valid } => {
                values.truncate(rows);
                valid.truncate(rows);
            }
            Self::Words { ids, .. } => ids.truncate(rows),
        }
    }

    /// Adds rows that are null.
    fn nulls(&mut self, rows: usize) {
        match self {
            Self::Ints { values, valid } => {
                valid.resize(values.len(), true);
                values.resize(values.len() + rows, 0);
                valid.resize(values.len(), false);
            }
            Self::Words { ids, .. } => ids.resize(ids.len() + rows, Self::NULL),
        }
    }

    fn ints(&mut self, more: impl Iterator<Item = i64>, validity: Option<&Bitmap>) {
        let Self::Ints { values, valid } = self else { return };
        let before = values.len();
        values.extend(more);
        let validity = validity.filter(|bits| bits.unset_bits() > 0);
        if validity.is_some() {
            valid.resize(before, true);
        }
        match validity {
            Some(bits) => valid.extend(bits.iter()),
            None if !valid.is_empty() => valid.resize(values.len(), true),
            None => {}
        }
    }
}

impl Snapshot {
    /// The buckets in which a table has rows, ascending.
    #[must_use]
    pub fn buckets(&self, table: &str) -> Vec<u32> {
        self.files_by_bucket(table)
    }

    /// Whether a table has rows in a bucket; a table that the store does not know has none.
    #[must_use]
    pub fn has_rows(&self, table: &str, bucket: u32) -> bool {
        self.inner.any_table(table).is_ok() && !self.bucket_paths(table, bucket).is_empty()
    }

    /// Whether a table has a column.
    #[must_use]
    pub fn has_column(&self, table: &str, name: &str) -> bool {
        self.inner.any_table(table).is_ok_and(|table| column(table, name).is_ok())
    }

    /// How many people share a bucket.
    #[must_use]
    pub fn bucket_people(&self) -> u32 {
        self.inner.options.bucket_people
    }

    /// Some columns of a bucket of a table: of a dataset, `coverage`, `cases` or `people`. A column that a file lacks, being
    /// older, is null. Blocking; may run on many threads.
    ///
    /// # Errors
    /// [`StoreError::UnknownDataset`], [`StoreError::UnknownColumn`], or what the file system says.
    pub fn scan(&self, table: &str, bucket: u32, columns: &[&str]) -> Result<Scan, StoreError> {
        self.scan_rows(table, bucket, columns, None)
    }

    /// The same of some rows of the bucket alone, ascending; nothing is made of the words of others.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn pick(&self, table: &str, bucket: u32, columns: &[&str], rows: &[u32]) -> Result<Scan, StoreError> {
        self.scan_rows(table, bucket, columns, Some(rows))
    }

    fn scan_rows(
        &self,
        table: &str,
        bucket: u32,
        columns: &[&str],
        picked: Option<&[u32]>,
    ) -> Result<Scan, StoreError> {
        let table = self.inner.any_table(table)?;
        let wanted = columns.iter().map(|name| column(table, name)).collect::<Result<Vec<_>, _>>()?;
        let mut scan =
            Scan { columns: wanted.iter().map(|column| ScannedColumn::of(column.kind)).collect(), ..Scan::default() };
        let mut lists: Vec<FxHashMap<Box<str>, u32>> = vec![FxHashMap::default(); wanted.len()];
        for path in self.bucket_paths(&table.shape.name, bucket) {
            read_file(&path, &wanted, picked, &mut scan, &mut lists)?;
        }
        if let Some(picked) = picked {
            scan.rows = picked.partition_point(|row| (*row as usize) < scan.rows);
        }
        Ok(scan)
    }
}

fn column<'t>(table: &'t Table, name: &str) -> Result<&'t ShapeColumn, StoreError> {
    let all = &table.shape.columns;
    all.iter().find(|c| c.name == name).ok_or_else(|| StoreError::UnknownColumn {
        dataset: table.shape.name.clone(),
        column: name.to_owned(),
        nearest: hedui_base::diagnostic::nearest(name, all.iter().map(|c| c.name.as_str())).map(str::to_owned),
    })
}

type Words = FxHashMap<Box<str>, u32>;

fn read_file(
    path: &Path,
    wanted: &[&ShapeColumn],
    picked: Option<&[u32]>,
    scan: &mut Scan,
    lists: &mut [Words],
) -> Result<(), StoreError> {
    let broken = |source: polars::prelude::PolarsError| StoreError::Parquet { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(StoreError::io(path))?;
    let metadata: FileMetadata = read_metadata(&mut file).map_err(broken)?;
    let mut bytes = 0;
    for group in &metadata.row_groups {
        let rows = group.num_rows();
        // Rows of this group, from its first on.
        let picked: Option<Vec<usize>> = picked.map(|picked| {
            let from = picked.partition_point(|row| (*row as usize) < scan.rows);
            let own = picked[from..].iter().map(|row| *row as usize - scan.rows);
            own.take_while(|row| *row < rows).collect()
        });
        for ((column, into), words) in wanted.iter().zip(&mut scan.columns).zip(&mut *lists) {
            let chunk = group.columns_under_root_iter(&column.name).and_then(|mut chunks| chunks.next());
            let Some(chunk) = chunk else {
                into.nulls(picked.as_ref().map_or(rows, Vec::len));
                continue;
            };
            bytes += read_chunk(path, &file, chunk, column, (rows, picked.as_deref()), into, words)?;
        }
        scan.rows += rows;
    }
    scan.ends.push(scan.rows);
    tracing::trace!(bytes, "scanned");
    Ok(())
}

fn read_chunk(
    path: &Path,
    file: &File,
    chunk: &ColumnChunkMetadata,
    column: &ShapeColumn,
    (rows, picked): (usize, Option<&[usize]>),
    into: &mut ScannedColumn,
    words: &mut Words,
) -> Result<u64, StoreError> {
    let broken = |source: polars::prelude::PolarsError| StoreError::Parquet { path: path.to_owned(), source };
    let range = chunk.byte_range();
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, range.start).map_err(StoreError::io(path))?;
    let length = bytes.len() as u64;
    if chunk.compression() == Compression::Zstd && own(&bytes, column.kind, (rows, picked), into, words).is_some() {
        return Ok(length);
    }
    let bytes = Buffer::from_vec(bytes);
    let decode = |coded: bool| {
        let reader = PageReader::new(Cursor::new(bytes.clone()), chunk, Vec::new(), usize::MAX);
        let pages = BasicDecompressor::new(reader, Vec::new());
        let ty = &chunk.descriptor().descriptor.primitive_type;
        column_iter_to_arrays(vec![pages], vec![ty], field(column, coded), None).map(|(arrays, _)| arrays)
    };
    let arrays = match column.kind == Kind::Text && chunk.dictionary_page_offset().is_some() {
        // A writer may give up its list of words in the middle: then there are no numbers for all rows.
        true => decode(true).or_else(|_| decode(false)),
        false => decode(false),
    }
    .map_err(broken)?;
    let found: usize = arrays.iter().map(|array| array.len()).sum();
    if found != rows {
        let error = ParquetError::OutOfSpec(format!("column {} has {found} rows instead of {rows}", column.name));
        return Err(broken(error.into()));
    }
    let mut before = 0;
    for array in arrays {
        let array = match picked {
            None => array,
            Some(picked) => {
                let from = picked.partition_point(|row| *row < before);
                let own: Vec<usize> = picked[from..].iter().map(|row| row - before).collect();
                let own = &own[..own.partition_point(|row| *row < array.len())];
                before += array.len();
                some_rows(&*array, own)
            }
        };
        take(&*array, into, words).ok_or_else(|| {
            broken(ParquetError::OutOfSpec(format!("column {} has another type", column.name)).into())
        })?;
    }
    Ok(length)
}

fn field(column: &ShapeColumn, coded: bool) -> Field {
    let name = column.name.as_str().into();
    let dtype = match column.kind {
        Kind::Int => ArrowDataType::Int64,
        Kind::Bool => ArrowDataType::Boolean,
        Kind::Date => ArrowDataType::Date32,
        Kind::Time => ArrowDataType::Timestamp(polars_arrow::datatypes::TimeUnit::Microsecond, None),
        Kind::Text if coded => ArrowDataType::Dictionary(IntegerType::UInt32, Box::new(ArrowDataType::Utf8View), false),
        Kind::Text => ArrowDataType::Utf8View,
    };
    let mut field = Field::new(name, dtype, true);
    if coded {
        let marks: Metadata = [(DTYPE_CATEGORICAL_NEW.into(), "".into())].into_iter().collect();
        field.metadata = Some(Arc::new(marks));
    }
    field
}

/// Some rows of an array.
fn some_rows(array: &dyn Array, rows: &[usize]) -> Box<dyn Array> {
    let any = array.as_any();
    let there = |row: &usize| array.is_valid(*row);
    if let Some(coded) = any.downcast_ref::<DictionaryArray<u32>>()
        && let Some(texts) = coded.values().as_any().downcast_ref::<Utf8ViewArray>()
    {
        let text = |row: &usize| there(row).then(|| texts.value(coded.keys().value(*row) as usize));
        return Utf8ViewArray::from_slice(rows.iter().map(text).collect::<Vec<_>>()).boxed();
    }
    if let Some(texts) = any.downcast_ref::<Utf8ViewArray>() {
        let text = |row: &usize| there(row).then(|| texts.value(*row));
        return Utf8ViewArray::from_slice(rows.iter().map(text).collect::<Vec<_>>()).boxed();
    }
    if let Some(ints) = any.downcast_ref::<Int64Array>() {
        let values = rows.iter().map(|row| there(row).then(|| ints.value(*row)));
        return Int64Array::from(values.collect::<Vec<_>>()).boxed();
    }
    if let Some(days) = any.downcast_ref::<Int32Array>() {
        let values = rows.iter().map(|row| there(row).then(|| days.value(*row)));
        return Int32Array::from(values.collect::<Vec<_>>()).boxed();
    }
    if let Some(bools) = any.downcast_ref::<BooleanArray>() {
        let values = rows.iter().map(|row| there(row).then(|| bools.value(*row)));
        return BooleanArray::from(values.collect::<Vec<_>>()).boxed();
    }
    // Of a type that `take` refuses as well.
    array.to_boxed()
}

fn take(array: &dyn Array, into: &mut ScannedColumn, words: &mut Words) -> Option<()> {
    let any = array.as_any();
    if let ScannedColumn::Words { ids, words: list } = into {
        let mut number = |word: &str| number(word, list, words);
        if let Some(coded) = any.downcast_ref::<DictionaryArray<u32>>() {
            let texts = coded.values().as_any().downcast_ref::<Utf8ViewArray>()?;
            let known: Vec<u32> = texts.values_iter().map(&mut number).collect();
            let keys: &PrimitiveArray<u32> = coded.keys();
            match keys.validity().filter(|bits| bits.unset_bits() > 0) {
                None => ids.extend(keys.values().iter().map(|key| known[*key as usize])),
                Some(valid) => ids.extend(
                    keys.values()
                        .iter()
                        .zip(valid.iter())
                        .map(|(key, valid)| if valid { known[*key as usize] } else { ScannedColumn::NULL }),
                ),
            }
            return Some(());
        }
        let texts = any.downcast_ref::<Utf8ViewArray>()?;
        ids.extend(texts.iter().map(|text| text.map_or(ScannedColumn::NULL, &mut number)));
        return Some(());
    }
    let validity = array.validity();
    if let Some(ints) = any.downcast_ref::<Int64Array>() {
        into.ints(ints.values().iter().copied(), validity);
    } else if let Some(ints) = any.downcast_ref::<Int32Array>() {
        into.ints(ints.values().iter().map(|v| i64::from(*v)), validity);
    } else {
        let bools = any.downcast_ref::<BooleanArray>()?;
        into.ints(bools.values().iter().map(i64::from), validity);
    }
    Some(())
}
