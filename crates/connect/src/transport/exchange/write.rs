//! The request file: rows to bytes.

use jiff::civil::Date;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook};

use super::rows::Row;
use crate::ask::{Cause, Failure};
use crate::files::{encode, mark};
use crate::manifest::{Align, Encoding, PutFormat, PutPlan};

/// Writes the rows; the same rows give the same bytes.
pub(super) fn write(plan: &PutPlan, rows: &[Row], day: Date) -> Result<Vec<u8>, Failure> {
    match plan.format {
        PutFormat::Delimited => delimited(plan, rows),
        PutFormat::Fixed => fixed(plan, rows),
        PutFormat::Xlsx => workbook(plan, rows, day),
    }
    // Every cell was checked before: what does not fit is a broken promise of ours, and nothing is sent.
    .ok_or(Failure::new(Cause::Template))
}

fn delimited(plan: &PutPlan, rows: &[Row]) -> Option<Vec<u8>> {
    let delimiter = char::from(plan.delimiter).to_string();
    let mut text = String::new();
    if plan.header {
        text.push_str(&plan.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(&delimiter));
        text.push('\n');
    }
    for row in rows {
        text.push_str(&row.cells.join(&delimiter));
        text.push('\n');
    }
    let mut bytes = mark(plan.encoding).to_vec();
    bytes.extend(encode(plan.encoding, &text)?);
    Some(bytes)
}

fn fixed(plan: &PutPlan, rows: &[Row]) -> Option<Vec<u8>> {
    let mut bytes = mark(plan.encoding).to_vec();
    for row in rows {
        for (column, cell) in plan.columns.iter().zip(&row.cells) {
            let cell = encode(plan.encoding, cell)?;
            let blanks = blanks(plan.encoding, column.width.checked_sub(cell.len())?)?;
            match column.align {
                Align::Left => bytes.extend(cell.into_iter().chain(blanks)),
                Align::Right => bytes.extend(blanks.into_iter().chain(cell)),
            }
        }
        bytes.extend(encode(plan.encoding, "\n")?);
    }
    Some(bytes)
}

/// So many bytes of blanks; none if blanks do not come to that many.
fn blanks(encoding: Encoding, count: usize) -> Option<Vec<u8>> {
    let blank = encode(encoding, " ")?;
    count.is_multiple_of(blank.len()).then(|| blank.repeat(count / blank.len()))
}

fn workbook(plan: &PutPlan, rows: &[Row], day: Date) -> Option<Vec<u8>> {
    let mut book = Workbook::new();
    // The day of the request and not the moment of writing, so that the same request is the same file.
    let created = ExcelDateTime::from_ymd(
        u16::try_from(day.year()).ok()?,
        u8::try_from(day.month()).ok()?,
        u8::try_from(day.day()).ok()?,
    )
    .ok()?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let sheet = book.add_worksheet();
    let mut line = 0;
    if plan.header {
        for (at, column) in (0u16..).zip(&plan.columns) {
            sheet.write_string(line, at, &column.name).ok()?;
        }
        line += 1;
    }
    for row in rows {
        for (at, cell) in (0u16..).zip(&row.cells) {
            // As text always: a number of 18 digits would lose its last three.
            sheet.write_string(line, at, cell).ok()?;
        }
        line += 1;
    }
    book.save_to_buffer().ok()
}
