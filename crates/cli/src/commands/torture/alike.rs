//! Lays a tortured data folder beside a calm one: what is lost, doubled, or otherwise.
//!
//! A message names what differs by its place (a source and the number of a person here, a case, a column) and never by
//! what an institution said about somebody.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::Outcome;

use super::known::{Known, Pair, Row};

/// Differences that are named; the others are counted.
const NAMED: usize = 5;

/// Says how what is known differs from a calm run, if it does.
pub(super) fn alike(calm: &Known, now: &Known) -> Result<(), String> {
    let mut found = rows(&calm.asks, &now.asks, true);
    found.extend(outcomes(&calm.outcomes, &now.outcomes));
    found.extend(rows(&calm.records, &now.records, false));
    found.extend(rows(&calm.findings, &now.findings, false));
    if found.is_empty() {
        return Ok(());
    }
    let more = found.len().saturating_sub(NAMED);
    let mut text = found.into_iter().take(NAMED).collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    Err(format!("not as in the calm run: {text}"))
}

/// What is wrong with an outcome that was said on the way. It may be unknown for a while; it may not claim what is not so.
pub(super) fn lie(pair: &Pair, said: Outcome, calm: &BTreeMap<Pair, Outcome>) -> Option<String> {
    let truth = calm.get(pair).copied();
    let claims = matches!(said, Outcome::Found | Outcome::NoRecord);
    (claims && truth != Some(said)).then(|| became(pair, truth, Some(said)))
}

fn became((person, source): &Pair, calm: Option<Outcome>, now: Option<Outcome>) -> String {
    let word = |outcome: Option<Outcome>| match outcome {
        None => "no outcome".to_owned(),
        Some(outcome) if outcome.is_unknown() => format!("unknown ({outcome})"),
        Some(outcome) => outcome.to_string(),
    };
    format!("{source} about {person}: {} became {}", word(calm), word(now))
}

fn outcomes(calm: &BTreeMap<Pair, Outcome>, now: &BTreeMap<Pair, Outcome>) -> Vec<String> {
    let pairs: BTreeSet<&Pair> = calm.keys().chain(now.keys()).collect();
    let differ = |pair: &&&Pair| calm.get(**pair) != now.get(**pair);
    pairs.iter().filter(differ).map(|pair| became(pair, calm.get(*pair).copied(), now.get(*pair).copied())).collect()
}

type Cells = BTreeMap<String, String>;

fn rows(calm: &[Row], now: &[Row], show_values: bool) -> Vec<String> {
    let (calm, now) = (by_key(calm), by_key(now));
    let keys: BTreeSet<&(&str, &str)> = calm.keys().chain(now.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let place = key.0;
        let (was, is) = (calm.get(key).map_or(&[][..], Vec::as_slice), now.get(key).map_or(&[][..], Vec::as_slice));
        if was == is {
            continue;
        }
        found.push(match (was.len(), is.len()) {
            (_, 0) => format!("{place}: lost"),
            (0, _) if calm.iter().any(|(other, cells)| other.0 == place && cells == is) => {
                format!("{place}: doubled under another number")
            }
            (0, _) => format!("{place}: a calm run has none such"),
            (before, after) if after > before => format!("{place}: doubled, {after} times and not {before}"),
            (before, after) if after < before => format!("{place}: lost, {after} times and not {before}"),
            _ => format!("{place}: other {}", columns(was, is, show_values)),
        });
    }
    found
}

fn by_key(rows: &[Row]) -> BTreeMap<(&str, &str), Vec<&Cells>> {
    let mut grouped: BTreeMap<(&str, &str), Vec<&Cells>> = BTreeMap::new();
    for row in rows {
        grouped.entry((&row.place, &row.key)).or_default().push(&row.cells);
    }
    grouped.values_mut().for_each(|cells| cells.sort_unstable());
    grouped
}

/// The columns in which rows differ.
fn columns(was: &[&Cells], is: &[&Cells], show_values: bool) -> String {
    let mut differing = BTreeSet::new();
    for (one, two) in was.iter().zip(is) {
        for name in one.keys().chain(two.keys()) {
            let (before, after) = (one.get(name), two.get(name));
            if before != after {
                let none = "none".to_owned();
                differing.insert(match show_values {
                    true => format!("{name} ({} became {})", before.unwrap_or(&none), after.unwrap_or(&none)),
                    false => name.clone(),
                });
            }
        }
    }
    differing.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod controls {
    //! Negative controls: a comparison that never finds anything would pass every torture.
    #![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it must be")]

    use hedui_base::PersonKey;

    use super::*;

    /// Stands for everything that must not be printed.
    const PRIVATE: &str = "990101199001010010";

    fn row(place: &str, key: &str, cells: &[(&str, &str)]) -> Row {
        let cells = cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Row { place: place.to_owned(), key: key.to_owned(), cells }
    }

    fn calm() -> Known {
        let mut known = Known::default();
        let outcomes = [Outcome::Found, Outcome::NoRecord, Outcome::Failed];
        for person in 1..=4 {
            for (source, outcome) in ["police.hukou", "tax.income", "bank.jinshan"].into_iter().zip(outcomes) {
                known.outcomes.insert((PersonKey(person), source.to_owned()), outcome);
                let place = format!("ask about P{person} at {source} for 2026-06");
                known.asks.push(row(&place, "", &[("state", "Settled"), ("outcome", outcome.as_str())]));
            }
            let place = format!("deposit record of P{person} from bank.jinshan");
            for account in ["1", "2"] {
                let cells = [("account", PRIVATE), ("balance_fen", account), ("as_of", "2026-06-30")];
                known.records.push(row(&place, &format!("{PRIVATE}/{account}"), &cells));
            }
            let place = format!("findings.parquet, case C{person}, pack national");
            known.findings.push(row(&place, "", &[("name", PRIVATE), ("finding_dibao", "met"), ("amount_fen", "300")]));
        }
        known
    }

    fn message(now: &Known) -> String {
        let message = alike(&calm(), now).unwrap_err();
        assert!(!message.contains(PRIVATE), "{message}");
        message
    }

    #[test]
    fn every_planted_defect_is_noticed_and_named() {
        type Plant = fn(&mut Known);
        let defects: [(&str, Plant, &str); 11] = [
            ("a record dropped", |k| drop(k.records.remove(3)), "deposit record of P2 from bank.jinshan: lost"),
            (
                "a record doubled",
                |k| k.records.push(k.records[0].clone()),
                "deposit record of P1 from bank.jinshan: doubled, 2 times and not 1",
            ),
            (
                "a record doubled under another number",
                |k| {
                    let twin = Row { key: format!("{PRIVATE}/9"), ..k.records[0].clone() };
                    k.records.push(twin);
                },
                "deposit record of P1 from bank.jinshan: doubled under another number",
            ),
            (
                "a record of somebody else",
                |k| k.records.push(row("pension record of P9 from hrss.pension", PRIVATE, &[])),
                "pension record of P9 from hrss.pension: a calm run has none such",
            ),
            (
                "a record changed",
                |k| drop(k.records[5].cells.insert("balance_fen".into(), PRIVATE.into())),
                "deposit record of P3 from bank.jinshan: other balance_fen",
            ),
            (
                "an unknown turned into no record",
                |k| {
                    k.outcomes.insert((PersonKey(2), "bank.jinshan".into()), Outcome::NoRecord);
                },
                "bank.jinshan about P2: unknown (failed) became no_record",
            ),
            (
                "an outcome lost",
                |k| {
                    k.outcomes.remove(&(PersonKey(4), "police.hukou".into()));
                },
                "police.hukou about P4: found became no outcome",
            ),
            (
                "a finding changed",
                |k| drop(k.findings[2].cells.insert("finding_dibao".into(), "not_met".into())),
                "findings.parquet, case C3, pack national: other finding_dibao",
            ),
            ("a finding lost", |k| drop(k.findings.pop()), "findings.parquet, case C4, pack national: lost"),
            ("an ask lost", |k| drop(k.asks.remove(4)), "ask about P2 at tax.income for 2026-06: lost"),
            (
                "an ask that is still open",
                |k| drop(k.asks[0].cells.insert("state".into(), "Pending".into())),
                "ask about P1 at police.hukou for 2026-06: other state (Settled became Pending)",
            ),
        ];
        assert_eq!(alike(&calm(), &calm()), Ok(()));
        for (what, plant, named) in defects {
            let mut now = calm();
            plant(&mut now);
            assert!(message(&now).contains(named), "{what}: {}", message(&now));
        }
    }

    #[test]
    fn whichever_row_is_lost_or_doubled_it_is_noticed() {
        let lists: [fn(&mut Known) -> &mut Vec<Row>; 3] = [|k| &mut k.asks, |k| &mut k.records, |k| &mut k.findings];
        for list in lists {
            for nth in 0..list(&mut calm()).len() {
                let (mut lost, mut doubled) = (calm(), calm());
                let row = list(&mut lost).remove(nth);
                assert!(message(&lost).contains(&format!("{}: lost", row.place)));
                list(&mut doubled).push(row.clone());
                assert!(message(&doubled).contains(&format!("{}: doubled", row.place)));
            }
        }
        for pair in calm().outcomes.keys() {
            for other in [Outcome::Found, Outcome::NoRecord, Outcome::Pending] {
                let mut now = calm();
                if now.outcomes.insert(pair.clone(), other) != Some(other) {
                    assert!(message(&now).contains(&format!("{} about {}", pair.1, pair.0)));
                }
            }
        }
    }

    #[test]
    fn the_order_of_rows_is_no_difference_and_many_differences_are_counted() {
        let mut now = calm();
        now.asks.reverse();
        now.records.reverse();
        assert_eq!(alike(&calm(), &now), Ok(()));
        now.records.clear();
        assert!(message(&now).ends_with("; and 3 more"), "{}", message(&now));
    }

    #[test]
    fn on_the_way_an_outcome_may_be_unknown_and_may_not_claim_what_is_not_so() {
        let truth = calm().outcomes;
        for (pair, known) in &truth {
            for said in [Outcome::Failed, Outcome::Pending, Outcome::Overdue, Outcome::Partial, *known] {
                assert_eq!(lie(pair, said, &truth), None);
            }
            for said in [Outcome::Found, Outcome::NoRecord] {
                assert_eq!(lie(pair, said, &truth).is_some(), said != *known, "{pair:?} {known} {said}");
            }
        }
        let nobody = (PersonKey(99), "police.hukou".to_owned());
        assert!(lie(&nobody, Outcome::NoRecord, &truth).unwrap().contains("no outcome became no_record"));
    }
}
