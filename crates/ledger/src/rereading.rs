//! Reading kept replies again: which manifest read what, which replies another reading may serve, what it cured, and
//! which replies must not be kept at all.

use hedui_base::{AskId, Outcome, SourceId};
use jiff::{SignedDuration, Timestamp};

use crate::asks::{Ask, COLUMNS, read_ask};
use crate::error::Result;
use crate::leases::{ClaimedAsk, read_claim};
use crate::ledger::{Ledger, Tx};
use crate::sql::{Value, int, moment, query, read_keys, take_numbers, text, values, write_rows};

/// A manifest that a source was asked or read by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestSeen {
    /// The source.
    pub source: SourceId,
    /// Hash of the manifest.
    pub hash: String,
    /// When an answer was first settled by it.
    pub first_at: Timestamp,
}

impl Ledger {
    /// The number of a source's manifest, made at its first use.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn manifest_number(&self, tx: &mut Tx, source: &SourceId, hash: &str, now: Timestamp) -> Result<i64> {
        let conn = tx.connection();
        let known = "SELECT number FROM manifest WHERE source = $1 AND hash = $2";
        if let Some(row) = query(known.into(), values![source.as_str(), hash]).fetch_optional(&mut *conn).await? {
            return int(&row, 0);
        }
        let number = take_numbers(conn, "manifest", 1, 1).await?;
        query(
            "INSERT INTO manifest (number, source, hash, first_at) VALUES ($1, $2, $3, $4)".into(),
            values![number, source.as_str(), hash, now],
        )
        .execute(conn)
        .await?;
        Ok(number)
    }

    /// Every manifest that answers were ever settled by, by source and time.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn manifests(&self) -> Result<Vec<ManifestSeen>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT source, hash, first_at FROM manifest ORDER BY source, first_at, number";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                Ok(ManifestSeen {
                    source: SourceId::from(text(row, 0)?),
                    hash: text(row, 1)?,
                    first_at: moment(row, 2)?,
                })
            })
            .collect()
    }

    /// Asks by number, in order of number; those that do not exist are left out.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn asks_by_id(&self, asks: &[AskId]) -> Result<Vec<Ask>> {
        let mut conn = self.inner.pool.acquire().await?;
        let keys = asks.iter().map(|a| a.0.into()).collect();
        let rows =
            read_keys(&mut conn, &[], keys, |list| format!("SELECT {COLUMNS} FROM ask WHERE ask IN {list}")).await?;
        let mut asks = rows.iter().map(read_ask).collect::<Result<Vec<_>>>()?;
        asks.sort_by_key(|a| a.ask);
        Ok(asks)
    }

    /// The kept replies that settled asks of a source were read from, settled at or after a moment if one is given.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn replies_of(&self, source: &SourceId, since: Option<Timestamp>) -> Result<Vec<String>> {
        let mut conn = self.inner.pool.acquire().await?;
        let mut bound: Vec<Value> = values![source.as_str()].to_vec();
        let mut narrow = "";
        if let Some(since) = since {
            bound.push(since.into());
            narrow = "AND settled_at >= $2";
        }
        let sql = format!(
            "SELECT DISTINCT raw FROM ask WHERE source = $1 AND state = 3 AND raw IS NOT NULL {narrow} ORDER BY raw"
        );
        let rows = query(sql, bound).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| text(row, 0)).collect()
    }

    /// The kept replies that another reading may serve: not read by this manifest yet, and holding an ask that ended
    /// partial or failed, or something that was set aside.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn replies_to_read_again(&self, source: &SourceId, manifest: i64) -> Result<Vec<String>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = format!(
            "SELECT DISTINCT raw FROM ask WHERE source = $1 AND state = 3 AND raw IS NOT NULL \
             AND (manifest IS NULL OR manifest <> $2) AND (outcome IN ({}, {}) OR raw IN \
             (SELECT raw FROM quarantine WHERE source = $1 AND cured_at IS NULL)) ORDER BY raw",
            Outcome::Partial.code(),
            Outcome::Failed.code()
        );
        let rows = query(sql, values![source.as_str(), manifest]).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| text(row, 0)).collect()
    }

    /// Claims settled asks to read their reply again: until they are settled anew they count as sent, with the reply on
    /// file, so that a crash on the way ends like any other.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn claim_settled(
        &self,
        tx: &mut Tx,
        raw: &str,
        asks: &[AskId],
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<ClaimedAsk>> {
        let conn = tx.connection();
        let fence = take_numbers(conn, "fence", 1, 1).await?;
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let head = values![raw, fence, until, self.inner.worker.name()];
        let keys = asks.iter().map(|a| a.0.into()).collect();
        let rows = read_keys(conn, &head, keys, |list| {
            format!(
                "UPDATE ask SET state = 1, fence = $2, lease_until = $3, holder = $4 \
                 WHERE state = 3 AND raw = $1 AND ask IN {list} \
                 RETURNING ask, person, source, period, fence, attempts, raw"
            )
        })
        .await?;
        let mut claimed = rows.iter().map(read_claim).collect::<Result<Vec<_>>>()?;
        claimed.sort_by_key(|c| c.ask);
        Ok(claimed)
    }

    /// Notes that what was set aside is of use now.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn cure(&self, tx: &mut Tx, numbers: &[i64], now: Timestamp) -> Result<()> {
        let keys = numbers.iter().map(|n| (*n).into()).collect();
        read_keys(tx.connection(), &values![now], keys, |list| {
            format!("UPDATE quarantine SET cured_at = $1 WHERE cured_at IS NULL AND quarantine IN {list} RETURNING quarantine")
        })
        .await?;
        Ok(())
    }

    /// Notes that a kept reply is to be destroyed, and forgets which asks were read from it.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn doom(&self, tx: &mut Tx, raw: &str, asks: &[AskId], now: Timestamp) -> Result<()> {
        let conn = tx.connection();
        query("INSERT INTO doomed (raw, at) VALUES ($1, $2) ON CONFLICT (raw) DO NOTHING".into(), values![raw, now])
            .execute(&mut *conn)
            .await?;
        let rows = asks.iter().map(|a| a.0.into()).collect();
        write_rows(conn, &values![raw], 1, rows, |rows| {
            format!("UPDATE ask SET raw = NULL WHERE raw = $1 AND ask IN ({})", rows.replace(['(', ')'], ""))
        })
        .await?;
        Ok(())
    }

    /// The kept replies that are still to be destroyed.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn doomed(&self) -> Result<Vec<String>> {
        let mut conn = self.inner.pool.acquire().await?;
        let rows = query("SELECT raw FROM doomed ORDER BY at, raw".into(), []).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| text(row, 0)).collect()
    }

    /// Notes that doomed replies are gone.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn destroyed(&self, tx: &mut Tx, raws: &[String]) -> Result<()> {
        let keys = raws.iter().map(|raw| raw.as_str().into()).collect();
        read_keys(tx.connection(), &[], keys, |list| format!("DELETE FROM doomed WHERE raw IN {list} RETURNING raw"))
            .await?;
        Ok(())
    }
}
