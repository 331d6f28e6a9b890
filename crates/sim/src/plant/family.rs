//! Marriages, births, deaths, schools and custody that registers beside the household register show.

use hedui_base::Fen;
use jiff::ToSpan;
use jiff::civil::Date;

use super::kind::Planting::Registers;
use super::kind::{ANY, KIND, Kind, NO_RECEIPT, RECEIPT, Wants};
use crate::city::Composition as C;
use crate::city::registers::{Desk, birth, certificate, claim, enrolment};
use crate::city::{Household, Person};
use crate::records::{Row, row};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "FA02",
        what: "divorced some months ago, registered at the address of the former spouse still",
        shown_by: &["marriage"],
        fits: &[C::ElderlyAlone, C::SingleParent, C::AdultAlone],
        plant: Registers(divorced),
        ..KIND
    },
    Kind {
        flag: "DE02",
        what: "on the lists of the dead, and seen by a doctor since",
        shown_by: &["death_certificate", "medical"],
        also: &["DE03"],
        fits: &[C::ElderlyCouple, C::ThreeGenerations],
        wants: NO_RECEIPT,
        plant: Registers(dead_and_treated),
        ..KIND
    },
    Kind {
        flag: "FA09",
        what: "a child was born some months ago and is not named",
        shown_by: &["birth_certificate"],
        fits: &[C::SingleParent, C::CoupleWithChildren],
        plant: Registers(child_not_named),
        ..KIND
    },
    Kind {
        flag: "DE01",
        what: "certified dead some months ago, not yet off the household register; aid goes on",
        shown_by: &["death_certificate"],
        also: &["DE03"],
        fits: &[C::ElderlyCouple, C::DisabledWithParent],
        wants: RECEIPT,
        plant: Registers(certified_dead),
        ..KIND
    },
    Kind {
        flag: "FA03",
        what: "somebody who owns a home left the booklet some months ago",
        shown_by: &["booklet_split"],
        plant: Registers(split_off),
        ..KIND
    },
    Kind {
        flag: "FA04",
        what: "declared a student, and has left the college",
        shown_by: &["education"],
        fits: &[C::SingleParent, C::CoupleWithChildren],
        wants: Wants { student: true, ..ANY },
        plant: Registers(left_college),
        ..KIND
    },
    Kind {
        flag: "FA01",
        what: "married by the marriage register alone; the spouse is not named",
        shown_by: &["marriage"],
        fits: &[C::ElderlyAlone, C::SingleParent, C::AdultAlone],
        plant: Registers(married_elsewhere),
        ..KIND
    },
    Kind {
        flag: "FA05",
        what: "somebody deducts tax for supporting an old member; no obligor was named",
        shown_by: &["support_deduction"],
        fits: &[C::ElderlyAlone],
        wants: Wants { obligor: Some(false), ..ANY },
        plant: Registers(claimed),
        ..KIND
    },
    Kind {
        flag: "FA06",
        what: "the spouse serves a term that only the department of justice knows of",
        shown_by: &["custody"],
        fits: &[C::CoupleWithChildren, C::ThreeGenerations],
        plant: Registers(serves_a_term),
        ..KIND
    },
    Kind {
        flag: "DQ02",
        what: "married by the household register, divorced by the marriage register",
        shown_by: &["marriage", "hukou"],
        fits: &[C::CoupleWithChildren],
        plant: Registers(contradicted),
        ..KIND
    },
];

fn marriage(state: &'static str, on: Date, divorced: Option<Date>) -> Row {
    row! {
        "marriage_status": state, "marriage_date": on, "divorce_date": divorced, "spouse_name": "周文涛",
        "spouse_deceased": false, "same_address": false, "divorce_settlement": None::<String>,
    }
}

fn set_marital(person: &mut Person, state: &'static str) {
    if let Some(hukou) = &mut person.records.hukou {
        hukou.marital = state.into();
    }
}

/// The applicant divorced within the year and lives where the former spouse does.
fn divorced(household: &mut Household, desk: &mut Desk) -> usize {
    set_marital(&mut household.members[0], "divorced");
    let mut row = marriage("divorced", desk.days_ago(4000, 6000), Some(desk.days_ago(60, 250)));
    row.set("same_address", true);
    household.members[0].put("marriage", row);
    0
}

/// The applicant is married to somebody whom neither the household nor the police know of.
fn married_elsewhere(household: &mut Household, desk: &mut Desk) -> usize {
    let row = marriage("married", desk.days_ago(1000, 6000), None);
    household.members[0].put("marriage", row);
    0
}

/// The marriage register has a divorce that the police never heard of.
fn contradicted(household: &mut Household, desk: &mut Desk) -> usize {
    let row = marriage("divorced", desk.days_ago(4000, 5000), Some(desk.days_ago(1500, 2500)));
    household.members[0].put("marriage", row);
    0
}

/// The oldest who is not the applicant.
fn oldest(household: &Household, as_of: Date) -> usize {
    (1..household.members.len()).max_by_key(|i| household.members[*i].age(as_of)).unwrap_or(0)
}

/// Somebody of the same number died and was cremated; this one was at the doctor's last month.
fn dead_and_treated(household: &mut Household, desk: &mut Desk) -> usize {
    let who = oldest(household, desk.as_of);
    let on = desk.days_ago(100, 250);
    let certificate = certificate(on, desk);
    let member = &mut household.members[who];
    member.put("death_certificate", certificate);
    member.put("cremation", row! { "cremation_date": on.saturating_add(2.days()), "place": "镇江市殡仪馆" });
    let visit = row! {
        "severe_disease_flag": false, "disease_group": None::<String>, "self_pay_12m": Fen::from_yuan(120),
        "insured_kind": "resident", "premium_aid": false, "inpatient_days_12m": 3_i64, "medical_aid_12m": Fen::ZERO,
        "private_ward_flag": false, "ltc_benefit": Fen::ZERO, "last_visit_date": desk.days_ago(5, 60),
    };
    member.put("medical", visit);
    who
}

/// A hospital certified a death that the police have not booked yet.
fn certified_dead(household: &mut Household, desk: &mut Desk) -> usize {
    let who = oldest(household, desk.as_of);
    let row = certificate(desk.days_ago(70, 200), desk);
    household.members[who].put("death_certificate", row);
    household.members[who].take("medical");
    who
}

/// A mother, or whoever applies.
fn child_not_named(household: &mut Household, desk: &mut Desk) -> usize {
    let who = household.members.iter().position(|m| m.relation == "spouse").unwrap_or(0);
    let row = birth(desk.days_ago(20, 150), desk);
    household.members[who].add("birth_certificate", row);
    who
}

/// A grown child with a flat of its own left the booklet.
fn split_off(household: &mut Household, desk: &mut Desk) -> usize {
    let row = row! {
        "split_on": desk.days_ago(20, 150), "relation": "child", "has_home": true, "has_vehicle": desk.chance(500),
    };
    household.members[0].put("booklet_split", row);
    0
}

/// The grown child that is said to study left the college last year.
fn left_college(household: &mut Household, desk: &mut Desk) -> usize {
    let who = household.members.iter().rposition(|m| m.declared.student && m.age(desk.as_of) >= 18).unwrap_or(0);
    let (from, until) = (desk.days_ago(900, 1100), desk.days_ago(60, 400));
    let row = enrolment("college", "public", from, Some(until), desk);
    household.members[who].put("education", row);
    who
}

/// A child elsewhere claims the deduction for a parent who says there is no child.
fn claimed(household: &mut Household, desk: &mut Desk) -> usize {
    let row = claim("吴建国", desk.as_of, desk);
    household.members[0].put("support_deduction", row);
    0
}

/// A term that the police's register does not show.
fn serves_a_term(household: &mut Household, desk: &mut Desk) -> usize {
    let who = household.members.iter().position(|m| m.relation == "spouse").unwrap_or(0);
    let kind = *desk.dice.pick(&["prison", "rehab"]);
    let row = row! { "kind": kind, "term_start": desk.days_ago(100, 300), "term_end": desk.days_ahead(700, 1500) };
    household.members[who].put("custody", row);
    who
}
