//! SOAP 1.1 over HTTP.

use super::call::Call;
use super::pages;
use crate::ask::{AskPeriod, Failure, Subject};
use crate::context::Context;
use crate::gate::Gate;
use crate::manifest::{Given, SoapPlan};
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::site::InstitutionSite;

pub(super) async fn ask(
    source: &Source,
    plan: &SoapPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let mut headers = plan.headers.clone();
    headers.push(("soapaction".into(), Given::Literal(format!("\"{}\"", plan.action))));
    let call = Call {
        source,
        context,
        site,
        gate,
        path: &plan.path,
        media: Media::Xml,
        encoding: plan.encoding,
        headers: &headers,
        signer: plan.signer.as_ref(),
        cipher: None,
    };
    pages::ask(&call, &plan.body, plan.page.as_ref(), subjects, period).await
}
