//! Who people are: household register, deaths, marriage, custody.

use jiff::ToSpan;
use jiff::civil::Date;

use super::kind::Planting::Life;
use super::kind::{Ground, KIND, Kind, NO_RECEIPT, RECEIPT};
use crate::city::Composition as C;
use crate::city::{Household, Person};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "DE01",
        what: "an old member died some months ago; aid goes on",
        shown_by: &["hukou"],
        also: &["DE03"],
        fits: &[C::ElderlyCouple, C::DisabledWithParent, C::ThreeGenerations],
        wants: RECEIPT,
        plant: Life(die),
        ..KIND
    },
    Kind {
        flag: "ID05",
        what: "a child's registration was cancelled as a duplicate, or because it settled abroad",
        shown_by: &["hukou"],
        fits: &[C::SingleParent, C::CoupleWithChildren],
        plant: Life(cancelled),
        ..KIND
    },
    Kind {
        flag: "FA01",
        what: "the applicant is married; the spouse is not named",
        shown_by: &["hukou"],
        fits: &[C::ElderlyAlone, C::SingleParent, C::AdultAlone],
        plant: Life(married_to_nobody),
        ..KIND
    },
    Kind {
        flag: "ID06",
        what: "the booklet holds one more person with a legal duty than the household named",
        shown_by: &["hukou"],
        plant: Life(one_more_in_the_booklet),
        ..KIND
    },
    Kind {
        flag: "DE03",
        what: "an old member died before the application and is counted all the same",
        shown_by: &["hukou"],
        fits: &[C::ElderlyCouple, C::DisabledWithParent, C::ThreeGenerations],
        wants: NO_RECEIPT,
        plant: Life(die),
        ..KIND
    },
    Kind {
        flag: "FA06",
        what: "the spouse is in prison or compulsory rehabilitation and is counted all the same",
        shown_by: &["hukou"],
        fits: &[C::CoupleWithChildren, C::ThreeGenerations],
        plant: Life(in_custody),
        ..KIND
    },
    Kind {
        flag: "ID07",
        what: "the police do not know a child's number",
        shown_by: &["hukou"],
        fits: &[C::SingleParent, C::CoupleWithChildren],
        plant: Life(unknown_to_the_police),
        ..KIND
    },
];

/// A child's registration was cancelled as a duplicate, or because it settled abroad.
fn cancelled(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = household.members.len() - 1;
    let reason = *ground.dice.pick(&["abroad", "duplicate"]);
    let on = ground.as_of.saturating_sub(ground.dice.between(90, 600).days());
    cancel(&mut household.members[who], reason, on);
    one_fewer_in_the_booklet(household);
    who
}

fn cancel(person: &mut Person, reason: &'static str, on: Date) {
    if let Some(hukou) = &mut person.records.hukou {
        hukou.status = "cancelled".into();
        hukou.cancel_reason = Some(reason.into());
        hukou.cancelled_on = Some(on);
    }
}

/// Whoever is gone is no longer counted in the booklet of the others.
fn one_fewer_in_the_booklet(household: &mut Household) {
    for member in &mut household.members {
        if let Some(hukou) = &mut member.records.hukou {
            hukou.booklet_members -= 1;
        }
    }
}

/// The booklet holds one more person with a legal duty than the household named.
fn one_more_in_the_booklet(household: &mut Household, _: &mut Ground<'_>) -> usize {
    for member in &mut household.members {
        if let Some(hukou) = &mut member.records.hukou {
            hukou.booklet_members += 1;
        }
    }
    0
}

/// The police do not know a child's number.
fn unknown_to_the_police(household: &mut Household, _: &mut Ground<'_>) -> usize {
    let who = household.members.len() - 1;
    household.members[who].records.hukou = None;
    one_fewer_in_the_booklet(household);
    who
}

/// An old member died some months ago.
fn die(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    // The oldest who is not the applicant.
    let oldest = (1..household.members.len()).max_by_key(|i| household.members[*i].age(ground.as_of));
    let who = oldest.unwrap_or(0);
    let on = ground.as_of.saturating_sub(ground.dice.between(70, 300).days());
    bury(household, who, on);
    who
}

/// A member dies: the registration is cancelled, the pension stops, a spouse becomes widowed, accounts stay.
pub(crate) fn bury(household: &mut Household, who: usize, on: Date) {
    cancel(&mut household.members[who], "death", on);
    one_fewer_in_the_booklet(household);
    for pension in &mut household.members[who].records.pensions {
        pension.status = "stopped".into();
    }
    if household.members[who].relation == "spouse"
        && let Some(hukou) = &mut household.members[0].records.hukou
    {
        hukou.marital = "widowed".into();
    }
}

/// The applicant is married; the spouse is not named.
fn married_to_nobody(household: &mut Household, _: &mut Ground<'_>) -> usize {
    if let Some(hukou) = &mut household.members[0].records.hukou {
        hukou.marital = "married".into();
    }
    0
}

/// The spouse is in prison or compulsory rehabilitation and is counted all the same.
fn in_custody(household: &mut Household, _: &mut Ground<'_>) -> usize {
    let who = household.members.iter().position(|m| m.relation == "spouse").unwrap_or(0);
    let spouse = &mut household.members[who];
    // Whoever sits in prison earns nothing outside.
    spouse.records.incomes.clear();
    spouse.records.insurance.clear();
    spouse.declared.declared_wage = hedui_base::Fen::ZERO;
    if let Some(hukou) = &mut spouse.records.hukou {
        hukou.custody = if spouse.id.is_male() { "prison" } else { "rehab" }.into();
    }
    one_fewer_in_the_booklet(household);
    who
}
