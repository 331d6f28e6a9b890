//! Verifications asked for through the API: who asked, and the report as last made.

use hedui_base::{AreaCode, CaseId, PersonKey};
use jiff::Timestamp;
use serde_json::Value as Json;
use sqlx::any::AnyRow;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::people::data_keys;
use crate::sql::{area, int, int_or_null, json, moment, query, text, text_or_null, to_json, values};
use crate::vault::{open_text, seal_text};

/// A verification to begin.
#[derive(Clone, Debug)]
pub struct NewVerification {
    /// The case.
    pub case: CaseId,
    /// Who asked.
    pub actor: String,
    /// Area of the case.
    pub area: AreaCode,
    /// The caller's idempotency key and the hash of what it sent with it.
    pub idempotency: Option<(String, String)>,
    /// The applicant, under whose key the report is sealed.
    pub owner: PersonKey,
}

/// A verification as kept.
#[derive(Clone, Debug)]
pub struct Verification {
    /// 128 random bits in hex.
    pub id: String,
    /// The case.
    pub case: CaseId,
    /// Who asked.
    pub actor: String,
    /// Area of the case.
    pub area: AreaCode,
    /// `running`, `waiting_sources`, `complete`, `complete_with_gaps`.
    pub state: String,
    /// Hash of what was sent with the idempotency key.
    pub body_hash: Option<String>,
    /// How often the report was made; 0 before the first.
    pub report_version: i64,
    /// The report; none before the first, or after the applicant was erased.
    pub report: Option<Json>,
    /// When it began.
    pub created_at: Timestamp,
    /// When the report was last made.
    pub updated_at: Timestamp,
}

const COLUMNS: &str =
    "verification, case_id, actor, area, state, body_hash, report_version, report, created_at, updated_at, owner";

impl Ledger {
    /// Begins a verification and returns its id.
    ///
    /// # Errors
    /// [`LedgerError::Database`], also if the actor has used the idempotency key: look with [`Ledger::verification_by_key`] first.
    pub async fn begin_verification(&self, tx: &mut Tx, new: &NewVerification, now: Timestamp) -> Result<String> {
        let id = hex::encode(rand::random::<[u8; 16]>());
        let (key, hash) = new.idempotency.clone().unzip();
        query(
            "INSERT INTO verification (verification, case_id, actor, area, state, idempotency_key, body_hash, owner, \
             report_version, created_at, updated_at) VALUES ($1, $2, $3, $4, 'running', $5, $6, $7, 0, $8, $9)"
                .into(),
            values![
                id.as_str(),
                new.case.as_str(),
                new.actor.as_str(),
                new.area.prefix(),
                key,
                hash,
                i64::from(new.owner.0),
                now,
                now
            ],
        )
        .execute(tx.connection())
        .await?;
        Ok(id)
    }

    /// Keeps the report as made now; returns its version.
    ///
    /// # Errors
    /// [`LedgerError::Erased`] if the applicant was erased, [`LedgerError::Malformed`] for an unknown id.
    pub async fn save_report(&self, tx: &mut Tx, id: &str, state: &str, report: &Json, now: Timestamp) -> Result<i64> {
        let conn = tx.connection();
        let row = query("SELECT owner, report_version FROM verification WHERE verification = $1".into(), values![id])
            .fetch_optional(&mut *conn)
            .await?
            .ok_or(LedgerError::Malformed { what: "verification id" })?;
        let owner = owner(&row, 0)?;
        let keys = data_keys(self, conn, &[owner]).await?;
        let key = keys.get(&owner).ok_or(LedgerError::Erased(owner))?;
        let sealed = seal_text(key, &format!("report {id}"), &to_json(report, "report")?)?;
        let version = int(&row, 1)? + 1;
        query(
            "UPDATE verification SET state = $1, report = $2, report_version = $3, updated_at = $4 WHERE verification = $5".into(),
            values![state, sealed, version, now, id],
        )
        .execute(conn)
        .await?;
        Ok(version)
    }

    /// A verification by its id.
    ///
    /// # Errors
    /// [`LedgerError::Database`], [`LedgerError::Sealed`].
    pub async fn verification(&self, id: &str) -> Result<Option<Verification>> {
        self.one_verification("verification = $1", values![id].to_vec()).await
    }

    /// The verification an actor began under an idempotency key.
    ///
    /// # Errors
    /// [`LedgerError::Database`], [`LedgerError::Sealed`].
    pub async fn verification_by_key(&self, actor: &str, key: &str) -> Result<Option<Verification>> {
        self.one_verification("actor = $1 AND idempotency_key = $2", values![actor, key].to_vec()).await
    }

    async fn one_verification(&self, condition: &str, bound: Vec<crate::sql::Value>) -> Result<Option<Verification>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = format!("SELECT {COLUMNS} FROM verification WHERE {condition}");
        let Some(row) = query(sql, bound).fetch_optional(&mut *conn).await? else { return Ok(None) };
        let id = text(&row, 0)?;
        let report = match text_or_null(&row, 7)? {
            None => None,
            Some(sealed) => {
                let owner = owner(&row, 10)?;
                match data_keys(self, &mut conn, &[owner]).await?.get(&owner) {
                    Some(key) => Some(json(&open_text(key, &format!("report {id}"), &sealed, "report")?, "report")?),
                    None => None,
                }
            }
        };
        Ok(Some(Verification {
            case: CaseId::from(text(&row, 1)?),
            actor: text(&row, 2)?,
            area: area(&row, 3)?,
            state: text(&row, 4)?,
            body_hash: text_or_null(&row, 5)?,
            report_version: int(&row, 6)?,
            report,
            created_at: moment(&row, 8)?,
            updated_at: moment(&row, 9)?,
            id,
        }))
    }
}

fn owner(row: &AnyRow, column: usize) -> Result<PersonKey> {
    int_or_null(row, column)?
        .and_then(|v| u32::try_from(v).ok())
        .map(PersonKey)
        .ok_or(LedgerError::Malformed { what: "owner of a verification" })
}
