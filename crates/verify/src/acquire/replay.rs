//! What another manifest would make of the replies on file: nothing is asked, nothing is written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hedui_base::{AskId, Column, PersonKey, Records, SourceId};
use hedui_connect::{Answer, Parsed, Source, parse};
use hedui_ledger::AskState;
use jiff::civil::{Date, Time};
use serde::Serialize;

use super::raw;
use super::whom::{scene_of, subject_keys};
use crate::{VerifyError, Workspace};

/// How the evidence of a source would change under another manifest. Counts and numbers of asks only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Source id.
    pub source: String,
    /// Hash of the manifest in use.
    pub manifest_before: String,
    /// Hash of the other.
    pub manifest_after: String,
    /// Replies read.
    pub replies: usize,
    /// Replies that are not on file any more.
    pub gone: usize,
    /// Asks that these replies are the answer to.
    pub asks: usize,
    /// Their outcomes as read by the manifest in use.
    pub before: BTreeMap<String, usize>,
    /// Their outcomes as read by the other.
    pub after: BTreeMap<String, usize>,
    /// Asks whose outcome differs, as `failed -> found`.
    pub moved: BTreeMap<String, usize>,
    /// Records that only the other manifest reads.
    pub rows_added: usize,
    /// Records that only the manifest in use reads.
    pub rows_removed: usize,
    /// Records that both read, with different values.
    pub rows_changed: usize,
    /// In how many of them each column differs; `as_of` is the day a record is true for.
    pub columns: BTreeMap<String, usize>,
    /// Set aside by the manifest in use, by reason.
    pub set_aside_before: BTreeMap<String, usize>,
    /// Set aside by the other, by reason.
    pub set_aside_after: BTreeMap<String, usize>,
    /// Every ask of which anything differs, by number.
    pub changed: Vec<AskChange>,
}

/// How one ask would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AskChange {
    /// Number of the ask.
    pub ask: i64,
    /// Outcome by the manifest in use.
    pub before: String,
    /// Outcome by the other.
    pub after: String,
    /// Records added.
    pub added: usize,
    /// Records removed.
    pub removed: usize,
    /// Records with other values.
    pub changed: usize,
}

impl Replayed {
    /// Whether any evidence differs. What is set aside differently without changing an answer is no evidence.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.changed.is_empty()
    }

    fn count(&mut self, ask: AskId, before: &Answer, after: &Answer) {
        self.asks += 1;
        let (was, is) = (before.outcome.as_str(), after.outcome.as_str());
        *self.before.entry(was.to_owned()).or_default() += 1;
        *self.after.entry(is.to_owned()).or_default() += 1;
        if was != is {
            *self.moved.entry(format!("{was} -> {is}")).or_default() += 1;
        }
        let mut change = AskChange { ask: ask.0, before: was.into(), after: is.into(), ..AskChange::default() };
        let olds = by_id(&before.records);
        let news = by_id(&after.records);
        change.added = news.keys().filter(|id| !olds.contains_key(*id)).count();
        for (id, old) in &olds {
            let Some(new) = news.get(id) else {
                change.removed += 1;
                continue;
            };
            let columns = different(&before.records, *old, &after.records, *new);
            change.changed += usize::from(!columns.is_empty());
            for column in columns {
                *self.columns.entry(column).or_default() += 1;
            }
        }
        self.rows_added += change.added;
        self.rows_removed += change.removed;
        self.rows_changed += change.changed;
        let same_day = before.as_of == after.as_of;
        if was != is || !same_day || change.added + change.removed + change.changed > 0 {
            self.changed.push(change);
        }
    }
}

fn by_id(records: &Records) -> HashMap<&str, usize> {
    records.record_id.iter().enumerate().map(|(row, id)| (&**id, row)).collect()
}

/// The columns in which two records differ; a column that one of them lacks reads as null.
fn different(a: &Records, row_a: usize, b: &Records, row_b: usize) -> Vec<String> {
    let mut found = Vec::new();
    let names: std::collections::BTreeSet<&String> = a.table.columns.keys().chain(b.table.columns.keys()).collect();
    for name in names {
        if cell(a, name, row_a) != cell(b, name, row_b) {
            found.push(name.clone());
        }
    }
    if a.as_of.get(row_a) != b.as_of.get(row_b) {
        found.push("as_of".to_owned());
    }
    found
}

#[derive(PartialEq, Eq)]
enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
}

fn cell<'a>(records: &'a Records, column: &str, row: usize) -> Cell<'a> {
    match records.table.columns.get(column) {
        Some(Column::Int(values)) => values.get(row).copied().flatten().map_or(Cell::Null, Cell::Int),
        Some(Column::Text(values)) => values.get(row).and_then(|v| v.as_deref()).map_or(Cell::Null, Cell::Text),
        None => Cell::Null,
    }
}

/// Reads all replies on file that are the present answers of a source, once by the manifest in use and once by another,
/// and tells what would change. `since`: only what was settled on that day (in China) or later.
///
/// # Errors
/// Unknown source, or the other manifest is one of another source.
pub async fn source_replay(
    ws: &Workspace,
    id: &SourceId,
    other: &Arc<Source>,
    since: Option<Date>,
) -> Result<Replayed, VerifyError> {
    let source = ws.registry().get(id.as_str()).ok_or_else(|| VerifyError::UnknownSource(id.clone()))?.clone();
    if other.id != source.id {
        return Err(VerifyError::UnknownSource(other.id.clone()));
    }
    let mut told = Replayed {
        source: source.id.as_str().to_owned(),
        manifest_before: source.manifest_hash.clone(),
        manifest_after: other.manifest_hash.clone(),
        ..Replayed::default()
    };
    let from = since.map(|day| {
        let midnight = day.to_datetime(Time::midnight());
        jiff::tz::offset(8).to_timestamp(midnight).unwrap_or(jiff::Timestamp::MIN)
    });
    for name in ws.ledger().replies_of(&source.id, from).await? {
        let Some(kept) = raw::read(ws.ledger(), ws.dir(), &name) else {
            told.gone += 1;
            continue;
        };
        told.replies += 1;
        let asks = ws.ledger().asks_by_id(&kept.asks).await?;
        let present: HashSet<AskId> = asks
            .iter()
            .filter(|a| a.state == AskState::Settled && a.raw.as_deref() == Some(&*name))
            .filter(|a| from.is_none_or(|from| a.settled_at.is_some_and(|at| at >= from)))
            .map(|a| a.ask)
            .collect();
        let pairs: Vec<(AskId, PersonKey)> = asks.iter().map(|a| (a.ask, a.person)).collect();
        let people: Vec<PersonKey> = pairs.iter().map(|(_, person)| *person).collect();
        let (scene, plan) = scene_of(ws, &source, &people).await?;
        let account = |person| {
            let rows = plan.pairs.get(&person).map_or(&[][..], Vec::as_slice);
            scene.account(&source, person, rows)
        };
        let keys = subject_keys(ws, &pairs, account).await?;
        let (old, new) = (Arc::clone(&source), Arc::clone(other));
        let (before, after) =
            tokio::task::spawn_blocking(move || (parse(&old, &keys, &kept.reply), parse(&new, &keys, &kept.reply)))
                .await
                .map_err(|e| VerifyError::Internal(e.to_string()))?;
        set_aside(&mut told.set_aside_before, &before, &present);
        set_aside(&mut told.set_aside_after, &after, &present);
        let after: HashMap<AskId, Answer> = after.answers.into_iter().map(|a| (a.ask, a)).collect();
        for answer in before.answers.iter().filter(|a| present.contains(&a.ask)) {
            if let Some(new) = after.get(&answer.ask) {
                told.count(answer.ask, answer, new);
            }
        }
    }
    told.changed.sort_by_key(|c| c.ask);
    Ok(told)
}

fn set_aside(counts: &mut BTreeMap<String, usize>, parsed: &Parsed, present: &HashSet<AskId>) {
    for item in parsed.quarantine.iter().filter(|q| q.ask.is_none_or(|ask| present.contains(&ask))) {
        *counts.entry(item.reason.code().to_owned()).or_default() += 1;
    }
}
