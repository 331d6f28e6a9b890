//! Schemes that look at each member alone.

use hedui_base::columns::date_to_days;
use hedui_base::{Column, Outcome, PersonKey, Tri};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::{Cell, SchemeFinding};
use hedui_engine::{RunOptions, run};
use jiff::civil::{Date, date};

use crate::build::*;
use crate::written::fixture;

const MEMBER: Role = Role::Member;

/// One household: three members and an obligor, of whom all but the second are severely disabled.
fn world(outcomes: [Outcome; 4]) -> Caseload {
    let mut load = caseload(&[&[MEMBER, MEMBER, MEMBER, Role::Obligor]]);
    let disabled = [1, 0, 1, 1].map(Some).to_vec();
    load.persons.inputs.columns.insert("severely_disabled".into(), Column::Int(disabled));
    let bank = source(&mut load, "bank", "deposit");
    for (person, answer) in (0u32..).zip(outcomes) {
        outcome(&mut load, person, bank, answer);
    }
    load
}

fn alone(load: &Caseload, day: Date) -> SchemeFinding {
    let program = fixture("versions_and_persons");
    let findings = run(&program, load, day, &RunOptions::default());
    assert_eq!(findings.errors, []);
    findings.cases[0].schemes[1].clone()
}

#[test]
fn members_who_meet_it_are_named_with_their_amounts() {
    let day = date(2026, 7, 1);
    let found = alone(&world([Outcome::NoRecord; 4]), day);
    assert_eq!(found.finding, Tri::Met);
    assert_eq!(found.amount, Some(Cell::Known(80_000)), "two members, not the obligor");
    let until = Some(Cell::Known(date_to_days(date(2027, 7, 1))));
    assert_eq!(found.until, until);
    let persons: Vec<_> = found.persons.iter().map(|p| (p.person, p.finding, p.amount, p.until)).collect();
    let each = |person| (PersonKey(person), Tri::Met, Some(Cell::Known(40_000)), until);
    assert_eq!(persons, [each(0), each(2)]);
}

#[test]
fn a_member_whose_bank_is_silent_stays_open() {
    // Until July all deposits together count, so one silent bank leaves everyone open; from July each is asked alone, and
    // the condition of the household still waits.
    let load = world([Outcome::NoRecord, Outcome::NoRecord, Outcome::Overdue, Outcome::NoRecord]);
    let found = alone(&load, date(2026, 7, 1));
    assert_eq!(found.finding, Tri::Undetermined);
    assert_eq!(found.amount, Some(Cell::Between(0, 80_000)));
    assert_eq!(found.persons.iter().map(|p| p.finding).collect::<Vec<_>>(), [Tri::Undetermined; 2]);
    assert_eq!(found.persons[1].waiting_on[0].source.as_str(), "bank");
    assert_eq!(found.persons[1].amount, Some(Cell::Known(40_000)));
    // A silent bank about the obligor is nobody's matter.
    let load = world([Outcome::NoRecord, Outcome::NoRecord, Outcome::NoRecord, Outcome::Overdue]);
    assert_eq!(alone(&load, date(2026, 7, 1)).finding, Tri::Met);
}

#[test]
fn nobody_who_meets_it_leaves_nothing_to_pay() {
    let mut load = world([Outcome::NoRecord; 4]);
    load.persons.inputs.columns.insert("severely_disabled".into(), Column::Int([0, 0, 0, 1].map(Some).to_vec()));
    let found = alone(&load, date(2026, 1, 1));
    assert_eq!((found.finding, found.amount), (Tri::NotMet, Some(Cell::Known(0))));
    assert_eq!((found.until, found.persons), (Some(Cell::None), vec![]));
}
