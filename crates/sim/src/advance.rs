//! Time goes on: months close, and something happens in some households, most often in those in receipt.

use std::collections::{BTreeMap, BTreeSet};

use hedui_base::{Fen, Month};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::city::registers::{Desk, died, next_year};
use crate::city::{City, Household, Person, a_head, closed_months, job, metered, vehicle};
use crate::dice::Dice;
use crate::plant;
use crate::shape::{Band, CityShape};
use crate::truth::{Change, Expected};

impl City {
    /// Moves the city on by `months`: closed months get their rows, some people find or lose work, die, buy a car, get
    /// a higher pension or come home from prison. Declarations stay as they were; `truth` says what is due now.
    pub fn advance(&mut self, months: u32) {
        self.advanced.push(months);
        let months = months.min(120) as i32;
        let before = self.as_of;
        self.as_of = self.as_of.saturating_add(months.months());
        let mut due: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for expected in std::mem::take(&mut self.truth.expected) {
            due.entry(expected.case).or_default().insert(expected.flag);
        }
        for (index, household) in self.households.iter_mut().enumerate() {
            let mut dice = Dice::new(self.options.seed, &format!("advance {}", self.as_of), index as u64);
            let mut flags = due.remove(&household.case).unwrap_or_default();
            for person in household.members.iter_mut().chain(&mut household.obligors) {
                roll(person, &self.shape, self.as_of);
            }
            roll_utilities(household, &self.shape, self.as_of);
            roll_registers(household, Month::of(before).plus(-1), self.as_of);
            outgrow(household, &mut flags, self.as_of);
            let change = happen(household, &mut flags, index as u64, &self.shape, self.as_of, months, &mut dice);
            self.truth.changes.extend(change);
            let case = &household.case;
            // What time took away can no longer be found.
            self.truth.planted.retain(|p| p.case != *case || flags.contains(&p.flag));
            self.truth.expected.extend(flags.into_iter().map(|flag| Expected { case: case.clone(), flag }));
        }
    }
}

/// The months a row list must gain: copied from a year before where there is such a row, so that means stay what they
/// were; else from the month before, for what began within the year.
fn new_rows<T: Clone>(
    rows: &mut Vec<T>,
    shape: &CityShape,
    as_of: Date,
    month: fn(&T) -> Month,
    set: fn(&mut T, Month),
    key: fn(&T) -> String,
) {
    let keys: BTreeSet<String> = rows.iter().map(key).collect();
    for closed in closed_months(shape, as_of) {
        for wanted in &keys {
            let at = |m: Month| rows.iter().find(|r| month(r) == m && key(r) == *wanted).cloned();
            let begun = rows.iter().filter(|r| key(r) == *wanted).map(month).min();
            if at(closed).is_some() || begun.is_none_or(|b| b > closed) {
                continue;
            }
            let model = at(closed.plus(-12)).or_else(|| at(closed.plus(-1)).filter(|_| begun > Some(closed.plus(-12))));
            if let Some(mut row) = model {
                set(&mut row, closed);
                rows.push(row);
            }
        }
    }
    let oldest = Month::of(as_of).plus(-shape.months_kept);
    rows.retain(|r| month(r) >= oldest);
    rows.sort_by_key(month);
}

fn roll(person: &mut Person, shape: &CityShape, as_of: Date) {
    let gone = person.records.hukou.as_ref().is_some_and(|h| h.cancel_reason.as_deref() == Some("death"));
    if gone {
        return;
    }
    let incomes = &mut person.records.incomes;
    new_rows(incomes, shape, as_of, |r| r.month, |r, m| r.month = m, |r| format!("{} {}", r.kind, r.payer));
    let insurance = &mut person.records.insurance;
    new_rows(insurance, shape, as_of, |r| r.month, |r, m| r.month = m, |r| format!("{} {}", r.insurance, r.employer));
}

/// Meters go on as before: what stood still stands still, what ran runs at its mean.
fn roll_utilities(household: &mut Household, shape: &CityShape, as_of: Date) {
    let oldest = Month::of(as_of).plus(-shape.months_kept);
    for account in &mut household.utilities {
        let Some(last) = account.months.last().cloned() else { continue };
        let mean = account.months.iter().map(|m| m.usage).sum::<i64>() / account.months.len() as i64;
        let usage = if last.usage == 0 { 0 } else { mean };
        let shape_of = shape.utility(&account.utility);
        for month in closed_months(shape, as_of).filter(|m| *m > last.month) {
            account.months.push(metered(month, usage, shape_of));
        }
        account.months.retain(|m| m.month >= oldest);
    }
}

/// Aid is paid on, the housing fund is paid into where it was (up to `paid_to`), years close.
fn roll_registers(household: &mut Household, paid_to: Month, as_of: Date) {
    next_year(household, as_of);
    let closed = Month::of(as_of).plus(-1);
    for person in household.members.iter_mut().chain(&mut household.obligors) {
        for account in person.rows_mut("provident_fund") {
            let current = account.text("last_deposit_month").and_then(|m| m.parse().ok()) >= Some(paid_to);
            if current && account.text("account_status") == Some("normal") {
                account.set("last_deposit_month", closed);
            }
        }
        pay_on(person, as_of);
        for wallet in &mut person.records.wallets {
            wallet.value_date = as_of;
        }
    }
}

/// The guarantee of the months since, as it was paid last, on the tenth; payments of more than 15 months ago are gone.
fn pay_on(person: &mut Person, as_of: Date) {
    let paid = person.rows("card_payment").iter().filter(|r| r.text("card_item") == Some("dibao"));
    let Some((last, row)) = paid.filter_map(|r| Some((r.date("card_pay_date")?, r.clone()))).max_by_key(|(d, _)| *d)
    else {
        return;
    };
    let mut month = Month::of(last).plus(1);
    loop {
        let day = month.first_day().saturating_add(9.days());
        if day > as_of {
            break;
        }
        let mut payment = row.clone();
        payment.set("card_pay_date", day);
        person.add("card_payment", payment);
        month = month.plus(1);
    }
    let oldest = Month::of(as_of).plus(-14).first_day();
    if let Some(rows) = person.records.more.get_mut("card_payment") {
        rows.retain(|r| r.date("card_pay_date").is_none_or(|d| d >= oldest));
    }
}

/// Flags that time itself takes away or replaces.
fn outgrow(household: &Household, flags: &mut BTreeSet<String>, as_of: Date) {
    let year_ago = as_of.saturating_sub(12.months());
    let within = |d: Option<Date>| d.is_some_and(|d| d > year_ago);
    let members = &household.members;
    let vehicles = || members.iter().flat_map(|m| &m.records.vehicles);
    let homes = || members.iter().flat_map(|m| &m.records.homes);
    if !vehicles().any(|v| within(v.transferred_on)) {
        flags.remove("AS09");
    }
    let rows = |dataset: &'static str| members.iter().flat_map(move |m| m.rows(dataset));
    let since = |dataset: &'static str, column: &'static str, months: i32| {
        rows(dataset).any(|r| r.date(column).is_some_and(|d| Month::of(d) >= Month::of(as_of).plus(-months)))
    };
    let bought = homes().any(|h| h.way == "purchase" && h.status == "current" && within(Some(h.registered)));
    let contracted =
        rows("housing_contract").any(|r| r.text("contract_status") == Some("signed") && within(r.date("sign_date")));
    let taxed = rows("purchase_tax").any(|r| r.text("kind") == Some("deed") && within(r.date("paid_on")));
    if !(bought || contracted || taxed) {
        flags.remove("AS13");
    }
    for (flag, dataset, column, months) in [
        ("FA02", "marriage", "divorce_date", 24),
        ("FA03", "booklet_split", "split_on", 12),
        ("FA09", "birth_certificate", "child_birth_date", 12),
        ("LI03", "exit_entry", "exit_date", 12),
        ("AS14", "demolition", "demolition_date", 36),
    ] {
        if !since(dataset, column, months) {
            flags.remove(flag);
        }
    }
    if !rows("residence_permit").any(|r| r.date("valid_to").is_some_and(|d| d >= as_of)) {
        flags.remove("LI05");
    }
    if !homes().any(|h| within(h.cancelled_on)) {
        flags.remove("AS15");
    }
    // A job that was new is not new any more, and its mean over the year has outgrown what was declared.
    if flags.contains("IN13") {
        let first = members.iter().flat_map(|m| &m.records.insurance).map(|r| r.month).min();
        if first.is_some_and(|m| m < Month::of(as_of).plus(-3)) {
            flags.remove("IN13");
            flags.insert("IN02".to_owned());
        }
    }
}

/// Something happens in some households with nothing wrong, more often in those in receipt; people in custody may come home.
fn happen(
    household: &mut Household,
    flags: &mut BTreeSet<String>,
    index: u64,
    shape: &CityShape,
    as_of: Date,
    months: i32,
    dice: &mut Dice,
) -> Option<Change> {
    let case = household.case.clone();
    let change = |who: usize, kind: &str, flag: Option<&str>, source: &str| {
        let flag = flag.map(str::to_owned);
        Some(Change { case: case.clone(), person_index: who, kind: kind.to_owned(), flag, source: source.to_owned() })
    };
    if flags.contains("FA06") && dice.chance(500) {
        let who =
            household.members.iter().position(|m| m.records.hukou.as_ref().is_some_and(|h| h.custody != "none"))?;
        for (i, member) in household.members.iter_mut().enumerate() {
            if let Some(hukou) = &mut member.records.hukou {
                hukou.booklet_members += 1;
                if i == who {
                    hukou.custody = "none".into();
                }
            }
        }
        for term in household.members[who].rows_mut("custody") {
            term.set("term_end", as_of.saturating_sub(5.days()));
        }
        flags.remove("FA06");
        return change(who, "release", Some("FA06"), "police.hukou");
    }
    if !flags.is_empty() || plant::band(household, shape) != Some(Band::Poor) || plant::unsendable(household) {
        return None;
    }
    let adult = |m: &Person| (18..60).contains(&m.age(as_of)) && !m.declared.severely_disabled;
    // What happens to people in receipt is what a recheck is for: it happens to them more often.
    match dice.between(0, if household.in_receipt { 6 } else { 29 }) {
        0 => {
            let who = household.members.iter().position(|m| adult(m) && m.declared.unemployed)?;
            let current = Month::of(as_of);
            let size = household.members.len() as i64;
            // Three months of wage either leave the household clearly poor or lift it clearly above every line.
            let wage = Fen::new(shape.line.fen() * if household.in_receipt { 96 * size } else { 24 } / 10);
            job(&mut household.members[who], wage, (1..=months.min(3)).rev().map(|b| current.plus(-b)), dice);
            if !matches!(plant::band(household, shape), Some(Band::Poor | Band::Comfortable)) {
                let member = &mut household.members[who];
                member.records.incomes.retain(|r| r.kind != "wage");
                member.records.insurance.retain(|r| r.identity != "employee");
                return None;
            }
            flags.extend(["IN01", "IN02"].map(str::to_owned));
            if household.in_receipt && a_head(household).0 > shape.line {
                flags.insert("IN13".to_owned());
            }
            change(who, "job", Some("IN01"), "hrss.insurance")
        }
        1 => {
            let who = (1..household.members.len()).rfind(|i| household.members[*i].age(as_of) >= 60)?;
            let widows = household.members[who].relation == "spouse";
            let on = Month::of(as_of).plus(-1).first_day().saturating_sub(dice.between(0, 20).days());
            plant::bury(household, who, on);
            let mut desk = Desk::new(dice.next(), "death", index as u32, as_of);
            died(&mut household.members[who], on, &mut desk);
            for marriage in household.members[0].rows_mut("marriage") {
                if widows {
                    marriage.set("marriage_status", "widowed");
                    marriage.set("spouse_deceased", true);
                }
            }
            flags.insert("DE03".to_owned());
            if household.in_receipt {
                flags.insert("DE01".to_owned());
            }
            let flag = if household.in_receipt { "DE01" } else { "DE03" };
            change(who, "death", Some(flag), "police.hukou")
        }
        2 => {
            let mut car = vehicle(index * 64 + 60, "car", as_of, dice);
            car.first_registered = as_of.saturating_sub(dice.between(5, 60).days());
            car.owned_since = car.first_registered;
            household.members[0].records.vehicles.retain(|v| v.vehicle_type != "motorcycle");
            household.members[0].records.policies.retain(|p| p.policy_kind != "motor");
            household.members[0].records.vehicles.push(car);
            if household.declared.declared_vehicle_count > 0 {
                // It replaces the motorcycle that was declared: the count still fits, nobody can tell from it.
                household.members[0].records.vehicles.pop();
                return None;
            }
            flags.insert("AS07".to_owned());
            change(0, "car", Some("AS07"), "vehicle.registry")
        }
        3 => {
            let who = household.members.iter().position(|m| !m.records.pensions.is_empty())?;
            for pension in &mut household.members[who].records.pensions {
                pension.amount = Fen::new(pension.amount.fen() + 600);
            }
            change(who, "pension", None, "hrss.pension")
        }
        4 => {
            let who = household.members.iter().position(|m| m.records.incomes.iter().any(|r| r.kind == "labour"))?;
            let since = Month::of(as_of).plus(-months);
            household.members[who].records.incomes.retain(|r| r.month < since);
            change(who, "job_lost", None, "tax.income")
        }
        _ => None,
    }
}
