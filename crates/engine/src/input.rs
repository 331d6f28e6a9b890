//! What the engine is given: cases, their people, records and coverage, as plain columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::{AreaCode, CaseId, Outcome, PersonKey, Records, SourceId, Table};
use rustc_hash::FxHashMap;

/// Everything a run of a program reads, apart from the program and the day.
#[derive(Clone, Debug, Default)]
pub struct Caseload {
    /// One row per case.
    pub cases: Cases,
    /// One row per person in a case, sorted by case; a person in two cases has two rows.
    pub persons: Persons,
    /// Records by dataset name, sorted by person. For a dataset of households `person.0` is the row of the case.
    pub records: BTreeMap<String, Records>,
    /// Which sources answered about whom.
    pub coverage: Coverage,
}

/// The cases of a run.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// The bureau's number.
    pub id: Vec<CaseId>,
    /// Area of the applying household.
    pub area: Vec<AreaCode>,
    /// `urban` or `rural`, where known.
    pub residence: Vec<Option<Arc<str>>>,
    /// Declared inputs of households, by input name.
    pub inputs: Table,
}

/// Whether a person is counted in the household or owes it support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Jointly living member (共同生活的家庭成员).
    Member,
    /// Legal obligor living elsewhere (法定赡养、扶养、抚养义务人).
    Obligor,
}

/// The people of a run.
#[derive(Clone, Debug, Default)]
pub struct Persons {
    /// Row of the case, ascending.
    pub case: Vec<u32>,
    /// Who.
    pub key: Vec<PersonKey>,
    /// Member or obligor.
    pub role: Vec<Role>,
    /// Declared inputs of persons, by input name.
    pub inputs: Table,
}

/// The outcomes of all asks.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Sources in play and the dataset each serves. A dataset that no source serves is unknown for everyone.
    pub sources: Vec<(SourceId, String)>,
    /// Outcome by person and index into `sources`. A pair that is missing was never asked: its facts are unknown.
    pub outcomes: FxHashMap<(PersonKey, u16), Outcome>,
    /// Datasets taken as answered by everyone (plain folders without a coverage file).
    pub complete: Vec<String>,
}
