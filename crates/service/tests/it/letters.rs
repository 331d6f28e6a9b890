use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Api, assert_absent, log, personal, request_for};

/// A household of at least two members, its letter taken out and made a body for `POST /v1/authorisations`.
fn letter_of(api: &Api, covered: impl Fn(usize) -> bool) -> (Value, Value) {
    let household = api.households.iter().find(|h| h["members"].as_array().unwrap().len() > 1).unwrap();
    let mut household = household.clone();
    let letter = household["letter"].take();
    let covers: Vec<_> = ["members", "obligors"]
        .iter()
        .flat_map(|list| household[list].as_array().cloned().unwrap_or_default())
        .enumerate()
        .filter(|(i, _)| covered(*i))
        .map(|(_, p)| json!({ "name": p["name"], "id_number": p["id_number"] }))
        .collect();
    let body = json!({
        "number": letter["number"], "area": household["area"], "purposes": letter["purposes"], "scopes": letter["scopes"],
        "covers": covers, "valid_from": letter["valid_from"], "valid_until": letter["valid_until"],
    });
    (household, body)
}

/// Outcomes by person of one source.
fn by_person(report: &Value, source: &str) -> Vec<(u64, String)> {
    let lines = report["coverage"].as_array().unwrap().iter().filter(|line| line["source"] == source);
    lines.map(|l| (l["person"].as_u64().unwrap(), l["outcome"].as_str().unwrap_or("none").to_owned())).collect()
}

#[tokio::test]
async fn a_letter_is_filed_then_referred_to_then_withdrawn() {
    let api = Api::without("bank_jinshan").await;
    let (household, letter) = letter_of(&api, |_| true);
    let filed = api.post("/v1/authorisations", &letter).await;
    assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.text);
    assert!(filed.body["covers"][0].as_str().unwrap().contains("***"));
    assert_absent(&personal(&household), &filed.text, "the answer");
    assert_eq!(api.post("/v1/authorisations", &letter).await.status, StatusCode::CREATED, "again is no change");
    let mut other = letter.clone();
    other["purposes"] = json!(["tekun"]);
    let conflict = api.post("/v1/authorisations", &other).await;
    assert_eq!(
        (conflict.status, &conflict.body["type"]),
        (StatusCode::CONFLICT, &json!("urn:hedui:problem:letter-conflict"))
    );

    let body = json!({ "household": household, "authorisation": letter["number"] });
    let reply = api.post("/v1/verifications", &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let report = &reply.body["report"];
    assert!(by_person(report, "police.hukou").iter().all(|(_, o)| o == "found" || o == "no_record"));
    assert!(report["coverage"].as_array().unwrap().iter().any(|line| line["letter"] == letter["number"]));

    let path = format!("/v1/authorisations/{}/revoke", letter["number"].as_str().unwrap());
    let revoked = api.post(&path, &json!({})).await;
    assert_eq!((revoked.status, &revoked.body["revoked_on"]), (StatusCode::OK, &json!("2026-06-30")));
    assert_eq!(api.post("/v1/authorisations/L-unknown/revoke", &json!({})).await.status, StatusCode::NOT_FOUND);
    // What was answered before stays; who could not be asked yet is not asked any more.
    let case = household["case"].clone();
    hedui_verify::acquire(&api.workspace, hedui_verify::AcquireRequest::all(crate::TODAY)).await.unwrap();
    let after = api.post("/v1/verifications", &json!({ "case": case })).await;
    let jinshan = by_person(&after.body["report"], "bank.jinshan");
    assert!(jinshan.iter().all(|(_, o)| o == "not_authorised"), "{jinshan:?}");
    let actions: Vec<_> = api.audited(0).await.iter().map(|leaf| leaf["action"].as_str().unwrap().to_owned()).collect();
    assert!(actions.iter().any(|a| a == "letter.filed") && actions.iter().any(|a| a == "letter.revoked"));
    api.stop().await;
}

#[tokio::test]
async fn a_member_whom_the_letter_misses_is_not_asked_about() {
    let api = Api::with_institutions().await;
    let (household, letter) = letter_of(&api, |i| i != 1);
    assert_eq!(api.post("/v1/authorisations", &letter).await.status, StatusCode::CREATED);
    let body = json!({ "household": household, "authorisation": letter["number"] });
    let reply = api.post("/v1/verifications", &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let report = &reply.body["report"];
    let people = report["people"].as_array().unwrap();
    let (covered, missed) = (people[0]["person"].as_u64().unwrap(), people[1]["person"].as_u64().unwrap());
    for source in ["police.hukou", "tax.income", "housing.registry"] {
        let lines = by_person(report, source);
        let of = |person| lines.iter().find(|(p, _)| *p == person).map(|(_, o)| o.as_str());
        assert_eq!(of(missed), Some("not_authorised"), "{source}");
        assert!(matches!(of(covered), Some("found" | "no_record")), "{source}");
    }
    let line = report["coverage"].as_array().unwrap().iter().find(|l| l["outcome"] == "not_authorised").unwrap();
    assert!(line["text"].as_str().unwrap().contains("授权书"), "{}", line["text"]);
    assert!(report["schemes"].as_array().unwrap().iter().all(|s| s["finding"] != "met"));
    assert_absent(&personal(&household), &reply.text, "the answer");
    assert_absent(&personal(&household), &log(), "the log");
    api.stop().await;
}

#[tokio::test]
async fn without_a_letter_nobody_is_asked() {
    let api = Api::with_institutions().await;
    let mut household = api.households[0].clone();
    household["letter"] = Value::Null;
    let reply = api.post("/v1/verifications", &request_for(&household)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let lines = by_person(&reply.body["report"], "police.hukou");
    assert!(!lines.is_empty() && lines.iter().all(|(_, o)| o == "not_authorised"), "{lines:?}");
    assert_eq!(reply.body["report"]["completeness"]["answered"], 0);
    api.stop().await;
}
