//! Reading kept replies again after a manifest was mended: the institution is not asked, the answers are settled anew.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hedui_base::{AskId, Outcome, PersonKey, SourceId};
use hedui_connect::{Quarantined, Source, SubjectKey, parse};
use hedui_ledger::{Ask, AskState, AuditEvent, QuarantineRow};
use hedui_store::At;
use serde::Serialize;
use serde_json::json;

use super::dispatch::{Dispatch, LEASE};
use super::lock::AcquireLock;
use super::plan::Scene;
use super::raw::{self, Kept};
use super::run::Crew;
use super::settle::{self, Batch, Ending};
use super::timing::Stopwatch;
use super::whom::{scene_of, subject_keys};
use super::{AcquireMode, AcquireRequest};
use crate::{Silent, VerifyError, Workspace};

/// What reading kept replies again brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reprocessed {
    /// Source id.
    pub source: String,
    /// Hash of the manifest that read them now.
    pub manifest: String,
    /// Replies read again.
    pub replies: usize,
    /// Replies that are not on file any more (damaged, or destroyed because they spoke about strangers): only asking
    /// again helps.
    pub gone: usize,
    /// Asks settled anew, by the outcome they had.
    pub before: BTreeMap<String, usize>,
    /// The same asks by the outcome they have now.
    pub after: BTreeMap<String, usize>,
    /// Records stored.
    pub records: usize,
    /// What was set aside and is of use now, by reason.
    pub cured: BTreeMap<String, usize>,
    /// What is set aside still or newly, by reason.
    pub set_aside: BTreeMap<String, usize>,
}

/// Reads the kept replies of a source again where an ask ended partial or failed, or something was set aside, and
/// settles the answers anew. Nothing is asked, so no letter is needed; that it was done is audited. What this manifest
/// has read once is not read again by it, so doing it twice changes nothing.
///
/// # Errors
/// Unknown source; [`VerifyError::Busy`] while another process acquires into the folder.
pub async fn source_reprocess(ws: &Workspace, id: &SourceId, actor: &str) -> Result<Reprocessed, VerifyError> {
    let _lock = AcquireLock::take(ws.dir())?;
    let source = ws.registry().get(id.as_str()).ok_or_else(|| VerifyError::UnknownSource(id.clone()))?.clone();
    settle::destroy_doomed(ws).await?;
    let mut tx = ws.ledger().begin().await?;
    ws.ledger().release_expired(&mut tx, ws.now()).await?;
    let number = ws.ledger().manifest_number(&mut tx, &source.id, &source.manifest_hash, ws.now()).await?;
    tx.commit().await?;
    let replies = ws.ledger().replies_to_read_again(&source.id, number).await?;
    let mut told = Reprocessed {
        source: source.id.as_str().to_owned(),
        manifest: source.manifest_hash.clone(),
        ..Reprocessed::default()
    };
    if replies.is_empty() {
        return Ok(told);
    }
    let event = AuditEvent {
        actor: actor.to_owned(),
        action: "source.reprocessed".to_owned(),
        subjects: Vec::new(),
        detail: json!({ "source": source.id, "manifest": source.manifest_hash, "replies": replies.len() }),
    };
    let mut tx = ws.ledger().begin().await?;
    ws.ledger().audit(&mut tx, &[event], ws.now()).await?;
    tx.commit().await?;
    let request =
        AcquireRequest { actor: actor.to_owned(), mode: AcquireMode::LiveOnly, ..AcquireRequest::all(ws.today()) };
    let watch = Arc::new(Stopwatch::start());
    let Crew { shared, writer, beating: _beating } =
        Crew::start(ws, &request, Scene::default(), Arc::new(Silent), &watch)?;
    for name in replies {
        let Some(kept) = raw::read(ws.ledger(), ws.dir(), &name) else {
            told.gone += 1;
            continue;
        };
        let asks = ws.ledger().asks_by_id(&kept.asks).await?;
        let aside = ws.ledger().quarantine_of_reply(&source.id, &name).await?;
        let again = to_settle(&asks, &aside, &name);
        if again.is_empty() {
            continue;
        }
        let people: Vec<PersonKey> = asks.iter().map(|a| a.person).collect();
        let (scene, plan) = scene_of(ws, &source, &people).await?;
        let pairs: Vec<(AskId, PersonKey)> = asks.iter().map(|a| (a.ask, a.person)).collect();
        let account = |person| {
            let rows = plan.pairs.get(&person).map_or(&[][..], Vec::as_slice);
            scene.account(&source, person, rows)
        };
        let keys = subject_keys(ws, &pairs, account).await?;
        let dispatch = Dispatch::new(&shared, plan, None);
        told.replies += 1;
        read_again(&dispatch, Found { name, kept, keys, again, aside }, &mut told).await?;
    }
    drop(shared);
    writer.await.map_err(|e| VerifyError::Internal(e.to_string()))??;
    Ok(told)
}

/// The asks of a reply that another reading may serve: those without a whole answer, those of which something was set
/// aside, and all of them if that could not be told.
fn to_settle(asks: &[Ask], aside: &[QuarantineRow], name: &str) -> Vec<Ask> {
    let open: Vec<_> = aside.iter().filter(|q| q.cured_at.is_none()).collect();
    let anybody = open.iter().any(|q| q.item.ask.is_none());
    let theirs: HashSet<AskId> = open.iter().filter_map(|q| q.item.ask).collect();
    asks.iter()
        .filter(|ask| ask.state == AskState::Settled && ask.raw.as_deref() == Some(name))
        .filter(|ask| {
            let unsettled = matches!(ask.outcome, Some(Outcome::Partial | Outcome::Failed));
            unsettled || anybody || theirs.contains(&ask.ask)
        })
        .cloned()
        .collect()
}

/// A kept reply with all that reading it again needs.
struct Found {
    name: String,
    kept: Kept,
    /// Everybody it was asked for.
    keys: Vec<SubjectKey>,
    /// The asks that are settled anew.
    again: Vec<Ask>,
    aside: Vec<QuarantineRow>,
}

async fn read_again(dispatch: &Dispatch, found: Found, told: &mut Reprocessed) -> Result<(), VerifyError> {
    let ws = &dispatch.shared.ws;
    let source = dispatch.source();
    let Found { name, kept, keys, again, aside } = found;
    let ids: Vec<AskId> = again.iter().map(|a| a.ask).collect();
    let mut tx = ws.ledger().begin().await?;
    let claimed = ws.ledger().claim_settled(&mut tx, &name, &ids, LEASE, ws.now()).await?;
    tx.commit().await?;
    dispatch.shared.pulse.holds(&claimed);
    let letters = letters_on_file(ws, source, &again).await?;
    let received = kept.reply.received;
    let reading = Arc::clone(source);
    let parsed = tokio::task::spawn_blocking(move || parse(&reading, &keys, &kept.reply))
        .await
        .map_err(|e| VerifyError::Internal(e.to_string()))?;
    let before: HashMap<AskId, &Ask> = again.iter().map(|a| (a.ask, a)).collect();
    let mut answers: HashMap<AskId, _> = parsed.answers.into_iter().map(|a| (a.ask, a)).collect();
    let mut endings = Vec::with_capacity(claimed.len());
    for ask in claimed {
        let Some(answer) = answers.remove(&ask.ask) else { continue };
        let word = |outcome: Option<Outcome>| outcome.unwrap_or(Outcome::Failed).as_str().to_owned();
        *told.before.entry(word(before.get(&ask.ask).and_then(|a| a.outcome))).or_default() += 1;
        *told.after.entry(word(Some(answer.outcome))).or_default() += 1;
        told.records += answer.records.len();
        endings.push(Ending {
            outcome: answer.outcome,
            cause: answer.detail,
            as_of: answer.as_of,
            records: answer.records,
            letter: letters.get(&ask.person).cloned(),
            claimed: ask,
        });
    }
    let ours: HashSet<AskId> = endings.iter().map(|e| e.claimed.ask).collect();
    let (cured, new) = compared(aside, parsed.quarantine, &ours, told);
    let asked = again.iter().filter_map(|a| a.asked_at).min().unwrap_or(received);
    let batch =
        Batch { answered: Some(received), quarantine: new, raw: Some(name), cured, ..dispatch.batch(endings, asked) };
    dispatch.settle(batch).await
}

/// What was set aside before and is not any more, by number; and what is set aside for the first time.
fn compared(
    aside: Vec<QuarantineRow>,
    now: Vec<Quarantined>,
    ours: &HashSet<AskId>,
    told: &mut Reprocessed,
) -> (Vec<i64>, Vec<Quarantined>) {
    let now: Vec<Quarantined> = now.into_iter().filter(|q| q.ask.is_none_or(|ask| ours.contains(&ask))).collect();
    for item in &now {
        *told.set_aside.entry(item.reason.code().to_owned()).or_default() += 1;
    }
    let place = |reason: &str, place: &str, ask: Option<AskId>| (reason.to_owned(), place.to_owned(), ask);
    let still: BTreeSet<_> = now.iter().map(|q| place(q.reason.code(), &q.place, q.ask)).collect();
    let mut known = BTreeSet::new();
    let mut cured = Vec::new();
    for row in aside.into_iter().filter(|row| row.cured_at.is_none()) {
        let key = place(&row.item.reason, &row.item.place, row.item.ask);
        if still.contains(&key) {
            known.insert(key);
        } else if row.item.ask.is_none_or(|ask| ours.contains(&ask)) {
            *told.cured.entry(row.item.reason).or_default() += 1;
            cured.push(row.number);
        }
    }
    let new = now.into_iter().filter(|q| !known.contains(&place(q.reason.code(), &q.place, q.ask))).collect();
    (cured, new)
}

/// The letters under which the asks were made, as their coverage says.
async fn letters_on_file(
    ws: &Workspace,
    source: &Arc<Source>,
    asks: &[Ask],
) -> Result<HashMap<PersonKey, String>, VerifyError> {
    let people: Vec<PersonKey> = asks.iter().map(|a| a.person).collect();
    let mut connection = ws.ledger().connection().await?;
    let snapshot = ws.store().snapshot(&mut connection, At::Latest).await?;
    drop(connection);
    let id = source.id.clone();
    let rows = tokio::task::spawn_blocking(move || snapshot.coverage(&people))
        .await
        .map_err(|e| VerifyError::Internal(e.to_string()))??;
    Ok(rows.into_iter().filter(|row| row.source == id).filter_map(|row| Some((row.person, row.letter?))).collect())
}
