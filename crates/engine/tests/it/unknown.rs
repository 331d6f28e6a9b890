//! The table of design section 6, row by row.

use hedui_base::catalogue::NullMeaning::{None as Nothing, Unknown};
use hedui_base::{Column, ColumnType, Outcome, Tri};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::Cell;
use hedui_engine::trace;
use hedui_rules::Program;
use hedui_rules::program::*;

use crate::build::*;

const BALANCE: (u32, ColumnType) = (0, MONEY);
const NET: (u32, ColumnType) = (1, ColumnType::Int);
const OPEN: (u32, ColumnType) = (2, ColumnType::Bool);
const CLOSED: (u32, ColumnType) = (3, ColumnType::Date);
const KIND: (u32, ColumnType) = (4, ColumnType::Code);

/// One member with one account of 100 at a bank that answered, and a second bank whose outcome is given.
fn world(second: Option<Outcome>) -> (Program, Caseload) {
    let columns = vec![
        ("balance", spec(MONEY, Unknown, Some(0))),
        ("net", spec(ColumnType::Int, Unknown, None)),
        ("open", spec(ColumnType::Bool, Unknown, None)),
        ("closed", spec(ColumnType::Date, Nothing, None)),
        ("kind", spec(ColumnType::Code, Unknown, None)),
    ];
    let program = program(vec![("deposit", columns)], vec![]);
    let mut load = caseload(&[&[Role::Member]]);
    let a = source(&mut load, "bank.a", "deposit");
    let b = source(&mut load, "bank.b", "deposit");
    outcome(&mut load, 0, a, Outcome::Found);
    if let Some(second) = second {
        outcome(&mut load, 0, b, second);
    }
    add(&mut load, "1", n(100), n(-7), n(1), Item::Int(None), Item::Text(Some("current")));
    (program, load)
}

fn add(load: &mut Caseload, id: &str, balance: Item, net: Item, open: Item, closed: Item, kind: Item) {
    let values = [("balance", balance), ("net", net), ("open", open), ("closed", closed), ("kind", kind)];
    record(load, "deposit", 0, "bank.a", id, &values);
}

fn col((id, ty): (u32, ColumnType)) -> Expr {
    column(id, ty)
}

/// The value of a fact as a cell, and the sources it waits for.
fn ask(world: &(Program, Caseload), filter: Option<Expr>, value: Expr) -> (Cell, Vec<String>) {
    let mut program = world.0.clone();
    let ty = value.ty;
    fact(&mut program, "asked", 0, filter, value);
    // A condition is read as 0, 1 or between.
    let is_bool = ty == ColumnType::Bool;
    let trace = trace(&program, &world.1, 0, AS_OF).unwrap();
    let value = trace.value("asked", None).unwrap();
    let why = trace.reasons("asked", None).into_iter().map(|r| format!("{}:{}", r.source, r.cause)).collect();
    let cell = match (is_bool, value.condition()) {
        (true, Some(Tri::Met)) => Cell::Known(1),
        (true, Some(Tri::NotMet)) => Cell::Known(0),
        (true, _) => Cell::Between(0, 1),
        _ => value.bounds().map_or(Cell::None, |(a, b)| if a == b { Cell::Known(a) } else { Cell::Between(a, b) }),
    };
    (cell, why)
}

fn of(function: AggregateFn, argument: Option<Expr>) -> Expr {
    aggregate(function, Over::Records, argument, None)
}

#[test]
fn an_unanswered_bank_adds_any_sum_from_zero_up() {
    let world = world(Some(Outcome::Overdue));
    let why = vec!["bank.b:overdue".to_owned()];
    let asked = |value| ask(&world, None, value);
    assert_eq!(asked(of(AggregateFn::Sum, Some(col(BALANCE)))), (Cell::Between(100, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::Sum, Some(col(NET)))), (Cell::Between(i64::MIN, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::Count, None)), (Cell::Between(1, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::Max, Some(col(BALANCE)))), (Cell::Between(100, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::Min, Some(col(BALANCE)))), (Cell::Between(0, 100), why.clone()));
    assert_eq!(asked(of(AggregateFn::Avg, Some(col(BALANCE)))), (Cell::Between(0, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::CountDistinct, Some(col(KIND)))), (Cell::Between(1, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::BoolOr, Some(col(OPEN)))), (Cell::Known(1), vec![]), "one settles it");
    assert_eq!(asked(of(AggregateFn::BoolAnd, Some(col(OPEN)))), (Cell::Between(0, 1), why));
}

#[test]
fn the_argument_bounds_what_an_unseen_record_can_add() {
    let world = world(Some(Outcome::Failed));
    let negated = e(ExprKind::Neg(col(BALANCE).into()), MONEY);
    assert_eq!(ask(&world, None, of(AggregateFn::Sum, Some(negated))).0, Cell::Between(i64::MIN, -100));
    let capped = e(ExprKind::Least(vec![col(NET), int(0)]), ColumnType::Int);
    assert_eq!(ask(&world, None, of(AggregateFn::Sum, Some(capped))).0, Cell::Between(i64::MIN, -7));
    let nothing = e(ExprKind::Mul(col(NET).into(), int(0).into(), 0), ColumnType::Int);
    assert_eq!(ask(&world, None, of(AggregateFn::Sum, Some(nothing))), (Cell::Known(0), vec![]));
    let never = compare(CompareOp::Lt, col(BALANCE), int(0));
    assert_eq!(
        ask(&world, Some(never), of(AggregateFn::Count, None)),
        (Cell::Known(0), vec![]),
        "no balance is below 0, seen or unseen"
    );
}

#[test]
fn answers_are_exact_and_each_silence_has_its_word() {
    let total = || of(AggregateFn::Sum, Some(col(BALANCE)));
    for answered in [Outcome::Found, Outcome::NoRecord, Outcome::NotApplicable] {
        assert_eq!(ask(&world(Some(answered)), None, total()), (Cell::Known(100), vec![]), "{answered}");
    }
    for silent in Outcome::ALL.into_iter().filter(|o| o.is_unknown()) {
        let (cell, why) = ask(&world(Some(silent)), None, total());
        assert_eq!((cell, why), (Cell::Between(100, i64::MAX), vec![format!("bank.b:{silent}")]));
    }
    assert_eq!(ask(&world(None), None, total()).1, ["bank.b:not_asked"]);
    let mut nobody = world(None);
    nobody.1.coverage.sources.clear();
    assert_eq!(ask(&nobody, None, total()).1, ["deposit:no_source"]);
    nobody.1.coverage.complete.push("deposit".into());
    assert_eq!(ask(&nobody, None, total()), (Cell::Known(100), vec![]));
}

#[test]
fn a_null_is_unknown_within_its_column_or_none() {
    let mut world = world(Some(Outcome::NoRecord));
    add(&mut world.1, "2", Item::Int(None), n(3), Item::Int(None), n(20_000), Item::Text(None));
    let why = vec!["bank.a:null".to_owned()];
    let asked = |value| ask(&world, None, value);
    assert_eq!(asked(of(AggregateFn::Sum, Some(col(BALANCE)))), (Cell::Between(100, i64::MAX), why.clone()));
    assert_eq!(asked(of(AggregateFn::Count, Some(col(BALANCE)))), (Cell::Known(2), vec![]), "it exists");
    assert_eq!(asked(of(AggregateFn::Count, Some(col(CLOSED)))), (Cell::Known(1), vec![]), "one is not closed");
    assert_eq!(asked(of(AggregateFn::Min, Some(col(CLOSED)))), (Cell::Known(20_000), vec![]));
    let still_open = e(ExprKind::IsNone(col(CLOSED).into()), ColumnType::Bool);
    let counted = aggregate(AggregateFn::Sum, Over::Records, Some(col(BALANCE)), Some(still_open));
    assert_eq!(asked(counted), (Cell::Known(100), vec![]), "the unknown balance is filtered out for certain");
    let current = compare(CompareOp::Eq, col(KIND), text("current"));
    let hull = aggregate(AggregateFn::Sum, Over::Records, Some(col(NET)), Some(current));
    assert_eq!(asked(hull), (Cell::Between(-7, -4), why.clone()), "in and out: hull");
    assert_eq!(asked(of(AggregateFn::CountDistinct, Some(col(KIND)))), (Cell::Between(1, 2), why));
}

#[test]
fn the_least_known_value_absorbs_what_cannot_go_below() {
    let mut world = world(Some(Outcome::Pending));
    add(&mut world.1, "2", n(0), n(3), n(0), n(20_000), Item::Text(Some("term")));
    let (cell, why) = ask(&world, None, of(AggregateFn::Min, Some(col(BALANCE))));
    assert_eq!((cell, why), (Cell::Known(0), vec![]), "no balance is below 0");
    let (cell, why) = ask(&world, None, of(AggregateFn::BoolAnd, Some(col(OPEN))));
    assert_eq!((cell, why), (Cell::Known(0), vec![]), "one closed account settles it");
}

#[test]
fn over_nothing_an_aggregate_is_zero_or_none() {
    let mut world = world(Some(Outcome::NoRecord));
    world.1.records.clear();
    let asked = |function| ask(&world, None, of(function, Some(col(BALANCE)))).0;
    assert_eq!(asked(AggregateFn::Sum), Cell::Known(0));
    assert_eq!(asked(AggregateFn::Count), Cell::Known(0));
    assert_eq!(asked(AggregateFn::CountDistinct), Cell::Known(0));
    for function in [AggregateFn::Min, AggregateFn::Max, AggregateFn::Avg] {
        assert_eq!(asked(function), Cell::None);
    }
    assert_eq!(ask(&world, None, of(AggregateFn::BoolOr, Some(col(OPEN)))).0, Cell::Known(0));
    assert_eq!(ask(&world, None, of(AggregateFn::BoolAnd, Some(col(OPEN)))).0, Cell::Known(1));
    let smallest = of(AggregateFn::Min, Some(col(BALANCE)));
    let below = compare(CompareOp::Ne, smallest, int(5));
    assert_eq!(ask(&world, None, below).0, Cell::Known(0), "a comparison with none is not met");
}

#[test]
fn conditions_settle_as_soon_as_they_can() {
    let world = world(Some(Outcome::Overdue));
    let total = || of(AggregateFn::Sum, Some(col(BALANCE)));
    let asked = |op, limit| ask(&world, None, compare(op, total(), int(limit)));
    assert_eq!(asked(CompareOp::Gt, 99), (Cell::Known(1), vec![]), "the answered banks alone exceed it");
    assert_eq!(asked(CompareOp::Le, 99), (Cell::Known(0), vec![]));
    assert_eq!(asked(CompareOp::Gt, 100), (Cell::Between(0, 1), vec!["bank.b:overdue".into()]));
    let open = || compare(CompareOp::Gt, total(), int(500));
    let truth = |value| e(ExprKind::Int(value), ColumnType::Bool);
    let both = |value| e(ExprKind::And(vec![open(), truth(value)]), ColumnType::Bool);
    let either = |value| e(ExprKind::Or(vec![open(), truth(value)]), ColumnType::Bool);
    assert_eq!(ask(&world, None, both(0)), (Cell::Known(0), vec![]));
    assert_eq!(ask(&world, None, either(1)), (Cell::Known(1), vec![]));
    assert_eq!(ask(&world, None, both(1)).0, Cell::Between(0, 1));
    let branches = |first: Expr| e(ExprKind::Case(vec![(first, int(10))], int(30).into()), ColumnType::Int);
    assert_eq!(ask(&world, None, branches(open())), (Cell::Between(10, 30), vec!["bank.b:overdue".into()]));
    assert_eq!(ask(&world, None, branches(truth(0))), (Cell::Known(30), vec![]));
    let alike = e(ExprKind::Case(vec![(open(), int(30))], int(30).into()), ColumnType::Int);
    assert_eq!(ask(&world, None, alike), (Cell::Known(30), vec![]), "whatever the bank says");
}

#[test]
fn division_by_zero_is_unknown_for_that_reason() {
    let world = world(Some(Outcome::NoRecord));
    let total = of(AggregateFn::Sum, Some(col(BALANCE)));
    let divided = |by: Expr| e(ExprKind::Div(total.clone().into(), by.into(), 0), MONEY);
    assert_eq!(ask(&world, None, divided(int(3))).0, Cell::Known(33));
    assert_eq!(ask(&world, None, divided(int(-8))).0, Cell::Known(-13), "-12.5 rounds away from zero");
    let (cell, why) = ask(&world, None, divided(int(0)));
    assert_eq!((cell, why), (Cell::Between(i64::MIN, i64::MAX), vec!["asked:division_by_zero".into()]));
}

#[test]
fn an_assumption_stands_in_and_is_reported() {
    let silent = world(Some(Outcome::Overdue));
    let total = of(AggregateFn::Sum, Some(col(BALANCE)));
    let assumed =
        e(ExprKind::Assume { value: total.into(), instead: int(500).into(), reason: "银行逾期".into() }, MONEY);
    assert_eq!(ask(&silent, None, assumed.clone()), (Cell::Known(500), vec![]));
    let mut program = silent.0.clone();
    fact(&mut program, "asked", 0, None, assumed.clone());
    let findings = hedui_engine::run(&program, &silent.1, AS_OF, &Default::default());
    assert_eq!(findings.cases[0].assumed, [("asked".to_owned(), "银行逾期".to_owned())]);
    let (program, load) = (program, world(Some(Outcome::NoRecord)).1);
    let findings = hedui_engine::run(&program, &load, AS_OF, &Default::default());
    assert_eq!(findings.cases[0].assumed, []);
}

#[test]
fn an_undeclared_input_is_unknown_unless_null_means_none() {
    let mut program = program(
        vec![],
        vec![
            ("wage", Entity::Person, spec(MONEY, Unknown, Some(0))),
            ("judgment", Entity::Person, spec(MONEY, Nothing, Some(0))),
        ],
    );
    let double = |id| e(ExprKind::Add(input(id, MONEY).into(), input(id, MONEY).into()), MONEY);
    formula(&mut program, "twice_wage", Entity::Person, double(0));
    formula(&mut program, "twice_judgment", Entity::Person, double(1));
    let both = e(ExprKind::Greatest(vec![input(1, MONEY), int(7)]), MONEY);
    formula(&mut program, "largest", Entity::Person, both);
    let mut load = caseload(&[&[Role::Member]]);
    let seen = |load: &Caseload, name| {
        let trace = trace(&program, load, 0, AS_OF).unwrap();
        trace.value(name, None).unwrap().bounds()
    };
    assert_eq!(seen(&load, "twice_wage"), Some((0, i64::MAX)));
    assert_eq!(seen(&load, "twice_judgment"), None);
    assert_eq!(seen(&load, "largest"), Some((7, 7)), "none is left out");
    load.persons.inputs.columns.insert("wage".into(), Column::Int(vec![Some(5)]));
    assert_eq!(seen(&load, "twice_wage"), Some((10, 10)));
}
