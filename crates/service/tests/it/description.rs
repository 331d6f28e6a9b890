use serde_json::Value;

use crate::Api;

/// Every `$ref` in a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                found.push(target.clone());
            }
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_served_and_whole() {
    let api = Api::alone().await;
    let spec = api.get("/openapi.json").await.body;
    assert_eq!(spec, serde_json::to_value(hedui_service::openapi()).unwrap());
    let mut targets = Vec::new();
    references(&spec, &mut targets);
    assert!(targets.len() > 20, "{}", targets.len());
    for target in targets {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(spec.pointer(pointer).is_some(), "{target} leads nowhere");
    }
    let paths: Vec<_> = spec["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "/healthz",
        "/openapi.json",
        "/v1/authorisations",
        "/v1/authorisations/{number}/revoke",
        "/v1/sources",
        "/v1/verifications",
        "/v1/verifications/{id}",
        "/v1/verifications/{id}/report",
    ];
    expected.sort_unstable();
    let mut paths = paths;
    paths.sort_unstable();
    assert_eq!(paths, expected);
    assert!(spec["components"]["securitySchemes"]["key"].is_object());
    assert_eq!(api.get("/healthz").await.body["status"], "ok");
    api.stop().await;
}

/// The description of a household and the reader of it name the same fields.
#[tokio::test]
async fn described_bodies_are_accepted() {
    let api = Api::alone().await;
    let spec = serde_json::to_value(hedui_service::openapi()).unwrap();
    let fields = |schema: &str| -> Vec<String> {
        spec["components"]["schemas"][schema]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let nested = |schema: &str| -> Value {
        fields(schema).into_iter().map(|f| (f, Value::Null)).collect::<serde_json::Map<_, _>>().into()
    };
    let mut household = nested("Household");
    let mut person = nested("Person");
    person["accounts"] = Value::Array(vec![nested("Account")]);
    household["members"] = Value::Array(vec![person]);
    household["letter"] = nested("Letter");
    let mut body = nested("VerificationRequest");
    body["household"] = household;
    let reply = api.post("/v1/verifications", &body).await;
    assert_eq!(reply.body["type"], "urn:hedui:problem:invalid-body", "empty fields are missing ...");
    let unknown =
        |body: &Value| body["errors"].as_array().unwrap().iter().filter(|e| e["code"] == "unknown_key").count();
    assert_eq!(unknown(&reply.body), 0, "... but none is unknown: {}", reply.text);
    let mut letter = nested("AuthorisationRequest");
    letter["covers"] = Value::Array(vec![nested("Signer")]);
    let reply = api.post("/v1/authorisations", &letter).await;
    assert_eq!(unknown(&reply.body), 0, "{}", reply.text);
    assert_eq!(
        api.post("/v1/authorisations/L-1/revoke", &nested("RevokeRequest")).await.body["type"],
        "urn:hedui:problem:not-found"
    );
    api.stop().await;
}
