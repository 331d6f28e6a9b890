//! Where the pages of files lie, kept from one look-up to the next.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::overlaps;
use super::people_set::PeopleSet;
use crate::parquet::directory::{Directory, Holds};

/// Bytes of directories that are kept, about. Those of a million households with 98 million records, 10,854 files, take some
/// 50 MB, and the room is in two halves of which the elder one is let go of: so a city of that size is looked up without reading
/// footers, and beside a larger one memory stays what it is.
const MOST_BYTES: usize = 128 << 20;

/// Column of the person that a row is about.
pub(super) const PERSON: &str = "person";

/// What is known of a file.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It is one of this store's.
    Own(Arc<OwnFile>),
    /// It was written by somebody else.
    Foreign,
}

/// One of this store's files.
#[derive(Debug)]
pub(super) struct OwnFile {
    pub(super) directory: Directory,
    /// Everybody in a file with one page of people, once it was read: most files have nothing of most people, and need not
    /// be opened for them again.
    pub(super) everybody: OnceLock<PeopleSet>,
}

impl OwnFile {
    /// Whether the file may hold rows of any of some people, ascending.
    pub(super) fn may_hold(&self, people: &[i64]) -> bool {
        match (self.everybody.get(), self.directory.column(PERSON)) {
            (Some(all), _) => people.iter().any(|person| all.has(*person)),
            (None, Some(pages)) => pages.pages.iter().any(|page| may_hold(&page.holds, people)),
            (None, None) => true,
        }
    }

    /// Bytes that it takes, or will.
    fn size(&self) -> usize {
        let people = match self.directory.column(PERSON).map(|column| column.pages.as_slice()) {
            Some([page]) => match page.holds {
                Holds::Between(min, max) => PeopleSet::most_bytes(self.directory.rows, min, max),
                _ => 0,
            },
            _ => 0,
        };
        size_of::<Self>() + self.directory.size() + people
    }
}

/// Whether a page of people may hold one of some.
pub(super) fn may_hold(page: &Holds, people: &[i64]) -> bool {
    match page {
        Holds::Int(only) => people.binary_search(only).is_ok(),
        Holds::Between(min, max) => overlaps(people, (*min, *max)),
        Holds::Nulls | Holds::Text(_) => false,
        Holds::Any => true,
    }
}

impl Known {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let directory = Directory::read(file, length)?.filter(|directory| directory.column(PERSON).is_some());
        Ok(directory
            .map_or(Self::Foreign, |directory| Self::Own(Arc::new(OwnFile { directory, everybody: OnceLock::new() }))))
    }

    fn size(&self) -> usize {
        match self {
            Self::Own(file) => file.size(),
            Self::Foreign => 0,
        }
    }
}

/// What is known of the files looked at last, by path. A file is never changed, so this never has to be forgotten for
/// another reason than room.
#[derive(Debug, Default)]
pub(crate) struct Directories(Mutex<Generations>);

/// Two generations: when the younger one has filled its half, the elder one goes, and what is used of it moves over.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Box<str>, Known>,
    old: HashMap<Box<str>, Known>,
    /// Bytes of the young.
    bytes: usize,
}

impl Directories {
    pub(super) fn get(&self, path: &str) -> Option<Known> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.young.get(path) {
            return Some(known.clone());
        }
        let (path, known) = all.old.remove_entry(path)?;
        all.add(path, known.clone(), MOST_BYTES);
        Some(known)
    }

    pub(super) fn keep(&self, path: &str, known: &Known) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(path.into(), known.clone(), MOST_BYTES);
    }
}

impl Generations {
    fn add(&mut self, path: Box<str>, known: Known, most: usize) {
        let size = known.size() + path.len() + size_of::<(Box<str>, Known)>();
        if self.bytes + size > most / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        // One that alone is larger than all the room would push everything else out.
        if size <= most / 2 && self.young.insert(path, known).is_none() {
            self.bytes += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes_when_the_room_is_full() {
        let mut all = Generations::default();
        let room = 20 * (size_of::<(Box<str>, Known)>() + 4);
        for nth in 0..1000 {
            all.add(format!("{nth:04}").into(), Known::Foreign, room);
            assert!(all.young.len() + all.old.len() <= 20);
            // The first is looked at again and again.
            if let Some((path, known)) = all.old.remove_entry("0000") {
                all.add(path, known, room);
            }
            assert!(all.young.contains_key("0000"));
        }
        assert!(all.young.contains_key("0999"));
    }
}
