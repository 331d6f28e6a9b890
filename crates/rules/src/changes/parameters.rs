//! Rows of parameters compared: what begins, follows, is corrected, ends.

use std::collections::BTreeSet;

use hedui_base::AreaCode;
use jiff::civil::Date;

use super::compare::{SaidBy, edits, plain};
use super::outputs::Outputs;
use super::{Fate, ParameterChange, RowChange, RowFate, Side};
use crate::book::{key_text, row_text};
use crate::program::{KeyMatch, Parameter, ParameterRow};
use crate::words::{Lang, Speaker, amount, number, type_word};

/// Parameters that differ, by name.
pub(super) fn changed(
    old: Side<'_>,
    new: Side<'_>,
    speakers: (Speaker<'_>, Speaker<'_>),
    outputs: (&Outputs<'_>, &Outputs<'_>),
    on: Option<Date>,
) -> Vec<ParameterChange> {
    let find = |side: Side<'_>, name: &str| side.program.parameters.iter().position(|p| p.name == name);
    let names = |side: Side<'_>| side.program.parameters.iter().map(|p| p.name.clone()).collect::<BTreeSet<_>>();
    let lang = speakers.1.lang();
    let mut all = Vec::new();
    for name in names(old).union(&names(new)) {
        let before = find(old, name).map(|i| &old.program.parameters[i]);
        let after = find(new, name).map(|i| &new.program.parameters[i]);
        let said = |parameter: Option<&Parameter>, speaker: Speaker<'_>| {
            parameter.map(|parameter| about(parameter, speaker)).unwrap_or_default()
        };
        let (speaker, outputs) = if after.is_some() { (speakers.1, outputs.1) } else { (speakers.0, outputs.0) };
        let change = ParameterChange {
            name: name.clone(),
            title: speaker.title_of(name),
            fate: match (before, after) {
                (Some(_), None) => Fate::Removed,
                (None, _) => Fate::Added,
                _ => Fate::Changed,
            },
            edits: edits(said(before, speakers.0), said(after, speakers.1)),
            rows: rows(before, after, lang, on),
            outputs: outputs.of(name),
        };
        if change.fate != Fate::Changed || !change.edits.is_empty() || !change.rows.is_empty() {
            all.push(change);
        }
    }
    all
}

/// What a parameter says besides its rows.
fn about(parameter: &Parameter, speaker: Speaker<'_>) -> SaidBy {
    let lang = speaker.lang();
    let mut said = vec![
        ("title".to_owned(), plain(speaker.title_of(&parameter.name))),
        ("type".to_owned(), plain(type_word(lang, parameter.ty))),
    ];
    let ends = [("min", parameter.bounds.0), ("max", parameter.bounds.1)];
    said.extend(
        ends.into_iter().filter_map(|(key, end)| Some((key.to_owned(), plain(number(lang, parameter.ty, end?))))),
    );
    if let Some(fallback) = &parameter.fallback {
        let text = format!("{}: {}", amount(lang, parameter.ty, &fallback.value), fallback.reason);
        said.push(("fallback".to_owned(), plain(text)));
    }
    if parameter.exemption {
        said.push(("exemption".to_owned(), plain(lang.pick("是", "yes"))));
    }
    said
}

/// What makes a row's place in the table: rows of one place follow each other in time.
type Slot<'r> = (Option<AreaCode>, Option<&'r str>, &'r [KeyMatch]);

fn slot(row: &ParameterRow) -> Slot<'_> {
    (row.area, row.residence.as_deref(), &row.keys)
}

fn rows(before: Option<&Parameter>, after: Option<&Parameter>, lang: Lang, on: Option<Date>) -> Vec<RowChange> {
    let counted = |parameter: Option<&Parameter>| -> Vec<ParameterRow> {
        let rows = parameter.into_iter().flat_map(|parameter| &parameter.rows);
        rows.filter(|row| on.is_none_or(|day| row.holds_on(day))).cloned().collect()
    };
    let (olds, news) = (counted(before), counted(after));
    let mut changes = Vec::new();
    let begin = |row: &ParameterRow, other: &ParameterRow| on.is_some() || row.from == other.from;
    for new in &news {
        let Some(parameter) = after else { continue };
        let same = olds.iter().find(|old| slot(old) == slot(new) && begin(old, new));
        let text = row_text(lang, parameter, new);
        if let (Some(old), Some(before)) = (same, before) {
            let old_text = row_text(lang, before, old);
            if old_text != text {
                let percent = percent(before, old, parameter, new);
                let texts = (Some(old_text), Some(text));
                let fate = if on.is_some() { RowFate::OnTheDay } else { RowFate::Corrected };
                changes.push(change(lang, parameter, new, fate, texts, percent));
            } else if old.cite != new.cite || old.from != new.from || (old.until != new.until && !followed(&news, new))
            {
                let ends = old.until != new.until && new.until.is_some();
                let fate = if ends { RowFate::Ends } else { RowFate::Restated };
                changes.push(change(lang, parameter, new, fate, (Some(old_text), Some(text)), None));
            }
            continue;
        }
        // What the place held until then, by the new table itself, or by the old one where that row is gone.
        let earlier = |rows: &'_ [ParameterRow]| {
            rows.iter().filter(|row| slot(row) == slot(new) && row.from < new.from).max_by_key(|row| row.from).cloned()
        };
        let last = earlier(&news).map(|row| (parameter, row)).or_else(|| Some((before?, earlier(&olds)?)));
        let (fate, old, percent) = match &last {
            Some((of, row)) => (RowFate::Follows, Some(row_text(lang, of, row)), percent(of, row, parameter, new)),
            None => (RowFate::Begins, None, None),
        };
        changes.push(change(lang, parameter, new, fate, (old, Some(text)), percent));
    }
    for old in &olds {
        let Some(parameter) = before else { continue };
        if !news.iter().any(|new| slot(old) == slot(new) && begin(old, new)) {
            let text = row_text(lang, parameter, old);
            changes.push(change(lang, parameter, old, RowFate::Removed, (Some(text), None), None));
        }
    }
    changes.sort_by(|a, b| (&a.which, a.from).cmp(&(&b.which, b.from)));
    changes
}

/// Whether another row begins right after one ends.
fn followed(rows: &[ParameterRow], row: &ParameterRow) -> bool {
    let next = row.until.and_then(|until| until.tomorrow().ok());
    next.is_some_and(|day| rows.iter().any(|other| slot(other) == slot(row) && other.from == day))
}

fn change(
    lang: Lang,
    parameter: &Parameter,
    row: &ParameterRow,
    fate: RowFate,
    (old, new): (Option<String>, Option<String>),
    percent: Option<String>,
) -> RowChange {
    let mut which: Vec<String> = Vec::new();
    which.extend(row.area.map(|area| area.to_string()));
    which.extend(row.residence.as_deref().map(|residence| match residence {
        "urban" => lang.pick("城镇", "urban").to_owned(),
        "rural" => lang.pick("农村", "rural").to_owned(),
        other => other.to_owned(),
    }));
    let keys = parameter.keys.iter().zip(&row.keys).filter(|(_, key)| **key != KeyMatch::Any);
    which.extend(keys.map(|(name, key)| format!("{name} {}", key_text(lang, key))));
    RowChange {
        which: which.join(lang.pick("，", ", ")),
        fate,
        from: row.from,
        until: row.until,
        old,
        new,
        percent,
        cite: row.cite.clone(),
        place: format!("{}:{}", row.file, row.line),
    }
}

/// By how much a number grew, in percent with two decimals.
fn percent(of: &Parameter, old: &ParameterRow, in_new: &Parameter, new: &ParameterRow) -> Option<String> {
    let (old, new) = (i128::from(of.read(old, 0)?), i128::from(in_new.read(new, 0)?));
    if old == 0 || of.ty != in_new.ty {
        return None;
    }
    let hundredths = (new - old) * 10_000;
    let rounded = (hundredths.abs() * 2 + old.abs()) / (old.abs() * 2) * hundredths.signum() * old.signum();
    let sign = if rounded < 0 { "-" } else { "+" };
    Some(format!("{sign}{}.{:02}", rounded.abs() / 100, rounded.abs() % 100))
}
