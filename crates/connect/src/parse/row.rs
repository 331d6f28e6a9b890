//! One row to canonical values, or the reason why not.

use std::sync::Arc;

use hedui_base::columns::days_to_date;
use hedui_base::{ColumnType, Dataset, Fen, Month};
use jiff::civil::Date;

use super::grid::ERROR;
use super::view::Scalar;
use super::{Reason, View};
use crate::convert::Value;
use crate::manifest::{Field, Map};
use crate::selector::Selector;

/// A row in the order of the map's fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) values: Vec<Option<Value>>,
    pub(super) as_of: Option<Date>,
    pub(super) record_id: Arc<str>,
}

/// Reads one value: `Ok(None)` is null.
pub(super) fn value(field: &Field, view: View<'_>) -> Result<Option<Value>, Reason> {
    let Some(from) = &field.from else {
        return field.converter.convert(&crate::convert::Cell::text("")).map(Some);
    };
    let cell = match view.scalar(from) {
        Scalar::Missing if field.optional => return Ok(None),
        Scalar::Missing | Scalar::Composite => return Err(Reason::SchemaDrift),
        Scalar::Null => return Ok(None),
        Scalar::Cell(cell) => cell,
    };
    let trimmed = cell.text.trim();
    if field.says_null(trimmed) {
        return Ok(None);
    }
    if cell.text == ERROR {
        return Err(Reason::SchemaDrift);
    }
    if field.text_only && cell.numeric {
        return Err(Reason::IdPrecisionLost);
    }
    field.converter.convert(&cell).map(Some)
}

/// A date field.
pub(super) fn date(field: Option<&Field>, view: View<'_>) -> Result<Option<Date>, Reason> {
    let Some(field) = field else { return Ok(None) };
    match value(field, view)? {
        Some(Value::Int(days)) => days_to_date(days).map(Some).ok_or(Reason::BadDate),
        _ => Ok(None),
    }
}

/// Why a row is set aside, and which of its values it is, if it is one of them.
#[derive(Debug)]
pub(super) struct Refused<'m> {
    pub(super) reason: Reason,
    pub(super) at: Option<&'m Selector>,
}

/// Reads one row; the first thing wrong with it decides.
pub(super) fn read<'m>(map: &'m Map, dataset: &Dataset, view: View<'_>) -> Result<Row, Refused<'m>> {
    let mut values = Vec::with_capacity(map.fields.len());
    for field in &map.fields {
        let refused = |reason| Refused { reason, at: field.from.as_ref() };
        let read = value(field, view).map_err(refused)?;
        if let (Some(Value::Int(number)), Some(spec)) = (&read, dataset.columns.get(&field.column))
            && (spec.min.is_some_and(|min| *number < min) || spec.max.is_some_and(|max| *number > max))
        {
            let is_money = matches!(spec.ty, ColumnType::Money(_));
            return Err(refused(if is_money { Reason::BadMoney } else { Reason::SchemaDrift }));
        }
        values.push(read);
    }
    let as_of = date(map.as_of.as_ref(), view)
        .map_err(|reason| Refused { reason, at: map.as_of.as_ref().and_then(|f| f.from.as_ref()) })?;
    let mut keys = Vec::with_capacity(dataset.key.len());
    for key in &dataset.key {
        let missing = |at| Refused { reason: Reason::KeyMissing, at };
        let index = map.fields.iter().position(|f| f.column == *key).ok_or_else(|| missing(None))?;
        let value = values[index].as_ref().ok_or_else(|| missing(map.fields[index].from.as_ref()))?;
        keys.push(shown(value, dataset.columns.get(key).map_or(ColumnType::Text, |c| c.ty)));
    }
    let record_id = if keys.is_empty() { "1".into() } else { keys.join("|").into() };
    Ok(Row { values, as_of, record_id })
}

/// A value as record ids and samples write it.
pub(crate) fn shown(value: &Value, ty: ColumnType) -> String {
    match (value, ty) {
        (Value::Text(text), _) => text.to_string(),
        (Value::Int(number), ColumnType::Date) => days_to_date(*number).map_or_else(String::new, |d| d.to_string()),
        (Value::Int(number), ColumnType::Month) => {
            Month::from_index(*number).map_or_else(String::new, |m| m.to_string())
        }
        (Value::Int(number), ColumnType::Bool) => (*number != 0).to_string(),
        (Value::Int(number), ColumnType::Money(_)) => Fen::new(*number).to_string(),
        (Value::Int(number), ty) => rust_decimal::Decimal::new(*number, u32::from(ty.scale())).normalize().to_string(),
    }
}
