//! Claiming: which asks this worker takes, which of them a letter of today and today's budget allow, and their batches.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hedui_base::{Authorised, CaseId, Outcome, PersonKey};
use hedui_connect::Lane;
use hedui_connect::maintenance::day_in_china;
use hedui_connect::manifest::Limits;
use hedui_ledger::{AuditEvent, ClaimedAsk, Tx};
use serde_json::json;

use super::boundary::Boundary;
use super::dispatch::{Dispatch, LEASE, OVER_BUDGET, Work};
use super::plan::{Letters, authorise};
use super::raw;
use super::settle::Ending;
use super::timing::Stage;
use crate::{VerifyError, Workspace};

/// A claimed ask with the letter that allows it.
pub(super) struct Allowed {
    pub(super) claimed: ClaimedAsk,
    pub(super) authorised: Authorised,
}

/// How many people one may have asked about by the end of a day, so that enough is left for others: a batch leaves the
/// part reserved for counters, a first try the part reserved for further ones. None means no limit.
pub(crate) fn ceiling(limits: &Limits, lane: Lane, again: bool) -> Option<u64> {
    let daily = limits.daily?;
    let for_counters = if lane == Lane::Batch { limits.reserve.of(daily) } else { 0 };
    let for_retries = if again { 0 } else { limits.daily_reserve.of(daily) };
    Some(daily.saturating_sub(for_counters).saturating_sub(for_retries))
}

/// What becomes of claimed asks.
#[derive(Default)]
struct Sorted {
    endings: Vec<Ending>,
    events: Vec<AuditEvent>,
    allowed: Vec<Allowed>,
    replays: Vec<Work>,
}

/// The letters read so far. They hold as long as no letter was filed, attached or revoked, which every claim looks up in
/// its own transaction; so a letter revoked a moment ago stops the next claim.
#[derive(Default)]
pub(super) struct LetterDesk(Mutex<(i64, Letters)>);

impl LetterDesk {
    /// Brings the letters of some cases onto the desk, as the transaction sees them.
    async fn fetch(&self, ws: &Workspace, tx: &mut Tx, cases: &[CaseId]) -> Result<(), VerifyError> {
        let version = ws.ledger().letters_version(tx).await?;
        let missing: Vec<CaseId> = {
            let mut desk = self.on_desk();
            if desk.0 != version {
                *desk = (version, Letters::new());
            }
            cases.iter().filter(|case| !desk.1.contains_key(*case)).cloned().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut found = ws.ledger().letters_for_in(tx, &missing).await?;
        let mut desk = self.on_desk();
        for case in missing {
            let letters = found.remove(&case).unwrap_or_default();
            desk.1.insert(case, letters);
        }
        Ok(())
    }

    fn on_desk(&self) -> MutexGuard<'_, (i64, Letters)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatch {
    /// Claims the asks of some people: those a letter allows today are noted as sent, the others end as not authorised.
    pub(super) async fn claim(&self, people: &[PersonKey]) -> Result<Vec<Work>, VerifyError> {
        let shared = &self.shared;
        let turn = shared.claiming.lock().await;
        let claiming = shared.watch.of(Stage::Claim);
        let (ws, source) = (&shared.ws, self.source());
        let now = ws.now();
        let ids: Vec<CaseId> = self.cases_of(people);
        let mut tx = ws.ledger().begin().await?;
        let claimed = ws.ledger().claim(&mut tx, &source.id, Some(people), people.len(), LEASE, now).await?;
        shared.pulse.holds(&claimed);
        shared.letters.fetch(ws, &mut tx, &ids).await?;
        let Sorted { endings, mut events, allowed, replays } = self.sort(claimed);
        let mut work: Vec<Work> = replays;
        let allowed = self.within_budget(&mut tx, allowed).await?;
        let mut batches: Vec<Vec<Allowed>> = Vec::new();
        for one in allowed {
            match batches.last_mut() {
                Some(batch) if batch.len() < source.batch.max(1) => batch.push(one),
                _ => batches.push(vec![one]),
            }
        }
        let sent: Vec<ClaimedAsk> = batches.iter().flatten().map(|a| a.claimed.clone()).collect();
        ws.ledger().mark_sent(&mut tx, &sent, now).await?;
        for batch in &batches {
            let mut numbers: Vec<&str> = batch.iter().map(|a| a.authorised.letter()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            events.push(AuditEvent {
                actor: shared.actor.clone(),
                action: "ask.sent".to_owned(),
                subjects: batch.iter().map(|a| a.claimed.person).collect(),
                detail: json!({
                    "source": source.id, "manifest": source.manifest_hash, "letters": numbers, "as_of": shared.as_of,
                }),
            });
        }
        ws.ledger().audit(&mut tx, &events, now).await?;
        tx.commit().await?;
        drop((claiming, turn));
        Boundary::Claimed.pass();
        self.settle(self.batch(endings, now)).await?;
        work.extend(batches.into_iter().map(Work::Send));
        Ok(work)
    }

    /// What becomes of claimed asks: sent if a letter of today allows it, read from the reply on file, or ended.
    fn sort(&self, claimed: Vec<ClaimedAsk>) -> Sorted {
        let shared = &self.shared;
        let ws = &shared.ws;
        let period = shared.as_of.to_string();
        let mut sorted = Sorted::default();
        let mut kept: BTreeMap<String, Vec<ClaimedAsk>> = BTreeMap::new();
        for ask in claimed {
            if let Some(name) = ask.raw.clone() {
                kept.entry(name).or_default().push(ask);
            } else if ask.period == period {
                self.allow(ask, &mut sorted);
            } else {
                sorted.endings.push(Ending::without_answer(ask, Outcome::Failed, "superseded", None));
            }
        }
        for (name, asks) in kept {
            match raw::read(ws.ledger(), ws.dir(), &name) {
                Some(kept) => sorted.replays.push(Work::Replay(Box::new(kept), name, asks)),
                // The reply is gone: ask again, under the same rules.
                None => asks.into_iter().for_each(|ask| self.allow(ask, &mut sorted)),
            }
        }
        sorted
    }

    fn allow(&self, ask: ClaimedAsk, sorted: &mut Sorted) {
        let shared = &self.shared;
        let source = self.source();
        let rows = self.plan.pairs.get(&ask.person).map_or(&[][..], Vec::as_slice);
        let letters = shared.letters.on_desk();
        match authorise(source, &shared.scene, &letters.1, ask.person, rows, shared.ws.today()) {
            Ok((authorised, _)) => sorted.allowed.push(Allowed { claimed: ask, authorised }),
            Err((denial, row)) => {
                sorted.events.push(AuditEvent {
                    actor: shared.actor.clone(),
                    action: "ask.denied".to_owned(),
                    subjects: vec![ask.person],
                    detail: json!({
                        "source": source.id, "code": denial.code(),
                        "case": shared.scene.cases.get(row).map(|c| &c.id),
                    }),
                });
                sorted.endings.push(Ending::without_answer(ask, Outcome::NotAuthorised, denial.code(), None));
            }
        }
    }

    fn cases_of(&self, people: &[PersonKey]) -> Vec<CaseId> {
        let mut rows: Vec<usize> = people.iter().filter_map(|p| self.plan.pairs.get(p)).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        rows.iter().map(|row| self.shared.scene.cases[*row].id.clone()).collect()
    }

    /// Leaves those over today's budget planned; returns the others.
    async fn within_budget(&self, tx: &mut Tx, allowed: Vec<Allowed>) -> Result<Vec<Allowed>, VerifyError> {
        let ws = &self.shared.ws;
        let source = self.source();
        let (again, first): (Vec<Allowed>, Vec<Allowed>) =
            allowed.into_iter().partition(|a| self.plan.again.contains(&a.claimed.person));
        let mut granted = Vec::new();
        for (mut asks, again) in [(first, false), (again, true)] {
            let Some(ceiling) = ceiling(&source.manifest.limits, self.shared.mode.lane(), again) else {
                granted.extend(asks);
                continue;
            };
            if asks.is_empty() {
                continue;
            }
            let (day, want) = (day_in_china(ws.now()), asks.len() as u64);
            let given = ws.ledger().take_budget(tx, &source.credential(), day, want, ceiling).await?;
            let over = asks.split_off(usize::try_from(given).unwrap_or(asks.len()).min(asks.len()));
            if !over.is_empty() {
                self.spent[usize::from(again)].store(true, Ordering::Relaxed);
                let over: Vec<ClaimedAsk> = over.into_iter().map(|a| a.claimed).collect();
                self.shared.pulse.lets_go(&over);
                ws.ledger().hold(tx, &over, OVER_BUDGET).await?;
            }
            granted.extend(asks);
        }
        Ok(granted)
    }
}
