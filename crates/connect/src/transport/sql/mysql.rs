//! MySQL and MariaDB, and what speaks their protocol (OceanBase, TiDB).

use std::time::Duration;

use serde_json::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySql, Row as _, TypeInfo as _, ValueRef as _};

use super::{Bound, Caller, Query, Room, cells, rows};
use crate::ask::{Cause, Failure};
use crate::host::{Host, TlsUse};

/// A connection and whose server it is to: the two limit a statement's time by different variables.
pub(super) struct Session {
    connection: MySqlConnection,
    mariadb: bool,
}

pub(super) async fn open(caller: &Caller<'_>) -> Result<Session, Failure> {
    let host = Host::of(&caller.site.endpoint, "mysql://", 3306).ok_or(Failure::new(Cause::NoEndpoint))?;
    let (user, password) = caller.user.ok_or(Failure::new(Cause::MissingSecret))?;
    // The server translates every table's charset (GBK and its kin) to this one.
    let mut options = MySqlConnectOptions::new()
        .host(host.name)
        .port(host.port)
        .username(user)
        .password(password)
        .database(host.database)
        .charset("utf8mb4")
        .timezone(Some("+08:00".to_owned()))
        .statement_cache_capacity(0)
        .ssl_mode(match caller.site.encrypted.unwrap_or_default() {
            TlsUse::Require => MySqlSslMode::VerifyIdentity,
            TlsUse::Prefer => MySqlSslMode::Preferred,
            TlsUse::Off => MySqlSslMode::Disabled,
        })
        .disable_statement_logging();
    if let Some(ca) = &caller.site.tls.ca {
        options = options.ssl_ca_from_pem(ca.clone().into_bytes());
    }
    if let Some(identity) = &caller.site.tls.identity {
        // One text holds the chain and the key; each reader takes what it looks for.
        options = options.ssl_client_cert_from_pem(identity.reveal()).ssl_client_key_from_pem(identity.reveal());
    }
    let unreached = |error: sqlx::Error| Failure::new(cause(&error, Cause::Connect));
    let mut connection = options.connect().await.map_err(unreached)?;
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await.map_err(unreached)?;
    Ok(Session { connection, mariadb: version.to_ascii_lowercase().contains("mariadb") })
}

pub(super) async fn begin(session: &mut Session, timeout: Duration) -> Result<(), Failure> {
    let limit = if session.mariadb {
        format!("SET SESSION max_statement_time = {}.{:03}", timeout.as_secs(), timeout.subsec_millis())
    } else {
        format!("SET SESSION max_execution_time = {}", timeout.as_millis().max(1))
    };
    run(session, limit).await?;
    run(session, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ".into()).await?;
    // One snapshot for the count, the day and the rows.
    run(session, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".into()).await
}

pub(super) async fn end(session: &mut Session) -> Result<(), Failure> {
    run(session, "ROLLBACK".into()).await
}

async fn run(session: &mut Session, text: String) -> Result<(), Failure> {
    let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut session.connection).await;
    done.map(drop).map_err(failed)
}

fn cause(error: &sqlx::Error, otherwise: Cause) -> Cause {
    rows::cause(error, otherwise, |database| {
        let number = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|e| e.number());
        match number.unwrap_or(0) {
            // Access denied: user, database, no password.
            1044 | 1045 | 1698 => Cause::Login,
            // Statement stopped by its time limit: MariaDB, MySQL.
            1969 | 3024 => Cause::Timeout,
            // Too many connections, shutting down.
            1040 | 1053 | 1203 | 1226 => Cause::Connect,
            _ => Cause::Protocol,
        }
    })
}

fn failed(error: sqlx::Error) -> Failure {
    Failure::new(cause(&error, Cause::Protocol))
}

pub(super) async fn select(session: &mut Session, query: &Query, room: &mut Room) -> Result<Vec<Value>, Failure> {
    let mut asked = sqlx::query(AssertSqlSafe(query.text(|_| "?".to_owned()))).persistent(false);
    for bound in query.bound() {
        asked = match bound {
            Bound::Text(text) => asked.bind(text),
            Bound::Day(day) => asked.bind(day),
        };
    }
    rows::gather(asked.fetch(&mut session.connection), room, value, failed).await
}

/// One value; none for a type that no column of a register has (bytes, bits, JSON).
fn value(row: &MySqlRow, index: usize) -> Option<Value> {
    let raw = row.try_get_raw(index).ok()?;
    let info = raw.type_info();
    // The library calls a day of zeros null; the bytes know better.
    let Ok(bytes) = row.try_get_unchecked::<&[u8], _>(index) else { return Some(Value::Null) };
    let text = || std::str::from_utf8(bytes).ok();
    let unsigned = info.name().ends_with("UNSIGNED");
    Some(match info.name() {
        "DECIMAL" => cells::decimal(text()?.to_owned()),
        "DATE" => cells::mysql_time(bytes, false)?,
        "DATETIME" | "TIMESTAMP" => cells::mysql_time(bytes, true)?,
        "FLOAT" => cells::float(f32::from_le_bytes(bytes.try_into().ok()?)),
        "DOUBLE" => cells::float(f64::from_le_bytes(bytes.try_into().ok()?)),
        "YEAR" => Value::from(u16::from_le_bytes(bytes.try_into().ok()?)),
        "SET" | "ENUM" => Value::String(text()?.to_owned()),
        name if name == "BOOLEAN" || name.contains("INT") => integer(bytes, unsigned)?,
        // A collation that compares bytes is still text; bytes without a charset are not.
        _ if <str as sqlx::Type<MySql>>::compatible(&info) => Value::String(text()?.to_owned()),
        _ => return None,
    })
}

/// A whole number of one to eight bytes, the lowest first.
fn integer(bytes: &[u8], unsigned: bool) -> Option<Value> {
    let negative = !unsigned && bytes.last()? & 0x80 != 0;
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(if unsigned { Value::from(u64::from_le_bytes(wide)) } else { Value::from(i64::from_le_bytes(wide)) })
}
