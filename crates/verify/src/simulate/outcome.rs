//! Where one case stands under one set of rules, reduced to what two sets are compared by.

use std::collections::BTreeMap;

use hedui_base::{PersonKey, Tri};
use hedui_engine::Derived;
use hedui_engine::output::{Cell, SchemeFinding};

use crate::compare::Compared;

/// Where a case stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// In this scheme (its id).
    In(String),
    /// No scheme is met, certainly.
    Out,
    /// It cannot be told from what has been answered.
    Undetermined,
    /// The rules cannot compute it.
    NotComputed,
}

impl Standing {
    /// The word as counted in summaries.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::In(scheme) => scheme,
            Self::Out => "none",
            Self::Undetermined => "undetermined",
            Self::NotComputed => "not_computed",
        }
    }
}

/// A monthly amount in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// Exactly this; nothing where no scheme pays.
    Exact(i64),
    /// Between these, as far as bounded.
    Between(Option<i64>, Option<i64>),
}

impl Amount {
    fn of(cell: Option<Cell>) -> Self {
        match cell {
            Some(Cell::Known(v)) => Self::Exact(v),
            Some(Cell::Between(lo, hi)) => {
                Self::Between((lo != i64::MIN).then_some(lo), (hi != i64::MAX).then_some(hi))
            }
            Some(Cell::None) | None => Self::Exact(0),
        }
    }

    /// The amount if it is known.
    pub(super) const fn exact(self) -> Option<i64> {
        match self {
            Self::Exact(v) => Some(v),
            Self::Between(..) => None,
        }
    }

    /// Its bounds.
    pub(super) const fn bounds(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Exact(v) => (Some(v), Some(v)),
            Self::Between(lo, hi) => (lo, hi),
        }
    }

    fn hull(self, other: Self) -> Self {
        let ((a, b), (c, d)) = (self.bounds(), other.bounds());
        match (a.zip(c).map(|(a, c)| a.min(c)), b.zip(d).map(|(b, d)| b.max(d))) {
            (Some(lo), Some(hi)) if lo == hi => Self::Exact(lo),
            (lo, hi) => Self::Between(lo, hi),
        }
    }
}

/// One case under one set of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) standing: Standing,
    /// Rank of its scheme: a smaller one goes first.
    pub(super) order: Option<i64>,
    /// What would be paid a month; of an undetermined case the bounds over all it may still be.
    pub(super) amount: Amount,
    /// Whether the scheme it is in names an amount at all.
    pub(super) pays: bool,
    /// Last day of what its scheme gives.
    pub(super) until: Option<Cell>,
    /// Members its scheme is for, if it is one of persons, with what each is paid.
    pub(super) persons: Vec<(PersonKey, Tri, Option<Cell>)>,
    /// By scheme of persons: how many members meet it.
    pub(super) persons_met: BTreeMap<String, usize>,
    /// By scheme that pays, be it the category or not: what it alone would pay, as far as it is met or may be.
    pub(super) paying: BTreeMap<String, Amount>,
    /// By scheme id: the finding of that scheme alone.
    pub(super) schemes: BTreeMap<String, Tri>,
    /// By test: result and limit.
    pub(super) tests: BTreeMap<String, (Tri, Option<i64>)>,
    /// Sources that can still change it.
    pub(super) waiting_on: Vec<String>,
    /// Why the rules cannot compute it.
    pub(super) failure: Option<String>,
}

impl Outcome {
    /// What a comparison concluded.
    pub(super) fn of(compared: &Compared) -> Self {
        let (program, finding, derived) = (&compared.program, &compared.finding, &compared.derived);
        let cell = |i: usize| finding.schemes.get(i).and_then(|s| s.amount);
        let (standing, order, amount, pays) = match derived.category {
            Some(i) => {
                let scheme = &program.schemes[i];
                (Standing::In(scheme.id.clone()), Some(scheme.order), Amount::of(cell(i)), scheme.amount.is_some())
            }
            None if derived.is_settled() => (Standing::Out, None, Amount::Exact(0), false),
            None => (Standing::Undetermined, None, possible_amount(compared, derived), false),
        };
        let schemes = program.schemes.iter().zip(&finding.schemes).map(|(s, f)| (s.id.clone(), f.finding));
        let paying = program
            .schemes
            .iter()
            .zip(&finding.schemes)
            .filter(|(s, f)| s.amount.is_some() && f.finding != Tri::NotMet)
            .map(|(s, f)| {
                let amount = Amount::of(f.amount);
                (s.id.clone(), if f.finding == Tri::Met { amount } else { amount.hull(Amount::Exact(0)) })
            });
        let tests = program.tests.iter().zip(&finding.tests);
        let own = derived.category.and_then(|i| finding.schemes.get(i));
        let persons = own.map(|s| s.persons.iter().map(|p| (p.person, p.finding, p.amount)).collect());
        let met = |s: &SchemeFinding| s.persons.iter().filter(|p| p.finding == Tri::Met).count();
        let of_persons = program.schemes.iter().zip(&finding.schemes).filter(|(s, _)| s.persons.is_some());
        Self {
            standing,
            order,
            amount,
            pays,
            until: own.and_then(|s| s.until),
            persons: persons.unwrap_or_default(),
            paying: paying.collect(),
            persons_met: of_persons.map(|(s, f)| (s.id.clone(), met(f))).collect(),
            schemes: schemes.collect(),
            tests: tests.map(|(t, f)| (t.name.clone(), (f.result, f.limit.known()))).collect(),
            waiting_on: derived.waiting_names(),
            failure: None,
        }
    }

    /// A case without a finding.
    pub(super) fn failed(reason: String) -> Self {
        Self {
            standing: Standing::NotComputed,
            order: None,
            amount: Amount::Between(None, None),
            pays: false,
            until: None,
            persons: Vec::new(),
            paying: BTreeMap::new(),
            persons_met: BTreeMap::new(),
            schemes: BTreeMap::new(),
            tests: BTreeMap::new(),
            waiting_on: Vec::new(),
            failure: Some(reason),
        }
    }

    /// What a scheme other than the category pays: a person may be in one while the household is in another.
    pub(super) fn beside(&self, scheme: &str) -> Option<(Option<Tri>, Amount)> {
        let own = matches!(&self.standing, Standing::In(category) if category == scheme);
        let amount = self.paying.get(scheme).filter(|_| !own)?;
        Some((self.schemes.get(scheme).copied(), *amount))
    }

    /// The amount as `findings.parquet` has it: of a category that pays, where exact.
    pub(super) const fn finding_amount(&self) -> Option<i64> {
        if self.pays { self.amount.exact() } else { None }
    }
}

/// Bounds of what an undetermined case would be paid: over every scheme it may be in, and nothing if it may be in none.
fn possible_amount(compared: &Compared, derived: &Derived) -> Amount {
    let schemes = &compared.finding.schemes;
    let certain = derived.possible.iter().any(|i| schemes.get(*i).is_some_and(|s| s.finding == Tri::Met));
    let amounts = derived.possible.iter().map(|i| Amount::of(schemes.get(*i).and_then(|s| s.amount)));
    amounts.chain((!certain).then_some(Amount::Exact(0))).reduce(Amount::hull).unwrap_or(Amount::Exact(0))
}
