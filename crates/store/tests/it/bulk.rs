//! Whole buckets of columns, many files a snapshot: read back as if every answer had been settled on its own.

use hedui_base::{ColumnSpec, Outcome, PersonKey};
use hedui_store::plain::InputSpec;
use hedui_store::{At, BulkColumn, CASES, Ints, PEOPLE, ScannedColumn, Store, StoreError, Texts};
use sqlx::{AnyConnection, Connection as _};

use crate::support::{Account, account, accounts, catalogue, connect, outcome, people, settle};

fn ints(values: impl IntoIterator<Item = i64>) -> BulkColumn {
    BulkColumn::Ints(values.into_iter().map(Some).collect())
}

fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> BulkColumn {
    let mut texts = Texts::default();
    values.into_iter().for_each(|v| texts.push(v));
    BulkColumn::Texts(texts)
}

/// The columns of accounts, as `support::deposits` has them.
fn deposits(rows: &[Account]) -> Vec<(&'static str, BulkColumn)> {
    let balance: Ints = rows.iter().map(|r| r.balance).collect();
    vec![
        ("person", ints(rows.iter().map(|r| i64::from(r.person)))),
        ("source", texts(rows.iter().map(|r| Some(r.source)))),
        ("record_id", texts(rows.iter().map(|r| Some(r.account.as_str())))),
        ("as_of", ints(rows.iter().map(|_| 20_604))),
        ("ask", ints(rows.iter().map(|r| r.answer + 1000))),
        ("answer", ints(rows.iter().map(|r| r.answer))),
        ("account", texts(rows.iter().map(|r| Some(r.account.as_str())))),
        ("balance", BulkColumn::Ints(balance)),
    ]
}

fn coverage(rows: &[(u32, &str, Outcome, i64)]) -> Vec<(&'static str, BulkColumn)> {
    let of = |row: &(u32, &str, Outcome, i64)| outcome(row.0, row.1, row.2, row.3);
    let (asked, as_of) = (of(&rows[0]).asked.as_microsecond(), 20_604);
    vec![
        ("person", ints(rows.iter().map(|r| i64::from(r.0)))),
        ("source", texts(rows.iter().map(|r| Some(r.1)))),
        ("outcome", texts(rows.iter().map(|r| Some(r.2.as_str())))),
        ("ask", ints(rows.iter().map(|r| r.3 + 1000))),
        ("answer", ints(rows.iter().map(|r| r.3))),
        ("asked", ints(rows.iter().map(|_| asked))),
        ("answered", BulkColumn::Ints(rows.iter().map(|r| r.2.is_answer().then_some(asked)).collect())),
        ("as_of", ints(rows.iter().map(|_| as_of))),
        ("letter", texts(rows.iter().map(|_| Some("L-000001")))),
        ("manifest", texts(rows.iter().map(|_| Some("abc")))),
        ("detail", texts(rows.iter().map(|r| (!r.2.is_answer()).then_some("timeout")))),
    ]
}

async fn opened() -> (tempfile::TempDir, AnyConnection, Store) {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    (dir, conn, store)
}

#[tokio::test]
async fn unsorted_buckets_read_like_settled_answers_and_several_snapshots_come_at_once() {
    use Outcome::{Failed, Found, NoRecord};
    let (_dir, mut conn, store) = opened().await;
    let first =
        [account(3, "bank.b", "y", 2, 6), account(1, "bank.a", "x2", None, 1), account(1, "bank.a", "x1", 1, 1)];
    let far = [account(40_000, "bank.a", "z", 5, 4)];
    let asked =
        [(3, "bank.b", Found, 6), (3, "bank.a", NoRecord, 3), (1, "bank.b", Failed, 2), (1, "bank.a", Found, 1)];
    let corrected = [account(1, "bank.a", "x1", 10, 7)];
    let mut tx = conn.begin().await.unwrap();
    let mut commit = store.begin_bulk(&mut tx, 2).await.unwrap();
    let files = vec![
        store.write_bulk("deposit", 0, &deposits(&first)).unwrap(),
        store.write_bulk("coverage", 0, &coverage(&asked)).unwrap(),
        store.write_bulk("deposit", 2, &deposits(&far)).unwrap(),
        store.write_bulk("coverage", 2, &coverage(&[(40_000, "bank.a", Found, 4)])).unwrap(),
    ];
    commit.add(&mut tx, files.into_iter().map(|f| (0, f)).collect()).await.unwrap();
    let files = vec![
        store.write_bulk("deposit", 0, &deposits(&corrected)).unwrap(),
        store.write_bulk("coverage", 0, &coverage(&[(1, "bank.a", Found, 7)])).unwrap(),
    ];
    commit.add(&mut tx, files.into_iter().map(|f| (1, f)).collect()).await.unwrap();
    let ids = commit.finish(&mut tx, &[(1, 6), (7, 7)]).await.unwrap();
    tx.commit().await.unwrap();

    let everyone = people([1, 3, 40_000]);
    let then = store.snapshot(&mut conn, At::Id(ids[0])).await.unwrap();
    let mut expected = [first.to_vec(), far.to_vec()].concat();
    expected.sort();
    assert_eq!(accounts(&then.records("deposit", &everyone, Some(&["account", "balance"])).unwrap()), expected);
    assert_eq!(
        then.coverage(&everyone).unwrap().iter().map(|c| (c.person.0, c.outcome, c.answer.0)).collect::<Vec<_>>(),
        [(1, Found, 1), (1, Failed, 2), (3, NoRecord, 3), (3, Found, 6), (40_000, Found, 4)]
    );
    let now = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let live = accounts(&now.records("deposit", &people([1]), Some(&["account", "balance"])).unwrap());
    assert_eq!(live, corrected);
    assert!(store.verify(&mut conn).await.unwrap().problems.is_empty());
    // An ordinary settlement goes on from there, and a compaction finds nothing odd.
    settle(&store, &mut conn, &[account(3, "bank.b", "y", 9, 8)], &[outcome(3, "bank.b", Found, 8)]).await;
    store.compact(&mut conn, 2).await.unwrap();
    let after = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let live = accounts(&after.records("deposit", &everyone, Some(&["account", "balance"])).unwrap());
    assert_eq!(live.iter().map(|a| a.balance).collect::<Vec<_>>(), [Some(10), Some(9), Some(5)]);
}

#[tokio::test]
async fn a_file_that_does_not_fit_its_table_is_refused() {
    let (_dir, _conn, store) = opened().await;
    let row = [account(1, "bank.a", "x", 1, 1)];
    let fails =
        |table: &str, bucket, columns: &[(&str, BulkColumn)]| store.write_bulk(table, bucket, columns).unwrap_err();
    let with = |name: &'static str, column: BulkColumn| {
        let mut columns = deposits(&row);
        columns.retain(|(n, _)| *n != name);
        columns.push((name, column));
        columns
    };
    assert!(matches!(fails("deposits", 0, &deposits(&row)), StoreError::UnknownDataset { .. }));
    assert!(matches!(fails(CASES, 0, &deposits(&row)), StoreError::UnknownDataset { .. }), "not made yet");
    assert!(matches!(fails("deposit", 0, &with("balanse", ints([1]))), StoreError::UnknownColumn { .. }));
    for (bucket, columns) in [
        (1, deposits(&row)),
        (0, with("balance", ints([1, 2]))),
        (0, with("balance", texts([Some("1")]))),
        (0, with("account", ints([1]))),
        (0, with("balance", ints([2_000_000_000_000_000]))),
        (0, with("guarded", ints([2]))),
        (0, with("opened", ints([9_000_000]))),
        (0, with("person", BulkColumn::Ints([None].into_iter().collect()))),
    ] {
        assert!(matches!(fails("deposit", bucket, &columns), StoreError::BadColumn { .. }), "{columns:?}");
    }
}

#[tokio::test]
async fn a_caseload_is_two_tables_that_gain_a_column_with_a_new_input() {
    let (dir, mut conn, mut store) = opened().await;
    let input = |name: &str, of_person, ty: &str| InputSpec {
        name: name.to_owned(),
        of_person,
        column: ColumnSpec {
            title: hedui_base::catalogue::Title { zh: "输入".to_owned(), en: String::new() },
            ty: ty.parse().unwrap(),
            null: hedui_base::catalogue::NullMeaning::Unknown,
            min: None,
            max: None,
            codes: std::collections::BTreeMap::new(),
            level: "L3".to_owned(),
            mzt073: None,
        },
    };
    let inputs = [input("in_receipt", false, "bool"), input("applied_on", false, "date"), input("sex", true, "code")];
    store.case_tables(&mut conn, &inputs).await.unwrap();
    let case = vec![
        ("person", ints([7, 3])),
        ("case", texts([Some("ZJ-2"), Some("ZJ-1")])),
        ("position", ints([1, 0])),
        ("in_receipt", ints([1, 0])),
        ("applied_on", BulkColumn::Ints([Some(20_000), None].into_iter().collect())),
    ];
    let person = vec![
        ("person", ints([3, 7, 7])),
        ("position", ints([0, 1, 1])),
        ("who", ints([3, 2, 7])),
        ("role", texts([Some("member"), Some("obligor"), Some("member")])),
    ];
    let mut tx = conn.begin().await.unwrap();
    let mut commit = store.begin_bulk(&mut tx, 1).await.unwrap();
    let files = vec![store.write_bulk(CASES, 0, &case).unwrap(), store.write_bulk(PEOPLE, 0, &person).unwrap()];
    commit.add(&mut tx, files.into_iter().map(|f| (0, f)).collect()).await.unwrap();
    commit.finish(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();

    // A store opened anew has the tables; a pack that declares more gives them a column, which is null in old files.
    let mut store = Store::open(dir.path(), &mut conn, &catalogue()).await.unwrap();
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    assert_eq!((snapshot.files(CASES).unwrap().len(), snapshot.files(PEOPLE).unwrap().len()), (1, 1));
    store.case_tables(&mut conn, &[input("visited_on", false, "date")]).await.unwrap();
    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let columns = snapshot.columns(CASES, 0, Some(&["case", "applied_on", "visited_on"])).unwrap();
    let (BulkColumn::Texts(case), BulkColumn::Ints(applied), BulkColumn::Ints(visited)) =
        (&columns[0].1, &columns[1].1, &columns[2].1)
    else {
        panic!("{columns:?}")
    };
    assert_eq!((case.get(0), case.get(1)), (Some("ZJ-1"), Some("ZJ-2")));
    assert_eq!((applied.get(0), applied.get(1), visited.get(0)), (None, Some(20_000), None));
    assert!(snapshot.records(CASES, &[PersonKey(3)], None).is_err(), "a caseload is not a dataset");
    let found = store.case(&mut conn, At::Latest, "ZJ-2").await.unwrap().unwrap();
    let (case, people) = (&found.case, &found.people);
    assert_eq!((case.rows, case.int("position", 0), case.int("applied_on", 0)), (1, Some(1), Some(20_000)));
    assert_eq!((people.rows, people.int("who", 0), people.text("role", 1)), (2, Some(2), Some("member")));
    let unknown = async |conn: &mut AnyConnection| {
        for unknown in ["ZJ-15", "ZJ-3"] {
            assert!(store.case(conn, At::Latest, unknown).await.unwrap().is_none());
        }
    };
    unknown(&mut conn).await;
    // Where it was says nothing of where it is: a place at which another case lies, or none.
    for (number, person, position) in [("ZJ-15", 7, 1), ("ZJ-3", 3, 1), ("ZJ-3", -1, 0), ("ZJ-2", 3, 0)] {
        let place = "INSERT INTO store_case(number, person, position) VALUES ($1, $2, $3)";
        sqlx::query(place).bind(number).bind(person).bind(position).execute(&mut conn).await.unwrap();
    }
    unknown(&mut conn).await;
    assert_eq!(store.case(&mut conn, At::Latest, "ZJ-2").await.unwrap().unwrap().case, *case);
    // Nor do wrong places alone hide a case.
    sqlx::query("DELETE FROM store_case WHERE person = 7").execute(&mut conn).await.unwrap();
    assert_eq!(store.case(&mut conn, At::Latest, "ZJ-2").await.unwrap().unwrap().case, *case);
    // A store from before it said where its cases lie.
    sqlx::query("DELETE FROM store_case").execute(&mut conn).await.unwrap();
    assert_eq!(store.case(&mut conn, At::Latest, "ZJ-2").await.unwrap().unwrap().people, *people);
    unknown(&mut conn).await;
    let changed = store.case_tables(&mut conn, &[input("applied_on", false, "int")]).await.unwrap_err();
    assert!(matches!(changed, StoreError::ColumnChanged { .. }), "{changed}");
}

#[tokio::test]
async fn some_rows_picked_are_those_of_the_whole_scan() {
    let (_dir, mut conn, store) = opened().await;
    let names: Vec<String> = (0..20_000).map(|n| format!("账户{}", n % 7_000)).collect();
    let row = |n: usize| account((n / 40) as u32, "bank.a", &names[n], (n % 9 != 4).then_some(n as i64 * 3), 1);
    let first: Vec<Account> = (0..20_000).map(row).collect();
    let second: Vec<Account> = (0..300).map(|n| Account { source: "bank.b", answer: 2, ..row(n) }).collect();
    let mut tx = conn.begin().await.unwrap();
    let mut commit = store.begin_bulk(&mut tx, 2).await.unwrap();
    for (nth, rows) in [first, second].iter().enumerate() {
        let file = store.write_bulk("deposit", 0, &deposits(rows)).unwrap();
        commit.add(&mut tx, vec![(nth, file)]).await.unwrap();
    }
    commit.finish(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();

    let snapshot = store.snapshot(&mut conn, At::Latest).await.unwrap();
    let columns = ["account", "balance", "source"];
    let cells = |scan: &hedui_store::Scan| -> Vec<Vec<Option<String>>> {
        let cell = |column: &ScannedColumn, row: usize| match column {
            ScannedColumn::Ints { values, valid } => (valid.is_empty() || valid[row]).then(|| values[row].to_string()),
            ScannedColumn::Words { ids, words } => words.get(ids[row] as usize).map(ToString::to_string),
        };
        (0..scan.rows).map(|row| scan.columns.iter().map(|column| cell(column, row)).collect()).collect()
    };
    let all = cells(&snapshot.scan("deposit", 0, &columns).unwrap());
    assert_eq!(all.len(), 20_300);
    // None, the ends of files, neighbours, rows far apart, one beyond the last.
    let every = |step: usize| (0..20_300u32).step_by(step).collect::<Vec<_>>();
    for rows in [vec![], vec![0], vec![19_999, 20_000], vec![20_299, 20_300], every(1), every(17), every(8_191)] {
        let picked = cells(&snapshot.pick("deposit", 0, &columns, &rows).unwrap());
        let there = rows.iter().filter_map(|row| all.get(*row as usize));
        assert!(picked.iter().eq(there), "{} rows from {:?}", rows.len(), rows.first());
    }
}
