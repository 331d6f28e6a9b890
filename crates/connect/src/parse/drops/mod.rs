//! Dropped files: every table closed by its own totals, rows by identity number, by account, else by address.

mod load;
mod shelf;

use std::sync::Arc;

use hedui_base::{ColumnType, Month};

use super::answers::Answers;
use super::link::{Address, Book, CERTAIN, Match, fold_account};
use super::{Reason, View, row};
use crate::convert::fold_name;
use crate::manifest::{DropPlan, Link, NoneProof, Slot};
use crate::reply::{Part, RawReply};
use load::{At, Loaded};
pub(super) use load::{cells, sum_agrees};
pub(crate) use shelf::Shelf;

/// Homes that are named where it cannot be told which is meant.
const SHOWN: usize = 3;

/// One file of a period.
struct File {
    slot: Slot,
    /// The name of its part: the period, and which of its files.
    name: String,
    loaded: Arc<Loaded>,
}

pub(super) fn read(answers: &mut Answers<'_>, plan: &DropPlan, raw: &RawReply) {
    let source = answers.source;
    let slots = raw.period.map(|period| plan.every.slots(period)).unwrap_or_default();
    let mut files = Vec::new();
    let mut hashes = Vec::new();
    let mut missing = slots.is_empty();
    for slot in slots {
        let label = slot.label();
        let parts: Vec<&Part> = raw.parts.iter().filter(|part| is_of(&part.name, &label)).collect();
        missing |= parts.is_empty();
        for part in parts {
            let hash = shelf::hash(&part.body);
            if hashes.contains(&hash) && files.iter().any(|f: &File| f.slot == slot) {
                // The same file under a second name is delivered twice, not two files.
                continue;
            }
            match source.shelf.file(hash, || Loaded::read(source, plan, part)) {
                Ok(loaded) => {
                    hashes.push(hash);
                    files.push(File { slot, name: part.name.clone(), loaded });
                }
                Err(flaw) => {
                    missing = true;
                    answers.set_aside_file(flaw.reason, format!("{} {}", part.name, flaw.place).trim_end().to_owned());
                }
            }
        }
    }
    for file in &files {
        answers.count_rows(file.loaded.len());
        for flaw in &file.loaded.flaws {
            answers.set_aside(flaw.reason, format!("{} {}", file.name, flaw.place));
        }
    }
    let sent: Vec<usize> = answers.sent().collect();
    for subject in sent {
        match found(answers, subject, &files, &hashes) {
            Found::Rows(rows, score) => {
                if source.manifest.quality.link.is_some() {
                    answers.score(subject, score);
                }
                if missing {
                    answers.gap(subject, "period_incomplete");
                }
                for (file, at) in rows {
                    one_row(answers, subject, file, at, raw);
                }
            }
            Found::Unsure(places) => {
                answers.gap(subject, "link_uncertain");
                for place in places {
                    answers.evidence(subject, Reason::LinkUncertain, place);
                }
            }
            Found::Nothing => {}
        }
    }
    if matches!(source.manifest.outcome.none, Some(NoneProof::PeriodLoaded)) && !missing {
        answers.prove_silence();
    }
    answers.silence_is("period_incomplete");
}

/// Whether a part is a file of a period.
fn is_of(name: &str, label: &str) -> bool {
    name.strip_prefix(label).is_some_and(|rest| rest.is_empty() || rest.starts_with(" file "))
}

/// What a subject has in all files.
enum Found<'f> {
    Rows(Vec<(&'f File, At<'f>)>, i64),
    /// Homes that may be its own, each by a place and how alike it is.
    Unsure(Vec<String>),
    Nothing,
}

/// By identity number and by account; only if neither is there, by address.
fn found<'f>(answers: &Answers<'_>, subject: usize, files: &'f [File], hashes: &[shelf::Hash]) -> Found<'f> {
    let key = &answers.subjects[subject];
    let mut rows: Vec<(&File, At<'_>)> = Vec::new();
    if let Some(id) = &key.id {
        rows.extend(files.iter().flat_map(|file| file.loaded.of_id(id.reveal()).map(move |at| (file, at))));
    }
    let Some(link) = &answers.source.manifest.quality.link else { return Found::of(rows, CERTAIN) };
    let by_account = |account: &str| -> Vec<(&'f File, At<'f>)> {
        files.iter().flat_map(|file| file.loaded.of_account(account).map(move |at| (file, at))).collect()
    };
    if let Some(account) = &key.account {
        rows.extend(by_account(&fold_account(account)));
    }
    let (true, Some(text)) = (rows.is_empty(), &key.address) else { return Found::of(rows, CERTAIN) };
    let Some(book) = book(answers, link, files, hashes) else { return Found::Nothing };
    let wanted = Address::parse(text, &answers.source.places);
    let name = key.name.as_deref().map(fold_name);
    let place = |(account, score): &(Box<str>, i64)| {
        by_account(account).first().map(|(file, at)| format!("{} {}, {score} of {CERTAIN}", file.name, at.place()))
    };
    match book.search(&wanted, name.as_deref(), link.names_must) {
        Match::None => Found::Nothing,
        Match::Account(account, score) if score >= link.min_score => Found::of(by_account(&account), score),
        Match::Account(account, score) => Found::Unsure(place(&(account, score)).into_iter().collect()),
        Match::Unsure(alike) => Found::Unsure(alike.iter().take(SHOWN).filter_map(place).collect()),
        Match::Unusable => Found::Unsure(Vec::new()),
    }
}

impl<'f> Found<'f> {
    fn of(rows: Vec<(&'f File, At<'f>)>, score: i64) -> Self {
        if rows.is_empty() { Self::Nothing } else { Self::Rows(rows, score) }
    }
}

/// All accounts of these files by address, if the manifest says where addresses stand.
fn book(answers: &Answers<'_>, link: &Link, files: &[File], hashes: &[shelf::Hash]) -> Option<Arc<Book>> {
    let source = answers.source;
    let address_at = source.manifest.field(link.address.as_deref()?)?.from.as_ref()?;
    Some(source.shelf.book(hashes, || {
        let texts: Vec<(&str, Option<String>, String)> = files
            .iter()
            .flat_map(|file| file.loaded.accounts())
            .filter_map(|(account, at)| {
                let name = link.name.as_ref().and_then(|n| at.view().text(n)).map(|name| fold_name(&name));
                Some((account, name.filter(|n| !n.is_empty()), at.view().text(address_at)?))
            })
            .collect();
        Book::new(texts.iter().map(|(account, name, text)| (*account, name.clone(), text.as_str())), &source.places)
    }))
}

fn one_row(answers: &mut Answers<'_>, subject: usize, file: &File, at: At<'_>, raw: &RawReply) {
    let view = at.view();
    let place = format!("{} {}", file.name, at.place());
    if let Some(month) = month_of(answers, view) {
        if !(file.slot.from..=file.slot.until).contains(&month) {
            answers.spoil(subject, Reason::SchemaDrift, place);
            return;
        }
        // A quarter or year reaches beyond the months that were asked for; what was not asked is not kept.
        if raw.period.is_some_and(|period| !(period.from..=period.until).contains(&month)) {
            return;
        }
    }
    match answers.echo(subject, view) {
        Ok(()) => answers.row(subject, view, None, place),
        Err(reason) => answers.spoil(subject, reason, place),
    }
}

/// The month a row says it is for, if the dataset has one.
fn month_of(answers: &Answers<'_>, view: View<'_>) -> Option<Month> {
    let source = answers.source;
    let (column, _) = source.dataset.columns.iter().find(|(_, spec)| spec.ty == ColumnType::Month)?;
    match row::value(source.manifest.field(column)?, view) {
        Ok(Some(crate::convert::Value::Int(index))) => Month::from_index(index),
        _ => None,
    }
}
