use hedui_base::Outcome;
use hedui_ledger::{AskFilter, AskState, Attempt, Quarantine, Reask, Settle};

use crate::{Fixture, LEASE, at, household, member, source};

#[tokio::test]
async fn a_file_is_handed_in_polled_and_settled_under_a_fence() {
    let f = Fixture::new().await;
    let people = f.register(&[household("C1", vec![member(1, "张三"), member(2, "李四")])]).await.remove(0);
    let bank = source("bank.jinshan");
    f.plan("bank.jinshan", &people, &Reask::never()).await;
    let ledger = &f.ledger;
    let mut tx = ledger.begin().await.unwrap();
    let claimed = ledger.claim(&mut tx, &bank, None, 100, LEASE, at(0)).await.unwrap();
    let due = "2026-07-20".parse().ok();
    let held = ledger.submit(&mut tx, &bank, &claimed, "REQ_20260630", due, LEASE, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let number = held.submission;
    assert_eq!(ledger.open_submission_count().await.unwrap(), 1);

    let poll = async |minutes| {
        let mut tx = ledger.begin().await.unwrap();
        let claimed = ledger.claim_submissions(&mut tx, Some(&bank), LEASE, at(minutes)).await.unwrap();
        tx.commit().await.unwrap();
        claimed
    };
    assert!(poll(1).await.is_empty(), "who hands it in holds it");
    let mut tx = ledger.begin().await.unwrap();
    ledger.amend_submission(&mut tx, &held, "REQ_20260630_0001").await.unwrap();
    ledger.release_submission(&mut tx, &held).await.unwrap();
    tx.commit().await.unwrap();
    let mut first = poll(1).await;
    assert!(poll(1).await.is_empty());
    let first = first.remove(0);
    assert_eq!((first.submission, first.reference.as_str(), first.due), (number, "REQ_20260630_0001", due));
    assert_eq!(first.asks.len(), 2);
    let stalled = poll(7).await.remove(0);
    let mut tx = ledger.begin().await.unwrap();
    assert!(ledger.amend_submission(&mut tx, &first, "REQ_20260630_0002").await.is_err(), "taken over");
    drop(tx);
    let mut tx = ledger.begin().await.unwrap();
    assert!(ledger.release_submission(&mut tx, &first).await.is_err(), "taken over");
    drop(tx);
    let mut tx = ledger.begin().await.unwrap();
    ledger.release_submission(&mut tx, &stalled).await.unwrap();
    tx.commit().await.unwrap();

    // First a "not yet" for both, then one answer, then the other.
    let claimed = poll(8).await.remove(0);
    assert_eq!(claimed.polls, 2);
    let settle = |ask: &hedui_ledger::ClaimedAsk, outcome| Settle {
        ask: ask.ask,
        fence: ask.fence,
        outcome,
        cause: None,
        manifest: None,
    };
    let mut tx = ledger.begin().await.unwrap();
    let not_yet: Vec<_> = claimed.asks.iter().map(|a| settle(a, Outcome::Pending)).collect();
    ledger.settle(&mut tx, &not_yet, at(8)).await.unwrap();
    ledger.settle(&mut tx, &[settle(&claimed.asks[0], Outcome::Found)], at(9)).await.unwrap();
    tx.commit().await.unwrap();
    let asks = ledger.asks(&AskFilter::default()).await.unwrap();
    assert_eq!((asks[0].state, asks[1].state), (AskState::Settled, AskState::Pending));
    assert_eq!(asks[1].outcome, Some(Outcome::Pending));
    assert_eq!(ledger.open_submission_count().await.unwrap(), 1);
    let claimed = poll(20).await.remove(0);
    assert_eq!(claimed.asks.len(), 1);
    let mut tx = ledger.begin().await.unwrap();
    ledger.settle(&mut tx, &[settle(&claimed.asks[0], Outcome::Overdue)], at(21)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ledger.open_submission_count().await.unwrap(), 0, "nothing is left to wait for");
    assert!(poll(40).await.is_empty());
}

#[tokio::test]
async fn health_counts_calls_and_what_was_set_aside() {
    let f = Fixture::new().await;
    let attempt = |source_id: &str, minutes, failure: Option<&str>| Attempt {
        source: source(source_id),
        at: at(minutes),
        took_ms: 40,
        asks: 100,
        failure: failure.map(str::to_owned),
    };
    let mut tx = f.ledger.begin().await.unwrap();
    let attempts = [
        attempt("tax.income", 0, Some("timeout")),
        attempt("tax.income", 1, Some("http_503")),
        attempt("tax.income", 2, None),
        attempt("police.hukou", 2, None),
    ];
    f.ledger.record_attempts(&mut tx, &attempts).await.unwrap();
    let item = |reason: &str| Quarantine {
        source: source("tax.income"),
        ask: None,
        reason: reason.into(),
        place: "reply.xml row 3".into(),
        raw: "00".into(),
        manifest: "11".into(),
        at: at(3),
    };
    f.ledger.quarantine(&mut tx, &[item("bad_money"), item("bad_money"), item("bad_date")]).await.unwrap();
    tx.commit().await.unwrap();
    let health = f.ledger.source_health().await.unwrap();
    assert_eq!(health.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>(), ["police.hukou", "tax.income"]);
    let tax = &health[1].1;
    assert_eq!((tax.attempts, tax.failures, tax.last_failure.as_deref()), (3, 2, Some("http_503")));
    assert_eq!(tax.quarantined, [("bad_date".into(), 1), ("bad_money".into(), 2)]);
    assert_eq!(f.ledger.quarantined(Some(&source("tax.income")), 2).await.unwrap()[0], item("bad_date"));
}
