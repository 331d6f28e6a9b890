//! The given relations as views over the files of a pinned snapshot of a store: what the batch reads bucket by bucket.
//!
//! Answers are corrected late, people belong to several cases, and a case may see an answer only under a letter of its own.
//! So a record counts if the answer that brought it is the newest of its (person, source), policy asks that source about the
//! person in this case, and the answer came under the case's letter.

mod answers;
mod cases;
mod files;
mod known;
mod records;
mod results;

use std::collections::{BTreeMap, BTreeSet};

use hedui_rules::Program;

use crate::{Dialect, Mode, Options, Setting};
pub use files::{Body, Kind, Relation};
pub use results::write_results;

/// A table of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreTable {
    /// Paths of its Parquet files.
    pub files: Vec<String>,
    /// Names of its columns. Older files may lack some: null there.
    pub columns: BTreeSet<String>,
}

/// A pinned snapshot of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFiles {
    /// `cases`, `people`, `coverage` and the datasets. What is not here has no rows.
    pub tables: BTreeMap<String, StoreTable>,
    /// Files of `coverage` that hold every answer which may stand for an earlier one.
    pub later: Vec<String>,
    /// Sources with answers in [`StoreFiles::later`].
    pub corrected: BTreeSet<String>,
    /// Only cases of these areas; none for all.
    pub areas: Option<Vec<String>>,
}

impl StoreFiles {
    fn has_column(&self, table: &str, column: &str) -> bool {
        self.tables.get(table).is_some_and(|table| table.columns.contains(column))
    }
}

/// What is being printed, and what has been.
struct Views<'a> {
    program: &'a Program,
    setting: &'a Setting,
    store: &'a StoreFiles,
    dialect: Dialect,
    relations: Vec<Relation>,
}

/// The relations that a script reads, as views over a store's files; [`crate::script`] of the same setting goes on from here.
///
/// `cases` has two columns more than the script reads: `home`, the largest key of a case's people, and `case_row`, its place
/// in the order of registration. In known mode `known_cases` says for which cases the results are the batch's. Results in the order of `home, case_row` are in the order of the batch.
#[must_use]
pub fn relations(program: &Program, setting: &Setting, options: Options, store: &StoreFiles) -> Vec<Relation> {
    let mut views = Views { program, setting, store, dialect: options.dialect, relations: Vec::new() };
    views.cases();
    // Where all is known, most of the coverage need not be read.
    let closely = options.mode == Mode::Full || setting.denied;
    if closely {
        views.coverage();
    } else {
        views.later_answers();
    }
    if setting.denied {
        views.denied();
    }
    for dataset in &program.datasets {
        views.records(dataset, closely);
    }
    if options.mode == Mode::Known {
        views.known_cases(closely);
    }
    views.relations
}

/// Whether a program can be run in a mode without the relation `denied`: in known mode, if all sources of a dataset are asked
/// about the same people.
#[must_use]
pub fn needs_denied(program: &Program, setting: &Setting, mode: Mode) -> bool {
    let mixed = |dataset: &str| {
        let mut subjects = setting.sources.iter().filter(|source| source.dataset == dataset).map(|s| s.subjects);
        let first = subjects.next();
        subjects.any(|other| Some(other) != first)
    };
    mode == Mode::Full || program.datasets.iter().any(|dataset| mixed(&dataset.name))
}
