//! Random programs over random households: the SQL and the kernel agree on every cell.

use std::collections::BTreeMap;

use hedui_base::columns::days_to_date;
use hedui_base::{Column, Tri};
use hedui_cluster::{Dialect, Mode, Options, Script, Setting, script};
use hedui_engine::input::Caseload;
use hedui_engine::output::{CaseFinding, Cell, Findings, PersonFinding, Reason};
use hedui_engine::{Derived, RunOptions, run};
use hedui_rules::Program;
use hedui_rules::program::{Entity, FlagSeverity};
use serde_json::{Value, json};

use crate::build::AS_OF;
use crate::duckdb::{self, Job, Output};
use crate::rng::Rng;
use crate::worlds::Holes;
use crate::{programs, rows, worlds};

/// How many cases a run tries: few beside the other tests, many where asked for.
fn cases(few: u64) -> (u64, u64) {
    let of = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (of("HEDUI_ORACLE_SEED").unwrap_or(0), of("HEDUI_ORACLE_CASES").unwrap_or(few))
}

pub(crate) fn job(program: &Program, load: &Caseload, setting: &Setting, mode: Mode) -> (Script, Job) {
    let options = Options { dialect: Dialect::DuckDb, mode, bounds: mode == Mode::Full };
    let script = script(program, setting, options).unwrap();
    let mut statements = rows::statements(program, load, Dialect::DuckDb);
    statements.extend(script.statements.iter().map(|s| s.create(Dialect::DuckDb)));
    let outputs = vec![
        "SELECT * FROM findings ORDER BY case_row".to_owned(),
        "SELECT * FROM flags ORDER BY case_row, flag_order, person".to_owned(),
    ];
    (script, Job { statements, outputs })
}

fn names(reasons: &[Reason]) -> Value {
    let names: std::collections::BTreeSet<&str> = reasons.iter().map(|r| r.source.as_str()).collect();
    joined(&names.into_iter().collect::<Vec<_>>().join(","))
}

fn joined(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

fn known(cell: Option<Cell>) -> Value {
    json!(cell.and_then(Cell::known))
}

fn day(days: Option<i64>) -> Value {
    days.and_then(days_to_date).map_or(Value::Null, |day| json!(day.to_string()))
}

fn persons(found: &[PersonFinding]) -> Value {
    let one = |p: &PersonFinding| {
        let amount = p.amount.and_then(Cell::known).map_or_else(String::new, |fen| fen.to_string());
        let until = p.until.and_then(Cell::known).and_then(days_to_date).map_or_else(String::new, |d| d.to_string());
        format!("{}|{}|{amount}|{until}", p.person.0, p.finding.as_str())
    };
    joined(&found.iter().map(one).collect::<Vec<_>>().join(";"))
}

/// What `findings.parquet` says of a case, by column.
fn expected(program: &Program, load: &Caseload, finding: &CaseFinding) -> BTreeMap<String, Value> {
    let derived = Derived::of(program, finding);
    let ids = |list: &[usize]| list.iter().map(|i| program.schemes[*i].id.as_str()).collect::<Vec<_>>().join(",");
    let mut row: BTreeMap<String, Value> = BTreeMap::new();
    let mut set = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
    set("case", json!(finding.case.as_str()));
    set("area", json!(load.cases.area[finding.row].to_string()));
    set("category", json!(derived.category.map(|i| program.schemes[i].id.as_str())));
    set("possible", joined(&ids(&derived.possible)));
    set("waiting_on", joined(&derived.waiting_names().join(",")));
    set("amount_fen", json!(derived.amount_fen));
    for (scheme, found) in program.schemes.iter().zip(&finding.schemes) {
        set(&format!("finding_{}", scheme.id), json!(found.finding.as_str()));
        if scheme.until.is_some() {
            let until = found.until.filter(|_| found.finding != Tri::NotMet).and_then(Cell::known);
            set(&format!("{}_until", scheme.id), day(until));
        }
        if scheme.persons.is_some() {
            set(&format!("{}_persons", scheme.id), persons(&found.persons));
        }
    }
    for (test, found) in program.tests.iter().zip(&finding.tests) {
        if test.limit.is_some() {
            set(&format!("{}_value", test.name), known(Some(found.value)));
            set(&format!("{}_limit", test.name), known(Some(found.limit)));
            set(&format!("{}_margin", test.name), known(Some(found.margin)));
        }
        set(&format!("{}_result", test.name), json!(found.result.as_str()));
    }
    set("score", known(finding.score));
    for (severity, count) in FlagSeverity::ALL.iter().zip(finding.flag_counts) {
        set(&format!("flags_{}", severity.as_str()), json!(count));
    }
    row
}

/// Bounds and reasons of each test and scheme.
fn expected_bounds(program: &Program, finding: &CaseFinding) -> BTreeMap<String, Value> {
    let mut row: BTreeMap<String, Value> = BTreeMap::new();
    let end = |v: i64| if v == i64::MIN || v == i64::MAX { Value::Null } else { json!(v) };
    let mut cell = |name: &str, cell: Cell| {
        let (lo, hi, presence) = match cell {
            Cell::Known(v) => (json!(v), json!(v), Some(0)),
            // Whether there may be none, the kernel's results do not say.
            Cell::Between(lo, hi) => (end(lo), end(hi), None),
            Cell::None => (json!(0), json!(0), Some(2)),
        };
        row.insert(format!("{name}_lo"), lo);
        row.insert(format!("{name}_hi"), hi);
        if let Some(presence) = presence {
            row.insert(format!("{name}_presence"), json!(presence));
        }
    };
    for (test, found) in program.tests.iter().zip(&finding.tests) {
        let of_household = test.entity == Entity::Household;
        for (part, value, shown) in
            [("value", found.value, of_household), ("limit", found.limit, of_household), ("margin", found.margin, true)]
        {
            if shown && test.limit.is_some() {
                cell(&format!("test_{}_{part}", test.name), value);
            }
        }
    }
    for (scheme, found) in program.schemes.iter().zip(&finding.schemes) {
        for (part, value) in [("amount", found.amount), ("until", found.until)] {
            if let Some(value) = value {
                cell(&format!("scheme_{}_{part}", scheme.id), value);
            }
        }
    }
    if let Some(score) = finding.score {
        cell("score", score);
    }
    for (test, found) in program.tests.iter().zip(&finding.tests) {
        row.insert(format!("test_{}_waiting_on", test.name), names(&found.waiting_on));
    }
    for (scheme, found) in program.schemes.iter().zip(&finding.schemes) {
        row.insert(format!("scheme_{}_waiting_on", scheme.id), names(&found.waiting_on));
    }
    row
}

fn flags(program: &Program, findings: &Findings) -> Vec<Value> {
    let one = |raised: &hedui_engine::output::RaisedFlag| {
        let flag = &program.flags[raised.flag];
        let evidence: Vec<String> = raised
            .evidence
            .iter()
            .map(|e| {
                let day = e.as_of.map_or_else(String::new, |d| d.to_string());
                format!("{}|{}|{}|{day}", program.datasets[e.dataset.index()].name, e.source, e.record_id)
            })
            .collect();
        json!([
            raised.case.as_str(),
            raised.person.map(|p| p.0),
            flag.id,
            flag.severity.as_str(),
            flag.follow_up.as_str(),
            raised.declared.and_then(Cell::known),
            raised.found.and_then(Cell::known),
            raised.difference,
            joined(&evidence.join(";")),
        ])
    };
    findings.flags.iter().map(one).collect()
}

/// Every cell that differs; empty if none does.
pub(crate) fn differences(
    program: &Program,
    load: &Caseload,
    findings: &Findings,
    outputs: &[Output],
    bounds: bool,
) -> Vec<String> {
    let mut all = Vec::new();
    let got = &outputs[0];
    let rows: Vec<i64> = got.rows.iter().map(|row| got.get(row, "case_row").as_i64().unwrap()).collect();
    let wanted: Vec<i64> = findings.cases.iter().map(|case| case.row as i64).collect();
    if rows != wanted {
        let broken: Vec<String> = findings.errors.iter().map(ToString::to_string).collect();
        all.push(format!("cases {rows:?}, the kernel has {wanted:?}; {broken:?}"));
        return all;
    }
    for (row, finding) in got.rows.iter().zip(&findings.cases) {
        let mut wanted = expected(program, load, finding);
        if bounds {
            wanted.extend(expected_bounds(program, finding));
        }
        for (column, value) in wanted {
            let found = got.get(row, &column);
            if *found != value {
                all.push(format!("case {} {column}: SQL {found}, kernel {value}", finding.row));
            }
        }
    }
    let columns = hedui_cluster::FLAG_COLUMNS;
    let raised: Vec<Value> = outputs[1]
        .rows
        .iter()
        .map(|row| Value::Array(columns.iter().map(|c| outputs[1].get(row, c).clone()).collect()))
        .collect();
    let wanted = flags(program, findings);
    if raised != wanted {
        all.push(format!("flags: SQL {}\n  kernel {}", json!(raised), json!(wanted)));
    }
    all
}

fn show(program: &Program, load: &Caseload) -> String {
    let inputs = |table: &hedui_base::Table| {
        let columns = table.columns.iter().map(|(name, column)| match column {
            Column::Int(v) => format!("{name} {v:?}"),
            Column::Text(v) => format!("{name} {v:?}"),
        });
        columns.collect::<Vec<_>>().join("\n  ")
    };
    let mut text = format!("{program}\ncases\n  {}\n  {:?}\n", inputs(&load.cases.inputs), load.cases.residence);
    text += &format!("persons {:?} {:?}\n  {}\n", load.persons.key, load.persons.role, inputs(&load.persons.inputs));
    for (name, records) in &load.records {
        text += &format!("{name} {:?} {:?}\n  {}\n", records.person, records.source, inputs(&records.table));
    }
    text + &format!("{:?}", load.coverage)
}

/// Compares some random cases; panics with all that is needed to see why.
fn compare(seeds: std::ops::Range<u64>, holes: Holes, mode: Mode) {
    let Some(python) = duckdb::python() else { return };
    let seeds: Vec<u64> = seeds.collect();
    let (mut alike, mut undetermined, mut errors, mut raised) = (0, 0, 0, 0);
    let (mut failed, mut first) = (Vec::new(), None);
    for batch in seeds.chunks(50) {
        let worlds: Vec<(Program, Caseload)> = batch
            .iter()
            .map(|seed| {
                let mut rng = Rng::new(*seed);
                let program = programs::program(&mut rng);
                let load = worlds::world(&program, &mut rng, holes);
                (program, load)
            })
            .collect();
        let jobs: Vec<Job> =
            worlds.iter().map(|(program, load)| job(program, load, &rows::setting(load, AS_OF), mode).1).collect();
        let answers = duckdb::run(python, &jobs);
        for (((program, load), seed), answer) in worlds.iter().zip(batch).zip(answers) {
            let findings = run(program, load, AS_OF, &RunOptions::default());
            let differ = match answer {
                Ok(outputs) => differences(program, load, &findings, &outputs, mode == Mode::Full),
                Err(error) => vec![error],
            };
            if !differ.is_empty() {
                failed.push(format!("seed {seed}:\n{}", differ.join("\n")));
                first.get_or_insert_with(|| show(program, load));
            }
            alike += findings.cases.len();
            errors += findings.errors.len();
            raised += findings.flags.len();
            let open = |case: &&CaseFinding| case.tests.iter().any(|test| test.result == Tri::Undetermined);
            undetermined += findings.cases.iter().filter(open).count();
        }
    }
    let number = failed.len();
    assert!(failed.is_empty(), "{number} packs differ\n{}\n{}", failed.join("\n"), first.unwrap_or_default());
    eprintln!("{alike} cases alike, {undetermined} of them open, {errors} broken alike, {raised} flags");
    assert!(seeds.len() < 20 || (alike > seeds.len() && raised > 0), "the worlds are too dull to show anything");
}

#[test]
fn random_packs_with_unknowns_are_the_kernels_bit_for_bit() {
    let (from, number) = cases(30);
    compare(from..from + number, Holes::Some, Mode::Full);
}

#[test]
fn random_packs_without_holes_are_the_kernels_too() {
    let (from, number) = cases(10);
    compare(from + 100_000..from + 100_000 + number, Holes::None, Mode::Full);
}
