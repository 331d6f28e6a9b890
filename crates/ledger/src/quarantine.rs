//! What was set aside instead of being believed.

use hedui_base::{AskId, SourceId};
use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::{Ledger, Tx};
use crate::sql::{Value, int, int_or_null, moment, moment_or_null, query, take_numbers, text, values, write_rows};

/// A part of a reply that was set aside, as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Its number.
    pub number: i64,
    /// What it is.
    pub item: Quarantine,
    /// When a later reading of the same reply could use it.
    pub cured_at: Option<Timestamp>,
}

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

    /// What is set aside, newest first, of one source or of all, without what was cured.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn quarantined(&self, source: Option<&SourceId>, limit: i64) -> Result<Vec<Quarantine>> {
        let mut bound: Vec<Value> = values![limit].to_vec();
        let mut narrow = "WHERE cured_at IS NULL";
        if let Some(source) = source {
            bound.push(source.as_str().into());
            narrow = "WHERE cured_at IS NULL AND source = $2";
        }
        let rows = self.quarantine_rows(&format!("{narrow} ORDER BY quarantine DESC LIMIT $1"), bound).await?;
        Ok(rows.into_iter().map(|row| row.item).collect())
    }

    /// All that one reply had set aside, cured or not, in order.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn quarantine_of_reply(&self, source: &SourceId, raw: &str) -> Result<Vec<QuarantineRow>> {
        let bound = values![source.as_str(), raw].to_vec();
        self.quarantine_rows("WHERE source = $1 AND raw = $2 ORDER BY quarantine", bound).await
    }

    async fn quarantine_rows(&self, narrow: &str, bound: Vec<Value>) -> Result<Vec<QuarantineRow>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = format!(
            "SELECT source, ask, reason, place, raw, manifest, at, quarantine, cured_at FROM quarantine {narrow}"
        );
        let rows = query(sql, bound).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                let item = Quarantine {
                    source: SourceId::from(text(row, 0)?),
                    ask: int_or_null(row, 1)?.map(AskId),
                    reason: text(row, 2)?,
                    place: text(row, 3)?,
                    raw: text(row, 4)?,
                    manifest: text(row, 5)?,
                    at: moment(row, 6)?,
                };
                Ok(QuarantineRow { number: int(row, 7)?, item, cured_at: moment_or_null(row, 8)? })
            })
            .collect()
    }
}
