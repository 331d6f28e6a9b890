//! One household at a time by the small rules of `benches/compare/small`, records in hand, in this process.
//!
//! Reads the households of `households.py` as JSON from the standard input; prints, as JSON, what was found about each and
//! how many microseconds each took. `benches/compare/compare.py` runs it beside OpenFisca and ZEN.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use hedui_base::{AnswerId, AskId, Column, Month, PersonKey, Records, Table, Tri};
use hedui_engine::input::{Caseload, Coverage, Role};
use hedui_engine::{RunOptions, run};
use hedui_rules::{Library, PackFolder};
use jiff::civil::{Date, date};
use serde_json::{Value, json};

const DAY: Date = date(2026, 6, 30);

fn records(rows: &[(u32, Vec<(&str, i64)>)]) -> Records {
    let mut table = Table { rows: rows.len(), columns: BTreeMap::new() };
    for (name, _) in rows.first().map_or(&[][..], |(_, values)| values) {
        let column = rows.iter().map(|(_, values)| values.iter().find(|(n, _)| n == name).map(|(_, v)| *v));
        table.columns.insert((*name).to_owned(), Column::Int(column.collect()));
    }
    Records {
        person: rows.iter().map(|(person, _)| PersonKey(*person)).collect(),
        source: vec!["a".into(); rows.len()],
        record_id: (0..rows.len()).map(|n| n.to_string().into()).collect(),
        as_of: vec![None; rows.len()],
        ask: vec![AskId(1); rows.len()],
        answer: vec![AnswerId(1); rows.len()],
        table,
    }
}

fn caseload(home: &Value) -> Caseload {
    let mut load = Caseload::default();
    load.cases.id.push("A".into());
    load.cases.area.push("990300".parse().unwrap());
    load.cases.residence.push(None);
    load.cases.inputs.rows = 1;
    let (mut wages, mut pensions, mut deposits, mut vehicles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let last = Month::of(DAY);
    for (nth, person) in (0u32..).zip(home["members"].as_array().unwrap()) {
        load.persons.case.push(0);
        load.persons.key.push(PersonKey(nth));
        load.persons.role.push(Role::Member);
        let of = |value: &Value, name: &str| value[name].as_i64().unwrap();
        for (back, month) in (1..).zip(person["months"].as_array().unwrap()) {
            let values = [("gross", of(month, "gross")), ("tax", of(month, "tax"))];
            let rest = [("insurance_deducted", of(month, "insurance")), ("month", last.plus(-back).index())];
            wages.push((nth, [values, rest].concat()));
        }
        for pension in person["pensions"].as_array().unwrap() {
            pensions.push((nth, vec![("amount", of(pension, "amount")), ("base_pension", of(pension, "base"))]));
        }
        let balances = person["deposits"].as_array().unwrap().iter();
        deposits.extend(balances.map(|balance| (nth, vec![("balance", balance.as_i64().unwrap())])));
        vehicles.extend((0..of(person, "vehicles")).map(|_| (nth, vec![])));
    }
    load.persons.inputs.rows = load.persons.key.len();
    for (name, rows) in
        [("employment_income", wages), ("pension_income", pensions), ("deposit", deposits), ("vehicle", vehicles)]
    {
        load.records.insert(name.to_owned(), records(&rows));
    }
    load.coverage = Coverage { complete: load.records.keys().cloned().collect(), ..Coverage::default() };
    load
}

fn main() {
    let rounds: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let homes: Vec<Value> = serde_json::from_reader(std::io::stdin()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare/small/little");
    let library = Library::new(vec![PackFolder::read(&folder).unwrap()], hedui_verify::embedded_catalogue().unwrap());
    let program = library.compile("little").unwrap();
    let options = RunOptions { threads: None, ..RunOptions::default() };
    let loads: Vec<Caseload> = homes.iter().map(caseload).collect();
    let (mut results, mut times) = (Vec::new(), Vec::new());
    for load in &loads {
        let found = run(&program, load, DAY, &options);
        assert!(found.errors.is_empty(), "{}", found.errors[0]);
        let case = &found.cases[0];
        let value = |test: &str| {
            let nth = program.tests.iter().position(|t| t.name == test).unwrap();
            case.tests[nth].value.known()
        };
        let met = case.schemes[0].finding == Tri::Met;
        let amount = case.schemes[0].amount.and_then(hedui_engine::output::Cell::known);
        results.push(json!({
            "a_head": value("income_below"), "deposits": value("deposits_within"), "dibao": met,
            "amount": if met { amount } else { Some(0) },
        }));
    }
    for _ in 0..rounds {
        for load in &loads {
            let began = Instant::now();
            std::hint::black_box(run(&program, load, DAY, &options));
            times.push(began.elapsed().as_nanos() as f64 / 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    println!("{}", json!({ "results": results, "microseconds": times }));
}
