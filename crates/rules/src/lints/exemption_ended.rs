//! An exemption that said yes has ended on the day, and no confirmed row goes on with it.

use super::Lints;
use crate::program::{ParameterRow, ParameterValue, RowValue};

pub(super) fn lint(lints: &mut Lints<'_>) {
    let program = lints.program;
    let exempt = |row: &ParameterRow| row.value == RowValue::Known(ParameterValue::Int(1));
    for parameter in program.parameters.iter().filter(|parameter| parameter.exemption) {
        for row in parameter.rows.iter().filter(|row| exempt(row)) {
            let Some(until) = row.until.filter(|until| *until < lints.day) else { continue };
            let goes_on = parameter.rows.iter().any(|other| {
                other.holds_on(lints.day)
                    && other.area == row.area
                    && (other.residence.is_none() || other.residence == row.residence)
                    && other.confirm_by.is_none_or(|day| lints.day <= day)
            });
            let Some(spot) = lints.row_spot(row).filter(|_| !goes_on) else { continue };
            let found = spot
                .warning(
                    "rules::exemption_ended",
                    format!("the exemption `{}` ended on {until}, and no confirmed row says what holds since", parameter.name),
                    "ended",
                )
                .help("add a row from the next day on: true where it was prolonged, false where it was not, with its source");
            lints.tell(&parameter.name, found);
        }
    }
}
