//! What each run concluded for each case: the history that a recheck compares with.

use std::collections::HashMap;

use hedui_base::{CaseId, Fen};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value as Json;
use sqlx::any::AnyRow;

use crate::error::Result;
use crate::ledger::{Ledger, Tx};
use crate::sql::{
    date, int, int_or_null, json, moment, query, read_keys, take_numbers, text, text_or_null, to_json, values,
    write_rows,
};

/// What one run concluded for one case.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedFinding {
    /// The case.
    pub case: CaseId,
    /// The day it speaks about.
    pub as_of: Date,
    /// The moment up to which answers counted.
    pub known_at: Timestamp,
    /// Rule pack.
    pub pack: String,
    /// Its version.
    pub pack_version: String,
    /// Hash of its content.
    pub pack_hash: String,
    /// First scheme met, if one is and none before it is open.
    pub category: Option<String>,
    /// Monthly amount, if known.
    pub amount: Option<Fen>,
    /// Findings, tests, flags and declared values in the form `verify` compares.
    pub findings: Json,
}

const COLUMNS: &str =
    "f.case_id, f.run, f.as_of, f.known_at, f.pack, f.pack_version, f.pack_hash, f.category, f.amount, f.findings";

impl Ledger {
    /// Saves what one run concluded; returns the number of the run.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn save_findings(&self, tx: &mut Tx, findings: &[SavedFinding], now: Timestamp) -> Result<i64> {
        let run = take_numbers(tx.connection(), "run", 1, 1).await?;
        let mut rows = Vec::new();
        for f in findings {
            rows.extend(values![
                f.case.as_str(),
                run,
                Some(f.as_of),
                f.known_at,
                f.pack.as_str(),
                f.pack_version.as_str(),
                f.pack_hash.as_str(),
                f.category.clone(),
                f.amount.map(Fen::fen),
                to_json(&f.findings, "findings")?,
                now
            ]);
        }
        write_rows(tx.connection(), &[], 11, rows, |rows| {
            format!(
                "INSERT INTO finding (case_id, run, as_of, known_at, pack, pack_version, pack_hash, category, amount, findings, \
                 saved_at) VALUES {rows}"
            )
        })
        .await?;
        Ok(run)
    }

    /// The newest finding of one case.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn last_finding(&self, case: &CaseId) -> Result<Option<SavedFinding>> {
        Ok(self.last_findings(std::slice::from_ref(case)).await?.remove(case))
    }

    /// The newest finding of each case that has one.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn last_findings(&self, cases: &[CaseId]) -> Result<HashMap<CaseId, SavedFinding>> {
        let mut conn = self.inner.pool.acquire().await?;
        let keys = cases.iter().map(|c| c.as_str().into()).collect();
        let rows = read_keys(&mut conn, &[], keys, |list| {
            format!(
                "SELECT {COLUMNS} FROM finding f WHERE f.case_id IN {list} \
                 AND f.run = (SELECT MAX(l.run) FROM finding l WHERE l.case_id = f.case_id)"
            )
        })
        .await?;
        rows.iter().map(|row| read(row).map(|(_, f)| (f.case.clone(), f))).collect()
    }

    /// All findings of one case with the run that made them, oldest first.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn finding_history(&self, case: &CaseId) -> Result<Vec<(i64, SavedFinding)>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = format!("SELECT {COLUMNS} FROM finding f WHERE f.case_id = $1 ORDER BY f.run");
        let rows = query(sql, values![case.as_str()]).fetch_all(&mut *conn).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<(i64, SavedFinding)> {
    Ok((
        int(row, 1)?,
        SavedFinding {
            case: CaseId::from(text(row, 0)?),
            as_of: date(row, 2)?,
            known_at: moment(row, 3)?,
            pack: text(row, 4)?,
            pack_version: text(row, 5)?,
            pack_hash: text(row, 6)?,
            category: text_or_null(row, 7)?,
            amount: int_or_null(row, 8)?.map(Fen::new),
            findings: json(&text(row, 9)?, "findings")?,
        },
    ))
}
