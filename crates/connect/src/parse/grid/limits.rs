//! What a file may hold at most. More is set aside as a whole: never a hang, never all of memory.

/// Rows of one sheet or text file.
pub(crate) const ROWS: usize = 1_000_000;
/// Columns of one row; the last column of a workbook is XFD.
pub(crate) const COLUMNS: usize = 16_384;
/// Cells of one file, empty ones before the last of a row included.
pub(crate) const CELLS: usize = 20_000_000;
/// Bytes of one cell; Excel itself stops at 32,767 characters.
pub(crate) const CELL_BYTES: usize = 128 * 1024;
/// Bytes of the texts of one file together: a text that stands once may be named by every cell.
pub(crate) const TEXT: usize = 256 * 1024 * 1024;
/// Cells of a workbook that is read as a whole, empty ones between others included.
pub(crate) const WHOLE_CELLS: usize = 8 * 1024 * 1024;
/// Cells that a sheet of such a workbook may claim to have: all that there is room for.
pub(crate) const CLAIMED_CELLS: usize = 65_536 * 256;
/// Sheets of a workbook, tables of a page.
pub(crate) const SHEETS: usize = 256;
/// Bytes of all members of a workbook together, unpacked.
pub(crate) const UNPACKED: u64 = 1 << 30;
/// Bytes that a byte of a workbook may unpack to, beyond [`UNPACKED_FREE`]: sheets shrink to a tenth, perhaps a fiftieth.
pub(crate) const UNPACKED_RATIO: u64 = 200;
/// Bytes that a workbook of any size may unpack to.
pub(crate) const UNPACKED_FREE: u64 = 16 * 1024 * 1024;
/// Members of a packed workbook.
pub(crate) const MEMBERS: usize = 4_096;
/// Tables inside tables of a page.
pub(crate) const NESTING: usize = 16;
/// Rows above the column names that are looked through.
pub(crate) const HEADING_ROWS: usize = 200;
/// Bytes of one column's name in one row; an upper name is repeated over every column below it.
pub(crate) const NAME_BYTES: usize = 4 * 1024;
/// Merged cells that are looked at to name the columns.
pub(crate) const HEAD_MERGES: usize = 4_096;
/// Months that stand side by side.
pub(crate) const MONTHS: usize = 240;
/// Rows of column names on top of each other.
pub(crate) const HEAD_ROWS: usize = 4;
/// Cells that one cell of a page may span to the right, or rows downwards.
pub(crate) const SPAN: usize = 1_024;
/// Cells of a page that reach into rows below at the same time.
pub(crate) const REACHING: usize = 256;
