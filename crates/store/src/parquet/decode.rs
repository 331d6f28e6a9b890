//! The store's own pages back into plain columns, without an array in between: what a batch spends its reading on.
//!
//! Only what this writer makes is read here. Whatever else a file holds (another codec or encoding, a damaged page) is left
//! to the library, which reads all of Parquet and says what is wrong.

use std::io::Cursor;

use polars_parquet_format::thrift::protocol::TCompactInputProtocol;
use polars_parquet_format::{DataPageHeader, Encoding, PageHeader, PageType};

/// A page header larger than this is not one of ours.
pub(super) const MOST_HEADER_BYTES: usize = 1 << 20;
/// A page larger than this is not one of ours.
pub(super) const MOST_PAGE_BYTES: usize = 1 << 30;

/// What values are handed to, page by page.
pub(crate) trait Sink {
    /// The words of a dictionary, once, before any code.
    fn dictionary(&mut self, words: &[&str]);
    /// Numbers of the rows that have one.
    fn ints(&mut self, values: &[i64], there: There<'_>);
    /// Codes of dictionary words of the rows that have one.
    fn codes(&mut self, codes: &[u32], there: There<'_>);
    /// Texts of the rows that have one.
    fn texts(&mut self, texts: &[&str], there: There<'_>);
}

/// Which rows of a page have a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum There<'t> {
    /// As many rows, each with one.
    All(usize),
    /// As many rows, none with one.
    None(usize),
    /// One flag a row.
    Some(&'t [bool]),
}

/// Room that is used again from page to page.
pub(crate) struct Decoder {
    zstd: zstd::bulk::Decompressor<'static>,
    body: Vec<u8>,
    dictionary: Vec<u8>,
    there: Vec<bool>,
    ints: Vec<i64>,
    codes: Vec<u32>,
}

/// What kind of values a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Integers of any width.
    Ints,
    /// Booleans, one bit each.
    Bits,
    /// Texts.
    Texts,
}

impl Decoder {
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            zstd: zstd::bulk::Decompressor::new().ok()?,
            body: Vec::new(),
            dictionary: Vec::new(),
            there: Vec::new(),
            ints: Vec::new(),
            codes: Vec::new(),
        })
    }

    /// Decodes the bytes of a column chunk of so many rows. Pages of which no row is `wanted` (rows from, rows to) are hopped over, and
    /// their rows are told as [`There::None`]. None if any page is not one of ours, or there are more rows or fewer.
    pub(crate) fn chunk(
        &mut self,
        bytes: &[u8],
        most: usize,
        values: Values,
        wanted: impl Fn(usize, usize) -> bool,
        sink: &mut impl Sink,
    ) -> Option<()> {
        let (mut at, mut rows) = (0, 0);
        while at < bytes.len() {
            let mut cursor = Cursor::new(&bytes[at..]);
            let header =
                PageHeader::read_from_in_protocol(&mut TCompactInputProtocol::new(&mut cursor, MOST_HEADER_BYTES))
                    .ok()?;
            at += usize::try_from(cursor.position()).ok()?;
            let packed = usize::try_from(header.compressed_page_size).ok()?;
            let length = usize::try_from(header.uncompressed_page_size).ok()?;
            let body = bytes.get(at..at.checked_add(packed)?)?;
            at += packed;
            if length > MOST_PAGE_BYTES {
                return None;
            }
            match (header.type_, &header.data_page_header, &header.dictionary_page_header) {
                (PageType::DICTIONARY_PAGE, _, Some(_)) => {
                    unpack(&mut self.zstd, body, length, &mut self.dictionary)?;
                    sink.dictionary(&words(&self.dictionary[..length])?);
                }
                (PageType::DATA_PAGE, Some(page), _) => {
                    let count = usize::try_from(page.num_values).ok().filter(|count| *count <= most - rows)?;
                    if wanted(rows, rows + count) {
                        unpack(&mut self.zstd, body, length, &mut self.body)?;
                        self.page(page, length, count, values, sink)?;
                    } else if values == Values::Texts {
                        sink.texts(&[], There::None(count));
                    } else {
                        sink.ints(&[], There::None(count));
                    }
                    rows += count;
                }
                _ => return None,
            }
        }
        (rows == most).then_some(())
    }

    fn page(
        &mut self,
        page: &DataPageHeader,
        length: usize,
        rows: usize,
        values: Values,
        sink: &mut impl Sink,
    ) -> Option<()> {
        if page.definition_level_encoding != Encoding::RLE {
            return None;
        }
        let body = &self.body[..length];
        let levels = usize::try_from(u32::from_le_bytes(body.get(..4)?.try_into().ok()?)).ok()?;
        let from = levels.checked_add(4)?;
        let there = levels_of(body.get(4..from)?, rows, &mut self.there)?;
        let count = match there {
            There::All(rows) => rows,
            There::None(_) => 0,
            There::Some(flags) => flags.iter().filter(|there| **there).count(),
        };
        // Eight bytes more than the page has, so that a value may be read with its neighbours.
        let padded = &self.body[from..];
        let length = length - from;
        match (page.encoding, values) {
            (_, Values::Texts) if count == 0 => sink.texts(&[], there),
            (_, _) if count == 0 => sink.ints(&[], there),
            (Encoding::DELTA_BINARY_PACKED, Values::Ints) => {
                delta(padded, length, count, &mut self.ints)?;
                sink.ints(&self.ints, there);
            }
            (Encoding::PLAIN, Values::Bits) => {
                let bits = padded.get(..count.div_ceil(8)).filter(|bits| bits.len() <= length)?;
                self.ints.clear();
                self.ints.extend((0..count).map(|at| i64::from(bits[at / 8] >> (at % 8) & 1)));
                sink.ints(&self.ints, there);
            }
            (Encoding::RLE_DICTIONARY, Values::Texts) => {
                let width = u32::from(*padded.first().filter(|width| **width <= 32 && length > 0)?);
                hybrid(&padded[1..], length - 1, width, count, &mut self.codes)?;
                sink.codes(&self.codes, there);
            }
            (Encoding::DELTA_LENGTH_BYTE_ARRAY, Values::Texts) => {
                let used = delta(padded, length, count, &mut self.ints)?;
                let text = std::str::from_utf8(padded.get(used..length)?).ok()?;
                let (mut texts, mut from) = (Vec::with_capacity(count), 0usize);
                for length in &self.ints {
                    let to = from.checked_add(usize::try_from(*length).ok()?)?;
                    texts.push(text.get(from..to)?);
                    from = to;
                }
                sink.texts(&texts, there);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Unpacks a page into a buffer, with eight bytes of zeros behind it.
pub(super) fn unpack(
    zstd: &mut zstd::bulk::Decompressor<'static>,
    packed: &[u8],
    length: usize,
    into: &mut Vec<u8>,
) -> Option<()> {
    into.clear();
    into.reserve(length + 8);
    let unpacked = zstd.decompress_to_buffer(packed, into).ok()?;
    into.extend_from_slice(&[0; 8]);
    (unpacked == length).then_some(())
}

/// The words of a dictionary page.
fn words(mut bytes: &[u8]) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (word, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        words.push(std::str::from_utf8(word).ok()?);
        bytes = rest;
    }
    Some(words)
}

pub(super) fn uleb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let (mut number, mut shift) = (0u64, 0);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

pub(super) const fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Up to 57 bits that begin somewhere in a byte; there are eight bytes from there on.
pub(super) fn bits(bytes: &[u8], bit: usize, mask: u64) -> Option<u64> {
    let eight: [u8; 8] = bytes.get(bit / 8..bit / 8 + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(eight) >> (bit % 8) & mask)
}

/// The levels of a page: single runs are told as such.
pub(super) fn levels_of<'t>(bytes: &[u8], rows: usize, there: &'t mut Vec<bool>) -> Option<There<'t>> {
    let mut at = 0;
    let head = uleb(bytes, &mut at)?;
    if head & 1 == 0 && head >> 1 == rows as u64 {
        return Some(if *bytes.get(at)? == 1 { There::All(rows) } else { There::None(rows) });
    }
    there.clear();
    at = 0;
    while there.len() < rows {
        let head = uleb(bytes, &mut at)?;
        let count = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let flag = *bytes.get(at)? == 1;
            at += 1;
            there.resize(there.len() + count.min(rows - there.len()), flag);
        } else {
            let packed = bytes.get(at..at.checked_add(count)?)?;
            at += count;
            let flags = packed.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
            there.extend(flags.take(rows - there.len()));
        }
    }
    Some(There::Some(there))
}

/// Runs and packed groups of codes.
fn hybrid(padded: &[u8], length: usize, width: u32, count: usize, codes: &mut Vec<u32>) -> Option<()> {
    codes.clear();
    codes.reserve(count);
    let (mut at, mask) = (0, (1u64 << width) - 1);
    while codes.len() < count {
        let head = uleb(padded.get(..length)?, &mut at)?;
        let run = usize::try_from(head >> 1).ok()?;
        let left = count - codes.len();
        if head & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let mut code = [0; 4];
            code[..size].copy_from_slice(padded.get(at..at + size).filter(|_| at + size <= length)?);
            at += size;
            codes.resize(codes.len() + run.min(left), u32::from_le_bytes(code));
        } else {
            let size = run.checked_mul(width as usize)?;
            let packed = padded.get(at..at.checked_add(size)?.checked_add(8)?).filter(|_| at + size <= length)?;
            at += size;
            let wanted = run.checked_mul(8)?.min(left);
            for nth in 0..wanted {
                codes.push(bits(packed, nth * width as usize, mask)? as u32);
            }
        }
    }
    Some(())
}

/// `DELTA_BINARY_PACKED`. How many bytes it took.
pub(super) fn delta(padded: &[u8], length: usize, count: usize, values: &mut Vec<i64>) -> Option<usize> {
    values.clear();
    values.reserve(count);
    let mut at = 0;
    let block = usize::try_from(uleb(padded, &mut at)?).ok()?;
    let parts = usize::try_from(uleb(padded, &mut at)?).ok()?;
    let total = uleb(padded, &mut at)?;
    let mut last = zigzag(uleb(padded, &mut at)?);
    if total != count as u64 || parts == 0 || block == 0 || !block.is_multiple_of(parts) {
        return None;
    }
    let part = block / parts;
    values.push(last);
    while values.len() < count {
        let least = zigzag(uleb(padded, &mut at)?);
        let widths = at..at.checked_add(parts)?;
        at = widths.end;
        for width in widths {
            let wanted = part.min(count - values.len());
            if wanted == 0 {
                break;
            }
            let width = usize::from(*padded.get(width)?);
            let size = (part * width).div_ceil(8);
            match width {
                0 if least == 0 => values.resize(values.len() + wanted, last),
                0 => {
                    for _ in 0..wanted {
                        last = last.wrapping_add(least);
                        values.push(last);
                    }
                }
                1..=56 => {
                    let packed = padded.get(at..at.checked_add(size)?.checked_add(8)?)?;
                    let mask = (1u64 << width) - 1;
                    for nth in 0..wanted {
                        last = last.wrapping_add(least).wrapping_add(bits(packed, nth * width, mask)? as i64);
                        values.push(last);
                    }
                }
                57..=64 => {
                    let packed = padded.get(at..at.checked_add(size)?.checked_add(8)?)?;
                    for nth in 0..wanted {
                        let bit = nth * width;
                        let low = bits(packed, bit, u64::MAX)?;
                        let more = *packed.get(bit / 8 + 8)?;
                        let shift = bit % 8;
                        let high = if shift == 0 { 0 } else { u64::from(more) << (64 - shift) };
                        let mask = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
                        last = last.wrapping_add(least).wrapping_add(((low | high) & mask) as i64);
                        values.push(last);
                    }
                }
                _ => return None,
            }
            at += size;
        }
    }
    (at <= length).then_some(at)
}
