//! `hedui review`

use std::path::Path;

use hedui_verify::{ReviewFilter, Workspace, WorkspaceOptions};

use super::{Ended, Shell, existing, to_json};
use crate::args::ReviewVerb;
use crate::failure::Failure;
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: ReviewVerb) -> Ended {
    match verb {
        ReviewVerb::List { data, state } => list(shell, &data, state).await,
        ReviewVerb::Claim { id, data, by } => {
            hedui_verify::review_claim(&workspace(&data).await?, id, &by).await?;
            terminal::note(format!("review {id} is claimed by {by}"));
            Ok(0)
        }
        ReviewVerb::Resolve { id, data, by, note } => {
            hedui_verify::review_resolve(&workspace(&data).await?, id, &by, &note).await?;
            terminal::note(format!("review {id} is resolved"));
            Ok(0)
        }
    }
}

async fn workspace(data: &Path) -> Result<Workspace, Failure> {
    existing(data, WorkspaceOptions::default()).await
}

async fn list(shell: Shell, data: &Path, state: Option<String>) -> Ended {
    if let Some(state) = &state
        && !matches!(state.as_str(), "open" | "claimed" | "resolved")
    {
        return Err(Failure::input_help("no such state of a review", "one of open, claimed, resolved"));
    }
    let filter = ReviewFilter { state, ..ReviewFilter::default() };
    let reviews = hedui_verify::review_list(&workspace(data).await?, &filter).await?;
    if shell.json {
        terminal::json(&to_json(&reviews)?);
        return Ok(0);
    }
    if reviews.is_empty() {
        terminal::line("no reviews: 没有待办复核事项");
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = reviews
        .iter()
        .map(|r| {
            vec![
                r.id.to_string(),
                r.case.to_string(),
                r.subject.clone(),
                r.severity.clone(),
                r.state.clone(),
                r.claimed_by.clone().unwrap_or_default(),
                r.text.clone(),
            ]
        })
        .collect();
    terminal::table(&["id", "case", "what", "severity", "state", "by", "事项"], &rows);
    Ok(0)
}
