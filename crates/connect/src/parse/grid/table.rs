//! Cells to records: names found, notes, subtotals and closing row told from rows, months turned into rows.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::closing::Closed;
use super::header::Header;
use super::raw::{Merge, RawRow, RawSheet};
use super::{Flaw, Head, Layout, MonthColumns, SkipTest, limits};
use crate::convert::Cell;
use crate::parse::Reason;

/// One table of a file.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// `sheet 2 `, or nothing.
    pub(crate) name: String,
    /// The columns; one header a month where months stand side by side.
    pub(crate) headers: Vec<Header>,
    /// The rows that are records, with where they stand.
    pub(crate) rows: Vec<Row>,
    /// Rows that could not be read: any of them could have been about anybody.
    pub(crate) flaws: Vec<Flaw>,
    /// What closes the table, if it is closed.
    pub(crate) closed: Option<Closed>,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Row of the file, from 1.
    pub(crate) line: usize,
    pub(crate) cells: Vec<Option<Cell>>,
}

impl Table {
    /// Every record: the positions of its header and its row.
    pub(crate) fn records(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows.iter().enumerate().flat_map(move |(at, row)| {
            let headers = self.headers.iter().enumerate();
            headers.filter(|(_, header)| header.has_row(&row.cells)).map(move |(h, _)| (h, at))
        })
    }

    /// The first header, by which columns outside of months are found.
    pub(crate) fn header(&self) -> &Header {
        // A table without a header is never built.
        &self.headers[0]
    }

    /// What is wrong with a column that is needed, if anything.
    pub(crate) fn lacks(&self, name: &str) -> Option<String> {
        self.headers.iter().find_map(|header| header.lacks(name))
    }

    /// What is wrong with a column that may be missing, but must not stand twice.
    pub(crate) fn doubled(&self, name: &str) -> Option<String> {
        self.headers.iter().find_map(|header| header.doubled(name))
    }

    /// A row as places name it.
    pub(crate) fn place(&self, row: &Row) -> String {
        format!("{}row {}", self.name, row.line)
    }
}

pub(super) fn build(sheet: RawSheet, layout: &Layout) -> Result<Table, Flaw> {
    let drift = |text: String| Flaw::new(Reason::SchemaDrift, format!("{}{text}", sheet.name));
    let (found_at, names, below) = names(&sheet, layout).map_err(drift)?;
    let plain = plain_header(&names, layout);
    let headers = match &layout.months {
        Some(months) => month_headers(&names, &plain, months).map_err(drift)?,
        None => vec![plain],
    };
    let header = &headers[0];
    for column in layout.skip.iter().map(|skip| &skip.column) {
        if let Some(lacks) = header.lacks(column) {
            return Err(drift(lacks));
        }
    }
    let RawSheet { name, rows, mut flaws, .. } = sheet;
    let mut kept = Vec::new();
    let mut closed = None;
    for row in rows.into_iter().filter(|row| row.line > below && !row.is_blank()) {
        if layout.until.as_ref().is_some_and(|until| row.first_text().starts_with(until.as_str())) {
            break;
        }
        if closed.is_some() {
            // Rows after the closing row are a second table, or one that was written over: neither is whole.
            return Err(Flaw::new(Reason::SchemaDrift, format!("{name}row {}: after the closing row", row.line)));
        }
        if let Some(closing) = layout.closing_row()
            && row.text(found_at) == closing.find
        {
            closed = Some(closing_of(&row, header, closing));
            continue;
        }
        if layout.skip.iter().any(|skip| is_skipped(&row, header, skip)) {
            continue;
        }
        // Only delimited text can have other columns than its names; trailing delimiters add none.
        let beyond = row.cells.iter().skip(names.len()).any(Option::is_some);
        if layout.format.is_text() && (beyond || row.cells.len() < names.len()) {
            flaws.push(Flaw::new(Reason::SchemaDrift, format!("{name}row {}: {} columns", row.line, row.cells.len())));
            continue;
        }
        kept.push(Row { line: row.line, cells: row.cells });
    }
    if layout.closing_row().is_some() && closed.is_none() {
        return Err(Flaw::new(Reason::TrailerMismatch, format!("{name}last row")));
    }
    Ok(Table { name, headers, rows: kept, flaws, closed })
}

fn closing_of(row: &RawRow, header: &Header, closing: &super::ClosingRow) -> Closed {
    let cell = |column: &str| row.cells.get(header.at(column)?).cloned().flatten();
    let digits = |cell: Cell| cell.text.nfkc().filter(char::is_ascii_digit).collect::<String>().parse().ok();
    Closed { count: cell(&closing.count).and_then(digits), sum: closing.sum.as_deref().and_then(cell) }
}

fn is_skipped(row: &RawRow, header: &Header, skip: &super::Skip) -> bool {
    let Some(at) = header.at(&skip.column) else { return false };
    let text = row.text(at);
    match &skip.test {
        SkipTest::Contains(part) => text.contains(part.as_str()),
        SkipTest::Is(whole) => text == whole,
        SkipTest::Empty => text.is_empty(),
    }
}

/// Upper and lower names of each column.
struct Name {
    upper: String,
    whole: String,
}

/// The column of the name by which the names were found, the names, and the last of their lines.
type Names = (usize, Vec<Name>, usize);

fn names(sheet: &RawSheet, layout: &Layout) -> Result<Names, String> {
    let simple = |text: &str| Name { upper: text.to_owned(), whole: text.to_owned() };
    let filled = || sheet.rows.iter().enumerate().filter(|(_, row)| !row.is_blank());
    let (top, found_at) = match &layout.head {
        Head::Given(names) => return Ok((0, names.iter().map(|n| simple(n)).collect(), 0)),
        Head::First => filled().map(|(at, _)| (at, 0)).next().ok_or("there is no row of column names")?,
        Head::Row(line) => filled()
            .find(|(_, row)| row.line == *line)
            .map(|(at, _)| (at, 0))
            .ok_or_else(|| format!("row {line} is blank"))?,
        Head::Found(name) => filled()
            .take(limits::HEADING_ROWS)
            .find_map(|(at, row)| Some((at, (0..row.cells.len()).find(|i| called(row.text(*i), layout) == *name)?)))
            .ok_or_else(|| format!("no row has a column `{name}`"))?,
    };
    let first = &sheet.rows[top];
    let last_line = first.line + layout.head_rows - 1;
    let lines: Vec<&RawRow> = sheet.rows[top..].iter().take_while(|row| row.line <= last_line).collect();
    let long = |row: &&&RawRow| row.cells.iter().flatten().any(|cell| cell.text.len() > limits::NAME_BYTES);
    if let Some(row) = lines.iter().find(long) {
        return Err(format!("row {}: a column's name is longer than {} bytes", row.line, limits::NAME_BYTES));
    }
    let merges: Option<Vec<Merge>> = sheet.merges.as_ref().map(|merges| {
        let near = merges.iter().filter(|m| m.rows.0 < last_line && m.rows.1 + 1 >= first.line);
        near.take(limits::HEAD_MERGES).copied().collect()
    });
    let width = lines.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let mut names: Vec<Name> = Vec::with_capacity(width);
    let mut spread: Vec<String> = vec![String::new(); layout.head_rows];
    for column in 0..width {
        let mut parts: Vec<String> = Vec::new();
        for level in 0..layout.head_rows {
            let line = first.line + level;
            let own = lines.iter().find(|row| row.line == line).map_or("", |row| row.text(column));
            let below = lines.iter().any(|row| row.line > line && !row.text(column).is_empty());
            let text = if own.is_empty() && below && level + 1 < layout.head_rows {
                match &merges {
                    // The file says which cells are one.
                    Some(merges) => merged(merges, &lines, line, column),
                    // It cannot: an empty upper cell over a lower name belongs to the name on its left.
                    None => spread[level].clone(),
                }
            } else {
                own.to_owned()
            };
            if !own.is_empty() {
                spread[level..].fill(String::new());
                spread[level] = own.to_owned();
            }
            if !text.is_empty() && parts.last() != Some(&text) {
                parts.push(text);
            }
        }
        names.push(Name { upper: parts.first().cloned().unwrap_or_default(), whole: parts.join("/") });
    }
    Ok((found_at, names, last_line))
}

/// The text of the cell that a cell is a part of.
fn merged(merges: &[Merge], lines: &[&RawRow], line: usize, column: usize) -> String {
    let holds =
        |m: &&Merge| (m.rows.0..=m.rows.1).contains(&(line - 1)) && (m.columns.0..=m.columns.1).contains(&column);
    let found =
        merges.iter().find(holds).and_then(|m| Some(lines.iter().find(|r| r.line == m.rows.0 + 1)?.text(m.columns.0)));
    found.unwrap_or("").to_owned()
}

/// A name as names are compared: NFKC, without blanks.
pub(crate) fn folded(name: &str) -> String {
    name.nfkc().filter(|c| !c.is_whitespace()).collect()
}

/// What a column is called here.
fn called(name: &str, layout: &Layout) -> String {
    if layout.alias.is_empty() {
        return name.to_owned();
    }
    let key = folded(name);
    layout.alias.iter().find(|(other, _)| *other == key).map_or_else(|| name.to_owned(), |(_, own)| own.clone())
}

fn plain_header(names: &[Name], layout: &Layout) -> Header {
    let called: Vec<String> = names.iter().map(|name| called(&name.whole, layout)).collect();
    Header::new(called.iter().map(String::as_str))
}

/// One header a month, in the order of the months' names in the file.
fn month_headers(names: &[Name], plain: &Header, months: &MonthColumns) -> Result<Vec<Header>, String> {
    let mut found: BTreeMap<usize, (String, Vec<(String, usize)>)> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        let text = if months.value.is_some() { &name.whole } else { &name.upper };
        if !is_month(&months.columns, text) {
            continue;
        }
        let value = match &months.value {
            Some(value) => value.clone(),
            None => name.whole.split_once('/').map_or_else(String::new, |(_, lower)| lower.to_owned()),
        };
        let first = found.iter().find(|(_, (month, _))| month == text).map_or(at, |(first, _)| *first);
        found.entry(first).or_insert_with(|| (text.clone(), Vec::new())).1.push((value, at));
    }
    if found.is_empty() {
        return Err(format!("no column is a month like `{}`", months.columns));
    }
    if found.len() > limits::MONTHS {
        return Err(format!("more than {} months side by side", limits::MONTHS));
    }
    Ok(found.into_values().map(|(text, values)| plain.of_month(&months.month, &text, &values)).collect())
}

fn is_month(format: &str, text: &str) -> bool {
    jiff::fmt::strtime::BrokenDownTime::parse(format, text).is_ok_and(|t| t.year().is_some() && t.month().is_some())
}
