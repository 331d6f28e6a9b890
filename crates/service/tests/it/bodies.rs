use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Api, log, request_for, send};

/// `(pointer, code)` of every field a problem names.
fn named(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    body["errors"].as_array().into_iter().flatten().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
}

#[tokio::test]
async fn a_malformed_household_names_every_field_and_no_value() {
    let api = Api::alone().await;
    let good = request_for(&api.households[0]);
    let secret = "990000197001010019";
    type Break = fn(&mut Value);
    let cases: [(Break, &str, &str); 11] = [
        (|b| b["household"]["residense"] = json!("urban"), "/household/residense", "unknown_key"),
        (|b| b["household"]["area"] = json!(321_102), "/household/area", "not_text"),
        (|b| b["household"]["area"] = json!("3211"), "", ""),
        (
            |b| b["household"]["members"][0]["id_number"] = json!("990000197001010019"),
            "/household/members/0/id_number",
            "id_check_digit",
        ),
        (
            |b| b["household"]["members"][0]["id_number"] = json!("9.90000E+17"),
            "/household/members/0/id_number",
            "id_precision_lost",
        ),
        (|b| _ = b["household"].as_object_mut().unwrap().remove("scheme"), "/household/scheme", "missing"),
        (|b| b["household"]["letter"]["valid_from"] = json!("01/05/2026"), "/household/letter/valid_from", "bad_date"),
        (
            |b| b["household"]["declared"]["declared_vehicle_count"] = json!("many"),
            "/households/0/declared/declared_vehicle_count",
            "",
        ),
        (|b| b["as_of"] = json!("2030-01-01"), "/as_of", "bad_date"),
        (|b| b["authorization"] = json!("L-1"), "/authorization", "unknown_key"),
        (|b| b["case"] = json!("ZJ-000001"), "/case", "two_cases"),
    ];
    for (spoil, pointer, code) in cases {
        let mut body = good.clone();
        spoil(&mut body);
        let reply = api.post("/v1/verifications", &body).await;
        if pointer.is_empty() {
            assert_eq!(reply.status, StatusCode::OK, "a city's code is an area too: {}", reply.text);
            continue;
        }
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{pointer}: {}", reply.text);
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert_eq!(reply.body["type"], "urn:hedui:problem:invalid-body");
        let named = named(&reply.body);
        let tail = pointer.trim_start_matches("/households/0").trim_start_matches("/household");
        assert!(
            named.iter().any(|(p, c)| p.ends_with(tail) && (code.is_empty() || c == code)),
            "{pointer} in {named:?}"
        );
        assert!(!reply.text.contains(secret) && !reply.text.contains("E+17"));
    }
    assert!(!log().contains(secret));
    let mut several = good;
    several["household"]["scheme"] = json!(1);
    several["household"]["residence"] = json!("somewhere");
    several["as_of"] = json!("today");
    assert!(named(&api.post("/v1/verifications", &several).await.body).len() >= 3, "all at once");
    api.stop().await;
}

#[tokio::test]
async fn a_malformed_letter_names_every_field() {
    let api = Api::alone().await;
    let reply = api
        .post(
            "/v1/authorisations",
            &json!({ "number": "990000197001010018", "area": "镇江", "purposes": "dibao", "scopes": [], "valid_from": "2026-02-30",
                     "covers": [{ "name": "测试", "id_number": "99000019700101001*" }, 5] }),
        )
        .await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let named: Vec<_> = named(&reply.body);
    for (pointer, code) in [
        ("/number", "bad_number"),
        ("/area", "bad_area"),
        ("/purposes", "not_list"),
        ("/scopes", "not_list"),
        ("/valid_from", "bad_date"),
        ("/covers/0/id_number", "id_masked"),
        ("/covers/1", "not_object"),
    ] {
        assert!(named.contains(&(pointer.into(), code.into())), "{pointer} {code} in {named:?}");
    }
    assert!(!reply.text.contains("测试") && !reply.text.contains("9900001970"));
    api.stop().await;
}

#[tokio::test]
async fn what_is_not_a_json_object_is_refused() {
    let api = Api::alone().await;
    let post = async |kind: &str, body: String| {
        send(api.request(Method::POST, "/v1/verifications").header("content-type", kind).body(body)).await
    };
    for (kind, body, status, slug) in [
        ("text/plain", "{}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"),
        ("application/json", "{\"household\": ".to_owned(), StatusCode::BAD_REQUEST, "invalid-body"),
        ("application/json", "[]".to_owned(), StatusCode::BAD_REQUEST, "invalid-body"),
        ("application/json", "{}".to_owned(), StatusCode::BAD_REQUEST, "invalid-body"),
        ("application/json; charset=utf-8", "[".repeat(300), StatusCode::BAD_REQUEST, "invalid-body"),
        ("application/json", " ".repeat((1 << 20) + 1), StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
    ] {
        let reply = post(kind, body).await;
        assert_eq!((reply.status, &reply.body["type"]), (status, &json!(format!("urn:hedui:problem:{slug}"))));
        assert_eq!(reply.body["status"], status.as_u16());
        assert!(reply.body["trace_id"].as_str().is_some_and(|t| t.len() == 16));
    }
    let nowhere = api.get("/v1/nothing").await;
    assert_eq!((nowhere.status, &nowhere.body["type"]), (StatusCode::NOT_FOUND, &json!("urn:hedui:problem:not-found")));
    let wrong = send(api.request(Method::DELETE, "/v1/verifications")).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.body["type"], "urn:hedui:problem:method-not-allowed");
    api.stop().await;
}
