//! Files that were read a moment ago: the same bytes need not be read again for the next people asked about.
//!
//! Reading is a pure function of the bytes and the manifest, so what is kept by their hash can never be wrong. It is kept
//! with its source, within a limit, the longest unused going first.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::Digest as _;

use super::load::Loaded;
use crate::parse::link::Book;

/// Bytes that the files of one source may hold, roughly.
const ROOM: usize = 512 << 20;

/// SHA-256 of a file.
pub(super) type Hash = [u8; 32];

/// What one source keeps.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// The longest unused first.
    files: Vec<(Hash, usize, Arc<Loaded>)>,
    book: Option<(Vec<Hash>, Arc<Book>)>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

/// The hash of a file.
pub(super) fn hash(bytes: &[u8]) -> Hash {
    sha2::Sha256::digest(bytes).into()
}

impl Shelf {
    /// A file that is kept, or as it is read now.
    pub(super) fn file<E>(&self, hash: Hash, read: impl FnOnce() -> Result<Loaded, E>) -> Result<Arc<Loaded>, E> {
        {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = held.files.iter().position(|(h, ..)| *h == hash) {
                let kept = held.files.remove(at);
                let file = Arc::clone(&kept.2);
                held.files.push(kept);
                return Ok(file);
            }
        }
        // Read without the lock: two asks at once may both read, and neither waits.
        let file = Arc::new(read()?);
        let weight = file.weight();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if weight <= ROOM {
            held.files.push((hash, weight, Arc::clone(&file)));
            while held.files.iter().map(|(_, weight, _)| weight).sum::<usize>() > ROOM {
                held.files.remove(0);
            }
        }
        Ok(file)
    }

    /// The addresses of some files together, as they are kept or listed now.
    pub(super) fn book(&self, hashes: &[Hash], list: impl FnOnce() -> Book) -> Arc<Book> {
        {
            let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((kept, book)) = &held.book
                && kept == hashes
            {
                return Arc::clone(book);
            }
        }
        let book = Arc::new(list());
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.book = Some((hashes.to_vec(), Arc::clone(&book)));
        book
    }
}
