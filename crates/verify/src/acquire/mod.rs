//! Stage two, 信息获取: who is asked what, under which letter, and how the answers become durable.
//!
//! [`plan`] decides, [`dispatch`] sends, [`raw`] keeps replies as they came, [`settle`] makes outcome, rows, coverage and
//! audit leaves durable in one transaction. Whatever is killed on the way is taken up by the next run.

mod boundary;
mod breaker;
mod cause;
mod claim;
mod dispatch;
mod hand_in;
mod lock;
mod plan;
mod poll;
mod pulse;
mod raw;
mod replay;
mod reprocess;
mod run;
mod settle;
mod timing;
mod trial;
mod whom;

pub use boundary::Boundary;
pub(crate) use cause::cause_zh;
pub(crate) use claim::ceiling;
pub use replay::{AskChange, Replayed, source_replay};
pub use reprocess::{Reprocessed, source_reprocess};
pub use run::acquire;
pub use timing::Timing;
pub use trial::source_try;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hedui_base::{CaseId, SourceId};
use jiff::civil::Date;
use serde::Serialize;

use crate::{Progress, Silent};

/// Which cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// Every case in the folder.
    #[default]
    All,
    /// These.
    Cases(Vec<CaseId>),
    /// Households in receipt whose recheck is due on or before a day.
    Due(Date),
}

/// Which sources may be waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcquireMode {
    /// All sources; file exchanges are sent and polled.
    #[default]
    Everything,
    /// Only sources that answer at once are waited for. Slow ones are sent to and looked at once; what has not come yet
    /// stays pending until the next acquire. Does not need the folder for itself, so several may run at once.
    LiveOnly,
}

impl AcquireMode {
    /// Who waits for the answers: a run for live sources only is made for a person at a counter.
    pub(crate) const fn lane(self) -> hedui_connect::Lane {
        match self {
            Self::Everything => hedui_connect::Lane::Batch,
            Self::LiveOnly => hedui_connect::Lane::Interactive,
        }
    }
}

/// What to ask.
#[derive(Clone)]
pub struct AcquireRequest {
    /// For which cases.
    pub cases: Selection,
    /// The day the check will speak about: periods asked for end there.
    pub as_of: Date,
    /// Only these sources; none means all.
    pub sources: Option<Vec<SourceId>>,
    /// Whether slow sources are sent to and waited for.
    pub mode: AcquireMode,
    /// How long to poll submitted files before leaving them pending.
    pub deadline: Duration,
    /// Who asks: stands in the audit log.
    pub actor: String,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
}

impl AcquireRequest {
    /// All sources for all cases, polling submitted files for a minute.
    #[must_use]
    pub fn all(as_of: Date) -> Self {
        Self {
            cases: Selection::All,
            as_of,
            sources: None,
            mode: AcquireMode::Everything,
            deadline: Duration::from_secs(60),
            actor: "acquire".to_owned(),
            progress: Arc::new(Silent),
        }
    }
}

impl fmt::Debug for AcquireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireRequest").field("as_of", &self.as_of).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// What was asked and what came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AcquireSummary {
    /// Cases in the selection.
    pub cases: usize,
    /// People in them, each once.
    pub people: usize,
    /// By source, in order of source id.
    pub sources: Vec<SourceSummary>,
    /// How the time splits.
    pub timing: Timing,
}

/// One source's part of an acquire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceSummary {
    /// Source id.
    pub source: String,
    /// Chinese title.
    pub title: String,
    /// (person, source) pairs in play.
    pub asked: usize,
    /// Of them sent out in this run.
    pub sent: usize,
    /// Of them answered before and still fresh.
    pub reused: usize,
    /// Pairs that policy leaves out.
    pub not_applicable: usize,
    /// How the pairs in play stand at the end, by outcome word; zero counts are left out.
    pub outcomes: BTreeMap<String, usize>,
    /// Set aside in this run, by reason code.
    pub quarantined: BTreeMap<String, usize>,
    /// Why pairs are unknown, by cause, in words without personal data.
    pub causes: BTreeMap<String, usize>,
    /// Pairs that are planned and not asked yet, by the reason: the day's budget, maintenance, a source left alone.
    pub held: BTreeMap<String, usize>,
}

impl SourceSummary {
    /// Pairs with this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: hedui_base::Outcome) -> usize {
        self.outcomes.get(outcome.as_str()).copied().unwrap_or(0)
    }

    /// Pairs whose facts are unknown.
    #[must_use]
    pub fn unknown(&self) -> usize {
        hedui_base::Outcome::ALL.into_iter().filter(|o| o.is_unknown()).map(|o| self.outcome(o)).sum()
    }
}

/// What one trial ask brought; nothing of it is stored but an audit row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TryResult {
    /// The source.
    pub source: String,
    /// People asked about.
    pub asked: usize,
    /// Answers by outcome word.
    pub outcomes: BTreeMap<String, usize>,
    /// Records that came back.
    pub records: usize,
    /// Set aside, by reason code and place.
    pub quarantined: Vec<(String, String)>,
    /// Why it failed, if it did.
    pub cause: Option<String>,
    /// Milliseconds from request to parsed answer.
    pub millis: u64,
}
