//! A file's cells before anybody knows which of them are names and which are values.

use super::Flaw;
use super::limits;
use crate::convert::Cell;
use crate::parse::Reason;
use compact_str::CompactString;

/// One row of cells, `None` where empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawRow {
    /// Row or line of the file, from 1, as people count it.
    pub(super) line: usize,
    pub(super) cells: Vec<Option<Cell>>,
}

impl RawRow {
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().flatten().all(|cell| cell.text.trim().is_empty())
    }

    /// The trimmed text of a cell; empty if there is none.
    pub(super) fn text(&self, at: usize) -> &str {
        self.cells.get(at).and_then(Option::as_ref).map_or("", |cell| cell.text.trim())
    }

    /// The first text of the row.
    pub(super) fn first_text(&self) -> &str {
        self.cells.iter().flatten().map(|cell| cell.text.trim()).find(|text| !text.is_empty()).unwrap_or("")
    }
}

/// Cells that are one: rows and columns from and to, both included, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) rows: (usize, usize),
    pub(super) columns: (usize, usize),
}

/// One sheet, page table or text file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RawSheet {
    /// `sheet 2 `, or nothing where there is only one.
    pub(super) name: String,
    pub(super) rows: Vec<RawRow>,
    /// Cells that the file itself says are one; where a format cannot say so, none.
    pub(super) merges: Option<Vec<Merge>>,
    /// Rows that could not be read.
    pub(super) flaws: Vec<Flaw>,
}

/// Counts what a file has held so far and stops at the limits.
#[derive(Default)]
pub(super) struct Meter {
    rows: usize,
    cells: usize,
    text: usize,
}

impl Meter {
    /// Counts one row of that many cells.
    pub(super) fn row(&mut self, cells: usize) -> Result<(), Flaw> {
        self.rows += 1;
        if self.rows > limits::ROWS {
            return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} rows", limits::ROWS)));
        }
        if cells > limits::COLUMNS {
            return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} columns", limits::COLUMNS)));
        }
        self.cells(cells)
    }

    /// Counts further cells of a row.
    pub(super) fn cells(&mut self, cells: usize) -> Result<(), Flaw> {
        self.cells = self.cells.saturating_add(cells);
        if self.cells > limits::CELLS {
            return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} cells", limits::CELLS)));
        }
        Ok(())
    }

    /// Counts the bytes of a cell's text, where one text may stand for many cells.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.text = self.text.saturating_add(bytes);
        if self.text > limits::TEXT {
            return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} bytes of text", limits::TEXT)));
        }
        Ok(())
    }
}

/// A cell of text; none if it is empty.
///
/// # Errors
/// A text longer than any cell can be.
pub(super) fn text_cell(text: impl Into<CompactString>, line: usize) -> Result<Option<Cell>, Flaw> {
    let text = text.into();
    if text.len() > limits::CELL_BYTES {
        return Err(Flaw::new(Reason::SchemaDrift, format!("row {line}: a cell is too long")));
    }
    Ok((!text.is_empty()).then(|| Cell::text(text)))
}
