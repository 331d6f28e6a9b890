//! Asks: one person, one source, one period, from planned to settled. Every transition is one statement in the caller's
//! transaction, so that a crash leaves each ask either before or after it.

use hedui_base::{AnswerId, AskId, Outcome, PersonKey, SourceId};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
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

/// A claimed ask: this worker may send it and settle it until the lease ends or another takes it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedAsk {
    /// The ask.
    pub ask: AskId,
    /// Whom about.
    pub person: PersonKey,
    /// Where.
    pub source: SourceId,
    /// For which period.
    pub period: String,
    /// Fencing token; one per claim.
    pub fence: i64,
    /// How often it was claimed, this time included.
    pub attempts: i64,
    /// Hash of a raw reply that was stored but not settled before a crash: parse it again instead of asking.
    pub raw: Option<String>,
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

/// An outcome to settle an ask with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The ask.
    pub ask: AskId,
    /// The fencing token of the claim that it is settled under.
    pub fence: i64,
    /// How it ended. [`Outcome::Pending`] records an answer of "not yet" and leaves the ask with its file exchange.
    pub outcome: Outcome,
    /// Why, as a stable code.
    pub cause: Option<String>,
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

const COLUMNS: &str = "ask, person, source, period, state, outcome, cause, answer, raw, submission, attempts, planned_at, \
                       asked_at, settled_at";

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
                 submission = NULL, raw = NULL, attempts = 0 \
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

    /// Claims up to `limit` asks of a source that are planned, or whose worker lost its lease; `people` narrows it to a
    /// household. Every ask of one claim has the same new fencing token.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn claim(
        &self,
        tx: &mut Tx,
        source: &SourceId,
        people: Option<&[PersonKey]>,
        limit: usize,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<ClaimedAsk>> {
        let conn = tx.connection();
        let fence = take_numbers(conn, "fence", 1, 1).await?;
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut head = values![source.as_str(), now, until, self.inner.worker.name(), fence, limit].to_vec();
        let claim = |narrow: &str, limit: &str| {
            format!(
                "UPDATE ask SET fence = $5, holder = $4, lease_until = $3, attempts = attempts + 1 WHERE ask IN \
                 (SELECT ask FROM ask WHERE source = $1 AND state < 3 AND state < 2 AND (lease_until IS NULL OR lease_until < $2) {narrow} \
                 ORDER BY ask {limit}) RETURNING ask, person, source, period, fence, attempts, raw"
            )
        };
        let rows = match people {
            None => query(claim("", "LIMIT $6"), head).fetch_all(conn).await?,
            Some(people) => {
                head.truncate(5);
                let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
                read_keys(conn, &head, keys, |list| claim(&format!("AND person IN {list}"), "")).await?
            }
        };
        let mut claimed = rows.iter().map(read_claim).collect::<Result<Vec<_>>>()?;
        claimed.sort_by_key(|c| c.ask);
        Ok(claimed)
    }

    /// Notes that claimed asks leave for the institution now.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] if another worker has taken one over: send nothing then.
    pub async fn mark_sent(&self, tx: &mut Tx, claimed: &[ClaimedAsk], now: Timestamp) -> Result<()> {
        let pairs: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(tx.connection(), &pairs, "state = 1, asked_at = $1", &values![now]).await
    }

    /// Notes where the raw reply to claimed asks is stored, before it is parsed.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`].
    pub async fn attach_raw(&self, tx: &mut Tx, claimed: &[ClaimedAsk], raw: &str) -> Result<()> {
        let pairs: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(tx.connection(), &pairs, "raw = $1", &values![raw]).await
    }

    /// Gives claimed asks back unsent, or forgets that they were sent: they are planned again.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`].
    pub async fn release(&self, tx: &mut Tx, claimed: &[ClaimedAsk]) -> Result<()> {
        let pairs: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(tx.connection(), &pairs, "state = 0, holder = NULL, lease_until = NULL", &[]).await
    }

    /// Lengthens the lease of claimed asks: a heartbeat.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`].
    pub async fn extend_lease(
        &self,
        tx: &mut Tx,
        claimed: &[ClaimedAsk],
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<()> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let pairs: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(tx.connection(), &pairs, "lease_until = $1", &values![until]).await
    }

    /// Frees asks and submissions whose lease has ended, or whose worker process has (killed or crashed). Call it when
    /// work starts; it disturbs no living worker.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn release_expired(&self, tx: &mut Tx, now: Timestamp) -> Result<u64> {
        let conn = tx.connection();
        let rows = query(
            "SELECT DISTINCT holder FROM ask WHERE state < 3 AND holder IS NOT NULL \
             UNION SELECT DISTINCT holder FROM submission WHERE state = 0 AND holder IS NOT NULL"
                .into(),
            [],
        )
        .fetch_all(&mut *conn)
        .await?;
        let mut freed = 0;
        for row in &rows {
            let holder = text(row, 0)?;
            let until = if self.inner.worker.is_gone(&holder) { i64::MAX } else { now.as_microsecond() };
            for (table, open) in [("ask", "state < 3"), ("submission", "state = 0")] {
                let again = if table == "ask" { "state = CASE WHEN state = 1 THEN 0 ELSE state END," } else { "" };
                freed += query(
                    format!(
                        "UPDATE {table} SET {again} holder = NULL, lease_until = NULL \
                         WHERE {open} AND holder = $1 AND lease_until < $2"
                    ),
                    values![holder.as_str(), until],
                )
                .execute(&mut *conn)
                .await?
                .rows_affected();
            }
        }
        Ok(freed)
    }

    /// Settles asks under their claims: all of them, or none. Returns one growing answer id each, in order.
    /// A submission whose last ask is settled is closed.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] if any is no longer held under its token: drop the transaction then.
    pub async fn settle(&self, tx: &mut Tx, settled: &[Settle], now: Timestamp) -> Result<Vec<AnswerId>> {
        let conn = tx.connection();
        let count = i64::try_from(settled.len()).unwrap_or(i64::MAX);
        let first = take_numbers(conn, "answer", 1, count).await?;
        let rows: Vec<Value> = (first..)
            .zip(settled)
            .flat_map(|(answer, s)| values![s.ask.0, s.fence, i64::from(s.outcome.code()), s.cause.clone(), answer])
            .collect();
        let pending = Outcome::Pending.code();
        let affected = write_rows(conn, &values![now], 5, rows, |rows| {
            format!(
                "WITH v (ask, fence, outcome, cause, answer) AS (VALUES {rows}) \
                 UPDATE ask SET outcome = v.outcome, cause = v.cause, answer = v.answer, settled_at = $1, \
                 state = CASE WHEN v.outcome = {pending} THEN 2 ELSE 3 END, holder = NULL, lease_until = NULL \
                 FROM v WHERE ask.ask = v.ask AND ask.fence = v.fence AND ask.state < 3"
            )
        })
        .await?;
        if affected != settled.len() as u64 {
            let pairs: Vec<_> = settled.iter().map(|s| (s.ask, s.fence)).collect();
            return Err(fenced(conn, &pairs, (settled.len() as u64).saturating_sub(affected)).await?);
        }
        query(
            "UPDATE submission SET state = 1, holder = NULL, lease_until = NULL WHERE state = 0 AND NOT EXISTS \
             (SELECT 1 FROM ask WHERE ask.submission = submission.submission AND ask.state < 3)"
                .into(),
            [],
        )
        .execute(conn)
        .await?;
        Ok((first..first + count).map(AnswerId).collect())
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

/// Updates asks held under a claim; all of them, or an error.
pub(crate) async fn update_held(
    conn: &mut AnyConnection,
    held: &[(AskId, i64)],
    set: &str,
    head: &[Value],
) -> Result<()> {
    let rows = held.iter().flat_map(|(ask, fence)| values![ask.0, *fence]).collect();
    let affected = write_rows(conn, head, 2, rows, |rows| {
        format!(
            "WITH v (ask, fence) AS (VALUES {rows}) UPDATE ask SET {set} FROM v \
             WHERE ask.ask = v.ask AND ask.fence = v.fence AND ask.state < 3"
        )
    })
    .await?;
    if affected == held.len() as u64 {
        Ok(())
    } else {
        Err(fenced(conn, held, (held.len() as u64).saturating_sub(affected)).await?)
    }
}

async fn fenced(conn: &mut AnyConnection, held: &[(AskId, i64)], lost: u64) -> Result<LedgerError> {
    let keys = held.iter().map(|(ask, _)| ask.0.into()).collect();
    let rows = read_keys(conn, &[], keys, |list| format!("SELECT ask, fence FROM ask WHERE ask IN {list}")).await?;
    let mut fences = std::collections::HashMap::with_capacity(rows.len());
    for row in &rows {
        fences.insert(AskId(int(row, 0)?), int(row, 1)?);
    }
    let first = held.iter().find(|(ask, fence)| fences.get(ask) != Some(fence)).map(|(ask, _)| *ask);
    Ok(LedgerError::Fenced { lost: usize::try_from(lost).unwrap_or(usize::MAX), first })
}

pub(crate) fn read_claim(row: &AnyRow) -> Result<ClaimedAsk> {
    Ok(ClaimedAsk {
        ask: AskId(int(row, 0)?),
        person: person(row, 1)?,
        source: SourceId::from(text(row, 2)?),
        period: text(row, 3)?,
        fence: int(row, 4)?,
        attempts: int(row, 5)?,
        raw: text_or_null(row, 6)?,
    })
}

fn outcome(row: &AnyRow, column: usize) -> Result<Option<Outcome>> {
    int_or_null(row, column)?
        .map(|code| {
            u8::try_from(code).ok().and_then(Outcome::from_code).ok_or(LedgerError::Malformed { what: "outcome" })
        })
        .transpose()
}

fn read_ask(row: &AnyRow) -> Result<Ask> {
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
    })
}
