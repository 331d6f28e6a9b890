#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Arc;

use hedui_base::{Catalogue, SourceText};
use hedui_rules::{Library, PackFolder};

use super::*;

const DEPOSIT: &str = r#"
[dataset]
name = "deposit"
title = { zh = "存款" }
per = "person"
key = ["account"]
[column.account]
title = { zh = "账号" }
type = "text"
[column.balance]
title = { zh = "余额" }
type = "money"
min = 0
"#;

const PACK: &str = r#"
[pack]
id = "tiny"
title = { zh = "小", en = "tiny" }
version = "1"
from = 2020-01-01
cite = ["[test]"]
"#;

const RULES: &str = r#"
[input.bonus]
entity = "person"
type = "money"
title = { zh = "补贴" }
default = 0

[fact.balance_found]
entity = "person"
from = "deposit"
value = "SUM(balance)"
title = { zh = "存款" }
cite = "[test]"

[variable.savings]
entity = "household"
type = "money"
formula = "SUM(member.balance_found) + SUM(member.bonus)"
title = { zh = "家庭存款" }
cite = "[test]"

[variable.band]
entity = "household"
type = "int"
formula = "CASE WHEN savings > 1000 THEN 3 WHEN savings > 500 THEN 2 ELSE 1 END"
title = { zh = "档" }
cite = "[test]"

[test.savings_small]
value = "savings"
below = "300.00"
title = { zh = "存款不多" }
cite = "[test]"

[flag.BIG]
title = { zh = "存款多" }
entity = "household"
when = "band = 3"
severity = "high"
follow_up = "desk"
evidence = ["deposit"]
cite = "[test]"

[scheme.aid]
order = 1
title = { zh = "救助" }
when = "savings_small"
amount = "ROUND(100.00)"
cite = "[test]"
"#;

fn run(cases: &str) -> CaseReport {
    let catalogue = Catalogue::parse(&[SourceText::new("deposit.toml", DEPOSIT)]).unwrap();
    let files = [("pack.toml", PACK), ("rules.toml", RULES), ("cases/all.toml", cases)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let library = Library::new(vec![PackFolder::from_files("tiny", files)], catalogue);
    let checked = library.check("tiny");
    assert!(!checked.diagnostics.iter().any(|d| d.is_error()), "{:#?}", checked.diagnostics);
    let program: Arc<Program> = checked.program.unwrap();
    run_cases(&program, &checked.cases)
}

/// One case with 200 yuan on an account, and what it expects.
fn case(expect: &str) -> String {
    format!(
        r#"
[[case]]
title  = "two hundred yuan"
as_of  = 2026-06-30
area   = "990101"
member = [{{ bonus = 50.00, deposit = [{{ account = "a", balance = 200.00 }}] }}]
expect = {{ {expect} }}
"#
    )
}

#[test]
fn a_case_that_comes_out_as_expected_passes() {
    let report = run(&case(
        r#"savings = 250.00, band = 1, savings_small = "met", aid = "met", "aid.amount" = 100.00, category = "aid",
        possible = ["aid"], waiting_on = [], no_flags = ["BIG"], margin = { savings_small = 50.00 }"#,
    ));
    assert_eq!(report.differences, []);
    assert_eq!((report.cases, report.passed), (1, 1));
}

#[test]
fn every_difference_is_listed_with_its_place() {
    let report = run(&case(
        r#"savings = 250.01, aid = "not_met", category = "", waiting_on = ["deposit"], flags = ["BIG"],
        margin = { savings_small = 49.99 }"#,
    ));
    let seen: Vec<(&str, &str, &str)> =
        report.differences.iter().map(|d| (d.name.as_str(), d.expected.as_str(), d.got.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("savings", "250.01 元", "250.00 元"),
            ("aid", "not_met", "met"),
            ("margin.savings_small", "49.99 元", "50.00 元"),
            ("flags", "BIG raised", "raised: none"),
            ("waiting_on", "deposit", "none"),
            ("category", "none", "aid"),
        ]
    );
    assert_eq!(report.passed, 0);
    let first = &report.differences[0];
    assert!(first.file.ends_with("cases/all.toml") && first.line > 1, "{first:?}");
}

#[test]
fn an_unanswered_source_leaves_values_open_within_bounds() {
    let cases = r#"
[[case]]
title   = "one bank did not answer"
as_of   = 2026-06-30
area    = "990101"
member  = [{ deposit = [{ account = "a", balance = 200.00 }] }]
outcome = { "bank.x" = "overdue" }
expect  = { savings = { at_least = 200.00 }, aid = "undetermined", possible = ["aid"], waiting_on = ["bank.x"], category = "" }

[[case]]
title   = "one bank did not answer about one of two"
as_of   = 2026-06-30
area    = "990101"
member  = [
  { deposit = [{ account = "a", balance = 100.00 }], expect = { balance_found = 100.00 } },
  { deposit = [{ account = "b", balance = 200.00 }], outcome = { "bank.x" = "failed" }, expect = { balance_found = "unknown" } },
]
expect  = { savings_small = "not_met", aid = "not_met", waiting_on = [], band = "unknown" }
"#;
    assert_eq!(run(cases).differences, []);
}

#[test]
fn what_no_case_reaches_is_listed() {
    let report = run(&case("savings = 250.00"));
    let gaps: Vec<(&str, Gap)> = report.unreached.iter().map(|u| (u.name.as_str(), u.gap.clone())).collect();
    for gap in [
        ("band", Gap::Branch("savings > 1,000.00 元".to_owned())),
        ("band", Gap::Branch("savings > 500.00 元".to_owned())),
        ("savings_small", Gap::NotMet),
        ("aid", Gap::NotMet),
        ("BIG", Gap::Raised),
    ] {
        assert!(gaps.contains(&gap), "{gap:?} is missing from {gaps:#?}");
    }
    assert_eq!(report.unreached.len(), 5, "{gaps:#?}");
    assert!(report.is_passed() && !report.is_whole());
}
