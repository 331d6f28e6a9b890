//! Heartbeats: a worker that is slow keeps its asks, one that has stopped loses them to the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hedui_base::AskId;
use hedui_ledger::ClaimedAsk;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::dispatch::LEASE;
use crate::{VerifyError, Workspace};

/// How often the clock is looked at. Writing happens a third of a lease apart only.
const TICK: Duration = Duration::from_millis(200);

/// The asks of one acquire that are claimed and not handed on, each with its fencing token.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<HashMap<AskId, i64>>);

impl Pulse {
    pub(super) fn holds(&self, claimed: &[ClaimedAsk]) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(claimed.iter().map(|c| (c.ask, c.fence)));
    }

    pub(super) fn lets_go<'a>(&self, asks: impl IntoIterator<Item = &'a ClaimedAsk>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for claimed in asks {
            if held.get(&claimed.ask) == Some(&claimed.fence) {
                held.remove(&claimed.ask);
            }
        }
    }

    fn all(&self) -> Vec<(AskId, i64)> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(ask, fence)| (*ask, *fence)).collect()
    }

    /// Lengthens the leases of what is held, whenever a third of a lease has passed by the workspace's clock, until the
    /// guard is dropped.
    pub(super) fn beating(pulse: Arc<Self>, ws: Workspace) -> Beating {
        Beating(tokio::spawn(async move {
            let mut last = ws.now();
            let mut tick = tokio::time::interval(TICK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let now = ws.now();
                if now.duration_since(last) < LEASE / 3 {
                    continue;
                }
                // A beat that is missed costs nothing yet: the next comes before the lease ends.
                match pulse.beat(&ws, now).await {
                    Ok(()) => last = now,
                    Err(error) => tracing::warn!(%error, "a heartbeat was missed"),
                }
            }
        }))
    }

    async fn beat(&self, ws: &Workspace, now: Timestamp) -> Result<(), VerifyError> {
        let held = self.all();
        if held.is_empty() {
            return Ok(());
        }
        let mut tx = ws.ledger().begin().await?;
        ws.ledger().heartbeat(&mut tx, &held, LEASE, now).await?;
        Ok(tx.commit().await?)
    }
}

/// A pulse that beats; it stops when this is dropped.
#[derive(Debug)]
pub(super) struct Beating(JoinHandle<()>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.abort();
    }
}
