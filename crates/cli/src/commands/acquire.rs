//! `hedui acquire`

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hedui_base::{CaseId, Outcome, SourceId};
use hedui_connect::{Class, Registry};
use hedui_verify::{AcquireMode, AcquireRequest, AcquireSummary, Selection, SourceSummary, WorkspaceOptions};

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
        for (why, count) in &source.held {
            terminal::line(format!("  {}: {count} not asked yet (未查询): {why}", source.source));
        }
        for (cause, count) in &source.causes {
            terminal::line(format!("  {}: {count} x {cause}", source.source));
        }
        for (reason, count) in &source.quarantined {
            terminal::line(format!("  {}: {count} quarantined: {reason}", source.source));
        }
    }
    let t = &summary.timing;
    terminal::line(format!(
        "{:.1} s: {} asks settled ({}/s), {} records ({}/s)",
        seconds(t.wall_ms),
        t.asks,
        t.asks_per_second,
        t.records,
        t.records_per_second
    ));
    terminal::line(format!(
        "  busy seconds, side by side: plan {:.1}, claim {:.1}, wait for institutions {:.1}, keep replies {:.1}, parse {:.1}, \
         settle in the ledger {:.1} and in the store {:.1}, count {:.1}",
        seconds(t.plan_ms),
        seconds(t.claim_ms),
        seconds(t.wait_ms),
        seconds(t.raw_ms),
        seconds(t.parse_ms),
        seconds(t.settle_ledger_ms),
        seconds(t.settle_store_ms),
        seconds(t.stand_ms)
    ));
}

fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}

/// Coverage by class of institution, one line each, and what stands in the way summed up over all sources.
pub(crate) fn print_by_class(summary: &AcquireSummary, registry: &Registry) {
    terminal::line(format!("{} cases, {} people, {} sources", summary.cases, summary.people, summary.sources.len()));
    let class_of = |source: &SourceSummary| registry.get(&source.source).map(|s| (s.class, s.institution.as_str()));
    let mut rows = Vec::new();
    for (word, class) in Class::WORDS {
        let of_class: Vec<_> =
            summary.sources.iter().filter(|s| class_of(s).is_some_and(|(c, _)| c == class)).collect();
        if of_class.is_empty() {
            continue;
        }
        let institutions: BTreeSet<_> = of_class.iter().filter_map(|s| class_of(s)).map(|(_, i)| i).collect();
        let sum =
            |count: &dyn Fn(&SourceSummary) -> usize| of_class.iter().map(|s| count(s)).sum::<usize>().to_string();
        rows.push(vec![
            format!("{} {word}", class.zh()),
            institutions.len().to_string(),
            of_class.len().to_string(),
            sum(&|s| s.asked),
            sum(&|s| s.sent),
            sum(&|s| s.outcome(Outcome::Found)),
            sum(&|s| s.outcome(Outcome::NoRecord)),
            sum(&SourceSummary::unknown),
            sum(&|s| s.quarantined.values().sum()),
        ]);
    }
    terminal::table(
        &[
            "机构类别 class",
            "institutions",
            "sources",
            "asked",
            "sent",
            "found 查得",
            "no_record 查无",
            "unknown 未知",
            "quarantined",
        ],
        &rows,
    );
    let mut unknown: BTreeMap<Outcome, (usize, usize)> = BTreeMap::new();
    for source in &summary.sources {
        for outcome in Outcome::ALL.into_iter().filter(|o| o.is_unknown() && source.outcome(*o) > 0) {
            let (pairs, sources) = unknown.entry(outcome).or_default();
            *pairs += source.outcome(outcome);
            *sources += 1;
        }
    }
    for (outcome, (pairs, sources)) in unknown {
        terminal::line(format!("  {pairs} {} ({}) at {sources} sources", outcome.as_str(), outcome.zh()));
    }
}
