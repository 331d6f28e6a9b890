//! `batch --records`: a pack over a plain folder, with no connector.

use crate::scene::{copy_dir, ends, ok, repository, table, text};

fn args<'a>(dir: &'a str, cases: &'a str, out: &'a str) -> Vec<&'a str> {
    vec!["batch", "--records", dir, "--cases", cases, "--rules", "zhenjiang", "--as-of", "2026-06-30", "--out", out]
}

#[test]
fn the_example_folder_gives_findings_and_flags() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().display().to_string();
    let dir = repository("fixtures/plain").display().to_string();
    ok(&args(&dir, &format!("{dir}/cases.csv"), &out));
    let findings = table(&out, "findings.parquet");
    let flags = table(&out, "flags.parquet");
    assert!(findings.len() >= 8 && !flags.is_empty());
    for column in [
        "case",
        "area",
        "pack",
        "pack_version",
        "as_of",
        "known_at",
        "finding_dibao",
        "finding_dibao_marginal",
        "category",
        "possible",
        "waiting_on",
        "amount_fen",
        "income_below_standard_value",
        "income_below_standard_limit",
        "income_below_standard_margin",
        "income_below_standard_result",
        "score",
        "flags_high",
    ] {
        assert!(findings[0].contains_key(column), "findings.parquet lacks {column}");
    }
    for column in ["case", "person", "flag", "severity", "follow_up", "declared", "found", "difference", "evidence"] {
        assert!(flags[0].contains_key(column), "flags.parquet lacks {column}");
    }
    let words: Vec<String> = findings.iter().map(|f| f["finding_dibao"].clone()).collect();
    for word in ["met", "not_met", "undetermined"] {
        assert!(words.iter().any(|w| w == word), "{word} occurs in {words:?}");
    }
    for finding in &findings {
        if finding["finding_dibao"] == "undetermined" {
            assert!(!finding["waiting_on"].is_empty() && finding["category"].is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn every_problem_of_a_folder_is_listed_and_lenient_sets_its_cases_aside() {
    let dir = tempfile::tempdir().unwrap();
    let records = copy_dir(&repository("fixtures/plain"), &dir.path().join("plain"));
    let deposit = records.join("deposit.csv");
    let original = std::fs::read_to_string(&deposit).unwrap();
    let mut lines: Vec<String> = original.lines().map(str::to_owned).collect();
    let balance = lines[0].split(',').position(|c| c == "balance").unwrap();
    for (line, bad) in [(1, "1.2万元"), (2, "100.005")] {
        let mut cells: Vec<String> = lines[line].split(',').map(str::to_owned).collect();
        cells[balance] = bad.to_owned();
        lines[line] = cells.join(",");
    }
    std::fs::write(&deposit, lines.join("\n")).unwrap();
    let (records, out) = (records.display().to_string(), dir.path().join("out").display().to_string());
    let cases = format!("{records}/cases.csv");
    let said = text(&ends(&args(&records, &cases, &out), 2));
    assert!(said.contains("deposit.csv:2") && said.contains("deposit.csv:3"), "{said}");
    assert!(!said.contains("1.2万元"), "values are not repeated: {said}");

    let mut lenient = args(&records, &cases, &out);
    lenient.push("--lenient");
    ok(&lenient);
    assert!(std::path::Path::new(&out).join("rejected.csv").is_file());
    let left = table(&out, "findings.parquet").len();
    assert!(left > 0 && left < std::fs::read_to_string(&cases).unwrap().lines().count() - 1);
}

#[test]
fn wrong_usage_is_told_and_ends_with_2() {
    for args in [
        vec!["batch", "--out", "x"],
        vec![
            "batch",
            "--records",
            "no-such-folder",
            "--cases",
            "x.csv",
            "--rules",
            "zhenjiang",
            "--as-of",
            "2026-06-30",
            "--out",
            "x",
        ],
        vec!["check", "X", "--data", "no-such-folder"],
        vec!["rules", "check", "zhenjang"],
        vec!["demo", "--households", "0"],
        vec!["nonsense"],
    ] {
        let said = text(&ends(&args, 2));
        assert!(!said.is_empty() && !said.contains("panicked"), "{args:?}: {said}");
    }
}
