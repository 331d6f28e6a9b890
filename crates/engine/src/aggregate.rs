//! Aggregates over the records of an entity or the people of a household.
//!
//! Soundness: a row that may or may not count, or whose value is unknown, widens the result by all it could do to it;
//! a ghost stands for any number of rows, none included. A reason stays only if its row can still change the result.

use hedui_base::{ColumnType, Tri};
use hedui_rules::program::AggregateFn;

use crate::interval::{INFINITE, Span, narrow, round_div};
use crate::output::CaseErrorKind;
use crate::pool::Pooled;
use crate::reasons::{Fault, Reasons, Why};
use crate::register::{Known, Presence, Register, Slot};
use crate::slice::Runs;
use crate::texts::Texts;

/// A row that counts or may count, with a value that is not none for certain.
#[derive(Clone, Copy, Debug)]
struct Item {
    value: Slot,
    /// Whether it counts for certain, with a value that is there for certain.
    certain: bool,
    /// Whether it stands for any number of rows.
    many: bool,
    /// Why it may not count.
    why: Why,
}

/// What an aggregate needs of its slice.
pub(crate) struct Context<'s, 'a> {
    pub(crate) reasons: &'s mut Reasons,
    pub(crate) texts: &'s Texts<'a>,
    /// Step at work, to blame for an overflow.
    pub(crate) step: usize,
}

/// Rows of people or records and whose they are.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'s> {
    pub(crate) runs: &'s Runs,
    /// Owner of each row, ghosts included.
    pub(crate) owner: &'s [u32],
}

/// One aggregate per owner. `inside` says which rows count (none: all), `argument` what of them (none: the rows).
pub(crate) fn aggregate(
    function: AggregateFn,
    argument: Option<(&Register, ColumnType)>,
    inside: Option<&Register>,
    rows: Rows<'_>,
    unanswered: impl Fn(usize) -> Why,
    context: &mut Context<'_, '_>,
) -> Register {
    let is_text = argument.is_some_and(|(_, ty)| !ty.is_int());
    let runs = rows.runs;
    if rows.owner.is_empty() {
        return Register::same(nothing_of(function), runs.owners());
    }
    // Owners for whom anything is open are looked at one by one; sums of all others are plain.
    let mut open = Vec::new();
    inside.iter().copied().chain(argument.map(|(argument, _)| argument)).for_each(|r| r.add_open(&mut open));
    open.iter_mut().for_each(|row| *row = rows.owner[*row as usize]);
    open.extend((0..runs.ghost.len()).filter(|owner| runs.ghost(*owner).is_some()).map(|owner| owner as u32));
    open.sort_unstable();
    open.dedup();
    let plain = known(function, argument, inside, rows, is_text);
    let (known, none) = match plain {
        Some(known) => known,
        None => {
            open = (0..runs.owners() as u32).collect();
            (Pooled::zeros(runs.owners()), Vec::new())
        }
    };
    let mut items = Items::default();
    Register::mended(known, none, &open, |owner| {
        let cells = Cells {
            rows: runs.of(owner),
            ghost: runs.ghost(owner),
            inside: |row| inside.map_or(Slot::known(1), |inside| inside.get(row)),
            argument: |row| argument.map_or(Slot::known(1), |(argument, _)| argument.get(row)),
        };
        of_owner(function, cells, &unanswered, is_text, &mut items, context)
    })
}

/// What one owner has of an aggregate's rows.
pub(crate) struct Cells<I, A> {
    pub(crate) rows: std::ops::Range<usize>,
    /// The row that stands for any number of them.
    pub(crate) ghost: Option<usize>,
    /// Whether a row counts.
    pub(crate) inside: I,
    /// What is aggregated of it.
    pub(crate) argument: A,
}

/// Rows at work, whose room is used again.
#[derive(Debug, Default)]
pub(crate) struct Items(Vec<Item>);

/// The aggregate of one owner.
pub(crate) fn of_owner(
    function: AggregateFn,
    cells: Cells<impl Fn(usize) -> Slot, impl Fn(usize) -> Slot>,
    unanswered: impl Fn(usize) -> Why,
    is_text: bool,
    Items(items): &mut Items,
    context: &mut Context<'_, '_>,
) -> Slot {
    items.clear();
    for row in cells.rows.chain(cells.ghost) {
        let (tri, mut why) = (cells.inside)(row).truth();
        if tri == Tri::NotMet {
            continue;
        }
        let value = (cells.argument)(row);
        if value.is_none() {
            continue;
        }
        let many = cells.ghost == Some(row);
        if many {
            why = context.reasons.union(why, unanswered(row));
        }
        if value.presence == Presence::Maybe {
            why = context.reasons.union(why, value.why);
        }
        let certain = tri == Tri::Met && !many && value.presence == Presence::Some;
        items.push(Item { value, certain, many, why });
    }
    fold(function, items, is_text, context)
}

/// The aggregate of one owner, if all that it rests on is known and it is one of those that need no more than a look at
/// each row; none if it takes [`of_owner`] to say.
pub(crate) fn plain_of_owner(
    function: AggregateFn,
    cells: &Cells<impl Fn(usize) -> Slot, impl Fn(usize) -> Slot>,
    is_text: bool,
) -> Option<Slot> {
    if cells.ghost.is_some() {
        return None;
    }
    let (mut total, mut best): (i64, Option<i64>) = (i64::from(function == AggregateFn::BoolAnd), None);
    for row in cells.rows.clone() {
        let inside = (cells.inside)(row);
        let value = (cells.argument)(row);
        if !inside.is_known() || !value.is_known() {
            return None;
        }
        if inside.truth().0 == Tri::NotMet || value.is_none() {
            continue;
        }
        let value = value.span.lo;
        match function {
            AggregateFn::Sum => total = total.checked_add(value)?,
            AggregateFn::Count => total += 1,
            AggregateFn::BoolOr => total |= i64::from(value != 0),
            AggregateFn::BoolAnd => total &= i64::from(value != 0),
            AggregateFn::Min if !is_text => best = Some(best.map_or(value, |best| best.min(value))),
            AggregateFn::Max if !is_text => best = Some(best.map_or(value, |best| best.max(value))),
            _ => return None,
        }
    }
    match function {
        AggregateFn::Min | AggregateFn::Max => Some(optional(best)),
        AggregateFn::Sum if total == i64::MIN || total == i64::MAX => None,
        AggregateFn::Sum | AggregateFn::Count | AggregateFn::BoolOr | AggregateFn::BoolAnd => Some(Slot::known(total)),
        _ => None,
    }
}

/// An aggregate over nothing.
pub(crate) const fn nothing_of(function: AggregateFn) -> Slot {
    match function {
        AggregateFn::Sum | AggregateFn::Count | AggregateFn::CountDistinct | AggregateFn::BoolOr => Slot::known(0),
        AggregateFn::BoolAnd => Slot::known(1),
        _ => Slot::NONE,
    }
}

/// The fast path, right for owners of whom everything is known: values, and who has none. `None` where it cannot say, such
/// as on overflow.
fn known(
    function: AggregateFn,
    argument: Option<(&Register, ColumnType)>,
    inside: Option<&Register>,
    Rows { runs, owner }: Rows<'_>,
    is_text: bool,
) -> Option<(Pooled, Vec<bool>)> {
    let owners = runs.owners();
    // Without ghosts, which lie behind the records.
    let records = runs.start.last().map_or(0, |end| *end as usize);
    let owner = &owner[..records];
    let all = Known::All(1);
    let counts = inside.map_or(all, Register::known);
    let values = argument.map_or(all, |(argument, _)| argument.known());
    let mut missing = Vec::new();
    if let Some((argument, _)) = argument {
        argument.add_none(&mut missing);
    }
    let there = |row: usize| missing.get(row) != Some(&true);
    let mut results = Pooled::zeros(owners);
    match function {
        AggregateFn::Count => {
            match (counts, missing.is_empty()) {
                (Known::All(0), _) => {}
                (Known::All(_), true) => {
                    results.iter_mut().zip(runs.start.windows(2)).for_each(|(n, at)| *n = i64::from(at[1] - at[0]));
                }
                (Known::Rows(counts), true) => {
                    owner.iter().zip(counts).for_each(|(o, counts)| results[*o as usize] += counts);
                }
                (_, false) => {
                    for (row, o) in owner.iter().enumerate() {
                        results[*o as usize] += counts.at(row) & i64::from(there(row));
                    }
                }
            }
            Some((results, Vec::new()))
        }
        // What is none holds 0.
        AggregateFn::Sum => {
            let mut overflow = false;
            let mut add = |o: u32, value: i64| {
                let (sum, beyond) = results[o as usize].overflowing_add(value);
                results[o as usize] = sum;
                overflow |= beyond;
            };
            match (counts, values) {
                (Known::All(0), _) => {}
                (Known::All(_), Known::Rows(values)) => owner.iter().zip(values).for_each(|(o, v)| add(*o, *v)),
                (Known::Rows(counts), Known::Rows(values)) => {
                    owner
                        .iter()
                        .zip(counts.iter().zip(values))
                        .for_each(|(o, (c, v))| add(*o, if *c == 0 { 0 } else { *v }));
                }
                _ => {
                    for (row, o) in owner.iter().enumerate() {
                        add(*o, if counts.at(row) == 0 { 0 } else { values.at(row) });
                    }
                }
            }
            // The ends of 64 bits stand for what is unbounded.
            overflow |= results.iter().any(|sum| *sum == i64::MIN || *sum == i64::MAX);
            (!overflow).then_some((results, Vec::new()))
        }
        AggregateFn::BoolOr => {
            for (row, o) in owner.iter().enumerate() {
                results[*o as usize] |= counts.at(row) & i64::from(values.at(row) != 0);
            }
            Some((results, Vec::new()))
        }
        AggregateFn::BoolAnd => {
            results.fill(1);
            for (row, o) in owner.iter().enumerate() {
                if counts.at(row) != 0 && there(row) {
                    results[*o as usize] &= i64::from(values.at(row) != 0);
                }
            }
            Some((results, Vec::new()))
        }
        AggregateFn::Min | AggregateFn::Max if !is_text => {
            let mut none = vec![true; owners];
            for (row, o) in owner.iter().enumerate() {
                if counts.at(row) != 0 && there(row) {
                    let (best, value) = (&mut results[*o as usize], values.at(row));
                    let better = if function == AggregateFn::Min { value < *best } else { value > *best };
                    if std::mem::take(&mut none[*o as usize]) || better {
                        *best = value;
                    }
                }
            }
            if !none.contains(&true) {
                none.clear();
            }
            Some((results, none))
        }
        AggregateFn::CountDistinct => {
            let mut seen = Vec::new();
            for (o, result) in results.iter_mut().enumerate() {
                seen.clear();
                seen.extend(runs.of(o).filter(|row| counts.at(*row) != 0 && there(*row)).map(|row| values.at(row)));
                seen.sort_unstable();
                seen.dedup();
                *result = seen.len() as i64;
            }
            Some((results, Vec::new()))
        }
        _ => None,
    }
}

fn optional(value: Option<i64>) -> Slot {
    value.map_or(Slot::NONE, Slot::known)
}

fn fold(function: AggregateFn, items: &[Item], is_text: bool, context: &mut Context<'_, '_>) -> Slot {
    match function {
        AggregateFn::Sum => sum(items, context),
        AggregateFn::Count => count(items, context.reasons),
        AggregateFn::CountDistinct => count_distinct(items, context.reasons),
        AggregateFn::Min if is_text => text_extreme(items, false, context),
        AggregateFn::Max if is_text => text_extreme(items, true, context),
        AggregateFn::Min => extreme(items, false, context.reasons),
        AggregateFn::Max => extreme(items, true, context.reasons),
        AggregateFn::Avg => average(items, context),
        AggregateFn::BoolOr => any(items, Tri::Met, context.reasons),
        AggregateFn::BoolAnd => any(items, Tri::NotMet, context.reasons),
        // These need months, and are computed in `by_month`: without any there is no sum.
        AggregateFn::MonthFirst | AggregateFn::MonthLast | AggregateFn::MonthMax | AggregateFn::MonthMin => Slot::NONE,
    }
}

/// A number that left the range of values.
pub(crate) fn overflow(context: &mut Context<'_, '_>) -> Slot {
    let fault = Fault { step: context.step, kind: CaseErrorKind::Overflow };
    Slot::within(Span::ALL, Presence::Some, context.reasons.fault(fault))
}

fn sum(items: &[Item], context: &mut Context<'_, '_>) -> Slot {
    let (mut lo, mut hi, mut why) = (0i128, 0i128, Why::KNOWN);
    for item in items {
        let (low, high) = (item.value.span.low(), item.value.span.high());
        if item.certain {
            lo = lo.saturating_add(low);
            hi = hi.saturating_add(high);
            why = context.reasons.union(why, item.value.why);
            continue;
        }
        let (low, high) = (low.min(0), high.max(0));
        if low == 0 && high == 0 {
            continue;
        }
        lo = lo.saturating_add(if item.many && low < 0 { -INFINITE } else { low });
        hi = hi.saturating_add(if item.many && high > 0 { INFINITE } else { high });
        why = context.reasons.union(why, item.why);
        why = context.reasons.union(why, item.value.why);
    }
    if why.is_known() {
        return narrow(lo).map_or_else(|| overflow(context), Slot::known);
    }
    Slot::within(Span::of(lo, hi), Presence::Some, why)
}

fn count(items: &[Item], reasons: &mut Reasons) -> Slot {
    let certain = items.iter().filter(|item| item.certain).count() as i128;
    let (mut most, mut why) = (certain, Why::KNOWN);
    for item in items.iter().filter(|item| !item.certain) {
        most = most.saturating_add(if item.many { INFINITE } else { 1 });
        why = reasons.union(why, item.why);
    }
    Slot::within(Span::of(certain, most), Presence::Some, why)
}

fn count_distinct(items: &[Item], reasons: &mut Reasons) -> Slot {
    let distinct = |only: &dyn Fn(&Item) -> bool| {
        let mut values: Vec<i64> =
            items.iter().filter(|i| i.value.span.is_exact() && only(i)).map(|i| i.value.span.lo).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let certain = distinct(&|item| item.certain);
    let mut most = distinct(&|_| true).len() as i128;
    let mut why = Why::KNOWN;
    for item in items {
        let exact = item.value.span.is_exact();
        if exact && (item.certain || certain.binary_search(&item.value.span.lo).is_ok()) {
            continue;
        }
        if !exact {
            most = most.saturating_add(if item.many { INFINITE } else { 1 });
        }
        why = reasons.union(why, item.why);
        why = reasons.union(why, item.value.why);
    }
    let least = if certain.is_empty() { i128::from(items.iter().any(|i| i.certain)) } else { certain.len() as i128 };
    Slot::within(Span::of(least, most), Presence::Some, why)
}

/// Smallest or largest of some values; those that are none are left out.
pub(crate) fn extreme_of(slots: impl Iterator<Item = Slot> + Clone, largest: bool, reasons: &mut Reasons) -> Slot {
    if slots.clone().all(Slot::is_known) {
        let values = slots.filter(|slot| !slot.is_none()).map(|slot| slot.span.lo);
        return optional(if largest { values.max() } else { values.min() });
    }
    let items = slots.filter(|slot| !slot.is_none()).map(|value| {
        let certain = value.presence == Presence::Some;
        Item { value, certain, many: false, why: if certain { Why::KNOWN } else { value.why } }
    });
    extreme(&items.collect::<Vec<_>>(), largest, reasons)
}

/// Smallest or largest value.
fn extreme(items: &[Item], largest: bool, reasons: &mut Reasons) -> Slot {
    if items.iter().all(|item| item.certain && item.value.is_known()) {
        let values = items.iter().map(|item| item.value.span.lo);
        return optional(if largest { values.max() } else { values.min() });
    }
    // The largest is the smallest seen from the other side.
    let seen = |item: &Item| if largest { item.value.span.neg() } else { item.value.span };
    let lo = items.iter().map(|item| seen(item).lo).min().unwrap_or(i64::MIN);
    let settled = items.iter().filter(|item| item.certain).map(|item| seen(item).hi).min();
    let hi = settled.or_else(|| items.iter().map(|item| seen(item).hi).max()).unwrap_or(i64::MAX);
    let mut why = Why::KNOWN;
    for item in items {
        if settled.is_none_or(|settled| seen(item).lo < settled) {
            why = reasons.union(why, item.why);
            why = reasons.union(why, item.value.why);
        }
    }
    let span = Span { lo, hi };
    let presence = if settled.is_some() { Presence::Some } else { Presence::Maybe };
    Slot::within(if largest { span.neg() } else { span }, presence, why)
}

/// First or last text in the order of its characters; any text while something is unknown.
fn text_extreme(items: &[Item], largest: bool, context: &mut Context<'_, '_>) -> Slot {
    if items.iter().all(|item| item.certain && item.value.is_known()) {
        let values = items.iter().map(|item| item.value.span.lo);
        let text = |id: &i64| context.texts.get(*id);
        return optional(if largest { values.max_by_key(text) } else { values.min_by_key(text) });
    }
    let why = all_reasons(items, context.reasons);
    let presence = if items.iter().any(|item| item.certain) { Presence::Some } else { Presence::Maybe };
    Slot::within(Span::ALL, presence, why)
}

fn all_reasons(items: &[Item], reasons: &mut Reasons) -> Why {
    items.iter().fold(Why::KNOWN, |why, item| {
        let why = reasons.union(why, item.why);
        reasons.union(why, item.value.why)
    })
}

fn average(items: &[Item], context: &mut Context<'_, '_>) -> Slot {
    if items.is_empty() {
        return Slot::NONE;
    }
    let why = all_reasons(items, context.reasons);
    if items.iter().all(|item| item.certain) {
        let rows = items.len() as i128;
        let lo = items.iter().fold(0i128, |sum, item| sum.saturating_add(item.value.span.low()));
        let hi = items.iter().fold(0i128, |sum, item| sum.saturating_add(item.value.span.high()));
        let whole = |end: i128, unbounded: bool| {
            if unbounded { INFINITE * end.signum() } else { round_div(end, rows) }
        };
        let low = whole(lo, items.iter().any(|item| item.value.span.lo == i64::MIN));
        let high = whole(hi, items.iter().any(|item| item.value.span.hi == i64::MAX));
        if why.is_known() {
            return narrow(round_div(items.iter().map(|i| i128::from(i.value.span.lo)).sum(), rows))
                .map_or_else(|| overflow(context), Slot::known);
        }
        return Slot::within(Span::of(low, high), Presence::Some, why);
    }
    // Whatever counts in the end, the mean lies between the smallest and the largest that could.
    let span = items.iter().map(|item| item.value.span).reduce(Span::hull).unwrap_or(Span::ALL);
    let presence = if items.iter().any(|item| item.certain) { Presence::Some } else { Presence::Maybe };
    Slot::within(span, presence, why)
}

/// Whether any row is `met` (OR), or any is `not_met` (the failure of AND).
fn any(items: &[Item], settling: Tri, reasons: &mut Reasons) -> Slot {
    let mut why = Why::KNOWN;
    let mut open = false;
    for item in items {
        // A value that may be none counts if it is there.
        let value = Slot { presence: Presence::Some, ..item.value };
        let (tri, value_why) = value.truth();
        if tri == settling && item.certain {
            return Slot::of_truth(settling, Why::KNOWN);
        }
        if tri == settling || tri == Tri::Undetermined {
            open = true;
            why = reasons.union(why, item.why);
            why = reasons.union(why, value_why);
        }
    }
    if open { Slot::of_truth(Tri::Undetermined, why) } else { Slot::of_truth(settling.negate(), Why::KNOWN) }
}
