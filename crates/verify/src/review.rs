use hedui_base::CaseId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::{VerifyError, Workspace};

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
    /// What to do, in Chinese.
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

/// Lists tasks, gravest first.
///
/// # Errors
/// The ledger cannot be read.
pub async fn review_list(ws: &Workspace, filter: &ReviewFilter) -> Result<Vec<ReviewLine>, VerifyError> {
    let _ = (ws, filter);
    Err(VerifyError::Internal("review is being built".into()))
}

/// Takes a task.
///
/// # Errors
/// [`VerifyError::Review`] if there is none or somebody else has it.
pub async fn review_claim(ws: &Workspace, id: i64, officer: &str) -> Result<(), VerifyError> {
    let _ = (ws, id, officer);
    Err(VerifyError::Internal("review is being built".into()))
}

/// Closes a task with what came of it.
///
/// # Errors
/// [`VerifyError::Review`] if there is none or it is closed.
pub async fn review_resolve(ws: &Workspace, id: i64, officer: &str, resolution: &str) -> Result<(), VerifyError> {
    let _ = (ws, id, officer, resolution);
    Err(VerifyError::Internal("review is being built".into()))
}
