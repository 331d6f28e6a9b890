//! Dated parameters as columns: one lookup for each place and key, not for each row.

use std::sync::Arc;

use hedui_base::ColumnType;
use hedui_rules::program::{Expr, ParameterRow};
use rustc_hash::FxHashMap;

use crate::evaluate::{Kernel, Scope, key_of};
use crate::interval::Span;
use crate::output::CaseErrorKind;
use crate::parameters::{Key, Looked};
use crate::reasons::Why;
use crate::register::{Each, Presence, Register, Slot};

impl<'a> Kernel<'a> {
    /// A parameter by place and keys.
    pub(crate) fn parameter(&mut self, id: usize, keys: &'a [Expr], scope: Scope) -> Register {
        let columns: Vec<_> = keys.iter().map(|key| (self.eval(key, scope), key.ty)).collect();
        let rows = self.rows(scope);
        let everywhere = |row: &ParameterRow| row.area.is_none() && row.residence.is_none();
        let same_place = self.places.len() == 1 || self.program.parameters[id].rows.iter().all(everywhere);
        if rows > 0 && same_place && columns.iter().all(|(column, _)| column.as_same().is_some()) {
            let (slot, fallback) = self.parameter_at(id, &columns, 0, 0);
            if fallback {
                (0..rows).for_each(|row| self.assume_fallback(id, self.case_of(scope, row)));
            }
            // What is missing is missing in each place by its own name.
            if self.places.len() == 1 || slot.is_known() {
                return Register::same(slot, rows);
            }
        }
        if columns.is_empty() {
            return self.by_place(id, scope);
        }
        // Rows beside each other often ask the same.
        let mut known: FxHashMap<(u32, i64), (Slot, bool)> = FxHashMap::default();
        let mut last: Option<((u32, i64), (Slot, bool))> = None;
        let mut found = Each::with_capacity(rows);
        for row in 0..rows {
            let case = self.case_of(scope, row);
            let key = match columns.as_slice() {
                [(column, _)] if !column.is_none_at(row) && column.is_settled() => Some(column.known().at(row)),
                _ => None,
            };
            let (slot, fallback) = match key.map(|key| (self.place_of[case], key)) {
                None => self.parameter_at(id, &columns, row, case),
                Some(asked) => match last.filter(|(same, _)| *same == asked) {
                    Some((_, slot)) => slot,
                    None => {
                        let slot = match known.get(&asked) {
                            Some(slot) => *slot,
                            None => {
                                let slot = self.parameter_at(id, &columns, row, case);
                                known.insert(asked, slot);
                                slot
                            }
                        };
                        last = Some((asked, slot));
                        slot
                    }
                },
            };
            if fallback {
                self.assume_fallback(id, case);
            }
            found.push(slot);
        }
        Register::each(found)
    }

    /// A parameter without further keys: one lookup a place.
    fn by_place(&mut self, id: usize, scope: Scope) -> Register {
        let mut of_place: Vec<Option<(Slot, bool)>> = vec![None; self.places.len()];
        let rows = self.rows(scope);
        let mut found = Each::with_capacity(rows);
        for row in 0..rows {
            let case = self.case_of(scope, row);
            let place = self.place_of[case] as usize;
            let (slot, fallback) = match of_place[place] {
                Some(known) => known,
                None => {
                    let looked = self.parameter_at(id, &[], row, case);
                    of_place[place] = Some(looked);
                    looked
                }
            };
            if fallback {
                self.assume_fallback(id, case);
            }
            found.push(slot);
        }
        Register::each(found)
    }

    /// Notes for a case that a parameter without a row took the value declared for that.
    pub(crate) fn assume_fallback(&mut self, id: usize, case: usize) {
        if let Some(fallback) = &self.program.parameters[id].fallback {
            self.assumed.insert((case as u32, self.step, Arc::clone(&fallback.reason)));
        }
    }

    /// A parameter for the place of a case and the keys of a row, and whether no row but a declared value gave it.
    fn parameter_at(&mut self, id: usize, keys: &[(Register, ColumnType)], row: usize, case: usize) -> (Slot, bool) {
        let mut why = Why::KNOWN;
        let mut values = Vec::with_capacity(keys.len());
        for (column, ty) in keys {
            let slot = column.get(row);
            why = self.slice.reasons.union(why, slot.why);
            values.push(key_of(slot, *ty));
        }
        let looked = self.look_up(id, &values, case);
        self.looked(id, looked, why, case)
    }

    pub(crate) fn look_up(&mut self, id: usize, keys: &[Key], case: usize) -> Looked {
        let (place, with) = (self.place(case), (self.program, &mut self.slice.texts));
        self.lookups.look_up(with, id, place, keys, self.as_of)
    }

    /// What a lookup gave as a cell, and whether no row but a declared value gave it. `why` its keys are open.
    pub(crate) fn looked(&mut self, id: usize, looked: Looked, mut why: Why, case: usize) -> (Slot, bool) {
        let place = self.place(case);
        let slot = match looked {
            Looked::Value(value) => Slot::known(value),
            Looked::Fallback(value) => return (Slot::known(value), true),
            Looked::OneOf { span, presence, gap } => {
                if place.residence.is_none() {
                    let unsaid = self.no_residence();
                    why = self.slice.reasons.union(why, unsaid);
                }
                if gap {
                    let open = self.slice.reasons.gap(&self.program.parameters[id].name);
                    why = self.slice.reasons.union(why, open);
                }
                Slot::within(span, presence, why)
            }
            Looked::Nothing => Slot::NONE,
            Looked::Overflow => self.operators().fault(CaseErrorKind::Overflow),
            // The keys broke, or nobody wrote a row.
            Looked::Missing if self.slice.reasons.first_fault(why).is_some() => {
                Slot::within(Span::ALL, Presence::Some, why)
            }
            Looked::Missing => {
                let name = self.program.parameters[id].name.as_str().into();
                let kind = CaseErrorKind::MissingParameter { name, area: place.area, day: self.as_of };
                self.operators().fault(kind)
            }
        };
        (slot, false)
    }
}
