use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

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
    /// Asks by outcome word, the newest of each (person, source); zero counts are left out.
    pub outcomes: BTreeMap<String, usize>,
    /// Asks that wait to be sent.
    pub waiting: usize,
    /// Set aside, by reason code.
    pub quarantined: BTreeMap<String, usize>,
    /// Causes of failed asks, without personal data.
    pub causes: BTreeMap<String, usize>,
    /// When it last answered.
    pub last_answer: Option<Timestamp>,
}

/// The health board: every source of the registry.
///
/// # Errors
/// The ledger cannot be read.
pub async fn health(ws: &Workspace) -> Result<Vec<SourceHealth>, VerifyError> {
    let _ = ws;
    Err(VerifyError::Internal("health is being built".into()))
}
