//! Sums by month, and the first, last, largest or smallest of them.
//!
//! Soundness: a record that may not count, or whose month is not known, may add to any month it can lie in, or make a
//! month of its own; a ghost stands for any number of records in any months. The result is the hull of what that allows.

use hedui_base::Tri;
use hedui_rules::program::AggregateFn;

use crate::aggregate::{Context, overflow};
use crate::interval::{INFINITE, Span, narrow};
use crate::reasons::{Reasons, Why};
use crate::register::{Presence, Slot};

/// What is read of one owner's records.
pub(crate) struct Cells<V, M, I> {
    pub(crate) rows: std::ops::Range<usize>,
    /// The row that stands for any number of them.
    pub(crate) ghost: Option<usize>,
    /// What is summed.
    pub(crate) argument: V,
    /// The month it belongs to.
    pub(crate) month: M,
    /// Whether a record counts.
    pub(crate) inside: I,
}

/// Records at work, whose room is used again.
#[derive(Debug, Default)]
pub(crate) struct Items(Vec<Item>);

/// A record that counts or may count, with a value and a month that are not none for certain.
#[derive(Clone, Copy, Debug)]
struct Item {
    value: Slot,
    month: Span,
    /// Whether it counts for certain, with a value and a month that are there for certain.
    certain: bool,
    /// Whether it stands for any number of records.
    many: bool,
    /// Why it may not count, or in another month, or with another value; empty if nothing of that is open.
    why: Why,
}

impl Item {
    /// Whether its month is known, so that it adds to that month or to none.
    const fn is_fixed(&self) -> bool {
        !self.many && self.month.is_exact()
    }

    /// The least and the most it adds to a month it lies in.
    fn adds(&self) -> (i128, i128) {
        let (low, high) = (self.value.span.low(), self.value.span.high());
        if self.certain && self.is_fixed() {
            return (low, high);
        }
        let many = |end: i128| if self.many && end != 0 { INFINITE * end.signum() } else { end };
        (many(low.min(0)), many(high.max(0)))
    }
}

/// The value of one owner.
pub(crate) fn by_month(
    function: AggregateFn,
    cells: Cells<impl Fn(usize) -> Slot, impl Fn(usize) -> Slot, impl Fn(usize) -> Slot>,
    unanswered: impl Fn(usize) -> Why,
    Items(items): &mut Items,
    context: &mut Context<'_, '_>,
) -> Slot {
    items.clear();
    for row in cells.rows.chain(cells.ghost) {
        let (tri, open) = (cells.inside)(row).truth();
        let (value, month) = ((cells.argument)(row), (cells.month)(row));
        if tri == Tri::NotMet || value.is_none() || month.is_none() {
            continue;
        }
        let many = cells.ghost == Some(row);
        let missing = if many { unanswered(row) } else { Why::KNOWN };
        let why = [value.why, month.why, missing].into_iter().fold(open, |all, why| context.reasons.union(all, why));
        let there = value.presence == Presence::Some && month.presence == Presence::Some;
        items.push(Item { value, month: month.span, certain: tri == Tri::Met && !many && there, many, why });
    }
    fold(function, items, context)
}

fn fold(function: AggregateFn, items: &mut [Item], context: &mut Context<'_, '_>) -> Slot {
    if items.is_empty() {
        return Slot::NONE;
    }
    // Rows come in any order; months do not.
    items.sort_unstable_by_key(|item| (item.month.lo, item.month.hi));
    let (span, why) = match function {
        AggregateFn::MonthFirst => {
            let last = items.iter().filter(|i| i.certain).map(|i| i.month.hi).min().unwrap_or(i64::MAX);
            let reach = Span { lo: i64::MIN, hi: last };
            (hull(&candidates(items, reach)), reasons(items, reach, context.reasons))
        }
        AggregateFn::MonthLast => {
            let first = items.iter().filter(|i| i.certain).map(|i| i.month.lo).max().unwrap_or(i64::MIN);
            let reach = Span { lo: first, hi: i64::MAX };
            (hull(&candidates(items, reach)), reasons(items, reach, context.reasons))
        }
        AggregateFn::MonthMin => {
            let (low, high) = largest(&candidates(items, Span::ALL), |(low, high)| (-high, -low));
            ((-high, -low), reasons(items, Span::ALL, context.reasons))
        }
        _ => (largest(&candidates(items, Span::ALL), |ends| ends), reasons(items, Span::ALL, context.reasons)),
    };
    if why.is_known() {
        return narrow(span.0).map_or_else(|| overflow(context), Slot::known);
    }
    let presence = if items.iter().any(|item| item.certain) { Presence::Some } else { Presence::Maybe };
    Slot::within(Span::of(span.0, span.1), presence, why)
}

/// A month that may have a sum: its least and most, and whether it has one for certain.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    ends: (i128, i128),
    certain: bool,
}

/// The months within reach that may have a sum; the last one stands for months that only records of unknown month make.
fn candidates(items: &[Item], reach: Span) -> Vec<Candidate> {
    let within = |span: Span| span.lo <= reach.hi && reach.lo <= span.hi;
    let near: Vec<&Item> = items.iter().filter(|item| within(item.month)).collect();
    let adrift = || near.iter().copied().filter(|item| !item.is_fixed());
    let fixed: Vec<&Item> = near.iter().copied().filter(|item| item.is_fixed()).collect();
    let mut found: Vec<Candidate> = fixed
        .chunk_by(|a, b| a.month.lo == b.month.lo)
        .map(|own| candidate(own.iter().copied().chain(adrift().filter(|other| other.month.contains(own[0].month.lo)))))
        .collect();
    if adrift().next().is_some() {
        found.push(candidate(adrift()));
    }
    found
}

/// A month to which these records may add. If none does for certain, it has a sum only because one of them counts.
fn candidate<'i>(items: impl Iterator<Item = &'i Item> + Clone) -> Candidate {
    let sums = items.clone().map(Item::adds);
    let (below, above) =
        sums.fold((0i128, 0i128), |sum, (low, high)| (sum.0.saturating_add(low), sum.1.saturating_add(high)));
    if items.clone().any(|item| item.certain && item.is_fixed()) {
        return Candidate { ends: (below, above), certain: true };
    }
    let least = items.clone().map(|item| item.value.span.low()).min().unwrap_or(below);
    let most = items.map(|item| item.value.span.high()).max().unwrap_or(above);
    Candidate { ends: (if below < 0 { below } else { least }, if above > 0 { above } else { most }), certain: false }
}

fn hull(months: &[Candidate]) -> (i128, i128) {
    let low = months.iter().map(|m| m.ends.0).min().unwrap_or(-INFINITE);
    let high = months.iter().map(|m| m.ends.1).max().unwrap_or(INFINITE);
    (low, high)
}

/// The largest sum: no less than that of any month that has one for certain.
fn largest(months: &[Candidate], seen: impl Fn((i128, i128)) -> (i128, i128)) -> (i128, i128) {
    let all = months.iter().map(|m| (seen(m.ends), m.certain));
    let certain = all.clone().filter(|(_, certain)| *certain).map(|((low, _), _)| low).max();
    let low = certain.or_else(|| all.clone().map(|((low, _), _)| low).min()).unwrap_or(-INFINITE);
    (low, all.map(|((_, high), _)| high).max().unwrap_or(INFINITE))
}

/// Why records that can lie within reach are open.
fn reasons(items: &[Item], reach: Span, reasons: &mut Reasons) -> Why {
    let near = items.iter().filter(|item| item.month.lo <= reach.hi && reach.lo <= item.month.hi);
    near.fold(Why::KNOWN, |all, item| reasons.union(all, item.why))
}
