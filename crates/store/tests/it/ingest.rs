//! Unsorted rows keyed by numbers: however they are cut into files and shuffled, the same store; what comes twice is there once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hedui_base::{Outcome, PersonKey};
use hedui_store::ingest::{Ingest, IngestSource, Ingested, Registered};
use hedui_store::{At, BulkColumn, Store, StoreError, StoreOptions, Texts};
use sqlx::{AnyConnection, Connection as _};

use crate::support::{catalogue, connect};

/// A row of `deposit`: whose, from which bank, account, balance, day of opening, whether guarded.
#[derive(Clone, Debug)]
struct Deposit {
    key: u32,
    bank: &'static str,
    account: String,
    balance: Option<i64>,
    opened: Option<i64>,
    guarded: Option<bool>,
}

const PEOPLE: u32 = 700;

fn number(key: u32) -> i64 {
    990_000_000_000_000_000 + i64::from(key) * 741_776_259_371 % 1_000_000_000_000
}

/// Numbers that look drawn, the same ones every time.
fn drawn(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

/// Most people have nothing, a few have a lot; nulls in every column that may have them.
fn city() -> Vec<Deposit> {
    let mut draw = drawn(7);
    let mut rows = Vec::new();
    for key in 1..=PEOPLE {
        let count = [0, 0, 1, 2, 3, 60][if key % 97 == 0 { 5 } else { draw(5) }];
        for nth in 0..count {
            rows.push(Deposit {
                key,
                bank: ["bank.a", "bank.b"][draw(2)],
                account: format!("62{:04}{key:05}-{nth}", draw(10_000)),
                balance: (draw(9) > 0).then(|| draw(1 << 30) as i64 - 1_000_000),
                opened: (draw(4) > 0).then(|| draw(20_000) as i64),
                guarded: (draw(3) > 0).then(|| draw(2) == 1),
            });
        }
    }
    rows
}

fn shuffled<T>(rows: &mut [T], seed: u64) {
    let mut draw = drawn(seed);
    (1..rows.len()).for_each(|at| rows.swap(at, draw(at + 1)));
}

fn write(store: &Store, rows: &[Deposit], path: &Path) {
    let ints = |of: &dyn Fn(&Deposit) -> Option<i64>| BulkColumn::Ints(rows.iter().map(of).collect());
    let texts = |of: &dyn Fn(&Deposit) -> &str| {
        let mut texts = Texts::default();
        rows.iter().for_each(|row| texts.push(Some(of(row))));
        BulkColumn::Texts(texts)
    };
    let columns = [
        ("source", texts(&|r| r.bank)),
        ("record_id", texts(&|r| &r.account)),
        ("account", texts(&|r| &r.account)),
        ("balance", ints(&|r| r.balance)),
        ("opened", ints(&|r| r.opened)),
        ("guarded", ints(&|r| r.guarded.map(i64::from))),
    ];
    store.write_unsorted("deposit", ints(&|r| Some(number(r.key))), &columns, path).unwrap();
}

struct Taken {
    dir: tempfile::TempDir,
    conn: AnyConnection,
    store: Store,
    ingested: Ingested,
}

fn sources() -> Vec<IngestSource> {
    let source = |id: &str, asks| IngestSource {
        id: id.to_owned(),
        asks,
        manifest: format!("manifest of {id}"),
        as_of: 20_000 + i64::from(asks),
        asked: 1,
        answered: 2,
    };
    vec![source("bank.b", 3), source("bank.a", 1)]
}

/// Cuts rows into files of so many and takes them in.
async fn taken(rows: &[Deposit], each: usize, threads: usize) -> Result<Taken, StoreError> {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let options = StoreOptions { bucket_people: 150 };
    let store = Store::open_with(dir.path(), &mut conn, &catalogue(), options).await.unwrap();
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for (nth, part) in rows.chunks(each).enumerate() {
        let path = dir.path().join(format!("{nth:04}.parquet"));
        write(&store, part, &path);
        files.push(("deposit".to_owned(), path));
    }
    let people: Vec<Registered> = (1..=PEOPLE)
        .map(|key| Registered { number: number(key), standing: 1 + (key % 3 == 0) as u8, letter: key / 3 })
        .collect();
    let ingest = Ingest::new(&store, people.into_iter(), sources(), &dir.path().join("work"))?;
    let done = std::sync::Mutex::new(Vec::new());
    let letter = |index: u32| format!("L-{index:06}");
    let ingested = ingest.run(&files, threads, &letter, &|nth, files| done.lock().unwrap().push((nth, files)))?;
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(bucket, _)| *bucket);
    let mut tx = conn.begin().await.unwrap();
    let mut commit = store.begin_bulk(&mut tx, 1).await.unwrap();
    for (_, files) in done {
        commit.add(&mut tx, files.into_iter().map(|file| (0, file)).collect()).await.unwrap();
    }
    commit.finish(&mut tx, &[ingested.answers]).await.unwrap();
    tx.commit().await.unwrap();
    Ok(Taken { dir, conn, store, ingested })
}

impl Taken {
    /// The files of the store: a file's name is its bucket and what is in it.
    fn files(&self) -> Vec<String> {
        let tables = std::fs::read_dir(self.dir.path().join("store")).unwrap();
        let files = tables.flat_map(|table| std::fs::read_dir(table.unwrap().path()).unwrap());
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().path().to_string_lossy().rsplit('/').next().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn every_row_lands_with_its_person_and_everybody_has_an_outcome() {
    let mut rows = city();
    shuffled(&mut rows, 1);
    let mut taken = taken(&rows, 190, 2).await.unwrap();
    assert_eq!((taken.ingested.rows, taken.ingested.strangers), (rows.len() as u64, 0));
    let snapshot = taken.store.snapshot(&mut taken.conn, At::Latest).await.unwrap();
    let everybody: Vec<PersonKey> = (1..=PEOPLE).map(PersonKey).collect();
    let records = snapshot.records("deposit", &everybody, None).unwrap();
    let found: Vec<_> = (0..records.len())
        .map(|row| {
            let of = |name: &str| records.table.int(name, row);
            let account = records.table.text("account", row).unwrap().to_string();
            let source = records.source[row].to_string();
            (records.person[row].0, source, account, of("balance"), of("opened"), of("guarded"))
        })
        .collect();
    // One who is an obligor is not asked about at the first bank, so what it has is not there to be read.
    let mut wanted: Vec<_> = rows
        .iter()
        .filter(|r| r.bank == "bank.b" || r.key % 3 != 0)
        .map(|r| (r.key, r.bank.to_owned(), r.account.clone(), r.balance, r.opened, r.guarded.map(i64::from)))
        .collect();
    wanted.sort();
    assert_eq!(found, wanted);
    let has: BTreeSet<(u32, &str)> = wanted.iter().map(|row| (row.0, row.1.as_str())).collect();
    let outcomes = snapshot.coverage(&everybody).unwrap();
    assert_eq!(outcomes.len(), (1..=PEOPLE).map(|key| if key % 3 == 0 { 1 } else { 2 }).sum::<usize>());
    for outcome in outcomes {
        let found = has.contains(&(outcome.person.0, outcome.source.as_str()));
        let wanted = if found { Outcome::Found } else { Outcome::NoRecord };
        assert_eq!(outcome.outcome, wanted, "{} at {}", outcome.person.0, outcome.source);
    }
    assert!(taken.store.verify(&mut taken.conn).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn order_files_and_threads_change_no_byte() {
    let mut rows = city();
    let first = taken(&rows, 10_000, 1).await.unwrap().files();
    assert!(first.len() > 8, "{first:?}");
    for (seed, each, threads) in [(2, 10_000, 1), (3, 100, 1), (4, 37, 3)] {
        shuffled(&mut rows, seed);
        assert_eq!(taken(&rows, each, threads).await.unwrap().files(), first, "seed {seed}, {each} a file");
    }
}

#[tokio::test]
async fn what_comes_twice_is_there_once_and_the_last_word_counts() {
    let mut rows = city();
    let once = taken(&rows, 200, 2).await.unwrap().files();
    let mut wrong: Vec<Deposit> = rows.iter().filter(|r| r.key % 5 == 0).cloned().collect();
    wrong.iter_mut().for_each(|row| row.balance = Some(1));
    let twice = [rows.clone(), rows.clone()].concat();
    assert_eq!(taken(&twice, 200, 2).await.unwrap().files(), once, "the same evidence twice");
    shuffled(&mut rows, 5);
    let corrected = [wrong, rows].concat();
    assert_eq!(taken(&corrected, 50, 2).await.unwrap().files(), once, "corrected by later files");
}

#[tokio::test]
async fn people_nobody_registered_are_counted_and_unknown_sources_refused() {
    let mut rows = city();
    let known = rows.len();
    rows.push(Deposit { key: PEOPLE + 1, ..rows[0].clone() });
    let taken_in = taken(&rows, 200, 2).await.unwrap();
    assert_eq!((taken_in.ingested.rows, taken_in.ingested.strangers), (known as u64 + 1, 1));
    rows[0].bank = "bank.of.nowhere";
    let refused = taken(&rows, 200, 2).await.err();
    assert!(matches!(refused, Some(StoreError::BadColumn { ref column, .. }) if column == "source"), "{refused:?}");
}
