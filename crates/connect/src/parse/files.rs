//! Reply files: decoded strictly, closed by a trailer, matched to the request row by row.

use std::collections::HashMap;

use hedui_base::{AskId, Fen, Outcome};

use super::answers::Answers;
use super::{Reason, View, documents};
use crate::convert::{Cell, Converter, Value};
use crate::manifest::{Encoding, FilePlan, Must};
use crate::reply::RawReply;
use crate::selector::{Kind, Selector};

/// Decodes bytes; nothing is replaced.
pub(crate) fn decode(encoding: Encoding, bytes: &[u8]) -> Option<String> {
    match encoding {
        // GB18030 is a superset of GBK, and what banks call GBK often is not only GBK.
        Encoding::Gbk | Encoding::Gb18030 => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(std::borrow::Cow::into_owned),
        Encoding::Utf8 => String::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).to_vec()).ok(),
    }
}

/// `#count:{count};sum:{sum}` against a line.
pub(super) fn trailer_of(pattern: &str, line: &str) -> Option<(usize, Option<Fen>)> {
    let (before, rest) = pattern.split_once("{count}")?;
    let line = line.trim().strip_prefix(before)?;
    let Some((between, after)) = rest.split_once("{sum}") else {
        return Some((line.strip_suffix(rest)?.parse().ok()?, None));
    };
    let (count, line) = line.split_once(between)?;
    let sum = line.strip_suffix(after)?;
    Some((count.parse().ok()?, Some(sum.parse().ok()?)))
}

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
        return answers.all_fail(Reason::SchemaDrift, format!("{} column {missing}", part.name));
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
    let seq_at = header.get(&plan.match_column).copied().unwrap_or_default();
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

fn table(lines: &[&str], delimiter: u8) -> Result<(HashMap<String, usize>, Vec<Cells>), csv::Error> {
    let text = lines.join("\n");
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let header = reader.headers()?.iter().enumerate().map(|(i, name)| (name.trim().to_owned(), i)).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let cells = record?.iter().map(|text| (!text.is_empty()).then(|| Cell::text(text))).collect();
        rows.push(cells);
    }
    Ok((header, rows))
}

/// The first column the manifest reads and the file lacks.
fn missing_columns(answers: &Answers<'_>, plan: &FilePlan, header: &HashMap<String, usize>) -> Option<String> {
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
    selectors.filter_map(name).chain([plan.match_column.clone()]).find(|name| !header.contains_key(name))
}

/// The sum of an amount over all rows; none if one of them cannot be read.
fn total(answers: &Answers<'_>, column: &str, header: &HashMap<String, usize>, rows: &[Cells]) -> Option<Fen> {
    let field = answers.source.manifest.field(column)?;
    let Kind::Column(name) = &field.from.as_ref()?.kind else { return None };
    let index = *header.get(name)?;
    sum_of(&field.converter, rows.iter().map(|cells| cells.get(index).and_then(Option::as_ref)))
}

/// Adds amounts; empty cells count nothing.
pub(super) fn sum_of<'c>(converter: &Converter, cells: impl Iterator<Item = Option<&'c Cell>>) -> Option<Fen> {
    let mut sum = Fen::ZERO;
    for cell in cells.flatten().filter(|c| !c.text.trim().is_empty()) {
        let Ok(Value::Int(fen)) = converter.convert(cell) else { return None };
        sum = sum.checked_add(Fen::new(fen))?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_trailer_is_its_pattern_or_nothing() {
        let pattern = "#count:{count};sum:{sum}";
        assert_eq!(trailer_of(pattern, "#count:3;sum:51234.56"), Some((3, Some(Fen::new(5_123_456)))));
        assert_eq!(trailer_of("{count} 条", "12 条"), Some((12, None)));
        for bad in ["#count:3;sum:", "#count:;sum:1", "count:3;sum:1", "#count:3", "2|李四|1"] {
            assert_eq!(trailer_of(pattern, bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let (bytes, _, _) = encoding_rs::GB18030.encode("张㛃𠮷");
        assert_eq!(decode(Encoding::Gbk, &bytes).as_deref(), Some("张㛃𠮷"));
        assert_eq!(decode(Encoding::Gb18030, b"\xff\xff"), None);
        assert_eq!(decode(Encoding::Utf8, b"\xd5\xc5"), None);
    }
}
