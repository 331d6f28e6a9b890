//! One value as SQL: bounds, presence and reasons, each only where it can differ from the plain case.

use std::collections::BTreeMap;

use crate::sql::{Sql, q};

/// What kind of value it is, whatever its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A whole number in the scale of its type: `BIGINT`, null for an unbounded end.
    Number,
    /// A text: null where it is not known.
    Text,
    /// A condition: two `BOOLEAN`s, whether it is met for certain and whether it may be.
    Truth,
}

/// Whether there is a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Presence {
    /// Always.
    Always,
    /// A known value, or none: then it is null.
    Null,
    /// 0 there is one, 1 that depends on what is unknown, 2 there is none.
    Code(Sql),
}

/// Why it is unknown: sets of reasons as bits of some words. The number beside each word has the bits it can have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Why(pub(crate) BTreeMap<usize, (Sql, u64)>);

impl Why {
    pub(crate) fn one(word: usize, sql: Sql, bits: u64) -> Self {
        if sql.is("0") || bits == 0 { Self::default() } else { Self([(word, (sql, bits))].into()) }
    }

    /// Whether it is known for certain.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All reasons of both.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        for (word, (sql, bits)) in &other.0 {
            match self.0.get_mut(word) {
                None => drop(self.0.insert(*word, (sql.clone(), *bits))),
                Some((own, all)) => {
                    if own != sql {
                        *own = q!("({} | {})", own, sql);
                    }
                    *all |= bits;
                }
            }
        }
        self
    }

    /// The reasons where a condition holds.
    pub(crate) fn when(&self, condition: &Sql) -> Self {
        if condition.is("TRUE") {
            return self.clone();
        }
        if condition.is("FALSE") {
            return Self::default();
        }
        self.map(|sql| q!("CASE WHEN {} THEN {} ELSE 0 END", condition, sql))
    }

    pub(crate) fn map(&self, mut f: impl FnMut(&Sql) -> Sql) -> Self {
        Self(self.0.iter().map(|(word, (sql, bits))| (*word, (f(sql), *bits))).collect())
    }

    /// Whether a fault may be among them.
    pub(crate) fn may_fail(&self) -> bool {
        self.0.get(&0).is_some_and(|(_, bits)| bits & 1 != 0)
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) lo: Sql,
    /// The upper end; none where it is known exactly or not at all. Then `lo` is null if it is unknown.
    pub(crate) hi: Option<Sql>,
    pub(crate) presence: Presence,
    pub(crate) why: Why,
    pub(crate) sort: Sort,
}

impl Slot {
    /// A value that is known and there.
    pub(crate) fn known(lo: Sql, sort: Sort) -> Self {
        Self { lo, hi: None, presence: Presence::Always, why: Why::default(), sort }
    }

    /// A known value, or none where it is null.
    pub(crate) fn optional(lo: Sql, sort: Sort) -> Self {
        Self { presence: Presence::Null, ..Self::known(lo, sort) }
    }

    pub(crate) fn number(value: i64) -> Self {
        Self::known(Sql::number(value), Sort::Number)
    }

    pub(crate) fn truth(lo: Sql) -> Self {
        Self::known(lo, Sort::Truth)
    }

    /// Whether it is known for certain (a value, or none).
    pub(crate) fn is_closed(&self) -> bool {
        self.why.is_empty()
    }

    pub(crate) fn hi(&self) -> &Sql {
        self.hi.as_ref().unwrap_or(&self.lo)
    }

    /// Where it may be none, a column that says so.
    pub(crate) fn code(&self) -> Option<&Sql> {
        match &self.presence {
            Presence::Code(code) => Some(code),
            _ => None,
        }
    }

    /// That it is a known value, and not none; `TRUE` if always. May be null where it is not.
    pub(crate) fn is_value(&self) -> Sql {
        let exact = match (&self.hi, self.sort, &self.presence) {
            (Some(hi), ..) => q!("({} = {})", self.lo, hi),
            (None, ..) if self.is_closed() && self.presence == Presence::Always => Sql::truth(true),
            (None, Sort::Truth, _) => Sql::truth(true),
            (None, ..) => q!("({} IS NOT NULL)", self.lo),
        };
        match self.code() {
            Some(code) if exact.is("TRUE") => q!("({} = 0)", code),
            Some(code) => q!("({} = 0 AND {})", code, exact),
            None => exact,
        }
    }

    /// That there is none for certain; `FALSE` if never.
    pub(crate) fn is_none(&self) -> Sql {
        match &self.presence {
            Presence::Always => Sql::truth(false),
            Presence::Null => q!("({} IS NULL)", self.lo),
            Presence::Code(code) => q!("({} = 2)", code),
        }
    }

    /// That there is a value for certain, if perhaps an unknown one.
    pub(crate) fn is_there(&self) -> Sql {
        match &self.presence {
            Presence::Always => Sql::truth(true),
            Presence::Null => q!("({} IS NOT NULL)", self.lo),
            Presence::Code(code) => q!("({} = 0)", code),
        }
    }
}

/// A conjunction in which constants vanish.
pub(crate) fn all(parts: impl IntoIterator<Item = Sql>) -> Sql {
    let mut open: Vec<Sql> = Vec::new();
    for part in parts {
        if part.is("FALSE") {
            return part;
        }
        if !part.is("TRUE") && !open.contains(&part) {
            open.push(part);
        }
    }
    match open.len() {
        0 => Sql::truth(true),
        1 => open.remove(0),
        _ => q!("({})", Sql::join(&open, " AND ")),
    }
}

/// A disjunction in which constants vanish.
pub(crate) fn any(parts: impl IntoIterator<Item = Sql>) -> Sql {
    let mut open: Vec<Sql> = Vec::new();
    for part in parts {
        if part.is("TRUE") {
            return part;
        }
        if !part.is("FALSE") && !open.contains(&part) {
            open.push(part);
        }
    }
    match open.len() {
        0 => Sql::truth(false),
        1 => open.remove(0),
        _ => q!("({})", Sql::join(&open, " OR ")),
    }
}

/// The opposite of a condition that is never null.
pub(crate) fn not(condition: &Sql) -> Sql {
    match condition.text.as_str() {
        "TRUE" => Sql::truth(false),
        "FALSE" => Sql::truth(true),
        _ => q!("(NOT {})", condition),
    }
}
