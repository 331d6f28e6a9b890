use std::time::Duration;

use hedui_verify::{AcquireMode, AcquireRequest, Selection};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Api, TODAY, assert_absent, log, personal, request_for, send};

fn outcomes(report: &Value, source: &str) -> Vec<String> {
    let lines = report["coverage"].as_array().unwrap().iter().filter(|line| line["source"] == source);
    lines.map(|line| line["outcome"].as_str().unwrap_or("none").to_owned()).collect()
}

#[tokio::test]
async fn one_household_is_asked_live_and_reported_and_slow_answers_are_taken_in_later() {
    let api = Api::with_institutions().await;
    let household = &api.households[0];
    let reply = api.post("/v1/verifications", &request_for(household)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let id = reply.body["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.headers["location"], format!("/v1/verifications/{id}").as_str());
    assert_eq!(reply.body["state"], "waiting_sources", "the banks answer later");
    let report = &reply.body["report"];
    for source in
        ["police.hukou", "tax.income", "vehicle.registry", "hrss.insurance", "hrss.pension", "housing.registry"]
    {
        let outcomes = outcomes(report, source);
        assert!(!outcomes.is_empty(), "{source}");
        assert!(outcomes.iter().all(|o| o == "found" || o == "no_record"), "{source}: {outcomes:?}");
    }
    assert!(outcomes(report, "bank.jinshan").iter().all(|o| o == "none" || o == "pending"));
    assert!(!report["schemes"].as_array().unwrap().is_empty());
    assert!(report["completeness"]["unknown"].as_u64().unwrap() > 0);
    assert!(!report["explanations"].as_array().unwrap().is_empty());
    assert_eq!(report["as_of"], TODAY.to_string());

    // The slow sources answer; the next look compares again, once.
    let request = AcquireRequest {
        cases: Selection::All,
        mode: AcquireMode::Everything,
        deadline: Duration::from_secs(120),
        ..AcquireRequest::all(TODAY)
    };
    hedui_verify::acquire(&api.workspace, request).await.unwrap();
    let later = api.get(&format!("/v1/verifications/{id}")).await;
    assert_eq!((later.status, &later.body["report_version"]), (StatusCode::OK, &json!(2)));
    // A household without an account at a utility cannot be asked about there; everything else has an answer now.
    let answered = ["found", "no_record", "not_applicable", "unsendable"];
    let lines = later.body["report"]["coverage"].as_array().unwrap();
    assert!(lines.iter().all(|line| answered.iter().any(|o| line["outcome"] == *o)), "{lines:?}");
    let gaps = lines.iter().any(|line| line["outcome"] == "unsendable");
    assert_eq!(later.body["state"], if gaps { "complete_with_gaps" } else { "complete" });
    let report = api.get(&format!("/v1/verifications/{id}/report")).await;
    assert_eq!(report.headers["etag"], "\"2\"");
    assert_eq!(report.body, later.body["report"]);
    assert!(outcomes(&report.body, "bank.jinshan").iter().all(|o| o == "found" || o == "no_record"));

    // Nothing personal went out or was logged, and every act is on record.
    for (text, place) in [(reply.text, "the answer"), (later.text, "the later answer"), (log(), "the log")] {
        assert_absent(&personal(household), &text, place);
    }
    let audited = api.audited(0).await;
    for action in [
        "case.accepted",
        "verification.requested",
        "verification.reported",
        "verification.compared_again",
        "verification.read",
        "report.read",
    ] {
        let leaf = audited.iter().find(|leaf| leaf["action"] == action).unwrap_or_else(|| panic!("{action}"));
        assert_eq!(leaf["actor"], "镇江窗口");
        assert!(!leaf["subjects"].as_array().unwrap().is_empty(), "{action}");
    }
    assert_eq!(api.workspace.ledger().audit_verify(None).await.unwrap().problem, None);
    api.stop().await;
}

#[tokio::test]
async fn fresh_answers_are_not_asked_for_again() {
    let api = Api::with_institutions().await;
    // Calls by source. A bank has the request already and may be looked in on for its reply; that is not asking again.
    let calls = async || -> Vec<(String, i64)> {
        let sources = api.get("/v1/sources").await;
        assert_eq!(sources.status, StatusCode::OK);
        let sources = sources.body["sources"].as_array().unwrap().clone();
        let at_once = sources.iter().filter(|s| s["mode"] != "exchange");
        at_once.map(|s| (s["id"].as_str().unwrap().to_owned(), s["calls"].as_i64().unwrap())).collect()
    };
    let answers = |reply: &Value, at_once: &[(String, i64)]| -> Vec<Value> {
        let lines = reply["report"]["coverage"].as_array().unwrap().iter();
        lines.filter(|line| at_once.iter().any(|(id, _)| line["source"] == id.as_str())).cloned().collect()
    };
    let first = api.post("/v1/verifications", &request_for(&api.households[1])).await;
    let made = calls().await;
    assert!(made.iter().all(|(_, calls)| *calls > 0), "{made:?}");
    let case = api.households[1]["case"].clone();
    let second = api.post("/v1/verifications", &json!({ "case": case })).await;
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert_ne!(first.body["id"], second.body["id"]);
    assert_eq!(
        answers(&first.body, &made),
        answers(&second.body, &made),
        "the same answers, with the moment they were given"
    );
    assert_eq!(calls().await, made);
    api.stop().await;
}

#[tokio::test]
async fn a_caller_who_does_not_wait_reads_the_report_later() {
    let api = Api::with_institutions().await;
    let request = api.request(Method::POST, "/v1/verifications").header("prefer", "respond-async, wait=0");
    let reply = send(request.json(&request_for(&api.households[2]))).await;
    assert_eq!((reply.status, &reply.body["state"]), (StatusCode::ACCEPTED, &json!("running")));
    assert!(reply.headers.contains_key("retry-after"));
    let path = reply.headers["location"].to_str().unwrap().to_owned();
    let early = api.get(&format!("{path}/report")).await;
    assert!(early.status == StatusCode::NOT_FOUND || early.status == StatusCode::OK);
    for _ in 0..200 {
        let now = api.get(&path).await;
        assert_eq!(now.status, StatusCode::OK);
        if now.body["state"] != "running" {
            assert_eq!(now.body["state"], "waiting_sources");
            assert!(now.body["report"].is_object());
            return api.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the report never came");
}

#[tokio::test]
async fn without_any_institution_everything_is_unknown_and_nobody_is_found_eligible() {
    let api = Api::alone().await;
    let reply = api.post("/v1/verifications", &request_for(&api.households[0])).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let report = &reply.body["report"];
    assert_eq!(report["completeness"]["answered"], 0);
    assert!(report["schemes"].as_array().unwrap().iter().all(|s| s["finding"] != "met"));
    assert!(outcomes(report, "police.hukou").iter().all(|o| o == "failed"));
    api.stop().await;
}

#[tokio::test]
async fn one_idempotency_key_is_one_verification() {
    let api = Api::alone().await;
    let body = request_for(&api.households[0]);
    let post = async |key: &str, body: &Value| {
        send(api.request(Method::POST, "/v1/verifications").header("idempotency-key", key).json(body)).await
    };
    let first = post("k-1", &body).await;
    let again = post("k-1", &body).await;
    assert_eq!((first.status, again.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(first.body, again.body);
    let other = post("k-1", &request_for(&api.households[1])).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.body["type"], "urn:hedui:problem:idempotency-conflict");
    assert_ne!(post("k-2", &body).await.body["id"], first.body["id"]);
    let (left, right) = tokio::join!(post("k-3", &body), post("k-3", &body));
    assert_eq!(left.body["id"], right.body["id"], "{} {}", left.text, right.text);
    assert_eq!(post("键", &body).await.status, StatusCode::BAD_REQUEST);
    api.stop().await;
}
