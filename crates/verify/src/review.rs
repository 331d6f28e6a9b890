//! Stage five, 结果复核: tasks for people. hedui raises them; named officers claim and resolve them.

use hedui_base::CaseId;
use hedui_ledger::{AuditEvent, LedgerError, Review, ReviewState};
use hedui_rules::program::FlagSeverity;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

use crate::{VerifyError, Workspace};

/// The word in place of a flag id under which a changed finding is raised.
pub(crate) const CHANGE: &str = "CHANGE";

/// Which reviews to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// Of this case only.
    pub case: Option<CaseId>,
    /// `open`, `claimed` or `resolved`; none means all that are not resolved.
    pub state: Option<String>,
    /// Of this officer only.
    pub claimed_by: Option<String>,
    /// At most so many; none means all.
    pub limit: Option<usize>,
}

/// One task for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReviewLine {
    /// Number.
    pub id: i64,
    /// The case.
    pub case: CaseId,
    /// `flag` or `change`.
    pub kind: String,
    /// Flag id, or what changed.
    pub subject: String,
    /// Severity word.
    pub severity: String,
    /// `desk`, `visit`, `proof`, `recompute`, `stop_payment`, `lead`.
    pub follow_up: String,
    /// What it is about, in Chinese.
    pub text: String,
    /// The day the finding spoke about.
    pub as_of: Option<Date>,
    /// When it was raised.
    pub raised: Timestamp,
    /// `open`, `claimed` or `resolved`.
    pub state: String,
    /// Who has it.
    pub claimed_by: Option<String>,
    /// What came of it.
    pub resolution: Option<String>,
}

/// Lists tasks, gravest first, oldest first among equals.
///
/// # Errors
/// The ledger cannot be read.
pub async fn review_list(ws: &Workspace, filter: &ReviewFilter) -> Result<Vec<ReviewLine>, VerifyError> {
    let state = match filter.state.as_deref() {
        None => None,
        Some("open") => Some(ReviewState::Open),
        Some("claimed") => Some(ReviewState::Claimed),
        Some("resolved") => Some(ReviewState::Resolved),
        Some(_) => {
            return Err(VerifyError::Input(vec![crate::Problem {
                at: "state".to_owned(),
                code: "unknown_code".to_owned(),
                message: "one of open, claimed, resolved".to_owned(),
            }]));
        }
    };
    let wanted = hedui_ledger::ReviewFilter { case: filter.case.clone(), state, ..Default::default() };
    let mut lines: Vec<ReviewLine> = ws
        .ledger()
        .reviews(&wanted)
        .await?
        .into_iter()
        .filter(|r| state.is_some() || r.state != ReviewState::Resolved)
        .filter(|r| filter.claimed_by.as_ref().is_none_or(|who| r.assignee.as_ref() == Some(who)))
        .map(line)
        .collect();
    let gravity = |severity: &str| {
        FlagSeverity::ALL.iter().position(|s| s.as_str() == severity).unwrap_or(FlagSeverity::ALL.len())
    };
    lines.sort_by_key(|l| (gravity(&l.severity), l.id));
    if let Some(limit) = filter.limit {
        lines.truncate(limit);
    }
    Ok(lines)
}

fn line(review: Review) -> ReviewLine {
    let about = review.about;
    let text = |key: &str| about.detail.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    ReviewLine {
        id: review.review,
        kind: if about.flag == CHANGE { "change" } else { "flag" }.to_owned(),
        text: text("text").unwrap_or_default(),
        as_of: text("as_of").and_then(|t| t.parse().ok()),
        case: about.case,
        subject: about.flag,
        severity: about.severity,
        follow_up: about.kind,
        raised: review.created_at,
        state: match review.state {
            ReviewState::Open => "open",
            ReviewState::Claimed => "claimed",
            ReviewState::Resolved => "resolved",
        }
        .to_owned(),
        claimed_by: review.assignee,
        resolution: review.resolution,
    }
}

/// Takes a task: a named officer's act, and an audit row.
///
/// # Errors
/// [`VerifyError::Review`] if there is none or somebody else has it.
pub async fn review_claim(ws: &Workspace, id: i64, officer: &str) -> Result<(), VerifyError> {
    let mut tx = ws.ledger().begin().await?;
    let done = ws.ledger().claim_review(&mut tx, id, officer, ws.now()).await;
    refused(id, done, "there is no such open review; `review list` shows those there are")?;
    ws.ledger().audit(&mut tx, &[event(officer, "review.claimed", id, None)], ws.now()).await?;
    Ok(tx.commit().await?)
}

/// Closes a task with what came of it: a named officer's act, and an audit row.
///
/// # Errors
/// [`VerifyError::Review`] if there is none or it is closed.
pub async fn review_resolve(ws: &Workspace, id: i64, officer: &str, resolution: &str) -> Result<(), VerifyError> {
    let mut tx = ws.ledger().begin().await?;
    let done = ws.ledger().resolve_review(&mut tx, id, officer, resolution, None, ws.now()).await;
    refused(id, done, "there is no such review, or it is resolved already")?;
    ws.ledger().audit(&mut tx, &[event(officer, "review.resolved", id, Some(resolution))], ws.now()).await?;
    Ok(tx.commit().await?)
}

fn refused(id: i64, done: hedui_ledger::Result<()>, why: &str) -> Result<(), VerifyError> {
    match done {
        Err(LedgerError::ReviewState(_)) => Err(VerifyError::Review(id, why.to_owned())),
        other => Ok(other?),
    }
}

fn event(officer: &str, action: &str, id: i64, resolution: Option<&str>) -> AuditEvent {
    AuditEvent {
        actor: officer.to_owned(),
        action: action.to_owned(),
        subjects: Vec::new(),
        detail: json!({ "review": id, "resolution": resolution }),
    }
}
