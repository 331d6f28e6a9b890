//! What is remembered of one household serves the next one only where it is the same.

use hedui_base::catalogue::NullMeaning::Unknown;
use hedui_base::{AreaCode, Column, ColumnType, Period, Tri};
use hedui_engine::concluded::{Concluded, Runner};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::packed::Packed;
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;

use crate::build::*;

fn findings(found: &Concluded) -> Vec<Tri> {
    found.schemes.iter().map(|scheme| scheme.finding[0]).collect()
}

/// Households that named a town, out of words of their own.
fn of_town(town: &str) -> Caseload {
    let mut load = caseload(&[&[Role::Member], &[Role::Member]]);
    load.cases.inputs.columns.insert("town".into(), Column::Text(vec![Some(town.into()); 2]));
    load
}

#[test]
fn what_one_household_calls_a_text_is_not_what_the_next_one_calls_it() {
    let spec = || spec(ColumnType::Text, Unknown, None);
    let mut program = program(vec![], vec![("town", Entity::Household, spec()), ("usual", Entity::Household, spec())]);
    program.inputs[1].default = Some(ParameterValue::Text("north".into()));
    let (town, usual) = (|| input(0, ColumnType::Text), || input(1, ColumnType::Text));
    let conditions = [
        ("as_spelled", CompareOp::Eq, usual(), text("north")),
        ("as_usual", CompareOp::Eq, town(), usual()),
        ("before", CompareOp::Lt, town(), text("north")),
    ];
    for (name, op, a, b) in conditions {
        let when = formula(&mut program, name, Entity::Household, compare(op, a, b));
        scheme(&mut program, name, when);
    }
    let runner = Runner::new(&program, AS_OF);
    let tri = |met| if met { Tri::Met } else { Tri::NotMet };
    // A town that the program does not speak of has the number of the town before, each in its own words.
    for town in ["south", "east", "north", "south"] {
        let packed = Packed::of(&program, &of_town(town));
        for case in [0, 1, 0] {
            let found = runner.run_one(&packed, case);
            assert_eq!(found, runner.run(&packed, 1)[case], "{town}");
            let expected = [Tri::Met, tri(town == "north"), tri(town < "north")];
            assert_eq!(findings(&found), expected, "{town}");
        }
    }
}

/// A standard by area and residence, and a scheme for those below 150 yuan and one for those below 250.
fn standards() -> Program {
    let row = |area: &str, residence: Option<&str>, value| ParameterRow {
        area: Some(AreaCode::parse(area).unwrap()),
        residence: residence.map(Into::into),
        ..ParameterRow::new(date(2026, 1, 1), ParameterValue::Int(value), "own")
    };
    let rows =
        vec![row("321102", None, 10_000), row("321111", Some("urban"), 20_000), row("321111", Some("rural"), 30_000)];
    let monthly = ColumnType::Money(Period::Month);
    let mut program = program(vec![], vec![]);
    program.parameters.push(Parameter::new("standard", "标准", monthly, rows));
    for (name, limit) in [("below_150", 15_000), ("below_250", 25_000)] {
        let standard = e(ExprKind::Parameter { id: ParameterId(0), keys: vec![] }, monthly);
        let limit = e(ExprKind::Int(limit), monthly);
        let when = formula(&mut program, name, Entity::Household, compare(CompareOp::Lt, standard, limit));
        scheme(&mut program, name, when);
    }
    program
}

#[test]
fn what_holds_at_one_place_does_not_hold_at_another() {
    let (met, not_met, open) = (Tri::Met, Tri::NotMet, Tri::Undetermined);
    let places = [
        ("321102", Some("urban"), [met, met]),
        ("321111", Some("urban"), [not_met, met]),
        ("321111", Some("rural"), [not_met, not_met]),
        ("321111", None, [not_met, open]),
        ("321102100", Some("urban"), [met, met]),
        ("321102", None, [met, met]),
        ("321111100", Some("rural"), [not_met, not_met]),
    ];
    let mut load = caseload(&[&[Role::Member][..]; 7]);
    load.cases.area = places.iter().map(|(area, ..)| AreaCode::parse(area).unwrap()).collect();
    load.cases.residence = places.iter().map(|(_, residence, _)| residence.map(Into::into)).collect();
    let program = standards();
    let (runner, packed) = (Runner::new(&program, AS_OF), Packed::of(&program, &load));
    for case in (0..7).chain((0..7).rev()) {
        let found = runner.run_one(&packed, case);
        assert_eq!(found, runner.run(&packed, 1)[case], "{case}");
        assert_eq!(findings(&found), places[case].2, "{case}");
    }
}
