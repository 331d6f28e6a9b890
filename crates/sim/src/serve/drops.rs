//! Institutions that drop a file a period into a folder: as untidy as their manifests say they are.

use std::path::Path;

use hedui_base::Fen;
use hedui_connect::grid::{self, GridFormat, Written};
use hedui_connect::manifest::{DropPlan, Must, Slot, Transport};
use hedui_connect::{AskPeriod, Converter, Value};

use super::ServeError;
use super::http::garble;
use super::wire::{WireRow, WireSource, column};
use crate::faults::{FaultKind, Mood};

/// Writes the files of all closed periods of a source.
pub(super) fn write(wire: &WireSource, folder: &Path) -> Result<(), ServeError> {
    let Transport::Drop(plan) = &wire.source.manifest.transport else { return Err(wire.lack("dropped files")) };
    remove(wire, folder);
    if wire.trouble.has(FaultKind::Down) {
        return Ok(());
    }
    let institution = &wire.source.institution;
    let folder = &folder.join(&plan.dir);
    let unwritable =
        |source| ServeError::Io { institution: institution.clone(), what: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    for slot in slots(wire, plan) {
        let mood = wire.trouble.mood(slot.from.index().unsigned_abs());
        let mut bytes = file(wire, plan, slot, mood)?;
        if mood.garbled && matches!(plan.layout.format, GridFormat::Xlsx | GridFormat::Xls | GridFormat::Auto) {
            let middle = bytes.len() / 2;
            bytes[middle..].iter_mut().take(64).for_each(|byte| *byte = !*byte);
        } else if mood.garbled {
            garble(&mut bytes);
        }
        if mood.truncated && plan.layout.closing.is_none() {
            bytes.truncate(bytes.len() * 2 / 3);
        }
        let name = file_name(plan, slot);
        let part = folder.join(format!(".{name}.part"));
        std::fs::write(&part, bytes).map_err(unwritable)?;
        std::fs::rename(&part, folder.join(&name)).map_err(unwritable)?;
        if let Some(marker) = &plan.marker {
            std::fs::write(folder.join(format!("{name}{marker}")), b"").map_err(unwritable)?;
        }
    }
    Ok(())
}

/// The periods that are over.
fn slots(wire: &WireSource, plan: &DropPlan) -> Vec<Slot> {
    let months = &wire.registers.months;
    let (Some(from), Some(until)) = (months.iter().min(), months.iter().max()) else { return Vec::new() };
    plan.every.slots(AskPeriod { from: *from, until: *until })
}

fn file_name(plan: &DropPlan, slot: Slot) -> String {
    slot.file(&plan.file).replace('*', "")
}

/// Removes the files: the folder looks as it does before anything is delivered.
pub(super) fn remove(wire: &WireSource, folder: &Path) {
    let Transport::Drop(plan) = &wire.source.manifest.transport else { return };
    let folder = folder.join(&plan.dir);
    for slot in slots(wire, plan) {
        let name = file_name(plan, slot);
        let _ = std::fs::remove_file(folder.join(&name));
        if let Some(marker) = &plan.marker {
            let _ = std::fs::remove_file(folder.join(format!("{name}{marker}")));
        }
    }
}

fn file(wire: &WireSource, plan: &DropPlan, slot: Slot, mood: Mood) -> Result<Vec<u8>, ServeError> {
    let manifest = &wire.source.manifest;
    let tidy = Mood { drifted: false, reordered: false, ..mood };
    let mut columns = wire.columns(tidy);
    let mut layout = plan.layout.clone();
    // A drifted name is another spelling that nobody has declared.
    let drifted = wire.columns(mood).into_iter().zip(&columns).find(|(new, old)| new != *old);
    layout.alias.splice(0..0, drifted.map(|(new, old)| (new, old.clone())));
    if mood.truncated {
        layout.closing = None;
    }
    let outcome = &manifest.outcome;
    for selector in outcome.item_key.iter().chain(&outcome.echo_id).chain(&outcome.echo_name) {
        if !columns.iter().any(|name| name == selector.as_str()) {
            columns.push(selector.as_str().to_owned());
        }
    }
    let held = rows(wire, slot, tidy)?;
    let sum: i64 = held.iter().map(|held| held.row.summed).sum();
    let mut rows = Vec::with_capacity(held.len());
    for held in &held {
        let mut cells = vec![None; columns.len()];
        let mut put = |name: &str, text: &str| {
            if let Some(at) = columns.iter().position(|c| c == name).filter(|_| !text.is_empty()) {
                cells[at] = Some(text.to_owned());
            }
        };
        for key in outcome.item_key.iter().chain(&outcome.echo_id) {
            put(key.as_str(), &held.id);
        }
        if let Some(name) = &outcome.echo_name {
            put(name.as_str(), &held.name);
        }
        for cell in held.row.cells.iter().filter(|c| !c.steps.is_empty()) {
            put(column(&cell.steps), &cell.text);
        }
        rows.push(cells);
    }
    if mood.reordered {
        rows.reverse();
    }
    let table = Written {
        columns: columns.iter().map(String::as_str).collect(),
        rows,
        sum: Some(said_sum(wire, sum)),
        miscount: usize::from(mood.wrong_trailer),
        mess: true,
    };
    grid::write(&layout, &table).map_err(|error| wire.lack(&format!("a layout that can be written: {error}")))
}

/// A sum as the institution writes the amounts it is of.
fn said_sum(wire: &WireSource, sum: i64) -> String {
    let manifest = &wire.source.manifest;
    let summed = manifest.quality.must.iter().find_map(|must| match must {
        Must::TrailerSum(column) => manifest.field(column),
        _ => None,
    });
    summed.and_then(|field| field.converter.unparse(&Value::Int(sum))).unwrap_or_else(|| Fen::new(sum).to_string())
}

/// One row, and whose it is where people have numbers.
struct Held {
    id: String,
    name: String,
    row: WireRow,
}

/// The rows of one period: of all accounts where the source is a utility, of everybody otherwise.
fn rows(wire: &WireSource, slot: Slot, mood: Mood) -> Result<Vec<Held>, ServeError> {
    let only = Some((slot.from.index(), slot.until.index()));
    let mut rows = Vec::new();
    let utility = wire.source.manifest.map.fields.iter().find_map(|field| match &field.converter {
        Converter::Const { value } if field.column == "utility" => Some(value.to_string()),
        _ => None,
    });
    let Some(utility) = utility else {
        let end = slot.until.first_day().last_of_month();
        let as_of = wire.row_as_of_day(end);
        for (id, name, held) in wire.holders() {
            let (id, name) = wire.echo(id, name, wire.spoiled(id));
            // A list says what was so when its period ended, and that day.
            let held: Vec<_> = held.into_iter().filter(|row| wire.was_there(row, end)).collect();
            let mut said = wire.said(&id, &held, only, mood)?;
            if let Some((steps, text)) = &as_of {
                let cells = said.iter_mut().flat_map(|row| &mut row.cells);
                cells.filter(|cell| cell.steps == **steps).for_each(|cell| cell.text.clone_from(text));
            }
            rows.extend(said.into_iter().map(|row| Held { id: id.clone(), name: name.clone(), row }));
        }
        return Ok(rows);
    };
    for month in wire.registers.months.iter().filter(|m| (slot.from..=slot.until).contains(m)) {
        for row in wire.registers.meters(&utility, *month) {
            let account = row.get("account").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            let said = wire.said(&format!("{account} {month}"), &[row], only, mood)?;
            rows.extend(said.into_iter().map(|row| Held { id: String::new(), name: String::new(), row }));
        }
    }
    Ok(rows)
}
