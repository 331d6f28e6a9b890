//! Comparisons, membership, and the smallest or largest of some values.

use hedui_rules::program::CompareOp;

use crate::printer::{Printer, View};
use crate::slot::{Presence, Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};

impl Printer<'_> {
    pub(crate) fn compare(&mut self, op: CompareOp, a: &Slot, b: &Slot) -> Slot {
        let (a, b) = if a.sort == Sort::Truth && !(a.is_closed() && b.is_closed()) {
            (self.as_number(a.clone()), self.as_number(b.clone()))
        } else {
            (a.clone(), b.clone())
        };
        if a.is_closed() && b.is_closed() {
            let sign = sign(op);
            let compared = q!("({} {sign} {})", a.lo, b.lo);
            let may_be_none = [&a, &b].iter().any(|slot| slot.presence != Presence::Always);
            return Slot::truth(if may_be_none { q!("({} IS TRUE)", compared) } else { compared });
        }
        let (left, right) = (self.view(&a), self.view(&b));
        let code = Self::worst(&[left.code.clone(), right.code.clone()]).map(|code| self.bind(code));
        let is_text = a.sort == Sort::Text;
        let ordered = !matches!(op, CompareOp::Eq | CompareOp::Ne);
        // That all pairs agree, and that none of them does.
        let (met, not_met) = if is_text && ordered {
            let sign = sign(op);
            let compared = q!("({} {sign} {})", left.lo, right.lo);
            (q!("({} IS TRUE)", compared), {
                let known = q!("({} IS FALSE)", compared);
                match &code {
                    Some(code) => q!("({} AND {} = 0)", known, code),
                    None => known,
                }
            })
        } else {
            pairs(op, &left, &right)
        };
        let (met, not_met) = match &code {
            Some(code) => (q!("({} = 0 AND {})", code, met), q!("({} = 2 OR {})", code, not_met)),
            None => (met, not_met),
        };
        let why = a.why.clone().or(&b.why);
        self.undetermined(met, not(&not_met), why)
    }

    pub(crate) fn is_in(&mut self, value: &Slot, list: &[Slot]) -> Slot {
        let plain = list.iter().all(|item| item.is_closed() && item.presence == Presence::Always);
        if plain && (value.is_closed() || value.sort == Sort::Text) {
            let items: Vec<Sql> = list.iter().map(|item| item.lo.clone()).collect();
            let items = Sql::join(&items, ", ");
            if value.is_closed() {
                let found = q!("({} IN ({}))", value.lo, items);
                let optional = value.presence != Presence::Always;
                return Slot::truth(if optional { q!("({} IS TRUE)", found) } else { found });
            }
            let view = self.view(value);
            let found = self.bind(q!("({} IN ({}))", view.lo, items));
            let (met, not_met) = (q!("({} IS TRUE)", found), q!("({} IS FALSE)", found));
            let (met, not_met) = match &view.code {
                Some(code) => (q!("({} = 0 AND {})", code, met), q!("({} = 2 OR {})", code, not_met)),
                None => (met, not_met),
            };
            return self.undetermined(met, not(&not_met), value.why.clone());
        }
        let found: Vec<Slot> = list.iter().map(|item| self.compare(CompareOp::Eq, value, item)).collect();
        self.disjunction(&found)
    }

    pub(crate) fn is_absent(&mut self, a: &Slot) -> Slot {
        match &a.presence {
            Presence::Always => Slot::truth(Sql::truth(false)),
            Presence::Null => Slot::truth(q!("({} IS NULL)", a.lo)),
            Presence::Code(code) => self.undetermined(q!("({} = 2)", code), q!("({} <> 0)", code), a.why.clone()),
        }
    }

    /// The smallest or largest; none is left out.
    pub(crate) fn extreme(&mut self, slots: &[Slot], largest: bool) -> Slot {
        let function = if largest { "GREATEST" } else { "LEAST" };
        if slots.iter().all(Slot::is_closed) {
            let list: Vec<Sql> = slots.iter().map(|slot| slot.lo.clone()).collect();
            let value = q!("{function}({})", Sql::join(&list, ", "));
            let there = slots.iter().any(|slot| slot.presence == Presence::Always);
            return if there { Slot::known(value, Sort::Number) } else { Slot::optional(value, Sort::Number) };
        }
        let views: Vec<View> = slots.iter().map(|slot| self.view(slot)).collect();
        // Seen from the side of what is asked for: the near end settles it, the far end may go beyond.
        let far = |view: &View| if largest { view.hi.clone() } else { view.lo.clone() };
        let near = |view: &View| if largest { view.lo.clone() } else { view.hi.clone() };
        let counts = |view: &View| view.code.as_ref().map_or_else(|| Sql::truth(true), |c| q!("{} <> 2", c));
        let certain = |view: &View| view.code.as_ref().map_or_else(|| Sql::truth(true), |c| q!("{} = 0", c));
        let settled = any(views.iter().map(certain));
        let settled = self.bind(settled);
        let beyond = self.end_of(views.iter().map(|v| (counts(v), far(v))), function);
        let list: Vec<Sql> = views.iter().map(|v| when(&certain(v), &near(v))).collect();
        let firm = self.bind(q!("{function}({})", Sql::join(&list, ", ")));
        let near_end = if settled.is("TRUE") {
            firm.clone()
        } else {
            // Nothing is there for certain: any that may be could be the one.
            let other = if largest { "LEAST" } else { "GREATEST" };
            let reach = self.end_of(views.iter().map(|v| (counts(v), near(v))), other);
            self.bind(q!("CASE WHEN {} THEN {} ELSE {} END", settled, firm, reach))
        };
        let sign = if largest { ">" } else { "<" };
        let mut why = Why::default();
        for (slot, view) in slots.iter().zip(&views) {
            if slot.is_closed() {
                continue;
            }
            let close = q!("({} {sign} {}) IS NOT FALSE", far(view), firm);
            let close = if settled.is("TRUE") { q!("({})", close) } else { q!("(NOT {} OR {})", settled, close) };
            why = why.or(&slot.why.when(&all([counts(view), close])));
        }
        let present = any(views.iter().map(counts));
        let code = if settled.is("TRUE") {
            None
        } else {
            Some(q!("CASE WHEN {} THEN 0 WHEN {} THEN 1 ELSE 2 END", settled, present))
        };
        let (lo, hi) = if largest { (near_end, beyond) } else { (beyond, near_end) };
        self.finish(Sort::Number, lo, Some(hi), code, why)
    }

    /// The outermost of some ends: unbounded if one that counts is.
    pub(crate) fn end_of(&mut self, ends: impl Iterator<Item = (Sql, Sql)>, function: &str) -> Sql {
        let ends: Vec<(Sql, Sql)> = ends.collect();
        let open: Vec<Sql> = ends
            .iter()
            .filter(|(_, end)| end.number.is_none())
            .map(|(counts, end)| all([counts.clone(), q!("{} IS NULL", end)]))
            .collect();
        let list: Vec<Sql> = ends.iter().map(|(counts, end)| when(counts, end)).collect();
        let most = match &list[..] {
            [only] => only.clone(),
            _ => q!("{function}({})", Sql::join(&list, ", ")),
        };
        let unbounded = any(open);
        self.bind(if unbounded.is("FALSE") { most } else { q!("CASE WHEN NOT ({}) THEN {} END", unbounded, most) })
    }
}

/// A value where a condition holds, else null.
pub(crate) fn when(condition: &Sql, value: &Sql) -> Sql {
    if condition.is("TRUE") { value.clone() } else { q!("CASE WHEN {} THEN {} END", condition, value) }
}

pub(crate) const fn sign(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "=",
        CompareOp::Ne => "<>",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
    }
}

/// For two values within bounds: that all pairs agree to a comparison, and that none does.
fn pairs(op: CompareOp, a: &View, b: &View) -> (Sql, Sql) {
    match op {
        CompareOp::Eq | CompareOp::Ne => {
            let same = if a.lo == a.hi && b.lo == b.hi {
                q!("(({} = {}) IS TRUE)", a.lo, b.lo)
            } else {
                q!("(({} = {} AND {} = {} AND {} = {}) IS TRUE)", a.lo, a.hi, b.lo, b.hi, a.lo, b.lo)
            };
            let apart = if a.lo == a.hi && b.lo == b.hi {
                q!("(({} <> {}) IS TRUE)", a.lo, b.lo)
            } else {
                q!("(({} < {}) IS TRUE OR ({} < {}) IS TRUE)", a.hi, b.lo, b.hi, a.lo)
            };
            if op == CompareOp::Eq { (same, apart) } else { (apart, same) }
        }
        CompareOp::Lt => (q!("(({} < {}) IS TRUE)", a.hi, b.lo), q!("(({} >= {}) IS TRUE)", a.lo, b.hi)),
        CompareOp::Gt => (q!("(({} > {}) IS TRUE)", a.lo, b.hi), q!("(({} <= {}) IS TRUE)", a.hi, b.lo)),
        CompareOp::Le => (q!("(({} <= {}) IS TRUE)", a.hi, b.lo), q!("(({} > {}) IS TRUE)", a.lo, b.hi)),
        CompareOp::Ge => (q!("(({} >= {}) IS TRUE)", a.lo, b.hi), q!("(({} < {}) IS TRUE)", a.hi, b.lo)),
    }
}
