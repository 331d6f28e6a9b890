//! Retention: evidence that newer answers replaced is removed after its time, and that it is gone is shown and on record.

use hedui_ledger::AuditEvent;
use hedui_store::{Remains, Removed};
use jiff::Timestamp;
use serde_json::json;

use crate::{VerifyError, Workspace};

/// What a removal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What was superseded then or before was to go.
    pub before: Timestamp,
    /// What went.
    pub removed: Removed,
    /// What a scan of all files and tables found afterwards: nothing, unless somebody still reads.
    pub remains: Remains,
}

/// How often it is worked out anew if somebody compacts in between.
const TRIES: usize = 3;

/// Removes evidence that newer answers had replaced at or before a moment, writes an audit leaf of what was removed in the
/// same transaction, deletes the files, and scans for what is left. What counts now, or counted later than that, stays.
///
/// # Errors
/// What the store or the ledger says; [`VerifyError::Internal`] if somebody compacts again and again meanwhile.
pub async fn retain(ws: &Workspace, before: Timestamp, actor: &str) -> Result<Retention, VerifyError> {
    let store = ws.store();
    let mut connection = ws.ledger().connection().await?;
    let mut removed = None;
    for _ in 0..TRIES {
        let Some(removal) = store.removal(&mut connection, before).await? else {
            removed = Some(Removed::default());
            break;
        };
        let mut tx = ws.ledger().begin().await?;
        let Some(done) = store.remove(tx.connection(), removal).await? else { continue };
        let event = AuditEvent {
            actor: actor.to_owned(),
            action: "store.retained".to_owned(),
            subjects: Vec::new(),
            detail: json!({
                "before": before,
                "oldest_snapshot": done.oldest.0,
                "snapshots": done.snapshots,
                "rows": done.rows,
                "inlined": done.inlined,
                "files": done.files,
            }),
        };
        ws.ledger().audit(&mut tx, &[event], ws.now()).await?;
        tx.commit().await?;
        removed = Some(done);
        break;
    }
    let removed = removed.ok_or_else(|| {
        VerifyError::Internal(
            "the store is compacted again and again meanwhile; run it when nothing else does".to_owned(),
        )
    })?;
    store.sweep(&mut connection).await?;
    let remains = store.remains(&mut connection, before).await?;
    Ok(Retention { before, removed, remains })
}
