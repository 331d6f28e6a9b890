//! `hedui acquire`

use std::time::Duration;

use hedui_base::{CaseId, Outcome, SourceId};
use hedui_verify::{AcquireMode, AcquireRequest, AcquireSummary, Selection, WorkspaceOptions};

use super::{Ended, Shell, day, open, read_intake, to_json};
use crate::args::{AcquireArgs, AcquireFailOn};
use crate::{failure, progress, terminal};

pub(crate) async fn run(shell: Shell, args: AcquireArgs) -> Ended {
    let intake = args.cases.as_deref().map(read_intake).transpose()?;
    let options = WorkspaceOptions {
        site: args.site.clone(),
        extra_connectors: args.connectors.connectors.iter().cloned().collect(),
        today: args.as_of,
        ..WorkspaceOptions::default()
    };
    let ws = open(&args.data, options).await?;
    let cases = match &intake {
        None => Selection::All,
        Some(intake) => {
            hedui_verify::accept(&ws, intake, "acquire").await?;
            Selection::Cases(intake.households.iter().map(|h| h.case.clone()).collect::<Vec<CaseId>>())
        }
    };
    let request = AcquireRequest {
        cases,
        as_of: day(args.as_of, &ws),
        sources: (!args.sources.is_empty()).then(|| args.sources.iter().map(|s| SourceId::from(s.as_str())).collect()),
        mode: AcquireMode::Everything,
        deadline: Duration::from_secs(args.wait),
        actor: "acquire".to_owned(),
        progress: progress::bars(shell.quiet),
    };
    let summary = hedui_verify::acquire(&ws, request).await?;
    if shell.json {
        terminal::json(&to_json(&summary)?);
    } else {
        print(&summary);
    }
    let attention = match args.fail_on {
        Some(AcquireFailOn::Unknown) => summary.sources.iter().any(|s| s.unknown() > 0),
        Some(AcquireFailOn::Quarantine) => summary.sources.iter().any(|s| !s.quarantined.is_empty()),
        None => false,
    };
    Ok(if attention { failure::ATTENTION } else { 0 })
}

/// Coverage by source, and what stands in the way.
pub(crate) fn print(summary: &AcquireSummary) {
    terminal::line(format!("{} cases, {} people", summary.cases, summary.people));
    let rows: Vec<Vec<String>> = summary
        .sources
        .iter()
        .map(|s| {
            vec![
                s.source.clone(),
                s.title.clone(),
                s.asked.to_string(),
                s.sent.to_string(),
                s.reused.to_string(),
                s.outcome(Outcome::Found).to_string(),
                s.outcome(Outcome::NoRecord).to_string(),
                s.unknown().to_string(),
                s.quarantined.values().sum::<usize>().to_string(),
            ]
        })
        .collect();
    terminal::table(
        &["source", "来源", "asked", "sent", "reused", "found 查得", "no_record 查无", "unknown 未知", "quarantined"],
        &rows,
    );
    for source in &summary.sources {
        for (outcome, count) in &source.outcomes {
            let Ok(word) = outcome.parse::<Outcome>() else { continue };
            if word.is_unknown() {
                terminal::line(format!("  {}: {count} {outcome} ({})", source.source, word.zh()));
            }
        }
        for (cause, count) in &source.causes {
            terminal::line(format!("  {}: {count} x {cause}", source.source));
        }
        for (reason, count) in &source.quarantined {
            terminal::line(format!("  {}: {count} quarantined: {reason}", source.source));
        }
    }
}
