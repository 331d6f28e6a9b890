//! Letters of authorisation, and the cases they were given for.

use std::collections::HashMap;

use hedui_base::{AreaCode, CaseId, Letter, PersonKey};
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::sql::{
    area, date, date_or_null, int, json, person, query, read_keys, take_numbers, text, to_json, values, write_rows,
};

const COLUMNS: &str = "l.number, l.purposes, l.scopes, l.valid_from, l.valid_until, l.revoked_on";

impl Ledger {
    /// Files a letter. Filing the same letter again changes nothing (a revocation stays).
    ///
    /// # Errors
    /// [`LedgerError::LetterConflict`] if a letter of that number says something else.
    pub async fn add_letter(&self, tx: &mut Tx, letter: &Letter, now: Timestamp) -> Result<()> {
        let known = read(tx.connection(), std::slice::from_ref(&letter.number)).await?.pop();
        if let Some(known) = known {
            let mut given = letter.clone();
            given.revoked_on = known.revoked_on;
            given.covers.sort_unstable();
            given.covers.dedup();
            return if given == known { Ok(()) } else { Err(LedgerError::LetterConflict(letter.number.clone())) };
        }
        query(
            "INSERT INTO letter (number, purposes, scopes, valid_from, valid_until, revoked_on, added_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)"
                .into(),
            values![
                letter.number.as_str(),
                to_json(&letter.purposes, "letter")?,
                to_json(&letter.scopes, "letter")?,
                Some(letter.valid_from),
                letter.valid_until,
                letter.revoked_on,
                now
            ],
        )
        .execute(tx.connection())
        .await?;
        changed(tx.connection()).await?;
        let rows = letter.covers.iter().flat_map(|p| values![letter.number.as_str(), i64::from(p.0)]).collect();
        write_rows(tx.connection(), &[], 2, rows, |rows| {
            format!("INSERT INTO letter_person (number, person) VALUES {rows} ON CONFLICT DO NOTHING")
        })
        .await?;
        Ok(())
    }

    /// Attaches letters on file to the cases they were given for; again is no change.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn attach_letters(&self, tx: &mut Tx, pairs: &[(CaseId, String)], now: Timestamp) -> Result<()> {
        changed(tx.connection()).await?;
        let rows = pairs.iter().flat_map(|(case, number)| values![case.as_str(), number.as_str(), now]).collect();
        write_rows(tx.connection(), &[], 3, rows, |rows| {
            format!("INSERT INTO case_letter (case_id, number, attached_at) VALUES {rows} ON CONFLICT DO NOTHING")
        })
        .await?;
        Ok(())
    }

    /// Says which area a letter was filed in, where no case says so yet. The first word stays.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn set_letter_area(&self, tx: &mut Tx, number: &str, area: AreaCode) -> Result<()> {
        query("UPDATE letter SET area = COALESCE(area, $1) WHERE number = $2".into(), values![area.prefix(), number])
            .execute(tx.connection())
            .await?;
        Ok(())
    }

    /// Where a letter belongs: the area it was filed in and those of the cases it was given for.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn letter_areas(&self, number: &str) -> Result<Vec<AreaCode>> {
        let mut conn = self.inner.pool.acquire().await?;
        let sql = "SELECT area FROM letter WHERE number = $1 AND area IS NOT NULL UNION SELECT c.area FROM case_letter l \
                   JOIN household_case c ON c.case_id = l.case_id WHERE l.number = $1";
        let rows = query(sql.into(), values![number]).fetch_all(&mut *conn).await?;
        rows.iter().map(|row| area(row, 0)).collect()
    }

    /// Withdraws a letter from `on`. A letter withdrawn earlier stays so.
    ///
    /// # Errors
    /// [`LedgerError::UnknownLetter`].
    pub async fn revoke_letter(&self, tx: &mut Tx, number: &str, on: Date) -> Result<()> {
        changed(tx.connection()).await?;
        let done = query(
            "UPDATE letter SET revoked_on = CASE WHEN revoked_on IS NULL OR revoked_on > $1 THEN $1 ELSE revoked_on END \
             WHERE number = $2"
                .into(),
            values![Some(on), number],
        )
        .execute(tx.connection())
        .await?;
        if done.rows_affected() == 0 { Err(LedgerError::UnknownLetter(number.to_owned())) } else { Ok(()) }
    }

    /// A letter by its number.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn letter(&self, number: &str) -> Result<Option<Letter>> {
        let mut conn = self.inner.pool.acquire().await?;
        Ok(read(&mut conn, &[number.to_owned()]).await?.pop())
    }

    /// The letters of each case, newest first; cases without any are absent.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn letters_for(&self, cases: &[CaseId]) -> Result<HashMap<CaseId, Vec<Letter>>> {
        let mut conn = self.inner.pool.acquire().await?;
        letters_for(&mut conn, cases).await
    }

    /// A number that grows with every change of any letter: what was read at the same number still holds.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn letters_version(&self, tx: &mut Tx) -> Result<i64> {
        query("SELECT next FROM counter WHERE name = 'letters'".into(), [])
            .fetch_optional(tx.connection())
            .await?
            .map_or(Ok(0), |row| int(&row, 0))
    }

    /// The letters of each case as this transaction sees them: what a dispatch decides by.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn letters_for_in(&self, tx: &mut Tx, cases: &[CaseId]) -> Result<HashMap<CaseId, Vec<Letter>>> {
        letters_for(tx.connection(), cases).await
    }

    /// The newest letter of one case.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn letter_for(&self, case: &CaseId) -> Result<Option<Letter>> {
        let mut letters = self.letters_for(std::slice::from_ref(case)).await?;
        Ok(letters.remove(case).and_then(|all| all.into_iter().next()))
    }

    /// The cases a letter was given for.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn cases_of_letter(&self, number: &str) -> Result<Vec<CaseId>> {
        let mut conn = self.inner.pool.acquire().await?;
        let rows = query("SELECT case_id FROM case_letter WHERE number = $1 ORDER BY case_id".into(), values![number])
            .fetch_all(&mut *conn)
            .await?;
        rows.iter().map(|row| Ok(CaseId::from(text(row, 0)?))).collect()
    }
}

async fn changed(conn: &mut AnyConnection) -> Result<()> {
    take_numbers(conn, "letters", 1, 1).await.map(|_| ())
}

async fn letters_for(conn: &mut AnyConnection, cases: &[CaseId]) -> Result<HashMap<CaseId, Vec<Letter>>> {
    let keys = cases.iter().map(|c| c.as_str().into()).collect();
    let rows = read_keys(conn, &[], keys, |list| {
        format!(
            "SELECT case_id, number FROM case_letter WHERE case_id IN {list} ORDER BY case_id, attached_at DESC, number DESC"
        )
    })
    .await?;
    let pairs = rows.iter().map(|row| Ok((CaseId::from(text(row, 0)?), text(row, 1)?))).collect::<Result<Vec<_>>>()?;
    let mut numbers: Vec<String> = pairs.iter().map(|(_, number)| number.clone()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let letters: HashMap<String, Letter> =
        read(conn, &numbers).await?.into_iter().map(|l| (l.number.clone(), l)).collect();
    let mut by_case: HashMap<CaseId, Vec<Letter>> = HashMap::new();
    for (case, number) in pairs {
        if let Some(letter) = letters.get(&number) {
            by_case.entry(case).or_default().push(letter.clone());
        }
    }
    Ok(by_case)
}

async fn read(conn: &mut AnyConnection, numbers: &[String]) -> Result<Vec<Letter>> {
    let keys: Vec<_> = numbers.iter().map(|n| n.as_str().into()).collect();
    let rows =
        read_keys(conn, &[], keys.clone(), |list| format!("SELECT {COLUMNS} FROM letter l WHERE l.number IN {list}"))
            .await?;
    let people = read_keys(conn, &[], keys, |list| {
        format!("SELECT number, person FROM letter_person WHERE number IN {list} ORDER BY number, person")
    })
    .await?;
    let mut covers: HashMap<String, Vec<PersonKey>> = HashMap::new();
    for row in &people {
        covers.entry(text(row, 0)?).or_default().push(person(row, 1)?);
    }
    rows.iter().map(|row| read_row(row, &mut covers)).collect()
}

fn read_row(row: &AnyRow, covers: &mut HashMap<String, Vec<PersonKey>>) -> Result<Letter> {
    let number = text(row, 0)?;
    Ok(Letter {
        purposes: json(&text(row, 1)?, "letter")?,
        scopes: json(&text(row, 2)?, "letter")?,
        covers: covers.remove(&number).unwrap_or_default(),
        valid_from: date(row, 3)?,
        valid_until: date_or_null(row, 4)?,
        revoked_on: date_or_null(row, 5)?,
        number,
    })
}
