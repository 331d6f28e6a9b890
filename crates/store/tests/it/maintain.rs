//! Verification, litter, compaction.

use std::fs;

use hedui_base::Outcome;
use hedui_store::{At, Compaction, FileProblem, Store};

use crate::support::{account, accounts, catalogue, connect, deposits, outcome, people, settle};

#[tokio::test]
async fn a_run_killed_between_stage_and_publish_leaves_litter_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
    let staged = store.stage("deposit", &deposits(&[account(2, "bank.a", "y", 2, 2)])).unwrap();
    // What a kill does: no destructor runs.
    std::mem::forget(staged);
    drop(conn);

    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    let verified = store.verify(&mut conn).await.unwrap();
    assert_eq!((verified.files, verified.problems.len()), (2, 1));
    assert!(matches!(&verified.problems[0], FileProblem::Litter(p) if p.extension().is_some_and(|e| e == "tmp")));
    assert!(!verified.problems[0].is_damage());
    settle(&store, &mut conn, &[account(2, "bank.a", "y", 2, 2)], &[outcome(2, "bank.a", Outcome::Found, 2)]).await;
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(snapshot.records("deposit", &people([1, 2]), None).unwrap().len(), 2);

    drop(store.stage("deposit", &deposits(&[account(3, "bank.a", "z", 3, 3)])).unwrap());
    assert_eq!(store.verify(&mut conn).await.unwrap().problems.len(), 1, "one given up cleans up after itself");
}

#[tokio::test]
async fn a_flipped_byte_and_a_missing_file_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    settle(&store, &mut conn, &[account(1, "bank.a", "x", 1, 1)], &[outcome(1, "bank.a", Outcome::Found, 1)]).await;
    let clean = store.verify(&mut conn).await.unwrap();
    assert!(clean.problems.is_empty() && clean.files == 2 && clean.bytes > 0);

    let file =
        |table: &str| fs::read_dir(dir.path().join("store").join(table)).unwrap().next().unwrap().unwrap().path();
    for table in ["deposit", "coverage"] {
        let whole = fs::read(file(table)).unwrap();
        // The first, the last, and bytes all over: header, pages, indexes, footer.
        for at in (0..whole.len()).step_by(31).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(file(table), bytes).unwrap();
            let found = store.verify(&mut conn).await.unwrap().problems;
            let named =
                matches!(&found[..], [FileProblem::Changed(p)] if p.ends_with(file(table).file_name().unwrap()));
            assert!(named, "byte {at} of {table}: {found:?}");
        }
        // Cut off, and longer than it was.
        for bytes in [&whole[..whole.len() - 1], &[whole.as_slice(), &[0]].concat()] {
            fs::write(file(table), bytes).unwrap();
            assert_eq!(store.verify(&mut conn).await.unwrap().problems.len(), 1);
        }
        fs::write(file(table), &whole).unwrap();
    }
    assert_eq!(store.verify(&mut conn).await.unwrap().problems, []);
    let mut bytes = fs::read(file("deposit")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file("deposit"), bytes).unwrap();

    fs::remove_file(file("coverage")).unwrap();
    let found = store.verify(&mut conn).await.unwrap().problems;
    assert!(matches!(&found[..], [FileProblem::Missing(_), FileProblem::Changed(_)]), "{found:?}");
    assert!(found.iter().all(FileProblem::is_damage));
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert!(
        snapshot.records("deposit", &people([1]), None).is_err(),
        "a missing file is an error, never an empty answer"
    );
}

#[tokio::test]
async fn compaction_changes_no_answer_and_disturbs_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    for n in 1..=6i64 {
        let person = (n % 3) as u32;
        let rows = [account(person, "bank.a", "x", n, n), account(person, "bank.a", "w", n * 10, n)];
        settle(&store, &mut conn, &rows, &[outcome(person, "bank.a", Outcome::Found, n)]).await;
    }
    let everyone = people(0..3);
    let before = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let third = store.history(&mut conn).await.unwrap()[5].id;
    let done = store.compact(&mut conn, 2).await.unwrap();
    assert_eq!(done, Compaction { merged: 12, written: 2, rows: 18, inlined: 0 });
    assert_eq!(store.compact(&mut conn, 2).await.unwrap(), Compaction::default(), "nothing more to merge");

    let after = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!((before.files("deposit").unwrap().len(), after.files("deposit").unwrap().len()), (6, 1));
    let expected = before.records("deposit", &everyone, None).unwrap();
    assert_eq!(accounts(&expected).iter().map(|a| a.answer).collect::<Vec<_>>(), [6, 6, 4, 4, 5, 5]);
    assert_eq!(after.records("deposit", &everyone, None).unwrap(), expected);
    assert_eq!(after.coverage(&everyone).unwrap(), before.coverage(&everyone).unwrap());
    let old = store.snapshot(&mut conn, At::Id(third)).await.unwrap();
    let answers: Vec<i64> =
        accounts(&old.records("deposit", &everyone, None).unwrap()).iter().map(|a| a.answer).collect();
    assert!(!answers.contains(&6) && !answers.is_empty(), "time travel reads what was known then: {answers:?}");
    assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());

    settle(&store, &mut conn, &[account(9, "bank.a", "x", 1, 9)], &[outcome(9, "bank.a", Outcome::Found, 9)]).await;
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!(snapshot.records("deposit", &people(0..10), None).unwrap().len(), 7);
}
