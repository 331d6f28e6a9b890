//! PostgreSQL, and what speaks its protocol (openGauss, Kingbase).

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode, PgValueFormat};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Bound, Caller, Query, Room, cells, rows};
use crate::ask::{Cause, Failure};
use crate::host::{Host, TlsUse};

pub(super) async fn open(caller: &Caller<'_>) -> Result<PgConnection, Failure> {
    let host = Host::of(&caller.site.endpoint, "postgres://", 5432).ok_or(Failure::new(Cause::NoEndpoint))?;
    let (user, password) = caller.user.ok_or(Failure::new(Cause::MissingSecret))?;
    // Nothing comes from the environment: a question goes where the site says and nowhere else.
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(host.name)
        .port(host.port)
        .username(user)
        .password(password)
        .database(host.database)
        .application_name("hedui")
        .statement_cache_capacity(0)
        .ssl_mode(match caller.site.encrypted.unwrap_or_default() {
            TlsUse::Require => PgSslMode::VerifyFull,
            TlsUse::Prefer => PgSslMode::Prefer,
            TlsUse::Off => PgSslMode::Disable,
        })
        .disable_statement_logging();
    if let Some(ca) = &caller.site.tls.ca {
        options = options.ssl_root_cert_from_pem(ca.clone().into_bytes());
    }
    if let Some(identity) = &caller.site.tls.identity {
        // One text holds the chain and the key; each reader takes what it looks for.
        options = options.ssl_client_cert_from_pem(identity.reveal()).ssl_client_key_from_pem(identity.reveal());
    }
    options.connect().await.map_err(|error| Failure::new(cause(&error, Cause::Connect)))
}

pub(super) async fn begin(connection: &mut PgConnection, timeout: Duration) -> Result<(), Failure> {
    // One snapshot for the count, the day and the rows.
    let text = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}",
        timeout.as_millis().max(1)
    );
    run(connection, text).await
}

pub(super) async fn end(connection: &mut PgConnection) -> Result<(), Failure> {
    run(connection, "ROLLBACK".into()).await
}

async fn run(connection: &mut PgConnection, text: String) -> Result<(), Failure> {
    let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await;
    done.map(drop).map_err(failed)
}

fn cause(error: &sqlx::Error, otherwise: Cause) -> Cause {
    rows::cause(error, otherwise, |database| match database.code().as_deref().unwrap_or_default() {
        "28000" | "28P01" => Cause::Login,
        "57014" => Cause::Timeout,
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => Cause::Connect,
        _ => Cause::Protocol,
    })
}

fn failed(error: sqlx::Error) -> Failure {
    Failure::new(cause(&error, Cause::Protocol))
}

pub(super) async fn select(
    connection: &mut PgConnection,
    query: &Query,
    room: &mut Room,
) -> Result<Vec<Value>, Failure> {
    let mut asked = sqlx::query(AssertSqlSafe(query.text(|n| format!("${n}")))).persistent(false);
    for bound in query.bound() {
        asked = match bound {
            Bound::Text(text) => asked.bind(text),
            Bound::Day(day) => asked.bind(day),
        };
    }
    rows::gather(asked.fetch(connection), room, value, failed).await
}

/// One value; none for a type that no column of a register has (bytes, arrays, money with a locale).
fn value(row: &PgRow, index: usize) -> Option<Value> {
    let raw = row.try_get_raw(index).ok()?;
    if raw.is_null() {
        return Some(Value::Null);
    }
    if raw.format() != PgValueFormat::Binary {
        return None;
    }
    let kind = raw.type_info().name().to_owned();
    let bytes = raw.as_bytes().ok()?;
    let text = || std::str::from_utf8(bytes).ok();
    Some(match kind.as_str() {
        "TEXT" | "VARCHAR" | "NAME" => Value::String(text()?.to_owned()),
        // Blanks at the end of CHAR(n) are the type's and nobody's.
        "CHAR" => Value::String(text()?.trim_end_matches(' ').to_owned()),
        "BOOL" => Value::Bool(*bytes.first()? != 0),
        "INT2" => Value::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        "INT4" => Value::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        "INT8" => Value::from(i64::from_be_bytes(bytes.try_into().ok()?)),
        "FLOAT4" => cells::float(f32::from_be_bytes(bytes.try_into().ok()?)),
        "FLOAT8" => cells::float(f64::from_be_bytes(bytes.try_into().ok()?)),
        "NUMERIC" => cells::pg_numeric(bytes)?,
        "DATE" => cells::pg_date(bytes)?,
        "TIMESTAMP" => cells::pg_timestamp(bytes, false)?,
        "TIMESTAMPTZ" => cells::pg_timestamp(bytes, true)?,
        _ => return None,
    })
}
