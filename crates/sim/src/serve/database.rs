//! Institutions that let others read a view in a real PostgreSQL or MariaDB, where one is installed: a database an
//! institution, a table and a view a source, and an account that may read the views and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hedui_databases::{Kind, NotStarted, Options, Server};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::ServeError;
use super::views::View;
use super::wire::WireSource;
use crate::faults::FaultKind;

/// Values of one statement, at most: below what either database allows.
const MAX_VALUES: usize = 20_000;

/// The database servers of this process; they stop with it.
pub(super) struct Databases {
    servers: Vec<Arc<Server>>,
}

impl Databases {
    /// Starts every kind that is installed.
    ///
    /// # Errors
    /// [`ServeError::Io`] if none is installed, or one does not start.
    pub(super) async fn start() -> Result<Self, ServeError> {
        let failed = |error: std::io::Error| ServeError::Io {
            institution: "databases".to_owned(),
            what: "PostgreSQL or MariaDB".to_owned(),
            source: error,
        };
        let mut servers = Vec::new();
        for kind in [Kind::Postgres, Kind::MariaDb] {
            let started = tokio::task::spawn_blocking(move || Server::start(kind, &Options::default())).await;
            match started.map_err(|error| failed(std::io::Error::other(error)))? {
                Ok(server) => servers.push(Arc::new(server)),
                Err(NotStarted::NotInstalled(_)) => {}
                Err(error) => return Err(failed(std::io::Error::other(error))),
            }
        }
        if servers.is_empty() {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::NotFound, "neither is installed")));
        }
        Ok(Self { servers })
    }

    /// The server of an institution: by its name, so that the same one serves it every time.
    pub(super) fn of(&self, institution: &str) -> Option<Arc<Server>> {
        let sum: usize = institution.bytes().map(usize::from).sum();
        self.servers.get(sum % self.servers.len().max(1)).cloned()
    }
}

/// An institution's database.
pub(super) struct Home {
    server: Arc<Server>,
    institution: String,
    /// The account of the readers.
    reader: (String, String),
    /// Tables are never written again but replaced by the next.
    generation: AtomicU64,
}

/// A connection of the institution's own administrator.
enum Admin {
    Postgres(PgConnection),
    MariaDb(Box<MySqlConnection>),
}

impl Admin {
    async fn run(&mut self, text: String, values: &[&String]) -> Result<(), sqlx::Error> {
        // Names come from a checked manifest; values are bound.
        match self {
            Self::Postgres(connection) if values.is_empty() => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await?;
            }
            Self::MariaDb(connection) if values.is_empty() => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **connection).await?;
            }
            Self::Postgres(connection) => {
                let asked = sqlx::query(AssertSqlSafe(text)).persistent(false);
                values.iter().fold(asked, |asked, value| asked.bind(value.as_str())).execute(connection).await?;
            }
            Self::MariaDb(connection) => {
                let asked = sqlx::query(AssertSqlSafe(text)).persistent(false);
                let asked = values.iter().fold(asked, |asked, value| asked.bind(value.as_str()));
                asked.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    async fn run_all(&mut self, texts: &[String]) -> Result<(), sqlx::Error> {
        for text in texts {
            self.run(text.clone(), &[]).await?;
        }
        Ok(())
    }

    async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(connection) => connection.close().await,
            Self::MariaDb(connection) => connection.close().await,
        }
    }
}

impl Home {
    /// Makes an empty database and the account that may look into it.
    pub(super) async fn make(
        server: Arc<Server>,
        institution: &str,
        reader: (String, String),
    ) -> Result<Self, ServeError> {
        let home = Self { server, institution: institution.to_owned(), reader, generation: AtomicU64::new(0) };
        let (user, password) = (&home.reader.0, &home.reader.1);
        let texts = match home.server.kind() {
            Kind::Postgres => vec![
                format!("CREATE DATABASE {institution}"),
                format!("CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'"),
            ],
            Kind::MariaDb => vec![
                format!("CREATE DATABASE {institution} CHARACTER SET utf8mb4"),
                format!("CREATE USER `{user}`@`127.0.0.1` IDENTIFIED BY '{password}'"),
            ],
        };
        let made = async {
            let mut admin = home.admin(home.server.first_database()).await?;
            admin.run_all(&texts).await?;
            admin.close().await
        };
        made.await.map_err(home.broken())?;
        Ok(home)
    }

    /// As `site.toml` names it.
    pub(super) fn endpoint(&self) -> String {
        self.server.endpoint(&self.institution)
    }

    fn broken(&self) -> impl Fn(sqlx::Error) -> ServeError + use<> {
        let institution = self.institution.clone();
        move |source| ServeError::Database { institution: institution.clone(), source }
    }

    async fn admin(&self, database: &str) -> Result<Admin, sqlx::Error> {
        let (user, password, port) = (self.server.user(), self.server.password(), self.server.port());
        match self.server.kind() {
            Kind::Postgres => {
                let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).database(database);
                let options = options.username(user).password(password).ssl_mode(PgSslMode::Disable);
                Ok(Admin::Postgres(options.disable_statement_logging().connect().await?))
            }
            Kind::MariaDb => {
                let options = MySqlConnectOptions::new().host("127.0.0.1").port(port).database(database);
                let options = options.username(user).password(password).ssl_mode(MySqlSslMode::Disabled);
                Ok(Admin::MariaDb(Box::new(options.disable_statement_logging().connect().await?)))
            }
        }
    }

    /// Fills the views anew; a reader sees the old ones or the new ones, whole.
    pub(super) async fn write(&self, wires: &[WireSource]) -> Result<(), ServeError> {
        let up = wires.iter().filter(|wire| !wire.trouble.has(FaultKind::Down));
        let views = up.map(View::of).collect::<Result<Vec<_>, _>>()?;
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let written = async {
            let mut admin = self.admin(&self.institution).await?;
            admin.run("BEGIN".into(), &[]).await?;
            for (nth, view) in views.iter().enumerate() {
                self.fill(&mut admin, view, &format!("dengji_{nth}_{generation}")).await?;
            }
            admin.run("COMMIT".into(), &[]).await?;
            admin.close().await
        };
        written.await.map_err(self.broken())
    }

    async fn fill(&self, admin: &mut Admin, view: &View, table: &str) -> Result<(), sqlx::Error> {
        let postgres = self.server.kind() == Kind::Postgres;
        let name = &view.name;
        let columns: Vec<&String> = view.columns.iter().collect();
        let defined = columns.iter().enumerate().map(|(nth, column)| {
            // MariaDB indexes a text only up to a length.
            format!("{column} {} NOT NULL", if nth == 0 { "VARCHAR(64)" } else { "TEXT" })
        });
        let defined = defined.collect::<Vec<_>>().join(", ");
        let key = columns.first().map_or("", |column| column.as_str());
        admin.run(format!("CREATE TABLE {table} ({defined})"), &[]).await?;
        for lines in view.lines.chunks((MAX_VALUES / columns.len().max(1)).max(1)) {
            let mut number = 0;
            let mut mark = || {
                number += 1;
                if postgres { format!("${number}") } else { "?".to_owned() }
            };
            let rows: Vec<String> = lines
                .iter()
                .map(|line| format!("({})", line.iter().map(|_| mark()).collect::<Vec<_>>().join(", ")))
                .collect();
            let values: Vec<&String> = lines.iter().flatten().collect();
            admin.run(format!("INSERT INTO {table} VALUES {}", rows.join(", ")), &values).await?;
        }
        admin.run(format!("CREATE INDEX {table}_key ON {table} ({key})"), &[]).await?;
        // Bytes that are no text, where a text should be.
        let bytes = if postgres { "CAST('\\xffff' AS BYTEA)" } else { "CAST(X'FFFF' AS BINARY)" };
        let shown: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(nth, column)| {
                if view.garbled && nth + 1 == columns.len() {
                    format!("{bytes} AS {column}")
                } else {
                    (*column).clone()
                }
            })
            .collect();
        let shown = format!("VIEW {name} AS SELECT {} FROM {table}", shown.join(", "));
        let user = &self.reader.0;
        let texts = if postgres {
            // Both in the transaction that is open.
            vec![
                format!("DROP VIEW IF EXISTS {name}"),
                format!("CREATE {shown}"),
                format!("GRANT SELECT ON {name} TO \"{user}\""),
            ]
        } else {
            vec![
                format!("CREATE OR REPLACE {shown}"),
                format!("GRANT SELECT, SHOW VIEW ON {}.{name} TO `{user}`@`127.0.0.1`", self.institution),
            ]
        };
        admin.run_all(&texts).await
    }

    /// Takes the views away: nothing can be asked.
    pub(super) async fn remove(&self) {
        let user = &self.reader.0;
        let text = match self.server.kind() {
            Kind::Postgres => format!("ALTER ROLE \"{user}\" NOLOGIN"),
            Kind::MariaDb => format!("DROP USER IF EXISTS `{user}`@`127.0.0.1`"),
        };
        let done = async {
            let mut admin = self.admin(self.server.first_database()).await?;
            admin.run(text, &[]).await?;
            admin.close().await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, institution = self.institution, "an account cannot be closed");
        }
    }
}
