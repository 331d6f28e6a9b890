//! Dated parameters: the rows in force on the day, chosen by area, residence and keys.

use hedui_base::ColumnType;
use hedui_rules::program::{KeyMatch, Parameter, ParameterRow, ParameterValue, RowValue};

use crate::comparisons::when;
use crate::plan::Scope;
use crate::printer::{Printer, View, sort_of};
use crate::slot::{Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};

/// A key column's value as lookups take it.
pub(crate) struct Key {
    pub(crate) slot: Slot,
    pub(crate) view: View,
}

/// One row that may be meant.
struct Candidate {
    /// That it matches, for known keys and a known residence; or that it may.
    could: Sql,
    /// That it matches whatever is unknown.
    must: Sql,
    value: Option<(Sql, Sql)>,
    is_gap: bool,
}

impl Printer<'_> {
    /// Whether the case's area lies within another.
    fn within(&mut self, row: &ParameterRow) -> Sql {
        let Some(area) = row.area else { return Sql::truth(true) };
        if let (Some(pack), false) = (self.program.pack.area, self.is_full()) {
            // Where all is known, the cases lie in the pack's area.
            if pack.is_within(area) {
                return Sql::truth(true);
            }
            if !area.is_within(pack) {
                return Sql::truth(false);
            }
        }
        let own = self.plan.base("area", Scope::Household, "b.area");
        let digits = digits_of(area);
        q!("(SUBSTRING({}, 1, {}) = '{digits}')", own, Sql::literal(digits.len()))
    }

    /// Whether the case's residence is, or may be, that of a row.
    pub(crate) fn at_residence(&mut self, row: &ParameterRow) -> (Sql, Sql) {
        let Some(residence) = &row.residence else { return (Sql::truth(true), Sql::truth(true)) };
        let own = self.plan.base("residence", Scope::Household, "b.residence");
        let text = Sql::literal(self.dialect().text(residence));
        (q!("(({} = {}) IS NOT FALSE)", own, text), q!("(({} = {}) IS TRUE)", own, text))
    }

    pub(crate) fn at_place(&mut self, row: &ParameterRow) -> (Sql, Sql) {
        let within = self.within(row);
        let (could, is) = self.at_residence(row);
        (all([within.clone(), could]), all([within, is]))
    }

    pub(crate) fn keys(&mut self, keys: &[(Slot, ColumnType)]) -> Vec<Key> {
        keys.iter()
            .map(|(slot, _)| {
                let slot = self.bound(slot.clone());
                Key { view: self.view(&slot), slot }
            })
            .collect()
    }

    /// That all keys are known values.
    pub(crate) fn all_exact(keys: &[Key]) -> Sql {
        all(keys.iter().map(|key| key.slot.is_value()))
    }

    /// Whether a key may be, and must be, what a row accepts.
    pub(crate) fn accepts(&self, accepts: &KeyMatch, key: &Key) -> (Sql, Sql) {
        let there = match &key.view.code {
            None => (Sql::truth(true), Sql::truth(true)),
            Some(code) => (q!("{} <> 2", code), q!("{} = 0", code)),
        };
        match accepts {
            KeyMatch::Any => (Sql::truth(true), Sql::truth(true)),
            KeyMatch::Range(low, high) => {
                let at_least = |end: &Sql, low: i64| {
                    if low == i64::MIN { Sql::truth(true) } else { q!("{} >= {}", end, Sql::number(low)) }
                };
                let at_most = |end: &Sql, high: i64| {
                    if high == i64::MAX { Sql::truth(true) } else { q!("{} <= {}", end, Sql::number(high)) }
                };
                let may = |sql: Sql| if sql.is("TRUE") { sql } else { q!("({}) IS NOT FALSE", sql) };
                let is = |sql: Sql| if sql.is("TRUE") { sql } else { q!("({}) IS TRUE", sql) };
                let (lo, hi) = (&key.view.lo, &key.view.hi);
                if key.slot.is_closed() {
                    let both = all([at_least(lo, *low), at_most(lo, *high)]);
                    return (all([there.0, both.clone()]), all([there.1, both]));
                }
                (
                    all([there.0, may(at_least(hi, *low)), may(at_most(lo, *high))]),
                    all([there.1, is(at_least(lo, *low)), is(at_most(hi, *high))]),
                )
            }
            KeyMatch::Text(text) => {
                let text = Sql::literal(self.dialect().text(text));
                let same = q!("({} = {})", key.view.lo, text);
                if key.slot.is_closed() {
                    return (all([there.0, same.clone()]), all([there.1, same]));
                }
                // A text that may be none could be any, and is none for certain of them.
                match &key.view.code {
                    None => (q!("({} IS NOT FALSE)", same), q!("({} IS TRUE)", same)),
                    Some(code) => (
                        q!("({} = 1 OR ({} = 0 AND {} IS NOT FALSE))", code, code, same),
                        q!("({} = 0 AND {} IS TRUE)", code, same),
                    ),
                }
            }
        }
    }

    /// A parameter's value for the case's place and some keys.
    pub(crate) fn parameter(&mut self, id: usize, keys: &[(Slot, ColumnType)]) -> Slot {
        let parameter = &self.program.parameters[id];
        let sort = sort_of(parameter.ty);
        let day = self.setting.as_of;
        let mut rows: Vec<&ParameterRow> = parameter.rows.iter().filter(|row| row.holds_on(day)).collect();
        let keys = self.keys(keys);
        // The nearest area goes first, then a residence of its own; of equals the later line, as in the kernel.
        rows.reverse();
        rows.sort_by_key(|row| std::cmp::Reverse((row.area.map_or(0, |a| a.depth()), row.residence.is_some())));
        let candidates: Vec<Candidate> =
            rows.into_iter().map(|row| self.candidate(parameter, row, &keys, sort)).collect();
        let candidates: Vec<Candidate> = candidates.into_iter().filter(|c| !c.could.is("FALSE")).collect();
        let by_residence = parameter.rows.iter().any(|row| row.residence.is_some());
        let exact_keys = Self::all_exact(&keys);
        let exact = if by_residence && self.is_full() {
            let residence = self.plan.base("residence", Scope::Household, "b.residence");
            all([exact_keys, q!("({} IS NOT NULL)", residence)])
        } else {
            exact_keys
        };
        let fallback = parameter.fallback.as_ref().map(|fallback| match &fallback.value {
            ParameterValue::Int(v) if sort == Sort::Truth => Sql::truth(*v != 0),
            ParameterValue::Int(v) => Sql::number(*v),
            ParameterValue::Text(text) => Sql::literal(self.dialect().text(text)),
        });
        if let Some(only) = candidates.first()
            && only.must.is("TRUE")
            && let (Some((lo, hi)), false) = (&only.value, only.is_gap)
            && lo == hi
            && (lo.number.is_some() || lo.atom)
        {
            return Slot::known(lo.clone(), sort);
        }
        if !self.is_full() && candidates.iter().all(|candidate| !candidate.is_gap) {
            return self.known_parameter(&candidates, fallback, sort);
        }
        self.open_parameter(parameter, &candidates, fallback, (&keys, exact), sort)
    }

    fn candidate(&mut self, parameter: &Parameter, row: &ParameterRow, keys: &[Key], sort: Sort) -> Candidate {
        let (mut could, mut must) = self.at_place(row);
        for (accepts, key) in row.keys.iter().zip(keys) {
            let (may, is) = self.accepts(accepts, key);
            could = all([could, may]);
            must = all([must, is]);
        }
        let value = match &row.value {
            RowValue::Known(ParameterValue::Text(text)) => {
                let text = Sql::literal(self.dialect().text(text));
                Some((text.clone(), text))
            }
            RowValue::Known(ParameterValue::Int(_)) => Some(self.row_number(parameter, row, keys, sort)),
            RowValue::Gap(_) => Some(gap(parameter)),
            RowValue::Nothing => None,
        };
        Candidate { could, must, value, is_gap: row.is_gap() }
    }

    /// A row's number for a key in its open range: null ends where one leaves 64 bits or is unbounded.
    fn row_number(&mut self, parameter: &Parameter, row: &ParameterRow, keys: &[Key], sort: Sort) -> (Sql, Sql) {
        let open = row.each.and(row.open_key()).and_then(|(index, from)| Some((from, keys.get(index)?)));
        let Some((from, key)) = open.filter(|(_, key)| key.slot.sort == Sort::Number) else {
            let value = match parameter.read(row, 0) {
                None => Sql::literal("CAST(NULL AS BIGINT)"),
                Some(value) if sort == Sort::Truth => Sql::truth(value != 0),
                Some(value) => Sql::number(value),
            };
            return (value.clone(), value);
        };
        let RowValue::Known(ParameterValue::Int(base)) = row.value else { return gap(parameter) };
        let each = row.each.unwrap_or(0);
        let full = self.is_full();
        let at = |p: &mut Self, key: &Sql| {
            let key = if full { p.wide(key) } else { key.clone() };
            let (base, each, from) = (Sql::number(base), Sql::number(each), Sql::number(from));
            let total = p.bind(q!("{} + {} * ({} - {})", base, each, key, from));
            let value = match (row.per, parameter.ty) {
                (Some(hedui_base::Period::Year), ColumnType::Money(hedui_base::Period::Month)) => {
                    p.round_div(&total, &Sql::number(12), full)
                }
                (Some(hedui_base::Period::Month), ColumnType::Money(hedui_base::Period::Year)) => {
                    q!("({} * 12)", total)
                }
                _ => total,
            };
            let value = p.bind(value);
            if full { p.bind(q!("TRY_CAST({} AS BIGINT)", value)) } else { value }
        };
        let lowest = q!("GREATEST({}, {})", key.view.lo, Sql::number(from));
        let lowest = if key.slot.is_closed() {
            key.view.lo.clone()
        } else {
            // An unbounded key begins where the row does.
            self.bind(q!("COALESCE({}, {})", lowest, Sql::number(from)))
        };
        let first = at(self, &lowest);
        if key.slot.is_closed() {
            return (first.clone(), first);
        }
        let second = if each == 0 { first.clone() } else { at(self, &key.view.hi) };
        if each >= 0 { (first, second) } else { (second, first) }
    }

    fn known_parameter(&mut self, candidates: &[Candidate], fallback: Option<Sql>, sort: Sort) -> Slot {
        let null = Sql::literal("NULL");
        let optional = fallback.is_none() || candidates.iter().any(|c| c.value.is_none() || c.is_gap);
        let mut lines = Vec::new();
        let mut otherwise = fallback.unwrap_or_else(|| null.clone());
        for candidate in candidates {
            let value = match &candidate.value {
                Some((lo, _)) if !candidate.is_gap => lo.clone(),
                _ => null.clone(),
            };
            if candidate.must.is("TRUE") {
                otherwise = value;
                break;
            }
            lines.push(q!("WHEN {} THEN {}", candidate.must, value));
        }
        if lines.is_empty() {
            return if optional { Slot::optional(otherwise, sort) } else { Slot::known(otherwise, sort) };
        }
        let value = q!("CASE {} ELSE {} END", Sql::join(&lines, " "), otherwise);
        let value = if sort == Sort::Number { q!("CAST({} AS BIGINT)", value) } else { value };
        // Without a row for the place the kernel would refuse the case: the null says so.
        let optional = optional && candidates.iter().any(|c| c.value.is_none());
        let value = self.bind(value);
        if optional { Slot::optional(value, sort) } else { Slot::known(value, sort) }
    }

    fn open_parameter(
        &mut self,
        parameter: &Parameter,
        candidates: &[Candidate],
        fallback: Option<Sql>,
        (keys, exact): (&[Key], Sql),
        sort: Sort,
    ) -> Slot {
        let exact = self.bind(exact);
        // Which rows are meant: the nearest one, or all that may be.
        let mut meant: Vec<Sql> = Vec::new();
        let mut before = Sql::truth(false);
        for candidate in candidates {
            let first = all([candidate.must.clone(), not(&before)]);
            let chosen = if exact.is("TRUE") {
                first
            } else {
                q!("CASE WHEN {} THEN {} ELSE {} END", exact, first, candidate.could)
            };
            meant.push(self.bind(chosen));
            before = any([before, candidate.must.clone()]);
            before = self.bind(before);
        }
        let covered = before;
        let counts: Vec<(&Sql, &Candidate)> = meant.iter().zip(candidates).collect();
        let found = self.bind(any(counts.iter().map(|(m, _)| (*m).clone())));
        let falls = match &fallback {
            Some(_) => not(&covered),
            None => Sql::truth(false),
        };
        // The values of rows that have one, and the fallback where it may hold.
        let mut values: Vec<(Sql, Sql, Sql)> = counts
            .iter()
            .filter_map(|(m, c)| c.value.as_ref().map(|(lo, hi)| ((*m).clone(), lo.clone(), hi.clone())))
            .collect();
        if let Some(value) = &fallback {
            values.push((falls.clone(), value.clone(), value.clone()));
        }
        let (lo, hi) = match sort {
            Sort::Number => {
                let los: Vec<(Sql, Sql)> = values.iter().map(|(m, lo, _)| (m.clone(), lo.clone())).collect();
                let his: Vec<(Sql, Sql)> = values.iter().map(|(m, _, hi)| (m.clone(), hi.clone())).collect();
                (self.end_or_null(los, "LEAST"), self.end_or_null(his, "GREATEST"))
            }
            Sort::Truth => (
                all(values.iter().map(|(m, lo, _)| any([not(m), lo.clone()]))),
                any(values.iter().map(|(m, _, hi)| all([m.clone(), hi.clone()]))),
            ),
            Sort::Text => {
                let texts: Vec<(Sql, Sql)> = values.iter().map(|(m, lo, _)| (m.clone(), lo.clone())).collect();
                let least = self.end_or_null(texts.clone(), "LEAST");
                let most = self.end_or_null(texts, "GREATEST");
                let same = q!("CASE WHEN {} = {} THEN {} END", least, most, least);
                (same.clone(), same)
            }
        };
        let valued = any(values.iter().map(|(m, ..)| m.clone()));
        let nothing = any(counts.iter().filter(|(_, c)| c.value.is_none()).map(|(m, _)| (*m).clone()));
        let missing = all([not(&found), not(&falls)]);
        let code = if nothing.is("FALSE") {
            None
        } else {
            Some(q!("CASE WHEN {} AND {} THEN 1 WHEN {} THEN 2 ELSE 0 END", nothing, valued, nothing))
        };
        let mut why = keys.iter().fold(Why::default(), |why, key| why.or(&key.slot.why));
        let residence = self.plan.base("residence", Scope::Household, "b.residence");
        let gaps = any(counts.iter().filter(|(_, c)| c.is_gap).map(|(m, _)| (*m).clone()));
        // Known for certain unless several rows may be meant or the one is a gap.
        if self.is_full() && (!exact.is("TRUE") || !gaps.is("FALSE")) {
            let unsaid = self.because("residence");
            why = why.or(&unsaid.when(&q!("({} IS NULL)", residence)));
        }
        if !gaps.is("FALSE") {
            let name = format!("parameter.{}", parameter.name);
            let gap = self.because(&name);
            why = why.or(&gap.when(&gaps));
        }
        // No row at all, or one whose number leaves 64 bits: an error, unless the keys broke already.
        let overflow = any(counts.iter().filter_map(|(m, c)| {
            let (lo, _) = c.value.as_ref()?;
            let fixed = lo.number.is_some() || c.is_gap || sort != Sort::Number;
            (!fixed).then(|| all([(*m).clone(), exact.clone(), q!("{} IS NULL", lo)]))
        }));
        let broken = any([missing.clone(), overflow]);
        why = why.or(&Self::fault().when(&broken));
        let (lo, hi, code) = if missing.is("FALSE") {
            (lo, hi, code)
        } else {
            // What is missing has no bounds and is there.
            let (low, high) = match sort {
                Sort::Truth => (Sql::truth(false), Sql::truth(true)),
                _ => (Sql::literal("NULL"), Sql::literal("NULL")),
            };
            (
                q!("CASE WHEN {} THEN {} ELSE {} END", missing, low, lo),
                q!("CASE WHEN {} THEN {} ELSE {} END", missing, high, hi),
                code.map(|code| q!("CASE WHEN {} THEN 0 ELSE {} END", missing, code)),
            )
        };
        let (lo, hi) = (self.bind(lo), self.bind(hi));
        self.finish(sort, lo, Some(hi), code, why)
    }

    /// As [`Printer::end_of`], for a list that may be empty.
    fn end_or_null(&mut self, ends: Vec<(Sql, Sql)>, function: &str) -> Sql {
        match &ends[..] {
            [] => Sql::literal("NULL"),
            [(meant, end)] => when(meant, end),
            _ => self.end_of(ends.into_iter(), function),
        }
    }
}

/// The digits that all areas within an area begin with.
pub(crate) fn digits_of(area: hedui_base::AreaCode) -> String {
    area.to_string().chars().take(usize::from(area.depth())).collect()
}

/// What a value that nobody published can be.
pub(crate) fn gap(parameter: &Parameter) -> (Sql, Sql) {
    let end = |end: Option<i64>| end.map_or_else(|| Sql::literal("CAST(NULL AS BIGINT)"), Sql::number);
    match sort_of(parameter.ty) {
        Sort::Truth => (Sql::truth(false), Sql::truth(true)),
        Sort::Text => {
            let unknown = Sql::literal("CAST(NULL AS STRING)");
            (unknown.clone(), unknown)
        }
        Sort::Number => (end(parameter.bounds.0), end(parameter.bounds.1)),
    }
}
