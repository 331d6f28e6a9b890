//! What goes wrong at institutions, on purpose: kinds of faults, plans of them, and what they do while served.
//!
//! Seeded: the same plan with the same seed spoils the same requests and the same people. A fault may heal by itself
//! after so many requests or seconds, or when [`Servers::heal`](crate::Servers::heal) is called.

mod chaos;
mod kind;
mod parse;
mod plan;
mod trouble;

use std::time::Duration;

pub use chaos::{Target, chaos, chaos_least_met};
pub use kind::{FaultKind, Way};
pub use parse::UnknownFault;
pub use plan::PlanError;
pub(crate) use trouble::{Mood, Trouble};

/// When a fault heals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heal {
    /// Not by itself.
    #[default]
    Never,
    /// After so many requests to the source. Where nobody sees requests ([`Way::is_watched`]: folders and database files)
    /// it never heals by itself.
    Requests(u64),
    /// After so long.
    After(Duration),
}

/// One fault: what, where, how much, how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// An institution (`bank_jinshan`), one of its sources (`bank.jinshan`, `hrss.pension`), or `all`.
    pub place: String,
    /// How much, in thousandths: of the requests, rows or people that it hits; for `latency`, `slow` and `slow_body` the
    /// milliseconds; for `late` the looks that find nothing. None means the kind's own [`FaultKind::usual`].
    pub intensity: Option<u32>,
    /// Until when.
    pub heal: Heal,
}

impl Fault {
    /// A fault as its kind usually is, for good.
    #[must_use]
    pub fn new(kind: FaultKind, place: impl Into<String>) -> Self {
        Self { kind, place: place.into(), intensity: None, heal: Heal::Never }
    }

    /// How much: what was given, or what is usual.
    #[must_use]
    pub fn strength(&self) -> u32 {
        self.intensity.unwrap_or_else(|| self.kind.usual())
    }
}

/// Everything that goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The faults of one source of an institution.
    pub(crate) fn of(&self, institution: &str, source: &str) -> Vec<Fault> {
        self.0.iter().filter(|f| [institution, source, "all"].contains(&f.place.as_str())).cloned().collect()
    }

    /// Places that are named.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|fault| fault.place.as_str()).filter(|place| *place != "all")
    }
}
