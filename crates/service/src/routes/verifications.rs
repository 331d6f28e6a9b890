use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hedui_base::{AreaCode, CaseId, PersonKey};
use hedui_ledger::{AuditEvent, NewVerification, Verification};
use hedui_verify::{Intake, intake::IntakeHousehold};
use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::body::{Fields, JsonBody};
use crate::caller::Caller;
use crate::problem::{Kind, Problem};
use crate::run::{Run, refresh, start};
use crate::state::AppState;
use crate::wire::{ProblemBody, ReportBody, VerificationBody, VerificationRequest, VerificationState};

/// How long a caller waits who did not say, and how long at most.
const WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What to verify, as read from the body.
struct Asked {
    household: Option<IntakeHousehold>,
    case: CaseId,
    letter: Option<String>,
    as_of: Date,
}

/// Verifies one household under its letter: asks the sources that answer at once, uses stored answers while they are fresh,
/// leaves slow sources pending, compares, and reports.
#[utoipa::path(post, path = "/v1/verifications", tag = "verifications", request_body = VerificationRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "the same key and body get the same verification"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: seconds to wait for the report, 10 if left out, 60 at most")),
    responses((status = 200, description = "the report, all real-time sources settled", body = VerificationBody),
        (status = 202, description = "still running; read it at Location", body = VerificationBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "outside the area of the key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "the letter's number says something else on file", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "idempotency key used with another body, or no rule pack in force", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let wait = wait(&headers);
    let ledger = state.workspace().ledger();
    if let Some(key) = &key
        && let Some(known) = ledger.verification_by_key(caller.name(), key).await?
    {
        return same_again(&state, known, &body.hash, wait).await;
    }
    let asked = read_body(&body, state.workspace().today())?;
    let areas = areas(&state, &asked).await?;
    caller.may_see(&state, &areas, asked.case.as_str()).await?;
    if let Some(number) = &asked.letter {
        caller.may_see(&state, &ledger.letter_areas(number).await?, number).await?;
    }
    if let Some(household) = asked.household {
        hedui_verify::accept(state.workspace(), &Intake { households: vec![household] }, caller.name()).await?;
    }
    let begun =
        begin(&state, &caller, &asked.case, asked.letter.as_deref(), asked.as_of, key.clone(), &body.hash).await;
    let id = match (begun, &key) {
        (Ok(id), _) => id,
        // Somebody else used the same key at the same moment.
        (Err(problem), Some(key)) => match ledger.verification_by_key(caller.name(), key).await? {
            Some(known) => return same_again(&state, known, &body.hash, wait).await,
            None => return Err(problem),
        },
        (Err(problem), None) => return Err(problem),
    };
    let run = Run { id: id.clone(), case: asked.case, as_of: asked.as_of, actor: caller.name().to_owned() };
    let _ = tokio::time::timeout(wait, start(&state, run)).await;
    answer(&state, &id).await
}

/// The areas that the caller must be allowed to see: that of the household, and that of its case if it is on file.
async fn areas(state: &AppState, asked: &Asked) -> Result<Vec<AreaCode>, Problem> {
    let known = state.workspace().ledger().case(&asked.case).await?;
    Ok(asked.household.iter().map(|h| h.area).chain(known.map(|c| c.area)).collect())
}

async fn begin(
    state: &AppState,
    caller: &Caller,
    case: &CaseId,
    letter: Option<&str>,
    as_of: Date,
    key: Option<String>,
    hash: &str,
) -> Result<String, Problem> {
    let ledger = state.workspace().ledger();
    let kept = ledger.case(case).await?.ok_or(Problem::new(Kind::NotFound))?;
    let applicant = kept.people.iter().find(|p| p.relation == "self").or(kept.people.first());
    let new = NewVerification {
        case: case.clone(),
        actor: caller.name().to_owned(),
        area: kept.area,
        idempotency: key.map(|key| (key, hash.to_owned())),
        owner: applicant.map_or(PersonKey(0), |p| p.person),
    };
    let now = state.workspace().now();
    let mut tx = ledger.begin().await?;
    if let Some(number) = letter {
        ledger.attach_letters(&mut tx, &[(case.clone(), number.to_owned())], now).await?;
    }
    let id = ledger.begin_verification(&mut tx, &new, now).await?;
    let event = AuditEvent {
        actor: caller.name().to_owned(),
        action: "verification.requested".to_owned(),
        subjects: kept.people.iter().map(|p| p.person).collect(),
        detail: json!({ "verification": id, "case": case, "letter": letter, "as_of": as_of }),
    };
    ledger.audit(&mut tx, &[event], now).await?;
    tx.commit().await?;
    Ok(id)
}

/// One verification, compared again if answers have come since.
#[utoipa::path(get, path = "/v1/verifications/{id}", tag = "verifications",
    params(("id" = String, Path, description = "id of the verification")),
    responses((status = 200, body = VerificationBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let known = look_up(&state, &caller, &id, "verification.read").await?;
    Ok(Json(body(known)).into_response())
}

/// The report of one verification, compared again if answers have come since.
#[utoipa::path(get, path = "/v1/verifications/{id}/report", tag = "verifications",
    params(("id" = String, Path, description = "id of the verification")),
    responses((status = 200, body = ReportBody, headers(("ETag" = String, description = "version of the report"))),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "no such verification, or its report is not made yet", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn report(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let known = look_up(&state, &caller, &id, "report.read").await?;
    let version = known.report_version;
    let report = body(known).report.ok_or(Problem::new(Kind::ReportNotReady))?;
    let mut response = Json(report).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

async fn look_up(state: &AppState, caller: &Caller, id: &str, action: &str) -> Result<Verification, Problem> {
    let plausible = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let known = if plausible { state.workspace().ledger().verification(id).await? } else { None };
    let shown = if plausible { id } else { "?" };
    let areas: Vec<_> = known.iter().map(|v| v.area).collect();
    caller.may_see(state, &areas, shown).await?;
    let known = known.ok_or(Problem::new(Kind::NotFound))?;
    let known = refresh(state, known, caller.name()).await?;
    let case = state.workspace().ledger().case(&known.case).await?;
    let people = case.iter().flat_map(|c| &c.people).map(|p| p.person).collect();
    let detail = json!({ "verification": known.id, "case": known.case, "version": known.report_version });
    state.audit(caller.name(), action, people, detail).await?;
    Ok(known)
}

/// The answer to a key that was used before: the same verification, or a conflict.
async fn same_again(state: &AppState, known: Verification, hash: &str, wait: Duration) -> Result<Response, Problem> {
    if known.body_hash.as_deref() != Some(hash) {
        return Err(Problem::new(Kind::IdempotencyConflict));
    }
    let done = async {
        while state.is_running(&known.id) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(wait, done).await;
    answer(state, &known.id).await
}

async fn answer(state: &AppState, id: &str) -> Result<Response, Problem> {
    let known = state.workspace().ledger().verification(id).await?.ok_or(Problem::new(Kind::NotFound))?;
    let body = body(known);
    let status = if body.state == VerificationState::Running { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/verifications/{id}")) {
        headers.insert(header::LOCATION, location);
    }
    if status == StatusCode::ACCEPTED {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    }
    Ok(response)
}

fn body(known: Verification) -> VerificationBody {
    let problem = known.report.as_ref().and_then(|r| r.get("problem")).cloned();
    VerificationBody {
        id: known.id,
        case: known.case.to_string(),
        state: VerificationState::parse(&known.state),
        report_version: known.report_version,
        created_at: known.created_at.to_string(),
        updated_at: known.updated_at.to_string(),
        report: if problem.is_some() { None } else { known.report },
        problem,
    }
}

fn read_body(body: &JsonBody, today: Date) -> Result<Asked, Problem> {
    let mut fields = Fields::new(&body.object, "", &["household", "case", "authorisation", "as_of"]);
    let case = fields.number("case").map(CaseId::from);
    let letter = fields.number("authorisation").map(str::to_owned);
    let as_of = fields.date("as_of").unwrap_or(today);
    if as_of > today {
        fields.tell("as_of", "bad_date", "the day lies in the future");
    }
    let mut household = None;
    match (fields.get("household"), fields.get("case")) {
        (Some(value), None) => match Intake::household_from_json(value, "/household") {
            Ok(read) if read.letter.is_some() && letter.is_some() => {
                household = Some(read);
                fields.tell("authorisation", "two_letters", "give either `household.letter` or `authorisation`");
            }
            Ok(read) => household = Some(read),
            Err(error) => {
                fields.errors.extend(Problem::from(error).into_fields()?);
            }
        },
        (None, Some(_)) => {}
        (Some(_), Some(_)) => fields.tell("case", "two_cases", "give either `household` or `case`"),
        (None, None) => {
            fields.tell("household", "missing", "`household` (or the number of a `case` on file) is required")
        }
    }
    let case = household.as_ref().map(|h| h.case.clone()).or(case);
    match case {
        Some(case) if fields.errors.is_empty() => Ok(Asked { household, case, letter, as_of }),
        _ => Err(Problem::fields(fields.errors)),
    }
}

/// A hash of the key, for keys may hold anything.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.as_bytes();
    if key.is_empty() || key.len() > 255 || !key.iter().all(|b| (0x20..0x7f).contains(b)) {
        return Err(Problem::new(Kind::InvalidHeader).detail("Idempotency-Key: 1 to 255 printable ASCII characters"));
    }
    Ok(Some(hex::encode(Sha256::digest(key))))
}

/// `Prefer: wait=N`; other preferences are ignored, as RFC 7240 wants.
fn wait(headers: &HeaderMap) -> Duration {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| preference.trim().strip_prefix("wait=")?.trim().parse().ok())
        .map_or(WAIT, |seconds| Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_and_bounded() {
        for (text, seconds) in
            [("wait=3", 3), ("respond-async, wait=0", 0), ("wait=999", 60), ("wait=soon", 10), ("return=minimal", 10)]
        {
            let headers = HeaderMap::from_iter([(header::HeaderName::from_static("prefer"), text.parse().unwrap())]);
            assert_eq!(wait(&headers).as_secs(), seconds, "{text}");
        }
    }
}
