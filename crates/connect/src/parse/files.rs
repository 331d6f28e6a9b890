//! Reply files: decoded strictly, closed by a trailer, matched to the request row by row.

use std::collections::HashMap;

use hedui_base::{AskId, Fen, Outcome};

use super::answers::Answers;
use super::grid::{Header, decode, trailer_of};
use super::{Reason, View, documents};
use crate::convert::{Cell, Value};
use crate::manifest::{Field, FilePlan, Must};
use crate::reply::RawReply;
use crate::selector::{Kind, Selector};

pub(super) fn read(answers: &mut Answers<'_>, plan: &FilePlan, raw: &RawReply) {
    let source = answers.source;
    let Some(part) = raw.parts.first() else {
        answers.all_end(Outcome::Failed, "empty_reply");
        return;
    };
    let Some(text) = decode(plan.get.encoding, &part.body) else {
        return answers.all_fail(Reason::Encoding, part.name.clone());
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (lines, trailer) = match &plan.get.trailer {
        None => (lines.as_slice(), None),
        Some(pattern) => match lines.split_last().and_then(|(last, rest)| Some((rest, trailer_of(pattern, last)?))) {
            Some((rest, trailer)) => (rest, Some(trailer)),
            None => return answers.all_fail(Reason::TrailerMismatch, format!("{} last line", part.name)),
        },
    };
    let Ok((header, rows)) = table(lines, plan.get.delimiter) else {
        return answers.all_fail(Reason::SchemaDrift, part.name.clone());
    };
    if let Some(missing) = missing_columns(answers, plan, &header) {
        return answers.all_fail(Reason::SchemaDrift, format!("{} {missing}", part.name));
    }
    if let Some((count, sum)) = trailer {
        let must = &source.manifest.quality.must;
        let wrong_count = must.contains(&Must::TrailerCount) && count != rows.len();
        let wrong_sum = must.iter().any(|m| match m {
            Must::TrailerSum(column) => match total(answers, column, &header, &rows) {
                // An amount that cannot be read is set aside below; the sum can then neither agree nor differ.
                None => false,
                found => found != sum,
            },
            _ => false,
        });
        if wrong_count || wrong_sum {
            return answers.all_fail(Reason::TrailerMismatch, format!("{} last line", part.name));
        }
    }
    let by_ask: HashMap<AskId, usize> = answers.sent().map(|i| (answers.subjects[i].ask, i)).collect();
    let by_seq: HashMap<u32, Option<usize>> =
        raw.sent.iter().map(|(seq, ask)| (*seq, by_ask.get(ask).copied())).collect();
    let seq_at = header.at(&plan.match_column).unwrap_or_default();
    for (index, cells) in rows.iter().enumerate() {
        let place = format!("{} line {}", part.name, index + 2);
        answers.count_row();
        let seq: Option<u32> = cells.get(seq_at).and_then(Option::as_ref).and_then(|c| c.text.trim().parse().ok());
        match seq.map(|seq| by_seq.get(&seq)) {
            None => answers.set_aside(Reason::KeyMissing, place),
            Some(None) => answers.set_aside(Reason::UnrequestedSubject, place),
            // Sent, but not among the subjects of this parse: another ask's row, left alone.
            Some(Some(None)) => {}
            Some(Some(Some(subject))) => {
                documents::read_item_of(answers, *subject, View::Cells(&header, cells), None, &place);
            }
        }
    }
    if source.manifest.outcome.absent == Outcome::NoRecord {
        answers.prove_silence();
    }
}

type Cells = Vec<Option<Cell>>;

fn table(lines: &[&str], delimiter: u8) -> Result<(Header, Vec<Cells>), csv::Error> {
    let text = lines.join("\n");
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let header = Header::new(reader.headers()?.iter().map(str::trim));
    let mut rows = Vec::new();
    for record in reader.records() {
        let cells = record?.iter().map(|text| (!text.is_empty()).then(|| Cell::text(text))).collect();
        rows.push(cells);
    }
    Ok((header, rows))
}

/// The first column the manifest reads and the file lacks.
fn missing_columns(answers: &Answers<'_>, plan: &FilePlan, header: &Header) -> Option<String> {
    let manifest = &answers.source.manifest;
    let fields = manifest.map.fields.iter().chain(&manifest.map.as_of).filter(|f| !f.optional);
    let rules = manifest.outcome.item_is.iter().filter_map(|r| r.when.test.as_ref()).map(|(selector, ..)| selector);
    let selectors = fields
        .filter_map(|f| f.from.as_ref())
        .chain(rules)
        .chain(&manifest.outcome.echo_id)
        .chain(&manifest.outcome.echo_name);
    let name = |selector: &Selector| match &selector.kind {
        Kind::Column(name) => Some(name.clone()),
        _ => None,
    };
    selectors.filter_map(name).chain([plan.match_column.clone()]).find_map(|name| header.lacks(&name))
}

/// The sum of an amount over all rows; none if one of them cannot be read.
fn total(answers: &Answers<'_>, column: &str, header: &Header, rows: &[Cells]) -> Option<Fen> {
    let field = answers.source.manifest.field(column)?;
    let Kind::Column(name) = &field.from.as_ref()?.kind else { return None };
    let index = header.at(name)?;
    sum_of(field, rows.iter().map(|cells| cells.get(index).and_then(Option::as_ref)))
}

/// Adds amounts; cells that say nothing count nothing.
pub(super) fn sum_of<'c>(field: &Field, cells: impl Iterator<Item = Option<&'c Cell>>) -> Option<Fen> {
    let mut sum = Fen::ZERO;
    for cell in cells.flatten().filter(|c| !field.says_null(c.text.trim())) {
        let Ok(Value::Int(fen)) = field.converter.convert(cell) else { return None };
        sum = sum.checked_add(Fen::new(fen))?;
    }
    Some(sum)
}
