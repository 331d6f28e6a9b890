//! Scales: marginal and single, with unknown amounts, keys and rates.

use hedui_base::catalogue::NullMeaning::Unknown;
use hedui_base::{Column, ColumnType, Period};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::trace;
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;
use proptest::prelude::*;

use crate::build::*;

const YEARLY: ColumnType = ColumnType::Money(Period::Year);

/// Brackets of a scale by a number of children; `None` is a gap.
fn scale(kind: ScaleKind, brackets: &[(KeyMatch, i64, Option<i64>)]) -> Parameter {
    let rows = brackets.iter().map(|(key, over, value)| {
        let row = ParameterRow::new(date(2026, 1, 1), ParameterValue::Int(value.unwrap_or(0)), "[test]");
        let value = value.map_or(RowValue::Gap("".into()), |_| row.value.clone());
        ParameterRow { keys: vec![key.clone(), KeyMatch::Range(*over, i64::MAX)], value, ..row }
    });
    let ty = if kind == ScaleKind::Marginal { Scale::RATE } else { YEARLY };
    Parameter {
        keys: vec!["children".into(), "over".into()],
        scale: Some(Scale { kind, of: YEARLY, result: YEARLY }),
        ..Parameter::new("tax", "税", ty, rows.collect())
    }
}

/// `tax` is the scale of the declared income and children.
fn world(parameter: Parameter, income: Option<i64>, min: Option<i64>, children: Option<i64>) -> (Program, Caseload) {
    let inputs = vec![
        ("income", Entity::Household, spec(YEARLY, Unknown, min)),
        ("children", Entity::Household, spec(ColumnType::Int, Unknown, Some(0))),
    ];
    let mut program = program(vec![], inputs);
    program.parameters.push(parameter);
    let keys = vec![input(1, ColumnType::Int), input(0, YEARLY)];
    let looked = e(ExprKind::Parameter { id: ParameterId(0), keys }, YEARLY);
    formula(&mut program, "tax", Entity::Household, looked);
    let mut load = caseload(&[&[Role::Member]]);
    load.cases.inputs.columns.insert("income".into(), Column::Int(vec![income]));
    load.cases.inputs.columns.insert("children".into(), Column::Int(vec![children]));
    (program, load)
}

fn bounds(world: &(Program, Caseload)) -> (i64, i64) {
    trace(&world.0, &world.1, 0, AS_OF).unwrap().value("tax", None).unwrap().bounds().unwrap()
}

fn why(world: &(Program, Caseload)) -> Vec<String> {
    let reasons = trace(&world.0, &world.1, 0, AS_OF).unwrap().reasons("tax", None);
    reasons.into_iter().map(|r| format!("{}:{}", r.source, r.cause)).collect()
}

/// 3 % from 0, 10 % from 36,000.00, 20 % from 144,000.00; with two children or more 12.3456 % from 72,000.00.
fn tax() -> Parameter {
    let few = KeyMatch::Range(0, 1);
    let many = KeyMatch::Range(2, i64::MAX);
    scale(
        ScaleKind::Marginal,
        &[
            (few.clone(), 14_400_000, Some(200_000)),
            (few.clone(), 0, Some(30_000)),
            (few, 3_600_000, Some(100_000)),
            (many, 7_200_000, Some(123_456)),
        ],
    )
}

#[test]
fn each_part_is_taken_at_its_rate_and_the_sum_rounded_once() {
    let seen = |income, children| bounds(&world(tax(), Some(income), None, Some(children))).0;
    assert_eq!(seen(-500, 0), 0, "nothing below the first bracket");
    assert_eq!(seen(0, 0), 0);
    assert_eq!(seen(3_600_000, 0), 108_000, "36000 at 3 %");
    assert_eq!(seen(3_600_001, 0), 108_000, "0.1 fen more");
    assert_eq!(seen(3_600_005, 0), 108_001, "half a fen rounds away from zero");
    assert_eq!(seen(20_000_000, 1), 108_000 + 1_080_000 + 1_120_000);
    assert_eq!(seen(7_200_000, 2), 0);
    assert_eq!(seen(7_200_004, 2), 0, "0.49 fen");
    assert_eq!(seen(7_200_005, 2), 1, "0.617 fen");
}

#[test]
fn an_unknown_amount_gives_what_its_ends_give() {
    let open = world(tax(), None, Some(3_600_000), Some(0));
    assert_eq!(bounds(&open), (108_000, i64::MAX));
    assert_eq!(why(&open), ["income:null"]);
    assert_eq!(bounds(&world(tax(), None, None, Some(0))), (0, i64::MAX));
    let mut capped = world(tax(), None, Some(0), Some(0));
    capped.0.inputs[0].spec.max = Some(14_400_000);
    assert_eq!(bounds(&capped), (0, 1_188_000));
    let any = world(tax(), Some(10_000_000), None, None);
    assert_eq!(bounds(&any), (345_677, 748_000), "by either scale");
    assert_eq!(why(&any), ["children:null"]);
    let relief =
        scale(ScaleKind::Marginal, &[(KeyMatch::Any, 0, Some(100_000)), (KeyMatch::Any, 1_000, Some(-50_000))]);
    let mut relief = world(relief, None, Some(0), Some(0));
    assert_eq!(bounds(&relief), (i64::MIN, 100), "it turns at the second bracket");
    relief.0.inputs[0].spec.max = Some(2_000);
    assert_eq!(bounds(&relief), (0, 100));
}

#[test]
fn an_amount_is_that_of_its_bracket_lower_end_included() {
    let allowance = || {
        scale(
            ScaleKind::Single,
            &[(KeyMatch::Any, 0, Some(300)), (KeyMatch::Any, 1_000, Some(500)), (KeyMatch::Any, 2_000, Some(100))],
        )
    };
    let seen = |income| bounds(&world(allowance(), Some(income), None, Some(0)));
    assert_eq!([seen(0), seen(999), seen(1_000), seen(1_999), seen(5_000)].map(|b| b.0), [300, 300, 500, 500, 100]);
    let below = world(allowance(), Some(-1), None, Some(0));
    let error = trace(&below.0, &below.1, 0, AS_OF).unwrap_err();
    assert!(error.to_string().contains("parameter `tax` has no value"), "{error}");
    assert_eq!(bounds(&world(allowance(), None, Some(0), Some(0))), (100, 500));
    assert_eq!(bounds(&world(allowance(), None, Some(2_000), Some(0))), (100, 100), "one bracket is left");
}

#[test]
fn a_gap_is_unknown_only_where_it_is_reached() {
    let mut parameter = scale(ScaleKind::Marginal, &[(KeyMatch::Any, 0, Some(100_000)), (KeyMatch::Any, 1_000, None)]);
    let seen = |p: &Parameter, income| bounds(&world(p.clone(), Some(income), None, Some(0)));
    assert_eq!(seen(&parameter, 1_000), (100, 100));
    assert_eq!(seen(&parameter, 1_001), (i64::MIN, i64::MAX));
    parameter.bounds = (Some(0), Some(500_000));
    let open = world(parameter.clone(), Some(3_000), None, Some(0));
    assert_eq!(bounds(&open), (100, 1_100));
    assert_eq!(why(&open), ["parameter.tax:gap"]);
    let used = trace(&open.0, &open.1, 0, AS_OF).unwrap().explain("tax").unwrap().parameters;
    assert_eq!(
        used.iter().map(|u| u.title.as_str()).collect::<Vec<_>>(),
        ["税（0.00 元/年 起）", "税（10.00 元/年 起）"]
    );
}

/// As plainly as possible: each fen of the amount at the rate of its bracket.
fn plainly(brackets: &[(i64, i64)], amount: i64) -> i64 {
    let rate =
        |fen: i64| brackets.iter().filter(|(over, _)| *over < fen).map(|(_, rate)| *rate).next_back().unwrap_or(0);
    let total: i128 = (brackets[0].0 + 1..=amount).map(|fen| i128::from(rate(fen))).sum();
    let half = if total < 0 { -500_000 } else { 500_000 };
    ((total + half) / 1_000_000) as i64
}

proptest! {
    #[test]
    fn brackets_agree_with_a_count_by_fen(
        widths in proptest::collection::vec((1i64..200, -400_000i64..900_000), 1..5), from in -100i64..100,
        (a, b) in (-200i64..600, 0i64..400),
    ) {
        let mut over = from;
        let brackets: Vec<(i64, i64)> = widths.iter().map(|(width, rate)| { over += width; (over, *rate) }).collect();
        let rows: Vec<_> = brackets.iter().map(|(over, rate)| (KeyMatch::Any, *over, Some(*rate))).collect();
        let tax = scale(ScaleKind::Marginal, &rows);
        let mut open = world(tax.clone(), None, Some(a), Some(0));
        open.0.inputs[0].spec.max = Some(a + b);
        let (lo, hi) = if b == 0 { bounds(&world(tax.clone(), Some(a), None, Some(0))) } else { bounds(&open) };
        let all: Vec<i64> = (a..=a + b).map(|amount| plainly(&brackets, amount)).collect();
        prop_assert_eq!((lo, hi), (*all.iter().min().unwrap(), *all.iter().max().unwrap()));
        let one = bounds(&world(tax, Some(a), None, Some(0)));
        prop_assert_eq!(one, (all[0], all[0]));
    }
}

/// The pack of `fixtures/rules/good/scales` for one worker: wage, class, months before.
fn job_cost(wage: Option<i64>, class: Option<&str>, months: i64) -> (Option<(i64, i64)>, Vec<String>) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules/good/scales");
    let packs = vec![hedui_rules::PackFolder::read(&folder).unwrap()];
    let program = hedui_rules::Library::new(packs, hedui_base::Catalogue::default()).compile("scales").unwrap();
    let mut load = caseload(&[&[Role::Member]]);
    let inputs = &mut load.persons.inputs.columns;
    inputs.insert("wage".into(), Column::Int(vec![wage]));
    inputs.insert("class".into(), Column::Text(vec![class.map(Into::into)]));
    inputs.insert("months_already".into(), Column::Int(vec![Some(months)]));
    let trace = trace(&program, &load, 0, AS_OF).unwrap();
    let person = Some(hedui_base::PersonKey(0));
    let explained: Vec<String> =
        trace.explain("kept").unwrap().children[0].children[0].parameters.iter().map(|p| p.name.clone()).collect();
    (trace.value("job_cost", person).unwrap().bounds(), explained)
}

#[test]
fn a_deduction_is_a_part_of_its_base_up_to_the_cap_and_the_wage_for_some_months() {
    let seen = |wage, class, months| job_cost(Some(wage), Some(class), months).0.unwrap();
    assert_eq!(seen(100_000, "plain", 0), (20_000, 20_000), "20 % of the wage");
    assert_eq!(seen(200_000, "plain", 11), (30_000, 30_000), "the cap");
    assert_eq!(seen(200_000, "plain", 12), (0, 0), "after twelve months");
    assert_eq!(seen(0, "plain", 0), (0, 0), "no wage");
    assert_eq!(seen(100_000, "disabled", 3), (40_000, 40_000), "half the standard, no cap");
    assert_eq!(seen(30_000, "disabled", 3), (30_000, 30_000), "never more than the wage");
    assert_eq!(seen(30_000, "disabled", 6), (0, 30_000), "its rate is a gap");
    assert_eq!(job_cost(Some(100_000), None, 3).0, Some((16_000, 50_000)), "whichever class it is");
    assert_eq!(job_cost(None, Some("plain"), 0).0, Some((0, 30_000)));
    let (_, explained) = job_cost(Some(100_000), Some("plain"), 0);
    assert_eq!(explained, ["job_cost.max_months", "job_cost.cap", "job_cost.rate", "job_cost.base"]);
}
