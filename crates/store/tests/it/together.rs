//! Readers, a writer, a compaction and a removal at once: everyone sees whole states only, and nobody is turned away.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use hedui_base::Outcome;
use hedui_store::{At, Store};
use sqlx::Connection as _;

use crate::support::{Home, account, catalogue, deposits, outcome, people, settle, wages};

/// Rounds there are at least; more, until a compaction has had something to do.
const ROUNDS: i64 = 16;
const PEOPLE: u32 = 6;

/// What all of them know of each other.
#[derive(Default)]
struct Shared {
    /// The last round, once there is one.
    last: AtomicI64,
    compacted: AtomicUsize,
    removed: AtomicUsize,
}

/// Round `n` answers for everyone in both datasets: `n` is the balance, `10 n` the wage.
async fn write(home: &Home, store: &Store, shared: &Shared) {
    let mut conn = home.connect().await;
    for round in 1.. {
        let answer = |person: u32, source: i64| round * 100 + i64::from(person) * 2 + source;
        let rows: Vec<_> = (0..PEOPLE).map(|p| account(p, "bank.a", "a", round, answer(p, 0))).collect();
        let income: Vec<_> = (0..PEOPLE).map(|p| (p, round * 10, answer(p, 1))).collect();
        let coverage: Vec<_> = (0..PEOPLE)
            .flat_map(|p| {
                [outcome(p, "bank.a", Outcome::Found, answer(p, 0)), outcome(p, "tax", Outcome::Found, answer(p, 1))]
            })
            .collect();
        let staged = vec![
            store.stage("deposit", &deposits(&rows)).unwrap(),
            store.stage("employment_income", &wages(&income)).unwrap(),
        ];
        let mut tx = conn.begin().await.unwrap();
        store.publish(&mut tx, staged, &coverage).await.unwrap();
        tx.commit().await.unwrap();
        let enough = [&shared.compacted, &shared.removed].iter().all(|done| done.load(Ordering::Relaxed) > 0);
        if round >= ROUNDS && enough {
            shared.last.store(round, Ordering::Release);
            return;
        }
    }
}

/// Compacts, and every other time removes what was replaced a while ago, until there is nothing more to come.
async fn tidy(home: &Home, store: &Store, shared: &Shared) {
    let mut conn = home.connect().await;
    let mut turn = 0;
    while shared.last.load(Ordering::Acquire) == 0 {
        let done = store.compact(&mut conn, 2).await.unwrap();
        shared.compacted.fetch_add(done.written, Ordering::Relaxed);
        turn += 1;
        if turn % 2 == 0 {
            let history = store.history(&mut conn).await.unwrap();
            let before = history[history.len().saturating_sub(6)].time;
            let removal = store.removal(&mut conn, before).await.unwrap().unwrap();
            let mut tx = conn.begin().await.unwrap();
            let removed = store.remove(&mut tx, removal).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            shared.removed.fetch_add(removed.rows + removed.inlined, Ordering::Relaxed);
            store.sweep(&mut conn).await.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

/// Reads until the last round, and that too; every read is of one round, and rounds never go back.
async fn read(home: &Home, store: &Store, few: bool, shared: &Shared) {
    let mut conn = home.connect().await;
    let everyone = people(0..PEOPLE);
    let mut last = 0;
    loop {
        let over = shared.last.load(Ordering::Acquire);
        let snapshot = match few {
            true => store.snapshot_of(&mut conn, At::Latest, &everyone).await.unwrap(),
            false => store.snapshot(&mut conn, At::Latest).await.unwrap(),
        };
        let everyone = everyone.clone();
        let (balances, wages, coverage) = tokio::task::spawn_blocking(move || {
            let balances = snapshot.records("deposit", &everyone, None).unwrap();
            // Others write and compact between these reads.
            std::thread::yield_now();
            let wages = snapshot.records("employment_income", &everyone, None).unwrap();
            (balances, wages, snapshot.coverage(&everyone).unwrap())
        })
        .await
        .unwrap();
        let rounds: BTreeSet<i64> = (0..balances.len())
            .filter_map(|r| balances.table.int("balance", r))
            .chain((0..wages.len()).filter_map(|r| wages.table.int("gross", r).map(|w| w / 10)))
            .chain(coverage.iter().map(|c| c.answer.0 / 100))
            .collect();
        if let Some(round) = rounds.first() {
            assert_eq!(rounds.len(), 1, "a reader saw parts of rounds {rounds:?}");
            assert_eq!((balances.len(), wages.len(), coverage.len()), (6, 6, 12));
            assert!(*round >= last, "a later reader saw an earlier state");
            last = *round;
        }
        if over > 0 {
            assert_eq!(last, over);
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_whole_rounds_while_others_write_compact_and_remove() {
    for home in Home::each().await {
        for inline_rows in [0, 2000] {
            let home = if inline_rows == 0 { &home } else { &Home::sqlite() };
            let mut conn = home.connect().await;
            let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(inline_rows);
            let shared = Shared::default();
            tokio::join!(
                write(home, &store, &shared),
                tidy(home, &store, &shared),
                read(home, &store, true, &shared),
                read(home, &store, false, &shared)
            );
            while store.sweep(&mut conn).await.unwrap().1 > 0 {}
            store.compact(&mut conn, 2).await.unwrap();
            assert_eq!(store.verify(&mut conn).await.unwrap().problems, []);
        }
    }
}

#[tokio::test]
async fn a_pinned_reader_reads_the_same_before_and_after_everything() {
    let home = Home::sqlite();
    let mut conn = home.connect().await;
    let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
    // None of them has read anything when the rest happens.
    let pinned = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let few = store.snapshot_of(&mut conn, At::Latest, &people([1])).await.unwrap();
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 2, 2)], &[outcome(1, "bank.a", Outcome::Found, 2)]).await;
    store.compact(&mut conn, 2).await.unwrap();
    let moment = store.snapshot(&mut conn, At::Latest).await.unwrap().known_at();
    let removal = store.removal(&mut conn, moment).await.unwrap().unwrap();
    let mut tx = conn.begin().await.unwrap();
    store.remove(&mut tx, removal).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    store.sweep(&mut conn).await.unwrap();
    for snapshot in [&pinned, &few] {
        let read = snapshot.records("deposit", &people([1]), None).unwrap();
        assert_eq!((read.len(), read.table.int("balance", 0)), (1, Some(1)));
    }
}
