//! One source's asks: claimed in groups, allowed one by one by a letter of today, sent in batches, several at once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hedui_base::{Authorised, CaseId, Denial, Outcome, PersonKey};
use hedui_connect::{Cause, Exchange, Failure, Parsed, RawReply, Source, Subject, SubjectKey, parse};
use hedui_ledger::{AuditEvent, ClaimedAsk};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::AcquireMode;
use super::boundary::Boundary;
use super::plan::{Scene, SourcePlan, authorise};
use super::raw::{self, RawStore};
use super::settle::{Batch, Ending, Settling};
use crate::accept::cases_by_id;
use crate::{Event, Progress, VerifyError, Workspace};

/// How long a claim stands before another worker may take it over.
pub(super) const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// Asks claimed at once where the source takes few a call.
const GROUP: usize = 256;
/// Calls in a row without any connection after which a source counts as down for this run.
const DOWN_AFTER: usize = 3;

/// What every source's task shares.
pub(super) struct Shared {
    pub(super) ws: Workspace,
    pub(super) scene: Scene,
    pub(super) as_of: Date,
    pub(super) mode: AcquireMode,
    pub(super) deadline: tokio::time::Instant,
    pub(super) actor: String,
    pub(super) progress: Arc<dyn Progress>,
    pub(super) raw: RawStore,
    pub(super) settling: Settling,
}

/// One source at work.
pub(super) struct Dispatch {
    pub(super) shared: Arc<Shared>,
    pub(super) plan: SourcePlan,
    pub(super) sent: AtomicUsize,
    failures: AtomicUsize,
}

/// A claimed ask with the letter that allows it.
pub(super) struct Allowed {
    pub(super) claimed: ClaimedAsk,
    pub(super) authorised: Authorised,
}

/// One piece of work.
enum Work {
    /// Ask about these.
    Send(Vec<Allowed>),
    /// Parse a reply that is on file.
    Replay(Box<RawReply>, String, Vec<ClaimedAsk>),
}

/// Groups to claim, and work that is ready.
type Queue = (VecDeque<Vec<PersonKey>>, VecDeque<Work>);

impl Dispatch {
    pub(super) fn new(shared: &Arc<Shared>, plan: SourcePlan) -> Self {
        Self { shared: Arc::clone(shared), plan, sent: AtomicUsize::new(0), failures: AtomicUsize::new(0) }
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.plan.source
    }

    /// Sends all that is to be asked, several batches at once.
    pub(super) async fn send_all(self: &Arc<Self>) -> Result<(), VerifyError> {
        let source = self.source();
        let batch = source.batch.max(1);
        let group = batch.max(GROUP / batch * batch);
        let groups: VecDeque<Vec<PersonKey>> = self.plan.to_ask.chunks(group).map(<[_]>::to_vec).collect();
        let queue = Arc::new(Mutex::new((groups, VecDeque::new())));
        let mut workers = JoinSet::new();
        for _ in 0..source.manifest.limits.concurrency.max(1) {
            let (own, queue) = (Arc::clone(self), Arc::clone(&queue));
            workers.spawn(async move {
                while let Some(work) = own.next(&queue).await? {
                    own.one(work).await?;
                }
                Ok::<_, VerifyError>(())
            });
        }
        while let Some(done) = workers.join_next().await {
            done.map_err(|e| VerifyError::Internal(e.to_string()))??;
        }
        Ok(())
    }

    /// The next piece of work; claims another group when there is none ready.
    async fn next(&self, queue: &Mutex<Queue>) -> Result<Option<Work>, VerifyError> {
        let mut queue = queue.lock().await;
        loop {
            if let Some(work) = queue.1.pop_front() {
                return Ok(Some(work));
            }
            let Some(group) = queue.0.pop_front() else { return Ok(None) };
            let more = self.claim(&group).await?;
            queue.1.extend(more);
        }
    }

    /// Claims the asks of some people: those a letter allows today are noted as sent, the others end as not authorised.
    async fn claim(&self, people: &[PersonKey]) -> Result<Vec<Work>, VerifyError> {
        let shared = &self.shared;
        let (ws, source) = (&shared.ws, self.source());
        let now = ws.now();
        let ids: Vec<CaseId> = self.cases_of(people);
        let mut tx = ws.ledger().begin().await?;
        let claimed = ws.ledger().claim(&mut tx, &source.id, Some(people), people.len(), LEASE, now).await?;
        let letters = ws.ledger().letters_for_in(&mut tx, &ids).await?;
        let period = shared.as_of.to_string();
        let (mut endings, mut events, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept: BTreeMap<String, Vec<ClaimedAsk>> = BTreeMap::new();
        for ask in claimed {
            if let Some(name) = ask.raw.clone() {
                kept.entry(name).or_default().push(ask);
                continue;
            }
            if ask.period != period {
                endings.push(Ending::without_answer(ask, Outcome::Failed, "superseded", None));
                continue;
            }
            let rows = self.plan.pairs.get(&ask.person).map_or(&[][..], Vec::as_slice);
            match authorise(source, &shared.scene, &letters, ask.person, rows, ws.today()) {
                Ok((authorised, _)) => allowed.push(Allowed { claimed: ask, authorised }),
                Err((denial, row)) => {
                    events.push(AuditEvent {
                        actor: shared.actor.clone(),
                        action: "ask.denied".to_owned(),
                        subjects: vec![ask.person],
                        detail: json!({
                            "source": source.id, "code": denial.code(),
                            "case": shared.scene.cases.get(row).map(|c| &c.id),
                        }),
                    });
                    endings.push(Ending::without_answer(ask, Outcome::NotAuthorised, denial.code(), None));
                }
            }
        }
        let mut work = Vec::new();
        for (name, asks) in kept {
            match raw::read(ws.ledger(), ws.dir(), &name) {
                Some(reply) => work.push(Work::Replay(Box::new(reply), name, asks)),
                None => {
                    // The reply is gone: ask again, under the same rules.
                    for ask in asks {
                        let rows = self.plan.pairs.get(&ask.person).map_or(&[][..], Vec::as_slice);
                        match authorise(source, &shared.scene, &letters, ask.person, rows, ws.today()) {
                            Ok((authorised, _)) => allowed.push(Allowed { claimed: ask, authorised }),
                            Err((denial, _)) => {
                                endings.push(Ending::without_answer(ask, Outcome::NotAuthorised, denial.code(), None))
                            }
                        }
                    }
                }
            }
        }
        let mut batches: Vec<Vec<Allowed>> = Vec::new();
        for one in allowed {
            match batches.last_mut() {
                Some(batch) if batch.len() < source.batch.max(1) => batch.push(one),
                _ => batches.push(vec![one]),
            }
        }
        for batch in &batches {
            let asks: Vec<ClaimedAsk> = batch.iter().map(|a| a.claimed.clone()).collect();
            ws.ledger().mark_sent(&mut tx, &asks, now).await?;
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
        Boundary::Claimed.pass();
        self.settle(self.batch(endings, now)).await?;
        work.extend(batches.into_iter().map(Work::Send));
        Ok(work)
    }

    fn cases_of(&self, people: &[PersonKey]) -> Vec<CaseId> {
        let mut rows: Vec<usize> = people.iter().filter_map(|p| self.plan.pairs.get(p)).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        rows.iter().map(|row| self.shared.scene.cases[*row].id.clone()).collect()
    }

    async fn one(&self, work: Work) -> Result<(), VerifyError> {
        match work {
            Work::Send(allowed) => self.send(allowed).await,
            Work::Replay(reply, name, asks) => {
                let letters = self.letters_of(&asks).await?;
                self.read(*reply, name, asks, &letters, None, None).await
            }
        }
    }

    /// Asks about one batch.
    async fn send(&self, allowed: Vec<Allowed>) -> Result<(), VerifyError> {
        let shared = &self.shared;
        let (ws, source) = (&shared.ws, self.source());
        let asked = ws.now();
        let letters: HashMap<PersonKey, String> =
            allowed.iter().map(|a| (a.claimed.person, a.authorised.letter().to_owned())).collect();
        let subjects = self.subjects(&allowed).await?;
        let asks: Vec<ClaimedAsk> = allowed.into_iter().map(|a| a.claimed).collect();
        let started = std::time::Instant::now();
        if self.failures.load(Ordering::Relaxed) >= DOWN_AFTER {
            return self.fail(asks, &letters, Failure::new(Cause::Connect), asked, 0).await;
        }
        if source.prepares() {
            return self.hand_in(asks, &subjects, &letters).await;
        }
        self.count_sent(asks.len());
        let exchange = source.ask(&ws.context(), &subjects, source.period(shared.as_of)).await;
        let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        match exchange {
            Exchange::Replied(reply) => {
                Boundary::Replied.pass();
                self.reached();
                let name = match shared.raw.keep(&reply, &asks).await {
                    Ok(name) => name,
                    Err(VerifyError::Ledger(hedui_ledger::LedgerError::Fenced { .. })) => return Ok(()),
                    Err(error) => return Err(error),
                };
                self.read(reply, name, asks, &letters, Some(asked), Some((took, None))).await
            }
            Exchange::Failed(failure) => self.fail(asks, &letters, failure, asked, took).await,
            Exchange::Submitted(submission) => self.handed_in(asks, submission, &letters, asked).await,
        }
    }

    /// Counts people as sent.
    pub(super) fn count_sent(&self, count: usize) {
        self.sent.fetch_add(count, Ordering::Relaxed);
        self.shared.progress.event(Event::Sent { source: self.source().id.clone(), count });
    }

    /// Takes some back that could not be sent.
    pub(super) fn uncount_sent(&self, count: usize) {
        self.sent.fetch_sub(count, Ordering::Relaxed);
    }

    /// Notes that the source could be reached.
    pub(super) fn reached(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Settles asks that got no reply.
    pub(super) async fn fail(
        &self,
        asks: Vec<ClaimedAsk>,
        letters: &HashMap<PersonKey, String>,
        failure: Failure,
        asked: Timestamp,
        took: i64,
    ) -> Result<(), VerifyError> {
        if matches!(failure.cause, Cause::Connect | Cause::NoEndpoint | Cause::HostKey | Cause::Login) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        let cause = failure.cause.to_string();
        self.shared.progress.event(Event::Trouble { source: self.source().id.clone(), cause: cause.clone() });
        let endings = asks
            .into_iter()
            .map(|ask| {
                let letter = letters.get(&ask.person).cloned();
                Ending::without_answer(ask, failure.outcome, &cause, letter)
            })
            .collect();
        self.settle(Batch { call: Some((took, Some(cause))), ..self.batch(endings, asked) }).await
    }

    /// Reads a kept reply and settles its asks.
    pub(super) async fn read(
        &self,
        reply: RawReply,
        name: String,
        asks: Vec<ClaimedAsk>,
        letters: &HashMap<PersonKey, String>,
        asked: Option<Timestamp>,
        call: Option<(i64, Option<String>)>,
    ) -> Result<(), VerifyError> {
        let received = reply.received;
        Boundary::RawKept.pass();
        let parsed = self.parse(reply, &asks).await?;
        Boundary::Parsed.pass();
        let mut answers: HashMap<_, _> = parsed.answers.into_iter().map(|a| (a.ask, a)).collect();
        let endings = asks
            .into_iter()
            .map(|ask| {
                let letter = letters.get(&ask.person).cloned();
                match answers.remove(&ask.ask) {
                    Some(answer) => Ending {
                        outcome: answer.outcome,
                        cause: answer.detail,
                        as_of: answer.as_of,
                        records: answer.records,
                        letter,
                        claimed: ask,
                    },
                    None => Ending::without_answer(ask, Outcome::Failed, "absent", letter),
                }
            })
            .collect();
        let asked = asked.unwrap_or(received);
        self.settle(Batch {
            answered: Some(received),
            quarantine: parsed.quarantine,
            raw: Some(name),
            call,
            ..self.batch(endings, asked)
        })
        .await
    }

    async fn parse(&self, reply: RawReply, asks: &[ClaimedAsk]) -> Result<Parsed, VerifyError> {
        let keys = self.keys(asks).await?;
        let source = Arc::clone(self.source());
        tokio::task::spawn_blocking(move || parse(&source, &keys, &reply))
            .await
            .map_err(|e| VerifyError::Internal(e.to_string()))
    }

    pub(super) async fn subjects(&self, allowed: &[Allowed]) -> Result<Vec<Subject>, VerifyError> {
        let people: Vec<PersonKey> = allowed.iter().map(|a| a.claimed.person).collect();
        let known = self.shared.ws.ledger().people(&people).await?;
        Ok(allowed
            .iter()
            .zip(known)
            .map(|(a, person)| {
                let account = self.account(a.claimed.person);
                Subject {
                    ask: a.claimed.ask,
                    authorised: a.authorised.clone(),
                    id: person.id,
                    name: person.name,
                    account: account.and_then(|a| a.account.clone()),
                    address: account.and_then(|a| a.address.clone()),
                }
            })
            .collect())
    }

    /// Whom answers are matched to; nothing is asked here.
    async fn keys(&self, asks: &[ClaimedAsk]) -> Result<Vec<SubjectKey>, VerifyError> {
        let people: Vec<PersonKey> = asks.iter().map(|a| a.person).collect();
        let known = self.shared.ws.ledger().people(&people).await?;
        Ok(asks
            .iter()
            .zip(known)
            .map(|(ask, person)| {
                let account = self.account(ask.person);
                SubjectKey {
                    ask: ask.ask,
                    person: ask.person,
                    id: person.id,
                    name: person.name,
                    account: account.and_then(|a| a.account.clone()),
                    address: account.and_then(|a| a.address.clone()),
                }
            })
            .collect())
    }

    fn account(&self, person: PersonKey) -> Option<&hedui_ledger::Account> {
        let rows = self.plan.pairs.get(&person).map_or(&[][..], Vec::as_slice);
        self.shared.scene.account(self.source(), person, rows)
    }

    /// The letters that allow these asks today, to stand on their coverage: for replies to what was sent earlier.
    pub(super) async fn letters_of(&self, asks: &[ClaimedAsk]) -> Result<HashMap<PersonKey, String>, VerifyError> {
        let allowed = self.authorisations(asks).await?.into_iter();
        Ok(allowed.filter_map(|(person, by)| Some((person, by.ok()?.letter().to_owned()))).collect())
    }

    /// Which letter allows each of these asks today, or why none does. A file may also hold people of cases outside this
    /// run; who is in no case any more is left out.
    pub(super) async fn authorisations(
        &self,
        asks: &[ClaimedAsk],
    ) -> Result<HashMap<PersonKey, Result<Authorised, Denial>>, VerifyError> {
        let people: Vec<PersonKey> = asks.iter().map(|a| a.person).collect();
        let (here, elsewhere): (Vec<PersonKey>, Vec<PersonKey>) =
            people.into_iter().partition(|p| self.plan.pairs.contains_key(p));
        let mut found = self.authorisations_in(&self.shared.scene, &self.plan, &here).await?;
        if !elsewhere.is_empty() {
            let ws = &self.shared.ws;
            let mut ids: Vec<CaseId> = ws.ledger().cases_of(&elsewhere).await?.into_iter().map(|(_, c)| c).collect();
            ids.sort_unstable();
            ids.dedup();
            let scene = Scene { cases: cases_by_id(ws, &ids).await?.into_values().collect() };
            let plan = SourcePlan::expand(self.source(), &scene);
            found.extend(self.authorisations_in(&scene, &plan, &elsewhere).await?);
        }
        Ok(found)
    }

    async fn authorisations_in(
        &self,
        scene: &Scene,
        plan: &SourcePlan,
        people: &[PersonKey],
    ) -> Result<HashMap<PersonKey, Result<Authorised, Denial>>, VerifyError> {
        let ws = &self.shared.ws;
        let mut rows: Vec<usize> = people.iter().filter_map(|p| plan.pairs.get(p)).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let ids: Vec<CaseId> = rows.iter().map(|row| scene.cases[*row].id.clone()).collect();
        let letters = ws.ledger().letters_for(&ids).await?;
        let mut found = HashMap::with_capacity(people.len());
        for person in people {
            let rows = plan.pairs.get(person).map_or(&[][..], Vec::as_slice);
            let by = authorise(self.source(), scene, &letters, *person, rows, ws.today());
            found.insert(*person, by.map(|(authorised, _)| authorised).map_err(|(denial, _)| denial));
        }
        Ok(found)
    }

    pub(super) fn batch(&self, endings: Vec<Ending>, asked: Timestamp) -> Batch {
        Batch {
            source: Arc::clone(self.source()),
            endings,
            asked,
            answered: None,
            due: None,
            quarantine: Vec::new(),
            raw: None,
            call: None,
            done: None,
        }
    }

    pub(super) async fn settle(&self, batch: Batch) -> Result<(), VerifyError> {
        if batch.endings.is_empty() {
            return Ok(());
        }
        let stopped = |_| VerifyError::Internal("the writer of answers has stopped".to_owned());
        self.shared.settling.send(batch).await.map_err(stopped)
    }
}
