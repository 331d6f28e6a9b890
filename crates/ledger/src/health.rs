//! How each source has been doing: its calls, how long they took, what waits, what its servers show of themselves.

use std::collections::HashMap;

use hedui_base::SourceId;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::error::Result;
use crate::ledger::{Ledger, Tx};
use crate::sql::{
    date_or_null, int, int_or_null, moment, moment_or_null, query, take_numbers, text, text_or_null, values, write_rows,
};

/// One call to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The source.
    pub source: SourceId,
    /// When.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// How many asks it was about.
    pub asks: i64,
    /// Why it failed, as a stable code; none if it did not.
    pub failure: Option<String>,
}

/// How a source has been doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceHealth {
    /// Calls made.
    pub attempts: i64,
    /// Calls that failed.
    pub failures: i64,
    /// Mean duration of a call, in milliseconds.
    pub mean_ms: i64,
    /// Last call.
    pub last_at: Option<Timestamp>,
    /// Cause of the last failure.
    pub last_failure: Option<String>,
    /// When that was.
    pub last_failure_at: Option<Timestamp>,
    /// Rows set aside, by reason.
    pub quarantined: Vec<(String, i64)>,
}

/// How long the calls to a source took lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Calls.
    pub calls: i64,
    /// Of them failed.
    pub failures: i64,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: i64,
    /// Nineteen of twenty took no longer.
    pub p95_ms: i64,
}

/// The file exchange of a source that has waited longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldestPending {
    /// When it was handed in.
    pub submitted_at: Timestamp,
    /// The day from which it is overdue.
    pub due: Option<Date>,
}

/// What an institution's servers showed of themselves last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// How far their clock is ahead of ours, in milliseconds; none if they did not say.
    pub skew_ms: Option<i64>,
    /// Until when their certificate holds; none if there was none.
    pub certificate_until: Option<Timestamp>,
}

impl Ledger {
    /// Notes calls to sources.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn record_attempts(&self, tx: &mut Tx, attempts: &[Attempt]) -> Result<()> {
        let count = i64::try_from(attempts.len()).unwrap_or(i64::MAX);
        let first = take_numbers(tx.connection(), "attempt", 1, count).await?;
        let rows = (first..)
            .zip(attempts)
            .flat_map(|(n, a)| values![n, a.source.as_str(), a.at, a.took_ms, a.asks, a.failure.clone()])
            .collect();
        write_rows(tx.connection(), &[], 6, rows, |rows| {
            format!("INSERT INTO attempt (attempt, source, at, took_ms, asks, failure) VALUES {rows}")
        })
        .await?;
        Ok(())
    }

    /// How every source that was ever called has been doing, by source.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn source_health(&self) -> Result<Vec<(SourceId, SourceHealth)>> {
        let mut conn = self.inner.pool.acquire().await?;
        let mut health = std::collections::BTreeMap::<String, SourceHealth>::new();
        let sql =
            "SELECT source, COUNT(*), COUNT(failure), SUM(took_ms) / COUNT(*), MAX(at) FROM attempt GROUP BY source";
        for row in &query(sql.into(), []).fetch_all(&mut *conn).await? {
            let entry = health.entry(text(row, 0)?).or_default();
            entry.attempts = int(row, 1)?;
            entry.failures = int(row, 2)?;
            entry.mean_ms = int(row, 3)?;
            entry.last_at = moment_or_null(row, 4)?;
        }
        let sql = "SELECT a.source, a.failure, a.at FROM attempt a JOIN \
                   (SELECT source, MAX(attempt) AS last FROM attempt WHERE failure IS NOT NULL GROUP BY source) f \
                   ON a.attempt = f.last";
        for row in &query(sql.into(), []).fetch_all(&mut *conn).await? {
            let entry = health.entry(text(row, 0)?).or_default();
            entry.last_failure = text_or_null(row, 1)?;
            entry.last_failure_at = moment_or_null(row, 2)?;
        }
        let sql = "SELECT source, reason, COUNT(*) FROM quarantine WHERE cured_at IS NULL \
                   GROUP BY source, reason ORDER BY source, reason";
        for row in &query(sql.into(), []).fetch_all(&mut *conn).await? {
            health.entry(text(row, 0)?).or_default().quarantined.push((text(row, 1)?, int(row, 2)?));
        }
        Ok(health.into_iter().map(|(source, h)| (SourceId::from(source), h)).collect())
    }

    /// How long calls took since a moment, by source.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn latencies(&self, since: Timestamp) -> Result<HashMap<SourceId, Latency>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, MAX(n), SUM(CASE WHEN failure IS NULL THEN 0 ELSE 1 END), \
                   MIN(CASE WHEN place * 100 >= n * 50 THEN took_ms END), \
                   MIN(CASE WHEN place * 100 >= n * 95 THEN took_ms END) FROM \
                   (SELECT source, took_ms, failure, ROW_NUMBER() OVER (PARTITION BY source ORDER BY took_ms) AS place, \
                   COUNT(*) OVER (PARTITION BY source) AS n FROM attempt WHERE at >= $1) ranked GROUP BY source";
        let rows = query(sql.into(), values![since]).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                let latency = Latency {
                    calls: int(row, 1)?,
                    failures: int(row, 2)?,
                    p50_ms: int_or_null(row, 3)?.unwrap_or(0),
                    p95_ms: int_or_null(row, 4)?.unwrap_or(0),
                };
                Ok((SourceId::from(text(row, 0)?), latency))
            })
            .collect()
    }

    /// The file exchange that has waited longest, by source.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn oldest_pending(&self) -> Result<HashMap<SourceId, OldestPending>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, MIN(submitted_at), MIN(due) FROM submission WHERE state = 0 GROUP BY source";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                let oldest = OldestPending { submitted_at: moment(row, 1)?, due: date_or_null(row, 2)? };
                Ok((SourceId::from(text(row, 0)?), oldest))
            })
            .collect()
    }

    /// Why asks ended without a whole answer, by source and stable code.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn cause_counts(&self) -> Result<Vec<(SourceId, String, i64)>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, cause, COUNT(*) FROM ask WHERE state = 3 AND cause IS NOT NULL \
                   GROUP BY source, cause ORDER BY source, cause";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| Ok((SourceId::from(text(row, 0)?), text(row, 1)?, int(row, 2)?))).collect()
    }

    /// Keeps what an institution's servers showed; what they did not show this time stays as it was.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn observe(&self, tx: &mut Tx, institution: &str, seen: Observation, now: Timestamp) -> Result<()> {
        query(
            "INSERT INTO observed (institution, skew_ms, certificate_until, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (institution) DO UPDATE SET skew_ms = COALESCE(excluded.skew_ms, observed.skew_ms), \
             certificate_until = COALESCE(excluded.certificate_until, observed.certificate_until), at = excluded.at"
                .into(),
            values![institution, seen.skew_ms, seen.certificate_until.map(Timestamp::as_microsecond), now],
        )
        .execute(tx.connection())
        .await?;
        Ok(())
    }

    /// What institutions' servers showed of themselves, by institution.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn observations(&self) -> Result<HashMap<String, Observation>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT institution, skew_ms, certificate_until FROM observed";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                let seen = Observation { skew_ms: int_or_null(row, 1)?, certificate_until: moment_or_null(row, 2)? };
                Ok((text(row, 0)?, seen))
            })
            .collect()
    }
}
