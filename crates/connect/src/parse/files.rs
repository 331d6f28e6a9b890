//! Reply files: decoded strictly, closed by a trailer, matched to the request row by row.

use std::collections::{BTreeMap, HashMap};

use hedui_base::{AskId, Fen, Outcome};

use super::answers::Answers;
use super::grid::{Header, decode, trailer_of};
use super::{Reason, View, documents};
use crate::convert::{Cell, Value};
use crate::manifest::{Field, FilePlan, Must, Verdict};
use crate::reply::{Media, Part, RawReply};
use crate::selector::{Kind, Selector};

/// One file of a reply, whole.
struct Sheet<'r> {
    name: &'r str,
    header: Header,
    rows: Vec<Cells>,
}

pub(super) fn read(answers: &mut Answers<'_>, plan: &FilePlan, raw: &RawReply) {
    // Without parts, every file is a version of the whole reply, and the newest counts; the others stay on file.
    let parts = if plan.get.in_parts() { &raw.parts[..] } else { &raw.parts[raw.parts.len().saturating_sub(1)..] };
    if parts.is_empty() {
        answers.all_end(Outcome::Failed, "empty_reply");
        return;
    }
    let mut sheets = Vec::new();
    for part in parts {
        match sheet(answers, plan, part) {
            Ok(sheet) => sheets.push(sheet),
            Err((reason, place)) => return answers.all_fail(reason, place),
        }
    }
    let by_ask: HashMap<AskId, usize> = answers.sent().map(|i| (answers.subjects[i].ask, i)).collect();
    let by_seq: HashMap<u32, Option<usize>> =
        raw.sent.iter().map(|(seq, ask)| (*seq, by_ask.get(ask).copied())).collect();
    let mut said: BTreeMap<u32, Vec<Option<Verdict>>> = BTreeMap::new();
    for sheet in &sheets {
        let seq_at = sheet.header.at(&plan.match_column).unwrap_or_default();
        for (index, cells) in sheet.rows.iter().enumerate() {
            let place = format!("{} line {}", sheet.name, index + 2);
            answers.count_row();
            let seq: Option<u32> = cells.get(seq_at).and_then(Option::as_ref).and_then(|c| c.text.trim().parse().ok());
            let Some(seq) = seq else {
                answers.set_aside(Reason::KeyMissing, place);
                continue;
            };
            match by_seq.get(&seq) {
                None => answers.set_aside(Reason::UnrequestedSubject, place),
                // Sent, but not among the subjects of this parse: another ask's row, left alone.
                Some(None) => {}
                Some(Some(subject)) => {
                    let view = View::Cells(&sheet.header, cells);
                    let verdict = documents::read_item_of(answers, *subject, view, None, &place);
                    said.entry(seq).or_default().push(verdict);
                }
            }
        }
    }
    let silence_proves = answers.source.manifest.outcome.absent == Outcome::NoRecord;
    join_forms(answers, &by_seq, &said, silence_proves);
    if silence_proves {
        answers.prove_silence();
    }
}

/// Joins the answers to the forms of one number: there is no record only if none of them has one.
fn join_forms(
    answers: &mut Answers<'_>,
    by_seq: &HashMap<u32, Option<usize>>,
    said: &BTreeMap<u32, Vec<Option<Verdict>>>,
    silence_proves: bool,
) {
    let mut forms: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (seq, subject) in by_seq {
        forms.entry(subject.unwrap_or(usize::MAX)).or_default().push(*seq);
    }
    forms.remove(&usize::MAX);
    for (subject, seqs) in forms.into_iter().filter(|(_, seqs)| seqs.len() > 1) {
        let says = |seq: &u32, verdict| said.get(seq).is_some_and(|all| all.contains(&Some(verdict)));
        let answered = seqs.iter().all(|seq| said.contains_key(seq) || silence_proves);
        let found = seqs.iter().any(|seq| says(seq, Verdict::Found));
        let contradicts = seqs.iter().any(|seq| says(seq, Verdict::Found) && says(seq, Verdict::NoRecord));
        if !answered {
            answers.gap(subject, "absent");
        }
        if (found && !contradicts) || !answered {
            answers.retract(subject, Verdict::NoRecord);
        }
    }
}

/// Reads one file and checks its last line; else why it counts for nothing, and where.
fn sheet<'r>(answers: &Answers<'_>, plan: &FilePlan, part: &'r Part) -> Result<Sheet<'r>, (Reason, String)> {
    let at = |reason| move |()| (reason, part.name.clone());
    let last_line = || (Reason::TrailerMismatch, format!("{} last line", part.name));
    let body = if part.media == Media::Damaged { None } else { Some(&part.body) };
    let text = body.and_then(|body| decode(plan.get.encoding, body)).ok_or(()).map_err(at(Reason::Encoding))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (lines, trailer) = match &plan.get.trailer {
        None => (lines.as_slice(), None),
        Some(pattern) => {
            let (last, rest) = lines.split_last().ok_or_else(last_line)?;
            (rest, Some(trailer_of(pattern, last).ok_or_else(last_line)?))
        }
    };
    let (header, rows) = table(lines, plan.get.delimiter).map_err(|_| ()).map_err(at(Reason::SchemaDrift))?;
    if let Some(missing) = missing_columns(answers, plan, &header) {
        return Err((Reason::SchemaDrift, format!("{} {missing}", part.name)));
    }
    if let Some((count, sum)) = trailer {
        let must = &answers.source.manifest.quality.must;
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
            return Err(last_line());
        }
    }
    Ok(Sheet { name: &part.name, header, rows })
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
