//! One dropped file: its tables, checked against what closes them, and whose each record says it is.

use std::collections::HashMap;

use hedui_base::Fen;
use serde_json::Value as Json;

use crate::convert::{Cell, Value, id_number};
use crate::manifest::{DropPlan, Must};
use crate::parse::documents::json_cell;
use crate::parse::files::sum_of;
use crate::parse::grid::{self, Flaw, Header, Row, Table};
use crate::parse::link::fold_account;
use crate::parse::view::Scalar;
use crate::parse::{Reason, View};
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::selector::{Kind, Selector};

/// Rows of one file that are named one by one when they cannot be read; the others are counted.
const NAMED: usize = 100;

/// One file, whole.
#[derive(Debug)]
pub(super) struct Loaded {
    tables: Vec<Table>,
    records: Vec<Record>,
    by_id: HashMap<Box<str>, Vec<u32>>,
    by_account: HashMap<Box<str>, Vec<u32>>,
    /// Rows that could be about anybody.
    pub(super) flaws: Vec<Flaw>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Record {
    table: u32,
    header: u32,
    row: u32,
}

/// One record of a file.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    table: &'a Table,
    header: &'a Header,
    row: &'a Row,
}

impl<'a> At<'a> {
    pub(super) fn view(self) -> View<'a> {
        View::Cells(self.header, &self.row.cells)
    }

    pub(super) fn place(self) -> String {
        self.table.place(self.row)
    }
}

impl Loaded {
    /// Reads one file.
    ///
    /// # Errors
    /// What makes the whole of it no answer.
    pub(super) fn read(source: &Source, plan: &DropPlan, part: &Part) -> Result<Self, Flaw> {
        let tables = match part.media {
            Media::Grid => grid::read_cells(cells(&part.body)?, &plan.layout)?,
            _ => grid::read(&part.body, &plan.layout)?,
        };
        for table in &tables {
            check(source, table)?;
        }
        let mut loaded =
            Self { tables, records: Vec::new(), by_id: HashMap::new(), by_account: HashMap::new(), flaws: Vec::new() };
        loaded.list(source);
        Ok(loaded)
    }

    /// How many records there are.
    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Roughly how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        let cells = self.tables.iter().flat_map(|t| &t.rows).flat_map(|r| &r.cells);
        cells.map(|c| 32 + c.as_ref().map_or(0, |c| c.text.len())).sum::<usize>() + 64 * self.records.len()
    }

    /// All records with an account.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&str, At<'_>)> {
        self.by_account.iter().flat_map(|(account, records)| records.iter().map(|r| (&**account, self.at(*r))))
    }

    pub(super) fn of_id(&self, id: &str) -> impl Iterator<Item = At<'_>> {
        self.by_id.get(id).into_iter().flatten().map(|r| self.at(*r))
    }

    pub(super) fn of_account(&self, account: &str) -> impl Iterator<Item = At<'_>> {
        self.by_account.get(account).into_iter().flatten().map(|r| self.at(*r))
    }

    fn at(&self, record: u32) -> At<'_> {
        let record = self.records[record as usize];
        let table = &self.tables[record.table as usize];
        At { table, header: &table.headers[record.header as usize], row: &table.rows[record.row as usize] }
    }

    /// Lists every record by its identity number, else by its account.
    fn list(&mut self, source: &Source) {
        let id_at = source.manifest.outcome.item_key.as_ref();
        let link = source.manifest.quality.link.as_ref();
        let account_at = link.and_then(|l| source.manifest.field(&l.account));
        let mut flaws: Vec<Flaw> = Vec::new();
        for (t, table) in self.tables.iter().enumerate() {
            flaws.extend(table.flaws.iter().cloned());
            for (h, row_at) in table.records() {
                let (header, row) = (&table.headers[h], &table.rows[row_at]);
                let view = View::Cells(header, &row.cells);
                let number = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
                let flaw = |reason, column: &Selector| {
                    Flaw::new(reason, format!("{}{}", table.place(row), header.shown(column.as_str())))
                };
                let id = id_at.and_then(|at| match view.scalar(at) {
                    Scalar::Cell(cell) if !cell.text.trim().is_empty() => Some((at, id_number(&cell))),
                    _ => None,
                });
                match (id, account_at) {
                    (Some((_, Ok(id))), _) => self.by_id.entry(id.reveal().into()).or_default().push(number),
                    (Some((at, Err(reason))), _) => {
                        flaws.push(flaw(reason, at));
                        continue;
                    }
                    (None, Some(field)) => {
                        let Some(at) = &field.from else { continue };
                        match view.scalar(at) {
                            // A number has lost the zeros before it: it is some account, and nobody knows which.
                            Scalar::Cell(cell) if field.text_only && cell.numeric => {
                                flaws.push(flaw(Reason::IdPrecisionLost, at));
                                continue;
                            }
                            Scalar::Cell(cell) if !cell.text.trim().is_empty() => {
                                self.by_account.entry(fold_account(&cell.text).into()).or_default().push(number);
                            }
                            _ => {
                                flaws.push(flaw(Reason::KeyMissing, at));
                                continue;
                            }
                        }
                    }
                    (None, None) => {
                        flaws.extend(id_at.map(|at| flaw(Reason::KeyMissing, at)));
                        continue;
                    }
                }
                let index = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                self.records.push(Record { table: index(t), header: index(h), row: index(row_at) });
            }
        }
        if flaws.len() > NAMED {
            let more = flaws.split_off(NAMED);
            // The reason of the first stands for the rest: there is one entry, so that nothing is passed over in silence.
            let reason = more.first().map_or(Reason::SchemaDrift, |f| f.reason);
            flaws.push(Flaw::new(reason, format!("and {} rows more", more.len())));
        }
        self.flaws = flaws;
    }
}

/// A sheet as samples write it.
pub(in crate::parse) fn cells(bytes: &[u8]) -> Result<Vec<Vec<Option<Cell>>>, Flaw> {
    let rows: Vec<Vec<Json>> =
        serde_json::from_slice(bytes).map_err(|_| Flaw::new(Reason::SchemaDrift, String::new()))?;
    Ok(rows.iter().map(|row| row.iter().map(json_cell).collect()).collect())
}

/// The columns the manifest reads, and the totals it demands.
fn check(source: &Source, table: &Table) -> Result<(), Flaw> {
    let manifest = &source.manifest;
    let drift = |text: String| Flaw::new(Reason::SchemaDrift, format!("{}{text}", table.name));
    let fields = manifest.map.fields.iter().chain(&manifest.map.as_of).map(|f| (f.from.as_ref(), f.optional));
    let keys = manifest.outcome.item_key.iter().chain(&manifest.outcome.echo_id).chain(&manifest.outcome.echo_name);
    let keys = keys.chain(manifest.quality.link.iter().filter_map(|l| l.name.as_ref()));
    for (selector, optional) in fields.chain(keys.map(|k| (Some(k), false))) {
        let Some(Kind::Column(name)) = selector.map(|s| &s.kind) else { continue };
        let wrong = if optional { table.doubled(name) } else { table.lacks(name) };
        if let Some(text) = wrong {
            return Err(drift(text));
        }
    }
    let Some(closed) = &table.closed else { return Ok(()) };
    let mismatch = |what: &str| Flaw::new(Reason::TrailerMismatch, format!("{}closing row, {what}", table.name));
    // A row that could not be read was sent all the same.
    if closed.count != Some(table.rows.len() + table.flaws.len()) {
        return Err(mismatch("count"));
    }
    let sums = manifest.quality.must.iter().filter_map(|must| match must {
        Must::TrailerSum(column) => Some(column),
        _ => None,
    });
    for column in sums {
        if !sum_agrees(source, column, table, closed.sum.as_ref()) {
            return Err(mismatch("sum"));
        }
    }
    Ok(())
}

/// Whether a column comes to what is said; true where a cell of it cannot be read.
pub(in crate::parse) fn sum_agrees(source: &Source, column: &str, table: &Table, said: Option<&Cell>) -> bool {
    let Some(field) = source.manifest.field(column) else { return false };
    let Some(Kind::Column(name)) = field.from.as_ref().map(|s| &s.kind) else { return false };
    let Some(index) = table.header().at(name) else { return false };
    if !table.flaws.is_empty() {
        // What stands in a row that cannot be read, nobody knows: the sum can neither agree nor differ.
        return true;
    }
    let Some(found) = sum_of(field, table.rows.iter().map(|r| r.cells.get(index).and_then(Option::as_ref))) else {
        // Likewise for an amount, which is set aside with its row.
        return true;
    };
    let Some(cell) = said else { return false };
    matches!(field.converter.convert(cell), Ok(Value::Int(fen)) if Fen::new(fen) == found)
}
