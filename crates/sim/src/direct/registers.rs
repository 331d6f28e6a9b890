//! What registers hold about one person, dataset by dataset, as lines.

use jiff::civil::date;
use serde::Serialize;

use super::line::{Cell, Line};
use super::sources::Sources;
use crate::city::{Household, Person};
use crate::dice::Dice;
use crate::records::{Deposit, UtilityAccount};

/// One person in so many has hundreds of accounts.
const MANY_EACH: u64 = 2000;

/// Calls with every dataset in which the person has rows, and those rows.
pub(super) fn each(
    sources: &Sources,
    household: &Household,
    person: &Person,
    key: i64,
    seed: u64,
    lines: &mut Vec<Line>,
    mut of: impl FnMut(usize, &[Line]),
) {
    let records = &person.records;
    let mut typed = Typed { sources, lines, of: &mut of };
    typed.rows("hukou", records.hukou.as_slice());
    typed.rows("vehicle", &records.vehicles);
    typed.rows("employment_income", &records.incomes);
    typed.rows("social_insurance", &records.insurance);
    typed.rows("pension_income", &records.pensions);
    typed.rows("housing", &records.homes);
    match many(&records.deposits, key, seed) {
        Some(deposits) => typed.rows("deposit", &deposits),
        None => typed.rows("deposit", &records.deposits),
    }
    typed.rows("business", &records.businesses);
    typed.rows("security", &records.securities);
    typed.rows("insurance", &records.policies);
    typed.rows("wallet", &records.wallets);
    for (name, rows) in &records.more {
        let Some(dataset) = sources.dataset(name) else { continue };
        let columns = &sources.datasets[dataset].columns;
        for (at, row) in rows.iter().enumerate() {
            line(lines, at).fill_row(columns, row);
        }
        of(dataset, &lines[..rows.len()]);
    }
    if person.relation == "self"
        && household.members.first().is_some_and(|applicant| std::ptr::eq(applicant, person))
        && let Some(dataset) = sources.dataset("utility_use")
    {
        let count = utilities(sources, dataset, &household.utilities, lines);
        of(dataset, &lines[..count]);
    }
}

fn line(lines: &mut Vec<Line>, at: usize) -> &mut Line {
    if at == lines.len() {
        lines.push(Line::default());
    }
    &mut lines[at]
}

struct Typed<'a, F> {
    sources: &'a Sources,
    lines: &'a mut Vec<Line>,
    of: &'a mut F,
}

impl<F: FnMut(usize, &[Line])> Typed<'_, F> {
    fn rows<T: Serialize>(&mut self, name: &str, rows: &[T]) {
        let Some(dataset) = self.sources.dataset(name).filter(|_| !rows.is_empty()) else { return };
        for (at, row) in rows.iter().enumerate() {
            line(self.lines, at).fill(&self.sources.datasets[dataset].columns, row);
        }
        (self.of)(dataset, &self.lines[..rows.len()]);
    }
}

/// The accounts of somebody who has hundreds: long closed ones, which no rule counts.
fn many(deposits: &[Deposit], key: i64, seed: u64) -> Option<Vec<Deposit>> {
    let mut dice = Dice::new(seed, "many", key.unsigned_abs());
    let first = deposits.first()?;
    if dice.between(1, MANY_EACH as i64) > 1 {
        return None;
    }
    let closed = |nth: i64| Deposit {
        account: format!("6217****C{key}{nth:03}"),
        balance: hedui_base::Fen::ZERO,
        average_6m: hedui_base::Fen::ZERO,
        inflow_12m: hedui_base::Fen::ZERO,
        outflow_large_6m: hedui_base::Fen::ZERO,
        opened: date(2009, 3, 2),
        closed: Some(date(2015, 9, 1)),
        term_maturity: None,
        status: "closed".into(),
        ..first.clone()
    };
    let count = dice.between(200, 400);
    Some(deposits.iter().cloned().chain((0..count).map(closed)).collect())
}

/// The rows of a household's meters: half of all rows of a city, so their cells are set without any detour.
fn utilities(sources: &Sources, dataset: usize, accounts: &[UtilityAccount], lines: &mut Vec<Line>) -> usize {
    let columns = &sources.datasets[dataset].columns;
    let at = |name: &str| columns.names.iter().position(|n| n == name);
    let texts = ["utility", "account", "address", "holder_name", "tariff"].map(at);
    let numbers = ["month", "usage", "fee", "zero_days", "arrears", "link_score"].map(at);
    let mut count = 0;
    for account in accounts {
        let mut idle = 0;
        for month in &account.months {
            idle = if month.usage == 0 { idle + 1 } else { 0 };
            let line = line(lines, count);
            line.clear(columns);
            let words: [&str; 5] =
                [&account.utility, &account.account, &account.address, &account.holder, "residential"];
            for (at, word) in texts.into_iter().zip(words) {
                if let Some(at) = at {
                    line.set_text(columns, at, word);
                }
            }
            let values = [month.month.index(), month.usage, month.fee.fen(), idle * 30, month.arrears.fen(), SURE];
            for (at, value) in numbers.into_iter().zip(values) {
                if let Some(at) = at {
                    line.cells[at] = Cell::Int(value);
                }
            }
            line.held_by(&account.utility);
            line.name_key(columns);
            count += 1;
        }
    }
    count
}

/// A link beyond doubt, in ten thousandths.
const SURE: i64 = 10_000;
