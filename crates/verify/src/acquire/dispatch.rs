//! One source's asks: claimed in groups, allowed one by one by a letter of today, sent in batches, several at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hedui_base::{AskId, Outcome, PersonKey};
use hedui_connect::maintenance::closed_until;
use hedui_connect::{Context, Exchange, Failure, Parsed, Source, Subject, SubjectKey, parse};
use hedui_ledger::{AuditEvent, BreakerState, ClaimedAsk, SavedBreaker};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::AcquireMode;
use super::boundary::Boundary;
use super::breaker::{Breaker, Heard, May};
use super::claim::{Allowed, LetterDesk};
use super::plan::{Scene, SourcePlan};
use super::pulse::Pulse;
use super::raw::{self, Kept, RawStore};
use super::settle::{Batch, Ending, Settling};
use super::timing::{Stage, Stopwatch};
use crate::{Event, Progress, VerifyError, Workspace};

/// How long a claim stands before another worker may take it over, unless its worker shows a sign of life.
pub(super) const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// Asks claimed at once where the source takes few a call.
const GROUP: usize = 256;
/// People whose asks are held back in one transaction.
const HELD_TOGETHER: usize = 2_000;

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
    pub(super) letters: LetterDesk,
    /// One source claims at a time. Writers take turns in the order they come, and answers must not queue behind the
    /// claims of ninety sources: what was asked already comes first.
    pub(super) claiming: tokio::sync::Mutex<()>,
    /// As many replies are read at once as there are cores: a read workbook takes many times the memory of the file.
    pub(super) parsing: Semaphore,
    pub(super) pulse: Arc<Pulse>,
    pub(super) watch: Arc<Stopwatch>,
}

/// One source at work.
pub(super) struct Dispatch {
    pub(super) shared: Arc<Shared>,
    pub(super) plan: SourcePlan,
    pub(super) sent: AtomicUsize,
    breaker: Mutex<Breaker>,
    /// Told when the breaker has opened or closed, or the call that tries has ended.
    turned: Notify,
    /// Whether today's budget is used up, for first tries and for further ones.
    pub(super) spent: [AtomicBool; 2],
}

/// People to claim together: all for the first time, or all again.
struct Group {
    people: Vec<PersonKey>,
    again: bool,
}

/// One piece of work.
pub(super) enum Work {
    /// Ask about these.
    Send(Vec<Allowed>),
    /// Parse a reply that is on file.
    Replay(Box<Kept>, String, Vec<ClaimedAsk>),
}

/// Groups to claim, and work that is ready.
#[derive(Default)]
struct Queue {
    groups: VecDeque<Group>,
    ready: VecDeque<Work>,
}

/// Why nothing is sent now: stands with the asks that stay planned.
pub(super) const MAINTENANCE: &str = "maintenance";
pub(super) const BREAKER_OPEN: &str = "breaker_open";
pub(super) const OVER_BUDGET: &str = "over_budget";

impl Dispatch {
    pub(super) fn new(shared: &Arc<Shared>, plan: SourcePlan, saved: Option<SavedBreaker>) -> Self {
        let breaker = Breaker::new(plan.source.manifest.limits.breaker, saved, shared.ws.now());
        Self {
            shared: Arc::clone(shared),
            plan,
            sent: AtomicUsize::new(0),
            breaker: Mutex::new(breaker),
            turned: Notify::new(),
            spent: Default::default(),
        }
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.plan.source
    }

    /// What asking needs, in the lane of this run.
    pub(super) fn context(&self) -> Context {
        self.shared.ws.context().in_lane(self.shared.mode.lane())
    }

    /// Sends all that is to be asked, several batches at once.
    pub(super) async fn send_all(self: &Arc<Self>) -> Result<(), VerifyError> {
        let source = self.source();
        let batch = source.batch.max(1);
        let size = batch.max(GROUP / batch * batch);
        let mut queue = Queue::default();
        // First tries before further ones: a source that was down yesterday does not hold up today's applications.
        for again in [false, true] {
            let people: Vec<PersonKey> =
                self.plan.to_ask.iter().filter(|p| self.plan.again.contains(*p) == again).copied().collect();
            queue.groups.extend(people.chunks(size).map(|people| Group { people: people.to_vec(), again }));
        }
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
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

    /// The next piece of work; claims another group when there is none ready, as long as the source may be asked.
    async fn next(&self, queue: &tokio::sync::Mutex<Queue>) -> Result<Option<Work>, VerifyError> {
        let mut queue = queue.lock().await;
        loop {
            if let Some(work) = queue.ready.pop_front() {
                return Ok(Some(work));
            }
            let Some(group) = queue.groups.pop_front() else { return Ok(None) };
            let spent = self.spent[usize::from(group.again)].load(Ordering::Relaxed).then_some(OVER_BUDGET);
            match self.barred().or(spent) {
                Some(why) => self.leave_planned(&group.people, why).await?,
                None => {
                    let more = self.claim(&group.people).await?;
                    queue.ready.extend(more);
                }
            }
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the source is not asked for the rest of this run, if so.
    pub(super) fn barred(&self) -> Option<&'static str> {
        let now = self.shared.ws.now();
        if closed_until(&self.source().manifest.limits.maintenance, now).is_some() {
            return Some(MAINTENANCE);
        }
        let until = self.breaker().open_until().filter(|until| *until > now)?;
        (!self.worth_waiting(until)).then_some(BREAKER_OPEN)
    }

    /// Whether a moment comes before this run gives up waiting.
    fn worth_waiting(&self, until: Timestamp) -> bool {
        let left = Duration::try_from(until.duration_since(self.shared.ws.now())).unwrap_or_default();
        self.shared.mode == AcquireMode::Everything && Instant::now() + left <= self.shared.deadline
    }

    /// Waits until a call may go out: whether it is the one that tries, or why none goes out in this run.
    pub(super) async fn turn(&self) -> Result<bool, &'static str> {
        loop {
            if let Some(why) = self.barred() {
                return Err(why);
            }
            let turned = self.turned.notified();
            tokio::pin!(turned);
            turned.as_mut().enable();
            let now = self.shared.ws.now();
            let may = self.breaker().may_call(now);
            match may {
                May::Go => return Ok(false),
                May::Probe => return Ok(true),
                May::NotBefore(until) => {
                    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                    let _ = tokio::time::timeout(left, turned).await;
                }
                May::AfterProbe if self.shared.mode == AcquireMode::LiveOnly => return Err(BREAKER_OPEN),
                May::AfterProbe => turned.await,
            }
        }
    }

    /// Notes how a call ended, and makes it last if the breaker opened or closed by it.
    pub(super) async fn heard(&self, heard: Heard, probe: bool) -> Result<(), VerifyError> {
        let ws = &self.shared.ws;
        let now = ws.now();
        let saved = {
            let mut breaker = self.breaker();
            breaker.heard(heard, probe, now).then(|| breaker.saved())
        };
        if probe || saved.is_some() {
            self.turned.notify_waiters();
        }
        if let Some(saved) = saved {
            let mut tx = ws.ledger().begin().await?;
            ws.ledger().save_breaker(&mut tx, &self.source().id, &saved).await?;
            tx.commit().await?;
            if let BreakerState::Open(_) = saved.state {
                let cause = BREAKER_OPEN.to_owned();
                self.shared.progress.event(Event::Trouble { source: self.source().id.clone(), cause });
            }
        }
        Ok(())
    }

    /// Leaves asks that nobody has claimed planned, with the reason why they are not sent.
    async fn leave_planned(&self, people: &[PersonKey], why: &str) -> Result<(), VerifyError> {
        let ledger = self.shared.ws.ledger();
        for people in people.chunks(HELD_TOGETHER) {
            let mut tx = ledger.begin().await?;
            ledger.hold_planned(&mut tx, &self.source().id, people, why).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Gives claimed asks back unsent; they were noted as sent, so the audit log says that they were not.
    async fn hold_back(&self, asks: &[ClaimedAsk], why: &str) -> Result<(), VerifyError> {
        let ws = &self.shared.ws;
        self.shared.pulse.lets_go(asks);
        let mut tx = ws.ledger().begin().await?;
        match ws.ledger().hold(&mut tx, asks, why).await {
            Ok(()) => {}
            Err(hedui_ledger::LedgerError::Fenced { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let event = AuditEvent {
            actor: self.shared.actor.clone(),
            action: "ask.held".to_owned(),
            subjects: asks.iter().map(|a| a.person).collect(),
            detail: json!({ "source": self.source().id, "code": why }),
        };
        ws.ledger().audit(&mut tx, &[event], ws.now()).await?;
        Ok(tx.commit().await?)
    }

    async fn one(&self, work: Work) -> Result<(), VerifyError> {
        match work {
            Work::Send(allowed) => self.send(allowed).await,
            Work::Replay(kept, name, asks) => {
                let letters = self.letters_of(&asks).await?;
                self.read(*kept, name, asks, &letters, None, None).await
            }
        }
    }

    /// Asks about one batch.
    async fn send(&self, allowed: Vec<Allowed>) -> Result<(), VerifyError> {
        let shared = &self.shared;
        let (ws, source) = (&shared.ws, self.source());
        let letters: HashMap<PersonKey, String> =
            allowed.iter().map(|a| (a.claimed.person, a.authorised.letter().to_owned())).collect();
        let subjects = self.subjects(&allowed).await?;
        let asks: Vec<ClaimedAsk> = allowed.into_iter().map(|a| a.claimed).collect();
        let keys: Vec<SubjectKey> = subjects.iter().map(Subject::key).collect();
        let probe = match self.turn().await {
            Ok(probe) => probe,
            Err(why) => return self.hold_back(&asks, why).await,
        };
        if source.prepares() {
            return self.hand_in(asks, &subjects, &letters, probe).await;
        }
        let asked = ws.now();
        let started = std::time::Instant::now();
        self.count_sent(asks.len());
        let exchange = {
            let _waiting = shared.watch.of(Stage::Wait);
            source.ask(&self.context(), &subjects, source.period(shared.as_of)).await
        };
        let heard = match &exchange {
            Exchange::Replied(_) | Exchange::Submitted(_) => Heard::Well,
            Exchange::Failed(failure) => Heard::of(failure),
        };
        self.heard(heard, probe).await?;
        let took = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        match exchange {
            Exchange::Replied(reply) => {
                Boundary::Replied.pass();
                let kept = {
                    let _keeping = shared.watch.of(Stage::Raw);
                    shared.raw.keep(&reply, &asks).await
                };
                let name = match kept {
                    Ok(name) => name,
                    Err(VerifyError::Ledger(hedui_ledger::LedgerError::Fenced { .. })) => return Ok(()),
                    Err(error) => return Err(error),
                };
                let kept = Kept { asks: raw::about(&reply, &asks), reply };
                self.read_for(keys, kept, name, asks, &letters, Some(asked), Some((took, None))).await
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

    /// Settles asks that got no reply.
    pub(super) async fn fail(
        &self,
        asks: Vec<ClaimedAsk>,
        letters: &HashMap<PersonKey, String>,
        failure: Failure,
        asked: Timestamp,
        took: i64,
    ) -> Result<(), VerifyError> {
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

    /// Reads a kept reply for everybody it was asked for, also where only some of them are being settled: the others are
    /// no strangers.
    pub(super) async fn read(
        &self,
        kept: Kept,
        name: String,
        asks: Vec<ClaimedAsk>,
        letters: &HashMap<PersonKey, String>,
        asked: Option<Timestamp>,
        call: Option<(i64, Option<String>)>,
    ) -> Result<(), VerifyError> {
        let keys = self.keys(&kept.asks, &asks).await?;
        self.read_for(keys, kept, name, asks, letters, asked, call).await
    }

    /// Reads a reply and settles its asks.
    #[allow(clippy::too_many_arguments, reason = "one reply with all that is known of it; used here only")]
    async fn read_for(
        &self,
        keys: Vec<SubjectKey>,
        kept: Kept,
        name: String,
        asks: Vec<ClaimedAsk>,
        letters: &HashMap<PersonKey, String>,
        asked: Option<Timestamp>,
        call: Option<(i64, Option<String>)>,
    ) -> Result<(), VerifyError> {
        let received = kept.reply.received;
        Boundary::RawKept.pass();
        let mut parsed = self.parse(kept, keys).await?;
        Boundary::Parsed.pass();
        let ours: HashSet<AskId> = asks.iter().map(|a| a.ask).collect();
        parsed.quarantine.retain(|q| q.ask.is_none_or(|ask| ours.contains(&ask)));
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

    async fn parse(&self, kept: Kept, keys: Vec<SubjectKey>) -> Result<Parsed, VerifyError> {
        let source = Arc::clone(self.source());
        let watch = Arc::clone(&self.shared.watch);
        let desk = self.shared.parsing.acquire().await.map_err(|e| VerifyError::Internal(e.to_string()))?;
        let parsed = tokio::task::spawn_blocking(move || {
            let _parsing = watch.of(Stage::Parse);
            parse(&source, &keys, &kept.reply)
        })
        .await;
        drop(desk);
        parsed.map_err(|e| VerifyError::Internal(e.to_string()))
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
            cured: Vec::new(),
            call: None,
            done: None,
        }
    }

    pub(super) async fn settle(&self, batch: Batch) -> Result<(), VerifyError> {
        if batch.endings.is_empty() {
            return Ok(());
        }
        self.shared.pulse.lets_go(batch.endings.iter().map(|e| &e.claimed));
        let stopped = |_| VerifyError::Internal("the writer of answers has stopped".to_owned());
        self.shared.settling.send(batch).await.map_err(stopped)
    }
}
