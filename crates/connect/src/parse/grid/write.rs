//! Tables written as a layout describes them: what simulators send, so that both sides cannot drift apart.
//!
//! With `mess`, everything that the layout says it can bear is there: a heading above, other spellings of names, merged
//! names in two rows, subtotals between the rows, notes below.

use std::collections::HashMap;

use rust_xlsxwriter::{Format, Workbook};

use super::{Closing, ClosingRow, GridFormat, Head, Layout, MonthColumns, SkipTest, encode};

/// A table to be written: long, one record a row, whatever the layout makes of its months.
#[derive(Clone, Debug, Default)]
pub struct Written<'a> {
    /// Columns as the manifest names them.
    pub columns: Vec<&'a str>,
    /// Texts of the cells, none where empty.
    pub rows: Vec<Vec<Option<String>>>,
    /// The sum that the closing line or row says, as it is written; none where it says none.
    pub sum: Option<String>,
    /// How many rows too many are announced, for files that are wrong.
    pub miscount: usize,
    /// Whether the file is as untidy as the layout allows.
    pub mess: bool,
}

/// A table that a layout cannot write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// There is no writer of this format.
    #[error("{0} is read, not written")]
    Format(&'static str),
    /// A text does not fit, or its characters are not in the encoding.
    #[error("a cell of row {0} does not fit its column, delimiter or encoding")]
    Cell(usize),
    /// A column that the layout needs is not among those given.
    #[error("there is no column `{0}`")]
    Column(String),
    /// The workbook's writer refused.
    #[error("the workbook cannot be written")]
    Workbook,
}

/// Rows of cells as they stand in the file.
#[derive(Default)]
struct Sheet {
    /// Names, one row or two.
    names: Vec<Vec<String>>,
    above: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    below: Vec<String>,
    /// Whether the last of the rows closes the table.
    line: Option<String>,
}

/// Writes a table.
///
/// # Errors
/// [`Unwritable`] if the layout has no way to say it.
pub fn write(layout: &Layout, table: &Written<'_>) -> Result<Vec<u8>, Unwritable> {
    let (columns, rows) = match &layout.months {
        Some(months) => side_by_side(table, months)?,
        None => (table.columns.iter().map(|c| (*c).to_owned()).collect(), table.rows.clone()),
    };
    let sheet = sheet(layout, table, &columns, rows)?;
    match layout.format {
        GridFormat::Csv | GridFormat::Txt => delimited(layout, &sheet),
        GridFormat::Fixed => fixed(layout, &sheet),
        GridFormat::Xlsx | GridFormat::Auto => workbook(&sheet),
        GridFormat::Html => page(layout, &sheet),
        GridFormat::Xls => Err(Unwritable::Format("xls")),
    }
}

fn position(columns: &[String], name: &str) -> Result<usize, Unwritable> {
    columns.iter().position(|c| c == name).ok_or_else(|| Unwritable::Column(name.to_owned()))
}

/// Names and rows.
type Wide = (Vec<String>, Vec<Vec<Option<String>>>);

/// Months of records side by side: one row for all records that are equal but for month and value.
fn side_by_side(table: &Written<'_>, months: &MonthColumns) -> Result<Wide, Unwritable> {
    let columns: Vec<String> = table.columns.iter().map(|c| (*c).to_owned()).collect();
    let month_at = position(&columns, &months.month)?;
    let value_at: Vec<usize> = match &months.value {
        Some(value) => vec![position(&columns, value)?],
        // The columns after the month's are those that each month has.
        None => (month_at + 1..columns.len()).collect(),
    };
    let own: Vec<usize> = (0..columns.len()).filter(|at| *at != month_at && !value_at.contains(at)).collect();
    let mut names: Vec<String> = own.iter().map(|at| columns[*at].clone()).collect();
    let mut found: Vec<String> = Vec::new();
    for row in &table.rows {
        let month = row[month_at].clone().unwrap_or_default();
        if !found.contains(&month) {
            found.push(month);
        }
    }
    for month in &found {
        for at in &value_at {
            names.push(if months.value.is_some() { month.clone() } else { format!("{month}/{}", columns[*at]) });
        }
    }
    let mut rows: Vec<Vec<Option<String>>> = Vec::new();
    // A county's meters are many: rows that are equal but for month and value are found by what is equal.
    let mut alike: HashMap<Vec<Option<String>>, Vec<usize>> = HashMap::new();
    for row in &table.rows {
        let key: Vec<Option<String>> = own.iter().map(|at| row[*at].clone()).collect();
        let month = row[month_at].clone().unwrap_or_default();
        let place = found.iter().position(|m| *m == month).unwrap_or_default() * value_at.len() + own.len();
        let known = alike.entry(key.clone()).or_default();
        let free = |at: &&usize| rows[**at][place..place + value_at.len()].iter().all(Option::is_none);
        let at = match known.iter().find(free) {
            Some(at) => *at,
            None => {
                let mut wide = key;
                wide.resize(names.len(), None);
                rows.push(wide);
                known.push(rows.len() - 1);
                rows.len() - 1
            }
        };
        for (offset, value) in value_at.iter().enumerate() {
            rows[at][place + offset].clone_from(&row[*value]);
        }
    }
    Ok((names, rows))
}

fn sheet(
    layout: &Layout,
    table: &Written<'_>,
    columns: &[String],
    rows: Vec<Vec<Option<String>>>,
) -> Result<Sheet, Unwritable> {
    let mut sheet = Sheet::default();
    let count = rows.len() + table.miscount;
    match &layout.head {
        Head::Given(names) => {
            if names.len() != columns.len() || names.iter().zip(columns).any(|(a, b)| a != b) {
                return Err(Unwritable::Column(names.join(", ")));
            }
        }
        Head::First => {}
        Head::Found(_) if table.mess => sheet.above.push("明细表(按期导出)".to_owned()),
        Head::Found(_) => {}
        Head::Row(line) => sheet.above.extend((1..*line).map(|n| format!("第{n}行说明"))),
    }
    if !matches!(layout.head, Head::Given(_)) {
        sheet.names = names(layout, table.mess, columns);
    }
    let subtotal = layout.skip.iter().find_map(|skip| match &skip.test {
        SkipTest::Contains(text) | SkipTest::Is(text) => Some((skip.column.as_str(), text.as_str())),
        SkipTest::Empty => None,
    });
    for (number, row) in rows.into_iter().enumerate() {
        sheet.rows.push(row);
        if table.mess
            && let Some((column, text)) = subtotal
            && number % 10 == 9
        {
            let mut cells = vec![None; columns.len()];
            cells[position(columns, column)?] = Some(text.to_owned());
            sheet.rows.push(cells);
        }
    }
    match &layout.closing {
        Some(Closing::Line(pattern)) => {
            let line = pattern.replace("{count}", &count.to_string());
            sheet.line = Some(line.replace("{sum}", table.sum.as_deref().unwrap_or("0")));
        }
        Some(Closing::Row(closing)) => sheet.rows.push(closing_row(layout, closing, columns, count, table)?),
        None => {}
    }
    if table.mess
        && let Some(until) = &layout.until
    {
        sheet.below.push(format!("{until}：本表由系统生成"));
    }
    Ok(sheet)
}

fn closing_row(
    layout: &Layout,
    closing: &ClosingRow,
    columns: &[String],
    count: usize,
    table: &Written<'_>,
) -> Result<Vec<Option<String>>, Unwritable> {
    let mut cells = vec![None; columns.len()];
    cells[position(columns, &closing.count)?] = Some(format!("共{count}户"));
    if let (Some(column), Some(sum)) = (&closing.sum, &table.sum) {
        cells[position(columns, column)?] = Some(sum.clone());
    }
    let found_at = match &layout.head {
        Head::Found(name) => position(columns, name)?,
        _ => 0,
    };
    cells[found_at] = Some(closing.find.clone());
    Ok(cells)
}

/// The rows of names: other spellings where there are any, and upper and lower ones where there are two rows.
fn names(layout: &Layout, mess: bool, columns: &[String]) -> Vec<Vec<String>> {
    let spelt = |own: &String| {
        let other = layout.alias.iter().find(|(_, name)| name == own).filter(|_| mess);
        other.map_or_else(|| own.clone(), |(other, _)| other.clone())
    };
    let columns: Vec<String> = columns.iter().map(spelt).collect();
    if layout.head_rows == 1 {
        return vec![columns];
    }
    let mut levels = vec![vec![String::new(); columns.len()]; layout.head_rows];
    for (at, column) in columns.iter().enumerate() {
        for (level, part) in column.splitn(layout.head_rows, '/').enumerate() {
            part.clone_into(&mut levels[level][at]);
        }
    }
    levels
}

impl Sheet {
    /// Every row of the file in order.
    fn lines(&self) -> Vec<Vec<Option<String>>> {
        let alone = |text: &String| vec![Some(text.clone())];
        let filled = |name: &String| (!name.is_empty()).then(|| name.clone());
        let above = self.above.iter().map(alone);
        // The left of two equal upper names stands for both.
        let names = self.names.iter().enumerate().map(|(level, row)| {
            let last = level + 1 == self.names.len();
            row.iter()
                .enumerate()
                .map(|(at, name)| if !last && at > 0 && row[at - 1] == *name { None } else { filled(name) })
                .collect()
        });
        above.chain(names).chain(self.rows.iter().cloned()).chain(self.below.iter().map(alone)).collect()
    }

    /// The first row of names, from 0.
    fn top(&self) -> usize {
        self.above.len()
    }
}

fn delimited(layout: &Layout, sheet: &Sheet) -> Result<Vec<u8>, Unwritable> {
    let mut text = String::new();
    let (delimiter, quote) = (char::from(layout.delimiter), char::from(layout.quote));
    for (number, row) in sheet.lines().into_iter().enumerate() {
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                text.push(delimiter);
            }
            let cell = cell.as_deref().unwrap_or("");
            if !cell.contains([delimiter, quote, '\n', '\r']) {
                text.push_str(cell);
            } else if layout.format == GridFormat::Csv {
                let doubled = cell.replace(quote, &format!("{quote}{quote}"));
                text.push_str(&format!("{quote}{doubled}{quote}"));
            } else if cell.contains([delimiter, '\n', '\r']) {
                return Err(Unwritable::Cell(number + 1));
            } else {
                text.push_str(cell);
            }
        }
        text.push('\n');
    }
    if let Some(line) = &sheet.line {
        text.push_str(line);
        text.push('\n');
    }
    encode(layout.encoding, &text).ok_or(Unwritable::Cell(0))
}

fn fixed(layout: &Layout, sheet: &Sheet) -> Result<Vec<u8>, Unwritable> {
    let mut bytes = Vec::new();
    for (number, row) in sheet.lines().into_iter().enumerate() {
        for (cell, width) in row.iter().zip(&layout.widths) {
            let own = encode(layout.encoding, cell.as_deref().unwrap_or("")).ok_or(Unwritable::Cell(number + 1))?;
            if own.len() > *width {
                return Err(Unwritable::Cell(number + 1));
            }
            bytes.extend_from_slice(&own);
            bytes.resize(bytes.len() + width - own.len(), b' ');
        }
        bytes.push(b'\n');
    }
    if let Some(line) = &sheet.line {
        bytes.extend(encode(layout.encoding, line).ok_or(Unwritable::Cell(0))?);
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Cells of the names that are one: first and last column of an upper name, or a name over two rows.
fn merges(sheet: &Sheet) -> Vec<(usize, usize, usize, usize)> {
    let mut found = Vec::new();
    for (level, row) in sheet.names.iter().enumerate() {
        let below = &sheet.names[level + 1..];
        let mut at = 0;
        while at < row.len() && !below.is_empty() {
            let end = (at..row.len()).take_while(|i| row[*i] == row[at] && !row[at].is_empty()).last().unwrap_or(at);
            let alone = below.iter().all(|lower| lower[at].is_empty());
            if end > at {
                found.push((level, at, level, end));
            } else if alone && !row[at].is_empty() {
                found.push((level, at, sheet.names.len() - 1, at));
            }
            at = end + 1;
        }
    }
    found
}

fn workbook(sheet: &Sheet) -> Result<Vec<u8>, Unwritable> {
    let refused = |_| Unwritable::Workbook;
    let number = |n: usize| u32::try_from(n).map_err(|_| Unwritable::Workbook);
    let column = |n: usize| u16::try_from(n).map_err(|_| Unwritable::Workbook);
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    for (row, cells) in sheet.lines().iter().enumerate() {
        for (at, cell) in cells.iter().enumerate() {
            if let Some(text) = cell {
                page.write_string(number(row)?, column(at)?, text).map_err(refused)?;
            }
        }
    }
    let top = sheet.top();
    for (from, left, until, right) in merges(sheet) {
        let text = &sheet.names[from][left];
        page.merge_range(
            number(top + from)?,
            column(left)?,
            number(top + until)?,
            column(right)?,
            text,
            &Format::new(),
        )
        .map_err(refused)?;
    }
    book.save_to_buffer().map_err(refused)
}

fn page(layout: &Layout, sheet: &Sheet) -> Result<Vec<u8>, Unwritable> {
    let escape =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let merges = merges(sheet);
    let top = sheet.top();
    let mut text =
        "<html><head><style>td { mso-number-format: '\\@'; }</style></head><body><table border=1>\n".to_owned();
    for (row, cells) in sheet.lines().iter().enumerate() {
        text.push_str("<tr>");
        for (at, cell) in cells.iter().enumerate() {
            let level = row.checked_sub(top).filter(|level| *level < sheet.names.len());
            let merge = level.and_then(|level| {
                merges.iter().find(|(from, left, until, right)| {
                    (*from..=*until).contains(&level) && (*left..=*right).contains(&at)
                })
            });
            let content = escape(cell.as_deref().unwrap_or(""));
            match (merge, level) {
                (Some((from, left, until, right)), Some(level)) => {
                    if (level, at) == (*from, *left) {
                        let (wide, high) = (right - left + 1, until - from + 1);
                        text.push_str(&format!("<th colspan=\"{wide}\" rowspan={high}>{content}</th>"));
                    }
                }
                _ => text.push_str(&format!("<td>{content}</td>")),
            }
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</table></body></html>\n");
    encode(layout.encoding, &text).ok_or(Unwritable::Cell(0))
}
