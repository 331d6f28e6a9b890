//! Stage three, 信息核对: what the rules make of what was declared and what the sources said.

mod batch;
mod buckets;
mod caseload;
mod chunk;
mod plain;
mod results;
mod stored_case;
mod tally;

pub use batch::batch;
pub use buckets::{PackedCases, packed_cases};
pub use plain::batch_plain;

pub(crate) use batch::{CHUNK, selected, write_json};
pub(crate) use caseload::{Answers, Born, Setting, applies};
pub(crate) use chunk::{Chunk, Compared, compare_caseload, recheck_months, saved, scheme_months};
pub(crate) use plain::{plain_caseload, plain_library};
pub(crate) use results::{columns_of_findings, columns_of_flags, score};
pub(crate) use stored_case::stored_chunk;
pub(crate) use tally::CoverageTally;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hedui_base::CaseId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::{PackLine, Progress, Selection, Silent};

/// What to compare.
#[derive(Clone)]
pub struct BatchRequest {
    /// Which cases.
    pub cases: Selection,
    /// The day the check speaks about.
    pub as_of: Date,
    /// Only answers known by then; none means all.
    pub known_at: Option<Timestamp>,
    /// Folder for `findings.parquet`, `flags.parquet` and `summary.json`; created.
    pub out: PathBuf,
    /// Store what explains every household later in `explanations.parquet`.
    pub explain: bool,
    /// Threads; none means as many as the machine has.
    pub threads: Option<usize>,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
}

impl BatchRequest {
    /// With all answers there are, silently.
    pub fn new(cases: Selection, as_of: Date, out: impl Into<PathBuf>) -> Self {
        Self {
            cases,
            as_of,
            known_at: None,
            out: out.into(),
            explain: false,
            threads: None,
            progress: Arc::new(Silent),
        }
    }
}

/// What a plain folder is compared with.
#[derive(Clone)]
pub struct PlainRequest {
    /// Folder with `persons.csv`, one file per dataset, and perhaps `coverage.csv`.
    pub records: PathBuf,
    /// `cases.csv` or `.parquet`.
    pub cases: PathBuf,
    /// Id of a pack in the library, or the path of a pack folder.
    pub pack: String,
    /// Folders with further packs that the pack may extend.
    pub extra_rules: Vec<PathBuf>,
    /// The day the check speaks about.
    pub as_of: Date,
    /// Folder for the results; created.
    pub out: PathBuf,
    /// Set bad cases aside in `rejected.csv` and go on.
    pub lenient: bool,
    /// Store what explains every household later in `explanations.parquet`.
    pub explain: bool,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
}

/// What a batch concluded, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchSummary {
    /// The day the check speaks about.
    pub as_of: Option<Date>,
    /// Answers up to here counted; none for a plain folder.
    pub known_at: Option<Timestamp>,
    /// Cases with a row in `findings.parquet`.
    pub cases: usize,
    /// Members and obligors.
    pub people: usize,
    /// Cases that could not be computed.
    pub failures: Vec<CaseFailure>,
    /// Cases set aside by `--lenient`.
    pub rejected: usize,
    /// What was taken for granted about a plain folder, in words.
    pub notices: Vec<String>,
    /// Packs used, with how many cases each.
    pub packs: Vec<(PackLine, usize)>,
    /// By scheme, in the packs' order.
    pub schemes: Vec<SchemeTotal>,
    /// Cases by category (scheme id, `none`, or `undetermined`).
    pub categories: BTreeMap<String, usize>,
    /// Raised flags by id.
    pub flags: Vec<FlagTotal>,
    /// Cases with at least one flag.
    pub flagged_cases: usize,
    /// Coverage by source.
    pub sources: Vec<SourceTotal>,
    /// One row a case.
    pub findings_file: PathBuf,
    /// One row a raised flag.
    pub flags_file: PathBuf,
    /// What explains every household later, if that was asked for.
    pub explanations: Option<crate::KeptTotal>,
}

/// A case that could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseFailure {
    /// Which.
    pub case: CaseId,
    /// Why, with rule, file and line.
    pub reason: String,
}

/// Findings of one scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SchemeTotal {
    /// Scheme id.
    pub scheme: String,
    /// Chinese title.
    pub title: String,
    /// Cases by finding.
    pub met: usize,
    /// Cases by finding.
    pub not_met: usize,
    /// Cases by finding.
    pub undetermined: usize,
}

/// How often one flag was raised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlagTotal {
    /// Flag id.
    pub flag: String,
    /// Chinese title.
    pub title: String,
    /// Severity word.
    pub severity: String,
    /// Severity in Chinese.
    pub severity_zh: String,
    /// How often.
    pub count: usize,
}

/// How the pairs of one source stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceTotal {
    /// Source id.
    pub source: String,
    /// Chinese title, if a manifest is at hand.
    pub title: String,
    /// Pairs by outcome word; zero counts are left out.
    pub outcomes: BTreeMap<String, usize>,
}
