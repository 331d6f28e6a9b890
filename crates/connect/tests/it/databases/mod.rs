//! The same register in SQLite, PostgreSQL and MariaDB: one table of cases, real servers.

mod cases;
mod encrypted;
mod faults;

use std::sync::{Arc, OnceLock};

use hedui_base::SourceText;
use hedui_connect::{Context, InstitutionFolder, Registry, Site, Source, catalogue};
use hedui_databases::{Kind, Options, Server};
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

/// Which database a test speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Sqlite,
    Postgres,
    MariaDb,
}

/// One empty database and who may do everything in it.
pub(super) struct Database {
    pub(super) which: Which,
    pub(super) endpoint: String,
    account: (String, String),
    _folder: Option<TempDir>,
}

/// The one server of its kind in this test binary; it ends with the process.
fn server(kind: Kind) -> Option<&'static Server> {
    static POSTGRES: OnceLock<Option<Server>> = OnceLock::new();
    static MARIADB: OnceLock<Option<Server>> = OnceLock::new();
    let cell = if kind == Kind::Postgres { &POSTGRES } else { &MARIADB };
    cell.get_or_init(|| Server::for_tests(kind, &Options::default())).as_ref()
}

/// A new database of that name wherever one can be had.
pub(super) async fn everywhere(name: &str) -> Vec<Database> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("register.db");
    std::fs::write(&file, "").unwrap();
    let mut all = vec![Database {
        which: Which::Sqlite,
        endpoint: format!("sqlite:{}", file.display()),
        account: (String::new(), String::new()),
        _folder: Some(folder),
    }];
    for (which, kind) in [(Which::Postgres, Kind::Postgres), (Which::MariaDb, Kind::MariaDb)] {
        // Starting one waits for a process: not on the thread of the runtime.
        let Some(server) = tokio::task::spawn_blocking(move || server(kind)).await.unwrap() else { continue };
        let account = (server.user().to_owned(), server.password().to_owned());
        let first = Database { which, endpoint: server.endpoint(server.first_database()), account, _folder: None };
        first.run(&format!("CREATE DATABASE {name}")).await;
        all.push(Database { endpoint: server.endpoint(name), ..first });
    }
    all
}

impl Database {
    /// Runs statements as the administrator. Words in braces are what the databases spell differently.
    pub(super) async fn run(&self, text: &str) {
        let types = match self.which {
            Which::Sqlite => ["", "REAL", "TEXT", "BLOB", "X'00'"],
            Which::Postgres => ["", "DOUBLE PRECISION", "TIMESTAMP", "BYTEA", "'\\x00'"],
            Which::MariaDb => [" CHARACTER SET gbk", "DOUBLE", "DATETIME", "BLOB", "X'00'"],
        };
        let mut text = text.to_owned();
        for (word, spelt) in ["{gbk}", "{float}", "{instant}", "{bytes}", "{zero_byte}"].iter().zip(types) {
            text = text.replace(word, spelt);
        }
        let text = sqlx::raw_sql(AssertSqlSafe(text));
        match self.which {
            Which::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&self.endpoint).await.unwrap();
                text.execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Which::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.with_account()).await.unwrap();
                text.execute(&mut connection).await.unwrap();
            }
            Which::MariaDb => {
                let mut connection = sqlx::MySqlConnection::connect(&self.with_account()).await.unwrap();
                text.execute(&mut connection).await.unwrap();
            }
        }
    }

    fn with_account(&self) -> String {
        let (user, password) = &self.account;
        let url = self.endpoint.replace("://", &format!("://{user}:{password}@"));
        // What the tests write may hold days that do not exist.
        if self.which == Which::Postgres {
            format!("{url}?sslmode=disable")
        } else {
            format!("{url}?ssl-mode=disabled")
        }
    }

    /// A context whose site knows this database as institution `registry`.
    pub(super) fn context(&self) -> Context {
        let (user, password) = &self.account;
        self.context_as(user, password)
    }

    pub(super) fn context_as(&self, user: &str, password: &str) -> Context {
        let text = format!(
            "[registry]\nendpoint = \"{}\"\ntls = \"off\"\n[registry.secrets]\nuser = \"{user}\"\npassword = \"{password}\"\n",
            self.endpoint
        );
        let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
        let now = "2026-06-30T02:00:00Z".parse().unwrap();
        Context::new(site).unwrap().with_clock(move || now)
    }
}

/// The manifest after an edit.
pub(super) fn registry(from: &str, to: &str) -> Arc<Source> {
    let text = include_str!("registry.toml");
    assert!(text.contains(from), "{from}");
    load(&if from.is_empty() { text.to_owned() } else { text.replace(from, to) })
}

/// The manifest that asks for what was registered in the last two months.
pub(super) fn dated_registry() -> Arc<Source> {
    let numbers = "IN (:id_number[])\"";
    let text = include_str!("registry.toml")
        .replace(numbers, "IN (:id_number[]) AND djsj >= :period_from AND djsj <= :period_until\"")
        .replace("batch = 10\n", "batch = 10\nperiod = { months = 2, end = \"last_closed_month\" }\n");
    load(&text)
}

fn load(text: &str) -> Arc<Source> {
    let file = SourceText::new("registry/connector.toml", text);
    let folder = InstitutionFolder { name: "registry".into(), files: vec![file] };
    let loaded = Registry::load(&[folder], &catalogue(), None);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    Arc::clone(loaded.registry.iter().next().unwrap())
}

/// The register's table and its view.
pub(super) const TABLES: &str = "
CREATE TABLE fwxx (
  zjhm VARCHAR(18), xm VARCHAR(40){gbk}, dyh CHAR(8), fe {float}, mj NUMERIC(12, 4), jyje NUMERIC(40, 4),
  djsj DATE, zt BOOLEAN, yt INTEGER, sjsd {instant});
CREATE VIEW v_fwxx AS SELECT zjhm, xm, dyh, fe, mj, jyje, djsj, zt, yt, sjsd FROM fwxx;
";
