#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use hedui_base::Catalogue;
use hedui_rules::{Library, PackFolder};
use jiff::civil::date;

use super::*;

const PACK: &str = r#"
[pack]
id = "tiny"
title = { zh = "小", en = "tiny" }
version = "1"
from = 2020-01-01
cite = ["[test]"]

[parameter.standard]
type = "money/month"
title = { zh = "标准" }
table = "standard.csv"

[parameter.rate]
type = "decimal(4)"
title = { zh = "比例" }
gap = "文件未写明"
min = 0
max = 1
from = 2020-01-01
cite = "[test] 通知"

[parameter.open]
type = "bool"
title = { zh = "放开" }
value = false
from = 2020-01-01
cite = "[test]"

[parameter.months]
type = "int"
title = { zh = "月数" }
value = 6
from = 2030-01-01
cite = "[test]"
fallback = { value = 3, reason = "沿用" }
"#;

const STANDARD: &str = "area,residence,size,from,until,value,each,per,cite
990000,urban,1-2,2020-01-01,2024-12-31,500.00,,,[test] 旧
990000,urban,1-2,2025-01-01,,600.05,,,[test] 城镇
990000,urban,3+,2025-01-01,,1000.00,100.00,,[test] 城镇
990000,rural,,2025-01-01,,4536.00,,year,[test] 农村
";

fn program() -> Program {
    let files = [("pack.toml", PACK), ("standard.csv", STANDARD)].map(|(n, t)| (n.to_owned(), t.to_owned()));
    let library = Library::new(vec![PackFolder::from_files("tiny", files)], Catalogue::default());
    let compiled = library.compile("tiny");
    Arc::unwrap_or_clone(compiled.unwrap_or_else(|mistakes| panic!("{mistakes:?}")))
}

fn apply(text: &str) -> Result<Vec<(String, String, String)>, String> {
    let setting: Setting = text.parse().map_err(|e: SettingError| e.to_string())?;
    let rows = setting.apply(&mut program(), date(2026, 6, 30)).map_err(|e| e.to_string())?;
    Ok(rows.into_iter().map(|r| (format!("{} {}", r.residence, r.keys), r.old, r.new)).collect())
}

fn news(text: &str) -> Vec<String> {
    apply(text).unwrap().into_iter().map(|(.., new)| new).collect()
}

#[test]
fn rows_in_force_change_and_only_those() {
    let all = apply("standard=+10%").unwrap();
    let shown: Vec<&str> = all.iter().map(|(place, ..)| place.as_str()).collect();
    assert_eq!(shown, ["urban size=1-2", "urban size=3+", "rural size="], "the row of 2020 has ended");
    assert_eq!(
        news("standard=+10%"),
        ["660.06 元/月", "1,100.00 元/月", "4,989.60 元/年"],
        "half away from zero, as published"
    );
    assert_eq!(news("standard=*1.1"), news("standard=+10%"));
    assert_eq!(news("standard-=0.05")[0], "600.00 元/月");
    assert_eq!(
        news("standard[residence=rural]=500"),
        ["500.00 元/月"],
        "in the parameter's type, not the published one"
    );
    assert_eq!(news("standard[residence=rural]+=22"), ["400.00 元/月"], "4536 a year is 378 a month");
    assert_eq!(news("standard[residence=urban,size=3+]=7.5"), ["7.50 元/月"]);
    assert!(apply("standard[residence=rural,size=9]=1").unwrap().is_empty());
    assert!(apply("other=1").unwrap().is_empty());
}

#[test]
fn an_increment_changes_by_the_same_factor() {
    let mut program = program();
    let setting: Setting = "standard=-20%".parse().unwrap();
    setting.apply(&mut program, date(2026, 6, 30)).unwrap();
    let standard = &program.parameters.iter().find(|p| p.name == "standard").unwrap();
    let open = standard.rows.iter().find(|r| r.each.is_some()).unwrap();
    assert_eq!(open.each, Some(8_000));
    assert_eq!(standard.read(open, 2), Some(96_000));
}

#[test]
fn a_declared_gap_takes_a_value_within_its_bounds() {
    let (_, old, new) = &apply("rate=0.3").unwrap()[0];
    assert!(old.contains("gap") && old.contains("文件未写明"), "{old}");
    assert_eq!(new.trim_end_matches('0'), "0.3");
    assert!(apply("rate=+5%").unwrap_err().contains("declared gap"));
    assert!(apply("rate=1.5").unwrap_err().contains("min and max"));
}

#[test]
fn a_fallback_changes_where_no_row_holds() {
    assert_eq!(news("months=4"), ["4"]);
    assert_eq!(news("open=true"), ["是"]);
    assert!(apply("open=*2").unwrap_err().contains("no number"));
}

#[test]
fn what_cannot_be_read_is_told() {
    for (text, word) in [
        ("standard", "NAME=VALUE"),
        ("=5", "NAME=VALUE"),
        ("standard=", "NAME=VALUE"),
        ("standard=5%", "+5%"),
        ("standard=+5", "NAME+=VALUE"),
        ("standard=*x", "number"),
        ("standard[area=1", "no `]`"),
        ("standard[area]=1", "column=value"),
        ("standard=1.2万元", "yuan"),
        ("standard=900.005", "decimals"),
        ("standard[county=1]=2", "keys are area, residence, size"),
    ] {
        let said = apply(text).unwrap_err();
        assert!(said.contains(word) && said.contains(text), "{text}: {said}");
    }
}
