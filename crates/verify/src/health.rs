use std::collections::BTreeMap;

use hedui_ledger::{AskFilter, AskState};
use jiff::Timestamp;
use serde::Serialize;

use crate::acquire::cause_zh;
use crate::{VerifyError, Workspace};

/// How one source is doing, from what the ledger recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceHealth {
    /// Source id.
    pub source: String,
    /// Chinese title.
    pub title: String,
    /// Dataset it serves.
    pub dataset: String,
    /// Settled asks by outcome word, with those that wait for a file as `pending`; zero counts are left out.
    pub outcomes: BTreeMap<String, usize>,
    /// Asks that wait to be sent, or were sent and are not settled.
    pub waiting: usize,
    /// Set aside, by reason code.
    pub quarantined: BTreeMap<String, usize>,
    /// Why asks are without an answer, without personal data.
    pub causes: BTreeMap<String, usize>,
    /// Calls made.
    pub calls: usize,
    /// Calls that failed.
    pub failed_calls: usize,
    /// Mean duration of a call, in milliseconds.
    pub mean_millis: u64,
    /// Last call.
    pub last_call: Option<Timestamp>,
    /// Why the last failed call failed.
    pub last_failure: Option<String>,
}

/// The health board: every source of the registry, by id.
///
/// # Errors
/// The ledger cannot be read.
pub async fn health(ws: &Workspace) -> Result<Vec<SourceHealth>, VerifyError> {
    let calls: BTreeMap<String, _> =
        ws.ledger().source_health().await?.into_iter().map(|(id, h)| (id.as_str().to_owned(), h)).collect();
    let counts = ws.ledger().ask_counts().await?;
    let mut board = Vec::with_capacity(ws.registry().len());
    for source in ws.registry().iter() {
        let mut line = SourceHealth {
            source: source.id.as_str().to_owned(),
            title: source.title.zh.clone(),
            dataset: source.dataset.name.clone(),
            ..SourceHealth::default()
        };
        for count in counts.iter().filter(|c| c.source == source.id) {
            let number = usize::try_from(count.count).unwrap_or(0);
            match (count.state, count.outcome) {
                (AskState::Settled, Some(outcome)) => {
                    *line.outcomes.entry(outcome.as_str().to_owned()).or_default() += number;
                }
                (AskState::Pending, _) => *line.outcomes.entry("pending".to_owned()).or_default() += number,
                _ => line.waiting += number,
            }
        }
        let answered = ["found", "no_record"].iter().filter_map(|w| line.outcomes.get(*w)).sum::<usize>();
        if line.outcomes.values().sum::<usize>() > answered {
            let filter = AskFilter { source: Some(source.id.clone()), ..AskFilter::default() };
            for ask in ws.ledger().asks(&filter).await? {
                if let (AskState::Settled, Some(true), Some(cause)) =
                    (ask.state, ask.outcome.map(hedui_base::Outcome::is_unknown), &ask.cause)
                {
                    *line.causes.entry(cause_zh(cause)).or_default() += 1;
                }
            }
        }
        if let Some(health) = calls.get(source.id.as_str()) {
            let number = |n: i64| usize::try_from(n).unwrap_or(0);
            line.quarantined = health.quarantined.iter().map(|(r, n)| (r.clone(), number(*n))).collect();
            line.calls = number(health.attempts);
            line.failed_calls = number(health.failures);
            line.mean_millis = u64::try_from(health.mean_ms).unwrap_or(0);
            line.last_call = health.last_at;
            line.last_failure = health.last_failure.as_deref().map(cause_zh);
        }
        board.push(line);
    }
    Ok(board)
}
