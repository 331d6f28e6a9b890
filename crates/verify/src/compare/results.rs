//! `findings.parquet` and `flags.parquet`: one row a case, one row a raised flag.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hedui_base::columns::days_to_date;
use hedui_base::{AreaCode, Tri};
use hedui_engine::Derived;
use hedui_engine::output::{CaseFinding, Cell, PersonFinding, RaisedFlag};
use hedui_rules::Program;
use hedui_rules::program::FlagSeverity;
use hedui_store::results::{self, ResultColumn, ResultKind};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::VerifyError;

/// Columns in the making, by name; rows that lack a column are null in it.
#[derive(Default)]
struct Columns {
    rows: usize,
    order: Vec<String>,
    columns: BTreeMap<String, ResultColumn>,
}

impl Columns {
    fn declare(&mut self, name: &str, empty: fn() -> ResultColumn) {
        if !self.columns.contains_key(name) {
            self.order.push(name.to_owned());
            self.columns.insert(name.to_owned(), empty());
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(ResultColumn::Text(column)) = self.columns.get_mut(name) {
            column.resize(self.rows, None);
            column.push(value.map(Arc::from));
        }
    }

    fn int(&mut self, name: &str, value: Option<i64>) {
        if let Some(ResultColumn::Int(column)) = self.columns.get_mut(name) {
            column.resize(self.rows, None);
            column.push(value);
        }
    }

    fn day(&mut self, name: &str, value: Option<Date>) {
        if let Some(ResultColumn::Date(column)) = self.columns.get_mut(name) {
            column.resize(self.rows, None);
            column.push(value);
        }
    }

    fn time(&mut self, name: &str, value: Option<Timestamp>) {
        if let Some(ResultColumn::Time(column)) = self.columns.get_mut(name) {
            column.resize(self.rows, None);
            column.push(value);
        }
    }

    fn write(mut self, path: &Path) -> Result<(), VerifyError> {
        let rows = self.rows;
        let columns: Vec<(String, ResultColumn)> = self
            .order
            .iter()
            .filter_map(|name| self.columns.remove(name).map(|column| (name.clone(), padded(column, rows))))
            .collect();
        Ok(results::write(path, &columns)?)
    }
}

fn padded(column: ResultColumn, rows: usize) -> ResultColumn {
    match column {
        ResultColumn::Text(mut v) => {
            v.resize(rows, None);
            ResultColumn::Text(v)
        }
        ResultColumn::Int(mut v) => {
            v.resize(rows, None);
            ResultColumn::Int(v)
        }
        ResultColumn::Date(mut v) => {
            v.resize(rows, None);
            ResultColumn::Date(v)
        }
        ResultColumn::Time(mut v) => {
            v.resize(rows, None);
            ResultColumn::Time(v)
        }
        other => other,
    }
}

const fn empty_of(kind: ResultKind) -> fn() -> ResultColumn {
    match kind {
        ResultKind::Text => || ResultColumn::Text(Vec::new()),
        ResultKind::Int => || ResultColumn::Int(Vec::new()),
        ResultKind::Date => || ResultColumn::Date(Vec::new()),
        ResultKind::Time => || ResultColumn::Time(Vec::new()),
    }
}

/// The columns of `findings.parquet` for some packs, in order.
pub(crate) fn columns_of_findings(programs: &[Arc<Program>]) -> Vec<(String, ResultKind)> {
    let mut columns: Vec<(String, ResultKind)> = [
        ("case", ResultKind::Text),
        ("area", ResultKind::Text),
        ("pack", ResultKind::Text),
        ("pack_version", ResultKind::Text),
        ("as_of", ResultKind::Date),
        ("known_at", ResultKind::Time),
        ("category", ResultKind::Text),
        ("possible", ResultKind::Text),
        ("waiting_on", ResultKind::Text),
        ("amount_fen", ResultKind::Int),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into();
    let mut declare = |name: String, kind| {
        if columns.iter().all(|(known, _)| *known != name) {
            columns.push((name, kind));
        }
    };
    for scheme in programs.iter().flat_map(|p| &p.schemes) {
        declare(format!("finding_{}", scheme.id), ResultKind::Text);
        if scheme.until.is_some() {
            declare(format!("{}_until", scheme.id), ResultKind::Date);
        }
        if scheme.persons.is_some() {
            declare(format!("{}_persons", scheme.id), ResultKind::Text);
        }
    }
    for test in programs.iter().flat_map(|p| &p.tests) {
        if test.limit.is_some() {
            for part in ["value", "limit", "margin"] {
                declare(format!("{}_{part}", test.name), ResultKind::Int);
            }
        }
        declare(format!("{}_result", test.name), ResultKind::Text);
    }
    declare("score".to_owned(), ResultKind::Int);
    for severity in FlagSeverity::ALL {
        declare(format!("flags_{}", severity.as_str()), ResultKind::Int);
    }
    columns
}

/// The columns of `flags.parquet`, in order.
pub(crate) fn columns_of_flags() -> Vec<(String, ResultKind)> {
    [
        ("case", ResultKind::Text),
        ("person", ResultKind::Int),
        ("flag", ResultKind::Text),
        ("severity", ResultKind::Text),
        ("follow_up", ResultKind::Text),
        ("declared", ResultKind::Int),
        ("found", ResultKind::Int),
        ("difference", ResultKind::Int),
        ("evidence", ResultKind::Text),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into()
}

/// The two result files in the making.
pub(crate) struct ResultFiles {
    findings: Columns,
    flags: Columns,
    as_of: Date,
    known_at: Option<Timestamp>,
}

impl ResultFiles {
    /// Declares the columns of all packs in use, in the order given.
    pub(crate) fn new(programs: &[Arc<Program>], as_of: Date, known_at: Option<Timestamp>) -> Self {
        let declared = |columns: Vec<(String, ResultKind)>| {
            let mut made = Columns::default();
            for (name, kind) in columns {
                made.declare(&name, empty_of(kind));
            }
            made
        };
        let (findings, flags) = (declared(columns_of_findings(programs)), declared(columns_of_flags()));
        Self { findings, flags, as_of, known_at }
    }

    /// Adds one case. Amounts are fen, other numbers the integers of their type; a value that is not known exactly is null.
    pub(crate) fn finding(&mut self, program: &Program, area: AreaCode, finding: &CaseFinding, derived: &Derived) {
        let row = &mut self.findings;
        row.text("case", Some(finding.case.as_str()));
        row.text("area", Some(&area.to_string()));
        row.text("pack", Some(&program.pack.id));
        row.text("pack_version", Some(&program.pack.version));
        row.day("as_of", Some(self.as_of));
        row.time("known_at", self.known_at);
        row.text("category", derived.category.map(|i| program.schemes[i].id.as_str()));
        let possible: Vec<&str> = derived.possible.iter().map(|i| program.schemes[*i].id.as_str()).collect();
        row.text("possible", joined(&possible.join(",")));
        row.text("waiting_on", joined(&derived.waiting_names().join(",")));
        row.int("amount_fen", derived.amount_fen);
        for (scheme, found) in program.schemes.iter().zip(&finding.schemes) {
            row.text(&format!("finding_{}", scheme.id), Some(found.finding.as_str()));
            let holds = |until: Option<Cell>| until.filter(|_| found.finding != Tri::NotMet).and_then(Cell::known);
            row.day(&format!("{}_until", scheme.id), holds(found.until).and_then(days_to_date));
            row.text(&format!("{}_persons", scheme.id), joined(&persons(&found.persons)));
        }
        for (test, found) in program.tests.iter().zip(&finding.tests) {
            if test.limit.is_some() {
                row.int(&format!("{}_value", test.name), found.value.known());
                row.int(&format!("{}_limit", test.name), found.limit.known());
                row.int(&format!("{}_margin", test.name), found.margin.known());
            }
            row.text(&format!("{}_result", test.name), Some(found.result.as_str()));
        }
        row.int("score", score(program, finding));
        for (severity, count) in FlagSeverity::ALL.iter().zip(finding.flag_counts) {
            row.int(&format!("flags_{}", severity.as_str()), Some(i64::from(count)));
        }
        row.rows += 1;
    }

    /// Adds one raised flag.
    pub(crate) fn flag(&mut self, program: &Program, raised: &RaisedFlag) {
        let flag = &program.flags[raised.flag];
        let row = &mut self.flags;
        row.text("case", Some(raised.case.as_str()));
        row.int("person", raised.person.map(|p| i64::from(p.0)));
        row.text("flag", Some(&flag.id));
        row.text("severity", Some(flag.severity.as_str()));
        row.text("follow_up", Some(flag.follow_up.as_str()));
        row.int("declared", raised.declared.and_then(Cell::known));
        row.int("found", raised.found.and_then(Cell::known));
        row.int("difference", raised.difference);
        let evidence: Vec<String> = raised
            .evidence
            .iter()
            .map(|e| {
                let day = e.as_of.map_or_else(String::new, |d| d.to_string());
                format!("{}|{}|{}|{day}", program.datasets[e.dataset.index()].name, e.source, e.record_id)
            })
            .collect();
        row.text("evidence", joined(&evidence.join(";")));
        row.rows += 1;
    }

    pub(crate) fn write(self, findings: &Path, flags: &Path) -> Result<(), VerifyError> {
        self.findings.write(findings)?;
        self.flags.write(flags)
    }
}

/// Members who meet a scheme of persons, or may: `person|finding|amount_fen|until`, joined with `;`.
pub(crate) fn persons(found: &[PersonFinding]) -> String {
    let one = |p: &PersonFinding| {
        let amount = p.amount.and_then(Cell::known).map_or_else(String::new, |fen| fen.to_string());
        let until = p.until.and_then(Cell::known).and_then(days_to_date).map_or_else(String::new, |d| d.to_string());
        format!("{}|{}|{amount}|{until}", p.person.0, p.finding.as_str())
    };
    found.iter().map(one).collect::<Vec<_>>().join(";")
}

fn joined(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

/// The score in whole points, half away from zero.
pub(crate) fn score(program: &Program, finding: &CaseFinding) -> Option<i64> {
    let value = finding.score.and_then(Cell::known)?;
    let scale = program.score.map_or(0, |step| program.steps[step.index()].ty.scale());
    let unit = 10i64.checked_pow(u32::from(scale))?;
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    Some(value.checked_add(half)? / unit)
}

/// Counts a three-valued result.
pub(crate) const fn count(tri: Tri, met: &mut usize, not_met: &mut usize, undetermined: &mut usize) {
    match tri {
        Tri::Met => *met += 1,
        Tri::NotMet => *not_met += 1,
        Tri::Undetermined => *undetermined += 1,
    }
}
