//! How a file's table is laid out, as a manifest says it.

use crate::manifest::Encoding;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridFormat {
    /// Delimited text with quotes.
    Csv,
    /// Delimited text in which a quote is a character like others.
    Txt,
    /// Columns of so many bytes each.
    Fixed,
    /// A workbook of 2007 or later.
    Xlsx,
    /// A workbook of 97 to 2003.
    Xls,
    /// A web page with a table, most often called `.xls`.
    Html,
    /// One of the three sheets: whichever its bytes say. Institutions rename files.
    Auto,
}

impl GridFormat {
    /// The word manifests write.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Txt => "txt",
            Self::Fixed => "fixed",
            Self::Xlsx => "xlsx",
            Self::Xls => "xls",
            Self::Html => "html",
            Self::Auto => "auto",
        }
    }

    /// Whether it is text that is read line by line.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Txt | Self::Fixed)
    }
}

/// Which sheets of a workbook are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sheets {
    /// The first.
    First,
    /// That one.
    Named(String),
    /// Every one that is not empty; each has its own column names.
    All,
}

/// Where the columns' names stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// In the first row that is not blank.
    First,
    /// In the first row with a cell of this text.
    Found(String),
    /// In this row, from 1.
    Row(usize),
    /// Not in the file: these are they, in order.
    Given(Vec<String>),
}

/// Rows that are no records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Looked at in this column.
    pub column: String,
    /// What it must be.
    pub test: SkipTest,
}

/// When a row is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipTest {
    /// The cell contains this text.
    Contains(String),
    /// The cell is this text.
    Is(String),
    /// The cell is empty.
    Empty,
}

/// What closes a table and says how much there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The last line of a text file, with `{count}` and `{sum}`.
    Line(String),
    /// A row like the others.
    Row(ClosingRow),
}

/// The closing row of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingRow {
    /// Text of its cell in the header's column (the first, if no name finds the header).
    pub find: String,
    /// Column that holds the count of rows (its digits).
    pub count: String,
    /// Column that holds the sum.
    pub sum: Option<String>,
}

/// Months side by side: each becomes a row of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthColumns {
    /// `strftime` format of a column that is a month's, or of the upper name of its columns.
    pub columns: String,
    /// The column that the month's name then stands in.
    pub month: String,
    /// The column that the cell then stands in; none if the lower names of two rows are the columns.
    pub value: Option<String>,
}

/// How a file's table is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What the file is.
    pub format: GridFormat,
    /// Encoding of text and pages.
    pub encoding: Encoding,
    /// Whether a line may be in another encoding than the file's.
    pub mixed: bool,
    /// Delimiter of `csv` and `txt`.
    pub delimiter: u8,
    /// Quote of `csv`.
    pub quote: u8,
    /// Bytes of each column of `fixed`.
    pub widths: Vec<usize>,
    /// Which sheets of a workbook.
    pub sheets: Sheets,
    /// Where the columns' names stand.
    pub head: Head,
    /// Rows of names on top of each other, joined as `upper/lower`.
    pub head_rows: usize,
    /// Other spellings of names, folded, and what they are called here.
    pub alias: Vec<(String, String)>,
    /// Rows that are no records.
    pub skip: Vec<Skip>,
    /// A row whose first cell begins so ends the table.
    pub until: Option<String>,
    /// What closes the table.
    pub closing: Option<Closing>,
    /// Months side by side.
    pub months: Option<MonthColumns>,
}

impl Layout {
    /// A table of a format whose first row names the columns.
    #[must_use]
    pub const fn new(format: GridFormat) -> Self {
        Self {
            format,
            encoding: Encoding::Utf8,
            mixed: false,
            delimiter: b',',
            quote: b'"',
            widths: Vec::new(),
            sheets: Sheets::First,
            head: Head::First,
            head_rows: 1,
            alias: Vec::new(),
            skip: Vec::new(),
            until: None,
            closing: None,
            months: None,
        }
    }

    /// The closing row, if the table has one.
    #[must_use]
    pub const fn closing_row(&self) -> Option<&ClosingRow> {
        match &self.closing {
            Some(Closing::Row(row)) => Some(row),
            _ => None,
        }
    }
}
