//! Gathers what a reply says about each subject, and turns it into exactly one answer each.

use std::collections::{BTreeMap, HashMap};

use hedui_base::{AnswerId, AskId, Column, Outcome, Records, Table};
use jiff::civil::Date;

use super::row::{self, Row};
use super::{Answer, Parsed, Quarantined, Reason, Stats, View};
use crate::ask::SubjectKey;
use crate::convert::{Cell, Value, fold_name, id_number};
use crate::manifest::{Must, Verdict};
use crate::registry::Source;
use crate::reply::RawReply;

/// What is known of one subject so far.
#[derive(Default)]
struct Slot {
    rows: Vec<(Row, String)>,
    verdicts: Vec<Verdict>,
    /// Verdicts, rows and bad rows that earlier windows of the period left.
    before: (usize, usize, usize),
    /// A window said both "none" and "here".
    contradicts: bool,
    /// A window did not say "none".
    not_none: bool,
    /// A window said nothing at all.
    silent: bool,
    bad: Vec<Reason>,
    /// Why the answer is incomplete although its rows are good.
    gap: Option<&'static str>,
    as_of: Option<Date>,
    score: Option<i64>,
}

/// All subjects of one reply.
pub(super) struct Answers<'a> {
    pub(super) source: &'a Source,
    pub(super) subjects: &'a [SubjectKey],
    slots: Vec<Slot>,
    refused: HashMap<AskId, String>,
    by_id: HashMap<String, Vec<usize>>,
    quarantine: Vec<Quarantined>,
    rows: usize,
    /// Something that was set aside could have been about anybody.
    unattributed: bool,
    /// Something could not be read far enough to say whose it is: it may be anybody's, also theirs of whom there is more.
    unread: bool,
    /// The reply as a whole is no answer.
    whole: Option<(Outcome, String)>,
    /// Silence about a subject is proved to mean that there is nothing.
    silence_proved: bool,
    silence_detail: &'static str,
    /// Windows of the period that were read; a reply without windows is one.
    windows: usize,
}

impl<'a> Answers<'a> {
    pub(super) fn new(source: &'a Source, subjects: &'a [SubjectKey], raw: &RawReply) -> Self {
        let refused: HashMap<AskId, String> = raw.refused.iter().map(|r| (r.ask, r.detail.clone())).collect();
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, subject) in subjects.iter().enumerate() {
            if let Some(id) = &subject.id
                && !refused.contains_key(&subject.ask)
            {
                by_id.entry(id.reveal().to_owned()).or_default().push(index);
            }
        }
        Self {
            source,
            subjects,
            slots: subjects.iter().map(|_| Slot::default()).collect(),
            refused,
            by_id,
            quarantine: Vec::new(),
            rows: 0,
            unattributed: false,
            unread: false,
            whole: None,
            silence_proved: false,
            silence_detail: "absent",
            windows: 0,
        }
    }

    /// Subjects that were sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.subjects.len()).filter(|i| !self.refused.contains_key(&self.subjects[*i].ask))
    }

    pub(super) fn anybody_was_sent(&self) -> bool {
        self.sent().next().is_some()
    }

    pub(super) fn count_row(&mut self) {
        self.rows += 1;
    }

    pub(super) fn count_rows(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// Notes for a person to look at what may be a subject's, and is not counted as theirs.
    pub(super) fn evidence(&mut self, subject: usize, reason: Reason, place: String) {
        self.quarantine.push(Quarantined { reason, place, ask: Some(self.subjects[subject].ask) });
    }

    /// Sets something aside that cannot be told to be about a certain subject.
    pub(super) fn set_aside(&mut self, reason: Reason, place: String) {
        self.unattributed = true;
        self.unread |= reason != Reason::UnrequestedSubject;
        self.quarantine.push(Quarantined { reason, place, ask: None });
    }

    /// Sets a file aside that covers everybody; what it would have held is missing, which is noted elsewhere.
    pub(super) fn set_aside_file(&mut self, reason: Reason, place: String) {
        self.quarantine.push(Quarantined { reason, place, ask: None });
    }

    /// Sets a subject's row aside.
    pub(super) fn spoil(&mut self, subject: usize, reason: Reason, place: String) {
        self.slots[subject].bad.push(reason);
        self.quarantine.push(Quarantined { reason, place, ask: Some(self.subjects[subject].ask) });
    }

    /// The reply as a whole is no answer: every subject ends so.
    pub(super) fn all_end(&mut self, outcome: Outcome, detail: impl Into<String>) {
        if self.whole.is_none() {
            self.whole = Some((outcome, detail.into()));
        }
    }

    /// The reply as a whole is set aside.
    pub(super) fn all_fail(&mut self, reason: Reason, place: impl Into<String>) {
        self.quarantine.push(Quarantined { reason, place: place.into(), ask: None });
        self.all_end(Outcome::Failed, reason.code());
    }

    pub(super) const fn is_over(&self) -> bool {
        self.whole.is_some()
    }

    /// From here on silence about a subject means that there is nothing.
    pub(super) const fn prove_silence(&mut self) {
        self.silence_proved = true;
    }

    /// What silence is called where it proves nothing.
    pub(super) const fn silence_is(&mut self, detail: &'static str) {
        self.silence_detail = detail;
    }

    pub(super) fn gap(&mut self, subject: usize, detail: &'static str) {
        self.slots[subject].gap = Some(detail);
    }

    /// Every subject's answer is incomplete.
    pub(super) fn all_lack(&mut self, detail: &'static str) {
        for slot in &mut self.slots {
            slot.gap = Some(detail);
        }
    }

    /// Ends a window of the period: "none" counts only where every window says so, and no window may say both.
    pub(super) fn end_window(&mut self) {
        self.windows += 1;
        for slot in &mut self.slots {
            let now = (slot.verdicts.len(), slot.rows.len(), slot.bad.len());
            let said = |verdict| slot.verdicts[slot.before.0..].contains(&verdict);
            let (none, here) = (said(Verdict::NoRecord), said(Verdict::Found) || slot.rows.len() > slot.before.1);
            slot.contradicts |= none && here;
            slot.not_none |= !none;
            slot.silent |= slot.before == now;
            slot.before = now;
        }
    }

    pub(super) fn verdict(&mut self, subject: usize, verdict: Verdict, as_of: Option<Date>) {
        self.slots[subject].verdicts.push(verdict);
        self.slots[subject].as_of = as_of;
    }

    /// Takes back what was said of a subject.
    pub(super) fn retract(&mut self, subject: usize, verdict: Verdict) {
        self.slots[subject].verdicts.retain(|said| *said != verdict);
    }

    pub(super) fn score(&mut self, subject: usize, score: i64) {
        // The least sure of its records says how surely all of them are its own.
        let held = &mut self.slots[subject].score;
        *held = Some(held.map_or(score, |held| held.min(score)));
    }

    /// Whose item it is by its identity number.
    pub(super) fn subjects_of(&self, cell: &Cell) -> Result<Vec<usize>, Reason> {
        let id = id_number(cell)?;
        self.by_id.get(id.reveal()).cloned().ok_or(Reason::UnrequestedSubject)
    }

    /// Whether an item repeats the number and name that were asked.
    pub(super) fn echo(&self, subject: usize, view: View<'_>) -> Result<(), Reason> {
        let outcome = &self.source.manifest.outcome;
        let must = &self.source.manifest.quality.must;
        let asked = &self.subjects[subject];
        if must.contains(&Must::IdEcho)
            && let (Some(at), Some(wanted)) = (&outcome.echo_id, &asked.id)
        {
            let text = view.text(at).ok_or(Reason::IdentityMismatch)?;
            if id_number(&Cell::text(text))? != *wanted {
                return Err(Reason::IdentityMismatch);
            }
        }
        if must.contains(&Must::NameEcho)
            && let (Some(at), Some(wanted)) = (&outcome.echo_name, &asked.name)
        {
            let text = view.text(at).ok_or(Reason::IdentityMismatch)?;
            if fold_name(&text) != fold_name(wanted) {
                return Err(Reason::IdentityMismatch);
            }
        }
        Ok(())
    }

    /// Reads a row for a subject, or sets it aside.
    pub(super) fn row(&mut self, subject: usize, view: View<'_>, envelope_as_of: Option<Date>, place: String) {
        match row::read(&self.source.manifest.map, &self.source.dataset, view) {
            Ok(mut row) => {
                row.as_of = row.as_of.or(envelope_as_of);
                self.slots[subject].rows.push((row, place));
            }
            Err(refused) => {
                let at = refused.at.map_or_else(String::new, |selector| view.shown(selector));
                self.spoil(subject, refused.reason, place + &at);
            }
        }
    }

    /// One answer a subject.
    pub(super) fn finish(mut self, raw: &RawReply) -> Parsed {
        if self.windows == 0 {
            self.end_window();
        }
        let mut answers = Vec::with_capacity(self.subjects.len());
        let slots = std::mem::take(&mut self.slots);
        for (index, slot) in slots.into_iter().enumerate() {
            answers.push(self.answer(index, slot));
        }
        let kept = answers.iter().map(|a| a.records.len()).sum();
        let stats = Stats {
            asked: self.subjects.len(),
            rows: self.rows,
            kept,
            quarantined: self.quarantine.len(),
            bytes: raw.parts.iter().map(|p| p.body.len()).sum(),
        };
        Parsed { answers, quarantine: self.quarantine, stats }
    }

    fn answer(&mut self, index: usize, slot: Slot) -> Answer {
        let subject = &self.subjects[index];
        let plain = |outcome, detail: Option<String>, as_of| Answer {
            ask: subject.ask,
            person: subject.person,
            outcome,
            as_of,
            records: Records::default(),
            detail,
        };
        if let Some(detail) = self.refused.get(&subject.ask) {
            return plain(Outcome::Unsendable, Some(detail.clone()), None);
        }
        if let Some((outcome, detail)) = &self.whole {
            return plain(*outcome, Some(detail.clone()), None);
        }
        let (rows, bad) = self.without_duplicates(index, slot.rows, slot.bad);
        let said = |verdict| slot.verdicts.contains(&verdict);
        if said(Verdict::NotAuthorised) && rows.is_empty() && bad.is_empty() {
            return plain(Outcome::NotAuthorised, Some("refused_by_source".into()), slot.as_of);
        }
        if slot.contradicts {
            // The source contradicts itself: neither is believed.
            return plain(Outcome::Failed, Some("contradiction".into()), None);
        }
        if rows.is_empty() {
            if let Some(reason) = bad.first() {
                return plain(Outcome::Failed, Some(reason.code().into()), None);
            }
            if said(Verdict::Failed) {
                return plain(Outcome::Failed, Some("refused_by_source".into()), None);
            }
            if said(Verdict::NoRecord) && !slot.not_none {
                return plain(Outcome::NoRecord, None, slot.as_of);
            }
            if said(Verdict::Found) {
                return plain(Outcome::Failed, Some("found_without_rows".into()), None);
            }
            if let Some(gap) = slot.gap {
                return plain(Outcome::Failed, Some(gap.into()), None);
            }
            if self.silence_proved && !self.unattributed {
                return plain(Outcome::NoRecord, None, slot.as_of);
            }
            let detail = if self.unattributed { "unattributed_rows" } else { self.silence_detail };
            return plain(Outcome::Failed, Some(detail.into()), None);
        }
        let as_of = rows.iter().filter_map(|r| r.as_of).min().or(slot.as_of);
        let silent = (slot.silent && !self.silence_proved).then_some("period_incomplete");
        let unread = self.unread.then_some("unattributed_rows");
        let detail = bad.first().map(|r| r.code()).or(slot.gap).or(silent).or(unread).map(str::to_owned);
        let outcome = if detail.is_none() && !said(Verdict::Failed) && !said(Verdict::NotAuthorised) {
            Outcome::Found
        } else {
            Outcome::Partial
        };
        let mut answer = plain(outcome, detail, as_of);
        answer.records = self.records(index, rows, slot.score);
        answer
    }

    /// The same record twice is one; the same key with other content is set aside, both of them.
    fn without_duplicates(
        &mut self,
        index: usize,
        rows: Vec<(Row, String)>,
        mut bad: Vec<Reason>,
    ) -> (Vec<Row>, Vec<Reason>) {
        let mut by_key: BTreeMap<std::sync::Arc<str>, Vec<(Row, String)>> = BTreeMap::new();
        for (row, place) in rows {
            by_key.entry(row.record_id.clone()).or_default().push((row, place));
        }
        let mut kept = Vec::new();
        for (_, mut same) in by_key {
            if same.iter().all(|(row, _)| *row == same[0].0) {
                kept.push(same.swap_remove(0).0);
                continue;
            }
            for (_, place) in same {
                bad.push(Reason::DuplicateConflict);
                let ask = Some(self.subjects[index].ask);
                self.quarantine.push(Quarantined { reason: Reason::DuplicateConflict, place, ask });
            }
        }
        (kept, bad)
    }

    fn records(&self, index: usize, rows: Vec<Row>, score: Option<i64>) -> Records {
        let subject = &self.subjects[index];
        let count = rows.len();
        let mut records = Records {
            person: vec![subject.person; count],
            source: vec![self.source.id.clone(); count],
            ask: vec![subject.ask; count],
            answer: vec![AnswerId(0); count],
            table: Table { rows: count, columns: BTreeMap::new() },
            ..Records::default()
        };
        for row in &rows {
            records.record_id.push(row.record_id.clone());
            records.as_of.push(row.as_of);
        }
        for (position, field) in self.source.manifest.map.fields.iter().enumerate() {
            let numbers = self.source.dataset.columns.get(&field.column).is_some_and(|c| c.ty.is_int());
            let cells = rows.iter().map(|r| r.values[position].clone());
            let column = if numbers {
                Column::Int(cells.map(|v| if let Some(Value::Int(n)) = v { Some(n) } else { None }).collect())
            } else {
                Column::Text(cells.map(|v| if let Some(Value::Text(t)) = v { Some(t) } else { None }).collect())
            };
            records.table.columns.insert(field.column.clone(), column);
        }
        let score_column = self.source.manifest.quality.link.as_ref().and_then(|l| l.score.as_ref());
        if let (Some(score), Some(column)) = (score, score_column) {
            records.table.columns.insert(column.clone(), Column::Int(vec![Some(score); count]));
        }
        records
    }
}
