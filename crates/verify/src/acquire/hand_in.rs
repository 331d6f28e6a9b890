//! File exchange: a request is on record before it leaves, so that a crash never makes two of it.
//!
//! What is recorded says under which reference and about whom; handing it in is idempotent under that reference. A request
//! of which nobody knows whether it left is looked for, and handed in if it is not there, by whoever polls next.

use std::collections::HashMap;

use hedui_base::{Outcome, PersonKey};
use hedui_connect::{Cause, Failure, Subject, Submission};
use hedui_ledger::{AuditEvent, ClaimedAsk, ClaimedSubmission, LedgerError};
use jiff::Timestamp;
use serde_json::json;

use super::boundary::Boundary;
use super::breaker::Heard;
use super::claim::Allowed;
use super::dispatch::{Dispatch, LEASE};
use super::settle::Ending;
use super::timing::Stage;
use crate::{Event, VerifyError};

impl Dispatch {
    /// Records and hands in one batch.
    pub(super) async fn hand_in(
        &self,
        asks: Vec<ClaimedAsk>,
        subjects: &[Subject],
        letters: &HashMap<PersonKey, String>,
        probe: bool,
    ) -> Result<(), VerifyError> {
        let (ws, source) = (&self.shared.ws, self.source());
        let asked = ws.now();
        let submission = match source.prepare(&self.context(), subjects, source.period(self.shared.as_of)) {
            Ok(submission) => submission,
            Err(failure) => {
                self.heard(Heard::Nothing, probe).await?;
                return self.fail(asks, letters, failure, asked, 0).await;
            }
        };
        let leaving = self.without_refused(asks, &submission, letters, asked).await?;
        let Some(mut held) = self.record(&leaving, &submission, asked).await? else {
            return self.heard(Heard::Nothing, probe).await;
        };
        self.shared.pulse.lets_go(&leaving);
        self.count_sent(leaving.len());
        let started = std::time::Instant::now();
        let submitted = {
            let _waiting = self.shared.watch.of(Stage::Wait);
            source.submit(&self.context(), &submission, subjects).await
        };
        self.heard(submitted.as_ref().map_or_else(Heard::of, |()| Heard::Well), probe).await?;
        match submitted {
            Ok(()) => {
                Boundary::Put.pass();
                match self.note(&mut held, &Submission { handed_in: true, ..submission }).await {
                    Ok(()) => self.give_back(&held).await,
                    // Another worker has taken it over, and will find it there.
                    Err(VerifyError::Ledger(LedgerError::Fenced { .. })) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Err(failure) if may_have_left(failure) => {
                let cause = failure.cause.to_string();
                self.shared.progress.event(Event::Trouble { source: source.id.clone(), cause });
                self.give_back(&held).await
            }
            Err(failure) => {
                let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
                self.fail(leaving, letters, failure, asked, took).await
            }
        }
    }

    /// Records a request that left before its reference was known: where the institution gives it.
    pub(super) async fn handed_in(
        &self,
        asks: Vec<ClaimedAsk>,
        submission: Submission,
        letters: &HashMap<PersonKey, String>,
        asked: Timestamp,
    ) -> Result<(), VerifyError> {
        Boundary::Put.pass();
        let before = asks.len();
        let left = self.without_refused(asks, &submission, letters, asked).await?;
        self.uncount_sent(before - left.len());
        match self.record(&left, &submission, asked).await? {
            Some(held) => {
                self.shared.pulse.lets_go(&left);
                self.give_back(&held).await
            }
            None => Ok(()),
        }
    }

    /// Settles those who cannot be asked about; returns the others.
    async fn without_refused(
        &self,
        asks: Vec<ClaimedAsk>,
        submission: &Submission,
        letters: &HashMap<PersonKey, String>,
        asked: Timestamp,
    ) -> Result<Vec<ClaimedAsk>, VerifyError> {
        let refused: HashMap<_, _> = submission.refused.iter().map(|r| (r.ask, r.detail.as_str())).collect();
        let (not_sent, leaving): (Vec<_>, Vec<_>) = asks.into_iter().partition(|a| refused.contains_key(&a.ask));
        let endings = not_sent
            .into_iter()
            .map(|ask| {
                let cause = refused.get(&ask.ask).copied().unwrap_or_default();
                let letter = letters.get(&ask.person).cloned();
                Ending::without_answer(ask, Outcome::Unsendable, cause, letter)
            })
            .collect();
        self.settle(self.batch(endings, asked)).await?;
        Ok(leaving)
    }

    /// Puts a request on record, held by this worker; none if there is nobody in it, or another worker has them.
    async fn record(
        &self,
        asks: &[ClaimedAsk],
        submission: &Submission,
        asked: Timestamp,
    ) -> Result<Option<ClaimedSubmission>, VerifyError> {
        if asks.is_empty() {
            return Ok(None);
        }
        let (ledger, source) = (self.shared.ws.ledger(), self.source());
        let text = written(submission)?;
        let mut tx = ledger.begin().await?;
        match ledger.submit(&mut tx, &source.id, asks, &text, submission.due, LEASE, asked).await {
            Ok(held) => {
                tx.commit().await?;
                Boundary::Submitted.pass();
                Ok(Some(held))
            }
            Err(LedgerError::Fenced { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that a recorded request has left: whether its reply can be waited for. `held` may lose those who may no
    /// longer be asked about.
    pub(super) async fn make_sure(
        &self,
        held: &mut ClaimedSubmission,
        submission: &mut Submission,
    ) -> Result<bool, VerifyError> {
        let source = self.source();
        let context = self.context();
        match source.has_been_submitted(&context, submission).await {
            Ok(true) => {
                submission.handed_in = true;
                self.note(held, submission).await?;
                return Ok(true);
            }
            Ok(false) => {}
            Err(failure) => return Ok(self.trouble(failure)),
        }
        // It never left. Letters may have been withdrawn since, and days have passed: what leaves now is decided now.
        let (outdated, asks): (Vec<ClaimedAsk>, Vec<ClaimedAsk>) =
            held.asks.iter().cloned().partition(|a| self.plan.outdated.contains(&a.ask));
        self.end(&outdated, Outcome::Failed, "superseded", held).await?;
        let mut by = self.authorisations(&asks).await?;
        let mut allowed = Vec::new();
        for claimed in asks {
            match by.remove(&claimed.person) {
                Some(Ok(authorised)) => allowed.push(Allowed { claimed, authorised }),
                denied => {
                    let code = denied.and_then(Result::err).unwrap_or(hedui_base::Denial::LetterMissing).code();
                    self.end(std::slice::from_ref(&claimed), Outcome::NotAuthorised, code, held).await?;
                }
            }
        }
        held.asks = allowed.iter().map(|a| a.claimed.clone()).collect();
        if held.asks.is_empty() {
            return Ok(false);
        }
        let subjects = self.subjects(&allowed).await?;
        let again = match source.prepare_as(Some(&submission.reference), &context, &subjects, submission.period) {
            Ok(again) => again,
            Err(failure) => return Ok(self.trouble(failure)),
        };
        for refused in &again.refused {
            let gone: Vec<ClaimedAsk> = held.asks.extract_if(.., |a| a.ask == refused.ask).collect();
            self.end(&gone, Outcome::Unsendable, &refused.detail, held).await?;
        }
        if held.asks.is_empty() {
            return Ok(false);
        }
        *submission = Submission { due: submission.due, submitted: submission.submitted, ..again };
        self.audit_again(&allowed).await?;
        self.note(held, submission).await?;
        match source.submit(&context, submission, &subjects).await {
            Ok(()) => {
                submission.handed_in = true;
                self.note(held, submission).await?;
                Ok(true)
            }
            Err(failure) => Ok(self.trouble(failure)),
        }
    }

    /// Under which letters a request leaves that was recorded earlier.
    async fn audit_again(&self, allowed: &[Allowed]) -> Result<(), VerifyError> {
        let (ws, source) = (&self.shared.ws, self.source());
        let mut numbers: Vec<&str> = allowed.iter().map(|a| a.authorised.letter()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let event = AuditEvent {
            actor: self.shared.actor.clone(),
            action: "ask.sent".to_owned(),
            subjects: allowed.iter().map(|a| a.claimed.person).collect(),
            detail: json!({ "source": source.id, "manifest": source.manifest_hash, "letters": numbers, "recorded": true }),
        };
        let mut tx = ws.ledger().begin().await?;
        ws.ledger().audit(&mut tx, &[event], ws.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Tells of a failure after which the request stays on record.
    fn trouble(&self, failure: Failure) -> bool {
        let cause = failure.cause.to_string();
        self.shared.progress.event(Event::Trouble { source: self.source().id.clone(), cause });
        false
    }

    /// Writes down what is known of a submission now.
    async fn note(&self, held: &mut ClaimedSubmission, submission: &Submission) -> Result<(), VerifyError> {
        let text = written(submission)?;
        let ledger = self.shared.ws.ledger();
        let mut tx = ledger.begin().await?;
        ledger.amend_submission(&mut tx, held, &text).await?;
        tx.commit().await?;
        held.reference = text;
        Ok(())
    }

    /// Lets others poll for a submission.
    pub(super) async fn give_back(&self, held: &ClaimedSubmission) -> Result<(), VerifyError> {
        let ledger = self.shared.ws.ledger();
        let mut tx = ledger.begin().await?;
        match ledger.release_submission(&mut tx, held).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(LedgerError::Fenced { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the institution may have the request although handing it in failed.
const fn may_have_left(failure: Failure) -> bool {
    matches!(failure.cause, Cause::Timeout | Cause::Protocol)
}

fn written(submission: &Submission) -> Result<String, VerifyError> {
    serde_json::to_string(submission).map_err(|e| VerifyError::Internal(e.to_string()))
}
