//! Retention: superseded evidence older than the limit is gone from every file and table, and nothing else is.

use hedui_base::Outcome;
use hedui_store::{At, Remains, Removed, Store, StoreError};
use jiff::Timestamp;
use proptest::prelude::*;
use sqlx::{AnyConnection, Connection as _};

use crate::support::{Home, account, accounts, catalogue, outcome, people, settle};

/// Removes, in one transaction, and sweeps.
async fn retain(store: &Store, conn: &mut AnyConnection, before: Timestamp) -> Removed {
    let removal = store.removal(conn, before).await.unwrap().unwrap();
    let mut tx = conn.begin().await.unwrap();
    let removed = store.remove(&mut tx, removal).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    removed
}

#[tokio::test]
async fn superseded_evidence_goes_and_the_scan_finds_none() {
    for home in Home::each().await {
        for inline_rows in [0, 2000] {
            let home = if inline_rows == 0 { &home } else { &Home::sqlite() };
            let mut conn = home.connect().await;
            let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(inline_rows);
            let mut moments = Vec::new();
            // Person 1 is answered anew four times, person 2 once, person 3 was found and then is not.
            for n in 1..=4i64 {
                let mut rows = vec![account(1, "bank.a", "largest", 9_000_000 / n, n)];
                let mut coverage = vec![outcome(1, "bank.a", Outcome::Found, n)];
                if n == 1 {
                    rows.push(account(2, "bank.a", "kept", 7, 100));
                    rows.push(account(3, "bank.a", "gone", 8, 101));
                    coverage.push(outcome(2, "bank.a", Outcome::Found, 100));
                    coverage.push(outcome(3, "bank.a", Outcome::Found, 101));
                }
                if n == 2 {
                    coverage.push(outcome(3, "bank.a", Outcome::NoRecord, 102));
                }
                settle(&store, &mut conn, &rows, &coverage).await;
                moments.push(store.snapshot(&mut conn, At::Latest).await.unwrap().known_at());
                if n == 3 {
                    store.compact(&mut conn, 2).await.unwrap();
                }
            }
            let everyone = people([1, 2, 3]);
            let reads = async |conn: &mut AnyConnection, at| {
                let snapshot = store.snapshot(conn, at).await?;
                Ok::<_, StoreError>((
                    snapshot.records("deposit", &everyone, None).unwrap(),
                    snapshot.coverage(&everyone).unwrap(),
                ))
            };
            // Which files these people's buckets have is known from here on, until a removal.
            let few = async |conn: &mut AnyConnection| {
                let snapshot = store.snapshot_of(conn, At::Latest, &everyone).await?;
                Ok::<_, StoreError>((
                    snapshot.records("deposit", &everyone, None).unwrap(),
                    snapshot.coverage(&everyone).unwrap(),
                ))
            };
            let third = reads(&mut conn, At::Time(moments[2])).await.unwrap();
            let now = reads(&mut conn, At::Latest).await.unwrap();
            assert_eq!(few(&mut conn).await.unwrap(), now);
            let before = store.remains(&mut conn, moments[2]).await.unwrap();
            assert!(!before.none() && before.rows + before.inlined >= 6, "{before:?}");

            let held = store.snapshot(&mut conn, At::Time(moments[0])).await.unwrap();
            let removed = retain(&store, &mut conn, moments[2]).await;
            assert_eq!(removed.rows + removed.inlined, before.rows + before.inlined);
            assert!(removed.snapshots > 3, "{removed:?}");
            if inline_rows == 0 {
                // Whoever reads is not disturbed: files go when nobody reads any more.
                let waiting = store.sweep(&mut conn).await.unwrap();
                assert!(waiting.0 == 0 && waiting.1 == removed.files, "{waiting:?}");
                assert_eq!(held.records("deposit", &everyone, None).unwrap().len(), 3);
                assert_eq!(store.remains(&mut conn, moments[2]).await.unwrap().files, removed.files);
            }
            drop(held);
            store.sweep(&mut conn).await.unwrap();
            assert_eq!(store.remains(&mut conn, moments[2]).await.unwrap(), Remains::default());
            assert_eq!(store.verify(&mut conn).await.unwrap().problems, []);

            // What stays reads as before, and what was known too long ago can be read no more.
            assert_eq!(reads(&mut conn, At::Time(moments[2])).await.unwrap(), third);
            assert_eq!(reads(&mut conn, At::Latest).await.unwrap(), now);
            assert_eq!(few(&mut conn).await.unwrap(), now);
            let early = reads(&mut conn, At::Time(moments[1])).await.unwrap_err();
            assert!(matches!(early, StoreError::NoSnapshot(_)), "{early}");
            let largest = "SELECT max_value FROM ducklake_table_column_stats WHERE max_value = '9000000'";
            assert!(
                sqlx::query(largest).fetch_optional(&mut conn).await.unwrap().is_none(),
                "a removed value is named"
            );

            // Once more changes nothing, and life goes on.
            let again = retain(&store, &mut conn, moments[2]).await;
            assert_eq!((again.rows, again.inlined, again.files, again.snapshots), (0, 0, 0, 0));
            let row = account(1, "bank.a", "new", 1, 200);
            settle(&store, &mut conn, &[row], &[outcome(1, "bank.a", Outcome::Found, 200)]).await;
            store.compact(&mut conn, 2).await.unwrap();
            let latest = store.snapshot(&mut conn, At::Latest).await.unwrap();
            let read = accounts(&latest.records("deposit", &everyone, None).unwrap());
            assert_eq!(read.iter().map(|a| a.account.as_str()).collect::<Vec<_>>(), ["new", "kept"]);
        }
    }
}

#[tokio::test]
async fn a_removal_worked_out_before_a_compaction_is_not_carried_out() {
    let home = Home::sqlite();
    let mut conn = home.connect().await;
    let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    for n in 1..=2 {
        settle(&store, &mut conn, &[account(1, "bank.a", "x", n, n)], &[outcome(1, "bank.a", Outcome::Found, n)]).await;
    }
    let moment = store.snapshot(&mut conn, At::Latest).await.unwrap().known_at();
    let removal = store.removal(&mut conn, moment).await.unwrap().unwrap();
    store.compact(&mut conn, 2).await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    assert_eq!(store.remove(&mut tx, removal).await.unwrap(), None);
    tx.rollback().await.unwrap();
    assert_eq!(store.verify(&mut conn).await.unwrap().problems, [], "what it wrote is gone");
    let early = "2000-01-01T00:00:00Z".parse().unwrap();
    assert!(store.removal(&mut conn, early).await.unwrap().is_none(), "nothing is that old");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_snapshot_that_stays_reads_differently(
        batches in proptest::collection::vec(proptest::collection::vec((0u32..4, 0usize..3, 0u8..3), 1..5), 2..7),
        compactions in proptest::collection::vec(any::<bool>(), 7),
        inline_rows in prop_oneof![Just(0usize), Just(5), Just(2000)],
        limit in 0usize..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            const SOURCES: [&str; 3] = ["bank.a", "bank.b", "bank.c"];
            let home = Home::sqlite();
            let mut conn = home.connect().await;
            let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(inline_rows);
            let everyone = people(0..4);
            let (mut answer, mut seen) = (0, Vec::new());
            for (batch, compact) in batches.iter().zip(compactions) {
                let (mut rows, mut coverage) = (Vec::new(), Vec::new());
                for (person, source, count) in batch {
                    answer += 1;
                    let name = SOURCES[*source];
                    rows.extend((0..*count).map(|n| account(*person, name, &format!("a{n}"), answer, answer)));
                    coverage.push(outcome(*person, name, if *count == 0 { Outcome::NoRecord } else { Outcome::Found }, answer));
                }
                let id = settle(&store, &mut conn, &rows, &coverage).await;
                let snapshot = store.snapshot(&mut conn, At::Id(id)).await.unwrap();
                let read = (snapshot.records("deposit", &everyone, None).unwrap(), snapshot.coverage(&everyone).unwrap());
                seen.push((id, snapshot.known_at(), read));
                if compact {
                    store.compact(&mut conn, 2).await.unwrap();
                }
            }
            let limit = limit.min(seen.len() - 1);
            retain(&store, &mut conn, seen[limit].1).await;
            store.sweep(&mut conn).await.unwrap();
            assert!(store.remains(&mut conn, seen[limit].1).await.unwrap().none());
            assert_eq!(store.verify(&mut conn).await.unwrap().problems, []);
            for (at, (id, _, expected)) in seen.iter().enumerate() {
                let snapshot = store.snapshot(&mut conn, At::Id(*id)).await;
                if at < limit {
                    assert!(snapshot.is_err());
                } else {
                    let snapshot = snapshot.unwrap();
                    assert_eq!(&snapshot.records("deposit", &everyone, None).unwrap(), &expected.0);
                    assert_eq!(&snapshot.coverage(&everyone).unwrap(), &expected.1);
                }
            }
        });
    }
}
