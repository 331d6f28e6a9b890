//! Who works on an ask, and how it ends: claims with leases and fencing tokens, heartbeats, settlement. Every transition
//! is one statement in the caller's transaction, so that a crash leaves each ask either before or after it.

use hedui_base::{AnswerId, AskId, Outcome, PersonKey, SourceId};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::sql::{Value, int, person, query, read_keys, take_numbers, text, text_or_null, values, write_rows};

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
    /// The number of the manifest that the reply was read by; none if there was no reply.
    pub manifest: Option<i64>,
}

impl Ledger {
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
        // A household, or a group of people, is found by person; a source's next asks by the index of what is open. The
        // first must not mention `state < 3`, or SQLite walks through all that is open for each group.
        let claim = |open: &str, which: &str| {
            format!(
                "UPDATE ask SET fence = $5, holder = $4, lease_until = $3, attempts = attempts + 1, held = NULL WHERE ask IN \
                 (SELECT ask FROM ask WHERE source = $1 AND {open} AND (lease_until IS NULL OR lease_until < $2) {which}) \
                 RETURNING ask, person, source, period, fence, attempts, raw"
            )
        };
        let rows = match people {
            None => query(claim("state < 3 AND state < 2", "ORDER BY ask LIMIT $6"), head).fetch_all(conn).await?,
            Some(people) => {
                head.truncate(5);
                let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
                read_keys(conn, &head, keys, |list| claim("state < 2", &format!("AND person IN {list}"))).await?
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

    /// Lengthens the lease of those of the asks, each with its token, that are still held under it and not settled;
    /// returns how many. One that was taken over or settled meanwhile is nobody's fault.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn heartbeat(
        &self,
        tx: &mut Tx,
        held: &[(AskId, i64)],
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<u64> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let rows = held.iter().flat_map(|(ask, fence)| values![ask.0, *fence]).collect();
        write_rows(tx.connection(), &values![until], 2, rows, |rows| {
            format!(
                "WITH v (ask, fence) AS (VALUES {rows}) UPDATE ask SET lease_until = $1 FROM v \
                 WHERE ask.ask = v.ask AND ask.fence = v.fence AND ask.state < 3 AND ask.holder IS NOT NULL"
            )
        })
        .await
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
            .flat_map(|(answer, s)| {
                values![s.ask.0, s.fence, i64::from(s.outcome.code()), s.cause.clone(), answer, s.manifest]
            })
            .collect();
        let pending = Outcome::Pending.code();
        let affected = write_rows(conn, &values![now], 6, rows, |rows| {
            format!(
                "WITH v (ask, fence, outcome, cause, answer, manifest) AS (VALUES {rows}) \
                 UPDATE ask SET outcome = v.outcome, cause = v.cause, answer = v.answer, manifest = v.manifest, settled_at = $1, \
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
