//! Scales: brackets of an amount, each with a rate for its part or an amount of its own.

use hedui_base::ColumnType;
use hedui_rules::program::{Parameter, ParameterRow, ParameterValue, RowValue, Scale, ScaleKind};

use crate::comparisons::when;
use crate::parameters::{Key, gap};
use crate::plan::Scope;
use crate::printer::{Printer, View};
use crate::slot::{Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};

/// What a scale gives: ends, and whether a bracket in question is a declared gap.
struct Found {
    lo: Sql,
    hi: Sql,
    gap: Sql,
    /// That the amount lies in a bracket at all.
    there: Sql,
}

/// Beyond all amounts: as in the kernel.
const INFINITE: i128 = 1 << 100;

impl Printer<'_> {
    /// `SCALE(x, name, keys ..)`; the last key is x.
    pub(crate) fn scale(&mut self, id: usize, scale: Scale, keys: &[(Slot, ColumnType)]) -> Slot {
        let parameter = &self.program.parameters[id];
        let mut brackets = parameter.brackets(self.setting.as_of);
        brackets.reverse();
        brackets.sort_by_key(|group| {
            let row = group[0].1;
            std::cmp::Reverse((row.area.map_or(0, hedui_base::AreaCode::depth), row.residence.is_some()))
        });
        let keys = self.keys(keys);
        let Some((of, others)) = keys.split_last() else { return Slot::optional(Sql::literal("NULL"), Sort::Number) };
        let by_residence = brackets.iter().any(|group| group[0].1.residence.is_some());
        let residence = self.plan.base("residence", Scope::Household, "b.residence");
        let known = all([
            Self::exact_or_none(others),
            if by_residence && self.is_full() { q!("({} IS NOT NULL)", residence) } else { Sql::truth(true) },
        ]);
        let known = self.bind(known);
        let mut before = Sql::truth(false);
        let mut meant = Vec::new();
        for group in &brackets {
            let row = group[0].1;
            let (mut could, _) = self.at_place(row);
            for (accepts, key) in row.keys.iter().zip(others) {
                could = all([could, self.accepts(accepts, key).0]);
            }
            let first = all([could.clone(), not(&before)]);
            let chosen = if known.is("TRUE") || !self.is_full() {
                first
            } else {
                q!("CASE WHEN {} THEN {} ELSE {} END", known, first, could)
            };
            meant.push(self.bind(chosen));
            before = any([before, could]);
            before = self.bind(before);
        }
        let mut found = Vec::new();
        for (group, meant) in brackets.iter().zip(&meant) {
            let one = self.looked_up(parameter, scale, group, &of.view);
            found.push((all([meant.clone(), one.there.clone()]), one));
        }
        let optional = of.view.code.clone();
        if !self.is_full() {
            let lines: Vec<Sql> = found.iter().map(|(m, one)| q!("WHEN {} THEN {}", m, one.lo)).collect();
            let value = q!("CASE {} END", Sql::join(&lines, " "));
            let value = match &optional {
                Some(code) => q!("CASE WHEN {} = 0 THEN {} END", code, value),
                None => value,
            };
            return Slot::optional(value, Sort::Number);
        }
        let (los, his): (Vec<Sql>, Vec<Sql>) =
            found.iter().map(|(m, one)| (when(m, &one.lo), when(m, &one.hi))).unzip();
        let lo = self.bind(q!("LEAST({}, {})", Sql::join(&los, ", "), los[0]));
        let hi = self.bind(q!("GREATEST({}, {})", Sql::join(&his, ", "), his[0]));
        let gaps = any(found.iter().map(|(m, one)| all([m.clone(), one.gap.clone()])));
        let gaps = self.bind(gaps);
        let is_there = self.bind(any(found.iter().map(|(m, _)| m.clone())));
        let present = optional.as_ref().map_or_else(|| Sql::truth(true), |code| q!("({} = 0)", code));
        let settled = all([q!("{} = {}", lo, hi), not(&gaps), present.clone()]);
        let settled = self.bind(settled);
        let value = self.narrow(&lo);
        let value = self.bind(value);
        let absent = optional.as_ref().map_or_else(|| Sql::truth(false), |code| q!("({} = 2)", code));
        let broken = all([not(&absent), any([not(&is_there), all([settled.clone(), q!("{} IS NULL", value)])])]);
        let mut why = keys.iter().fold(Why::default(), |why, key| why.or(&key.slot.why));
        let name = format!("parameter.{}", parameter.name);
        if !gaps.is("FALSE") {
            let open = self.because(&name);
            why = why.or(&open.when(&gaps));
        }
        if parameter.rows.iter().any(|row| row.residence.is_some()) {
            let unsaid = self.because("residence");
            why = why.or(&unsaid.when(&q!("({} IS NULL)", residence)));
        }
        why = why.or(&Self::fault().when(&broken));
        let (low, high) = (self.lower(&lo), self.upper(&hi));
        let end =
            |end: Sql| q!("CASE WHEN NOT {} THEN NULL WHEN {} THEN {} ELSE {} END", is_there, settled, value, end);
        let (lo, hi) = (end(low), end(high));
        let (lo, hi) = (self.bind(lo), self.bind(hi));
        // With a gap the value is open even where its bounds meet; where they do, it is what they say.
        let code = optional.map(|code| q!("CASE WHEN {} OR {} = 2 THEN {} ELSE 0 END", is_there, code, code));
        self.finish(Sort::Number, lo, Some(hi), code, why)
    }

    /// That each key is one known value, or none.
    fn exact_or_none(keys: &[Key]) -> Sql {
        all(keys.iter().map(|key| any([key.slot.is_value(), key.slot.is_none()])))
    }

    /// What one scale gives for an amount within bounds.
    fn looked_up(
        &mut self,
        parameter: &Parameter,
        scale: Scale,
        brackets: &[(i64, &ParameterRow)],
        of: &View,
    ) -> Found {
        match scale.kind {
            ScaleKind::Single => self.single(parameter, brackets, of),
            ScaleKind::Marginal => self.marginal(parameter, scale, brackets, of),
        }
    }

    fn single(&mut self, parameter: &Parameter, brackets: &[(i64, &ParameterRow)], of: &View) -> Found {
        let ends = brackets.iter().skip(1).map(|(over, _)| Some(*over)).chain([None]);
        let mut reached = Vec::new();
        for ((over, row), end) in brackets.iter().zip(ends) {
            let from = q!("(({} <= {}) IS NOT FALSE)", Sql::number(*over), of.hi);
            let to = match end {
                Some(end) => q!("(({} < {}) IS NOT FALSE)", of.lo, Sql::number(end)),
                None => Sql::truth(true),
            };
            let within = self.bind(all([from, to]));
            let (lo, hi) = match &row.value {
                RowValue::Known(ParameterValue::Int(value)) => (Sql::number(*value), Sql::number(*value)),
                _ => gap(parameter),
            };
            reached.push((within, lo, hi, row.is_gap()));
        }
        let wide = |p: &mut Self, ends: Vec<Sql>, function: &str| {
            let first = ends[0].clone();
            p.bind(q!("{function}({}, {})", Sql::join(&ends, ", "), first))
        };
        let full = self.is_full();
        let los = reached.iter().map(|(m, lo, ..)| when(m, &if full { self.low(lo) } else { lo.clone() })).collect();
        let his = reached.iter().map(|(m, _, hi, _)| when(m, &if full { self.high(hi) } else { hi.clone() })).collect();
        let (lo, hi) = (wide(self, los, "LEAST"), wide(self, his, "GREATEST"));
        let gap = any(reached.iter().filter(|(.., gap)| *gap).map(|(m, ..)| m.clone()));
        let there = self.bind(any(reached.iter().map(|(m, ..)| m.clone())));
        Found { lo, hi, gap, there }
    }

    fn marginal(&mut self, parameter: &Parameter, scale: Scale, brackets: &[(i64, &ParameterRow)], of: &View) -> Found {
        let drop = i16::from(Scale::RATE.scale()) + i16::from(scale.of.scale()) - i16::from(scale.result.scale());
        let steep = Marginal { parameter, brackets, drop };
        let at_end = |p: &mut Self, end: &Sql, infinite: bool, most: bool| {
            let sum = p.line(&steep, end, most);
            let sum = p.bind(sum);
            if !p.is_full() {
                return sum;
            }
            // Below everything nothing is due; above everything the last rate runs on.
            let beyond = if infinite { steep.at(INFINITE, most) } else { 0 };
            let beyond = Sql::literal(p.dialect().wide_literal(&beyond.to_string()));
            p.bind(q!("COALESCE({}, {})", sum, beyond))
        };
        let mut los = vec![at_end(self, &of.lo, false, false)];
        let mut his = vec![at_end(self, &of.lo, false, true)];
        if of.lo != of.hi {
            los.push(at_end(self, &of.hi, true, false));
            his.push(at_end(self, &of.hi, true, true));
            // Between its ends and the beginnings of brackets the sum is a straight line.
            for (over, _) in brackets {
                let inside = q!(
                    "({} <= {}) IS NOT FALSE AND ({} >= {}) IS NOT FALSE",
                    of.lo,
                    Sql::number(*over),
                    of.hi,
                    Sql::number(*over)
                );
                let inside = self.bind(inside);
                for (most, list) in [(false, &mut los), (true, &mut his)] {
                    let value = steep.at((*over).into(), most).to_string();
                    let value = Sql::literal(self.dialect().wide_literal(&value));
                    list.push(when(&inside, &value));
                }
            }
        } else if self.is_full() && of.lo.number.is_none() {
            // Either known or not at all: then from nothing to everything.
            for (most, list) in [(false, &mut los), (true, &mut his)] {
                for at in brackets.iter().map(|(over, _)| i128::from(*over)).chain([INFINITE]) {
                    let value = Sql::literal(self.dialect().wide_literal(&steep.at(at, most).to_string()));
                    list.push(when(&q!("{} IS NULL", of.lo), &value));
                }
            }
        }
        let hull = |p: &mut Self, ends: &[Sql], function: &str| match ends {
            [one] => one.clone(),
            _ => p.bind(q!("{function}({})", Sql::join(ends, ", "))),
        };
        let (lo, hi) = (hull(self, &los, "LEAST"), hull(self, &his, "GREATEST"));
        let reached = brackets.iter().filter(|(_, row)| row.is_gap());
        let gap = any(reached.map(|(over, _)| q!("(({} < {}) IS NOT FALSE)", Sql::number(*over), of.hi)));
        Found { lo, hi, gap, there: Sql::truth(true) }
    }

    /// The sum for one amount as straight lines, rounded once; null where the amount is.
    fn line(&mut self, scale: &Marginal<'_, '_>, amount: &Sql, most: bool) -> Sql {
        let full = self.is_full();
        let x = if full { self.wide(amount) } else { amount.clone() };
        let x = self.bind(x);
        let unit = Sql::number(10i64.pow(scale.drop.unsigned_abs().into()));
        let mut lines = vec![q!("WHEN {} IS NULL THEN NULL", x)];
        let mut endless = Vec::new();
        for (index, (over, row)) in scale.brackets.iter().enumerate().rev() {
            let base = scale.sum_before(index, most);
            let rate = scale.rate(row, most);
            let over = Sql::number(*over);
            if rate.abs() == INFINITE || base.abs() >= INFINITE {
                let end = if rate.abs() == INFINITE { rate } else { base };
                let value = Sql::literal(self.dialect().wide_literal(&(end.signum() * INFINITE).to_string()));
                endless.push(q!("WHEN {} > {} THEN {}", x, over, value));
                lines.push(q!("WHEN {} > {} THEN 0", x, over));
                continue;
            }
            endless.push(q!("WHEN {} > {} THEN NULL", x, over));
            let base =
                if full { Sql::literal(self.dialect().wide_literal(&base.to_string())) } else { Sql::literal(base) };
            let rate = Sql::literal(format!("({rate})"));
            lines.push(q!("WHEN {} > {} THEN {} + {} * ({} - {})", x, over, base, rate, x, over));
        }
        let sum = self.bind(q!("CASE {} ELSE 0 END", Sql::join(&lines, " ")));
        let rounded = if scale.drop >= 0 { self.round_div(&sum, &unit, full) } else { q!("({} * {})", sum, unit) };
        if !endless.iter().any(|line| !line.text.ends_with("NULL")) {
            return rounded;
        }
        q!("COALESCE(CASE {} END, {})", Sql::join(&endless, " "), rounded)
    }
}

struct Marginal<'p, 'r> {
    parameter: &'r Parameter,
    brackets: &'r [(i64, &'p ParameterRow)],
    drop: i16,
}

impl Marginal<'_, '_> {
    fn rate(&self, row: &ParameterRow, most: bool) -> i128 {
        match row.value {
            RowValue::Known(ParameterValue::Int(value)) => value.into(),
            _ if most => self.parameter.bounds.1.map_or(INFINITE, i128::from),
            _ => self.parameter.bounds.0.map_or(-INFINITE, i128::from),
        }
    }

    /// The exact sum of the brackets before one.
    fn sum_before(&self, index: usize, most: bool) -> i128 {
        let mut sum = 0;
        for (i, (over, row)) in self.brackets.iter().enumerate().take(index) {
            let end = self.brackets[i + 1].0;
            sum = add(sum, times(self.rate(row, most), i128::from(end) - i128::from(*over), false));
        }
        sum
    }

    /// The least or the most that the scale gives for one amount.
    fn at(&self, amount: i128, most: bool) -> i128 {
        let ends = self.brackets.iter().skip(1).map(|(over, _)| i128::from(*over)).chain([INFINITE]);
        let mut sum = 0;
        for ((over, row), end) in self.brackets.iter().zip(ends) {
            let part = amount.min(end) - i128::from(*over);
            if part <= 0 {
                break;
            }
            let endless = amount == INFINITE && end == INFINITE;
            sum = add(sum, times(self.rate(row, most), part, endless));
        }
        let unit = 10i128.pow(self.drop.unsigned_abs().into());
        if sum.abs() >= INFINITE {
            sum.signum() * INFINITE
        } else if self.drop >= 0 {
            (sum.abs() + unit / 2) / unit * sum.signum()
        } else {
            sum * unit
        }
    }
}

/// A rate times a part, either of them perhaps without end.
fn times(rate: i128, part: i128, endless: bool) -> i128 {
    if rate == 0 {
        0
    } else if endless || rate.abs() == INFINITE {
        rate.signum() * INFINITE
    } else {
        rate.saturating_mul(part)
    }
}

/// A sum in which infinity stays infinite.
fn add(a: i128, b: i128) -> i128 {
    match (a.abs() >= INFINITE, b.abs() >= INFINITE) {
        (_, true) => b.signum() * INFINITE,
        (true, _) => a,
        _ => a + b,
    }
}
