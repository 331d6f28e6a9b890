//! Rows of a few people in a file that another program wrote, or an earlier version of this store.
//!
//! The headers of a column's pages are hopped over; those of `person` say which people a page may hold, and how many rows
//! come before it. Pages are decoded by the library.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::io::mmap::ReaderBytes;
use polars::prelude as pl;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::metadata::ColumnChunkMetadata;
use polars_parquet::parquet::page::{CompressedDataPage, CompressedPage};
use polars_parquet::parquet::read::{BasicDecompressor, PageMetaData, PageReader, read_metadata};
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{Filter, ParquetError, column_iter_to_arrays, infer_schema};

use super::overlaps;
use crate::StoreError;

/// A page larger than this is not one of ours.
const MOST_PAGE_BYTES: usize = 1 << 30;

/// Where a page lies.
#[derive(Clone, Debug)]
struct PageAt {
    bytes: Range<usize>,
    /// Rows of the row group, empty for a dictionary.
    rows: Range<usize>,
    /// Least and largest value, if it says so and they are numbers.
    range: Option<(i64, i64)>,
}

/// The rows of some people, ascending, in the order of the file, with those of the columns that the file has.
pub(super) fn rows(path: &Path, columns: &[&str], people: &[i64]) -> Result<pl::DataFrame, StoreError> {
    let mut file = File::open(path).map_err(StoreError::io(path))?;
    let length = file.metadata().map_err(StoreError::io(path))?.len();
    if length < 12 {
        return Err(StoreError::parquet(path)(out_of_spec("the file is cut off")));
    }
    // The library panics on some damaged pages: that is no reason to stop everything else.
    let found = catch_unwind(AssertUnwindSafe(|| found(&mut file, columns, people)))
        .unwrap_or_else(|_| Err(out_of_spec("a page is damaged")));
    let mut found = found.map_err(StoreError::parquet(path))?;
    found.rechunk_mut();
    Ok(found)
}

fn found(file: &mut File, columns: &[&str], people: &[i64]) -> pl::PolarsResult<pl::DataFrame> {
    let ReaderBytes::Owned(bytes) = ReaderBytes::from(file) else {
        return Err(out_of_spec("the file cannot be mapped into memory"));
    };
    let bytes = CowBuffer::Borrowed(bytes);
    let metadata = read_metadata(&mut Cursor::new(&bytes[..]))?;
    let schema = infer_schema(&metadata)?;
    let names: BTreeSet<&str> = columns.iter().copied().filter(|name| schema.contains(name)).collect();
    let mut all: Option<pl::DataFrame> = None;
    for group in &metadata.row_groups {
        let chunk = |name: &str| -> pl::PolarsResult<&ColumnChunkMetadata> {
            group
                .columns_under_root_iter(name)
                .and_then(|mut found| found.next())
                .ok_or_else(|| out_of_spec("a column of the schema has no data"))
        };
        let read = |name: &str, wanted: &Wanted<'_>| -> pl::PolarsResult<pl::Series> {
            let field = schema.get(name).ok_or_else(|| out_of_spec("a column is not in the schema"))?;
            let column = chunk(name)?;
            let pages = if name == PERSON { wanted.pages.to_vec() } else { pages(&bytes, column, group.num_rows())? };
            let (part, rows, mask) = wanted.part(&bytes, &pages);
            let meta = PageMetaData { num_values: rows as i64, column_start: 0, ..PageMetaData::from(column) };
            let reader = PageReader::new_with_page_meta(Cursor::new(part.into()), meta, Vec::new(), MOST_PAGE_BYTES);
            let ty = &column.descriptor().descriptor.primitive_type;
            let decoder = vec![BasicDecompressor::new(reader, Vec::new())];
            let filter = Some(Filter::new_masked(mask.into_iter().collect()));
            let (arrays, _) = column_iter_to_arrays(decoder, vec![ty], field.clone(), filter)?;
            pl::Series::try_from((field, arrays))
        };
        let person_pages = pages(&bytes, chunk(PERSON)?, group.num_rows())?;
        let candidates: Vec<Range<usize>> = person_pages
            .iter()
            .filter(|page| !page.rows.is_empty() && page.range.is_none_or(|range| overlaps(people, range)))
            .map(|page| page.rows.clone())
            .collect();
        let persons = read(PERSON, &Wanted { rows: &candidates, pages: &person_pages })?;
        let persons = persons.i64()?;
        let mut wanted: Vec<Range<usize>> = Vec::new();
        for (row, person) in candidates.iter().cloned().flatten().zip(persons.iter()) {
            if person.is_some_and(|p| people.binary_search(&p).is_ok()) {
                match wanted.last_mut() {
                    Some(last) if last.end == row => last.end += 1,
                    _ => wanted.push(row..row + 1),
                }
            }
        }
        if wanted.is_empty() {
            continue;
        }
        let height = wanted.iter().map(Range::len).sum();
        let wanted = Wanted { rows: &wanted, pages: &person_pages };
        let series: Vec<pl::Column> =
            names.iter().map(|name| Ok(pl::Column::from(read(name, &wanted)?))).collect::<pl::PolarsResult<_>>()?;
        let part = pl::DataFrame::new(height, series)?;
        match &mut all {
            None => all = Some(part),
            Some(all) => drop(all.vstack_mut(&part)?),
        }
    }
    Ok(all.unwrap_or_default())
}

fn out_of_spec(what: &str) -> pl::PolarsError {
    pl::PolarsError::from(ParquetError::OutOfSpec(what.to_owned()))
}

const PERSON: &str = "person";

/// Rows of a row group that are wanted, ascending, and the pages of `person`, which are known already.
struct Wanted<'a> {
    rows: &'a [Range<usize>],
    pages: &'a [PageAt],
}

impl Wanted<'_> {
    /// The pages of a column that hold wanted rows, one after another behind the dictionary; their rows; and which of these
    /// are wanted.
    fn part(&self, bytes: &[u8], pages: &[PageAt]) -> (Vec<u8>, usize, Vec<bool>) {
        let (mut part, mut mask) = (Vec::new(), Vec::new());
        let mut rest = self.rows.iter().cloned().peekable();
        for page in pages {
            if page.rows.is_empty() {
                part.extend_from_slice(&bytes[page.bytes.clone()]);
                continue;
            }
            let from = mask.len();
            while let Some(next) = rest.peek_mut() {
                if next.start >= page.rows.end {
                    break;
                }
                mask.resize(from + page.rows.len(), false);
                let end = next.end.min(page.rows.end);
                mask[from + next.start - page.rows.start..from + end - page.rows.start].fill(true);
                next.start = end;
                if next.start < next.end {
                    // The range goes on in the next page.
                    break;
                }
                rest.next();
            }
            if mask.len() > from {
                part.extend_from_slice(&bytes[page.bytes.clone()]);
            }
        }
        (part, mask.len(), mask)
    }
}

/// The pages of a column of so many rows, found by their headers.
fn pages(bytes: &CowBuffer, column: &ColumnChunkMetadata, most: usize) -> pl::PolarsResult<Vec<PageAt>> {
    let CowBuffer::Borrowed(bytes) = bytes else { return Ok(Vec::new()) };
    let meta = PageMetaData::from(column);
    let within = column.byte_range();
    let (mut at, mut row) = (within.start, 0);
    let mut pages = Vec::new();
    while at < within.end {
        let mut cursor = Cursor::new(bytes.clone());
        cursor.set_position(at);
        let mut reader = PageReader::new_with_page_meta(cursor, meta.clone(), Vec::new(), MOST_PAGE_BYTES);
        let Some(page) = reader.next().transpose()? else { break };
        let next = reader.into_inner().0.position();
        let (rows, range) = match &page {
            CompressedPage::Dict(_) => (0, None),
            CompressedPage::Data(page) => (page.num_values(), range(page)),
        };
        if rows > most - row {
            return Err(out_of_spec("a column has more rows than its row group"));
        }
        pages.push(PageAt { bytes: at as usize..next as usize, rows: row..row + rows, range });
        (at, row) = (next, row + rows);
    }
    Ok(pages)
}

/// Least and largest value of a page of numbers, if it says so.
fn range(page: &CompressedDataPage) -> Option<(i64, i64)> {
    match page.statistics()?.ok()? {
        Statistics::Int64(found) => Some((found.min_value?, found.max_value?)),
        _ => None,
    }
}
