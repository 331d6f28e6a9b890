//! Institutions that drop a workbook a month into a folder, with the heading and closing rows that such files have.

use std::path::Path;

use hedui_base::{Fen, Month};
use hedui_connect::Converter;
use hedui_connect::manifest::{DropPlan, Transport};
use rust_xlsxwriter::Workbook;

use super::ServeError;
use super::wire::{WireRow, WireSource, column};
use crate::faults::{FaultKind, Mood};

/// Writes the workbooks of all closed months of a source.
pub(super) fn write(wire: &WireSource, folder: &Path) -> Result<(), ServeError> {
    let Transport::Drop(plan) = &wire.source.manifest.transport else { return Err(wire.lack("dropped files")) };
    remove(wire, folder);
    if wire.trouble.has(FaultKind::Down) {
        return Ok(());
    }
    let institution = &wire.source.institution;
    let unwritable =
        |source| ServeError::Io { institution: institution.clone(), what: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    for month in &wire.registers.months {
        let name = file_name(plan, *month);
        let mood = wire.trouble.mood(month.index().unsigned_abs());
        let mut book = month_book(wire, plan, *month, mood)?;
        let failed = |source| ServeError::Workbook { institution: institution.clone(), source };
        let mut bytes = book.save_to_buffer().map_err(failed)?;
        if mood.garbled {
            let middle = bytes.len() / 2;
            bytes[middle..].iter_mut().take(64).for_each(|byte| *byte = !*byte);
        }
        if mood.truncated && plan.trailer.is_none() {
            bytes.truncate(bytes.len() * 2 / 3);
        }
        let part = folder.join(format!(".{name}.part"));
        std::fs::write(&part, bytes).map_err(unwritable)?;
        std::fs::rename(&part, folder.join(name)).map_err(unwritable)?;
    }
    Ok(())
}

fn file_name(plan: &DropPlan, month: Month) -> String {
    plan.file.replace("{yyyymm}", &format!("{:04}{:02}", month.year(), month.month()))
}

/// Removes the workbooks: the folder looks as it does before anything is delivered.
pub(super) fn remove(wire: &WireSource, folder: &Path) {
    let Transport::Drop(plan) = &wire.source.manifest.transport else { return };
    for month in &wire.registers.months {
        let _ = std::fs::remove_file(folder.join(file_name(plan, *month)));
    }
}

fn month_book(wire: &WireSource, plan: &DropPlan, month: Month, mood: Mood) -> Result<Workbook, ServeError> {
    let columns = wire.columns(mood);
    let place = |name: &str| {
        let found = columns.iter().position(|c| c == name);
        found.map(|i| i as u16).ok_or_else(|| wire.lack(&format!("a column `{name}`")))
    };
    let failed = |error| ServeError::Workbook { institution: wire.source.institution.clone(), source: error };
    let rows = rows(wire, month, mood)?;
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let title = format!("{}明细(按月导出)", wire.source.title.zh);
    sheet.write_string(0, 0, title).map_err(failed)?;
    for (at, name) in columns.iter().enumerate() {
        sheet.write_string(1, at as u16, name).map_err(failed)?;
    }
    let mut sum = 0;
    for (nth, row) in rows.iter().enumerate() {
        for cell in row.cells.iter().filter(|c| !c.steps.is_empty()) {
            sheet.write_string(2 + nth as u32, place(column(&cell.steps))?, &cell.text).map_err(failed)?;
        }
        sum += row.summed;
    }
    if let Some(trailer) = plan.trailer.as_ref().filter(|_| !mood.truncated) {
        let last = 2 + rows.len() as u32;
        let count = rows.len() + usize::from(mood.wrong_trailer);
        let header = if mood.drifted { 0 } else { place(&plan.header)? };
        sheet.write_string(last, header, &trailer.find).map_err(failed)?;
        sheet.write_string(last, place(&trailer.count)?, format!("共{count}户")).map_err(failed)?;
        sheet.write_string(last, place(&trailer.sum)?, Fen::new(sum).to_string()).map_err(failed)?;
    }
    Ok(book)
}

/// The rows of one month: of all accounts where the source is a utility, of everybody otherwise.
fn rows(wire: &WireSource, month: Month, mood: Mood) -> Result<Vec<WireRow>, ServeError> {
    let only = Some((month.index(), month.index()));
    let mut rows = Vec::new();
    let utility = wire.source.manifest.map.fields.iter().find_map(|field| match &field.converter {
        Converter::Const { value } if field.column == "utility" => Some(value.to_string()),
        _ => None,
    });
    let Some(utility) = utility else {
        for (id, _, held) in wire.holders() {
            rows.extend(wire.said(id, &held, only, Mood { reordered: false, ..mood })?);
        }
        return Ok(turned(rows, mood));
    };
    for row in wire.registers.meters(&utility, month) {
        let account = row.get("account").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        rows.extend(wire.said(&format!("{account} {month}"), &[row], only, Mood { reordered: false, ..mood })?);
    }
    Ok(turned(rows, mood))
}

fn turned(mut rows: Vec<WireRow>, mood: Mood) -> Vec<WireRow> {
    if mood.reordered {
        rows.reverse();
    }
    rows
}
