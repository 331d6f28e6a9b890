//! The audit log: every look-up and denial is a leaf, chained to the one before, written in the transaction of the act.
//!
//! A leaf never names a person. It commits to each with `HMAC(key derived from the person's data key, seq)`: whoever holds
//! the keys can find a person's leaves, nobody can link two leaves without them, and erasing the person ends both, while
//! the chain stays whole.

use std::collections::HashMap;

use hedui_base::PersonKey;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::AnyConnection;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::merkle::{MerkleRoot, leaf_hash};
use crate::people::data_keys;
use crate::sql::{int, json, query, text, to_json, values, write_rows};
use crate::vault::{Key, audit_key, mac};

/// An act to record.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Who acted: a caseworker, an API key's name, or `hedui` itself.
    pub actor: String,
    /// What was done, as a stable word such as `ask.sent` or `denied`.
    pub action: String,
    /// About whom.
    pub subjects: Vec<PersonKey>,
    /// Codes and identifiers only, never personal data: case, source, letter, outcome ...
    pub detail: Json,
}

/// A leaf of the log, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditLeaf {
    /// Its place, from 0.
    pub seq: i64,
    /// The canonical JSON that was hashed.
    pub leaf: Json,
    /// `SHA-256(0x00 || leaf)`, in hex.
    pub hash: String,
}

/// A statement about the log at one size; kept elsewhere, it shows later that nothing before it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// Number of leaves.
    pub size: i64,
    /// Merkle root (RFC 6962) over them, in hex.
    pub root: String,
}

/// What checking the log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Size and root of what is there.
    pub checkpoint: Checkpoint,
    /// The first leaf that is wrong, and why.
    pub problem: Option<BadLeaf>,
}

/// A leaf that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leaf {seq}: {what}")]
pub struct BadLeaf {
    /// Its place.
    pub seq: i64,
    /// What is wrong.
    pub what: &'static str,
}

/// Fields in alphabetical order, so that the JSON is canonical.
#[derive(Serialize)]
struct Leaf<'a> {
    action: &'a str,
    actor: &'a str,
    at: String,
    detail: Json,
    prev: &'a str,
    seq: i64,
    subjects: Vec<Option<String>>,
}

const NO_PREV: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// People whose audit keys are kept in memory.
const KEPT_KEYS: usize = 100_000;

impl Ledger {
    /// Appends leaves, in order.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn audit(&self, tx: &mut Tx, events: &[AuditEvent], now: Timestamp) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let conn = tx.connection();
        let mut subjects: Vec<PersonKey> = events.iter().flat_map(|e| e.subjects.iter().copied()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let keys = self.keys_for_audit(conn, &subjects).await?;
        let (mut seq, mut prev) = head(conn).await?.map_or((0, NO_PREV.to_owned()), |h| (h.0, h.1));
        let mut rows = Vec::with_capacity(events.len() * 3);
        for event in events {
            let leaf = Leaf {
                action: &event.action,
                actor: &event.actor,
                at: now.to_string(),
                detail: sorted(&event.detail),
                prev: &prev,
                seq,
                subjects: event.subjects.iter().map(|p| keys.get(p).map(|key| commitment(key, seq))).collect(),
            };
            let leaf = to_json(&leaf, "audit leaf")?;
            let hash = hex::encode(leaf_hash(leaf.as_bytes()));
            rows.extend(values![seq, leaf, hash.as_str()]);
            prev = hash;
            seq += 1;
        }
        write_rows(conn, &[], 3, rows, |rows| format!("INSERT INTO audit (seq, leaf, hash) VALUES {rows}")).await?;
        let seal = self.inner.vault.head_mac(seq, &prev);
        query(
            "INSERT INTO audit_head (id, size, hash, mac) VALUES (0, $1, $2, $3) ON CONFLICT (id) DO UPDATE SET \
             size = excluded.size, hash = excluded.hash, mac = excluded.mac"
                .into(),
            values![seq, prev, seal],
        )
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Checks every leaf: its hash, its place in the chain, and the end of the log; and, if given, an older checkpoint.
    ///
    /// # Errors
    /// [`LedgerError::Database`]. A log that was tampered with is not an error but a finding.
    pub async fn audit_verify(&self, earlier: Option<&Checkpoint>) -> Result<AuditReport> {
        let mut conn = self.inner.pool.acquire().await?;
        let head = head(&mut conn).await?;
        let mut root = MerkleRoot::default();
        let (mut seq, mut prev) = (0i64, NO_PREV.to_owned());
        let mut problem: Option<BadLeaf> = None;
        loop {
            let sql = "SELECT seq, leaf, hash FROM audit WHERE seq >= $1 ORDER BY seq LIMIT 5000";
            let rows = query(sql.into(), values![seq]).fetch_all(&mut *conn).await?;
            for row in &rows {
                let (leaf, hash) = (text(row, 1)?, text(row, 2)?);
                let actual = leaf_hash(leaf.as_bytes());
                let what = match serde_json::from_str::<Json>(&leaf) {
                    _ if int(row, 0)? != seq => Some("missing"),
                    _ if hex::encode(actual) != hash => Some("its text does not match its hash"),
                    Err(_) => Some("not JSON"),
                    Ok(json) if json["seq"] != seq => Some("its number does not match its place"),
                    Ok(json) if json["prev"] != prev.as_str() => Some("does not follow the leaf before it"),
                    Ok(_) => None,
                };
                if let Some(what) = what {
                    problem.get_or_insert(BadLeaf { seq, what });
                    break;
                }
                root.push(actual);
                prev = hash;
                seq += 1;
                if problem.is_none() && earlier.is_some_and(|e| e.size == seq && e.root != hex::encode(root.root())) {
                    problem =
                        Some(BadLeaf { seq: seq - 1, what: "differs from the checkpoint at or before this leaf" });
                }
            }
            if rows.len() < 5000 || problem.is_some() {
                break;
            }
        }
        if problem.is_none() {
            problem = self.check_end(seq, &prev, head.as_ref(), earlier);
        }
        Ok(AuditReport { checkpoint: Checkpoint { size: seq, root: hex::encode(root.root()) }, problem })
    }

    /// Whether the log ends where it should.
    fn check_end(
        &self,
        seq: i64,
        last: &str,
        head: Option<&(i64, String, String)>,
        earlier: Option<&Checkpoint>,
    ) -> Option<BadLeaf> {
        let bad = |seq, what| Some(BadLeaf { seq, what });
        match head {
            None if seq > 0 => bad(seq, "the end of the log is not sealed"),
            Some((size, _, _)) if *size > seq => bad(seq, "missing: leaves were cut off at the end"),
            Some((size, hash, _)) if *size < seq || hash != last => {
                bad(seq - 1, "written after the end of the log was sealed, or the seal was moved")
            }
            Some((size, hash, seal)) if self.inner.vault.head_mac(*size, hash) != *seal => {
                bad(seq - 1, "the seal of the end of the log is forged")
            }
            _ if earlier.is_some_and(|e| e.size > seq) => bad(seq, "missing: the checkpoint saw a longer log"),
            _ => None,
        }
    }

    /// Leaves from `from` on, at most `limit`.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn audit_leaves(&self, from: i64, limit: i64) -> Result<Vec<AuditLeaf>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT seq, leaf, hash FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2";
        let rows = query(sql.into(), values![from, limit]).fetch_all(&mut *conn).await?;
        rows.iter()
            .map(|row| {
                Ok(AuditLeaf { seq: int(row, 0)?, leaf: json(&text(row, 1)?, "audit leaf")?, hash: text(row, 2)? })
            })
            .collect()
    }

    /// Number of leaves.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn audit_size(&self) -> Result<i64> {
        let mut conn = self.inner.pool.acquire().await?;
        Ok(head(&mut conn).await?.map_or(0, |h| h.0))
    }

    /// The leaves that speak about one person: reads the whole log. Empty once the person was erased.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn audit_of(&self, person: PersonKey) -> Result<Vec<AuditLeaf>> {
        let mut conn = self.inner.pool.acquire().await?;
        let Some(key) = data_keys(self, &mut conn, &[person]).await?.remove(&person).map(|k| audit_key(&k)) else {
            return Ok(Vec::new());
        };
        drop(conn);
        let mut found = Vec::new();
        let mut from = 0;
        loop {
            let leaves = self.audit_leaves(from, 5000).await?;
            let Some(last) = leaves.last() else { return Ok(found) };
            from = last.seq + 1;
            found.extend(leaves.into_iter().filter(|leaf| {
                let wanted = commitment(&key, leaf.seq);
                leaf.leaf["subjects"].as_array().is_some_and(|all| all.iter().any(|s| *s == wanted.as_str()))
            }));
        }
    }

    async fn keys_for_audit(&self, conn: &mut AnyConnection, people: &[PersonKey]) -> Result<HashMap<PersonKey, Key>> {
        let poisoned = |_| LedgerError::Malformed { what: "key cache" };
        let mut keys = HashMap::with_capacity(people.len());
        let mut missing = Vec::new();
        {
            let kept = self.inner.audit_keys.read().map_err(poisoned)?;
            for person in people {
                match kept.get(person) {
                    Some(key) => {
                        keys.insert(*person, key.clone());
                    }
                    None => missing.push(*person),
                }
            }
        }
        if !missing.is_empty() {
            let fresh = data_keys(self, conn, &missing).await?;
            let mut kept = self.inner.audit_keys.write().map_err(|_| LedgerError::Malformed { what: "key cache" })?;
            if kept.len() + fresh.len() > KEPT_KEYS {
                kept.clear();
            }
            for (person, data_key) in fresh {
                let key = audit_key(&data_key);
                kept.insert(person, key.clone());
                keys.insert(person, key);
            }
        }
        Ok(keys)
    }
}

fn commitment(key: &Key, seq: i64) -> String {
    hex::encode(&mac(key, &[&seq.to_be_bytes()])[..16])
}

async fn head(conn: &mut AnyConnection) -> Result<Option<(i64, String, String)>> {
    query("SELECT size, hash, mac FROM audit_head WHERE id = 0".into(), [])
        .fetch_optional(conn)
        .await?
        .map(|row| Ok((int(&row, 0)?, text(&row, 1)?, text(&row, 2)?)))
        .transpose()
}

/// The same JSON with the keys of every object in order.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Json::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
