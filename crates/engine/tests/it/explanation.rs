//! Unfolded values: sums re-add, records and parameters stand where they were used.

use hedui_base::catalogue::NullMeaning::Unknown;
use hedui_base::{Column, ColumnType, Outcome, PersonKey, Tri};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::{Explanation, trace};
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::date;
use proptest::prelude::*;

use crate::build::*;
use crate::complete::complete;
use crate::random::{programs, worlds};

const INT: ColumnType = ColumnType::Int;

/// Wages of two members: a fact over records, a person's income, the household's income per head.
fn world() -> (Program, Caseload) {
    let columns = vec![("gross", spec(MONEY, Unknown, Some(0))), ("taxed", spec(ColumnType::Bool, Unknown, None))];
    let mut program =
        program(vec![("wage", columns)], vec![("declared", Entity::Person, spec(MONEY, Unknown, Some(0)))]);
    let row = ParameterRow {
        file: "allowance.csv".into(),
        line: 2,
        ..ParameterRow::new(date(2026, 1, 1), ParameterValue::Int(10_000), "镇民〔2026〕1号")
    };
    program.parameters.push(Parameter::new("allowance", "扣减", MONEY, vec![row]));
    let taxed = column(1, ColumnType::Bool);
    let wages = fact(&mut program, "wages", 0, Some(taxed), sum(Over::Records, column(0, MONEY)));
    let income = e(ExprKind::Greatest(vec![at(wages, MONEY), input(0, MONEY)]), MONEY);
    let income = formula(&mut program, "income", Entity::Person, income);
    let total = formula(&mut program, "total", Entity::Household, sum(Over::Members, at(income, MONEY)));
    let size =
        formula(&mut program, "size", Entity::Household, aggregate(AggregateFn::Count, Over::Members, None, None));
    let allowance = e(ExprKind::Parameter { id: ParameterId(0), keys: vec![] }, MONEY);
    let net = e(ExprKind::Sub(at(total, MONEY).into(), allowance.into()), MONEY);
    let per_head = e(ExprKind::Div(net.into(), at(size, INT).into(), 0), MONEY);
    formula(&mut program, "per_head", Entity::Household, per_head);
    let mut load = caseload(&[&[Role::Member, Role::Member, Role::Obligor]]);
    load.persons.inputs.columns.insert("declared".into(), Column::Int(vec![Some(100), Some(90_000), Some(0)]));
    let tax = source(&mut load, "tax.income", "wage");
    for person in 0..3 {
        outcome(&mut load, person, tax, Outcome::Found);
        for (month, (gross, taxed)) in [(30_000, 1), (20_000, 1), (5_000, 0)].into_iter().enumerate() {
            let values = [("gross", n(gross)), ("taxed", n(taxed))];
            record(&mut load, "wage", person, "tax.income", &format!("2026-0{}", month + 1), &values);
        }
    }
    (program, load)
}

#[test]
fn a_value_unfolds_to_its_source_rows_and_parameters() {
    let (program, load) = world();
    let trace = trace(&program, &load, 0, AS_OF).unwrap();
    let per_head = trace.explain("per_head").unwrap();
    assert_eq!(per_head.value.to_string(), "650.00 元");
    assert_eq!(names(&per_head), ["total", "size"]);
    let allowance = &per_head.parameters[0];
    assert_eq!((allowance.cite.as_str(), allowance.line), ("镇民〔2026〕1号", 2));
    assert_eq!(allowance.value.to_string(), "100.00 元");
    let total = &per_head.children[0];
    let people: Vec<_> = total.children.iter().map(|c| (c.person.unwrap().0, c.value.number().unwrap())).collect();
    assert_eq!(people, [(0, 50_000), (1, 90_000)], "one child per member, none for the obligor");
    let income = &total.children[0];
    assert_eq!(names(income), ["wages", "declared"]);
    let wages = &income.children[0];
    let rows: Vec<_> = wages.records.iter().map(|r| (r.record_id.as_str(), r.counted, r.contribution)).collect();
    assert_eq!(
        rows,
        [("2026-01", Tri::Met, Some(30_000)), ("2026-02", Tri::Met, Some(20_000)), ("2026-03", Tri::NotMet, None)]
    );
    let first = &wages.records[0];
    assert_eq!((first.source.as_str(), first.person, first.as_of), ("tax.income", Some(PersonKey(0)), Some(AS_OF)));
    assert_eq!(first.columns[0], ("gross".to_owned(), "栏".to_owned(), "300.00 元".to_owned()));
    assert_eq!(trace.explain_for("income", Some(PersonKey(2))).unwrap().value.number(), Some(50_000));
    assert!(trace.explain("income").is_none(), "whose?");
    assert!(trace.explain("nothing").is_none());
}

#[test]
fn an_unknown_says_why_all_the_way_up() {
    let (program, mut load) = world();
    load.coverage.outcomes.insert((PersonKey(0), 0), Outcome::Overdue);
    let trace = trace(&program, &load, 0, AS_OF).unwrap();
    let mut node = trace.explain("per_head").unwrap();
    assert_eq!(node.value.to_string(), "未知，不少于 650.00 元");
    for below in ["total", "income", "wages"] {
        assert_eq!(node.reasons[0].source.as_str(), "tax.income");
        node = node.children.into_iter().find(|child| child.name == below).unwrap();
    }
    assert_eq!(node.reasons[0].cause, "overdue");
}

fn names(node: &Explanation) -> Vec<&str> {
    node.children.iter().map(|child| child.name.as_str()).collect()
}

/// Checks a node whose whole formula is a sum: its people or its records re-add to it.
fn re_adds(node: &Explanation, formula: Option<&Aggregate>) -> Result<(), TestCaseError> {
    let Some(aggregate) = formula.filter(|a| a.function == AggregateFn::Sum) else { return Ok(()) };
    let Some(value) = node.value.number() else { return Ok(()) };
    let parts: i64 = match aggregate.over {
        Over::Records => node.records.iter().filter_map(|r| r.contribution).sum(),
        Over::Members | Over::Obligors => node.children.iter().filter_map(|c| c.value.number()).sum(),
    };
    prop_assert_eq!(value, parts, "{}", node.name);
    Ok(())
}

proptest! {
    #[test]
    fn the_parts_of_a_sum_re_add_to_it(program in programs(), world in worlds(), seed: u64) {
        let mut program = program;
        let number = StepId(program.step("number").unwrap().0);
        let ty = program.steps[number.index()].ty;
        formula(&mut program, "by_members", Entity::Household, sum(Over::Members, at(number, ty)));
        let filter = compare(CompareOp::Gt, at(number, ty), int(3));
        let some = aggregate(AggregateFn::Sum, Over::Members, Some(at(number, ty)), Some(filter));
        formula(&mut program, "by_some", Entity::Household, some);
        fact(&mut program, "by_records", 0, Some(column(4, ColumnType::Bool)), sum(Over::Records, column(0, MONEY)));
        let whole = complete(&world, |name| seed ^ name.len() as u64);
        for row in 0..whole.cases.id.len() {
            let Ok(trace) = trace(&program, &whole, row, AS_OF) else { continue };
            for step in &program.steps {
                let whose: Vec<Option<PersonKey>> = match step.entity {
                    Entity::Household => vec![None],
                    Entity::Person => trace.persons().iter().map(|(key, _)| Some(*key)).collect(),
                };
                for person in whose {
                    let node = trace.explain_for(&step.name, person).unwrap();
                    prop_assert_eq!(Some(node.value.clone()), trace.value(&step.name, person));
                    let (StepKind::Formula(expr) | StepKind::Fact { value: expr, .. }) = &step.kind else { continue };
                    if let ExprKind::Aggregate(aggregate) = &expr.kind {
                        re_adds(&node, Some(aggregate))?;
                    }
                }
            }
        }
    }
}
