//! Random programs over a frame of datasets, inputs and parameters with every kind of hole.

use hedui_base::AreaCode;
use hedui_base::catalogue::NullMeaning::{None as Nothing, Unknown};
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;

use crate::build::*;
use crate::expressions::{Gen, Place};
use crate::rng::Rng;

pub(crate) const DEPOSIT: u32 = 0;
pub(crate) const HOME: u32 = 2;

fn datasets() -> Vec<DatasetUse> {
    let open = (None, None);
    let from_zero = (Some(0), None);
    let dataset = |name: &str, entity, columns: Vec<(&str, hedui_base::ColumnSpec)>| DatasetUse {
        name: name.into(),
        title: name.into(),
        title_en: String::new(),
        entity,
        columns: columns.into_iter().map(|(name, spec)| ColumnUse { name: name.into(), spec }).collect(),
    };
    vec![
        dataset(
            "deposit",
            Entity::Person,
            vec![
                ("balance", spec(MONEY, Unknown, from_zero)),
                ("net", spec(INT, Unknown, open)),
                ("kind", spec(CODE, Unknown, open)),
                ("note", spec(CODE, Nothing, open)),
                ("closed", spec(DAY, Nothing, open)),
                ("opened", spec(DAY, Unknown, (Some(0), Some(20_634)))),
                ("order", spec(BOOL, Unknown, open)),
                ("guarded", spec(BOOL, Nothing, open)),
                ("share", spec(INT, Nothing, (Some(1), Some(9)))),
            ],
        ),
        dataset(
            "job",
            Entity::Person,
            vec![
                ("month", spec(MONTH, Unknown, open)),
                ("gross", spec(MONEY, Unknown, from_zero)),
                ("net", spec(INT, Unknown, open)),
                ("kind", spec(CODE, Unknown, open)),
            ],
        ),
        dataset(
            "home",
            Entity::Household,
            vec![
                ("area", spec(INT, Unknown, (Some(0), Some(300)))),
                ("kind", spec(CODE, Unknown, open)),
                ("bought", spec(DAY, Nothing, open)),
            ],
        ),
    ]
}

fn inputs() -> Vec<Input> {
    let open = (None, None);
    let input = |name: &str, entity, spec, default| Input { name: name.into(), entity, spec, default };
    vec![
        input("wage", Entity::Person, spec(MONEY, Unknown, (Some(0), None)), None),
        input("judgment", Entity::Person, spec(MONEY, Nothing, (Some(0), None)), None),
        input("born", Entity::Person, spec(DAY, Unknown, open), None),
        input("class", Entity::Person, spec(CODE, Nothing, open), Some(ParameterValue::Text("term".into()))),
        input("relation", Entity::Person, spec(CODE, Unknown, open), None),
        input("well", Entity::Person, spec(BOOL, Unknown, open), None),
        input("vehicles", Entity::Household, spec(INT, Unknown, (Some(0), None)), None),
        input("declared", Entity::Household, spec(MONEY, Nothing, open), None),
        input("limit", Entity::Household, spec(INT, Unknown, open), Some(ParameterValue::Int(7))),
        input("since", Entity::Household, spec(DAY, Unknown, open), None),
        input("lone", Entity::Household, spec(BOOL, Nothing, open), None),
    ]
}

fn row(keys: Vec<KeyMatch>, value: RowValue) -> ParameterRow {
    let mut row = ParameterRow::new(date(2020, 1, 1), ParameterValue::Int(0), "[test]");
    row.keys = keys;
    row.value = value;
    row
}

fn number(value: i64) -> RowValue {
    RowValue::Known(ParameterValue::Int(value))
}

fn at(area: &str, residence: Option<&str>, mut row: ParameterRow) -> ParameterRow {
    row.area = AreaCode::parse(area).ok();
    row.residence = residence.map(Into::into);
    row
}

fn parameters() -> Vec<Parameter> {
    let range = |low, high| KeyMatch::Range(low, high);
    let kind = |k: &str| KeyMatch::Text(k.into());
    let mut rising = row(vec![range(41, i64::MAX)], number(300));
    rising.each = Some(-7);
    let mut later = row(vec![], number(77));
    later.from = date(2027, 1, 1);
    let keyed = Parameter {
        keys: vec!["size".into()],
        fallback: Some(Fallback { value: ParameterValue::Int(5), reason: "[test]".into() }),
        ..Parameter::new("keyed", "限额", INT, vec![row(vec![range(1, 40)], number(20)), rising])
    };
    let standard = vec![
        at("32", None, row(vec![], number(50))),
        at("3211", Some("urban"), row(vec![], number(60))),
        at("3211", Some("rural"), row(vec![], RowValue::Gap("open".into()))),
        at("321102", None, row(vec![], number(70))),
        at("99", None, row(vec![], RowValue::Nothing)),
        later,
    ];
    let standard = Parameter { bounds: (Some(10), Some(90)), ..Parameter::new("standard", "标准", INT, standard) };
    let rate = Parameter {
        keys: vec!["kind".into(), "n".into()],
        ..Parameter::new(
            "rate",
            "率",
            INT,
            vec![
                row(vec![kind("current"), KeyMatch::Any], number(3)),
                row(vec![kind("term"), range(i64::MIN, 4)], number(-2)),
                row(vec![kind("term"), range(5, 1_000_000)], RowValue::Nothing),
                row(vec![kind("wealth"), range(0, 9)], RowValue::Gap("".into())),
                row(vec![kind("wealth"), range(10, i64::MAX)], number(11)),
            ],
        )
    };
    let rate =
        Parameter { fallback: Some(Fallback { value: ParameterValue::Int(1), reason: "[test]".into() }), ..rate };
    let word = |value: &str| RowValue::Known(ParameterValue::Text(value.into()));
    let named = Parameter {
        keys: vec!["n".into()],
        ..Parameter::new(
            "named",
            "类",
            CODE,
            vec![
                row(vec![range(i64::MIN, 0)], word("current")),
                row(vec![range(1, 9)], word("term")),
                row(vec![range(10, 20)], word("term")),
                row(vec![range(21, i64::MAX)], word("wealth")),
            ],
        )
    };
    let allowed = Parameter {
        keys: vec!["kind".into()],
        fallback: Some(Fallback { value: ParameterValue::Int(0), reason: "[test]".into() }),
        ..Parameter::new(
            "allowed",
            "准",
            BOOL,
            vec![row(vec![kind("term")], number(1)), row(vec![kind("wealth")], RowValue::Gap("".into()))],
        )
    };
    let missing = Parameter::new("missing", "缺", INT, vec![at("3211", None, row(vec![], number(4)))]);
    let plain = Parameter::new("plain", "数", INT, vec![row(vec![], number(12))]);
    let mut all = vec![keyed, standard, rate, named, allowed, missing, plain];
    let marginal = [(0, 100_000), (10, -500_000), (25, 1_500_000)];
    let single = [(-100, 3), (5, 9), (20, -4)];
    for (kind, brackets) in [(ScaleKind::Marginal, marginal), (ScaleKind::Single, single)] {
        let mut rows: Vec<ParameterRow> = Vec::new();
        for (over, value) in brackets {
            for residence in [None, Some("rural")] {
                let shift = i64::from(residence.is_some()) * 7;
                let gap = residence.is_some() && over == brackets[1].0;
                let value = if gap { RowValue::Gap("".into()) } else { number(value + shift) };
                let mut bracket = row(vec![range(over, i64::MAX)], value);
                bracket.residence = residence.map(Into::into);
                rows.push(bracket);
            }
        }
        let ty = if kind == ScaleKind::Marginal { Scale::RATE } else { INT };
        all.push(Parameter {
            keys: vec!["over".into()],
            bounds: if kind == ScaleKind::Marginal { (Some(0), Some(2_000_000)) } else { (None, Some(30)) },
            scale: Some(Scale { kind, of: INT, result: INT }),
            ..Parameter::new(format!("{kind:?}"), "分档", ty, rows)
        });
    }
    all
}

/// A frame without rules.
pub(crate) fn frame() -> Program {
    Program { datasets: datasets(), inputs: inputs(), parameters: parameters(), ..empty() }
}

fn fact(program: &mut Program, rng: &mut Rng, name: &str) {
    let dataset = rng.pick(&[0, 0, 1, 2]);
    let entity = program.datasets[dataset as usize].entity;
    let mut r#gen = Gen { rng, program };
    let filter = r#gen.rng.chance(50).then(|| r#gen.truth(Place::Record(dataset), 2));
    let depth = r#gen.rng.below(3) as u32;
    let value = match r#gen.rng.below(8) {
        0 | 1 => r#gen.truth(Place::Fact(dataset), 1),
        2 => r#gen.text(Place::Fact(dataset), 1),
        3 => r#gen.day(Place::Fact(dataset), 1),
        _ => r#gen.number(Place::Fact(dataset), depth),
    };
    let ty = value.ty;
    step(program, name, entity, ty, StepKind::Fact { dataset: DatasetId(dataset), filter, value });
}

/// A random program.
pub(crate) fn program(rng: &mut Rng) -> Program {
    let mut program = frame();
    let rounds = 1 + rng.below(2);
    for round in 0..rounds {
        for i in 0..1 + rng.below(3) {
            fact(&mut program, rng, &format!("fact{round}_{i}"));
        }
        for (entity, place) in [(Entity::Person, Place::Person), (Entity::Household, Place::Household)] {
            for i in 0..1 + rng.below(3) {
                let depth = 1 + rng.below(3) as u32;
                let mut r#gen = Gen { rng, program: &program };
                let expr = match r#gen.rng.below(6) {
                    0 => r#gen.truth(place, depth),
                    1 => r#gen.text(place, depth),
                    2 => r#gen.day(place, depth),
                    _ => r#gen.number(place, depth),
                };
                let name = format!("{}{round}_{i}", if entity == Entity::Person { "person" } else { "house" });
                formula(&mut program, &name, entity, expr);
            }
        }
    }
    tests(&mut program, rng);
    schemes(&mut program, rng);
    flags(&mut program, rng);
    program
}

/// A test over every number, so that its bounds are compared.
fn tests(program: &mut Program, rng: &mut Rng) {
    let limits = [Entity::Person, Entity::Household].map(|entity| {
        let place = if entity == Entity::Person { Place::Person } else { Place::Household };
        let limit = Gen { rng, program }.number(place, 1);
        formula(program, &format!("limit_{entity:?}"), entity, limit)
    });
    for index in 0..program.steps.len() {
        let step = &program.steps[index];
        let (entity, is_number) = (step.entity, step.ty.is_int() && step.ty != BOOL);
        if is_number {
            let by = rng.pick(&[Relation::Below, Relation::AtMost, Relation::Above, Relation::AtLeast]);
            let limit = limits[usize::from(entity == Entity::Household)];
            test(program, &format!("t{index}"), entity, (StepId(index as u32), limit), by);
        }
    }
}

fn schemes(program: &mut Program, rng: &mut Rng) {
    for (id, order) in [("second", 2), ("first", 1)] {
        let when = Gen { rng, program }.truth(Place::Household, 2);
        let amount = Gen { rng, program }.number(Place::Household, 1);
        let until = Gen { rng, program }.day(Place::Household, 1);
        let when = formula(program, &format!("{id}.when"), Entity::Household, when);
        let amount = formula(program, &format!("{id}.amount"), Entity::Household, amount);
        let until = formula(program, &format!("{id}.until"), Entity::Household, until);
        let made = scheme(program, id, order, when);
        (made.amount, made.until) = (Some(amount), Some(until));
    }
    let when = Gen { rng, program }.truth(Place::Person, 2);
    let amount = Gen { rng, program }.number(Place::Person, 1);
    let when = formula(program, "alone.each", Entity::Person, when);
    let amount = formula(program, "alone.of_each", Entity::Person, amount);
    let any = Aggregate {
        over: Over::Members,
        function: AggregateFn::BoolOr,
        argument: Some(crate::build::at(when, BOOL).into()),
        by: None,
        filter: None,
    };
    let any = formula(program, "alone.when", Entity::Household, e(ExprKind::Aggregate(any), BOOL));
    scheme(program, "alone", 3, any).persons = Some(PersonScheme { when, amount: Some(amount), until: None });
}

fn flags(program: &mut Program, rng: &mut Rng) {
    let (people, households): (Vec<StepId>, Vec<StepId>) = (0..program.steps.len() as u32)
        .map(StepId)
        .filter(|id| program.steps[id.index()].ty.is_int() && program.steps[id.index()].ty != BOOL)
        .partition(|id| program.steps[id.index()].entity == Entity::Person);
    for (id, entity) in
        [("P1", Entity::Person), ("P2", Entity::Person), ("H1", Entity::Household), ("H2", Entity::Household)]
    {
        let (place, steps) = match entity {
            Entity::Person => (Place::Person, &people),
            Entity::Household => (Place::Household, &households),
        };
        let when = Gen { rng, program }.truth(place, 2);
        let when = formula(program, &format!("{id}.when"), entity, when);
        let compared = |rng: &mut Rng| (!steps.is_empty() && rng.chance(70)).then(|| rng.pick(steps));
        program.flags.push(Flag {
            id: id.into(),
            title: id.into(),
            title_en: String::new(),
            entity,
            when,
            declared: compared(rng),
            found: compared(rng),
            severity: rng.pick(&[FlagSeverity::High, FlagSeverity::Low]),
            follow_up: FollowUp::Desk,
            evidence: vec![DatasetId(DEPOSIT), DatasetId(1), DatasetId(HOME)],
            cite: "[test]".into(),
        });
    }
    let count = StepKind::FlagCount(FlagSeverity::High);
    program.score = Some(step(program, "flags_high", Entity::Household, INT, count));
}
