//! Replies of a registry that speaks the search interface of the Digital Convergence Initiative (SPDCI 1.0.0).
//!
//! `message.search_response[]` holds one entry a reference; references end in the number of the request's row. An entry
//! with `status = "succ"` and an empty `data.reg_records` is the registry's own word that there is nobody; whatever is
//! missing, unknown or rejected is `failed`.

use hedui_base::Outcome;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::answers::Answers;
use super::{Reason, View};
use crate::manifest::{DciPlan, Verdict};
use crate::reply::{Media, RawReply};

/// Codes of the standard, with what they are to us; any other is a refusal without a reason.
const CODES: [(&str, Verdict, &str); 24] = [
    ("err.request.forbidden", Verdict::NotAuthorised, "refused_by_source"),
    ("err.request.too_many_requests", Verdict::Throttled, "throttled"),
    ("err.service.unavailable", Verdict::Throttled, "throttled"),
    ("err.request.timeout", Verdict::Throttled, "throttled"),
    ("err.request.unauthorized", Verdict::Failed, "login"),
    ("err.signature.missing", Verdict::Failed, "login"),
    ("err.signature.invalid", Verdict::Failed, "login"),
    ("err.sender_id.invalid", Verdict::Failed, "login"),
    ("err.receiver_id.invalid", Verdict::Failed, "protocol"),
    ("err.request.bad", Verdict::Failed, "protocol"),
    ("err.version.not_supported", Verdict::Failed, "protocol"),
    ("rjct.version.invalid", Verdict::Failed, "protocol"),
    ("rjct.message_id.duplicate", Verdict::Failed, "protocol"),
    ("rjct.message_ts.invalid", Verdict::Failed, "protocol"),
    ("rjct.action.invalid", Verdict::Failed, "protocol"),
    ("rjct.action.not_supported", Verdict::Failed, "protocol"),
    ("rjct.total_count.invalid", Verdict::Failed, "protocol"),
    ("rjct.total_count.limit_exceeded", Verdict::Failed, "batch"),
    ("rjct.reference_id.invalid", Verdict::Failed, "protocol"),
    ("rjct.reference_id.duplicate", Verdict::Failed, "protocol"),
    ("rjct.timestamp.invalid", Verdict::Failed, "protocol"),
    ("rjct.search_criteria.invalid", Verdict::Failed, "protocol"),
    ("rjct.pagination.invalid", Verdict::Failed, "protocol"),
    ("rjct.search.too_many_records_found", Verdict::Failed, "too_many_records"),
];

fn verdict_of(code: Option<&str>) -> (Verdict, &'static str) {
    CODES
        .iter()
        .find(|(known, ..)| Some(*known) == code)
        .map_or((Verdict::Failed, "refused_by_source"), |(_, verdict, detail)| (*verdict, *detail))
}

fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path)?.as_str()
}

/// The code by which a message as a whole is refused; none if it is not.
fn refused(message: &Value) -> Option<Option<&str>> {
    let code = || {
        ["/header/status_reason_code", "/message/error/code", "/error/code", "/errors/0/code"]
            .into_iter()
            .find_map(|path| text(message, path))
    };
    let rejected = text(message, "/header/status") == Some("rjct")
        || matches!(text(message, "/message/ack_status"), Some("ERR" | "NACK"));
    // An HTTP error of the standard has no header, only codes.
    let error = ["/error/code", "/errors/0/code"].into_iter().any(|path| text(message, path).is_some());
    (rejected || error).then(code)
}

/// The entries of a reply: of a search, or of a status that carries the search's.
fn entries(message: &Value) -> Option<&Vec<Value>> {
    [
        "/message/search_response",
        "/message/txnstatus_response/txn_status/search_response",
        "/message/txnstatus_response/search_response",
    ]
    .into_iter()
    .find_map(|path| message.pointer(path)?.as_array())
}

fn document(media: Media, body: &[u8]) -> Result<Value, Reason> {
    let text = media.decode(body).ok_or(Reason::Encoding)?;
    serde_json::from_str(&text).map_err(|_| Reason::SchemaDrift)
}

/// What a message is as a whole: `None` is no message of the standard.
pub(super) fn classify(media: Media, body: &[u8]) -> Option<Verdict> {
    let message = document(media, body).ok()?;
    if let Some(code) = refused(&message) {
        return Some(verdict_of(code).0);
    }
    let answered = entries(&message).is_some() || text(&message, "/message/ack_status").is_some();
    (answered || matches!(text(&message, "/header/status"), Some("rcvd" | "pdng"))).then_some(Verdict::Ok)
}

/// How far a registry is with a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It has ended, well or badly.
    Done,
    /// It has not.
    Pending,
    /// What came back is about another search, or is no message.
    Foreign,
}

/// Reads how far the search `transaction` is.
pub(crate) fn progress(media: Media, body: &[u8], transaction: &str) -> Progress {
    let Ok(message) = document(media, body) else { return Progress::Foreign };
    if refused(&message).is_some() {
        return Progress::Done;
    }
    let ours = ["/message/transaction_id", "/message/txnstatus_response/txn_status/transaction_id"]
        .into_iter()
        .any(|path| text(&message, path) == Some(transaction));
    let waits = |status: Option<&str>| matches!(status, Some("rcvd" | "pdng"));
    match entries(&message) {
        _ if !ours => Progress::Foreign,
        None if waits(text(&message, "/header/status")) => Progress::Pending,
        None => Progress::Foreign,
        Some(entries) if entries.iter().any(|entry| waits(text(entry, "/status"))) => Progress::Pending,
        Some(_) if waits(text(&message, "/header/status")) => Progress::Pending,
        Some(_) => Progress::Done,
    }
}

/// The correlation id under which a search was accepted.
pub(crate) fn acknowledged(media: Media, body: &[u8]) -> Option<String> {
    let message = document(media, body).ok()?;
    let accepted = text(&message, "/message/ack_status") == Some("ACK");
    accepted.then(|| text(&message, "/message/correlation_id")).flatten().map(str::to_owned)
}

/// Reads a reply.
pub(super) fn read(answers: &mut Answers<'_>, plan: &DciPlan, raw: &RawReply) {
    let Some(part) = raw.parts.first() else {
        answers.all_end(Outcome::Failed, "empty_reply");
        return;
    };
    let message = match document(part.media, &part.body) {
        Ok(message) => message,
        Err(reason) => return answers.all_fail(reason, part.name.clone()),
    };
    if let Some(code) = refused(&message) {
        let (verdict, detail) = verdict_of(code);
        let outcome = if verdict == Verdict::NotAuthorised { Outcome::NotAuthorised } else { Outcome::Failed };
        return answers.all_end(outcome, detail);
    }
    let Some(entries) = entries(&message) else {
        return answers.all_end(Outcome::Failed, "unclassified");
    };
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("{} entry {}", part.name, index + 1);
        answers.count_row();
        match subject(answers, raw, entry) {
            Ok(subject) => read_entry(answers, plan, subject, entry, &place),
            Err(reason) => answers.set_aside(reason, place),
        }
    }
}

/// Whose entry it is, by the number at the end of its reference.
fn subject(answers: &Answers<'_>, raw: &RawReply, entry: &Value) -> Result<usize, Reason> {
    let reference = text(entry, "/reference_id").ok_or(Reason::KeyMissing)?;
    let number: u32 = reference.rsplit('-').next().and_then(|n| n.parse().ok()).ok_or(Reason::UnrequestedSubject)?;
    let ask = raw.sent.iter().find(|(seq, _)| *seq == number).map(|(_, ask)| *ask).ok_or(Reason::UnrequestedSubject)?;
    answers.sent().find(|index| answers.subjects[*index].ask == ask).ok_or(Reason::UnrequestedSubject)
}

fn read_entry(answers: &mut Answers<'_>, plan: &DciPlan, subject: usize, entry: &Value, place: &str) {
    match text(entry, "/status") {
        Some("succ") => {}
        Some("rjct") => {
            let (verdict, detail) = verdict_of(text(entry, "/status_reason_code"));
            if verdict == Verdict::NotAuthorised {
                answers.verdict(subject, verdict, None);
            } else {
                answers.gap(subject, detail);
            }
            return;
        }
        _ => return answers.spoil(subject, Reason::UnknownCode, place.to_owned()),
    }
    let said_on = day(text(entry, "/timestamp"));
    let Some(records) = entry.pointer("/data/reg_records").and_then(Value::as_array) else {
        return answers.spoil(subject, Reason::SchemaDrift, place.to_owned());
    };
    let total = entry.pointer("/pagination/total_count").map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()));
    let whole = match total {
        Some(total) => total == Some(records.len()),
        // A full page without a total may be the first of many.
        None => records.len() < plan.page_size,
    };
    if !whole {
        return answers.spoil(subject, Reason::TrailerMismatch, place.to_owned());
    }
    if records.is_empty() {
        return answers.verdict(subject, Verdict::NoRecord, said_on);
    }
    answers.verdict(subject, Verdict::Found, said_on);
    for (index, record) in records.iter().enumerate() {
        read_record(answers, subject, View::Json(record), said_on, &format!("{place} record {}", index + 1));
    }
}

fn read_record(answers: &mut Answers<'_>, subject: usize, record: View<'_>, said_on: Option<Date>, place: &str) {
    if let Err(reason) = answers.echo(subject, record) {
        return answers.spoil(subject, reason, place.to_owned());
    }
    match &answers.source.manifest.outcome.rows {
        None => answers.row(subject, record, said_on, place.to_owned()),
        Some(rows) => {
            for (index, row) in record.select(rows).into_iter().enumerate() {
                answers.row(subject, row, said_on, format!("{place} row {}", index + 1));
            }
        }
    }
}

/// The day of a timestamp where the registry is: UTC+8, all year.
fn day(timestamp: Option<&str>) -> Option<Date> {
    let timestamp: Timestamp = timestamp?.parse().ok()?;
    Some(timestamp.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date())
}
