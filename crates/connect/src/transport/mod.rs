//! Sends questions: one file a transport. A transport returns bytes or a failure and never reads meaning into either.

mod body;
mod call;
mod dci;
mod drop;
mod exchange;
mod http;
mod pages;
mod remote;
mod retry;
mod soap;
mod sql;
mod submission;
mod tls;

pub(crate) use sql::Idle;

use backon::Retryable as _;
use hedui_base::Outcome;

use crate::ask::{AskPeriod, Cause, Exchange, Failure, Poll, Subject, Submission};
use crate::context::Context;
use crate::manifest::{HttpPlan, KeyPart, RetryOn, SoapPlan, Transport};
use crate::registry::Source;
use crate::reply::{Part, RawReply, Refused};
use crate::template::ScopeSubject;

pub(crate) use remote::Seen;

impl Source {
    /// Asks about up to [`Source::batch`] subjects. Waits for the source's rate and seats; tries again as the manifest says.
    ///
    /// Subjects that cannot be asked (no number, a name the encoding lacks) are listed as refused and parse to
    /// `unsendable`; the others are asked.
    pub async fn ask(&self, context: &Context, subjects: &[Subject], period: Option<AskPeriod>) -> Exchange {
        if let Err(failure) = self.check(subjects) {
            return Exchange::Failed(failure);
        }
        let (sendable, refused) = self.sort_out(context, subjects, period);
        if sendable.is_empty() {
            return Exchange::Replied(self.reply(context, period, refused, Vec::new()));
        }
        let site = match context.institution(self) {
            Ok(site) => site,
            Err(failure) => return Exchange::Failed(failure),
        };
        let gate = context.gate(self);
        let replied = match &self.manifest.transport {
            Transport::Http(plan) => http::ask(self, plan, context, site, &gate, &sendable, period).await,
            Transport::Soap(plan) => soap::ask(self, plan, context, site, &gate, &sendable, period).await,
            Transport::Sql(plan) => {
                let _seat = gate.enter().await;
                self.again(&[RetryOn::Connect, RetryOn::Timeout], || {
                    sql::ask(self, plan, context, site, &sendable, period)
                })
                .await
            }
            Transport::Drop(plan) => {
                let _seat = gate.enter().await;
                let timeout = self.manifest.limits.timeout;
                let fetch = || drop::ask(plan, site, period, context.now(), timeout);
                self.again(&[RetryOn::Connect, RetryOn::Timeout], fetch).await
            }
            Transport::Dci(plan) => return dci::ask(self, plan, context, site, &gate, &sendable, refused).await,
            Transport::Files(_) => return self.submit_now(context, subjects, period).await,
        };
        match replied {
            Ok(parts) => Exchange::Replied(self.reply(context, period, refused, parts)),
            Err(failure) => Exchange::Failed(failure),
        }
    }

    /// Looks whether the reply to a submission is there.
    pub async fn poll(&self, context: &Context, submission: &Submission) -> Poll {
        let site = match context.institution(self) {
            Ok(site) => site,
            Err(failure) => return Poll::Failed(failure),
        };
        let gate = context.gate(self);
        let plan = match &self.manifest.transport {
            Transport::Files(plan) => plan,
            Transport::Dci(plan) => return dci::poll(self, plan, context, site, &gate, submission).await,
            _ => return Poll::Failed(Failure::new(Cause::Protocol)),
        };
        let _seat = gate.enter().await;
        let fetch = || exchange::fetch(self, plan, context, site, &submission.reference);
        match self.again(&[RetryOn::Connect, RetryOn::Timeout], fetch).await {
            Ok(None) => Poll::Pending,
            Ok(Some(parts)) => {
                let mut reply = self.reply(context, submission.period, submission.refused.clone(), parts);
                reply.sent.clone_from(&submission.sent);
                Poll::Ready(reply)
            }
            Err(failure) => Poll::Failed(failure),
        }
    }

    /// Tries again what may be tried again, if the manifest lists it.
    async fn again<T, F, W>(&self, safe: &[RetryOn], work: F) -> Result<T, Failure>
    where
        F: FnMut() -> W,
        W: Future<Output = Result<T, Failure>>,
    {
        let retry = &self.manifest.limits.retry;
        let listed = |failure: &Failure| {
            let on = match failure.cause {
                Cause::Connect => RetryOn::Connect,
                Cause::Timeout => RetryOn::Timeout,
                _ => return false,
            };
            safe.contains(&on) && retry.on.contains(&on)
        };
        work.retry(retry::full_jitter(retry).into_iter()).when(listed).await
    }

    pub(super) fn reply(
        &self,
        context: &Context,
        period: Option<AskPeriod>,
        refused: Vec<Refused>,
        parts: Vec<Part>,
    ) -> RawReply {
        RawReply {
            source: self.id.clone(),
            manifest: self.manifest_hash.clone(),
            received: context.now(),
            period,
            sent: Vec::new(),
            refused,
            parts,
        }
    }

    /// Neither too many nor none, and each by a letter for this source.
    fn check(&self, subjects: &[Subject]) -> Result<(), Failure> {
        if subjects.is_empty() || subjects.len() > self.batch {
            return Err(Failure::new(Cause::Batch));
        }
        if subjects.iter().any(|s| *s.authorised.source() != self.id) {
            return Err(Failure { outcome: Outcome::NotAuthorised, ..Failure::new(Cause::NotAuthorised) });
        }
        Ok(())
    }

    /// Subjects that can be asked, and those that cannot.
    fn sort_out<'s>(
        &self,
        context: &Context,
        subjects: &'s [Subject],
        period: Option<AskPeriod>,
    ) -> (Vec<&'s Subject>, Vec<Refused>) {
        let ask = &self.manifest.ask;
        let key = &ask.key;
        let mut sendable = Vec::new();
        let mut refused = Vec::new();
        for subject in subjects {
            let lacks = |part| match part {
                KeyPart::IdNumber => subject.id.is_none(),
                KeyPart::Name => subject.name.as_ref().is_none_or(|n| n.trim().is_empty()),
                // Either of them finds a meter.
                KeyPart::Account | KeyPart::Address => subject.account.is_none() && subject.address.is_none(),
            };
            let unfit = match (&self.manifest.transport, &subject.name) {
                (
                    Transport::Http(HttpPlan { encoding, .. }) | Transport::Soap(SoapPlan { encoding, .. }),
                    Some(name),
                ) => (!body::encodable(*encoding, name)).then_some("unencodable_name"),
                (Transport::Files(plan), _) => {
                    exchange::Request { plan: &plan.put, ask, period, day: today(context) }.refusal(subject)
                }
                _ => None,
            };
            let refusal = if key.iter().any(|part| lacks(*part)) { Some("key_missing") } else { unfit };
            match refusal {
                Some(detail) => refused.push(Refused { ask: subject.ask, detail: detail.into() }),
                None => sendable.push(subject),
            }
        }
        (sendable, refused)
    }
}

fn today(context: &Context) -> jiff::civil::Date {
    crate::maintenance::day_in_china(context.now())
}

fn scope_subjects<'a>(subjects: &[&'a Subject]) -> Vec<ScopeSubject<'a>> {
    subjects
        .iter()
        .map(|s| ScopeSubject {
            id_number: s.id.as_ref().map_or("", |id| id.reveal()),
            name: s.name.as_deref().unwrap_or_default(),
        })
        .collect()
}

/// Random hex, for request ids and nonces.
fn random_hex() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}
