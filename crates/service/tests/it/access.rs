use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Api, Reply, request_for, send};

async fn as_foreigner(api: &Api, method: Method, path: &str, body: Option<&Value>) -> Reply {
    let mut request = api.client.request(method, format!("{}{path}", api.base)).bearer_auth(&api.foreign);
    if let Some(body) = body {
        request = request.json(body);
    }
    send(request).await
}

/// Every route of the description, without a key and with a wrong one. A new route is in here without a line of test.
#[tokio::test]
async fn no_route_but_two_answers_without_a_key() {
    let api = Api::alone().await;
    let spec = serde_json::to_value(hedui_service::openapi()).unwrap();
    let mut routes = 0;
    for (path, item) in spec["paths"].as_object().unwrap() {
        let real = path.replace("{id}", &"0".repeat(32)).replace("{number}", "L-1");
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let open = path == "/healthz" || path == "/openapi.json";
            for key in [None, Some("hk_00000000_00"), Some("password"), Some("")] {
                let before = api.audited(0).await.len();
                let mut request = api.client.request(method.clone(), format!("{}{real}", api.base)).json(&json!({}));
                if let Some(key) = key {
                    request = request.bearer_auth(key);
                }
                let reply = send(request).await;
                if open {
                    assert_eq!(reply.status, StatusCode::OK, "{path}");
                    continue;
                }
                routes += 1;
                assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                assert_eq!(reply.headers["www-authenticate"], "Bearer");
                assert_eq!(reply.headers["content-type"], "application/problem+json");
                assert_eq!(reply.body["type"], "urn:hedui:problem:unauthorised");
                let audited = api.audited(0).await;
                assert_eq!(audited.len(), before + 1, "the denial is on record");
                assert_eq!(audited[before]["action"], "denied");
                assert_eq!(audited[before]["detail"]["route"], format!("{method} {path}"));
            }
        }
    }
    assert!(routes >= 4 * 6, "{routes}");
    api.stop().await;
}

#[tokio::test]
async fn what_lies_in_another_area_does_not_exist() {
    let api = Api::alone().await;
    let household = &api.households[0];
    let (case, letter) = (household["case"].clone(), household["letter"]["number"].as_str().unwrap());
    // A household of Zhenjiang with a key of Hebi.
    let mut denials = 0;
    let reply = as_foreigner(&api, Method::POST, "/v1/verifications", Some(&request_for(household))).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(
        api.workspace.ledger().case(&case.as_str().unwrap().into()).await.unwrap().is_none(),
        "nothing was registered"
    );
    denials += 1;

    let own = api.post("/v1/verifications", &request_for(household)).await;
    assert_eq!(own.status, StatusCode::OK);
    let id = own.body["id"].as_str().unwrap();
    let mut moved = household.clone();
    moved["area"] = json!("410602");
    let letter_body = json!({
        "number": letter, "area": "410602", "purposes": ["dibao"], "scopes": ["*"], "valid_from": "2026-01-01",
        "covers": [{ "name": household["members"][0]["name"], "id_number": household["members"][0]["id_number"] }],
    });
    let mut own_case = moved.clone();
    own_case["case"] = json!("HB-1");
    own_case["letter"] = Value::Null;
    for (method, path, body) in [
        (Method::GET, format!("/v1/verifications/{id}"), None),
        (Method::GET, format!("/v1/verifications/{id}/report"), None),
        (Method::GET, "/v1/verifications/no-such-id".to_owned(), None),
        (Method::POST, "/v1/verifications".to_owned(), Some(json!({ "case": case }))),
        // Nor can a case be moved over by claiming another area for it, nor another area's letter be used or replaced.
        (Method::POST, "/v1/verifications".to_owned(), Some(request_for(&moved))),
        (Method::POST, "/v1/verifications".to_owned(), Some(json!({ "household": own_case, "authorisation": letter }))),
        (Method::POST, "/v1/authorisations".to_owned(), Some(letter_body)),
        (Method::POST, format!("/v1/authorisations/{letter}/revoke"), Some(json!({}))),
    ] {
        let reply = as_foreigner(&api, method.clone(), &path, body.as_ref()).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path}: {}", reply.text);
        assert_eq!(reply.body["type"], "urn:hedui:problem:not-found");
        denials += 1;
    }
    let kept = api.workspace.ledger().case(&case.as_str().unwrap().into()).await.unwrap().unwrap();
    assert_eq!(kept.area.to_string(), household["area"].as_str().unwrap());
    let audited = api.audited(0).await;
    let denied = audited.iter().filter(|leaf| leaf["detail"]["reason"] == "out-of-jurisdiction");
    assert_eq!(denied.filter(|leaf| leaf["actor"] == "鹤壁窗口").count(), denials, "every denial is on record");
    assert_eq!(api.get(&format!("/v1/verifications/{id}")).await.status, StatusCode::OK);
    api.stop().await;
}

#[tokio::test]
async fn a_revoked_key_ends_at_once() {
    let api = Api::alone().await;
    assert_eq!(api.get("/v1/sources").await.status, StatusCode::OK);
    let ledger = api.workspace.ledger();
    let prefix = api.key.split('_').nth(1).unwrap();
    let mut tx = ledger.begin().await.unwrap();
    ledger.api_key_revoke(&mut tx, prefix, api.workspace.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(api.get("/v1/sources").await.status, StatusCode::UNAUTHORIZED);
    api.stop().await;
}
