//! Anomalies: what is wrong with a household, and which flags that must raise.
//!
//! One table of kinds per theme. Each kind changes the registers (or what is declared) of one honest household so that
//! its own flag is due beyond doubt, and lists the flags that follow from it. `ANOMALIES.md` lists them all.

mod assets;
mod family;
mod finance;
mod identity;
mod income;
mod kind;
mod living;
mod people;
mod receipt;
mod things;
mod work;

pub(crate) use identity::bury;
pub(crate) use kind::{Ground, Kind, Planting};

use hedui_base::Fen;
use jiff::civil::Date;

use crate::city::registers::later;
use crate::city::{Composition, Household, a_head};
use crate::dice::Dice;
use crate::holders::{Holders, banks};
use crate::shape::{Band, CityShape};
use crate::truth::{Expected, Planted};

/// Every kind, by theme. They are dealt out across the themes, so that neighbours belong to different sources.
const THEMES: [&[Kind]; 10] = [
    assets::KINDS,
    income::KINDS,
    receipt::KINDS,
    family::KINDS,
    things::KINDS,
    work::KINDS,
    living::KINDS,
    identity::KINDS,
    finance::KINDS,
    people::KINDS,
];

/// Every kind in the order in which they are dealt out.
pub(crate) fn kinds() -> impl Iterator<Item = &'static Kind> {
    let longest = THEMES.iter().map(|theme| theme.len()).max().unwrap_or(0);
    (0..longest).flat_map(|nth| THEMES.iter().filter_map(move |theme| theme.get(nth)))
}

/// One kind of anomaly, as lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnomalyKind {
    /// The flag that must be raised.
    pub flag: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// The datasets that show it.
    pub shown_by: &'static [&'static str],
    /// Flags that follow from it.
    pub also: &'static [&'static str],
}

/// Every kind of anomaly that cities know, sorted by flag.
#[must_use]
pub fn anomalies() -> Vec<AnomalyKind> {
    let listed = |k: &'static Kind| AnomalyKind { flag: k.flag, what: k.what, shown_by: k.shown_by, also: k.also };
    let mut anomalies: Vec<_> = kinds().map(listed).collect();
    anomalies.sort_by_key(|a| a.flag);
    anomalies
}

/// What is to be wrong with one household.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    kinds: Vec<&'static Kind>,
    /// Which bank holds a planted deposit.
    bank: usize,
    index: u32,
}

/// Deals out anomalies among what the city's institutions can show.
pub(crate) struct Dealer {
    seed: u64,
    first: Vec<&'static Kind>,
    second: Vec<&'static Kind>,
    /// Of the households that would get an anomaly, only each so many-th does.
    each: u64,
}

impl Dealer {
    pub(crate) fn new(seed: u64, holders: &Holders) -> Self {
        let first: Vec<_> = kinds().filter(|kind| kind.shown_by.iter().all(|d| holders.hold(d))).collect();
        let second = first.iter().copied().filter(|kind| kind.second).collect();
        Self { seed, first, second, each: 1 }
    }

    /// The same for a city with fewer anomalies: of the households that would get one, each `each`-th does.
    pub(crate) fn sparse(seed: u64, holders: &Holders, each: u64) -> Self {
        Self { each: each.max(1), ..Self::new(seed, holders) }
    }

    /// Three households in ten get an anomaly, each kind in turn; one in five of those gets a second one.
    ///
    /// Depends on seed and index alone, so that truth does not change with the size of the city.
    pub(crate) fn plan(&self, index: u32) -> Plan {
        let has = |i: u64| (i * 7 + self.seed) % 10 < 3;
        let i = u64::from(index);
        if !has(i) || self.first.is_empty() {
            return Plan { index, ..Plan::default() };
        }
        let nth = i / 10 * 3 + (i / 10 * 10..i).filter(|j| has(*j)).count() as u64;
        if !nth.is_multiple_of(self.each) {
            return Plan { index, ..Plan::default() };
        }
        let nth = nth / self.each;
        let count = self.first.len() as u64;
        let at = ((nth + self.seed) % count) as usize;
        let mut kinds = vec![self.first[at]];
        if nth % 5 == 4 && !self.second.is_empty() {
            let second = self.second[(nth / 5 % self.second.len() as u64) as usize];
            if second.theme() != kinds[0].theme() {
                kinds.push(second);
            }
        }
        // Deposits go round the banks.
        let deposits = |kinds: &[&Kind]| kinds.iter().filter(|k| k.shown_by[0] == "deposit").count() as u64;
        let bank = nth / count * deposits(&self.first) + deposits(&self.first[..at]) + nth / 5;
        Plan { kinds, bank: (bank % banks().len().max(1) as u64) as usize, index }
    }
}

impl Plan {
    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The kind of household the anomaly needs, if it needs one.
    pub(crate) fn composition(&self, dice: &mut Dice) -> Option<Composition> {
        let wanted = self.kinds.first()?.fits;
        (!wanted.is_empty()).then(|| *dice.pick(wanted))
    }

    /// How the household lives apart from its anomaly.
    pub(crate) fn band(&self) -> Option<Band> {
        self.kinds.first().map(|kind| kind.wants.band)
    }

    /// Whether it has a grown child elsewhere; none if that is left to chance.
    pub(crate) fn obligor(&self) -> Option<bool> {
        self.kinds.iter().find_map(|kind| kind.wants.obligor)
    }

    /// Whether it needs a water meter.
    pub(crate) fn needs_water(&self) -> bool {
        self.kinds.iter().any(|kind| kind.wants.water)
    }

    /// Whether its last child is grown and studies.
    pub(crate) fn student(&self) -> bool {
        self.kinds.iter().any(|kind| kind.wants.student)
    }

    /// Whether the household receives aid; none if that is left to chance.
    pub(crate) fn receipt(&self) -> Option<bool> {
        self.kinds.iter().find_map(|kind| kind.wants.receipt)
    }

    /// Whose deposit it is: the bank of a planted one.
    fn bank(&self) -> &'static str {
        banks().get(self.bank).copied().unwrap_or_default()
    }
}

/// An anomaly as planted, with the flags that follow from it.
#[derive(Default)]
pub(crate) struct Applied {
    pub(crate) planted: Vec<Planted>,
    flags: Vec<&'static str>,
    assets: bool,
}

impl Applied {
    fn note(&mut self, plan: &Plan, kind: &Kind, household: &Household, holders: &Holders, person_index: usize) {
        let dataset = kind.shown_by.first().copied().unwrap_or_default();
        let institution = match dataset {
            "deposit" => Some(plan.bank()),
            "utility_use" => Some("water"),
            _ => None,
        };
        self.flags.push(kind.flag);
        self.flags.extend(kind.also);
        self.assets |= kind.assets;
        self.planted.push(Planted {
            case: household.case.clone(),
            person_index,
            flag: kind.flag.to_owned(),
            source: holders.source(dataset, institution).to_owned(),
        });
    }

    /// Every flag that is due for the household as it stands now.
    pub(crate) fn expected(&self, household: &Household, shape: &CityShape, holders: &Holders) -> Vec<Expected> {
        let mut flags = self.flags.clone();
        if !self.assets && band(household, shape) == Some(Band::NearPoor) && !unsendable(household) {
            flags.push("SP03");
            let cards = holders.hold("disability") && !household.in_receipt;
            if cards && household.members.iter().any(|m| m.declared.severely_disabled) {
                flags.push("SP02");
            }
        }
        flags.sort_unstable();
        flags.dedup();
        flags.into_iter().map(|flag| Expected { case: household.case.clone(), flag: flag.to_owned() }).collect()
    }
}

/// Plants what the plan says into the life of an honest household.
pub(crate) fn live(
    plan: &Plan,
    household: &mut Household,
    shape: &CityShape,
    as_of: Date,
    holders: &Holders,
    dice: &mut Dice,
) -> Applied {
    let mut applied = Applied::default();
    for (nth, kind) in plan.kinds.iter().enumerate() {
        if let Planting::Life(plant) = kind.plant {
            let serial = u64::from(plan.index) * 64 + 40 + nth as u64 * 4;
            let who = plant(household, &mut Ground { shape, as_of, dice, bank: plan.bank(), serial });
            applied.note(plan, kind, household, holders, who);
        }
    }
    applied
}

/// Plants what the plan says into the registers about a household.
pub(crate) fn register(
    plan: &Plan,
    household: &mut Household,
    seed: u64,
    as_of: Date,
    holders: &Holders,
    applied: &mut Applied,
) {
    let mut desk = later(seed, "plant", plan.index, as_of);
    for kind in &plan.kinds {
        if let Planting::Registers(plant) = kind.plant {
            let who = plant(household, &mut desk);
            applied.note(plan, kind, household, holders, who);
        }
    }
}

/// The band the household's income surely lies in.
pub(crate) fn band(household: &Household, shape: &CityShape) -> Option<Band> {
    let (low, high) = a_head(household);
    shape.band(low, high)
}

/// Whether a member's name cannot be sent to a bank, which leaves the deposits open.
pub(crate) fn unsendable(household: &Household) -> bool {
    household.members.iter().any(|m| encoding_rs::GBK.encode(&m.name).2)
}

/// A wage that lifts a household of that size clearly above every line, on its own.
fn wage_above_every_line(household: &Household, shape: &CityShape) -> Fen {
    Fen::from_yuan(shape.line.fen() / 100 * 24 / 10 * household.members.len() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{CityOptions, generate};

    #[test]
    fn no_income_is_near_a_line_it_should_not_be_near() {
        let mut city = generate(&CityOptions { households: 2000, seed: 11, as_of: Date::constant(2026, 6, 30) });
        for _ in 0..2 {
            for household in &city.households {
                let (low, high) = a_head(household);
                assert!(band(household, &city.shape).is_some(), "{}: {low} to {high}", household.case);
            }
            city.advance(3);
        }
    }

    #[test]
    fn every_kind_says_what_it_is() {
        for kind in kinds() {
            assert!(!kind.what.is_empty() && !kind.shown_by.is_empty(), "{}", kind.flag);
        }
        assert!(kinds().count() > 70, "{}", kinds().count());
    }
}
