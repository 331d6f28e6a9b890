//! SQLite: a file opened read-only. Values say what they are, columns need not.

use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Bound, Caller, Query, Room, cells, rows};
use crate::ask::{Cause, Failure};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

pub(super) async fn open(caller: &Caller<'_>) -> Result<SqliteConnection, Failure> {
    let path = caller.site.endpoint.strip_prefix("sqlite:").ok_or(Failure::new(Cause::NoEndpoint))?;
    let options = SqliteConnectOptions::new().filename(path).read_only(true).create_if_missing(false);
    let options = options.busy_timeout(caller.timeout).disable_statement_logging();
    options.connect().await.map_err(|_| Failure::new(Cause::Connect))
}

pub(super) async fn begin(connection: &mut SqliteConnection, timeout: Duration) -> Result<(), Failure> {
    let until = Instant::now() + timeout;
    let mut handle = connection.lock_handle().await.map_err(|_| Failure::new(Cause::Connect))?;
    handle.set_progress_handler(STEPS, move || Instant::now() < until);
    drop(handle);
    sqlx::raw_sql("PRAGMA query_only = 1; BEGIN").execute(connection).await.map_err(protocol)?;
    Ok(())
}

pub(super) async fn end(connection: &mut SqliteConnection) -> Result<(), Failure> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map_err(protocol)?;
    Ok(())
}

/// No error of the database is passed on: its text may quote what was bound.
fn protocol(error: sqlx::Error) -> Failure {
    let code = error.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
    // SQLITE_INTERRUPT: our own look at the clock.
    Failure::new(if code.as_deref() == Some("9") { Cause::Timeout } else { Cause::Protocol })
}

pub(super) async fn select(
    connection: &mut SqliteConnection,
    query: &Query,
    room: &mut Room,
) -> Result<Vec<Value>, Failure> {
    let mut asked = sqlx::query(AssertSqlSafe(query.text(|_| "?".to_owned())));
    for bound in query.bound() {
        asked = match bound {
            Bound::Text(text) => asked.bind(text),
            // SQLite has no dates: a day is compared with ISO text.
            Bound::Day(day) => asked.bind(day.to_string()),
        };
    }
    rows::gather(asked.fetch(connection), room, value, protocol).await
}

fn value(row: &SqliteRow, index: usize) -> Option<Value> {
    let raw = row.try_get_raw(index).ok()?;
    if raw.is_null() {
        return Some(Value::Null);
    }
    Some(match raw.type_info().name() {
        "INTEGER" => Value::from(row.try_get_unchecked::<i64, _>(index).ok()?),
        "REAL" => cells::float(row.try_get_unchecked::<f64, _>(index).ok()?),
        "TEXT" => Value::String(row.try_get_unchecked::<String, _>(index).ok()?),
        _ => return None,
    })
}
