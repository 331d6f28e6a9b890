//! Monthly workbooks: every sheet closed by its own totals, rows linked by account, else by address.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use hedui_base::{ColumnType, Fen, Month};
use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;

use super::answers::Answers;
use super::documents::json_cell;
use super::files::sum_of;
use super::view::Scalar;
use super::{Reason, View, address, row};
use crate::convert::Cell;
use crate::manifest::{DropPlan, Must, NoneProof, Verdict};
use crate::reply::{Media, Part, RawReply};
use crate::selector::{Kind, Selector};

/// Rows a workbook may have.
const MAX_ROWS: usize = 1_000_000;
/// Below it two addresses have nothing to do with each other; between it and the manifest's score a person must look.
const UNCERTAIN: i64 = 7_500;

type Cells = Vec<Option<Cell>>;

/// One month's file, whole.
struct Sheet {
    month: Month,
    header: HashMap<String, usize>,
    rows: Vec<(usize, Cells)>,
}

pub(super) fn read(answers: &mut Answers<'_>, plan: &DropPlan, raw: &RawReply) {
    let mut sheets = Vec::new();
    let mut missing = false;
    let months: Vec<Month> = raw.period.map(|p| p.months().collect()).unwrap_or_default();
    for month in &months {
        let name = month.to_string();
        let Some(part) = raw.parts.iter().find(|p| p.name == name) else {
            missing = true;
            continue;
        };
        match sheet(answers, plan, part, *month) {
            Ok(sheet) => sheets.push(sheet),
            Err(reason) => {
                missing = true;
                answers.set_aside_file(reason, name);
            }
        }
    }
    missing |= months.is_empty();
    link(answers, &sheets, missing);
    if matches!(answers.source.manifest.outcome.none, Some(NoneProof::PeriodLoaded)) && !missing {
        answers.prove_silence();
    }
    answers.silence_is("period_incomplete");
}

/// Gives every subject its rows.
fn link(answers: &mut Answers<'_>, sheets: &[Sheet], missing: bool) {
    let source = answers.source;
    let Some(link) = &source.manifest.quality.link else { return };
    let selector = |column: &str| source.manifest.field(column).and_then(|f| f.from.clone());
    let (Some(account_at), Some(address_at)) = (selector(&link.account), selector(&link.address)) else { return };
    let mut by_account: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    let mut by_address: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    for (s, sheet) in sheets.iter().enumerate() {
        for (r, (_, cells)) in sheet.rows.iter().enumerate() {
            answers.count_row();
            let view = View::Cells(&sheet.header, cells);
            let Some(account) = view.text(&account_at).map(|t| fold_account(&t)) else { continue };
            if let Some(text) = view.text(&address_at) {
                by_address.entry(address::fold(&text)).or_default().insert(account.clone());
            }
            by_account.entry(account).or_default().push((s, r));
        }
    }
    let sent: Vec<usize> = answers.sent().collect();
    for subject in sent {
        let key = &answers.subjects[subject];
        let own = key.account.as_ref().map(|a| fold_account(a)).filter(|a| by_account.contains_key(a));
        let found = own.map(|account| (account, 10_000)).or_else(|| {
            let wanted = address::fold(key.address.as_ref()?);
            let best =
                by_address.iter().map(|(a, accounts)| (address::score(&wanted, a), accounts)).max_by_key(|b| b.0)?;
            // One address with two meters does not say which is meant.
            let only = if best.1.len() == 1 { best.1.iter().next().cloned() } else { None };
            Some((only.unwrap_or_default(), best.0))
        });
        let Some((account, score)) = found.filter(|(_, score)| *score >= UNCERTAIN) else { continue };
        if score < link.min_score || account.is_empty() {
            answers.gap(subject, "link_uncertain");
            continue;
        }
        answers.score(subject, score);
        answers.verdict(subject, Verdict::Found, None);
        if missing {
            answers.gap(subject, "period_incomplete");
        }
        for (s, r) in by_account.get(&account).into_iter().flatten() {
            let sheet = &sheets[*s];
            let (line, cells) = &sheet.rows[*r];
            let view = View::Cells(&sheet.header, cells);
            let place = format!("{} row {line}", sheet.month);
            if month_of(answers, view).is_some_and(|m| m != sheet.month) {
                answers.spoil(subject, Reason::SchemaDrift, place);
            } else {
                answers.row(subject, view, None, place);
            }
        }
    }
}

/// The month a row says it is for, if the dataset has one.
fn month_of(answers: &Answers<'_>, view: View<'_>) -> Option<Month> {
    let source = answers.source;
    let (column, _) = source.dataset.columns.iter().find(|(_, spec)| spec.ty == ColumnType::Month)?;
    match row::value(source.manifest.field(column)?, view) {
        Ok(Some(crate::convert::Value::Int(index))) => Month::from_index(index),
        _ => None,
    }
}

fn fold_account(account: &str) -> String {
    account.nfkc().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// Reads one month's file and checks its closing row.
fn sheet(answers: &Answers<'_>, plan: &DropPlan, part: &Part, month: Month) -> Result<Sheet, Reason> {
    let grid = match part.media {
        Media::Xlsx => workbook(&part.body)?,
        Media::Grid => grid(&part.body)?,
        _ => return Err(Reason::SchemaDrift),
    };
    let text = |cell: &Option<Cell>| cell.as_ref().map(|c| c.text.trim().to_owned());
    let top = grid
        .iter()
        .position(|row| row.iter().any(|c| text(c).as_deref() == Some(&plan.header)))
        .ok_or(Reason::SchemaDrift)?;
    let header: HashMap<String, usize> =
        grid[top].iter().enumerate().filter_map(|(i, c)| Some((text(c)?, i))).collect();
    let missing =
        answers.source.manifest.map.fields.iter().filter(|f| !f.optional).any(
            |f| matches!(f.from.as_ref().map(|s| &s.kind), Some(Kind::Column(name)) if !header.contains_key(name)),
        );
    if missing {
        return Err(Reason::SchemaDrift);
    }
    let first = header[&plan.header];
    let mut rows = Vec::new();
    let mut closing = None;
    for (index, cells) in grid.into_iter().enumerate().skip(top + 1) {
        if cells.iter().all(Option::is_none) {
            continue;
        }
        if let Some(trailer) = &plan.trailer
            && cells.get(first).and_then(text).as_deref() == Some(&trailer.find)
        {
            closing = Some(cells);
            break;
        }
        rows.push((index + 1, cells));
    }
    let sheet = Sheet { month, header, rows };
    match (&plan.trailer, closing) {
        (None, _) => Ok(sheet),
        (Some(_), None) => Err(Reason::TrailerMismatch),
        (Some(trailer), Some(cells)) => {
            let view = View::Cells(&sheet.header, &cells);
            let at = |column: &str| Selector::compile(column, crate::selector::Format::Cells).ok();
            let count: Option<usize> = at(&trailer.count)
                .and_then(|s| view.text(&s))
                .and_then(|t| t.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok());
            let wrong_count = count != Some(sheet.rows.len());
            let wrong_sum = answers.source.manifest.quality.must.iter().any(|must| match must {
                Must::TrailerSum(column) => {
                    let said = at(&trailer.sum).map(|s| view.scalar(&s));
                    !sum_agrees(answers, column, &sheet, said)
                }
                _ => false,
            });
            if wrong_count || wrong_sum { Err(Reason::TrailerMismatch) } else { Ok(sheet) }
        }
    }
}

fn sum_agrees(answers: &Answers<'_>, column: &str, sheet: &Sheet, said: Option<Scalar>) -> bool {
    let Some(field) = answers.source.manifest.field(column) else { return false };
    let Some(Kind::Column(name)) = field.from.as_ref().map(|s| &s.kind) else { return false };
    let Some(index) = sheet.header.get(name) else { return false };
    let cells = sheet.rows.iter().map(|(_, cells)| cells.get(*index).and_then(Option::as_ref));
    let Some(found) = sum_of(&field.converter, cells) else {
        // An amount that cannot be read is set aside with its row; the sum can then neither agree nor differ.
        return true;
    };
    let Some(Scalar::Cell(cell)) = said else { return false };
    matches!(field.converter.convert(&cell), Ok(crate::convert::Value::Int(fen)) if Fen::new(fen) == found)
}

/// The first sheet of a workbook, cell by cell.
fn workbook(bytes: &[u8]) -> Result<Vec<Cells>, Reason> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| Reason::SchemaDrift)?;
    let range = book.worksheet_range_at(0).and_then(Result::ok).ok_or(Reason::SchemaDrift)?;
    if range.height() > MAX_ROWS {
        return Err(Reason::SchemaDrift);
    }
    Ok(range.rows().map(|row| row.iter().map(cell).collect()).collect())
}

/// A workbook's numbers are binary floats; the shortest decimal that reads back as the same float is what was typed.
fn cell(data: &Data) -> Option<Cell> {
    let numeric = |text: String| Some(Cell { text, numeric: true });
    match data {
        Data::Empty => None,
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            (!text.is_empty()).then(|| Cell::text(text.clone()))
        }
        Data::Int(number) => numeric(number.to_string()),
        Data::Float(number) => numeric(number.to_string()),
        Data::DateTime(date) => numeric(date.as_f64().to_string()),
        Data::Bool(value) => Some(Cell::text(value.to_string())),
        Data::Error(_) => Some(Cell::text("#ERROR")),
    }
}

/// A sheet as samples write it.
fn grid(bytes: &[u8]) -> Result<Vec<Cells>, Reason> {
    let rows: Vec<Vec<Json>> = serde_json::from_slice(bytes).map_err(|_| Reason::SchemaDrift)?;
    Ok(rows.iter().map(|row| row.iter().map(json_cell).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_is_the_shortest_decimal_that_reads_back() {
        let shown = |n: f64| cell(&Data::Float(n)).map(|c| c.text);
        assert_eq!(shown(38.75), Some("38.75".into()));
        assert_eq!(shown(31.0), Some("31".into()));
        assert_eq!(shown(0.1 + 0.2), Some("0.30000000000000004".into()), "and so it is refused as money");
        assert_eq!(cell(&Data::Empty), None);
    }
}
