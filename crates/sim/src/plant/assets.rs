//! What people own, owned or gave away.

use hedui_base::Fen;
use jiff::ToSpan;

use super::{Done, Ground};
use crate::city::{Household, account, business, home, vehicle};

fn bank_source(bank: &str) -> &'static str {
    match bank {
        "bank_jinshan" => "bank.jinshan",
        "bank_beigu" => "bank.beigu",
        _ => "bank.jiaoshan",
    }
}

fn much(household: &Household, ground: &mut Ground<'_>) -> Fen {
    let (low, high) = ground.shape.hidden_deposit_a_head;
    Fen::from_yuan(ground.dice.between(low, high) * household.members.len() as i64)
}

/// Savings many times beyond what a household may keep.
pub(super) fn savings(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let balance = much(household, ground);
    let mut deposit = account(ground.bank, ground.serial, balance, ground.as_of, ground.dice);
    deposit.kind = "term".into();
    deposit.average_6m = balance;
    household.members[0].records.deposits.push(deposit);
    Done::by(0, bank_source(ground.bank))
}

/// Savings that were there for half a year and are gone on the day of the check.
pub(super) fn savings_withdrawn(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let average = much(household, ground);
    let mut deposit = account(ground.bank, ground.serial, Fen::from_yuan(300), ground.as_of, ground.dice);
    deposit.average_6m = average;
    deposit.outflow_large_6m = Fen::new(average.fen() / 10 * 15);
    household.members[0].records.deposits.push(deposit);
    Done::by(0, bank_source(ground.bank))
}

/// Much money came in over the year and went out again.
pub(super) fn money_passing_through(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let inflow = much(household, ground);
    let mut deposit = account(ground.bank, ground.serial, Fen::from_yuan(800), ground.as_of, ground.dice);
    deposit.inflow_12m = inflow;
    household.members[0].records.deposits.push(deposit);
    Done::by(0, bank_source(ground.bank))
}

/// The applicant or another grown-up: whoever a planted thing belongs to.
fn owner(household: &Household, ground: &mut Ground<'_>) -> usize {
    let spouse = household.members.iter().position(|m| m.relation == "spouse");
    spouse.filter(|_| ground.dice.chance(400)).unwrap_or(0)
}

/// A car nobody mentioned.
pub(super) fn undeclared_car(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    let car = vehicle(ground.serial, "car", ground.as_of, ground.dice);
    household.members[who].records.vehicles.push(car);
    household.declared.declared_vehicle_count = 0;
    forget_motorcycles(household);
    Done::by(who, "vehicle.registry")
}

/// So that the number of vehicles declared speaks about cars alone.
fn forget_motorcycles(household: &mut Household) {
    for member in &mut household.members {
        member.records.vehicles.retain(|v| v.vehicle_type != "motorcycle");
    }
}

/// A car transferred to somebody else some months before the check.
pub(super) fn car_given_away(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    let mut car = vehicle(ground.serial, "car", ground.as_of, ground.dice);
    car.status = "transferred".into();
    car.transferred_on = Some(ground.as_of.saturating_sub(ground.dice.between(40, 220).days()));
    household.members[who].records.vehicles.push(car);
    Done::by(who, "vehicle.registry")
}

/// A lorry or taxi at work, declared as a vehicle but not as a business.
pub(super) fn lorry(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    forget_motorcycles(household);
    let (kind, nature) = *ground.dice.pick(&[("truck", "freight"), ("car", "taxi")]);
    let mut lorry = vehicle(ground.serial, kind, ground.as_of, ground.dice);
    lorry.use_nature = nature.into();
    household.members[who].records.vehicles.push(lorry);
    household.declared.declared_vehicle_count = 1;
    Done::by(who, "vehicle.registry")
}

/// Two more flats than anybody mentioned.
pub(super) fn more_homes(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    for nth in 0..2 {
        let mut flat = home(ground.serial + nth, "镇江市润州区云台山路9号", false, ground.as_of, ground.dice);
        flat.nature = "market".into();
        flat.way = "purchase".into();
        flat.area = format!("{}.50", 140 + 60 * household.members.len());
        household.members[who].records.homes.push(flat);
    }
    Done::by(who, "housing.registry")
}

/// A shop or a parking bay.
pub(super) fn shop(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    let mut shop = home(ground.serial, "镇江市京口区青石路1号商铺", false, ground.as_of, ground.dice);
    shop.usage = (*ground.dice.pick(&["commercial", "parking"])).into();
    shop.nature = "market".into();
    shop.way = "purchase".into();
    household.members[who].records.homes.push(shop);
    Done::by(who, "housing.registry")
}

/// The only home was bought some months ago.
pub(super) fn home_just_bought(household: &mut Household, ground: &mut Ground<'_>) -> Done {
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
    Done::by(0, "housing.registry")
}

/// A flat was transferred to somebody else some months ago.
pub(super) fn home_given_away(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    let mut flat = home(ground.serial, "镇江市丹徒区长堤路18号", false, ground.as_of, ground.dice);
    flat.status = "cancelled".into();
    flat.cancelled_on = Some(ground.as_of.saturating_sub(ground.dice.between(40, 220).days()));
    household.members[who].records.homes.push(flat);
    Done::by(who, "housing.registry")
}

/// Runs a company or a shop that operates.
pub(super) fn company(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = owner(household, ground);
    let (entity, role) = *ground.dice.pick(&[("company", "legal_rep"), ("company", "executive"), ("sole", "operator")]);
    let entry = business(ground.serial, entity, role, ground.as_of, ground.dice);
    household.members[who].records.businesses.push(entry);
    Done::by(who, "market.business")
}
