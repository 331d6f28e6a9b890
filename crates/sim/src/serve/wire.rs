//! Registers in an institution's own words: the manifest read backwards.
//!
//! A manifest says how a wire field becomes a canonical column. Here every canonical row becomes wire fields: names and
//! places from the selectors, texts from [`Converter::unparse`], so that the two sides cannot drift apart.

use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{ColumnType, Fen, Month};
use hedui_connect::manifest::{Field, IdVariant, Must};
use hedui_connect::{Converter, Source, Value};
use jiff::civil::Date;
use serde_json::Value as Json;

use super::ServeError;
use super::place::{Place, Step};
use super::registers::{Holding, Registers};
use crate::faults::{FaultKind, Mood, Trouble};
use crate::records::Row;

/// One text of a reply, and whether JSON writes it as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Steps to its place in a row; none for what is not sent.
    pub(super) steps: Arc<[Step]>,
    pub(super) text: String,
    pub(super) number: bool,
}

/// One row as the institution would send it.
#[derive(Clone, Debug)]
pub(super) struct WireRow {
    /// The month it belongs to, in a history.
    pub(super) month: Option<i64>,
    /// In the order of the manifest's fields, then what day it is true for.
    pub(super) cells: Vec<Cell>,
    /// Fen in the column that trailers sum up.
    pub(super) summed: i64,
    /// Whether it is still filed under its owner's old 15-digit number.
    pub(super) old_number: bool,
}

/// One source of a city: its manifest and the registers it answers from.
pub(super) struct WireSource {
    pub(super) source: Arc<Source>,
    pub(super) registers: Arc<Registers>,
    pub(super) trouble: Arc<Trouble>,
    holding: Holding,
    fields: Vec<WireField>,
    as_of: Option<WireField>,
    summed: Option<usize>,
    /// The first amount, which the fault `bad_amount` spoils.
    amount: Option<usize>,
    /// How it writes an amount that nobody can read: one with its unit is an amount where units are taken, and if the
    /// institution means it, and counts it in its sums, then it is the truth.
    bad_amount: &'static str,
    /// The first field that must be there and its name under the fault `schema_drift`.
    drifting: Option<(usize, Arc<[Step]>)>,
}

/// What goes wrong with one person's part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    /// Nothing.
    No,
    /// It is about somebody else.
    WrongPerson,
    /// Somebody else's is added to it.
    Stranger,
    /// The number went through a spreadsheet.
    BadId,
}

/// How many people's rows are looked at before a source is served, to find what cannot be said.
const TRIED: usize = 200;

impl WireSource {
    /// Prepares a source.
    ///
    /// # Errors
    /// [`ServeError::Manifest`] if rows cannot be said in its words.
    pub(super) fn new(
        source: &Arc<Source>,
        registers: &Arc<Registers>,
        trouble: &Arc<Trouble>,
    ) -> Result<Self, ServeError> {
        let map = &source.manifest.map;
        let fields = map.fields.iter().map(|f| WireField::new(source, f)).collect::<Result<Vec<_>, _>>()?;
        let as_of = map.as_of.as_ref().map(|f| WireField::new(source, f)).transpose()?;
        let summed = source.manifest.quality.must.iter().find_map(|must| match must {
            Must::TrailerSum(column) => fields.iter().position(|f| f.column == *column),
            _ => None,
        });
        let amount = fields.iter().position(|f| matches!(f.converter, Converter::Fen { .. }));
        let takes_units = |f: &WireField| matches!(&f.converter, Converter::Fen { accept, .. } if accept.unit_suffix);
        let bad_amount = if amount.is_some_and(|nth| takes_units(&fields[nth])) { "约1.2万元" } else { "1.2万元" };
        let wire = Self {
            drifting: drifting(source, &fields),
            source: Arc::clone(source),
            registers: Arc::clone(registers),
            trouble: Arc::clone(trouble),
            holding: holding(source),
            fields,
            as_of,
            summed,
            amount,
            bad_amount,
        };
        for (_, _, rows) in registers.holders(&wire.holding).take(TRIED) {
            for row in &rows {
                wire.row(row, Mood::default())?;
            }
        }
        Ok(wire)
    }

    /// What the register has on a number, within the months asked for. Amounts are spoiled if that fault is on.
    ///
    /// # Errors
    /// [`ServeError::Manifest`] if a row cannot be said.
    pub(super) fn look_up(&self, id: &str, months: Option<(i64, i64)>, mood: Mood) -> Result<Vec<WireRow>, ServeError> {
        let rows = |id: &str| self.registers.rows(id, &self.holding);
        if id.len() == 15 {
            // What is still filed under an old number is found by no other.
            let Some(modern) = self.registers.modern(id) else { return Ok(Vec::new()) };
            let mut wire = self.said(modern, &rows(modern), months, mood)?;
            wire.retain(|row| row.old_number);
            return Ok(wire);
        }
        let mut wire = self.said(id, &rows(id), months, mood)?;
        if self.source.manifest.ask.variants.contains(&IdVariant::Id15) {
            wire.retain(|row| !row.old_number);
        }
        Ok(wire)
    }

    /// Canonical rows in the institution's words, with the faults that hit them.
    pub(super) fn said(
        &self,
        whose: &str,
        rows: &[Row],
        months: Option<(i64, i64)>,
        mood: Mood,
    ) -> Result<Vec<WireRow>, ServeError> {
        let mut wire = Vec::with_capacity(rows.len());
        for row in rows {
            let row = self.row(row, mood)?;
            if row.month.zip(months).is_none_or(|(month, (from, until))| (from..=until).contains(&month)) {
                wire.push(row);
            }
        }
        if let Some(amount) = self.amount {
            for (nth, row) in wire.iter_mut().enumerate() {
                if self.trouble.hits(FaultKind::BadAmount, whose, nth as u64) {
                    row.cells[amount].text = self.bad_amount.to_owned();
                    row.summed = 1_200_000;
                }
            }
        }
        if mood.duplicated {
            wire.extend(wire.clone());
        }
        if mood.reordered {
            wire.reverse();
        }
        Ok(wire)
    }

    /// Everybody in the register, by number: number, name, rows.
    pub(super) fn holders(&self) -> impl Iterator<Item = (&str, &str, Vec<Row>)> {
        self.registers.holders(&self.holding)
    }

    /// What goes wrong with one person: always the same ones.
    pub(super) fn spoiled(&self, id: &str) -> Spoiled {
        if self.trouble.hits(FaultKind::WrongPerson, id, 0) {
            let added = self.trouble.dice(FaultKind::WrongPerson, id, 1).chance(500);
            if added { Spoiled::Stranger } else { Spoiled::WrongPerson }
        } else if self.trouble.hits(FaultKind::BadId, id, 0) {
            Spoiled::BadId
        } else {
            Spoiled::No
        }
    }

    /// The number and name that a reply repeats for somebody asked about.
    pub(super) fn echo(&self, id: &str, name: &str, spoiled: Spoiled) -> (String, String) {
        match spoiled {
            Spoiled::No | Spoiled::Stranger => (id.to_owned(), name.to_owned()),
            Spoiled::BadId => ("4.40524E+17".to_owned(), name.to_owned()),
            Spoiled::WrongPerson => stranger(id),
        }
    }

    /// How the reply says the day it is true for.
    pub(super) fn as_of_text(&self) -> Result<Option<(Place, String)>, ServeError> {
        let Some(field) = self.source.manifest.outcome.as_of.as_ref() else { return Ok(None) };
        let Some(from) = &field.from else { return Ok(None) };
        let text = field.converter.unparse(&Value::Int(date_to_days(self.registers.as_of)));
        Ok(Some((
            Place::of(&self.source, from)?,
            text.ok_or_else(|| self.lack("a way to say a day in [outcome] as_of"))?,
        )))
    }

    /// The place and text by which a row says the day it is true for, where no row is; none if rows do not say it.
    pub(super) fn row_as_of(&self) -> Option<(&Arc<[Step]>, String)> {
        self.row_as_of_day(self.registers.as_of)
    }

    /// The same for another day.
    pub(super) fn row_as_of_day(&self, day: Date) -> Option<(&Arc<[Step]>, String)> {
        let field = self.as_of.as_ref()?;
        let text = field.converter.unparse(&Value::Int(date_to_days(day))).unwrap_or_default();
        Some((&field.steps, text))
    }

    /// Whether a register's row was there on a day, as far as the days in its key tell: a gift of May is on no list of March.
    pub(super) fn was_there(&self, row: &Row, day: Date) -> bool {
        let days = self.source.dataset.key.iter().filter_map(|column| row.get(column)?.as_str()?.parse::<Date>().ok());
        days.into_iter().all(|known| known <= day)
    }

    /// Names of the columns of a row in a table, in order.
    pub(super) fn columns(&self, mood: Mood) -> Vec<String> {
        let name = |nth: usize, field: &WireField| match &self.drifting {
            Some((drifting, renamed)) if mood.drifted && *drifting == nth => column(renamed).to_owned(),
            _ => column(&field.steps).to_owned(),
        };
        let fields = self.fields.iter().chain(&self.as_of).enumerate();
        fields.filter(|(_, field)| !field.steps.is_empty()).map(|(nth, field)| name(nth, field)).collect()
    }

    /// A manifest that lacks something.
    pub(super) fn lack(&self, lack: &str) -> ServeError {
        lacks(&self.source, lack)
    }

    fn row(&self, row: &Row, mood: Mood) -> Result<WireRow, ServeError> {
        let mut cells = Vec::with_capacity(self.fields.len() + 1);
        let (mut month, mut sum) = (None, 0);
        for (nth, field) in self.fields.iter().enumerate() {
            let value = field.ty.and_then(|ty| value(ty, row.get(&field.column)?));
            if let (Some(ColumnType::Month), Some(Value::Int(index))) = (field.ty, &value) {
                month = Some(*index);
            }
            if let (true, Some(Value::Int(fen))) = (self.summed == Some(nth), &value) {
                sum = *fen;
            }
            let text = match &value {
                None => field.null.clone(),
                Some(value) => field
                    .converter
                    .unparse(value)
                    .ok_or_else(|| self.lack(&format!("a way to say a value of `{}`", field.column)))?,
            };
            let number = matches!(field.converter, Converter::Int) && value.is_some();
            let steps = match &self.drifting {
                Some((drifting, renamed)) if mood.drifted && *drifting == nth => renamed,
                _ => &field.steps,
            };
            cells.push(Cell { steps: Arc::clone(steps), text, number });
        }
        if let Some((steps, text)) = self.row_as_of() {
            cells.push(Cell { steps: Arc::clone(steps), text, number: false });
        }
        let old_number = row.get("old_number").and_then(Json::as_bool).unwrap_or(false);
        Ok(WireRow { month, cells, summed: sum, old_number })
    }
}

/// What a source answers from, by its manifest.
fn holding(source: &Source) -> Holding {
    let always = source.manifest.map.fields.iter().filter_map(|field| match &field.converter {
        Converter::Const { value } => Some((field.column.clone(), value.to_string())),
        _ => None,
    });
    Holding { dataset: source.dataset.name.clone(), institution: source.institution.clone(), always: always.collect() }
}

pub(super) fn lacks(source: &Source, lack: &str) -> ServeError {
    ServeError::Manifest { source_id: source.id.to_string(), lack: lack.to_owned() }
}

/// A valid number and the name of somebody who lives nowhere in the city: that area and sequence are the last to be
/// dealt out.
pub(super) fn stranger(id: &str) -> (String, String) {
    let birth = hedui_base::ResidentId::parse(id).map_or(Date::constant(1970, 1, 1), |id| id.birth_date());
    let number = hedui_base::ResidentId::invented(999_999, birth, 999);
    (number.map_or_else(|| id.to_owned(), |id| id.reveal().to_owned()), "甲某某".to_owned())
}

/// The first field that must be there, under another name.
fn drifting(source: &Source, fields: &[WireField]) -> Option<(usize, Arc<[Step]>)> {
    let needed = |column: &str| source.manifest.map.fields.iter().any(|f| f.column == column && !f.optional);
    let (nth, field) = fields.iter().enumerate().find(|(_, f)| !f.steps.is_empty() && needed(&f.column))?;
    let mut steps = field.steps.to_vec();
    if let Some(Step::Key(name)) = steps.last_mut() {
        name.push_str("_v2");
    }
    Some((nth, steps.into()))
}

struct WireField {
    column: String,
    steps: Arc<[Step]>,
    converter: Converter,
    ty: Option<ColumnType>,
    /// How null is said.
    null: String,
}

impl WireField {
    fn new(source: &Source, field: &Field) -> Result<Self, ServeError> {
        let steps = match &field.from {
            Some(selector) => Place::of(source, selector)?.steps,
            None => Arc::from([]),
        };
        let ty = source.dataset.columns.get(&field.column).map(|c| c.ty);
        let null = field.null.first().cloned().unwrap_or_default();
        Ok(Self { column: field.column.clone(), steps, converter: field.converter.clone(), ty, null })
    }
}

pub(super) fn column(steps: &[Step]) -> &str {
    match steps.last() {
        Some(Step::Key(name)) => name,
        _ => "",
    }
}

/// A register's value in the column's own scale; none for null and for what does not fit its type.
fn value(ty: ColumnType, json: &Json) -> Option<Value> {
    Some(match (ty, json) {
        (_, Json::Null) => return None,
        (ColumnType::Text | ColumnType::Code, Json::String(text)) => Value::Text(text.as_str().into()),
        (ColumnType::Bool, Json::Bool(yes)) => Value::Int(i64::from(*yes)),
        (ColumnType::Int, Json::Number(number)) => Value::Int(number.as_i64()?),
        (ColumnType::Date, Json::String(text)) => Value::Int(date_to_days(text.parse().ok()?)),
        (ColumnType::Month, Json::String(text)) => Value::Int(text.parse::<Month>().ok()?.index()),
        (ColumnType::Money(_), Json::String(text)) => Value::Int(text.parse::<Fen>().ok()?.fen()),
        (ColumnType::Area | ColumnType::Decimal(_), Json::String(text)) => Value::Int(scaled(text, ty.scale())?),
        _ => return None,
    })
}

/// `1.5` with four digits is 15000.
fn scaled(text: &str, scale: u8) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = usize::from(scale);
    if fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        assert_eq!(scaled("1.5", 4), Some(15_000));
        assert_eq!(scaled("62.50", 2), Some(6_250));
        assert_eq!(scaled("3", 2), Some(300));
        assert_eq!(scaled("1.23456", 4), None);
    }
}
