//! The plan of `sql`.

use std::time::Duration;

use super::Given;

/// A read-only view. The site's endpoint says which database holds it: `sqlite:`, `postgres://` or `mysql://`.
#[derive(Clone, Debug)]
pub struct SqlPlan {
    /// One SELECT with `:id_number[]` where the numbers go, and `:period_from`, `:period_until` where months are asked for.
    pub query: String,
    /// All that any SELECT here may read.
    pub views: Vec<String>,
    /// Who reads; not needed for a file.
    pub login: Option<SqlLogin>,
    /// By which grammar the SELECTs are checked.
    pub dialect: Dialect,
    /// Counts the view.
    pub health: Option<String>,
    /// Rows the view must hold for an empty result to mean anything.
    pub health_min: u64,
    /// How old the view may be.
    pub loaded: Option<LoadedPlan>,
}

/// A read-only account.
#[derive(Clone, Debug)]
pub struct SqlLogin {
    /// User.
    pub user: Given,
    /// Password.
    pub password: Given,
}

/// When the view was filled last, so that a copy that stands still clears nobody.
#[derive(Clone, Debug)]
pub struct LoadedPlan {
    /// One SELECT of one day: a date, a time stamp, or a text that begins with `2026-06-30` or `20260630`.
    pub query: String,
    /// How old that day may be.
    pub within: Duration,
}

/// A grammar of SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// What all of them understand.
    #[default]
    Generic,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
}

/// What goes into a SELECT from outside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlSlot {
    /// `:id_number[]`: one mark for every form of every number.
    IdNumbers,
    /// `:period_from`: first day of the first month.
    PeriodFrom,
    /// `:period_until`: last day of the last month.
    PeriodUntil,
}

impl SqlSlot {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::IdNumbers, Self::PeriodFrom, Self::PeriodUntil];

    /// As a SELECT writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::IdNumbers => ":id_number[]",
            Self::PeriodFrom => ":period_from",
            Self::PeriodUntil => ":period_until",
        }
    }

    /// Cuts a SELECT at its slots: each piece of text with the slot that follows it; the last has none.
    #[must_use]
    pub fn split(text: &str) -> Vec<(&str, Option<Self>)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((at, slot)) =
            Self::ALL.iter().filter_map(|slot| Some((rest.find(slot.text())?, *slot))).min_by_key(|(at, _)| *at)
        {
            pieces.push((&rest[..at], Some(slot)));
            rest = &rest[at + slot.text().len()..];
        }
        pieces.push((rest, None));
        pieces
    }
}
