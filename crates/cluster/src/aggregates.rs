//! Aggregates over the records of an entity or the people of a household.
//!
//! A row that may or may not count, or whose value is unknown, widens the result by all it could do to it; a ghost
//! stands for any number of rows. A reason stays only if its row can still change the result.

use hedui_base::ColumnType;
use hedui_rules::program::{Aggregate, AggregateFn, Over};

use crate::ClusterError;
use crate::plan::Scope;
use crate::printer::{Printer, View, sort_of};
use crate::slot::{Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};

/// What an aggregate sees of each row.
pub(crate) struct Items {
    pub(crate) from: Scope,
    pub(crate) slot: Slot,
    pub(crate) view: View,
    /// Whether the row counts or may count, with a value that is not none for certain.
    pub(crate) counts: Sql,
    /// Whether it counts for certain, with a value that is there for certain.
    pub(crate) certain: Sql,
    /// Whether it stands for any number of rows.
    pub(crate) many: Sql,
    /// Why it may not count.
    pub(crate) why: Why,
}

impl Items {
    /// Whether nothing is open in any row.
    pub(crate) fn is_closed(&self) -> bool {
        self.slot.is_closed() && self.why.is_empty() && self.many.is("FALSE") && self.certain == self.counts
    }

    /// All reasons of a row: why it may not count, and why its value is open.
    pub(crate) fn all_reasons(&self) -> Why {
        self.why.clone().or(&self.slot.why)
    }
}

impl Printer<'_> {
    pub(crate) fn aggregate_records(&mut self, of: &Aggregate, ty: ColumnType) -> Result<Slot, ClusterError> {
        let Some(fact) = self.fact.clone() else {
            return Err(ClusterError::Unsupported {
                rule: self.program.steps[self.step].name.clone(),
                what: "an aggregate over records outside a fact",
            });
        };
        let from = Scope::Records(fact.dataset);
        let own = match &of.filter {
            Some(filter) => {
                let filter = self.eval(filter, from)?;
                Some(self.condition(&filter))
            }
            None => None,
        };
        let parts: Vec<Slot> = fact.passed.into_iter().chain(own).collect();
        let inside = if parts.is_empty() { Slot::truth(Sql::truth(true)) } else { self.conjunction(&parts) };
        let inside = self.bound(inside);
        let ghost = self.ghost(fact.dataset);
        if let Some(fact) = &mut self.fact {
            fact.counted.push(inside.lo.clone());
        }
        let argument = match &of.argument {
            Some(argument) => Some(self.eval(argument, from)?),
            None => None,
        };
        if let (Some(by), Some(argument)) = (&of.by, &argument) {
            let month = self.months(by, from)?;
            return Ok(self.by_month(of.function, fact.dataset, &inside, argument, &month));
        }
        let missing = self.unanswered[fact.dataset].clone();
        let items = self.items(from, &inside, argument, ghost, &missing);
        Ok(self.fold(of.function, &items, ty))
    }

    pub(crate) fn aggregate_people(&mut self, of: &Aggregate, ty: ColumnType) -> Result<Slot, ClusterError> {
        let member = self.is_member();
        let role = Slot::truth(if of.over == Over::Members { member } else { not(&member) });
        let inside = match &of.filter {
            None => role,
            Some(filter) => {
                let filter = self.eval(filter, Scope::Person)?;
                self.conjunction(&[role, filter])
            }
        };
        let argument = match &of.argument {
            Some(argument) => Some(self.eval(argument, Scope::Person)?),
            None => None,
        };
        let items = self.items(Scope::Person, &inside, argument, Sql::truth(false), &Why::default());
        Ok(self.fold(of.function, &items, ty))
    }

    pub(crate) fn items(
        &mut self,
        from: Scope,
        inside: &Slot,
        argument: Option<Slot>,
        ghost: Sql,
        unanswered: &Why,
    ) -> Items {
        let slot = argument.unwrap_or_else(|| Slot::number(1));
        if inside.is_closed() && slot.is_closed() && ghost.is("FALSE") {
            let lo = slot.lo.clone();
            let view = View { hi: lo.clone(), lo, code: None };
            let counts = inside.lo.clone();
            return Items { from, slot, view, certain: counts.clone(), counts, many: ghost, why: Why::default() };
        }
        let view = self.view(&slot);
        let counts = all([inside.hi().clone(), not(&slot.is_none())]);
        let certain = all([inside.lo.clone(), not(&ghost), slot.is_there()]);
        let (counts, certain) = (self.bind(counts), self.bind(certain));
        let mut why = inside.why.clone().or(&unanswered.when(&ghost));
        if let Some(code) = &view.code {
            why = why.or(&slot.why.when(&q!("{} = 1", code)));
        }
        let why = self.bound_why(&why);
        Items { from, slot, view, counts, certain, many: ghost, why }
    }

    pub(crate) fn fold(&mut self, function: AggregateFn, items: &Items, ty: ColumnType) -> Slot {
        let is_text = items.slot.sort == Sort::Text;
        match function {
            AggregateFn::Sum => self.sum(items),
            AggregateFn::Count => self.count(items),
            AggregateFn::CountDistinct => self.count_distinct(items),
            AggregateFn::Min if is_text => self.text_extreme(items, "MIN"),
            AggregateFn::Max if is_text => self.text_extreme(items, "MAX"),
            AggregateFn::Min => self.extreme_row(items, false),
            AggregateFn::Max => self.extreme_row(items, true),
            AggregateFn::Avg => self.average(items),
            AggregateFn::BoolOr => self.any_row(items, true),
            AggregateFn::BoolAnd => self.any_row(items, false),
            AggregateFn::MonthFirst | AggregateFn::MonthLast | AggregateFn::MonthMax | AggregateFn::MonthMin => {
                Slot::optional(Sql::literal("NULL"), sort_of(ty))
            }
        }
    }

    /// An aggregate as a column of the owner; where the owner has no rows it is `empty`.
    pub(crate) fn over(&mut self, items: &Items, of: Sql, empty: &str) -> Sql {
        // Rows that do not count need not reach the aggregate at all, where nobody asks why they do not.
        let only = (!self.is_full() && items.is_closed() && !items.counts.is("TRUE")).then(|| items.counts.clone());
        let grouped = self.plan.grouped_only(items.from, of, only);
        if empty == "NULL" { grouped } else { self.bind(q!("COALESCE({}, {empty})", grouped)) }
    }

    /// The union of some reasons over the rows.
    pub(crate) fn over_why(&mut self, items: &Items, why: &Why) -> Why {
        let mut all = Why::default();
        for (word, (sql, bits)) in &why.0 {
            let own = self.bind(sql.clone());
            let union = self.over(items, q!("BIT_OR({})", own), "0");
            all.0.insert(*word, (union, *bits));
        }
        all
    }

    /// That no reason of some words holds.
    fn nothing_open(why: &Why) -> Sql {
        all(why.0.values().map(|(sql, _)| q!("{} = 0", sql)))
    }

    /// A value from wide ends: exactly one value if nothing is open, and an error if that is out of range.
    pub(crate) fn settle_wide(&mut self, lo: &Sql, hi: &Sql, code: Option<Sql>, why: Why) -> Slot {
        let known = Self::nothing_open(&why);
        let known = self.bind(known);
        let value = self.narrow(lo);
        let value = self.bind(value);
        let there = match &code {
            Some(code) => all([known.clone(), q!("{} = 0", code)]),
            None => known.clone(),
        };
        let broken = all([there, q!("{} IS NULL", value)]);
        let why = why.or(&Self::fault().when(&broken));
        if known.is("TRUE") {
            return self.finish(Sort::Number, value, None, code, why);
        }
        let (low, high) = (self.lower(lo), self.upper(hi));
        let lo = q!("CASE WHEN {} THEN {} ELSE {} END", known, value, low);
        let hi = q!("CASE WHEN {} THEN {} ELSE {} END", known, value, high);
        let (lo, hi) = (self.bind(lo), self.bind(hi));
        self.finish(Sort::Number, lo, Some(hi), code, why)
    }

    fn sum(&mut self, items: &Items) -> Slot {
        if items.is_closed() {
            let filter = filter(&items.counts);
            if !self.is_full() {
                let sum = self.over(items, q!("CAST(SUM({}){} AS BIGINT)", items.view.lo, filter), "0");
                return Slot::known(sum, Sort::Number);
            }
            let wide = self.wide(&items.view.lo);
            let sum = self.over(items, q!("SUM({}){}", wide, filter), "0");
            return self.settle_wide(&sum, &sum, None, Why::default());
        }
        let (low, high) = (self.low(&items.view.lo), self.high(&items.view.hi));
        let (low, high) = (self.bind(low), self.bind(high));
        let infinite = self.infinite();
        let part = |end: &Sql, sign: &str, minus: &str, function: &str| {
            let open = q!("{function}({}, 0)", end);
            let open = if items.many.is("FALSE") {
                open
            } else {
                q!("CASE WHEN {} AND {} {sign} 0 THEN {minus}{} ELSE {} END", items.many, end, infinite, open)
            };
            q!("CASE WHEN {} THEN {} WHEN {} THEN {} ELSE 0 END", items.certain, end, items.counts, open)
        };
        let lows = part(&low, "<", "-", "LEAST");
        let highs = part(&high, ">", "", "GREATEST");
        let (lows, highs) = (self.bind(lows), self.bind(highs));
        let moves = q!("({} < 0 OR {} > 0)", low, high);
        let maybe = all([items.counts.clone(), not(&items.certain), moves]);
        let maybe = self.bind(maybe);
        let why = items.slot.why.when(&items.certain).or(&items.all_reasons().when(&maybe));
        let why = self.over_why(items, &why);
        let lo = self.over(items, q!("SUM({})", lows), "0");
        let hi = self.over(items, q!("SUM({})", highs), "0");
        self.settle_wide(&lo, &hi, None, why)
    }

    fn count(&mut self, items: &Items) -> Slot {
        if items.is_closed() {
            let there = all([items.counts.clone(), items.slot.is_there()]);
            let count = self.over(items, q!("COUNT(*){}", filter(&there)), "0");
            return Slot::known(count, Sort::Number);
        }
        let certain = self.over(items, q!("COUNT(*){}", filter(&items.certain)), "0");
        let maybe = all([items.counts.clone(), not(&items.certain)]);
        let maybe = self.bind(maybe);
        let more = self.over(items, q!("COUNT(*){}", filter(&maybe)), "0");
        let mut hi = q!("({} + {})", certain, more);
        if !items.many.is("FALSE") {
            let ghost = all([maybe.clone(), items.many.clone()]);
            let endless = self.over(items, q!("COUNT(*){}", filter(&ghost)), "0");
            hi = q!("CASE WHEN {} = 0 THEN {} END", endless, hi);
        }
        let why = self.over_why(items, &items.why.when(&maybe));
        self.finish(Sort::Number, certain, Some(hi), None, why)
    }

    fn count_distinct(&mut self, items: &Items) -> Slot {
        let slot = self.as_number(items.slot.clone());
        if items.is_closed() {
            let count = q!("COUNT(DISTINCT {}){}", slot.lo, filter(&items.counts));
            let count = self.over(items, count, "0");
            return Slot::known(count, Sort::Number);
        }
        let view = self.view(&slot);
        let exact = if slot.sort == Sort::Text {
            q!("({} IS NOT NULL)", view.lo)
        } else {
            q!("COALESCE({} = {}, FALSE)", view.lo, view.hi)
        };
        let exact = self.bind(exact);
        let value = self.bind(q!("CASE WHEN {} THEN {} END", exact, view.lo));
        let all_why = items.all_reasons();
        let all_why = self.bound_why(&all_why);
        let words: Vec<(usize, u64)> = all_why.0.iter().map(|(word, (_, bits))| (*word, *bits)).collect();
        let mut reads =
            vec![exact.clone(), value.clone(), items.counts.clone(), items.certain.clone(), items.many.clone()];
        reads.extend(all_why.0.values().map(|(sql, _)| sql.clone()));
        let (counts, certain, many) = (&items.counts, &items.certain, &items.many);
        let results = self.plan.special(items.from, &reads, 4 + words.len(), |names| {
            let unions = |of: &dyn Fn(usize, &str) -> String| {
                all_why.0.values().enumerate().map(|(i, (sql, _))| of(i, &sql.text)).collect::<String>()
            };
            let inner = unions(&|i, sql| format!(", BIT_OR({sql}) AS w{i}"));
            let outer =
                unions(&|i, _| format!(", BIT_OR(CASE WHEN exact AND c = 1 THEN 0 ELSE w{i} END) AS {}", names[4 + i]));
            let [exact, value, counts, certain, many] =
                [&exact, &value, counts, certain, many].map(|sql: &Sql| sql.text.as_str());
            format!(
                "SELECT {{key}}, SUM(CASE WHEN exact AND c = 1 THEN 1 ELSE 0 END) AS {},\n  MAX(c) AS {},\n  \
                 SUM(CASE WHEN exact THEN 1 ELSE n END) AS {},\n  MAX(CASE WHEN exact THEN 0 ELSE m END) AS {}{outer}\n\
                 FROM (\n  SELECT {{key}}, {value} AS v, {exact} AS exact,\n    \
                 MAX(CASE WHEN {certain} THEN 1 ELSE 0 END) AS c, COUNT(*) AS n,\n    \
                 MAX(CASE WHEN {many} THEN 1 ELSE 0 END) AS m{inner}\n  FROM ({{source}}) s\n  WHERE {counts}\n  \
                 GROUP BY {{key}}, {value}, {exact}\n) v\nGROUP BY {{key}}",
                names[0], names[1], names[2], names[3],
            )
        });
        let column = |p: &mut Self, i: usize| p.bind(q!("CAST(COALESCE({}, 0) AS BIGINT)", results[i]));
        let (distinct, some, most, endless) = (column(self, 0), column(self, 1), column(self, 2), column(self, 3));
        let lo = q!("GREATEST({}, {})", distinct, some);
        let hi = q!("CASE WHEN {} = 0 THEN {} END", endless, most);
        let mut why = Why::default();
        for (i, (word, bits)) in words.into_iter().enumerate() {
            why.0.insert(word, (column(self, 4 + i), bits));
        }
        self.finish(Sort::Number, lo, Some(hi), None, why)
    }

    /// Smallest or largest value.
    pub(crate) fn extreme_row(&mut self, items: &Items, largest: bool) -> Slot {
        let function = if largest { "MAX" } else { "MIN" };
        if items.is_closed() {
            let value = q!("{function}({}){}", items.slot.lo, filter(&items.counts));
            return Slot::optional(self.over(items, value, "NULL"), Sort::Number);
        }
        let (far, near) = if largest { (&items.view.hi, &items.view.lo) } else { (&items.view.lo, &items.view.hi) };
        let settled = any_row_is(self, items, &items.certain);
        let present = any_row_is(self, items, &items.counts);
        let firm = self.over(items, q!("{function}({}){}", near, filter(&items.certain)), "NULL");
        let beyond = self.outermost(items, far, function);
        let reach = self.outermost(items, near, if largest { "MIN" } else { "MAX" });
        let near_end = self.bind(q!("CASE WHEN {} THEN {} ELSE {} END", settled, firm, reach));
        let all_why = items.all_reasons();
        let why = self.close_to(items, far, near, largest, &all_why);
        let code = q!("CASE WHEN {} THEN 0 WHEN {} THEN 1 ELSE 2 END", settled, present);
        let (lo, hi) = if largest { (near_end, beyond) } else { (beyond, near_end) };
        self.finish(Sort::Number, lo, Some(hi), Some(code), why)
    }

    /// The outermost end of all rows that count: unbounded if one of them is.
    fn outermost(&mut self, items: &Items, end: &Sql, function: &str) -> Sql {
        let most = self.over(items, q!("{function}({}){}", end, filter(&items.counts)), "NULL");
        if end.number.is_some() {
            return most;
        }
        let open = all([items.counts.clone(), q!("{} IS NULL", end)]);
        let open = any_row_is(self, items, &open);
        self.bind(q!("CASE WHEN NOT {} THEN {} END", open, most))
    }

    /// The reasons of the rows that may be beyond the first one that is certain.
    fn close_to(&mut self, items: &Items, far: &Sql, near: &Sql, largest: bool, why: &Why) -> Why {
        let why = self.bound_why(why);
        let mut reads = vec![items.counts.clone(), items.certain.clone(), far.clone(), near.clone()];
        reads.extend(why.0.values().map(|(sql, _)| sql.clone()));
        let (function, sign) = if largest { ("MAX", ">") } else { ("MIN", "<") };
        let results = self.plan.special(items.from, &reads, why.0.len(), |names| {
            let [counts, certain, far, near] =
                [&items.counts, &items.certain, far, near].map(|sql: &Sql| sql.text.as_str());
            let unions: Vec<String> = why.0.values().zip(names).map(|((sql, _), name)| {
                format!(
                    "BIT_OR(CASE WHEN {counts} AND (settled = 0 OR ({far} {sign} firm) IS NOT FALSE) THEN {} ELSE 0 END) AS {name}",
                    sql.text
                )
            }).collect();
            format!(
                "SELECT {{key}}, {}\nFROM (\n  SELECT s.*,\n    MAX(CASE WHEN {certain} THEN 1 ELSE 0 END) OVER (PARTITION BY {{key}}) AS settled,\n    \
                 {function}(CASE WHEN {certain} THEN {near} END) OVER (PARTITION BY {{key}}) AS firm\n  \
                 FROM ({{source}}) s\n) s\nGROUP BY {{key}}",
                unions.join(",\n  ")
            )
        });
        let mut close = Why::default();
        for ((word, (_, bits)), result) in why.0.iter().zip(results) {
            let own = self.bind(q!("COALESCE({}, 0)", result));
            close.0.insert(*word, (own, *bits));
        }
        close
    }

    /// First or last text in the order of its characters; any text while something is unknown.
    fn text_extreme(&mut self, items: &Items, function: &str) -> Slot {
        let value = q!("{function}({}){}", items.view.lo, filter(&items.counts));
        let value = self.over(items, value, "NULL");
        if items.is_closed() {
            return Slot::optional(value, Sort::Text);
        }
        let settled = all([items.certain.clone(), q!("{} IS NOT NULL", items.view.lo)]);
        let open = all([items.counts.clone(), not(&settled)]);
        let open = any_row_is(self, items, &open);
        let certain = any_row_is(self, items, &items.certain);
        let present = any_row_is(self, items, &items.counts);
        let why = self.over_why(items, &items.all_reasons().when(&items.counts));
        let code = q!("CASE WHEN NOT {} THEN 2 WHEN {} THEN 0 ELSE 1 END", present, certain);
        let lo = q!("CASE WHEN NOT {} THEN {} END", open, value);
        self.finish(Sort::Text, lo, None, Some(code), why)
    }

    fn average(&mut self, items: &Items) -> Slot {
        if items.is_closed() && !self.is_full() {
            let filter = filter(&all([items.counts.clone(), items.slot.is_there()]));
            let sum = self.over(items, q!("CAST(SUM({}){} AS BIGINT)", items.slot.lo, filter), "NULL");
            let rows = self.over(items, q!("COUNT(*){}", filter), "0");
            let rows = self.bind(q!("NULLIF({}, 0)", rows));
            let value = self.round_div(&sum, &rows, false);
            return Slot::optional(value, Sort::Number);
        }
        let items = &self.opened(items);
        let (low, high) = (self.low(&items.view.lo), self.high(&items.view.hi));
        let (low, high) = (self.bind(low), self.bind(high));
        let filtered = filter(&items.counts);
        let rows = self.over(items, q!("COUNT(*){}", filtered), "0");
        let certain = self.over(items, q!("COUNT(*){}", filter(&items.certain)), "0");
        let sums = [&low, &high].map(|end| q!("SUM({}){}", end, filtered));
        let [below, above] = sums.map(|sum| self.over(items, sum, "0"));
        let least = self.outermost(items, &items.view.lo, "MIN");
        let most = self.outermost(items, &items.view.hi, "MAX");
        let (is_open_below, is_open_above) = (q!("{} IS NULL", least), q!("{} IS NULL", most));
        let by = self.bind(q!("NULLIF({}, 0)", rows));
        let finite = |p: &mut Self, sum: &Sql, open: &Sql| {
            let sum = p.bind(q!("CASE WHEN {} THEN 0 ELSE {} END", open, sum));
            let mean = p.round_div(&sum, &by, true);
            p.bind(mean)
        };
        let (lower_mean, upper_mean) = (finite(self, &below, &is_open_below), finite(self, &above, &is_open_above));
        let (lower, upper) = (self.lower(&lower_mean), self.upper(&upper_mean));
        let all_certain = self.bind(q!("({} = {})", rows, certain));
        let lo = q!("CASE WHEN {} IS NULL THEN NULL WHEN {} THEN {} ELSE {} END", least, all_certain, lower, least);
        let hi = q!("CASE WHEN {} IS NULL THEN NULL WHEN {} THEN {} ELSE {} END", most, all_certain, upper, most);
        let why = self.over_why(items, &items.all_reasons().when(&items.counts));
        let code = q!("CASE WHEN {} = 0 THEN 2 WHEN {} > 0 THEN 0 ELSE 1 END", rows, certain);
        if why.is_empty() {
            let value = q!("CASE WHEN {} > 0 THEN {} END", rows, lower);
            return Slot::optional(value, Sort::Number);
        }
        let (lo, hi) = (self.bind(lo), self.bind(hi));
        self.finish(Sort::Number, lo, Some(hi), Some(code), why)
    }

    /// Items with all parts apart.
    fn opened(&mut self, items: &Items) -> Items {
        let view = self.view(&items.slot);
        let counts = self.bind(all([items.counts.clone(), not(&items.slot.is_none())]));
        let certain = self.bind(all([items.certain.clone(), items.slot.is_there()]));
        Items {
            from: items.from,
            slot: items.slot.clone(),
            view,
            counts,
            certain,
            many: items.many.clone(),
            why: items.why.clone(),
        }
    }

    /// Whether any row is met (OR), or any is not met (the failure of AND).
    fn any_row(&mut self, items: &Items, settling: bool) -> Slot {
        let function = if settling { "BOOL_OR" } else { "BOOL_AND" };
        let empty = if settling { "FALSE" } else { "TRUE" };
        if items.is_closed() {
            let value = q!("{function}({}){}", items.slot.lo, filter(&items.counts));
            return Slot::truth(self.over(items, value, empty));
        }
        let (met, may) = (&items.view.lo, &items.view.hi);
        // That the row settles it, and that it may.
        let (does, could) = if settling { (met.clone(), may.clone()) } else { (not(may), not(met)) };
        let settles = all([items.certain.clone(), does.clone()]);
        let open = all([items.counts.clone(), could, not(&settles)]);
        let settles = any_row_is(self, items, &settles);
        let is_open = self.bind(open);
        let found_open = any_row_is(self, items, &is_open);
        let undetermined = not(&q!("({} = {})", met, may));
        let why = items.why.clone().or(&items.slot.why.when(&undetermined)).when(&is_open);
        let why = self.over_why(items, &why);
        let (lo, hi) = if settling {
            (settles.clone(), any([settles, found_open]))
        } else {
            (not(&any([settles.clone(), found_open])), not(&settles))
        };
        let (lo, hi) = (self.bind(lo), self.bind(hi));
        self.undetermined(lo, hi, why)
    }
}

/// Whether a condition holds for any row.
pub(crate) fn any_row_is(printer: &mut Printer<'_>, items: &Items, condition: &Sql) -> Sql {
    if condition.is("FALSE") {
        return condition.clone();
    }
    printer.over(items, q!("BOOL_OR({})", condition), "FALSE")
}

/// ` FILTER (WHERE ..)`, or nothing for all rows.
pub(crate) fn filter(condition: &Sql) -> Sql {
    if condition.is("TRUE") { Sql::literal("") } else { q!(" FILTER (WHERE {})", condition) }
}
