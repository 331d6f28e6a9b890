use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hedui_base::PersonKey;
use hedui_ledger::AuditEvent;
use hedui_verify::Workspace;
use serde_json::Value as Json;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::problem::Problem;

/// What every request shares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    workspace: Workspace,
    /// Verifications being run by this process.
    running: Arc<Mutex<BTreeSet<String>>>,
    /// Held for reading by every run, so that a shutdown can wait for them.
    runs: Arc<RwLock<()>>,
}

/// Marks a verification as running until it is dropped.
pub(crate) struct Running {
    id: String,
    set: Arc<Mutex<BTreeSet<String>>>,
    _run: Option<OwnedRwLockReadGuard<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl AppState {
    /// State over a data folder.
    #[must_use]
    pub fn new(workspace: Workspace) -> Self {
        Self { workspace, running: Arc::default(), runs: Arc::default() }
    }

    pub(crate) const fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    pub(crate) fn begin_run(&self, id: &str) -> Running {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        let run = Arc::clone(&self.runs).try_read_owned().ok();
        Running { id: id.to_owned(), set: Arc::clone(&self.running), _run: run }
    }

    pub(crate) fn is_running(&self, id: &str) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Waits until no run is left.
    pub(crate) async fn finish_runs(&self) {
        let _all = self.runs.write().await;
    }

    /// Writes one audit leaf.
    pub(crate) async fn audit(
        &self,
        actor: &str,
        action: &str,
        subjects: Vec<PersonKey>,
        detail: Json,
    ) -> Result<(), Problem> {
        let ledger = self.workspace.ledger();
        let event = AuditEvent { actor: actor.to_owned(), action: action.to_owned(), subjects, detail };
        let mut tx = ledger.begin().await?;
        ledger.audit(&mut tx, &[event], self.workspace.now()).await?;
        Ok(tx.commit().await?)
    }
}
