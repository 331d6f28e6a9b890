//! `hedui batch`, over a data folder or a plain folder.

use hedui_verify::{BatchRequest, BatchSummary, PlainRequest, Selection, WorkspaceOptions};

use super::{Ended, Shell, day, existing, read_intake, to_json};
use crate::args::{BatchArgs, BatchFailOn};
use crate::failure::{self, Failure};
use crate::{progress, terminal};

pub(crate) async fn run(shell: Shell, args: BatchArgs) -> Ended {
    let progress = progress::bars(shell.quiet);
    let summary = if let Some(records) = args.records {
        let (Some(cases), Some(pack), Some(as_of)) = (args.cases, args.rules, args.as_of) else {
            return Err(Failure::input("--records needs --cases, --rules and --as-of"));
        };
        let request = PlainRequest {
            records,
            cases,
            pack,
            extra_rules: Vec::new(),
            as_of,
            out: args.out,
            lenient: args.lenient,
            explain: args.explain,
            progress,
        };
        tokio::task::spawn_blocking(move || hedui_verify::batch_plain(request)).await.map_err(Failure::internal)??
    } else {
        let Some(data) = args.data else {
            return Err(Failure::input("give --data DIR, or --records DIR for a plain folder"));
        };
        let ws = existing(&data, WorkspaceOptions { today: args.as_of, ..WorkspaceOptions::default() }).await?;
        let cases = match &args.cases {
            None => Selection::All,
            Some(path) => {
                let intake = read_intake(path)?;
                hedui_verify::accept(&ws, &intake, "batch").await?;
                Selection::Cases(intake.households.iter().map(|h| h.case.clone()).collect())
            }
        };
        let request = BatchRequest {
            progress,
            explain: args.explain,
            threads: args.threads,
            ..BatchRequest::new(cases, day(args.as_of, &ws), args.out)
        };
        hedui_verify::batch(&ws, request).await?
    };
    if shell.json {
        terminal::json(&to_json(&summary)?);
    } else {
        print(&summary);
    }
    let attention = match args.fail_on {
        Some(BatchFailOn::Flags) => {
            summary.flags.iter().any(|f| f.count > 0 && matches!(f.severity.as_str(), "high" | "critical"))
        }
        Some(BatchFailOn::Undetermined) => summary.schemes.iter().any(|s| s.undetermined > 0),
        None => false,
    };
    Ok(match (summary.failures.is_empty(), attention) {
        // A case that its rules cannot compute (no parameter for its area and day) has no finding: that is bad input.
        (false, _) => failure::BAD_INPUT,
        (true, true) => failure::ATTENTION,
        (true, false) => 0,
    })
}

/// Coverage, findings, flags, files.
pub(crate) fn print(summary: &BatchSummary) {
    for (pack, cases) in &summary.packs {
        let hash = pack.hash.get(..12).unwrap_or(&pack.hash);
        terminal::line(format!("{cases} case(s) by pack {} {} ({}) {hash}", pack.id, pack.version, pack.title));
    }
    summary.notices.iter().for_each(|notice| terminal::line(format!("note: {notice}")));
    coverage(summary);
    findings(summary);
    flags(summary);
    const SHOWN: usize = 20;
    for failure in summary.failures.iter().take(SHOWN) {
        terminal::line(format!("not computed: {}: {}", failure.case, failure.reason));
    }
    if summary.failures.len() > SHOWN {
        terminal::line(format!("... and {} more cases not computed", summary.failures.len() - SHOWN));
    }
    if summary.rejected > 0 {
        let rejected = summary.findings_file.with_file_name("rejected.csv");
        terminal::line(format!("{} case(s) with bad input set aside in {}", summary.rejected, rejected.display()));
    }
    terminal::heading("Files");
    terminal::line(format!("findings  {}", summary.findings_file.display()));
    terminal::line(format!("flags     {}", summary.flags_file.display()));
    if let Some(kept) = &summary.explanations {
        let each = kept.bytes_per_household();
        terminal::line(format!("explained {} ({each} bytes a household)", kept.file.display()));
    }
}

/// How each source answered.
pub(crate) fn coverage(summary: &BatchSummary) {
    if summary.sources.is_empty() {
        return;
    }
    terminal::heading("Coverage by source 信息来源应答");
    let count = |s: &hedui_verify::SourceTotal, word: &str| s.outcomes.get(word).copied().unwrap_or(0);
    let rows: Vec<Vec<String>> = summary
        .sources
        .iter()
        .map(|s| {
            let (found, none, out) = (count(s, "found"), count(s, "no_record"), count(s, "not_applicable"));
            let unknown = s.outcomes.values().sum::<usize>() - found - none - out;
            vec![s.source.clone(), s.title.clone(), found.to_string(), none.to_string(), unknown.to_string()]
        })
        .collect();
    terminal::table(&["source", "来源", "found 查得", "no_record 查无", "unknown 未知"], &rows);
}

/// Findings by scheme.
pub(crate) fn findings(summary: &BatchSummary) {
    terminal::heading(format!("Findings by scheme 核对结果 ({} cases)", summary.cases));
    let rows: Vec<Vec<String>> = summary
        .schemes
        .iter()
        .map(|s| {
            vec![
                s.scheme.clone(),
                s.title.clone(),
                s.met.to_string(),
                s.not_met.to_string(),
                s.undetermined.to_string(),
            ]
        })
        .collect();
    terminal::table(&["scheme", "救助类别", "met 符合", "not_met 不符合", "undetermined 存疑待核"], &rows);
}

/// Flags, gravest first.
pub(crate) fn flags(summary: &BatchSummary) {
    let total: usize = summary.flags.iter().map(|f| f.count).sum();
    terminal::heading(format!("Flags 疑点: {total} on {} cases", summary.flagged_cases));
    let order = ["critical", "high", "medium", "low", "info", "benefit"];
    let mut raised: Vec<_> = summary.flags.iter().filter(|f| f.count > 0).collect();
    raised.sort_by_key(|f| (order.iter().position(|s| *s == f.severity), f.flag.clone()));
    let rows: Vec<Vec<String>> = raised
        .iter()
        .map(|f| {
            vec![f.count.to_string(), f.flag.clone(), format!("{} {}", f.severity_zh, f.severity), f.title.clone()]
        })
        .collect();
    terminal::table(&["count", "flag", "severity", "疑点"], &rows);
}
