//! `hedui rules test`: the cases of packs, what they reach and what they notice.

use std::time::Instant;

use hedui_base::Diagnostic;
use hedui_verify::rule_cases::{CaseReport, MutationOptions, MutationReport, run_cases, run_mutants};

use super::rules::library;
use super::{Ended, Shell, to_json};
use crate::args::RulesTestArgs;
use crate::failure::{self, Failure};
use crate::terminal;

pub(super) fn run(shell: Shell, args: &RulesTestArgs) -> Ended {
    let (library, ids) = library(&args.packs)?;
    let options = MutationOptions { sample: args.sample, seed: args.seed, threads: args.threads };
    let mut reports = serde_json::Map::new();
    let mut failed = false;
    for id in &ids {
        let checked = library.check(id);
        let errors = checked.diagnostics.iter().any(Diagnostic::is_error);
        let Some(program) = checked.program.filter(|_| !errors) else {
            return Err(Failure::Mistakes(checked.diagnostics));
        };
        let report = run_cases(&program, &checked.cases);
        failed |= if args.strict { !report.is_whole() } else { !report.is_passed() };
        let mut json = to_json(&report)?;
        if !shell.json {
            print(id, &report);
        }
        if args.mutate {
            let start = Instant::now();
            let changes = run_mutants(&program, &checked.cases, &options);
            let seconds = start.elapsed().as_secs_f64();
            failed |= args.at_least.is_some_and(|least| !changes.is_at_least(least));
            if !shell.json {
                print_changes(id, &changes, seconds);
            }
            if let Some(report) = json.as_object_mut() {
                report.insert("mutation".to_owned(), to_json(&changes)?);
            }
        }
        reports.insert(id.clone(), json);
    }
    if shell.json {
        terminal::json(&serde_json::Value::Object(reports));
    }
    Ok(if failed { failure::ATTENTION } else { 0 })
}

fn print(id: &str, report: &CaseReport) {
    let (passed, cases, own, inherited) = (report.passed, report.cases, report.own, report.inherited);
    terminal::line(format!(
        "{id}: {passed} of {cases} cases passed; {} of {} rules, sides of conditions and parameter rows reached",
        own.reached, own.reachable
    ));
    if inherited.reachable > 0 {
        terminal::line(format!("  inherited: {} of {} reached", inherited.reached, inherited.reachable));
    }
    for d in &report.differences {
        let person = d.person.map(|p| format!(" of person {}", p + 1)).unwrap_or_default();
        let name = if d.name.is_empty() { String::new() } else { format!("{}{person}: ", d.name) };
        terminal::line(format!(
            "  {}:{}: \"{}\": {name}expected {}, got {}",
            d.file, d.line, d.case, d.expected, d.got
        ));
    }
    for gap in &report.unreached {
        terminal::line(format!("  {}:{}: {}: {}", gap.file, gap.line, gap.name, gap.gap));
    }
}

fn print_changes(id: &str, report: &MutationReport, seconds: f64) {
    for missed in &report.missed {
        let cases = match missed.cases {
            0 => "no case comes to it".to_owned(),
            1 => "1 case comes to it".to_owned(),
            n => format!("{n} cases come to it"),
        };
        terminal::line(format!(
            "  {}:{} {}: {}; unnoticed, {cases}",
            missed.file, missed.line, missed.rule, missed.change
        ));
    }
    let of = if report.tried < report.changes { format!(" (of {})", report.changes) } else { String::new() };
    terminal::line(format!(
        "{id}: {} of {} changes{of} noticed, {:.1} %, in {seconds:.1} s",
        report.noticed,
        report.tried,
        100.0 * report.share()
    ));
}
