//! A registry that speaks the search interface of the Digital Convergence Initiative: at once, or acknowledged and told
//! when it is asked how far it is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hedui_connect::Selector;
use hedui_connect::manifest::DciPlan;
use serde_json::{Value as Json, json};

use super::ServeError;
use super::json::object;
use super::place::{Place, put};
use super::wire::{Spoiled, WireRow, WireSource, stranger};
use crate::faults::{FaultKind, Mood};

/// Which of a registry's doors was knocked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A search that is answered at once.
    Search,
    /// A search that is answered later.
    Later,
    /// How far a search is.
    Status,
}

impl Action {
    /// All of them with what follows the registry's path.
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::Search, "/sync/search"), (Self::Later, "/search"), (Self::Status, "/sync/txn/status")];
}

/// How a registry answers; compiled once.
pub(super) struct DciForm {
    plan: DciPlan,
    sender: String,
    rows: Option<Place>,
    echo: [Option<Place>; 2],
    delay: Duration,
    /// Searches that are answered later, by correlation id.
    waiting: Mutex<HashMap<String, Waiting>>,
}

struct Waiting {
    transaction: String,
    entries: Vec<Json>,
    since: Instant,
    looks: u32,
}

impl DciForm {
    pub(super) fn new(wire: &WireSource, plan: &DciPlan, sender: String, delay: Duration) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let maybe =
            |selector: &Option<Selector>| selector.as_ref().map(|selector| Place::of(source, selector)).transpose();
        Ok(Self {
            plan: plan.clone(),
            sender,
            rows: maybe(&outcome.rows)?,
            echo: [maybe(&outcome.echo_id)?, maybe(&outcome.echo_name)?],
            delay,
            waiting: Mutex::default(),
        })
    }

    /// The answer to somebody who did not prove who they are.
    pub(super) fn refusal() -> Json {
        json!({ "error": { "code": "err.signature.invalid", "message": "signature" } })
    }

    /// The answer to a message, and its status; none if it is no message of the standard.
    pub(super) fn reply(
        &self,
        wire: &WireSource,
        action: Action,
        body: &[u8],
        mood: Mood,
    ) -> Result<Option<(Json, u16)>, ServeError> {
        let Ok(asked) = serde_json::from_slice::<Json>(body) else { return Ok(None) };
        let text = |path: &str| asked.pointer(path).and_then(Json::as_str);
        if text("/header/sender_id") != Some(&self.sender) {
            return Ok(Some((json!({ "error": { "code": "err.sender_id.invalid" } }), 400)));
        }
        let Some(transaction) = text("/message/transaction_id") else { return Ok(None) };
        if action == Action::Status {
            let Some(correlation) = text("/message/txnstatus_request/attribute_value") else { return Ok(None) };
            return Ok(Some((self.status(wire, transaction, correlation), 200)));
        }
        let Some(requests) = asked.pointer("/message/search_request").and_then(Json::as_array) else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        for request in requests {
            entries.push(self.entry(wire, request, mood)?);
        }
        if mood.reordered {
            entries.reverse();
        }
        let correlation = format!("{:016x}", rand::random::<u64>());
        if action == Action::Search {
            let message =
                json!({ "transaction_id": transaction, "correlation_id": correlation, "search_response": entries });
            return Ok(Some((self.envelope("on-search", "succ", message), 200)));
        }
        let told = json!({ "ack_status": "ACK", "correlation_id": correlation, "timestamp": self.now(wire) });
        let waiting = Waiting { transaction: transaction.to_owned(), entries, since: Instant::now(), looks: 0 };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(correlation, waiting);
        Ok(Some((self.envelope("search", "rcvd", told), 200)))
    }

    fn status(&self, wire: &WireSource, transaction: &str, correlation: &str) -> Json {
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(search) = all.get_mut(correlation).filter(|search| search.transaction == transaction) else {
            return json!({ "error": { "code": "rjct.reference_id.invalid" } });
        };
        search.looks += 1;
        let late = wire.trouble.strength(FaultKind::Late).is_some_and(|looks| {
            wire.trouble.strike(FaultKind::Late);
            search.looks <= looks
        });
        if late || search.since.elapsed() < self.delay {
            return self.envelope("on-txn-status", "pdng", json!({ "transaction_id": transaction }));
        }
        // Kept: whoever asks again, because the answer was lost on the way, gets it again.
        let done = json!({
            "transaction_id": transaction, "correlation_id": correlation, "search_response": search.entries,
        });
        let message = json!({ "transaction_id": transaction, "txnstatus_response": { "txn_type": "search", "txn_status": done } });
        self.envelope("on-txn-status", "succ", message)
    }

    /// Noon of the day the registers are at, where the registry is.
    fn now(&self, wire: &WireSource) -> String {
        format!("{}T04:00:00Z", wire.registers.as_of)
    }

    fn envelope(&self, action: &str, status: &str, message: Json) -> Json {
        json!({
            "signature": "",
            "header": {
                "version": "1.0.0", "message_id": format!("{:016x}", rand::random::<u64>()), "action": action,
                "message_ts": jiff::Timestamp::now().to_string(), "status": status, "sender_id": self.plan.receiver,
            },
            "message": message,
        })
    }

    fn entry(&self, wire: &WireSource, request: &Json, mood: Mood) -> Result<Json, ServeError> {
        let text = |path: &str| request.pointer(path).and_then(Json::as_str).unwrap_or_default();
        let id = text("/search_criteria/query/value");
        let rows = wire.look_up(id, None, mood)?;
        let spoiled = wire.spoiled(id);
        let mut records = self.records(&wire.echo(id, "", spoiled), &rows);
        if spoiled == Spoiled::Stranger {
            let other = if rows.is_empty() { wire.some_rows(mood)? } else { rows };
            records.extend(self.records(&stranger(id), &other));
        }
        let total = records.len() + usize::from(mood.wrong_trailer);
        Ok(json!({
            "reference_id": text("/reference_id"),
            "timestamp": self.now(wire),
            "status": "succ",
            "data": {
                "version": "1.0.0", "reg_type": self.plan.reg_type, "reg_record_type": self.plan.record_type,
                "reg_records": records,
            },
            "pagination": { "page_size": self.plan.page_size, "page_number": 1, "total_count": total },
        }))
    }

    fn records(&self, echo: &(String, String), rows: &[WireRow]) -> Vec<Json> {
        let named = |mut record: Json| {
            // Only what was asked by is known: a registry that repeats names is asked by number all the same.
            if let Some(place) = &self.echo[0] {
                put(&mut record, &place.steps, json!(echo.0));
            }
            if let Some(place) = self.echo[1].as_ref().filter(|_| !echo.1.is_empty()) {
                put(&mut record, &place.steps, json!(echo.1));
            }
            record
        };
        match &self.rows {
            None => rows.iter().map(|row| named(object(row))).collect(),
            Some(_) if rows.is_empty() => Vec::new(),
            Some(place) => {
                let mut record = json!({});
                put(&mut record, &place.steps, Json::Array(rows.iter().map(object).collect()));
                vec![named(record)]
            }
        }
    }
}
