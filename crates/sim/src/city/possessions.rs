//! What people own and use: deposits at banks, a home, a motorcycle.

use hedui_base::Fen;
use jiff::ToSpan;
use jiff::civil::Date;

use super::Household;
use crate::dice::Dice;
use crate::holders::banks;
use crate::records::{Business, Deposit, Property, Vehicle};
use crate::shape::CityShape;

/// A number unique in the city for the `nth` thing of a household.
fn serial(index: u32, nth: u64) -> u64 {
    u64::from(index) * 64 + nth
}

/// Gives a household what honest households have, and declares it.
pub(super) fn give(household: &mut Household, shape: &CityShape, index: u32, as_of: Date, dice: &mut Dice) {
    let mut nth = 0;
    let mut assets = Fen::ZERO;
    let adults: Vec<usize> = (0..household.members.len()).filter(|i| household.members[*i].age(as_of) >= 18).collect();
    for i in &adults {
        let count = dice.between(0, 2) + i64::from(*i == 0);
        for _ in 0..count {
            nth += 1;
            let deposit = small_deposit(shape, serial(index, nth), as_of, dice);
            assets = Fen::new(assets.fen() + deposit.balance.fen());
            household.members[*i].records.deposits.push(deposit);
        }
    }
    household.declared.declared_financial_assets = assets;
    if dice.chance(620) {
        let rural = household.residence == "rural";
        let mut home = home(serial(index, 1), &household.address, rural, as_of, dice);
        let spouse = household.members.iter().position(|m| m.relation == "spouse");
        if let Some(spouse) = spouse.filter(|_| dice.chance(300)) {
            home.share = "0.5".to_owned();
            household.members[spouse].records.homes.push(home.clone());
        }
        household.members[0].records.homes.push(home);
        household.declared.declared_home_count = 1;
    }
    let driver = &mut household.members[adults[0]];
    if dice.chance(120) {
        driver.records.vehicles.push(vehicle(serial(index, 1), "motorcycle", as_of, dice));
        household.declared.declared_vehicle_count = 1;
    } else if dice.chance(40) {
        // A car that is long gone stays in the register.
        let mut car = vehicle(serial(index, 2), "car", as_of, dice);
        car.status = "scrapped".into();
        car.first_registered = as_of.saturating_sub(6000.days());
        car.owned_since = as_of.saturating_sub(4800.days());
        car.inspect_valid_to = None;
        driver.records.vehicles.push(car);
    }
    if dice.chance(30) {
        // A stall that closed years ago stays in the register.
        let mut stall = business(serial(index, 1), "sole", "operator", as_of, dice);
        stall.status = "cancelled".into();
        stall.cancel_date = Some(as_of.saturating_sub(dice.between(300, 800).days()));
        driver.records.businesses.push(stall);
    }
}

/// An account with a little money.
pub(crate) fn small_deposit(shape: &CityShape, serial: u64, as_of: Date, dice: &mut Dice) -> Deposit {
    let balance = Fen::new(dice.between(shape.small_deposit.0, shape.small_deposit.1) * 100 + dice.between(0, 99));
    let mut deposit = account(dice.pick::<&str>(banks()), serial, balance, as_of, dice);
    if dice.chance(60) {
        deposit.status = "closed".into();
        deposit.closed = Some(as_of.saturating_sub(dice.between(400, 900).days()));
        deposit.balance = Fen::ZERO;
        deposit.average_6m = Fen::ZERO;
        deposit.inflow_12m = Fen::ZERO;
    }
    deposit
}

/// An account with a balance, steady over the last half year.
pub(crate) fn account(bank: &'static str, serial: u64, balance: Fen, as_of: Date, dice: &mut Dice) -> Deposit {
    let kind = if balance > Fen::from_yuan(4000) { *dice.pick(&["current", "term"]) } else { "current" };
    Deposit {
        bank: bank.into(),
        account: format!("6228****{:04}{:08}", dice.between(0, 9999), serial % 100_000_000),
        kind: kind.into(),
        currency: "CNY".into(),
        balance,
        average_6m: Fen::new(balance.fen() * dice.between(85, 105) / 100),
        inflow_12m: Fen::from_yuan(dice.between(100, 3000)),
        outflow_large_6m: Fen::ZERO,
        opened: as_of.saturating_sub(dice.between(1000, 5000).days()),
        closed: None,
        guarded: false,
        bank_code: format!("9{:011}", banks().iter().position(|b| *b == bank).unwrap_or(0) + 1),
        branch: (*dice.pick(&["京口支行", "润州支行", "丹徒支行", "丹阳支行", "句容支行", "扬中支行"])).into(),
        total_in_bank: balance,
        term_maturity: (kind == "term").then(|| as_of.saturating_add(dice.between(30, 1000).days())),
        status: "open".into(),
    }
}

/// A flat or farmhouse, owned for years.
pub(crate) fn home(serial: u64, address: &str, rural: bool, as_of: Date, dice: &mut Dice) -> Property {
    let (nature, way) = if rural {
        ("homestead", "other")
    } else {
        *dice.pick(&[("market", "purchase"), ("relocation", "relocation"), ("public", "other"), ("market", "inherit")])
    };
    Property {
        unit_no: format!("3211{serial:08}GB00001F{:08}", serial % 100_000_000),
        cert_no: format!("苏(2015)镇江市不动产权第{serial:09}号"),
        share: "1".to_owned(),
        location: address.to_owned(),
        usage: "residential".into(),
        nature: nature.into(),
        area: format!("{}.{:02}", dice.between(35, 85), dice.between(0, 99)),
        registered: as_of.saturating_sub(dice.between(2000, 7000).days()),
        way: way.into(),
        price: if way == "purchase" { Fen::from_yuan(dice.between(60, 200) * 1000) } else { Fen::ZERO },
        status: "current".into(),
        cancelled_on: None,
        mortgage_flag: way == "purchase" && dice.chance(250),
        seal_flag: dice.chance(10),
        old_number: dice.chance(150),
    }
}

/// A vehicle in private use, owned for some years.
pub(crate) fn vehicle(serial: u64, vehicle_type: &'static str, as_of: Date, dice: &mut Dice) -> Vehicle {
    let (plate_type, displacement, price, model) = match vehicle_type {
        "motorcycle" => ("07", 125, dice.between(3000, 6000), "江畔JP125"),
        "truck" => ("01", 3800, dice.between(80_000, 150_000), "远帆YF1040"),
        _ => ("02", 1500, dice.between(60_000, 140_000), "青松QS7150"),
    };
    let since = as_of.saturating_sub(dice.between(800, 2000).days());
    Vehicle {
        plate_no: plate(serial),
        plate_type: plate_type.into(),
        vehicle_type: vehicle_type.into(),
        use_nature: "private".into(),
        first_registered: since,
        owned_since: since,
        transferred_on: None,
        displacement_ml: displacement,
        invoice_price: Fen::from_yuan(price),
        status: "normal".into(),
        disability_adapted: false,
        brand_model: model.into(),
        vin: format!("LIO****{:010}", serial % 10_000_000_000),
        inspect_valid_to: Some(as_of.saturating_add(dice.between(20, 700).days())),
    }
}

/// A plate of Zhenjiang with letters that real plates do not use (I and O), so that no real vehicle is ever hit.
fn plate(serial: u64) -> String {
    const LETTERS: &[u8; 34] = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
    let mut rest = serial;
    let mut text = String::from("苏LI");
    for _ in 0..5 {
        text.push(char::from(LETTERS[(rest % 34) as usize]));
        rest /= 34;
    }
    text
}

/// A role in an operating entity.
pub(crate) fn business(
    serial: u64,
    entity_type: &'static str,
    role: &'static str,
    as_of: Date,
    dice: &mut Dice,
) -> Business {
    let name = *dice.pick(&["江畔", "青松", "晨光", "和顺", "新桥", "锦绣"]);
    let trade = *dice.pick(&["建材", "服饰", "餐饮", "五金", "农资", "装饰"]);
    let form = if entity_type == "company" { "有限公司" } else { "经营部" };
    Business {
        uscc: format!("92321100MI{serial:07}X"),
        entity_name: format!("镇江{name}{trade}{form}"),
        entity_type: entity_type.into(),
        role: role.into(),
        status: "operating".into(),
        subscribed: Fen::from_yuan(if entity_type == "company" { dice.between(5, 50) * 10_000 } else { 10_000 }),
        staff: if entity_type == "company" { dice.between(2, 9) } else { 0 },
        founded: as_of.saturating_sub(dice.between(900, 4000).days()),
        paid_capital: Fen::from_yuan(if entity_type == "company" { dice.between(1, 5) * 10_000 } else { 10_000 }),
        share_ratio: (if entity_type == "company" { *dice.pick(&["100", "60", "51.5"]) } else { "100" }).into(),
        business_scope: (*dice.pick(&["建筑材料零售", "服装零售", "餐饮服务", "五金产品批发", "农资销售"])).into(),
        annual_report_revenue: Fen::from_yuan(dice.between(2, 60) * 10_000),
        abnormal_flag: dice.chance(80),
        cancel_date: None,
    }
}
