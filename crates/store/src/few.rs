//! The newest answers and live rows of a few people: looked up page by page, without a data frame in between.

use std::sync::Arc;

use hedui_base::{AnswerId, Records};

use crate::rows::Rows;
use crate::shape::{RECORD_COLUMNS, ShapeColumn};
use crate::snapshot::{Snapshot, rows_of};
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
        let shared = &table.shape.columns[..RECORD_COLUMNS.len()];
        let every: Vec<&ShapeColumn> = shared.iter().chain(own.iter().copied()).collect();
        let mut all = self.rows_of_few(table, &every, bucket, people)?;
        if all.rows > 0 {
            let coverage: Arc<NewestFew> = self.coverage_of_few(bucket, people)?;
            let newest = |row: &usize| {
                let answer = coverage.answer(all.int(PERSON, *row), all.text(SOURCE, *row));
                answer == Some(AnswerId(all.int(RECORD_ANSWER, *row)))
            };
            let live: Vec<usize> = (0..all.rows).filter(newest).collect();
            if live.len() < all.rows {
                all = all.take(&live);
            }
        }
        if self.parts(&table.shape.name, bucket) > 1 {
            all = all.sorted(&[PERSON, SOURCE, RECORD, RECORD_ANSWER]);
        }
        Ok(all.into_records(own))
    }
}
