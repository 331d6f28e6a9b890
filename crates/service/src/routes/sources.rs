use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use hedui_connect::Mode;

use crate::caller::Caller;
use crate::problem::Problem;
use crate::state::AppState;
use crate::wire::{ProblemBody, SourceBody, SourcesBody};

/// The sources, and how each has been doing.
#[utoipa::path(get, path = "/v1/sources", tag = "sources",
    responses((status = 200, body = SourcesBody), (status = 401, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(State(state): State<AppState>, _caller: Caller) -> Result<Json<SourcesBody>, Problem> {
    let workspace = state.workspace();
    let health: HashMap<_, _> = workspace.ledger().source_health().await?.into_iter().collect();
    let sources = workspace.registry().iter().map(|source| {
        let health = health.get(&source.id).cloned().unwrap_or_default();
        let mode = match source.mode {
            Mode::Live => "live",
            Mode::Exchange => "exchange",
            Mode::Drop => "drop",
        };
        SourceBody {
            id: source.id.to_string(),
            title_zh: source.title.zh.clone(),
            title_en: source.title.en.clone(),
            institution_zh: source.institution_title.zh.clone(),
            dataset: source.dataset.name.clone(),
            scope: source.scope.clone(),
            mode: mode.to_owned(),
            fresh_days: source.fresh_days,
            can_clear: source.can_clear,
            calls: health.attempts,
            failures: health.failures,
            last_failure: health.last_failure,
            last_called_at: health.last_at.map(|at| at.to_string()),
            quarantined: health.quarantined.iter().map(|(_, count)| count).sum(),
        }
    });
    Ok(Json(SourcesBody { sources: sources.collect() }))
}
