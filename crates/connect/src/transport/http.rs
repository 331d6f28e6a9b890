//! JSON over HTTP.

use super::call::Call;
use super::pages;
use crate::ask::{AskPeriod, Failure, Subject};
use crate::context::Context;
use crate::gate::Gate;
use crate::manifest::HttpPlan;
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::site::InstitutionSite;

pub(super) async fn ask(
    source: &Source,
    plan: &HttpPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let call = Call {
        source,
        context,
        site,
        gate,
        path: &plan.path,
        media: Media::Json,
        encoding: plan.encoding,
        headers: &plan.headers,
        signer: plan.signer.as_ref(),
        cipher: plan.cipher.as_ref(),
    };
    pages::ask(&call, &plan.body, plan.page.as_ref(), subjects, period).await
}
