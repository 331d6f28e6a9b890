//! Parquet files as the store lays them out, whoever reads them: one row group, small pages, zstd, statistics a page.
//!
//! Numbers are `DELTA_BINARY_PACKED`, words that repeat `RLE_DICTIONARY`, other texts `DELTA_LENGTH_BYTE_ARRAY`, booleans
//! single bits. Every column is optional, in version 1 data pages, with the column and offset index of the format.

pub(crate) mod decode;
pub(crate) mod directory;
mod encode;
mod growing;
mod pages;
pub(crate) mod pick;

use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::error::{ParquetError, ParquetResult};
use polars_parquet::parquet::metadata::{Descriptor, SchemaDescriptor};
use polars_parquet::parquet::page::{CompressedDataPage, CompressedPage};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{
    ParquetType, PhysicalType, PrimitiveConvertedType, PrimitiveLogicalType, PrimitiveType, TimeUnit,
};
use polars_parquet::parquet::write::{
    DynIter, DynStreamingIterator, FileWriter, RowGroupIterColumns, Version, WriteOptions,
};
use polars_parquet::parquet::{CowBuffer, FallibleStreamingIterator};

pub(crate) use self::growing::GrowingFile;
use self::pages::Pages;
use crate::columns::BulkColumn;
use crate::file::ColumnStats;
use crate::shape::Kind;

/// What a file says it was written by, before the version.
const CREATED_BY: &str = "hedui ";

/// What every Parquet file begins and ends with.
const MAGIC: &[u8] = b"PAR1";

/// How large a data page becomes before it is packed, about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    rows: usize,
    bytes: usize,
    /// Whether least and largest values are noted.
    statistics: bool,
}

impl PageSize {
    /// Of the store's files. Batches scan whole buckets and would do with larger ones; looking one household up decodes every
    /// page that holds a row of it, and 16 KB is some ten microseconds. Columns that hardly change are cut by rows.
    const STORE: Self = Self { rows: 8192, bytes: 16 * 1024, statistics: true };
    /// Of results, which are read whole: what is noted of each page stays in memory until the file is finished.
    pub(crate) const RESULTS: Self = Self { rows: 1 << 16, bytes: 1 << 20, statistics: false };
}

/// Bytes of a page of bytes: they are alike from row to row, and larger pages pack them better.
const BLOB_PAGE_BYTES: usize = 256 * 1024;

/// Rows between two looks at how large a page has become.
const STRIDE: usize = 1024;

/// zstd's fastest usual level: pages are encoded densely already, and the batch pays for every byte it unpacks.
const LEVEL: i32 = 1;

/// That of bytes, which are dense already and seldom read again: a quarter larger than at [`LEVEL`], in two thirds of the time.
const BLOB_LEVEL: i32 = -5;

/// A column of a file to be written: its name, its kind, and its values; none for a column of nulls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileColumn<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) values: Option<&'a BulkColumn>,
}

/// The bytes of a file with these columns, all of so many rows, and what the catalogue keeps of each column.
pub(crate) fn encode(columns: &[FileColumn<'_>], rows: usize) -> ParquetResult<(Vec<u8>, Vec<ColumnStats>)> {
    let mut file = writer(Vec::new(), columns.iter().map(|column| (column.name, column.kind)), None, PageSize::STORE);
    let (group, stats) = encode_group(columns, rows, None, PageSize::STORE)?;
    append(&mut file, group)?;
    file.end(None)?;
    Ok((file.into_inner(), stats))
}

/// A writer of files with these columns, and one of bytes behind them.
pub(crate) fn writer<'a, W: std::io::Write>(
    to: W,
    columns: impl Iterator<Item = (&'a str, Kind)>,
    blobs: Option<&str>,
    page: PageSize,
) -> FileWriter<W> {
    let types = columns.map(|(name, kind)| type_of(name, kind)).chain(blobs.map(blob_type));
    let types = types.map(ParquetType::PrimitiveType).collect();
    let schema = SchemaDescriptor::new("root".into(), types);
    let options = WriteOptions { write_statistics: page.statistics, version: Version::V1 };
    FileWriter::new(to, schema, options, Some([CREATED_BY, env!("CARGO_PKG_VERSION")].concat()))
}

/// Rows of a file, encoded and packed but not yet in it: may be made on any thread.
#[derive(Debug)]
pub(crate) struct EncodedGroup {
    rows: usize,
    columns: Vec<Vec<CompressedPage>>,
}

/// Encodes and packs rows as a row group, and tells what is in each column.
pub(crate) fn encode_group(
    columns: &[FileColumn<'_>],
    rows: usize,
    blobs: Option<(&str, &[Vec<u8>])>,
    page: PageSize,
) -> ParquetResult<(EncodedGroup, Vec<ColumnStats>)> {
    let mut packed: Vec<Vec<CompressedPage>> = Vec::with_capacity(columns.len() + 1);
    let mut stats: Vec<ColumnStats> = Vec::with_capacity(columns.len());
    let mut zstd = packer(LEVEL)?;
    for (nth, column) in columns.iter().enumerate() {
        let ty = type_of(column.name, column.kind);
        let before = nth.checked_sub(1).map(|before| &columns[before]).filter(|before| same(before, column));
        if let (Some(_), Some(pages), Some(summed_up)) = (before, packed.last_mut(), stats.last()) {
            let summed_up = ColumnStats { column: column.name.to_owned(), ..summed_up.clone() };
            let pages = again(pages, &ty);
            packed.push(pages);
            stats.push(summed_up);
            continue;
        }
        let mut writer = Pages::new(ty, column.kind, page, &mut zstd);
        match column.values {
            Some(BulkColumn::Ints(ints)) if ints.present.missing() < rows => writer.ints(ints, rows)?,
            Some(BulkColumn::Texts(texts)) if texts.present.missing() < rows => writer.texts(texts, rows)?,
            Some(BulkColumn::IntRuns(runs)) if column.kind != Kind::Bool && runs.iter().any(|r| r.0.is_some()) => {
                writer.int_runs(runs)?;
            }
            Some(BulkColumn::TextRuns(words, runs)) if runs.iter().any(|r| r.0.is_some()) => {
                writer.text_runs(words, runs)?;
            }
            Some(runs @ BulkColumn::IntRuns(all)) if all.iter().any(|r| r.0.is_some()) => {
                if let BulkColumn::Ints(ints) = &*runs.expanded() {
                    writer.ints(ints, rows)?;
                }
            }
            _ => writer.nulls(rows)?,
        }
        packed.push(writer.pages);
        stats.push(writer.stats.of(column, rows));
    }
    if let Some((name, values)) = blobs {
        let ty = blob_type(name);
        let mut zstd = packer(BLOB_LEVEL)?;
        let mut writer = Pages::new(ty, Kind::Text, page, &mut zstd);
        writer.blobs(values)?;
        packed.push(writer.pages);
    }
    Ok((EncodedGroup { rows, columns: packed }, stats))
}

/// Packs pages with a checksum of what is in them (four bytes each): whoever unpacks one, DuckDB and Spark among them, refuses it if
/// a bit has changed.
fn packer(level: i32) -> ParquetResult<zstd::bulk::Compressor<'static>> {
    let refused = |error: std::io::Error| ParquetError::OutOfSpec(error.to_string());
    let mut zstd = zstd::bulk::Compressor::new(level).map_err(refused)?;
    zstd.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).map_err(refused)?;
    Ok(zstd)
}

/// Whether two columns have the same pages: numbers that settle a question and those that ask it are often the same ones.
fn same(a: &FileColumn<'_>, b: &FileColumn<'_>) -> bool {
    match (a.values, b.values) {
        (Some(BulkColumn::Ints(one)), Some(BulkColumn::Ints(other))) => {
            a.kind == b.kind && one.present.missing() + other.present.missing() == 0 && one.values == other.values
        }
        _ => false,
    }
}

/// The data pages of a column once more, for a column of the same type.
fn again(pages: &mut [CompressedPage], ty: &PrimitiveType) -> Vec<CompressedPage> {
    let data = pages.iter_mut().filter_map(|page| match page {
        CompressedPage::Data(page) => Some(page),
        CompressedPage::Dict(_) => None,
    });
    data.map(|page| {
        let descriptor = Descriptor { primitive_type: ty.clone(), max_def_level: 1, max_rep_level: 0 };
        let (header, rows, length) = (page.header().clone(), page.num_rows().unwrap_or(0), page.uncompressed_size());
        let bytes = CowBuffer::Owned(page.slice_mut().to_vec());
        CompressedPage::Data(CompressedDataPage::new(header, bytes, Compression::Zstd, length, descriptor, rows))
    })
    .collect()
}

/// Adds rows that were encoded.
pub(crate) fn append<W: std::io::Write>(file: &mut FileWriter<W>, group: EncodedGroup) -> ParquetResult<()> {
    let columns: RowGroupIterColumns<'_, ParquetError> = DynIter::new(
        group
            .columns
            .into_iter()
            .map(|pages| Ok(DynStreamingIterator::new(PackedPages { pages: pages.into_iter(), current: None }))),
    );
    file.write(group.rows as u64, columns)?;
    Ok(())
}

/// Pages one after the other, as the file takes them.
struct PackedPages {
    pages: std::vec::IntoIter<CompressedPage>,
    current: Option<CompressedPage>,
}

impl FallibleStreamingIterator for PackedPages {
    type Item = CompressedPage;
    type Error = ParquetError;

    fn advance(&mut self) -> Result<(), ParquetError> {
        self.current = self.pages.next();
        Ok(())
    }

    fn get(&self) -> Option<&CompressedPage> {
        self.current.as_ref()
    }
}

fn blob_type(name: &str) -> PrimitiveType {
    let mut ty = PrimitiveType::from_physical(name.into(), PhysicalType::ByteArray);
    ty.field_info.repetition = Repetition::Optional;
    ty
}

/// How a column is declared in the format.
pub(crate) fn type_of(name: &str, kind: Kind) -> PrimitiveType {
    use PrimitiveConvertedType as Converted;
    use PrimitiveLogicalType as Logical;
    let (physical, converted, logical) = match kind {
        Kind::Int => (PhysicalType::Int64, None, None),
        Kind::Bool => (PhysicalType::Boolean, None, None),
        Kind::Text => (PhysicalType::ByteArray, Some(Converted::Utf8), Some(Logical::String)),
        Kind::Date => (PhysicalType::Int32, Some(Converted::Date), Some(Logical::Date)),
        Kind::Time => {
            let logical = Logical::Timestamp { unit: TimeUnit::Microseconds, is_adjusted_to_utc: false };
            (PhysicalType::Int64, None, Some(logical))
        }
    };
    let mut ty = PrimitiveType::from_physical(name.into(), physical);
    ty.field_info.repetition = Repetition::Optional;
    (ty.converted_type, ty.logical_type) = (converted, logical);
    ty
}

#[cfg(test)]
mod tests;
