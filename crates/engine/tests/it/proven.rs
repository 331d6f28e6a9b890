//! `fixtures/rules/proven/*`: packs with cases, what those reach, and which slips in the rules they notice.

use std::fmt::Write as _;
use std::sync::Arc;

use hedui_engine::cases::{MutationOptions, run_cases, run_mutants};
use hedui_rules::mutants::mutants;
use hedui_rules::{Checked, Library, PackFolder, Program};

use crate::written::{catalogue, fixtures};

fn proven(id: &str) -> (Arc<Program>, Checked) {
    let pack = PackFolder::read(&fixtures().join("proven").join(id)).unwrap();
    let checked = Library::new(vec![pack], catalogue()).check(id);
    let mistakes: Vec<String> = checked.diagnostics.iter().map(ToString::to_string).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    (checked.program.clone().unwrap(), checked)
}

fn report(id: &str) -> String {
    let (program, checked) = proven(id);
    let cases = run_cases(&program, &checked.cases);
    let mut text = format!("{} of {} cases passed\n", cases.passed, cases.cases);
    for d in &cases.differences {
        writeln!(text, "{}:{}: {}: expected {}, got {}", d.file, d.line, d.name, d.expected, d.got).unwrap();
    }
    writeln!(text, "\n{} of {} reached", cases.own.reached, cases.own.reachable).unwrap();
    for gap in &cases.unreached {
        writeln!(text, "{}:{}: {}: {}", gap.file, gap.line, gap.name, gap.gap).unwrap();
    }
    let changes = run_mutants(&program, &checked.cases, &MutationOptions::default());
    writeln!(text, "\n{} of {} changes noticed", changes.noticed, changes.tried).unwrap();
    for missed in &changes.missed {
        writeln!(text, "{}:{} {}: {} ({})", missed.file, missed.line, missed.rule, missed.change, missed.cases)
            .unwrap();
    }
    text
}

#[test]
fn whole_cases_reach_everything_and_notice_every_slip() {
    insta::assert_snapshot!("proven__whole", report("whole"));
}

#[test]
fn thin_cases_say_what_they_leave_out() {
    insta::assert_snapshot!("proven__thin", report("thin"));
}

#[test]
fn every_change_is_told_once_and_taken_back() {
    for id in ["whole", "thin"] {
        let (program, _) = proven(id);
        let before = format!("{program:?}");
        let mut own = (*program).clone();
        let mut told = std::collections::HashSet::new();
        for mutant in mutants(&program, &|_, _, expr| format!("{:?}", expr.kind)) {
            let changed = mutant.with(&mut own, |changed| format!("{changed:?}"));
            assert_ne!(changed, before, "{}: {} changes nothing", mutant.rule, mutant.change);
            assert_eq!(changed, format!("{:?}", mutant.applied(&program)));
            assert_eq!(format!("{own:?}"), before, "{}: {} is not taken back", mutant.rule, mutant.change);
            assert!(told.insert(changed), "{}: {} is told twice", mutant.rule, mutant.change);
        }
    }
}

#[test]
fn a_sample_is_chosen_by_its_seed_whatever_the_threads() {
    let (program, checked) = proven("thin");
    let run = |seed, threads| {
        run_mutants(&program, &checked.cases, &MutationOptions { sample: Some(10), seed, threads: Some(threads) })
    };
    assert_eq!(run(1, 1), run(1, 2));
    assert_eq!(run(1, 1).tried, 10);
    assert_ne!(run(1, 1).missed, run(2, 1).missed);
}
