//! `rules simulate` says exactly what two batches say, over a city and over a plain folder, and shouts at mass exits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hedui_verify::{BatchRequest, Selection, Workspace, WorkspaceOptions};
use serde_json::Value;

use crate::scene::{AS_OF, Rows, Scene, copy_dir, ends, json, ok, repository, table, text};

/// Where a row of `findings.parquet` stands.
fn standing(row: &BTreeMap<String, String>) -> String {
    match (row["category"].as_str(), row["possible"].as_str()) {
        ("", "") => "none".to_owned(),
        ("", _) => "undetermined".to_owned(),
        (category, _) => category.to_owned(),
    }
}

fn amount(row: &BTreeMap<String, String>) -> i64 {
    row["amount_fen"].parse().unwrap_or(0)
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What two batches say of some of the cases: counts by name, computed from their files alone.
fn expected(
    before: &Rows,
    after: &Rows,
    of: impl Fn(&BTreeMap<String, String>) -> bool,
) -> BTreeMap<&'static str, i64> {
    let mut sums: BTreeMap<&'static str, i64> = BTreeMap::new();
    let mut add = |name, by| *sums.entry(name).or_default() += by;
    for (a, b) in before.iter().zip(after).filter(|(a, _)| of(a)) {
        assert_eq!(a["case"], b["case"]);
        let (was, is) = (standing(a), standing(b));
        let settled_in = |s: &str| s != "none" && s != "undetermined";
        add("cases", 1);
        add("known_before", amount(a));
        add("known_after", amount(b));
        let more = amount(b) - amount(a);
        match (was.as_str(), is.as_str()) {
            ("undetermined", "undetermined") => add("stays_undetermined", 1),
            ("undetermined", _) => add("became_determined", 1),
            (_, "undetermined") => add("became_undetermined", 1),
            ("none", "none") => add("out", 1),
            ("none", _) => {
                add("entered", 1);
                add("entered_fen", more);
            }
            (_, "none") => {
                add("left", 1);
                add("left_fen", -more);
            }
            (a, b) if a != b => {
                add("moved", 1);
                add("moved_fen", more);
            }
            _ if more > 0 => {
                add("gained", 1);
                add("gained_fen", more);
            }
            _ if more < 0 => {
                add("lost", 1);
                add("lost_fen", -more);
            }
            _ => {}
        }
        for (name, at) in [("met_before", &was), ("met_after", &is)] {
            add(name, i64::from(settled_in(at)));
        }
    }
    sums
}

/// Compares totals with what is expected of them; sums the totals do not name are the budgets'.
fn agree(totals: &Value, expected: &BTreeMap<&'static str, i64>, what: &str) {
    for (name, value) in expected {
        let found = match *name {
            "known_before" => &totals["budget_before"]["known_fen"],
            "known_after" => &totals["budget_after"]["known_fen"],
            "met_before" => &totals["before"]["met"],
            "met_after" => &totals["after"]["met"],
            name => &totals[name],
        };
        assert_eq!(int(found), *value, "{what}: {name}");
    }
    let movements = [
        "entered",
        "left",
        "moved",
        "gained",
        "lost",
        "amount_open",
        "terms",
        "beside",
        "same",
        "out",
        "became_undetermined",
        "became_determined",
        "stays_undetermined",
        "not_computed",
    ];
    assert_eq!(movements.iter().map(|m| int(&totals[*m])).sum::<i64>(), int(&totals["cases"]), "{what}");
    let parts = int(&totals["entered_fen"]) - int(&totals["left_fen"]) + int(&totals["gained_fen"])
        - int(&totals["lost_fen"])
        + int(&totals["moved_fen"]);
    assert_eq!(int(&totals["difference_fen"]), parts, "{what}: the difference is the sum of its parts");
}

/// All of a simulation against the findings of two batches.
fn equal_to_two_batches(found: &Value, before: &Rows, after: &Rows) {
    assert_eq!(before.len(), after.len());
    agree(&found["total"], &expected(before, after, |_| true), "total");
    for area in found["areas"].as_array().unwrap() {
        let code = area["value"].as_str().unwrap();
        agree(area, &expected(before, after, |row| row["area"] == code), code);
    }
    let mut transitions: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (a, b) in before.iter().zip(after) {
        *transitions.entry((standing(a), standing(b))).or_default() += 1;
    }
    let told: BTreeMap<(String, String), i64> = found["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| ((t["before"].as_str().unwrap().into(), t["after"].as_str().unwrap().into()), int(&t["cases"])))
        .collect();
    assert_eq!(told, transitions);
    for scheme in found["schemes"].as_array().unwrap() {
        let column = format!("finding_{}", scheme["scheme"].as_str().unwrap());
        let count = |rows: &Rows, word: &str| rows.iter().filter(|r| r[&column] == word).count() as i64;
        assert_eq!(int(&scheme["met_before"]), count(before, "met"), "{scheme}");
        assert_eq!(int(&scheme["met_after"]), count(after, "met"), "{scheme}");
        assert_eq!(int(&scheme["undetermined_before"]), count(before, "undetermined"), "{scheme}");
        assert_eq!(int(&scheme["undetermined_after"]), count(after, "undetermined"), "{scheme}");
    }
}

/// `changes.parquet` row by row against the findings of two batches.
fn changes_are_the_differences(out: &str, found: &Value, before: &Rows, after: &Rows) {
    let changes = table(out, "changes.parquet");
    assert_eq!(changes.len() as i64, int(&found["total"]["rechecks"]));
    let lines = std::fs::read_to_string(Path::new(out).join("changes.csv")).unwrap();
    assert_eq!(lines.lines().count(), changes.len() + 1);
    let mut told = changes
        .iter()
        .filter(|c| c["movement"] != "amount_open" && c["movement"] != "terms" && c["movement"] != "beside");
    for (a, b) in before.iter().zip(after) {
        if (standing(a), &a["amount_fen"]) == (standing(b), &b["amount_fen"]) {
            continue;
        }
        let change = told.next().unwrap_or_else(|| panic!("{} changed", a["case"]));
        assert_eq!(change["case"], a["case"]);
        assert_eq!((&change["before"], &change["after"]), (&standing(a), &standing(b)));
        assert_eq!(change["amount_before_fen"], a["amount_fen"]);
        assert_eq!(change["amount_after_fen"], b["amount_fen"]);
        let flipped: Vec<String> = a
            .iter()
            .filter_map(|(name, was)| {
                let test = name.strip_suffix("_result")?;
                (b[name] != *was).then(|| format!("{test}:{was}>{}", b[name]))
            })
            .collect();
        assert_eq!(change["flipped"], flipped.join(";"), "{}", a["case"]);
    }
    assert!(told.next().is_none(), "nothing is told that did not change");
}

/// Sums over a breakdown equal the total, field by field.
fn sums_equal(found: &Value, groups: &str, dimension: &str) {
    for (name, total) in found["total"].as_object().unwrap() {
        if total.is_number() {
            let of = |g: &&Value| g["dimension"] == dimension;
            let sum: i64 = found[groups].as_array().unwrap().iter().filter(of).map(|g| int(&g[name])).sum();
            assert_eq!(sum, int(total), "{dimension}: {name}");
        }
    }
}

fn mirrored(one: &Value, other: &Value) {
    for (a, b) in [("entered", "left"), ("gained", "lost"), ("became_undetermined", "became_determined")] {
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(one["total"][a], other["total"][b]);
            if one["total"].get(format!("{a}_fen")).is_some() {
                assert_eq!(one["total"][format!("{a}_fen")], other["total"][format!("{b}_fen")]);
            }
        }
    }
    assert_eq!(int(&one["total"]["difference_fen"]), -int(&other["total"]["difference_fen"]));
    assert_eq!(one["total"]["budget_before"], other["total"]["budget_after"]);
    for same in ["cases", "moved", "same", "out", "stays_undetermined", "rechecks", "rechecks_in_receipt"] {
        assert_eq!(one["total"][same], other["total"][same], "{same}");
    }
}

/// Zhenjiang's pack with another standard in force on the day.
fn reformed(to: &Path, standard: &str) -> PathBuf {
    let pack = copy_dir(&repository("rules/zhenjiang"), &to.join("zhenjiang"));
    let file = pack.join("dibao_standard.csv");
    let rows = std::fs::read_to_string(&file).unwrap();
    assert!(rows.contains(",1000.00,"), "{rows}");
    std::fs::write(&file, rows.replace(",1000.00,", &format!(",{standard},"))).unwrap();
    pack
}

/// `batch` with packs that replace the built-in ones, as a program that embeds it runs it.
fn batch_with(data: &str, packs: &Path, out: &str) -> Rows {
    let options = WorkspaceOptions { extra_rules: vec![packs.to_path_buf()], ..WorkspaceOptions::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ws = Workspace::open(Path::new(data), options).await.unwrap();
        hedui_verify::batch(&ws, BatchRequest::new(Selection::All, AS_OF.parse().unwrap(), out)).await.unwrap();
    });
    table(out, "findings.parquet")
}

#[test]
fn a_reform_of_a_city_equals_two_batches() {
    let scene = Scene::new(150, 15);
    let most = scene.serve("data", &["--except", "bank_jinshan"]);
    scene.acquire("data", &[]);
    drop(most);
    // A bank that has answered about nobody leaves nobody met; what it says of half of the people settles those.
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(scene.path("city/cases.json")).unwrap()).unwrap();
    let mut half = cases.clone();
    let households = half["households"].as_array_mut().unwrap();
    households.truncate(households.len() / 2);
    std::fs::write(scene.path("half.json"), half.to_string()).unwrap();
    let bank = scene.serve("data", &["--only", "bank_jinshan"]);
    let data = scene.path("data");
    ok(&["acquire", "--data", &data, "--cases", &scene.path("half.json"), "--as-of", AS_OF, "--wait", "30"]);
    drop(bank);

    let packs = tempfile::tempdir().unwrap();
    let reform = reformed(packs.path(), "1450.00").display().to_string();
    let (_, before, _) = scene.batch("data", AS_OF);
    let after = batch_with(&data, Path::new(&reform), &scene.path("after"));
    let simulate = |extra: &[&str]| {
        // Some of these reforms are cuts: no alarm is asked of them here.
        let mut args = vec!["--json", "rules", "simulate", "--data", &data, "--as-of", AS_OF, "--exit-alarm", "100%"];
        args.extend(extra);
        json(&ok(&args))
    };

    let out = scene.path("simulated");
    let found = simulate(&["--reform", &reform, "--out", &out]);
    for movement in ["moved", "gained", "stays_undetermined"] {
        assert!(int(&found["total"][movement]) > 0, "the reform is one: {}", found["total"]);
    }
    equal_to_two_batches(&found, &before, &after);
    changes_are_the_differences(&out, &found, &before, &after);
    sums_equal(&found, "areas", "area");
    for dimension in ["size", "residence", "in_receipt", "has_elderly", "has_minor", "has_disabled"] {
        sums_equal(&found, "types", dimension);
    }

    let set = simulate(&["--set", "dibao_standard=+45%"]);
    for same in ["total", "schemes", "transitions", "areas", "types", "people", "known_at"] {
        assert_eq!(set[same], found[same], "{same}: a set parameter is a row of its value");
    }
    let row = &set["set_after"][0];
    assert_eq!((row["old"].as_str(), row["new"].as_str()), (Some("1,000.00 元/月"), Some("1,450.00 元/月")), "{row}");
    assert!(!row["cite"].as_str().unwrap().is_empty());

    mirrored(&found, &simulate(&["--baseline", &reform, "--reform", "zhenjiang"]));
    let itself = simulate(&["--reform", "zhenjiang"]);
    assert_eq!(int(&itself["total"]["rechecks"]), 0);
    assert_eq!(int(&itself["total"]["difference_fen"]), 0);
    equal_to_two_batches(&itself, &before, &before);

    // A cut of the standard makes many leave: told first, and the exit code says so.
    let cut =
        ["rules", "simulate", "--data", &data, "--as-of", AS_OF, "--set", "dibao_standard=-60%", "--exit-alarm", "5%"];
    let said = String::from_utf8(ends(&cut, 1).stdout).unwrap();
    assert!(said.starts_with("!! 大规模退出预警"), "{said}");
    assert!(said.contains("每月资金") && said.contains("复核工作量"), "{said}");
}

#[test]
fn a_reform_over_a_plain_folder_equals_two_batches() {
    let dir = tempfile::tempdir().unwrap();
    let records = repository("fixtures/plain").display().to_string();
    let cases = format!("{records}/cases.csv");
    let reform = reformed(dir.path(), "600.00").display().to_string();
    let out = |name: &str| dir.path().join(name).display().to_string();
    let batch = |pack: &str, out: &str| {
        ok(&["batch", "--records", &records, "--cases", &cases, "--rules", pack, "--as-of", AS_OF, "--out", out]);
        table(out, "findings.parquet")
    };
    let (before, after) = (batch("zhenjiang", &out("before")), batch(&reform, &out("after")));
    let (simulated, limit) = (out("simulated"), "100%");
    let over = ["--json", "rules", "simulate", "--records", &records, "--cases", &cases, "--as-of", AS_OF];
    let simulate = |extra: &[&str]| json(&ok(&[&over, extra, &["--exit-alarm", limit]].concat()));
    let found = simulate(&["--baseline", "zhenjiang", "--reform", &reform, "--out", &simulated]);
    assert!(int(&found["total"]["lost"]) > 0, "{}", found["total"]);
    equal_to_two_batches(&found, &before, &after);
    changes_are_the_differences(&simulated, &found, &before, &after);
    sums_equal(&found, "areas", "area");
    sums_equal(&found, "types", "size");
    let back = simulate(&["--baseline", &reform, "--reform", "zhenjiang"]);
    mirrored(&found, &back);
    let set = simulate(&["--baseline", "zhenjiang", "--set", "dibao_standard-=400"]);
    assert_eq!(set["total"], found["total"]);
    let itself = simulate(&["--baseline", "zhenjiang", "--reform", "zhenjiang"]);
    assert_eq!(int(&itself["total"]["rechecks"]), 0);
}

/// A prefecture in small: a pack with one line of income, and 410 households below it.
fn small_qiannan(dir: &Path) -> (String, String, String) {
    let pack = dir.join("small");
    let records = dir.join("records");
    std::fs::create_dir_all(&pack).unwrap();
    std::fs::create_dir_all(&records).unwrap();
    let write = |path: PathBuf, text: &str| std::fs::write(path, text).unwrap();
    write(
        pack.join("pack.toml"),
        r#"
[pack]
id = "small"
title = { zh = "小州", en = "small" }
area = "522700"
version = "1"
from = 2015-01-01
cite = ["[test]"]

[parameter.line]
type = "money/month"
title = { zh = "标准" }
value = 300.00
from = 2015-01-01
cite = "[test] 上年文件"

[parameter.mass_exit_share]
type = "decimal(4)"
title = { zh = "大规模退出预警比例" }
value = 0.05
from = 2015-01-01
cite = "[test]"

[input.income]
entity = "household"
type = "money/month"
title = { zh = "月人均收入" }
min = 0

[test.below_line]
title = { zh = "低于标准" }
entity = "household"
value = "income"
below = "line"
cite = "[test]"

[scheme.dibao]
order = 1
title = { zh = "最低生活保障" }
when = "below_line"
amount = "line - income"
cite = "[test]"
"#,
    );
    // 113 of 410 have 250 or more; in the second county nobody has.
    let (mut cases, mut persons) = ("case,area,income\n".to_owned(), "case,person,role\n".to_owned());
    for n in 0..410 {
        let (area, income) = if n < 113 {
            ("522701", "250.00")
        } else if n < 250 {
            ("522701", "100.00")
        } else {
            ("522722", "100.00")
        };
        cases.push_str(&format!("Q{n:03},{area},{income}\n"));
        persons.push_str(&format!("Q{n:03},q{n:03},member\n"));
    }
    write(records.join("cases.csv"), &cases);
    write(records.join("persons.csv"), &persons);
    let shown = |path: &Path| path.display().to_string();
    (shown(&pack), shown(&records), shown(&records.join("cases.csv")))
}

#[test]
fn a_cut_far_beyond_its_hint_is_an_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let (pack, records, cases) = small_qiannan(dir.path());
    let over =
        ["rules", "simulate", "--records", &records, "--cases", &cases, "--baseline", &pack, "--as-of", "2015-06-30"];
    let cut = [&over[..], &["--set", "line=250.00", "--exit-hint", "14"]].concat();
    let said = String::from_utf8(ends(&cut, 1).stdout).unwrap();
    let first: Vec<&str> = said.lines().take(3).collect();
    assert!(
        first[0].contains("全部地区") && first[0].contains("113 户退出") && first[0].contains("预期 14 户"),
        "{said}"
    );
    assert!(first[1].contains("522701") && first[1].contains("原 250 户中 113 户退出 (45.2%,限值 5%)"), "{said}");
    assert!(!said.contains("!! 大规模退出预警 ALARM: 522722"), "nobody leaves there: {said}");

    let found = json(&ends(&[&["--json"], &cut[..]].concat(), 1));
    assert_eq!(int(&found["total"]["left"]), 113);
    assert_eq!(int(&found["total"]["left_fen"]), 113 * 5_000);
    assert_eq!(int(&found["total"]["lost"]), 297);
    assert_eq!(int(&found["total"]["lost_fen"]), 297 * 5_000);
    assert_eq!(int(&found["total"]["budget_after"]["known_fen"]), 297 * 15_000);
    assert_eq!(int(&found["total"]["rechecks"]), 410);
    let alarms = found["alarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 3, "all, and the county's scheme and total: {alarms:?}");

    // Whole prefecture: 27.56 % is below this limit, and the pack's own limit gives way to the one given.
    let wide = [&over[..], &["--set", "line=250.00", "--exit-alarm", "28%", "--area-level", "city"]].concat();
    assert!(!text(&ok(&wide)).contains("ALARM"));
    let narrow = [&over[..], &["--set", "line=250.00", "--exit-alarm", "27.5%", "--limit", "city"]].concat();
    assert!(text(&ends(&narrow, 1)).contains("522700 最低生活保障"));
}

#[test]
fn what_a_single_member_gets_beside_the_category_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (pack, records, cases) = small_qiannan(dir.path());
    let (pack, records) = (Path::new(&pack), Path::new(&records));
    // Nobody is paid as a household; a member of a marginal one may be, alone.
    let rules = std::fs::read_to_string(pack.join("pack.toml")).unwrap();
    let (head, _) = rules.split_once("[scheme.dibao]").unwrap();
    let alone = r#"
[input.alone]
entity = "person"
type = "bool"
title = { zh = "可单独申请" }
default = false

[scheme.marginal]
order = 1
title = { zh = "低保边缘" }
when = "below_line"
cite = "[test]"

[scheme.single]
order = 2
entity = "person"
title = { zh = "单人保" }
when = "alone AND household.below_line"
amount = "line"
cite = "[test]"
"#;
    std::fs::write(pack.join("pack.toml"), format!("{head}{alone}")).unwrap();
    let mut persons = "case,person,role,alone\n".to_owned();
    for n in 0..410 {
        persons.push_str(&format!("Q{n:03},q{n:03},member,{}\n", if n % 10 == 0 { "true" } else { "false" }));
    }
    std::fs::write(records.join("persons.csv"), persons).unwrap();
    let out = dir.path().join("out").display().to_string();
    let (pack, records) = (pack.display().to_string(), records.display().to_string());
    let found = json(&ok(&[
        "--json",
        "rules",
        "simulate",
        "--records",
        &records,
        "--cases",
        &cases,
        "--baseline",
        &pack,
        "--as-of",
        "2015-06-30",
        "--set",
        "line=280",
        "--out",
        &out,
    ]));
    assert_eq!(int(&found["total"]["beside"]), 41, "{}", found["total"]);
    assert_eq!(int(&found["total"]["same"]), 369);
    let single = &found["schemes"][1];
    assert_eq!((int(&single["persons_before"]), int(&single["persons_after"])), (41, 41), "{single}");
    assert_eq!(int(&single["met_budget_before"]["known_fen"]), 41 * 30_000);
    assert_eq!(int(&single["met_budget_after"]["known_fen"]), 41 * 28_000);
    let changes = table(&out, "changes.parquet");
    assert_eq!(changes.len(), 41);
    assert_eq!(changes[0]["beside"], "single:30000>28000");
    // Without the line nobody is marginal, and the 41 lose what they had alone.
    let none = json(&ends(
        &[
            "--json",
            "rules",
            "simulate",
            "--records",
            &records,
            "--cases",
            &cases,
            "--baseline",
            &pack,
            "--as-of",
            "2015-06-30",
            "--set",
            "line=1",
        ],
        1,
    ));
    let alarms = none["alarms"].as_array().unwrap();
    let of_single: i64 = alarms.iter().filter(|a| a["scheme"] == "single").map(|a| int(&a["exits"])).sum();
    assert_eq!(of_single, 41, "{alarms:?}");
}

#[test]
fn what_cannot_be_simulated_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (pack, records, cases) = small_qiannan(dir.path());
    let over = ["rules", "simulate", "--records", &records, "--cases", &cases, "--baseline", &pack, "--as-of"];
    let told = |day: &str, extra: &[&str], words: &[&str]| {
        let said = text(&ends(&[&over[..], &[day], extra].concat(), 2));
        for word in words {
            assert!(said.contains(word), "{extra:?}: `{word}` in {said}");
        }
    };
    told("2015-06-30", &["--set", "lin=5%"], &["+5%"]);
    told("2015-06-30", &["--set", "lin=+5%"], &["did you mean `line`"]);
    told("2014-06-30", &["--set", "line=+5%"], &["in force on 2014-06-30"]);
    told("2015-06-30", &["--set", "line=1e3", "--set", "line[aera=522701]=1"], &["yuan", "`aera` is no key"]);
    told("2015-06-30", &["--reform", "no-such-pack"], &["--reform", "no-such-pack"]);
    told("2015-06-30", &[], &["--reform"]);
}
