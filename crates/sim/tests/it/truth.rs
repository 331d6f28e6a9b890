//! The truth of a city against the rules of this repository: registers go straight into the engine, no server between.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{AnswerId, AskId, Catalogue, Column, ColumnType, Fen, Month, PersonKey, Records, SourceText, Table};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::Findings;
use hedui_engine::{RunOptions, run};
use hedui_rules::program::Entity;
use hedui_rules::{Library, PackFolder, Program};
use hedui_sim::{City, CityOptions, Holders, Household, PersonRecords, generate_for, score};
use jiff::civil::date;
use serde_json::{Value, json};

pub(crate) fn library() -> (Library, Catalogue) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let entries = |of: &str| fs::read_dir(root.join(of)).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let text = |path: &Path| SourceText::new(path.display().to_string(), fs::read_to_string(path).unwrap());
    let files: Vec<_> = entries("connectors/datasets").iter().map(|path| text(path)).collect();
    let catalogue = Catalogue::parse(&files).unwrap();
    let packs = entries("rules").into_iter().filter(|path| path.join("pack.toml").exists());
    (Library::new(packs.map(|path| PackFolder::read(&path).unwrap()).collect(), catalogue.clone()), catalogue)
}

fn decimal(text: &str, scale: u8) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<width$}", width = usize::from(scale)).parse().unwrap()
}

fn number(ty: ColumnType, value: &Value) -> Option<i64> {
    match (ty, value) {
        (_, Value::Null) => None,
        (_, Value::Bool(yes)) => Some(i64::from(*yes)),
        (_, Value::Number(number)) => number.as_i64(),
        (ColumnType::Date, Value::String(text)) => Some(date_to_days(text.parse().unwrap())),
        (ColumnType::Month, Value::String(text)) => Some(text.parse::<Month>().unwrap().index()),
        (ColumnType::Money(_), Value::String(text)) => Some(text.parse::<Fen>().unwrap().fen()),
        (ty, Value::String(text)) => Some(decimal(text, ty.scale())),
        _ => None,
    }
}

fn column(ty: ColumnType, values: &[Value]) -> Column {
    if ty.is_int() {
        return Column::Int(values.iter().map(|v| number(ty, v)).collect());
    }
    Column::Text(values.iter().map(|v| v.as_str().map(Arc::from)).collect())
}

/// Rows of one dataset in canonical form.
pub(crate) fn rows(dataset: &str, household: &Household, nth: usize, records: &PersonRecords) -> Vec<Value> {
    let list = |value: Value| match value {
        Value::Array(rows) => rows,
        Value::Null => Vec::new(),
        row => vec![row],
    };
    list(match dataset {
        "hukou" => json!(records.hukou),
        "vehicle" => json!(records.vehicles),
        "employment_income" => json!(records.incomes),
        "social_insurance" => json!(records.insurance),
        "pension_income" => json!(records.pensions),
        "housing" => json!(records.homes),
        "deposit" => json!(records.deposits),
        "business" => json!(records.businesses),
        "security" => json!(records.securities),
        "insurance" => json!(records.policies),
        "wallet" => json!(records.wallets),
        "utility_use" => {
            let accounts = household.utilities.iter().filter(|_| nth == 0).flat_map(hedui_sim::UtilityAccount::rows);
            let mut rows: Vec<Value> = accounts.map(Value::from).collect();
            rows.iter_mut().for_each(|row| row["link_score"] = json!("1"));
            Value::Array(rows)
        }
        other => json!(records.more.get(other)),
    })
}

fn caseload(city: &City, program: &Program, catalogue: &Catalogue) -> Caseload {
    let mut load = Caseload::default();
    let mut inputs: BTreeMap<(Entity, &str), Vec<Value>> = BTreeMap::new();
    let mut data: BTreeMap<&str, Vec<(PersonKey, Value)>> = BTreeMap::new();
    for (row, household) in city.households.iter().enumerate() {
        load.cases.id.push(household.case.as_str().into());
        load.cases.area.push(household.area.parse().unwrap());
        load.cases.residence.push(Some(Arc::from(&*household.residence)));
        let intake = household.intake();
        let said = |of: &Value, name: &str| match &of["declared"][name] {
            Value::Null => of[name].clone(),
            value => value.clone(),
        };
        for input in program.inputs.iter().filter(|i| i.entity == Entity::Household) {
            inputs.entry((Entity::Household, &input.name)).or_default().push(said(&intake, &input.name));
        }
        let people = household.members.iter().map(|p| (Role::Member, p));
        let people = people.chain(household.obligors.iter().map(|p| (Role::Obligor, p)));
        let texts = intake["members"].as_array().unwrap().iter().chain(intake["obligors"].as_array().unwrap());
        for (nth, ((role, person), text)) in people.zip(texts).enumerate() {
            let key = PersonKey(load.persons.key.len() as u32);
            load.persons.case.push(row as u32);
            load.persons.key.push(key);
            load.persons.role.push(role);
            for input in program.inputs.iter().filter(|i| i.entity == Entity::Person) {
                let value = match input.name.as_str() {
                    "birth_date" => json!(person.id.birth_date()),
                    "sex" => json!(if person.id.is_male() { "male" } else { "female" }),
                    name => said(text, name),
                };
                inputs.entry((Entity::Person, &input.name)).or_default().push(value);
            }
            for dataset in catalogue.datasets.keys().map(String::as_str) {
                let found = rows(dataset, household, nth, &person.records);
                data.entry(dataset).or_default().extend(found.into_iter().map(|row| (key, row)));
            }
        }
    }
    for input in &program.inputs {
        let values = &inputs[&(input.entity, input.name.as_str())];
        let table = if input.entity == Entity::Household { &mut load.cases.inputs } else { &mut load.persons.inputs };
        table.rows = values.len();
        table.columns.insert(input.name.clone(), column(input.spec.ty, values));
    }
    for (dataset, rows) in data {
        let mut table = Table { rows: rows.len(), ..Table::default() };
        for (name, spec) in &catalogue.datasets[dataset].columns {
            let values: Vec<Value> = rows.iter().map(|(_, row)| row.get(name).cloned().unwrap_or_default()).collect();
            table.columns.insert(name.clone(), column(spec.ty, &values));
        }
        let records = Records {
            person: rows.iter().map(|(person, _)| *person).collect(),
            source: vec![dataset.into(); rows.len()],
            record_id: (0..rows.len()).map(|n| Arc::from(n.to_string())).collect(),
            as_of: vec![None; rows.len()],
            ask: vec![AskId(1); rows.len()],
            answer: vec![AnswerId(1); rows.len()],
            table,
        };
        load.records.insert(dataset.to_owned(), records);
        load.coverage.complete.push(dataset.to_owned());
    }
    load
}

/// Runs the city's own pack over its registers.
fn findings(city: &City) -> (Arc<Program>, Findings) {
    let (library, catalogue) = library();
    let area = city.households[0].area.parse().unwrap();
    let program = library.compile(&library.for_area(area, city.as_of).unwrap()).unwrap();
    let load = caseload(city, &program, &catalogue);
    let findings = run(&program, &load, city.as_of, &RunOptions::default());
    assert!(findings.errors.is_empty(), "{}", findings.errors[0]);
    (program, findings)
}

/// Everything due is raised, and nothing else.
fn agrees(city: &City) {
    let (program, findings) = findings(city);
    let raised: Vec<_> = findings.flags.iter().map(|f| (f.case.as_str(), program.flags[f.flag].id.as_str())).collect();
    let score = score(&city.truth, &raised);
    let mut by_flag: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for e in &score.missed {
        by_flag.entry(&e.flag).or_default().0.push(&e.case);
    }
    for e in &score.without_cause {
        by_flag.entry(&e.flag).or_default().1.push(&e.case);
    }
    assert!(by_flag.is_empty(), "flag: (missed, without cause) {by_flag:#?}");
    assert_eq!(score.found, score.planted);
}

/// A city in which every dataset is held by somebody.
pub(crate) fn city(households: u32, seed: u64) -> City {
    let holders = Holders::embedded().completed(&library().1);
    generate_for(&CityOptions { households, seed, as_of: date(2026, 6, 30) }, &holders)
}

#[test]
fn the_rules_raise_what_the_truth_says_and_nothing_else() {
    for seed in [1, 7] {
        agrees(&city(1500, seed));
    }
}

#[test]
fn time_changes_the_truth_and_the_rules_alike() {
    let mut city = city(1500, 3);
    for _ in 0..2 {
        city.advance(3);
        agrees(&city);
    }
}

#[test]
fn a_city_has_households_of_every_finding() {
    let city = city(300, 7);
    let (program, findings) = findings(&city);
    // What the other schemes ask for, such as self-care or rigid spending, nobody in a city declares.
    let of_a_city = ["dibao", "dibao_marginal"];
    for (nth, scheme) in program.schemes.iter().enumerate().filter(|(_, s)| of_a_city.contains(&s.id.as_str())) {
        let met = findings.cases.iter().filter(|c| c.schemes[nth].finding == hedui_base::Tri::Met).count();
        assert!(met > 20, "{}: {met}", scheme.id);
    }
}
