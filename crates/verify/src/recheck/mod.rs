//! Periodic recheck (定期复核): who is due, what has changed since the verification before, and why.

mod rewind;
mod run;
mod why;

pub use run::recheck;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hedui_base::CaseId;
use jiff::civil::Date;
use serde::Serialize;

use crate::{AcquireSummary, FlagLine, PackLine, Progress, Silent};

/// Whom to recheck.
#[derive(Clone)]
pub struct RecheckRequest {
    /// Households in receipt whose due date is on or before this day; it is also the day of the check.
    pub due: Date,
    /// Whether to ask the sources again first; otherwise what is stored counts.
    pub ask: bool,
    /// How long to poll submitted files.
    pub deadline: Duration,
    /// Who does it: stands in the audit log.
    pub actor: String,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
}

impl RecheckRequest {
    /// Asks again, polling files for a minute.
    #[must_use]
    pub fn new(due: Date) -> Self {
        Self {
            due,
            ask: true,
            deadline: Duration::from_secs(60),
            actor: "recheck".to_owned(),
            progress: Arc::new(Silent),
        }
    }
}

impl fmt::Debug for RecheckRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecheckRequest").field("due", &self.due).field("ask", &self.ask).finish_non_exhaustive()
    }
}

/// Where a household stands: what one verification concluded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The day it spoke about.
    pub as_of: Option<Date>,
    /// Pack, version, hash.
    pub pack: PackLine,
    /// First scheme met, if that is certain.
    pub category: Option<String>,
    /// Schemes still possible where it is not.
    pub possible: Vec<String>,
    /// Sources that could settle it.
    pub waiting_on: Vec<String>,
    /// Finding word by scheme.
    pub findings: BTreeMap<String, String>,
    /// Monthly amount of the category in fen, if known.
    pub amount_fen: Option<i64>,
}

/// Why something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Sources say something else, or answered where they had not.
    Data,
    /// The pack or one of its parameter rows.
    Rule,
    /// Age, window or another step of the calendar, with the same data and rules.
    Time,
}

/// One cause of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Data, rule or time.
    pub kind: ChangeKind,
    /// What: source and dataset, parameter, or variable.
    pub subject: String,
    /// In Chinese, with old and new value.
    pub text: String,
    /// What this cause alone does to the monthly amount, in fen, where both sides are known.
    pub amount_effect_fen: Option<i64>,
}

/// One household rechecked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecheckedCase {
    /// The case.
    pub case: CaseId,
    /// Since when it was due.
    pub due: Date,
    /// What the verification before concluded; none at the first.
    pub before: Option<Standing>,
    /// What this one concludes.
    pub after: Standing,
    /// Whether category, findings or amount changed.
    pub changed: bool,
    /// Why, strongest first.
    pub causes: Vec<Change>,
    /// Flags raised now and not before.
    pub new_flags: Vec<FlagLine>,
    /// Flags raised before and not now: ids.
    pub gone_flags: Vec<String>,
    /// When it is due next.
    pub next_due: Option<Date>,
    /// Reviews raised for people to look at.
    pub reviews: usize,
}

/// What a recheck brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecheckSummary {
    /// The day.
    pub due: Option<Date>,
    /// What was asked, if it was.
    pub acquired: Option<AcquireSummary>,
    /// Every household that was due, by case.
    pub cases: Vec<RecheckedCase>,
    /// Households whose proposed amount rises.
    pub raised: usize,
    /// Households whose proposed amount falls.
    pub lowered: usize,
    /// Households whose category changes.
    pub recategorised: usize,
    /// Households that stay as they were.
    pub unchanged: usize,
    /// Cases that could not be computed: case and reason.
    pub failures: Vec<(CaseId, String)>,
}
