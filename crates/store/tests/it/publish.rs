//! Publications and what readers see of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::Outcome;
use hedui_store::{At, FileProblem, Store, StoreError, StoreOptions};
use proptest::prelude::*;
use sqlx::Connection as _;

use crate::support::{
    Account, DEPOSIT, Home, account, accounts, catalogue, catalogue_of, connect, deposits, outcome, people, settle,
};

#[tokio::test]
async fn rows_come_back_sorted_and_only_of_the_people_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    let rows = [
        account(40_000, "bank.a", "z", 5, 4),
        account(1, "bank.b", "y", 2, 2),
        account(1, "bank.a", "x2", 11, 1),
        account(16_384, "bank.a", "w", None, 3),
        account(1, "bank.a", "x1", 1, 1),
    ];
    let coverage = [
        outcome(1, "bank.a", Outcome::Found, 1),
        outcome(1, "bank.b", Outcome::Found, 2),
        outcome(16_384, "bank.a", Outcome::Found, 3),
        outcome(40_000, "bank.a", Outcome::Found, 4),
        outcome(7, "bank.a", Outcome::Failed, 5),
    ];
    settle(&store, &mut conn, &rows, &coverage).await;
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let mut expected = rows.to_vec();
    expected.sort();
    let everyone = people([40_000, 16_384, 7, 1, 1]);
    let read = snapshot.records("deposit", &everyone, None).unwrap();
    assert_eq!(accounts(&read), expected);
    assert_eq!(read.table.int("opened", 0), Some(20_001));
    assert_eq!(read.table.int("guarded", 2), Some(0));
    assert_eq!(read.as_of[0], Some("2026-05-31".parse().unwrap()));
    assert_eq!(snapshot.coverage(&everyone).unwrap(), [0, 1, 4, 2, 3].map(|at| coverage[at].clone()));

    let some = snapshot.records("deposit", &people([16_384, 2]), Some(&["balance"])).unwrap();
    assert_eq!((some.len(), some.table.columns.len()), (1, 1));
    let none = snapshot.records("deposit", &people([99_999]), None).unwrap();
    assert!(none.is_empty() && none.table.columns.contains_key("balance"), "no rows, but the columns are there");
    assert!(snapshot.records("employment_income", &everyone, None).unwrap().is_empty());

    let unknown = snapshot.records("deposits", &everyone, None).unwrap_err();
    assert!(unknown.to_string().ends_with("did you mean `deposit`?"), "{unknown}");
    let unknown = snapshot.records("deposit", &everyone, Some(&["balanse"])).unwrap_err();
    assert!(unknown.to_string().ends_with("did you mean `balance`?"), "{unknown}");
    assert!(snapshot.records("coverage", &everyone, None).is_err(), "coverage is not a dataset");
}

#[tokio::test]
async fn a_new_answer_replaces_the_old_as_a_whole_and_a_pinned_reader_is_undisturbed() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    let old = [account(1, "bank.a", "x", 1, 1), account(1, "bank.a", "y", 2, 1), account(1, "bank.b", "z", 3, 2)];
    let first = settle(
        &store,
        &mut conn,
        &old,
        &[outcome(1, "bank.a", Outcome::Found, 1), outcome(1, "bank.b", Outcome::Found, 2)],
    )
    .await;
    let pinned = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let lazy = store.snapshot(&mut conn, At::Id(first)).await.unwrap();
    assert_eq!(accounts(&pinned.records("deposit", &people([1]), None).unwrap()), old);

    let new = account(1, "bank.a", "y", 20, 3);
    settle(&store, &mut conn, std::slice::from_ref(&new), &[outcome(1, "bank.a", Outcome::Found, 3)]).await;
    let now = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(accounts(&now.records("deposit", &people([1]), None).unwrap()), [new, old[2].clone()]);
    for reader in [&pinned, &lazy] {
        assert_eq!(accounts(&reader.records("deposit", &people([1]), None).unwrap()), old);
        assert_eq!(reader.coverage(&people([1])).unwrap().len(), 2);
    }
    let then = store.snapshot(&mut conn, At::Time(pinned.known_at())).await.unwrap();
    assert_eq!((then.id(), then.known_at()), (pinned.id(), pinned.known_at()));
    assert!(now.known_at() > then.known_at());

    // An answer without rows replaces too: what was found last month is not found now, or not known now.
    settle(&store, &mut conn, &[], &[outcome(1, "bank.a", Outcome::Failed, 4)]).await;
    let after = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(accounts(&after.records("deposit", &people([1]), None).unwrap()), [old[2].clone()]);
    let coverage = after.coverage(&people([1])).unwrap();
    assert_eq!(coverage[0], outcome(1, "bank.a", Outcome::Failed, 4));

    let early = "2000-01-01T00:00:00Z".parse().unwrap();
    assert!(matches!(store.snapshot(&mut conn, At::Time(early)).await, Err(StoreError::NoSnapshot(_))));
}

#[tokio::test]
async fn nothing_is_visible_before_commit_and_a_rollback_leaves_only_litter() {
    let dir = tempfile::tempdir().unwrap();
    let (mut conn, mut other) = (connect(dir.path()).await, connect(dir.path()).await);
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    let staged = store.stage("deposit", &deposits(&[account(1, "bank.a", "x", 1, 1)])).unwrap();
    assert_eq!((staged.dataset(), staged.rows()), ("deposit", 1));
    let mut tx = conn.begin().await.unwrap();
    store.publish(&mut tx, vec![staged], &[outcome(1, "bank.a", Outcome::Found, 1)]).await.unwrap();
    let outside = store.snapshot(&mut other, At::Latest).await.unwrap();
    assert!(outside.records("deposit", &people([1]), None).unwrap().is_empty());
    assert!(outside.coverage(&people([1])).unwrap().is_empty());
    tx.rollback().await.unwrap();
    let after = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(after.id(), outside.id());
    let verified = store.verify(&mut conn).await.unwrap();
    assert_eq!(verified.files, 0);
    assert_eq!(verified.problems.iter().filter(|p| matches!(p, FileProblem::Litter(_))).count(), 2);

    // The same answer again, this time to the end.
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
    let now = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(now.records("deposit", &people([1]), None).unwrap().len(), 1);
    assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn publishing_an_answer_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    let rows = [account(1, "bank.a", "x", 1, 1), account(2, "bank.a", "y", 2, 2), account(3, "bank.a", "z", 3, 3)];
    let coverage: Vec<_> = (1..=3).map(|p| outcome(p, "bank.a", Outcome::Found, i64::from(p))).collect();
    let first = settle(&store, &mut conn, &rows[..2], &coverage[..2]).await;
    let files = store.verify(&mut conn).await.unwrap();
    assert_eq!(settle(&store, &mut conn, &rows[..2], &coverage[..2]).await, first);
    assert_eq!(store.verify(&mut conn).await.unwrap(), files, "no file was added, none left behind");

    // Half old, half new: only the new half is published.
    let second = settle(&store, &mut conn, &rows, &coverage).await;
    assert!(second > first);
    let history = store.history(&mut conn).await.unwrap();
    assert_eq!(history.last().map(|h| (h.id, h.rows)), Some((second, 2)), "one row and its outcome");
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(accounts(&snapshot.records("deposit", &people([1, 2, 3]), None).unwrap()), rows);
    assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());

    // Rows of a known answer without its outcome are a repetition too; rows of an unknown one are refused.
    let again = store.stage("deposit", &deposits(&rows[..1])).unwrap();
    assert_eq!(store.publish(&mut conn, vec![again], &[]).await.unwrap(), second);
    let orphan = store.stage("deposit", &deposits(&[account(1, "bank.a", "x", 1, 77)])).unwrap();
    let refused = store.publish(&mut conn, vec![orphan], &[]).await.unwrap_err();
    assert!(matches!(refused, StoreError::RowsWithoutOutcome { answer: 77, .. }), "{refused}");
    let torn = [outcome(5, "bank.a", Outcome::Found, 50), outcome(5, "bank.a", Outcome::NoRecord, 50)];
    assert!(store.publish(&mut conn, Vec::new(), &torn).await.is_err());
}

#[tokio::test]
async fn rows_that_do_not_fit_the_catalogue_are_refused_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    let good = deposits(&[account(1, "bank.a", "x", 1, 1)]);
    let refused = |change: &dyn Fn(&mut hedui_base::Records)| {
        let mut bad = good.clone();
        change(&mut bad);
        store.stage("deposit", &bad).unwrap_err().to_string()
    };
    let mistyped = refused(&|r| {
        let column = r.table.columns.remove("balance").unwrap();
        r.table.columns.insert("balence".to_owned(), column);
    });
    assert_eq!(mistyped, "dataset `deposit` has no column `balence`; did you mean `balance`?");
    let texts = refused(&|r| {
        let column = r.table.columns["account"].clone();
        r.table.columns.insert("balance".to_owned(), column);
    });
    assert!(texts.contains("expected a column of numbers"), "{texts}");
    let huge = refused(&|r| {
        r.table.columns.insert("balance".to_owned(), hedui_base::Column::Int(vec![Some(1_000_000_000_000_001)]));
    });
    assert!(huge.contains("10^15"), "{huge}");
    let date = refused(&|r| {
        r.table.columns.insert("opened".to_owned(), hedui_base::Column::Int(vec![Some(i64::MAX)]));
    });
    assert!(date.contains("date"), "{date}");
    assert!(refused(&|r| r.answer.clear()).contains("same length"));
    assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn a_dataset_may_gain_columns_but_not_change_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
    let before = store.snapshot(&mut conn, At::Latest).await.unwrap().id();
    Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    assert_eq!(store.snapshot(&mut conn, At::Latest).await.unwrap().id(), before, "opening again changes nothing");

    let wider = format!("{DEPOSIT}\n[column.bank]\ntitle = {{ zh = \"开户行\" }}\ntype = \"text\"\n");
    let store = Store::open(dir.path(), &mut conn, &catalogue_of(&[&wider])).await.unwrap();
    settle(&store, &mut conn, &[account(2, "bank.a", "y", 2, 2)], &[outcome(2, "bank.a", Outcome::Found, 2)]).await;
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let read = snapshot.records("deposit", &people([1, 2]), None).unwrap();
    assert_eq!((read.len(), read.table.text("bank", 0)), (2, None));
    assert!(read.table.columns.contains_key("bank"));

    let changed = DEPOSIT.replace("type = \"money\"\nmin = 0", "type = \"text\"");
    let refused = Store::open(dir.path(), &mut conn, &catalogue_of(&[&changed])).await.unwrap_err();
    assert!(matches!(refused, StoreError::ColumnChanged { .. }), "{refused}");
    let reserved = DEPOSIT.replace("[column.opened]", "[column.as_of]");
    let refused = Store::open(dir.path(), &mut conn, &catalogue_of(&[&reserved])).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReservedName { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_wait_for_each_other_and_lose_nothing() {
    for home in Home::each().await {
        let home = Arc::new(home);
        drop(home.connect().await);
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4u32 {
            let home = Arc::clone(&home);
            writers.spawn(async move {
                // All four find the store missing and create it.
                let mut conn = home.connect().await;
                let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
                for n in 0..5u32 {
                    let person = writer * 5 + n;
                    let answer = i64::from(person) + 1;
                    let rows = [account(person, "bank.a", "x", i64::from(person), answer)];
                    settle(&store, &mut conn, &rows, &[outcome(person, "bank.a", Outcome::Found, answer)]).await;
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        let mut conn = home.connect().await;
        let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
        let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
        let read = accounts(&snapshot.records("deposit", &people(0..20), None).unwrap());
        assert_eq!(read.iter().map(|a| a.person).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        let history = store.history(&mut conn).await.unwrap();
        assert!(history.windows(2).all(|w| w[0].id < w[1].id && w[0].time < w[1].time));
    }
}

#[tokio::test]
async fn a_store_keeps_the_bucket_size_it_was_created_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let of = |bucket_people| StoreOptions { bucket_people };
    let refused = Store::open_with(dir.path(), &mut conn, &catalogue(), of(0)).await.unwrap_err();
    assert!(matches!(refused, StoreError::BadOption("bucket_people", _)), "{refused}");
    let store = Store::open_with(dir.path(), &mut conn, &catalogue(), of(10)).await.unwrap().with_inline_rows(0);
    let coverage: Vec<_> = (0..40).map(|p| outcome(p, "bank.a", Outcome::NoRecord, i64::from(p) + 1)).collect();
    settle(&store, &mut conn, &[], &coverage).await;
    for reopened in [
        Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap(),
        Store::open_with(dir.path(), &mut conn, &catalogue(), of(7)).await.unwrap(),
    ] {
        assert_eq!(reopened.bucket_people(), 10);
        let snapshot = reopened.snapshot(&mut conn, At::Latest).await.unwrap();
        assert_eq!(snapshot.files("coverage").unwrap().len(), 4);
        assert_eq!(snapshot.coverage(&people(0..40)).unwrap(), coverage);
    }

    // A store from before buckets could be chosen has the size that all had then.
    sqlx::query("DELETE FROM ducklake_metadata WHERE key = 'bucket_people'").execute(&mut conn).await.unwrap();
    let store = Store::open_with(dir.path(), &mut conn, &catalogue(), of(7)).await.unwrap();
    assert_eq!(store.bucket_people(), 16_384);
}

/// Publications as (person, source, rows, again): the model keeps the rows of the largest answer of each pair.
fn publications() -> impl Strategy<Value = Vec<Vec<(u32, usize, u8)>>> {
    let answer = (prop_oneof![0u32..3, 16_383u32..16_386], 0usize..3, 0u8..3);
    proptest::collection::vec(proptest::collection::vec(answer, 1..5), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_live_rows_are_those_of_the_newest_answers(
        batches in publications(),
        compact_after in 0usize..6,
        // None of them, some and all of the publications go into the catalogue.
        inline_rows in prop_oneof![Just(0usize), Just(4), Just(2000)],
        bucket_people in prop_oneof![Just(1u32), Just(2), Just(1000), Just(16_384), Just(u32::MAX)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            const SOURCES: [&str; 3] = ["bank.a", "bank.b", "bank.c"];
            let dir = tempfile::tempdir().unwrap();
            let mut conn = connect(dir.path()).await;
            let options = StoreOptions { bucket_people };
            let store = Store::open_with(dir.path(), &mut conn, &catalogue(), options).await.unwrap();
            let store = store.with_inline_rows(inline_rows);
            let mut model: BTreeMap<(u32, usize), Vec<Account>> = BTreeMap::new();
            let mut answer = 0;
            for (at, batch) in batches.iter().enumerate() {
                let (mut rows, mut coverage) = (Vec::new(), Vec::new());
                for (person, source, count) in batch {
                    answer += 1;
                    let name = SOURCES[*source];
                    let own: Vec<_> = (0..*count)
                        .map(|n| account(*person, name, &format!("acc{n}"), i64::from(n) * 100, answer))
                        .collect();
                    let word = if own.is_empty() { Outcome::NoRecord } else { Outcome::Found };
                    coverage.push(outcome(*person, name, word, answer));
                    rows.extend(own.clone());
                    model.insert((*person, *source), own);
                }
                settle(&store, &mut conn, &rows, &coverage).await;
                if at == compact_after {
                    store.compact(&mut conn, 2).await.unwrap();
                }
            }
            let everyone = people(model.keys().map(|(p, _)| *p));
            let mut expected: Vec<Account> = model.values().flatten().cloned().collect();
            expected.sort();
            for snapshot in [
                store.snapshot(&mut conn, At::Latest).await.unwrap(),
                store.snapshot_of(&mut conn, At::Latest, &everyone).await.unwrap(),
            ] {
                assert_eq!(accounts(&snapshot.records("deposit", &everyone, None).unwrap()), expected);
                assert_eq!(snapshot.coverage(&everyone).unwrap().len(), model.len());
            }
            assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());
        });
    }
}
