//! What people own, owned or gave away.

use hedui_base::Fen;
use jiff::ToSpan;

use super::kind::Planting::Life;
use super::kind::{Ground, KIND, Kind, NO_RECEIPT};
use crate::city::{Household, account, business, home, vehicle};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "AS01",
        what: "savings many times beyond what a household may keep, at one of the banks",
        shown_by: &["deposit"],
        assets: true,
        plant: Life(savings),
        ..KIND
    },
    Kind {
        flag: "AS16",
        what: "runs a company or a shop that operates",
        shown_by: &["business"],
        assets: true,
        plant: Life(company),
        ..KIND
    },
    Kind {
        flag: "AS07",
        what: "a car nobody mentioned",
        shown_by: &["vehicle"],
        assets: true,
        plant: Life(undeclared_car),
        ..KIND
    },
    Kind {
        flag: "AS11",
        what: "two more flats than anybody mentioned",
        shown_by: &["housing"],
        assets: true,
        plant: Life(more_homes),
        ..KIND
    },
    Kind {
        flag: "AS02",
        what: "savings that were there for half a year and are gone on the day of the check",
        shown_by: &["deposit"],
        second: true,
        plant: Life(savings_withdrawn),
        ..KIND
    },
    Kind {
        flag: "AS12",
        what: "a shop or a parking bay",
        shown_by: &["housing"],
        assets: true,
        plant: Life(shop),
        ..KIND
    },
    Kind {
        flag: "AS09",
        what: "a car transferred to somebody else some months before the check",
        shown_by: &["vehicle"],
        second: true,
        plant: Life(car_given_away),
        ..KIND
    },
    Kind {
        flag: "AS03",
        what: "much money came in over the year and went out again",
        shown_by: &["deposit"],
        plant: Life(money_passing_through),
        ..KIND
    },
    Kind {
        flag: "AS13",
        what: "the only home was bought some months ago",
        shown_by: &["housing"],
        assets: true,
        plant: Life(home_just_bought),
        ..KIND
    },
    Kind {
        flag: "AS10",
        what: "a lorry or taxi at work, declared as a vehicle but not as a business",
        shown_by: &["vehicle"],
        assets: true,
        second: true,
        plant: Life(lorry),
        ..KIND
    },
    Kind {
        flag: "AS15",
        what: "a flat transferred to somebody else some months ago",
        shown_by: &["housing"],
        second: true,
        plant: Life(home_given_away),
        ..KIND
    },
    Kind {
        flag: "AS04",
        what: "an account opened days before the application",
        shown_by: &["deposit"],
        wants: NO_RECEIPT,
        plant: Life(account_just_opened),
        ..KIND
    },
];

fn much(household: &Household, ground: &mut Ground<'_>) -> Fen {
    let (low, high) = ground.shape.hidden_deposit_a_head;
    Fen::from_yuan(ground.dice.between(low, high) * household.members.len() as i64)
}

/// Savings many times beyond what a household may keep.
fn savings(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let balance = much(household, ground);
    let mut deposit = account(ground.bank, ground.serial, balance, ground.as_of, ground.dice);
    deposit.kind = "term".into();
    deposit.term_maturity = Some(ground.as_of.saturating_add(ground.dice.between(100, 800).days()));
    deposit.average_6m = balance;
    household.members[0].records.deposits.push(deposit);
    0
}

/// Savings that were there for half a year and are gone on the day of the check.
fn savings_withdrawn(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let average = much(household, ground);
    let mut deposit = account(ground.bank, ground.serial, Fen::from_yuan(300), ground.as_of, ground.dice);
    deposit.average_6m = average;
    deposit.outflow_large_6m = Fen::new(average.fen() / 10 * 15);
    household.members[0].records.deposits.push(deposit);
    0
}

/// Much money came in over the year and went out again.
fn money_passing_through(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let inflow = much(household, ground);
    let mut deposit = account(ground.bank, ground.serial, Fen::from_yuan(800), ground.as_of, ground.dice);
    deposit.inflow_12m = inflow;
    household.members[0].records.deposits.push(deposit);
    0
}

/// The applicant or another grown-up: whoever a planted thing belongs to.
fn owner(household: &Household, ground: &mut Ground<'_>) -> usize {
    let spouse = household.members.iter().position(|m| m.relation == "spouse");
    spouse.filter(|_| ground.dice.chance(400)).unwrap_or(0)
}

/// A car nobody mentioned.
fn undeclared_car(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    let car = vehicle(ground.serial, "car", ground.as_of, ground.dice);
    household.members[who].records.vehicles.push(car);
    household.declared.declared_vehicle_count = 0;
    forget_motorcycles(household);
    who
}

/// So that the number of vehicles declared speaks about cars alone.
fn forget_motorcycles(household: &mut Household) {
    for member in &mut household.members {
        member.records.vehicles.retain(|v| v.vehicle_type != "motorcycle");
    }
}

/// A car transferred to somebody else some months before the check.
fn car_given_away(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    let mut car = vehicle(ground.serial, "car", ground.as_of, ground.dice);
    car.status = "transferred".into();
    car.transferred_on = Some(ground.as_of.saturating_sub(ground.dice.between(40, 220).days()));
    household.members[who].records.vehicles.push(car);
    who
}

/// A lorry or taxi at work, declared as a vehicle but not as a business.
fn lorry(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    forget_motorcycles(household);
    let (kind, nature) = *ground.dice.pick(&[("truck", "freight"), ("car", "taxi")]);
    let mut lorry = vehicle(ground.serial, kind, ground.as_of, ground.dice);
    lorry.use_nature = nature.into();
    household.members[who].records.vehicles.push(lorry);
    household.declared.declared_vehicle_count = 1;
    who
}

/// Two more flats than anybody mentioned.
fn more_homes(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    for nth in 0..2 {
        let mut flat = home(ground.serial + nth, "镇江市润州区云台山路9号", false, ground.as_of, ground.dice);
        flat.nature = "market".into();
        flat.way = "purchase".into();
        flat.area = format!("{}.50", 140 + 60 * household.members.len());
        household.members[who].records.homes.push(flat);
    }
    who
}

/// A shop or a parking bay.
fn shop(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    let mut shop = home(ground.serial, "镇江市京口区青石路1号商铺", false, ground.as_of, ground.dice);
    shop.usage = (*ground.dice.pick(&["commercial", "parking"])).into();
    shop.nature = "market".into();
    shop.way = "purchase".into();
    household.members[who].records.homes.push(shop);
    who
}

/// The only home was bought some months ago.
fn home_just_bought(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    for member in &mut household.members {
        member.records.homes.clear();
    }
    let mut flat = home(ground.serial, "镇江市京口区望湖路66号", false, ground.as_of, ground.dice);
    flat.nature = "market".into();
    flat.way = "purchase".into();
    flat.registered = ground.as_of.saturating_sub(ground.dice.between(40, 220).days());
    flat.old_number = false;
    household.members[0].records.homes.push(flat);
    household.declared.declared_home_count = 1;
    0
}

/// A flat was transferred to somebody else some months ago.
fn home_given_away(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    let mut flat = home(ground.serial, "镇江市丹徒区长堤路18号", false, ground.as_of, ground.dice);
    flat.status = "cancelled".into();
    flat.cancelled_on = Some(ground.as_of.saturating_sub(ground.dice.between(40, 220).days()));
    household.members[who].records.homes.push(flat);
    who
}

/// Runs a company or a shop that operates.
fn company(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = owner(household, ground);
    let (entity, role) = *ground.dice.pick(&[("company", "legal_rep"), ("company", "executive"), ("sole", "operator")]);
    let entry = business(ground.serial, entity, role, ground.as_of, ground.dice);
    household.members[who].records.businesses.push(entry);
    who
}

/// An account opened days before the application, with little on it.
fn account_just_opened(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let mut deposit = account(ground.bank, ground.serial, Fen::from_yuan(90), ground.as_of, ground.dice);
    let applied = household.declared.applied_on.unwrap_or(ground.as_of);
    deposit.opened = applied.saturating_sub(ground.dice.between(2, 20).days());
    household.members[0].records.deposits.push(deposit);
    0
}
