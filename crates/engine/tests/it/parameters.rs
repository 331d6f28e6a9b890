//! Parameters with increments, other periods, declared gaps and fallbacks.

use hedui_base::catalogue::NullMeaning::Unknown;
use hedui_base::{Column, ColumnType, Period};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::output::{Cell, Reason};
use hedui_engine::{Explanation, Held, RunOptions, run, trace};
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;

use crate::build::*;

const INT: ColumnType = ColumnType::Int;
const MONTHLY: ColumnType = ColumnType::Money(Period::Month);

/// `looked` is the parameter for the declared size of a household.
fn world(parameter: Parameter, size: Option<i64>) -> (Program, Caseload) {
    let mut program = program(vec![], vec![("size", Entity::Household, spec(INT, Unknown, Some(1)))]);
    let keys = parameter.keys.iter().map(|_| input(0, INT)).collect();
    let ty = parameter.ty;
    program.parameters.push(parameter);
    let looked = e(ExprKind::Parameter { id: ParameterId(0), keys }, ty);
    formula(&mut program, "looked", Entity::Household, looked);
    let mut load = caseload(&[&[Role::Member]]);
    load.cases.inputs.columns.insert("size".into(), Column::Int(vec![size]));
    (program, load)
}

/// A standard by size, published for a year: 12000, 18000 and 24000 for 1 to 3, 2400.30 more for each further one.
fn by_size() -> Parameter {
    let row = |from, to, value| ParameterRow {
        keys: vec![KeyMatch::Range(from, to)],
        per: Some(Period::Year),
        ..ParameterRow::new(date(2026, 1, 1), ParameterValue::Int(value), "县政发〔2026〕1号")
    };
    let mut rows = vec![row(1, 1, 1_200_000), row(2, 2, 1_800_000), row(3, i64::MAX, 2_400_000)];
    rows[2].each = Some(240_030);
    Parameter { keys: vec!["size".into()], ..Parameter::new("standard", "标准", MONTHLY, rows) }
}

fn looked(world: &(Program, Caseload)) -> Option<(i64, i64)> {
    trace(&world.0, &world.1, 0, AS_OF).unwrap().value("looked", None).unwrap().bounds()
}

fn why(world: &(Program, Caseload)) -> Vec<String> {
    let reasons = trace(&world.0, &world.1, 0, AS_OF).unwrap().reasons("looked", None);
    reasons.into_iter().map(|Reason { source, cause }| format!("{source}:{cause}")).collect()
}

fn explained(world: &(Program, Caseload)) -> Explanation {
    trace(&world.0, &world.1, 0, AS_OF).unwrap().explain("looked").unwrap()
}

#[test]
fn each_further_one_adds_the_increment_and_the_year_is_divided_once() {
    let seen = |size| looked(&world(by_size(), Some(size))).unwrap();
    assert_eq!(seen(1), (100_000, 100_000));
    assert_eq!(seen(3), (200_000, 200_000));
    assert_eq!(seen(4), (220_003, 220_003), "26400.30 / 12 = 2200.025");
    assert_eq!(seen(5), (240_005, 240_005), "28800.60 / 12 = 2400.05");
    let used = explained(&world(by_size(), Some(4))).parameters;
    assert_eq!(used.len(), 1);
    assert_eq!(used[0].value.to_string(), "2,200.03 元/月");
    assert_eq!(used[0].published.as_ref().unwrap().to_string(), "26,400.30 元/年");
}

#[test]
fn an_unknown_size_is_at_least_the_smallest_standard() {
    let open = world(by_size(), None);
    assert_eq!(looked(&open), Some((100_000, i64::MAX)));
    assert_eq!(why(&open), ["size:null"]);
    let mut falling = by_size();
    falling.rows[2].each = Some(-12);
    assert_eq!(looked(&world(falling, None)), Some((i64::MIN, 200_000)));
    let mut level = by_size();
    level.rows[2].each = Some(0);
    assert_eq!(looked(&world(level, None)), Some((100_000, 200_000)));
}

#[test]
fn an_increment_out_of_range_fails_the_case() {
    let findings = {
        let (program, load) = world(by_size(), Some(i64::MAX / 3));
        run(&program, &load, AS_OF, &RunOptions::default())
    };
    assert_eq!(findings.errors[0].kind, hedui_engine::output::CaseErrorKind::Overflow);
}

#[test]
fn a_gap_is_unknown_within_the_bounds_of_its_parameter() {
    let mut rate = Parameter::new("job_cost_rate", "就业成本比例", ColumnType::Decimal(4), vec![]);
    rate.rows.push(ParameterRow {
        value: RowValue::Gap("县里没有公布比例".into()),
        ..ParameterRow::new(date(2026, 1, 1), ParameterValue::Int(0), "乐府发〔2023〕1号")
    });
    let open = world(rate.clone(), None);
    assert_eq!(looked(&open), Some((i64::MIN, i64::MAX)));
    assert_eq!(why(&open), ["parameter.job_cost_rate:gap"]);
    rate.bounds = (Some(0), Some(5_000));
    let bounded = world(rate.clone(), None);
    assert_eq!(looked(&bounded), Some((0, 5_000)));
    let used = &explained(&bounded).parameters[0];
    assert_eq!(used.gap.as_deref(), Some("县里没有公布比例"));
    assert_eq!(used.value.held, Held::Number(Cell::Between(0, 5_000)));
    assert_eq!(used.cite, "乐府发〔2023〕1号");
    rate.ty = ColumnType::Bool;
    let (program, load) = world(rate, None);
    let trace = trace(&program, &load, 0, AS_OF).unwrap();
    assert_eq!(trace.value("looked", None).unwrap().condition(), Some(hedui_base::Tri::Undetermined));
}

#[test]
fn a_gap_among_the_rows_in_question_adds_its_reason() {
    let mut standard = by_size();
    standard.bounds = (Some(0), Some(500_000));
    standard.rows[2].value = RowValue::Gap("".into());
    standard.rows[2].each = None;
    assert_eq!(looked(&world(standard.clone(), Some(1))), Some((100_000, 100_000)), "another row is known");
    let open = world(standard, None);
    assert_eq!(looked(&open), Some((0, 500_000)));
    assert_eq!(why(&open), ["parameter.standard:gap", "size:null"]);
}

#[test]
fn a_fallback_holds_where_no_row_does_and_is_reported() {
    let mut standard = by_size();
    standard.rows.truncate(2);
    let fallback = Fallback { value: ParameterValue::Int(90_000), reason: "未公布三人以上标准".into() };
    standard.fallback = Some(fallback);
    let far = world(standard.clone(), Some(7));
    assert_eq!(looked(&far), Some((90_000, 90_000)));
    let assumed =
        |world: &(Program, Caseload)| run(&world.0, &world.1, AS_OF, &RunOptions::default()).cases[0].assumed.clone();
    assert_eq!(assumed(&far), [("looked".to_owned(), "未公布三人以上标准".to_owned())]);
    let used = &explained(&far).parameters[0];
    assert_eq!(used.fallback.as_deref(), Some("未公布三人以上标准"));
    let near = world(standard.clone(), Some(2));
    assert_eq!(looked(&near), Some((150_000, 150_000)));
    assert_eq!(assumed(&near), []);
    let open = world(standard.clone(), None);
    assert_eq!(looked(&open), Some((90_000, 150_000)), "no row may be meant");
    standard.rows[1].keys = vec![KeyMatch::Range(1, i64::MAX)];
    standard.rows.remove(0);
    assert_eq!(looked(&world(standard, None)), Some((150_000, 150_000)), "one row takes every size");
    let mut before = world(by_size(), Some(1));
    before.0.parameters[0].fallback = Some(Fallback { value: ParameterValue::Int(7), reason: "尚未开始".into() });
    let early = trace(&before.0, &before.1, 0, date(2025, 12, 31)).unwrap();
    assert_eq!(early.value("looked", None).unwrap().bounds(), Some((7, 7)), "the day before it begins");
}
