//! The fault matrix at small scale, by the same code as `hedui sim torture --minutes N`: faults on every transport, kills
//! at every boundary, and in the end what a calm run gives.

use crate::scene::{ends, json, ok, text};

/// A source of every transport.
const SOURCES: &str = "police.hukou,hrss.insurance,tax.income,rural.monitoring,bank.jinshan,bank.guhe,bank.muyun,housing.registry,water.use";

#[test]
fn faults_and_kills_change_nothing_in_the_end() {
    // Each of thirteen seeds begins its kills at the boundary that was killed at least.
    let args = ["--json", "sim", "torture", "--rounds", "13", "--households", "5", "--kills", "4", "--within", "1"];
    let survived = json(&ok(&[&args[..], &["--sources", SOURCES]].concat()));
    assert_eq!(survived["rounds"], 13);
    let counts = |name: &str| survived[name].as_object().unwrap().clone();
    // Which kills hit depends on what is still open when they come; the first of each round nearly always does.
    let killed = counts("kills_at").values().filter(|count| count.as_u64().unwrap() > 0).count();
    assert!(killed >= 11, "{survived}");
    let cells: Vec<_> = counts("matrix").values().flat_map(|row| row.as_object().unwrap().clone()).collect();
    let struck = cells.iter().filter(|(_, count)| count.as_u64().is_some_and(|count| count > 0)).count();
    let could = cells.iter().filter(|(_, count)| count.is_u64()).count();
    assert_eq!(cells.len(), 19 * 8);
    assert!(could > 100 && struck * 4 >= could * 3, "{struck} of {could} cells: {}", survived["missed"]);
    for (what, least) in [("asks", 1000), ("records", 1500), ("findings", 50), ("outcomes_checked", 1000)] {
        assert!(survived[what].as_u64().unwrap() > least, "{what}: {survived}");
    }
}

#[test]
fn a_run_that_met_too_little_ends_with_1_and_names_what_it_did_not_meet() {
    let scene = crate::scene::Scene::new(1, 1);
    let args = ["--json", "sim", "torture", "--rounds", "1", "--households", "2", "--kills", "2", "--within", "1"];
    let only = ["--sources", "police.hukou", "--strict"];
    let first = ends(&[&args[..], &only].concat(), 1);
    let said = text(&first);
    assert!(said.contains("no kill at ") && said.contains(" over http never struck"), "{said}");
    // At this one nothing is ever left waiting, and no fault of another transport could be met.
    let met = json(&first);
    assert_eq!(met["kills_at"]["submitted"], "-");
    assert_eq!(met["matrix"]["down"]["soap"], serde_json::Value::Null);
    assert_eq!(met["matrix"]["late"]["http"], "-");
    // What follows begins with what is left.
    let file = scene.path("met.json");
    std::fs::write(&file, &first.stdout).unwrap();
    let second = json(&ok(&[&args[..], &["--sources", "police.hukou", "--after", &file]].concat()));
    let missed = |met: &serde_json::Value| met["missed"].as_array().unwrap().len();
    assert!(missed(&second) < missed(&met), "{second}");
}
