//! Searches of a registry that speaks SPDCI: at once, or acknowledged and asked about later.
//!
//! The standard's asynchronous search ends in a call-back. We stand behind the bureau's firewall and offer no server to
//! call, so the registry is asked how far it is (`sync/txn/status`), which the standard provides for.

use serde_json::{Value, json};

use super::call::Call;
use super::random_hex;
use crate::ask::{Cause, Exchange, Failure, Poll, Subject, Submission};
use crate::context::Context;
use crate::gate::Gate;
use crate::manifest::{DciMode, DciPlan, Encoding};
use crate::parse::{Progress, acknowledged, progress};
use crate::registry::Source;
use crate::reply::{Media, Part, Refused};
use crate::site::{InstitutionSite, given};

/// Asks about subjects, one reference each: `TRANSACTION-NUMBER`.
pub(super) async fn ask(
    source: &Source,
    plan: &DciPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    subjects: &[&Subject],
    refused: Vec<Refused>,
) -> Exchange {
    let transaction = random_hex();
    let numbered = (1..).zip(subjects);
    let sent: Vec<_> = numbered.clone().map(|(number, subject)| (number, subject.ask)).collect();
    let entries: Vec<Value> = numbered.map(|(n, subject)| entry(plan, context, &transaction, n, subject)).collect();
    let message = json!({ "transaction_id": transaction, "search_request": entries });
    let searched = match envelope(plan, context, site, "search", entries.len(), message) {
        Ok(body) => body,
        Err(failure) => return Exchange::Failed(failure),
    };
    let below = match plan.mode {
        DciMode::Sync => "/sync/search",
        DciMode::Async => "/search",
    };
    let part = match send(source, plan, context, site, gate, below, &searched).await {
        Ok(part) => part,
        Err(failure) => return Exchange::Failed(failure),
    };
    if plan.mode == DciMode::Async
        && let Some(correlation) = acknowledged(part.media, &part.body)
    {
        return Exchange::Submitted(Submission {
            reference: format!("{transaction}:{correlation}"),
            handed_in: true,
            sent,
            refused,
            submitted: context.now(),
            due: source.due_on(context.calendar(), crate::maintenance::day_in_china(context.now())),
            period: None,
        });
    }
    // A search that was not acknowledged was refused: the reply says why.
    if plan.mode == DciMode::Sync && progress(part.media, &part.body, &transaction) != Progress::Done {
        return Exchange::Failed(Failure::new(Cause::Protocol));
    }
    let mut reply = source.reply(context, None, refused, vec![part]);
    reply.sent = sent;
    Exchange::Replied(reply)
}

/// Asks how far a search is.
pub(super) async fn poll(
    source: &Source,
    plan: &DciPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    submission: &Submission,
) -> Poll {
    let Some((transaction, correlation)) = submission.reference.split_once(':') else {
        return Poll::Failed(Failure::new(Cause::Protocol));
    };
    let message = json!({
        "transaction_id": transaction,
        "txnstatus_request": {
            "reference_id": format!("{transaction}-status"),
            "txn_type": "search",
            "attribute_type": "correlation_id",
            "attribute_value": correlation,
        },
    });
    let asked = match envelope(plan, context, site, "txn-status", 1, message) {
        Ok(body) => body,
        Err(failure) => return Poll::Failed(failure),
    };
    match send(source, plan, context, site, gate, "/sync/txn/status", &asked).await {
        Ok(part) => match progress(part.media, &part.body, transaction) {
            Progress::Pending => Poll::Pending,
            Progress::Foreign => Poll::Failed(Failure::new(Cause::Protocol)),
            Progress::Done => {
                let mut reply = source.reply(context, None, submission.refused.clone(), vec![part]);
                reply.sent.clone_from(&submission.sent);
                Poll::Ready(reply)
            }
        },
        Err(failure) => Poll::Failed(failure),
    }
}

fn entry(plan: &DciPlan, context: &Context, transaction: &str, number: u32, subject: &Subject) -> Value {
    json!({
        "reference_id": format!("{transaction}-{number}"),
        "timestamp": context.now().to_string(),
        "search_criteria": {
            "version": "1.0.0",
            "reg_type": plan.reg_type,
            "reg_record_type": plan.record_type,
            "query_type": "idtype-value",
            "query": { "type": plan.id_type, "value": subject.id.as_ref().map_or("", |id| id.reveal()) },
            "pagination": { "page_size": plan.page_size, "page_number": 1 },
        },
        "locale": "zh-CN",
    })
}

/// `{signature, header, message}` with the header of an action. The signature travels in the request's headers.
fn envelope(
    plan: &DciPlan,
    context: &Context,
    site: &InstitutionSite,
    action: &str,
    count: usize,
    message: Value,
) -> Result<String, Failure> {
    let header = json!({
        "version": "1.0.0",
        "message_id": random_hex(),
        "message_ts": context.now().to_string(),
        "action": action,
        "sender_id": given(&plan.sender, site)?,
        "receiver_id": plan.receiver,
        "total_count": count,
        "is_msg_encrypted": false,
    });
    Ok(json!({ "signature": "", "header": header, "message": message }).to_string())
}

async fn send(
    source: &Source,
    plan: &DciPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    below: &str,
    body: &str,
) -> Result<Part, Failure> {
    let call = Call {
        source,
        context,
        site,
        gate,
        path: &format!("{}{below}", plan.path.trim_end_matches('/')),
        media: Media::Json,
        encoding: Encoding::Utf8,
        headers: &plan.headers,
        signer: plan.signer.as_ref(),
        cipher: None,
    };
    call.send("search".into(), body).await
}
