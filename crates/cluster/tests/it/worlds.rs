//! Random households of some people, records from sources that answered, and every kind of silence.

use std::sync::Arc;

use hedui_base::{AnswerId, AreaCode, AskId, Column, ColumnSpec, ColumnType, Outcome, PersonKey, Records};
use hedui_engine::input::{Caseload, Role};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use jiff::civil::date;

use crate::rng::Rng;

/// How much is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holes {
    /// Nothing: every source answered with whole records.
    None,
    /// Something of every kind.
    Some,
}

fn number(spec: &ColumnSpec, rng: &mut Rng, holes: Holes) -> i64 {
    let value = match spec.ty {
        ColumnType::Bool => rng.between(0, 2),
        ColumnType::Date => rng.between(9_000, 20_634),
        ColumnType::Month => rng.between(24_305, 24_320),
        // Now and then so much that sums leave 64 bits.
        _ if holes == Holes::Some && rng.chance(1) => i64::MAX / 2,
        _ => rng.between(-20, 60),
    };
    value.max(spec.min.unwrap_or(i64::MIN)).min(spec.max.unwrap_or(i64::MAX))
}

fn column(spec: &ColumnSpec, rows: usize, rng: &mut Rng, holes: Holes) -> Column {
    let optional = spec.null == hedui_base::catalogue::NullMeaning::None;
    let gap = |rng: &mut Rng| match (optional, holes) {
        (true, _) => rng.chance(40),
        (false, Holes::Some) => rng.chance(8),
        (false, Holes::None) => false,
    };
    if spec.ty.is_int() {
        return Column::Int((0..rows).map(|_| (!gap(rng)).then(|| number(spec, rng, holes))).collect());
    }
    let codes: Vec<String> = match spec.codes.len() {
        0 => ["current", "term", "wealth", "it's", "城"].map(String::from).to_vec(),
        _ => spec.codes.keys().cloned().collect(),
    };
    Column::Text((0..rows).map(|_| (!gap(rng)).then(|| Arc::from(rng.pick(&codes).as_str()))).collect())
}

fn outcome(rng: &mut Rng, holes: Holes) -> Option<Outcome> {
    if holes == Holes::None {
        return Some(rng.pick(&[Outcome::Found, Outcome::Found, Outcome::NoRecord, Outcome::NotApplicable]));
    }
    match rng.below(12) {
        0 => None,
        1 => Some(Outcome::Partial),
        2 => Some(rng.pick(&[Outcome::Overdue, Outcome::Failed, Outcome::Pending, Outcome::Unsendable])),
        3 => Some(Outcome::NotApplicable),
        4 | 5 => Some(Outcome::NoRecord),
        _ => Some(Outcome::Found),
    }
}

/// A world for a program. Some people live in two households; some datasets have no source, or count as complete.
pub(crate) fn world(program: &Program, rng: &mut Rng, holes: Holes) -> Caseload {
    let mut load = Caseload::default();
    let households = 1 + rng.below(4) as usize;
    let areas = ["321102", "3211", "320105", "990101"];
    for case in 0..households {
        load.cases.id.push(format!("C{case}").as_str().into());
        load.cases.area.push(AreaCode::parse(rng.pick(&areas)).unwrap());
        let silent = holes == Holes::Some && rng.chance(15);
        load.cases.residence.push((!silent).then(|| Arc::from(rng.pick(&["urban", "rural"]))));
        let mut own: Vec<u32> = Vec::new();
        for i in 0..1 + rng.below(4) {
            let shared = case > 0 && rng.chance(10);
            let person = if shared { rng.below(case as u64 * 10) as u32 } else { case as u32 * 10 + i as u32 };
            if own.contains(&person) {
                continue;
            }
            own.push(person);
            load.persons.case.push(case as u32);
            load.persons.key.push(PersonKey(person));
            load.persons.role.push(if rng.chance(70) { Role::Member } else { Role::Obligor });
        }
    }
    let people = load.persons.key.len();
    load.cases.inputs.rows = households;
    load.persons.inputs.rows = people;
    for input in &program.inputs {
        let (table, rows) = match input.entity {
            Entity::Person => (&mut load.persons.inputs, people),
            Entity::Household => (&mut load.cases.inputs, households),
        };
        table.columns.insert(input.name.clone(), column(&input.spec, rows, rng, holes));
    }
    for dataset in &program.datasets {
        let served = if holes == Holes::Some { rng.below(4) as usize } else { 2 };
        // Most datasets that nobody serves count as complete; of the others some do.
        let complete = match (served, holes) {
            (0, _) => 60,
            (_, Holes::Some) => 20,
            (_, Holes::None) => 0,
        };
        if rng.chance(complete) {
            load.coverage.complete.push(dataset.name.clone());
        }
        let owners: Vec<u32> = match dataset.entity {
            Entity::Person => {
                let mut all: Vec<u32> = load.persons.key.iter().map(|key| key.0).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
            Entity::Household => (0..households as u32).collect(),
        };
        let records = records(&mut load, dataset, &owners, served, rng, holes);
        load.records.insert(dataset.name.clone(), records);
    }
    load
}

fn records(
    load: &mut Caseload,
    dataset: &hedui_rules::program::DatasetUse,
    owners: &[u32],
    served: usize,
    rng: &mut Rng,
    holes: Holes,
) -> Records {
    let mut records = Records::default();
    for source in 0..served {
        let name = format!("{}.{source}", dataset.name);
        let index = load.coverage.sources.len() as u16;
        load.coverage.sources.push((name.as_str().into(), dataset.name.clone()));
        for owner in owners {
            let outcome = outcome(rng, holes);
            if let Some(outcome) = outcome {
                load.coverage.outcomes.insert((PersonKey(*owner), index), outcome);
            }
            let sent = matches!(outcome, Some(Outcome::Found | Outcome::Partial));
            for row in 0..if sent { rng.below(4) } else { 0 } {
                records.person.push(PersonKey(*owner));
                records.source.push(name.as_str().into());
                records.record_id.push(Arc::from(row.to_string()));
                records.as_of.push(rng.chance(70).then(|| date(2026, 6, 1 + row as i8)));
                records.ask.push(AskId(0));
                records.answer.push(AnswerId(0));
            }
        }
    }
    // As the store hands them out: by person.
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|row| records.person[*row]);
    records.person = order.iter().map(|row| records.person[*row]).collect();
    records.source = order.iter().map(|row| records.source[*row].clone()).collect();
    records.record_id = order.iter().map(|row| records.record_id[*row].clone()).collect();
    records.as_of = order.iter().map(|row| records.as_of[*row]).collect();
    records.table.rows = records.len();
    for used in &dataset.columns {
        records.table.columns.insert(used.name.clone(), column(&used.spec, records.table.rows, rng, holes));
    }
    records
}
