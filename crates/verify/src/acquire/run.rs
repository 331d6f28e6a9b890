//! One acquire, from plan to summary.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use hedui_base::{Outcome, PersonKey};
use hedui_connect::Mode;
use hedui_ledger::{Ask, AskFilter, AskState, Reask};
use tokio::task::JoinSet;

use super::boundary::Boundary;
use super::dispatch::{Dispatch, Shared};
use super::lock::AcquireLock;
use super::plan::{Letters, Scene, SourcePlan, authorise, newest};
use super::raw::RawStore;
use super::{AcquireMode, AcquireRequest, AcquireSummary, SourceSummary, cause_zh, settle};
use crate::compare::selected;
use crate::{Event, Progress, Selection, VerifyError, Workspace};

/// People planned in one transaction.
const PLANNED_TOGETHER: usize = 2_000;

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
    for source in request.sources.iter().flatten() {
        if ws.registry().get(source.as_str()).is_none() {
            return Err(VerifyError::UnknownSource(source.clone()));
        }
    }
    let scene = Scene { cases: selected(ws, &request.cases).await? };
    let everyone: Vec<PersonKey> = scene.people();
    let plans = plan(ws, &request, &scene, &everyone).await?;
    Boundary::Planned.pass();
    for plan in &plans {
        request.progress.event(Event::Planned {
            source: plan.source.id.clone(),
            title: plan.source.title.zh.clone(),
            total: plan.pairs.len(),
            reused: plan.reused,
        });
    }
    let mut summary = AcquireSummary { cases: scene.cases.len(), people: everyone.len(), sources: Vec::new() };
    let mut parts: Vec<(SourceSummary, Vec<PersonKey>)> = plans
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
            (part, plan.pairs.keys().copied().collect())
        })
        .collect();
    let heard = Arc::new(Hearing { inner: Arc::clone(&request.progress), quarantined: Mutex::default() });
    let sent = work(ws, &request, scene, plans, &heard).await?;
    let quarantined = heard.quarantined.lock().map(|q| q.clone()).unwrap_or_default();
    for (part, people) in &mut parts {
        part.sent = sent.get(&part.source).copied().unwrap_or(0);
        part.quarantined = quarantined.get(&part.source).cloned().unwrap_or_default();
        stand(ws, part, people).await?;
    }
    summary.sources = parts.into_iter().map(|(part, _)| part).collect();
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
    let mut plans = Vec::new();
    for source in ws.registry().iter().filter(|s| wanted(s.id.as_str())) {
        let mut plan = SourcePlan::expand(source, scene);
        let asks = asks(ws, &plan, request, everyone).await?;
        let allowed = |person, rows: &[usize]| authorise(source, scene, &letters, person, rows, ws.today()).is_ok();
        plan.decide(&asks, request.as_of, allowed);
        let again = Reask { outcomes: Outcome::ALL.to_vec(), settled_before: None };
        let period = request.as_of.to_string();
        for people in plan.to_ask.chunks(PLANNED_TOGETHER) {
            let mut tx = ws.ledger().begin().await?;
            ws.ledger().plan(&mut tx, &source.id, &period, people, &again, ws.now()).await?;
            tx.commit().await?;
        }
        plans.push(plan);
    }
    Ok(plans)
}

async fn asks(
    ws: &Workspace,
    plan: &SourcePlan,
    request: &AcquireRequest,
    everyone: &[PersonKey],
) -> Result<Vec<Ask>, VerifyError> {
    let people = if request.cases == Selection::All { None } else { Some(everyone.to_vec()) };
    let filter = AskFilter { people, source: Some(plan.source.id.clone()), ..AskFilter::default() };
    Ok(ws.ledger().asks(&filter).await?)
}

/// Lets every source work, and returns how many asks each was sent.
async fn work(
    ws: &Workspace,
    request: &AcquireRequest,
    scene: Scene,
    plans: Vec<SourcePlan>,
    heard: &Arc<Hearing>,
) -> Result<BTreeMap<String, usize>, VerifyError> {
    let progress: Arc<dyn Progress> = heard.clone();
    let (settling, writer) = settle::start(ws, &request.actor, &progress);
    let shared = Arc::new(Shared {
        ws: ws.clone(),
        scene,
        as_of: request.as_of,
        mode: request.mode,
        deadline: tokio::time::Instant::now() + request.deadline,
        actor: request.actor.clone(),
        progress,
        raw: RawStore::start(ws.ledger(), ws.dir())?,
        settling,
    });
    let mut tasks = JoinSet::new();
    for plan in plans {
        let dispatch = Arc::new(Dispatch::new(&shared, plan));
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

/// Counts how the pairs of a source stand now.
async fn stand(ws: &Workspace, part: &mut SourceSummary, people: &[PersonKey]) -> Result<(), VerifyError> {
    let filter = AskFilter { source: Some(part.source.as_str().into()), ..AskFilter::default() };
    let asks = if people.len() > 20_000 {
        ws.ledger().asks(&filter).await?
    } else {
        ws.ledger().asks(&AskFilter { people: Some(people.to_vec()), ..filter }).await?
    };
    let newest = newest(&asks);
    for person in people {
        let (word, cause) = match newest.get(person) {
            Some(ask) if ask.state == AskState::Pending => (Outcome::Pending.as_str(), None),
            Some(ask) if ask.state == AskState::Settled => {
                let outcome = ask.outcome.unwrap_or(Outcome::Failed);
                (outcome.as_str(), ask.cause.as_deref().filter(|_| outcome.is_unknown()))
            }
            _ => ("not_asked", None),
        };
        *part.outcomes.entry(word.to_owned()).or_default() += 1;
        if let Some(cause) = cause {
            *part.causes.entry(cause_zh(cause)).or_default() += 1;
        }
    }
    Ok(())
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
