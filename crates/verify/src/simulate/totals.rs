//! Cases and money before and after, counted.

use hedui_base::{AreaCode, Tri};
use serde::Serialize;

use super::Dimension;
use super::movement::{Movement, difference};
use super::outcome::{Amount, Outcome, Standing};

/// A sum of amounts of which only bounds are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Cases.
    pub cases: usize,
    /// At least this much a month in all, in fen; none if unbounded.
    pub at_least_fen: Option<i128>,
    /// At most this much.
    pub at_most_fen: Option<i128>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { cases: 0, at_least_fen: Some(0), at_most_fen: Some(0) }
    }
}

impl Bounds {
    fn add(&mut self, amount: Amount) {
        let (lo, hi) = amount.bounds();
        let sum = |a: Option<i128>, b: Option<i64>| Some(a? + i128::from(b?));
        self.cases += 1;
        self.at_least_fen = sum(self.at_least_fen, lo);
        self.at_most_fen = sum(self.at_most_fen, hi);
    }
}

/// Money a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Cases in a scheme that pays, with an amount known exactly.
    pub cases: usize,
    /// Their sum, in fen.
    pub known_fen: i128,
    /// Cases in a scheme whose amount is not known exactly.
    pub unknown: Bounds,
    /// Cases of which it cannot be told what they would be paid, if anything.
    pub undetermined: Bounds,
}

impl Budget {
    fn add(&mut self, outcome: &Outcome) {
        match (&outcome.standing, outcome.amount) {
            (Standing::In(_), Amount::Exact(fen)) if outcome.pays => {
                self.cases += 1;
                self.known_fen += i128::from(fen);
            }
            (Standing::In(_), amount @ Amount::Between(..)) => self.unknown.add(amount),
            (Standing::Undetermined, amount) => self.undetermined.add(amount),
            (Standing::In(_) | Standing::Out | Standing::NotComputed, _) => {}
        }
    }

    /// What one scheme pays, be it the category or not.
    fn add_met(&mut self, outcome: &Outcome, scheme: &str) {
        let Some(amount) = outcome.paying.get(scheme) else { return };
        match (outcome.schemes.get(scheme), *amount) {
            (Some(Tri::Met), Amount::Exact(fen)) => {
                self.cases += 1;
                self.known_fen += i128::from(fen);
            }
            (Some(Tri::Met), amount) => self.unknown.add(amount),
            (_, amount) => self.undetermined.add(amount),
        }
    }
}

/// How many cases stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standings {
    /// In a scheme.
    pub met: usize,
    /// In none.
    pub none: usize,
    /// Open.
    pub undetermined: usize,
    /// Not computed.
    pub not_computed: usize,
}

impl Standings {
    const fn add(&mut self, standing: &Standing) {
        match standing {
            Standing::In(_) => self.met += 1,
            Standing::Out => self.none += 1,
            Standing::Undetermined => self.undetermined += 1,
            Standing::NotComputed => self.not_computed += 1,
        }
    }
}

/// Some cases, before and after. The movements sum to `cases`; `difference_fen` is
/// `entered_fen - left_fen + gained_fen - lost_fen + moved_fen`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All of them.
    pub cases: usize,
    /// Where they stood.
    pub before: Standings,
    /// Where they would stand.
    pub after: Standings,
    /// From no scheme into one.
    pub entered: usize,
    /// What they would be paid a month, where known exactly.
    pub entered_fen: i128,
    /// From a scheme into none.
    pub left: usize,
    /// What they were paid.
    pub left_fen: i128,
    /// From one scheme into another.
    pub moved: usize,
    /// What they would be paid more (or, negative, less).
    pub moved_fen: i128,
    /// Paid more in the same scheme.
    pub gained: usize,
    /// So much more.
    pub gained_fen: i128,
    /// Paid less in the same scheme.
    pub lost: usize,
    /// So much less.
    pub lost_fen: i128,
    /// In the same scheme, with a changed amount of which only bounds are known.
    pub amount_open: usize,
    /// In the same scheme with the same amount, for other members or until another day.
    pub terms: usize,
    /// The same, but what another scheme pays beside it changed.
    pub beside: usize,
    /// In the same scheme with the same amount on the same terms, and nothing beside it changed.
    pub same: usize,
    /// In no scheme before and after.
    pub out: usize,
    /// Settled before, open after.
    pub became_undetermined: usize,
    /// Open before, settled after.
    pub became_determined: usize,
    /// Open before and after.
    pub stays_undetermined: usize,
    /// Not computed on a side.
    pub not_computed: usize,
    /// Paid more in all over the cases known exactly on both sides, in fen a month.
    pub difference_fen: i128,
    /// Money before.
    pub budget_before: Budget,
    /// Money after.
    pub budget_after: Budget,
    /// Cases somebody has to look at again.
    pub rechecks: usize,
    /// Those of them that receive aid now.
    pub rechecks_in_receipt: usize,
}

impl Totals {
    pub(super) fn add(&mut self, before: &Outcome, after: &Outcome, in_receipt: bool) {
        let movement = Movement::of(before, after);
        let difference = i128::from(difference(before, after).unwrap_or(0));
        self.cases += 1;
        self.before.add(&before.standing);
        self.after.add(&after.standing);
        match movement {
            Movement::Entered => {
                self.entered += 1;
                self.entered_fen += difference;
            }
            Movement::Left => {
                self.left += 1;
                self.left_fen -= difference;
            }
            Movement::Moved => {
                self.moved += 1;
                self.moved_fen += difference;
            }
            Movement::Gained => {
                self.gained += 1;
                self.gained_fen += difference;
            }
            Movement::Lost => {
                self.lost += 1;
                self.lost_fen -= difference;
            }
            Movement::AmountOpen => self.amount_open += 1,
            Movement::Terms => self.terms += 1,
            Movement::Beside => self.beside += 1,
            Movement::Same => self.same += 1,
            Movement::Out => self.out += 1,
            Movement::BecameUndetermined => self.became_undetermined += 1,
            Movement::BecameDetermined => self.became_determined += 1,
            Movement::StaysUndetermined => self.stays_undetermined += 1,
            Movement::NotComputed => self.not_computed += 1,
        }
        self.difference_fen += difference;
        self.budget_before.add(before);
        self.budget_after.add(after);
        if movement.needs_recheck(before, after) {
            self.rechecks += 1;
            self.rechecks_in_receipt += usize::from(in_receipt);
        }
    }
}

/// One scheme, before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SchemeChange {
    /// Scheme id.
    pub scheme: String,
    /// Chinese title.
    pub title: String,
    /// Cases that meet it, be it their category or not.
    pub met_before: usize,
    /// Cases that would meet it.
    pub met_after: usize,
    /// Cases of which it cannot be told, before.
    pub undetermined_before: usize,
    /// Cases of which it cannot be told, after.
    pub undetermined_after: usize,
    /// Met now and not (certainly) before.
    pub newly_met: usize,
    /// Met before and not (certainly) now.
    pub no_longer_met: usize,
    /// Members who meet it, of a scheme of persons.
    pub persons_before: usize,
    /// Members who would meet it.
    pub persons_after: usize,
    /// What it pays to those that meet it, be it their category or not, before.
    pub met_budget_before: Budget,
    /// The same, after.
    pub met_budget_after: Budget,
    /// Cases whose category it was.
    pub category_before: usize,
    /// Cases whose category it would be.
    pub category_after: usize,
    /// Into this category from another or none; what was open before is not among them.
    pub entered: usize,
    /// Out of this category into another or none; what is open after is not among them.
    pub left: usize,
    /// Paid more in it.
    pub gained: usize,
    /// So much more, in fen a month.
    pub gained_fen: i128,
    /// Paid less in it.
    pub lost: usize,
    /// So much less.
    pub lost_fen: i128,
    /// Money before.
    pub budget_before: Budget,
    /// Money after.
    pub budget_after: Budget,
}

impl SchemeChange {
    pub(super) fn add(&mut self, before: &Outcome, after: &Outcome) {
        let finding = |o: &Outcome| o.schemes.get(&self.scheme).copied();
        let (was, is) = (finding(before), finding(after));
        let (met, open) = (Some(Tri::Met), Some(Tri::Undetermined));
        self.met_before += usize::from(was == met);
        self.met_after += usize::from(is == met);
        self.undetermined_before += usize::from(was == open);
        self.undetermined_after += usize::from(is == open);
        self.newly_met += usize::from(is == met && was != met);
        self.no_longer_met += usize::from(was == met && is != met);
        let persons = |o: &Outcome| o.persons_met.get(&self.scheme).copied().unwrap_or(0);
        self.met_budget_before.add_met(before, &self.scheme);
        self.met_budget_after.add_met(after, &self.scheme);
        self.persons_before += persons(before);
        self.persons_after += persons(after);
        let here = |o: &Outcome| matches!(&o.standing, Standing::In(scheme) if *scheme == self.scheme);
        let settled = |o: &Outcome| matches!(o.standing, Standing::In(_) | Standing::Out);
        let (was, is) = (here(before), here(after));
        if was {
            self.category_before += 1;
            self.budget_before.add(before);
        }
        if is {
            self.category_after += 1;
            self.budget_after.add(after);
        }
        self.entered += usize::from(is && !was && settled(before));
        self.left += usize::from(was && !is && settled(after));
        let difference = i128::from(difference(before, after).unwrap_or(0));
        match Movement::of(before, after) {
            Movement::Gained if was => {
                self.gained += 1;
                self.gained_fen += difference;
            }
            Movement::Lost if was => {
                self.lost += 1;
                self.lost_fen -= difference;
            }
            _ => {}
        }
    }
}

/// How many cases stood here before and there after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// Scheme id, `none`, `undetermined` or `not_computed`.
    pub before: String,
    /// The same, after.
    pub after: String,
    /// Cases.
    pub cases: usize,
    /// Paid more (or less) a month, where known exactly on both sides, in fen.
    pub difference_fen: i128,
}

/// Some of the cases: an area, or one type of household.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they are told apart by.
    pub dimension: Dimension,
    /// Area code, or the type's word.
    pub value: String,
    /// What happens to them.
    #[serde(flatten)]
    pub totals: Totals,
}

/// An area as a group's value.
pub(super) fn area_value(area: AreaCode) -> String {
    area.to_string()
}

#[cfg(test)]
mod tests;
