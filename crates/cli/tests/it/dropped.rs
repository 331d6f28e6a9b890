//! Institutions that nobody built in: folders put beside the others, asked by the same binary.
//!
//! One is the tutorial's, answered over HTTP; one answers by files through a folder that both see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hedui_sim::{CityOptions, Person, generate};
use serde_json::Value;

use crate::page;
use crate::scene::{AS_OF, Scene, copy_dir, ends, json, ok, repository, source, text};

const REDCROSS: &str = "redcross.aid";
const FOUNDATION: &str = "foundation.aid";
const BOTH: [(&str, &str); 2] = [(REDCROSS, "red_cross"), (FOUNDATION, "other")];
const HOUSEHOLDS: u32 = 50;
const SEED: u64 = 21;

/// Puts both into a folder.
fn drop_both(at: &str) {
    let redcross = Path::new(at).join("redcross");
    std::fs::create_dir_all(&redcross).unwrap();
    let manifest = page::file("docs/connectors.md", "institutions/redcross/connector.toml");
    std::fs::write(redcross.join("connector.toml"), manifest).unwrap();
    copy_dir(&repository("fixtures/tutorial/foundation"), &Path::new(at).join("foundation"));
}

/// What the city's register says about a person at one of them: project and value, sorted.
fn gifts(person: &Person, org: &str) -> Vec<(String, String)> {
    let rows = person.records.more.get("organisation_aid").into_iter().flatten();
    let mut gifts: Vec<_> = rows
        .filter(|row| row.get("org").and_then(Value::as_str) == Some(org))
        .map(|row| {
            let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap().to_owned();
            (text("aid_kind"), text("aid_value"))
        })
        .collect();
    gifts.sort();
    gifts
}

fn count(entry: &Value, outcome: &str) -> u64 {
    entry["outcomes"].get(outcome).and_then(Value::as_u64).unwrap_or(0)
}

/// A letter that grants everything but what these two hold.
fn withhold(cases: &str, nth: usize) -> String {
    let mut intake: Value = serde_json::from_str(&std::fs::read_to_string(cases).unwrap()).unwrap();
    let household = &mut intake["households"][nth];
    household["letter"]["scopes"] = serde_json::json!(["identity", "income", "assets", "financial"]);
    let case = household["case"].as_str().unwrap().to_owned();
    std::fs::write(cases, intake.to_string()).unwrap();
    case
}

/// What a source's stored answers say about a case, by `source answers`.
fn answers(data: &str, source: &str, case: &str, extra: &[&str]) -> Vec<Value> {
    let args = ["--json", "source", "answers", source, "--data", data, "--case", case, "--as-of", AS_OF];
    json(&ok(&[&args[..], extra].concat())).as_array().unwrap().clone()
}

#[test]
fn a_folder_dropped_beside_the_others_is_asked_like_them() {
    let scene = Scene::new(HOUSEHOLDS, SEED);
    let city = generate(&CityOptions { households: HOUSEHOLDS, seed: SEED, as_of: AS_OF.parse().unwrap() });
    let institutions = scene.path("institutions");
    drop_both(&institutions);
    let refused = withhold(&scene.path("city/cases.json"), 3);
    let with = ["--connectors", institutions.as_str()];
    let data = scene.path("data");

    let listed = json(&ok(&["--json", "source", "list", "--connectors", &institutions]));
    let built_in = json(&ok(&["--json", "source", "list"])).as_array().unwrap().len();
    assert_eq!(listed.as_array().unwrap().len(), built_in + 2);

    let servers = scene.serve("data", &with);
    let summary = scene.acquire("data", &with);

    // Both were asked about every member, but for those whose letter does not cover it, and said what the registers hold.
    for (id, org) in BOTH {
        let (mut found, mut none, mut denied) = (0, 0, 0);
        // Row by row at three households with a gift, at one without, and at the one that did not allow it.
        let (mut looked_into, mut helped) = (vec![3], 0);
        for (nth, household) in city.households.iter().enumerate() {
            let gifted = household.members.iter().filter(|member| !gifts(member, org).is_empty()).count() as u64;
            let members = household.members.len() as u64;
            if household.case == refused {
                denied += members;
                continue;
            }
            (found, none) = (found + gifted, none + members - gifted);
            if gifted > 0 && helped < 3 {
                helped += 1;
                looked_into.push(nth);
            } else if gifted == 0 && looked_into.len() == 1 + helped {
                looked_into.push(nth);
            }
        }
        let entry = source(&summary, id);
        assert!(
            helped > 0 && none > 0 && denied > 0,
            "{id}: {found} found, {none} without record, {denied} not allowed"
        );
        assert_eq!(
            (count(entry, "found"), count(entry, "no_record"), count(entry, "not_authorised")),
            (found, none, denied),
            "{entry}"
        );
        assert_eq!(entry["sent"].as_u64().unwrap(), found + none, "nobody is asked about against the letter: {entry}");
        assert!(entry["quarantined"].as_object().unwrap().is_empty(), "{entry}");
        for household in looked_into.iter().map(|nth| &city.households[*nth]) {
            let lines = answers(&data, id, &household.case, &with);
            assert_eq!(lines.len(), household.members.len(), "{id} {}: members only", household.case);
            let mut said: Vec<Vec<(String, String)>> = Vec::new();
            for line in &lines {
                let mut rows: Vec<_> = line["records"].as_array().unwrap().iter().map(row).collect();
                let outcome = match (household.case == refused, rows.is_empty()) {
                    (true, _) => "not_authorised",
                    (false, true) => "no_record",
                    (false, false) => "found",
                };
                assert_eq!(line["outcome"], outcome, "{id} {}: {line}", household.case);
                assert_eq!(line["letter"].is_null(), household.case == refused, "{line}");
                rows.sort();
                said.push(rows);
            }
            let allowed = |member| if household.case == refused { Vec::new() } else { gifts(member, org) };
            let mut due: Vec<_> = household.members.iter().map(allowed).collect();
            due.sort();
            said.sort();
            assert_eq!(said, due, "{id} {}", household.case);
        }
    }

    let board = json(&ok(&["--json", "source", "health", "--data", &data, "--connectors", &institutions]));
    for (id, _) in BOTH {
        let line = board.as_array().unwrap().iter().find(|line| line["source"] == id).unwrap();
        assert_eq!(line["state"], "ok", "{line}");
        assert!(line["found_percent"].as_f64().unwrap() > 0.0, "{line}");
    }

    // Without them nothing breaks, nobody is asked again, and their answers stay.
    let without = scene.acquire("data", &[]);
    assert!(without["sources"].as_array().unwrap().iter().all(|s| s["sent"] == 0), "{without}");
    assert_eq!(without["sources"].as_array().unwrap().len(), built_in);
    let (_, findings, flags) = scene.batch("data", AS_OF);
    ok(&["check", &refused, "--data", &data, "--as-of", AS_OF]);
    ok(&["store", "verify", "--data", &data]);
    let unknown = ends(&["source", "answers", REDCROSS, "--data", &data, "--case", &refused], 2);
    assert!(text(&unknown).contains("--connectors"), "{}", text(&unknown));
    drop(servers);
    let again = scene.acquire("data", &with);
    for (id, _) in BOTH {
        let entry = source(&again, id);
        assert_eq!(entry["sent"], 0, "their answers stayed: {entry}");
        assert_eq!(entry["reused"], source(&summary, id)["sent"], "{entry}");
    }

    // Kept in the data folder they are there for every verb, and a gift is no income.
    std::fs::rename(&institutions, scene.path("data/connectors")).unwrap();
    let (_, kept_findings, kept_flags) = scene.batch("data", AS_OF);
    assert_eq!((kept_findings, kept_flags), (findings, flags));
    let report = json(&ok(&["--json", "check", &refused, "--data", &data, "--as-of", AS_OF]));
    let covered: BTreeMap<&str, &str> = report["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| BOTH.iter().any(|(id, _)| line["source"] == *id))
        .map(|line| (line["source"].as_str().unwrap(), line["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(covered, BTreeMap::from([(REDCROSS, "not_authorised"), (FOUNDATION, "not_authorised")]));
    let known: BTreeSet<String> = json(&ok(&["--json", "source", "list", "--data", &data]))
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["source"].as_str().unwrap().to_owned())
        .collect();
    assert!(BOTH.iter().all(|(id, _)| known.contains(*id)));
    assert!(text(&ok(&["audit", "verify", "--data", &data])).contains("whole"));

    // Served by the same folder, a source tried stores nothing.
    let servers = scene.serve("data", &["--only", "redcross"]);
    let case = &city.households[0].case;
    let before = answers(&data, REDCROSS, case, &[]);
    let tried = json(&ok(&["--json", "source", "try", REDCROSS, "--data", &data, "--case", case]));
    assert_eq!(tried["asked"].as_u64().unwrap(), city.households[0].members.len() as u64, "{tried}");
    assert_eq!(answers(&data, REDCROSS, case, &[]), before);
    drop(servers);
}

/// A row as the register has it: project and value.
fn row(record: &Value) -> (String, String) {
    let column = |title: &str| {
        let columns = record["columns"].as_array().unwrap();
        let pair = columns.iter().find(|pair| pair[0] == title).unwrap_or_else(|| panic!("no {title} in {record}"));
        pair[1].as_str().unwrap().to_owned()
    };
    (column("项目"), column("金额或折价").trim_end_matches(" 元").replace(',', ""))
}

/// A manifest with a mistake stops the verbs with its place, whichever way the folder came in.
#[test]
fn a_dropped_folder_with_a_mistake_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    let spoil = |folder: &Path| {
        drop_both(&folder.display().to_string());
        let file = folder.join("redcross/connector.toml");
        let manifest = std::fs::read_to_string(&file).unwrap().replace(", unit = \"yuan\"", "");
        std::fs::write(file, manifest).unwrap();
    };
    spoil(&at("more"));
    spoil(&at("data/connectors"));
    let (more, data, fresh) =
        (at("more").display().to_string(), at("data").display().to_string(), at("fresh").display().to_string());
    for args in [
        &["source", "list", "--connectors", &more][..],
        &["source", "list", "--data", &data],
        &["source", "check", "--data", &data],
        &["acquire", "--data", &fresh, "--connectors", &more],
        &["acquire", "--data", &data],
    ] {
        let said = text(&ends(args, 2));
        assert!(said.contains("connect::money_without_unit") && said.contains("redcross/connector.toml:49"), "{said}");
    }
}
