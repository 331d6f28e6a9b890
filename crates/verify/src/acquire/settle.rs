//! One writer makes answers durable, many at a time: outcome, rows, coverage, quarantine and audit leaves in one
//! transaction, so that there is never one without the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hedui_base::{AnswerId, AskId, Column, ColumnType, Dataset, Outcome, Records};
use hedui_connect::{Quarantined, Reason, Source};
use hedui_ledger::{Attempt, AuditEvent, ClaimedAsk, LedgerError, Quarantine, Settle, Tx};
use hedui_store::CoverageRow;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::boundary::Boundary;
use super::raw;
use super::timing::{Stage, Stopwatch};
use crate::{Event, Progress, VerifyError, Workspace};

/// Answers and time that share a transaction, at most.
const TOGETHER: usize = 2_000;
const WAIT: Duration = Duration::from_millis(300);
/// Places of strangers' rows that an audit leaf lists.
const PLACES_TOLD: usize = 20;

/// How one ask ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) claimed: ClaimedAsk,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Option<String>,
    pub(crate) as_of: Option<Date>,
    pub(crate) records: Records,
    pub(crate) letter: Option<String>,
}

impl Ending {
    /// An ask that ended without an answer.
    pub(crate) fn without_answer(claimed: ClaimedAsk, outcome: Outcome, cause: &str, letter: Option<String>) -> Self {
        let cause = Some(cause.to_owned());
        Self { claimed, outcome, cause, as_of: None, records: Records::default(), letter }
    }
}

/// What settles together: the asks of one call, reply or refusal.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) source: Arc<Source>,
    pub(crate) endings: Vec<Ending>,
    /// When it was asked, and when the answer was complete.
    pub(crate) asked: Timestamp,
    pub(crate) answered: Option<Timestamp>,
    pub(crate) due: Option<Date>,
    pub(crate) quarantine: Vec<Quarantined>,
    pub(crate) raw: Option<String>,
    /// What an earlier reading of the same reply had set aside and this one can use, by number.
    pub(crate) cured: Vec<i64>,
    /// The call, if there was one: milliseconds, and why it failed.
    pub(crate) call: Option<(i64, Option<String>)>,
    /// Told when it is durable.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

impl Batch {
    /// Where the reply speaks about people whom nobody asked about; it must not be kept then.
    fn strangers(&self) -> Vec<&str> {
        let unrequested = self.quarantine.iter().filter(|q| q.reason == Reason::UnrequestedSubject);
        unrequested.map(|q| q.place.as_str()).collect()
    }

    /// The reply that must be destroyed.
    fn doomed(&self) -> Option<&str> {
        self.raw.as_deref().filter(|_| !self.strangers().is_empty())
    }
}

/// Hands batches to the writer.
pub(crate) type Settling = mpsc::Sender<Batch>;

/// Starts the writer; it ends when the last sender is dropped, and tells if it could not go on.
pub(crate) fn start(
    ws: &Workspace,
    actor: &str,
    progress: &Arc<dyn Progress>,
    watch: &Arc<Stopwatch>,
) -> (Settling, tokio::task::JoinHandle<Result<(), VerifyError>>) {
    let (queue, inbox) = mpsc::channel(512);
    let (progress, watch) = (Arc::clone(progress), Arc::clone(watch));
    let writer = Writer { ws: ws.clone(), actor: actor.to_owned(), progress, watch, manifests: HashMap::new() };
    (queue, tokio::spawn(writer.run(inbox)))
}

struct Writer {
    ws: Workspace,
    actor: String,
    progress: Arc<dyn Progress>,
    watch: Arc<Stopwatch>,
    /// Numbers of the manifests met so far, by hash.
    manifests: HashMap<String, i64>,
}

impl Writer {
    async fn run(mut self, mut inbox: mpsc::Receiver<Batch>) -> Result<(), VerifyError> {
        while let Some(first) = inbox.recv().await {
            let until = Instant::now() + WAIT;
            let mut count = first.endings.len();
            let mut batches = vec![first];
            while count < TOGETHER {
                match tokio::time::timeout_at(until, inbox.recv()).await {
                    Ok(Some(batch)) => {
                        count += batch.endings.len();
                        batches.push(batch);
                    }
                    Ok(None) | Err(_) => break,
                }
            }
            match self.settle(&batches).await {
                Ok(()) => {}
                // Somebody else took some of these over: settle what is still ours, and leave the rest to them.
                Err(VerifyError::Ledger(LedgerError::Fenced { .. })) => {
                    for batch in &batches {
                        match self.settle(std::slice::from_ref(batch)).await {
                            Ok(()) | Err(VerifyError::Ledger(LedgerError::Fenced { .. })) => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
                Err(error) => return Err(error),
            }
            for batch in batches {
                if let Some(done) = batch.done {
                    let _ = done.send(());
                }
            }
        }
        Ok(())
    }

    #[tracing::instrument(name = "settle", skip_all, fields(batches = batches.len()))]
    async fn settle(&mut self, batches: &[Batch]) -> Result<(), VerifyError> {
        let ws = self.ws.clone();
        let watch = Arc::clone(&self.watch);
        let now = ws.now();
        let ledger = watch.of(Stage::Ledger);
        let mut tx = ws.ledger().begin().await?;
        let mut numbers = Vec::with_capacity(batches.len());
        for batch in batches {
            numbers.push(if batch.raw.is_some() { Some(self.number(&mut tx, batch).await?) } else { None });
        }
        let endings = || batches.iter().flat_map(|batch| batch.endings.iter().map(move |ending| (batch, ending)));
        let settled: Vec<Settle> = batches
            .iter()
            .zip(&numbers)
            .flat_map(|(batch, manifest)| batch.endings.iter().map(move |e| (e, *manifest)))
            .map(|(e, manifest)| Settle {
                ask: e.claimed.ask,
                fence: e.claimed.fence,
                outcome: e.outcome,
                cause: e.cause.clone(),
                manifest,
            })
            .collect();
        let answers = ws.ledger().settle(&mut tx, &settled, now).await?;
        Boundary::Settling.pass();
        drop(ledger);
        let store = watch.of(Stage::Store);
        let mut coverage = Vec::with_capacity(settled.len());
        let mut rows: BTreeMap<&str, Gathered> = BTreeMap::new();
        for ((batch, ending), answer) in endings().zip(answers) {
            coverage.push(coverage_row(batch, ending, answer));
            if !ending.records.is_empty() {
                let dataset = &batch.source.dataset;
                let gathered = rows.entry(dataset.name.as_str()).or_insert_with(|| Gathered::new(dataset));
                gathered.add(&ending.records, ending.claimed.ask, answer);
            }
        }
        let rows: Vec<(String, Records)> = rows.into_iter().map(|(name, g)| (name.to_owned(), g.records)).collect();
        watch.settled(settled.len(), rows.iter().map(|(_, r)| r.len()).sum());
        let files = ws.store().clone();
        let staged = tokio::task::spawn_blocking(move || {
            rows.iter().map(|(dataset, rows)| files.stage(dataset, rows)).collect::<Result<Vec<_>, _>>()
        })
        .await
        .map_err(|e| VerifyError::Internal(e.to_string()))??;
        Boundary::Staged.pass();
        ws.store().publish(tx.connection(), staged, &coverage).await?;
        drop(store);
        let ledger = watch.of(Stage::Ledger);
        ws.ledger().quarantine(&mut tx, &quarantine(batches, now)).await?;
        ws.ledger().record_attempts(&mut tx, &attempts(batches)).await?;
        ws.ledger().audit(&mut tx, &self.leaves(batches), now).await?;
        for batch in batches {
            if !batch.cured.is_empty() {
                ws.ledger().cure(&mut tx, &batch.cured, now).await?;
            }
            if let Some(raw) = batch.doomed() {
                let asks: Vec<AskId> = batch.endings.iter().map(|e| e.claimed.ask).collect();
                ws.ledger().doom(&mut tx, raw, &asks, now).await?;
            }
        }
        Boundary::Published.pass();
        tx.commit().await?;
        Boundary::Settled.pass();
        drop(ledger);
        if batches.iter().any(|batch| batch.doomed().is_some()) {
            destroy_doomed(&ws).await?;
        }
        self.tell(batches);
        Ok(())
    }

    /// The number of the manifest that a reply was read by.
    async fn number(&mut self, tx: &mut Tx, batch: &Batch) -> Result<i64, VerifyError> {
        let hash = &batch.source.manifest_hash;
        if let Some(number) = self.manifests.get(hash) {
            return Ok(*number);
        }
        let number = self.ws.ledger().manifest_number(tx, &batch.source.id, hash, self.ws.now()).await?;
        self.manifests.insert(hash.clone(), number);
        Ok(number)
    }

    fn leaves(&self, batches: &[Batch]) -> Vec<AuditEvent> {
        batches
            .iter()
            .filter(|batch| !batch.endings.is_empty())
            .flat_map(|batch| {
                let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
                for ending in &batch.endings {
                    *outcomes.entry(ending.outcome.as_str()).or_default() += 1;
                }
                let settled = AuditEvent {
                    actor: self.actor.clone(),
                    action: "ask.settled".to_owned(),
                    subjects: batch.endings.iter().map(|e| e.claimed.person).collect(),
                    detail: json!({
                        "source": batch.source.id, "manifest": batch.source.manifest_hash, "raw": batch.raw,
                        "outcomes": outcomes, "quarantined": batch.quarantine.len(),
                    }),
                };
                let strangers = batch.strangers();
                let destroyed = (!strangers.is_empty()).then(|| AuditEvent {
                    actor: self.actor.clone(),
                    action: "unrequested.destroyed".to_owned(),
                    subjects: Vec::new(),
                    detail: json!({
                        "source": batch.source.id, "count": strangers.len(),
                        "places": strangers.iter().take(PLACES_TOLD).collect::<Vec<_>>(),
                    }),
                });
                std::iter::once(settled).chain(destroyed)
            })
            .collect()
    }

    fn tell(&self, batches: &[Batch]) {
        let mut outcomes: BTreeMap<(&str, Outcome), usize> = BTreeMap::new();
        let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for batch in batches {
            for ending in &batch.endings {
                *outcomes.entry((batch.source.id.as_str(), ending.outcome)).or_default() += 1;
            }
            for item in &batch.quarantine {
                *reasons.entry((batch.source.id.as_str(), item.reason.code())).or_default() += 1;
            }
        }
        for ((source, outcome), count) in outcomes {
            self.progress.event(Event::Settled { source: source.into(), outcome, count });
        }
        for ((source, reason), count) in reasons {
            self.progress.event(Event::Quarantined { source: source.into(), reason: reason.to_owned(), count });
        }
    }
}

/// Overwrites every reply that must not be kept: those of now, and those that a crash left.
pub(crate) async fn destroy_doomed(ws: &Workspace) -> Result<(), VerifyError> {
    let doomed = ws.ledger().doomed().await?;
    if doomed.is_empty() {
        return Ok(());
    }
    let dir = ws.dir().to_path_buf();
    let gone =
        tokio::task::spawn_blocking(move || doomed.iter().try_for_each(|raw| raw::destroy(&dir, raw)).map(|()| doomed))
            .await
            .map_err(|e| VerifyError::Internal(e.to_string()))??;
    let mut tx = ws.ledger().begin().await?;
    ws.ledger().destroyed(&mut tx, &gone).await?;
    Ok(tx.commit().await?)
}

fn coverage_row(batch: &Batch, ending: &Ending, answer: AnswerId) -> CoverageRow {
    let answered = matches!(ending.outcome, Outcome::Found | Outcome::NoRecord | Outcome::Partial);
    CoverageRow {
        person: ending.claimed.person,
        source: batch.source.id.clone(),
        outcome: ending.outcome,
        ask: ending.claimed.ask,
        answer,
        asked: batch.asked,
        answered: if answered { batch.answered } else { None },
        as_of: ending.as_of,
        due: if matches!(ending.outcome, Outcome::Pending | Outcome::Overdue) { batch.due } else { None },
        letter: ending.letter.clone(),
        manifest: batch.source.manifest_hash.clone(),
        detail: ending.cause.clone(),
    }
}

fn quarantine(batches: &[Batch], now: Timestamp) -> Vec<Quarantine> {
    batches
        .iter()
        .flat_map(|batch| {
            batch.quarantine.iter().map(move |item| Quarantine {
                source: batch.source.id.clone(),
                ask: item.ask,
                reason: item.reason.code().to_owned(),
                place: item.place.clone(),
                raw: batch.raw.clone().unwrap_or_default(),
                manifest: batch.source.manifest_hash.clone(),
                at: now,
            })
        })
        .collect()
}

fn attempts(batches: &[Batch]) -> Vec<Attempt> {
    batches
        .iter()
        .filter_map(|batch| {
            let (took_ms, failure) = batch.call.clone()?;
            Some(Attempt {
                source: batch.source.id.clone(),
                at: batch.asked,
                took_ms,
                asks: i64::try_from(batch.endings.len()).unwrap_or(i64::MAX),
                failure,
            })
        })
        .collect()
}

/// Rows of one dataset from many answers, under the answers' numbers.
struct Gathered {
    records: Records,
}

impl Gathered {
    fn new(dataset: &Dataset) -> Self {
        let mut records = Records::default();
        for (name, spec) in &dataset.columns {
            let text = matches!(spec.ty, ColumnType::Text | ColumnType::Code);
            let empty = if text { Column::Text(Vec::new()) } else { Column::Int(Vec::new()) };
            records.table.columns.insert(name.clone(), empty);
        }
        Self { records }
    }

    fn add(&mut self, more: &Records, ask: AskId, answer: AnswerId) {
        let all = &mut self.records;
        let rows = more.len();
        all.person.extend_from_slice(&more.person);
        all.source.extend_from_slice(&more.source);
        all.record_id.extend_from_slice(&more.record_id);
        all.as_of.extend_from_slice(&more.as_of);
        all.ask.extend(std::iter::repeat_n(ask, rows));
        all.answer.extend(std::iter::repeat_n(answer, rows));
        for (name, column) in &mut all.table.columns {
            match (column, more.table.columns.get(name)) {
                (Column::Int(all), Some(Column::Int(more))) => all.extend_from_slice(more),
                (Column::Text(all), Some(Column::Text(more))) => all.extend(more.iter().cloned()),
                // A column nobody sent reads as null.
                (Column::Int(all), _) => all.extend(std::iter::repeat_n(None, rows)),
                (Column::Text(all), _) => all.extend(std::iter::repeat_n(None, rows)),
            }
        }
        all.table.rows += rows;
    }
}
