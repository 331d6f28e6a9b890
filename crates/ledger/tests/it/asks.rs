use hedui_base::{Outcome, PersonKey};
use hedui_ledger::{AskFilter, AskState, ClaimedAsk, Ledger, LedgerError, Planned, Reask, Settle};

use crate::{Fixture, LEASE, at, household, member, source};

async fn fixture() -> (Fixture, Vec<PersonKey>) {
    let f = Fixture::new().await;
    let people = (0..4).map(|n| member(n, "张三")).collect();
    let keys = f.register(&[household("C1", people)]).await.remove(0);
    (f, keys)
}

async fn claim(ledger: &Ledger, minutes: i64, limit: usize) -> Vec<ClaimedAsk> {
    let mut tx = ledger.begin().await.unwrap();
    let claimed = ledger.claim(&mut tx, &source("police.hukou"), None, limit, LEASE, at(minutes)).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

fn found(claimed: &[ClaimedAsk]) -> Vec<Settle> {
    claimed
        .iter()
        .map(|c| Settle { ask: c.ask, fence: c.fence, outcome: Outcome::Found, cause: None, manifest: None })
        .collect()
}

async fn settle(ledger: &Ledger, settled: &[Settle], minutes: i64) -> Result<Vec<i64>, LedgerError> {
    let mut tx = ledger.begin().await?;
    let answers = ledger.settle(&mut tx, settled, at(minutes)).await?;
    tx.commit().await?;
    Ok(answers.iter().map(|a| a.0).collect())
}

#[tokio::test]
async fn an_ask_is_made_once_claimed_once_and_settled_once() {
    let (f, people) = fixture().await;
    assert_eq!(f.plan("police.hukou", &people, &Reask::never()).await, Planned { new: 4, reopened: 0, kept: 0 });
    assert_eq!(f.plan("police.hukou", &people, &Reask::never()).await, Planned { new: 0, reopened: 0, kept: 4 });
    let first = claim(&f.ledger, 1, 3).await;
    let second = claim(&f.ledger, 1, 9).await;
    assert_eq!((first.len(), second.len()), (3, 1));
    assert!(claim(&f.ledger, 1, 9).await.is_empty(), "nothing is claimed twice while its lease runs");
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.mark_sent(&mut tx, &first, at(2)).await.unwrap();
    f.ledger.attach_raw(&mut tx, &first, "abc").await.unwrap();
    tx.commit().await.unwrap();
    let answers = settle(&f.ledger, &found(&first), 3).await.unwrap();
    assert_eq!(answers, [1, 2, 3]);
    assert_eq!(settle(&f.ledger, &found(&second), 3).await.unwrap(), [4], "answers grow");
    assert!(matches!(settle(&f.ledger, &found(&first), 4).await, Err(LedgerError::Fenced { lost: 3, .. })));
    let asks = f.ledger.asks(&AskFilter { people: Some(people[..1].to_vec()), ..AskFilter::default() }).await.unwrap();
    assert_eq!(
        (asks[0].state, asks[0].outcome, asks[0].raw.as_deref()),
        (AskState::Settled, Some(Outcome::Found), Some("abc"))
    );
    assert_eq!((asks[0].asked_at, asks[0].settled_at), (Some(at(2)), Some(at(3))));
    let counts = f.ledger.ask_counts().await.unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].outcome, counts[0].count), (Some(Outcome::Found), 4));
}

#[tokio::test]
async fn a_stalled_worker_cannot_settle_what_another_has_taken_over() {
    let (f, people) = fixture().await;
    f.plan("police.hukou", &people, &Reask::never()).await;
    let stalled = claim(&f.ledger, 0, 9).await;
    let fresh = claim(&f.ledger, 6, 2).await;
    assert_eq!(fresh.len(), 2, "the lease of five minutes has ended");
    assert!(fresh[0].fence > stalled[0].fence && fresh[0].attempts == 2);
    // The stalled worker's whole batch is refused, also the two asks that nobody took over, and nothing of it stays.
    match settle(&f.ledger, &found(&stalled), 7).await {
        Err(LedgerError::Fenced { lost: 2, first: Some(ask) }) => assert_eq!(ask, fresh[0].ask),
        other => panic!("{other:?}"),
    }
    let mut tx = f.ledger.begin().await.unwrap();
    assert!(f.ledger.mark_sent(&mut tx, &stalled, at(7)).await.is_err());
    drop(tx);
    assert_eq!(f.ledger.asks(&AskFilter { open: true, ..AskFilter::default() }).await.unwrap().len(), 4);
    assert_eq!(settle(&f.ledger, &found(&fresh), 7).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_killed_worker_is_noticed_at_once_and_its_raw_reply_is_not_asked_for_again() {
    let (f, people) = fixture().await;
    f.plan("police.hukou", &people, &Reask::never()).await;
    let killed = claim(&f.ledger, 0, 2).await;
    let mut tx = f.ledger.begin().await.unwrap();
    f.ledger.mark_sent(&mut tx, &killed, at(0)).await.unwrap();
    f.ledger.attach_raw(&mut tx, &killed[..1], "raw-1").await.unwrap();
    tx.commit().await.unwrap();

    let other = Ledger::open(f.dir.path()).await.unwrap();
    let release = async |minutes| {
        let mut tx = other.begin().await.unwrap();
        let freed = other.release_expired(&mut tx, at(minutes)).await.unwrap();
        tx.commit().await.unwrap();
        freed
    };
    assert_eq!(release(1).await, 0, "a living worker is not disturbed");
    f.ledger.close().await;
    drop(f.ledger);
    assert_eq!(release(1).await, 2, "its process is gone");
    let again = claim(&other, 1, 9).await;
    assert_eq!(again.len(), 4);
    assert_eq!(again[0].raw.as_deref(), Some("raw-1"));
    assert!(again[1..].iter().all(|c| c.raw.is_none()));
    assert_eq!(settle(&other, &found(&again), 2).await.unwrap(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn only_what_is_missing_is_asked_again() {
    let (f, people) = fixture().await;
    f.plan("police.hukou", &people, &Reask::never()).await;
    let claimed = claim(&f.ledger, 0, 9).await;
    let mut settled = found(&claimed);
    settled[1].outcome = Outcome::Failed;
    settled[1].cause = Some("timeout".into());
    settled[2].outcome = Outcome::NoRecord;
    settle(&f.ledger, &settled, 1).await.unwrap();
    let again = f.plan("police.hukou", &people, &Reask::unanswered(None)).await;
    assert_eq!(again, Planned { new: 0, reopened: 1, kept: 3 });
    let claimed = claim(&f.ledger, 2, 9).await;
    assert_eq!(claimed.iter().map(|c| c.person).collect::<Vec<_>>(), [people[1]]);
    settle(&f.ledger, &found(&claimed), 3).await.unwrap();
    assert_eq!(f.plan("police.hukou", &people, &Reask::unanswered(Some(at(2)))).await.reopened, 3, "older than fresh");
    let ask =
        f.ledger.asks(&AskFilter { people: Some(vec![people[2]]), ..AskFilter::default() }).await.unwrap().remove(0);
    assert_eq!(
        (ask.state, ask.outcome),
        (AskState::Planned, Some(Outcome::NoRecord)),
        "the answer stays until replaced"
    );
}

#[tokio::test]
async fn one_household_can_be_claimed_and_given_back() {
    let (f, people) = fixture().await;
    f.plan("police.hukou", &people, &Reask::never()).await;
    let mut tx = f.ledger.begin().await.unwrap();
    let own =
        f.ledger.claim(&mut tx, &source("police.hukou"), Some(&people[1..3]), usize::MAX, LEASE, at(0)).await.unwrap();
    assert_eq!(own.iter().map(|c| c.person).collect::<Vec<_>>(), people[1..3]);
    f.ledger.extend_lease(&mut tx, &own, LEASE, at(4)).await.unwrap();
    f.ledger.release(&mut tx, &own[..1]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&f.ledger, 6, 9).await.len(), 3, "the one given back and the two never claimed");
    let mut tx = f.ledger.begin().await.unwrap();
    assert_eq!(f.ledger.reopen(&mut tx, &[own[0].ask]).await.unwrap(), 0, "it is not settled");
}
