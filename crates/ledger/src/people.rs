//! People: names and identity numbers, sealed under a key of their own, found again by a keyed hash.

use std::collections::HashMap;
use std::fmt;

use hedui_base::{PersonKey, ResidentId};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::sql::{int_or_null, json, person, query, read_keys, text_or_null, to_json, values, write_rows};
use crate::vault::{Key, open_text, seal_text};

/// Who a person is, as read back from the ledger. `Debug` shows neither name nor number.
#[derive(Clone)]
pub struct Person {
    /// The key the other rooms know.
    pub key: PersonKey,
    /// The identity number; none if what was given is not one, or if the person was erased.
    pub id: Option<ResidentId>,
    /// Why there is no number: a stable code such as `id_check_digit`, or `erased`.
    pub id_problem: Option<String>,
    /// The name; none if the person was erased.
    pub name: Option<String>,
}

impl Person {
    /// The name as reports show it: 张*.
    #[must_use]
    pub fn masked_name(&self) -> String {
        mask_name(self.name.as_deref().unwrap_or_default())
    }
}

/// A name as reports show it: the first character, then a star.
#[must_use]
pub fn mask_name(name: &str) -> String {
    name.chars().next().map_or_else(|| "*".to_owned(), |first| format!("{first}*"))
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("key", &self.key)
            .field("id", &self.id)
            .field("id_problem", &self.id_problem)
            .finish_non_exhaustive()
    }
}

/// One person to register: the look-up index, the number if it is one, and the name.
pub(crate) struct Registration {
    index: String,
    id: Option<ResidentId>,
    problem: Option<&'static str>,
    name: String,
}

impl Registration {
    /// `place` says where in which household the person stands; it tells people without a valid number apart.
    pub(crate) fn new(ledger: &Ledger, id_text: &str, name: &str, place: &str) -> Self {
        let vault = &ledger.inner.vault;
        match ResidentId::parse(id_text) {
            Ok(id) => Self {
                index: vault.index(&[b"id", id.reveal().as_bytes()]),
                id: Some(id),
                problem: None,
                name: name.to_owned(),
            },
            Err(error) => Self {
                index: vault.index(&[b"no id", place.as_bytes(), name.as_bytes(), id_text.as_bytes()]),
                id: None,
                problem: Some(error.code()),
                name: name.to_owned(),
            },
        }
    }

    fn seal(&self, key: PersonKey, data_key: &Key) -> Result<String> {
        let plain =
            zeroize::Zeroizing::new(to_json(&(self.id.as_ref().map(ResidentId::reveal), &self.name), "person")?);
        seal_text(data_key, &label(key), &plain)
    }
}

fn label(key: PersonKey) -> String {
    format!("person {}", key.0)
}

/// Finds or makes each person, in order; new ones get the next keys.
pub(crate) async fn register(ledger: &Ledger, tx: &mut Tx, people: &[Registration]) -> Result<Vec<PersonKey>> {
    let vault = &ledger.inner.vault;
    let conn = tx.connection();
    let mut known: HashMap<String, PersonKey> = HashMap::new();
    let mut names: HashMap<PersonKey, (Key, String)> = HashMap::new();
    let indexes = people.iter().map(|p| p.index.as_str().into()).collect();
    let rows = read_keys(conn, &[], indexes, |list| {
        format!("SELECT person, id_index, wrapped_key, sealed FROM person WHERE id_index IN {list}")
    })
    .await?;
    for row in &rows {
        let key = person(row, 0)?;
        if let (Some(index), Some(wrapped), Some(sealed)) =
            (text_or_null(row, 1)?, text_or_null(row, 2)?, text_or_null(row, 3)?)
        {
            let data_key = vault.unwrap_data_key(key.0, &wrapped)?;
            names.insert(key, (data_key, sealed));
            known.insert(index, key);
        }
    }
    let row = query("SELECT MAX(person) FROM person".into(), []).fetch_one(&mut *conn).await?;
    let mut next = int_or_null(&row, 0)?.map_or(0, |last| last + 1);
    let mut keys = Vec::with_capacity(people.len());
    let mut inserted = Vec::new();
    for entry in people {
        if let Some(key) = known.get(&entry.index) {
            keys.push(*key);
            if let Some((data_key, sealed)) = names.remove(key) {
                rename(conn, *key, &data_key, &sealed, entry).await?;
            }
            continue;
        }
        let key = PersonKey(u32::try_from(next).map_err(|_| LedgerError::Malformed { what: "person key" })?);
        let (data_key, wrapped) = vault.new_data_key(key.0)?;
        let sealed = entry.seal(key, &data_key)?;
        inserted.extend(values![next, entry.index.as_str(), entry.problem.map(str::to_owned), wrapped, sealed]);
        known.insert(entry.index.clone(), key);
        keys.push(key);
        next += 1;
    }
    write_rows(conn, &[], 5, inserted, |rows| {
        format!("INSERT INTO person (person, id_index, id_problem, wrapped_key, sealed) VALUES {rows}")
    })
    .await?;
    Ok(keys)
}

/// Keeps the name last given.
async fn rename(
    conn: &mut AnyConnection,
    key: PersonKey,
    data_key: &Key,
    sealed: &str,
    entry: &Registration,
) -> Result<()> {
    let plain = open_text(data_key, &label(key), sealed, "person")?;
    let (_, name): (Option<String>, String) = json(&plain, "person")?;
    if name != entry.name {
        let sealed = entry.seal(key, data_key)?;
        query("UPDATE person SET sealed = $1 WHERE person = $2".into(), values![sealed, i64::from(key.0)])
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// The data keys of people who were not erased.
pub(crate) async fn data_keys(
    ledger: &Ledger,
    conn: &mut AnyConnection,
    people: &[PersonKey],
) -> Result<HashMap<PersonKey, Key>> {
    let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
    let rows =
        read_keys(conn, &[], keys, |list| format!("SELECT person, wrapped_key FROM person WHERE person IN {list}"))
            .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = person(row, 0)?;
        if let Some(wrapped) = text_or_null(row, 1)? {
            found.insert(key, ledger.inner.vault.unwrap_data_key(key.0, &wrapped)?);
        }
    }
    Ok(found)
}

impl Ledger {
    /// Registers people who stand in no household yet, such as those who signed a letter; the known keep their keys.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn register_people(&self, tx: &mut Tx, people: &[(ResidentId, String)]) -> Result<Vec<PersonKey>> {
        let entries: Vec<_> = people.iter().map(|(id, name)| Registration::new(self, id.reveal(), name, "")).collect();
        register(self, tx, &entries).await
    }

    /// Who these people are, in the order asked. Call it only to send, to print for the case at hand, or to match replies.
    ///
    /// # Errors
    /// [`LedgerError::UnknownPerson`] for a key that was never given.
    pub async fn people(&self, keys: &[PersonKey]) -> Result<Vec<Person>> {
        let mut conn = self.inner.pool.acquire().await?;
        let wanted = keys.iter().map(|p| i64::from(p.0).into()).collect();
        let rows = read_keys(&mut conn, &[], wanted, |list| {
            format!("SELECT person, id_problem, wrapped_key, sealed FROM person WHERE person IN {list}")
        })
        .await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            let key = person(row, 0)?;
            let who = match (text_or_null(row, 2)?, text_or_null(row, 3)?) {
                (Some(wrapped), Some(sealed)) => {
                    let data_key = self.inner.vault.unwrap_data_key(key.0, &wrapped)?;
                    let plain = open_text(&data_key, &label(key), &sealed, "person")?;
                    let (id, name): (Option<String>, String) = json(&plain, "person")?;
                    let id = id.and_then(|text| ResidentId::parse(&text).ok());
                    Person { key, id, id_problem: text_or_null(row, 1)?, name: Some(name) }
                }
                _ => Person { key, id: None, id_problem: Some("erased".into()), name: None },
            };
            found.insert(key, who);
        }
        keys.iter().map(|key| found.get(key).cloned().ok_or(LedgerError::UnknownPerson(*key))).collect()
    }

    /// The identity number (if valid) and name of one person.
    ///
    /// # Errors
    /// [`LedgerError::UnknownPerson`], or [`LedgerError::Erased`] if nothing can be read any more.
    pub async fn reveal(&self, key: PersonKey) -> Result<(Option<ResidentId>, String)> {
        let who = self.people(&[key]).await?.pop().ok_or(LedgerError::UnknownPerson(key))?;
        Ok((who.id, who.name.ok_or(LedgerError::Erased(key))?))
    }

    /// The key of a person with this number, if it was ever registered.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn find_person(&self, id: &ResidentId) -> Result<Option<PersonKey>> {
        let index = self.inner.vault.index(&[b"id", id.reveal().as_bytes()]);
        let mut conn = self.inner.pool.acquire().await?;
        query("SELECT person FROM person WHERE id_index = $1".into(), values![index])
            .fetch_optional(&mut *conn)
            .await?
            .map(|row| person(&row, 0))
            .transpose()
    }

    /// How many people were ever registered: keys run from 0 to one less than this.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn person_count(&self) -> Result<u32> {
        let mut conn = self.inner.pool.acquire().await?;
        let row = query("SELECT MAX(person) FROM person".into(), []).fetch_one(&mut *conn).await?;
        let count = int_or_null(&row, 0)?.map_or(0, |last| last + 1);
        u32::try_from(count).map_err(|_| LedgerError::Malformed { what: "person key" })
    }

    /// Erases a person: the data key and the look-up index are destroyed, so that name, number and accounts can never be
    /// read again and audit leaves no longer lead to anyone. The person key stays, for amounts already paid.
    ///
    /// # Errors
    /// [`LedgerError::UnknownPerson`].
    pub async fn erase_person(&self, tx: &mut Tx, key: PersonKey, now: Timestamp) -> Result<()> {
        let done = query(
            "UPDATE person SET id_index = NULL, wrapped_key = NULL, sealed = NULL, erased_at = $1 WHERE person = $2"
                .into(),
            values![now, i64::from(key.0)],
        )
        .execute(tx.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(LedgerError::UnknownPerson(key));
        }
        if let Ok(mut keys) = self.inner.audit_keys.write() {
            keys.remove(&key);
        }
        Ok(())
    }

    /// Folds the write-ahead log into the database and empties it, so that what was erased is not left in it.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn scrub(&self) -> Result<()> {
        let mut conn = self.inner.pool.acquire().await?;
        query("PRAGMA wal_checkpoint(TRUNCATE)".into(), []).execute(&mut *conn).await?;
        Ok(())
    }
}
