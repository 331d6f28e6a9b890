//! Plain folders: cases, persons and records as CSV or Parquet files, read without any connector.
//!
//! `cases.csv` (`case,area,residence` and inputs of households), `persons.csv` (`case,person,role` and inputs of persons),
//! one file per dataset (`person`, or `case` for a dataset of households, and its columns; optionally `source`,
//! `record_id`, `as_of`), and optionally `coverage.csv` (`person,source,dataset,outcome`). Every file may be Parquet.
//!
//! Every problem of every file is listed, with file, row and column, never with the value found.

mod assemble;
mod cell;
mod folder;
mod outcomes;
mod problem;
mod records;
mod sheet;

pub use problem::Problem;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hedui_base::{AreaCode, CaseId, ColumnSpec, Dataset, Outcome, PersonKey, Records, SourceId, Table};

/// What a pack and the catalogue let a plain folder hold.
#[derive(Clone, Debug, Default)]
pub struct PlainSpec {
    /// Declared inputs: columns of `cases.csv` and `persons.csv`.
    pub inputs: Vec<InputSpec>,
    /// Datasets, each a file by its name: those of the catalogue and those a pack declares beyond it.
    pub datasets: Vec<Arc<Dataset>>,
}

/// A declared input.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// Its name, which is its column's.
    pub name: String,
    /// Of persons (a column of `persons.csv`) or of households (of `cases.csv`).
    pub of_person: bool,
    /// Its type, codes and bounds.
    pub column: ColumnSpec,
}

/// Whether a person is counted or owes support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Jointly living member.
    Member,
    /// Legal obligor living elsewhere.
    Obligor,
}

/// A plain folder in memory: the good cases, complete and sorted.
#[derive(Clone, Debug, Default)]
pub struct PlainLoad {
    /// The cases, in file order.
    pub cases: PlainCases,
    /// Their people, sorted by case, then in file order.
    pub persons: PlainPersons,
    /// Records by dataset, sorted by person, source and record id. For a dataset of households, `person` is the row of
    /// the case. Every dataset of the spec has an entry, be it empty.
    pub records: BTreeMap<String, Records>,
    /// Outcomes that `coverage` names. A pair of a dataset it mentions that is missing here was not asked.
    pub coverage: Vec<PlainCoverage>,
    /// Sources and the dataset each serves.
    pub sources: Vec<(SourceId, String)>,
    /// Datasets taken as answered about everyone: there is a file and no coverage of them.
    pub complete: Vec<String>,
    /// Datasets with neither: nobody here offers them, so they are unknown, and the caller prints a notice.
    pub absent: Vec<String>,
    /// Columns (file, name) that the catalogue knows but the pack does not declare as an input: not used.
    pub ignored: Vec<(String, String)>,
    /// Cases set aside, with the reasons; empty unless lenient.
    pub rejected: Vec<Rejected>,
}

/// The cases of a plain folder; one row each.
#[derive(Clone, Debug, Default)]
pub struct PlainCases {
    /// The bureau's number.
    pub id: Vec<CaseId>,
    /// Area of the household.
    pub area: Vec<AreaCode>,
    /// `urban` or `rural`, where given.
    pub residence: Vec<Option<Arc<str>>>,
    /// Declared inputs of households.
    pub inputs: Table,
}

/// The people of a plain folder; one row per person and case.
#[derive(Clone, Debug, Default)]
pub struct PlainPersons {
    /// Row of the case, ascending.
    pub case: Vec<u32>,
    /// The id the folder uses. May be personal data: never log it.
    pub id: Vec<Arc<str>>,
    /// Dense key in order of first appearance by case; a person in two cases has one key.
    pub key: Vec<PersonKey>,
    /// Member or obligor.
    pub role: Vec<Role>,
    /// Declared inputs of persons.
    pub inputs: Table,
}

/// One outcome of `coverage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainCoverage {
    /// About whom.
    pub person: PersonKey,
    /// Who was asked.
    pub source: SourceId,
    /// Which dataset the source serves.
    pub dataset: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// A case set aside.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The case.
    pub case: CaseId,
    /// Everything that is wrong with it.
    pub reasons: Vec<Problem>,
}

/// Reads a plain folder.
///
/// `cases` names the file of cases if it is not `cases.csv` or `cases.parquet` in the folder. With `lenient`, a case
/// with a problem in any of its rows is set aside and the rest goes on.
///
/// # Errors
/// Every problem; with `lenient`, only those that belong to no case.
pub fn read_folder(
    dir: &Path,
    cases: Option<&Path>,
    spec: &PlainSpec,
    lenient: bool,
) -> Result<PlainLoad, Vec<Problem>> {
    folder::read(dir, cases, spec, lenient)
}
