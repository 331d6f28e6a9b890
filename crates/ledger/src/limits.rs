//! What keeps a source from being asked too much or in vain: daily budgets, breakers, and asks that are held back.

use std::collections::HashMap;

use hedui_base::{PersonKey, SourceId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::error::{LedgerError, Result};
use crate::leases::{ClaimedAsk, update_held};
use crate::ledger::{Ledger, Tx};
use crate::sql::{int, moment, moment_or_null, query, read_keys, text, values};

/// Whether a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// As usual.
    Closed,
    /// It is left alone until this moment; then one call tries.
    Open(Timestamp),
}

/// A source's breaker, as it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedBreaker {
    /// Whether it is asked.
    pub state: BreakerState,
    /// The last calls, oldest first: whether each came through.
    pub calls: Vec<bool>,
    /// How often it has opened.
    pub trips: i64,
    /// When it last opened or closed.
    pub changed_at: Timestamp,
}

impl Ledger {
    /// Takes up to `want` people out of a day's budget, so that never more than `ceiling` are taken on that day whoever
    /// takes them; returns how many were granted.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn take_budget(&self, tx: &mut Tx, credential: &str, day: Date, want: u64, ceiling: u64) -> Result<u64> {
        let conn = tx.connection();
        let used =
            query("SELECT used FROM budget WHERE credential = $1 AND day = $2".into(), values![credential, Some(day)])
                .fetch_optional(&mut *conn)
                .await?
                .map_or(Ok(0), |row| int(&row, 0))?;
        let left = ceiling.saturating_sub(u64::try_from(used).unwrap_or(0));
        let granted = want.min(left);
        if granted == 0 {
            return Ok(0);
        }
        let more = i64::try_from(granted).map_err(|_| LedgerError::Malformed { what: "budget" })?;
        query(
            "INSERT INTO budget (credential, day, used) VALUES ($1, $2, $3) \
             ON CONFLICT (credential, day) DO UPDATE SET used = budget.used + excluded.used"
                .into(),
            values![credential, Some(day), more],
        )
        .execute(conn)
        .await?;
        Ok(granted)
    }

    /// How many people were taken out of a day's budget, by credential.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn budgets_used(&self, day: Date) -> Result<HashMap<String, u64>> {
        let mut conn = self.inner.pool.acquire().await?;
        let rows = query("SELECT credential, used FROM budget WHERE day = $1".into(), values![Some(day)])
            .fetch_all(&mut *conn)
            .await?;
        rows.iter().map(|row| Ok((text(row, 0)?, u64::try_from(int(row, 1)?).unwrap_or(0)))).collect()
    }

    /// Gives claimed asks back unsent, with the reason they are not sent yet; the claim does not count as an attempt.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] if another worker has taken one over.
    pub async fn hold(&self, tx: &mut Tx, claimed: &[ClaimedAsk], why: &str) -> Result<()> {
        let pairs: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
        let set = "state = 0, holder = NULL, lease_until = NULL, attempts = attempts - 1, held = $1";
        update_held(tx.connection(), &pairs, set, &values![why]).await
    }

    /// Notes why planned asks that nobody holds are not sent yet.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn hold_planned(&self, tx: &mut Tx, source: &SourceId, people: &[PersonKey], why: &str) -> Result<()> {
        let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
        read_keys(tx.connection(), &values![source.as_str(), why], keys, |list| {
            format!(
                "UPDATE ask SET held = $2 WHERE source = $1 AND state = 0 AND holder IS NULL AND person IN {list} \
                 RETURNING ask"
            )
        })
        .await?;
        Ok(())
    }

    /// How many planned asks are held back, by source and reason.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn held_counts(&self) -> Result<Vec<(SourceId, String, i64)>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, held, COUNT(*) FROM ask WHERE state < 3 AND state = 0 AND held IS NOT NULL \
                   GROUP BY source, held ORDER BY source, held";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| Ok((SourceId::from(text(row, 0)?), text(row, 1)?, int(row, 2)?))).collect()
    }

    /// The breakers that were ever saved, by source.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn breakers(&self) -> Result<HashMap<SourceId, SavedBreaker>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, state, open_until, calls, trips, changed_at FROM breaker";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                let state = match (int(row, 1)?, moment_or_null(row, 2)?) {
                    (0, _) => BreakerState::Closed,
                    (1, Some(until)) => BreakerState::Open(until),
                    _ => return Err(LedgerError::Malformed { what: "breaker" }),
                };
                let calls = text(row, 3)?.bytes().map(|b| b == b'1').collect();
                let saved = SavedBreaker { state, calls, trips: int(row, 4)?, changed_at: moment(row, 5)? };
                Ok((SourceId::from(text(row, 0)?), saved))
            })
            .collect()
    }

    /// Saves a source's breaker.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn save_breaker(&self, tx: &mut Tx, source: &SourceId, breaker: &SavedBreaker) -> Result<()> {
        let (state, until) = match breaker.state {
            BreakerState::Closed => (0i64, None),
            BreakerState::Open(until) => (1, Some(until.as_microsecond())),
        };
        let calls: String = breaker.calls.iter().map(|good| if *good { '1' } else { '0' }).collect();
        query(
            "INSERT INTO breaker (source, state, open_until, calls, trips, changed_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (source) DO UPDATE SET state = excluded.state, open_until = excluded.open_until, \
             calls = excluded.calls, trips = excluded.trips, changed_at = excluded.changed_at"
                .into(),
            values![source.as_str(), state, until, calls, breaker.trips, breaker.changed_at],
        )
        .execute(tx.connection())
        .await?;
        Ok(())
    }
}
