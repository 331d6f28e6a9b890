//! Deduction tables: one row for a base, a rate, a cap and a number of months, each column read as a parameter.
//!
//! Columns: `area,residence,<keys..>,from,until,base,rate,cap,max_months,cite`. An empty cap or number of months means
//! that there is none; `?` is a declared gap.

use std::sync::Arc;

use hedui_base::diagnostic::nearest;
use hedui_base::{ColumnType, Diagnostic, Period, SourceText};

use crate::csv::Cell;
use crate::lines::{Columns, Key, read_lines};
use crate::parameters::{Table, find_overlaps, read_value};
use crate::program::{KeyMatch, ParameterRow, RowValue, Scale};
use crate::spot::Also as _;
use crate::surface::{DeductionColumn, DeductionTable};

/// Reads one column of a deduction's table.
pub(crate) fn read_column(file: &Arc<SourceText>, of: &DeductionTable, mistakes: &mut Vec<Diagnostic>) -> Table {
    const COLUMNS: Columns = Columns { needed: &["base", "rate"], optional: &["cap", "max_months"] };
    let (keys, lines) = read_lines(file, COLUMNS, mistakes);
    let Some(order) = key_order(file, &keys, of, mistakes) else {
        // As many keys as the deduction gives: what is wrong with the table is told once.
        let keys = of.keys.iter().map(|key| Key { name: key.value.clone(), kind: None }).collect();
        return Table { keys, ..Table::default() };
    };
    let mut table = Table { keys: order.iter().map(|index| keys[*index].clone()).collect(), ..Table::default() };
    let (name, ty) = match of.column {
        DeductionColumn::Base => ("base", ColumnType::Text),
        DeductionColumn::Rate => ("rate", Scale::RATE),
        DeductionColumn::Cap => ("cap", ColumnType::Money(Period::Month)),
        DeductionColumn::MaxMonths => ("max_months", ColumnType::Int),
    };
    for line in lines {
        let before = mistakes.len();
        let value = match line.cell(name) {
            Some(cell) if of.column == DeductionColumn::Base => base(cell, &of.bases, mistakes),
            Some(cell) if of.column == DeductionColumn::Rate || !cell.value.is_empty() => {
                if of.column == DeductionColumn::MaxMonths && !of.counts_months {
                    mistakes.push(
                        cell.spot
                            .error("rules::missing_key", "this row ends after some months, but nobody counts them", "counts months")
                            .also(&of.file.spot, "no `months` here")
                            .help("add `months = \"months_already\"` to the deduction: how many months it was given before"),
                    );
                }
                read_value(cell, Some(ty), mistakes)
            }
            _ => Some(RowValue::Nothing),
        };
        let Some(value) = value.filter(|_| line.whole && mistakes.len() == before) else { continue };
        let keys: Vec<KeyMatch> = order.iter().map(|index| line.row.keys[*index].clone()).collect();
        table.rows.push(ParameterRow { value, keys, ..line.row });
        table.spots.push(line.spot);
    }
    find_overlaps(&table.rows, &table.spots, mistakes);
    table
}

/// A word for what the rate is of.
fn base(cell: &Cell, bases: &[String], mistakes: &mut Vec<Diagnostic>) -> Option<RowValue> {
    if bases.contains(&cell.value) {
        return Some(RowValue::Known(crate::program::ParameterValue::Text(cell.value.as_str().into())));
    }
    let near = nearest(&cell.value, bases.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`? "));
    mistakes.push(
        cell.spot
            .error("rules::unknown_word", format!("`{}` is none of the deduction's bases", cell.value), "not a base")
            .help(format!("{}bases: {}", near.unwrap_or_default(), bases.join(", "))),
    );
    None
}

/// Where the keys of the deduction are among the columns of its table.
fn key_order(
    file: &Arc<SourceText>,
    columns: &[Key],
    of: &DeductionTable,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<Vec<usize>> {
    let before = mistakes.len();
    for column in columns.iter().filter(|column| of.keys.iter().all(|key| key.value != column.name)) {
        mistakes.push(
            of.file
                .spot
                .error(
                    "rules::missing_key",
                    format!("the table has a column `{}` that the deduction gives no value for", column.name),
                    "this table",
                )
                .help(format!(
                    "add `keys = {{ {} = \"..\" }}`; values are base, rate, cap and max_months",
                    column.name
                )),
        );
    }
    let place = |key: &crate::spot::Spotted<String>| columns.iter().position(|column| column.name == key.value);
    for key in of.keys.iter().filter(|key| place(key).is_none()) {
        mistakes.push(
            key.spot
                .error("rules::undefined_name", format!("the table has no column `{}`", key.value), "no such column")
                .help(format!("add the column to {}, or take the key out", file.name)),
        );
    }
    (mistakes.len() == before).then(|| of.keys.iter().filter_map(place).collect())
}
