//! The newest answers and live rows of a few people: looked up page by page, without a data frame in between.

use hedui_base::{AnswerId, PersonKey, Records};
use rayon::prelude::*;

use crate::rows::Rows;
use crate::shape::{RECORD_COLUMNS, ShapeColumn};
use crate::snapshot::{Snapshot, append, own_columns, rows_of};
use crate::store::Table;
use crate::{CoverageRow, StoreError, frame, lookup};

/// Up to so many people of a bucket are looked up; for more, the whole bucket is read.
pub(crate) const FEW: usize = 64;

/// Places in [`RECORD_COLUMNS`] and in the columns of coverage.
const PERSON: usize = 0;
const SOURCE: usize = 1;
const RECORD: usize = 2;
const RECORD_ANSWER: usize = 5;
const COVERAGE_ANSWER: usize = 4;

/// The newest outcome of every (person, source) of some people, sorted.
#[derive(Debug)]
pub(crate) struct NewestFew {
    pub(crate) rows: Vec<CoverageRow>,
}

impl NewestFew {
    fn answer(&self, person: i64, source: &str) -> Option<AnswerId> {
        let key =
            |row: &CoverageRow| i64::from(row.person.0).cmp(&person).then_with(|| row.source.as_str().cmp(source));
        self.rows.binary_search_by(key).ok().map(|at| self.rows[at].answer)
    }
}

impl Snapshot {
    /// All rows of some people of a bucket in a table, superseded ones too: file after file, then those in the catalogue.
    pub(crate) fn rows_of_few(
        &self,
        table: &Table,
        columns: &[&ShapeColumn],
        bucket: u32,
        people: &[i64],
    ) -> Result<Rows, StoreError> {
        let mut all = Rows::none(columns);
        for file in self.bucket_files(&table.shape.name, bucket) {
            if lookup::overlaps(people, file.persons) {
                let path = self.inner.path(&table.shape.name, &file.name);
                all.append(lookup::rows(&self.inner.directories, &path, columns, people)?);
            }
        }
        if let Some(held) = self.held_rows(&table.shape.name, bucket) {
            let rows = rows_of(&frame::required(held, "person")?, people);
            all.append(Rows::of_frame(&frame::take(held, &rows)?, columns)?);
        }
        Ok(all)
    }

    /// Every outcome there ever was of some people, sorted by person, source and answer.
    pub(crate) fn outcomes_of_few(&self, bucket: u32, people: &[i64]) -> Result<Rows, StoreError> {
        let table = self.inner.coverage()?;
        let columns: Vec<&ShapeColumn> = table.shape.columns.iter().collect();
        Ok(self.rows_of_few(table, &columns, bucket, people)?.sorted(&[PERSON, SOURCE, COVERAGE_ANSWER]))
    }

    pub(crate) fn newest_of_few(&self, bucket: u32, people: &[i64]) -> Result<NewestFew, StoreError> {
        let all = self.outcomes_of_few(bucket, people)?;
        let same =
            |a: usize, b: usize| all.int(PERSON, a) == all.int(PERSON, b) && all.text(SOURCE, a) == all.text(SOURCE, b);
        let newest: Vec<usize> = (0..all.rows).filter(|row| row + 1 == all.rows || !same(*row, row + 1)).collect();
        Ok(NewestFew { rows: all.take(&newest).to_coverage()? })
    }

    /// The live records of some people of a bucket.
    pub(crate) fn records_of_few(
        &self,
        table: &Table,
        own: &[&ShapeColumn],
        bucket: u32,
        people: &[i64],
    ) -> Result<Records, StoreError> {
        let all = self.rows_of_few(table, &every(table, own), bucket, people)?;
        let newest = if all.rows > 0 { Some(self.coverage_of_few(bucket, people)?) } else { None };
        Ok(self.live_of_few(table, own, bucket, all, newest.as_deref()))
    }

    /// Those of all rows of some people of a bucket that count.
    fn live_of_few(
        &self,
        table: &Table,
        own: &[&ShapeColumn],
        bucket: u32,
        mut all: Rows,
        newest: Option<&NewestFew>,
    ) -> Records {
        let counts = |row: &usize| {
            let answer = newest.and_then(|newest| newest.answer(all.int(PERSON, *row), all.text(SOURCE, *row)));
            answer == Some(AnswerId(all.int(RECORD_ANSWER, *row)))
        };
        let live: Vec<usize> = (0..all.rows).filter(counts).collect();
        if live.len() < all.rows {
            all = all.take(&live);
        }
        if self.parts(&table.shape.name, bucket) > 1 {
            all = all.sorted(&[PERSON, SOURCE, RECORD, RECORD_ANSWER]);
        }
        all.into_records(own)
    }

    /// The live records of a household in some datasets, of each the columns named, and its outcomes: as
    /// [`Snapshot::records`] and [`Snapshot::coverage`] give them, but read side by side, because somebody waits for them.
    ///
    /// # Errors
    /// As theirs.
    pub fn household(
        &self,
        datasets: &[(&str, Vec<&str>)],
        people: &[PersonKey],
    ) -> Result<(Vec<Records>, Vec<CoverageRow>), StoreError> {
        let buckets = self.by_bucket(people)?;
        if buckets.values().any(|people| people.len() > FEW) {
            let coverage = self.coverage(people)?;
            let read = |(name, columns): &(&str, Vec<&str>)| self.records(name, people, Some(columns));
            return Ok((datasets.iter().map(read).collect::<Result<_, _>>()?, coverage));
        }
        let of = |(name, columns): &(&str, Vec<&str>)| {
            let table = self.inner.table(name)?;
            Ok((table, own_columns(table, Some(columns))?))
        };
        let tables: Vec<(&Table, Vec<&ShapeColumn>)> = datasets.iter().map(of).collect::<Result<_, StoreError>>()?;
        let none = |(table, own): &(&Table, Vec<&ShapeColumn>)| Rows::none(&every(table, own)).into_records(own);
        let (mut records, mut coverage): (Vec<Records>, _) = (tables.iter().map(none).collect(), Vec::new());
        for (bucket, people) in buckets {
            let read = |(table, own): &(&Table, Vec<&ShapeColumn>)| {
                let columns = every(table, own);
                if self.parts(&table.shape.name, bucket) == 0 {
                    return Ok(Rows::none(&columns));
                }
                self.rows_of_few(table, &columns, bucket, &people)
            };
            let (newest, rows) = rayon::join(
                || self.coverage_of_few(bucket, &people),
                || tables.par_iter().map(read).collect::<Result<Vec<Rows>, StoreError>>(),
            );
            let newest = newest?;
            for (((table, own), rows), into) in tables.iter().zip(rows?).zip(&mut records) {
                append(into, self.live_of_few(table, own, bucket, rows, Some(&newest)));
            }
            coverage.extend_from_slice(&newest.rows);
        }
        Ok((records, coverage))
    }
}

/// The columns that all records have, and then these of the dataset.
fn every<'t>(table: &'t Table, own: &[&'t ShapeColumn]) -> Vec<&'t ShapeColumn> {
    table.shape.columns[..RECORD_COLUMNS.len()].iter().chain(own.iter().copied()).collect()
}
