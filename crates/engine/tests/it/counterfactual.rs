//! What is said about changes holds: a change does what it says, and nothing smaller of the same number does.

use hedui_base::{Column, ColumnType, Outcome, PersonKey, Records, Tri};
use hedui_engine::counterfactual::{Change, ChangeKind, Counterfactual, Proof, finding_if, what_if};
use hedui_engine::input::Caseload;
use hedui_engine::{RunOptions, run};
use hedui_rules::Program;
use proptest::prelude::*;

use crate::build::*;
use crate::complete::{complete, rows_kept};
use crate::random::{programs, worlds};

fn finding(program: &Program, load: &Caseload, row: usize) -> Option<Tri> {
    let findings = run(program, load, AS_OF, &RunOptions::default());
    findings.cases.iter().find(|case| case.row == row).map(|case| case.schemes[0].finding)
}

fn is_change(before: Tri, after: Tri) -> bool {
    match before {
        Tri::Undetermined => after != Tri::Undetermined,
        settled => after == settled.negate(),
    }
}

/// The change with another number.
fn with_number(change: &Change, to: i64) -> Change {
    let mut change = change.clone();
    match &mut change {
        Change::Input { to: number, .. }
        | Change::Fact { to: number, .. }
        | Change::Answer { fact: Some((_, _, number)), .. } => *number = to,
        _ => {}
    }
    change
}

/// Numbers nearer to the old one, the nearest to the new one last: all, or of many the first and last.
fn nearer(one: &Counterfactual, most: i64) -> Vec<i64> {
    let Some(new) = one.new.as_ref().and_then(|new| new.number()) else { return vec![] };
    let up =
        one.kind == ChangeKind::Answer || one.old.as_ref().and_then(|old| old.number()).is_some_and(|old| old < new);
    let least = if one.kind == ChangeKind::Answer { 0 } else { 1 };
    let by = (least..one.size).filter(|by| *by < most || one.size - by <= most);
    let all = by.map(|by| if up { new - one.size + by } else { new + one.size - by });
    if one.size > 1_000_000 { vec![if up { new - 1 } else { new + 1 }] } else { all.collect() }
}

/// The same change made to the whole caseload by hand; none for the change of a fact.
fn by_hand(program: &Program, load: &Caseload, row: usize, change: &Change) -> Option<Caseload> {
    let mut load = load.clone();
    let person_row =
        |load: &Caseload, person: PersonKey| load.persons.key.iter().position(|key| *key == person).unwrap();
    match change {
        Change::Fact { .. } | Change::Answer { fact: Some(_), .. } | Change::WithMember => return None,
        Change::Input { input, person, to } => {
            let row = person.map_or(row, |person| person_row(&load, person));
            let table = if person.is_some() { &mut load.persons.inputs } else { &mut load.cases.inputs };
            let Some(Column::Int(values)) = table.columns.get_mut(&program.inputs[input.index()].name) else {
                panic!("no such input")
            };
            values[row] = Some(*to);
        }
        Change::WithoutRecord { dataset, person, source, record_id } => {
            let all = load.records.get_mut(&program.datasets[dataset.index()].name).unwrap();
            let is = |all: &Records, r: usize| {
                Some(all.person[r]) == *person && all.source[r] == *source && *all.record_id[r] == **record_id
            };
            let rows: Vec<usize> = (0..all.len()).filter(|r| !is(all, *r)).collect();
            assert_eq!(rows.len() + 1, all.len(), "one record goes");
            *all = rows_kept(all, &rows);
        }
        Change::WithoutPerson { person } => {
            let gone = person_row(&load, *person);
            let persons = &mut load.persons;
            persons.case.remove(gone);
            persons.key.remove(gone);
            persons.role.remove(gone);
            persons.inputs.rows -= 1;
            let stays: Vec<usize> = (0..persons.key.len() + 1).filter(|r| *r != gone).collect();
            persons.inputs.columns.values_mut().for_each(|column| *column = column.take(&stays));
        }
        Change::Answer { source, people, .. } => {
            let index = load.coverage.sources.iter().position(|(id, _)| id == source).unwrap() as u16;
            for person in people {
                load.coverage.outcomes.insert((*person, index), Outcome::Found);
            }
        }
    }
    Some(load)
}

fn holds(program: &Program, load: &Caseload, row: usize, whole: bool, most: i64) -> Result<usize, TestCaseError> {
    let Ok(found) = what_if(program, load, row, AS_OF, 0) else { return Ok(0) };
    prop_assert_eq!(Some(found.before), finding(program, load, row));
    for one in &found.changes {
        let after = finding_if(program, load, row, AS_OF, 0, std::slice::from_ref(&one.change)).unwrap();
        prop_assert!(is_change(found.before, one.after), "{one:?} is no change of {:?}", found.before);
        prop_assert_eq!(after, one.after, "{:?}", one);
        if let Some(by_hand) = by_hand(program, load, row, &one.change) {
            prop_assert_eq!(finding(program, &by_hand, row), Some(one.after), "by hand: {:?}", one);
        }
        let nearer = nearer(one, most);
        let last = nearer.len().saturating_sub(1);
        for (i, number) in nearer.iter().enumerate() {
            let less = with_number(&one.change, *number);
            let Ok(then) = finding_if(program, load, row, AS_OF, 0, &[less]) else { continue };
            let edge = i == last;
            if one.proof == Proof::Whole || edge {
                prop_assert_ne!(then, one.after, "{} does already: {:?}", number, one);
            }
            // Some number on the way may leave it open although all is answered: a division by zero.
            if whole && found.before != Tri::Undetermined {
                prop_assert!(then == found.before || then == Tri::Undetermined, "{number}: {then:?}, {one:?}");
            }
        }
    }
    Ok(found.changes.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_change_does_what_it_says_and_nothing_smaller_does(program in programs(), world in worlds()) {
        for row in 0..world.cases.id.len() {
            holds(&program, &world, row, false, 200)?;
        }
    }

    #[test]
    fn where_all_is_known_one_unit_less_leaves_the_finding(program in programs(), world in worlds(), seed: u64) {
        let whole = complete(&world, |name| seed ^ name.len() as u64);
        for row in 0..whole.cases.id.len() {
            holds(&program, &whole, row, true, 200)?;
        }
    }
}

#[test]
fn random_households_have_changes_of_every_kind() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut kinds = std::collections::BTreeMap::new();
    for _ in 0..200 {
        let program = programs().new_tree(&mut runner).unwrap().current();
        let world = worlds().new_tree(&mut runner).unwrap().current();
        for row in 0..world.cases.id.len() {
            let Ok(found) = what_if(&program, &world, row, AS_OF, 0) else { continue };
            for one in found.changes {
                *kinds.entry((one.kind, one.proof)).or_insert(0) += 1;
            }
        }
    }
    for kind in [ChangeKind::Answer, ChangeKind::Amount, ChangeKind::Asset, ChangeKind::Member] {
        let count: i32 = kinds.iter().filter(|((k, _), _)| *k == kind).map(|(_, n)| *n).sum();
        assert!(count >= 5, "{kind:?}: {kinds:?}");
    }
}

/// Random households of a pack, made poor: little is declared and found, and few sources are silent.
fn poor(program: &Program) -> impl Iterator<Item = Caseload> {
    crate::packs::worlds(program).enumerate().map(|(i, mut load)| {
        for (n, outcome) in load.coverage.outcomes.values_mut().enumerate() {
            if outcome.is_unknown() && (i % 3 != 0 || n % 40 != 0) {
                *outcome = Outcome::Found;
            }
        }
        for records in load.records.values_mut() {
            let rows: Vec<usize> = (0..records.len()).filter(|row| (row + i) % 23 == 0).collect();
            *records = rows_kept(records, &rows);
        }
        for input in &program.inputs {
            for table in [&mut load.cases.inputs, &mut load.persons.inputs] {
                if let (ColumnType::Money(_), Some(Column::Int(values))) =
                    (input.spec.ty, table.columns.get_mut(&input.name))
                {
                    values.iter_mut().flatten().for_each(|value| *value /= 40);
                }
            }
        }
        load
    })
}

#[test]
fn what_is_said_about_a_pack_holds() {
    let program = crate::packs::program("zhenjiang");
    let (mut cases, mut changes, mut left_out) = (0, 0, 0);
    for load in poor(&program) {
        for row in 0..load.cases.id.len() {
            if let Ok(found) = what_if(&program, &load, row, AS_OF, 0) {
                cases += 1;
                changes += found.changes.len();
                left_out += usize::from(!found.left_out.is_empty());
            }
        }
    }
    assert!(changes > 20, "{changes} changes in {cases} cases");
    assert!(left_out * 10 < cases, "{left_out} of {cases} cases leave something out");
    for load in poor(&program).take(4) {
        for row in 0..load.cases.id.len() {
            holds(&program, &load, row, false, 2).unwrap();
        }
    }
}
