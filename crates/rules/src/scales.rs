//! Scale tables: brackets in CSV, one row for the lower end of a bracket with its rate or amount.
//!
//! Columns: `area,residence,<keys..>,from,until,over,value,cite`. A value `?` is a declared gap.

use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};

use crate::lines::{Columns, Key, KeyKind, keys_meet, read_lines};
use crate::parameters::{Table, read_value};
use crate::program::{KeyMatch, ParameterRow, ParameterValue, Scale, ScaleKind};
use crate::spot::{Also as _, Spot};
use crate::value;

/// Reads a scale's table: as one of parameters whose last key is where the bracket begins.
pub(crate) fn read_scale(file: &Arc<SourceText>, scale: Scale, mistakes: &mut Vec<Diagnostic>) -> Table {
    const COLUMNS: Columns = Columns { needed: &["over", "value"], optional: &[] };
    let value_type = if scale.kind == ScaleKind::Marginal { Scale::RATE } else { scale.result };
    let (keys, lines) = read_lines(file, COLUMNS, mistakes);
    let mut table = Table { keys, ..Table::default() };
    for line in lines {
        let before = mistakes.len();
        let over = line.cell("over").and_then(|cell| match value::cell(&cell.value, scale.of) {
            Ok(ParameterValue::Int(over)) => Some(over),
            found => {
                let why = found.err().unwrap_or_else(|| value::example(scale.of));
                let message = format!("`{}` is no value of type {}", cell.value, scale.of);
                mistakes.push(cell.spot.error("rules::bad_value", message, why).help(value::example(scale.of)));
                None
            }
        });
        let value = line.cell("value").and_then(|cell| read_value(cell, Some(value_type), mistakes));
        let (Some(over), Some(value), true) = (over, value, line.whole && mistakes.len() == before) else { continue };
        let mut row = ParameterRow { value, ..line.row };
        row.keys.push(KeyMatch::Range(over, i64::MAX));
        table.rows.push(row);
        table.spots.push(line.spot);
    }
    table.keys.push(Key { name: "over".to_owned(), kind: Some(KeyKind::Number) });
    find_overlaps(&table.rows, &table.spots, mistakes);
    table
}

/// Two brackets of one scale that begin at one value, or two scales that could both be meant.
fn find_overlaps(brackets: &[ParameterRow], spots: &[Spot], mistakes: &mut Vec<Diagnostic>) {
    for (n, one) in brackets.iter().enumerate() {
        for (m, two) in brackets.iter().enumerate().skip(n + 1) {
            let (a, b) = (one, two);
            let (Some((a_over, a_keys)), Some((b_over, b_keys))) = (a.keys.split_last(), b.keys.split_last()) else {
                continue;
            };
            let dates = a.until.is_none_or(|u| b.from <= u) && b.until.is_none_or(|u| a.from <= u);
            let place = a.area == b.area && a.residence == b.residence;
            let meet = a_keys.iter().zip(b_keys).all(|(x, y)| keys_meet(x, y));
            let one_scale = a_keys == b_keys;
            if !dates || !place || !meet || (one_scale && a_over != b_over) {
                continue;
            }
            let day = a.from.max(b.from);
            let (what, help) = if one_scale {
                (
                    "two brackets begin at one value",
                    "end the earlier one with `until` on the day before the later one begins",
                )
            } else {
                ("two scales hold", "let the keys of two scales be equal or have nothing in common")
            };
            mistakes.push(
                spots[m]
                    .error(
                        "rules::overlap",
                        format!(
                            "{what} on {day} for the same area, residence and keys (lines {} and {})",
                            a.line, b.line
                        ),
                        "second",
                    )
                    .also(&spots[n], "first")
                    .help(help),
            );
        }
    }
}
