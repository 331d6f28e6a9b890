//! Wealth that no bank knows of.

use hedui_base::Fen;

use super::kind::Planting::{Life, Registers};
use super::kind::{Ground, KIND, Kind};
use crate::city::registers::{Desk, fund, loan, motor};
use crate::city::{Household, policy, security};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "AS05",
        what: "shares and funds many times beyond what a household may keep",
        shown_by: &["security"],
        assets: true,
        plant: Life(securities),
        ..KIND
    },
    Kind {
        flag: "AS06",
        what: "premiums that somebody without means could not pay",
        shown_by: &["insurance"],
        plant: Life(premiums),
        ..KIND
    },
    Kind {
        flag: "AS08",
        what: "insures a vehicle that is on no register in the household",
        shown_by: &["insurance", "vehicle"],
        plant: Registers(insured_without_a_vehicle),
        ..KIND
    },
    Kind {
        flag: "AS19",
        what: "repays more a month than the household says it has",
        shown_by: &["loan"],
        plant: Registers(large_loan),
        ..KIND
    },
    Kind {
        flag: "AS19",
        what: "a loan of the housing fund",
        shown_by: &["provident_fund"],
        plant: Registers(fund_loan),
        ..KIND
    },
];

/// Shares and funds many times beyond what a household may keep.
fn securities(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let (low, high) = ground.shape.hidden_deposit_a_head;
    let value = Fen::from_yuan(ground.dice.between(low, high) * household.members.len() as i64);
    let kind = *ground.dice.pick(&["stock", "fund"]);
    let holding = security(ground.serial, kind, value, ground.as_of, ground.dice);
    household.members[0].records.securities.push(holding);
    0
}

/// Premiums that somebody without means could not pay, for a policy that is worth little so far.
fn premiums(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let premium = Fen::from_yuan(ground.dice.between(30_000, 60_000) * household.members.len() as i64);
    let bought = policy(ground.serial, "life", premium, Fen::from_yuan(500), ground.as_of, ground.dice);
    household.members[0].records.policies.push(bought);
    0
}

/// More motor policies than vehicles.
fn insured_without_a_vehicle(household: &mut Household, desk: &mut Desk) -> usize {
    let members = &household.members;
    let on_the_road = members.iter().flat_map(|m| &m.records.vehicles).filter(|v| v.status == "normal").count();
    let insured = members.iter().flat_map(|m| &m.records.policies).filter(|p| p.policy_kind == "motor").count();
    for nth in 0..=on_the_road.saturating_sub(insured) {
        let mut policy = motor(format!("苏LI9{:03}{nth}", desk.serial() % 1000), desk);
        policy.valid_to = Some(desk.days_ahead(250, 340));
        household.members[0].records.policies.push(policy);
    }
    0
}

/// A consumer loan that nobody of such an income could serve.
fn large_loan(household: &mut Household, desk: &mut Desk) -> usize {
    let repaid = Fen::from_yuan(desk.dice.between(3_000, 4_500) * household.members.len() as i64);
    let kind = *desk.dice.pick(&["consumer", "vehicle", "business"]);
    let row = loan(kind, Fen::new(repaid.fen() * 30), repaid, desk);
    household.members[0].put("loan", row);
    0
}

/// A sealed fund account with a housing loan on it.
fn fund_loan(household: &mut Household, desk: &mut Desk) -> usize {
    let past = desk.last_month().plus(-30);
    let mut row = fund(Fen::from_yuan(3_000), "镇江旧时纺织厂".to_owned(), past, desk);
    row.set("account_status", "sealed");
    row.set("loan_balance", desk.yuan(80_000, 300_000));
    row.set("loan_house_addr", "镇江市润州区金桂路61号".to_owned());
    household.members[0].put("provident_fund", row);
    0
}
