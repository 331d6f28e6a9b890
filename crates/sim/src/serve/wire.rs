//! Registers in an institution's own words: the manifest read backwards.
//!
//! A manifest says how a wire field becomes a canonical column. Here every canonical row becomes wire fields: names and
//! places from the selectors, texts from [`Converter::unparse`], so that the two sides cannot drift apart.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{ColumnType, Fen, Month};
use hedui_connect::manifest::{Field, Rule, Verdict};
use hedui_connect::{Converter, MoneyUnit, Selector, Source, Value};
use jiff::civil::Date;
use serde_json::Value as Json;

use super::faults::FaultKind;
use super::{Faults, ServeError};
use crate::city::{City, Person};
use crate::dice::Dice;
use crate::records::Row;

/// One text of a reply, and whether JSON writes it as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Names to walk to its place.
    pub(super) path: Arc<[String]>,
    pub(super) text: String,
    pub(super) number: bool,
}

/// One row as the institution would send it.
#[derive(Clone, Debug)]
pub(super) struct WireRow {
    /// The month it belongs to, in a history.
    pub(super) month: Option<i64>,
    pub(super) cells: Vec<Cell>,
    /// Fen in the column that trailers sum up.
    pub(super) summed: i64,
}

/// One person in a register.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) rows: Vec<WireRow>,
}

/// One source of a city: its manifest and its register in wire form.
pub(super) struct WireSource {
    pub(super) source: Arc<Source>,
    pub(super) as_of: Date,
    entries: HashMap<String, Entry>,
    faults: BTreeSet<FaultKind>,
    seed: u64,
    /// Index in a row's cells of the first amount, which the fault `bad_amount` spoils.
    amount: Option<usize>,
}

/// What goes wrong with one person's part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    /// Nothing.
    No,
    /// It is about somebody else.
    WrongPerson,
    /// The number went through a spreadsheet.
    BadId,
}

impl WireSource {
    /// Reads a source's part of the registers of a city.
    pub(super) fn new(
        source: &Arc<Source>,
        city: &City,
        faults: &Faults,
        summed: Option<&str>,
    ) -> Result<Self, ServeError> {
        let map = &source.manifest.map;
        let fields = map.fields.iter().map(|f| WireField::new(source, f)).collect::<Result<Vec<_>, _>>()?;
        let as_of = map.as_of.as_ref().map(|f| WireField::new(source, f)).transpose()?;
        let mut entries = HashMap::new();
        for person in city.households.iter().flat_map(|h| h.members.iter().chain(&h.obligors)) {
            let rows = canonical(person, &source.dataset.name, &source.institution);
            if rows.is_empty() {
                continue;
            }
            let mut wire = Vec::with_capacity(rows.len());
            for row in &rows {
                wire.push(wire_row(source, &fields, as_of.as_ref(), row, city.as_of, summed)?);
            }
            entries.insert(person.id.reveal().to_owned(), Entry { name: person.name.clone(), rows: wire });
        }
        let money = |f: &WireField| matches!(f.converter, Converter::Fen { unit: MoneyUnit::Yuan, .. });
        Ok(Self {
            source: Arc::clone(source),
            as_of: city.as_of,
            entries,
            faults: faults.of(source.id.as_str()),
            seed: city.options.seed,
            amount: fields.iter().position(money),
        })
    }

    /// Whether a fault is on.
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.faults.contains(&kind)
    }

    /// What the register has on a number, within the months asked for. Amounts are spoiled if that fault is on.
    pub(super) fn look_up(&self, id: &str, months: Option<(i64, i64)>) -> Vec<WireRow> {
        let Some(entry) = self.entries.get(id) else { return Vec::new() };
        let asked = |row: &&WireRow| match (row.month, months) {
            (Some(month), Some((from, until))) => (from..=until).contains(&month),
            _ => true,
        };
        let mut rows: Vec<WireRow> = entry.rows.iter().filter(asked).cloned().collect();
        if self.has(FaultKind::BadAmount)
            && let Some(amount) = self.amount
        {
            for (nth, row) in rows.iter_mut().enumerate() {
                if self.dice("bad_amount", id, nth as u64).chance(100) {
                    row.cells[amount].text = "1.2万元".to_owned();
                    row.summed = 1_200_000;
                }
            }
        }
        rows
    }

    /// Everybody in the register, by number.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(id, entry)| (id.as_str(), entry))
    }

    /// What goes wrong with one person: one in ten, always the same ones.
    pub(super) fn spoiled(&self, id: &str) -> Spoiled {
        if self.has(FaultKind::WrongPerson) && self.dice("wrong_person", id, 0).chance(100) {
            Spoiled::WrongPerson
        } else if self.has(FaultKind::BadId) && self.dice("bad_id", id, 0).chance(100) {
            Spoiled::BadId
        } else {
            Spoiled::No
        }
    }

    /// The number and name that a reply repeats for somebody asked about.
    pub(super) fn echo(&self, id: &str, name: &str) -> (String, String) {
        match self.spoiled(id) {
            Spoiled::No => (id.to_owned(), name.to_owned()),
            Spoiled::BadId => ("4.40524E+17".to_owned(), name.to_owned()),
            Spoiled::WrongPerson => (stranger(id), "甲某某".to_owned()),
        }
    }

    fn dice(&self, purpose: &str, id: &str, nth: u64) -> Dice {
        Dice::new(self.seed, &format!("{purpose} {} {id}", self.source.id), nth)
    }

    /// How the reply says the day it is true for.
    pub(super) fn as_of_text(&self) -> Option<(Selector, String)> {
        let field = self.source.manifest.outcome.as_of.as_ref()?;
        let text = field.converter.unparse(&Value::Int(date_to_days(self.as_of)))?;
        Some((field.from.clone()?, text))
    }

    /// How a row says the day it is true for, in a line that holds nothing else; empty if rows do not say it.
    pub(super) fn row_as_of(&self) -> String {
        let field = self.source.manifest.map.as_of.as_ref();
        field.and_then(|f| f.converter.unparse(&Value::Int(date_to_days(self.as_of)))).unwrap_or_default()
    }

    /// The texts that make the first rule with that verdict true: selector and text, or none if it always is.
    pub(super) fn says(rules: &[Rule], verdict: Verdict) -> Option<(&Selector, &str)> {
        rules.iter().find(|r| r.is == verdict).and_then(|r| r.when.equals())
    }

    /// A manifest that lacks something.
    pub(super) fn lack(&self, lack: &str) -> ServeError {
        lacks(&self.source, lack)
    }
}

pub(super) fn lacks(source: &Source, lack: &str) -> ServeError {
    ServeError::Manifest { source_id: source.id.to_string(), lack: lack.to_owned() }
}

/// A valid number of somebody who lives nowhere in the city: that area and sequence are the last to be dealt out.
fn stranger(id: &str) -> String {
    let birth = hedui_base::ResidentId::parse(id).map_or(Date::constant(1970, 1, 1), |id| id.birth_date());
    hedui_base::ResidentId::invented(999_999, birth, 999).map_or_else(|| id.to_owned(), |id| id.reveal().to_owned())
}

struct WireField {
    column: String,
    path: Arc<[String]>,
    converter: Converter,
    ty: Option<ColumnType>,
}

impl WireField {
    fn new(source: &Source, field: &Field) -> Result<Self, ServeError> {
        let path = match &field.from {
            Some(selector) => path(source, selector)?,
            None => Arc::from([]),
        };
        let ty = source.dataset.columns.get(&field.column).map(|c| c.ty);
        Ok(Self { column: field.column.clone(), path, converter: field.converter.clone(), ty })
    }
}

/// The names a selector walks.
pub(super) fn path(source: &Source, selector: &Selector) -> Result<Arc<[String]>, ServeError> {
    let (keys, _) = selector
        .keys()
        .ok_or_else(|| lacks(source, &format!("a path made of plain names instead of `{}`", selector.as_str())))?;
    Ok(keys.into_iter().map(str::to_owned).collect())
}

fn wire_row(
    source: &Source,
    fields: &[WireField],
    as_of: Option<&WireField>,
    row: &Json,
    day: Date,
    summed: Option<&str>,
) -> Result<WireRow, ServeError> {
    let mut cells = Vec::with_capacity(fields.len() + 1);
    let (mut month, mut sum) = (None, 0);
    for field in fields {
        let value = field.ty.and_then(|ty| value(ty, row.get(&field.column)?));
        if let (Some(ColumnType::Month), Some(Value::Int(index))) = (field.ty, &value) {
            month = Some(*index);
        }
        if let (Some(wanted), Some(Value::Int(fen))) = (summed, &value)
            && wanted == field.column
        {
            sum = *fen;
        }
        let text = match &value {
            None => String::new(),
            Some(value) => field
                .converter
                .unparse(value)
                .ok_or_else(|| lacks(source, &format!("a way to say a value of `{}`", field.column)))?,
        };
        let number = matches!(field.converter, Converter::Int) && !text.is_empty();
        cells.push(Cell { path: Arc::clone(&field.path), text, number });
    }
    if let Some(field) = as_of {
        let text = field.converter.unparse(&Value::Int(date_to_days(day))).unwrap_or_default();
        cells.push(Cell { path: Arc::clone(&field.path), text, number: false });
    }
    Ok(WireRow { month, cells, summed: sum })
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

/// A person's rows in one dataset, in canonical form; at a bank, only the accounts there.
fn canonical(person: &Person, dataset: &str, institution: &str) -> Vec<Json> {
    fn rows<T: serde::Serialize>(rows: impl IntoIterator<Item = T>) -> Vec<Json> {
        rows.into_iter().filter_map(|row| serde_json::to_value(row).ok()).collect()
    }
    let records = &person.records;
    match dataset {
        "hukou" => rows(&records.hukou),
        "vehicle" => rows(&records.vehicles),
        "employment_income" => rows(&records.incomes),
        "social_insurance" => rows(&records.insurance),
        "pension_income" => rows(&records.pensions),
        "housing" => rows(&records.homes),
        "deposit" => rows(records.deposits.iter().filter(|d| d.bank == institution)),
        "business" => rows(&records.businesses),
        "security" => rows(&records.securities),
        "insurance" => rows(&records.policies),
        "wallet" => rows(&records.wallets),
        _ => {
            let here = |row: &&Row| row.get("_institution").is_none_or(|i| i == institution);
            let held = records.more.get(dataset).into_iter().flatten().filter(here);
            held.cloned().map(Json::Object).collect()
        }
    }
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
