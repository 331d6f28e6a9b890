//! What all the other registers hold about a household as it lives: everything that follows from who people are, what
//! they do and what they own. Most people are in few registers.
//!
//! Written after what has a struct of its own (incomes, homes, vehicles and so on), so that registers agree with it and
//! with each other: who is married is married in civil affairs too, whoever is paid has an aid record and payments.

mod aid;
mod family;
mod homes;
mod identity;
mod learning;
mod money;
mod village;
mod work;

use hedui_base::{Fen, Month};
use jiff::ToSpan;
use jiff::civil::Date;

pub(crate) use aid::{aid, complaint};
pub(crate) use family::{birth, certificate, died, relative};
pub(crate) use homes::{agreement, contract, lease, ship};
pub(crate) use learning::{disability, enrolment};
pub(crate) use money::{invoices, loan, motor};
pub(crate) use village::{land, machine, monitored, next_year, share};
pub(crate) use work::{claim, fund, judgment, permit, post, preference, service};

use super::{Household, Person};
use crate::dice::Dice;
use crate::records::Row;

/// What writing registers needs: the day, chance, and numbers that no other row of the city has.
pub(crate) struct Desk {
    pub(crate) as_of: Date,
    pub(crate) dice: Dice,
    serial: u64,
}

impl Desk {
    pub(crate) fn new(seed: u64, purpose: &str, index: u32, as_of: Date) -> Self {
        Self { as_of, dice: Dice::new(seed, purpose, u64::from(index)), serial: u64::from(index) * 100 }
    }

    /// A number that no other row of the city has.
    pub(crate) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A day so many days before today, from `low` to `high`.
    pub(crate) fn days_ago(&mut self, low: i64, high: i64) -> Date {
        self.as_of.saturating_sub(self.dice.between(low, high).days())
    }

    /// A day so many days from today, from `low` to `high`.
    pub(crate) fn days_ahead(&mut self, low: i64, high: i64) -> Date {
        self.as_of.saturating_add(self.dice.between(low, high).days())
    }

    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.dice.chance(per_mille)
    }

    pub(crate) fn yuan(&mut self, low: i64, high: i64) -> Fen {
        Fen::from_yuan(self.dice.between(low, high))
    }

    /// The last month that has closed.
    pub(crate) fn last_month(&self) -> Month {
        Month::of(self.as_of).plus(-1)
    }
}

/// Writes every register about an honest household.
pub(crate) fn give(household: &mut Household, seed: u64, index: u32, as_of: Date) {
    let desk = |purpose: &str| Desk::new(seed, purpose, index, as_of);
    identity::give(household, &mut desk("identity"));
    family::give(household, &mut desk("family"));
    learning::give(household, &mut desk("learning"));
    work::give(household, &mut desk("work"));
    aid::give(household, &mut desk("aid"));
    aid::unheard_gifts(household, &mut desk("unheard gifts"));
    village::give(household, &mut desk("village"));
    homes::give(household, &mut desk("homes"));
    money::give(household, &mut desk("money"));
    household.members.iter_mut().for_each(total_by_bank);
}

/// Gives numbers unlike those that [`give`] uses, for what is written later.
pub(crate) fn later(seed: u64, purpose: &str, index: u32, as_of: Date) -> Desk {
    let mut desk = Desk::new(seed, purpose, index, as_of);
    desk.serial += 60;
    desk
}

/// What a person has at a bank in all, as the bank repeats it with each account.
fn total_by_bank(person: &mut Person) {
    let held: Vec<_> = person.records.deposits.iter().map(|d| (d.bank.clone(), d.balance)).collect();
    for deposit in &mut person.records.deposits {
        deposit.total_in_bank = held.iter().filter(|(bank, _)| *bank == deposit.bank).map(|(_, b)| *b).sum();
    }
}

fn people(household: &mut Household) -> impl Iterator<Item = &mut Person> {
    household.members.iter_mut().chain(&mut household.obligors)
}

/// An account number with its middle hidden, as other offices see it.
pub(crate) fn masked_account(serial: u64) -> String {
    format!("6217****{:06}", serial % 1_000_000)
}

/// A name with all but the surname hidden.
pub(crate) fn masked_name(name: &str) -> String {
    name.chars().take(1).chain("**".chars()).collect()
}

/// Whether the household register knows the person as dead, and since when.
pub(crate) fn dead_since(person: &Person) -> Option<Date> {
    let hukou = person.records.hukou.as_ref()?;
    hukou.cancelled_on.filter(|_| hukou.cancel_reason.as_deref() == Some("death"))
}

fn marital(person: &Person) -> &str {
    person.records.hukou.as_ref().map_or("single", |h| &h.marital)
}

impl Person {
    /// Adds a row to a register.
    pub(crate) fn add(&mut self, dataset: &'static str, row: Row) {
        self.records.more.entry(dataset.to_owned()).or_default().push(row);
    }

    /// Makes a row the only one of the person in a register.
    pub(crate) fn put(&mut self, dataset: &'static str, row: Row) {
        self.records.more.insert(dataset.to_owned(), vec![row]);
    }

    /// Removes the person from a register.
    pub(crate) fn take(&mut self, dataset: &str) {
        self.records.more.remove(dataset);
    }

    /// The person's rows in a register.
    pub(crate) fn rows(&self, dataset: &str) -> &[Row] {
        self.records.more.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// The person's rows in a register, to change them.
    pub(crate) fn rows_mut(&mut self, dataset: &str) -> &mut [Row] {
        self.records.more.get_mut(dataset).map_or(&mut [], Vec::as_mut_slice)
    }
}
