//! One household's caseload on its own, with a change made to it, and many such households side by side.

use std::collections::BTreeMap;

use hedui_base::{Column, Outcome, PersonKey, Records, Table};
use hedui_rules::Program;
use hedui_rules::program::{DatasetUse, Entity, Input};
use rustc_hash::FxHashMap;

use super::Change;
use crate::input::{Caseload, Cases, Coverage, Persons, Role};

/// Only what a program reads of one case: its row becomes 0, its people are in order of their keys.
pub(super) fn isolate(program: &Program, caseload: &Caseload, row: usize) -> Caseload {
    let persons = &caseload.persons;
    let mut people: Vec<usize> = (0..persons.case.len()).filter(|p| persons.case[*p] as usize == row).collect();
    people.sort_by_key(|p| persons.key[*p]);
    let keys: Vec<PersonKey> = people.iter().map(|p| persons.key[*p]).collect();
    let inputs = |table: &Table, entity: Entity, rows: &[usize]| Table {
        rows: rows.len(),
        columns: program
            .inputs
            .iter()
            .filter(|input| input.entity == entity)
            .filter_map(|input| Some((input.name.clone(), table.columns.get(&input.name)?.take(rows))))
            .collect(),
    };
    let household = PersonKey(row as u32);
    let mut records = BTreeMap::new();
    let mut outcomes = FxHashMap::default();
    for dataset in &program.datasets {
        let of_household = dataset.entity == Entity::Household;
        let owns = |key: &PersonKey| if of_household { *key == household } else { keys.contains(key) };
        if let Some(all) = caseload.records.get(&dataset.name) {
            let mut rows: Vec<usize> = (0..all.len()).filter(|r| owns(&all.person[*r])).collect();
            rows.sort_by_key(|r| all.person[*r]);
            let mut own = taken(all, &rows, dataset);
            if of_household {
                own.person.fill(PersonKey(0));
            }
            records.insert(dataset.name.clone(), own);
        }
        let serving = (0u16..).zip(&caseload.coverage.sources).filter(|(_, (_, serves))| *serves == dataset.name);
        for (source, _) in serving {
            let owners = if of_household { std::slice::from_ref(&household) } else { &keys };
            for owner in owners {
                if let Some(outcome) = caseload.coverage.outcomes.get(&(*owner, source)) {
                    let owner = if of_household { PersonKey(0) } else { *owner };
                    outcomes.insert((owner, source), *outcome);
                }
            }
        }
    }
    let cases = &caseload.cases;
    Caseload {
        cases: Cases {
            id: vec![cases.id[row].clone()],
            area: vec![cases.area[row]],
            residence: vec![cases.residence[row].clone()],
            inputs: inputs(&cases.inputs, Entity::Household, &[row]),
        },
        persons: Persons {
            case: vec![0; people.len()],
            role: people.iter().map(|p| persons.role[*p]).collect(),
            inputs: inputs(&persons.inputs, Entity::Person, &people),
            key: keys,
        },
        records,
        coverage: Coverage {
            sources: caseload.coverage.sources.clone(),
            outcomes,
            complete: caseload.coverage.complete.clone(),
        },
    }
}

/// Some records, with the columns that a program reads.
fn taken(records: &Records, rows: &[usize], dataset: &DatasetUse) -> Records {
    let column = |name: &String| Some((name.clone(), records.table.columns.get(name)?.take(rows)));
    Records {
        person: rows.iter().map(|r| records.person[*r]).collect(),
        source: rows.iter().map(|r| records.source[*r].clone()).collect(),
        record_id: rows.iter().map(|r| records.record_id[*r].clone()).collect(),
        as_of: rows.iter().map(|r| records.as_of[*r]).collect(),
        ask: rows.iter().map(|r| records.ask[*r]).collect(),
        answer: rows.iter().map(|r| records.answer[*r]).collect(),
        table: Table {
            rows: rows.len(),
            columns: dataset.columns.iter().filter_map(|used| column(&used.name)).collect(),
        },
    }
}

/// An isolated case with a change made to what is known about it. A change of a fact's value is no such thing: there the
/// case stays as it is.
pub(super) fn changed(program: &Program, home: &Caseload, change: &Change) -> Caseload {
    let mut home = home.clone();
    match change {
        Change::Fact { .. } => {}
        Change::Input { input, person, to } => {
            let input = &program.inputs[input.index()];
            let table = if input.entity == Entity::Person { &mut home.persons.inputs } else { &mut home.cases.inputs };
            let row = person.map_or(Some(0), |person| home.persons.key.iter().position(|key| *key == person));
            if let Some(row) = row {
                set(table, input, row, *to);
            }
        }
        Change::WithoutRecord { dataset, person, source, record_id } => {
            let dataset = &program.datasets[dataset.index()];
            if let Some(all) = home.records.get_mut(&dataset.name) {
                let owner = person.unwrap_or(PersonKey(0));
                let is = |r: &usize| {
                    all.person[*r] == owner && all.source[*r] == *source && *all.record_id[*r] == **record_id
                };
                let gone = (0..all.len()).find(is);
                let rest: Vec<usize> = (0..all.len()).filter(|r| Some(*r) != gone).collect();
                *all = taken(all, &rest, dataset);
            }
        }
        Change::WithoutPerson { person } => {
            let stays: Vec<usize> =
                (0..home.persons.key.len()).filter(|row| home.persons.key[*row] != *person).collect();
            let persons = &mut home.persons;
            persons.key = stays.iter().map(|row| persons.key[*row]).collect();
            persons.role = stays.iter().map(|row| persons.role[*row]).collect();
            persons.case = vec![0; stays.len()];
            persons.inputs.rows = stays.len();
            for column in persons.inputs.columns.values_mut() {
                *column = column.take(&stays);
            }
            for dataset in program.datasets.iter().filter(|d| d.entity == Entity::Person) {
                if let Some(all) = home.records.get_mut(&dataset.name) {
                    let rest: Vec<usize> = (0..all.len()).filter(|r| all.person[*r] != *person).collect();
                    *all = taken(all, &rest, dataset);
                }
            }
        }
        Change::WithMember => with_member(program, &mut home),
        Change::Answer { source, people, .. } => {
            let owners = if people.is_empty() { vec![PersonKey(0)] } else { people.clone() };
            let sources = (0u16..).zip(&home.coverage.sources).filter(|(_, (id, _))| id == source);
            for (index, (_, dataset)) in sources {
                let records = home.records.get(dataset);
                for owner in &owners {
                    // Records of a part of the answer that came stay.
                    let some = records
                        .is_some_and(|all| (0..all.len()).any(|r| all.person[r] == *owner && all.source[r] == *source));
                    let outcome = if some { Outcome::Found } else { Outcome::NoRecord };
                    home.coverage.outcomes.insert((*owner, index), outcome);
                }
            }
        }
    }
    home
}

/// One more member: nobody has a record of them, amounts they would declare are the least there can be, and all else
/// about them is unsaid.
fn with_member(program: &Program, home: &mut Caseload) {
    let key = PersonKey(home.persons.key.iter().map(|key| key.0 + 1).max().unwrap_or(0));
    let persons = &mut home.persons;
    persons.case.push(0);
    persons.key.push(key);
    persons.role.push(Role::Member);
    persons.inputs.rows = persons.key.len();
    let row = persons.key.len() - 1;
    for input in program.inputs.iter().filter(|input| input.entity == Entity::Person) {
        if let Some(column) = persons.inputs.columns.get_mut(&input.name) {
            match column {
                Column::Int(values) => values.push(None),
                Column::Text(values) => values.push(None),
            }
        }
        let unsaid = input.default.is_none() && input.spec.null == hedui_base::catalogue::NullMeaning::Unknown;
        if let (true, Some(least)) = (unsaid && amount(input), input.spec.min) {
            set(&mut persons.inputs, input, row, least);
        }
    }
    for dataset in program.datasets.iter().filter(|d| d.entity == Entity::Person) {
        for (source, (_, serves)) in (0u16..).zip(&home.coverage.sources) {
            if *serves == dataset.name {
                home.coverage.outcomes.insert((key, source), Outcome::NoRecord);
            }
        }
    }
}

/// Whether an input is an amount, not a date, a text or a condition.
fn amount(input: &Input) -> bool {
    use hedui_base::ColumnType::{Area, Decimal, Int, Money};
    matches!(input.spec.ty, Money(_) | Int | Decimal(_) | Area)
}

/// Sets a number in a table of inputs, where nobody declared one too.
fn set(table: &mut Table, input: &Input, row: usize, to: i64) {
    let rows = table.rows;
    let column = table.columns.entry(input.name.clone()).or_insert_with(|| Column::Int(vec![None; rows]));
    if let Column::Int(values) = column {
        values.resize(rows, None);
        values[row] = Some(to);
    }
}

/// Cases side by side in one caseload, the people numbered through. Of the datasets only those kept have records and
/// coverage; the others count as answered with nothing.
pub(super) fn side_by_side(program: &Program, homes: &[&Caseload], kept: impl Fn(usize) -> bool) -> Caseload {
    let mut all = Caseload::default();
    let Some(first) = homes.first() else { return all };
    let kept: Vec<&DatasetUse> =
        program.datasets.iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, dataset)| dataset).collect();
    let is_kept = |name: &str| kept.iter().any(|dataset| dataset.name == name);
    all.coverage.complete.clone_from(&first.coverage.complete);
    let others = program.datasets.iter().filter(|dataset| !is_kept(&dataset.name));
    all.coverage.complete.extend(others.map(|dataset| dataset.name.clone()));
    all.coverage.sources = first.coverage.sources.clone();
    for (_, serves) in &mut all.coverage.sources {
        if !is_kept(serves) {
            serves.clear();
        }
    }
    for (case, home) in (0u32..).zip(homes) {
        all.cases.id.push(home.cases.id[0].clone());
        all.cases.area.push(home.cases.area[0]);
        all.cases.residence.push(home.cases.residence[0].clone());
        let start = all.persons.key.len() as u32;
        let people = home.persons.key.len();
        all.persons.case.resize(all.persons.case.len() + people, case);
        all.persons.key.extend((start..).take(people).map(PersonKey));
        all.persons.role.extend_from_slice(&home.persons.role);
        for dataset in &kept {
            let renamed = |key: PersonKey| match dataset.entity {
                Entity::Household => Some(PersonKey(case)),
                Entity::Person => {
                    let place = home.persons.key.binary_search(&key).ok()?;
                    Some(PersonKey(start + place as u32))
                }
            };
            let sources = (0u16..).zip(&home.coverage.sources).filter(|(_, (_, serves))| *serves == dataset.name);
            for (source, _) in sources {
                let household = [PersonKey(0)];
                let owners = if dataset.entity == Entity::Household { &household[..] } else { &home.persons.key };
                for owner in owners {
                    if let (Some(outcome), Some(new)) = (home.coverage.outcomes.get(&(*owner, source)), renamed(*owner))
                    {
                        all.coverage.outcomes.insert((new, source), *outcome);
                    }
                }
            }
            if let Some(records) = home.records.get(&dataset.name) {
                append(all.records.entry(dataset.name.clone()).or_default(), records, renamed);
            }
        }
    }
    all.cases.inputs = stacked(homes.iter().map(|home| &home.cases.inputs));
    all.persons.inputs = stacked(homes.iter().map(|home| &home.persons.inputs));
    all
}

fn append(all: &mut Records, more: &Records, renamed: impl Fn(PersonKey) -> Option<PersonKey>) {
    all.person.extend(more.person.iter().map(|key| renamed(*key).unwrap_or(*key)));
    all.source.extend_from_slice(&more.source);
    all.record_id.extend_from_slice(&more.record_id);
    all.as_of.extend_from_slice(&more.as_of);
    all.ask.extend_from_slice(&more.ask);
    all.answer.extend_from_slice(&more.answer);
    under(&mut all.table, &more.table);
}

/// Tables under one another; where one lacks a column, its rows are null in it.
fn stacked<'t>(tables: impl Iterator<Item = &'t Table>) -> Table {
    let mut all = Table::default();
    tables.for_each(|table| under(&mut all, table));
    all
}

fn under(all: &mut Table, more: &Table) {
    for (name, column) in &more.columns {
        let empty =
            || if matches!(column, Column::Int(_)) { Column::Int(Vec::new()) } else { Column::Text(Vec::new()) };
        match (all.columns.entry(name.clone()).or_insert_with(empty), column) {
            (Column::Int(to), Column::Int(from)) => {
                to.resize(all.rows, None);
                to.extend_from_slice(from);
            }
            (Column::Text(to), Column::Text(from)) => {
                to.resize(all.rows, None);
                to.extend_from_slice(from);
            }
            _ => {}
        }
    }
    all.rows += more.rows;
    for column in all.columns.values_mut() {
        match column {
            Column::Int(values) => values.resize(all.rows, None),
            Column::Text(values) => values.resize(all.rows, None),
        }
    }
}
