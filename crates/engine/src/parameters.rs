//! Dated parameters by place and keys. Each lookup is done once per slice.

use hedui_base::{AreaCode, ColumnType};
use hedui_rules::program::{KeyMatch, KeyValue, Parameter, ParameterRow, ParameterValue, Program, RowValue};
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::interval::Span;
use crate::register::Presence;
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
    /// A number within bounds, or none.
    Maybe(i64, i64),
    Text(i64),
    AnyText,
    None,
}

/// What a lookup gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// One value for certain.
    Value(i64),
    /// No row, but a value declared for that.
    Fallback(i64),
    /// One of several.
    OneOf {
        span: Span,
        /// Whether there may be none.
        presence: Presence,
        /// Whether a row in question is a declared gap.
        gap: bool,
    },
    /// A row that says there is none.
    Nothing,
    /// No row.
    Missing,
    /// An increment that leads out of range.
    Overflow,
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
        let meant = candidates(parameter, place, keys, day, texts);
        let found = meant.rows.iter().map(|row| of_row(parameter, row, keys, texts));
        let mut looked = found.reduce(|a, b| merge(a, b, parameter.ty.is_int())).unwrap_or(Looked::Missing);
        if let Some(fallback) = parameter.fallback.as_ref().filter(|_| meant.none) {
            let value = value_of(&fallback.value, texts);
            looked = match looked {
                Looked::Missing => Looked::Fallback(value),
                some => merge(some, Looked::Value(value), parameter.ty.is_int()),
            };
        }
        if keys.len() <= 2 {
            self.done.insert(known, looked);
        }
        looked
    }
}

/// What one row gives.
fn of_row<'p>(parameter: &Parameter, row: &'p ParameterRow, keys: &[Key], texts: &mut Texts<'p>) -> Looked {
    match &row.value {
        RowValue::Known(ParameterValue::Text(text)) => Looked::Value(texts.intern(text)),
        RowValue::Known(ParameterValue::Int(_)) => number(parameter, row, keys),
        RowValue::Gap(_) => Looked::OneOf { span: gap(parameter), presence: Presence::Some, gap: true },
        RowValue::Nothing => Looked::Nothing,
    }
}

fn value_of<'p>(value: &'p ParameterValue, texts: &mut Texts<'p>) -> i64 {
    match value {
        ParameterValue::Int(v) => *v,
        ParameterValue::Text(text) => texts.intern(text),
    }
}

/// A parameter's rows in force on one day, the ones that win first: the longest area, then those of one residence.
#[derive(Debug)]
pub(crate) struct InForce<'p> {
    parameter: &'p Parameter,
    rows: Vec<&'p ParameterRow>,
    by_residence: bool,
}

impl<'p> InForce<'p> {
    pub(crate) fn of(parameter: &'p Parameter, day: Date) -> Self {
        // As [`Parameter::lookup`] chooses; of equals it takes the last.
        let mut rows: Vec<&ParameterRow> = parameter.rows.iter().rev().filter(|row| row.holds_on(day)).collect();
        let rank = |row: &ParameterRow| (row.area.map_or(0, AreaCode::depth), row.residence.is_some());
        rows.sort_by_key(|row| std::cmp::Reverse(rank(row)));
        let by_residence = parameter.rows.iter().any(|row| row.residence.is_some());
        Self { parameter, rows, by_residence }
    }

    /// The rows that hold at a place, the ones that win first, as their positions; none while that depends on what is not known
    /// of the place.
    pub(crate) fn at(&self, place: Place<'_>) -> Option<Box<[u32]>> {
        if place.residence.is_none() && self.by_residence {
            return None;
        }
        let holds = |row: &ParameterRow| {
            row.area.is_none_or(|area| place.area.is_within(area))
                && row.residence.as_deref().is_none_or(|r| place.residence == Some(r))
        };
        let rows = (0u32..).zip(&self.rows).filter(|(_, row)| holds(row));
        Some(rows.map(|(at, _)| at).collect())
    }

    /// The same as [`Lookups::look_up`], while all keys are known, by the rows that hold [at the place](InForce::at).
    pub(crate) fn look_up(&self, at: &[u32], keys: &[Key], texts: &mut Texts<'p>) -> Option<Looked> {
        let exact = |key: &Key| matches!(key, Key::Text(_)) || matches!(key, Key::Number(lo, hi) if lo == hi);
        if !keys.iter().all(exact) {
            return None;
        }
        let mut rows = at.iter().map(|at| self.rows[*at as usize]);
        let meant =
            |row: &&ParameterRow| row.keys.iter().zip(keys).all(|(accepts, key)| could_accept(accepts, *key, texts));
        Some(match (rows.find(meant), &self.parameter.fallback) {
            (Some(row), _) => of_row(self.parameter, row, keys, texts),
            (None, Some(fallback)) => Looked::Fallback(value_of(&fallback.value, texts)),
            (None, None) => Looked::Missing,
        })
    }
}

/// A row's number for a key in its open range: one value, or those of all keys it may be.
fn number(parameter: &Parameter, row: &ParameterRow, keys: &[Key]) -> Looked {
    let key = row.each.and(row.open_key()).and_then(|(index, from)| match keys.get(index) {
        Some(Key::Number(lo, hi) | Key::Maybe(lo, hi)) => Some((from, (*lo).max(from), *hi)),
        _ => None,
    });
    let Some((from, lo, hi)) = key else {
        return parameter.read(row, 0).map_or(Looked::Overflow, Looked::Value);
    };
    let value = |key: i64| key.checked_sub(from).and_then(|beyond| parameter.read(row, beyond));
    if lo == hi {
        return value(lo).map_or(Looked::Overflow, Looked::Value);
    }
    let rises = row.each.unwrap_or(0) >= 0;
    let far = if rises { i64::MAX } else { i64::MIN };
    let end = |key: i64| if key == i64::MAX { far } else { value(key).unwrap_or(far) };
    let (a, b) = (end(lo), if row.each == Some(0) { end(lo) } else { end(hi) });
    Looked::OneOf { span: Span { lo: a.min(b), hi: a.max(b) }, presence: Presence::Some, gap: false }
}

/// What a value that nobody published can be.
pub(crate) fn gap(parameter: &Parameter) -> Span {
    match parameter.ty {
        ColumnType::Bool => Span { lo: 0, hi: 1 },
        ty if !ty.is_int() => Span::ALL,
        _ => Span { lo: parameter.bounds.0.unwrap_or(i64::MIN), hi: parameter.bounds.1.unwrap_or(i64::MAX) },
    }
}

fn merge(a: Looked, b: Looked, is_number: bool) -> Looked {
    let parts = |looked| match looked {
        Looked::Value(v) | Looked::Fallback(v) => Some((Span::exact(v), Presence::Some, false)),
        Looked::OneOf { span, presence, gap } => Some((span, presence, gap)),
        Looked::Overflow => Some((Span::ALL, Presence::Some, false)),
        Looked::Nothing | Looked::Missing => None,
    };
    match (parts(a), parts(b)) {
        (Some((x, Presence::Some, false)), Some((y, Presence::Some, false))) if x == y && x.is_exact() => a,
        (Some((x, one, gap)), Some((y, other, more))) => {
            let span = if is_number { x.hull(y) } else { Span::ALL };
            Looked::OneOf { span, presence: one.max(other), gap: gap || more }
        }
        (Some((span, _, gap)), None) if b == Looked::Nothing => Looked::OneOf { span, presence: Presence::Maybe, gap },
        (None, Some((span, _, gap))) if a == Looked::Nothing => Looked::OneOf { span, presence: Presence::Maybe, gap },
        (Some(_), None) => a,
        (None, _) if b == Looked::Missing => a,
        (None, _) => b,
    }
}

/// Whether a key is one known value.
pub(crate) const fn is_exact(key: Key) -> bool {
    match key {
        Key::Number(lo, hi) => lo == hi,
        Key::Text(_) | Key::None => true,
        Key::Maybe(..) | Key::AnyText => false,
    }
}

/// The rows that may be meant.
pub(crate) struct Candidates<'p> {
    /// One if the place and all keys are known, else all that could match.
    pub(crate) rows: Vec<&'p ParameterRow>,
    /// Whether it may be that none is.
    pub(crate) none: bool,
}

pub(crate) fn candidates<'p>(
    parameter: &'p Parameter,
    place: Place<'_>,
    keys: &[Key],
    day: Date,
    texts: &Texts<'_>,
) -> Candidates<'p> {
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
        let row = parameter.lookup(place.area, place.residence, &values, day);
        return Candidates { rows: row.into_iter().collect(), none: row.is_none() };
    }
    let could_match = |row: &&ParameterRow| {
        row.area.is_none_or(|area| place.area.is_within(area))
            && row.residence.as_deref().is_none_or(|r| place.residence.is_none_or(|own| own == r))
            && row.holds_on(day)
            && row.keys.iter().zip(keys).all(|(accepts, key)| could_accept(accepts, *key, texts))
    };
    let rows: Vec<&ParameterRow> = parameter.rows.iter().filter(could_match).collect();
    let covers = |row: &&ParameterRow| {
        row.residence.as_deref().is_none_or(|r| place.residence == Some(r))
            && row.keys.iter().zip(keys).all(|(accepts, key)| must_accept(accepts, *key, texts))
    };
    let none = !rows.iter().any(covers);
    Candidates { rows, none }
}

/// Whether a row's key accepts whatever the key turns out to be.
fn must_accept(accepts: &KeyMatch, key: Key, texts: &Texts<'_>) -> bool {
    match (accepts, key) {
        (KeyMatch::Any, _) => true,
        (KeyMatch::Range(lo, hi), Key::Number(from, to)) => *lo <= from && to <= *hi,
        (KeyMatch::Text(text), Key::Text(id)) => **text == *texts.get(id),
        _ => false,
    }
}

pub(crate) fn could_accept(accepts: &KeyMatch, key: Key, texts: &Texts<'_>) -> bool {
    match (accepts, key) {
        (KeyMatch::Any, _) | (KeyMatch::Text(_), Key::AnyText) => true,
        (KeyMatch::Range(lo, hi), Key::Number(from, to) | Key::Maybe(from, to)) => *lo <= to && from <= *hi,
        (KeyMatch::Text(text), Key::Text(id)) => **text == *texts.get(id),
        _ => false,
    }
}
