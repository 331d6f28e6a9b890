//! Ships, permits, contracts, compensation, machines and shops that registers beside those of owners show.

use hedui_base::Fen;

use super::kind::Planting::Registers;
use super::kind::{KIND, Kind};
use crate::city::registers::{Desk, agreement, contract, invoices, machine, permit, ship};
use crate::city::{Household, business};
use crate::records::row;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "AS14",
        what: "compensation for a demolished home, paid within three years",
        shown_by: &["demolition"],
        plant: Registers(compensated),
        ..KIND
    },
    Kind {
        flag: "AS10",
        what: "a ship in commercial use",
        shown_by: &["ship"],
        plant: Registers(ship_at_work),
        ..KIND
    },
    Kind {
        flag: "AS13",
        what: "a home contracted for some months ago, not yet registered",
        shown_by: &["housing_contract"],
        plant: Registers(home_contracted),
        ..KIND
    },
    Kind {
        flag: "AS18",
        what: "a big farm machine bought with a subsidy",
        shown_by: &["farm_machine"],
        plant: Registers(big_machine),
        ..KIND
    },
    Kind {
        flag: "AS17",
        what: "a sole trader that invoices far more than it says",
        shown_by: &["business", "business_tax"],
        also: &["AS16"],
        plant: Registers(busy_trader),
        ..KIND
    },
    Kind {
        flag: "AS13",
        what: "deed tax paid some months ago, for a home that is on no register yet",
        shown_by: &["purchase_tax"],
        plant: Registers(deed_taxed),
        ..KIND
    },
    Kind {
        flag: "AS10",
        what: "a valid road transport permit, and no vehicle",
        shown_by: &["transport_permit"],
        plant: Registers(permitted_to_carry),
        ..KIND
    },
];

fn compensated(household: &mut Household, desk: &mut Desk) -> usize {
    let (on, amount) = (desk.days_ago(100, 500), desk.yuan(80_000, 400_000));
    let row = agreement(on, amount, desk);
    household.members[0].add("demolition", row);
    0
}

fn ship_at_work(household: &mut Household, desk: &mut Desk) -> usize {
    let kind = *desk.dice.pick(&["freight", "fishing"]);
    let row = ship(kind, "registered", desk);
    household.members[0].put("ship", row);
    0
}

fn home_contracted(household: &mut Household, desk: &mut Desk) -> usize {
    let (signed, price) = (desk.days_ago(20, 150), desk.yuan(400_000, 900_000));
    let row = contract("signed", signed, price, desk);
    household.members[0].add("housing_contract", row);
    0
}

fn deed_taxed(household: &mut Household, desk: &mut Desk) -> usize {
    let (paid_on, price) = (desk.days_ago(20, 150), desk.yuan(300_000, 700_000));
    household.members[0].add("purchase_tax", row! { "kind": "deed", "paid_on": paid_on, "price": price });
    0
}

fn big_machine(household: &mut Household, desk: &mut Desk) -> usize {
    let price = desk.yuan(60_000, 150_000);
    let row = machine(price, None, desk);
    household.members[0].put("farm_machine", row);
    0
}

fn permitted_to_carry(household: &mut Household, desk: &mut Desk) -> usize {
    let row = permit("freight", "valid", desk);
    household.members[0].put("transport_permit", row);
    0
}

/// Employs nobody, so that its assets test is met, and invoices like a shop that runs well.
fn busy_trader(household: &mut Household, desk: &mut Desk) -> usize {
    let serial = desk.serial();
    let shop = business(serial, "sole", "operator", desk.as_of, &mut desk.dice);
    let row = invoices(shop.uscc.clone(), Fen::from_yuan(desk.dice.between(150, 500) * 1000));
    household.members[0].records.businesses.push(shop);
    household.members[0].add("business_tax", row);
    0
}
