//! How values become bytes: the encodings of the Parquet format that the store writes.

use polars_parquet::parquet::encoding::{hybrid_rle, uleb128, zigzag_leb128};

/// Values of a block of `DELTA_BINARY_PACKED`, in four equal parts with a width of their own each: what most writers do.
const BLOCK: usize = 128;
const PART: usize = 32;

/// `DELTA_BINARY_PACKED`: differences of neighbours, so that sorted, repeated and near numbers take a few bits each.
#[derive(Debug)]
pub(super) struct Delta {
    first: i64,
    last: i64,
    count: usize,
    block: [i64; BLOCK],
    filled: usize,
    bytes: Vec<u8>,
}

impl Default for Delta {
    fn default() -> Self {
        Self { first: 0, last: 0, count: 0, block: [0; BLOCK], filled: 0, bytes: Vec::new() }
    }
}

impl Delta {
    pub(super) fn push(&mut self, value: i64) {
        if self.count == 0 {
            self.first = value;
        } else {
            self.block[self.filled] = value.wrapping_sub(self.last);
            self.filled += 1;
            if self.filled == BLOCK {
                self.flush();
            }
        }
        self.last = value;
        self.count += 1;
    }

    /// One value after the other.
    pub(super) fn extend(&mut self, mut values: &[i64]) {
        if let (0, Some((first, rest))) = (self.count, values.split_first()) {
            self.push(*first);
            values = rest;
        }
        while let Some(first) = values.first() {
            let (now, later) = values.split_at(values.len().min(BLOCK - self.filled));
            let block = &mut self.block[self.filled..self.filled + now.len()];
            block[0] = first.wrapping_sub(self.last);
            for (delta, pair) in block[1..].iter_mut().zip(now.windows(2)) {
                *delta = pair[1].wrapping_sub(pair[0]);
            }
            self.last = now[now.len() - 1];
            self.filled += now.len();
            self.count += now.len();
            if self.filled == BLOCK {
                self.flush();
            }
            values = later;
        }
    }

    /// The same value many times.
    pub(super) fn push_run(&mut self, value: i64, count: usize) {
        let mut left = count;
        // Up to a block's begin, one by one; then whole blocks in which nothing changes.
        while left > 0 && !(self.filled == 0 && self.count > 0 && self.last == value && left >= BLOCK) {
            self.push(value);
            left -= 1;
        }
        while left >= BLOCK {
            // Least difference 0, and four parts without a bit.
            self.bytes.extend_from_slice(&[0; 1 + BLOCK / PART]);
            self.count += BLOCK;
            left -= BLOCK;
        }
        (0..left).for_each(|_| self.push(value));
    }

    /// Bytes so far, those of an unfinished block estimated.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.filled * 2
    }

    fn flush(&mut self) {
        let block = &self.block[..self.filled];
        let Some(least) = block.iter().min().copied() else { return };
        let (bytes, len) = zigzag_leb128::encode(least);
        self.bytes.extend_from_slice(&bytes[..len]);
        let mut widths = [0u8; BLOCK / PART];
        for (width, part) in widths.iter_mut().zip(block.chunks(PART)) {
            let all = part.iter().fold(0u64, |all, delta| all | delta.wrapping_sub(least) as u64);
            *width = (64 - all.leading_zeros()) as u8;
        }
        self.bytes.extend_from_slice(&widths);
        for (width, part) in widths.iter().zip(block.chunks(PART)) {
            pack(part.iter().map(|delta| delta.wrapping_sub(least) as u64), *width, &mut self.bytes);
        }
        self.filled = 0;
    }

    /// Writes what was pushed and begins anew.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush();
        for number in [BLOCK as u64, (BLOCK / PART) as u64, self.count as u64] {
            uleb(number, out);
        }
        let (bytes, len) = zigzag_leb128::encode(self.first);
        out.extend_from_slice(&bytes[..len]);
        out.append(&mut self.bytes);
        (self.first, self.last, self.count) = (0, 0, 0);
    }
}

pub(super) fn uleb(number: u64, out: &mut Vec<u8>) {
    let mut bytes = [0u8; 10];
    let len = uleb128::encode(number, &mut bytes);
    out.extend_from_slice(&bytes[..len]);
}

/// Packs one part of a block, filled up with zeros, `width` bits a value, lowest first.
fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let (end, width) = (out.len() + PART / 8 * usize::from(width), u32::from(width));
    if width == 0 {
        return;
    }
    let (mut bits, mut held) = (0u64, 0u32);
    for value in values {
        bits |= value << held;
        held += width;
        if held >= 64 {
            out.extend_from_slice(&bits.to_le_bytes());
            held -= 64;
            bits = if held == 0 { 0 } else { value >> (width - held) };
        }
    }
    out.extend_from_slice(&bits.to_le_bytes());
    out.resize(end, 0);
}

/// Which rows of a page are there, as version 1 pages begin with it.
pub(super) fn levels(rows: usize, missing: usize, there: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    if missing == 0 || missing == rows {
        uleb((rows as u64) << 1, out);
        out.push(u8::from(missing == 0));
    } else {
        // Writing to memory does not fail.
        let _ = hybrid_rle::encode::<bool, _, _>(out, Sized { iter: there, left: rows }, 1);
    }
    let len = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&len.to_le_bytes());
}

/// Codes of words, `RLE_DICTIONARY`: runs and packed groups.
pub(super) fn codes(codes: &[u32], words: usize, out: &mut Vec<u8>) {
    let width = width_of(words);
    out.push(width as u8);
    let _ = hybrid_rle::encode::<u32, _, _>(out, codes.iter().copied(), width);
}

/// One word for all rows of a page.
pub(super) fn same_code(code: u32, rows: usize, words: usize, out: &mut Vec<u8>) {
    let width = width_of(words);
    out.push(width as u8);
    uleb((rows as u64) << 1, out);
    out.extend_from_slice(&code.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Bits that the code of one of so many words takes; at least one, as some readers want.
pub(super) fn width_of(words: usize) -> u32 {
    (usize::BITS - words.saturating_sub(1).leading_zeros()).max(1)
}

/// Booleans, one bit each.
pub(super) fn bools(values: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    for (at, value) in values.enumerate() {
        if at % 8 == 0 {
            out.push(0);
        }
        if let Some(last) = out.last_mut() {
            *last |= u8::from(value) << (at % 8);
        }
    }
}

/// An iterator whose length is known, as the encoder wants it.
struct Sized<I> {
    iter: I,
    left: usize,
}

impl<I: Iterator> Iterator for Sized<I> {
    type Item = I::Item;
    fn next(&mut self) -> Option<I::Item> {
        self.left = self.left.saturating_sub(1);
        self.iter.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
