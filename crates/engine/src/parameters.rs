//! Dated parameters by place and keys. Each lookup is done once per slice.

use hedui_base::AreaCode;
use hedui_rules::program::{KeyMatch, KeyValue, Parameter, ParameterRow, ParameterValue, Program};
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::interval::Span;
use crate::texts::Texts;

/// Where a case is: what parameters are looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place<'a> {
    pub(crate) area: AreaCode,
    /// None where nobody said.
    pub(crate) residence: Option<&'a str>,
}

/// One value of a key column: in the column's integers, or interned; bounds where it is unknown; none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Number(i64, i64),
    Text(i64),
    AnyText,
    None,
}

/// What a lookup gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// One value for certain.
    Value(i64),
    /// One of several.
    OneOf(Span),
    /// No row.
    Missing,
}

type Place2 = (usize, Option<Key>, Option<Key>);

/// Lookups done so far in a slice.
#[derive(Debug, Default)]
pub(crate) struct Lookups<'a> {
    done: FxHashMap<(Place<'a>, Place2), Looked>,
}

impl<'a> Lookups<'a> {
    /// A parameter's value at a place on a day.
    pub(crate) fn look_up(
        &mut self,
        (program, texts): (&'a Program, &mut Texts<'a>),
        id: usize,
        place: Place<'a>,
        keys: &[Key],
        day: Date,
    ) -> Looked {
        let known = (place, (id, keys.first().copied(), keys.get(1).copied()));
        if keys.len() <= 2
            && let Some(looked) = self.done.get(&known)
        {
            return *looked;
        }
        let parameter = &program.parameters[id];
        let looked = rows(parameter, place, keys, day, texts)
            .into_iter()
            .map(|row| match &row.value {
                ParameterValue::Int(v) => Looked::Value(*v),
                ParameterValue::Text(text) => Looked::Value(texts.intern(text)),
            })
            .reduce(|a, b| merge(a, b, parameter.ty.is_int()))
            .unwrap_or(Looked::Missing);
        if keys.len() <= 2 {
            self.done.insert(known, looked);
        }
        looked
    }
}

fn merge(a: Looked, b: Looked, is_number: bool) -> Looked {
    let span = |looked| match looked {
        Looked::Value(v) => Some(Span::exact(v)),
        Looked::OneOf(span) => Some(span),
        Looked::Missing => None,
    };
    match (span(a), span(b)) {
        (Some(a), Some(b)) if a == b && a.is_exact() => Looked::Value(a.lo),
        (Some(a), Some(b)) => Looked::OneOf(if is_number { a.hull(b) } else { Span::ALL }),
        (Some(_), None) => a,
        (None, _) => b,
    }
}

/// The rows that may be meant: one if the place and all keys are known, else all that could match.
pub(crate) fn rows<'p>(
    parameter: &'p Parameter,
    place: Place<'_>,
    keys: &[Key],
    day: Date,
    texts: &Texts<'_>,
) -> Vec<&'p ParameterRow> {
    let certain = place.residence.is_some() || parameter.rows.iter().all(|row| row.residence.is_none());
    let values: Option<Vec<KeyValue<'_>>> = keys
        .iter()
        .map(|key| match *key {
            Key::Number(lo, hi) if lo == hi => Some(KeyValue::Int(lo)),
            Key::Text(id) => Some(KeyValue::Text(texts.get(id))),
            _ => None,
        })
        .collect();
    if let (Some(values), true) = (values, certain) {
        return parameter.lookup(place.area, place.residence, &values, day).into_iter().collect();
    }
    let could_match = |row: &&ParameterRow| {
        row.area.is_none_or(|area| place.area.is_within(area))
            && row.residence.as_deref().is_none_or(|r| place.residence.is_none_or(|own| own == r))
            && row.from <= day
            && row.until.is_none_or(|until| day <= until)
            && row.keys.iter().zip(keys).all(|(accepts, key)| could_accept(accepts, *key, texts))
    };
    parameter.rows.iter().filter(could_match).collect()
}

fn could_accept(accepts: &KeyMatch, key: Key, texts: &Texts<'_>) -> bool {
    match (accepts, key) {
        (KeyMatch::Any, _) | (KeyMatch::Text(_), Key::AnyText) => true,
        (KeyMatch::Range(lo, hi), Key::Number(from, to)) => *lo <= to && from <= *hi,
        (KeyMatch::Text(text), Key::Text(id)) => **text == *texts.get(id),
        _ => false,
    }
}
