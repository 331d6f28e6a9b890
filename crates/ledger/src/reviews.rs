//! Reviews: tasks for people. hedui raises them; a named person claims and resolves them.

use hedui_base::{AreaCode, CaseId, PersonKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::any::AnyRow;

use crate::error::{LedgerError, Result};
use crate::ledger::{Ledger, Tx};
use crate::sql::{
    Value, area, int, json, moment, moment_or_null, query, take_numbers, text, text_or_null, to_json, values,
    write_rows,
};

/// Where a review stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewState {
    /// Nobody has taken it.
    Open = 0,
    /// Somebody works on it.
    Claimed = 1,
    /// Done.
    Resolved = 2,
}

/// A task to raise.
#[derive(Clone, Debug)]
pub struct NewReview {
    /// The case.
    pub case: CaseId,
    /// The person, for a flag of a person.
    pub person: Option<PersonKey>,
    /// The flag, such as `AS07`, or another stable word for what led to it.
    pub flag: String,
    /// Severity of the flag.
    pub severity: String,
    /// What is to be done: `desk`, `visit`, `proof`, `recompute`, `stop_payment`, `lead`, ...
    pub kind: String,
    /// Declared, found, difference and evidence, in the form `verify` prints.
    pub detail: Json,
    /// Area of the case.
    pub area: AreaCode,
}

/// A task as kept.
#[derive(Clone, Debug)]
pub struct Review {
    /// Its number.
    pub review: i64,
    /// What it is about.
    pub about: NewReview,
    /// Where it stands.
    pub state: ReviewState,
    /// Who has claimed it.
    pub assignee: Option<String>,
    /// How it ended, as a stable word such as `confirmed` or `unfounded`.
    pub resolution: Option<String>,
    /// What the caseworker wrote.
    pub note: Option<String>,
    /// When it was raised.
    pub created_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Option<Timestamp>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
}

/// Which reviews to read; an empty filter reads all.
#[derive(Clone, Debug, Default)]
pub struct ReviewFilter {
    /// Inside this area.
    pub area: Option<AreaCode>,
    /// Of this severity.
    pub severity: Option<String>,
    /// In this state.
    pub state: Option<ReviewState>,
    /// Of this case.
    pub case: Option<CaseId>,
}

impl Ledger {
    /// Raises reviews. One that is open for the same case, flag and person is not raised again, but learns the new detail.
    /// Returns how many are new.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn raise_reviews(&self, tx: &mut Tx, reviews: &[NewReview], now: Timestamp) -> Result<u64> {
        let count = i64::try_from(reviews.len()).unwrap_or(i64::MAX);
        let first = take_numbers(tx.connection(), "review", 1, count).await?;
        let mut rows = Vec::new();
        for (number, r) in (first..).zip(reviews) {
            rows.extend(values![
                number,
                r.case.as_str(),
                r.person.map_or(-1, |p| i64::from(p.0)),
                r.flag.as_str(),
                r.severity.as_str(),
                r.kind.as_str(),
                to_json(&r.detail, "review")?,
                r.area.prefix(),
                0,
                now
            ]);
        }
        write_rows(tx.connection(), &[], 10, rows, |rows| {
            format!(
                "INSERT INTO review (review, case_id, person, flag, severity, kind, detail, area, state, created_at) VALUES {rows} \
                 ON CONFLICT (case_id, flag, person) WHERE state < 2 DO UPDATE SET detail = excluded.detail, \
                 severity = excluded.severity"
            )
        })
        .await?;
        let row = query("SELECT COUNT(*) FROM review WHERE review >= $1".into(), values![first])
            .fetch_one(tx.connection())
            .await?;
        Ok(u64::try_from(int(&row, 0)?).unwrap_or(0))
    }

    /// The reviews a filter lets through, oldest first.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn reviews(&self, filter: &ReviewFilter) -> Result<Vec<Review>> {
        let mut sql = String::from(
            "SELECT review, case_id, person, flag, severity, kind, detail, area, state, assignee, resolution, note, created_at, \
             claimed_at, resolved_at FROM review WHERE 1 = 1",
        );
        let mut bound: Vec<Value> = Vec::new();
        let mut add = |text: &str, value: Value| {
            bound.push(value);
            sql.push_str(" AND ");
            sql.push_str(&text.replace('?', &format!("${}", bound.len())));
        };
        if let Some(area) = filter.area {
            let prefix = area.prefix();
            add(&format!("substr(area, 1, {}) = ?", prefix.len()), prefix.into());
        }
        if let Some(severity) = &filter.severity {
            add("severity = ?", severity.as_str().into());
        }
        if let Some(state) = filter.state {
            add("state = ?", (state as i64).into());
        }
        if let Some(case) = &filter.case {
            add("case_id = ?", case.as_str().into());
        }
        sql.push_str(" ORDER BY review");
        let mut conn = self.inner.pool.acquire().await?;
        let rows = query(sql, bound).fetch_all(&mut *conn).await?;
        rows.iter().map(read).collect()
    }

    /// A named person takes an open review.
    ///
    /// # Errors
    /// [`LedgerError::ReviewState`] unless it is open.
    pub async fn claim_review(&self, tx: &mut Tx, review: i64, assignee: &str, now: Timestamp) -> Result<()> {
        let done = query(
            "UPDATE review SET state = 1, assignee = $1, claimed_at = $2 WHERE review = $3 AND state = 0".into(),
            values![assignee, now, review],
        )
        .execute(tx.connection())
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::ReviewState(review)) }
    }

    /// A named person resolves a review, claimed or not.
    ///
    /// # Errors
    /// [`LedgerError::ReviewState`] if it does not exist or is resolved.
    pub async fn resolve_review(
        &self,
        tx: &mut Tx,
        review: i64,
        assignee: &str,
        resolution: &str,
        note: Option<&str>,
        now: Timestamp,
    ) -> Result<()> {
        let done = query(
            "UPDATE review SET state = 2, assignee = $1, resolution = $2, note = $3, resolved_at = $4 \
             WHERE review = $5 AND state < 2"
                .into(),
            values![assignee, resolution, note.map(str::to_owned), now, review],
        )
        .execute(tx.connection())
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::ReviewState(review)) }
    }
}

fn read(row: &AnyRow) -> Result<Review> {
    let state = match int(row, 8)? {
        0 => ReviewState::Open,
        1 => ReviewState::Claimed,
        2 => ReviewState::Resolved,
        _ => return Err(LedgerError::Malformed { what: "state of a review" }),
    };
    Ok(Review {
        review: int(row, 0)?,
        about: NewReview {
            case: CaseId::from(text(row, 1)?),
            person: u32::try_from(int(row, 2)?).ok().map(PersonKey),
            flag: text(row, 3)?,
            severity: text(row, 4)?,
            kind: text(row, 5)?,
            detail: json(&text(row, 6)?, "review")?,
            area: area(row, 7)?,
        },
        state,
        assignee: text_or_null(row, 9)?,
        resolution: text_or_null(row, 10)?,
        note: text_or_null(row, 11)?,
        created_at: moment(row, 12)?,
        claimed_at: moment_or_null(row, 13)?,
        resolved_at: moment_or_null(row, 14)?,
    })
}
