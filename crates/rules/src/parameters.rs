//! Parameter tables: dated values in CSV, one row for one value with its citation.
//!
//! Columns: `area,residence,<keys..>,from,until,value,cite` in any order; `from`, `value` and `cite` have to be there.
//! An empty `area` or `residence` means everywhere or both, an empty `until` means until further notice, an empty key
//! means any. A key is a whole number `3`, a range `1-2` or `4+`, or a text.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::diagnostic::nearest;
use hedui_base::{AreaCode, ColumnType, Diagnostic, SourceText};
use jiff::civil::Date;

use crate::program::{KeyMatch, ParameterRow};
use crate::spot::{Also as _, Spot, Spotted};
use crate::value;

/// A table as read: what is wrong is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub keys: Vec<Key>,
    pub rows: Vec<ParameterRow>,
}

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

const FIXED: [&str; 6] = ["area", "residence", "from", "until", "value", "cite"];

type Cell = Spotted<String>;

/// Reads a table. `ty` is none if the parameter's type is not known; values are then not checked.
pub(crate) fn read_table(file: &Arc<SourceText>, ty: Option<ColumnType>, mistakes: &mut Vec<Diagnostic>) -> Table {
    let mut lines = cells(file).into_iter();
    let Some(header) = lines.next() else {
        mistakes.push(
            Diagnostic::error("rules::bad_header", "the table is empty")
                .at(file, 0..0, "no header")
                .help("begin with a line of column names: area,residence,from,until,value,cite"),
        );
        return Table::default();
    };
    let Some(columns) = read_header(file, &header, mistakes) else { return Table::default() };
    let mut table = Table {
        keys: columns.keys.iter().map(|(name, _)| Key { name: name.clone(), kind: None }).collect(),
        rows: Vec::new(),
    };
    let mut spots = Vec::new();
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
        if let Some((row, spot)) = read_row(file, &columns, &line, ty, &mut table.keys, mistakes) {
            table.rows.push(row);
            spots.push(spot);
        }
    }
    find_overlaps(&table.rows, &spots, mistakes);
    table
}

/// Where each column is.
struct Columns {
    area: Option<usize>,
    residence: Option<usize>,
    from: usize,
    until: Option<usize>,
    value: usize,
    cite: usize,
    keys: Vec<(String, usize)>,
}

fn read_header(file: &Arc<SourceText>, header: &[Cell], mistakes: &mut Vec<Diagnostic>) -> Option<Columns> {
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
    for need in ["from", "value", "cite"] {
        if !at.contains_key(need) {
            let near = nearest(need, at.keys().copied().filter(|k| !FIXED.contains(k)));
            let help = near.map_or_else(
                || "columns: area,residence,<keys>,from,until,value,cite".to_owned(),
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
    if mistakes.len() > before {
        return None;
    }
    let mut keys: Vec<(String, usize)> =
        at.iter().filter(|(n, _)| !FIXED.contains(n)).map(|(n, i)| ((*n).to_owned(), *i)).collect();
    keys.sort_by_key(|(_, index)| *index);
    Some(Columns {
        area: at.get("area").copied(),
        residence: at.get("residence").copied(),
        from: *at.get("from")?,
        until: at.get("until").copied(),
        value: *at.get("value")?,
        cite: *at.get("cite")?,
        keys,
    })
}

fn read_row(
    file: &Arc<SourceText>,
    columns: &Columns,
    line: &[Cell],
    ty: Option<ColumnType>,
    keys: &mut [Key],
    mistakes: &mut Vec<Diagnostic>,
) -> Option<(ParameterRow, Spot)> {
    let before = mistakes.len();
    let filled = |index: Option<usize>| index.map(|i| &line[i]).filter(|c| !c.value.is_empty());
    let area = filled(columns.area).and_then(|cell| value::area(cell).map_err(|mistake| mistakes.push(mistake)).ok());
    let residence = filled(columns.residence).and_then(|cell| {
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
    let from = date(&line[columns.from]);
    let until = filled(columns.until).and_then(date);
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        mistakes.push(
            line[columns.until.unwrap_or(columns.from)]
                .spot
                .error(
                    "rules::until_before_from",
                    format!("ends on {until}, before it begins on {from}"),
                    "ends too early",
                )
                .also(&line[columns.from].spot, "begins")
                .help("`until` is the last day the value holds; leave it empty while there is none"),
        );
    }
    let cell = &line[columns.value];
    let parsed = ty.and_then(|ty| match value::cell(&cell.value, ty) {
        Ok(value) => Some(value),
        Err(why) => {
            mistakes.push(
                cell.spot
                    .error("rules::bad_value", format!("`{}` is no value of type {ty}", cell.value), why)
                    .help(value::example(ty)),
            );
            None
        }
    });
    let cite = &line[columns.cite];
    if cite.value.is_empty() {
        mistakes.push(
            cite.spot
                .error("rules::missing_cite", "this row does not say where its value was published", "empty")
                .help("write document, number and article: every policy value has its source"),
        );
    }
    let matches: Vec<KeyMatch> =
        columns.keys.iter().zip(keys).map(|((_, index), key)| read_key(&line[*index], key, mistakes)).collect();
    let end = line.last().map_or(0, |c| c.spot.span.end);
    let spot = Spot { file: Arc::clone(file), span: line[0].spot.span.start..end };
    let row = ParameterRow {
        area,
        residence,
        keys: matches,
        from: from?,
        until,
        value: parsed?,
        cite: cite.value.clone(),
        file: file.name.clone(),
        line: spot.line(),
    };
    (mistakes.len() == before).then_some((row, spot))
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

/// Two rows that could both be meant for one case on one day.
fn find_overlaps(rows: &[ParameterRow], spots: &[Spot], mistakes: &mut Vec<Diagnostic>) {
    let mut groups: BTreeMap<(Option<AreaCode>, Option<&str>), Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        groups.entry((row.area, row.residence.as_deref())).or_default().push(index);
    }
    for group in groups.values() {
        for (n, &a) in group.iter().enumerate() {
            for &b in &group[n + 1..] {
                let (one, two) = (&rows[a], &rows[b]);
                let dates = one.until.is_none_or(|u| two.from <= u) && two.until.is_none_or(|u| one.from <= u);
                if dates && one.keys.iter().zip(&two.keys).all(|(x, y)| keys_meet(x, y)) {
                    let day = one.from.max(two.from);
                    mistakes.push(
                        spots[b]
                            .error(
                                "rules::overlap",
                                format!(
                                    "two rows hold on {day} for the same area, residence and keys (lines {} and {})",
                                    one.line, two.line
                                ),
                                "second",
                            )
                            .also(&spots[a], "first")
                            .help("end the earlier one with `until` on the day before the later one begins"),
                    );
                }
            }
        }
    }
}

fn keys_meet(a: &KeyMatch, b: &KeyMatch) -> bool {
    match (a, b) {
        (KeyMatch::Range(a, b), KeyMatch::Range(c, d)) => a <= d && c <= b,
        (KeyMatch::Text(a), KeyMatch::Text(b)) => a == b,
        (KeyMatch::Any, _) | (_, KeyMatch::Any) => true,
        _ => false,
    }
}

/// The cells of a CSV text with their places; blank lines are left out.
fn cells(file: &Arc<SourceText>) -> Vec<Vec<Cell>> {
    let text = file.text.as_str();
    let bytes = text.as_bytes();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut lines = Vec::new();
    let mut line: Vec<Cell> = Vec::new();
    while at < bytes.len() {
        let start = at;
        let mut value = String::new();
        if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() {
                let end = text[at..].find('"').map_or(bytes.len(), |n| at + n);
                value.push_str(&text[at..end]);
                at = (end + 1).min(bytes.len());
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                value.push('"');
                at += 1;
            }
        }
        let end = text[at..].find([',', '\n']).map_or(bytes.len(), |n| at + n);
        value.push_str(text[at..end].trim_end_matches('\r'));
        let value = value.trim().to_owned();
        let width = text[start..end].trim_end_matches('\r').len();
        line.push(Cell { value, spot: Spot { file: Arc::clone(file), span: start..start + width } });
        let comma = bytes.get(end) == Some(&b',');
        at = end + 1;
        if comma && at < bytes.len() {
            continue;
        }
        if comma {
            line.push(Cell { value: String::new(), spot: Spot { file: Arc::clone(file), span: at..at } });
        }
        let done = std::mem::take(&mut line);
        if done.len() > 1 || done.iter().any(|c| !c.value.is_empty()) {
            lines.push(done);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use hedui_base::Period;

    use super::*;

    fn read(text: &str) -> (Table, Vec<Diagnostic>) {
        let mut mistakes = Vec::new();
        let file = SourceText::new("p/t.csv", text);
        (read_table(&file, Some(ColumnType::Money(Period::Month)), &mut mistakes), mistakes)
    }

    #[test]
    fn quotes_blank_lines_and_byte_order_marks_are_understood() {
        let (table, mistakes) =
            read("\u{feff}area,from,value,cite\r\n321100,2026-01-01,900.00,\"镇政发, 1号 \"\"x\"\"\"\r\n\r\n");
        assert_eq!(mistakes, []);
        assert_eq!(table.rows.len(), 1);
        assert_eq!(table.rows[0].cite, "镇政发, 1号 \"x\"");
        assert_eq!(table.rows[0].line, 2);
    }

    #[test]
    fn neighbouring_dates_and_keys_do_not_overlap() {
        let (table, mistakes) = read(
            "area,size,from,until,value,cite\n,1-2,2025-01-01,2025-12-31,1,a\n,1-2,2026-01-01,,2,b\n,3+,2025-01-01,,3,c\n3211,1,2025-01-01,,4,d\n",
        );
        assert_eq!(mistakes, []);
        assert_eq!(table.rows.len(), 4);
        assert_eq!(table.keys[0].kind, Some(KeyKind::Number));
        let (_, mistakes) = read("from,until,value,cite\n2025-01-01,2025-12-31,1,a\n2025-12-31,,2,b\n");
        assert_eq!(mistakes.len(), 1, "the last day is part of the row");
        assert_eq!(mistakes[0].labels.len(), 2);
    }
}
