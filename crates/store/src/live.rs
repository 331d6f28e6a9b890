//! Which rows count: those of the newest answer of their (person, source); read by bucket and kept. Those of a few people are
//! looked up instead: see [`crate::few`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use polars::frame::DataFrame;

use crate::few::NewestFew;
use crate::shape::{RECORD_COLUMNS, ShapeColumn};
use crate::snapshot::Snapshot;
use crate::store::Table;
use crate::{StoreError, frame};

/// How many buckets of people are kept, each with all tables read of it.
const KEPT_BUCKETS: usize = 3;

type Slot<T> = Arc<Mutex<Option<Arc<T>>>>;
type RowsKey = (String, Option<Vec<String>>);

#[derive(Debug, Default)]
pub(crate) struct Cache {
    /// Buckets, the one used last at the end.
    buckets: Mutex<Vec<(u32, Arc<CachedBucket>)>>,
}

#[derive(Debug, Default)]
struct CachedBucket {
    coverage: Slot<LiveCoverage>,
    /// Of the people looked up last: every dataset needs it.
    few: Mutex<Option<(Vec<i64>, Arc<NewestFew>)>>,
    rows: Mutex<HashMap<RowsKey, Slot<LiveRows>>>,
}

/// The newest answer of every (person, source) of a bucket.
#[derive(Debug)]
pub(crate) struct LiveCoverage {
    pub(crate) frame: DataFrame,
    pub(crate) persons: Vec<i64>,
    sources: HashMap<String, u32>,
    newest: HashMap<(i64, u32), i64>,
}

/// The live rows of one table in a bucket, sorted.
#[derive(Debug)]
pub(crate) struct LiveRows {
    pub(crate) frame: DataFrame,
    pub(crate) persons: Vec<i64>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value in a slot, made by the first who needs it while the others wait.
fn fill<T>(slot: &Slot<T>, make: impl FnOnce() -> Result<T, StoreError>) -> Result<Arc<T>, StoreError> {
    let mut value = lock(slot);
    if let Some(made) = &*value {
        return Ok(Arc::clone(made));
    }
    let made = Arc::new(make()?);
    *value = Some(Arc::clone(&made));
    Ok(made)
}

impl Cache {
    fn bucket(&self, bucket: u32) -> Arc<CachedBucket> {
        let mut buckets = lock(&self.buckets);
        let found = buckets.iter().position(|(b, _)| *b == bucket).map(|at| buckets.remove(at));
        let entry = found.unwrap_or_else(|| (bucket, Arc::default()));
        let shared = Arc::clone(&entry.1);
        buckets.push(entry);
        if buckets.len() > KEPT_BUCKETS {
            buckets.remove(0);
        }
        shared
    }
}

impl Snapshot {
    /// Rows of a bucket, with these columns, file after file.
    pub(crate) fn read_all(
        &self,
        table: &Table,
        columns: &[&ShapeColumn],
        bucket: u32,
    ) -> Result<DataFrame, StoreError> {
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let mut all = frame::conform(&DataFrame::default(), columns)?;
        for file in self.bucket_files(&table.shape.name, bucket) {
            let read = self.inner.read(&table.shape.name, &file.name, &names)?;
            if read.height() > 0 {
                all.vstack_mut(&frame::conform(&read, columns)?)?;
            }
        }
        if let Some(held) = self.held_rows(&table.shape.name, bucket) {
            all.vstack_mut(&frame::conform(held, columns)?)?;
        }
        all.rechunk_mut();
        Ok(all)
    }

    /// The newest outcomes of a bucket.
    pub(crate) fn live_coverage(&self, bucket: u32) -> Result<Arc<LiveCoverage>, StoreError> {
        let cached = self.cache.bucket(bucket);
        fill(&cached.coverage, || self.newest(bucket))
    }

    /// The newest outcomes of some people of a bucket; those looked up last are kept.
    pub(crate) fn coverage_of_few(&self, bucket: u32, people: &[i64]) -> Result<Arc<NewestFew>, StoreError> {
        let cached = self.cache.bucket(bucket);
        if let Some((of, newest)) = &*lock(&cached.few)
            && of == people
        {
            return Ok(Arc::clone(newest));
        }
        let newest = Arc::new(self.newest_of_few(bucket, people)?);
        *lock(&cached.few) = Some((people.to_vec(), Arc::clone(&newest)));
        Ok(newest)
    }

    /// The newest outcomes of a bucket, if they were read.
    pub(crate) fn kept_coverage(&self, bucket: u32) -> Option<Arc<LiveCoverage>> {
        let cached = self.cache.bucket(bucket);
        let kept = lock(&cached.coverage);
        kept.clone()
    }

    fn newest(&self, bucket: u32) -> Result<LiveCoverage, StoreError> {
        let table = self.inner.coverage()?;
        let columns: Vec<&ShapeColumn> = table.shape.columns.iter().collect();
        let all = frame::sorted(&self.read_all(table, &columns, bucket)?, table.sort_keys())?;
        let (persons, answers) = (frame::required(&all, "person")?, frame::required(&all, "answer")?);
        let names = frame::text_values(&all, "source")?;
        let (mut sources, mut newest, mut rows) = (HashMap::new(), HashMap::new(), Vec::new());
        for row in 0..persons.len() {
            // Sorted by person, source, answer: the last of a run is the newest.
            if row + 1 == persons.len() || (persons[row + 1], &names[row + 1]) != (persons[row], &names[row]) {
                let next = sources.len() as u32;
                let source = *sources.entry(names[row].as_deref().unwrap_or_default().to_owned()).or_insert(next);
                newest.insert((persons[row], source), answers[row]);
                rows.push(row);
            }
        }
        let frame = frame::take(&all, &rows)?;
        Ok(LiveCoverage { persons: frame::required(&frame, "person")?, frame, sources, newest })
    }

    /// The live rows of a bucket of a table, if they were read.
    pub(crate) fn kept_rows(&self, table: &str, columns: Option<&[&str]>, bucket: u32) -> Option<Arc<LiveRows>> {
        let cached = self.cache.bucket(bucket);
        let slot = lock(&cached.rows).get(&key(table, columns)).map(Arc::clone)?;
        let kept = lock(&slot);
        kept.clone()
    }

    /// The live rows of a bucket of a table.
    pub(crate) fn live_rows(
        &self,
        table: &Table,
        own: &[&ShapeColumn],
        columns: Option<&[&str]>,
        bucket: u32,
    ) -> Result<Arc<LiveRows>, StoreError> {
        let coverage = self.live_coverage(bucket)?;
        let cached = self.cache.bucket(bucket);
        let slot = Arc::clone(lock(&cached.rows).entry(key(&table.shape.name, columns)).or_default());
        fill(&slot, || self.live(table, own, &coverage, bucket))
    }

    fn live(
        &self,
        table: &Table,
        own: &[&ShapeColumn],
        coverage: &LiveCoverage,
        bucket: u32,
    ) -> Result<LiveRows, StoreError> {
        let shared = &table.shape.columns[..RECORD_COLUMNS.len()];
        let every: Vec<&ShapeColumn> = shared.iter().chain(own.iter().copied()).collect();
        let all = self.read_all(table, &every, bucket)?;
        let (persons, answers) = (frame::required(&all, "person")?, frame::required(&all, "answer")?);
        let names = frame::text_values(&all, "source")?;
        let live: Vec<usize> = (0..persons.len())
            .filter(|row| {
                let source = names[*row].as_deref().and_then(|s| coverage.sources.get(s));
                source.and_then(|s| coverage.newest.get(&(persons[*row], *s))) == Some(&answers[*row])
            })
            .collect();
        let mut frame = frame::take(&all, &live)?;
        if self.parts(&table.shape.name, bucket) > 1 {
            frame = frame::sorted(&frame, table.sort_keys())?;
        }
        Ok(LiveRows { persons: frame::required(&frame, "person")?, frame })
    }
}

fn key(table: &str, columns: Option<&[&str]>) -> RowsKey {
    (table.to_owned(), columns.map(|c| c.iter().map(|c| (*c).to_owned()).collect()))
}
