//! Homes beyond the register of owners: contracts, leases, public homes, demolition, taxes on purchases; ships.

use hedui_base::Fen;
use jiff::ToSpan;
use jiff::civil::Date;

use super::{Desk, people};
use crate::city::{Household, Person};
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    let (address, rural) = (household.address.clone(), household.residence == "rural");
    public(household, &address, rural, desk);
    for person in people(household) {
        bought(person, desk);
        compensated(person, desk);
        lets(person, desk);
        boats(person, desk);
    }
}

/// Townspeople without a home rent from the city or are helped with the rent; some village homes are dilapidated.
fn public(household: &mut Household, address: &str, rural: bool, desk: &mut Desk) {
    let owns = household.members.iter().any(|m| m.records.homes.iter().any(|h| h.status == "current"));
    let row = match (rural, owns) {
        (false, false) if desk.chance(400) => {
            let unit = desk.chance(600);
            row! {
                "rent_public_unit": unit.then(|| address.to_owned()),
                "rent_subsidy": if unit { Fen::ZERO } else { desk.yuan(100, 300) }, "dilapidated_grade": None::<String>,
            }
        }
        (true, true) if desk.chance(80) => {
            let grade = *desk.dice.pick(&["c", "c", "d"]);
            row! { "rent_public_unit": None::<String>, "rent_subsidy": Fen::ZERO, "dilapidated_grade": grade }
        }
        _ => return,
    };
    household.members[0].add("public_housing", row);
}

/// What was bought was taxed, and contracted before; some contracts came to nothing.
fn bought(person: &mut Person, desk: &mut Desk) {
    let homes: Vec<(Date, Fen)> = person
        .records
        .homes
        .iter()
        .filter(|h| h.way == "purchase" && h.usage == "residential")
        .map(|h| (h.registered, h.price))
        .collect();
    for (registered, price) in homes {
        if person.rows("purchase_tax").iter().all(|r| r.date("paid_on") != Some(registered)) {
            person.add("purchase_tax", row! { "kind": "deed", "paid_on": registered, "price": price });
        }
        if desk.chance(400) {
            let signed = registered.saturating_sub(desk.dice.between(30, 200).days());
            person.add("housing_contract", contract("registered", signed, price, desk));
        }
    }
    let vehicles: Vec<(Date, Fen)> = person
        .records
        .vehicles
        .iter()
        .filter(|v| v.first_registered == v.owned_since && v.vehicle_type != "motorcycle")
        .map(|v| (v.first_registered, v.invoice_price))
        .collect();
    for (paid_on, price) in vehicles {
        person.add("purchase_tax", row! { "kind": "vehicle", "paid_on": paid_on, "price": price });
    }
    if person.age(desk.as_of) >= 25 && desk.chance(10) {
        let (signed, price) = (desk.days_ago(60, 1500), desk.yuan(300_000, 900_000));
        person.add("housing_contract", contract("withdrawn", signed, price, desk));
    }
}

/// A contract for a home.
pub(crate) fn contract(status: &'static str, signed: Date, price: Fen, desk: &mut Desk) -> Row {
    row! {
        "contract_no": format!("ZJWQ{:010}", desk.serial()), "sign_date": signed, "deal_price": price,
        "area": format!("{}.{:02}", desk.dice.between(45, 120), desk.dice.between(0, 99)), "usage": "residential",
        "contract_status": status,
    }
}

/// Homes from relocation came with an agreement, years ago.
fn compensated(person: &mut Person, desk: &mut Desk) {
    let homes: Vec<Date> =
        person.records.homes.iter().filter(|h| h.way == "relocation").map(|h| h.registered).collect();
    for registered in homes {
        if desk.chance(700) {
            let on = registered.saturating_sub(desk.dice.between(100, 500).days());
            let amount = desk.yuan(5_000, 60_000);
            person.add("demolition", agreement(on, amount, desk));
        }
    }
}

/// An agreement on compensation.
pub(crate) fn agreement(on: Date, amount: Fen, desk: &mut Desk) -> Row {
    row! { "agreement_no": format!("CQ{:09}", desk.serial()), "demolition_date": on, "demolition_comp": amount }
}

/// Who declares a rent has registered the lease; a few leases have ended.
fn lets(person: &mut Person, desk: &mut Desk) {
    let rent = person.declared.declared_property_income;
    if rent > Fen::ZERO {
        let until = desk.chance(700).then(|| desk.days_ahead(1000, 2000));
        let row = lease(rent, desk.days_ago(400, 900), until, desk);
        person.add("housing_lease", row);
    } else if person.age(desk.as_of) >= 30 && desk.chance(8) {
        let from = desk.days_ago(900, 2500);
        let row = lease(desk.yuan(300, 900), from, Some(from.saturating_add(700.days())), desk);
        person.add("housing_lease", row);
    }
}

/// A registered lease.
pub(crate) fn lease(rent: Fen, from: Date, until: Option<Date>, desk: &mut Desk) -> Row {
    let number = desk.serial();
    row! {
        "lease_no": format!("ZL{number:09}"), "location": format!("镇江市京口区金桂路{}号", number % 300 + 1),
        "lease_rent": rent, "lease_start": from, "lease_end": until,
    }
}

/// A boat that is no longer registered, or one for nobody but the owner.
fn boats(person: &mut Person, desk: &mut Desk) {
    if person.age(desk.as_of) >= 35 && desk.chance(6) {
        let (state, kind) =
            *desk.dice.pick(&[("cancelled", "freight"), ("cancelled", "fishing"), ("registered", "private")]);
        person.add("ship", ship(kind, state, desk));
    }
}

/// A ship.
pub(crate) fn ship(kind: &'static str, state: &'static str, desk: &mut Desk) -> Row {
    row! {
        "ship_no": format!("2012{:08}", desk.serial()),
        "ship_tonnage": format!("{}.50", if kind == "freight" { desk.dice.between(200, 900) } else { desk.dice.between(3, 20) }),
        "ship_share": *desk.dice.pick(&["1", "1", "0.5"]), "ship_use": kind, "ship_status": state,
    }
}
