//! Where the pages of one of the store's own files lie, and what is known of each without unpacking it.
//!
//! Read from the footer and the page indexes at the end of the file. Whatever was not written by this store, or does not
//! hang together, has no directory, and is left to the library.

use std::fs::File;
use std::io::{self, Cursor};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use polars_parquet_format::thrift::protocol::TCompactInputProtocol;
use polars_parquet_format::{ColumnChunk, ColumnIndex, CompressionCodec, FileMetaData, OffsetIndex, Type};

/// So much of a file's end is read at once: most files whole, and of all but the largest the footer with its indexes.
const TAIL_BYTES: u64 = 64 * 1024;

/// A footer with its indexes larger than this is not one of ours.
const MOST_TAIL_BYTES: usize = 1 << 28;

/// The columns of a file and their pages.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) rows: usize,
    columns: Vec<(Box<str>, ColumnPages)>,
}

/// The pages of one column, in the order of its rows.
#[derive(Debug)]
pub(crate) struct ColumnPages {
    /// Where the words are.
    pub(crate) dictionary: Option<PageBytes>,
    pub(crate) pages: Vec<PageAt>,
}

/// Where a page and its header lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageBytes {
    pub(crate) at: u64,
    pub(crate) length: u32,
}

/// One page.
#[derive(Debug)]
pub(crate) struct PageAt {
    pub(crate) bytes: PageBytes,
    /// Its first row.
    pub(crate) row: u32,
    pub(crate) holds: Holds,
}

/// What the index says of a page's values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Nothing but nulls.
    Nulls,
    /// The same number in every row.
    Int(i64),
    /// The same text in every row.
    Text(Arc<str>),
    /// Numbers from one to another, or nulls.
    Between(i64, i64),
    /// Something.
    Any,
}

impl Directory {
    /// The directory of a file; none if it is not one of this store's.
    pub(crate) fn read(file: &File, length: u64) -> io::Result<Option<Self>> {
        let mut tail = read_tail(file, length, TAIL_BYTES)?;
        let Some(footer) = footer_of(&tail) else { return Ok(None) };
        let Some(metadata) = metadata_of(&tail[footer]) else { return Ok(None) };
        let [group] = metadata.row_groups.as_slice() else { return Ok(None) };
        let indexes = group.columns.iter().flat_map(|column| [column.column_index_offset, column.offset_index_offset]);
        let Some(first) = indexes.map(|at| u64::try_from(at?).ok()).min().flatten() else { return Ok(None) };
        if first >= length {
            return Ok(None);
        }
        if first < length - tail.len() as u64 {
            tail = read_tail(file, length, length - first)?;
        }
        let begin = length - tail.len() as u64;
        let Some(rows) = u32::try_from(group.num_rows).ok() else { return Ok(None) };
        let pages = |chunk: &ColumnChunk| ColumnPages::of(chunk, rows, &tail, begin);
        let columns: Option<Vec<_>> = group.columns.iter().map(pages).collect();
        Ok(columns.map(|columns| Self { rows: rows as usize, columns }))
    }

    /// The pages of a column; none if the file is older than it.
    pub(crate) fn column(&self, name: &str) -> Option<&ColumnPages> {
        self.columns.iter().find(|(own, _)| &**own == name).map(|(_, pages)| pages)
    }

    /// About how much memory it takes.
    pub(crate) fn size(&self) -> usize {
        let text = |page: &PageAt| match &page.holds {
            Holds::Text(text) => text.len() + 2 * size_of::<usize>(),
            _ => 0,
        };
        let column = |(name, column): &(Box<str>, ColumnPages)| {
            let texts: usize = column.pages.iter().map(text).sum();
            name.len() + column.pages.len() * size_of::<PageAt>() + texts
        };
        let columns: usize = self.columns.iter().map(column).sum();
        size_of::<Self>() + self.columns.len() * size_of::<(Box<str>, ColumnPages)>() + columns
    }
}

impl ColumnPages {
    fn of(chunk: &ColumnChunk, rows: u32, tail: &[u8], begin: u64) -> Option<(Box<str>, Self)> {
        let meta = chunk.meta_data.as_ref()?;
        let [name] = meta.path_in_schema.as_slice() else { return None };
        if meta.codec != CompressionCodec::ZSTD {
            return None;
        }
        let part = |at: Option<i64>, length: Option<i32>| {
            let from = usize::try_from(u64::try_from(at?).ok()?.checked_sub(begin)?).ok()?;
            tail.get(from..from.checked_add(usize::try_from(length?).ok()?)?)
        };
        let offsets = part(chunk.offset_index_offset, chunk.offset_index_length)?;
        let values = part(chunk.column_index_offset, chunk.column_index_length)?;
        let offsets = OffsetIndex::read_from_in_protocol(&mut protocol(&mut Cursor::new(offsets))).ok()?.page_locations;
        let values = ColumnIndex::read_from_in_protocol(&mut protocol(&mut Cursor::new(values))).ok()?;
        let nulls = values.null_counts.as_ref()?;
        let counts = [values.null_pages.len(), values.min_values.len(), values.max_values.len(), nulls.len()];
        if counts.iter().any(|count| *count != offsets.len()) {
            return None;
        }
        let mut pages: Vec<PageAt> = Vec::with_capacity(offsets.len());
        for (nth, offset) in offsets.iter().enumerate() {
            let bytes = PageBytes {
                at: u64::try_from(offset.offset).ok()?,
                length: u32::try_from(offset.compressed_page_size).ok()?,
            };
            let row = u32::try_from(offset.first_row_index).ok()?;
            // The first page begins with the first row, and every page has at least one.
            if row >= rows || pages.last().map_or(row != 0, |before| row <= before.row) {
                return None;
            }
            let (least, most) = (&values.min_values[nth], &values.max_values[nth]);
            let holds = match values.null_pages[nth] {
                true => Holds::Nulls,
                false => Holds::of(meta.type_, least, most, nulls[nth] == 0),
            };
            pages.push(PageAt { bytes, row, holds });
        }
        if pages.is_empty() != (rows == 0) {
            return None;
        }
        let begin = u64::try_from(meta.data_page_offset).ok()?;
        let dictionary = match meta.dictionary_page_offset {
            None => None,
            Some(at) => {
                let at = u64::try_from(at).ok()?;
                Some(PageBytes { at, length: u32::try_from(begin.checked_sub(at)?).ok()? })
            }
        };
        Some((name.as_str().into(), Self { dictionary, pages }))
    }

    /// The page of a row, and its rows in a file of so many.
    pub(crate) fn page_of(&self, row: usize, of: usize) -> Option<(&PageAt, Range<usize>)> {
        let nth = self.pages.partition_point(|page| page.row as usize <= row).checked_sub(1)?;
        Some((&self.pages[nth], self.rows_of(nth, of)))
    }

    /// The rows of a page in a file of so many.
    pub(crate) fn rows_of(&self, nth: usize, of: usize) -> Range<usize> {
        self.pages[nth].row as usize..self.pages.get(nth + 1).map_or(of, |next| next.row as usize)
    }
}

impl Holds {
    fn of(ty: Type, least: &[u8], most: &[u8], whole: bool) -> Self {
        let int = |bytes: &[u8]| {
            Some(match ty {
                Type::INT64 => i64::from_le_bytes(bytes.try_into().ok()?),
                Type::INT32 => i64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
                Type::BOOLEAN => i64::from(*bytes.first()?),
                _ => return None,
            })
        };
        match (int(least), int(most)) {
            (Some(least), Some(most)) if least == most && whole => Self::Int(least),
            (Some(least), Some(most)) => Self::Between(least, most),
            // This store writes texts out in full there.
            _ if ty == Type::BYTE_ARRAY && least == most && whole => {
                std::str::from_utf8(least).map_or(Self::Any, |text| Self::Text(text.into()))
            }
            _ => Self::Any,
        }
    }
}

fn protocol<'c, 'b>(cursor: &'c mut Cursor<&'b [u8]>) -> TCompactInputProtocol<&'c mut Cursor<&'b [u8]>> {
    TCompactInputProtocol::new(cursor, MOST_TAIL_BYTES)
}

fn read_tail(file: &File, length: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let bytes = bytes.min(length).min(MOST_TAIL_BYTES as u64);
    let mut tail = vec![0; bytes as usize];
    file.read_exact_at(&mut tail, length - bytes)?;
    Ok(tail)
}

/// Where the footer lies in the end of a file, if all of it is there.
fn footer_of(tail: &[u8]) -> Option<Range<usize>> {
    let (rest, magic) = tail.split_last_chunk::<4>()?;
    let (rest, length) = rest.split_last_chunk::<4>()?;
    let from = rest.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
    (magic.as_slice() == super::MAGIC).then_some(from..rest.len())
}

fn metadata_of(footer: &[u8]) -> Option<FileMetaData> {
    let metadata = FileMetaData::read_from_in_protocol(&mut protocol(&mut Cursor::new(footer))).ok()?;
    metadata.created_by.as_deref().filter(|by| by.starts_with(super::CREATED_BY))?;
    Some(metadata)
}
