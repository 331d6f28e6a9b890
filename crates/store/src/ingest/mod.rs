//! Unsorted rows that know people by identity number become sorted buckets of keys: number to key, bucket, sort, write.
//!
//! Rows come as Parquet files of one dataset each, in any order. Each is read once, its rows go to the buckets of their
//! people as dense slices on disk, and each bucket is then sorted and written on its own; so memory holds the numbers of
//! everybody, one file and one bucket a thread, whatever the rows. Sources that said nothing about somebody they were
//! asked about have no record: coverage of every (person, source) is written with the rows.

mod exchange;
mod gather;
mod glossary;
mod handed_over;
mod numbers;
mod outcomes;
mod slice;
mod spill;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hedui_base::PersonKey;

pub use exchange::{read_registered, write_registered};
use gather::Gathered;
use glossary::Glossary;
use handed_over::{Handed, HandedOver};
pub use numbers::Numbers;
use slice::{Reader, put, put_ints, put_texts};
use spill::Spill;

use crate::columns::{BulkColumn, Ints};
use crate::shape::{Shape, ShapeColumn};
use crate::store::Table;
use crate::{BulkFile, Store, StoreError};

/// A source whose answers come with the rows.
#[derive(Clone, Debug)]
pub struct IngestSource {
    /// Its id.
    pub id: String,
    /// Bits of [`Registered::standing`] of whom it is asked about: any of them is enough.
    pub asks: u8,
    /// Hash of its manifest.
    pub manifest: String,
    /// What day its answers are true for, in days since 1970-01-01.
    pub as_of: i64,
    /// When it was asked and answered, in microseconds since 1970-01-01 UTC.
    pub asked: i64,
    /// The same.
    pub answered: i64,
}

/// Somebody who is registered, in the order of registration.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// Identity number.
    pub number: i64,
    /// What the person is in the case; the bits mean what [`IngestSource::asks`] means by them.
    pub standing: u8,
    /// Which letter allows asking.
    pub letter: u32,
}

/// What was taken in.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Rows read.
    pub rows: u64,
    /// Rows about people nobody registered, which were left out.
    pub strangers: u64,
    /// Settlements: the first and the last number.
    pub answers: (i64, i64),
}

/// Everything that is the same for all files and buckets.
#[derive(Debug)]
pub struct Ingest {
    store: Store,
    numbers: Numbers,
    /// By key, from 1.
    people: Vec<(u8, u32)>,
    /// By id.
    sources: Vec<IngestSource>,
    /// By table, and by carried column.
    glossaries: Vec<Vec<Glossary>>,
    spill: Spill,
    strangers: AtomicU64,
    rows: AtomicU64,
}

/// Column that has the identity number of whom a row is about. No dataset has one that begins so.
const NUMBER: &str = "_number";

/// Columns that the ingest itself fills.
const OURS: [&str; 4] = ["person", "ask", "answer", "as_of"];

fn carried(shape: &Shape) -> impl Iterator<Item = &ShapeColumn> {
    shape.columns.iter().filter(|c| !OURS.contains(&c.name.as_str()))
}

impl Ingest {
    /// Gives everybody a key, in the order given. `work` is a folder for what is on its way; it is taken away in the end.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn new(
        store: &Store,
        people: impl ExactSizeIterator<Item = Registered>,
        mut sources: Vec<IngestSource>,
        work: &Path,
    ) -> Result<Self, StoreError> {
        let mut numbers = Numbers::with_capacity(people.len());
        let mut known = Vec::with_capacity(people.len());
        for person in people {
            if numbers.assign(person.number).0 as usize > known.len() {
                known.push((person.standing, person.letter));
            }
        }
        sources.sort_by(|a, b| a.id.cmp(&b.id));
        let buckets = known.len() as u32 / store.bucket_people() + 1;
        Ok(Self {
            store: store.clone(),
            numbers,
            people: known,
            sources,
            glossaries: (store.inner.tables.values())
                .map(|table| carried(&table.shape).map(|_| Glossary::default()).collect())
                .collect(),
            spill: Spill::new(work, buckets)?,
            strangers: AtomicU64::new(0),
            rows: AtomicU64::new(0),
        })
    }

    /// How many buckets everybody fills.
    #[must_use]
    pub fn buckets(&self) -> u32 {
        self.people.len() as u32 / self.store.bucket_people() + 1
    }

    /// Takes in files of datasets, then writes each bucket, on so many threads; `written` gets each bucket's files as they
    /// are done, letters by their text. Blocking.
    ///
    /// # Errors
    /// If a file cannot be read, lacks the column `_number`, or a bucket cannot be written.
    pub fn run(
        self,
        files: &[(String, PathBuf)],
        threads: usize,
        letter: &(dyn Fn(u32) -> String + Sync),
        written: &(dyn Fn(u32, Vec<BulkFile>) + Sync),
    ) -> Result<Ingested, StoreError> {
        let buckets = self.buckets() as usize;
        let nth_of = |table: &str| self.store.inner.tables.keys().position(|name| name == table);
        each(files.len(), threads, |nth| {
            let (table, path) = &files[nth];
            let id = nth_of(table).ok_or_else(|| StoreError::UnknownDataset { name: table.clone(), nearest: None })?;
            self.spread(id, nth, self.store.any_table(table)?, path)
        })?;
        each(buckets, threads, |bucket| {
            let bucket = bucket as u32;
            written(bucket, self.write(bucket, letter)?);
            Ok(())
        })?;
        let answers = (1, self.place(self.buckets(), 0, 0) - 1);
        Ok(Ingested {
            rows: self.rows.load(Ordering::Relaxed),
            strangers: self.strangers.load(Ordering::Relaxed),
            answers,
        })
    }

    /// Number of the settlement of a (person, source): each has a place, asked or not.
    fn place(&self, bucket: u32, source: usize, key: u32) -> i64 {
        let people = i64::from(self.store.bucket_people());
        (i64::from(bucket) * self.sources.len() as i64 + source as i64) * people + i64::from(key) % people + 1
    }

    /// Reads a file and sends its rows to the buckets of their people.
    fn spread(&self, id: usize, nth: usize, table: &Table, path: &Path) -> Result<(), StoreError> {
        let HandedOver { numbers, columns } = handed_over::read(path, &table.shape, &self.glossaries[id])?;
        let mut runs: Vec<(u32, u32, u32)> = Vec::new();
        let (mut strangers, mut row) = (0, 0);
        for run in numbers.chunk_by(|a, b| a == b) {
            match self.numbers.get(run[0]) {
                Some(PersonKey(key)) => runs.push((key, row, run.len() as u32)),
                None => strangers += run.len() as u64,
            }
            row += run.len() as u32;
        }
        self.strangers.fetch_add(strangers, Ordering::Relaxed);
        self.rows.fetch_add(u64::from(row), Ordering::Relaxed);
        runs.sort_unstable();
        let bucket_of = |key: u32| self.store.inner.bucket_of(PersonKey(key));
        let (mut slice, mut body, mut room) = (Vec::new(), Vec::new(), Room::default());
        for part in runs.chunk_by(|a, b| bucket_of(a.0) == bucket_of(b.0)) {
            slice.clear();
            body.clear();
            put(part.len() as u64, &mut body);
            let mut last = 0;
            for (key, _, count) in part {
                put(u64::from(key - last), &mut body);
                put(u64::from(*count), &mut body);
                last = *key;
            }
            columns.iter().for_each(|column| room.put(column, part, &mut body));
            put(id as u64, &mut slice);
            put(nth as u64, &mut slice);
            put(body.len() as u64, &mut slice);
            slice.extend_from_slice(&body);
            self.spill.add(bucket_of(part[0].0), &slice)?;
        }
        Ok(())
    }

    /// Sorts and writes one bucket.
    fn write(&self, bucket: u32, letter: &(dyn Fn(u32) -> String + Sync)) -> Result<Vec<BulkFile>, StoreError> {
        let slices = self.spill.take(bucket)?;
        let mut reader = Reader(&slices);
        let mut listed = Vec::new();
        while !reader.0.is_empty() {
            let (id, nth, len) = (reader.take(), reader.take(), reader.take());
            listed.push((id, nth, reader.bytes(len as usize)));
        }
        // By table, then by file, so that it does not matter which thread came first.
        listed.sort_by_key(|(id, nth, _)| (*id, *nth));
        let people = self.store.bucket_people();
        let mut found = vec![false; self.sources.len() * people as usize];
        let mut files = Vec::new();
        for part in listed.chunk_by(|a, b| a.0 == b.0) {
            let id = part[0].0 as usize;
            let Some(table) = self.store.inner.tables.values().nth(id) else { continue };
            let slices: Vec<Reader<'_>> = part.iter().map(|(_, _, slice)| Reader(slice)).collect();
            let gathered = Gathered::new(&table.shape, &self.glossaries[id], &slices);
            let columns = self.columns(&table.shape, gathered, bucket, &mut found)?;
            files.push(self.store.write_in_order(&table.shape.name, bucket, &columns)?);
        }
        let coverage = self.outcomes(bucket, &found, letter);
        if coverage.first().is_some_and(|(_, persons)| !persons.is_empty()) {
            files.push(self.store.write_in_order("coverage", bucket, &coverage)?);
        }
        Ok(files)
    }

    /// A table's rows as they are written; marks in `found` whom sources had something about.
    fn columns<'t>(
        &self,
        shape: &'t Shape,
        gathered: Gathered<'_>,
        bucket: u32,
        found: &mut [bool],
    ) -> Result<Vec<(&'t str, BulkColumn)>, StoreError> {
        let people = self.store.bucket_people();
        let mut ordered = gathered.ordered(shape);
        let sources = ordered
            .sources(shape, |name| self.sources.binary_search_by(|s| s.id.as_str().cmp(name)).ok())
            .ok_or_else(|| shape.bad("source", "every row comes from one of the sources that the ingest was given"))?;
        let persons = std::mem::take(&mut ordered.persons);
        let mut places = Vec::with_capacity(persons.len());
        let mut as_of: Vec<(Option<i64>, u32)> = Vec::new();
        let mut rest = persons.as_slice();
        for (source, count) in sources {
            let (own, after) = rest.split_at(count);
            rest = after;
            let first = self.place(bucket, source, 0);
            for key in own {
                let within = *key % i64::from(people);
                found[source * people as usize + within as usize] = true;
                places.push(first + within);
            }
            let day = Some(self.sources[source].as_of);
            match as_of.last_mut() {
                Some((last, rows)) if *last == day => *rows += count as u32,
                _ => as_of.push((day, count as u32)),
            }
        }
        let place = Ints::all(places);
        let mut all = vec![
            ("person", BulkColumn::Ints(Ints::all(persons))),
            ("ask", BulkColumn::Ints(place.clone())),
            ("answer", BulkColumn::Ints(place)),
            ("as_of", BulkColumn::IntRuns(as_of)),
        ];
        all.extend(carried(shape).map(|c| c.name.as_str()).zip(ordered.columns()));
        Ok(all)
    }
}

/// Room that is used again from column to column.
#[derive(Default)]
struct Room {
    values: Vec<i64>,
    there: Vec<bool>,
}

impl Room {
    /// Writes the rows of these runs.
    fn put(&mut self, column: &Handed, runs: &[(u32, u32, u32)], out: &mut Vec<u8>) {
        let ranges = || runs.iter().map(|(_, first, count)| *first as usize..(first + count) as usize);
        self.values.clear();
        self.there.clear();
        match column {
            Handed::Nothing => out.push(gather::NOTHING),
            Handed::Ints(ints) => {
                out.push(gather::INTS);
                ranges().for_each(|rows| self.values.extend_from_slice(&ints.values[rows]));
                if ints.present.missing() > 0 {
                    self.there.extend(ranges().flatten().map(|row| ints.present.get(row)));
                }
                put_ints(&self.values, &self.there, out);
            }
            Handed::Numbered(numbers) => {
                out.push(gather::NUMBERED);
                // Null wraps to -1, so that it lies beside the least number.
                let number = |number: &u32| i64::from(*number as i32);
                ranges().for_each(|rows| self.values.extend(numbers[rows].iter().map(number)));
                put_ints(&self.values, &[], out);
            }
            Handed::Texts(texts) => {
                out.push(gather::TEXTS);
                put_texts(ranges().flatten().map(|row| texts.bytes(row)), out);
            }
        }
    }
}

/// Does something for every number below a count, on so many threads; the first failure ends it.
fn each(count: usize, threads: usize, work: impl Fn(usize) -> Result<(), StoreError> + Sync) -> Result<(), StoreError> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let run = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return;
            }
            if let Err(error) = work(nth) {
                next.store(count, Ordering::Relaxed);
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(run))));
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
