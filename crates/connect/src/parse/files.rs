//! Reply files: decoded strictly, closed by a trailer, matched to the request row by row.

use std::collections::{BTreeMap, HashMap};

use hedui_base::{AskId, Fen, Outcome};

use super::answers::Answers;
use super::drops::{cells, sum_agrees};
use super::grid::{self, Flaw, Table};
use super::{Reason, View, documents};
use crate::convert::{Cell, Value};
use crate::manifest::{Field, FilePlan, Must, Verdict};
use crate::reply::{Media, Part, RawReply};
use crate::selector::{Kind, Selector};

/// One file of a reply, whole.
struct Sheet<'r> {
    name: &'r str,
    table: Table,
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
        match tables(answers, plan, part) {
            Ok(tables) => sheets.extend(tables.into_iter().map(|table| Sheet { name: &part.name, table })),
            Err(flaw) => return answers.all_fail(flaw.reason, format!("{} {}", part.name, flaw.place).trim_end()),
        }
    }
    let by_ask: HashMap<AskId, usize> = answers.sent().map(|i| (answers.subjects[i].ask, i)).collect();
    let by_seq: HashMap<u32, Option<usize>> =
        raw.sent.iter().map(|(seq, ask)| (*seq, by_ask.get(ask).copied())).collect();
    let mut said: BTreeMap<u32, Vec<Option<Verdict>>> = BTreeMap::new();
    for sheet in &sheets {
        for flaw in &sheet.table.flaws {
            answers.count_row();
            answers.set_aside(flaw.reason, format!("{} {}", sheet.name, flaw.place));
        }
        for (header, row) in sheet.table.records() {
            let (header, row) = (&sheet.table.headers[header], &sheet.table.rows[row]);
            let place = format!("{} {}", sheet.name, sheet.table.place(row));
            answers.count_row();
            let cell = header.at(&plan.match_column).and_then(|at| row.cells.get(at)?.as_ref());
            let seq: Option<u32> = cell.and_then(|c| c.text.trim().parse().ok());
            let Some(seq) = seq else {
                answers.set_aside(Reason::KeyMissing, place);
                continue;
            };
            match by_seq.get(&seq) {
                None => answers.set_aside(Reason::UnrequestedSubject, place),
                // Sent, but not among the subjects of this parse: another ask's row, left alone.
                Some(None) => {}
                Some(Some(subject)) => {
                    let view = View::Cells(header, &row.cells);
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

/// Reads one file and checks what closes it; else why it counts for nothing, and where.
fn tables(answers: &Answers<'_>, plan: &FilePlan, part: &Part) -> Result<Vec<Table>, Flaw> {
    let tables = match part.media {
        Media::Damaged => return Err(Flaw::new(Reason::Encoding, String::new())),
        Media::Grid => grid::read_cells(cells(&part.body)?, &plan.get.layout)?,
        _ => grid::read(&part.body, &plan.get.layout)?,
    };
    for table in &tables {
        if let Some(missing) = missing_columns(answers, plan, table) {
            return Err(Flaw::new(Reason::SchemaDrift, format!("{}{missing}", table.name)));
        }
        if let Some(closed) = &table.closed {
            let source = answers.source;
            let must = &source.manifest.quality.must;
            // A row that could not be read was sent all the same.
            let count = table.rows.len() + table.flaws.len();
            let wrong_count = must.contains(&Must::TrailerCount) && closed.count != Some(count);
            let wrong_sum = must.iter().any(|must| match must {
                Must::TrailerSum(column) => !sum_agrees(source, column, table, closed.sum.as_ref()),
                _ => false,
            });
            if wrong_count || wrong_sum {
                return Err(Flaw::new(Reason::TrailerMismatch, format!("{}last line", table.name)));
            }
        }
    }
    Ok(tables)
}

/// The first column the manifest reads and the file lacks.
fn missing_columns(answers: &Answers<'_>, plan: &FilePlan, table: &Table) -> Option<String> {
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
    selectors.filter_map(name).chain([plan.match_column.clone()]).find_map(|name| table.lacks(&name))
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
