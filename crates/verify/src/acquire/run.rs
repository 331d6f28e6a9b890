//! One acquire, from plan to summary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use hedui_base::{Outcome, PersonKey, SourceId};
use hedui_connect::Mode;
use hedui_ledger::{AskNow, AskState, Observation, Reask};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::boundary::Boundary;
use super::claim::LetterDesk;
use super::dispatch::{Dispatch, Shared};
use super::lock::AcquireLock;
use super::plan::{Letters, Pairs, Scene, SourcePlan, authorise, newest};
use super::pulse::{Beating, Pulse};
use super::raw::RawStore;
use super::timing::{Stage, Stopwatch};
use super::{AcquireMode, AcquireRequest, AcquireSummary, SourceSummary, Timing, cause_zh, settle};
use crate::compare::selected;
use crate::{Event, Progress, VerifyError, Workspace};

/// People planned in one transaction.
const PLANNED_TOGETHER: usize = 2_000;
/// People whose asks at all sources are read at once.
const READ_TOGETHER: usize = 200;

/// Asks the sources what is not known yet, under letters only, and stores what they answer.
///
/// May be killed at any moment and run again: nothing is lost, nothing counts twice, answered asks are not sent again.
///
/// # Errors
/// [`VerifyError::Busy`] if another process acquires into the folder; a source that fails is not an error but an outcome.
#[tracing::instrument(name = "acquire", skip_all, fields(as_of = %request.as_of))]
pub async fn acquire(ws: &Workspace, request: AcquireRequest) -> Result<AcquireSummary, VerifyError> {
    let _lock = match request.mode {
        AcquireMode::Everything => Some(AcquireLock::take(ws.dir())?),
        AcquireMode::LiveOnly => None,
    };
    let watch = Arc::new(Stopwatch::start());
    settle::destroy_doomed(ws).await?;
    for source in request.sources.iter().flatten() {
        if ws.registry().get(source.as_str()).is_none() {
            return Err(VerifyError::UnknownSource(source.clone()));
        }
    }
    let planning = watch.of(Stage::Plan);
    let scene = Scene { cases: selected(ws, &request.cases).await? };
    let everyone: Vec<PersonKey> = scene.people();
    let plans = plan(ws, &request, &scene, &everyone).await?;
    drop(planning);
    Boundary::Planned.pass();
    for plan in &plans {
        request.progress.event(Event::Planned {
            source: plan.source.id.clone(),
            title: plan.source.title.zh.clone(),
            total: plan.pairs.len(),
            reused: plan.reused,
        });
    }
    let mut summary = AcquireSummary {
        cases: scene.cases.len(),
        people: everyone.len(),
        sources: Vec::new(),
        timing: Timing::default(),
    };
    let mut parts: Vec<(SourceSummary, Arc<Pairs>)> = plans
        .iter()
        .map(|plan| {
            let part = SourceSummary {
                source: plan.source.id.as_str().to_owned(),
                title: plan.source.title.zh.clone(),
                asked: plan.pairs.len(),
                reused: plan.reused,
                not_applicable: plan.not_applicable,
                ..SourceSummary::default()
            };
            (part, Arc::clone(&plan.pairs))
        })
        .collect();
    let heard = Arc::new(Hearing { inner: Arc::clone(&request.progress), quarantined: Mutex::default() });
    let sent = work(ws, &request, scene, plans, &heard, &watch).await?;
    observe(ws).await?;
    let quarantined = heard.quarantined.lock().map(|q| q.clone()).unwrap_or_default();
    let standing = watch.of(Stage::Stand);
    for (part, _) in &mut parts {
        part.sent = sent.get(&part.source).copied().unwrap_or(0);
        part.quarantined = quarantined.get(&part.source).cloned().unwrap_or_default();
    }
    stand(ws, &mut parts, &everyone).await?;
    drop(standing);
    summary.sources = parts.into_iter().map(|(part, _)| part).collect();
    summary.timing = watch.read();
    Ok(summary)
}

impl Scene {
    fn people(&self) -> Vec<PersonKey> {
        let mut people: Vec<PersonKey> = self.cases.iter().flat_map(|c| &c.people).map(|p| p.person).collect();
        people.sort_unstable();
        people.dedup();
        people
    }
}

/// Frees what crashed workers held, decides about every pair, and writes down what is to be asked.
async fn plan(
    ws: &Workspace,
    request: &AcquireRequest,
    scene: &Scene,
    everyone: &[PersonKey],
) -> Result<Vec<SourcePlan>, VerifyError> {
    let mut tx = ws.ledger().begin().await?;
    ws.ledger().release_expired(&mut tx, ws.now()).await?;
    tx.commit().await?;
    let ids: Vec<_> = scene.cases.iter().map(|c| c.id.clone()).collect();
    let letters: Letters = ws.ledger().letters_for(&ids).await?;
    let wanted = |id: &str| request.sources.as_ref().is_none_or(|s| s.iter().any(|s| s.as_str() == id));
    let mut plans = SourcePlan::expand_all(ws.registry().iter().filter(|s| wanted(s.id.as_str())), scene);
    // One pass over the people, for all sources together: what is on file is read once.
    for people in everyone.chunks(READ_TOGETHER) {
        let (Some(first), Some(last)) = (people.first(), people.last()) else { continue };
        let known = newest(ws.ledger().asks_now(people).await?);
        for plan in &mut plans {
            let source = Arc::clone(&plan.source);
            let of_source = known.get(&source.id);
            let allowed =
                |person, rows: &[usize]| authorise(&source, scene, &letters, person, rows, ws.today()).is_ok();
            for person in plan.among(*first, *last) {
                plan.decide(person, of_source.and_then(|asks| asks.get(&person)), request.as_of, allowed);
            }
        }
    }
    let again = Reask { outcomes: Outcome::ALL.to_vec(), settled_before: None };
    let period = request.as_of.to_string();
    for plan in &mut plans {
        plan.order(scene);
        for people in plan.to_ask.chunks(PLANNED_TOGETHER) {
            let mut tx = ws.ledger().begin().await?;
            ws.ledger().plan(&mut tx, &plan.source.id, &period, people, &again, ws.now()).await?;
            tx.commit().await?;
        }
    }
    Ok(plans)
}

/// What all sources of a run work with: the writers of replies and answers, and the pulse of what is claimed.
pub(super) struct Crew {
    pub(super) shared: Arc<Shared>,
    /// Ends when the last handle to `shared` is dropped.
    pub(super) writer: JoinHandle<Result<(), VerifyError>>,
    pub(super) beating: Beating,
}

impl Crew {
    pub(super) fn start(
        ws: &Workspace,
        request: &AcquireRequest,
        scene: Scene,
        progress: Arc<dyn Progress>,
        watch: &Arc<Stopwatch>,
    ) -> Result<Self, VerifyError> {
        let raw = RawStore::start(ws.ledger(), ws.dir())?;
        let (settling, writer) = settle::start(ws, &request.actor, &progress, watch);
        let pulse = Arc::new(Pulse::default());
        let shared = Arc::new(Shared {
            ws: ws.clone(),
            scene,
            as_of: request.as_of,
            mode: request.mode,
            deadline: tokio::time::Instant::now() + request.deadline,
            actor: request.actor.clone(),
            progress,
            raw,
            settling,
            letters: LetterDesk::default(),
            claiming: tokio::sync::Mutex::default(),
            parsing: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)),
            pulse: Arc::clone(&pulse),
            watch: Arc::clone(watch),
        });
        Ok(Self { shared, writer, beating: Pulse::beating(pulse, ws.clone()) })
    }
}

/// Lets every source work, and returns how many asks each was sent.
async fn work(
    ws: &Workspace,
    request: &AcquireRequest,
    scene: Scene,
    plans: Vec<SourcePlan>,
    heard: &Arc<Hearing>,
    watch: &Arc<Stopwatch>,
) -> Result<BTreeMap<String, usize>, VerifyError> {
    let progress: Arc<dyn Progress> = heard.clone();
    let Crew { shared, writer, beating: _beating } = Crew::start(ws, request, scene, progress, watch)?;
    let mut breakers = ws.ledger().breakers().await?;
    let mut tasks = JoinSet::new();
    for plan in plans {
        let saved = breakers.remove(&plan.source.id);
        let dispatch = Arc::new(Dispatch::new(&shared, plan, saved));
        tasks.spawn(async move {
            let source = Arc::clone(dispatch.source());
            let exchange = source.mode == Mode::Exchange;
            if exchange && !dispatch.plan.outdated.is_empty() {
                dispatch.poll_all(true).await?;
            }
            dispatch.send_all().await?;
            if exchange {
                dispatch.poll_all(false).await?;
            }
            dispatch.shared.progress.event(Event::Done { source: source.id.clone() });
            let sent = dispatch.sent.load(Ordering::Relaxed);
            Ok::<_, VerifyError>((source.id.as_str().to_owned(), sent))
        });
    }
    drop(shared);
    let mut sent = BTreeMap::new();
    let mut fault = None;
    while let Some(done) = tasks.join_next().await {
        match done.map_err(|e| VerifyError::Internal(e.to_string())).and_then(|r| r) {
            Ok((source, count)) => {
                sent.insert(source, count);
            }
            // The others finish what they have begun; then the first fault is told.
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    // All senders are gone now, so the writer settles what is left and ends.
    let written = writer.await.map_err(|e| VerifyError::Internal(e.to_string()))?;
    match (written, fault) {
        (Err(error), _) => Err(error),
        (Ok(()), Some(error)) => Err(error),
        (Ok(()), None) => Ok(sent),
    }
}

/// Keeps what the institutions' servers showed of themselves, for the health board.
async fn observe(ws: &Workspace) -> Result<(), VerifyError> {
    let context = ws.context();
    let institutions: BTreeSet<&str> = ws.registry().iter().map(|s| s.institution.as_str()).collect();
    let seen: Vec<(&str, Observation)> = institutions
        .into_iter()
        .map(|institution| {
            let seen = context.observed(institution);
            (institution, Observation { skew_ms: seen.clock_skew_ms, certificate_until: seen.certificate_until })
        })
        .filter(|(_, seen)| *seen != Observation::default())
        .collect();
    if seen.is_empty() {
        return Ok(());
    }
    let mut tx = ws.ledger().begin().await?;
    for (institution, seen) in seen {
        ws.ledger().observe(&mut tx, institution, seen, ws.now()).await?;
    }
    Ok(tx.commit().await?)
}

/// Counts how the pairs of all sources stand now, in one pass over the people.
async fn stand(
    ws: &Workspace,
    parts: &mut [(SourceSummary, Arc<Pairs>)],
    everyone: &[PersonKey],
) -> Result<(), VerifyError> {
    for people in everyone.chunks(READ_TOGETHER) {
        let (Some(first), Some(last)) = (people.first(), people.last()) else { continue };
        let known = newest(ws.ledger().asks_now(people).await?);
        for (part, pairs) in &mut *parts {
            let of_source = known.get(&SourceId::from(part.source.as_str()));
            for person in pairs.range(*first..=*last).map(|(person, _)| person) {
                part.count(of_source.and_then(|asks| asks.get(person)));
            }
        }
    }
    for (part, _) in parts {
        // Codes become words once, not for every ask.
        for counts in [&mut part.causes, &mut part.held] {
            let words = std::mem::take(counts);
            for (code, count) in words {
                *counts.entry(cause_zh(&code)).or_default() += count;
            }
        }
    }
    Ok(())
}

impl SourceSummary {
    /// Counts one pair by the newest ask about it.
    fn count(&mut self, ask: Option<&AskNow>) {
        fn add(counts: &mut BTreeMap<String, usize>, word: &str) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(word.to_owned(), 1);
                }
            }
        }
        match ask {
            Some(ask) if ask.state == AskState::Pending => add(&mut self.outcomes, Outcome::Pending.as_str()),
            Some(ask) if ask.state == AskState::Settled => {
                let outcome = ask.outcome.unwrap_or(Outcome::Failed);
                add(&mut self.outcomes, outcome.as_str());
                if let Some(cause) = ask.cause.as_deref().filter(|_| outcome.is_unknown()) {
                    add(&mut self.causes, cause);
                }
            }
            ask => {
                add(&mut self.outcomes, "not_asked");
                if let Some(why) = ask.and_then(|a| a.held.as_deref()) {
                    add(&mut self.held, why);
                }
            }
        }
    }
}

/// Passes events on and counts what was set aside.
struct Hearing {
    inner: Arc<dyn Progress>,
    quarantined: Mutex<BTreeMap<String, BTreeMap<String, usize>>>,
}

impl Progress for Hearing {
    fn event(&self, event: Event) {
        if let Event::Quarantined { source, reason, count } = &event
            && let Ok(mut counts) = self.quarantined.lock()
        {
            *counts.entry(source.as_str().to_owned()).or_default().entry(reason.clone()).or_default() += count;
        }
        self.inner.event(event);
    }
}
