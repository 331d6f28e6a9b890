//! The comparison of two packs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::outputs::Outputs;
use super::{Changes, Edit, Fate, PackName, RuleChange, Said, Side, parameters, rules};
use crate::cases::{Case, Row};
use crate::surface::RuleBody;
use crate::words::{Lang, Line, Speaker, Words};
use crate::written::Written;

/// Compares two packs. With a day only what is in force on it: formulas as of their versions, parameters as of their rows.
#[must_use]
pub fn changes(old: Side<'_>, new: Side<'_>, lang: Lang, on: Option<Date>) -> Changes {
    let speakers = (Speaker::new(old.program, lang), Speaker::new(new.program, lang));
    let outputs = (Outputs::new(old.written, speakers.0), Outputs::new(new.written, speakers.1));
    let (befores, afters) = (by_name(old.written), by_name(new.written));
    let names: BTreeSet<&str> = befores.keys().chain(afters.keys()).copied().collect();
    let mut all: Vec<(u8, RuleChange)> = Vec::new();
    for name in names {
        let (mut before, mut after) = (befores.get(name).copied(), afters.get(name).copied());
        // A rule that became one of another kind is another rule.
        let became = before.zip(after).is_some_and(|(a, b)| a.rule.body.word() != b.rule.body.word());
        let rounds = if became { vec![(before.take(), None), (None, after.take())] } else { vec![(before, after)] };
        for (before, after) in rounds {
            let Some(rule) = after.or(before) else { continue };
            if matches!(rule.rule.body, RuleBody::Parameter { .. }) {
                continue;
            }
            let said = |rule: Option<&Written>, side: Side<'_>, speaker: Speaker<'_>| {
                rule.map(|rule| rules::said(rule, side.program, speaker, on)).unwrap_or_default()
            };
            let edits = edits(said(before, old, speakers.0), said(after, new, speakers.1));
            let fate = match (before, after) {
                (Some(_), None) => Fate::Removed,
                (None, _) => Fate::Added,
                _ => Fate::Changed,
            };
            if fate == Fate::Changed && edits.is_empty() {
                continue;
            }
            let (speaker, outputs) = if after.is_some() { (speakers.1, &outputs.1) } else { (speakers.0, &outputs.0) };
            let change = RuleChange {
                name: name.to_owned(),
                kind: rule.rule.body.word(),
                title: speaker.title_of(name),
                place: rule.place(),
                fate,
                edits,
                outputs: outputs.of(name).into_iter().filter(|(output, _)| output != name).collect(),
            };
            all.push((rank(&rule.rule.body), change));
        }
    }
    all.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    let (cases_added, cases_removed, cases_changed) = cases(old.cases, new.cases);
    Changes {
        old: pack_name(old),
        new: pack_name(new),
        on,
        head: edits(head(old), head(new)),
        rules: all.into_iter().map(|(_, change)| change).collect(),
        parameters: parameters::changed(old, new, speakers, (&outputs.0, &outputs.1), on),
        cases_added,
        cases_removed,
        cases_changed,
    }
}

fn by_name(written: &[Written]) -> BTreeMap<&str, &Written> {
    written.iter().map(|rule| (rule.name(), rule)).collect()
}

fn rank(body: &RuleBody) -> u8 {
    match body {
        RuleBody::Scheme { .. } => 0,
        RuleBody::Test { .. } => 1,
        RuleBody::Flag { .. } => 2,
        RuleBody::Variable { .. } => 3,
        RuleBody::Fact { .. } => 4,
        RuleBody::Input { .. } => 5,
        _ => 6,
    }
}

fn pack_name(side: Side<'_>) -> PackName {
    let pack = &side.program.pack;
    PackName { id: pack.id.clone(), version: pack.version.clone(), hash: pack.hash.clone() }
}

/// What is said, by key, in the order of keys that people read.
pub(super) type SaidBy = Vec<(String, Said)>;

/// Plain text as it is.
pub(super) fn plain(text: impl Into<String>) -> Said {
    let text = text.into();
    Said { words: Words::line(Line::text(text.clone())), text }
}

fn head(side: Side<'_>) -> SaidBy {
    let pack = &side.program.pack;
    let mut said = vec![
        ("id".to_owned(), plain(&pack.id)),
        ("title".to_owned(), plain(&pack.title)),
        ("version".to_owned(), plain(&pack.version)),
        ("from".to_owned(), plain(pack.from.to_string())),
    ];
    said.extend(pack.area.map(|area| ("area".to_owned(), plain(area.to_string()))));
    said.extend(pack.until.map(|until| ("until".to_owned(), plain(until.to_string()))));
    said.extend((!pack.extends.is_empty()).then(|| ("extends".to_owned(), plain(pack.extends.join(", ")))));
    said
}

/// What differs between two lists of what is said. Said means the same if it is understood the same: see [`rules::said`].
pub(super) fn edits(old: SaidBy, new: SaidBy) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (key, before) in &old {
        let after = new.iter().find(|(other, _)| other == key).map(|(_, said)| said);
        if after != Some(before) {
            edits.push(Edit { key: key.clone(), old: Some(before.clone()), new: after.cloned() });
        }
    }
    for (key, after) in new {
        if !old.iter().any(|(other, _)| *other == key) {
            edits.push(Edit { key, old: None, new: Some(after) });
        }
    }
    edits
}

/// Titles of cases added, removed, changed, each in the order of its pack.
fn cases(old: &[Case], new: &[Case]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let bare = |cases: &[Case]| cases.iter().map(without_places).collect::<Vec<Case>>();
    let (old, new) = (bare(old), bare(new));
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for case in &new {
        let same_title: Vec<&Case> = old.iter().filter(|other| other.title == case.title).collect();
        if same_title.is_empty() {
            added.push(case.title.clone());
        } else if !same_title.contains(&case) {
            changed.push(case.title.clone());
        }
    }
    let removed = old.iter().filter(|case| !new.iter().any(|other| other.title == case.title));
    (added, removed.map(|case| case.title.clone()).collect(), changed)
}

/// A case without the lines it is written on.
fn without_places(case: &Case) -> Case {
    let mut case = Case { file: String::new(), line: 0, ..case.clone() };
    let clear = |rows: &mut Vec<Row>| rows.iter_mut().for_each(|row| row.line = 0);
    case.records.values_mut().for_each(clear);
    case.expect.values.iter_mut().chain(&mut case.expect.margins).for_each(|expected| expected.line = 0);
    for person in &mut case.persons {
        person.records.values_mut().for_each(clear);
        person.expect.iter_mut().for_each(|expected| expected.line = 0);
    }
    case
}
