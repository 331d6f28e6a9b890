//! Rows on their way to their buckets: slices of columns, written densely to one file a bucket.
//!
//! A slice holds some rows of one table whose people all lie in one bucket, sorted by person. Numbers are differences of
//! neighbours, texts say when they are the one before again; both cost about as much to write as to copy.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::StoreError;
use crate::columns::{Ints, Texts};

/// Bytes of a bucket that are kept in memory before they go to its file.
const KEPT: usize = 128 * 1024;

/// One growing file a bucket, in a folder that is taken away in the end.
#[derive(Debug)]
pub(super) struct Spill {
    folder: PathBuf,
    buckets: Vec<Mutex<Vec<u8>>>,
}

impl Spill {
    pub(super) fn new(folder: &Path, buckets: u32) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io(folder))?;
        Ok(Self { folder: folder.to_owned(), buckets: (0..buckets).map(|_| Mutex::default()).collect() })
    }

    fn path(&self, bucket: u32) -> PathBuf {
        self.folder.join(format!("{bucket:05}.slices"))
    }

    pub(super) fn add(&self, bucket: u32, slice: &[u8]) -> Result<(), StoreError> {
        let Some(kept) = self.buckets.get(bucket as usize) else { return Ok(()) };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(slice);
        if kept.len() < KEPT {
            return Ok(());
        }
        let path = self.path(bucket);
        let file = File::options().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(&kept)).map_err(StoreError::io(&path))?;
        kept.clear();
        Ok(())
    }

    /// All of a bucket, which is gone then.
    pub(super) fn take(&self, bucket: u32) -> Result<Vec<u8>, StoreError> {
        let path = self.path(bucket);
        let mut all = match fs::read(&path) {
            Ok(all) => {
                fs::remove_file(&path).map_err(StoreError::io(&path))?;
                all
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io(&path)(error)),
        };
        if let Some(kept) = self.buckets.get(bucket as usize) {
            all.append(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(all)
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A place in a slice. What was not written by us reads as zeros; checksums of the store's files begin after this.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 || shift > 56 {
                break;
            }
            shift += 7;
        }
        value
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub(super) fn ints(&mut self, rows: usize, to: &mut Ints) {
        let mut last = 0i64;
        for _ in 0..rows {
            let code = self.take();
            if code == 0 {
                to.push(None);
                continue;
            }
            let delta = code - 1;
            last = last.wrapping_add((delta >> 1) as i64 ^ -((delta & 1) as i64));
            to.push(Some(last));
        }
    }

    pub(super) fn texts(&mut self, rows: usize, to: &mut Texts) {
        let mut last = "";
        for _ in 0..rows {
            match self.take() {
                0 => to.push(None),
                1 => to.push(Some(last)),
                len => {
                    last = std::str::from_utf8(self.bytes(len as usize - 2)).unwrap_or_default();
                    to.push(Some(last));
                }
            }
        }
    }
}

/// Numbers as differences; 0 stands for null. Differences beyond 62 bits do not occur: amounts end at 10^15.
pub(super) fn put_ints(values: impl Iterator<Item = Option<i64>>, out: &mut Vec<u8>) {
    let mut last = 0i64;
    for value in values {
        let Some(value) = value else {
            out.push(0);
            continue;
        };
        let delta = value.wrapping_sub(last);
        put((((delta << 1) ^ (delta >> 63)) as u64).wrapping_add(1), out);
        last = value;
    }
}

pub(super) fn put_texts<'a>(values: impl Iterator<Item = Option<&'a str>>, out: &mut Vec<u8>) {
    let mut last = None;
    for value in values {
        match value {
            None => out.push(0),
            Some(text) if last == Some(text) => out.push(1),
            Some(text) => {
                put(text.len() as u64 + 2, out);
                out.extend_from_slice(text.as_bytes());
                last = Some(text);
            }
        }
    }
}
