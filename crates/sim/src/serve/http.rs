//! Institutions that answer over HTTP, with JSON or SOAP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hedui_connect::manifest::{Given, Signer, Transport};
use hedui_connect::sign::{self, Signed};
use tokio::net::TcpListener;

use super::faults::FaultKind;
use super::json::{self, JsonForm};
use super::soap::SoapForm;
use super::wire::WireSource;
use super::{ServeError, Stop, stopped};

/// One source behind one path.
struct Endpoint {
    wire: WireSource,
    path: String,
    form: Form,
    /// Header that must hold a secret.
    keys: Vec<(String, String)>,
    signer: Option<(Signer, String, String)>,
    slow: Option<Duration>,
}

enum Form {
    Json(Box<JsonForm>),
    Soap(Box<SoapForm>),
}

/// The routes of an institution, one a source.
pub(super) fn router(
    sources: Vec<WireSource>,
    secrets: &BTreeMap<String, String>,
    slow_delay: Duration,
) -> Result<Router, ServeError> {
    let mut router = Router::new();
    for wire in sources {
        let given = |given: &Given| match given {
            Given::Literal(text) => text.clone(),
            Given::Secret(name) => secrets.get(name).cloned().unwrap_or_default(),
        };
        let (path, form, headers, signer) = match &wire.source.manifest.transport {
            Transport::Http(plan) => {
                let form = Form::Json(Box::new(JsonForm::new(&wire, plan)?));
                (plan.path.clone(), form, plan.headers.clone(), plan.signer.clone())
            }
            Transport::Soap(plan) => {
                (plan.path.clone(), Form::Soap(Box::new(SoapForm::new(&wire, plan)?)), plan.headers.clone(), None)
            }
            _ => return Err(wire.lack("a transport over HTTP")),
        };
        let keys = headers.iter().filter(|(_, g)| matches!(g, Given::Secret(_)));
        let keys = keys.map(|(name, g)| (name.clone(), given(g))).collect();
        let signer = signer.map(|signer| {
            let (app, key) = (given(&signer.app), given(&signer.key));
            (signer, app, key)
        });
        let slow = wire.has(FaultKind::Slow).then_some(slow_delay);
        let endpoint = Arc::new(Endpoint { wire, path: path.clone(), form, keys, signer, slow });
        router = router.route(&path, post(answer).with_state(endpoint));
    }
    Ok(router)
}

/// Serves until told to stop.
pub(super) async fn run(listener: TcpListener, router: Router, stop: Stop) {
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await {
        tracing::warn!(%error, "an institution stopped serving");
    }
}

async fn answer(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(delay) = endpoint.slow {
        tokio::time::sleep(delay).await;
    }
    let known = endpoint.knows_caller(&headers, &body);
    match &endpoint.form {
        Form::Json(_) if !known => (StatusCode::UNAUTHORIZED, endpoint.refusal()).into_response(),
        Form::Soap(_) if !known => (StatusCode::INTERNAL_SERVER_ERROR, endpoint.refusal()).into_response(),
        Form::Json(form) => {
            let Some(question) = form.read(&body) else { return StatusCode::BAD_REQUEST.into_response() };
            if question.people.len() > endpoint.wire.source.batch {
                return StatusCode::PAYLOAD_TOO_LARGE.into_response();
            }
            let reply = form.reply(&endpoint.wire, &question).to_string();
            reply_with("application/json; charset=utf-8", json::bytes(&endpoint.wire, reply))
        }
        Form::Soap(form) => {
            let Some(call) = form.read(&body) else { return StatusCode::BAD_REQUEST.into_response() };
            let reply = form.reply(&endpoint.wire, &call);
            reply_with("text/xml; charset=utf-8", json::bytes(&endpoint.wire, reply))
        }
    }
}

fn reply_with(content_type: &'static str, body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

impl Endpoint {
    fn refusal(&self) -> String {
        match &self.form {
            Form::Json(form) => form.refusal().to_string(),
            Form::Soap(form) => form.refusal(),
        }
    }

    /// Whether the caller proved who it is: the shared key in its header, and the signature over this very request.
    fn knows_caller(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if self.keys.iter().any(|(name, secret)| text(name) != Some(secret.as_str())) {
            return false;
        }
        let Some((signer, app, key)) = &self.signer else { return true };
        let named = &signer.headers;
        let (Some(sent_app), Some(ts), Some(nonce), Some(signature)) =
            (text(&named.app), text(&named.ts), text(&named.nonce), text(&named.sign))
        else {
            return false;
        };
        let signed = Signed { method: "POST", path: &self.path, app, ts, nonce, body };
        sent_app == app && sign::verify(signer, key.as_bytes(), &signed, signature)
    }
}
