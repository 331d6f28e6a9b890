//! `hedui rules test`: what cases leave out and which slips in the rules they notice, in words and as JSON.

use crate::scene::{ends, json, ok, repository};

fn fixture(id: &str) -> String {
    repository(&format!("fixtures/rules/proven/{id}")).display().to_string()
}

#[test]
fn a_pack_whose_cases_are_thin_says_where() {
    let thin = fixture("thin");
    let shown = String::from_utf8(ends(&["rules", "test", &thin, "--mutate"], 1).stdout).unwrap();
    for line in [
        "thin: 1 of 2 cases passed; ",
        "  thin/cases/few.toml:15: \"this one is wrong: it notices nothing\": aid: expected not_met, got met",
        "  thin/rules.toml:22: counted: no case takes the branch WHEN kind = 'b'",
        "  thin/rules.toml:30 test low: at_most -> below; unnoticed, 1 case comes to it",
        "  thin/limit.csv:3 parameter limit: begins 2026-07-01 -> 2026-07-02; unnoticed, no case comes to it",
    ] {
        assert!(shown.contains(line), "{line}\n--- is not in\n{shown}");
    }
    let report = json(&ends(&["--json", "rules", "test", &thin, "--mutate", "--sample", "5", "--seed", "3"], 1));
    let report = &report["thin"];
    assert_eq!((&report["cases"], &report["passed"]), (&2.into(), &1.into()));
    assert!(report["own"]["reached"].as_u64() < report["own"]["reachable"].as_u64(), "{report}");
    assert!(report["unreached"].as_array().unwrap().iter().any(|gap| gap["gap"] == "raised" && gap["name"] == "F1"));
    let mutation = &report["mutation"];
    assert_eq!(mutation["tried"], 5);
    assert!(mutation["changes"].as_u64() > Some(5), "{mutation}");
    for missed in mutation["missed"].as_array().unwrap() {
        assert!(missed["line"].as_u64() > Some(0) && missed["change"].is_string() && missed["rule"].is_string());
    }
}

#[test]
fn the_share_noticed_sets_the_exit_code() {
    let thin = fixture("thin");
    let whole = fixture("whole");
    ok(&["rules", "test", &whole, "--strict", "--mutate", "--at-least", "100", "--threads", "2"]);
    ends(&["rules", "test", &thin, "--strict"], 1);
    ends(&["rules", "test", &whole, "--at-least", "95"], 2);
}
