//! Flags: whom they concern, and the records behind them.

use hedui_base::catalogue::NullMeaning::Unknown;
use hedui_base::{ColumnType, Outcome, PersonKey, Tri};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::Cell;
use hedui_engine::{RunOptions, run, trace};
use hedui_rules::Program;
use hedui_rules::program::*;

use crate::build::*;

const INT: ColumnType = ColumnType::Int;

fn flag(program: &mut Program, id: &str, entity: Entity, when: StepId, found: Option<StepId>) {
    program.flags.push(Flag {
        id: id.into(),
        title: "未申报机动车".into(),
        title_en: String::new(),
        entity,
        when,
        declared: None,
        found,
        severity: FlagSeverity::High,
        follow_up: FollowUp::Desk,
        evidence: vec![DatasetId(0)],
        cite: "[test]".into(),
    });
}

/// Two members and an obligor; each has a car in use and one that is scrapped.
fn world() -> (Program, Caseload) {
    let columns = vec![("scrapped", spec(ColumnType::Bool, Unknown, None))];
    let mut program = program(vec![("vehicle", columns)], vec![]);
    let in_use = e(ExprKind::Not(column(0, ColumnType::Bool).into()), ColumnType::Bool);
    let cars = fact(&mut program, "cars", 0, Some(in_use), aggregate(AggregateFn::Count, Over::Records, None, None));
    let all = fact(&mut program, "plates", 0, None, aggregate(AggregateFn::Count, Over::Records, None, None));
    let has = compare(CompareOp::Gt, at(cars, INT), int(0));
    let has = formula(&mut program, "has_car", Entity::Person, has);
    let total = formula(&mut program, "car_total", Entity::Household, sum(Over::Members, at(cars, INT)));
    let many = compare(CompareOp::Gt, at(total, INT), int(1));
    let many = formula(&mut program, "many_cars", Entity::Household, many);
    let kin = compare(CompareOp::Gt, sum(Over::Obligors, at(cars, INT)), int(0));
    let kin = formula(&mut program, "kin_car", Entity::Household, kin);
    let any = compare(CompareOp::Gt, sum(Over::Members, at(all, INT)), int(3));
    let any = formula(&mut program, "any_plate", Entity::Household, any);
    let adult = formula(&mut program, "always", Entity::Household, e(ExprKind::Int(1), ColumnType::Bool));
    flag(&mut program, "P1", Entity::Person, has, Some(cars));
    flag(&mut program, "H1", Entity::Household, many, Some(total));
    flag(&mut program, "H2", Entity::Household, kin, None);
    flag(&mut program, "H3", Entity::Household, any, None);
    flag(&mut program, "H4", Entity::Household, adult, None);
    let mut load = caseload(&[&[Role::Member, Role::Member, Role::Obligor]]);
    let registry = source(&mut load, "vehicle.registry", "vehicle");
    for person in 0..3 {
        outcome(&mut load, person, registry, Outcome::Found);
        for (id, scrapped) in [("a", 0), ("b", 1)] {
            let id = format!("{id}{person}");
            record(&mut load, "vehicle", person, "vehicle.registry", &id, &[("scrapped", n(scrapped))]);
        }
    }
    (program, load)
}

#[test]
fn evidence_is_what_the_condition_counted() {
    let (program, load) = world();
    let findings = run(&program, &load, AS_OF, &RunOptions::default());
    let seen: Vec<(&str, Option<u32>, Vec<&str>)> = findings
        .flags
        .iter()
        .map(|flag| {
            let records = flag.evidence.iter().map(|e| e.record_id.as_str()).collect();
            (program.flags[flag.flag].id.as_str(), flag.person.map(|p| p.0), records)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("P1", Some(0), vec!["a0"]),
            ("P1", Some(1), vec!["a1"]),
            ("H1", None, vec!["a0", "a1"]),
            ("H2", None, vec!["a0", "a1", "a2"]),
            ("H3", None, vec!["a0", "a1", "b0", "b1"]),
            ("H4", None, vec![]),
        ],
        "an obligor has no flag of his own; his records count where the condition looks at obligors"
    );
    assert_eq!(findings.flags[0].found, Some(Cell::Known(1)));
    assert_eq!(findings.cases[0].flag_counts, [0, 6, 0, 0, 0, 0]);
}

#[test]
fn a_count_of_flags_unfolds_to_them() {
    let (mut program, load) = world();
    let count = StepKind::FlagCount(FlagSeverity::High);
    step(&mut program, "flags_high", Entity::Household, INT, count);
    let node = trace(&program, &load, 0, AS_OF).unwrap().explain("flags_high").unwrap();
    assert_eq!(node.value.number(), Some(6));
    let names: Vec<&str> = node.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["has_car", "has_car", "many_cars", "kin_car", "any_plate", "always"]);
}

#[test]
fn a_flag_is_raised_only_when_nothing_unanswered_could_lift_it() {
    let (program, mut load) = world();
    load.coverage.outcomes.insert((PersonKey(0), 0), Outcome::Failed);
    load.records.clear();
    let findings = run(&program, &load, AS_OF, &RunOptions::default());
    let ids: Vec<&str> = findings.flags.iter().map(|f| program.flags[f.flag].id.as_str()).collect();
    assert_eq!(ids, ["H4"]);
}

#[test]
fn a_persons_test_is_met_if_all_members_meet_it() {
    let (mut program, mut load) = world();
    let has = program.step("has_car").unwrap();
    program.tests.push(Test {
        name: "all_drive".into(),
        title: "人人有车".into(),
        title_en: String::new(),
        entity: Entity::Person,
        value: has,
        limit: None,
        relation: None,
        result: has,
        cite: None,
    });
    let result = |load: &Caseload| run(&program, load, AS_OF, &RunOptions::default()).cases[0].tests[0].clone();
    assert_eq!(result(&load).result, Tri::Met);
    load.records.clear();
    load.coverage.outcomes.insert((PersonKey(0), 0), Outcome::Overdue);
    assert_eq!(result(&load).result, Tri::NotMet, "one is enough, whatever is said of the other");
    assert_eq!(result(&load).waiting_on, []);
}
