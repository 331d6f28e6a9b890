//! What was set aside instead of being believed, and how each source has been doing.

use hedui_base::{AskId, SourceId};
use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::{Ledger, Tx};
use crate::sql::{
    Value, int, int_or_null, moment, moment_or_null, query, take_numbers, text, text_or_null, values, write_rows,
};

/// A part of a reply that was set aside. Neither reason nor place holds personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Who sent it.
    pub source: SourceId,
    /// Which ask it belongs to, if that could be told.
    pub ask: Option<AskId>,
    /// Stable reason code, such as `bad_money`.
    pub reason: String,
    /// File, line and column, or a path.
    pub place: String,
    /// Hash of the raw reply.
    pub raw: String,
    /// Hash of the manifest that read it.
    pub manifest: String,
    /// When.
    pub at: Timestamp,
}

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

impl Ledger {
    /// Sets parts of replies aside.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn quarantine(&self, tx: &mut Tx, items: &[Quarantine]) -> Result<()> {
        let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let first = take_numbers(tx.connection(), "quarantine", 1, count).await?;
        let rows = (first..)
            .zip(items)
            .flat_map(|(number, q)| {
                values![
                    number,
                    q.source.as_str(),
                    q.ask.map(|a| a.0),
                    q.reason.as_str(),
                    q.place.as_str(),
                    q.raw.as_str(),
                    q.manifest.as_str(),
                    q.at
                ]
            })
            .collect();
        write_rows(tx.connection(), &[], 8, rows, |rows| {
            format!("INSERT INTO quarantine (quarantine, source, ask, reason, place, raw, manifest, at) VALUES {rows}")
        })
        .await?;
        Ok(())
    }

    /// What was set aside, newest first, of one source or of all.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn quarantined(&self, source: Option<&SourceId>, limit: i64) -> Result<Vec<Quarantine>> {
        let mut conn = self.inner.pool.acquire().await?;
        let mut bound: Vec<Value> = values![limit].to_vec();
        let mut narrow = "";
        if let Some(source) = source {
            bound.push(source.as_str().into());
            narrow = "WHERE source = $2";
        }
        let sql = format!(
            "SELECT source, ask, reason, place, raw, manifest, at FROM quarantine {narrow} ORDER BY quarantine DESC LIMIT $1"
        );
        let rows = query(sql, bound).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                Ok(Quarantine {
                    source: SourceId::from(text(row, 0)?),
                    ask: int_or_null(row, 1)?.map(AskId),
                    reason: text(row, 2)?,
                    place: text(row, 3)?,
                    raw: text(row, 4)?,
                    manifest: text(row, 5)?,
                    at: moment(row, 6)?,
                })
            })
            .collect()
    }

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
        let sql = "SELECT source, reason, COUNT(*) FROM quarantine GROUP BY source, reason ORDER BY source, reason";
        for row in &query(sql.into(), []).fetch_all(&mut *conn).await? {
            health.entry(text(row, 0)?).or_default().quarantined.push((text(row, 1)?, int(row, 2)?));
        }
        Ok(health.into_iter().map(|(source, h)| (SourceId::from(source), h)).collect())
    }
}
