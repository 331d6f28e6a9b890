//! Asks institutions through the connectors themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hedui_base::{AskId, Letter, PersonKey, SourceText};
use hedui_connect::{Answer, Context, Exchange, Parsed, Poll, Site, Source, Subject, parse};
use hedui_sim::{City, CityOptions, Faults, Person, ServeOptions, Servers, Which, generate, serve_with};
use jiff::civil::date;

pub(crate) fn city(households: u32) -> City {
    generate(&CityOptions { households, seed: 7, as_of: date(2026, 6, 30) })
}

pub(crate) fn options(which: &[&str], faults: &str) -> ServeOptions {
    let only = || Which::Only(which.iter().map(|w| (*w).to_owned()).collect());
    let which = if which.is_empty() { Which::All } else { only() };
    let faults: Faults = faults.parse().unwrap();
    let quick = Duration::from_millis(30);
    ServeOptions { which, faults, connectors: vec![dropped()], reply_delay: quick, ..ServeOptions::default() }
}

pub(crate) async fn served(city: &City, dir: &Path, which: &[&str], faults: &str) -> (Servers, Site) {
    served_by_chance(city, dir, which, faults, None).await
}

/// The same with a seed of its own for what goes wrong.
pub(crate) async fn served_by_chance(
    city: &City,
    dir: &Path,
    which: &[&str],
    faults: &str,
    fault_seed: Option<u64>,
) -> (Servers, Site) {
    let options = ServeOptions { fault_seed, ..options(which, faults) };
    let servers = serve_with(city, dir, &options).await.unwrap();
    let site = Site::parse(&SourceText::new("site.toml", servers.site())).unwrap();
    (servers, site)
}

/// Folders of institutions that are not built in.
pub(crate) fn dropped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dropped")
}

/// A source, built in or dropped.
pub(crate) fn source(id: &str) -> Arc<Source> {
    Arc::clone(options(&[], "").registry().unwrap().get(id).unwrap())
}

pub(crate) fn subjects<'a>(source: &Source, city: &'a City) -> Vec<(Subject, &'a Person)> {
    let people: Vec<_> =
        city.households.iter().flat_map(|h| h.members.iter().enumerate().map(move |(i, m)| (h, i, m))).collect();
    let covers = (0..people.len() as u32).map(PersonKey).collect();
    let letter = Letter {
        number: "L".into(),
        purposes: vec!["dibao".into()],
        scopes: vec!["*".into()],
        covers,
        valid_from: date(2026, 1, 1),
        valid_until: None,
        revoked_on: None,
    };
    people
        .into_iter()
        .enumerate()
        .map(|(key, (household, nth, person))| {
            let authorised =
                letter.authorise(PersonKey(key as u32), &source.id, &source.scope, "dibao", city.as_of).unwrap();
            let account = household.utility(source.id.as_str().split('.').next().unwrap()).filter(|_| nth == 0);
            let subject = Subject {
                ask: AskId(key as i64),
                authorised,
                id: Some(person.id.clone()),
                name: Some(person.name.clone()),
                account: account.filter(|a| a.number_known).map(|a| a.account.clone()),
                address: account.map(|_| household.address.clone()),
            };
            (subject, person)
        })
        .collect()
}

/// Asks about everybody and parses what comes back; answers by ask.
pub(crate) async fn asked(source: &Source, site: &Site, city: &City) -> (BTreeMap<i64, Answer>, Vec<&'static str>) {
    let context = Context::new(site.clone()).unwrap();
    let all: Vec<Subject> = subjects(source, city).into_iter().map(|(s, _)| s).collect();
    let (mut answers, mut reasons) = (BTreeMap::new(), Vec::new());
    for batch in all.chunks(source.batch) {
        let raw = match source.ask(&context, batch, source.period(city.as_of)).await {
            Exchange::Replied(raw) => raw,
            Exchange::Submitted(submission) => {
                let mut tries = 0;
                loop {
                    match source.poll(&context, &submission).await {
                        Poll::Ready(raw) => break raw,
                        // An institution that cannot be reached now may be later: the submission stands.
                        Poll::Pending | Poll::Failed(_) if tries < 200 => tries += 1,
                        other => panic!("{other:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Exchange::Failed(failure) => {
                let failed = |s: &Subject| (s.ask.0, failure.outcome);
                let cause = failure.cause.to_string();
                for (ask, outcome) in batch.iter().map(failed) {
                    let person = PersonKey(ask as u32);
                    let records = hedui_base::Records::default();
                    let answer =
                        Answer { ask: AskId(ask), person, outcome, as_of: None, records, detail: Some(cause.clone()) };
                    answers.insert(ask, answer);
                }
                continue;
            }
        };
        let keys: Vec<_> = batch.iter().map(Subject::key).collect();
        let Parsed { answers: more, quarantine, .. } = parse(source, &keys, &raw);
        answers.extend(more.into_iter().map(|a| (a.ask.0, a)));
        reasons.extend(quarantine.iter().map(|q| q.reason.code()));
    }
    (answers, reasons)
}
