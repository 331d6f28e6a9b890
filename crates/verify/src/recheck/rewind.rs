//! The pieces of a substitution: rules as they stood on a day, and old answers moved to a new window.

use hedui_base::{Column, ColumnType, Month};
use hedui_rules::Program;
use jiff::civil::Date;

use crate::compare::Answers;

/// The same program with every parameter as it stood on `day`, whatever day it is run for.
pub(super) fn frozen(program: &Program, day: Date) -> Program {
    let mut frozen = program.clone();
    for parameter in &mut frozen.parameters {
        parameter.rows.retain(|row| row.from <= day && row.until.is_none_or(|until| day <= until));
        for row in &mut parameter.rows {
            row.from = Date::MIN;
            row.until = None;
        }
    }
    frozen
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
}
