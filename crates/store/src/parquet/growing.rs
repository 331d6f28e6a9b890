//! A file of any number of row groups, of which memory holds no more than the bytes of its footer.
//!
//! The library's writer keeps what it knows of every page and column until the file is finished, some kilobyte for each column of
//! each row group, and twice that at the end. Here every row group is written by a writer of its own; its pages are moved
//! to where they belong, and its part of the footer is encoded at once: some 60 bytes a column.

use std::io::Write;

use polars_parquet::parquet::error::{ParquetError, ParquetResult};
use polars_parquet_format::thrift::protocol::TCompactOutputProtocol;
use polars_parquet_format::{FileMetaData, RowGroup};

use super::encode::uleb;
use super::{EncodedGroup, MAGIC, PageSize, append, writer};
use crate::shape::Kind;

/// A file being written. Its pages have no index: it is read whole.
pub(crate) struct GrowingFile<W> {
    to: W,
    /// Where the next byte goes.
    at: u64,
    columns: Vec<(String, Kind)>,
    blobs: Option<String>,
    rows: i64,
    groups: usize,
    /// The row groups, as they stand in the footer.
    described: Vec<u8>,
}

impl<W: Write> GrowingFile<W> {
    /// Begins a file with these columns, and one of bytes behind them.
    pub(crate) fn begin(mut to: W, columns: Vec<(String, Kind)>, blobs: Option<String>) -> ParquetResult<Self> {
        to.write_all(MAGIC)?;
        let at = MAGIC.len() as u64;
        Ok(Self { to, at, columns, blobs, rows: 0, groups: 0, described: Vec::new() })
    }

    /// Adds rows.
    pub(crate) fn add(&mut self, group: EncodedGroup) -> ParquetResult<()> {
        let (bytes, metadata) = self.alone(Some(group))?;
        for mut group in metadata.row_groups {
            self.move_pages(&bytes, &mut group)?;
            group.ordinal = i16::try_from(self.groups).ok();
            self.rows += group.num_rows;
            self.groups += 1;
            group.write_to_out_protocol(&mut TCompactOutputProtocol::new(&mut self.described))?;
        }
        Ok(())
    }

    /// Writes the footer.
    pub(crate) fn finish(mut self) -> ParquetResult<W> {
        let (_, FileMetaData { version, schema, created_by, column_orders, .. }) = self.alone(None)?;
        let mut footer = Vec::with_capacity(self.described.len() + 4096);
        // `FileMetaData` in Thrift's compact protocol, with the row groups as they are.
        footer.push(field(1, I32));
        zigzag(version.into(), &mut footer);
        footer.push(field(1, LIST));
        list(schema.len(), &mut footer);
        for element in &schema {
            element.write_to_out_protocol(&mut TCompactOutputProtocol::new(&mut footer))?;
        }
        footer.push(field(1, I64));
        zigzag(self.rows, &mut footer);
        footer.push(field(1, LIST));
        list(self.groups, &mut footer);
        footer.append(&mut self.described);
        // The fifth field, keys and values of one's own, is left out.
        let created_by = created_by.unwrap_or_default();
        footer.push(field(2, BINARY));
        uleb(created_by.len() as u64, &mut footer);
        footer.extend_from_slice(created_by.as_bytes());
        let orders = column_orders.unwrap_or_default();
        footer.push(field(1, LIST));
        list(orders.len(), &mut footer);
        for order in &orders {
            order.write_to_out_protocol(&mut TCompactOutputProtocol::new(&mut footer))?;
        }
        footer.push(STOP);
        let length = u32::try_from(footer.len()).map_err(|_| damaged("the footer has more than 4 GB"))?;
        self.to.write_all(&footer)?;
        self.to.write_all(&length.to_le_bytes())?;
        self.to.write_all(MAGIC)?;
        Ok(self.to)
    }

    /// A file of these rows alone, and its footer.
    fn alone(&self, group: Option<EncodedGroup>) -> ParquetResult<(Vec<u8>, FileMetaData)> {
        let columns = self.columns.iter().map(|(name, kind)| (name.as_str(), *kind));
        let mut file = writer(Vec::new(), columns, self.blobs.as_deref(), PageSize::RESULTS);
        if let Some(group) = group {
            append(&mut file, group)?;
        }
        file.end(None)?;
        let metadata = file.metadata().cloned().ok_or_else(|| damaged("a file that is finished has no footer"))?;
        Ok((file.into_inner(), metadata))
    }

    /// Writes the pages of a row group that lie in `bytes`, and tells it where they are now.
    fn move_pages(&mut self, bytes: &[u8], group: &mut RowGroup) -> ParquetResult<()> {
        let begin = self.at;
        for column in &mut group.columns {
            let meta = column.meta_data.as_mut().ok_or_else(|| damaged("a column has no pages"))?;
            let from = meta.dictionary_page_offset.unwrap_or(meta.data_page_offset);
            let range = usize::try_from(from).ok().zip(usize::try_from(meta.total_compressed_size).ok());
            let pages = range.and_then(|(from, length)| bytes.get(from..from.checked_add(length)?));
            let pages = pages.ok_or_else(|| damaged("a column's pages lie outside its file"))?;
            self.to.write_all(pages)?;
            let moved = self.at as i64 - from;
            meta.data_page_offset += moved;
            meta.dictionary_page_offset = meta.dictionary_page_offset.map(|at| at + moved);
            // Deprecated by the format, which has writers set 0.
            column.file_offset = 0;
            (column.offset_index_offset, column.offset_index_length) = (None, None);
            self.at += pages.len() as u64;
        }
        group.file_offset = i64::try_from(begin).ok();
        Ok(())
    }
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::OutOfSpec(what.to_owned())
}

/// Types of fields in Thrift's compact protocol.
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
/// What a struct ends with.
const STOP: u8 = 0;

/// The head of a field so many after the one before.
const fn field(after: u8, ty: u8) -> u8 {
    after << 4 | ty
}

/// The head of a list of structs.
fn list(count: usize, out: &mut Vec<u8>) {
    if count < 15 {
        out.push((count as u8) << 4 | STRUCT);
    } else {
        out.push(0xf0 | STRUCT);
        uleb(count as u64, out);
    }
}

fn zigzag(number: i64, out: &mut Vec<u8>) {
    uleb(((number << 1) ^ (number >> 63)) as u64, out);
}
