//! Small builders for programs.

use hedui_base::catalogue::{NullMeaning, Title};
use hedui_base::{ColumnSpec, ColumnType, Period};
use hedui_rules::Program;
use hedui_rules::program::*;
use jiff::civil::{Date, date};

pub(crate) const MONEY: ColumnType = ColumnType::Money(Period::Stock);
pub(crate) const INT: ColumnType = ColumnType::Int;
pub(crate) const BOOL: ColumnType = ColumnType::Bool;
pub(crate) const CODE: ColumnType = ColumnType::Code;
pub(crate) const DAY: ColumnType = ColumnType::Date;
pub(crate) const MONTH: ColumnType = ColumnType::Month;
pub(crate) const AS_OF: Date = date(2026, 6, 30);

pub(crate) fn spec(ty: ColumnType, null: NullMeaning, bounds: (Option<i64>, Option<i64>)) -> ColumnSpec {
    let title = Title { zh: "栏".into(), en: String::new() };
    let (min, max) = bounds;
    ColumnSpec { title, ty, null, min, max, codes: [].into(), level: "L3".into(), mzt073: None }
}

pub(crate) fn empty() -> Program {
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
        datasets: vec![],
        inputs: vec![],
        parameters: vec![],
        steps: vec![],
        tests: vec![],
        flags: vec![],
        schemes: vec![],
        score: None,
    }
}

pub(crate) fn step(program: &mut Program, name: &str, entity: Entity, ty: ColumnType, kind: StepKind) -> StepId {
    let id = StepId(program.steps.len() as u32);
    let rule = Rule { title: name.into(), file: "test.toml".into(), line: id.index() + 1, ..Rule::default() };
    program.steps.push(Step { name: name.into(), entity, ty, kind, rule });
    id
}

pub(crate) fn formula(program: &mut Program, name: &str, entity: Entity, expr: Expr) -> StepId {
    let ty = expr.ty;
    step(program, name, entity, ty, StepKind::Formula(expr))
}

pub(crate) fn test(program: &mut Program, name: &str, entity: Entity, (value, limit): (StepId, StepId), by: Relation) {
    let op = match by {
        Relation::Below => CompareOp::Lt,
        Relation::AtMost => CompareOp::Le,
        Relation::Above => CompareOp::Gt,
        Relation::AtLeast => CompareOp::Ge,
    };
    let compared = compare(op, at(value, INT), at(limit, INT));
    let result = formula(program, &format!("{name}.result"), entity, compared);
    program.tests.push(Test {
        name: name.into(),
        title: name.into(),
        title_en: String::new(),
        entity,
        value,
        limit: Some(limit),
        relation: Some(by),
        result,
        cite: None,
    });
}

pub(crate) fn scheme<'p>(program: &'p mut Program, id: &str, order: i64, when: StepId) -> &'p mut Scheme {
    program.schemes.push(Scheme {
        id: id.into(),
        title: id.into(),
        title_en: String::new(),
        order,
        when,
        amount: None,
        recheck_months: None,
        until: None,
        persons: None,
        cite: None,
    });
    program.schemes.last_mut().unwrap()
}

pub(crate) fn e(kind: ExprKind, ty: ColumnType) -> Expr {
    Expr::new(kind, ty)
}

pub(crate) fn int(value: i64) -> Expr {
    e(ExprKind::Int(value), INT)
}

pub(crate) fn text(value: &str) -> Expr {
    e(ExprKind::Text(value.into()), CODE)
}

pub(crate) fn at(step: StepId, ty: ColumnType) -> Expr {
    e(ExprKind::Step(step), ty)
}

pub(crate) fn compare(op: CompareOp, a: Expr, b: Expr) -> Expr {
    e(ExprKind::Compare(op, a.into(), b.into()), BOOL)
}
