//! File exchange: what was handed in is looked for until it is there, the deadline has come, or its day has passed.

use std::time::Duration;

use hedui_base::Outcome;
use hedui_connect::{Poll, Submission};
use hedui_ledger::{ClaimedAsk, ClaimedSubmission};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::AcquireMode;
use super::boundary::Boundary;
use super::breaker::Heard;
use super::dispatch::{Dispatch, LEASE};
use super::raw::{self, Kept};
use super::settle::{Batch, Ending};
use crate::{Event, VerifyError};

const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Dispatch {
    /// Polls this source's open submissions: until the deadline, or just once.
    pub(super) async fn poll_all(&self, once: bool) -> Result<(), VerifyError> {
        let shared = &self.shared;
        let ws = &shared.ws;
        let mut tx = ws.ledger().begin().await?;
        let left = shared.deadline.saturating_duration_since(Instant::now());
        let lease = LEASE.saturating_add(jiff::SignedDuration::try_from(left).unwrap_or(LEASE));
        let mut open = ws.ledger().claim_submissions(&mut tx, Some(&self.source().id), lease, ws.now()).await?;
        // A run for some households leaves the others' files alone.
        let mine = |s: &ClaimedSubmission| s.asks.iter().any(|a| self.plan.pairs.contains_key(&a.person));
        for other in open.extract_if(.., |s| !mine(s)) {
            ws.ledger().release_submission(&mut tx, &other).await?;
        }
        tx.commit().await?;
        let mut pause = FIRST_LOOK;
        loop {
            let mut waiting = Vec::new();
            for mut submission in open {
                if !self.look(&mut submission).await? {
                    waiting.push(submission);
                }
            }
            open = waiting;
            let once = once || shared.mode == AcquireMode::LiveOnly;
            let last = once || Instant::now() + pause > shared.deadline;
            if open.is_empty() || last {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        for submission in open {
            self.leave(submission).await?;
        }
        Ok(())
    }

    /// Looks for one reply; whether it was there.
    async fn look(&self, claimed: &mut ClaimedSubmission) -> Result<bool, VerifyError> {
        let shared = &self.shared;
        let ws = &shared.ws;
        if claimed.asks.is_empty() {
            return Ok(true);
        }
        // A reply that was fetched but not settled before a crash is on file.
        if let Some(name) = claimed.asks.iter().find_map(|a| a.raw.clone())
            && let Some(kept) = raw::read(ws.ledger(), ws.dir(), &name)
        {
            let letters = self.letters_of(&claimed.asks).await?;
            self.read(kept, name, claimed.asks.clone(), &letters, Some(claimed.submitted_at), None).await?;
            return Ok(true);
        }
        let Ok(mut submission) = serde_json::from_str::<Submission>(&claimed.reference) else {
            let cause = "protocol";
            self.end(&claimed.asks, Outcome::Failed, cause, claimed).await?;
            return Ok(true);
        };
        // Nobody looks while the source is closed or left alone.
        let Ok(probe) = self.turn().await else { return Ok(false) };
        if !submission.handed_in {
            let sure = self.make_sure(claimed, &mut submission).await;
            if !matches!(sure, Ok(true)) {
                self.heard(Heard::Nothing, probe).await?;
            }
            match sure {
                Ok(true) => {}
                Ok(false) => return Ok(claimed.asks.is_empty()),
                // Another worker has taken it over.
                Err(VerifyError::Ledger(hedui_ledger::LedgerError::Fenced { .. })) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        let started = std::time::Instant::now();
        let poll = self.source().poll(&self.context(), &submission).await;
        let heard = match &poll {
            Poll::Ready(_) | Poll::Pending => Heard::Well,
            Poll::Failed(failure) => Heard::of(failure),
        };
        self.heard(heard, probe).await?;
        match poll {
            Poll::Ready(reply) => {
                Boundary::Replied.pass();
                let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
                let name = match shared.raw.keep(&reply, &claimed.asks).await {
                    Ok(name) => name,
                    Err(VerifyError::Ledger(hedui_ledger::LedgerError::Fenced { .. })) => return Ok(true),
                    Err(error) => return Err(error),
                };
                let letters = self.letters_of(&claimed.asks).await?;
                let asked = Some(claimed.submitted_at);
                let kept = Kept { asks: raw::about(&reply, &claimed.asks), reply };
                self.read(kept, name, claimed.asks.clone(), &letters, asked, Some((took, None))).await?;
                Ok(true)
            }
            Poll::Pending => Ok(false),
            Poll::Failed(failure) => {
                let cause = failure.cause.to_string();
                shared.progress.event(Event::Trouble { source: self.source().id.clone(), cause });
                Ok(false)
            }
        }
    }

    /// Leaves a submission waiting: its asks are pending, or overdue once the day has passed.
    async fn leave(&self, claimed: ClaimedSubmission) -> Result<(), VerifyError> {
        let ws = &self.shared.ws;
        if claimed.due.is_some_and(|due| ws.today() >= due) {
            return self.end(&claimed.asks, Outcome::Overdue, "due_passed", &claimed).await;
        }
        // What is too old to serve this check is closed, so that it can be asked anew.
        let (outdated, open): (Vec<ClaimedAsk>, Vec<ClaimedAsk>) =
            claimed.asks.iter().cloned().partition(|a| self.plan.outdated.contains(&a.ask));
        self.end(&outdated, Outcome::Failed, "superseded", &claimed).await?;
        let news: Vec<ClaimedAsk> =
            open.iter().filter(|a| !self.plan.known_pending.contains(&a.ask)).cloned().collect();
        self.end(&news, Outcome::Pending, "pending", &claimed).await?;
        Boundary::LeftPending.pass();
        if open.is_empty() {
            return Ok(());
        }
        self.give_back(&ClaimedSubmission { asks: open, ..claimed }).await
    }

    /// Settles asks of a submission without an answer, and waits until that is durable.
    pub(super) async fn end(
        &self,
        asks: &[ClaimedAsk],
        outcome: Outcome,
        cause: &str,
        claimed: &ClaimedSubmission,
    ) -> Result<(), VerifyError> {
        if asks.is_empty() {
            return Ok(());
        }
        let letters = self.letters_of(asks).await?;
        let endings = asks
            .iter()
            .map(|ask| {
                let letter = letters.get(&ask.person).cloned();
                let mut ending = Ending::without_answer(ask.clone(), outcome, cause, letter);
                if outcome == Outcome::Pending {
                    ending.cause = None;
                }
                ending
            })
            .collect();
        let (done, told) = oneshot::channel();
        let batch = Batch { due: claimed.due, done: Some(done), ..self.batch(endings, claimed.submitted_at) };
        self.settle(batch).await?;
        told.await.map_err(|_| VerifyError::Internal("the writer of answers has stopped".to_owned()))
    }
}
