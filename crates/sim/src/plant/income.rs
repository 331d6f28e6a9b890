//! What people live on and did not say.

use hedui_base::{Fen, Month};

use super::kind::Planting::Life;
use super::kind::{ANY, Ground, KIND, Kind, RECEIPT, Wants};
use super::wage_above_every_line;
use crate::city::Composition as C;
use crate::city::{Household, closed_months, job, pension};
use crate::shape::Band;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "IN04",
        what: "draws an employee's pension and declares none",
        shown_by: &["pension_income"],
        fits: &[C::ElderlyAlone, C::ElderlyCouple],
        plant: Life(undeclared_pension),
        ..KIND
    },
    Kind {
        flag: "IN02",
        what: "declares a small wage; the tax register has a large one",
        shown_by: &["employment_income"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        plant: Life(undeclared_wage),
        ..KIND
    },
    Kind {
        flag: "IN01",
        what: "declared unemployed, but an employer pays wage and contributions",
        shown_by: &["social_insurance", "employment_income"],
        also: &["IN02"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        plant: Life(insured_while_unemployed),
        ..KIND
    },
    Kind {
        flag: "FA05",
        what: "a grown child elsewhere earns much; the household declares no support",
        shown_by: &["employment_income"],
        fits: &[C::ElderlyAlone, C::ElderlyCouple],
        wants: Wants { obligor: Some(true), ..ANY },
        plant: Life(rich_child),
        ..KIND
    },
    Kind {
        flag: "IN13",
        what: "in receipt, with a job since less than three months, declared as a monthly mean of the year",
        shown_by: &["social_insurance", "employment_income"],
        fits: &[C::SingleParent, C::CoupleWithChildren, C::AdultAlone],
        wants: RECEIPT,
        plant: Life(new_job),
        ..KIND
    },
    Kind {
        flag: "IN14",
        what: "honest, but so near the line that a visit is due before anybody decides",
        shown_by: &["employment_income"],
        fits: &[C::SingleParent, C::AdultAlone],
        wants: Wants { band: Band::AtTheLine, ..ANY },
        plant: Life(at_the_line),
        ..KIND
    },
];

/// The member a new wage goes to: a grown-up of working age, with whatever odd jobs there were forgotten.
fn worker(household: &mut Household, ground: &Ground<'_>) -> usize {
    let able = |i: &usize| (18..60).contains(&household.members[*i].age(ground.as_of));
    let who = (0..household.members.len()).find(able).unwrap_or(0);
    let member = &mut household.members[who];
    member.records.incomes.clear();
    member.records.insurance.clear();
    member.declared.declared_wage = Fen::ZERO;
    member.declared.job_cost_class = false;
    who
}

/// Declared unemployed, but an employer pays wage and contributions.
fn insured_while_unemployed(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = worker(household, ground);
    let wage = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[who];
    member.declared.unemployed = true;
    job(member, wage, closed_months(ground.shape, ground.as_of), ground.dice);
    who
}

/// Declares a small wage; the tax register has a large one.
fn undeclared_wage(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = worker(household, ground);
    let wage = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[who];
    member.declared.unemployed = false;
    member.declared.declared_wage = Fen::from_yuan(ground.dice.between(2, 6) * 100);
    job(member, wage, closed_months(ground.shape, ground.as_of), ground.dice);
    who
}

/// In receipt, with a job since less than three months, declared as a monthly mean of the year.
fn new_job(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let who = worker(household, ground);
    // Three months of wage must lift the mean of twelve.
    let mean = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[who];
    member.declared.unemployed = false;
    member.declared.declared_wage = mean;
    let current = Month::of(ground.as_of);
    job(member, Fen::new(mean.fen() * 4), (1..=3).rev().map(|back| current.plus(-back)), ground.dice);
    who
}

/// Draws an employee's pension and declares none.
fn undeclared_pension(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    let amount = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[0];
    member.records.pensions.clear();
    member.declared.declared_pension = Fen::ZERO;
    pension(member, "employee", amount, Fen::ZERO, ground.as_of);
    0
}

/// A grown child elsewhere earns much; the household declares no support.
fn rich_child(household: &mut Household, ground: &mut Ground<'_>) -> usize {
    household.declared.declared_support = Fen::ZERO;
    let child = &mut household.obligors[0];
    child.records.incomes.clear();
    child.records.insurance.clear();
    child.declared.judgment_support = None;
    child.declared.obligor_household_size = Some(1);
    child.declared.obligor_other_income = Fen::ZERO;
    let wage = Fen::new(ground.shape.line.fen() * 36);
    job(child, wage, closed_months(ground.shape, ground.as_of), ground.dice);
    0
}

/// Honest, but so near the line that a visit is due before anybody decides.
fn at_the_line(_: &mut Household, _: &mut Ground<'_>) -> usize {
    0
}
