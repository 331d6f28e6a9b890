//! A store for `tests/read_with_duckdb.py` to read, with what our own reader sees in it.

use std::path::PathBuf;

use hedui_base::Outcome;
use hedui_store::{At, SnapshotId, Store};
use serde_json::json;

use crate::support::{account, accounts, catalogue, connect, outcome, people, settle};

#[tokio::test]
async fn keeps_a_store() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("HEDUI_KEEP_STORE").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&dir).unwrap();
    let mut conn = connect(&dir).await;
    sqlx::query("CREATE TABLE ledger_case(id BIGINT PRIMARY KEY)").execute(&mut conn).await.unwrap();
    let store = Store::open(&dir, &mut conn, &catalogue()).await.unwrap();
    let everyone = people((0..12).map(|n| n * 3000));
    let mut expected = Vec::new();
    let mut rows_so_far = 0;
    for answer in 1..=8i64 {
        let (mut rows, mut coverage) = (Vec::new(), Vec::new());
        for (at, person) in everyone.iter().enumerate() {
            let answer = answer * 100 + at as i64;
            let word = if (answer / 100 + at as i64) % 5 == 0 { Outcome::Failed } else { Outcome::Found };
            coverage.push(outcome(person.0, "bank.a", word, answer));
            if word == Outcome::Found {
                rows.push(account(person.0, "bank.a", &format!("账户{at}"), answer * 7, answer));
                rows.push(account(person.0, "bank.a", "b", (at % 2 == 0).then_some(answer), answer));
            }
        }
        rows_so_far += rows.len();
        let mut id = settle(&store, &mut conn, &rows, &coverage).await;
        if answer % 4 == 0 {
            let done = store.compact(&mut conn, 2).await.unwrap();
            assert!(done.merged > done.written && done.written > 0);
            id = SnapshotId(id.0 + 1);
        }
        let records = store.snapshot(&mut conn, At::Id(id)).await.unwrap().records("deposit", &everyone, None).unwrap();
        let balance: i64 = accounts(&records).iter().filter_map(|a| a.balance).sum();
        let first = (0..records.len()).filter_map(|r| records.table.int("opened", r)).min();
        expected.push(json!({ "id": id.0, "rows": rows_so_far, "live": records.len(), "balance": balance, "first_opened": first }));
    }
    // Every filter counts rows of all answers, superseded ones too.
    let conn = &mut conn;
    let all = store.snapshot(conn, At::Latest).await.unwrap();
    assert!(all.records("deposit", &everyone, None).unwrap().len() < rows_so_far);
    let found = |at: i64, answer: i64| (answer + at) % 5 != 0;
    let count = |of: &dyn Fn(i64, i64) -> bool| {
        let pairs = (0..12i64).flat_map(|at| (1..=8i64).map(move |answer| (at, answer)));
        pairs.filter(|(at, answer)| found(*at, *answer) && of(*at, *answer)).count()
    };
    let filters = json!({
        "person = 3000": 2 * count(&|at, _| at == 1),
        "person > 16383 AND balance < 1000": count(&|at, a| at * 3000 > 16_383 && (a * 100 + at) * 7 < 1000)
            + count(&|at, a| at * 3000 > 16_383 && at % 2 == 0 && a * 100 + at < 1000),
        "account = '账户7'": count(&|at, _| at == 7),
        "account = 'none such'": 0,
        "account > 'b'": count(&|_, _| true),
        "opened = DATE '1970-01-01' + 20811": 2 * count(&|at, a| a * 100 + at == 811),
        "guarded": 2 * count(&|at, _| at % 2 == 1),
        "balance IS NULL": count(&|at, _| at % 2 == 1),
        "person < 0": 0,
    });
    let balances: Vec<i64> = (0..12i64)
        .flat_map(|at| (1..=8i64).map(move |a| (at, a)))
        .filter(|(at, a)| found(*at, *a))
        .flat_map(|(at, a)| [Some((a * 100 + at) * 7), (at % 2 == 0).then_some(a * 100 + at)])
        .flatten()
        .collect();
    let range = [balances.iter().min(), balances.iter().max()];
    let text = json!({ "snapshots": expected, "filters": filters, "balance_range": range });
    std::fs::write(dir.join("expected.json"), serde_json::to_string_pretty(&text).unwrap()).unwrap();
    assert!(store.verify(conn).await.unwrap().problems.is_empty());
}
