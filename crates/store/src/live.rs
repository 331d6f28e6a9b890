//! Which rows count: those of the newest answer of their (person, source); read by bucket and kept, or for a few people.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use polars::frame::DataFrame;

use crate::shape::{RECORD_COLUMNS, ShapeColumn};
use crate::snapshot::{Snapshot, rows_of};
use crate::store::Table;
use crate::{StoreError, frame, lookup};

/// How many buckets of people are kept, each with all tables read of it.
const KEPT_BUCKETS: usize = 3;

/// Up to so many people of a bucket are looked up; for more, the whole bucket is read.
const FEW: usize = 64;

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
    few: Mutex<Option<(Vec<i64>, Arc<LiveCoverage>)>>,
    rows: Mutex<HashMap<RowsKey, Slot<LiveRows>>>,
}

/// The newest answer of every (person, source) of a bucket, or of some of its people.
#[derive(Debug)]
pub(crate) struct LiveCoverage {
    pub(crate) frame: DataFrame,
    pub(crate) persons: Vec<i64>,
    sources: HashMap<String, u32>,
    newest: HashMap<(i64, u32), i64>,
}

/// The live rows of one table in a bucket, or of some of its people, sorted.
#[derive(Debug)]
pub(crate) struct LiveRows {
    pub(crate) frame: DataFrame,
    pub(crate) persons: Vec<i64>,
}

/// Whose rows of a bucket are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    Everyone,
    /// Ascending.
    Few(&'a [i64]),
}

impl<'a> Who<'a> {
    pub(crate) fn of(people: &'a [i64]) -> Self {
        if people.len() <= FEW { Self::Few(people) } else { Self::Everyone }
    }
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
    pub(crate) fn read_some(
        &self,
        table: &Table,
        columns: &[&ShapeColumn],
        bucket: u32,
        who: Who<'_>,
    ) -> Result<DataFrame, StoreError> {
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let mut all = frame::conform(&DataFrame::default(), columns)?;
        for file in self.bucket_files(&table.shape.name, bucket) {
            let read = match who {
                Who::Everyone => self.inner.read(&table.shape.name, &file.name, &names)?,
                Who::Few(people) => {
                    if !lookup::overlaps(people, file.persons) {
                        continue;
                    }
                    lookup::rows(&self.inner.path(&table.shape.name, &file.name), &names, people)?
                }
            };
            if read.height() > 0 {
                all.vstack_mut(&frame::conform(&read, columns)?)?;
            }
        }
        if let Some(held) = self.held_rows(&table.shape.name, bucket) {
            let held = match who {
                Who::Everyone => frame::conform(held, columns)?,
                Who::Few(people) => {
                    let rows = rows_of(&frame::required(held, "person")?, people);
                    frame::conform(&frame::take(held, &rows)?, columns)?
                }
            };
            all.vstack_mut(&held)?;
        }
        all.rechunk_mut();
        Ok(all)
    }

    /// The newest outcomes, at least those of `people`.
    pub(crate) fn live_coverage(&self, bucket: u32, people: &[i64]) -> Result<Arc<LiveCoverage>, StoreError> {
        let cached = self.cache.bucket(bucket);
        if let Who::Few(_) = Who::of(people)
            && lock(&cached.coverage).is_none()
        {
            if let Some((of, live)) = &*lock(&cached.few)
                && of == people
            {
                return Ok(Arc::clone(live));
            }
            let live = Arc::new(self.newest(bucket, Who::Few(people))?);
            *lock(&cached.few) = Some((people.to_vec(), Arc::clone(&live)));
            return Ok(live);
        }
        fill(&cached.coverage, || self.newest(bucket, Who::Everyone))
    }

    fn newest(&self, bucket: u32, who: Who<'_>) -> Result<LiveCoverage, StoreError> {
        let table = self.inner.coverage()?;
        let columns: Vec<&ShapeColumn> = table.shape.columns.iter().collect();
        let all = frame::sorted(&self.read_some(table, &columns, bucket, who)?, table.sort_keys())?;
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

    /// The live rows of a table, at least those of `people`.
    pub(crate) fn live_rows(
        &self,
        table: &Table,
        own: &[&ShapeColumn],
        columns: Option<&[&str]>,
        bucket: u32,
        people: &[i64],
    ) -> Result<Arc<LiveRows>, StoreError> {
        let coverage = self.live_coverage(bucket, people)?;
        let cached = self.cache.bucket(bucket);
        let key = (table.shape.name.clone(), columns.map(|c| c.iter().map(|c| (*c).to_owned()).collect()));
        if let Who::Few(_) = Who::of(people) {
            let read = lock(&cached.rows).get(&key).and_then(|slot| lock(slot).clone());
            return match read {
                Some(rows) => Ok(rows),
                None => Ok(Arc::new(self.live(table, own, &coverage, bucket, Who::Few(people))?)),
            };
        }
        let slot = Arc::clone(lock(&cached.rows).entry(key).or_default());
        fill(&slot, || self.live(table, own, &coverage, bucket, Who::Everyone))
    }

    fn live(
        &self,
        table: &Table,
        own: &[&ShapeColumn],
        coverage: &LiveCoverage,
        bucket: u32,
        who: Who<'_>,
    ) -> Result<LiveRows, StoreError> {
        let shared = &table.shape.columns[..RECORD_COLUMNS.len()];
        let every: Vec<&ShapeColumn> = shared.iter().chain(own.iter().copied()).collect();
        let all = self.read_some(table, &every, bucket, who)?;
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
