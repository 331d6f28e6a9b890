//! A read-only view: the question is one SELECT with bound numbers.

use serde_json::{Map, Number, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::ask::{Cause, Failure, Subject};
use crate::manifest::{IdVariant, SqlPlan};
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::site::InstitutionSite;

/// Rows of one reply, at most.
const MAX_ROWS: usize = 200_000;

pub(super) async fn ask(
    source: &Source,
    plan: &SqlPlan,
    site: &InstitutionSite,
    subjects: &[&Subject],
) -> Result<Vec<Part>, Failure> {
    let limit = source.manifest.limits.timeout;
    tokio::time::timeout(limit, read(source, plan, site, subjects)).await.map_err(|_| Failure::new(Cause::Timeout))?
}

async fn read(
    source: &Source,
    plan: &SqlPlan,
    site: &InstitutionSite,
    subjects: &[&Subject],
) -> Result<Vec<Part>, Failure> {
    let path = site.endpoint.strip_prefix("sqlite:").ok_or(Failure::new(Cause::NoEndpoint))?;
    // No error of the database is passed on: its text may quote what was bound.
    let protocol = |_| Failure::new(Cause::Protocol);
    let options = SqliteConnectOptions::new().filename(path).read_only(true).create_if_missing(false);
    let mut connection =
        options.disable_statement_logging().connect().await.map_err(|_| Failure::new(Cause::Connect))?;
    let mut answer = Map::new();
    if let Some(health) = &plan.health {
        let count: i64 =
            sqlx::query_scalar(AssertSqlSafe(health.as_str())).fetch_one(&mut connection).await.map_err(protocol)?;
        answer.insert("health".into(), Value::from(count));
        answer.insert("health_min".into(), Value::from(site.health_min.unwrap_or(plan.health_min)));
    }
    let rows = select(&mut connection, plan, &numbers(source, subjects)).await?;
    let rows = rows.iter().map(to_json).collect::<Option<Vec<_>>>().ok_or(Failure::new(Cause::Protocol))?;
    answer.insert("rows".into(), Value::Array(rows));
    let _ = connection.close().await;
    let body = serde_json::to_vec(&Value::Object(answer)).map_err(|_| Failure::new(Cause::Protocol))?;
    Ok(vec![Part { name: "rows".into(), media: Media::Rows, status: None, body }])
}

/// Every form of every number.
fn numbers(source: &Source, subjects: &[&Subject]) -> Vec<String> {
    let variants = &source.manifest.ask.variants;
    let ids = subjects.iter().filter_map(|s| s.id.as_ref());
    ids.flat_map(|id| {
        let old = if variants.contains(&IdVariant::Id15) { id.old_form() } else { None };
        std::iter::once(id.reveal().to_owned()).chain(old)
    })
    .collect()
}

async fn select(
    connection: &mut SqliteConnection,
    plan: &SqlPlan,
    numbers: &[String],
) -> Result<Vec<SqliteRow>, Failure> {
    let marks = vec!["?"; numbers.len()].join(", ");
    // The manifest's own text, checked at load to be one SELECT; only question marks are added.
    let text = plan.query.replace(":id_number[]", &marks);
    let mut query = sqlx::query(AssertSqlSafe(text));
    for number in numbers {
        query = query.bind(number);
    }
    let rows = query.fetch_all(connection).await.map_err(|_| Failure::new(Cause::Protocol))?;
    if rows.len() > MAX_ROWS { Err(Failure::new(Cause::TooLarge)) } else { Ok(rows) }
}

/// Texts stay texts; numbers become JSON numbers by their shortest decimal.
fn to_json(row: &SqliteRow) -> Option<Value> {
    let mut object = Map::new();
    for (index, column) in row.columns().iter().enumerate() {
        let raw = row.try_get_raw(index).ok()?;
        let value = if raw.is_null() {
            Value::Null
        } else {
            match raw.type_info().name() {
                "INTEGER" => Value::from(row.try_get_unchecked::<i64, _>(index).ok()?),
                "REAL" => {
                    let text = row.try_get_unchecked::<f64, _>(index).ok()?.to_string();
                    Value::Number(text.parse::<Number>().ok()?)
                }
                "TEXT" => Value::String(row.try_get_unchecked::<String, _>(index).ok()?),
                _ => return None,
            }
        };
        object.insert(column.name().to_owned(), value);
    }
    Some(Value::Object(object))
}
