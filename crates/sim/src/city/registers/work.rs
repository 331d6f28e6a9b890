//! Work and what is paid for it beyond wages: the employment service, driving, state posts, the housing fund, support.

use hedui_base::{Fen, Month};
use jiff::ToSpan;
use jiff::civil::Date;

use super::{Desk, masked_name, people};
use crate::city::{Household, Person};
use crate::records::{Row, row};

pub(super) fn give(household: &mut Household, desk: &mut Desk) {
    let members = household.members.len();
    for (nth, person) in people(household).enumerate() {
        served(person, desk);
        drives(person, nth < members, desk);
        paid_by_state(person, nth < members, desk);
        saves_for_a_home(person, nth < members, desk);
        honoured(person, desk);
    }
    supported(household, desk);
}

fn last_wage(person: &Person) -> Option<(Month, Fen, String)> {
    let wages = person.records.incomes.iter().filter(|r| r.kind == "wage");
    wages.max_by_key(|r| r.month).map(|r| (r.month, r.gross, r.payer.to_string()))
}

/// Most people of working age are known to the employment service, with or without work.
fn served(person: &mut Person, desk: &mut Desk) {
    if !(18..60).contains(&person.age(desk.as_of)) || person.declared.student || !desk.chance(600) {
        return;
    }
    let job = last_wage(person).is_some() && !person.declared.unemployed;
    let odd = person.records.incomes.iter().any(|r| r.kind == "labour");
    let state = match (person.declared.unemployed, job || odd) {
        (true, _) => "registered",
        (_, true) => "employed",
        _ => "none",
    };
    let mut row = service(state);
    row.set("offers_refused", i64::from(state == "registered" && desk.chance(250)));
    if job {
        row.set("job_contract_start", desk.days_ago(500, 3000));
        row.set("job_contract_end", desk.chance(500).then(|| desk.days_ahead(200, 1000)));
        row.set("work_injury_benefit", if desk.chance(10) { Fen::from_yuan(200) } else { Fen::ZERO });
    } else if odd && desk.chance(200) {
        row.set("flexible_subsidy", Fen::from_yuan(380));
    }
    person.add("employment_service", row);
}

/// An entry of the employment service in which nothing is paid.
pub(crate) fn service(state: &'static str) -> Row {
    row! {
        "unemp_register": state, "unemp_benefit": Fen::ZERO, "subsidy_job": Fen::ZERO, "flexible_subsidy": Fen::ZERO,
        "work_injury_benefit": Fen::ZERO, "job_contract_start": None::<Date>, "job_contract_end": None::<Date>,
        "offers_refused": 0_i64,
    }
}

/// A few hold a licence to carry; whoever drives now and then says what it brings.
fn drives(person: &mut Person, member: bool, desk: &mut Desk) {
    let working = (20..60).contains(&person.age(desk.as_of)) && !person.declared.severely_disabled;
    if !working || !desk.chance(25) {
        return;
    }
    let earns = person.declared.declared_wage > Fen::ZERO;
    let kind = *desk.dice.pick(&["freight", "passenger", "taxi", "net_car"]);
    let orders = if earns && kind == "net_car" { desk.dice.between(5, 60) } else { 0 };
    let held = (!desk.chance(200)).then_some(kind);
    person.add("driving_work", row! { "practice_cert": held, "net_car_orders_30d": orders });
    if desk.chance(300) {
        let state = if member { *desk.dice.pick(&["cancelled", "suspended"]) } else { "valid" };
        person.add("transport_permit", permit(kind, state, desk));
    }
}

/// A road transport permit.
pub(crate) fn permit(kind: &'static str, state: &'static str, desk: &mut Desk) -> Row {
    let number = desk.serial();
    row! {
        "permit_no": format!("苏交运管镇字{number:09}号"), "permit_kind": kind, "permit_status": state,
        "plate_no": desk.chance(700).then(|| format!("苏LO{:05}", number % 100_000)),
    }
}

/// Children elsewhere may be teachers or clerks; a member at most works on a contract outside the pay list.
fn paid_by_state(person: &mut Person, member: bool, desk: &mut Desk) {
    let Some((_, gross, _)) = last_wage(person).filter(|_| !person.declared.unemployed) else { return };
    if !desk.chance(if member { 30 } else { 120 }) {
        return;
    }
    let kind = if member { "contract" } else { *desk.dice.pick(&["civil", "institution"]) };
    person.add("state_pay", post(kind, gross, desk));
}

/// A post of the pay list.
pub(crate) fn post(kind: &'static str, pay: Fen, desk: &mut Desk) -> Row {
    let unit = *desk.dice.pick(&["望湖街道办事处", "新桥中心小学", "市园林管理所", "长堤镇卫生院"]);
    row! { "unit": unit, "post_kind": kind, "gross_pay": pay, "paid_by_state": kind != "contract" }
}

/// Half of those with a job have a fund account on the base of their wage; a few keep a sealed one.
fn saves_for_a_home(person: &mut Person, member: bool, desk: &mut Desk) {
    match last_wage(person) {
        Some((month, gross, payer)) if !person.declared.unemployed && desk.chance(500) => {
            let mut row = fund(gross, payer, month, desk);
            if !member && desk.chance(300) {
                row.set("loan_balance", desk.yuan(40_000, 300_000));
                row.set("loan_house_addr", format!("镇江市京口区{}", desk.dice.pick(&["桐花巷8号2幢", "金桂路61号"])));
                row.set("withdraw_12m", desk.yuan(3_000, 12_000));
                row.set("withdraw_reason", "loan");
            }
            person.add("provident_fund", row);
        }
        None if (30..60).contains(&person.age(desk.as_of)) && desk.chance(30) => {
            let past = desk.last_month().plus(-(desk.dice.between(20, 60) as i32));
            let mut row = fund(Fen::from_yuan(2_000), "镇江旧时纺织厂".to_owned(), past, desk);
            row.set("account_status", "sealed");
            person.add("provident_fund", row);
        }
        _ => {}
    }
}

/// A fund account paid into up to a month, on a base.
pub(crate) fn fund(base: Fen, employer: String, paid_to: Month, desk: &mut Desk) -> Row {
    row! {
        "account": format!("GJJ****{:06}", desk.serial() % 1_000_000), "account_status": "normal", "employer_name": employer,
        "deposit_base": base, "monthly_deposit": Fen::new(base.fen() / 10), "last_deposit_month": paid_to,
        "balance": desk.yuan(800, 9_000), "withdraw_12m": Fen::ZERO, "withdraw_reason": None::<String>,
        "loan_balance": Fen::ZERO, "loan_house_addr": None::<String>,
    }
}

/// Old soldiers and the like, whose allowance is among what the household declares as exempt; a few are paid nothing.
fn honoured(person: &mut Person, desk: &mut Desk) {
    let amount = person.declared.exempt_transfer;
    if amount > Fen::ZERO {
        let kinds = ["veteran", "disabled", "martyr", "old_soldier"];
        let kind = *desk.dice.pick(&kinds);
        person.add("veteran", preference(kind, amount));
    } else if person.age(desk.as_of) >= 30 && person.id.is_male() && desk.chance(20) {
        person.add("veteran", preference("other", Fen::ZERO));
    }
}

/// A kind of preferential treatment with its allowance a month.
pub(crate) fn preference(kind: &'static str, amount: Fen) -> Row {
    row! { "pref_kind": kind, "pref_amount": amount, "conscript_flag": kind == "conscript" }
}

/// What a court set, and the tax deductions of children who support their parents; both are declared obligors.
fn supported(household: &mut Household, desk: &mut Desk) {
    let as_of = desk.as_of;
    for obligor in &household.obligors {
        if let Some(amount) = obligor.declared.judgment_support {
            let row = judgment(amount, desk);
            household.members[0].add("support_judgment", row);
        }
        if last_wage(obligor).is_some() && desk.chance(400) {
            let row = claim(&obligor.name, as_of, desk);
            household.members[0].add("support_deduction", row);
        }
    }
}

/// A judgment that sets support from some years ago on.
pub(crate) fn judgment(amount: Fen, desk: &mut Desk) -> Row {
    let from = desk.days_ago(400, 1500);
    let (number, year) = (desk.serial(), from.saturating_sub(30.days()).year());
    let until = desk.chance(300).then(|| desk.days_ahead(1000, 3000));
    row! {
        "judgment_no": format!("({year})苏11民初{number}号"), "support_judgment_amt": amount, "effective_from": from,
        "effective_until": until,
    }
}

/// A tax deduction that somebody claims for supporting this person.
pub(crate) fn claim(name: &str, as_of: Date, desk: &mut Desk) -> Row {
    row! { "claimant": format!("{}{}", masked_name(name), desk.serial() % 100), "year": i64::from(as_of.year()) }
}
