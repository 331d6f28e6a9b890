//! Explanations of a whole batch, stored beside its findings and rendered later by the rules of its day.
//!
//! Three files: `explanations.parquet` (one row a household: case, pack, bytes), `explanations.json` (what day, which
//! sources, where the records came from) and `explanations-rules.parquet` (the texts of the packs and datasets used).

mod read;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

use hedui_engine::stored::StoredSetting;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use read::{explain_kept, explain_plain};
pub(crate) use write::{KeptEncoded, KeptFiles, KeptRows, KeptShape, KeptStream};

const ROWS: &str = "explanations.parquet";
const HEAD: &str = "explanations.json";
const RULES: &str = "explanations-rules.parquet";
/// The folder name under which the datasets of a run are kept beside its packs.
const DATASETS: &str = "datasets/";

/// How much was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptTotal {
    /// One row a household.
    pub file: PathBuf,
    /// Households.
    pub households: usize,
    /// All three files, on disk.
    pub bytes: u64,
}

impl KeptTotal {
    /// Bytes on disk for one household, rounded up.
    #[must_use]
    pub fn bytes_per_household(&self) -> u64 {
        self.bytes.div_ceil(self.households.max(1) as u64)
    }
}

/// Where the records of a batch came from, to read them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeptOrigin {
    /// A data folder.
    Data {
        /// Its path.
        data: PathBuf,
    },
    /// A plain folder.
    Records {
        /// Its path.
        records: PathBuf,
        /// The cases in it, or elsewhere.
        cases: PathBuf,
        /// Whether bad cases were set aside.
        lenient: bool,
    },
}

/// What `explanations.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Of these three files.
    version: u32,
    as_of: Date,
    known_at: Option<Timestamp>,
    origin: KeptOrigin,
    /// Packs by hash.
    packs: BTreeMap<String, KeptPack>,
}

/// One pack of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptPack {
    id: String,
    version: String,
    /// Sources and datasets in play.
    setting: StoredSetting,
}
