use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hedui_base::{AreaCode, CaseId, Letter, ResidentId};
use hedui_ledger::AuditEvent;
use jiff::civil::Date;
use serde_json::json;

use crate::body::{Fields, JsonBody, is_number};
use crate::caller::Caller;
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::wire::{AuthorisationBody, AuthorisationRequest, ProblemBody, RevokeRequest, RevokedBody};

/// A letter as read from the body.
struct Filed {
    number: String,
    area: AreaCode,
    case: Option<String>,
    purposes: Vec<String>,
    scopes: Vec<String>,
    signers: Vec<(ResidentId, String)>,
    valid_from: Date,
    valid_until: Option<Date>,
}

/// Files a letter of authorisation. Filing the same letter again changes nothing.
#[utoipa::path(post, path = "/v1/authorisations", tag = "authorisations", request_body = AuthorisationRequest,
    responses((status = 201, body = AuthorisationBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "outside the area of the key, or no such case", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "a letter of this number says something else", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    body: JsonBody,
) -> Result<(StatusCode, Json<AuthorisationBody>), Problem> {
    let filed = read(&body)?;
    let workspace = state.workspace();
    let ledger = workspace.ledger();
    caller.may_see(&state, &[filed.area], &filed.number).await?;
    let known = ledger.letter_areas(&filed.number).await?;
    if ledger.letter(&filed.number).await?.is_some() {
        caller.may_see(&state, &known, &filed.number).await?;
    }
    let case = filed.case.as_deref().map(CaseId::from);
    if let Some(id) = &case {
        let areas: Vec<_> = ledger.case(id).await?.iter().map(|c| c.area).collect();
        caller.may_see(&state, &areas, id.as_str()).await?;
    }
    let now = workspace.now();
    let mut tx = ledger.begin().await?;
    let covers = ledger.register_people(&mut tx, &filed.signers).await?;
    let letter = Letter {
        number: filed.number.clone(),
        purposes: filed.purposes,
        scopes: filed.scopes,
        covers: covers.clone(),
        valid_from: filed.valid_from,
        valid_until: filed.valid_until,
        revoked_on: None,
    };
    ledger.add_letter(&mut tx, &letter, now).await?;
    ledger.set_letter_area(&mut tx, &letter.number, filed.area).await?;
    if let Some(case) = &case {
        ledger.attach_letters(&mut tx, &[(case.clone(), letter.number.clone())], now).await?;
    }
    let event = AuditEvent {
        actor: caller.name().to_owned(),
        action: "letter.filed".to_owned(),
        subjects: covers,
        detail: json!({ "letter": letter.number, "case": case, "area": filed.area }),
    };
    ledger.audit(&mut tx, &[event], now).await?;
    tx.commit().await?;
    let shown = AuthorisationBody {
        number: letter.number,
        purposes: letter.purposes,
        scopes: letter.scopes,
        covers: filed.signers.iter().map(|(id, _)| id.masked()).collect(),
        valid_from: letter.valid_from.to_string(),
        valid_until: letter.valid_until.map(|d| d.to_string()),
        case: filed.case,
    };
    Ok((StatusCode::CREATED, Json(shown)))
}

fn read(body: &JsonBody) -> Result<Filed, Problem> {
    let known = ["number", "area", "case", "purposes", "scopes", "covers", "valid_from", "valid_until"];
    let mut fields = Fields::new(&body.object, "", &known);
    let number = fields.number("number");
    let number = fields.required("number", number);
    let area = fields.area("area");
    let area = fields.required("area", area);
    let case = fields.number("case");
    let purposes = fields.texts("purposes");
    let purposes = fields.required("purposes", Some(purposes));
    let scopes = fields.texts("scopes");
    let scopes = fields.required("scopes", Some(scopes));
    let mut signers = Vec::new();
    let covers = fields.list("covers");
    fields.required("covers", Some(()));
    for (i, value) in covers.iter().enumerate() {
        let Some(object) = value.as_object() else {
            fields.tell(&format!("covers/{i}"), "not_object", "an object with `name` and `id_number` is expected here");
            continue;
        };
        let mut person = Fields::new(object, &format!("/covers/{i}"), &["name", "id_number"]);
        let name = person.text("name");
        let name = person.required("name", name);
        let id = person.id_number("id_number");
        let id = person.required("id_number", id);
        fields.errors.append(&mut person.errors);
        signers.extend(id.zip(name.map(str::to_owned)));
    }
    let valid_from = fields.date("valid_from");
    let valid_from = fields.required("valid_from", valid_from);
    let valid_until = fields.date("valid_until");
    if valid_from.zip(valid_until).is_some_and(|(from, until)| until < from) {
        fields.tell("valid_until", "bad_date", "the last day lies before the first");
    }
    match (number, area, purposes, scopes, valid_from) {
        (Some(number), Some(area), Some(purposes), Some(scopes), Some(valid_from)) if fields.errors.is_empty() => {
            let (number, case) = (number.to_owned(), case.map(str::to_owned));
            Ok(Filed { number, area, case, purposes, scopes, signers, valid_from, valid_until })
        }
        _ => Err(Problem::fields(fields.errors)),
    }
}

/// Withdraws a letter. Nothing is asked under it from that day on.
#[utoipa::path(post, path = "/v1/authorisations/{number}/revoke", tag = "authorisations", request_body = RevokeRequest,
    params(("number" = String, Path, description = "number of the letter")),
    responses((status = 200, body = RevokedBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "no such letter for this key", body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Path(number): Path<String>,
    body: JsonBody,
) -> Result<Json<RevokedBody>, Problem> {
    let mut fields = Fields::new(&body.object, "", &["on"]);
    let on = fields.date("on");
    if !fields.errors.is_empty() {
        return Err(Problem::fields(fields.errors));
    }
    if !is_number(&number) {
        return Err(Problem::new(Kind::NotFound));
    }
    let workspace = state.workspace();
    let ledger = workspace.ledger();
    caller.may_see(&state, &ledger.letter_areas(&number).await?, &number).await?;
    let now = workspace.now();
    let mut tx = ledger.begin().await?;
    ledger.revoke_letter(&mut tx, &number, on.unwrap_or_else(|| workspace.today())).await?;
    let event = AuditEvent {
        actor: caller.name().to_owned(),
        action: "letter.revoked".to_owned(),
        subjects: Vec::new(),
        detail: json!({ "letter": number, "on": on }),
    };
    ledger.audit(&mut tx, &[event], now).await?;
    tx.commit().await?;
    let revoked_on =
        ledger.letter(&number).await?.and_then(|l| l.revoked_on).map(|d| d.to_string()).unwrap_or_default();
    Ok(Json(RevokedBody { number, revoked_on }))
}
