//! Parameter tables: dated values in CSV, one row for one value with its citation.
//!
//! Columns: `area,residence,<keys..>,from,until,value,each,per,confirm_by,cite` in any order; `from`, `value` and `cite`
//! have to be there. An empty `area` or `residence` means everywhere or both, an empty `until` means until further
//! notice, an empty key means any. A key is a whole number `3`, a range `1-2` or `4+`, or a text. A value `?` is a
//! declared gap; `each` is added for each unit beyond the beginning of an open range; `per` is the period the value was
//! published for.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::diagnostic::nearest;
use hedui_base::{AreaCode, ColumnType, Diagnostic, Period, SourceText};
use jiff::civil::Date;

use crate::csv::{Cell, cells};
use crate::program::{KeyMatch, ParameterRow, ParameterValue, RowValue};
use crate::spot::{Also as _, Spot};
use crate::value;

/// A table as read: what is wrong is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub keys: Vec<Key>,
    pub rows: Vec<ParameterRow>,
    /// Where each row is written.
    pub spots: Vec<Spot>,
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

const FIXED: [&str; 9] = ["area", "residence", "from", "until", "value", "each", "per", "confirm_by", "cite"];

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
        ..Table::default()
    };
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
            table.spots.push(spot);
        }
    }
    find_overlaps(&table.rows, &table.spots, mistakes);
    table
}

/// Where each column is.
struct Columns {
    area: Option<usize>,
    residence: Option<usize>,
    from: usize,
    until: Option<usize>,
    value: usize,
    each: Option<usize>,
    per: Option<usize>,
    confirm_by: Option<usize>,
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
                || {
                    "columns: area,residence,<keys>,from,until,value,cite, and each, per, confirm_by where needed"
                        .to_owned()
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
        each: at.get("each").copied(),
        per: at.get("per").copied(),
        confirm_by: at.get("confirm_by").copied(),
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
    let until = filled(columns.until).and_then(&mut date);
    let confirm_by = filled(columns.confirm_by).and_then(date);
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
    let per = filled(columns.per).and_then(|cell| period(cell, ty, mistakes));
    let published = published_type(ty, per);
    let value = read_value(&line[columns.value], published, mistakes);
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
    let each = filled(columns.each).and_then(|cell| increment(cell, published, &matches, mistakes));
    let end = line.last().map_or(0, |c| c.spot.span.end);
    let spot = Spot { file: Arc::clone(file), span: line[0].spot.span.start..end };
    let row = ParameterRow {
        area,
        residence,
        keys: matches,
        from: from?,
        until,
        value: value?,
        each,
        per: per.filter(|per| ty != Some(ColumnType::Money(*per))),
        confirm_by,
        cite: cite.value.clone(),
        file: file.name.clone(),
        line: spot.line(),
    };
    (mistakes.len() == before).then_some((row, spot))
}

/// The type of a value as it is published: of the period it is published for.
pub(crate) fn published_type(ty: Option<ColumnType>, per: Option<Period>) -> Option<ColumnType> {
    per.map(ColumnType::Money).or(ty)
}

/// The period a value was published for, if the parameter is of money that can be converted.
pub(crate) fn period(cell: &Cell, ty: Option<ColumnType>, mistakes: &mut Vec<Diagnostic>) -> Option<Period> {
    let found = match cell.value.as_str() {
        "month" => Some(Period::Month),
        "year" => Some(Period::Year),
        _ => None,
    };
    let (message, help) = match (found, ty) {
        (None, _) => (format!("`{}` is no period", cell.value), "write month or year"),
        (_, Some(ty)) if !matches!(ty, ColumnType::Money(Period::Month | Period::Year)) => (
            format!("values of type {ty} have no other period to be published for"),
            "`per` stands with money/month and money/year only; take it out",
        ),
        _ => return found,
    };
    mistakes.push(cell.spot.error("rules::bad_period", message, "not a period of this value").help(help));
    None
}

/// A value cell; `?` is a gap.
fn read_value(cell: &Cell, ty: Option<ColumnType>, mistakes: &mut Vec<Diagnostic>) -> Option<RowValue> {
    if cell.value == "?" {
        return Some(RowValue::Gap("".into()));
    }
    let ty = ty?;
    match value::cell(&cell.value, ty) {
        Ok(value) => Some(RowValue::Known(value)),
        Err(why) => {
            mistakes.push(
                cell.spot
                    .error("rules::bad_value", format!("`{}` is no value of type {ty}", cell.value), why)
                    .help(format!("{}; `?` says openly that its source leaves it open", value::example(ty))),
            );
            None
        }
    }
}

/// What is added for each unit beyond the beginning of the row's open range.
fn increment(cell: &Cell, ty: Option<ColumnType>, keys: &[KeyMatch], mistakes: &mut Vec<Diagnostic>) -> Option<i64> {
    let ty = ty?;
    let open = keys.iter().filter(|key| matches!(key, KeyMatch::Range(_, i64::MAX))).count();
    let number = matches!(ty, ColumnType::Int | ColumnType::Decimal(_) | ColumnType::Money(_) | ColumnType::Area);
    let (message, help) = match value::cell(&cell.value, ty) {
        Ok(ParameterValue::Int(each)) if number && open == 1 => return Some(each),
        Err(why) if number => (format!("`{}` is no value of type {ty}: {why}", cell.value), value::example(ty)),
        _ if !number => (format!("nothing can be added to values of type {ty}"), "take `each` out".to_owned()),
        _ => (
            format!("this row has {open} open ranges, but `each` counts on from one"),
            "`each` stands in a row with one key such as 8+: the value is that for 8, and so much more for each beyond"
                .to_owned(),
        ),
    };
    mistakes.push(cell.spot.error("rules::bad_each", message, "cannot be added").help(help));
    None
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
