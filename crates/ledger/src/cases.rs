//! Cases: one application or enrolled household under one scheme, its members and obligors, and what they declared.

use std::collections::HashMap;
use std::fmt;

use hedui_base::{AreaCode, CaseId, PersonKey};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sqlx::any::AnyRow;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::people::{Registration, data_keys, register};
use crate::sql::{
    Value, area, date_or_null, int, json, moment, person, query, read_keys, take_numbers, text, text_or_null, to_json,
    values, write_rows,
};
use crate::vault::{open_text, seal_text};

/// Whether a person is counted in the household or owes it support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Jointly living member (共同生活的家庭成员).
    Member,
    /// Legal obligor living elsewhere (法定赡养、扶养、抚养义务人).
    Obligor,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Obligor => "obligor",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "member" => Ok(Self::Member),
            "obligor" => Ok(Self::Obligor),
            _ => Err(LedgerError::Malformed { what: "role" }),
        }
    }
}

/// A utility account of a person; kept sealed. `Debug` shows only the utility.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `water`, `power`, `gas`, `telecom` or `cable`.
    pub utility: String,
    /// The account number, if it is known.
    pub account: Option<String>,
    /// The address it serves.
    pub address: Option<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("utility", &self.utility).finish_non_exhaustive()
    }
}

/// A household as it comes in. The identity number is text as typed: an invalid one is registered too, with its reason.
#[derive(Clone)]
pub struct HouseholdEntry {
    /// The bureau's number.
    pub case: CaseId,
    /// Scheme applied for or received, such as `dibao`.
    pub scheme: String,
    /// Where it lives.
    pub area: AreaCode,
    /// `urban` or `rural`.
    pub residence: Option<String>,
    /// Whether it receives aid now.
    pub in_receipt: bool,
    /// Since when.
    pub enrolled_on: Option<Date>,
    /// Declared inputs of the household, by input name.
    pub declared: Map<String, Json>,
    /// Members, then obligors.
    pub people: Vec<PersonEntry>,
}

/// A person of a household as it comes in.
#[derive(Clone)]
pub struct PersonEntry {
    /// Member or obligor.
    pub role: Role,
    /// Relation to the applicant, such as `self`.
    pub relation: String,
    /// Name.
    pub name: String,
    /// Identity number as typed.
    pub id_number: String,
    /// Declared inputs of the person, by input name.
    pub declared: Map<String, Json>,
    /// Utility accounts.
    pub accounts: Vec<Account>,
}

/// A case as kept.
#[derive(Clone, Debug)]
pub struct Case {
    /// The bureau's number.
    pub id: CaseId,
    /// Order of first registration.
    pub position: i64,
    /// Scheme applied for or received.
    pub scheme: String,
    /// Where it lives.
    pub area: AreaCode,
    /// `urban` or `rural`.
    pub residence: Option<String>,
    /// Whether it receives aid now.
    pub in_receipt: bool,
    /// Since when.
    pub enrolled_on: Option<Date>,
    /// When the next recheck is due.
    pub next_due: Option<Date>,
    /// Declared inputs of the household.
    pub declared: Map<String, Json>,
    /// Members and obligors in the order given.
    pub people: Vec<CasePerson>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A person in a case.
#[derive(Clone, Debug)]
pub struct CasePerson {
    /// Who.
    pub person: PersonKey,
    /// Member or obligor.
    pub role: Role,
    /// Relation to the applicant.
    pub relation: String,
    /// Declared inputs of the person.
    pub declared: Map<String, Json>,
    /// Utility accounts; empty once the person was erased.
    pub accounts: Vec<Account>,
}

/// Which cases to read; an empty filter reads all.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// Inside this area.
    pub area: Option<AreaCode>,
    /// Under this scheme.
    pub scheme: Option<String>,
    /// These cases only.
    pub ids: Option<Vec<CaseId>>,
    /// Recheck due on or before this day.
    pub due_by: Option<Date>,
    /// Receiving aid, or not.
    pub in_receipt: Option<bool>,
}

const CASE_COLUMNS: &str =
    "case_id, position, scheme, area, residence, in_receipt, enrolled_on, next_due, declared, updated_at";

impl Ledger {
    /// Registers households: people are found or made, cases written or brought up to date. The same identity number gets
    /// the same key always; new keys are given household by household. A later `next_due` is kept.
    ///
    /// Shape: one list of keys per household, in the order of its `people`.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn register_households(
        &self,
        tx: &mut Tx,
        households: &[HouseholdEntry],
        now: Timestamp,
    ) -> Result<Vec<Vec<PersonKey>>> {
        let mut entries = Vec::new();
        for household in households {
            for (position, person) in household.people.iter().enumerate() {
                let place = format!("{} {} {position}", household.case, person.role.as_str());
                entries.push(Registration::new(self, &person.id_number, &person.name, &place));
            }
        }
        let keys = register(self, tx, &entries).await?;
        let mut rest = keys.as_slice();
        let mut by_household = Vec::with_capacity(households.len());
        for household in households {
            let (own, more) = rest.split_at(household.people.len());
            by_household.push(own.to_vec());
            rest = more;
        }
        self.write_cases(tx, households, now).await?;
        self.write_case_people(tx, households, &by_household).await?;
        Ok(by_household)
    }

    /// Registers one household: see [`Ledger::register_households`].
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn register_household(
        &self,
        tx: &mut Tx,
        household: &HouseholdEntry,
        now: Timestamp,
    ) -> Result<Vec<PersonKey>> {
        Ok(self.register_households(tx, std::slice::from_ref(household), now).await?.pop().unwrap_or_default())
    }

    async fn write_cases(&self, tx: &mut Tx, households: &[HouseholdEntry], now: Timestamp) -> Result<()> {
        let count = i64::try_from(households.len()).unwrap_or(i64::MAX);
        let first = take_numbers(tx.connection(), "case", 0, count).await?;
        let mut rows = Vec::new();
        for (position, h) in (first..).zip(households) {
            rows.extend(values![
                h.case.as_str(),
                position,
                h.scheme.as_str(),
                h.area.prefix(),
                h.residence.clone(),
                i64::from(h.in_receipt),
                h.enrolled_on,
                to_json(&h.declared, "declared inputs")?,
                now,
                now
            ]);
        }
        write_rows(tx.connection(), &[], 10, rows, |rows| {
            format!(
                "INSERT INTO household_case (case_id, position, scheme, area, residence, in_receipt, enrolled_on, declared, \
                 created_at, updated_at) VALUES {rows} ON CONFLICT (case_id) DO UPDATE SET scheme = excluded.scheme, \
                 area = excluded.area, residence = excluded.residence, in_receipt = excluded.in_receipt, \
                 enrolled_on = excluded.enrolled_on, declared = excluded.declared, updated_at = excluded.updated_at"
            )
        })
        .await?;
        Ok(())
    }

    async fn write_case_people(
        &self,
        tx: &mut Tx,
        households: &[HouseholdEntry],
        keys: &[Vec<PersonKey>],
    ) -> Result<()> {
        let with_accounts: Vec<PersonKey> = households
            .iter()
            .zip(keys)
            .flat_map(|(h, own)| h.people.iter().zip(own))
            .filter(|(p, _)| !p.accounts.is_empty())
            .map(|(_, key)| *key)
            .collect();
        let data_keys = data_keys(self, tx.connection(), &with_accounts).await?;
        let mut rows = Vec::new();
        for (household, own) in households.iter().zip(keys) {
            for (position, (entry, key)) in (0i64..).zip(household.people.iter().zip(own)) {
                let accounts = match data_keys.get(key) {
                    Some(data_key) if !entry.accounts.is_empty() => {
                        let plain = zeroize::Zeroizing::new(to_json(&entry.accounts, "accounts")?);
                        Some(seal_text(data_key, &accounts_label(&household.case, *key), &plain)?)
                    }
                    _ => None,
                };
                rows.extend(values![
                    household.case.as_str(),
                    position,
                    i64::from(key.0),
                    entry.role.as_str(),
                    entry.relation.as_str(),
                    to_json(&entry.declared, "declared inputs")?,
                    accounts
                ]);
            }
        }
        let ids = households.iter().map(|h| h.case.as_str().into()).collect();
        write_rows(tx.connection(), &[], 1, ids, |rows| {
            format!("DELETE FROM case_person WHERE case_id IN ({})", rows.replace(['(', ')'], ""))
        })
        .await?;
        write_rows(tx.connection(), &[], 7, rows, |rows| {
            format!(
                "INSERT INTO case_person (case_id, position, person, role, relation, declared, accounts) VALUES {rows}"
            )
        })
        .await?;
        Ok(())
    }

    /// One case, if there is one.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn case(&self, case: &CaseId) -> Result<Option<Case>> {
        let filter = CaseFilter { ids: Some(vec![case.clone()]), ..CaseFilter::default() };
        Ok(self.cases(&filter).await?.pop())
    }

    /// The cases a filter lets through, with their people, in the order of registration.
    ///
    /// # Errors
    /// [`LedgerError::Database`], [`LedgerError::Sealed`].
    pub async fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>> {
        let mut conn = self.inner.pool.acquire().await?;
        let (condition, bound) = filter.sql();
        let head = format!("SELECT {CASE_COLUMNS} FROM household_case WHERE {condition}");
        let rows = match &filter.ids {
            Some(ids) => {
                let keys = ids.iter().map(|id| id.as_str().into()).collect();
                read_keys(&mut conn, &bound, keys, |list| format!("{head} AND case_id IN {list}")).await?
            }
            None => query(head, bound.clone()).fetch_all(&mut *conn).await?,
        };
        let mut cases = rows.iter().map(read_case).collect::<Result<Vec<_>>>()?;
        cases.sort_by_key(|c| c.position);
        cases.dedup_by_key(|c| c.position);
        let columns = "SELECT p.case_id, p.person, p.role, p.relation, p.declared, p.accounts FROM case_person p";
        let people = if cases.len() <= 1000 || filter.ids.is_some() {
            let keys = cases.iter().map(|c| c.id.as_str().into()).collect();
            read_keys(&mut conn, &[], keys, |list| {
                format!("{columns} WHERE p.case_id IN {list} ORDER BY p.case_id, p.position")
            })
            .await?
        } else {
            let sql = format!(
                "{columns} JOIN household_case ON household_case.case_id = p.case_id WHERE {condition} \
                 ORDER BY p.case_id, p.position"
            );
            query(sql, bound).fetch_all(&mut *conn).await?
        };
        let with_accounts = people
            .iter()
            .filter(|row| matches!(text_or_null(row, 5), Ok(Some(_))))
            .map(|row| person(row, 1))
            .collect::<Result<Vec<_>>>()?;
        let data_keys = data_keys(self, &mut conn, &with_accounts).await?;
        let mut by_case: HashMap<String, Vec<CasePerson>> = HashMap::with_capacity(cases.len());
        for row in &people {
            let case = text(row, 0)?;
            let key = person(row, 1)?;
            let accounts = match (text_or_null(row, 5)?, data_keys.get(&key)) {
                (Some(sealed), Some(data_key)) => {
                    let label = accounts_label(&CaseId::from(case.as_str()), key);
                    json(&open_text(data_key, &label, &sealed, "accounts")?, "accounts")?
                }
                _ => Vec::new(),
            };
            by_case.entry(case).or_default().push(CasePerson {
                person: key,
                role: Role::parse(&text(row, 2)?)?,
                relation: text(row, 3)?,
                declared: json(&text(row, 4)?, "declared inputs")?,
                accounts,
            });
        }
        for case in &mut cases {
            case.people = by_case.remove(case.id.as_str()).unwrap_or_default();
        }
        Ok(cases)
    }

    /// The cases each of these people stands in.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn cases_of(&self, people: &[PersonKey]) -> Result<Vec<(PersonKey, CaseId)>> {
        let mut conn = self.inner.pool.acquire().await?;
        let keys = people.iter().map(|p| i64::from(p.0).into()).collect();
        let rows = read_keys(&mut conn, &[], keys, |list| {
            format!("SELECT DISTINCT person, case_id FROM case_person WHERE person IN {list}")
        })
        .await?;
        rows.iter().map(|row| Ok((person(row, 0)?, CaseId::from(text(row, 1)?)))).collect()
    }

    /// Enrols a case: it receives aid from `on`, and its first recheck is due on `next_due`.
    ///
    /// # Errors
    /// [`LedgerError::UnknownCase`].
    pub async fn enrol(
        &self,
        tx: &mut Tx,
        case: &CaseId,
        on: Date,
        next_due: Option<Date>,
        now: Timestamp,
    ) -> Result<()> {
        let done = query(
            "UPDATE household_case SET in_receipt = 1, enrolled_on = $1, next_due = $2, updated_at = $3 WHERE case_id = $4"
                .into(),
            values![Some(on), next_due, now, case.as_str()],
        )
        .execute(tx.connection())
        .await?;
        if done.rows_affected() == 0 { Err(LedgerError::UnknownCase(case.clone())) } else { Ok(()) }
    }

    /// Sets when the next recheck of each case is due.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn set_next_due(&self, tx: &mut Tx, due: &[(CaseId, Option<Date>)]) -> Result<()> {
        let rows: Vec<Value> = due.iter().flat_map(|(case, day)| values![case.as_str(), *day]).collect();
        write_rows(tx.connection(), &[], 2, rows, |rows| {
            format!(
                "WITH v (case_id, due) AS (VALUES {rows}) UPDATE household_case SET next_due = v.due FROM v \
                 WHERE household_case.case_id = v.case_id"
            )
        })
        .await?;
        Ok(())
    }
}

impl CaseFilter {
    /// The condition over `household_case` and what it binds, without the list of ids.
    fn sql(&self) -> (String, Vec<Value>) {
        let mut condition = String::from("1 = 1");
        let mut bound = Vec::new();
        let mut add = |text: &str, value: Value| {
            bound.push(value);
            condition.push_str(" AND ");
            condition.push_str(&text.replace('?', &format!("${}", bound.len())));
        };
        if let Some(area) = self.area {
            let prefix = area.prefix();
            add(&format!("substr(area, 1, {}) = ?", prefix.len()), prefix.into());
        }
        if let Some(scheme) = &self.scheme {
            add("scheme = ?", scheme.as_str().into());
        }
        if let Some(day) = self.due_by {
            add("next_due <= ?", Some(day).into());
        }
        if let Some(in_receipt) = self.in_receipt {
            add("in_receipt = ?", i64::from(in_receipt).into());
        }
        (condition, bound)
    }
}

fn accounts_label(case: &CaseId, person: PersonKey) -> String {
    format!("accounts {} {case}", person.0)
}

fn read_case(row: &AnyRow) -> Result<Case> {
    Ok(Case {
        id: CaseId::from(text(row, 0)?),
        position: int(row, 1)?,
        scheme: text(row, 2)?,
        area: area(row, 3)?,
        residence: text_or_null(row, 4)?,
        in_receipt: int(row, 5)? != 0,
        enrolled_on: date_or_null(row, 6)?,
        next_due: date_or_null(row, 7)?,
        declared: json(&text(row, 8)?, "declared inputs")?,
        people: Vec::new(),
        updated_at: moment(row, 9)?,
    })
}
