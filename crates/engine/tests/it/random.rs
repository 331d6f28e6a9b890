//! Random programs and worlds: two datasets, three sources, every kind of hole.

use hedui_base::catalogue::NullMeaning::{None as Nothing, Unknown};
use hedui_base::{Column, ColumnType, Outcome};
use hedui_engine::input::{Caseload, Role};
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::{Date, date};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::build::*;

pub(crate) const SOURCES: [(&str, &str); 3] = [("bank.a", "deposit"), ("bank.b", "deposit"), ("tax", "job")];
pub(crate) const KINDS: [&str; 3] = ["current", "term", "wealth"];
const INT: ColumnType = ColumnType::Int;
const BOOL: ColumnType = ColumnType::Bool;

/// The datasets, inputs and parameter that random programs read.
pub(crate) fn frame() -> Program {
    let deposit = vec![
        ("balance", spec(MONEY, Unknown, Some(0))),
        ("net", spec(INT, Unknown, None)),
        ("kind", spec(ColumnType::Code, Unknown, None)),
        ("closed", spec(ColumnType::Date, Nothing, None)),
        ("open", spec(BOOL, Unknown, None)),
        ("guarded", spec(BOOL, Nothing, None)),
    ];
    let job = vec![("month", spec(ColumnType::Month, Unknown, None)), ("gross", spec(MONEY, Unknown, Some(0)))];
    let inputs = vec![
        ("wage", Entity::Person, spec(MONEY, Unknown, Some(0))),
        ("judgment", Entity::Person, spec(MONEY, Nothing, Some(0))),
        ("vehicles", Entity::Household, spec(INT, Unknown, Some(0))),
    ];
    let mut program = program(vec![("deposit", deposit), ("job", job)], inputs);
    let row = |keys, value| ParameterRow {
        keys: vec![keys],
        ..ParameterRow::new(date(2020, 1, 1), ParameterValue::Int(value), "[test]")
    };
    let mut rows = vec![row(KeyMatch::Range(1, 40), 20), row(KeyMatch::Range(41, i64::MAX), 300)];
    rows[1].each = Some(-7);
    program.parameters.push(Parameter {
        keys: vec!["size".into()],
        fallback: Some(Fallback { value: ParameterValue::Int(5), reason: "[test]".into() }),
        ..Parameter::new("limit", "限额", INT, rows)
    });
    let marginal = [(0, 100_000), (10, -500_000), (25, 1_500_000)];
    let single = [(-100, 3), (5, 9), (20, -4)];
    for (kind, brackets) in [(ScaleKind::Marginal, marginal), (ScaleKind::Single, single)] {
        let rows = brackets.map(|(over, value)| row(KeyMatch::Range(over, i64::MAX), value)).to_vec();
        let ty = if kind == ScaleKind::Marginal { Scale::RATE } else { INT };
        program.parameters.push(Parameter {
            keys: vec!["over".into()],
            scale: Some(Scale { kind, of: INT, result: INT }),
            ..Parameter::new(format!("{kind:?}"), "分档", ty, rows)
        });
    }
    program
}

type Pair = (BoxedStrategy<Expr>, BoxedStrategy<Expr>);

fn one(kind: ExprKind) -> Expr {
    e(kind, INT)
}

/// Days on which a formula changes: the day of the check is the first or the last of one.
fn versions() -> impl Strategy<Value = Date> {
    select(vec![AS_OF, date(2026, 7, 1), date(2026, 1, 1)])
}

fn roundings() -> impl Strategy<Value = RoundMode> {
    use RoundMode::{Ceil, Down, Floor, HalfDown, HalfEven, Nearest, Up};
    select(vec![Nearest, HalfEven, HalfDown, Up, Down, Floor, Ceil])
}

/// Numbers and conditions over some leaves, a level deeper.
fn deeper((number, condition): &Pair) -> Pair {
    let pair = || (number.clone(), number.clone());
    let constant = || (-9i64..30).prop_map(int);
    let numbers = prop_oneof![
        4 => number.clone(),
        1 => constant(),
        2 => pair().prop_map(|(a, b)| one(ExprKind::Add(a.into(), b.into()))),
        2 => pair().prop_map(|(a, b)| one(ExprKind::Sub(a.into(), b.into()))),
        1 => (pair(), 0u8..3).prop_map(|((a, b), drop)| one(ExprKind::Mul(a.into(), b.into(), drop))),
        1 => (pair(), -1i8..3).prop_map(|((a, b), raise)| one(ExprKind::Div(a.into(), b.into(), raise))),
        1 => number.clone().prop_map(|a| one(ExprKind::Neg(a.into()))),
        1 => number.clone().prop_map(|a| one(ExprKind::Abs(a.into()))),
        1 => (number.clone(), -2i8..2).prop_map(|(a, by)| one(ExprKind::Rescale(a.into(), by))),
        1 => pair().prop_map(|(a, b)| one(ExprKind::Least(vec![a, b]))),
        1 => pair().prop_map(|(a, b)| one(ExprKind::Greatest(vec![a, b]))),
        1 => (roundings(), number.clone(), 1i64..40)
            .prop_map(|(mode, a, to)| one(ExprKind::Round(mode, a.into(), int(to).into()))),
        1 => (roundings(), pair())
            .prop_map(|(mode, (a, to))| {
                let to = one(ExprKind::Greatest(vec![to, int(1)]));
                one(ExprKind::Round(mode, a.into(), to.into()))
            }),
        1 => (condition.clone(), condition.clone(), vec(number.clone(), 3)).prop_map(|(c, d, mut values)| {
            let (last, second, first) = (values.pop().unwrap(), values.pop().unwrap(), values.pop().unwrap());
            one(ExprKind::Case(vec![(c, first), (d, second)], last.into()))
        }),
        1 => (pair(), versions()).prop_map(|((a, b), from)| one(ExprKind::Dated(a.into(), vec![(from, b)]))),
        1 => (0u32..3, number.clone())
            .prop_map(|(id, key)| one(ExprKind::Parameter { id: ParameterId(id), keys: vec![key] })),
    ];
    let ops = select(vec![CompareOp::Eq, CompareOp::Ne, CompareOp::Lt, CompareOp::Le, CompareOp::Gt, CompareOp::Ge]);
    let conditions = prop_oneof![
        3 => condition.clone(),
        4 => (ops, pair()).prop_map(|(op, (a, b))| compare(op, a, b)),
        1 => vec(condition.clone(), 2..4).prop_map(|all| e(ExprKind::And(all), BOOL)),
        1 => vec(condition.clone(), 2..4).prop_map(|all| e(ExprKind::Or(all), BOOL)),
        1 => condition.clone().prop_map(|c| e(ExprKind::Not(c.into()), BOOL)),
        1 => (vec(condition.clone(), 2), versions()).prop_map(|(mut both, from)| {
            let (second, first) = (both.pop().unwrap(), both.pop().unwrap());
            e(ExprKind::Dated(first.into(), vec![(from, second)]), BOOL)
        }),
        1 => (number.clone(), vec(number.clone(), 1..3)).prop_map(|(a, list)| e(ExprKind::In(a.into(), list), BOOL)),
        1 => number.clone().prop_map(|a| e(ExprKind::IsNone(a.into()), BOOL)),
    ];
    (numbers.boxed(), conditions.boxed())
}

fn input_of(id: u32) -> Expr {
    input(id, MONEY)
}

fn of_record(dataset: u32) -> Pair {
    let as_of = || e(ExprKind::AsOf, ColumnType::Date);
    let leaf = if dataset == 0 {
        let closed = || column(3, ColumnType::Date);
        let moved = e(ExprKind::AddMonths(closed().into(), -7), ColumnType::Date);
        vec![
            column(0, MONEY),
            column(0, MONEY),
            column(1, INT),
            input_of(0),
            one(ExprKind::Age(closed().into())),
            one(ExprKind::DaysBetween(moved.into(), as_of().into())),
            one(ExprKind::MonthsBetween(closed().into(), as_of().into())),
            one(ExprKind::DaysBetween(
                e(ExprKind::ShiftMonths(closed().into(), column(1, INT).into()), ColumnType::Date).into(),
                as_of().into(),
            )),
            one(ExprKind::Spread(column(1, INT).into(), "[test]".into())),
        ]
    } else {
        let month = column(0, ColumnType::Month);
        vec![column(1, MONEY), one(ExprKind::MonthsBetween(month.into(), as_of().into())), input_of(1)]
    };
    let truth = if dataset == 0 {
        let kind = |k| compare(CompareOp::Eq, column(2, ColumnType::Code), text(k));
        let list = vec![text("term"), text("wealth")];
        vec![
            column(4, BOOL),
            column(5, BOOL),
            kind("current"),
            kind("term"),
            e(ExprKind::In(column(2, ColumnType::Code).into(), list), BOOL),
            e(ExprKind::IsNone(column(3, ColumnType::Date).into()), BOOL),
        ]
    } else {
        let month = column(0, ColumnType::Month);
        let last = e(ExprKind::MonthOf(as_of().into()), ColumnType::Month);
        vec![compare(CompareOp::Ge, month, e(ExprKind::AddMonths(last.into(), -2), ColumnType::Month))]
    };
    deeper(&(select(leaf).boxed(), select(truth).boxed()))
}

fn aggregates(over: Vec<Over>, (number, condition): &Pair) -> Pair {
    use AggregateFn::{Avg, BoolAnd, BoolOr, Count, CountDistinct, Max, Min, Sum};
    let filter = || weighted(0.4, condition.clone());
    let functions = select(vec![Sum, Sum, Sum, Count, Min, Max, Avg, CountDistinct]);
    let of_numbers = (functions, select(over.clone()), number.clone(), filter())
        .prop_map(|(function, over, argument, filter)| aggregate(function, over, Some(argument), filter));
    let rows = (select(over.clone()), filter()).prop_map(|(over, filter)| aggregate(Count, over, None, filter));
    let of_conditions = (select(vec![BoolOr, BoolAnd]), select(over), condition.clone(), filter())
        .prop_map(|(function, over, argument, filter)| aggregate(function, over, Some(argument), filter));
    (prop_oneof![5 => of_numbers, 1 => rows].boxed(), of_conditions.boxed())
}

/// Sums by month: of a month that may be unknown, or of a date that may be none.
fn by_month(dataset: u32, (number, condition): &Pair) -> impl Strategy<Value = Expr> + use<> {
    use AggregateFn::{MonthFirst, MonthLast, MonthMax, MonthMin};
    let by = if dataset == 0 { column(3, ColumnType::Date) } else { column(0, ColumnType::Month) };
    let functions = select(vec![MonthFirst, MonthLast, MonthMax, MonthMin]);
    (functions, number.clone(), weighted(0.4, condition.clone())).prop_map(move |(function, argument, filter)| {
        let (argument, filter) = (Some(Box::new(argument)), filter.map(Box::new));
        let by = Some(Box::new(by.clone()));
        one(ExprKind::Aggregate(Aggregate { over: Over::Records, function, argument, by, filter }))
    })
}

fn facts() -> impl Strategy<Value = Vec<(u32, Option<Expr>, Expr)>> {
    let fact = |dataset: u32| {
        let records = of_record(dataset);
        let (number, condition) = aggregates(vec![Over::Records], &records);
        let number = prop_oneof![4 => number, 1 => by_month(dataset, &records)].boxed();
        let (number, condition) = deeper(&(number, condition));
        let value = prop_oneof![3 => number, 1 => condition];
        (Just(dataset), weighted(0.4, records.1), value)
    };
    vec(prop_oneof![2 => fact(0), 1 => fact(1)], 2..4)
}

/// Random rules: facts, two formulas of a person, two of a household, a scheme and two flags.
pub(crate) fn programs() -> impl Strategy<Value = Program> {
    facts()
        .prop_flat_map(|facts| {
            let leaf = |wants_bool: bool| {
                let steps = (0u32..).zip(&facts).filter(move |(_, f)| (f.2.ty == BOOL) == wants_bool);
                steps.map(|(i, f)| at(StepId(i), f.2.ty)).collect::<Vec<_>>()
            };
            let vehicles = e(ExprKind::Household(input(2, INT).into()), INT);
            let numbers = select([leaf(false), vec![input_of(0), input_of(1), vehicles]].concat());
            let truths = select([leaf(true), vec![e(ExprKind::IsMember, BOOL)]].concat());
            let of_person = deeper(&(numbers.boxed(), truths.boxed()));
            let people = aggregates(vec![Over::Members, Over::Members, Over::Obligors], &of_person);
            let people = (prop_oneof![5 => people.0, 1 => Just(input(2, INT))].boxed(), people.1);
            let of_household = deeper(&people);
            (Just(facts.clone()), of_person.0, of_person.1, of_household.0, of_household.1)
        })
        .prop_map(|(facts, number, flagged, total, met)| {
            let mut program = frame();
            for (i, (dataset, filter, value)) in facts.into_iter().enumerate() {
                fact(&mut program, &format!("fact{i}"), dataset, filter, value);
            }
            let number = formula(&mut program, "number", Entity::Person, number);
            let flagged = formula(&mut program, "flagged", Entity::Person, flagged);
            let total = formula(&mut program, "total", Entity::Household, total);
            let met = formula(&mut program, "met", Entity::Household, met);
            let limit = formula(&mut program, "limit", Entity::Household, int(20));
            let result = compare(CompareOp::Lt, at(total, INT), at(limit, INT));
            let result = formula(&mut program, "below", Entity::Household, result);
            program.tests.push(Test {
                name: "below".into(),
                title: "低于".into(),
                title_en: String::new(),
                entity: Entity::Household,
                value: total,
                limit: Some(limit),
                relation: Some(Relation::Below),
                result,
                cite: None,
            });
            scheme(&mut program, "aid", met);
            scheme_of_persons(&mut program, flagged, number);
            for (id, entity, when) in [("P", Entity::Person, flagged), ("H", Entity::Household, result)] {
                program.flags.push(Flag {
                    id: id.into(),
                    title: id.into(),
                    title_en: String::new(),
                    entity,
                    when,
                    declared: None,
                    found: (entity == Entity::Household).then_some(total),
                    severity: FlagSeverity::High,
                    follow_up: FollowUp::Desk,
                    evidence: vec![DatasetId(0), DatasetId(1)],
                    cite: "[test]".into(),
                });
            }
            let count = StepKind::FlagCount(FlagSeverity::High);
            program.score = Some(step(&mut program, "flags_high", Entity::Household, INT, count));
            program
        })
}

/// A scheme for each member alone, and what it comes to in the household.
fn scheme_of_persons(program: &mut Program, when: StepId, amount: StepId) {
    let any = aggregate(AggregateFn::BoolOr, Over::Members, Some(at(when, BOOL)), None);
    let total = aggregate(AggregateFn::Sum, Over::Members, Some(at(amount, INT)), Some(at(when, BOOL)));
    let any = formula(program, "alone.when", Entity::Household, any);
    let total = formula(program, "alone.amount", Entity::Household, total);
    scheme(program, "alone", any);
    if let Some(scheme) = program.schemes.last_mut() {
        scheme.amount = Some(total);
        scheme.persons = Some(PersonScheme { when, amount: Some(amount), until: None });
    }
}

/// Whether from the second bank; balance, net, kind, closed, open, guarded.
type Deposit = (bool, Option<i64>, Option<i64>, Option<&'static str>, Option<i64>, Option<bool>, Option<bool>);

#[derive(Clone, Debug)]
struct Draw {
    member: bool,
    wage: Option<i64>,
    judgment: Option<i64>,
    outcomes: Vec<Option<Outcome>>,
    deposits: Vec<Deposit>,
    jobs: Vec<(Option<i64>, Option<i64>)>,
}

fn draws() -> impl Strategy<Value = Draw> {
    let outcome = prop_oneof![
        5 => Just(Some(Outcome::Found)),
        2 => Just(Some(Outcome::NoRecord)),
        1 => Just(Some(Outcome::Partial)),
        1 => select(vec![Outcome::Overdue, Outcome::Failed, Outcome::NotApplicable]).prop_map(Some),
        1 => Just(None),
    ];
    let deposit = (
        any::<bool>(),
        weighted(0.9, 0i64..60),
        weighted(0.9, -20i64..20),
        weighted(0.9, select(KINDS.to_vec())),
        weighted(0.5, 10_000i64..21_000),
        weighted(0.9, any::<bool>()),
        weighted(0.5, any::<bool>()),
    );
    let job = (weighted(0.9, 24_305i64..24_320), weighted(0.9, 0i64..50));
    (
        prop::bool::weighted(0.7),
        weighted(0.9, 0i64..50),
        weighted(0.5, 0i64..50),
        vec(outcome, 3),
        vec(deposit, 0..4),
        vec(job, 0..4),
    )
        .prop_map(|(member, wage, judgment, outcomes, deposits, jobs)| Draw {
            member,
            wage,
            judgment,
            outcomes,
            deposits,
            jobs,
        })
}

/// Random households with records only from sources that sent some.
pub(crate) fn worlds() -> impl Strategy<Value = Caseload> {
    vec((weighted(0.9, 0i64..5), vec(draws(), 1..4)), 1..5).prop_map(|households| {
        let roles: Vec<Vec<Role>> = households
            .iter()
            .map(|(_, people)| people.iter().map(|p| if p.member { Role::Member } else { Role::Obligor }).collect())
            .collect();
        let mut load = caseload(&roles.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (id, dataset) in SOURCES {
            source(&mut load, id, dataset);
        }
        let vehicles = households.iter().map(|(vehicles, _)| *vehicles).collect();
        load.cases.inputs.columns.insert("vehicles".into(), Column::Int(vehicles));
        let people: Vec<Draw> = households.into_iter().flat_map(|(_, people)| people).collect();
        for (name, of) in [("wage", (|p| p.wage) as fn(&Draw) -> Option<i64>), ("judgment", |p| p.judgment)] {
            load.persons.inputs.columns.insert(name.into(), Column::Int(people.iter().map(of).collect()));
        }
        for (person, draw) in (0u32..).zip(&people) {
            let sent = |source: usize| matches!(draw.outcomes[source], Some(Outcome::Found | Outcome::Partial));
            for (source, outcome) in (0u16..).zip(&draw.outcomes) {
                outcome.iter().for_each(|o| self::outcome(&mut load, person, source, *o));
            }
            for (i, (second, balance, net, kind, closed, open, guarded)) in draw.deposits.iter().enumerate() {
                if sent(usize::from(*second)) {
                    let values = [
                        ("balance", Item::Int(*balance)),
                        ("net", Item::Int(*net)),
                        ("kind", Item::Text(*kind)),
                        ("closed", Item::Int(*closed)),
                        ("open", Item::Int(open.map(i64::from))),
                        ("guarded", Item::Int(guarded.map(i64::from))),
                    ];
                    record(&mut load, "deposit", person, SOURCES[usize::from(*second)].0, &i.to_string(), &values);
                }
            }
            for (i, (month, gross)) in draw.jobs.iter().enumerate().filter(|_| sent(2)) {
                let values = [("month", Item::Int(*month)), ("gross", Item::Int(*gross))];
                record(&mut load, "job", person, "tax", &i.to_string(), &values);
            }
        }
        load
    })
}
