//! Broken manifests and packs: every mistake in one run, each with its place, and exit code 2.

use std::path::Path;

use crate::scene::{copy_dir, ends, json, ok, repository};

fn replace(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} has no {from}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_built_in_texts_are_right() {
    ok(&["rules", "check"]);
    ok(&["source", "check"]);
    ok(&["source", "list"]);
    ok(&["rules", "test"]);
}

#[test]
fn a_broken_pack_lists_all_its_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let pack = copy_dir(&repository("rules/zhenjiang"), &dir.path().join("zhenjiang"));
    std::fs::write(
        pack.join("broken.toml"),
        r#"
[variable.yearly_against_monthly]
entity = "household"
type = "bool"
formula = "PER_YEAR(dibao_standard) > dibao_standard"
title = { zh = "年与月" }
cite = "x"

[variable.mixed]
entity = "household"
type = "money/month"
formula = "dibao_standard + size"
title = { zh = "单位混用" }
cite = "x"

[variable.undefined]
entity = "household"
type = "money/month"
formula = "dibao_standrad * 2"
title = { zh = "未定义" }
cite = "x"

[variable.one]
entity = "household"
type = "int"
formula = "two + 1"
title = { zh = "一" }
cite = "x"

[variable.two]
entity = "household"
type = "int"
formula = "one + 1"
title = { zh = "二" }
cite = "x"

[flag.ZZ01]
title = { zh = "错字" }
entity = "household"
when = "size > 1"
severty = "high"
follow_up = "desk"
evidence = []
cite = "[design]"

[parameter.twice]
type = "money"
title = { zh = "重叠" }
table = "twice.csv"
"#,
    )
    .unwrap();
    std::fs::write(
        pack.join("twice.csv"),
        "area,residence,from,until,value,cite\n321100,,2024-01-01,2025-12-31,1.00,a\n321100,,2025-06-01,,2.00,b\n",
    )
    .unwrap();
    let output = ends(&["--json", "rules", "check", &pack.display().to_string()], 2);
    let said = json(&output);
    let list = said["diagnostics"].as_array().unwrap();
    let errors: Vec<_> = list.iter().filter(|d| d["severity"] == "error").collect();
    for (file, what) in [
        ("broken.toml", "per year"),
        ("broken.toml", "a count"),
        ("broken.toml", "dibao_standrad"),
        ("broken.toml", "one"),
        ("broken.toml", "severty"),
        ("twice.csv", "overlap"),
    ] {
        let found = errors.iter().any(|d| {
            let place = d["labels"].as_array().unwrap().iter().any(|l| {
                l["file"].as_str().unwrap().ends_with(file)
                    && l["line"].as_u64().unwrap() > 0
                    && l["column"].as_u64().unwrap() > 0
            });
            place && d.to_string().contains(what)
        });
        assert!(found, "{file}: {what} in\n{said:#}");
    }
    let near = errors.iter().find(|d| d.to_string().contains("dibao_standrad")).unwrap();
    assert!(near.to_string().contains("dibao_standard"), "the near miss is suggested: {near}");
}

#[test]
fn a_broken_manifest_lists_all_its_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = copy_dir(&repository("connectors/institutions/market"), &dir.path().join("market"));
    let manifest = folder.join("connector.toml");
    replace(&manifest, "batch =", "bacth =");
    replace(&manifest, "\"$.", "\"$[.");
    let output = ends(&["--json", "source", "check", &folder.display().to_string()], 2);
    let said = json(&output);
    let errors: Vec<_> = said["diagnostics"].as_array().unwrap().iter().filter(|d| d["severity"] == "error").collect();
    assert!(errors.len() >= 2, "{said:#}");
    assert!(errors.iter().all(|d| d["labels"][0]["line"].as_u64().unwrap() > 0));
    assert!(errors.iter().any(|d| d.to_string().contains("bacth") && d.to_string().contains("batch")));
}
