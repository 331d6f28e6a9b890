//! Unsorted rows that know people by identity number become sorted buckets of keys: number to key, bucket, sort, write.
//!
//! Rows come as Parquet files of one dataset each, in any order. Each is read once, its rows go to the buckets of their
//! people as dense slices on disk, and each bucket is then sorted and written on its own; so memory holds the numbers of
//! everybody, one file and one bucket a thread, whatever the rows. Sources that said nothing about somebody they were
//! asked about have no record: coverage of every (person, source) is written with the rows.

mod numbers;
mod spill;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hedui_base::{Outcome, PersonKey};
use polars::prelude as pl;
use polars::prelude::SerReader as _;

pub use numbers::Numbers;
use spill::{Reader, Spill, put, put_ints, put_texts};

use crate::columns::{BulkColumn, Ints, Texts};
use crate::parquet::{self, FileColumn};
use crate::shape::{Kind, Shape, ShapeColumn};
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

/// A table's columns as they come out of a bucket's slices.
struct Gathered<'a> {
    table: &'a Table,
    /// Runs of one person: key, first row, rows.
    runs: Vec<(u32, u32, u32)>,
    rows: u32,
    columns: Vec<BulkColumn>,
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
        let frame = read(path)?;
        let numbers = ints(frame.column(NUMBER)?.as_materialized_series())?;
        let columns: Vec<Option<BulkColumn>> = carried(&table.shape)
            .map(|c| match frame.column(&c.name) {
                Ok(found) if c.kind != Kind::Text => Ok(Some(BulkColumn::Ints(ints(found.as_materialized_series())?))),
                _ => Ok::<_, StoreError>(None),
            })
            .collect::<Result<_, _>>()?;
        let texts: Vec<Option<&pl::StringChunked>> = carried(&table.shape)
            .map(|c| match frame.column(&c.name) {
                Ok(found) if c.kind == Kind::Text => Ok(Some(found.as_materialized_series().str()?)),
                _ => Ok::<_, StoreError>(None),
            })
            .collect::<Result<_, _>>()?;
        let mut runs: Vec<(u32, u32, u32)> = Vec::new();
        let (mut strangers, mut row) = (0, 0);
        for run in numbers.values.chunk_by(|a, b| a == b) {
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
        let (mut slice, mut body) = (Vec::new(), Vec::new());
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
            let rows = || part.iter().flat_map(|(_, first, count)| *first as usize..(first + count) as usize);
            for (numbers, words) in columns.iter().zip(&texts) {
                match (numbers, words) {
                    (Some(BulkColumn::Ints(ints)), _) => put_ints(rows().map(|r| ints.get(r)), &mut body),
                    (_, Some(texts)) => put_texts(rows().map(|r| texts.get(r)), &mut body),
                    _ => rows().for_each(|_| body.push(0)),
                }
            }
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
            let Some(table) = self.store.inner.tables.values().nth(part[0].0 as usize) else { continue };
            let mut gathered = Gathered::new(table);
            part.iter().for_each(|(_, _, slice)| gathered.add(Reader(slice)));
            let (names, columns): (Vec<String>, Vec<BulkColumn>) =
                self.columns(gathered, bucket, &mut found).into_iter().unzip();
            let named: Vec<(&str, BulkColumn)> = names.iter().map(String::as_str).zip(columns).collect();
            files.push(self.store.write_bulk(&table.shape.name, bucket, &named)?);
        }
        let coverage = self.coverage(bucket, &found, letter);
        if coverage.first().is_some_and(|(_, persons)| !persons.is_empty()) {
            files.push(self.store.write_bulk("coverage", bucket, &coverage)?);
        }
        Ok(files)
    }

    fn columns(&self, mut gathered: Gathered<'_>, bucket: u32, found: &mut [bool]) -> Vec<(String, BulkColumn)> {
        gathered.runs.sort_unstable();
        let (mut person, mut order) = (Ints::default(), Vec::with_capacity(gathered.rows as usize));
        for (key, first, count) in &gathered.runs {
            (0..*count).for_each(|_| person.push(Some(i64::from(*key))));
            order.extend(*first..first + count);
        }
        let in_order = order.iter().zip(0..).all(|(row, at)| *row == at);
        let columns: Vec<BulkColumn> =
            if in_order { gathered.columns } else { gathered.columns.iter().map(|c| c.taken(&order)).collect() };
        let names = carried(&gathered.table.shape).map(|c| c.name.clone());
        let mut all: Vec<(String, BulkColumn)> = names.zip(columns).collect();
        let (mut place, mut as_of) = (Ints::default(), Ints::default());
        if let Some((_, BulkColumn::Texts(sources))) = all.iter().find(|(name, _)| name == "source") {
            let mut last: (Option<&str>, usize) = (None, 0);
            for row in 0..person.len() {
                let name = sources.get(row);
                if name != last.0 {
                    let at = self.sources.binary_search_by(|s| s.id.as_str().cmp(name.unwrap_or_default()));
                    last = (name, at.unwrap_or(0));
                }
                let key = person.values[row] as u32;
                found[last.1 * self.store.bucket_people() as usize + (key % self.store.bucket_people()) as usize] =
                    true;
                place.push(Some(self.place(bucket, last.1, key)));
                as_of.push(self.sources.get(last.1).map(|s| s.as_of));
            }
        }
        all.push(("person".to_owned(), BulkColumn::Ints(person)));
        all.push(("ask".to_owned(), BulkColumn::Ints(place.clone())));
        all.push(("answer".to_owned(), BulkColumn::Ints(place)));
        all.push(("as_of".to_owned(), BulkColumn::Ints(as_of)));
        all.rotate_right(4);
        all
    }

    /// An outcome for everybody whom a source was asked about.
    fn coverage(
        &self,
        bucket: u32,
        found: &[bool],
        letter: &(dyn Fn(u32) -> String + Sync),
    ) -> Vec<(&'static str, BulkColumn)> {
        let people = self.store.bucket_people();
        let keys = (bucket * people).max(1)..((bucket + 1) * people).min(self.people.len() as u32 + 1);
        let mut letters: Vec<Box<str>> = Vec::new();
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        for key in keys.clone() {
            let (_, number) = self.people[key as usize - 1];
            numbers.entry(number).or_insert_with(|| {
                letters.push(letter(number).into());
                letters.len() as u32 - 1
            });
        }
        let letter_of: Vec<u32> = keys.clone().map(|key| numbers[&self.people[key as usize - 1].1]).collect();
        let (mut person, mut place, mut outcomes, mut codes) =
            (Ints::default(), Ints::default(), Vec::new(), Vec::new());
        let (mut source_runs, mut asked, mut answered, mut as_of) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (nth, source) in self.sources.iter().enumerate() {
            let before = outcomes.len();
            for key in keys.clone().filter(|key| self.people[*key as usize - 1].0 & source.asks != 0) {
                person.push(Some(i64::from(key)));
                place.push(Some(self.place(bucket, nth, key)));
                outcomes.push(u32::from(!found[nth * people as usize + (key % people) as usize]));
                codes.push(letter_of[(key - keys.start) as usize]);
            }
            let count = (outcomes.len() - before) as u32;
            source_runs.push((Some(nth as u32), count));
            asked.push((Some(source.asked), count));
            answered.push((Some(source.answered), count));
            as_of.push((Some(source.as_of), count));
        }
        let words = |of: &dyn Fn(&IngestSource) -> &str| self.sources.iter().map(|s| of(s).into()).collect();
        let outcome_words = [Outcome::Found, Outcome::NoRecord].map(|o| o.as_str().into()).to_vec();
        vec![
            ("person", BulkColumn::Ints(person)),
            ("source", BulkColumn::TextRuns(words(&|s| s.id.as_str()), source_runs.clone())),
            ("outcome", BulkColumn::Texts(Texts::coded(outcome_words, outcomes))),
            ("ask", BulkColumn::Ints(place.clone())),
            ("answer", BulkColumn::Ints(place)),
            ("asked", BulkColumn::IntRuns(asked)),
            ("answered", BulkColumn::IntRuns(answered)),
            ("as_of", BulkColumn::IntRuns(as_of)),
            ("letter", BulkColumn::Texts(Texts::coded(letters, codes))),
            ("manifest", BulkColumn::TextRuns(words(&|s| s.manifest.as_str()), source_runs)),
        ]
    }
}

impl<'a> Gathered<'a> {
    fn new(table: &'a Table) -> Self {
        let empty = |c: &ShapeColumn| match c.kind {
            Kind::Text => BulkColumn::Texts(Texts::default()),
            _ => BulkColumn::Ints(Ints::default()),
        };
        Self { table, runs: Vec::new(), rows: 0, columns: carried(&table.shape).map(empty).collect() }
    }

    fn add(&mut self, mut slice: Reader<'_>) {
        let (runs, before, mut key) = (slice.take(), self.rows, 0);
        for _ in 0..runs {
            key += slice.take() as u32;
            let count = slice.take() as u32;
            self.runs.push((key, self.rows, count));
            self.rows += count;
        }
        let rows = (self.rows - before) as usize;
        for column in &mut self.columns {
            match column {
                BulkColumn::Ints(ints) => slice.ints(rows, ints),
                BulkColumn::Texts(texts) => slice.texts(rows, texts),
                BulkColumn::IntRuns(_) | BulkColumn::TextRuns(..) => {}
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

fn read(path: &Path) -> Result<pl::DataFrame, StoreError> {
    let file = std::fs::File::open(path).map_err(StoreError::io(path))?;
    // One thread of ours per file: polars' own would only take turns with the others.
    let reader = pl::ParquetReader::new(file).read_parallel(pl::ParallelStrategy::None).set_rechunk(true);
    reader.finish().map_err(StoreError::parquet(path))
}

fn ints(series: &pl::Series) -> Result<Ints, StoreError> {
    Ok(match series.dtype() {
        pl::DataType::Boolean => series.bool()?.iter().map(|v| v.map(i64::from)).collect(),
        pl::DataType::Date => series.to_physical_repr().i32()?.iter().map(|v| v.map(i64::from)).collect(),
        _ => series.i64()?.iter().collect(),
    })
}

/// Writes the list of everybody, in the order of registration.
///
/// # Errors
/// If the disk is full.
pub fn write_registered(path: &Path, people: &[Registered]) -> Result<(), StoreError> {
    let column = |of: &dyn Fn(&Registered) -> i64| BulkColumn::Ints(people.iter().map(|p| Some(of(p))).collect());
    let columns = [
        (NUMBER, column(&|p| p.number)),
        ("standing", column(&|p| i64::from(p.standing))),
        ("letter", column(&|p| i64::from(p.letter))),
    ];
    let named = columns.each_ref().map(|(name, values)| FileColumn { name, kind: Kind::Int, values: Some(values) });
    let (bytes, _) = parquet::encode(&named, people.len())
        .map_err(|e| StoreError::Parquet { path: path.to_owned(), source: pl::PolarsError::from(e) })?;
    std::fs::write(path, &bytes).map_err(StoreError::io(path))
}

/// Reads the list of everybody.
///
/// # Errors
/// If it is not one.
pub fn read_registered(path: &Path) -> Result<Vec<Registered>, StoreError> {
    let frame = read(path)?;
    let column = |name: &str| ints(frame.column(name)?.as_materialized_series());
    let (numbers, standings, letters) = (column(NUMBER)?, column("standing")?, column("letter")?);
    let people = (0..numbers.len()).map(|row| Registered {
        number: numbers.values[row],
        standing: u8::try_from(standings.values[row]).unwrap_or(0),
        letter: u32::try_from(letters.values[row]).unwrap_or(u32::MAX),
    });
    Ok(people.collect())
}

impl Store {
    /// Writes rows of a dataset as they come from elsewhere: `_number` instead of a person, in any order.
    ///
    /// # Errors
    /// If a column is not one of the dataset, or the disk is full.
    pub fn write_unsorted(
        &self,
        dataset: &str,
        number: BulkColumn,
        columns: &[(&str, BulkColumn)],
        path: &Path,
    ) -> Result<u64, StoreError> {
        let table = self.any_table(dataset)?;
        let rows = number.len();
        let mut named = vec![FileColumn { name: NUMBER, kind: Kind::Int, values: Some(&number) }];
        named.extend(carried(&table.shape).map(|c| FileColumn {
            name: &c.name,
            kind: c.kind,
            values: columns.iter().find(|(name, _)| *name == c.name).map(|(_, column)| column),
        }));
        let (bytes, _) = parquet::encode(&named, rows)
            .map_err(|e| StoreError::Parquet { path: path.to_owned(), source: pl::PolarsError::from(e) })?;
        std::fs::write(path, &bytes).map_err(StoreError::io(path))?;
        Ok(bytes.len() as u64)
    }
}
