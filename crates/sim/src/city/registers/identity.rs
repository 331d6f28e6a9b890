//! Police: identity numbers, residence permits, journeys; justice: custody.

use jiff::ToSpan;

use super::{Desk, people};
use crate::city::{Household, Person};
use crate::records::row;

const ABROAD: [&str; 6] = ["HKG", "MAC", "KOR", "JPN", "THA", "SGP"];

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    let area = household.area.clone();
    for person in people(household).filter(|p| p.records.hukou.is_some()) {
        numbers(person, desk);
        permit(person, &area, desk);
        journey(person, desk);
        terms(person, desk);
    }
}

/// The number in force, and for some an older one that nobody uses any more.
fn numbers(person: &mut Person, desk: &mut Desk) {
    let mut known = vec![("current", person.id.masked(), true)];
    let age = person.age(desk.as_of);
    if let Some(old) = person.id.old_form().filter(|_| age > 45 && desk.chance(250)) {
        known.push(("fifteen", format!("{}******{}", &old[..6], &old[12..]), false));
    }
    if desk.chance(8) {
        known.push(("former", format!("{}********{:03}X", &person.id.reveal()[..6], desk.dice.between(0, 999)), false));
    }
    for (kind, number, in_use) in known {
        person.add("identity", row! { "number": number, "kind": kind, "name_matches": true, "in_use": in_use });
    }
}

/// A permit of the same county, or one of another county that has run out.
fn permit(person: &mut Person, area: &str, desk: &mut Desk) {
    if person.age(desk.as_of) < 18 || !desk.chance(50) {
        return;
    }
    let here = desk.chance(600);
    let issued = if here { desk.days_ago(60, 300) } else { desk.days_ago(900, 2000) };
    let elsewhere = (*desk.dice.pick(&["320102", "320402", "320502", "310115"])).to_owned();
    let row = row! {
        "residence_permit_area": if here { area.to_owned() } else { elsewhere },
        "same_county": here, "issued_on": issued, "valid_to": issued.saturating_add(365.days()),
    };
    person.add("residence_permit", row);
}

/// A journey abroad some years ago, for any purpose.
fn journey(person: &mut Person, desk: &mut Desk) {
    if person.age(desk.as_of) < 16 || !desk.chance(30) {
        return;
    }
    let left = desk.days_ago(600, 2500);
    let purpose = *desk.dice.pick(&["leisure", "work", "work", "visit", "visit", "medical", "other"]);
    let row = row! {
        "exit_date": left, "entry_date": left.saturating_add(desk.dice.between(3, 200).days()),
        "region": *desk.dice.pick(&ABROAD), "purpose": purpose,
    };
    person.add("exit_entry", row);
}

/// The term that the household register shows, or one that is over.
fn terms(person: &mut Person, desk: &mut Desk) {
    let custody = person.records.hukou.as_ref().map_or("none", |h| &h.custody).to_owned();
    if custody != "none" {
        let until = desk.chance(800).then(|| desk.days_ahead(400, 1500));
        let row = row! { "kind": custody, "term_start": desk.days_ago(200, 900), "term_end": until };
        person.add("custody", row);
    } else if person.age(desk.as_of) >= 22 && desk.chance(12) {
        let from = desk.days_ago(1500, 3000);
        let kind = *desk.dice.pick(&["prison", "rehab", "community"]);
        let until = from.saturating_add(desk.dice.between(200, 900).days());
        person.add("custody", row! { "kind": kind, "term_start": from, "term_end": until });
    }
}
