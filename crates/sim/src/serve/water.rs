//! The water works: a workbook a month in a folder, with the heading and closing rows that such files have.

use std::path::Path;

use hedui_base::{Fen, Month};
use hedui_connect::manifest::DropPlan;
use hedui_connect::{Source, Value};
use rust_xlsxwriter::Workbook;

use super::ServeError;
use super::faults::FaultKind;
use super::wire::lacks;
use crate::city::City;
use crate::dice::Dice;

/// Writes the workbooks of all closed months.
pub(super) fn write(
    source: &Source,
    plan: &DropPlan,
    city: &City,
    faults: &std::collections::BTreeSet<FaultKind>,
    folder: &Path,
) -> Result<(), ServeError> {
    let institution = source.institution.clone();
    let unwritable =
        |source| ServeError::Io { institution: institution.clone(), what: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    for month in crate::city::closed_months(&city.shape, city.as_of) {
        let stamp = format!("{:04}{:02}", month.year(), month.month());
        let name = plan.file.replace("{yyyymm}", &stamp);
        let mut book = month_book(source, plan, city, faults, month)?;
        let part = folder.join(format!(".{name}.part"));
        book.save(&part).map_err(|source| ServeError::Workbook { institution: institution.clone(), source })?;
        std::fs::rename(&part, folder.join(name)).map_err(unwritable)?;
    }
    Ok(())
}

/// Removes the workbooks: the folder looks as it does before the water works deliver.
pub(super) fn remove(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "xlsx")) {
        let _ = std::fs::remove_file(entry.path());
    }
}

fn month_book(
    source: &Source,
    plan: &DropPlan,
    city: &City,
    faults: &std::collections::BTreeSet<FaultKind>,
    month: Month,
) -> Result<Workbook, ServeError> {
    let fields: Vec<_> =
        source.manifest.map.fields.iter().filter_map(|f| Some((f, f.from.as_ref()?.as_str()))).collect();
    let column = |name: &str| {
        let found = fields.iter().position(|(_, c)| *c == name);
        found.map(|i| i as u16).ok_or_else(|| lacks(source, &format!("a column `{name}`")))
    };
    let failed = |error| ServeError::Workbook { institution: source.institution.clone(), source: error };
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "自来水公司抄表明细(按月导出)").map_err(failed)?;
    for (at, (_, name)) in fields.iter().enumerate() {
        sheet.write_string(1, at as u16, *name).map_err(failed)?;
    }
    let (mut row, mut count, mut sum) = (2, 0, 0);
    for household in &city.households {
        let Some(water) = &household.water else { continue };
        let Some(reading) = water.months.iter().find(|m| m.month == month) else { continue };
        let spoiled = faults.contains(&FaultKind::BadAmount)
            && Dice::new(city.options.seed, &water.account.account, month.index() as u64).chance(100);
        for (at, (field, _)) in fields.iter().enumerate() {
            let value = match field.column.as_str() {
                "account" => Value::Text(water.account.account.as_str().into()),
                "address" => Value::Text(water.account.address.as_str().into()),
                "month" => Value::Int(month.index()),
                "usage" => Value::Int(reading.usage),
                "fee" => Value::Int(reading.fee.fen()),
                _ => continue,
            };
            let text = field.converter.unparse(&value).ok_or_else(|| lacks(source, "a way to say a reading"))?;
            let text = if spoiled && field.column == "fee" { "1.2万元".to_owned() } else { text };
            sheet.write_string(row, at as u16, text).map_err(failed)?;
        }
        row += 1;
        count += 1;
        sum += if spoiled { 1_200_000 } else { reading.fee.fen() };
    }
    if let Some(trailer) = &plan.trailer
        && !faults.contains(&FaultKind::Truncated)
    {
        sheet.write_string(row, column(&plan.header)?, &trailer.find).map_err(failed)?;
        sheet.write_string(row, column(&trailer.count)?, format!("共{count}户")).map_err(failed)?;
        sheet.write_string(row, column(&trailer.sum)?, Fen::new(sum).to_string()).map_err(failed)?;
    }
    Ok(book)
}
