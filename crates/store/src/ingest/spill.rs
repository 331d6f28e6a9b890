//! Rows on their way to their buckets: one growing file a bucket, of slices that [`super::slice`] lays out.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::StoreError;

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
