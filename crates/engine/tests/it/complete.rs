//! Changes to a world: filling its holes, taking answers away, shuffling its rows.

use hedui_base::{Column, Outcome, PersonKey, Records};
use hedui_engine::input::Caseload;

use crate::build::*;
use crate::random::{KINDS, SOURCES};

/// A cheap repeatable die.
#[derive(Clone, Debug)]
pub(crate) struct Die(pub(crate) u64);

impl Die {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn between(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.roll((hi - lo) as u64) as i64
    }
}

/// Any value a column may hold, far ones included.
fn any(column: &str, die: &mut Die) -> Option<i64> {
    let far = die.roll(5) == 0;
    Some(match column {
        "net" if far => die.between(-2_000_000, 2_000_000),
        "net" => die.between(-30, 30),
        "open" => die.between(0, 2),
        "guarded" => return (die.roll(2) == 0).then(|| die.between(0, 2)),
        "closed" => return (die.roll(2) == 0).then(|| die.between(-3_000, 40_000)),
        "month" => die.between(24_200, 24_400),
        _ if far => die.between(0, 5_000_000),
        _ => die.between(0, 70),
    })
}

/// A completion: every source answers about everyone, and every null that hides a value gets one.
///
/// What a source (or an undeclared input) turns out to say depends only on `seed` of its name.
pub(crate) fn complete(load: &Caseload, seed: impl Fn(&str) -> u64) -> Caseload {
    let mut load = load.clone();
    for (dataset, records) in &mut load.records {
        for row in 0..records.len() {
            let source = records.source[row].to_string();
            let at = u64::from(records.person[row].0) * 1000 + records.record_id[row].parse::<u64>().unwrap();
            let mut die = Die(seed(&source) ^ at.wrapping_mul(977));
            for (name, column) in &mut records.table.columns {
                match column {
                    Column::Int(values) if values[row].is_none() && name != "closed" && name != "guarded" => {
                        values[row] = any(name, &mut die)
                    }
                    Column::Text(values) if values[row].is_none() => {
                        values[row] = Some(KINDS[die.roll(3) as usize].into());
                    }
                    _ => {}
                }
            }
        }
        assert!(dataset == "deposit" || dataset == "job");
    }
    for (name, table) in [("wage", &mut load.persons.inputs), ("vehicles", &mut load.cases.inputs)] {
        let mut die = Die(seed(name));
        if let Some(Column::Int(values)) = table.columns.get_mut(name) {
            for value in values.iter_mut().filter(|v| v.is_none()) {
                *value = any(name, &mut die);
            }
        }
    }
    for person in 0..load.persons.key.len() as u32 {
        for (source, (name, dataset)) in (0u16..).zip(SOURCES) {
            let before = load.coverage.outcomes.insert((PersonKey(person), source), Outcome::Found);
            if before.is_some_and(|o| !o.is_unknown()) {
                continue;
            }
            let mut die = Die(seed(name) ^ u64::from(person).wrapping_mul(7919));
            for id in 0..die.roll(4) {
                let mut number = |column| (column, Item::Int(any(column, &mut die)));
                let values = if dataset == "job" {
                    vec![number("month"), number("gross")]
                } else {
                    let numbers =
                        [number("balance"), number("net"), number("closed"), number("open"), number("guarded")];
                    let kind = ("kind", Item::Text(Some(KINDS[die.roll(3) as usize])));
                    [numbers.to_vec(), vec![kind]].concat()
                };
                record(&mut load, dataset, person, name, &(100 + id).to_string(), &values);
            }
        }
    }
    load
}

pub(crate) fn rows_kept(records: &Records, rows: &[usize]) -> Records {
    Records {
        person: rows.iter().map(|r| records.person[*r]).collect(),
        source: rows.iter().map(|r| records.source[*r].clone()).collect(),
        record_id: rows.iter().map(|r| records.record_id[*r].clone()).collect(),
        as_of: rows.iter().map(|r| records.as_of[*r]).collect(),
        ask: rows.iter().map(|r| records.ask[*r]).collect(),
        answer: rows.iter().map(|r| records.answer[*r]).collect(),
        table: hedui_base::Table {
            rows: rows.len(),
            columns: records.table.columns.iter().map(|(n, c)| (n.clone(), c.take(rows))).collect(),
        },
    }
}

/// Takes away what a source answered about some people: its records go, its outcome becomes `failed`.
pub(crate) fn withdraw(load: &Caseload, source: u16, about: impl Fn(PersonKey) -> bool) -> Caseload {
    let mut load = load.clone();
    let name = load.coverage.sources[usize::from(source)].0.clone();
    for records in load.records.values_mut() {
        let stays = |row: &usize| records.source[*row] != name || !about(records.person[*row]);
        let rows: Vec<usize> = (0..records.len()).filter(stays).collect();
        *records = rows_kept(records, &rows);
    }
    for person in load.persons.key.clone().into_iter().filter(|p| about(*p)) {
        load.coverage.outcomes.insert((person, source), Outcome::Failed);
    }
    load
}

/// The same world with its records and people in another order.
pub(crate) fn shuffle(load: &Caseload, mut die: Die) -> Caseload {
    let mut load = load.clone();
    let mut order = |rows: usize| {
        let mut order: Vec<usize> = (0..rows).collect();
        (1..rows).for_each(|i| order.swap(i, die.roll(i as u64 + 1) as usize));
        order
    };
    for records in load.records.values_mut() {
        *records = rows_kept(records, &order(records.len()));
    }
    let people = order(load.persons.key.len());
    let persons = &mut load.persons;
    persons.case = people.iter().map(|p| persons.case[*p]).collect();
    persons.key = people.iter().map(|p| persons.key[*p]).collect();
    persons.role = people.iter().map(|p| persons.role[*p]).collect();
    for column in persons.inputs.columns.values_mut() {
        *column = column.take(&people);
    }
    load
}
