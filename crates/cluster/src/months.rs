//! Sums by month, and the first, last, largest or smallest of them.
//!
//! A record that may not count, or whose month is not known, may add to any month it can lie in, or make a month of its
//! own; a ghost stands for any number of records in any months. The result is the hull of what that allows.

use hedui_rules::program::AggregateFn;

use crate::plan::Scope;
use crate::printer::Printer;
use crate::slot::{Slot, Sort, Why, all, not};
use crate::sql::{Sql, q};

impl Printer<'_> {
    pub(crate) fn by_month(
        &mut self,
        function: AggregateFn,
        dataset: usize,
        inside: &Slot,
        argument: &Slot,
        month: &Slot,
    ) -> Slot {
        let ghost = self.ghost(dataset);
        if inside.is_closed() && argument.is_closed() && month.is_closed() && ghost.is("FALSE") {
            return self.known_months(function, dataset, inside, argument, month);
        }
        let missing = self.unanswered[dataset].clone();
        let (value, when) = (self.view(argument), self.view(month));
        let counts = all([inside.hi().clone(), not(&argument.is_none()), not(&month.is_none())]);
        let certain = all([inside.lo.clone(), not(&ghost), argument.is_there(), month.is_there()]);
        let why = inside.why.clone().or(&argument.why).or(&month.why).or(&missing.when(&ghost));
        let (low, high) = (self.low(&value.lo), self.high(&value.hi));
        let parts = [low, high, when.lo.clone(), when.hi.clone(), counts, certain, ghost];
        let parts = parts.map(|part| self.bind(part));
        let why = self.bound_why(&why);
        let words: Vec<(usize, u64)> = why.0.iter().map(|(word, (_, bits))| (*word, *bits)).collect();
        let reads: Vec<Sql> = parts.iter().cloned().chain(why.0.values().map(|(sql, _)| sql.clone())).collect();
        let infinite = self.infinite().text;
        let wide = self.dialect().wide_type();
        let from = Scope::Records(dataset);
        let results = self.plan.special(from, &reads, 3 + words.len(), |names| {
            let whys: Vec<&str> = why.0.values().map(|(sql, _)| sql.text.as_str()).collect();
            query(function, &parts, &whys, names, (&infinite, wide))
        });
        let present = self.bind(q!("COALESCE({}, 0)", results[2]));
        let mut unions = Why::default();
        for (i, (word, bits)) in words.into_iter().enumerate() {
            let own = self.bind(q!("COALESCE({}, 0)", results[3 + i]));
            unions.0.insert(word, (own, bits));
        }
        let code = q!("CASE WHEN {} = 0 THEN 2 WHEN {} = 2 THEN 0 ELSE 1 END", present, present);
        let code = self.bind(code);
        let (lo, hi) = (results[0].clone(), results[1].clone());
        self.settle_wide(&lo, &hi, Some(code), unions)
    }

    fn known_months(
        &mut self,
        function: AggregateFn,
        dataset: usize,
        inside: &Slot,
        argument: &Slot,
        month: &Slot,
    ) -> Slot {
        let value = if self.is_full() { self.wide(&argument.lo) } else { argument.lo.clone() };
        let counts = all([inside.lo.clone(), argument.is_there(), month.is_there()]);
        let parts = [value, month.lo.clone(), counts].map(|part| self.bind(part));
        let full = self.is_full();
        let results = self.plan.special(Scope::Records(dataset), &parts, 1, |names| {
            let [value, month, counts] = [0, 1, 2].map(|i| parts[i].text.as_str());
            let found = match function {
                AggregateFn::MonthFirst => "MIN_BY(total, month)",
                AggregateFn::MonthLast => "MAX_BY(total, month)",
                AggregateFn::MonthMin => "MIN(total)",
                _ => "MAX(total)",
            };
            let found = if full { found.to_owned() } else { format!("CAST({found} AS BIGINT)") };
            format!(
                "SELECT {{key}}, {found} AS {}\nFROM (\n  SELECT {{key}}, {month} AS month, SUM({value}) AS total\n  \
                 FROM ({{source}}) s\n  WHERE {counts}\n  GROUP BY {{key}}, {month}\n) m\nGROUP BY {{key}}",
                names[0]
            )
        });
        let sum = results[0].clone();
        if !full {
            return Slot::optional(sum, Sort::Number);
        }
        let code = self.bind(q!("CASE WHEN {} IS NULL THEN 2 ELSE 0 END", sum));
        self.settle_wide(&sum, &sum, Some(code), Why::default())
    }
}

/// The whole computation: items within reach, the months they may make, what each may sum up to, and the hull.
fn query(
    function: AggregateFn,
    parts: &[Sql; 7],
    whys: &[&str],
    names: &[String],
    (infinite, wide): (&str, &str),
) -> String {
    let [low, high, first, last, counts, certain, many] = [0, 1, 2, 3, 4, 5, 6].map(|i| parts[i].text.as_str());
    let words = |of: &dyn Fn(usize) -> String| (0..whys.len()).map(of).collect::<String>();
    let named: String = whys.iter().enumerate().map(|(i, sql)| format!(", {sql} AS w{i}")).collect();
    // The first month reaches no further than the earliest that is there for certain, and so for the last.
    let (reach, near) = match function {
        AggregateFn::MonthFirst => {
            ("MIN(CASE WHEN certain THEN till END) OVER (PARTITION BY {key})", "(since <= reach) IS NOT FALSE")
        }
        AggregateFn::MonthLast => {
            ("MAX(CASE WHEN certain THEN since END) OVER (PARTITION BY {key})", "(till >= reach) IS NOT FALSE")
        }
        _ => ("CAST(NULL AS BIGINT)", "TRUE"),
    };
    let (lo, hi) = match function {
        AggregateFn::MonthMax => ("COALESCE(MAX(CASE WHEN firm THEN below END), MIN(below))", "MAX(above)"),
        AggregateFn::MonthMin => ("MIN(below)", "COALESCE(MIN(CASE WHEN firm THEN above END), MAX(above))"),
        _ => ("MIN(below)", "MAX(above)"),
    };
    let all_words = words(&|i| format!(", w{i}"));
    let unions = words(&|i| format!(", BIT_OR(w{i}) AS w{i}"));
    let results = words(&|i| format!(", w.w{i} AS {}", names[3 + i]));
    format!(
        "WITH items AS (
  SELECT {{key}}, {low} AS low, {high} AS high, {first} AS since, {last} AS till, {certain} AS certain,
    NOT {many} AND COALESCE({first} = {last}, FALSE) AS fixed, {many} AS many{named}
  FROM ({{source}}) s
  WHERE {counts}
), near AS (
  SELECT {{key}}, since, till, certain, fixed, low, high{all_words},
    CASE WHEN certain AND fixed THEN low WHEN many AND low < 0 THEN -{infinite} ELSE LEAST(low, 0) END AS add_low,
    CASE WHEN certain AND fixed THEN high WHEN many AND high > 0 THEN {infinite} ELSE GREATEST(high, 0) END AS add_high
  FROM (SELECT items.*, {reach} AS reach FROM items) i
  WHERE {near}
), pairs AS (
  -- a month that records are known to lie in, with what lies in it and what may
  SELECT {{key}}, since AS month, certain, fixed, low, high, add_low, add_high FROM near WHERE fixed
  UNION ALL
  SELECT {{key}}, m.month, a.certain, a.fixed, a.low, a.high, a.add_low, a.add_high
  FROM (SELECT DISTINCT {{key}}, since AS month FROM near WHERE fixed) m JOIN near a USING ({{key}})
  WHERE NOT a.fixed AND (a.since <= m.month) IS NOT FALSE AND (a.till >= m.month) IS NOT FALSE
  UNION ALL
  -- months that only records of unknown month make
  SELECT {{key}}, NULL, certain, fixed, low, high, add_low, add_high FROM near WHERE NOT fixed
), sums AS (
  SELECT {{key}}, month, SUM(add_low) AS below, SUM(add_high) AS above, MIN(low) AS least, MAX(high) AS most,
    BOOL_OR(certain AND fixed) AS firm
  FROM pairs GROUP BY {{key}}, month
), months AS (
  SELECT {{key}}, firm, CASE WHEN firm OR below < 0 THEN below ELSE least END AS below,
    CASE WHEN firm OR above > 0 THEN above ELSE most END AS above
  FROM sums
), hull AS (
  SELECT {{key}}, CAST({lo} AS {wide}) AS below, CAST({hi} AS {wide}) AS above FROM months GROUP BY {{key}}
), w AS (
  SELECT {{key}}, MAX(CASE WHEN certain THEN 2 ELSE 1 END) AS present{unions} FROM near GROUP BY {{key}}
)
SELECT {{key}}, hull.below AS {}, hull.above AS {}, w.present AS {}{results}
FROM hull JOIN w USING ({{key}})",
        names[0], names[1], names[2],
    )
}
