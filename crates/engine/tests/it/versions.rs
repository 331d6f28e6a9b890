//! Rules that change on a day: which text holds, what the sheet quotes, which branches count.

use hedui_base::Outcome;
use hedui_engine::input::{Caseload, Role};
use hedui_engine::{Points, Seen, Side, Trace, trace};
use hedui_rules::Program;
use jiff::civil::{Date, date};

use crate::build::*;
use crate::written::fixture;

/// Two members; the first has an open deposit of 30 yuan and a closed one of 70.
fn world() -> Caseload {
    let mut load = caseload(&[&[Role::Member, Role::Member]]);
    let bank = source(&mut load, "bank", "deposit");
    for person in 0..2 {
        outcome(&mut load, person, bank, Outcome::Found);
    }
    for (id, (balance, status)) in [(3_000, "open"), (7_000, "closed"), (1_000, "open")].into_iter().enumerate() {
        let values = [("balance", n(balance)), ("status", Item::Text(Some(status)))];
        record(&mut load, "deposit", 0, "bank", &id.to_string(), &values);
    }
    load
}

fn on<T>(program: &Program, day: Date, see: impl Fn(&Trace<'_>) -> T) -> T {
    see(&trace(program, &world(), 0, day).unwrap())
}

#[test]
fn the_text_in_force_on_the_day_is_computed() {
    let program = fixture("versions_and_persons");
    let shown = |name: &str, day| {
        on(&program, day, |trace| {
            let person = trace.persons()[0].0;
            trace.value(name, Some(person)).or_else(|| trace.value(name, None)).unwrap().to_string()
        })
    };
    let days = [date(2026, 6, 30), date(2026, 7, 1), date(2026, 9, 1), date(2026, 10, 1)];
    assert_eq!(days.map(|day| shown("deposits", day)), ["110.00 元", "40.00 元", "40.00 元", "30.00 元"]);
    assert_eq!(days.map(|day| shown("income", day)), ["0.00 元/月", "100.00 元/月", "100.00 元/月", "100.00 元/月"]);
    assert_eq!(days.map(|day| shown("low.limit", day))[..2], ["1,000.00 元/月", "1,500.00 元/月"]);
    assert_eq!(days.map(|day| shown("low.value", day)), ["0.00 元/月", "200.00 元/月", "100.00 元/月", "100.00 元/月"]);
    assert_eq!(days.map(|day| shown("household_aid.until", day))[..2], ["2026-12-30", "2027-07-01"]);
}

#[test]
fn the_sheet_quotes_the_version_in_force() {
    let program = fixture("versions_and_persons");
    let quoted = |name: &str, day| {
        on(&program, day, |trace| {
            let node = trace.explain(name).unwrap();
            (node.formula, node.cite.unwrap_or_default(), node.line)
        })
    };
    let (before, after) = (date(2026, 6, 30), date(2026, 7, 1));
    assert_eq!(quoted("low", before), ("SUM(member.income) < standard".into(), "甲号 第三条".into(), 43));
    assert_eq!(quoted("low", after), ("SUM(member.income) < standard * 1.5".into(), "乙号 第三条".into(), 49));
    assert_eq!(quoted("household_aid.amount", after), ("120.00".into(), "乙号 第五条".into(), 92));
    // A key that a version does not name stays as it was, with its clause.
    assert_eq!(quoted("household_aid.when", after).1, "");
    let cites = |day| program.schemes.iter().map(|s| s.cite_on(&program, day).unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(cites(before), ["", "甲号 第六条"]);
    assert_eq!(cites(after), ["乙号 第五条", "甲号 第六条；乙号 第六条"]);
}

#[test]
fn every_version_is_a_side_that_its_days_see() {
    let program = fixture("versions_and_persons");
    let points = Points::of(&program);
    let seen = |step: &str, day| {
        on(&program, day, |trace| {
            let mut seen = Seen::default();
            trace.look(&points, &mut seen);
            let of_step = |index: &usize| Some(points.list[*index].step) == program.step(step);
            let mut found: Vec<usize> = seen.points.into_iter().filter(of_step).collect();
            found.sort_unstable();
            found.into_iter().map(|i| (points.list[i].side, points.list[i].condition.clone())).collect::<Vec<_>>()
        })
    };
    let deposits = |day| seen("deposits", day).into_iter().filter(|(side, _)| *side == Side::InForce).map(|(_, c)| c);
    let deposits = |day| deposits(day).collect::<Vec<_>>();
    assert_eq!(deposits(date(2026, 6, 30)), ["before 2026-07-01", "before 2026-10-01"]);
    assert_eq!(deposits(date(2026, 7, 1)), ["from 2026-07-01", "before 2026-10-01"]);
    assert_eq!(deposits(date(2026, 12, 1)), ["from 2026-07-01", "from 2026-10-01"]);
    let score = program.steps[program.score.unwrap().index()].name.clone();
    let of_score = |day| seen(&score, day).into_iter().map(|(side, _)| side).collect::<Vec<_>>();
    assert_eq!(of_score(date(2026, 6, 30)), [Side::InForce], "no branch of a text that does not hold yet");
    assert_eq!(of_score(date(2026, 7, 1)), [Side::InForce, Side::Otherwise, Side::PartNotMet]);
}
