//! The results: the columns of `findings.parquet` and `flags.parquet`.

use std::collections::BTreeMap;

use hedui_rules::program::{Entity, FlagSeverity, Relation, Scheme, Test};

use crate::aggregates::Items;
use crate::plan::Scope;
use crate::printer::Printer;
use crate::slot::{Presence, Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};

/// One column of a result.
pub(crate) struct ResultColumn {
    pub(crate) name: String,
    pub(crate) sql: Sql,
    pub(crate) note: Option<String>,
}

impl Printer<'_> {
    /// A number if it is known exactly, else null.
    pub(crate) fn cell(&mut self, slot: &Slot) -> Sql {
        if slot.sort == Sort::Text {
            return Sql::literal("CAST(NULL AS BIGINT)");
        }
        let slot = self.as_number(slot.clone());
        let cell = match (slot.is_closed(), &slot.presence) {
            (true, Presence::Always | Presence::Null) => slot.lo,
            _ => {
                let is = slot.is_value();
                if is.is("TRUE") { slot.lo } else { q!("CASE WHEN {} THEN {} END", is, slot.lo) }
            }
        };
        self.bind(cell)
    }

    fn tri(&mut self, slot: &Slot) -> Sql {
        let tri = if slot.is_closed() {
            q!("CASE WHEN {} THEN 'met' ELSE 'not_met' END", slot.lo)
        } else {
            q!("CASE WHEN {} THEN 'met' WHEN {} THEN 'undetermined' ELSE 'not_met' END", slot.lo, slot.hi())
        };
        self.bind(tri)
    }

    /// The names of a set of reasons, each once, in order; null for none.
    fn names(&self, why: &Why) -> Sql {
        let mut parts = Vec::new();
        for (name, atoms) in self.atoms.sorted() {
            let mut masks: BTreeMap<usize, u64> = BTreeMap::new();
            for atom in atoms {
                *masks.entry(atom.word).or_default() |= atom.bit;
            }
            let holds = any(masks.into_iter().filter_map(|(word, mask)| {
                let (sql, bits) = why.0.get(&word)?;
                (bits & mask != 0).then(|| q!("({} & {}) <> 0", sql, Sql::literal(mask)))
            }));
            if !holds.is("FALSE") {
                parts.push(q!("CASE WHEN {} THEN {} END", holds, Sql::literal(self.dialect().text(name))));
            }
        }
        if parts.is_empty() {
            return Sql::literal("CAST(NULL AS STRING)");
        }
        q!("NULLIF(CONCAT_WS(',', {}), '')", Sql::join(&parts, ", "))
    }

    fn date_of(&self, days: &Sql) -> Sql {
        Sql::with(self.dialect().date(&days.text), days.reads.clone())
    }

    /// All columns of findings, and the expression that is not 0 where the case broke.
    pub(crate) fn findings(&mut self) -> (Vec<ResultColumn>, Sql) {
        let program = self.program;
        let setting = self.setting;
        let mut columns = Vec::new();
        let push = |columns: &mut Vec<ResultColumn>, name: &str, sql: Sql, note: Option<String>| {
            columns.push(ResultColumn { name: name.to_owned(), sql, note });
        };
        let case = self.plan.base("case_id", Scope::Household, "b.case_id");
        let area = self.plan.base("area", Scope::Household, "b.area");
        push(&mut columns, "case", case, None);
        push(&mut columns, "area", area, None);
        for (name, text) in [("pack", &program.pack.id), ("pack_version", &program.pack.version)] {
            push(&mut columns, name, Sql::literal(self.dialect().text(text)), None);
        }
        push(&mut columns, "as_of", Sql::literal(format!("DATE '{}'", setting.as_of)), None);
        let known_at = setting.known_at.map_or_else(
            || "CAST(NULL AS TIMESTAMP)".to_owned(),
            |at| format!("CAST('{}' AS TIMESTAMP)", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
        );
        push(&mut columns, "known_at", Sql::literal(known_at), None);
        self.standing(&mut columns);
        for scheme in &program.schemes {
            self.scheme(scheme, &mut columns);
        }
        for test in &program.tests {
            self.test(test, &mut columns);
        }
        let score = match program.score {
            None => Sql::literal("CAST(NULL AS BIGINT)"),
            Some(step) => {
                let slot = self.steps[step.index()].clone();
                let cell = self.cell(&slot);
                let unit = 10i64.pow(program.steps[step.index()].ty.scale().into());
                let half = unit / 2;
                let moved = q!("{} + CASE WHEN {} < 0 THEN -{half} ELSE {half} END", cell, cell);
                Sql::with(self.dialect().quotient(&moved.text, &unit.to_string()), moved.reads)
            }
        };
        push(&mut columns, "score", score, None);
        for severity in FlagSeverity::ALL {
            let count = self.raised_count(severity);
            push(&mut columns, &format!("flags_{}", severity.as_str()), count, None);
        }
        if self.options.bounds {
            self.bounds(&mut columns);
        }
        let broken = self.broken();
        for column in &mut columns {
            column.sql = self.plan.bind(column.sql.clone());
            self.plan.keep(&column.sql);
        }
        self.plan.keep(&broken);
        (columns, broken)
    }

    /// Category, what is possible, what is waited for, amount.
    fn standing(&mut self, columns: &mut Vec<ResultColumn>) {
        let program = self.program;
        let mut order: Vec<usize> = (0..program.schemes.len()).collect();
        order.sort_by_key(|i| program.schemes[*i].order);
        let (mut category, mut amounts, mut possible) = (Vec::new(), Vec::new(), Vec::new());
        let mut why = Why::default();
        let mut reached = Sql::truth(true);
        let mut none_before = Sql::truth(true);
        for i in order {
            let scheme = &program.schemes[i];
            let when = self.steps[scheme.when.index()].clone();
            let when = self.condition(&when);
            let when = self.bound(when);
            let id = Sql::literal(self.dialect().text(&scheme.id));
            let first = all([none_before.clone(), when.lo.clone()]);
            category.push(q!("WHEN {} THEN {}", first, id));
            if let Some(amount) = scheme.amount {
                let amount = self.steps[amount.index()].clone();
                amounts.push(q!("WHEN {} THEN {}", first, self.cell(&amount)));
            } else {
                amounts.push(q!("WHEN {} THEN NULL", first));
            }
            let may = all([reached.clone(), when.hi().clone()]);
            possible.push(q!("CASE WHEN {} THEN {} END", may, id));
            why = why.or(&when.why.when(&reached));
            none_before = all([none_before, not(when.hi())]);
            none_before = self.bind(none_before);
            reached = all([reached, not(&when.lo)]);
            reached = self.bind(reached);
        }
        let null = |ty: &str| Sql::literal(format!("CAST(NULL AS {ty})"));
        let chain = |lines: &[Sql], ty: &str| {
            if lines.is_empty() { null(ty) } else { q!("CASE {} ELSE CAST(NULL AS {ty}) END", Sql::join(lines, " ")) }
        };
        let why = self.bound_why(&why);
        let possible = if possible.is_empty() {
            null("STRING")
        } else {
            q!("NULLIF(CONCAT_WS(',', {}), '')", Sql::join(&possible, ", "))
        };
        for (name, sql) in [
            ("category", chain(&category, "STRING")),
            ("possible", possible),
            ("waiting_on", self.names(&why)),
            ("amount_fen", chain(&amounts, "BIGINT")),
        ] {
            columns.push(ResultColumn { name: name.to_owned(), sql, note: None });
        }
    }

    fn scheme(&mut self, scheme: &Scheme, columns: &mut Vec<ResultColumn>) {
        let when = self.steps[scheme.when.index()].clone();
        let when = self.condition(&when);
        let finding = self.tri(&when);
        let note = Some(format!("{} {}", scheme.id, scheme.title));
        columns.push(ResultColumn { name: format!("finding_{}", scheme.id), sql: finding, note });
        if let Some(until) = scheme.until {
            let slot = self.steps[until.index()].clone();
            let cell = self.cell(&slot);
            let date = self.date_of(&cell);
            let sql = q!("CASE WHEN {} THEN {} END", when.hi(), date);
            columns.push(ResultColumn { name: format!("{}_until", scheme.id), sql, note: None });
        }
        let Some(persons) = &scheme.persons else { return };
        let when = self.steps[persons.when.index()].clone();
        let when = self.condition(&when);
        let member = self.is_member();
        let counts = self.bind(all([member, when.hi().clone()]));
        let tri = self.tri(&when);
        let text = |p: &mut Self, step: Option<hedui_rules::program::StepId>, is_date: bool| match step {
            None => Sql::literal("''"),
            Some(step) => {
                let slot = p.steps[step.index()].clone();
                let cell = p.cell(&slot);
                let shown = if is_date { p.date_of(&cell) } else { cell };
                q!("COALESCE(CAST({} AS STRING), '')", shown)
            }
        };
        let amount = text(self, persons.amount, false);
        let until = text(self, persons.until, true);
        let person = self.plan.base("person", Scope::Person, "b.person");
        let line = self.bind(q!("CONCAT(CAST({} AS STRING), '|', {}, '|', {}, '|', {})", person, tri, amount, until));
        let joined =
            self.dialect().ordered_join(&[&person.text], &line.text, &format!(" FILTER (WHERE {})", counts.text));
        let joined = Sql::with(joined, [&person.reads[..], &line.reads, &counts.reads].concat());
        let joined = self.plan.grouped(Scope::Person, joined);
        let sql = q!("NULLIF({}, '')", joined);
        columns.push(ResultColumn { name: format!("{}_persons", scheme.id), sql, note: None });
    }

    /// How far inside its limit a value is.
    fn margin(&mut self, test: &Test) -> Option<Slot> {
        let (limit, relation) = (test.limit?, test.relation?);
        let (value, limit) = (self.steps[test.value.index()].clone(), self.steps[limit.index()].clone());
        let (from, less) = match relation {
            Relation::Below | Relation::AtMost => (&limit, &value),
            Relation::Above | Relation::AtLeast => (&value, &limit),
        };
        if !self.is_full() {
            return Some(self.sub(from, less));
        }
        let (a, b) = (self.view(from), self.view(less));
        let code = Self::worst(&[a.code.clone(), b.code.clone()]);
        let difference = |p: &Self, x: &Sql, y: &Sql| q!("({} - {})", p.wide(x), p.wide(y));
        let lo = self.lower(&difference(self, &a.lo, &b.hi));
        let hi = self.upper(&difference(self, &a.hi, &b.lo));
        let why = from.why.clone().or(&less.why);
        if why.is_empty() {
            let value = q!("TRY_CAST({} AS BIGINT)", difference(self, &a.lo, &b.lo));
            return Some(self.finish(Sort::Number, value, None, code, why));
        }
        let (lo, hi) = (self.bind(lo), self.bind(hi));
        Some(self.finish(Sort::Number, lo, Some(hi), code, why))
    }

    /// A test's value, limit, margin and result, as the household sees them.
    fn test_slots(&mut self, test: &Test) -> ([Option<Slot>; 3], Slot) {
        let result = self.steps[test.result.index()].clone();
        let result = self.condition(&result);
        let margin = self.margin(test);
        if test.entity == Entity::Household {
            let of = |step: Option<hedui_rules::program::StepId>| step.map(|step| self.steps[step.index()].clone());
            let value = test.limit.and(of(Some(test.value)));
            return ([value, of(test.limit), margin], result);
        }
        // Met if all members meet it; the margin is the smallest.
        let member = Slot::truth(self.is_member());
        let items = self.items(Scope::Person, &member, Some(result), Sql::truth(false), &Why::default());
        let result = self.fold(hedui_rules::program::AggregateFn::BoolAnd, &items, hedui_base::ColumnType::Bool);
        let margin = margin.map(|margin| {
            let items: Items = self.items(Scope::Person, &member, Some(margin), Sql::truth(false), &Why::default());
            self.extreme_row(&items, false)
        });
        ([None, None, margin], result)
    }

    fn test(&mut self, test: &Test, columns: &mut Vec<ResultColumn>) {
        let (cells, result) = self.test_slots(test);
        if test.limit.is_some() {
            for (part, slot) in ["value", "limit", "margin"].into_iter().zip(cells) {
                let sql = match slot {
                    // A limit may be a literal, which an engine takes for a narrower number.
                    Some(slot) => q!("CAST({} AS BIGINT)", self.cell(&slot)),
                    None => Sql::literal("CAST(NULL AS BIGINT)"),
                };
                columns.push(ResultColumn { name: format!("{}_{part}", test.name), sql, note: None });
            }
        }
        let sql = self.tri(&result);
        let note = Some(format!("{} {}", test.name, test.title));
        columns.push(ResultColumn { name: format!("{}_result", test.name), sql, note });
    }

    /// Bounds and reasons of all tests and schemes: `lo`, `hi` (null for unbounded), presence, and names waited for.
    fn bounds(&mut self, columns: &mut Vec<ResultColumn>) {
        let program = self.program;
        let slot_columns = |p: &mut Self, columns: &mut Vec<ResultColumn>, name: &str, slot: &Slot| {
            let slot = p.as_number(slot.clone());
            let view = p.view(&slot);
            let code = view.code.unwrap_or_else(|| Sql::number(0));
            for (part, sql) in [("lo", view.lo), ("hi", view.hi), ("presence", code)] {
                columns.push(ResultColumn { name: format!("{name}_{part}"), sql, note: None });
            }
        };
        for test in &program.tests {
            let (cells, result) = self.test_slots(test);
            for (part, slot) in ["value", "limit", "margin"].into_iter().zip(cells) {
                if let Some(slot) = slot.filter(|slot| slot.sort != Sort::Text) {
                    slot_columns(self, columns, &format!("test_{}_{part}", test.name), &slot);
                }
            }
            let sql = self.names(&result.why);
            columns.push(ResultColumn { name: format!("test_{}_waiting_on", test.name), sql, note: None });
        }
        for scheme in &program.schemes {
            for (part, step) in [("amount", scheme.amount), ("until", scheme.until), ("recheck", scheme.recheck_months)]
            {
                if let Some(step) = step {
                    let slot = self.steps[step.index()].clone();
                    slot_columns(self, columns, &format!("scheme_{}_{part}", scheme.id), &slot);
                }
            }
            let when = self.steps[scheme.when.index()].clone();
            let when = self.condition(&when);
            let sql = self.names(&when.why);
            columns.push(ResultColumn { name: format!("scheme_{}_waiting_on", scheme.id), sql, note: None });
        }
        if let Some(score) = program.score {
            let slot = self.steps[score.index()].clone();
            slot_columns(self, columns, "score", &slot);
        }
    }

    /// Not 0 where a computation of the case broke: by stage, so that nothing is carried along for it.
    fn broken(&mut self) -> Sql {
        let mut by_place: BTreeMap<(Scope, u32), Vec<Sql>> = BTreeMap::new();
        for step in &self.steps {
            if let Some((sql, _)) = step.why.0.get(&0).filter(|_| step.why.may_fail()) {
                let place = (self.plan.scope(sql), self.plan.rank(&sql.reads));
                let own = by_place.entry(place).or_default();
                if !own.contains(sql) {
                    own.push(sql.clone());
                }
            }
        }
        let mut all = Vec::new();
        for ((scope, _), words) in by_place {
            let own = self.bind(q!("(({}) & 1)", Sql::join(&words, " | ")));
            if scope == Scope::Household {
                all.push(own);
            } else {
                let of_people = self.plan.grouped(Scope::Person, q!("BIT_OR({})", own));
                all.push(q!("COALESCE({}, 0)", of_people));
            }
        }
        if all.is_empty() { Sql::literal("0") } else { self.bind(q!("({})", Sql::join(&all, " | "))) }
    }
}
