//! Asks: one person, one source, one period. Planning and reading them; `leases` has the way from planned to settled.

use hedui_base::{AnswerId, AskId, Outcome, PersonKey, SourceId};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::sql::{
    Value, int, int_or_null, moment, moment_or_null, person, query, read_keys, take_numbers, text, text_or_null,
    values, write_rows,
};

/// Where an ask stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AskState {
    /// To be asked.
    Planned = 0,
    /// Sent, or about to be; the reply is not settled.
    Sent = 1,
    /// Handed in with a file exchange; a reply is awaited.
    Pending = 2,
    /// It has an outcome.
    Settled = 3,
}

impl AskState {
    fn from_code(code: i64) -> Result<Self> {
        Ok(match code {
            0 => Self::Planned,
            1 => Self::Sent,
            2 => Self::Pending,
            3 => Self::Settled,
            _ => return Err(LedgerError::Malformed { what: "state of an ask" }),
        })
    }
}

/// When an ask that is settled already is to be asked again.
#[derive(Clone, Debug, Default)]
pub struct Reask {
    /// If it ended so.
    pub outcomes: Vec<Outcome>,
    /// If it was settled before this moment.
    pub settled_before: Option<Timestamp>,
}

impl Reask {
    /// Never: only asks that were never made are planned.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// If it did not end in an answer (failed, overdue, not authorised, unsendable, partial), or the answer is older than `fresh_since`.
    #[must_use]
    pub fn unanswered(fresh_since: Option<Timestamp>) -> Self {
        let outcomes =
            vec![Outcome::Failed, Outcome::Overdue, Outcome::NotAuthorised, Outcome::Unsendable, Outcome::Partial];
        Self { outcomes, settled_before: fresh_since }
    }
}

/// What planning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Asks made for the first time.
    pub new: u64,
    /// Settled asks to be asked again.
    pub reopened: u64,
    /// Asks left as they were: answered and fresh, or under way.
    pub kept: u64,
}

/// One ask as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The ask.
    pub ask: AskId,
    /// Whom about.
    pub person: PersonKey,
    /// Where.
    pub source: SourceId,
    /// For which period.
    pub period: String,
    /// Where it stands.
    pub state: AskState,
    /// How it ended last; kept while it is asked again.
    pub outcome: Option<Outcome>,
    /// Why, as a stable code.
    pub cause: Option<String>,
    /// The current answer.
    pub answer: Option<AnswerId>,
    /// Raw reply it was read from.
    pub raw: Option<String>,
    /// The file exchange it waits for.
    pub submission: Option<i64>,
    /// Attempts so far.
    pub attempts: i64,
    /// When it was planned first.
    pub planned_at: Timestamp,
    /// When it was last sent.
    pub asked_at: Option<Timestamp>,
    /// When it was last settled.
    pub settled_at: Option<Timestamp>,
    /// Why it is not sent yet, while it is planned: `over_budget`, `maintenance` or `breaker_open`.
    pub held: Option<String>,
}

/// How an ask stands, without its history: what planning and counting need of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskNow {
    /// The ask.
    pub ask: AskId,
    /// Whom about.
    pub person: PersonKey,
    /// Where.
    pub source: SourceId,
    /// For which period.
    pub period: String,
    /// Where it stands.
    pub state: AskState,
    /// How it ended last.
    pub outcome: Option<Outcome>,
    /// Why, as a stable code.
    pub cause: Option<String>,
    /// Attempts so far.
    pub attempts: i64,
    /// Why it is not sent yet, while it is planned.
    pub held: Option<String>,
}

/// Which asks to read; an empty filter reads all.
#[derive(Clone, Debug, Default)]
pub struct AskFilter {
    /// Of these people only.
    pub people: Option<Vec<PersonKey>>,
    /// At this source.
    pub source: Option<SourceId>,
    /// For this period.
    pub period: Option<String>,
    /// Only those not settled.
    pub open: bool,
}

/// Asks by where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskCount {
    /// The source.
    pub source: SourceId,
    /// Where they stand.
    pub state: AskState,
    /// How they ended, for settled ones.
    pub outcome: Option<Outcome>,
    /// How many.
    pub count: i64,
}

pub(crate) const COLUMNS: &str = "ask, person, source, period, state, outcome, cause, answer, raw, submission, attempts, planned_at, \
                       asked_at, settled_at, held";

impl Ledger {
    /// Plans one ask per person at one source for one period. An ask that exists is left alone unless `reask` opens it again.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn plan(
        &self,
        tx: &mut Tx,
        source: &SourceId,
        period: &str,
        people: &[PersonKey],
        reask: &Reask,
        now: Timestamp,
    ) -> Result<Planned> {
        let conn = tx.connection();
        let mut people = people.to_vec();
        people.sort_unstable();
        people.dedup();
        let count = i64::try_from(people.len()).unwrap_or(i64::MAX);
        let first = take_numbers(conn, "ask", 1, count).await?;
        let head = values![source.as_str(), period, now, reask.settled_before.map(Timestamp::as_microsecond)];
        let rows = (first..).zip(&people).flat_map(|(ask, person)| values![ask, i64::from(person.0)]).collect();
        let outcomes: Vec<String> = reask.outcomes.iter().map(|o| o.code().to_string()).collect();
        let again =
            if outcomes.is_empty() { "1 = 0".to_owned() } else { format!("ask.outcome IN ({})", outcomes.join(",")) };
        let affected = write_rows(conn, &head, 2, rows, |rows| {
            format!(
                "WITH v (ask, person) AS (VALUES {rows}) \
                 INSERT INTO ask (ask, person, source, period, state, fence, attempts, planned_at) \
                 SELECT v.ask, v.person, $1, $2, 0, 0, 0, $3 FROM v WHERE 1 = 1 \
                 ON CONFLICT (person, source, period) DO UPDATE SET state = 0, holder = NULL, lease_until = NULL, \
                 submission = NULL, raw = NULL, attempts = 0, held = NULL \
                 WHERE ask.state = 3 AND ({again} OR ask.settled_at < $4)"
            )
        })
        .await?;
        let row = query(
            "SELECT COUNT(*) FROM ask WHERE source = $1 AND state < 3 AND ask >= $2".into(),
            values![source.as_str(), first],
        )
        .fetch_one(conn)
        .await?;
        let new = u64::try_from(int(&row, 0)?).unwrap_or(0);
        Ok(Planned {
            new,
            reopened: affected.saturating_sub(new),
            kept: (people.len() as u64).saturating_sub(affected),
        })
    }

    /// Opens settled asks again, whatever they ended in: they are planned anew.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn reopen(&self, tx: &mut Tx, asks: &[AskId]) -> Result<u64> {
        let rows = asks.iter().map(|a| a.0.into()).collect();
        write_rows(tx.connection(), &[], 1, rows, |rows| {
            format!(
                "UPDATE ask SET state = 0, holder = NULL, lease_until = NULL, submission = NULL, raw = NULL, attempts = 0 \
                 WHERE state = 3 AND ask IN ({})",
                rows.replace(['(', ')'], "")
            )
        })
        .await
    }

    /// The asks a filter lets through, by ask.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn asks(&self, filter: &AskFilter) -> Result<Vec<Ask>> {
        let mut conn = self.inner.pool.acquire().await?;
        let mut bound: Vec<Value> = Vec::new();
        let mut sql = format!("SELECT {COLUMNS} FROM ask WHERE 1 = 1");
        if filter.open {
            sql.push_str(" AND state < 3");
        }
        if let Some(source) = &filter.source {
            bound.push(source.as_str().into());
            sql.push_str(&format!(" AND source = ${}", bound.len()));
        }
        if let Some(period) = &filter.period {
            bound.push(period.as_str().into());
            sql.push_str(&format!(" AND period = ${}", bound.len()));
        }
        let rows = match &filter.people {
            None => query(sql, bound).fetch_all(&mut *conn).await?,
            Some(people) => {
                let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
                read_keys(&mut conn, &bound, keys, |list| format!("{sql} AND person IN {list}")).await?
            }
        };
        let mut asks = rows.iter().map(read_ask).collect::<Result<Vec<_>>>()?;
        asks.sort_by_key(|a| a.ask);
        asks.dedup_by_key(|a| a.ask);
        Ok(asks)
    }

    /// How all asks about some people stand, at every source.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn asks_now(&self, people: &[PersonKey]) -> Result<Vec<AskNow>> {
        let mut conn = self.inner.pool.acquire().await?;
        let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
        let rows = read_keys(&mut conn, &[], keys, |list| {
            format!(
                "SELECT ask, person, source, period, state, outcome, cause, attempts, held FROM ask WHERE person IN {list}"
            )
        })
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AskNow {
                    ask: AskId(int(row, 0)?),
                    person: person(row, 1)?,
                    source: SourceId::from(text(row, 2)?),
                    period: text(row, 3)?,
                    state: AskState::from_code(int(row, 4)?)?,
                    outcome: outcome(row, 5)?,
                    cause: text_or_null(row, 6)?,
                    attempts: int(row, 7)?,
                    held: text_or_null(row, 8)?,
                })
            })
            .collect()
    }

    /// How many asks stand where, by source.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn ask_counts(&self) -> Result<Vec<AskCount>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, state, CASE WHEN state = 3 THEN outcome END, COUNT(*) FROM ask \
                   GROUP BY source, state, CASE WHEN state = 3 THEN outcome END ORDER BY 1, 2, 3";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                Ok(AskCount {
                    source: SourceId::from(text(row, 0)?),
                    state: AskState::from_code(int(row, 1)?)?,
                    outcome: outcome(row, 2)?,
                    count: int(row, 3)?,
                })
            })
            .collect()
    }
}

fn outcome(row: &AnyRow, column: usize) -> Result<Option<Outcome>> {
    int_or_null(row, column)?
        .map(|code| {
            u8::try_from(code).ok().and_then(Outcome::from_code).ok_or(LedgerError::Malformed { what: "outcome" })
        })
        .transpose()
}

pub(crate) fn read_ask(row: &AnyRow) -> Result<Ask> {
    Ok(Ask {
        ask: AskId(int(row, 0)?),
        person: person(row, 1)?,
        source: SourceId::from(text(row, 2)?),
        period: text(row, 3)?,
        state: AskState::from_code(int(row, 4)?)?,
        outcome: outcome(row, 5)?,
        cause: text_or_null(row, 6)?,
        answer: int_or_null(row, 7)?.map(AnswerId),
        raw: text_or_null(row, 8)?,
        submission: int_or_null(row, 9)?,
        attempts: int(row, 10)?,
        planned_at: moment(row, 11)?,
        asked_at: moment_or_null(row, 12)?,
        settled_at: moment_or_null(row, 13)?,
        held: text_or_null(row, 14)?,
    })
}
