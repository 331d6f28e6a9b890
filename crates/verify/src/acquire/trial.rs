//! `source try`: one source, one household, nothing stored but the audit leaf.

use std::time::Instant;

use hedui_base::{AskId, CaseId, SourceId};
use hedui_connect::{Exchange, Poll, RawReply, Subject, SubjectKey, parse};
use hedui_ledger::AuditEvent;
use serde_json::json;

use super::plan::{Scene, SourcePlan, authorise};
use super::{TryResult, cause_zh};
use crate::compare::selected;
use crate::{Selection, VerifyError, Workspace};

/// Asks one source about one case's people, to see whether it works. Needs the case's letter like any other ask.
///
/// # Errors
/// Unknown case or source.
pub async fn source_try(ws: &Workspace, source: &SourceId, case: &CaseId) -> Result<TryResult, VerifyError> {
    let source = ws.registry().get(source.as_str()).ok_or_else(|| VerifyError::UnknownSource(source.clone()))?.clone();
    let scene = Scene { cases: selected(ws, &Selection::Cases(vec![case.clone()])).await? };
    let plan = SourcePlan::expand(&source, &scene);
    let letters = ws.ledger().letters_for(std::slice::from_ref(case)).await?;
    let mut result = TryResult { source: source.id.as_str().to_owned(), ..TryResult::default() };
    let mut subjects: Vec<Subject> = Vec::new();
    let people: Vec<_> = plan.pairs.keys().copied().collect();
    let known = ws.ledger().people(&people).await?;
    for ((number, (person, rows)), who) in (1i64..).zip(plan.pairs.iter()).zip(known) {
        match authorise(&source, &scene, &letters, *person, rows, ws.today()) {
            Ok((authorised, _)) => {
                let account = scene.account(&source, *person, rows);
                subjects.push(Subject {
                    ask: AskId(-number),
                    authorised,
                    id: who.id,
                    name: who.name,
                    account: account.and_then(|a| a.account.clone()),
                    address: account.and_then(|a| a.address.clone()),
                });
            }
            Err((denial, _)) => {
                *result.outcomes.entry("not_authorised".to_owned()).or_default() += 1;
                result.cause = Some(denial.zh().to_owned());
            }
        }
    }
    subjects.truncate(source.batch.max(1));
    result.asked = subjects.len();
    if subjects.is_empty() {
        return Ok(result);
    }
    let event = AuditEvent {
        actor: "source try".to_owned(),
        action: "ask.tried".to_owned(),
        subjects: subjects.iter().map(|s| s.authorised.person()).collect(),
        detail: json!({ "source": source.id, "case": case, "letter": subjects[0].authorised.letter() }),
    };
    let mut tx = ws.ledger().begin().await?;
    ws.ledger().audit(&mut tx, &[event], ws.now()).await?;
    tx.commit().await?;
    let keys: Vec<SubjectKey> = subjects.iter().map(Subject::key).collect();
    let started = Instant::now();
    match source.ask(&ws.context(), &subjects, source.period(ws.today())).await {
        Exchange::Replied(reply) => result.read(&source, &keys, &reply),
        Exchange::Failed(failure) => result.cause = Some(cause_zh(&failure.cause.to_string())),
        Exchange::Submitted(submission) => match source.poll(&ws.context(), &submission).await {
            Poll::Ready(reply) => result.read(&source, &keys, &reply),
            Poll::Pending => {
                result.outcomes.insert("pending".to_owned(), subjects.len());
            }
            Poll::Failed(failure) => result.cause = Some(cause_zh(&failure.cause.to_string())),
        },
    }
    result.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(result)
}

impl TryResult {
    fn read(&mut self, source: &hedui_connect::Source, keys: &[SubjectKey], reply: &RawReply) {
        let parsed = parse(source, keys, reply);
        for answer in &parsed.answers {
            *self.outcomes.entry(answer.outcome.as_str().to_owned()).or_default() += 1;
            self.records += answer.records.len();
            if let Some(detail) = answer.detail.as_deref().filter(|_| answer.outcome.is_unknown()) {
                self.cause = Some(cause_zh(detail));
            }
        }
        self.quarantined = parsed.quarantine.into_iter().map(|q| (q.reason.code().to_owned(), q.place)).collect();
    }
}
