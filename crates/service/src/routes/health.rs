use axum::Json;
use axum::extract::State;

use crate::problem::Problem;
use crate::state::AppState;
use crate::wire::{HealthBody, ProblemBody};

/// Whether the server and its database answer.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()),
    responses((status = 200, body = HealthBody), (status = 500, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn healthz(State(state): State<AppState>) -> Result<Json<HealthBody>, Problem> {
    state.workspace().ledger().audit_size().await?;
    Ok(Json(HealthBody { status: "ok", version: env!("CARGO_PKG_VERSION") }))
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()), responses((status = 200, body = Object)))]
pub(crate) async fn openapi_json() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}
