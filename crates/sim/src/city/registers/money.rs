//! Loans, what businesses invoice, courts, and policies on vehicles.

use hedui_base::Fen;

use super::{Desk, people};
use crate::city::{Household, policy};
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    let members = household.members.len();
    let mut borrowed = false;
    for (nth, person) in people(household).enumerate() {
        let (member, age) = (nth < members, person.age(desk.as_of));
        if !member && desk.chance(250) {
            let (kind, balance, rate) =
                *desk.dice.pick(&[("housing", 300_000, 2_400), ("vehicle", 40_000, 1_500), ("consumer", 8_000, 700)]);
            person.add("loan", loan(kind, Fen::from_yuan(balance), Fen::from_yuan(rate), desk));
        } else if member && !borrowed && (18..70).contains(&age) && desk.chance(45) {
            // Small, and at most one in a household: no sign of means.
            borrowed = true;
            let kind = *desk.dice.pick(&["consumer", "student", "poverty"]);
            let (balance, rate) = (desk.yuan(500, 9_000), desk.yuan(50, 250));
            person.add("loan", loan(kind, balance, rate, desk));
        }
        let businesses: Vec<(String, bool)> =
            person.records.businesses.iter().map(|b| (b.uscc.clone(), b.status == "operating")).collect();
        for (uscc, operating) in businesses {
            let amount = if operating { desk.yuan(1_000, 9_000) } else { Fen::ZERO };
            person.add("business_tax", invoices(uscc, amount));
        }
        if age >= 18 && desk.chance(25) {
            let debtor = desk.chance(400);
            let capacity = if person.declared.severely_disabled && desk.chance(300) { "limited" } else { "full" };
            let row = row! {
                "missing_declared": "none", "civil_capacity": capacity, "debtor_flag": debtor,
                "execution_amount": if debtor { desk.yuan(5_000, 80_000) } else { Fen::ZERO },
            };
            person.add("court_status", row);
        }
        insure_vehicles(person, desk);
    }
}

/// A loan.
pub(crate) fn loan(kind: &'static str, balance: Fen, repaid: Fen, desk: &mut Desk) -> Row {
    row! {
        "loan_no": format!("DK****{:07}", desk.serial() % 10_000_000), "kind": kind, "loan_balance": balance,
        "monthly_repayment": repaid, "overdue": desk.chance(60),
    }
}

/// What a business invoiced in twelve months.
pub(crate) fn invoices(uscc: String, amount: Fen) -> Row {
    row! { "uscc": uscc, "biz_invoice_12m": amount, "zero_declared": amount == Fen::ZERO }
}

/// Most vehicles on the road are insured.
fn insure_vehicles(person: &mut crate::city::Person, desk: &mut Desk) {
    let plates: Vec<String> =
        person.records.vehicles.iter().filter(|v| v.status == "normal").map(|v| v.plate_no.clone()).collect();
    for plate in plates {
        if desk.chance(800) {
            let policy = motor(plate, desk);
            person.records.policies.push(policy);
        }
    }
}

/// A motor policy in force.
pub(crate) fn motor(plate: String, desk: &mut Desk) -> crate::records::Policy {
    let (serial, premium) = (desk.serial(), desk.yuan(120, 900));
    let mut policy = policy(serial, "motor", premium, Fen::ZERO, desk.as_of, &mut desk.dice);
    policy.motor_policy_plate = Some(plate);
    policy
}
