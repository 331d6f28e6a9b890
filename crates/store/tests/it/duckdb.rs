//! DuckDB attaches the very same store and sees what our own reader sees, on SQLite and on PostgreSQL.

use std::path::PathBuf;
use std::process::Command;

use hedui_base::Outcome;
use hedui_store::{At, SnapshotId, Store};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};

use crate::support::{Home, account, catalogue, deposits, outcome, people, wages};

const PEOPLE: std::ops::Range<u32> = 0..12;

/// The Python that `.ci/duckdb` installs DuckDB for; none where nobody ran it.
fn python() -> Option<PathBuf> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let tools = home("HEDUI_TOOLS").or_else(|| home("HOME").map(|h| h.join(".cache/hedui-tools")))?;
    Some(tools.join("duckdb/bin/python")).filter(|path| path.exists())
}

/// Counts and sums of the live rows of every dataset at a snapshot.
async fn seen(store: &Store, conn: &mut AnyConnection, id: SnapshotId) -> Value {
    let everyone = people(PEOPLE.map(|n| n * 3000));
    let snapshot = store.snapshot(conn, At::Id(id)).await.unwrap();
    let of = |dataset: &str, column: &str| {
        let records = snapshot.records(dataset, &everyone, None).unwrap();
        let values: Vec<i64> = (0..records.len()).filter_map(|r| records.table.int(column, r)).collect();
        json!({ "live": records.len(), "sum": values.iter().sum::<i64>(), "least": values.iter().min() })
    };
    json!({
        "id": id.0,
        "datasets": {
            "deposit": { "balance": of("deposit", "balance"), "opened": of("deposit", "opened") },
            "employment_income": { "gross": of("employment_income", "gross") },
        },
        "outcomes": snapshot.coverage(&everyone).unwrap().len(),
    })
}

async fn keep(home: &Home, inline_rows: usize) -> Value {
    let mut conn = home.connect().await;
    // Other tables beside the catalogue are no trouble.
    sqlx::query("CREATE TABLE ledger_case(id BIGINT PRIMARY KEY)").execute(&mut conn).await.unwrap();
    let store = Store::open(home.path(), &mut conn, &catalogue()).await.unwrap();
    let store = store.with_inline_rows(inline_rows);
    let mut snapshots = Vec::new();
    let mut every = 0;
    for round in 1..=8i64 {
        let (mut rows, mut income, mut coverage) = (Vec::new(), Vec::new(), Vec::new());
        for at in PEOPLE {
            let (person, answer) = (at * 3000, round * 100 + i64::from(at));
            let word = if (round + i64::from(at)) % 5 == 0 { Outcome::Failed } else { Outcome::Found };
            coverage.push(outcome(person, "bank.a", word, answer));
            if word == Outcome::Found {
                rows.push(account(person, "bank.a", &format!("账户{at}"), answer * 7, answer));
                rows.push(account(person, "bank.a", "b", (at % 2 == 0).then_some(answer), answer));
            }
            if at % 3 == 0 {
                coverage.push(outcome(person, "tax", Outcome::Found, 5000 + answer));
                income.push((person, answer * 11, 5000 + answer));
            }
        }
        every += rows.len();
        let staged = vec![
            store.stage("deposit", &deposits(&rows)).unwrap(),
            store.stage("employment_income", &wages(&income)).unwrap(),
        ];
        let mut tx = conn.begin().await.unwrap();
        let mut id = store.publish(&mut tx, staged, &coverage).await.unwrap();
        tx.commit().await.unwrap();
        // The last rounds stay as they are.
        if round % 3 == 0 {
            let done = store.compact(&mut conn, 2).await.unwrap();
            assert!(done.written > 0);
            id = SnapshotId(id.0 + 1);
        }
        let mut snapshot = seen(&store, &mut conn, id).await;
        snapshot["every_deposit"] = every.into();
        snapshots.push(snapshot);
    }
    let last = snapshots.last().unwrap();
    assert!(last["datasets"]["deposit"]["balance"]["live"].as_u64().unwrap() < every as u64, "answers were superseded");
    assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());
    json!({ "snapshots": snapshots, "filters": filters(), "balance_range": balance_range() })
}

/// (person's place, round, whether it is the first account) of every deposit row there ever was.
fn every_row() -> impl Iterator<Item = (i64, i64, bool)> {
    let pairs = (0..12i64).flat_map(|at| (1..=8i64).map(move |round| (at, round)));
    pairs.filter(|(at, round)| (round + at) % 5 != 0).flat_map(|(at, round)| [(at, round, true), (at, round, false)])
}

const fn balance(at: i64, round: i64, first: bool) -> Option<i64> {
    match (first, at % 2) {
        (true, _) => Some((round * 100 + at) * 7),
        (false, 0) => Some(round * 100 + at),
        (false, _) => None,
    }
}

/// Filters that DuckDB answers with the catalogue's statistics, with the rows they leave, superseded ones too.
fn filters() -> Value {
    let count = |of: &dyn Fn(i64, i64, bool) -> bool| every_row().filter(|(at, r, first)| of(*at, *r, *first)).count();
    json!({
        "person = 3000": count(&|at, _, _| at == 1),
        "person > 16383 AND balance < 1000":
            count(&|at, r, first| at * 3000 > 16_383 && balance(at, r, first).is_some_and(|b| b < 1000)),
        "account = '账户7'": count(&|at, _, first| at == 7 && first),
        "account = 'none such'": 0,
        "account > 'b'": count(&|_, _, first| first),
        "opened = DATE '1970-01-01' + 20811": count(&|at, r, _| r * 100 + at == 811),
        "guarded": count(&|at, r, _| (r * 100 + at) % 2 == 1),
        "balance IS NULL": count(&|at, r, first| balance(at, r, first).is_none()),
        "person < 0": 0,
    })
}

fn balance_range() -> Value {
    let balances: Vec<i64> = every_row().filter_map(|(at, round, first)| balance(at, round, first)).collect();
    json!([balances.iter().min(), balances.iter().max()])
}

#[tokio::test]
async fn reads_the_store_as_we_do_now_and_at_every_snapshot() {
    let python = python();
    if python.is_none() {
        use std::io::Write as _;
        // Not through the test's captured output: it must be seen in a green run too.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: DuckDB is not installed (bash .ci/duckdb); its test proves little");
    }
    // With all rows in files, and with those since the last compaction in the catalogue.
    let homes = Home::each().await.into_iter().zip([0, 0]).chain(Home::each().await.into_iter().zip([2000, 2000]));
    for (home, inline_rows) in homes {
        let expected = home.path().join("expected.json");
        std::fs::write(&expected, keep(&home, inline_rows).await.to_string()).unwrap();
        let Some(python) = &python else { continue };
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/read_with_duckdb.py");
        let run = Command::new(python).arg(script).arg(&home.attached).arg(&expected).output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(run.status.success(), "{}{}", said(&run.stdout), said(&run.stderr));
    }
}
