//! File exchange: a request was handed in, and its reply is polled for until it comes or is overdue.

use hedui_base::SourceId;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;
use crate::leases::{ClaimedAsk, read_claim, update_held};
use crate::ledger::{Ledger, Tx};
use crate::sql::{Value, date_or_null, int, moment, query, read_keys, take_numbers, text, values};

/// A submission that this worker may poll and settle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedSubmission {
    /// Its number.
    pub submission: i64,
    /// Where it was handed in.
    pub source: SourceId,
    /// How the connector finds the reply again.
    pub reference: String,
    /// When it was handed in.
    pub submitted_at: Timestamp,
    /// Last day on which it is still pending; afterwards it is overdue.
    pub due: Option<Date>,
    /// How often it was polled before.
    pub polls: i64,
    /// Its asks that are not settled, under one new fencing token.
    pub asks: Vec<ClaimedAsk>,
}

impl Ledger {
    /// Puts claimed asks on record as one request, before it is handed in: they are pending under the submission returned,
    /// which this worker holds for `lease`. Whoever takes it over after a crash finds out whether the request left.
    ///
    /// # Errors
    /// [`crate::LedgerError::Fenced`].
    #[allow(clippy::too_many_arguments, reason = "each is one column of the record")]
    pub async fn submit(
        &self,
        tx: &mut Tx,
        source: &SourceId,
        claimed: &[ClaimedAsk],
        reference: &str,
        due: Option<Date>,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<ClaimedSubmission> {
        let conn = tx.connection();
        let number = take_numbers(conn, "submission", 1, 1).await?;
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let fence = claimed.first().map_or(0, |c| c.fence);
        query(
            "INSERT INTO submission (submission, source, reference, state, submitted_at, due, fence, polls, holder, lease_until) \
             VALUES ($1, $2, $3, 0, $4, $5, $6, 0, $7, $8)"
                .into(),
            values![number, source.as_str(), reference, now, due, fence, self.inner.worker.name(), until],
        )
        .execute(&mut *conn)
        .await?;
        let pairs: Vec<_> = claimed.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(
            conn,
            &pairs,
            "state = 2, submission = $1, asked_at = $2, raw = NULL, lease_until = $3",
            &values![number, now, until],
        )
        .await?;
        Ok(ClaimedSubmission {
            submission: number,
            source: source.clone(),
            reference: reference.to_owned(),
            submitted_at: now,
            due,
            polls: 0,
            asks: claimed.to_vec(),
        })
    }

    /// Writes down what is known now of a claimed submission: that it was handed in, or whom it is about.
    ///
    /// # Errors
    /// [`crate::LedgerError::Fenced`] if another worker has taken it over.
    pub async fn amend_submission(&self, tx: &mut Tx, claimed: &ClaimedSubmission, reference: &str) -> Result<()> {
        let conn = tx.connection();
        let pairs: Vec<_> = claimed.asks.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(conn, &pairs, "submission = $1", &values![claimed.submission]).await?;
        query(
            "UPDATE submission SET reference = $2 WHERE submission = $1".into(),
            values![claimed.submission, reference],
        )
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Claims open submissions to poll, of one source or of all, with their asks.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn claim_submissions(
        &self,
        tx: &mut Tx,
        source: Option<&SourceId>,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<ClaimedSubmission>> {
        let conn = tx.connection();
        let fence = take_numbers(conn, "fence", 1, 1).await?;
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let mut bound: Vec<Value> = values![now, until, self.inner.worker.name(), fence].to_vec();
        let mut narrow = "";
        if let Some(source) = source {
            bound.push(source.as_str().into());
            narrow = "AND source = $5";
        }
        let rows = query(
            format!(
                "UPDATE submission SET fence = $4, holder = $3, lease_until = $2, polls = polls + 1 \
                 WHERE state = 0 AND (lease_until IS NULL OR lease_until < $1) {narrow} \
                 RETURNING submission, source, reference, submitted_at, due, polls"
            ),
            bound,
        )
        .fetch_all(&mut *conn)
        .await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let submission = int(row, 0)?;
            let asks = read_keys(
                conn,
                &values![fence, until, self.inner.worker.name()],
                vec![submission.into()],
                |list| {
                    format!(
                        "UPDATE ask SET fence = $1, lease_until = $2, holder = $3 WHERE state = 2 AND submission IN {list} \
                         RETURNING ask, person, source, period, fence, attempts, raw"
                    )
                },
            )
            .await?;
            let mut asks = asks.iter().map(read_claim).collect::<Result<Vec<_>>>()?;
            asks.sort_by_key(|a| a.ask);
            claimed.push(ClaimedSubmission {
                submission,
                source: SourceId::from(text(row, 1)?),
                reference: text(row, 2)?,
                submitted_at: moment(row, 3)?,
                due: date_or_null(row, 4)?,
                polls: int(row, 5)? - 1,
                asks,
            });
        }
        claimed.sort_by_key(|s| s.submission);
        Ok(claimed)
    }

    /// Gives a claimed submission back: the reply is not there yet.
    ///
    /// # Errors
    /// [`crate::LedgerError::Fenced`] if another worker has taken it over.
    pub async fn release_submission(&self, tx: &mut Tx, claimed: &ClaimedSubmission) -> Result<()> {
        let conn = tx.connection();
        let pairs: Vec<_> = claimed.asks.iter().map(|c| (c.ask, c.fence)).collect();
        update_held(conn, &pairs, "holder = NULL, lease_until = NULL", &[]).await?;
        query(
            "UPDATE submission SET holder = NULL, lease_until = NULL WHERE submission = $1".into(),
            values![claimed.submission],
        )
        .execute(conn)
        .await?;
        Ok(())
    }

    /// How many submissions wait for a reply.
    ///
    /// # Errors
    /// [`crate::LedgerError::Database`].
    pub async fn open_submission_count(&self) -> Result<i64> {
        let mut conn = self.inner.pool.acquire().await?;
        let row = query("SELECT COUNT(*) FROM submission WHERE state = 0".into(), []).fetch_one(&mut *conn).await?;
        int(&row, 0)
    }
}
