//! The plan of `drop`.

use std::time::Duration;

use hedui_base::Month;

use super::{Login, Via};
use crate::ask::AskPeriod;
use crate::parse::grid::Layout;

/// Files dropped into a folder, ours or one on the institution's server, one period each.
#[derive(Clone, Debug)]
pub struct DropPlan {
    /// How the institution offers the folder.
    pub via: Via,
    /// Who we are on its server; none for a folder.
    pub login: Option<Login>,
    /// The folder below what the account or the endpoint shows.
    pub dir: String,
    /// Name with `{yyyymm}`, `{yyyy}`, `{mm}`, `{q}`, and `*` for anything.
    pub file: String,
    /// How long a period of one file is.
    pub every: Every,
    /// Whether of several files of a period the last one, by name, stands for all; otherwise they are parts of it.
    pub replace: bool,
    /// Suffix of the empty file that says "complete"; none if the institution writes no such file.
    pub marker: Option<String>,
    /// How long a file must have lain unchanged.
    pub stable: Option<Duration>,
    /// How the table in it is laid out.
    pub layout: Layout,
}

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// A month.
    Month,
    /// Three months from January, April, July or October.
    Quarter,
    /// A year from January.
    Year,
}

/// One period of a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    every: Every,
    /// Its first month.
    pub from: Month,
    /// Its last month.
    pub until: Month,
}

impl Every {
    const fn months(self) -> i64 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }

    /// The period a month lies in.
    #[must_use]
    pub fn slot(self, month: Month) -> Option<Slot> {
        let length = self.months();
        // Month indexes may count from any month: what counts is the month of the year.
        let into = (i64::from(month.month()) - 1) % length;
        let from = Month::from_index(month.index() - into)?;
        Some(Slot { every: self, from, until: Month::from_index(from.index() + length - 1)? })
    }

    /// The periods that touch the months asked for and are over by the last of them, in order.
    #[must_use]
    pub fn slots(self, period: AskPeriod) -> Vec<Slot> {
        let mut slots: Vec<Slot> = period.months().filter_map(|month| self.slot(month)).collect();
        slots.dedup();
        slots.retain(|slot| slot.until <= period.until);
        slots
    }

    /// Which marks a file name must have, and what they are called.
    pub(crate) fn is_told_by(self, name: &str) -> bool {
        let has = |mark: &str| name.contains(mark);
        match self {
            Self::Month => has("{yyyymm}") || (has("{yyyy}") && has("{mm}")),
            Self::Quarter => has("{yyyy}") && has("{q}"),
            Self::Year => has("{yyyy}"),
        }
    }
}

impl Slot {
    /// Its name: `2026-05`, `2026Q2`, `2026`.
    #[must_use]
    pub fn label(self) -> String {
        match self.every {
            Every::Month => self.from.to_string(),
            Every::Quarter => format!("{:04}Q{}", self.from.year(), (self.from.month() + 2) / 3),
            Every::Year => format!("{:04}", self.from.year()),
        }
    }

    /// The period of a name.
    #[must_use]
    pub fn parse(every: Every, label: &str) -> Option<Self> {
        let first = match every {
            Every::Month => label.parse().ok()?,
            Every::Quarter => {
                let (year, quarter) = label.split_once('Q')?;
                Month::new(year.parse().ok()?, quarter.parse::<i32>().ok()?.checked_mul(3)?.checked_sub(2)?)?
            }
            Every::Year => Month::new(label.parse().ok()?, 1)?,
        };
        every.slot(first).filter(|slot| slot.label() == label)
    }

    /// A file name of this period; `*` stays.
    #[must_use]
    pub fn file(self, name: &str) -> String {
        let (year, month) = (format!("{:04}", self.from.year()), format!("{:02}", self.from.month()));
        name.replace("{yyyymm}", &format!("{year}{month}"))
            .replace("{yyyy}", &year)
            .replace("{mm}", &month)
            .replace("{q}", &((self.from.month() + 2) / 3).to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn periods_are_those_that_are_over() {
        let period = AskPeriod { from: "2025-06".parse().unwrap(), until: "2026-05".parse().unwrap() };
        let labels = |every: Every| every.slots(period).into_iter().map(Slot::label).collect::<Vec<_>>();
        assert_eq!(labels(Every::Month).len(), 12);
        assert_eq!(labels(Every::Quarter), ["2025Q2", "2025Q3", "2025Q4", "2026Q1"]);
        assert_eq!(labels(Every::Year), ["2025"]);
        for (every, label) in [(Every::Month, "2026-05"), (Every::Quarter, "2025Q4"), (Every::Year, "2025")] {
            assert_eq!(Slot::parse(every, label).unwrap().label(), label);
        }
        assert_eq!(Slot::parse(Every::Quarter, "2025Q5"), None);
        let quarter = Slot::parse(Every::Quarter, "2025Q4").unwrap();
        assert_eq!(quarter.file("工会_{yyyy}Q{q}_*.xls"), "工会_2025Q4_*.xls");
    }
}
