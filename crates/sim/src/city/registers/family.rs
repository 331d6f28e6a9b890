//! Civil affairs and health: marriages, births, deaths, people who left the booklet, relatives of officials.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::{Desk, dead_since, marital, masked_name, people};
use crate::city::{Household, Person, names};
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    let pair: Vec<(String, bool)> =
        household.members.iter().map(|m| (m.name.clone(), dead_since(m).is_some())).collect();
    let spouse = household.members.iter().position(|m| m.relation == "spouse");
    for nth in 0..household.members.len() {
        let other = match spouse {
            Some(spouse) if nth == 0 => Some(pair[spouse].clone()),
            Some(spouse) if nth == spouse => Some(pair[0].clone()),
            _ => None,
        };
        married(&mut household.members[nth], other, desk);
    }
    for obligor in &mut household.obligors {
        married(obligor, None, desk);
    }
    for person in people(household) {
        if let Some(on) = dead_since(person) {
            died(person, on, desk);
        }
        splits(person, desk);
        related(person, desk);
    }
    births(household, desk);
}

/// The marriage that the household register knows of, or one that ended. Old marriages are often on no file.
fn married(person: &mut Person, other: Option<(String, bool)>, desk: &mut Desk) {
    let state = marital(person).to_owned();
    let age = person.age(desk.as_of);
    if state == "single" || age > 74 && desk.chance(300) {
        return;
    }
    let born = person.id.birth_date();
    let on = date(born.year() + 20 + desk.dice.between(2, 6) as i16, desk.dice.between(1, 12) as i8, 8).min(desk.as_of);
    let invented = || {
        let surname = names::surname(&mut desk.dice);
        (names::full_name(surname, !person.id.is_male(), &mut desk.dice), false)
    };
    let (name, dead) = other.unwrap_or_else(invented);
    let mut row = row! {
        "marriage_status": state.clone(), "marriage_date": on, "divorce_date": None::<Date>, "spouse_name": name,
        "spouse_deceased": state == "widowed" || dead, "same_address": false, "divorce_settlement": None::<String>,
    };
    if state == "divorced" {
        row.set("divorce_date", desk.days_ago(1200, 4000).max(on.saturating_add(30.days())));
        if desk.chance(600) {
            row.set("divorce_settlement", *desk.dice.pick(&["子女由女方抚养,无共同财产", "住房归男方,各自债务自理"]));
        }
    }
    person.add("marriage", row);
}

/// A certificate of death and a cremation, some days before the registration was cancelled; no doctor sees the dead.
pub(crate) fn died(person: &mut Person, cancelled_on: Date, desk: &mut Desk) {
    let on = cancelled_on.saturating_sub(desk.dice.between(3, 9).days());
    person.put("death_certificate", certificate(on, desk));
    let place = *desk.dice.pick(&["镇江市殡仪馆", "丹阳市殡仪馆"]);
    person.put("cremation", row! { "cremation_date": on.saturating_add(2.days()), "place": place });
    for visit in person.rows_mut("medical") {
        if visit.date("last_visit_date").is_some_and(|last| last > on) {
            visit.set("last_visit_date", on.saturating_sub(1.days()));
        }
    }
}

/// A medical certificate of death.
pub(crate) fn certificate(on: Date, desk: &mut Desk) -> Row {
    row! { "certificate_no": format!("SW3211{:09}", desk.serial()), "death_cert_date": on }
}

/// Somebody left the booklet: long ago, or without anything of their own.
fn splits(person: &mut Person, desk: &mut Desk) {
    if person.age(desk.as_of) < 45 || !desk.chance(25) {
        return;
    }
    let recent = desk.chance(300);
    let on = if recent { desk.days_ago(30, 300) } else { desk.days_ago(500, 3000) };
    let owns = |desk: &mut Desk| !recent && desk.chance(500);
    let (has_home, has_vehicle) = (owns(desk), owns(desk));
    let row = row! { "split_on": on, "relation": "child", "has_home": has_home, "has_vehicle": has_vehicle };
    person.add("booklet_split", row);
}

/// A near relative in an office that deals with aid, on the register as it should be.
fn related(person: &mut Person, desk: &mut Desk) {
    if person.age(desk.as_of) >= 18 && desk.chance(8) {
        person.add("relative_register", relative(true, desk));
    }
}

/// An official who is a near relative.
pub(crate) fn relative(registered: bool, desk: &mut Desk) -> Row {
    let surname = names::surname(&mut desk.dice);
    row! {
        "official": format!("{}({})", masked_name(surname), desk.serial()),
        "post": *desk.dice.pick(&["dibao_staff", "village_cadre", "village_cadre"]),
        "relation": *desk.dice.pick(&["sibling", "in_law", "child", "other"]), "registered": registered,
    }
}

/// Certificates of the young children, in their mother's name.
fn births(household: &mut Household, desk: &mut Desk) {
    let as_of = desk.as_of;
    let born: Vec<Date> = household
        .members
        .iter()
        .filter(|m| m.relation == "child" && m.age(as_of) < 8)
        .map(|m| m.id.birth_date())
        .collect();
    let mother =
        |m: &&mut Person| !m.id.is_male() && (m.relation == "self" || m.relation == "spouse") && m.age(as_of) < 50;
    if let Some(mother) = household.members.iter_mut().find(mother) {
        for on in born {
            mother.add("birth_certificate", birth(on, desk));
        }
    }
}

/// A certificate of birth.
pub(crate) fn birth(on: Date, desk: &mut Desk) -> Row {
    row! { "certificate_no": format!("CS3211{:09}", desk.serial()), "child_birth_date": on }
}
