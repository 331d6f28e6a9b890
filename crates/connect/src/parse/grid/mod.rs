//! Files to tables: whatever an institution sends, cells by name with the row they stand in.
//!
//! From: bytes, and the [`Layout`] a manifest declares. To: one `Table` a sheet, whose cells are texts or numbers and
//! not yet values. Nothing is guessed: what the layout does not declare is a `Flaw` with its place. A flaw of the whole
//! file is an error; a flaw of one row leaves the others.

mod biff;
mod closing;
mod compound;
mod delimited;
mod fixed;
mod header;
mod html;
mod layout;
pub(crate) mod limits;
mod raw;
mod table;
mod text;
mod workbook;
mod write;

#[cfg(test)]
mod hostile;

pub use layout::{Closing, ClosingRow, GridFormat, Head, Layout, MonthColumns, Sheets, Skip, SkipTest};

pub use write::{Unwritable, Written, write};

pub(crate) use closing::Closed;
pub(crate) use header::{Column, Header};
pub(crate) use table::{Row, Table, folded};
pub use text::{decode, encode};
pub(crate) use workbook::ERROR;

use crate::convert::Cell;
use crate::parse::Reason;
use raw::{RawRow, RawSheet};

/// Something that could not be read, and where. Holds no value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) reason: Reason,
    /// Inside the file: `row 7 column C (金额)`.
    pub(crate) place: String,
}

impl Flaw {
    pub(crate) const fn new(reason: Reason, place: String) -> Self {
        Self { reason, place }
    }
}

/// Reads a file. One table, or as many as the layout wants sheets; never none.
///
/// # Errors
/// What makes the file as a whole unreadable: its bytes, its size, its column names, its closing line.
pub(crate) fn read(bytes: &[u8], layout: &Layout) -> Result<Vec<Table>, Flaw> {
    let mut line = None;
    let sheets = match sort(bytes, layout)? {
        GridFormat::Csv | GridFormat::Txt => vec![delimited::read(bytes, layout, &mut line)?],
        GridFormat::Fixed => vec![fixed::read(bytes, layout, &mut line)?],
        GridFormat::Xlsx => workbook::xlsx(bytes, layout)?,
        GridFormat::Xls => workbook::xls(bytes, layout)?,
        GridFormat::Html | GridFormat::Auto => html::read(bytes, layout)?,
    };
    let line = line.and_then(|line| closing::of_line(closing::pattern(layout)?, &line));
    tables(
        sheets,
        layout,
        line.map(|(count, sum)| Closed { count: Some(count), sum: sum.map(|fen| Cell::text(fen.to_string())) }),
    )
}

/// Reads rows of cells as they are, as samples write them.
pub(crate) fn read_cells(rows: Vec<Vec<Option<Cell>>>, layout: &Layout) -> Result<Vec<Table>, Flaw> {
    let rows = rows.into_iter().enumerate().map(|(index, cells)| RawRow { line: index + 1, cells }).collect();
    tables(vec![RawSheet { rows, ..RawSheet::default() }], layout, None)
}

/// The rows of a workbook's first sheet that hold anything, with their numbers from 1: as they are, without a header.
pub(crate) fn first_sheet(bytes: &[u8]) -> Result<Vec<Row>, Flaw> {
    let sheets = workbook::xlsx(bytes, &Layout::new(GridFormat::Xlsx))?;
    Ok(sheets.into_iter().flat_map(|sheet| sheet.rows).map(|row| Row { line: row.line, cells: row.cells }).collect())
}

fn tables(sheets: Vec<RawSheet>, layout: &Layout, line: Option<Closed>) -> Result<Vec<Table>, Flaw> {
    let all = layout.sheets == Sheets::All;
    let filled = sheets.into_iter().filter(|sheet| !all || sheet.rows.iter().any(|row| !row.is_blank()));
    let mut tables = filled.map(|sheet| table::build(sheet, layout)).collect::<Result<Vec<_>, _>>()?;
    if tables.is_empty() {
        return Err(Flaw::new(Reason::SchemaDrift, "there is no table".into()));
    }
    if let Some(first) = tables.first_mut()
        && line.is_some()
    {
        first.closed = line;
    }
    Ok(tables)
}

/// What the bytes are; an error if they are not what the layout says.
fn sort(bytes: &[u8], layout: &Layout) -> Result<GridFormat, Flaw> {
    let found = sniff(bytes);
    let declared = layout.format;
    match (declared, found) {
        (GridFormat::Auto, Some(found)) => Ok(found),
        (_, Some(found)) if found == declared => Ok(found),
        (_, None) if declared.is_text() => Ok(declared),
        // A text whose first bytes look like a page's is still the text it is declared to be.
        (_, Some(GridFormat::Html)) if declared.is_text() => Ok(declared),
        (_, found) => {
            let found = found.map_or("something else", GridFormat::word);
            Err(Flaw::new(Reason::SchemaDrift, format!("it is declared {} and is {found}", declared.word())))
        }
    }
}

/// Which sort of sheet some bytes are, by how they begin.
fn sniff(bytes: &[u8]) -> Option<GridFormat> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(GridFormat::Xlsx);
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(GridFormat::Xls);
    }
    // UTF-16 has a zero byte beside every ASCII character; the tags of a page are ASCII.
    let start: Vec<u8> = bytes.iter().copied().take(8192).filter(|b| *b != 0).map(|b| b.to_ascii_lowercase()).collect();
    let start = start.strip_prefix(b"\xef\xbb\xbf").or(start.strip_prefix(b"\xff\xfe")).unwrap_or(&start);
    let start = start.strip_prefix(b"\xfe\xff").unwrap_or(start).trim_ascii_start();
    let holds = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    (start.starts_with(b"<") && (holds(b"<table") || holds(b"<html"))).then_some(GridFormat::Html)
}
