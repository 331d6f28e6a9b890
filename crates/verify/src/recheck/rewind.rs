//! The pieces of a substitution: rules as they stood on a day, and old answers moved to a new window.

use hedui_base::{Column, ColumnType, Month};
use hedui_rules::Program;
use hedui_rules::program::{Expr, ExprKind, StepKind};
use jiff::civil::Date;

use crate::compare::Answers;

/// The same program with every parameter and every rule as it stood on `day`, whatever day it is run for.
pub(super) fn frozen(program: &Program, day: Date) -> Program {
    let mut frozen = program.clone();
    for parameter in &mut frozen.parameters {
        parameter.rows.retain(|row| row.from <= day && row.until.is_none_or(|until| day <= until));
        for row in &mut parameter.rows {
            row.from = Date::MIN;
            row.until = None;
        }
    }
    for step in &mut frozen.steps {
        step.rule.versions.retain(|version| version.from <= day);
        step.rule.versions.iter_mut().for_each(|version| version.from = Date::MIN);
        match &mut step.kind {
            StepKind::Fact { filter, value, .. } => filter.iter_mut().chain([value]).for_each(|expr| hold(expr, day)),
            StepKind::Formula(expr) => hold(expr, day),
            StepKind::FlagCount(_) => {}
        }
    }
    frozen
}

/// Puts the version in force on a day in the place of all of them.
fn hold(expr: &mut Expr, day: Date) {
    while let ExprKind::Dated(first, versions) = &expr.kind {
        *expr = Expr::in_force(first, versions, day).clone();
    }
    expr.parts_mut().into_iter().for_each(|part| hold(part, day));
}

/// Old answers as they would look if the months since had been like the months before: every month moves along with the
/// day of the check, so that a window that has only moved on shows no change.
pub(super) fn moved(answers: &Answers, program: &Program, from: Date, to: Date) -> Answers {
    let months = Month::of(to).index() - Month::of(from).index();
    let mut moved = answers.clone();
    for dataset in &program.datasets {
        let Some(records) = moved.records.get_mut(&dataset.name) else { continue };
        for column in dataset.columns.iter().filter(|c| c.spec.ty == ColumnType::Month) {
            if let Some(Column::Int(values)) = records.table.columns.get_mut(&column.name) {
                for value in values.iter_mut().flatten() {
                    *value += months;
                }
            }
        }
    }
    moved
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use hedui_rules::program::{PackInfo, Parameter, ParameterRow, ParameterValue, RowValue};
    use jiff::civil::date;

    #[test]
    fn a_frozen_parameter_keeps_the_row_of_its_day() {
        let row = |from, until, value| ParameterRow {
            until,
            ..ParameterRow::new(from, ParameterValue::Int(value), "[test]")
        };
        let program = Program {
            pack: PackInfo {
                id: "p".into(),
                version: "1".into(),
                hash: String::new(),
                area: None,
                title: String::new(),
                title_en: String::new(),
                from: date(2020, 1, 1),
                until: None,
                extends: Vec::new(),
            },
            datasets: Vec::new(),
            inputs: Vec::new(),
            parameters: vec![Parameter::new(
                "standard",
                "标准",
                ColumnType::Int,
                vec![row(date(2025, 7, 1), Some(date(2026, 6, 30)), 850), row(date(2026, 7, 1), None, 900)],
            )],
            steps: Vec::new(),
            tests: Vec::new(),
            flags: Vec::new(),
            schemes: Vec::new(),
            score: None,
        };
        let area = hedui_base::AreaCode::parse("3211").unwrap();
        let value = |program: &Program, day| program.parameters[0].lookup(area, None, &[], day).unwrap().value.clone();
        let known = |value| RowValue::Known(ParameterValue::Int(value));
        assert_eq!(value(&program, date(2026, 9, 30)), known(900));
        let old = frozen(&program, date(2026, 6, 30));
        assert_eq!(value(&old, date(2026, 9, 30)), known(850));
    }

    #[test]
    fn a_frozen_formula_keeps_the_version_of_its_day() {
        let number = |n| Expr::new(ExprKind::Int(n), ColumnType::Int);
        let dated =
            ExprKind::Dated(Box::new(number(1)), vec![(date(2026, 7, 1), number(2)), (date(2027, 1, 1), number(3))]);
        let held = |day| {
            let mut expr =
                Expr::new(ExprKind::Neg(Box::new(Expr::new(dated.clone(), ColumnType::Int))), ColumnType::Int);
            hold(&mut expr, day);
            expr.kind
        };
        assert_eq!(held(date(2026, 6, 30)), ExprKind::Neg(Box::new(number(1))));
        assert_eq!(held(date(2026, 12, 31)), ExprKind::Neg(Box::new(number(2))));
    }
}
