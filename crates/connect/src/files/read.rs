//! The inverse of a request file: bytes to rows, for the simulators, and to know one's own file again.

use hedui_base::Month;
use jiff::fmt::strtime::BrokenDownTime;

use crate::manifest::{PutFormat, PutPlan, PutValue};
use crate::parse::grid::{Row, decode, first_sheet};

/// One row of a request file: a text for every column of its plan.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Number of the row.
    pub seq: u32,
    /// Its cells, in the order of the plan's columns.
    pub cells: Vec<String>,
}

impl std::fmt::Debug for RequestRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RequestRow({}, {} cells)", self.seq, self.cells.len())
    }
}

/// Bytes are not a request file of this plan. Says where, and nothing of what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request file of this form: {0}")]
pub struct UnreadableRequest(String);

impl RequestRow {
    /// What the first column of a kind holds; none if the plan has no such column or the cell is empty.
    #[must_use]
    pub fn value(&self, plan: &PutPlan, is: impl Fn(&PutValue) -> bool) -> Option<&str> {
        let at = plan.columns.iter().position(|c| is(&c.value))?;
        self.cells.get(at).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The name asked about.
    #[must_use]
    pub fn name(&self, plan: &PutPlan) -> Option<&str> {
        self.value(plan, |v| *v == PutValue::Name)
    }

    /// The number asked about: of 18 characters, or the old 15 digits.
    #[must_use]
    pub fn id_number(&self, plan: &PutPlan) -> Option<&str> {
        self.value(plan, |v| *v == PutValue::IdNumber).or_else(|| self.value(plan, |v| *v == PutValue::Id15))
    }

    /// The months asked for, if the plan tells both ends of them.
    #[must_use]
    pub fn period(&self, plan: &PutPlan) -> Option<(Month, Month)> {
        let month = |pick: fn(&PutValue) -> Option<&String>| {
            let column = plan.columns.iter().position(|c| pick(&c.value).is_some())?;
            let time = BrokenDownTime::parse(pick(&plan.columns[column].value)?, self.cells.get(column)?).ok()?;
            Month::new(i32::from(time.year()?), i32::from(time.month()?))
        };
        let from = month(|v| if let PutValue::PeriodFrom(format) = v { Some(format) } else { None })?;
        let until = month(|v| if let PutValue::PeriodUntil(format) = v { Some(format) } else { None })?;
        Some((from, until))
    }
}

/// Reads a request file, unpacked.
///
/// # Errors
/// [`UnreadableRequest`] if a line has too few or too many cells, the header differs, or the text is in another encoding.
pub fn read_request(plan: &PutPlan, bytes: &[u8]) -> Result<Vec<RequestRow>, UnreadableRequest> {
    let lines = match plan.format {
        PutFormat::Delimited => delimited(plan, bytes),
        PutFormat::Fixed => fixed(plan, bytes),
        PutFormat::Xlsx => workbook(plan, bytes),
    }?;
    let wrong = |line: usize, what: &str| UnreadableRequest(format!("line {line}: {what}"));
    let seq_at = plan.columns.iter().position(|c| c.value == PutValue::Seq);
    let mut rows = Vec::new();
    for (index, cells) in lines.into_iter().enumerate() {
        if cells.len() != plan.columns.len() {
            return Err(wrong(index + 1, "another number of cells"));
        }
        if plan.header && plan.format != PutFormat::Fixed && index == 0 {
            if cells.iter().zip(&plan.columns).any(|(cell, column)| *cell != column.name) {
                return Err(wrong(1, "another header"));
            }
            continue;
        }
        let seq = seq_at.and_then(|at| cells[at].parse().ok()).ok_or_else(|| wrong(index + 1, "no number"))?;
        rows.push(RequestRow { seq, cells });
    }
    Ok(rows)
}

fn text(plan: &PutPlan, bytes: &[u8]) -> Result<String, UnreadableRequest> {
    decode(plan.encoding, bytes).ok_or_else(|| UnreadableRequest("not text in its encoding".into()))
}

fn delimited(plan: &PutPlan, bytes: &[u8]) -> Result<Vec<Vec<String>>, UnreadableRequest> {
    let text = text(plan, bytes)?;
    Ok(text.lines().map(|line| line.split(char::from(plan.delimiter)).map(str::to_owned).collect()).collect())
}

fn fixed(plan: &PutPlan, bytes: &[u8]) -> Result<Vec<Vec<String>>, UnreadableRequest> {
    use super::encode::{encode, mark};
    let mut rest = bytes.strip_prefix(mark(plan.encoding)).unwrap_or(bytes);
    let newline = encode(plan.encoding, "\n").unwrap_or_default();
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let short = || UnreadableRequest(format!("line {}: too short", lines.len() + 1));
        let mut cells = Vec::with_capacity(plan.columns.len());
        for column in &plan.columns {
            let (cell, more) = rest.split_at_checked(column.width).ok_or_else(short)?;
            cells.push(text(plan, cell)?.trim_matches(' ').to_owned());
            rest = more;
        }
        rest = rest.strip_prefix(newline.as_slice()).ok_or_else(short)?;
        lines.push(cells);
    }
    Ok(lines)
}

fn workbook(plan: &PutPlan, bytes: &[u8]) -> Result<Vec<Vec<String>>, UnreadableRequest> {
    let rows = first_sheet(bytes).map_err(|flaw| UnreadableRequest(flaw.place))?;
    let mut lines = Vec::with_capacity(rows.len());
    let first = rows.first().map_or(0, |row| row.line);
    for (index, Row { line, cells }) in rows.into_iter().enumerate() {
        if line != first + index {
            return Err(UnreadableRequest(format!("line {}: blank", index + 1)));
        }
        let mut cells: Vec<String> =
            cells.into_iter().map(|cell| cell.map_or_else(String::new, |c| c.text.to_string())).collect();
        // Empty cells at the end of a row are not in the sheet.
        cells.resize(cells.len().max(plan.columns.len()), String::new());
        lines.push(cells);
    }
    Ok(lines)
}
