//! SOAP 1.1 over HTTP, page after page until the announced total is read.

use super::http::{Call, scope_period};
use super::{random_hex, scope_subjects};
use crate::ask::{AskPeriod, Cause, Context, Failure, Gate, Subject};
use crate::manifest::SoapPlan;
use crate::parse::page_total;
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::site::InstitutionSite;
use crate::template::Scope;

/// Pages of one question, at most.
const MAX_PAGES: usize = 1_000;

pub(super) async fn ask(
    source: &Source,
    plan: &SoapPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let request_id = random_hex();
    let mut headers = plan.headers.clone();
    headers.push(("soapaction".into(), crate::manifest::Given::Literal(format!("\"{}\"", plan.action))));
    let mut parts = Vec::new();
    let mut read = 0;
    for page_no in 1..=MAX_PAGES {
        let scope = Scope {
            request_id: &request_id,
            subjects: scope_subjects(subjects),
            period: scope_period(period),
            page_no,
            page_size: plan.page.as_ref().map_or(0, |p| p.size),
        };
        let body = plan.body.render(&scope).map_err(|_| Failure::new(Cause::Template))?;
        let call = Call {
            source,
            context,
            site,
            gate,
            path: &plan.path,
            content_type: "text/xml; charset=utf-8",
            headers: &headers,
            signer: None,
            media: Media::Xml,
            name: format!("page-{page_no}"),
        };
        let part = call.send(body).await?;
        let counted = plan.page.as_ref().and_then(|_| page_total(source, &part.body));
        parts.push(part);
        match counted {
            // An empty page before the total would go on for ever; what is missing, parsing finds.
            Some((items, total)) if items > 0 && read + items < total => read += items,
            _ => return Ok(parts),
        }
    }
    Err(Failure::new(Cause::Protocol))
}
