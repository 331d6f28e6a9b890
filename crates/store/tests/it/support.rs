use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use hedui_base::{AnswerId, AskId, Catalogue, Column, Outcome, PersonKey, Records, SourceId, SourceText, Table};
use hedui_databases::{Kind, Options, Server};
use hedui_store::{CoverageRow, SnapshotId, Store};
use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tempfile::TempDir;

pub(crate) const DEPOSIT: &str = r#"
[dataset]
name = "deposit"
title = { zh = "存款" }
per = "person"
key = ["account"]
[column.account]
title = { zh = "账号" }
type = "text"
[column.balance]
title = { zh = "余额" }
type = "money"
min = 0
[column.opened]
title = { zh = "开户日" }
type = "date"
[column.guarded]
title = { zh = "是否监护账户" }
type = "bool"
"#;

pub(crate) const INCOME: &str = r#"
[dataset]
name = "employment_income"
title = { zh = "工资薪金" }
per = "person"
key = ["month", "payer"]
[column.month]
title = { zh = "月份" }
type = "month"
[column.payer]
title = { zh = "扣缴单位" }
type = "text"
[column.gross]
title = { zh = "收入额" }
type = "money"
min = 0
"#;

pub(crate) fn catalogue_of(texts: &[&str]) -> Catalogue {
    let files: Vec<_> = texts.iter().map(|t| SourceText::new("dataset.toml", *t)).collect();
    Catalogue::parse(&files).unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    catalogue_of(&[DEPOSIT, INCOME])
}

pub(crate) async fn connect(dir: &Path) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}?mode=rwc", dir.join("hedui.db").display());
    let mut conn = AnyConnection::connect(&url).await.unwrap();
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut conn).await.unwrap();
    conn
}

/// A data folder, and the database that holds its catalogue.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    url: String,
    /// The database as DuckDB's `ATTACH 'ducklake:...'` names it.
    pub(crate) attached: String,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hedui.db").display().to_string();
        Self { folder, url: format!("sqlite:{file}?mode=rwc"), attached: format!("sqlite:{file}") }
    }

    /// A new database of a real server; none where PostgreSQL is not installed.
    pub(crate) async fn postgres() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let start = || SERVER.get_or_init(|| Server::for_tests(Kind::Postgres, &Options::default())).as_ref();
        let server = tokio::task::spawn_blocking(start).await.unwrap()?;
        let name = format!("lake_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let url = |database: &str| {
            let account = format!("postgres://{}:{}@", server.user(), server.password());
            server.endpoint(database).replace("postgres://", &account)
        };
        sqlx::any::install_default_drivers();
        let mut conn = AnyConnection::connect(&url(server.first_database())).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut conn).await.unwrap();
        let (port, user, password) = (server.port(), server.user(), server.password());
        let attached = format!("postgres:host=127.0.0.1 port={port} user={user} password={password} dbname={name}");
        Some(Self { folder: tempfile::tempdir().unwrap(), url: url(&name), attached })
    }

    /// One on each database that there is.
    pub(crate) async fn each() -> Vec<Self> {
        [Some(Self::sqlite()), Self::postgres().await].into_iter().flatten().collect()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let mut conn = AnyConnection::connect(&self.url).await.unwrap();
        if self.url.starts_with("sqlite") {
            sqlx::query("PRAGMA journal_mode = WAL").execute(&mut conn).await.unwrap();
        }
        conn
    }
}

/// One account of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    pub(crate) person: u32,
    pub(crate) source: &'static str,
    pub(crate) account: String,
    pub(crate) balance: Option<i64>,
    pub(crate) answer: i64,
}

pub(crate) fn account(
    person: u32,
    source: &'static str,
    account: &str,
    balance: impl Into<Option<i64>>,
    answer: i64,
) -> Account {
    Account { person, source, account: account.to_owned(), balance: balance.into(), answer }
}

pub(crate) fn deposits(rows: &[Account]) -> Records {
    let text = |t: &str| -> Option<Arc<str>> { Some(t.into()) };
    let columns = [
        ("account".to_owned(), Column::Text(rows.iter().map(|r| text(&r.account)).collect())),
        ("balance".to_owned(), Column::Int(rows.iter().map(|r| r.balance).collect())),
        ("opened".to_owned(), Column::Int(rows.iter().map(|r| Some(20_000 + r.answer)).collect())),
        ("guarded".to_owned(), Column::Int(rows.iter().map(|r| Some(r.answer % 2)).collect())),
    ];
    Records {
        person: rows.iter().map(|r| PersonKey(r.person)).collect(),
        source: rows.iter().map(|r| r.source.into()).collect(),
        record_id: rows.iter().map(|r| r.account.as_str().into()).collect(),
        as_of: rows.iter().map(|_| Some("2026-05-31".parse().unwrap())).collect(),
        ask: rows.iter().map(|r| AskId(r.answer + 1000)).collect(),
        answer: rows.iter().map(|r| AnswerId(r.answer)).collect(),
        table: Table { rows: rows.len(), columns: columns.into_iter().collect() },
    }
}

/// Wages of a month, by person and answer.
pub(crate) fn wages(rows: &[(u32, i64, i64)]) -> Records {
    let payer: Arc<str> = "甲公司".into();
    let columns = [
        ("month".to_owned(), Column::Int(rows.iter().map(|r| Some(24_312 + r.2 % 12)).collect())),
        ("payer".to_owned(), Column::Text(rows.iter().map(|_| Some(Arc::clone(&payer))).collect())),
        ("gross".to_owned(), Column::Int(rows.iter().map(|r| Some(r.1)).collect())),
    ];
    Records {
        person: rows.iter().map(|r| PersonKey(r.0)).collect(),
        source: rows.iter().map(|_| "tax".into()).collect(),
        record_id: rows.iter().map(|r| format!("{}", r.2).into()).collect(),
        as_of: rows.iter().map(|_| None).collect(),
        ask: rows.iter().map(|r| AskId(r.2)).collect(),
        answer: rows.iter().map(|r| AnswerId(r.2)).collect(),
        table: Table { rows: rows.len(), columns: columns.into_iter().collect() },
    }
}

/// What [`deposits`] was made of, read back.
pub(crate) fn accounts(records: &Records) -> Vec<Account> {
    (0..records.len())
        .map(|r| {
            let source = ["bank.a", "bank.b", "bank.c"].into_iter().find(|s| *s == records.source[r].as_str()).unwrap();
            assert_eq!(records.table.text("account", r), Some(&*records.record_id[r]));
            assert_eq!(records.ask[r].0, records.answer[r].0 + 1000);
            account(
                records.person[r].0,
                source,
                &records.record_id[r],
                records.table.int("balance", r),
                records.answer[r].0,
            )
        })
        .collect()
}

pub(crate) fn outcome(person: u32, source: &str, outcome: Outcome, answer: i64) -> CoverageRow {
    let asked: Timestamp = "2026-06-01T08:00:00.123456Z".parse().unwrap();
    CoverageRow {
        person: PersonKey(person),
        source: SourceId::from(source),
        outcome,
        ask: AskId(answer + 1000),
        answer: AnswerId(answer),
        asked,
        answered: outcome.is_answer().then_some(asked),
        as_of: Some("2026-05-31".parse().unwrap()),
        due: None,
        letter: Some("L-000001".to_owned()),
        manifest: "abc".to_owned(),
        detail: (!outcome.is_answer()).then(|| "timeout".to_owned()),
    }
}

/// Stages and publishes in one transaction.
pub(crate) async fn settle(
    store: &Store,
    conn: &mut AnyConnection,
    rows: &[Account],
    coverage: &[CoverageRow],
) -> SnapshotId {
    let staged = store.stage("deposit", &deposits(rows)).unwrap();
    let mut tx = conn.begin().await.unwrap();
    let id = store.publish(&mut tx, vec![staged], coverage).await.unwrap();
    tx.commit().await.unwrap();
    id
}

pub(crate) fn people(keys: impl IntoIterator<Item = u32>) -> Vec<PersonKey> {
    keys.into_iter().map(PersonKey).collect()
}
