//! Institutions that answer over HTTP, with JSON or SOAP.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt as _;
use hedui_connect::manifest::{Encoding, Given, Signer, Transport};
use hedui_connect::sign::{self, Signed};

use super::ServeError;
use super::dci::{Action, DciForm};
use super::json::JsonForm;
use super::question::Question;
use super::sealed::Bodies;
use super::soap::SoapForm;
use super::wire::WireSource;
use crate::faults::{FaultKind, Mood};

/// One source behind one path.
struct Endpoint {
    wire: Arc<WireSource>,
    path: String,
    form: Form,
    bodies: Arc<Bodies>,
    /// Header that must hold a secret.
    keys: Vec<(String, String)>,
    signer: Option<(Signer, String, String)>,
    /// What went wrong with the first page of a question goes wrong with its others: a register does not change its order
    /// between two pages.
    moods: Mutex<HashMap<u64, Mood>>,
}

enum Form {
    Json(Box<JsonForm>),
    Soap(Box<SoapForm>),
    Dci(Arc<DciForm>, Action),
}

/// The routes of an institution, one a source, or one a door of a registry.
pub(super) fn router(
    sources: Vec<WireSource>,
    secrets: &BTreeMap<String, String>,
    delay: Duration,
) -> Result<Router, ServeError> {
    let mut router = Router::new();
    let mut paths = std::collections::BTreeSet::new();
    for wire in sources {
        let wire = Arc::new(wire);
        let given = |given: &Given| match given {
            Given::Literal(text) => text.clone(),
            Given::Secret(name) => secrets.get(name).cloned().unwrap_or_default(),
        };
        let (forms, headers, signer, bodies) = match &wire.source.manifest.transport {
            Transport::Http(plan) => {
                let form = Form::Json(Box::new(JsonForm::new(&wire, plan)?));
                let key = plan.cipher.as_ref().map(|cipher| given(&cipher.key));
                let bodies = Bodies::new(plan.encoding, plan.cipher.as_ref().zip(key.as_deref()));
                (vec![(plan.path.clone(), form)], &plan.headers, &plan.signer, bodies)
            }
            Transport::Soap(plan) => {
                let form = Form::Soap(Box::new(SoapForm::new(&wire, plan)?));
                (vec![(plan.path.clone(), form)], &plan.headers, &plan.signer, Bodies::new(plan.encoding, None))
            }
            Transport::Dci(plan) => {
                let form = Arc::new(DciForm::new(&wire, plan, given(&plan.sender), delay)?);
                let path = plan.path.trim_end_matches('/');
                let doors = Action::ALL
                    .into_iter()
                    .map(|(action, below)| (format!("{path}{below}"), Form::Dci(Arc::clone(&form), action)));
                (doors.collect(), &plan.headers, &plan.signer, Bodies::new(Encoding::Utf8, None))
            }
            _ => return Err(wire.lack("a transport over HTTP")),
        };
        let bodies = Arc::new(bodies.ok_or_else(|| wire.lack("a cipher whose key is 16 bytes"))?);
        for (path, form) in forms {
            if !paths.insert(path.clone()) {
                return Err(wire.lack("a path of its own: another source of the institution has the same"));
            }
            let keys = headers.iter().filter(|(_, g)| matches!(g, Given::Secret(_)));
            let keys = keys.map(|(name, g)| (name.clone(), given(g))).collect();
            let signer = signer.clone().map(|signer| {
                let (app, key) = (signer.app.as_ref().map(given).unwrap_or_default(), given(&signer.key));
                (signer, app, key)
            });
            let (wire, bodies, moods) = (Arc::clone(&wire), Arc::clone(&bodies), Mutex::default());
            let endpoint = Arc::new(Endpoint { wire, path: path.clone(), form, bodies, keys, signer, moods });
            router = router.route(&path, post(answer).with_state(endpoint));
        }
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
        let json = format!("application/json; charset={}", self.bodies.charset());
        let clear = match &self.form {
            Form::Json(form) if !known => {
                return Ok((StatusCode::UNAUTHORIZED, form.refusal().to_string()).into_response());
            }
            Form::Dci(..) if !known => {
                return Ok((StatusCode::UNAUTHORIZED, DciForm::refusal().to_string()).into_response());
            }
            Form::Soap(form) if !known => {
                return Ok((StatusCode::INTERNAL_SERVER_ERROR, form.refusal()).into_response());
            }
            _ => self.bodies.open(body),
        };
        let Some(clear) = clear else { return bad() };
        Ok(match &self.form {
            Form::Json(form) => {
                let Some(question) = form.read(&clear) else { return bad() };
                if question.people.len() > self.wire.source.batch {
                    return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
                }
                let mood = self.of_all_pages(&question, mood);
                let (reply, status) = form.reply(&self.wire, &question, mood)?;
                let status = status.and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or(StatusCode::OK);
                self.reply_with(status, json, &reply.to_string(), mood)
            }
            Form::Soap(form) => {
                let Some(call) = form.read(&clear) else { return bad() };
                let mood = self.of_all_pages(&call, mood);
                let reply = form.reply(&self.wire, &call, mood)?;
                let xml = format!("text/xml; charset={}", self.bodies.charset());
                self.reply_with(StatusCode::OK, xml, &reply, mood)
            }
            Form::Dci(form, action) => {
                let Some((reply, status)) = form.reply(&self.wire, *action, &clear, mood)? else { return bad() };
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                self.reply_with(status, json, &reply.to_string(), mood)
            }
        })
    }

    /// What goes wrong with this page: what went wrong with the first, as far as it concerns the rows of all pages.
    fn of_all_pages(&self, question: &Question, mood: Mood) -> Mood {
        let key = question.whose();
        let mut moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        if question.is_first_page() {
            if mood.duplicated || mood.reordered || moods.contains_key(&key) {
                moods.insert(key, mood);
            }
            return mood;
        }
        let first = moods.get(&key).copied().unwrap_or_default();
        Mood { duplicated: first.duplicated, reordered: first.reordered, ..mood }
    }

    /// A reply with whatever happens to its bytes on the way.
    fn reply_with(&self, status: StatusCode, content_type: String, body: &str, mood: Mood) -> Response {
        let trouble = &self.wire.trouble;
        let mut bytes = self.bodies.seal(body);
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
    if mood.garbled {
        garble(bytes);
    }
    if mood.truncated {
        bytes.truncate(bytes.len() * 2 / 3);
    }
}

/// Puts bytes into the middle that are no text in any encoding: neither GB18030 nor UTF-8 has the first two, and the others
/// are half a character in UTF-16, whichever byte comes first.
pub(super) fn garble(bytes: &mut [u8]) {
    const NO_TEXT: [u8; 6] = [0xff, 0xff, 0xd8, 0xd8, 0xd8, 0xd8];
    let middle = bytes.len() / 2;
    if bytes.len() > 2 * NO_TEXT.len() {
        bytes[middle..middle + NO_TEXT.len()].copy_from_slice(&NO_TEXT);
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
