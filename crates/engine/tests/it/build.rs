//! Small builders for programs and caseloads.

use std::sync::Arc;

use hedui_base::catalogue::{NullMeaning, Title};
use hedui_base::{AnswerId, AreaCode, AskId, Column, ColumnSpec, ColumnType, Outcome, Period, PersonKey, SourceId};
use hedui_engine::input::{Caseload, Role};
use hedui_rules::program::*;
use jiff::civil::{Date, date};

pub(crate) const MONEY: ColumnType = ColumnType::Money(Period::Stock);
pub(crate) const AS_OF: Date = date(2026, 6, 30);

pub(crate) fn spec(ty: ColumnType, null: NullMeaning, min: Option<i64>) -> ColumnSpec {
    let title = Title { zh: "栏".into(), en: String::new() };
    ColumnSpec { title, ty, null, min, max: None, codes: [].into(), level: "L3".into(), mzt073: None }
}

/// A program without rules over datasets with these columns.
pub(crate) fn program(
    datasets: Vec<(&str, Vec<(&str, ColumnSpec)>)>,
    inputs: Vec<(&str, Entity, ColumnSpec)>,
) -> Program {
    let datasets = datasets.into_iter().map(|(name, columns)| DatasetUse {
        name: name.into(),
        title: name.into(),
        title_en: String::new(),
        entity: Entity::Person,
        columns: columns.into_iter().map(|(name, spec)| ColumnUse { name: name.into(), spec }).collect(),
    });
    let inputs =
        inputs.into_iter().map(|(name, entity, spec)| Input { name: name.into(), entity, spec, default: None });
    Program {
        pack: PackInfo {
            id: "test".into(),
            version: "1".into(),
            hash: String::new(),
            area: None,
            title: "试".into(),
            title_en: String::new(),
            from: date(2020, 1, 1),
            until: None,
            extends: vec![],
        },
        datasets: datasets.collect(),
        inputs: inputs.collect(),
        parameters: vec![],
        steps: vec![],
        tests: vec![],
        flags: vec![],
        schemes: vec![],
        score: None,
    }
}

/// Adds a step and gives its id.
pub(crate) fn step(program: &mut Program, name: &str, entity: Entity, ty: ColumnType, kind: StepKind) -> StepId {
    let id = StepId(program.steps.len() as u32);
    let rule = Rule {
        title: name.into(),
        file: "test.toml".into(),
        line: id.index() + 1,
        text: name.into(),
        ..Rule::default()
    };
    program.steps.push(Step { name: name.into(), entity, ty, kind, rule });
    id
}

pub(crate) fn formula(program: &mut Program, name: &str, entity: Entity, expr: Expr) -> StepId {
    let ty = expr.ty;
    step(program, name, entity, ty, StepKind::Formula(expr))
}

pub(crate) fn fact(program: &mut Program, name: &str, dataset: u32, filter: Option<Expr>, value: Expr) -> StepId {
    let ty = value.ty;
    let kind = StepKind::Fact { dataset: DatasetId(dataset), filter, value };
    step(program, name, Entity::Person, ty, kind)
}

pub(crate) fn scheme(program: &mut Program, id: &str, when: StepId) {
    let (id, order) = (id.to_owned(), program.schemes.len() as i64);
    let title = id.clone();
    program.schemes.push(Scheme {
        id,
        title,
        title_en: String::new(),
        order,
        when,
        amount: None,
        recheck_months: None,
        until: None,
        persons: None,
        cite: None,
    });
}

pub(crate) fn e(kind: ExprKind, ty: ColumnType) -> Expr {
    Expr::new(kind, ty)
}

pub(crate) fn int(value: i64) -> Expr {
    e(ExprKind::Int(value), ColumnType::Int)
}

pub(crate) fn text(value: &str) -> Expr {
    e(ExprKind::Text(value.into()), ColumnType::Code)
}

pub(crate) fn column(id: u32, ty: ColumnType) -> Expr {
    e(ExprKind::Column(ColumnId(id)), ty)
}

pub(crate) fn at(step: StepId, ty: ColumnType) -> Expr {
    e(ExprKind::Step(step), ty)
}

pub(crate) fn input(id: u32, ty: ColumnType) -> Expr {
    e(ExprKind::Input(InputId(id)), ty)
}

pub(crate) fn compare(op: CompareOp, a: Expr, b: Expr) -> Expr {
    e(ExprKind::Compare(op, a.into(), b.into()), ColumnType::Bool)
}

pub(crate) fn aggregate(function: AggregateFn, over: Over, argument: Option<Expr>, filter: Option<Expr>) -> Expr {
    let ty = match function {
        AggregateFn::Count | AggregateFn::CountDistinct => ColumnType::Int,
        AggregateFn::BoolOr | AggregateFn::BoolAnd => ColumnType::Bool,
        _ => argument.as_ref().map_or(ColumnType::Int, |a| a.ty),
    };
    let (argument, filter) = (argument.map(Box::new), filter.map(Box::new));
    e(ExprKind::Aggregate(Aggregate { over, function, argument, by: None, filter }), ty)
}

pub(crate) fn sum(over: Over, argument: Expr) -> Expr {
    aggregate(AggregateFn::Sum, over, Some(argument), None)
}

/// Cases in an urban area, each with people by role; people are numbered through from 0.
pub(crate) fn caseload(households: &[&[Role]]) -> Caseload {
    let mut load = Caseload::default();
    for (case, people) in households.iter().enumerate() {
        load.cases.id.push(format!("C{case}").into());
        load.cases.area.push(AreaCode::parse("321102").unwrap());
        load.cases.residence.push(Some("urban".into()));
        for role in *people {
            load.persons.key.push(PersonKey(load.persons.key.len() as u32));
            load.persons.case.push(case as u32);
            load.persons.role.push(*role);
        }
    }
    load.cases.inputs.rows = households.len();
    load.persons.inputs.rows = load.persons.key.len();
    load
}

/// Adds a source; returns its index for [`outcome`].
pub(crate) fn source(load: &mut Caseload, id: &str, dataset: &str) -> u16 {
    load.coverage.sources.push((id.into(), dataset.into()));
    (load.coverage.sources.len() - 1) as u16
}

pub(crate) fn outcome(load: &mut Caseload, person: u32, source: u16, outcome: Outcome) {
    load.coverage.outcomes.insert((PersonKey(person), source), outcome);
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Int(Option<i64>),
    Text(Option<&'static str>),
}

pub(crate) fn n(value: i64) -> Item {
    Item::Int(Some(value))
}

/// Appends a record; call it in any order of persons.
pub(crate) fn record(load: &mut Caseload, dataset: &str, person: u32, source: &str, id: &str, values: &[(&str, Item)]) {
    let records = load.records.entry(dataset.into()).or_default();
    records.person.push(PersonKey(person));
    records.source.push(SourceId::from(source));
    records.record_id.push(id.into());
    records.as_of.push(Some(AS_OF));
    records.ask.push(AskId(1));
    records.answer.push(AnswerId(1));
    records.table.rows += 1;
    for (name, value) in values {
        let columns = &mut records.table.columns;
        match value {
            Item::Int(v) => match columns.entry((*name).into()).or_insert_with(|| Column::Int(vec![])) {
                Column::Int(all) => all.push(*v),
                Column::Text(_) => panic!("{name} holds texts"),
            },
            Item::Text(v) => match columns.entry((*name).into()).or_insert_with(|| Column::Text(vec![])) {
                Column::Text(all) => all.push(v.map(Arc::from)),
                Column::Int(_) => panic!("{name} holds numbers"),
            },
        }
    }
}
