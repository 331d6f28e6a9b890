//! Anomalies: what is wrong with a household, and which flags that must raise.
//!
//! One function per anomaly, in files by theme. Each changes the registers (or what is declared) of one honest
//! household so that its own flag is due beyond doubt, and lists the flags that follow from it.

mod assets;
mod finance;
mod identity;
mod income;
mod living;

pub(crate) use identity::bury;

use hedui_base::Fen;
use jiff::civil::Date;

use crate::city::{Composition, Household, a_head};
use crate::dice::Dice;
use crate::shape::{Band, CityShape};
use crate::truth::{Expected, Planted};

use Composition as C;

/// Every anomaly, named by the flag that reveals it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::upper_case_acronyms, reason = "named as the flags are")]
pub(crate) enum Anomaly {
    ID05,
    ID06,
    ID07,
    DE01,
    DE03,
    FA01,
    FA05,
    FA06,
    IN01,
    IN02,
    IN04,
    IN13,
    IN14,
    AS01,
    AS02,
    AS03,
    AS05,
    AS06,
    AS07,
    AS09,
    AS10,
    AS11,
    AS12,
    AS13,
    AS15,
    AS16,
    LI01,
    LI02,
}

use Anomaly as A;

/// In the order in which they are dealt out: neighbours belong to different sources.
const DEALT: [Anomaly; 28] = [
    A::AS01,
    A::IN04,
    A::AS16,
    A::AS07,
    A::IN02,
    A::AS11,
    A::LI01,
    A::DE01,
    A::IN01,
    A::AS02,
    A::FA05,
    A::AS12,
    A::LI02,
    A::ID05,
    A::AS09,
    A::AS03,
    A::FA01,
    A::IN13,
    A::AS13,
    A::ID06,
    A::AS10,
    A::DE03,
    A::AS15,
    A::IN14,
    A::FA06,
    A::ID07,
    A::AS05,
    A::AS06,
];

/// Anomalies that may come on top of another one: they change neither who is counted nor the income.
const SECOND: [Anomaly; 6] = [A::AS09, A::LI01, A::AS15, A::LI02, A::AS02, A::AS10];

/// What is to be wrong with one household.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    anomalies: Vec<Anomaly>,
    /// Which of the three banks holds a planted deposit.
    bank: usize,
    /// First free number for planted things of this household.
    index: u32,
}

/// Three households in ten get an anomaly, each kind in turn; one in five of those gets a second one.
///
/// Depends on seed and index alone, so that truth does not change with the size of the city.
pub(crate) fn plan(seed: u64, index: u32) -> Plan {
    let has = |i: u64| (i * 7 + seed) % 10 < 3;
    let i = u64::from(index);
    if !has(i) {
        return Plan { index, ..Plan::default() };
    }
    let nth = i / 10 * 3 + (i / 10 * 10..i).filter(|j| has(*j)).count() as u64;
    let kinds = DEALT.len() as u64;
    let first = DEALT[((nth + seed) % kinds) as usize];
    let mut anomalies = vec![first];
    if nth % 5 == 4 {
        let second = SECOND[(nth / 5 % SECOND.len() as u64) as usize];
        if second.theme() != first.theme() {
            anomalies.push(second);
        }
    }
    Plan { anomalies, bank: ((nth / kinds + nth) % 3) as usize, index }
}

impl Anomaly {
    /// The two letters of its flag.
    fn theme(self) -> &'static str {
        match self {
            A::ID05 | A::ID06 | A::ID07 => "ID",
            A::DE01 | A::DE03 => "DE",
            A::FA01 | A::FA05 | A::FA06 => "FA",
            A::IN01 | A::IN02 | A::IN04 | A::IN13 | A::IN14 => "IN",
            A::LI01 | A::LI02 => "LI",
            _ => "AS",
        }
    }

    /// Households it can happen to; empty means any.
    fn compositions(self) -> &'static [Composition] {
        match self {
            A::ID05 | A::ID07 => &[C::SingleParent, C::CoupleWithChildren],
            A::DE01 | A::DE03 => &[C::ElderlyCouple, C::DisabledWithParent, C::ThreeGenerations],
            A::FA01 => &[C::ElderlyAlone, C::SingleParent, C::AdultAlone],
            A::FA05 => &[C::ElderlyAlone, C::ElderlyCouple],
            A::FA06 => &[C::CoupleWithChildren, C::ThreeGenerations],
            A::IN01 | A::IN02 | A::IN13 => &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
            A::IN04 => &[C::ElderlyAlone, C::ElderlyCouple],
            A::IN14 => &[C::SingleParent, C::AdultAlone],
            _ => &[],
        }
    }
}

impl Plan {
    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.anomalies.is_empty()
    }

    /// The kind of household the anomaly needs, if it needs one.
    pub(crate) fn composition(&self, dice: &mut Dice) -> Option<Composition> {
        let wanted = self.anomalies.first()?.compositions();
        (!wanted.is_empty()).then(|| *dice.pick(wanted))
    }

    /// How the household lives apart from its anomaly: poor, so that nothing but the anomaly is in its way.
    pub(crate) fn band(&self) -> Option<Band> {
        match self.anomalies.first()? {
            A::IN14 => Some(Band::AtTheLine),
            _ => Some(Band::Poor),
        }
    }

    fn plants(&self, any_of: &[Anomaly]) -> bool {
        self.anomalies.iter().any(|a| any_of.contains(a))
    }

    /// Whether it needs a grown child elsewhere.
    pub(crate) fn needs_obligor(&self) -> bool {
        self.plants(&[A::FA05])
    }

    /// Whether it needs a water meter.
    pub(crate) fn needs_water(&self) -> bool {
        self.plants(&[A::LI01, A::LI02])
    }

    /// Whether it needs a household in receipt of aid.
    pub(crate) fn in_receipt(&self) -> bool {
        self.plants(&[A::DE01, A::IN13])
    }
}

/// What a planting function is given.
struct Ground<'a> {
    shape: &'a CityShape,
    as_of: Date,
    dice: &'a mut Dice,
    bank: &'static str,
    /// A number for planted things that no other thing in the city has.
    serial: u64,
}

/// What a planting function did: whose record shows it (index among the members), and what else follows from it.
struct Done {
    person_index: usize,
    source: &'static str,
    consequences: &'static [&'static str],
}

impl Done {
    const fn by(person_index: usize, source: &'static str) -> Self {
        Self { person_index, source, consequences: &[] }
    }

    const fn with(self, consequences: &'static [&'static str]) -> Self {
        Self { consequences, ..self }
    }
}

/// An anomaly as planted, with the flags that follow from it.
pub(crate) struct Applied {
    pub(crate) planted: Vec<Planted>,
    pub(crate) expected: Vec<Expected>,
}

/// Plants what the plan says into an honest household.
pub(crate) fn apply(
    plan: &Plan,
    household: &mut Household,
    shape: &CityShape,
    as_of: Date,
    dice: &mut Dice,
) -> Applied {
    let mut applied = Applied { planted: Vec::new(), expected: Vec::new() };
    let mut flags: Vec<String> = Vec::new();
    for (nth, anomaly) in plan.anomalies.iter().enumerate() {
        let serial = u64::from(plan.index) * 64 + 40 + nth as u64 * 4;
        let bank = crate::city::BANKS[plan.bank];
        let done = plant(*anomaly, household, &mut Ground { shape, as_of, dice, bank, serial });
        let flag = format!("{anomaly:?}");
        flags.push(flag.clone());
        flags.extend(done.consequences.iter().map(|f| (*f).to_owned()));
        applied.planted.push(Planted {
            case: household.case.clone(),
            person_index: done.person_index,
            flag,
            source: done.source.to_owned(),
        });
    }
    let assets_stand_in_the_way =
        plan.plants(&[A::AS01, A::AS05, A::AS07, A::AS10, A::AS11, A::AS12, A::AS13, A::AS16]);
    if !assets_stand_in_the_way && band(household, shape) == Some(Band::NearPoor) && !unsendable(household) {
        flags.push("SP03".to_owned());
    }
    flags.sort();
    flags.dedup();
    applied.expected = flags.into_iter().map(|flag| Expected { case: household.case.clone(), flag }).collect();
    applied
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

fn plant(anomaly: Anomaly, household: &mut Household, ground: &mut Ground<'_>) -> Done {
    match anomaly {
        A::ID05 => identity::cancelled(household, ground),
        A::ID06 => identity::one_more_in_the_booklet(household),
        A::ID07 => identity::unknown_to_the_police(household),
        A::DE01 => identity::dead_and_paid(household, ground),
        A::DE03 => identity::dead_and_counted(household, ground),
        A::FA01 => identity::married_to_nobody(household),
        A::FA05 => income::rich_child(household, ground),
        A::FA06 => identity::in_custody(household),
        A::IN01 => income::insured_while_unemployed(household, ground),
        A::IN02 => income::undeclared_wage(household, ground),
        A::IN04 => income::undeclared_pension(household, ground),
        A::IN13 => income::new_job(household, ground),
        A::IN14 => income::at_the_line(household),
        A::AS01 => assets::savings(household, ground),
        A::AS02 => assets::savings_withdrawn(household, ground),
        A::AS03 => assets::money_passing_through(household, ground),
        A::AS05 => finance::securities(household, ground),
        A::AS06 => finance::premiums(household, ground),
        A::AS07 => assets::undeclared_car(household, ground),
        A::AS09 => assets::car_given_away(household, ground),
        A::AS10 => assets::lorry(household, ground),
        A::AS11 => assets::more_homes(household, ground),
        A::AS12 => assets::shop(household, ground),
        A::AS13 => assets::home_just_bought(household, ground),
        A::AS15 => assets::home_given_away(household, ground),
        A::AS16 => assets::company(household, ground),
        A::LI01 => living::much_water(household),
        A::LI02 => living::no_water(household),
    }
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
}
