//! Plain SQL in bulk: numbered placeholders, rows in chunks, typed reads.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use crate::error::{LedgerError, Result};

/// Rows per statement. Small, because SQLite looks numbered parameters up one after another.
pub(crate) const CHUNK: usize = 64;

/// A bound value.
#[derive(Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::Int(Some(v))
    }
}
impl From<Option<i64>> for Value {
    fn from(v: Option<i64>) -> Self {
        Self::Int(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Text(Some(v.to_owned()))
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Text(Some(v))
    }
}
impl From<Option<String>> for Value {
    fn from(v: Option<String>) -> Self {
        Self::Text(v)
    }
}
impl From<Timestamp> for Value {
    fn from(v: Timestamp) -> Self {
        Self::Int(Some(v.as_microsecond()))
    }
}
impl From<Option<Date>> for Value {
    fn from(v: Option<Date>) -> Self {
        Self::Text(v.map(|d| d.to_string()))
    }
}

/// A list of values of mixed kinds: `values![1i64, "text"]`.
macro_rules! values {
    ($($v:expr),* $(,)?) => { [$($crate::sql::Value::from($v)),*] };
}
pub(crate) use values;

/// A statement with its values bound in order. The text is ours; only values come from outside.
pub(crate) fn query<'q>(sql: String, values: impl IntoIterator<Item = Value>) -> Query<'q, Any, AnyArguments> {
    let mut query = sqlx::query::<Any>(AssertSqlSafe(sql));
    for value in values {
        query = match value {
            Value::Int(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
        };
    }
    query
}

/// `($a, $b), ($c, $d)` for `rows` rows of `width`, numbered after `offset`.
pub(crate) fn tuples(offset: usize, rows: usize, width: usize) -> String {
    let mut text = String::new();
    let mut n = offset;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { "),(" });
        for column in 0..width {
            n += 1;
            let _ = write!(text, "{}${n}", if column == 0 { "" } else { "," });
        }
    }
    text.push(')');
    text
}

/// Runs `sql(tuples)` over rows of `width` values in chunks, with `head` bound before them as `$1..`; returns rows affected.
pub(crate) async fn write_rows(
    conn: &mut AnyConnection,
    head: &[Value],
    width: usize,
    rows: Vec<Value>,
    sql: impl Fn(&str) -> String,
) -> Result<u64> {
    let mut affected = 0;
    for chunk in rows.chunks(CHUNK * width) {
        let text = sql(&tuples(head.len(), chunk.len() / width, width));
        affected += query(text, head.iter().chain(chunk).cloned()).execute(&mut *conn).await?.rows_affected();
    }
    Ok(affected)
}

/// Reads `sql(list)` for keys in chunks, `list` being `($2,$3,..)` after `head`.
pub(crate) async fn read_keys(
    conn: &mut AnyConnection,
    head: &[Value],
    keys: Vec<Value>,
    sql: impl Fn(&str) -> String,
) -> Result<Vec<AnyRow>> {
    let mut rows = Vec::new();
    for chunk in keys.chunks(CHUNK * 2) {
        let text = sql(&tuples(head.len(), 1, chunk.len()));
        rows.extend(query(text, head.iter().chain(chunk).cloned()).fetch_all(&mut *conn).await?);
    }
    Ok(rows)
}

/// Takes `count` numbers from a named counter and returns the first.
pub(crate) async fn take_numbers(conn: &mut AnyConnection, name: &str, first: i64, count: i64) -> Result<i64> {
    let sql = "INSERT INTO counter (name, next) VALUES ($1, $2) \
               ON CONFLICT (name) DO UPDATE SET next = counter.next + $3 RETURNING next";
    let row = query(sql.to_owned(), values![name, first + count, count]).fetch_one(conn).await?;
    Ok(int(&row, 0)? - count)
}

pub(crate) fn int(row: &AnyRow, column: usize) -> Result<i64> {
    Ok(row.try_get::<i64, _>(column)?)
}

pub(crate) fn int_or_null(row: &AnyRow, column: usize) -> Result<Option<i64>> {
    Ok(row.try_get::<Option<i64>, _>(column)?)
}

pub(crate) fn text(row: &AnyRow, column: usize) -> Result<String> {
    Ok(row.try_get::<String, _>(column)?)
}

pub(crate) fn text_or_null(row: &AnyRow, column: usize) -> Result<Option<String>> {
    Ok(row.try_get::<Option<String>, _>(column)?)
}

pub(crate) fn moment(row: &AnyRow, column: usize) -> Result<Timestamp> {
    Timestamp::from_microsecond(int(row, column)?).map_err(|_| LedgerError::Malformed { what: "moment" })
}

pub(crate) fn moment_or_null(row: &AnyRow, column: usize) -> Result<Option<Timestamp>> {
    int_or_null(row, column)?
        .map(|v| Timestamp::from_microsecond(v).map_err(|_| LedgerError::Malformed { what: "moment" }))
        .transpose()
}

pub(crate) fn date(row: &AnyRow, column: usize) -> Result<Date> {
    text(row, column)?.parse().map_err(|_| LedgerError::Malformed { what: "date" })
}

pub(crate) fn date_or_null(row: &AnyRow, column: usize) -> Result<Option<Date>> {
    text_or_null(row, column)?.map(|t| t.parse().map_err(|_| LedgerError::Malformed { what: "date" })).transpose()
}

pub(crate) fn person(row: &AnyRow, column: usize) -> Result<hedui_base::PersonKey> {
    u32::try_from(int(row, column)?)
        .map(hedui_base::PersonKey)
        .map_err(|_| LedgerError::Malformed { what: "person key" })
}

pub(crate) fn area(row: &AnyRow, column: usize) -> Result<hedui_base::AreaCode> {
    hedui_base::AreaCode::parse(&text(row, column)?).map_err(|_| LedgerError::Malformed { what: "area code" })
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| LedgerError::Malformed { what })
}

pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T, what: &'static str) -> Result<String> {
    serde_json::to_string(value).map_err(|_| LedgerError::Malformed { what })
}
