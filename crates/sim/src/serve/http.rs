//! Institutions that answer over HTTP, with JSON or SOAP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt as _;
use hedui_connect::manifest::{Given, Signer, Transport};
use hedui_connect::sign::{self, Signed};

use super::ServeError;
use super::json::JsonForm;
use super::soap::SoapForm;
use super::wire::WireSource;
use crate::faults::{FaultKind, Mood};

/// One source behind one path.
struct Endpoint {
    wire: WireSource,
    path: String,
    form: Form,
    /// Header that must hold a secret.
    keys: Vec<(String, String)>,
    signer: Option<(Signer, String, String)>,
}

enum Form {
    Json(Box<JsonForm>),
    Soap(Box<SoapForm>),
}

/// The routes of an institution, one a source.
pub(super) fn router(sources: Vec<WireSource>, secrets: &BTreeMap<String, String>) -> Result<Router, ServeError> {
    let mut router = Router::new();
    let mut paths = std::collections::BTreeSet::new();
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
                let form = Form::Soap(Box::new(SoapForm::new(&wire, plan)?));
                (plan.path.clone(), form, plan.headers.clone(), plan.signer.clone())
            }
            _ => return Err(wire.lack("a transport over HTTP")),
        };
        if !paths.insert(path.clone()) {
            return Err(wire.lack("a path of its own: another source of the institution has the same"));
        }
        let keys = headers.iter().filter(|(_, g)| matches!(g, Given::Secret(_)));
        let keys = keys.map(|(name, g)| (name.clone(), given(g))).collect();
        let signer = signer.map(|signer| {
            let (app, key) = (signer.app.as_ref().map(given).unwrap_or_default(), given(&signer.key));
            (signer, app, key)
        });
        let endpoint = Arc::new(Endpoint { wire, path: path.clone(), form, keys, signer });
        router = router.route(&path, post(answer).with_state(endpoint));
    }
    Ok(router)
}

async fn answer(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    let trouble = &endpoint.wire.trouble;
    let request = trouble.request();
    let pause = trouble.pause(request);
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let mut response = match endpoint.refused(request) {
        Some(refused) => refused,
        None => endpoint.answered(&headers, &body, trouble.mood(request)).unwrap_or_else(|error| {
            // Not an answer of any kind: the reader must take it as none.
            tracing::warn!(%error, "a request cannot be answered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }),
    };
    if trouble.has(FaultKind::ClockSkew) {
        let behind = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(30);
        let date = behind.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(header::DATE, date);
        }
    }
    response
}

impl Endpoint {
    /// A refusal that has nothing to do with what is asked.
    fn refused(&self, request: u64) -> Option<Response> {
        let trouble = &self.wire.trouble;
        if trouble.has(FaultKind::Down) {
            return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        if trouble.hits_run(FaultKind::Burst5xx, request) {
            let status =
                if request.is_multiple_of(2) { StatusCode::BAD_GATEWAY } else { StatusCode::SERVICE_UNAVAILABLE };
            return Some((status, "<html><body>upstream error</body></html>").into_response());
        }
        if trouble.hits(FaultKind::Throttle, "request", request) {
            return Some((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response());
        }
        None
    }

    fn answered(&self, headers: &HeaderMap, body: &[u8], mood: Mood) -> Result<Response, ServeError> {
        let known = self.knows_caller(headers, body);
        let bad = || Ok(StatusCode::BAD_REQUEST.into_response());
        Ok(match &self.form {
            Form::Json(form) if !known => (StatusCode::UNAUTHORIZED, form.refusal().to_string()).into_response(),
            Form::Soap(form) if !known => (StatusCode::INTERNAL_SERVER_ERROR, form.refusal()).into_response(),
            Form::Json(form) => {
                let Some(question) = form.read(body) else { return bad() };
                if question.people.len() > self.wire.source.batch {
                    return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
                }
                let (reply, status) = form.reply(&self.wire, &question, mood)?;
                let status = status.and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or(StatusCode::OK);
                self.reply_with(status, "application/json; charset=utf-8", reply.to_string(), mood)
            }
            Form::Soap(form) => {
                let Some(call) = form.read(body) else { return bad() };
                let reply = form.reply(&self.wire, &call, mood)?;
                self.reply_with(StatusCode::OK, "text/xml; charset=utf-8", reply, mood)
            }
        })
    }

    /// A reply with whatever happens to its bytes on the way.
    fn reply_with(&self, status: StatusCode, content_type: &'static str, body: String, mood: Mood) -> Response {
        let trouble = &self.wire.trouble;
        let mut bytes = body.into_bytes();
        damage(mood, &mut bytes);
        let breaks = mood.reset;
        let slow = trouble.strength(FaultKind::SlowBody).inspect(|_| trouble.strike(FaultKind::SlowBody));
        let body = if breaks || slow.is_some() { pieces(bytes, slow, breaks) } else { Body::from(bytes) };
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }

    /// Whether the caller proved who it is: the shared key in its header, and the signature over this very request.
    fn knows_caller(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if self.keys.iter().any(|(name, secret)| text(name) != Some(secret.as_str())) {
            return false;
        }
        let Some((signer, app, key)) = &self.signer else { return true };
        let sent = Signed { method: "POST", path: &self.path, app, ts: "", nonce: "", body };
        sign::verify_request(signer, key.as_bytes(), &sent, text)
    }
}

/// Puts bytes that are no text into the middle, or cuts the end off.
pub(super) fn damage(mood: Mood, bytes: &mut Vec<u8>) {
    let middle = bytes.len() / 2;
    if mood.garbled && bytes.len() > 8 {
        bytes[middle..middle + 2].copy_from_slice(&[0xff, 0xff]);
    }
    if mood.truncated {
        bytes.truncate(bytes.len() * 2 / 3);
    }
}

/// A body in pieces, with pauses, and perhaps broken off before its end.
fn pieces(bytes: Vec<u8>, pause: Option<u32>, breaks: bool) -> Body {
    let pause = pause.map(|ms| Duration::from_millis(u64::from(ms)));
    let step = (bytes.len() / 6).max(1);
    let mut parts: Vec<Result<Vec<u8>, std::io::Error>> = bytes.chunks(step).map(|c| Ok(c.to_vec())).collect();
    if breaks {
        parts.truncate((parts.len() / 2).max(1));
        parts.push(Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
    }
    let stream = futures::stream::iter(parts).then(move |part| async move {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        part
    });
    Body::from_stream(stream)
}
