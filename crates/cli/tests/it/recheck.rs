//! The city moves on three months: a recheck finds what its sources show, and why.

use crate::scene::{AS_OF, Scene, json, ok, text};

#[test]
fn three_months_later_changes_are_found_with_their_cause() {
    let scene = Scene::new(150, 15);
    let servers = scene.serve("data", &[]);
    scene.acquire("data", &[]);
    scene.batch("data", AS_OF);
    drop(servers);

    let city = scene.path("city");
    ok(&["sim", "city", "--out", &city, "--advance", "3"]);
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{city}/truth.json")).unwrap()).unwrap();
    assert!(!truth["changes"].as_array().unwrap().is_empty());

    let servers = scene.serve("data", &[]);
    let data = scene.path("data");
    let summary = json(&ok(&["--json", "recheck", "--data", &data, "--due", "2026-09-30"]));
    drop(servers);
    let cases = summary["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "somebody is due");
    assert!(summary["raised"].as_u64().unwrap() > 0, "a raised standard raises amounts");
    for case in cases.iter().filter(|c| c["changed"] == true) {
        assert!(!case["causes"].as_array().unwrap().is_empty(), "a change has a cause: {case}");
        assert!(case["before"].is_object(), "{case}");
    }
    let kinds: std::collections::BTreeSet<&str> = cases
        .iter()
        .flat_map(|c| c["causes"].as_array().unwrap())
        .map(|cause| cause["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains("rule") && kinds.contains("data"), "{kinds:?}");

    // Every flag that the city's changes raise in a household that was due is new in its recheck.
    for change in truth["changes"].as_array().unwrap() {
        let (Some(flag), Some(case)) = (change["flag"].as_str(), cases.iter().find(|c| c["case"] == change["case"]))
        else {
            continue;
        };
        let raised = case["new_flags"].as_array().unwrap().iter().any(|f| f["flag"] == flag);
        let before =
            truth["planted"].as_array().unwrap().iter().any(|p| p["case"] == change["case"] && p["flag"] == flag);
        assert!(raised || before, "{} {flag}: {case}", change["case"]);
    }
    let reviews = json(&ok(&["--json", "review", "list", "--data", &data]));
    assert!(!reviews.as_array().unwrap().is_empty());

    // The same day again: nobody is due any more.
    let again = json(&ok(&["--json", "recheck", "--data", &data, "--due", "2026-09-30", "--no-acquire"]));
    assert!(again["cases"].as_array().unwrap().is_empty());

    // What the later answers replaced goes when its time is over; what counts now stays, and the log says who removed what.
    let before = scene.batch("data", "2026-09-30");
    let planned = json(&ok(&["--json", "store", "retain", "--data", &data, "--older-than", "0d", "--dry-run"]));
    let count = |of: &serde_json::Value| of["rows"].as_u64().unwrap() + of["inlined"].as_u64().unwrap();
    assert!(count(&planned["remains"]) > 0, "{planned}");
    let kept = json(&ok(&["--json", "store", "retain", "--data", &data, "--older-than", "10y"]));
    assert_eq!(count(&kept["removed"]), 0, "nothing is that old");
    let done = json(&ok(&["--json", "store", "retain", "--data", &data, "--older-than", "0d"]));
    assert_eq!(count(&done["removed"]), count(&planned["remains"]), "{done}");
    assert!(done["remains"].as_object().unwrap().values().all(|left| *left == 0), "{done}");
    let after = scene.batch("data", "2026-09-30");
    assert_eq!((after.1, after.2), (before.1, before.2));
    ok(&["store", "verify", "--data", &data]);
    assert!(text(&ok(&["audit", "verify", "--data", &data])).contains("whole"));
    assert!(text(&ok(&["audit", "show", "--data", &data, "--last", "3"])).contains("store.retained"));
    assert!(text(&ok(&["store", "history", "--data", &data])).contains("published"));
}
