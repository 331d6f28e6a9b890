//! Parameters with their rows, wherever those are written.

use hedui_base::diagnostic::nearest;
use hedui_base::{ColumnType, Diagnostic};

use super::ast::Parameter;
use super::join::Joined;
use crate::deductions::read_column;
use crate::parameters::{Table, published_type, read_table};
use crate::program::{Fallback, ParameterRow, ParameterValue, RowValue};
use crate::scales::read_scale;
use crate::spot::{Spot, Spotted};
use crate::surface::{Literal, ParameterNotes, ParameterSource};
use crate::value;

/// A parameter with its rows.
pub(super) fn parameter(
    joined: &Joined<'_>,
    ty: Option<ColumnType>,
    source: &ParameterSource,
    notes: &ParameterNotes,
    mistakes: &mut Vec<Diagnostic>,
) -> Parameter {
    let rule = joined.rule;
    let mut table = rows(joined, ty, source, notes, mistakes);
    for row in &mut table.rows {
        row.per = row.per.or(notes.per).filter(|per| ty != Some(ColumnType::Money(*per)));
    }
    let fallback = notes.fallback.as_ref().and_then(|(written, reason)| {
        let value = literal(written, ty?, "the fallback", mistakes)?;
        Some(Fallback { value, reason: reason.as_str().into() })
    });
    let parameter = Parameter {
        name: rule.name.clone(),
        title: rule.title.clone(),
        title_en: rule.title_en.clone(),
        ty: ty.filter(|_| !matches!(source, ParameterSource::Missing)),
        bounds: (notes.min, notes.max),
        exemption: notes.exemption,
        fallback,
        scale: notes.scale,
        keys: table.keys,
        rows: table.rows,
    };
    check_bounds(&parameter, &table.spots, mistakes);
    parameter
}

fn rows(
    joined: &Joined<'_>,
    ty: Option<ColumnType>,
    source: &ParameterSource,
    notes: &ParameterNotes,
    mistakes: &mut Vec<Diagnostic>,
) -> Table {
    match source {
        ParameterSource::Table(table) => match table_file(joined, table, mistakes) {
            Some(file) => match notes.scale {
                Some(scale) => read_scale(file, scale, mistakes),
                None => read_table(file, published_type(ty, notes.per), mistakes),
            },
            None => Table::default(),
        },
        ParameterSource::Deduction(deduction) => match table_file(joined, &deduction.file, mistakes) {
            Some(file) => read_column(file, deduction, mistakes),
            None => Table::default(),
        },
        ParameterSource::Inline { value, gap, spot, confirm_by, from, until, cite } => {
            let known = match value {
                None => Some(RowValue::Gap(gap.as_str().into())),
                Some(written) => published_type(ty, notes.per)
                    .and_then(|ty| literal(written, ty, "this", mistakes))
                    .map(RowValue::Known),
            };
            let row = known.map(|value| ParameterRow {
                until: *until,
                value,
                confirm_by: *confirm_by,
                file: spot.file.name.clone(),
                line: spot.line(),
                ..ParameterRow::new(*from, ParameterValue::Int(0), cite)
            });
            let spots = row.iter().map(|_| spot.clone()).collect();
            Table { keys: Vec::new(), rows: row.into_iter().collect(), spots }
        }
        ParameterSource::Missing => Table::default(),
    }
}

/// A CSV file of the pack that a rule names.
pub(super) fn table_file<'a>(
    joined: &Joined<'a>,
    table: &Spotted<String>,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<&'a std::sync::Arc<hedui_base::SourceText>> {
    let found = joined.folder.file(&table.value);
    if found.is_none() {
        let names = joined.folder.files.iter().map(|f| joined.folder.name_within(f)).filter(|n| n.ends_with(".csv"));
        let help = nearest(&table.value, names).map_or_else(
            || "put the table beside pack.toml; the name is relative to the pack's folder".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        mistakes.push(
            table
                .spot
                .error(
                    "rules::missing_table",
                    format!("there is no file `{}` in the pack", table.value),
                    "no such file",
                )
                .help(help),
        );
    }
    found
}

fn literal(
    written: &Spotted<Literal>,
    ty: ColumnType,
    what: &str,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<ParameterValue> {
    value::typed(&written.value, ty)
        .map_err(|why| {
            let message = format!("{what} is no value of type {ty}");
            mistakes.push(written.spot.error("rules::bad_value", message, why).help(value::example(ty)));
        })
        .ok()
}

/// Values that the parameter itself calls impossible.
fn check_bounds(parameter: &Parameter, spots: &[Spot], mistakes: &mut Vec<Diagnostic>) {
    let Some(ty) = parameter.ty else { return };
    let of = crate::program::Parameter::new("", "", ty, Vec::new());
    for (row, spot) in parameter.rows.iter().zip(spots) {
        let Some(value) = of.read(row, 0) else { continue };
        let (least, most) = parameter.bounds;
        if least.is_some_and(|least| value < least) || most.is_some_and(|most| most < value) {
            mistakes.push(
                spot.error(
                    "rules::out_of_bounds",
                    format!("this value of `{}` is outside of its `min` and `max`", parameter.name.value),
                    "impossible",
                )
                .help("correct the value, or the bounds of the parameter"),
            );
        }
    }
}
