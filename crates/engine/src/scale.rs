//! Scales: brackets of an amount, each with a rate for its part or an amount of its own.

use hedui_rules::program::{Expr, Parameter, ParameterRow, ParameterValue, RowValue, Scale, ScaleKind};

use crate::evaluate::{Kernel, Scope, key_of};
use crate::interval::{INFINITE, Span, narrow, power, round_div};
use crate::output::CaseErrorKind;
use crate::parameters::{Key, Place, could_accept, gap, is_exact};
use crate::reasons::Why;
use crate::register::{Each, Presence, Register, Slot};
use crate::texts::Texts;

/// The brackets of one scale in force, each with where it begins.
pub(crate) type Brackets<'p> = Vec<(i64, &'p ParameterRow)>;

impl<'a> Kernel<'a> {
    /// `SCALE(x, name, keys ..)`; the last key is x.
    pub(crate) fn scale(&mut self, id: usize, scale: Scale, keys: &'a [Expr], scope: Scope) -> Register {
        let program = self.program;
        let parameter = &program.parameters[id];
        let brackets = parameter.brackets(self.as_of);
        let columns: Vec<_> = keys.iter().map(|key| (self.eval(key, scope), key.ty)).collect();
        let mut found = Each::with_capacity(self.rows(scope));
        for row in 0..self.rows(scope) {
            let mut why = Why::KNOWN;
            let mut values = Vec::with_capacity(keys.len());
            for (column, ty) in &columns {
                let slot = column.get(row);
                why = self.slice.reasons.union(why, slot.why);
                values.push(key_of(slot, *ty));
            }
            let of = columns.last().map_or(Slot::NONE, |(column, _)| column.get(row));
            let case = self.case_of(scope, row);
            found.push(self.scale_at((id, scale), &brackets, (&values, of, why), case));
        }
        Register::each(found)
    }

    /// A scale for the place of a case, from keys, the amount, and why they are open.
    pub(crate) fn scale_at(
        &mut self,
        (id, scale): (usize, Scale),
        brackets: &[Brackets<'a>],
        (keys, of, why): (&[Key], Slot, Why),
        case: usize,
    ) -> Slot {
        if of.is_none() {
            return Slot::NONE;
        }
        let program = self.program;
        let parameter = &program.parameters[id];
        let place = self.place(case);
        let meant = meant(brackets, place, keys, &self.slice.texts);
        let results: Vec<Found> = meant.iter().filter_map(|b| look_up(parameter, scale, b, of.span)).collect();
        match results.iter().copied().reduce(Found::or) {
            Some(result) => self.scaled(parameter, result, (place, of.presence), why),
            None if self.slice.reasons.first_fault(why).is_some() => Slot::within(Span::ALL, Presence::Some, why),
            None => {
                let name = parameter.name.as_str().into();
                let kind = CaseErrorKind::MissingParameter { name, area: place.area, day: self.as_of };
                self.operators().fault(kind)
            }
        }
    }

    fn scaled(
        &mut self,
        parameter: &Parameter,
        found: Found,
        (place, of): (Place<'_>, Presence),
        mut why: Why,
    ) -> Slot {
        let Found { lo, hi, gap } = found;
        if lo == hi && !gap && of == Presence::Some {
            return match narrow(lo) {
                Some(value) => Slot::known(value),
                None => self.operators().fault(CaseErrorKind::Overflow),
            };
        }
        if gap {
            let open = self.slice.reasons.gap(&parameter.name);
            why = self.slice.reasons.union(why, open);
        }
        if place.residence.is_none() && parameter.rows.iter().any(|row| row.residence.is_some()) {
            let unsaid = self.no_residence();
            why = self.slice.reasons.union(why, unsaid);
        }
        Slot::within(Span::of(lo, hi), of, why)
    }
}

/// What a scale gives for all that may be looked up in it.
#[derive(Clone, Copy, Debug)]
struct Found {
    lo: i128,
    hi: i128,
    /// Whether a bracket in question is a declared gap.
    gap: bool,
}

impl Found {
    fn or(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi), gap: self.gap || other.gap }
    }
}

/// The scales that may be meant: one if the place and all keys but the last are known.
pub(crate) fn meant<'p>(
    brackets: &[Brackets<'p>],
    place: Place<'_>,
    keys: &[Key],
    texts: &Texts<'_>,
) -> Vec<Brackets<'p>> {
    let keys = &keys[..keys.len().saturating_sub(1)];
    let certain = keys.iter().all(|key| is_exact(*key))
        && (place.residence.is_some() || brackets.iter().all(|b| b[0].1.residence.is_none()));
    let could_match = |group: &&Brackets<'p>| {
        let row = group[0].1;
        row.area.is_none_or(|area| place.area.is_within(area))
            && row.residence.as_deref().is_none_or(|r| place.residence.is_none_or(|own| own == r))
            && row.keys.iter().zip(keys).all(|(accepts, key)| could_accept(accepts, *key, texts))
    };
    let found = brackets.iter().filter(could_match);
    if !certain {
        return found.cloned().collect();
    }
    let rank = |group: &&Brackets<'p>| {
        let row = group[0].1;
        (row.area.map_or(0, hedui_base::AreaCode::depth), row.residence.is_some())
    };
    found.max_by_key(rank).cloned().into_iter().collect()
}

/// Brackets that a value within bounds has a part in, or may lie in.
pub(crate) fn reached<'p>(scale: Scale, brackets: &Brackets<'p>, of: Span) -> Vec<(i64, &'p ParameterRow)> {
    let ends = brackets.iter().skip(1).map(|(over, _)| Some(*over)).chain([None]);
    let reached = brackets.iter().zip(ends).filter(|((over, _), end)| match scale.kind {
        ScaleKind::Marginal => *over < of.hi,
        ScaleKind::Single => *over <= of.hi && end.is_none_or(|end| of.lo < end),
    });
    reached.map(|(bracket, _)| *bracket).collect()
}

/// What a scale gives; none if nothing that may be looked up lies in any bracket of a single scale.
fn look_up(parameter: &Parameter, scale: Scale, brackets: &Brackets<'_>, of: Span) -> Option<Found> {
    let used = reached(scale, brackets, of);
    let gap = used.iter().any(|(_, row)| row.is_gap());
    match scale.kind {
        ScaleKind::Single => {
            let spans = used.iter().map(|(_, row)| value(parameter, row));
            let (lo, hi) = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
            Some(Found { lo, hi, gap })
        }
        ScaleKind::Marginal => {
            let scaled = Marginal { parameter, brackets, drop: drop_of(scale) };
            // Between its ends and the beginnings of brackets the sum is a straight line.
            let turns = brackets.iter().map(|(over, _)| i128::from(*over));
            let inside = turns.filter(|turn| of.low() <= *turn && *turn <= of.high());
            let ends = [of.low(), of.high()];
            let points = inside.chain(ends).map(|at| scaled.at(at));
            let (lo, hi) = points.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
            Some(Found { lo, hi, gap })
        }
    }
}

/// A row's value, or what a gap lies between, in wide numbers.
fn value(parameter: &Parameter, row: &ParameterRow) -> (i128, i128) {
    match row.value {
        RowValue::Known(ParameterValue::Int(value)) => (value.into(), value.into()),
        _ => {
            let span = gap(parameter);
            (span.low(), span.high())
        }
    }
}

/// Decimals of the exact sum beyond those of the result.
fn drop_of(scale: Scale) -> i16 {
    i16::from(Scale::RATE.scale()) + i16::from(scale.of.scale()) - i16::from(scale.result.scale())
}

struct Marginal<'p, 'r> {
    parameter: &'r Parameter,
    brackets: &'r Brackets<'p>,
    drop: i16,
}

impl Marginal<'_, '_> {
    /// The least and the most that the scale gives for one amount.
    fn at(&self, amount: i128) -> (i128, i128) {
        let ends = self.brackets.iter().skip(1).map(|(over, _)| i128::from(*over)).chain([INFINITE]);
        let (mut lo, mut hi) = (0i128, 0i128);
        for ((over, row), end) in self.brackets.iter().zip(ends) {
            let part = amount.min(end) - i128::from(*over);
            if part <= 0 {
                break;
            }
            let (least, most) = value(self.parameter, row);
            let endless = amount == INFINITE && end == INFINITE;
            lo = add(lo, times(least, part, endless));
            hi = add(hi, times(most, part, endless));
        }
        (self.rounded(lo), self.rounded(hi))
    }

    fn rounded(&self, sum: i128) -> i128 {
        let unit = power(self.drop.unsigned_abs().try_into().unwrap_or(u8::MAX));
        if sum.abs() >= INFINITE {
            sum.signum() * INFINITE
        } else if self.drop >= 0 {
            round_div(sum, unit)
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

/// Rows of a parameter that is a scale, by where their bracket begins, for an explanation.
pub(crate) fn rows_used<'p>(
    parameter: &'p Parameter,
    scale: Scale,
    (place, day): (Place<'_>, jiff::civil::Date),
    keys: &[Key],
    texts: &Texts<'_>,
) -> Vec<(i64, &'p ParameterRow)> {
    let of = match keys.last() {
        Some(Key::Number(lo, hi) | Key::Maybe(lo, hi)) => Span { lo: *lo, hi: *hi },
        _ => return Vec::new(),
    };
    let brackets = parameter.brackets(day);
    meant(&brackets, place, keys, texts).iter().flat_map(|group| reached(scale, group, of)).collect()
}
