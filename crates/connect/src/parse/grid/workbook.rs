//! Workbooks: XLSX cell by cell, XLS as a whole; numbers by their shortest decimal text.

use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, DataRef, Dimensions, ExcelDateTime, Reader as _, SheetType, Xls, Xlsx};

use super::raw::{Merge, Meter, RawRow, RawSheet};
use super::{Flaw, Layout, Sheets, biff, compound, limits};
use crate::convert::Cell;
use crate::parse::Reason;

/// What stands for a formula that has failed (`#N/A`, `#DIV/0!`): no value, and not nothing either.
pub(crate) const ERROR: &str = "\u{0}#ERROR";

/// From here on a binary float no longer holds every whole number.
const EXACT: f64 = 1e15;

fn damaged() -> Flaw {
    Flaw::new(Reason::SchemaDrift, "not a workbook, or a damaged one".into())
}

/// Runs what reads a damaged file's inside; a reader that trips over it has found out that it is damaged.
fn guarded<T>(work: impl FnOnce() -> Result<T, Flaw>) -> Result<T, Flaw> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged()))
}

/// The sheets of a workbook of 2007 or later.
pub(super) fn xlsx(bytes: &[u8], layout: &Layout) -> Result<Vec<RawSheet>, Flaw> {
    let in_proportion = (bytes.len() as u64).saturating_mul(limits::UNPACKED_RATIO) + limits::UNPACKED_FREE;
    check_unpacked(bytes, limits::UNPACKED.min(in_proportion))?;
    guarded(|| {
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| damaged())?;
        let names = wanted(book.sheets_metadata(), layout)?;
        let mut meter = Meter::default();
        let mut sheets = Vec::new();
        for (shown, name) in names {
            let merges = book.merge_cells_by_sheet_name(&name).map_err(|_| damaged())?;
            let mut reader = book.worksheet_cells_reader(&name).map_err(|_| damaged())?;
            let mut rows: Vec<RawRow> = Vec::new();
            // Cell by cell: a sheet with one cell in its last corner must not take room for all before it.
            while let Some(found) = reader.next_cell().map_err(|_| damaged())? {
                let (row, column) = found.get_position();
                let cell = of_ref(found.get_value());
                put(&mut rows, &mut meter, row as usize, column as usize, cell)?;
            }
            sheets.push(RawSheet {
                name: shown,
                rows,
                merges: Some(merges.iter().map(merge).collect()),
                flaws: Vec::new(),
            });
        }
        Ok(sheets)
    })
}

/// The sheets of a workbook of 97 to 2003.
pub(super) fn xls(bytes: &[u8], layout: &Layout) -> Result<Vec<RawSheet>, Flaw> {
    // The container is not trusted, so the reader gets one of our own; nor are the sizes in the stream.
    let stream = compound::workbook_stream(bytes).ok_or_else(damaged)?;
    biff::check(&stream)?;
    let bytes = compound::contain(&stream).ok_or_else(damaged)?;
    guarded(|| {
        let mut book: Xls<_> = Xls::new(Cursor::new(&bytes)).map_err(|_| damaged())?;
        let names = wanted(book.sheets_metadata(), layout)?;
        let mut meter = Meter::default();
        let mut sheets = Vec::new();
        for (shown, name) in names {
            let merges = book.merge_cells_by_sheet_name(&name).map_err(|_| damaged())?;
            let range = book.worksheet_range(&name).map_err(|_| damaged())?;
            let (top, left) = range.start().unwrap_or((0, 0));
            let mut rows: Vec<RawRow> = Vec::new();
            for (row, column, data) in range.used_cells() {
                put(&mut rows, &mut meter, row + top as usize, column + left as usize, of_data(data))?;
            }
            sheets.push(RawSheet {
                name: shown,
                rows,
                merges: Some(merges.iter().map(merge).collect()),
                flaws: Vec::new(),
            });
        }
        Ok(sheets)
    })
}

/// Which sheets are read, by name, with what places call them.
fn wanted(sheets: &[calamine::Sheet], layout: &Layout) -> Result<Vec<(String, String)>, Flaw> {
    let tables: Vec<&calamine::Sheet> = sheets.iter().filter(|s| s.typ == SheetType::WorkSheet).collect();
    if tables.len() > limits::SHEETS {
        return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} sheets", limits::SHEETS)));
    }
    let found: Vec<(String, String)> = match &layout.sheets {
        Sheets::First => tables.first().map(|s| (String::new(), s.name.clone())).into_iter().collect(),
        Sheets::Named(name) => {
            tables.iter().find(|s| s.name.trim() == name).map(|s| (String::new(), s.name.clone())).into_iter().collect()
        }
        Sheets::All => tables.iter().enumerate().map(|(i, s)| (format!("sheet {} ", i + 1), s.name.clone())).collect(),
    };
    if found.is_empty() {
        return Err(Flaw::new(Reason::SchemaDrift, "the sheet is not there".into()));
    }
    Ok(found)
}

/// Adds a cell; cells come in order, rows that are missing are blank and have no entry.
fn put(rows: &mut Vec<RawRow>, meter: &mut Meter, row: usize, column: usize, cell: Option<Cell>) -> Result<(), Flaw> {
    let Some(cell) = cell else { return Ok(()) };
    let line = row + 1;
    if cell.text.len() > limits::CELL_BYTES || column >= limits::COLUMNS {
        return Err(Flaw::new(Reason::SchemaDrift, format!("row {line}: a cell is too long or too far to the right")));
    }
    if rows.last().is_none_or(|last| last.line != line) {
        if rows.last().is_some_and(|last| last.line > line) {
            return Err(Flaw::new(Reason::SchemaDrift, format!("row {line} stands after later ones")));
        }
        meter.row(0)?;
        rows.push(RawRow { line, cells: Vec::new() });
    }
    if let Some(last) = rows.last_mut() {
        let missing = (column + 1).saturating_sub(last.cells.len());
        meter.cells(missing)?;
        meter.text(cell.text.len())?;
        last.cells.resize(last.cells.len() + missing, None);
        last.cells[column] = Some(cell);
    }
    Ok(())
}

fn merge(dimensions: &Dimensions) -> Merge {
    Merge {
        rows: (dimensions.start.0 as usize, dimensions.end.0 as usize),
        columns: (dimensions.start.1 as usize, dimensions.end.1 as usize),
    }
}

fn of_data(data: &Data) -> Option<Cell> {
    match data {
        Data::Empty => None,
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => of_text(text),
        Data::Int(number) => Some(Cell { text: number.to_string().into(), numeric: true }),
        Data::Float(number) => Some(of_number(*number)),
        Data::DateTime(date) => Some(of_date(date)),
        Data::Bool(value) => Some(Cell::text(value.to_string())),
        Data::Error(_) => Some(Cell::text(ERROR)),
    }
}

fn of_ref(data: &DataRef<'_>) -> Option<Cell> {
    match data {
        DataRef::SharedString(text) => of_text(text),
        other => of_data(&Data::from(other.clone())),
    }
}

fn of_text(text: &str) -> Option<Cell> {
    (!text.is_empty()).then(|| Cell::text(text))
}

/// A workbook's numbers are binary floats; the shortest decimal that reads back as the same float is what was typed.
/// Beyond fifteen digits it no longer is, and the exponent says so: such an identity number has lost its end.
fn of_number(number: f64) -> Cell {
    let text = if number.abs() >= EXACT { format!("{number:E}") } else { number.to_string() };
    Cell { text: text.into(), numeric: true }
}

/// A cell that the workbook itself formats as a date, in whichever of its two calendars: `2024-07-31`, still a number.
fn of_date(date: &ExcelDateTime) -> Cell {
    if !date.is_datetime() {
        return of_number(date.as_f64());
    }
    let (year, month, day, hour, minute, second, milli) = date.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    let whole = (hour, minute, second, milli) == (0, 0, 0, 0);
    let text = if whole { day } else { format!("{day}T{hour:02}:{minute:02}:{second:02}") };
    Cell { text: text.into(), numeric: true }
}

/// Unpacks every member into nothing, to know that all of them together stay within the limit.
fn check_unpacked(bytes: &[u8], limit: u64) -> Result<(), Flaw> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    if archive.len() > limits::MEMBERS {
        return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} members", limits::MEMBERS)));
    }
    let mut left = limit;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|_| damaged())?;
        let read = std::io::copy(&mut member.take(left + 1), &mut std::io::sink()).map_err(|_| damaged())?;
        left = left
            .checked_sub(read)
            .ok_or_else(|| Flaw::new(Reason::SchemaDrift, format!("unpacks to more than {limit} bytes")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_unpacks_without_end_is_refused() {
        use std::io::Write as _;
        let mut packed = Vec::new();
        let mut zip = zip::ZipWriter::new(Cursor::new(&mut packed));
        zip.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![0u8; 1 << 20]).unwrap();
        zip.finish().unwrap();
        assert!(packed.len() < 1 << 14, "a small file");
        assert_eq!(check_unpacked(&packed, 1 << 20), Ok(()));
        let flaw = check_unpacked(&packed, (1 << 20) - 1).unwrap_err();
        assert_eq!(flaw.place, "unpacks to more than 1048575 bytes");
        assert!(check_unpacked(&packed[..packed.len() / 2], 1 << 20).is_err());
    }

    #[test]
    fn a_float_is_the_shortest_decimal_that_reads_back() {
        let shown = |n: f64| of_number(n).text;
        assert_eq!(shown(38.75), "38.75");
        assert_eq!(shown(31.0), "31");
        assert_eq!(shown(0.1 + 0.2), "0.30000000000000004", "and so it is refused as money");
        assert_eq!(shown(990_000_197_001_010_018.0), "9.9000019700101E17");
        assert_eq!(of_data(&Data::Empty), None);
    }
}
