//! One file per resource. A handler reads, checks the caller's area, calls `verify` or the ledger, and records the act.

mod authorisations;
mod health;
mod sources;
mod verifications;

use utoipa::openapi::OpenApi as Spec;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hedui",
        description = "Household economic-status verification (居民家庭经济状况核对). hedui checks; people decide.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("key" = [])),
    modifiers(&Key)
)]
struct Api;

struct Key;

impl Modify for Key {
    fn modify(&self, spec: &mut Spec) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("hk_<prefix>_<secret>").build();
        spec.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

pub(crate) fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(authorisations::create))
        .routes(routes!(authorisations::revoke))
        .routes(routes!(verifications::create))
        .routes(routes!(verifications::read))
        .routes(routes!(verifications::report))
        .routes(routes!(sources::list))
        .routes(routes!(health::healthz))
        .routes(routes!(health::openapi_json))
}

/// The API's description, generated from the types and routes.
#[must_use]
pub fn openapi() -> Spec {
    all().split_for_parts().1
}
