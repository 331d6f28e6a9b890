//! Lines of a table with their place, keys, dates and citation: what tables of parameters, scales and deductions share.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::diagnostic::nearest;
use hedui_base::{Diagnostic, SourceText};
use jiff::civil::Date;

use crate::csv::{Cell, cells};
use crate::program::{KeyMatch, ParameterRow, ParameterValue};
use crate::spot::{Also as _, Spot};
use crate::value;

/// A key column.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub name: String,
    /// Whether its cells are whole numbers or texts; none if all are empty.
    pub kind: Option<KeyKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Number,
    Text,
}

/// Columns of any table: the rest are its own, or keys.
const SHARED: [&str; 6] = ["area", "residence", "from", "until", "confirm_by", "cite"];

/// The columns of one kind of table.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub needed: &'static [&'static str],
    pub optional: &'static [&'static str],
}

/// One line: what all tables share is in `row`, whose value is yet to be read.
pub(crate) struct Line {
    pub row: ParameterRow,
    pub spot: Spot,
    /// Whether nothing in it was wrong so far.
    pub whole: bool,
    own: BTreeMap<&'static str, Cell>,
}

impl Line {
    /// A cell of one of the table's own columns that has something in it.
    pub(crate) fn filled(&self, column: &str) -> Option<&Cell> {
        self.own.get(column).filter(|cell| !cell.value.is_empty())
    }

    /// The cell of a needed column.
    pub(crate) fn cell(&self, column: &str) -> Option<&Cell> {
        self.own.get(column)
    }
}

/// The key columns and lines of a table.
pub(crate) fn read_lines(
    file: &Arc<SourceText>,
    columns: Columns,
    mistakes: &mut Vec<Diagnostic>,
) -> (Vec<Key>, Vec<Line>) {
    let mut lines = cells(file).into_iter();
    let Some(header) = lines.next() else {
        mistakes.push(
            Diagnostic::error("rules::bad_header", "the table is empty")
                .at(file, 0..0, "no header")
                .help(format!("begin with a line of column names: {}", columns.usual())),
        );
        return (Vec::new(), Vec::new());
    };
    let Some(at) = read_header(file, &header, columns, mistakes) else { return (Vec::new(), Vec::new()) };
    let known = |name: &str| SHARED.contains(&name) || columns.has(name);
    let mut places: Vec<(&str, usize)> = at.iter().filter(|(n, _)| !known(n)).map(|(n, i)| (*n, *i)).collect();
    places.sort_by_key(|(_, index)| *index);
    let mut keys: Vec<Key> = places.iter().map(|(name, _)| Key { name: (*name).to_owned(), kind: None }).collect();
    let mut found = Vec::new();
    for line in lines {
        if line.len() != header.len() {
            let end = line.last().map_or(0, |c| c.spot.span.end);
            let spot = Spot { file: Arc::clone(file), span: line[0].spot.span.start..end };
            mistakes.push(
                spot.error(
                    "rules::bad_row",
                    format!("this row has {} cells, the header has {}", line.len(), header.len()),
                    "another number of cells",
                )
                .help("put a text with a comma in double quotes; leave an empty cell for nothing"),
            );
            continue;
        }
        let before = mistakes.len();
        let matches = places.iter().zip(&mut keys).map(|((_, i), key)| read_key(&line[*i], key, mistakes)).collect();
        let Some((row, spot)) = read_row(file, &at, &line, matches, mistakes) else { continue };
        let own = columns.all().filter_map(|name| Some((name, line[*at.get(name)?].clone()))).collect();
        found.push(Line { row, spot, whole: mistakes.len() == before, own });
    }
    (keys, found)
}

impl Columns {
    fn all(self) -> impl Iterator<Item = &'static str> {
        self.needed.iter().chain(self.optional).copied()
    }

    fn has(self, name: &str) -> bool {
        self.all().any(|own| own == name)
    }

    fn usual(self) -> String {
        format!("area,residence,<keys>,from,until,{},cite", self.needed.join(","))
    }
}

fn read_header<'a>(
    file: &Arc<SourceText>,
    header: &'a [Cell],
    columns: Columns,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<BTreeMap<&'a str, usize>> {
    let before = mistakes.len();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, cell) in header.iter().enumerate() {
        let name = cell.value.as_str();
        if name.is_empty() {
            mistakes.push(
                cell.spot
                    .error("rules::bad_header", "a column has no name", "no name")
                    .help("name it, or take the column out"),
            );
        } else if let Some(first) = at.insert(name, index) {
            mistakes.push(
                cell.spot
                    .error("rules::bad_header", format!("two columns are named `{name}`"), "second")
                    .also(&header[first].spot, "first")
                    .help("rename one of them"),
            );
        }
    }
    for need in ["from"].iter().chain(columns.needed).chain(&["cite"]).copied() {
        if !at.contains_key(need) {
            let near = nearest(need, at.keys().copied().filter(|k| !SHARED.contains(k) && !columns.has(k)));
            let help = near.map_or_else(
                || match columns.optional {
                    [] => format!("columns: {}", columns.usual()),
                    more => format!("columns: {}, and {}, confirm_by where needed", columns.usual(), more.join(", ")),
                },
                |n| format!("is `{n}` meant to be `{need}`?"),
            );
            let end = header.last().map_or(0, |c| c.spot.span.end);
            mistakes.push(
                Diagnostic::error("rules::bad_header", format!("the table has no column `{need}`"))
                    .at(file, 0..end, format!("no `{need}`"))
                    .help(help),
            );
        }
    }
    (mistakes.len() == before).then_some(at)
}

/// What all tables share.
fn read_row(
    file: &Arc<SourceText>,
    at: &BTreeMap<&str, usize>,
    line: &[Cell],
    keys: Vec<KeyMatch>,
    mistakes: &mut Vec<Diagnostic>,
) -> Option<(ParameterRow, Spot)> {
    let filled = |name: &str| at.get(name).map(|i| &line[*i]).filter(|c| !c.value.is_empty());
    let area = filled("area").and_then(|cell| value::area(cell).map_err(|mistake| mistakes.push(mistake)).ok());
    let residence = filled("residence").and_then(|cell| {
        if ["urban", "rural"].contains(&cell.value.as_str()) {
            return Some(Arc::from(cell.value.as_str()));
        }
        mistakes.push(
            cell.spot
                .error("rules::bad_value", format!("`{}` is no residence", cell.value), "not a residence")
                .help("write urban or rural, or leave it empty for both"),
        );
        None
    });
    let mut date = |cell: &Cell| match cell.value.parse::<Date>() {
        Ok(date) if cell.value.len() == 10 => Some(date),
        _ => {
            mistakes.push(
                cell.spot
                    .error("rules::bad_date", format!("`{}` is not a date", cell.value), "not a date")
                    .help("write year-month-day, such as 2026-07-01"),
            );
            None
        }
    };
    let begins = &line[*at.get("from")?];
    let from = date(begins);
    let until = filled("until").and_then(&mut date);
    let confirm_by = filled("confirm_by").and_then(date);
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        mistakes.push(
            filled("until")
                .unwrap_or(begins)
                .spot
                .error(
                    "rules::until_before_from",
                    format!("ends on {until}, before it begins on {from}"),
                    "ends too early",
                )
                .also(&begins.spot, "begins")
                .help("`until` is the last day the value holds; leave it empty while there is none"),
        );
    }
    let cite = &line[*at.get("cite")?];
    if cite.value.is_empty() {
        mistakes.push(
            cite.spot
                .error("rules::missing_cite", "this row does not say where its value was published", "empty")
                .help("write document, number and article: every policy value has its source"),
        );
    }
    let end = line.last().map_or(0, |c| c.spot.span.end);
    let spot = Spot { file: Arc::clone(file), span: line[0].spot.span.start..end };
    let row = ParameterRow {
        area,
        residence,
        keys,
        until,
        confirm_by,
        file: file.name.clone(),
        line: spot.line(),
        ..ParameterRow::new(from.unwrap_or(Date::MIN), ParameterValue::Int(0), &cite.value)
    };
    Some((row, spot))
}

fn read_key(cell: &Cell, key: &mut Key, mistakes: &mut Vec<Diagnostic>) -> KeyMatch {
    let text = cell.value.as_str();
    if text.is_empty() {
        return KeyMatch::Any;
    }
    let number = |t: &str| t.parse::<i64>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()));
    let range = if let Some(n) = number(text) {
        Some((n, n))
    } else if let Some(low) = text.strip_suffix('+').and_then(number) {
        Some((low, i64::MAX))
    } else {
        text.split_once('-').and_then(|(low, high)| Some((number(low)?, number(high)?)))
    };
    let kind = if range.is_some() { KeyKind::Number } else { KeyKind::Text };
    let known = *key.kind.get_or_insert(kind);
    if known != kind {
        mistakes.push(
            cell.spot
                .error(
                    "rules::bad_value",
                    format!("key `{}` mixes numbers and texts", key.name),
                    "not like the rows above",
                )
                .help("a key column has whole numbers (3, 1-2, 4+) or texts, not both"),
        );
    }
    match range {
        Some((low, high)) if low > high => {
            mistakes.push(
                cell.spot
                    .error("rules::bad_value", format!("the range {text} is empty"), "first is larger")
                    .help("write the smaller number first"),
            );
            KeyMatch::Any
        }
        Some((low, high)) => KeyMatch::Range(low, high),
        None => KeyMatch::Text(text.into()),
    }
}

pub(crate) fn keys_meet(a: &KeyMatch, b: &KeyMatch) -> bool {
    match (a, b) {
        (KeyMatch::Range(a, b), KeyMatch::Range(c, d)) => a <= d && c <= b,
        (KeyMatch::Text(a), KeyMatch::Text(b)) => a == b,
        (KeyMatch::Any, _) | (_, KeyMatch::Any) => true,
        _ => false,
    }
}
