//! Small publications: their rows lie in the catalogue, are read like any others, and go to files in a compaction.

use std::fs;

use hedui_base::Outcome;
use hedui_store::{At, FileProblem, Store, StoreError};
use sqlx::Connection as _;

use crate::support::{DEPOSIT, Home, account, accounts, catalogue, catalogue_of, deposits, outcome, people, settle};

/// Names of all files of data in the store's folder.
fn files(home: &Home) -> Vec<String> {
    let mut folders = vec![home.path().join("store")];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("readers.lock") {
                names.push(path.display().to_string());
            }
        }
    }
    names
}

#[tokio::test]
async fn a_small_publication_makes_no_files_and_reads_like_any_other() {
    for home in Home::each().await {
        let mut conn = home.connect().await;
        let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(8);
        let old = [account(1, "bank.a", "账户\u{1f411}'\"\n", -1, 1), account(40_000, "bank.a", "y", None, 2)];
        let both = [outcome(1, "bank.a", Outcome::Found, 1), outcome(40_000, "bank.a", Outcome::Found, 2)];
        let first = settle(&store, &mut conn, &old, &both).await;
        assert!(files(&home).is_empty(), "{:?}", files(&home));
        assert_eq!(settle(&store, &mut conn, &old, &both).await, first, "the same answers again change nothing");

        // Half known, half new; then one too large for the catalogue.
        let new = account(1, "bank.a", "z", 20, 3);
        let third = outcome(1, "bank.a", Outcome::Found, 3);
        settle(&store, &mut conn, &[new.clone(), old[1].clone()], &[third, both[1].clone()]).await;
        let many: Vec<_> = (0..7).map(|n| account(2, "bank.a", &format!("a{n}"), n, 4)).collect();
        let everyone = people([1, 2, 40_000]);
        let before = store.snapshot(&mut conn, At::Latest).await.unwrap();
        settle(
            &store,
            &mut conn,
            &many,
            &[outcome(2, "bank.a", Outcome::Found, 4), outcome(7, "bank.a", Outcome::Failed, 5)],
        )
        .await;
        let history = store.history(&mut conn).await.unwrap();
        let added: Vec<_> = history.iter().rev().take(3).map(|h| (h.files, h.rows, h.inlined)).collect();
        assert_eq!(added, [(2, 9, 0), (0, 2, 2), (0, 4, 4)]);

        let mut expected = vec![new, old[1].clone()];
        expected.splice(1..1, many);
        for compacted in [false, true] {
            let now = store.snapshot(&mut conn, At::Latest).await.unwrap();
            assert_eq!(accounts(&now.records("deposit", &everyone, None).unwrap()), expected);
            assert_eq!(now.coverage(&everyone).unwrap().len(), 3);
            assert_eq!(now.coverage_history(&people([1])).unwrap().len(), 2);
            let some = store.snapshot_of(&mut conn, At::Latest, &people([1, 40_000])).await.unwrap();
            let read = some.records("deposit", &people([40_000]), Some(&["balance"])).unwrap();
            assert_eq!((read.len(), read.table.int("balance", 0)), (1, None));
            let other = some.records("deposit", &people([2]), None).unwrap_err();
            assert!(matches!(other, StoreError::NotPinned), "{other}");
            assert!(some.files("deposit").is_err());
            // What was pinned, and what was known then, reads as before.
            let then = store.snapshot(&mut conn, At::Id(first)).await.unwrap();
            assert_eq!(accounts(&then.records("deposit", &everyone, None).unwrap()), old);
            assert_eq!(accounts(&before.records("deposit", &everyone, None).unwrap()).len(), 2);
            drop((now, then));
            if !compacted {
                let done = store.compact(&mut conn, 2).await.unwrap();
                assert_eq!((done.inlined, done.rows), (6, 6 + 9), "{done:?}");
                assert_eq!(store.compact(&mut conn, 2).await.unwrap().rows, 0, "nothing is left to do");
            }
        }
        drop(before);
        let verified = store.verify(&mut conn).await.unwrap();
        assert_eq!((verified.problems, verified.inlined), (vec![], 6));
    }
}

#[tokio::test]
async fn what_a_reader_spills_is_there_as_long_as_the_reader_is() {
    let home = Home::sqlite();
    let mut conn = home.connect().await;
    let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let paths = [snapshot.files("deposit").unwrap(), snapshot.files("coverage").unwrap()].concat();
    assert!(paths.len() == 2 && paths.iter().all(|p| p.is_file()), "{paths:?}");
    drop(snapshot);
    assert!(files(&home).is_empty());
}

#[tokio::test]
async fn nothing_of_a_transaction_that_is_rolled_back_stays() {
    for home in Home::each().await {
        let mut conn = home.connect().await;
        let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
        let row = account(1, "bank.a", "x", 1, 1);
        let staged = store.stage("deposit", &deposits(std::slice::from_ref(&row))).unwrap();
        let mut tx = conn.begin().await.unwrap();
        store.publish(&mut tx, vec![staged], &[outcome(1, "bank.a", Outcome::Found, 1)]).await.unwrap();
        tx.rollback().await.unwrap();
        let now = store.snapshot(&mut conn, At::Latest).await.unwrap();
        assert!(now.coverage(&people([1])).unwrap().is_empty());
        settle(&store, &mut conn, std::slice::from_ref(&row), &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
        let now = store.snapshot_of(&mut conn, At::Latest, &people([1])).await.unwrap();
        assert_eq!(accounts(&now.records("deposit", &people([1]), None).unwrap()), [row]);
    }
}

#[tokio::test]
async fn rows_from_before_a_dataset_gained_a_column_have_null_in_it() {
    for home in Home::each().await {
        let mut conn = home.connect().await;
        let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
        settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
        let wider = format!("{DEPOSIT}\n[column.bank]\ntitle = {{ zh = \"开户行\" }}\ntype = \"text\"\n");
        let store = Store::open(home.path(), &mut conn, &catalogue_of(&[&wider])).await.unwrap();
        settle(&store, &mut conn, &[account(2, "bank.a", "y", 2, 2)], &[outcome(2, "bank.a", Outcome::Found, 2)]).await;
        for _ in 0..2 {
            let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
            let read = snapshot.records("deposit", &people([1, 2]), None).unwrap();
            assert_eq!((read.len(), read.table.text("bank", 0)), (2, None));
            assert!(store.verify(&mut conn).await.unwrap().problems.iter().all(|p| !p.is_damage()));
            store.compact(&mut conn, 2).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_changed_row_in_the_catalogue_is_found() {
    for home in Home::each().await {
        let mut conn = home.connect().await;
        let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
        let id =
            settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)])
                .await;
        let row = sqlx::query("SELECT table_name FROM ducklake_inlined_data_tables ORDER BY table_id DESC LIMIT 1");
        let table: String = sqlx::Row::get(&row.fetch_one(&mut conn).await.unwrap(), 0);
        for (change, back) in [
            ("balance = 2", "balance = 1"),
            ("person = 2", "person = 1"),
            ("as_of = NULL", "as_of = '2026-05-31'"),
            ("end_snapshot = 1", "end_snapshot = NULL"),
            ("begin_snapshot = begin_snapshot - 1", "begin_snapshot = begin_snapshot + 1"),
        ] {
            for (set, damaged) in [(change, true), (back, false)] {
                let sql = format!("UPDATE {table} SET {set}");
                sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
                let problems = store.verify(&mut conn).await.unwrap().problems;
                assert_eq!(!problems.is_empty(), damaged, "{set}: {problems:?}");
                let named = |p: &FileProblem| matches!(p, FileProblem::Inlined { table, snapshot } if table == "deposit" && (id.0 - 1..=id.0).contains(snapshot));
                assert!(problems.iter().all(named), "{set}: {problems:?}");
            }
        }
    }
}
