//! Plain folders: each folder under `tests/plain/good` loads as its snapshot shows, each under `bad` is refused with
//! every problem listed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::catalogue::Dataset;
use hedui_base::{Column, ColumnSpec, Fen, SourceText, Table};
use hedui_store::plain::{InputSpec, PlainLoad, PlainSpec, Problem, read_folder};
use hedui_store::results::{ResultColumn, write};

use crate::support::{DEPOSIT, INCOME};

const HOME_VISIT: &str = r#"
[dataset]
name = "home_visit"
title = { zh = "入户调查" }
per = "household"
key = ["visited"]
[column.visited]
title = { zh = "调查日期" }
type = "date"
[column.rooms]
title = { zh = "房间数" }
type = "int"
min = 0
[column.visitor]
title = { zh = "在场人" }
type = "person"
"#;

fn column(text: &str) -> ColumnSpec {
    let text = format!("[dataset]\nname = \"d\"\ntitle = {{ zh = \"\" }}\nper = \"person\"\n[column.c]\n{text}");
    Dataset::parse(&SourceText::new("d.toml", text)).unwrap().columns["c"].clone()
}

fn input(name: &str, of_person: bool, rest: &str) -> InputSpec {
    InputSpec { name: name.to_owned(), of_person, column: column(&format!("title = {{ zh = \"\" }}\n{rest}")) }
}

fn spec() -> PlainSpec {
    let dataset = |text: &str| Arc::new(Dataset::parse(&SourceText::new("d.toml", text)).unwrap());
    PlainSpec {
        inputs: vec![
            input("declared_vehicle_count", false, "type = \"int\"\nmin = 0"),
            input("in_receipt", false, "type = \"bool\""),
            input(
                "relation",
                true,
                "type = \"code\"\ncodes = { self = \"本人\", spouse = \"配偶\", child = \"子女\" }",
            ),
            input("declared_wage", true, "type = \"money/month\"\nmin = 0"),
        ],
        datasets: vec![dataset(DEPOSIT), dataset(INCOME), dataset(HOME_VISIT)],
    }
}

fn folders(kind: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plain").join(kind);
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    folders
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plain").join(name)
}

fn cells(table: &Table, row: usize) -> String {
    let mut text = String::new();
    for (name, column) in &table.columns {
        match column {
            Column::Int(v) => write!(text, " {name}={}", v[row].map_or("-".to_owned(), |v| v.to_string())).unwrap(),
            Column::Text(v) => write!(text, " {name}={}", v[row].as_deref().unwrap_or("-")).unwrap(),
        }
    }
    text
}

fn shown(load: &PlainLoad) -> String {
    let mut text = String::new();
    for row in 0..load.cases.id.len() {
        let residence = load.cases.residence[row].as_deref().unwrap_or("-");
        let cells = cells(&load.cases.inputs, row);
        writeln!(text, "case {} {} {residence}{cells}", load.cases.id[row], load.cases.area[row]).unwrap();
    }
    let persons = &load.persons;
    for row in 0..persons.id.len() {
        let cells = cells(&persons.inputs, row);
        writeln!(
            text,
            "person {} of case row {} {:?} {}{cells}",
            persons.id[row], persons.case[row], persons.role[row], persons.key[row]
        )
        .unwrap();
    }
    for (name, records) in &load.records {
        for row in 0..records.len() {
            let as_of = records.as_of[row].map_or("-".to_owned(), |d| d.to_string());
            let cells = cells(&records.table, row);
            writeln!(
                text,
                "{name} {} {} [{}] {as_of}{cells}",
                records.person[row], records.source[row], records.record_id[row]
            )
            .unwrap();
        }
    }
    for row in &load.coverage {
        writeln!(text, "coverage {} {} {} {}", row.person, row.source, row.dataset, row.outcome).unwrap();
    }
    let sources: Vec<String> = load.sources.iter().map(|(s, d)| format!("{s}:{d}")).collect();
    writeln!(text, "sources {sources:?}").unwrap();
    writeln!(text, "complete {:?}, absent {:?}, ignored {:?}", load.complete, load.absent, load.ignored).unwrap();
    for rejected in &load.rejected {
        writeln!(text, "rejected {}", rejected.case).unwrap();
        rejected.reasons.iter().for_each(|r| writeln!(text, "  {r}").unwrap());
    }
    text
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|p| p.case.as_ref().map_or_else(|| format!("{p}\n"), |c| format!("{p} [{c}]\n"))).collect()
}

#[test]
fn good_folders_load() {
    for folder in folders("good") {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let load = read_folder(&folder, None, &spec(), false).unwrap_or_else(|p| panic!("{name}: {}", listed(&p)));
        snapshot(&format!("good_{name}"), &shown(&load));
    }
}

#[test]
fn bad_folders_are_refused_with_every_problem() {
    for folder in folders("bad") {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let problems = listed(&read_folder(&folder, None, &spec(), false).unwrap_err());
        snapshot(&format!("bad_{name}"), &problems);
        for value in ["万元", "E+17", "6.2E+18", "99999999999999", "昨天", "zz", "620"] {
            assert!(!problems.contains(value), "{name}: a problem quotes a value ({value})");
        }
    }
}

#[test]
fn leniently_bad_cases_are_set_aside_and_the_rest_goes_on() {
    // Problems of no case stay errors, and only those are listed then.
    let problems = read_folder(&folder("bad/links"), None, &spec(), true).unwrap_err();
    assert!(problems.iter().all(|p| p.case.is_none()) && !problems.is_empty());

    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder("good/full")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
    }
    let change = |file: &str, from: &str, to: &str| {
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    change("employment_income.csv", "2026-04,1500.00", "2026-04,1.2万元");
    let strict = read_folder(dir.path(), None, &spec(), false).unwrap_err();
    assert_eq!(strict.len(), 1);
    assert_eq!((strict[0].row, strict[0].column.as_deref()), (Some(2), Some("gross")));
    let load = read_folder(dir.path(), None, &spec(), true).unwrap();
    snapshot("lenient", &shown(&load));

    // A bad row of a person in two cases spoils both.
    change("deposit.csv", "2021-01-01", "2021-01-32");
    let load = read_folder(dir.path(), None, &spec(), true).unwrap();
    let rejected: Vec<String> = load.rejected.iter().map(|r| r.case.to_string()).collect();
    assert_eq!(rejected, ["C2", "C1"]);
    assert_eq!((load.cases.id.len(), load.persons.id.len(), load.persons.key[0].0), (1, 1, 0));
}

#[test]
fn a_file_of_cases_from_elsewhere_may_name_some_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let chosen = dir.path().join("chosen.csv");
    fs::write(&chosen, "case,area,residence\nC3,990102,urban\n").unwrap();
    let load = read_folder(&folder("good/full"), Some(&chosen), &spec(), false).unwrap();
    assert_eq!((load.cases.id.len(), load.persons.id.len()), (1, 1));
    assert!(load.records["deposit"].is_empty() && load.coverage.is_empty());
    assert_eq!(load.records["home_visit"].len(), 1);
    // The folder's own file of cases, named by its path, leaves nobody out.
    let own = folder("bad/links/cases.csv");
    let named = read_folder(&folder("bad/links"), Some(&own), &spec(), false).unwrap_err();
    assert_eq!(listed(&named), listed(&read_folder(&folder("bad/links"), None, &spec(), false).unwrap_err()));
}

#[test]
fn parquet_reads_like_csv() {
    let dir = tempfile::tempdir().unwrap();
    let text = |all: &[&str]| ResultColumn::Text(all.iter().map(|t| (!t.is_empty()).then(|| (*t).into())).collect());
    let date = |all: &[&str]| ResultColumn::Date(all.iter().map(|t| t.parse().ok()).collect());
    let file = |name: &str| dir.path().join(format!("{name}.parquet"));
    for name in ["cases.csv", "persons.csv", "coverage.csv", "home_visit.csv"] {
        fs::copy(folder("good/full").join(name), dir.path().join(name)).unwrap();
    }
    let balances = [Some(Fen::new(10_010)), Some(Fen::ZERO), None];
    write(
        &file("deposit"),
        &[
            ("person", text(&["b", "a", "b"])),
            ("account", text(&["62,01", "6202", "6203"])),
            ("balance", ResultColumn::Money(balances.to_vec())),
            ("opened", date(&["2020-02-29", "", "2021-01-01"])),
            ("guarded", ResultColumn::Bool(vec![Some(false), Some(true), Some(false)])),
            ("source", text(&["bank.b", "bank.a", "bank.a"])),
            ("as_of", date(&["2026-05-31", "2026-05-31", ""])),
        ],
    )
    .unwrap();
    write(
        &file("employment_income"),
        &[
            ("person", text(&["a", "a"])),
            ("payer", text(&["某公司", "某公司"])),
            ("month", text(&["2026-04", "2026-05"])),
            ("gross", ResultColumn::Int(vec![Some(150_000); 2])),
        ],
    )
    .unwrap();
    let load = read_folder(dir.path(), None, &spec(), false).unwrap_or_else(|p| panic!("{}", listed(&p)));
    let csv = read_folder(&folder("good/full"), None, &spec(), false).unwrap();
    assert_eq!(shown(&load), shown(&csv));

    fs::copy(folder("good/full/deposit.csv"), dir.path().join("deposit.csv")).unwrap();
    let twice = listed(&read_folder(dir.path(), None, &spec(), false).unwrap_err());
    assert_eq!(twice, "deposit.parquet: is there beside deposit.csv; keep one of the two\n");
}

#[test]
fn decimal_yuan_in_parquet_is_exact_and_floats_are_refused() {
    // Both files were written by DuckDB; its decimals come as 32 and 64 bit integers and as bytes.
    let dir = tempfile::tempdir().unwrap();
    for name in ["cases.csv", "persons.csv"] {
        fs::copy(folder("good/bare").join(name), dir.path().join(name)).unwrap();
    }
    let read = |file: &str, columns: &[(&str, &str)]| {
        fs::copy(folder(file), dir.path().join("wide.parquet")).unwrap();
        let mut text =
            "[dataset]\nname = \"wide\"\ntitle = { zh = \"\" }\nper = \"person\"\nkey = [\"n\"]\n".to_owned();
        for (name, ty) in columns {
            write!(text, "[column.{name}]\ntitle = {{ zh = \"\" }}\ntype = \"{ty}\"\n").unwrap();
        }
        let dataset = Dataset::parse(&SourceText::new("wide.toml", text)).unwrap();
        read_folder(dir.path(), None, &PlainSpec { inputs: Vec::new(), datasets: vec![Arc::new(dataset)] }, false)
    };
    let money = [("n", "int"), ("small", "money"), ("middle", "money"), ("large", "money")];
    let load = read("decimal.parquet", &[&money[..], &[("four", "decimal(4)")]].concat()).unwrap();
    let table = &load.records["wide"].table;
    assert_eq!(table.columns["small"], Column::Int(vec![Some(123_456_789), None, Some(-710)]));
    assert_eq!(table.columns["middle"], Column::Int(vec![Some(12_345_678_901_234), None, Some(0)]));
    assert_eq!(table.columns["large"], Column::Int(vec![Some(-1), None, Some(12_345_678_901_234)]));
    assert_eq!(table.columns["four"], Column::Int(vec![Some(15_000), Some(12_345), None]));
    let finer = read("decimal.parquet", &[&money[..], &[("four", "money")]].concat()).unwrap_err();
    assert_eq!(finer.len(), 1, "1.5000 is whole fen, 1.2345 is not");
    assert_eq!((finer[0].row, finer[0].column.as_deref()), (Some(2), Some("four")));
    let float = listed(&read("float.parquet", &money).unwrap_err());
    assert!(float.starts_with("wide.parquet, column `small`: the column holds binary floats"), "{float}");
}
