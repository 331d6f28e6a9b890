//! A row in force on a day after the last one on which somebody vouched for it.

use super::Lints;

pub(super) fn lint(lints: &mut Lints<'_>) {
    let (program, on) = (lints.program, lints.day);
    for parameter in &program.parameters {
        for row in parameter.rows.iter().filter(|row| row.holds_on(on)) {
            let Some(day) = row.confirm_by.filter(|day| *day < on) else { continue };
            let Some(spot) = lints.row_spot(row) else { continue };
            let found = spot
                .warning(
                    "rules::unconfirmed",
                    format!("this value of `{}` was to be confirmed by {day}; it is still used", parameter.name),
                    "unconfirmed",
                )
                .help("ask its source, then move `confirm_by` on, or end the row with `until`");
            lints.tell(&parameter.name, found);
        }
    }
}
