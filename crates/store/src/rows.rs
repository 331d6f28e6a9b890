//! Rows of a table as plain columns: between the pages or data frames they are read from and what callers get.

use std::cmp::Ordering;
use std::sync::Arc;

use hedui_base::columns::days_to_date;
use hedui_base::{AnswerId, AskId, Column, Outcome, Records, SourceId, Table};
use jiff::Timestamp;
use polars::frame::DataFrame;

use crate::shape::{Kind, RECORD_COLUMNS, ShapeColumn};
use crate::{CoverageRow, StoreError, frame};

/// Some rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) rows: usize,
    /// One a column asked for, in that order.
    pub(crate) columns: Vec<Column>,
}

impl Rows {
    /// No rows of these columns.
    pub(crate) fn none(columns: &[&ShapeColumn]) -> Self {
        let empty = |column: &&ShapeColumn| match column.kind {
            Kind::Text => Column::Text(Vec::new()),
            _ => Column::Int(Vec::new()),
        };
        Self { rows: 0, columns: columns.iter().map(empty).collect() }
    }

    /// The rows of a frame; columns that it lacks are null.
    pub(crate) fn of_frame(read: &DataFrame, columns: &[&ShapeColumn]) -> Result<Self, StoreError> {
        let rows = read.height();
        let column = |column: &&ShapeColumn| {
            Ok(match (read.get_column_index(&column.name).is_some(), column.kind) {
                (true, Kind::Text) => Column::Text(frame::text_values(read, &column.name)?),
                (true, _) => Column::Int(frame::int_values(read, &column.name)?),
                (false, Kind::Text) => Column::Text(vec![None; rows]),
                (false, _) => Column::Int(vec![None; rows]),
            })
        };
        Ok(Self { rows, columns: columns.iter().map(column).collect::<Result<_, StoreError>>()? })
    }

    /// Adds rows of the same columns.
    pub(crate) fn append(&mut self, more: Self) {
        self.rows += more.rows;
        for (own, more) in self.columns.iter_mut().zip(more.columns) {
            match (own, more) {
                (Column::Int(own), Column::Int(more)) => own.extend(more),
                (Column::Text(own), Column::Text(more)) => own.extend(more),
                // Both are of the same columns, and so of the same kinds.
                (Column::Int(_) | Column::Text(_), _) => {}
            }
        }
    }

    /// Some rows, in the order given.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        Self { rows: rows.len(), columns: self.columns.iter().map(|column| column.take(rows)).collect() }
    }

    /// Sorted by the columns at these places, one after another; nulls first, rows that are alike as they were.
    pub(crate) fn sorted(self, by: &[usize]) -> Self {
        let compare = |a: usize, b: usize| {
            let keys = by.iter().map(|at| match &self.columns[*at] {
                Column::Int(values) => values[a].cmp(&values[b]),
                Column::Text(values) => values[a].cmp(&values[b]),
            });
            keys.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        if (1..self.rows).all(|row| compare(row - 1, row).is_le()) {
            return self;
        }
        let mut order: Vec<usize> = (0..self.rows).collect();
        order.sort_by(|a, b| compare(*a, *b));
        self.take(&order)
    }

    /// The numbers of a column; 0 for a null.
    fn numbers(&self, at: usize) -> impl Iterator<Item = i64> + '_ {
        self.ints(at).map(Option::unwrap_or_default)
    }

    pub(crate) fn int(&self, at: usize, row: usize) -> i64 {
        self.columns[at].int(row).unwrap_or_default()
    }

    pub(crate) fn text(&self, at: usize, row: usize) -> &str {
        self.columns[at].text(row).unwrap_or_default()
    }

    fn ints(&self, at: usize) -> impl Iterator<Item = Option<i64>> + '_ {
        (0..self.rows).map(move |row| self.columns[at].int(row))
    }

    fn texts(&self, at: usize) -> impl Iterator<Item = Option<Arc<str>>> + '_ {
        let values = match &self.columns[at] {
            Column::Text(values) => values.as_slice(),
            Column::Int(_) => &[],
        };
        values.iter().cloned()
    }

    /// The sources of a column: those that follow each other share one text.
    fn sources(&self, at: usize) -> Vec<SourceId> {
        let mut last: Option<SourceId> = None;
        let source = |text: Option<Arc<str>>| {
            let text = text.unwrap_or_default();
            let known = last.take().filter(|known| known.as_str() == &*text);
            let source = known.unwrap_or_else(|| SourceId::from(&*text));
            last = Some(source.clone());
            source
        };
        self.texts(at).map(source).collect()
    }

    /// Records, of rows with the shared columns and then these columns of the dataset.
    pub(crate) fn into_records(mut self, own: &[&ShapeColumn]) -> Records {
        let columns = self.columns.split_off(RECORD_COLUMNS.len());
        let columns = own.iter().map(|column| column.name.clone()).zip(columns).collect();
        Records {
            person: self.numbers(0).map(frame::person).collect(),
            source: self.sources(1),
            record_id: self.texts(2).map(Option::unwrap_or_default).collect(),
            as_of: self.ints(3).map(|day| day.and_then(days_to_date)).collect(),
            ask: self.numbers(4).map(AskId).collect(),
            answer: self.numbers(5).map(AnswerId).collect(),
            table: Table { rows: self.rows, columns },
        }
    }

    /// Outcomes, of rows with all columns of coverage.
    pub(crate) fn to_coverage(&self) -> Result<Vec<CoverageRow>, StoreError> {
        let time = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        let sources = self.sources(1);
        (0..self.rows)
            .map(|row| {
                let text = |at: usize| self.columns[at].text(row).map(str::to_owned);
                let day = |at: usize| self.columns[at].int(row).and_then(days_to_date);
                Ok(CoverageRow {
                    person: frame::person(self.int(0, row)),
                    source: sources[row].clone(),
                    outcome: self
                        .text(2, row)
                        .parse::<Outcome>()
                        .map_err(|_| StoreError::Catalogue("an outcome in coverage is none of the nine".to_owned()))?,
                    ask: AskId(self.int(3, row)),
                    answer: AnswerId(self.int(4, row)),
                    asked: time(self.int(5, row)),
                    answered: self.columns[6].int(row).map(time),
                    as_of: day(7),
                    due: day(8),
                    letter: text(9),
                    manifest: text(10).unwrap_or_default(),
                    detail: text(11),
                })
            })
            .collect()
    }
}
