//! Keys of API callers: shown once, kept as a hash, limited to an area.

use hedui_base::AreaCode;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use subtle::ConstantTimeEq;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::sql::{area, moment, moment_or_null, query, text, values};

/// Who a valid API key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Name given when the key was made; stands in audit leaves.
    pub name: String,
    /// Households outside this area do not exist for it.
    pub area: AreaCode,
}

/// An API key as listed: never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// First part, by which it is revoked.
    pub prefix: String,
    /// Whose.
    pub actor: Actor,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Ledger {
    /// Makes a key and returns it as `hk_<prefix>_<secret>`: the only time it is shown.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn api_key_add(
        &self,
        tx: &mut Tx,
        name: &str,
        area: AreaCode,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<String> {
        let prefix = hex::encode(rand::random::<[u8; 4]>());
        let secret = hex::encode(rand::random::<[u8; 32]>());
        query(
            "INSERT INTO api_key (prefix, hash, name, area, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)"
                .into(),
            values![
                prefix.as_str(),
                hash(&secret),
                name,
                area.prefix(),
                now,
                expires_at.map(Timestamp::as_microsecond)
            ],
        )
        .execute(tx.connection())
        .await?;
        Ok(format!("hk_{prefix}_{secret}"))
    }

    /// Whose key this is; none if it is unknown, wrong, expired or revoked. Takes the same path whichever it is.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn api_key_check(&self, key: &str, now: Timestamp) -> Result<Option<Actor>> {
        let (prefix, secret) = key.strip_prefix("hk_").and_then(|k| k.split_once('_')).unwrap_or(("", ""));
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT prefix, name, area, created_at, expires_at, revoked_at, hash FROM api_key WHERE prefix = $1";
        let row = query(sql.into(), values![prefix]).fetch_optional(&mut *conn).await?;
        let stored = row.as_ref().map(|row| text(row, 6)).transpose()?.unwrap_or_else(|| hash(""));
        let same = bool::from(hash(secret).as_bytes().ct_eq(stored.as_bytes()));
        let Some(row) = row else { return Ok(None) };
        let known = read(&row)?;
        let valid = same && known.revoked_at.is_none() && known.expires_at.is_none_or(|end| now < end);
        Ok(valid.then_some(known.actor))
    }

    /// Revokes a key by its prefix.
    ///
    /// # Errors
    /// [`LedgerError::UnknownApiKey`].
    pub async fn api_key_revoke(&self, tx: &mut Tx, prefix: &str, now: Timestamp) -> Result<()> {
        let done = query(
            "UPDATE api_key SET revoked_at = COALESCE(revoked_at, $1) WHERE prefix = $2".into(),
            values![now, prefix],
        )
        .execute(tx.connection())
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::UnknownApiKey(prefix.to_owned())) }
    }

    /// All keys, without their secrets.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql =
            "SELECT prefix, name, area, created_at, expires_at, revoked_at FROM api_key ORDER BY created_at, prefix";
        let rows = query(sql.into(), []).fetch_all(&mut *conn).await?;
        rows.iter().map(read).collect()
    }
}

/// The secret has 256 random bits, so a plain hash keeps it.
fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

fn read(row: &AnyRow) -> Result<ApiKey> {
    Ok(ApiKey {
        prefix: text(row, 0)?,
        actor: Actor { name: text(row, 1)?, area: area(row, 2)? },
        created_at: moment(row, 3)?,
        expires_at: moment_or_null(row, 4)?,
        revoked_at: moment_or_null(row, 5)?,
    })
}
