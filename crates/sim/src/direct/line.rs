//! One row of a register as the store holds it: cells in the order of the dataset's columns, without an allocation each.
//!
//! Registers of a city are structs and rows with amounts in yuan and dates in ISO form, because institutions read them.
//! Here they are read straight into the integers of `hedui_base::columns`, through the same `Serialize` that writes them.

use std::fmt::Write as _;
use std::ops::Range;

use hedui_base::{ColumnType, Fen};
use serde::de::value::Error;
use serde::ser::{Impossible, Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use crate::records::Row;

/// A value of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Cell {
    #[default]
    Null,
    Int(i64),
    /// A range of the line's text.
    Text(Range<usize>),
}

/// Columns by name and type, and those whose values are a record's key.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) types: Vec<ColumnType>,
    pub(super) key: Vec<usize>,
}

impl Columns {
    /// Where a column is. Rows of one kind come column by column in one order, so the guess is nearly always right.
    fn find(&self, name: &str, guess: usize) -> Option<usize> {
        if self.names.get(guess).is_some_and(|n| n == name) {
            return Some(guess);
        }
        self.names.iter().position(|n| n == name)
    }
}

/// One row, to be filled again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) cells: Vec<Cell>,
    text: String,
    /// The institution that holds it, if the row names one.
    pub(super) holder: Option<Range<usize>>,
    /// Natural key within person and source.
    pub(super) record_id: String,
    scratch: String,
}

impl Line {
    /// Empties it for a row of these columns.
    pub(super) fn clear(&mut self, columns: &Columns) {
        self.cells.clear();
        self.cells.resize(columns.names.len(), Cell::Null);
        self.text.clear();
        self.record_id.clear();
        self.holder = None;
    }

    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        &self.text[range.clone()]
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let from = self.text.len();
        self.text.push_str(text);
        from..self.text.len()
    }

    /// Sets a cell from text as registers write it.
    pub(super) fn set_text(&mut self, columns: &Columns, at: usize, text: &str) {
        self.cells[at] = match columns.types[at] {
            ColumnType::Text | ColumnType::Code => Cell::Text(self.keep(text)),
            ColumnType::Date => date(text).map_or(Cell::Null, Cell::Int),
            ColumnType::Month => month(text).map_or(Cell::Null, Cell::Int),
            ty => decimal(text, ty.scale()).map_or(Cell::Null, Cell::Int),
        };
    }

    /// Sets a cell from a number in whole units.
    fn set_int(&mut self, columns: &Columns, at: usize, value: i64) {
        let unit = 10i64.pow(u32::from(columns.types[at].scale()));
        if columns.types[at].is_int() {
            self.cells[at] = Cell::Int(value * unit);
        } else {
            self.set_text(columns, at, &value.to_string());
        }
    }

    /// Fills it with a register's struct.
    pub(super) fn fill<T: Serialize>(&mut self, columns: &Columns, row: &T) {
        self.clear(columns);
        // Structs of registers are flat, so nothing in them is refused.
        let _ = row.serialize(Filler { line: self, columns });
        self.name_key(columns);
    }

    /// Fills it with a row of another dataset.
    pub(super) fn fill_row(&mut self, columns: &Columns, row: &Row) {
        self.clear(columns);
        for (nth, (name, value)) in row.iter().enumerate() {
            if name == "_institution" {
                self.holder = value.as_str().map(|holder| self.keep(holder));
                continue;
            }
            let Some(at) = columns.find(name, nth) else { continue };
            match value {
                Value::String(text) => self.set_text(columns, at, text),
                Value::Bool(value) => self.cells[at] = Cell::Int(i64::from(*value)),
                Value::Number(number) => match number.as_i64() {
                    Some(value) => self.set_int(columns, at, value),
                    None => self.set_text(columns, at, &number.to_string()),
                },
                _ => {}
            }
        }
        self.name_key(columns);
    }

    /// Says who holds the row.
    pub(super) fn held_by(&mut self, institution: &str) {
        self.holder = Some(self.keep(institution));
    }

    /// The record's natural key, as acquisition builds it.
    pub(super) fn name_key(&mut self, columns: &Columns) {
        if columns.key.is_empty() {
            self.record_id.push('1');
        }
        for (nth, at) in columns.key.iter().enumerate() {
            if nth > 0 {
                self.record_id.push('|');
            }
            match &self.cells[*at] {
                Cell::Null => {}
                Cell::Text(range) => self.record_id.push_str(&self.text[range.clone()]),
                Cell::Int(value) => shown(*value, columns.types[*at], &mut self.record_id),
            }
        }
    }
}

/// A number as record ids write it.
fn shown(value: i64, ty: ColumnType, out: &mut String) {
    let _ = match ty {
        ColumnType::Date => match hedui_base::columns::days_to_date(value) {
            Some(day) => write!(out, "{day}"),
            None => Ok(()),
        },
        ColumnType::Month => write!(out, "{:04}-{:02}", value.div_euclid(12), value.rem_euclid(12) + 1),
        ColumnType::Bool => write!(out, "{}", value != 0),
        ColumnType::Money(_) => write!(out, "{}", Fen::new(value)),
        _ => write!(out, "{value}"),
    };
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970-01-01 of a day in ISO form.
fn date(text: &str) -> Option<i64> {
    let day = jiff::civil::Date::new(
        i16::try_from(digits(text.get(..4)?)?).ok()?,
        i8::try_from(digits(text.get(5..7)?)?).ok()?,
        i8::try_from(digits(text.get(8..10)?)?).ok()?,
    );
    Some(hedui_base::columns::date_to_days(day.ok()?))
}

fn month(text: &str) -> Option<i64> {
    Some(digits(text.get(..4)?)? * 12 + digits(text.get(5..7)?)? - 1)
}

/// A decimal number with at most so many digits after the point, times ten to that power.
fn decimal(text: &str, scale: u8) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    if part.len() > usize::from(scale) {
        return None;
    }
    let unit = 10i64.pow(u32::from(scale));
    let part = if part.is_empty() { 0 } else { digits(part)? * 10i64.pow(u32::from(scale) - part.len() as u32) };
    Some(sign * (digits(whole)? * unit + part))
}

/// Takes a struct apart, field by field.
struct Filler<'a> {
    line: &'a mut Line,
    columns: &'a Columns,
}

struct Fields<'a> {
    line: &'a mut Line,
    columns: &'a Columns,
    nth: usize,
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        let guess = self.nth;
        self.nth += 1;
        let at = if name == "bank" { None } else { Some(self.columns.find(name, guess)) };
        match at {
            Some(None) => Ok(()),
            Some(at) => value.serialize(Field { line: self.line, columns: self.columns, at }),
            None => value.serialize(Field { line: self.line, columns: self.columns, at: None }),
        }
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Takes one value; without a column it is the name of the holder.
struct Field<'a> {
    line: &'a mut Line,
    columns: &'a Columns,
    at: Option<usize>,
}

fn refused<T>() -> Result<T, Error> {
    Err(serde::ser::Error::custom("a register's row is flat"))
}

macro_rules! refuse {
    ($($name:ident($($arg:ty),*) -> $ok:ty;)*) => {
        $(fn $name(self, $(_: $arg),*) -> Result<$ok, Error> { refused() })*
    };
}

macro_rules! flat {
    () => {
        type Ok = ();
        type Error = Error;
        type SerializeSeq = Impossible<(), Error>;
        type SerializeTuple = Impossible<(), Error>;
        type SerializeTupleStruct = Impossible<(), Error>;
        type SerializeTupleVariant = Impossible<(), Error>;
        type SerializeMap = Impossible<(), Error>;
        type SerializeStructVariant = Impossible<(), Error>;
        refuse! {
            serialize_f32(f32) -> ();
            serialize_f64(f64) -> ();
            serialize_char(char) -> ();
            serialize_bytes(&[u8]) -> ();
            serialize_unit() -> ();
            serialize_unit_struct(&'static str) -> ();
            serialize_unit_variant(&'static str, u32, &'static str) -> ();
            serialize_seq(Option<usize>) -> Self::SerializeSeq;
            serialize_tuple(usize) -> Self::SerializeTuple;
            serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
            serialize_map(Option<usize>) -> Self::SerializeMap;
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
        }
        fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
            value.serialize(self)
        }
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), Error> {
            refused()
        }
    };
}

impl<'a> Serializer for Filler<'a> {
    flat!();
    type SerializeStruct = Fields<'a>;
    refuse! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_str(&str) -> ();
        serialize_none() -> ();
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, Error> {
        Ok(Fields { line: self.line, columns: self.columns, nth: 0 })
    }
}

impl Field<'_> {
    fn int(self, value: i64) -> Result<(), Error> {
        if let Some(at) = self.at {
            self.line.set_int(self.columns, at, value);
        }
        Ok(())
    }

    fn take(&mut self, text: &str) {
        match self.at {
            Some(at) => self.line.set_text(self.columns, at, text),
            None => self.line.held_by(text),
        }
    }
}

impl Serializer for Field<'_> {
    flat!();
    type SerializeStruct = Impossible<(), Error>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        if let Some(at) = self.at {
            self.line.cells[at] = Cell::Int(i64::from(value));
        }
        Ok(())
    }
    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.int(i64::from(value))
    }
    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.int(i64::from(value))
    }
    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.int(i64::from(value))
    }
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.int(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.int(i64::from(value))
    }
    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.int(i64::from(value))
    }
    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.int(i64::from(value))
    }
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        i64::try_from(value).map_or_else(|_| refused(), |value| self.int(value))
    }
    fn serialize_str(mut self, text: &str) -> Result<(), Error> {
        self.take(text);
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Error> {
        refused()
    }
    fn collect_str<T: std::fmt::Display + ?Sized>(mut self, value: &T) -> Result<(), Error> {
        let mut text = std::mem::take(&mut self.line.scratch);
        text.clear();
        let written = write!(text, "{value}");
        self.take(&text);
        self.line.scratch = text;
        written.map_err(serde::ser::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Pension, row};
    use hedui_base::Period;
    use jiff::civil::date;

    fn columns(list: &[(&str, ColumnType)], key: &[usize]) -> Columns {
        Columns {
            names: list.iter().map(|(name, _)| (*name).to_owned()).collect(),
            types: list.iter().map(|(_, ty)| *ty).collect(),
            key: key.to_vec(),
        }
    }

    #[test]
    fn a_struct_and_a_row_fill_the_same_cells() {
        let money = ColumnType::Money(Period::Month);
        let list = [
            ("amount", money),
            ("kind", ColumnType::Code),
            ("started", ColumnType::Date),
            ("status", ColumnType::Code),
        ];
        let columns = columns(&list, &[1, 2, 0]);
        let mut line = Line::default();
        line.fill(
            &columns,
            &Pension {
                kind: "resident".into(),
                amount: Fen::new(20_850),
                base_pension: Fen::ZERO,
                status: "paying".into(),
                started: date(1970, 1, 11),
            },
        );
        let cells = line.cells.clone();
        assert_eq!((&cells[0], &cells[2]), (&Cell::Int(20_850), &Cell::Int(10)));
        assert_eq!(line.record_id, "resident|1970-01-11|208.50");
        line.fill_row(
            &columns,
            &row! { "kind": "resident", "amount": Fen::new(20_850), "status": "paying", "started": date(1970, 1, 11),
            "_institution": "hrss", "unheard_of": 3_i64 },
        );
        assert_eq!(line.cells[..3], cells[..3]);
        assert_eq!(line.holder.clone().map(|h| line.text(&h).to_owned()), Some("hrss".to_owned()));
    }

    #[test]
    fn texts_become_numbers_exactly() {
        assert_eq!([decimal("-12.3", 2), decimal("7", 4), decimal("0.5000", 1)], [Some(-1230), Some(70_000), Some(5)]);
        assert_eq!([decimal("1.234", 2), decimal("x", 2), decimal("", 0)], [None; 3]);
        assert_eq!(
            (super::date("2026-06-30"), super::date("2026-02-30"), month("2026-06")),
            (Some(20_634), None, Some(24_317))
        );
    }
}
