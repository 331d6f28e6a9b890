//! What is kept of a household's computation, so that it can be explained years later: some hundred bytes.
//!
//! Formulas follow from facts, declared inputs, parameters, place and day. So kept are the people, the inputs, how each
//! source answered, the values of the facts, and which records each fact counted; not the records themselves. Given the
//! same program, and the records if they are still there, the same kernel gives the same explanations, equal to the byte.
//! If records are gone, or are not what they were, the facts that counted them keep their values and say so.

mod bytes;
pub(crate) mod checksum;
mod codec;
mod keep;
mod keep_packed;
mod restore;
mod shape;

use std::sync::Arc;

use hedui_base::{AreaCode, Outcome, PersonKey, SourceId, Tri};
use serde::{Deserialize, Serialize};

use crate::given::FreeCell;
use crate::input::{Coverage, Role};

pub use keep::run_keeping;
pub(crate) use keep_packed::Keeper;
pub use restore::{Restored, people_of, restore};
pub(crate) use shape::Shape;

/// Which sources were in play: the same for all cases of a run, kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSetting {
    /// Sources and the dataset each serves, as in [`Coverage::sources`].
    pub sources: Vec<(SourceId, String)>,
    /// Datasets taken as answered by everyone.
    pub complete: Vec<String>,
    /// What the sums over records are made of.
    #[serde(default)]
    pub sums: Sums,
}

impl StoredSetting {
    /// The setting of a caseload.
    #[must_use]
    pub fn of(coverage: &Coverage) -> Self {
        Self { sources: coverage.sources.clone(), complete: coverage.complete.clone(), sums: Sums::Records }
    }
}

/// What the sum over a case's records of a dataset is made of: it tells whether what is read again is what was read then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sums {
    /// Of sources, keys, days and the values that the program uses.
    #[default]
    Records,
    /// Of sources and values alone, in any order: for records that lie in an immutable store, where keys and days need not be
    /// read to compute.
    Values,
}

/// The bytes kept of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCase {
    /// Row in the caseload.
    pub row: usize,
    /// See [`restore`].
    pub bytes: Vec<u8>,
}

/// Bytes that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Of another version of this program.
    #[error("a stored explanation of version {0}; this program reads version 1")]
    Version(u8),
    /// Not what was written, or not by this program and rules.
    #[error("a stored explanation is damaged, or belongs to other rules")]
    Damaged,
}

/// A declared value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Datum {
    Int(i64),
    Text(Arc<str>),
}

/// One case, spelled out.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    area: AreaCode,
    residence: Option<Arc<str>>,
    people: Vec<(PersonKey, Role)>,
    /// By input and owner.
    inputs: Vec<Vec<Option<Datum>>>,
    /// By source and owner.
    outcomes: Vec<Vec<Option<Outcome>>>,
    /// By fact and owner. To write, a fact that is zero for all may have no cells.
    facts: Vec<Vec<FreeCell>>,
    /// By dataset and owner.
    records: Vec<Vec<usize>>,
    /// By dataset; 0 without records.
    checksums: Vec<u32>,
    /// By fact, owner and record in order of source and key: whether it counted. To write, nothing where nobody has a record.
    counted: Vec<Vec<Vec<Tri>>>,
}
