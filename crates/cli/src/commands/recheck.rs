//! `hedui recheck`: who is due, what changed, and why.

use std::time::Duration;

use hedui_base::Fen;
use hedui_verify::{RecheckRequest, RecheckSummary, RecheckedCase, Standing, WorkspaceOptions};

use super::{Ended, Shell, day, existing, to_json};
use crate::args::RecheckArgs;
use crate::{progress, terminal};

pub(crate) async fn run(shell: Shell, args: RecheckArgs) -> Ended {
    let options = WorkspaceOptions { site: args.site.clone(), today: args.due, ..WorkspaceOptions::default() };
    let ws = existing(&args.data, options).await?;
    let request = RecheckRequest {
        ask: !args.no_acquire,
        deadline: Duration::from_secs(args.wait),
        progress: progress::bars(shell.quiet),
        ..RecheckRequest::new(day(args.due, &ws))
    };
    let summary = hedui_verify::recheck(&ws, request).await?;
    if shell.json {
        terminal::json(&to_json(&summary)?);
    } else {
        print(&summary);
    }
    Ok(0)
}

fn print(summary: &RecheckSummary) {
    if let Some(acquired) = &summary.acquired {
        super::acquire::print(acquired);
    }
    let due = summary.due.map(|d| d.to_string()).unwrap_or_default();
    terminal::heading(format!("Recheck 定期复核 {due}: {} households due", summary.cases.len()));
    for case in summary.cases.iter().filter(|c| c.changed || !c.new_flags.is_empty()) {
        print_case(case);
    }
    terminal::heading("Totals");
    terminal::line(format!(
        "amount raised {}, amount lowered {}, category changed {}, unchanged {}",
        summary.raised, summary.lowered, summary.recategorised, summary.unchanged
    ));
    for (case, reason) in &summary.failures {
        terminal::line(format!("not computed: {case}: {reason}"));
    }
    if summary.cases.iter().any(|c| c.reviews > 0) {
        terminal::line("tasks for people: hedui review list --data DIR");
    }
}

fn print_case(case: &RecheckedCase) {
    let before = case.before.as_ref().map_or_else(|| "首次核对".to_owned(), standing);
    let due = case.next_due.map(|d| format!(", 下次复核 {d}")).unwrap_or_default();
    terminal::line(format!("{}: {before} → {}{due}", case.case, standing(&case.after)));
    for cause in &case.causes {
        let effect = cause.amount_effect_fen.map(|f| format!(" ({:+} 元/月)", Fen::new(f).to_yuan()));
        let kind = match cause.kind {
            hedui_verify::ChangeKind::Data => "数据",
            hedui_verify::ChangeKind::Rule => "政策",
            hedui_verify::ChangeKind::Time => "时间",
        };
        terminal::line(format!("    [{kind}] {}{}", cause.text, effect.unwrap_or_default()));
    }
    for flag in &case.new_flags {
        terminal::line(format!("    新疑点 {} {} ({})", flag.flag, flag.title, flag.severity_zh));
    }
    if !case.gone_flags.is_empty() {
        terminal::line(format!("    疑点消除 {}", case.gone_flags.join(", ")));
    }
}

fn standing(standing: &Standing) -> String {
    let amount = standing.amount_fen.map(|f| format!(" {} 元/月", Fen::new(f))).unwrap_or_default();
    match &standing.category {
        Some(category) => format!("{category}{amount}"),
        None if standing.possible.is_empty() => "均不符合".to_owned(),
        None => format!("存疑待核 (等待 {})", standing.waiting_on.join(", ")),
    }
}
