//! Windows of months, sums by month, dates moved, yearly amounts by month: known, and with sources that are silent.

use hedui_base::{Column, Month, Outcome, PersonKey};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::{Value, trace};
use hedui_rules::Program;
use jiff::civil::date;

use crate::build::*;
use crate::complete::{Die, shuffle};
use crate::written::{fixture, written};

const DAY: jiff::civil::Date = date(2026, 7, 1);

fn month(year: i64, month: i64) -> i64 {
    year * 12 + month - 1
}

/// One member with wages by month (in yuan), sent by one of two tax offices; the other one answers or not.
fn world(wages: &[(i64, i64)], other: Outcome) -> Caseload {
    let mut load = caseload(&[&[Role::Member]]);
    for (name, answer) in [("tax.a", Outcome::Found), ("tax.b", other)] {
        let id = source(&mut load, name, "employment_income");
        outcome(&mut load, 0, id, answer);
    }
    let id = source(&mut load, "vehicles", "vehicle");
    outcome(&mut load, 0, id, Outcome::NoRecord);
    for (id, (month, gross)) in wages.iter().enumerate() {
        let values = [("month", n(*month)), ("gross", n(gross * 100)), ("tax", n(0))];
        record(&mut load, "employment_income", 0, "tax.a", &id.to_string(), &values);
    }
    load
}

fn shown(program: &Program, load: &Caseload, name: &str) -> String {
    let trace = trace(program, load, 0, DAY).unwrap();
    let value: Option<Value> = trace.value(name, Some(PersonKey(0))).or_else(|| trace.value(name, None));
    value.unwrap().to_string()
}

/// January 100 + 50, March 400, April 20; September the year before 300. In no order.
fn wages() -> Vec<(i64, i64)> {
    let m = |n| month(2026, n);
    vec![(m(4), 20), (m(1), 100), (month(2025, 9), 300), (m(3), 400), (m(1), 50)]
}

const SUMS: &str = "
[fact.first]
entity = 'person'
from = 'employment_income'
value = 'MONTH_FIRST(gross, month)'
[fact.last]
entity = 'person'
from = 'employment_income'
value = 'MONTH_LAST(gross, month)'
[fact.most]
entity = 'person'
from = 'employment_income'
value = 'MONTH_MAX(gross, month)'
[fact.least]
entity = 'person'
from = 'employment_income'
value = 'MONTH_MIN(gross, month)'
[fact.least_this_year]
entity = 'person'
from = 'employment_income'
where = 'IN_LAST_MONTHS(month, 6)'
value = 'MONTH_MIN(gross, month)'
[fact.last_of_window]
entity = 'person'
from = 'employment_income'
where = 'IN_LAST_MONTHS(month, 3)'
value = 'MONTH_LAST(gross, month)'
";

#[test]
fn months_are_summed_before_one_is_chosen() {
    let program = written(SUMS);
    let load = world(&wages(), Outcome::NoRecord);
    let names = ["first", "last", "most", "least", "least_this_year", "last_of_window"];
    let expected = ["300.00 元", "20.00 元", "400.00 元", "20.00 元", "20.00 元", "20.00 元"];
    assert_eq!(names.map(|name| shown(&program, &load, name)), expected);
    let both = [(month(2026, 1), 100), (month(2026, 1), 50), (month(2026, 2), 120)];
    assert_eq!(shown(&program, &world(&both, Outcome::NoRecord), "most"), "150.00 元", "not the largest record");
    assert_eq!(shown(&program, &world(&[], Outcome::NoRecord), "first"), "无", "no record, no month");
    for seed in 0..20 {
        let shuffled = shuffle(&load, Die(seed));
        assert_eq!(names.map(|name| shown(&program, &shuffled, name)), expected, "{seed}");
    }
}

#[test]
fn a_silent_source_leaves_what_it_could_change_open() {
    let program = written(SUMS);
    let load = world(&wages(), Outcome::Overdue);
    // It can add to any month, or bring an earlier or later one.
    assert_eq!(shown(&program, &load, "first"), "未知，不少于 0.00 元");
    assert_eq!(shown(&program, &load, "last"), "未知，不少于 0.00 元");
    assert_eq!(shown(&program, &load, "most"), "未知，不少于 400.00 元", "the largest month only grows");
    // It can add to every month: only that the smallest is no more than.. anything.
    assert_eq!(shown(&program, &load, "least"), "未知，不少于 0.00 元");
    let trace = trace(&program, &load, 0, DAY).unwrap();
    let node = trace.explain("most").unwrap();
    assert_eq!(node.reasons.iter().map(|r| r.source.as_str()).collect::<Vec<_>>(), ["tax.b"]);
    assert_eq!(shown(&program, &world(&[], Outcome::Overdue), "most"), "未知，不少于 0.00 元");
}

#[test]
fn a_record_of_unknown_month_adds_to_any_or_makes_its_own() {
    let program = written(SUMS);
    let mut load = world(&wages(), Outcome::NoRecord);
    let values = [("month", Item::Int(None)), ("gross", n(4_000)), ("tax", n(0))];
    record(&mut load, "employment_income", 0, "tax.a", "x", &values);
    assert_eq!(shown(&program, &load, "first"), "未知，在 40.00 元 与 340.00 元 之间");
    assert_eq!(shown(&program, &load, "last"), "未知，在 20.00 元 与 60.00 元 之间");
    assert_eq!(shown(&program, &load, "most"), "未知，在 400.00 元 与 440.00 元 之间");
    assert_eq!(shown(&program, &load, "least"), "未知，在 20.00 元 与 60.00 元 之间");
    // Alone, its own month is the first, the last, the largest and the smallest.
    let mut alone = world(&[], Outcome::NoRecord);
    record(&mut alone, "employment_income", 0, "tax.a", "x", &values);
    assert_eq!(shown(&program, &alone, "first"), "40.00 元");
    assert_eq!(shown(&program, &alone, "least"), "40.00 元");
}

#[test]
fn an_unknown_amount_beyond_the_first_month_does_not_matter() {
    let program = written(SUMS);
    let mut load = world(&[(month(2026, 1), 100), (month(2026, 2), 30)], Outcome::NoRecord);
    let values = [("month", n(month(2026, 2))), ("gross", Item::Int(None)), ("tax", n(0))];
    record(&mut load, "employment_income", 0, "tax.a", "x", &values);
    assert_eq!(shown(&program, &load, "first"), "100.00 元");
    assert_eq!(shown(&program, &load, "last"), "未知，不少于 30.00 元");
    assert_eq!(shown(&program, &load, "least"), "未知，在 30.00 元 与 100.00 元 之间");
}

/// A window holds the closed months before its anchor: not the anchor's own, and not one more.
#[test]
fn a_window_ends_with_the_last_closed_month() {
    let program = fixture("months_and_rounding");
    let all: Vec<(i64, i64)> = (1..=8).map(|m| (month(2026, m), 1 << m)).collect();
    let mut load = world(&all, Outcome::NoRecord);
    // Applied on 31 July, checked on 1 July: six months before the application, twelve before the check.
    load.cases.inputs.columns.insert("applied_on".into(), Column::Int(vec![Some(days(date(2026, 7, 31)))]));
    assert_eq!(shown(&program, &load, "wages_window"), "126.00 元", "January to June");
    assert_eq!(shown(&program, &load, "wage_months"), "6");
    load.cases.inputs.columns.insert("applied_on".into(), Column::Int(vec![Some(days(date(2026, 8, 1)))]));
    assert_eq!(shown(&program, &load, "wages_window"), "252.00 元", "February to July");
}

fn days(day: jiff::civil::Date) -> i64 {
    hedui_base::columns::date_to_days(day)
}

#[test]
fn dates_move_by_computed_months_and_bounds_move_with_them() {
    let program = fixture("months_and_rounding");
    let mut load = world(&[], Outcome::NoRecord);
    load.cases.inputs.columns.insert("applied_on".into(), Column::Int(vec![Some(days(date(2026, 8, 31)))]));
    assert_eq!(shown(&program, &load, "recheck_on"), "2027-02-28", "cut to the month's last day");
    assert_eq!(shown(&program, &load, "recheck_month"), Month::from_index(month(2027, 3)).unwrap().to_string());
    assert_eq!(shown(&program, &load, "half_year_on"), "2026-02-28");
    let rules = "
[input.months]
entity = 'household'
type = 'int'
min = 3
max = 6
title = '月数'
[variable.then]
entity = 'household'
type = 'date'
formula = 'ADD_MONTHS(as_of, months)'
[test.late]
value = 'then'
above = \"DATE '2026-09-30'\"
";
    let program = written(rules);
    let load = caseload(&[&[Role::Member]]);
    assert_eq!(shown(&program, &load, "then"), "未知，在 2026-10-01 与 2027-01-01 之间");
    assert_eq!(shown(&program, &load, "late"), "符合");
}

#[test]
fn a_year_spread_by_a_clause_is_exact_and_without_one_only_bounded() {
    let program = fixture("months_and_rounding");
    let farm = |fen| {
        let mut load = world(&[], Outcome::NoRecord);
        load.persons.inputs.columns.insert("farm_income".into(), Column::Int(vec![Some(fen)]));
        load
    };
    let load = farm(100_000);
    assert_eq!(shown(&program, &load, "farm_month"), "83.33 元/月");
    assert_eq!(shown(&program, &load, "farm_month_unproven"), "未知，在 0.00 元/月 与 1,000.00 元/月 之间");
    assert_eq!(shown(&program, &farm(-600), "farm_month_unproven"), "未知，在 -6.00 元/月 与 0.00 元/月 之间");
    assert_eq!(
        shown(&program, &farm(0), "farm_month_unproven"),
        "0.00 元/月",
        "nothing in the year is nothing a month"
    );
    let trace = trace(&program, &load, 0, DAY).unwrap();
    let of = |name| trace.explain_for(name, Some(PersonKey(0))).unwrap();
    assert_eq!(of("farm_month").cite.as_deref(), Some("甲号 第七条；甲号 第八条"));
    let reasons: Vec<_> =
        of("farm_month_unproven").reasons.into_iter().map(|r| (r.source.to_string(), r.cause)).collect();
    assert_eq!(reasons, [("farm_month_unproven".to_owned(), "spread")]);
}

#[test]
fn every_way_of_rounding_is_said_in_the_rules() {
    let program = fixture("months_and_rounding");
    let mut load = world(&[], Outcome::NoRecord);
    // A twelfth is 25.00: ways of rounding to tens give 30, 30, 20, 20, 30, 20.
    load.persons.inputs.columns.insert("farm_income".into(), Column::Int(vec![Some(30_000)]));
    assert_eq!(shown(&program, &load, "rounded"), "150.00 元/月");
    assert_eq!(shown(&program, &load, "tens"), (2 + 3 + 6).to_string());
    // And -25.00: -30, -30, -20, -20, -30, -20.
    load.persons.inputs.columns.insert("farm_income".into(), Column::Int(vec![Some(-30_000)]));
    assert_eq!(shown(&program, &load, "rounded"), "-150.00 元/月");
}
