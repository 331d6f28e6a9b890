//! A question in as many calls as it takes: windows of its period, and the pages of each, until the source says "all".

use std::collections::HashSet;

use super::call::Call;
use super::{random_hex, scope_subjects};
use crate::ask::{AskPeriod, Cause, Failure, Subject};
use crate::manifest::{PagePlan, PageStyle};
use crate::parse::{PageState, page_state};
use crate::reply::Part;
use crate::template::{Scope, ScopePage, ScopePeriod, Template};

/// Pages of one window, at most.
const MAX_PAGES: usize = 1_000;

/// Asks, window by window. If a window fails after others were answered, the reply lacks its parts, and parsing says so.
pub(super) async fn ask(
    call: &Call<'_>,
    template: &Template,
    page: Option<&PagePlan>,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let Some((period, months)) = period.zip(call.source.manifest.ask.window) else {
        return pages(call, template, page, subjects, period, "").await;
    };
    let mut parts = Vec::new();
    for window in period.windows(months) {
        match pages(call, template, page, subjects, Some(window), &format!("{window} ")).await {
            Ok(more) => parts.extend(more),
            Err(failure) if parts.is_empty() => return Err(failure),
            Err(_) => break,
        }
    }
    Ok(parts)
}

async fn pages(
    call: &Call<'_>,
    template: &Template,
    page: Option<&PagePlan>,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
    prefix: &str,
) -> Result<Vec<Part>, Failure> {
    let request_id = random_hex();
    let size = page.map_or(0, |p| p.size);
    let mut parts = Vec::new();
    let mut read = 0;
    let mut cursor = String::new();
    let mut seen = Seen::default();
    for no in 1..=MAX_PAGES {
        let scope = Scope {
            request_id: &request_id,
            subjects: scope_subjects(subjects),
            period: period.map(|p| ScopePeriod { from: p.from.to_string(), until: p.until.to_string() }),
            page: ScopePage { no, offset: (no - 1) * size, cursor: &cursor, size },
        };
        let body = template.render(&scope).map_err(|_| Failure::new(Cause::Template))?;
        let part = call.send(format!("{prefix}page-{no}"), &body).await?;
        let state = page.and_then(|plan| Some((plan, page_state(call.source, part.media, &part.body)?)));
        parts.push(part);
        let Some((plan, state)) = state else { return Ok(parts) };
        if seen.again(&state) {
            return Err(Failure::new(Cause::Protocol));
        }
        read += state.items;
        match (&plan.style, state.cursor) {
            (PageStyle::Cursor(_), Some(next)) => cursor = next,
            (PageStyle::Cursor(_), None) => return Ok(parts),
            // An empty page before the total would go on for ever; what is missing, parsing finds.
            _ if state.items == 0 || state.total.is_none_or(|total| read >= total) => return Ok(parts),
            _ => {}
        }
    }
    Err(Failure::new(Cause::Protocol))
}

/// Pages and cursors that were there already: a source that repeats itself never comes to an end.
#[derive(Default)]
struct Seen {
    pages: HashSet<u64>,
    cursors: HashSet<String>,
}

impl Seen {
    fn again(&mut self, state: &PageState) -> bool {
        let page = state.items > 0 && !self.pages.insert(state.digest);
        let cursor = state.cursor.as_ref().is_some_and(|cursor| !self.cursors.insert(cursor.clone()));
        page || cursor
    }
}
