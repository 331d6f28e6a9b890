//! Requests that are answered later: prepared, put on record by the caller, and only then handed in.

use std::collections::HashSet;

use hedui_base::AskId;

use super::{exchange, today};
use crate::ask::{AskPeriod, Cause, Exchange, Failure, Subject, Submission};
use crate::context::Context;
use crate::manifest::{FilePlan, RetryOn, Transport};
use crate::registry::Source;

impl Source {
    /// Whether its requests are prepared before they are handed in. Others with [`Mode::Exchange`](crate::Mode::Exchange)
    /// learn their reference only from the institution.
    #[must_use]
    pub const fn prepares(&self) -> bool {
        matches!(self.manifest.transport, Transport::Files(_))
    }

    fn files(&self) -> Result<&FilePlan, Failure> {
        match &self.manifest.transport {
            Transport::Files(plan) => Ok(plan),
            _ => Err(Failure::new(Cause::Protocol)),
        }
    }

    /// Prepares a request that is answered later: whom it is about, under which reference, and until when. Sends nothing.
    ///
    /// Store what this returns before [`Source::submit`] is called: then a crash at any moment leaves either no request
    /// behind, or one that is on record.
    ///
    /// # Errors
    /// [`Failure`] if there are too many subjects or none, a letter is for another source, or the source does not prepare.
    pub fn prepare(
        &self,
        context: &Context,
        subjects: &[Subject],
        period: Option<AskPeriod>,
    ) -> Result<Submission, Failure> {
        self.prepare_as(None, context, subjects, period)
    }

    /// The same under a reference that is on record already, for a request that is known not to have been handed in.
    ///
    /// # Errors
    /// As [`Source::prepare`].
    pub fn prepare_as(
        &self,
        reference: Option<&str>,
        context: &Context,
        subjects: &[Subject],
        period: Option<AskPeriod>,
    ) -> Result<Submission, Failure> {
        self.check(subjects)?;
        let plan = self.files()?;
        let (sendable, refused) = self.sort_out(context, subjects, period);
        let reference = reference.map_or_else(|| exchange::reference(self, context, &sendable), str::to_owned);
        let request = exchange::Request { plan: &plan.put, ask: &self.manifest.ask, period, day: today(context) };
        Ok(Submission {
            reference,
            handed_in: false,
            sent: request.rows(&sendable).iter().map(|row| (row.seq, row.ask)).collect(),
            refused,
            submitted: context.now(),
            due: self.due_on(context.calendar(), today(context)),
            period,
        })
    }

    /// Hands in a prepared request: the same request twice is the same as once.
    ///
    /// `subjects` are those that the submission was prepared with.
    ///
    /// # Errors
    /// [`Failure`]. With cause `timeout` or `protocol` the institution may have it all the same; with `conflict` something
    /// else lies under its name.
    pub async fn submit(
        &self,
        context: &Context,
        submission: &Submission,
        subjects: &[Subject],
    ) -> Result<(), Failure> {
        self.check(subjects)?;
        let plan = self.files()?;
        let site = context.institution(self)?;
        let gate = context.gate(self);
        let _seat = gate.enter().await;
        let refused: HashSet<AskId> = submission.refused.iter().map(|r| r.ask).collect();
        let sendable: Vec<&Subject> = subjects.iter().filter(|s| !refused.contains(&s.ask)).collect();
        let submit = || exchange::submit(self, plan, site, submission, &sendable);
        // After a timeout it may lie there; a later try that is not even let in must not hide that.
        self.again(&[RetryOn::Connect], submit).await
    }

    /// Whether the institution has the request of a submission; asks it, and announces the request again if need be.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be told.
    pub async fn has_been_submitted(&self, context: &Context, submission: &Submission) -> Result<bool, Failure> {
        let plan = self.files()?;
        let site = context.institution(self)?;
        let gate = context.gate(self);
        let _seat = gate.enter().await;
        let look = || exchange::has_been_put(self, plan, site, &submission.reference);
        self.again(&[RetryOn::Connect, RetryOn::Timeout], look).await
    }

    /// Prepares and hands in at once, for who keeps no record.
    pub(super) async fn submit_now(
        &self,
        context: &Context,
        subjects: &[Subject],
        period: Option<AskPeriod>,
    ) -> Exchange {
        let submission = match self.prepare(context, subjects, period) {
            Ok(submission) => submission,
            Err(failure) => return Exchange::Failed(failure),
        };
        match self.submit(context, &submission, subjects).await {
            Ok(()) => Exchange::Submitted(Submission { handed_in: true, ..submission }),
            Err(failure) => Exchange::Failed(failure),
        }
    }
}
