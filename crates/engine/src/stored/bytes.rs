//! Numbers and texts as bytes: small numbers take one, runs of the usual take next to none.

use super::StoredError;

/// Bytes in the making.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    /// How many usual values in a row were left out so far.
    pub(super) skipped: u64,
}

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Numbers near zero of either sign are short.
    pub(super) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// One of a list of values is the usual one.
    pub(super) fn usual(&mut self) {
        self.skipped += 1;
    }

    /// Several are.
    pub(super) fn usuals(&mut self, count: usize) {
        self.skipped += count as u64;
    }

    /// One is not: says how many before it were. What it is follows.
    pub(super) fn unusual(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        self.number(skipped);
    }

    /// The list is over.
    pub(super) fn end(&mut self) {
        self.unusual();
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    /// How many usual values in a row come now; none if that is not read yet.
    skip: Option<u64>,
}

impl<'b> Reader<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, skip: None }
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoredError> {
        let (first, rest) = self.bytes.split_first().ok_or(StoredError::Damaged)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoredError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(StoredError::Damaged)
    }

    pub(super) fn signed(&mut self) -> Result<i64, StoredError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A number of things that each take some room in memory.
    pub(super) fn count(&mut self) -> Result<usize, StoredError> {
        let count = self.number()?;
        if count > 100_000 { Err(StoredError::Damaged) } else { Ok(count as usize) }
    }

    pub(super) fn text(&mut self) -> Result<&'b str, StoredError> {
        let length = self.count()?;
        let (text, rest) = self.bytes.split_at_checked(length).ok_or(StoredError::Damaged)?;
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| StoredError::Damaged)
    }

    pub(super) fn four(&mut self) -> Result<u32, StoredError> {
        let (four, rest) = self.bytes.split_first_chunk().ok_or(StoredError::Damaged)?;
        self.bytes = rest;
        Ok(u32::from_le_bytes(*four))
    }

    /// Whether the next value of a list is the usual one; if not, what it is follows.
    pub(super) fn is_usual(&mut self) -> Result<bool, StoredError> {
        let skip = match self.skip {
            Some(skip) => skip,
            None => self.number()?,
        };
        self.skip = skip.checked_sub(1);
        Ok(skip > 0)
    }

    /// The list is over.
    pub(super) fn end(&mut self) -> Result<(), StoredError> {
        let skip = match self.skip.take() {
            Some(skip) => skip,
            None => self.number()?,
        };
        if skip == 0 { Ok(()) } else { Err(StoredError::Damaged) }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
