//! Read-only views: the question is one SELECT with bound values, asked in one read-only transaction.
//!
//! The site's endpoint says which database it is. Each has its own file, because each says differently what a column
//! holds; all give the same JSON: exact decimals as numbers, days and instants as ISO text, everything else as text.

mod cells;
mod mysql;
mod pool;
mod postgres;
mod rows;
mod sqlite;

pub(crate) use pool::Idle;

use std::time::Duration;

use hedui_base::Month;
use serde_json::{Map, Value};
use sqlx::types::chrono::NaiveDate;

use crate::ask::{AskPeriod, Cause, Failure, Subject};
use crate::context::Context;
use crate::manifest::{IdVariant, SqlPlan, SqlSlot};
use crate::registry::Source;
use crate::reply::{MAX_BODY, Media, Part};
use crate::site::{InstitutionSite, given};

/// Rows of one reply, at most.
const MAX_ROWS: usize = 200_000;

/// A value bound to a mark.
#[derive(Clone)]
enum Bound {
    Text(String),
    Day(NaiveDate),
}

/// Who asks, and how long one call may take.
struct Caller<'a> {
    site: &'a InstitutionSite,
    user: Option<(&'a str, &'a str)>,
    timeout: Duration,
}

/// What is left of the room for one reply.
struct Room {
    rows: usize,
    bytes: usize,
}

impl Room {
    /// Takes a row's place, or fails: a reply that is cut would look like "no record".
    fn take(&mut self, row: &Map<String, Value>) -> Result<(), Failure> {
        let bytes: usize = row.iter().map(|(name, value)| name.len() + 8 + text_len(value)).sum();
        match (self.rows.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(rows), Some(bytes)) => {
                *self = Self { rows, bytes };
                Ok(())
            }
            _ => Err(Failure::new(Cause::TooLarge)),
        }
    }
}

fn text_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Number(number) => number.as_str().len(),
        _ => 5,
    }
}

/// One open connection, in a read-only transaction between `begin` and `end`.
enum Connection {
    Postgres(sqlx::PgConnection),
    MySql(Box<mysql::Session>),
    Sqlite(sqlx::SqliteConnection),
}

impl Connection {
    async fn open(caller: &Caller<'_>) -> Result<Self, Failure> {
        let endpoint = caller.site.endpoint.as_str();
        if endpoint.starts_with("postgres://") {
            postgres::open(caller).await.map(Self::Postgres)
        } else if endpoint.starts_with("mysql://") {
            mysql::open(caller).await.map(|s| Self::MySql(Box::new(s)))
        } else {
            sqlite::open(caller).await.map(Self::Sqlite)
        }
    }

    async fn begin(&mut self, timeout: Duration) -> Result<(), Failure> {
        match self {
            Self::Postgres(connection) => postgres::begin(connection, timeout).await,
            Self::MySql(session) => mysql::begin(session, timeout).await,
            Self::Sqlite(connection) => sqlite::begin(connection, timeout).await,
        }
    }

    async fn end(&mut self) -> Result<(), Failure> {
        match self {
            Self::Postgres(connection) => postgres::end(connection).await,
            Self::MySql(session) => mysql::end(session).await,
            Self::Sqlite(connection) => sqlite::end(connection).await,
        }
    }

    async fn select(&mut self, query: &Query, room: &mut Room) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Postgres(connection) => postgres::select(connection, query, room).await,
            Self::MySql(session) => mysql::select(session, query, room).await,
            Self::Sqlite(connection) => sqlite::select(connection, query, room).await,
        }
    }

    /// The one value of a query about the view as a whole.
    async fn one(&mut self, text: &str) -> Result<Value, Failure> {
        let mut room = Room { rows: 1, bytes: 1024 };
        let query = Query { pieces: vec![(text.to_owned(), Vec::new())] };
        let rows = self.select(&query, &mut room).await?;
        let row = rows.first().and_then(Value::as_object).filter(|row| row.len() == 1);
        row.and_then(|row| row.values().next().cloned()).ok_or(Failure::new(Cause::Protocol))
    }
}

/// A SELECT cut at its slots, with what each slot is filled with.
struct Query {
    pieces: Vec<(String, Vec<Bound>)>,
}

impl Query {
    fn new(plan: &SqlPlan, numbers: &[String], period: Option<AskPeriod>) -> Result<Self, Failure> {
        let day = |day: Option<NaiveDate>| day.map(|d| vec![Bound::Day(d)]).ok_or(Failure::new(Cause::Template));
        let mut pieces = Vec::new();
        for (text, slot) in SqlSlot::split(&plan.query) {
            let bound = match slot {
                None => Vec::new(),
                Some(SqlSlot::IdNumbers) => numbers.iter().cloned().map(Bound::Text).collect(),
                Some(SqlSlot::PeriodFrom) => day(period.and_then(|p| chrono_day(p.from.first_day())))?,
                Some(SqlSlot::PeriodUntil) => day(period.and_then(|p| chrono_day(last_day(p.until)?)))?,
            };
            pieces.push((text.to_owned(), bound));
        }
        Ok(Self { pieces })
    }

    /// The text with one mark a value. The manifest's own text, checked at load to be one SELECT; only marks are added.
    fn text(&self, mark: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        let mut number = 0;
        for (piece, bound) in &self.pieces {
            text.push_str(piece);
            for (index, _) in bound.iter().enumerate() {
                number += 1;
                if index > 0 {
                    text.push_str(", ");
                }
                text.push_str(&mark(number));
            }
        }
        text
    }

    fn bound(&self) -> impl Iterator<Item = Bound> + '_ {
        self.pieces.iter().flat_map(|(_, bound)| bound.iter().cloned())
    }
}

fn last_day(month: Month) -> Option<jiff::civil::Date> {
    month.plus(1).first_day().yesterday().ok()
}

fn chrono_day(day: jiff::civil::Date) -> Option<NaiveDate> {
    let part = |n: i8| u32::try_from(n).ok();
    NaiveDate::from_ymd_opt(i32::from(day.year()), part(day.month())?, part(day.day())?)
}

pub(super) async fn ask(
    source: &Source,
    plan: &SqlPlan,
    context: &Context,
    site: &InstitutionSite,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let timeout = source.manifest.limits.timeout;
    let user = match &plan.login {
        Some(login) if !site.endpoint.starts_with("sqlite:") => {
            Some((given(&login.user, site)?, given(&login.password, site)?))
        }
        _ => None,
    };
    let caller = Caller { site, user, timeout };
    let query = Query::new(plan, &numbers(source, subjects), period)?;
    // Dropped in time, a connection is closed: the server stops its work, and nothing half read is used again.
    let work = async {
        let mut connection = context.databases.begin(&source.institution, &caller).await?;
        let answer = read(&mut connection, plan, &caller, &query).await?;
        context.databases.give_back(&source.institution, &caller, connection);
        Ok(answer)
    };
    let answer = tokio::time::timeout(timeout, work).await.map_err(|_| Failure::new(Cause::Timeout))??;
    let body = serde_json::to_vec(&Value::Object(answer)).map_err(|_| Failure::new(Cause::Protocol))?;
    Ok(vec![Part { name: "rows".into(), media: Media::Rows, status: None, body }])
}

async fn read(
    connection: &mut Connection,
    plan: &SqlPlan,
    caller: &Caller<'_>,
    query: &Query,
) -> Result<Map<String, Value>, Failure> {
    let mut answer = Map::new();
    if let Some(health) = &plan.health {
        answer.insert("health".into(), connection.one(health).await?);
        answer.insert("health_min".into(), Value::from(caller.site.health_min.unwrap_or(plan.health_min)));
    }
    if let Some(loaded) = &plan.loaded {
        answer.insert("loaded".into(), connection.one(&loaded.query).await?);
    }
    let mut room = Room { rows: MAX_ROWS, bytes: MAX_BODY };
    answer.insert("rows".into(), Value::Array(connection.select(query, &mut room).await?));
    connection.end().await?;
    Ok(answer)
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
