//! What people hold beyond banks: payment accounts, policies, now and then a fund.

use hedui_base::Fen;
use jiff::ToSpan;
use jiff::civil::Date;

use super::Household;
use crate::dice::Dice;
use crate::records::{Policy, Security, Wallet};

/// Gives a household what honest households hold, and declares what of it counts.
///
/// Has dice of its own, so that the rest of the city does not depend on it.
pub(super) fn give(household: &mut Household, seed: u64, index: u32, as_of: Date) {
    let dice = &mut Dice::new(seed, "finance", u64::from(index));
    let mut held = 0;
    for (nth, member) in household.members.iter_mut().enumerate().filter(|(_, m)| m.age(as_of) >= 18) {
        let serial = u64::from(index) * 64 + nth as u64;
        if dice.chance(450) {
            let wallet = wallet(serial, Fen::new(dice.between(0, 60_000)), as_of, dice);
            held += wallet.pay_wallet_balance.fen();
            member.records.wallets.push(wallet);
        }
        if dice.chance(120) {
            // Accident cover that an office or an employer gives: a small premium and no value.
            let premium = Fen::from_yuan(dice.between(20, 100));
            member.records.policies.push(policy(serial, "accident", premium, Fen::ZERO, as_of, dice));
        }
        if dice.chance(20) {
            let fund = security(serial, "fund", Fen::from_yuan(dice.between(50, 800)), as_of, dice);
            held += fund.market_value.fen();
            member.records.securities.push(fund);
        }
    }
    let declared = &mut household.declared.declared_financial_assets;
    *declared = Fen::new(declared.fen() + held);
}

/// A payment account.
fn wallet(serial: u64, balance: Fen, as_of: Date, dice: &mut Dice) -> Wallet {
    Wallet {
        account: format!("1{}****{:04}", dice.between(30, 99), serial % 10_000),
        pay_wallet_balance: balance,
        value_date: as_of,
    }
}

/// A policy in force.
pub(crate) fn policy(serial: u64, kind: &'static str, premium: Fen, cash: Fen, as_of: Date, dice: &mut Dice) -> Policy {
    Policy {
        policy_no: format!("P{:02}****{:06}", dice.between(10, 99), serial % 1_000_000),
        policy_kind: kind.into(),
        annual_premium: premium,
        cash_value: cash,
        beneficiary: (kind != "motor" && dice.chance(300)).then(|| "法定继承人".to_owned()),
        motor_policy_plate: None,
        valid_to: Some(as_of.saturating_add(dice.between(30, 300).days())),
        status: "in_force".into(),
    }
}

/// A holding valued on the last trading day.
pub(crate) fn security(serial: u64, kind: &'static str, value: Fen, as_of: Date, dice: &mut Dice) -> Security {
    Security {
        sec_account: format!("A{:02}****{:05}", dice.between(10, 99), serial % 100_000),
        sec_code: format!("{:06}", 900_000 + dice.between(0, 999)),
        kind: kind.into(),
        quantity: format!("{}.00", value.fen() / 1000),
        market_value: value,
        value_date: as_of.saturating_sub(1.days()),
    }
}
