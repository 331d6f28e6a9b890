//! Budgets, breakers and asks that are held back.

use hedui_base::Outcome;
use hedui_ledger::{AskFilter, AskState, BreakerState, Ledger, Reask, SavedBreaker, Settle};
use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::{Fixture, LEASE, at, household, member, source};

const DAY: Date = date(2026, 6, 30);

async fn take(ledger: &Ledger, credential: &str, day: Date, want: u64, ceiling: u64) -> u64 {
    let mut tx = ledger.begin().await.unwrap();
    let given = ledger.take_budget(&mut tx, credential, day, want, ceiling).await.unwrap();
    tx.commit().await.unwrap();
    given
}

#[tokio::test]
async fn a_budget_is_counted_by_credential_and_day_over_all_who_open_the_folder() {
    let f = Fixture::new().await;
    let other = Ledger::open(f.dir.path()).await.unwrap();
    assert_eq!(take(&f.ledger, "police", DAY, 60, 100).await, 60);
    assert_eq!(take(&other, "police", DAY, 60, 100).await, 40, "the rest of the day's budget");
    assert_eq!(take(&f.ledger, "police", DAY, 1, 100).await, 0);
    assert_eq!(take(&f.ledger, "police", DAY, 5, 110).await, 5, "a higher ceiling leaves room");
    assert_eq!(take(&f.ledger, "police/second", DAY, 7, 100).await, 7);
    assert_eq!(take(&other, "police", DAY.tomorrow().unwrap(), 60, 100).await, 60);
    drop((f.ledger, other));
    let again = Ledger::open(f.dir.path()).await.unwrap();
    let used = again.budgets_used(DAY).await.unwrap();
    assert_eq!((used["police"], used["police/second"]), (105, 7), "a restart forgets nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Whoever takes how much, and whether it is kept or rolled back, no ceiling is ever exceeded.
    #[test]
    fn no_ceiling_is_exceeded(takes in proptest::collection::vec((1u64..50, 1u64..120, any::<bool>()), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let f = Fixture::new().await;
            let mut used = 0;
            for (want, ceiling, kept) in takes {
                let mut tx = f.ledger.begin().await.unwrap();
                let given = f.ledger.take_budget(&mut tx, "a", DAY, want, ceiling).await.unwrap();
                prop_assert_eq!(given, want.min(ceiling.saturating_sub(used)));
                if kept {
                    tx.commit().await.unwrap();
                    used += given;
                }
                prop_assert!(given == 0 || used <= ceiling || !kept);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_breaker_is_as_it_was_left() {
    let f = Fixture::new().await;
    assert!(f.ledger.breakers().await.unwrap().is_empty());
    let saved =
        SavedBreaker { state: BreakerState::Open(at(5)), calls: vec![true, false, false], trips: 3, changed_at: at(4) };
    for breaker in [SavedBreaker { state: BreakerState::Closed, ..saved.clone() }, saved.clone()] {
        let mut tx = f.ledger.begin().await.unwrap();
        f.ledger.save_breaker(&mut tx, &source("police.hukou"), &breaker).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(f.ledger.breakers().await.unwrap()[&source("police.hukou")], breaker);
    }
}

#[tokio::test]
async fn what_is_held_back_stays_planned_says_why_and_counts_no_attempt() {
    let f = Fixture::new().await;
    let people = f.register(&[household("A", vec![member(1, "甲"), member(2, "乙"), member(3, "丙")])]).await.remove(0);
    let police = source("police.hukou");
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.plan(&mut tx, &police, "2026-06-30", &people, &Reask::never(), at(0)).await.unwrap();
    let claimed = f.ledger.claim(&mut tx, &police, Some(&people[..2]), 10, LEASE, at(0)).await.unwrap();
    f.ledger.mark_sent(&mut tx, &claimed, at(0)).await.unwrap();
    f.ledger.hold(&mut tx, &claimed[..1], "over_budget").await.unwrap();
    f.ledger.hold_planned(&mut tx, &police, &people, "maintenance").await.unwrap();
    tx.commit().await.unwrap();
    let asks = f.ledger.asks(&AskFilter::default()).await.unwrap();
    let shown: Vec<_> = asks.iter().map(|a| (a.state, a.attempts, a.held.as_deref())).collect();
    assert_eq!(
        shown,
        [
            (AskState::Planned, 0, Some("maintenance")),
            (AskState::Sent, 1, None),
            (AskState::Planned, 0, Some("maintenance")),
        ],
        "the one under way is nobody's to hold"
    );
    assert_eq!(f.ledger.held_counts().await.unwrap(), [(police.clone(), "maintenance".to_owned(), 2)]);
    // Claimed again, it is no longer held.
    let mut tx = f.ledger.begin().await.unwrap();
    let again = f.ledger.claim(&mut tx, &police, None, 10, LEASE, at(1)).await.unwrap();
    assert_eq!(again.len(), 2);
    tx.commit().await.unwrap();
    assert!(f.ledger.held_counts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_heartbeat_keeps_what_is_held_and_forgives_what_is_not() {
    let f = Fixture::new().await;
    let people = f.register(&[household("A", vec![member(1, "甲"), member(2, "乙")])]).await.remove(0);
    let police = source("police.hukou");
    let other = Ledger::open(f.dir.path()).await.unwrap();
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.plan(&mut tx, &police, "2026-06-30", &people, &Reask::never(), at(0)).await.unwrap();
    let claimed = f.ledger.claim(&mut tx, &police, None, 10, LEASE, at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let held: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
    let settled =
        Settle { ask: claimed[0].ask, fence: claimed[0].fence, outcome: Outcome::Found, cause: None, manifest: None };
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.settle(&mut tx, &[settled], at(1)).await.unwrap();
    assert_eq!(f.ledger.heartbeat(&mut tx, &held, LEASE, at(4)).await.unwrap(), 1, "one is settled");
    tx.commit().await.unwrap();
    let claim = async |minutes| {
        let mut tx = other.begin().await.unwrap();
        let claimed = other.claim(&mut tx, &police, None, 10, LEASE, at(minutes)).await.unwrap();
        tx.commit().await.unwrap();
        claimed.len()
    };
    assert_eq!(claim(6).await, 0, "the lease of five minutes was lengthened in the fourth");
    assert_eq!(claim(10).await, 1, "silence ends it");
    let mut tx = f.ledger.begin().await.unwrap();
    assert_eq!(f.ledger.heartbeat(&mut tx, &held, LEASE, at(10)).await.unwrap(), 0, "taken over");
}
