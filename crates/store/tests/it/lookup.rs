//! A few people are looked up page by page, with what reading whole buckets gives.

use hedui_base::{Outcome, PersonKey, Records};
use hedui_store::{At, CoverageRow, Snapshot, Store, StoreOptions};
use proptest::prelude::*;

use crate::support::{Home, account, accounts, catalogue, connect, outcome, people, settle};

#[tokio::test]
async fn people_looked_up_are_read_as_with_everyone() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let options = StoreOptions { bucket_people: 100_000 };
    let store = Store::open_with(dir.path(), &mut conn, &catalogue(), options).await.unwrap();
    // Enough rows for many pages a column; some people have hundreds, most one, every seventh none; then some anew.
    let (mut answer, mut newest) = (0, std::collections::BTreeMap::new());
    for round in 0..3u32 {
        let (mut rows, mut coverage) = (Vec::new(), Vec::new());
        for person in (0..20_000u32).filter(|p| p % 7 != 3 && (round == 0 || p % 11 == round)) {
            answer += 1;
            let count = if person % 997 == 0 { 700 } else { 1 };
            let name = |n: u32| format!("{person:06}-{round}-{n:04}");
            let own: Vec<_> = (0..count)
                .map(|n| account(person, "bank.a", &name(n), (n % 3 > 0).then_some(i64::from(n)), answer))
                .collect();
            coverage.push(outcome(person, "bank.a", Outcome::Found, answer));
            rows.extend(own.iter().cloned());
            newest.insert(person, own);
        }
        settle(&store, &mut conn, &rows, &coverage).await;
    }
    for compacted in [false, true] {
        if compacted {
            store.compact(&mut conn, 2).await.unwrap();
        }
        let all = store.snapshot(&mut conn, At::Latest).await.unwrap();
        let every = people(0..20_000);
        assert_eq!(accounts(&all.records("deposit", &every, None).unwrap()).len(), newest.values().flatten().count());
        for family in
            [vec![0], vec![3], vec![996, 997, 998], vec![1, 10_003, 19_999], vec![8191, 8192], (500..564).collect()]
        {
            let expected: Vec<_> = family.iter().filter_map(|p| newest.get(p)).flatten().cloned().collect();
            let people = people(family);
            // One that has read the whole bucket, and one that looks up.
            let few = store.snapshot_of(&mut conn, At::Latest, &people).await.unwrap();
            for snapshot in [&all, &few] {
                assert_eq!(accounts(&snapshot.records("deposit", &people, None).unwrap()), expected);
                let some = snapshot.records("deposit", &people, Some(&["guarded"])).unwrap();
                assert_eq!((some.len(), some.table.columns.len()), (expected.len(), 1));
            }
            assert_eq!(few.coverage(&people).unwrap(), all.coverage(&people).unwrap());
            assert_eq!(few.coverage_history(&people).unwrap(), all.coverage_history(&people).unwrap());
        }
    }
}

/// One answer about a person: how many accounts the source named, or none if it did not answer.
type Answered = (u32, &'static str, Option<usize>);

/// Publications of answers, each into files or into the catalogue.
fn publications() -> impl Strategy<Value = Vec<(bool, Vec<Answered>)>> {
    let source = prop::sample::select(vec!["bank.a", "bank.b", "bank.c"]);
    let answered = (0..60u32, source, prop::option::weighted(0.8, prop_oneof![0..4usize, Just(900)]));
    prop::collection::vec((any::<bool>(), prop::collection::vec(answered, 1..40)), 1..5)
}

/// What stays the same of both: rows of a dataset, outcomes now and ever.
fn seen(snapshot: &Snapshot, who: &[PersonKey], columns: Option<&[&str]>) -> (Records, [Vec<CoverageRow>; 2]) {
    let records = snapshot.records("deposit", who, columns).unwrap();
    (records, [snapshot.coverage(who).unwrap(), snapshot.coverage_history(who).unwrap()])
}

/// Those of some people among everybody's.
fn of(records: &Records, who: &[PersonKey]) -> Records {
    let rows: Vec<usize> = (0..records.len()).filter(|row| who.contains(&records.person[*row])).collect();
    let mut some = Records {
        person: rows.iter().map(|r| records.person[*r]).collect(),
        source: rows.iter().map(|r| records.source[*r].clone()).collect(),
        record_id: rows.iter().map(|r| records.record_id[*r].clone()).collect(),
        as_of: rows.iter().map(|r| records.as_of[*r]).collect(),
        ask: rows.iter().map(|r| records.ask[*r]).collect(),
        answer: rows.iter().map(|r| records.answer[*r]).collect(),
        table: records.table.clone(),
    };
    some.table.rows = rows.len();
    some.table.columns.values_mut().for_each(|column| *column = column.take(&rows));
    some
}

/// Publishes, now and then compacts, and at every state compares looking some people up with a filter of everything read.
async fn compare(home: &Home, publications: &[(bool, Vec<Answered>)], who: &[u32], columns: &[&str], compact: bool) {
    let mut conn = home.connect().await;
    let options = StoreOptions { bucket_people: 25 };
    let store = Store::open_with(home.path(), &mut conn, &catalogue(), options).await.unwrap();
    let (who, everyone) = (people(who.iter().copied()), people(0..100));
    let mut answer = 0;
    let mut states = Vec::new();
    for (inlined, answers) in publications {
        let store = store.clone().with_inline_rows(if *inlined { 100_000 } else { 0 });
        let (mut rows, mut coverage) = (Vec::new(), Vec::new());
        for (person, source, found) in answers {
            answer += 1;
            let how = if found.is_some() { Outcome::Found } else { Outcome::Failed };
            coverage.push(outcome(*person, source, how, answer));
            let name = |n: usize| format!("{}{n:03}", answer % 3);
            rows.extend(
                (0..found.unwrap_or(0)).map(|n| account(*person, source, &name(n), (n % 4 > 0).then_some(7), answer)),
            );
        }
        states.push(settle(&store, &mut conn, &rows, &coverage).await);
    }
    if compact {
        store.compact(&mut conn, 2).await.unwrap();
        states.push(store.snapshot(&mut conn, At::Latest).await.unwrap().id());
    }
    for state in states {
        let all = store.snapshot(&mut conn, At::Id(state)).await.unwrap();
        let few = store.snapshot_of(&mut conn, At::Id(state), &who).await.unwrap();
        for columns in [None, Some(columns)] {
            let (records, outcomes) = seen(&few, &who, columns);
            let (every, known) = seen(&all, &everyone, columns);
            assert_eq!(records, of(&every, &who), "records of {who:?} at {state}");
            if let Some(columns) = columns {
                let datasets = [("deposit", columns.to_vec()), ("employment_income", vec![])];
                let (side_by_side, coverage) = few.household(&datasets, &who).unwrap();
                assert_eq!(side_by_side[0], records, "a household of {who:?} at {state}");
                assert_eq!(side_by_side[1], few.records("employment_income", &who, Some(&[])).unwrap());
                assert_eq!(coverage, outcomes[0]);
            }
            for (some, every) in outcomes.iter().zip(known) {
                let own: Vec<CoverageRow> = every.into_iter().filter(|row| who.contains(&row.person)).collect();
                assert_eq!(*some, own, "outcomes of {who:?} at {state}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn looking_up_is_a_filter_of_reading_everything(
        publications in publications(),
        who in prop::collection::btree_set(0..70u32, 1..6),
        columns in prop::sample::subsequence(vec!["account", "balance", "opened", "guarded"], 0..4),
        compact in any::<bool>(),
    ) {
        let who: Vec<u32> = who.into_iter().collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(&Home::sqlite(), &publications, &who, &columns, compact));
    }
}

#[tokio::test]
async fn looking_up_is_a_filter_of_reading_everything_on_every_database() {
    let publications = [
        (true, vec![(1, "bank.a", Some(2)), (2, "bank.b", None), (30, "bank.a", Some(0))]),
        (false, vec![(1, "bank.a", Some(900)), (2, "bank.b", Some(3)), (3, "bank.c", Some(1))]),
        (true, vec![(1, "bank.a", Some(1)), (30, "bank.c", Some(2)), (2, "bank.c", Some(1))]),
    ];
    for home in Home::each().await {
        compare(&home, &publications, &[1, 2, 30, 99], &["balance", "guarded"], true).await;
    }
}

/// A store with one file of deposits, and where it is.
async fn with_a_file(home: &Home) -> (Store, std::path::PathBuf) {
    let mut conn = home.connect().await;
    let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap().with_inline_rows(0);
    let answer = |person: u32| i64::from(person) + 1;
    let rows: Vec<_> = (0..9000).map(|p| account(p, "bank.a", "a", i64::from(p), answer(p))).collect();
    let coverage: Vec<_> = (0..9000).map(|p| outcome(p, "bank.a", Outcome::Found, answer(p))).collect();
    settle(&store, &mut conn, &rows, &coverage).await;
    let all = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let path = all.bucket_parts("deposit", 0)[0].path.clone();
    (store, path)
}

#[tokio::test]
async fn a_file_that_is_gone_is_named() {
    let home = Home::sqlite();
    let (store, path) = with_a_file(&home).await;
    let mut conn = home.connect().await;
    let who = people([17]);
    // Where its pages lie is known before it goes.
    let before = store.snapshot_of(&mut conn, At::Latest, &who).await.unwrap();
    assert_eq!(before.records("deposit", &who, None).unwrap().len(), 1);
    std::fs::remove_file(&path).unwrap();
    let few = store.snapshot_of(&mut conn, At::Latest, &who).await.unwrap();
    let error = few.records("deposit", &who, None).unwrap_err().to_string();
    assert!(error.contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_named_or_read_but_never_a_panic() {
    let home = Home::sqlite();
    let (store, path) = with_a_file(&home).await;
    let mut conn = home.connect().await;
    let who = people([0, 17, 8999]);
    let whole = std::fs::read(&path).unwrap();
    let warm = store.snapshot_of(&mut conn, At::Latest, &who).await.unwrap();
    let intact = warm.records("deposit", &who, None).unwrap();
    let mut refused = 0;
    let places = (0..whole.len())
        .step_by(whole.len() / 120)
        .map(|at| (at, 0x55))
        .chain((1..60).map(|n| (whole.len() - n, 0xff)));
    for (at, with) in places {
        let mut bytes = whole.clone();
        bytes[at] ^= with;
        bytes.truncate(if at % 5 == 0 { at } else { bytes.len() });
        std::fs::write(&path, &bytes).unwrap();
        // One store that knows where the pages lay, and one that has to find out.
        let cold = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
        for (store, is_warm) in [(&store, true), (&cold, false)] {
            let few = store.snapshot_of(&mut conn, At::Latest, &who).await.unwrap();
            match few.records("deposit", &who, None) {
                Err(error) => {
                    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
                    refused += 1;
                }
                // Every value is under the checksum of its page; where the pages lie is not.
                Ok(found) if is_warm => assert_eq!(found, intact, "with another byte {at}"),
                Ok(_) => {}
            }
        }
    }
    assert!(refused > 100, "{refused}");
    std::fs::write(&path, &whole).unwrap();
    let again = store.snapshot_of(&mut conn, At::Latest, &who).await.unwrap();
    assert_eq!(again.records("deposit", &who, None).unwrap().len(), 3);
}

#[tokio::test]
async fn a_file_of_another_program_is_read_as_well() {
    let home = Home::sqlite();
    let (store, path) = with_a_file(&home).await;
    let mut conn = home.connect().await;
    let who = people([0, 17, 8999]);
    let before = store.snapshot_of(&mut conn, At::Latest, &who).await.unwrap().records("deposit", &who, None).unwrap();
    // Its author is all that says so: the same bytes under another name.
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(6).rposition(|part| part == b"hedui ").unwrap();
    bytes[at..at + 6].copy_from_slice(b"somedb");
    std::fs::write(&path, &bytes).unwrap();
    let cold = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
    let few = cold.snapshot_of(&mut conn, At::Latest, &who).await.unwrap();
    assert_eq!(few.records("deposit", &who, None).unwrap(), before);
}
