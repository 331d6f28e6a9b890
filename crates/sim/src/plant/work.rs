//! Work, rents, support and allowances that offices other than tax and social insurance know of.

use hedui_base::Fen;

use super::kind::Planting::Registers;
use super::kind::{KIND, Kind};
use crate::city::Composition as C;
use crate::city::Household;
use crate::city::registers::{Desk, fund, judgment, land, lease, post, preference, service, share};
use crate::records::row;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "IN03",
        what: "declared without work; an employer pays into the housing fund",
        shown_by: &["provident_fund"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        plant: Registers(fund_while_unemployed),
        ..KIND
    },
    Kind {
        flag: "IN09",
        what: "rents out a flat for more than was declared",
        shown_by: &["housing_lease"],
        plant: Registers(lets_a_flat),
        ..KIND
    },
    Kind {
        flag: "IN06",
        what: "a member is paid by the state",
        shown_by: &["state_pay"],
        plant: Registers(state_post),
        ..KIND
    },
    Kind {
        flag: "IN12",
        what: "an allowance of old soldiers stands among other transfers, as if it were income",
        shown_by: &["veteran"],
        fits: &[C::ElderlyAlone, C::ElderlyCouple],
        plant: Registers(allowance_counted),
        ..KIND
    },
    Kind {
        flag: "IN05",
        what: "pay of a public post that nobody declared",
        shown_by: &["employment_service"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        plant: Registers(public_post),
        ..KIND
    },
    Kind {
        flag: "IN10",
        what: "a court set support that the household did not declare",
        shown_by: &["support_judgment"],
        plant: Registers(support_by_judgment),
        ..KIND
    },
    Kind {
        flag: "IN07",
        what: "able to work, refused three jobs in a row",
        shown_by: &["employment_service"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        plant: Registers(refused_jobs),
        ..KIND
    },
    Kind {
        flag: "IN11",
        what: "land let and dividends that were not declared",
        shown_by: &["farm_land", "coop_share"],
        plant: Registers(village_income),
        ..KIND
    },
    Kind {
        flag: "IN08",
        what: "drives a net-car every day and declares no income",
        shown_by: &["driving_work"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        plant: Registers(net_car),
        ..KIND
    },
];

/// A grown-up of working age who says that there is no work, and whom no register knows with any.
fn without_work(household: &mut Household, desk: &Desk) -> usize {
    let able = |i: &usize| {
        let member = &household.members[*i];
        (18..60).contains(&member.age(desk.as_of)) && !member.declared.student
    };
    let who = (0..household.members.len()).find(able).unwrap_or(0);
    let member = &mut household.members[who];
    member.records.incomes.clear();
    member.records.insurance.clear();
    member.declared.declared_wage = Fen::ZERO;
    member.declared.job_cost_class = false;
    member.declared.unemployed = true;
    for register in ["provident_fund", "state_pay", "driving_work", "employment_service"] {
        member.take(register);
    }
    who
}

fn fund_while_unemployed(household: &mut Household, desk: &mut Desk) -> usize {
    let who = without_work(household, desk);
    let (base, month) = (desk.yuan(3_000, 5_000), desk.last_month());
    let row = fund(base, "镇江远帆物流有限公司".to_owned(), month, desk);
    household.members[who].put("provident_fund", row);
    who
}

fn refused_jobs(household: &mut Household, desk: &mut Desk) -> usize {
    let who = without_work(household, desk);
    let mut row = service("registered");
    row.set("offers_refused", desk.dice.between(3, 5));
    household.members[who].put("employment_service", row);
    who
}

fn public_post(household: &mut Household, desk: &mut Desk) -> usize {
    let who = without_work(household, desk);
    let mut row = service("employed");
    let paid = *desk.dice.pick(&["subsidy_job", "unemp_benefit"]);
    row.set(paid, desk.yuan(900, 1_500));
    household.members[who].put("employment_service", row);
    who
}

fn net_car(household: &mut Household, desk: &mut Desk) -> usize {
    let who = without_work(household, desk);
    let orders = desk.dice.between(120, 400);
    household.members[who].put("driving_work", row! { "practice_cert": "net_car", "net_car_orders_30d": orders });
    who
}

fn state_post(household: &mut Household, desk: &mut Desk) -> usize {
    let kind = if household.members[0].age(desk.as_of) >= 60 { "retired" } else { "institution" };
    let pay = desk.yuan(2_500, 4_500);
    let row = post(kind, pay, desk);
    household.members[0].put("state_pay", row);
    0
}

/// Beyond whatever rent was declared.
fn lets_a_flat(household: &mut Household, desk: &mut Desk) -> usize {
    let rent = Fen::new(household.members[0].declared.declared_property_income.fen() * 2 + 80_000);
    let row = lease(rent, desk.days_ago(100, 400), Some(desk.days_ahead(900, 1500)), desk);
    household.members[0].put("housing_lease", row);
    0
}

fn support_by_judgment(household: &mut Household, desk: &mut Desk) -> usize {
    let row = judgment(Fen::from_yuan(900), desk);
    household.members[0].add("support_judgment", row);
    0
}

fn village_income(household: &mut Household, desk: &mut Desk) -> usize {
    let declared: i64 = household.members.iter().map(|m| m.declared.declared_property_income.fen()).sum();
    let rent = Fen::new(declared * 24 + 600_000);
    let end = jiff::civil::date(desk.as_of.year() - 1, 12, 31);
    let (land, share) = (land(end, 1_200, rent, desk), share(end, true, Fen::from_yuan(900), desk));
    household.members[0].put("farm_land", land);
    household.members[0].put("coop_share", share);
    0
}

/// The allowance is declared, but in the box of what counts.
fn allowance_counted(household: &mut Household, _: &mut Desk) -> usize {
    let member = &mut household.members[0];
    member.declared.exempt_transfer = Fen::ZERO;
    if member.declared.declared_other_transfer == Fen::ZERO {
        member.declared.declared_other_transfer = Fen::from_yuan(60);
    }
    member.put("veteran", preference("old_soldier", Fen::from_yuan(700)));
    0
}
