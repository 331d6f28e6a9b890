//! What people live on and did not say.

use hedui_base::{Fen, Month};

use super::{Done, Ground, wage_above_every_line};
use crate::city::{Household, closed_months, job, pension};

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
pub(super) fn insured_while_unemployed(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = worker(household, ground);
    let wage = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[who];
    member.declared.unemployed = true;
    job(member, wage, closed_months(ground.shape, ground.as_of), ground.dice);
    Done::by(who, "hrss.insurance").with(&["IN02"])
}

/// Declares a small wage; the tax register has a large one.
pub(super) fn undeclared_wage(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = worker(household, ground);
    let wage = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[who];
    member.declared.unemployed = false;
    member.declared.declared_wage = Fen::from_yuan(ground.dice.between(2, 6) * 100);
    job(member, wage, closed_months(ground.shape, ground.as_of), ground.dice);
    Done::by(who, "tax.income")
}

/// In receipt, with a job since less than three months, declared as a monthly mean of the year.
pub(super) fn new_job(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let who = worker(household, ground);
    // Three months of wage must lift the mean of twelve.
    let mean = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[who];
    member.declared.unemployed = false;
    member.declared.declared_wage = mean;
    let current = Month::of(ground.as_of);
    job(member, Fen::new(mean.fen() * 4), (1..=3).rev().map(|back| current.plus(-back)), ground.dice);
    Done::by(who, "hrss.insurance")
}

/// Draws an employee's pension and declares none.
pub(super) fn undeclared_pension(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    let amount = wage_above_every_line(household, ground.shape);
    let member = &mut household.members[0];
    member.records.pensions.clear();
    member.declared.declared_pension = Fen::ZERO;
    pension(member, "employee", amount, Fen::ZERO, ground.as_of);
    Done::by(0, "hrss.pension")
}

/// A grown child elsewhere earns much; the household declares no support.
pub(super) fn rich_child(household: &mut Household, ground: &mut Ground<'_>) -> Done {
    household.declared.declared_support = Fen::ZERO;
    let child = &mut household.obligors[0];
    child.records.incomes.clear();
    child.records.insurance.clear();
    child.declared.judgment_support = None;
    child.declared.obligor_household_size = Some(1);
    child.declared.obligor_other_income = Fen::ZERO;
    let wage = Fen::new(ground.shape.line.fen() * 36);
    job(child, wage, closed_months(ground.shape, ground.as_of), ground.dice);
    Done::by(0, "tax.income")
}

/// Honest, but so near the line that a visit is due before anybody decides.
pub(super) fn at_the_line(_household: &mut Household) -> Done {
    Done::by(0, "tax.income")
}
