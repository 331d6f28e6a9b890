use std::time::Instant;

use hedui_base::{Outcome, ResidentId};
use hedui_ledger::{AuditEvent, CaseFilter, PersonEntry, Reask, Settle};
use serde_json::json;

use crate::{Fixture, LEASE, at, household, member, source};

/// A town of 2,000 households goes through every bulk path; the bound is loose, so that only a change of order fails it.
#[tokio::test]
async fn bulk_paths_carry_a_town() {
    let f = Fixture::new().await;
    let entry = |n: u32| -> PersonEntry {
        let area = 990_101 + n / 20_000;
        let day = "1950-01-01".parse::<jiff::civil::Date>().unwrap() + jiff::Span::new().days(i64::from(n % 20_000));
        let id = ResidentId::invented(area, day, 11).unwrap();
        PersonEntry { id_number: id.reveal().into(), ..member(1, "张三") }
    };
    let households: Vec<_> =
        (0..2000).map(|h| household(&format!("C{h}"), (h * 4..h * 4 + 4).map(entry).collect())).collect();
    let start = Instant::now();
    let mut lap = start;
    let mut step = |what: &str| {
        println!("{what}: {:?}", lap.elapsed());
        lap = Instant::now();
    };
    let people: Vec<_> = f.register(&households).await.concat();
    assert_eq!(people.len(), 8000);
    step("register 2,000 households, 8,000 people");
    let sources: Vec<String> = (0..11).map(|n| format!("source.{n}")).collect();
    let mut tx = f.ledger.begin().await.unwrap();
    for id in &sources {
        f.ledger.plan(&mut tx, &source(id), "2026-06", &people, &Reask::unanswered(None), at(0)).await.unwrap();
    }
    tx.commit().await.unwrap();
    step("plan 88,000 asks");
    let who = f.ledger.people(&people).await.unwrap();
    assert_eq!(who.len(), 8000);
    step("reveal 8,000 people");
    let mut tx = f.ledger.begin().await.unwrap();
    let claimed = f.ledger.claim(&mut tx, &source("source.0"), None, 8000, LEASE, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.len(), 8000);
    step("claim 8,000 asks");
    let settled: Vec<_> = claimed
        .iter()
        .map(|c| Settle { ask: c.ask, fence: c.fence, outcome: Outcome::NoRecord, cause: None, manifest: None })
        .collect();
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.mark_sent(&mut tx, &claimed, at(0)).await.unwrap();
    assert_eq!(f.ledger.settle(&mut tx, &settled, at(1)).await.unwrap().len(), 8000);
    tx.commit().await.unwrap();
    step("send and settle 8,000 asks");
    let events: Vec<_> = people
        .chunks(100)
        .map(|chunk| AuditEvent {
            actor: "hedui".into(),
            action: "ask.sent".into(),
            subjects: chunk.to_vec(),
            detail: json!({}),
        })
        .collect();
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.audit(&mut tx, &events, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    step("audit 8,000 subjects");
    let cases = f.ledger.cases(&CaseFilter::default()).await.unwrap();
    assert_eq!(cases.iter().map(|c| c.people.len()).sum::<usize>(), 8000);
    step("read 2,000 cases");
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
