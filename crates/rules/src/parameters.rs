//! Parameter tables: dated values in CSV, one row for one value with its citation.
//!
//! Columns: `area,residence,<keys..>,from,until,value,each,per,confirm_by,cite` in any order; `from`, `value` and `cite`
//! have to be there. An empty `area` or `residence` means everywhere or both, an empty `until` means until further
//! notice, an empty key means any. A key is a whole number `3`, a range `1-2` or `4+`, or a text. A value `?` is a
//! declared gap; `each` is added for each unit beyond the beginning of an open range; `per` is the period the value was
//! published for.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::{AreaCode, ColumnType, Diagnostic, Period, SourceText};

use crate::csv::Cell;
use crate::lines::{Columns, Key, keys_meet, read_lines};
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

/// Reads a table. `ty` is none if the parameter's type is not known; values are then not checked.
pub(crate) fn read_table(file: &Arc<SourceText>, ty: Option<ColumnType>, mistakes: &mut Vec<Diagnostic>) -> Table {
    const COLUMNS: Columns = Columns { needed: &["value"], optional: &["each", "per"] };
    let (keys, lines) = read_lines(file, COLUMNS, mistakes);
    let mut table = Table { keys, ..Table::default() };
    for line in lines {
        let before = mistakes.len();
        let per = line.filled("per").and_then(|cell| period(cell, ty, mistakes));
        let published = published_type(ty, per);
        let value = line.cell("value").and_then(|cell| read_value(cell, published, mistakes));
        let each = line.filled("each").and_then(|cell| increment(cell, published, &line.row.keys, mistakes));
        let Some(value) = value.filter(|_| line.whole && mistakes.len() == before) else { continue };
        let per = per.filter(|per| ty != Some(ColumnType::Money(*per)));
        table.rows.push(ParameterRow { value, each, per, ..line.row });
        table.spots.push(line.spot);
    }
    find_overlaps(&table.rows, &table.spots, mistakes);
    table
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
pub(crate) fn read_value(cell: &Cell, ty: Option<ColumnType>, mistakes: &mut Vec<Diagnostic>) -> Option<RowValue> {
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

/// Two rows that could both be meant for one case on one day.
pub(crate) fn find_overlaps(rows: &[ParameterRow], spots: &[Spot], mistakes: &mut Vec<Diagnostic>) {
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

#[cfg(test)]
mod tests {
    use crate::lines::KeyKind;

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
