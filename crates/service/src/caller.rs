//! Who calls: an API key, looked up on every request.

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::header;
use axum::http::request::Parts;
use hedui_base::AreaCode;
use hedui_ledger::Actor;
use serde_json::json;

use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// The holder of a valid key. Taking it as an argument is what makes a route need one.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    actor: Actor,
    route: String,
}

impl Caller {
    /// Name that stands in audit leaves.
    pub(crate) fn name(&self) -> &str {
        &self.actor.name
    }

    /// Lets through what lies in the key's area; what does not, does not exist, and the attempt is on record.
    pub(crate) async fn may_see(&self, state: &AppState, areas: &[AreaCode], what: &str) -> Result<(), Problem> {
        if !areas.is_empty() && areas.iter().all(|area| area.is_within(self.actor.area)) {
            return Ok(());
        }
        let detail = json!({ "route": self.route, "reason": "out-of-jurisdiction", "resource": what, "areas": areas });
        state.audit(&self.actor.name, "denied", Vec::new(), detail).await?;
        Err(Problem::new(Kind::NotFound))
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = format!("{} {route}", parts.method);
        let key = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let workspace = state.workspace();
        let actor = match key {
            Some(key) => workspace.ledger().api_key_check(key, workspace.now()).await?,
            None => None,
        };
        if let Some(actor) = actor {
            return Ok(Self { actor, route });
        }
        let reason = if key.is_some() { "invalid-key" } else { "no-key" };
        state.audit("unknown", "denied", Vec::new(), json!({ "route": route, "reason": reason })).await?;
        Err(Problem::new(Kind::Unauthorised))
    }
}
