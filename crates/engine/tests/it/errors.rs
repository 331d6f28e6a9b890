//! Cases that cannot be computed fail alone, and say where.

use hedui_base::catalogue::NullMeaning::Unknown;
use hedui_base::{AreaCode, Column, ColumnType};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::{CaseErrorKind, Cell};
use hedui_engine::{RunOptions, run, trace};
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;

use crate::build::*;

const INT: ColumnType = ColumnType::Int;

/// Two households of one member; the input `x` of each as given.
fn world(expr: Expr, x: [i64; 2]) -> (Program, Caseload) {
    let mut program = program(vec![], vec![("x", Entity::Household, spec(INT, Unknown, None))]);
    formula(&mut program, "y", Entity::Household, expr);
    let mut load = caseload(&[&[Role::Member], &[Role::Member]]);
    load.cases.inputs.columns.insert("x".into(), Column::Int(x.map(Some).to_vec()));
    (program, load)
}

fn kinds((program, load): &(Program, Caseload)) -> Vec<(usize, CaseErrorKind)> {
    let findings = run(program, load, AS_OF, &RunOptions::default());
    assert_eq!(findings.cases.len() + findings.errors.len(), load.cases.id.len(), "the other cases go on");
    findings.errors.into_iter().map(|error| (error.row, error.kind)).collect()
}

fn x() -> Expr {
    input(0, INT)
}

#[test]
fn a_number_out_of_range_names_rule_and_case_and_never_wraps() {
    let double = e(ExprKind::Add(x().into(), x().into()), INT);
    let world = world(double, [i64::MAX / 2 + 1, 4]);
    let findings = run(&world.0, &world.1, AS_OF, &RunOptions::default());
    assert_eq!(findings.errors[0].to_string(), "case C0: a number went out of range (rule `y`, test.toml:1)");
    assert_eq!(findings.cases.len(), 1);
    assert_eq!(findings.cases[0].row, 1);
    assert_eq!(trace(&world.0, &world.1, 0, AS_OF).unwrap_err(), findings.errors[0]);
    assert_eq!(trace(&world.0, &world.1, 9, AS_OF).unwrap_err().kind, CaseErrorKind::NoSuchCase);
    let sum = sum(Over::Members, e(ExprKind::Household(x().into()), INT));
    assert_eq!(kinds(&self::world(sum, [i64::MAX, 4])), [(0, CaseErrorKind::Overflow)]);
}

#[test]
fn the_product_of_wide_numbers_is_exact_before_it_is_rounded() {
    let expr = e(ExprKind::Mul(x().into(), int(1_000_000_000_000).into(), 12), INT);
    let world = world(expr, [9_000_000_000_000_000_001, -1]);
    let trace = trace(&world.0, &world.1, 0, AS_OF).unwrap();
    assert_eq!(trace.value("y", None).unwrap().number(), Some(9_000_000_000_000_000_001));
}

#[test]
fn an_unbounded_end_is_no_overflow() {
    let square = e(ExprKind::Mul(x().into(), x().into(), 0), INT);
    let mut world = world(square, [2, 3]);
    world.1.cases.inputs.columns.clear();
    assert_eq!(kinds(&world), []);
}

#[test]
fn a_branch_not_taken_does_no_harm() {
    let huge = e(ExprKind::Mul(x().into(), x().into(), 0), INT);
    let small = compare(CompareOp::Lt, x(), int(100));
    let expr = e(ExprKind::Case(vec![(small, x())], huge.into()), INT);
    assert_eq!(kinds(&world(expr, [99, i64::MAX / 2])), [(1, CaseErrorKind::Overflow)]);
}

#[test]
fn a_multiple_must_be_positive() {
    let expr = e(ExprKind::Round(RoundMode::Ceil, int(7).into(), x().into()), INT);
    assert_eq!(kinds(&world(expr, [0, 5])), [(0, CaseErrorKind::BadMultiple)]);
}

/// A standard by area, residence and size, from 2026-01-01, raised for one city on 2026-07-01.
fn standard() -> Parameter {
    let row = |area: &str, residence: Option<&str>, keys, from, until, value| ParameterRow {
        area: Some(AreaCode::parse(area).unwrap()),
        residence: residence.map(Into::into),
        keys: vec![keys],
        until,
        ..ParameterRow::new(from, ParameterValue::Int(value), "[test]")
    };
    let start = date(2026, 1, 1);
    let rows = vec![
        row("32", None, KeyMatch::Range(1, 2), start, None, 700),
        row("3211", Some("urban"), KeyMatch::Range(1, 2), start, Some(date(2026, 6, 30)), 900),
        row("3211", Some("urban"), KeyMatch::Range(1, 2), date(2026, 7, 1), None, 950),
        row("3211", Some("rural"), KeyMatch::Any, start, None, 800),
    ];
    Parameter { keys: vec!["size".into()], ..Parameter::new("standard", "标准", INT, rows) }
}

#[test]
fn a_parameter_is_that_of_the_nearest_area_on_the_day() {
    let lookup = e(ExprKind::Parameter { id: ParameterId(0), keys: vec![x()] }, INT);
    let mut world = world(lookup, [1, 3]);
    world.0.parameters.push(standard());
    let missing = |day| {
        let area = AreaCode::parse("321102").unwrap();
        CaseErrorKind::MissingParameter { name: "standard".into(), area, day }
    };
    assert_eq!(kinds(&world), [(1, missing(AS_OF))], "nobody set a standard for three");
    let seen = |world: &(Program, Caseload), day| {
        trace(&world.0, &world.1, 0, day).map(|t| t.value("y", None).unwrap().bounds().unwrap())
    };
    assert_eq!(seen(&world, AS_OF).unwrap(), (900, 900));
    assert_eq!(seen(&world, date(2026, 7, 1)).unwrap(), (950, 950), "the day after the raise");
    assert_eq!(seen(&world, date(2025, 12, 31)).unwrap_err().kind, missing(date(2025, 12, 31)));
    world.1.cases.residence[0] = Some("rural".into());
    assert_eq!(seen(&world, AS_OF).unwrap(), (800, 800));
    world.1.cases.residence[0] = None;
    assert_eq!(seen(&world, AS_OF).unwrap(), (700, 900), "any standard it may be");
    world.1.cases.residence[0] = Some("urban".into());
    world.1.cases.inputs.columns.clear();
    assert_eq!(seen(&world, AS_OF).unwrap(), (700, 900), "an unknown size");
    let findings = run(&world.0, &world.1, AS_OF, &RunOptions::default());
    assert_eq!(findings.errors, []);
}

#[test]
fn margins_say_how_far_inside_the_limit() {
    let mut world = world(x(), [250, 400]);
    let limit = formula(&mut world.0, "limit", Entity::Household, int(300));
    let below = compare(CompareOp::Lt, at(StepId(0), INT), at(limit, INT));
    let result = formula(&mut world.0, "t", Entity::Household, below);
    world.0.tests.push(Test {
        name: "t".into(),
        title: "低于".into(),
        title_en: String::new(),
        entity: Entity::Household,
        value: StepId(0),
        limit: Some(limit),
        relation: Some(Relation::Below),
        result,
        cite: None,
    });
    let findings = run(&world.0, &world.1, AS_OF, &RunOptions::default());
    let margins: Vec<Cell> = findings.cases.iter().map(|c| c.tests[0].margin).collect();
    assert_eq!(margins, [Cell::Known(50), Cell::Known(-100)]);
}
