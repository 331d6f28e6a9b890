//! A registry that speaks SPDCI, at once and later.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use hedui_base::Outcome;
use hedui_connect::sign::{self, Signed};
use hedui_connect::{Cause, Exchange, Parsed, Poll, RawReply, Source, Subject, Submission};
use serde_json::{Value, json};

use crate::support::{LI, Told, ZHANG, context, failed, header, manifest, replied, serve_bytes, subject};

/// Cars of a registry, by its own names.
fn registry(mode: &str) -> Arc<Source> {
    let limits = if mode == "async" { "[limits]\npoll = \"1h\"\ndue = \"5wd\"\n" } else { "" };
    manifest(&format!(
        r#"extends = "_dci"
[source]
id = "test.one"
[transport]
mode = "{mode}"
signer = {{ use = "hmac_sha256", key = "secret:key", parts = ["path", "ts", "body"], headers = {{ ts = "x-ts", sign = "x-sign" }} }}
{limits}"#
    ))
}

fn car(plate: &str) -> Value {
    json!({ "identifier": ZHANG.0, "plate": plate, "kind": "02", "registered": "2019-05-06", "price": 86800, "state": "A" })
}

/// One entry of `search_response`, as it answers an entry of `search_request`.
fn entry(request: &Value, more: Value) -> Value {
    let mut entry = json!({ "reference_id": request["reference_id"], "timestamp": "2026-06-29T20:00:00Z" });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

fn found(records: &[Value]) -> Value {
    json!({
        "status": "succ",
        "data": { "version": "1.0.0", "reg_type": "ns:org:RegistryType:Vehicle", "reg_record_type": "Vehicle", "reg_records": records },
        "pagination": { "page_size": 100, "page_number": 1, "total_count": records.len() },
    })
}

fn reply(action: &str, status: &str, message: &Value) -> String {
    let header = json!({ "version": "1.0.0", "message_id": "r1", "message_ts": "2026-06-30T02:00:00Z", "action": action, "status": status });
    json!({ "signature": "", "header": header, "message": message }).to_string()
}

fn searched(asked: &Value, entries: &[Value]) -> Value {
    json!({ "transaction_id": asked["message"]["transaction_id"], "correlation_id": "C-1", "search_response": entries })
}

/// A registry that answers searches at once by `answer`, which gets the entries asked.
async fn at_once(answer: impl Fn(&Value, &[Value]) -> Told + Send + Sync + 'static) -> String {
    let signer = registry("sync").manifest.transport.signer().unwrap().clone();
    let (endpoint, _) = serve_bytes(move |_, asked| {
        assert!(asked.head.starts_with("POST /dci/registry/sync/search "), "{}", asked.head);
        let sent =
            Signed { method: "POST", path: "/dci/registry/sync/search", app: "", ts: "", nonce: "", body: &asked.body };
        assert!(sign::verify_request(&signer, b"k", &sent, |name| header(&asked.head, name)));
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(asked["header"]["sender_id"], "bureau");
        assert_eq!(asked["header"]["action"], "search");
        let entries = asked["message"]["search_request"].as_array().unwrap();
        assert_eq!(asked["header"]["total_count"], entries.len());
        assert_eq!(entries[0]["search_criteria"]["query"], json!({ "type": "UIN", "value": ZHANG.0 }));
        answer(&asked, entries)
    })
    .await;
    endpoint
}

const SECRETS: [(&str, &str); 2] = [("key", "k"), ("dci_sender", "bureau")];

fn two(source: &Source) -> [Subject; 2] {
    [subject(source, 1, ZHANG), subject(source, 2, LI)]
}

fn parsed(source: &Source, raw: &RawReply) -> Parsed {
    let stored = RawReply::from_bytes(&raw.to_bytes()).unwrap();
    let keys: Vec<_> = two(source).iter().map(Subject::key).collect();
    hedui_connect::parse(source, &keys, &stored)
}

fn shown(parsed: &Parsed) -> Vec<(Outcome, Option<&str>)> {
    parsed.answers.iter().map(|a| (a.outcome, a.detail.as_deref())).collect()
}

#[tokio::test]
async fn a_search_is_answered_by_reference() {
    let source = registry("sync");
    let endpoint = at_once(|asked, entries| {
        // Out of order: references tell whose answer it is.
        let answers = [entry(&entries[1], found(&[])), entry(&entries[0], found(&[car("苏L12345"), car("苏L2")]))];
        Told::ok(reply("on-search", "succ", &searched(asked, &answers)))
    })
    .await;
    let raw = replied(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
    let parsed = parsed(&source, &raw);
    assert_eq!(shown(&parsed), [(Outcome::Found, None), (Outcome::NoRecord, None)]);
    assert_eq!(parsed.answers[0].records.table.int("invoice_price", 0), Some(8_680_000));
    let day = Some("2026-06-30".parse().unwrap());
    assert_eq!((parsed.answers[0].as_of, parsed.answers[1].as_of), (day, day), "the registry's day, not UTC's");
}

#[tokio::test]
async fn rows_may_stand_inside_a_record() {
    let source = manifest(
        "extends = \"_dci\"\n[source]\nid = \"test.one\"\n[outcome]\nrows = \"$.vehicles[*]\"\n[[sample]]\ntitle = \"nobody\"\nsubjects = [{ id_number = \"990000197001010018\" }]\nreply = '{\"header\":{\"status\":\"succ\"},\"message\":{\"search_response\":[{\"reference_id\":\"T-1\",\"status\":\"succ\",\"data\":{\"reg_records\":[]}}]}}'\nexpect = [{ outcome = \"no_record\" }]\n",
    );
    let (endpoint, _) = serve_bytes(|_, asked| {
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        let entries = asked["message"]["search_request"].as_array().unwrap();
        let owner = |vehicles: &[Value]| json!({ "identifier": ZHANG.0, "vehicles": vehicles });
        let none = json!({ "identifier": LI.0, "vehicles": [] });
        let answers = [
            entry(&entries[0], found(&[owner(&[car("苏L1"), car("苏L2")]), owner(&[car("苏L3")])])),
            entry(&entries[1], found(&[none])),
        ];
        Told::ok(reply("on-search", "succ", &searched(&asked, &answers)))
    })
    .await;
    let raw = replied(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
    let parsed = parsed(&source, &raw);
    assert_eq!(parsed.answers[0].records.len(), 3);
    let second = (Outcome::Failed, Some("found_without_rows"));
    assert_eq!(shown(&parsed)[1], second, "a record without rows is neither a row nor its absence");
}

#[tokio::test]
async fn whatever_a_registry_does_not_say_is_unknown() {
    let source = registry("sync");
    let rejected = |code: &str| json!({ "status": "rjct", "status_reason_code": code });
    let mut cut = found(&[car("苏L12345")]);
    cut["pagination"]["total_count"] = json!(3);
    let mut other = car("苏L12345");
    other["identifier"] = json!(LI.0);
    let cases = [
        (rejected("rjct.search.too_many_records_found"), Outcome::Failed, "too_many_records"),
        (rejected("rjct.search_criteria.invalid"), Outcome::Failed, "protocol"),
        (rejected("rjct.of.our.own"), Outcome::Failed, "refused_by_source"),
        (rejected("err.request.forbidden"), Outcome::NotAuthorised, "refused_by_source"),
        (json!({ "status": "succ", "data": {} }), Outcome::Failed, "schema_drift"),
        (json!({ "status": "succ" }), Outcome::Failed, "schema_drift"),
        (json!({ "status": "fine" }), Outcome::Failed, "unknown_code"),
        (json!({ "data": { "reg_records": [] } }), Outcome::Failed, "unknown_code"),
        (cut, Outcome::Failed, "trailer_mismatch"),
        (found(&[other]), Outcome::Failed, "identity_mismatch"),
    ];
    for (answer, outcome, detail) in cases {
        let given = answer.clone();
        let endpoint = at_once(move |asked, entries| {
            Told::ok(reply("on-search", "succ", &searched(asked, &[entry(&entries[0], given.clone())])))
        })
        .await;
        let raw = replied(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
        let parsed = parsed(&source, &raw);
        assert_eq!(shown(&parsed)[0], (outcome, Some(detail)), "{answer}");
        assert_eq!(shown(&parsed)[1].0, Outcome::Failed, "left out: {answer}");
    }
    // A reference that we did not send, and one that is missing.
    let endpoint = at_once(|asked, entries| {
        let strange = entry(&json!({ "reference_id": "x-9" }), found(&[car("苏L12345")]));
        let nameless = json!({ "status": "succ", "data": { "reg_records": [] } });
        let answers = [strange, nameless, entry(&entries[1], found(&[]))];
        Told::ok(reply("on-search", "succ", &searched(asked, &answers)))
    })
    .await;
    let raw = replied(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
    let parsed = parsed(&source, &raw);
    assert_eq!(shown(&parsed), [(Outcome::Failed, Some("unattributed_rows")), (Outcome::NoRecord, None)]);
    let reasons: Vec<_> = parsed.quarantine.iter().map(|q| q.reason.code()).collect();
    assert_eq!(reasons, ["unrequested_subject", "key_missing"]);
}

#[tokio::test]
async fn a_refused_or_foreign_message_is_no_answer() {
    let source = registry("sync");
    let rejected = |code: &str| {
        let mut message: Value = serde_json::from_str(&reply("on-search", "rjct", &json!({}))).unwrap();
        message["header"]["status_reason_code"] = json!(code);
        message.to_string()
    };
    let cases: [(u16, String, Outcome, &str); 4] = [
        (200, rejected("rjct.version.invalid"), Outcome::Failed, "protocol"),
        (200, rejected("rjct.new"), Outcome::Failed, "refused_by_source"),
        (
            403,
            json!({ "errors": [{ "code": "err.request.forbidden" }] }).to_string(),
            Outcome::NotAuthorised,
            "refused_by_source",
        ),
        (401, json!({ "errors": [{ "code": "err.signature.invalid" }] }).to_string(), Outcome::Failed, "login"),
    ];
    for (status, body, outcome, detail) in cases {
        let text = body.clone();
        let endpoint = at_once(move |_, _| Told { status, ..Told::ok(text.clone()) }).await;
        let raw = replied(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
        assert_eq!(shown(&parsed(&source, &raw)), [(outcome, Some(detail)), (outcome, Some(detail))], "{body}");
    }
    for body in [
        reply("on-search", "succ", &json!({ "transaction_id": "other", "search_response": [] })),
        reply("on-search", "pdng", &json!({})),
        "{}".to_owned(),
    ] {
        let text = body.clone();
        let endpoint = at_once(move |_, _| Told::ok(text.clone())).await;
        let failure = failed(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
        assert_eq!(failure.cause, Cause::Protocol, "{body}");
    }
    let endpoint = at_once(|_, _| Told { status: 502, ..Told::ok("<html>") }).await;
    let failure = failed(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
    assert_eq!(failure.cause, Cause::Status(502));
}

#[tokio::test]
async fn an_acknowledged_search_is_asked_about_until_it_has_ended() {
    let source = registry("async");
    assert_eq!(source.mode, hedui_connect::Mode::Exchange);
    let kept: Arc<Mutex<Option<Value>>> = Arc::default();
    let (endpoint, count) = serve_bytes(move |number, asked| {
        let path = asked.head.split(' ').nth(1).unwrap().to_owned();
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        let mut kept = kept.lock().unwrap();
        if path == "/dci/registry/search" {
            *kept = Some(asked);
            let ack = json!({ "ack_status": "ACK", "timestamp": "2026-06-30T02:00:00Z", "correlation_id": "C:1" });
            return Told::ok(json!({ "message": ack }).to_string());
        }
        assert_eq!(path, "/dci/registry/sync/txn/status");
        let search = kept.as_ref().unwrap();
        let status = &asked["message"]["txnstatus_request"];
        assert_eq!((status["attribute_type"].as_str(), status["attribute_value"].as_str()), (Some("correlation_id"), Some("C:1")));
        assert_eq!(asked["message"]["transaction_id"], search["message"]["transaction_id"]);
        let entries = search["message"]["search_request"].as_array().unwrap();
        let second = if number < 4 { json!({ "status": "pdng" }) } else { found(&[]) };
        let answers = [entry(&entries[0], found(&[car("苏L12345")])), entry(&entries[1], second)];
        let inner = json!({ "txn_type": "search", "txn_status": searched(search, &answers) });
        let message = json!({ "transaction_id": asked["message"]["transaction_id"], "correlation_id": "C:1", "txnstatus_response": inner });
        if number == 2 {
            return Told::ok(reply("txn-on-status", "rcvd", &json!({ "transaction_id": asked["message"]["transaction_id"] })));
        }
        Told::ok(reply("txn-on-status", "succ", &message))
    })
    .await;
    let context = context(&endpoint, "", &SECRETS);
    let Exchange::Submitted(submission) = source.ask(&context, &two(&source), None).await else { panic!() };
    assert_eq!(submission.due, Some("2026-07-08".parse().unwrap()), "five working days, then overdue");
    // As the ledger keeps it.
    let submission: Submission = serde_json::from_str(&serde_json::to_string(&submission).unwrap()).unwrap();
    for _ in 0..2 {
        assert!(matches!(source.poll(&context, &submission).await, Poll::Pending));
    }
    let Poll::Ready(raw) = source.poll(&context, &submission).await else { panic!() };
    assert_eq!(count.load(Ordering::SeqCst), 4);
    assert_eq!(shown(&parsed(&source, &raw)), [(Outcome::Found, None), (Outcome::NoRecord, None)]);
}

#[tokio::test]
async fn a_search_that_is_not_acknowledged_is_refused_and_not_pending() {
    let source = registry("async");
    let refusal =
        json!({ "message": { "ack_status": "ERR", "error": { "code": "err.request.forbidden" } } }).to_string();
    let (endpoint, _) = serve_bytes(move |_, _| Told::ok(refusal.clone())).await;
    let raw = replied(source.ask(&context(&endpoint, "", &SECRETS), &two(&source), None).await);
    assert_eq!(shown(&parsed(&source, &raw))[0].0, Outcome::NotAuthorised);
    let submission = Submission {
        reference: "not one of ours".into(),
        handed_in: true,
        sent: Vec::new(),
        refused: Vec::new(),
        submitted: jiff::Timestamp::UNIX_EPOCH,
        due: None,
        period: None,
    };
    let Poll::Failed(failure) = source.poll(&context(&endpoint, "", &SECRETS), &submission).await else { panic!() };
    assert_eq!(failure.cause, Cause::Protocol);
}
