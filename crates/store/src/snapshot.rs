//! Reading: a snapshot is pinned, buckets are read when asked for, and only live answers are seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hedui_base::{PersonKey, Records};
use jiff::Timestamp;
use polars::frame::DataFrame;

use crate::ducklake::State;
use crate::few::FEW;
use crate::file::Written;
use crate::known_files::OfBucket;
use crate::live::Cache;
use crate::rows::Rows;
use crate::shape::{COVERAGE, RECORD_COLUMNS, ShapeColumn};
use crate::store::{Inner, Table};
use crate::{CoverageRow, StoreError, frame};

/// A state of the whole store. Grows by one with every publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(pub i64);

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which snapshot to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The newest.
    #[default]
    Latest,
    /// The newest at or before a moment: what was known then.
    Time(Timestamp),
    /// One by its id.
    Id(SnapshotId),
}

/// One file of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePart {
    /// Where it lies.
    pub path: std::path::PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// Whether it stands for rows in the catalogue, and goes with the snapshot.
    pub is_temporary: bool,
}

/// A pinned state of the store. Reads block (call them from `spawn_blocking` in async code) and may run in parallel.
///
/// Of a few people, as one household's, only the pages that hold them are read. Of more, whole buckets are, and the few read
/// last are kept, so that walking through people in the order of their keys reads every file once.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) inner: Arc<Inner>,
    state: State,
    files: Files,
    /// Rows that lie in the catalogue, by table and bucket.
    held: BTreeMap<String, BTreeMap<u32, DataFrame>>,
    /// The only people it was pinned for.
    people: Option<BTreeSet<i64>>,
    pub(crate) cache: Cache,
    /// Files that go with this value.
    _spilled: Vec<Written>,
    /// Says that files are being read, so that none is deleted.
    _reading: Option<std::fs::File>,
}

/// One file of a table's bucket.
#[derive(Clone, Debug)]
pub(crate) struct PinnedFile {
    pub(crate) name: Box<str>,
    /// The least and the largest key in it.
    pub(crate) persons: (i64, i64),
    pub(crate) rows: i64,
    /// Such a file is in no catalogue.
    pub(crate) is_temporary: bool,
}

/// Files by table and bucket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<String, BTreeMap<u32, Vec<PinnedFile>>>);

impl Files {
    pub(crate) fn add(&mut self, table: &str, bucket: u32, file: PinnedFile) {
        let buckets = match self.0.get_mut(table) {
            Some(buckets) => buckets,
            None => self.0.entry(table.to_owned()).or_default(),
        };
        // Most buckets have one file or two of a table, and a nation has 100,000s of them.
        let files = buckets.entry(bucket).or_default();
        files.reserve_exact(1);
        files.push(file);
    }

    fn of(&self, table: &str) -> impl Iterator<Item = (u32, &[PinnedFile])> + '_ {
        self.0.get(table).into_iter().flatten().map(|(bucket, files)| (*bucket, files.as_slice()))
    }
}

/// What a snapshot is made of.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) state: State,
    pub(crate) files: Files,
    pub(crate) held: BTreeMap<String, BTreeMap<u32, DataFrame>>,
    pub(crate) people: Option<BTreeSet<i64>>,
    pub(crate) spilled: Vec<Written>,
    pub(crate) reading: Option<std::fs::File>,
}

impl Pinned {
    pub(crate) fn of(state: State) -> Self {
        let (files, held, spilled) = Default::default();
        Self { state, files, held, people: None, spilled, reading: None }
    }
}

impl Snapshot {
    pub(crate) fn new(inner: Arc<Inner>, pinned: Pinned) -> Self {
        let Pinned { state, files, held, people, spilled, reading } = pinned;
        Self { inner, state, files, held, people, cache: Cache::default(), _spilled: spilled, _reading: reading }
    }

    /// Adds the files of buckets of which it has none yet.
    pub(crate) fn add_files(&mut self, buckets: &[(u32, OfBucket)]) {
        for (bucket, files) in buckets {
            files.iter().for_each(|(table, file)| self.files.add(table, *bucket, file.clone()));
        }
    }

    /// Lets some people be read, whose rows lie in the files it has and in the catalogue.
    pub(crate) fn admit(&mut self, people: BTreeSet<i64>, held: BTreeMap<String, BTreeMap<u32, DataFrame>>) {
        self.people = Some(people);
        self.held = held;
    }

    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Which snapshot this is.
    #[must_use]
    pub const fn id(&self) -> SnapshotId {
        SnapshotId(self.state.id)
    }

    /// The moment up to which answers count.
    #[must_use]
    pub const fn known_at(&self) -> Timestamp {
        self.state.time
    }

    /// Whether there is such a dataset.
    #[must_use]
    pub fn has_dataset(&self, name: &str) -> bool {
        self.inner.table(name).is_ok()
    }

    /// The live records of some people in one dataset, sorted by person, source and record id. A row is live if the
    /// answer that brought it is the newest of its (person, source) in this snapshot.
    ///
    /// Reads only the buckets these people are in, and, of the dataset's own columns, only those named (none: all).
    ///
    /// # Errors
    /// [`StoreError::UnknownDataset`], [`StoreError::UnknownColumn`], or what the file system says.
    pub fn records(
        &self,
        dataset: &str,
        people: &[PersonKey],
        columns: Option<&[&str]>,
    ) -> Result<Records, StoreError> {
        let table = self.inner.table(dataset)?;
        let own = own_columns(table, columns)?;
        let shared = &table.shape.columns[..RECORD_COLUMNS.len()];
        let every: Vec<&ShapeColumn> = shared.iter().chain(own.iter().copied()).collect();
        let mut all: Option<Records> = None;
        for (bucket, people) in self.by_bucket(people)? {
            if self.parts(dataset, bucket) == 0 {
                continue;
            }
            let part = match self.kept_rows(dataset, columns, bucket) {
                None if people.len() <= FEW => self.records_of_few(table, &own, bucket, &people)?,
                kept => {
                    let rows = kept.map_or_else(|| self.live_rows(table, &own, columns, bucket), Ok)?;
                    let picked = frame::take(&rows.frame, &rows_of(&rows.persons, &people))?;
                    Rows::of_frame(&picked, &every)?.into_records(&own)
                }
            };
            match &mut all {
                None => all = Some(part),
                Some(all) => append(all, part),
            }
        }
        Ok(all.unwrap_or_else(|| Rows::none(&every).into_records(&own)))
    }

    /// The newest outcome of every (person, source) of some people, sorted by person and source.
    ///
    /// # Errors
    /// What the file system says.
    pub fn coverage(&self, people: &[PersonKey]) -> Result<Vec<CoverageRow>, StoreError> {
        let columns: Vec<&ShapeColumn> = self.inner.coverage()?.shape.columns.iter().collect();
        let mut all = Vec::new();
        for (bucket, people) in self.by_bucket(people)? {
            match self.kept_coverage(bucket) {
                None if people.len() <= FEW => all.extend_from_slice(&self.coverage_of_few(bucket, &people)?.rows),
                kept => {
                    let live = kept.map_or_else(|| self.live_coverage(bucket), Ok)?;
                    let picked = frame::take(&live.frame, &rows_of(&live.persons, &people))?;
                    all.extend(Rows::of_frame(&picked, &columns)?.to_coverage()?);
                }
            }
        }
        Ok(all)
    }

    /// Every outcome there ever was of some people, sorted by person, source and answer: the last of a (person, source) is
    /// the one that counts now. Outcomes that compaction has dropped are gone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn coverage_history(&self, people: &[PersonKey]) -> Result<Vec<CoverageRow>, StoreError> {
        let table = self.inner.coverage()?;
        let columns: Vec<&ShapeColumn> = table.shape.columns.iter().collect();
        let mut all = Vec::new();
        for (bucket, people) in self.by_bucket(people)? {
            if people.len() <= FEW {
                all.extend(self.outcomes_of_few(bucket, &people)?.to_coverage()?);
                continue;
            }
            let rows = frame::sorted(&self.read_all(table, &columns, bucket)?, table.sort_keys())?;
            let picked = frame::take(&rows, &rows_of(&frame::required(&rows, "person")?, &people))?;
            all.extend(Rows::of_frame(&picked, &columns)?.to_coverage()?);
        }
        Ok(all)
    }

    /// Paths of the files that hold a dataset in this snapshot, superseded answers included: what a cluster reads. Those
    /// that stand for rows in the catalogue are there as long as this value is.
    ///
    /// # Errors
    /// [`StoreError::UnknownDataset`], or [`StoreError::NotPinned`] if it was pinned for some people.
    pub fn files(&self, dataset: &str) -> Result<Vec<std::path::PathBuf>, StoreError> {
        if self.people.is_some() {
            return Err(StoreError::NotPinned);
        }
        if dataset != COVERAGE && !self.inner.case_tables.contains_key(dataset) {
            self.inner.table(dataset)?;
        }
        let files = self.files.of(dataset).flat_map(|(_, files)| files);
        Ok(files.map(|f| self.inner.path(dataset, &f.name)).collect())
    }

    /// The files of one bucket of a table (a dataset, `coverage`, `cases` or `people`), oldest first, superseded answers
    /// included. A table that the store does not know has none.
    #[must_use]
    pub fn bucket_parts(&self, table: &str, bucket: u32) -> Vec<StorePart> {
        let part = |file: &PinnedFile| StorePart {
            path: self.inner.path(table, &file.name),
            rows: u64::try_from(file.rows).unwrap_or_default(),
            is_temporary: file.is_temporary,
        };
        self.bucket_files(table, bucket).iter().map(part).collect()
    }

    /// People by bucket, each ascending and once.
    pub(crate) fn by_bucket(&self, people: &[PersonKey]) -> Result<BTreeMap<u32, Vec<i64>>, StoreError> {
        if let Some(pinned) = &self.people
            && people.iter().any(|p| !pinned.contains(&i64::from(p.0)))
        {
            return Err(StoreError::NotPinned);
        }
        let unique: BTreeSet<PersonKey> = people.iter().copied().collect();
        let mut buckets: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for person in unique {
            buckets.entry(self.inner.bucket_of(person)).or_default().push(i64::from(person.0));
        }
        Ok(buckets)
    }

    /// How many files and sets of rows in the catalogue make up a table's bucket.
    pub(crate) fn parts(&self, table: &str, bucket: u32) -> usize {
        self.bucket_files(table, bucket).len() + usize::from(self.held_rows(table, bucket).is_some())
    }

    pub(crate) fn held_rows(&self, table: &str, bucket: u32) -> Option<&DataFrame> {
        self.held.get(table)?.get(&bucket)
    }

    pub(crate) fn files_by_bucket(&self, table: &str) -> Vec<u32> {
        self.files.of(table).map(|(bucket, _)| bucket).collect()
    }

    pub(crate) fn bucket_paths(&self, table: &str, bucket: u32) -> Vec<std::path::PathBuf> {
        self.bucket_files(table, bucket).iter().map(|file| self.inner.path(table, &file.name)).collect()
    }

    pub(crate) fn bucket_files(&self, table: &str, bucket: u32) -> &[PinnedFile] {
        self.files.0.get(table).and_then(|b| b.get(&bucket)).map_or(&[], Vec::as_slice)
    }
}

pub(crate) fn own_columns<'a>(table: &'a Table, columns: Option<&[&str]>) -> Result<Vec<&'a ShapeColumn>, StoreError> {
    let own = &table.shape.columns[RECORD_COLUMNS.len()..];
    let Some(names) = columns else { return Ok(own.iter().collect()) };
    names
        .iter()
        .map(|name| {
            own.iter().find(|c| c.name == *name).ok_or_else(|| StoreError::UnknownColumn {
                dataset: table.shape.name.clone(),
                column: (*name).to_owned(),
                nearest: hedui_base::diagnostic::nearest(name, own.iter().map(|c| c.name.as_str())).map(str::to_owned),
            })
        })
        .collect()
}

/// Rows of some people in a column sorted by person; both ascending.
pub(crate) fn rows_of(persons: &[i64], people: &[i64]) -> Vec<usize> {
    let mut rows = Vec::new();
    let mut from = 0;
    for person in people {
        from += persons[from..].partition_point(|p| p < person);
        let end = from + persons[from..].partition_point(|p| p <= person);
        rows.extend(from..end);
        from = end;
    }
    rows
}

pub(crate) fn append(all: &mut Records, part: Records) {
    use hedui_base::Column;
    all.person.extend(part.person);
    all.source.extend(part.source);
    all.record_id.extend(part.record_id);
    all.as_of.extend(part.as_of);
    all.ask.extend(part.ask);
    all.answer.extend(part.answer);
    all.table.rows += part.table.rows;
    for (name, column) in part.table.columns {
        match (all.table.columns.get_mut(&name), column) {
            (Some(Column::Int(to)), Column::Int(from)) => to.extend(from),
            (Some(Column::Text(to)), Column::Text(from)) => to.extend(from),
            // Both parts have the same columns of the same kinds.
            _ => {}
        }
    }
}
