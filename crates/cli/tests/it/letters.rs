//! No letter, no look-up.

use crate::scene::{AS_OF, Scene, json, ok};

#[test]
fn an_expired_letter_and_a_missing_member_are_not_asked() {
    let scene = Scene::new(12, 13);
    let cases = scene.path("city/cases.json");
    let mut intake: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&cases).unwrap()).unwrap();
    let households = intake["households"].as_array_mut().unwrap();
    households[0]["letter"]["valid_until"] = "2026-06-29".into();
    let expired = households[0]["case"].as_str().unwrap().to_owned();
    let several = households.iter().skip(1).position(|h| h["members"].as_array().unwrap().len() > 1).unwrap() + 1;
    let left_out = households[several]["members"][1]["id_number"].clone();
    households[several]["letter"]["covers"].as_array_mut().unwrap().retain(|id| *id != left_out);
    let missing = households[several]["case"].as_str().unwrap().to_owned();
    std::fs::write(&cases, intake.to_string()).unwrap();

    let servers = scene.serve("data", &[]);
    let summary = scene.acquire("data", &[]);
    drop(servers);
    let refused: u64 = summary["sources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["outcomes"].get("not_authorised").and_then(|v| v.as_u64()))
        .sum();
    assert!(refused > 0);

    let data = scene.path("data");
    for (case, all) in [(&expired, true), (&missing, false)] {
        let report = json(&ok(&["--json", "check", case, "--data", &data, "--as-of", AS_OF]));
        let coverage = report["coverage"].as_array().unwrap();
        let count = |word: &str| coverage.iter().filter(|c| c["outcome"] == word).count();
        assert!(count("not_authorised") > 0, "{case}");
        if all {
            assert_eq!(count("found") + count("no_record"), 0, "{case}: nobody was asked under an expired letter");
        } else {
            assert!(count("found") + count("no_record") > 0, "{case}: the others were asked");
        }
        assert_ne!(report["category"], "dibao");
        let sheet = String::from_utf8(ok(&["check", case, "--data", &data, "--as-of", AS_OF]).stdout).unwrap();
        assert!(sheet.contains("未授权"), "the sheet says so:\n{sheet}");
    }
}
