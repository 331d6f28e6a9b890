//! Aggregates over the records of an entity or the people of a household.
//!
//! Soundness: a row that may or may not count, or whose value is unknown, widens the result by all it could do to it;
//! a ghost stands for any number of rows, none included. A reason stays only if its row can still change the result.

use hedui_base::{ColumnType, Tri};
use hedui_rules::program::AggregateFn;

use crate::interval::{INFINITE, Span, narrow, round_div};
use crate::output::CaseErrorKind;
use crate::reasons::{Fault, Reasons, Why};
use crate::register::{Presence, Register, Slot};
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

/// One aggregate per owner. `inside` says which rows count (none: all), `argument` what of them (none: the rows).
pub(crate) fn aggregate(
    function: AggregateFn,
    argument: Option<(&Register, ColumnType)>,
    inside: Option<&Register>,
    runs: &Runs,
    unanswered: impl Fn(usize) -> Why,
    context: &mut Context<'_, '_>,
) -> Register {
    let closed = |register: Option<&Register>| register.is_none_or(|r| r.open.is_none());
    let is_text = argument.is_some_and(|(_, ty)| !ty.is_int());
    if runs.ghost.is_empty()
        && !is_text
        && closed(inside)
        && closed(argument.map(|a| a.0))
        && let Some(register) = known(function, argument.map(|a| &*a.0.lo), inside.map(|i| &*i.lo), runs)
    {
        return register;
    }
    let mut items = Vec::new();
    Register::of((0..runs.owners()).map(|owner| {
        items.clear();
        let ghost = runs.ghost(owner);
        for row in runs.of(owner).chain(ghost) {
            let (tri, mut why) = inside.map_or((Tri::Met, Why::KNOWN), |inside| inside.get(row).truth());
            let value = argument.map_or(Slot::known(1), |(argument, _)| argument.get(row));
            if tri == Tri::NotMet || value.is_none() {
                continue;
            }
            let many = ghost == Some(row);
            if many {
                why = context.reasons.union(why, unanswered(row));
            }
            if value.presence == Presence::Maybe {
                why = context.reasons.union(why, value.why);
            }
            let certain = tri == Tri::Met && !many && value.presence == Presence::Some;
            items.push(Item { value, certain, many, why });
        }
        fold(function, &items, is_text, context)
    }))
}

/// The fast path: everything is known. `None` where it cannot say, such as on overflow.
fn known(function: AggregateFn, argument: Option<&[i64]>, inside: Option<&[i64]>, runs: &Runs) -> Option<Register> {
    let counts = |row: usize| inside.is_none_or(|inside| inside[row] != 0);
    let counted = |owner: usize| runs.of(owner).filter(|row| counts(*row));
    let owners = 0..runs.owners();
    match (function, argument) {
        (AggregateFn::Count, _) => match inside {
            None => Some(Register::closed(owners.map(|o| runs.of(o).len() as i64).collect())),
            Some(_) => Some(Register::closed(owners.map(|o| counted(o).count() as i64).collect())),
        },
        (AggregateFn::Sum, Some(values)) => {
            let sums = owners.map(|o| narrow(counted(o).map(|row| i128::from(values[row])).sum()));
            sums.collect::<Option<Vec<i64>>>().map(Register::closed)
        }
        (AggregateFn::BoolOr, Some(values)) => {
            Some(Register::closed(owners.map(|o| i64::from(counted(o).any(|row| values[row] != 0))).collect()))
        }
        (AggregateFn::BoolAnd, Some(values)) => {
            Some(Register::closed(owners.map(|o| i64::from(counted(o).all(|row| values[row] != 0))).collect()))
        }
        (AggregateFn::Min, Some(values)) => {
            Some(Register::of(owners.map(|o| optional(counted(o).map(|row| values[row]).min()))))
        }
        (AggregateFn::Max, Some(values)) => {
            Some(Register::of(owners.map(|o| optional(counted(o).map(|row| values[row]).max()))))
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
pub(crate) fn extreme_of(slots: impl Iterator<Item = Slot>, largest: bool, reasons: &mut Reasons) -> Slot {
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
