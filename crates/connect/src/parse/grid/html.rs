//! Pages with a table that are sold as workbooks. Only tables are read, tag by tag, in one pass.
//!
//! Not a browser: what stands outside of a table, scripts and styles is passed over. One pass over the bytes with bounded
//! memory, whatever is nested in whatever.

use super::raw::{Merge, Meter, RawRow, RawSheet, text_cell};
use super::{Flaw, Layout, Sheets, limits, text};
use crate::parse::Reason;

/// A cell that reaches into rows below.
#[derive(Clone, Copy)]
struct Reach {
    column: usize,
    width: usize,
    /// Rows still to come.
    rows: usize,
}

/// One table while it is read.
#[derive(Default)]
struct Open {
    rows: Vec<RawRow>,
    merges: Vec<Merge>,
    reaching: Vec<Reach>,
    line: usize,
    in_row: bool,
    cell: Option<String>,
    span: (usize, usize),
}

pub(super) fn read(bytes: &[u8], layout: &Layout) -> Result<Vec<RawSheet>, Flaw> {
    let mut flaws = Vec::new();
    let page = text::whole(bytes, layout.encoding, layout.mixed, &mut flaws)?;
    if let Some(flaw) = flaws.pop() {
        // A line of a page is no row of a table: what a bad one has broken cannot be told.
        return Err(flaw);
    }
    let tables = tables(&page)?;
    let sheets: Vec<RawSheet> = tables.into_iter().filter(|t| !t.rows.is_empty()).collect();
    Ok(match &layout.sheets {
        Sheets::All => sheets
            .into_iter()
            .enumerate()
            .map(|(i, sheet)| RawSheet { name: format!("sheet {} ", i + 1), ..sheet })
            .collect(),
        Sheets::First | Sheets::Named(_) => sheets.into_iter().take(1).collect(),
    })
}

fn tables(page: &str) -> Result<Vec<RawSheet>, Flaw> {
    let mut done: Vec<(usize, RawSheet)> = Vec::new();
    let mut open: Vec<(usize, Open)> = Vec::new();
    let mut meter = Meter::default();
    let mut count = 0;
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        if let Some((_, table)) = open.last_mut() {
            table.text(&rest[..at]);
        }
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = after.find("-->").map_or("", |end| &after[end + 3..]);
            continue;
        }
        if !Tag::begins(rest) {
            // A `<` that opens nothing is text.
            if let Some((_, table)) = open.last_mut() {
                table.text("<");
            }
            rest = &rest[1..];
            continue;
        }
        let tag = Tag::read(rest)
            .ok_or_else(|| Flaw::new(Reason::SchemaDrift, "a tag does not end: the page was cut off".into()))?;
        rest = &rest[tag.length..];
        match (tag.name.as_str(), tag.closes) {
            ("script" | "style", false) => rest = after_end(rest, &tag.name),
            ("table", false) => {
                count += 1;
                if open.len() >= limits::NESTING || count > limits::SHEETS {
                    return Err(Flaw::new(Reason::SchemaDrift, "too many tables, or too deep".into()));
                }
                open.push((count, Open::default()));
            }
            ("table", true) => {
                if let Some((number, table)) = open.pop() {
                    done.push((number, table.close(&mut meter)?));
                }
            }
            (name, closes) => {
                if let Some((_, table)) = open.last_mut() {
                    table.tag(name, closes, &tag, &mut meter)?;
                }
            }
        }
    }
    if !open.is_empty() {
        return Err(Flaw::new(Reason::SchemaDrift, "a table does not end: the page was cut off".into()));
    }
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, sheet)| sheet).collect())
}

impl Open {
    fn text(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell
            && cell.len() <= limits::CELL_BYTES
        {
            cell.push_str(text);
        }
    }

    fn tag(&mut self, name: &str, closes: bool, tag: &Tag<'_>, meter: &mut Meter) -> Result<(), Flaw> {
        match (name, closes) {
            ("tr", false) => {
                self.end_row(meter)?;
                self.begin_row();
            }
            ("tr" | "thead" | "tbody" | "tfoot", _) => self.end_row(meter)?,
            ("td" | "th", false) => {
                self.end_cell(meter)?;
                if !self.in_row {
                    self.begin_row();
                }
                self.cell = Some(String::new());
                self.span = (tag.number("colspan"), tag.number("rowspan"));
            }
            ("td" | "th", true) => self.end_cell(meter)?,
            ("br" | "p" | "div", _) => self.text(" "),
            _ => {}
        }
        Ok(())
    }

    fn begin_row(&mut self) {
        self.in_row = true;
        self.line += 1;
        self.rows.push(RawRow { line: self.line, cells: Vec::new() });
    }

    fn end_row(&mut self, meter: &mut Meter) -> Result<(), Flaw> {
        self.end_cell(meter)?;
        if self.in_row {
            self.in_row = false;
            meter.row(0)?;
            for reach in &mut self.reaching {
                reach.rows = reach.rows.saturating_sub(1);
            }
            self.reaching.retain(|reach| reach.rows > 0);
        }
        Ok(())
    }

    fn end_cell(&mut self, meter: &mut Meter) -> Result<(), Flaw> {
        let Some(text) = self.cell.take() else { return Ok(()) };
        let (width, height) = self.span;
        let Some(row) = self.rows.last_mut() else { return Ok(()) };
        // Columns that a cell above reaches into are taken.
        let mut column = row.cells.len();
        while let Some(reach) = self.reaching.iter().find(|r| (r.column..r.column + r.width).contains(&column)) {
            column = reach.column + reach.width;
        }
        let end = column + width;
        if end > limits::COLUMNS {
            return Err(Flaw::new(Reason::SchemaDrift, format!("more than {} columns", limits::COLUMNS)));
        }
        meter.cells(end - row.cells.len())?;
        row.cells.resize(end, None);
        row.cells[column] = text_cell(unescaped(&text), row.line)?;
        if height > 1 {
            if self.reaching.len() >= limits::REACHING {
                return Err(Flaw::new(Reason::SchemaDrift, "too many cells reach into rows below".into()));
            }
            self.reaching.push(Reach { column, width, rows: height });
        }
        if width > 1 || height > 1 {
            let top = row.line - 1;
            self.merges.push(Merge { rows: (top, top + height - 1), columns: (column, end - 1) });
        }
        Ok(())
    }

    fn close(mut self, meter: &mut Meter) -> Result<RawSheet, Flaw> {
        self.end_row(meter)?;
        Ok(RawSheet { rows: self.rows, merges: Some(self.merges), ..RawSheet::default() })
    }
}

/// One tag: its name in lower case, its text, how long it is.
struct Tag<'a> {
    name: String,
    closes: bool,
    inside: &'a str,
    length: usize,
}

impl<'a> Tag<'a> {
    /// Whether a `<` opens a tag.
    fn begins(text: &str) -> bool {
        let after = text.strip_prefix("</").or(text.strip_prefix('<')).unwrap_or(text);
        after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?'))
    }

    /// The tag at the start of a text; none if it does not end.
    fn read(text: &'a str) -> Option<Self> {
        let after = text.strip_prefix('<')?;
        let (closes, after) = after.strip_prefix('/').map_or((false, after), |rest| (true, rest));
        let mut quote = None;
        let end = after.char_indices().find_map(|(at, c)| match (quote, c) {
            (None, '>') => Some(at),
            (None, '"' | '\'') => {
                quote = Some(c);
                None
            }
            (Some(open), c) if open == c => {
                quote = None;
                None
            }
            _ => None,
        })?;
        let inside = &after[..end];
        let name: String =
            inside.chars().take_while(|c| c.is_ascii_alphanumeric()).flat_map(char::to_lowercase).collect();
        Some(Self { name, closes, inside, length: text.len() - after.len() + end + 1 })
    }

    /// How far a cell spans; one unless it says a small number.
    fn number(&self, attribute: &str) -> usize {
        let lower = self.inside.to_ascii_lowercase();
        let value = lower.match_indices(attribute).find_map(|(at, _)| {
            let rest = lower[at + attribute.len()..].trim_start().strip_prefix('=')?;
            let digits: String =
                rest.trim_start().trim_start_matches(['"', '\'']).chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        value.filter(|n| (1..=limits::SPAN).contains(n)).unwrap_or(1)
    }
}

fn after_end<'a>(text: &'a str, name: &str) -> &'a str {
    let end = format!("</{name}");
    let bytes = text.as_bytes();
    let at = bytes.windows(end.len()).position(|window| window.eq_ignore_ascii_case(end.as_bytes()));
    at.map_or("", |at| &text[at..])
}

/// A cell's text: entities resolved, blanks as a browser shows them.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest[1..].char_indices().take(10).find(|(_, c)| *c == ';').map(|(end, _)| &rest[1..=end]);
        let found = entity.and_then(|name| Some((character(name)?, name.len() + 2)));
        match found {
            Some((c, length)) => {
                plain.push(c);
                rest = &rest[length..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn character(entity: &str) -> Option<char> {
    if let Some(number) = entity.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match entity {
        "nbsp" => ' ',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "middot" => '·',
        "mdash" => '—',
        "yen" => '¥',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn shown(page: &str) -> Vec<Vec<String>> {
        let sheet = tables(page).unwrap().remove(0);
        sheet
            .rows
            .iter()
            .map(|row| row.cells.iter().map(|c| c.as_ref().map_or_else(String::new, |c| c.text.to_string())).collect())
            .collect()
    }

    #[test]
    fn cells_find_their_columns_under_those_that_reach_down() {
        let page = "<html><style>td{}</style><body><p>x</p><TABLE border=1><tr><th rowspan=2>户号<th colspan='2'>五月</tr>\
            <tr><td>用&nbsp;量</td><td>金额</td></tr><!-- <td> --><tr><td>W1<td> 3 &lt; 4 <td>&yen;5&bogus;</table>";
        assert_eq!(
            shown(page),
            [vec!["户号", "五月", ""], vec!["", "用 量", "金额"], vec!["W1", "3 < 4", "¥5&bogus;"]]
        );
    }

    #[test]
    fn a_page_that_was_cut_off_is_no_table() {
        let page = "<table><tr><td>户号</td></tr><tr><td>W1</td></tr></table>";
        for end in (0..page.len() - 1).filter(|end| page.is_char_boundary(*end)) {
            let read = tables(&page[..end]);
            assert!(read.is_err() || read.unwrap().is_empty(), "cut at {end}");
        }
        assert!(tables(&"<table><tr><td>".repeat(1000)).is_err());
    }
}
