use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Faults, ServeError};

/// The institutions of a city, by the id of their folder under `connectors/institutions`.
pub const INSTITUTIONS: [&str; 11] = [
    "police",
    "vehicle",
    "tax",
    "hrss",
    "housing",
    "market",
    "bank_jinshan",
    "bank_beigu",
    "bank_jiaoshan",
    "water",
    "finance",
];

/// Which institutions to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// Only these.
    Only(BTreeSet<String>),
    /// All but these.
    Except(BTreeSet<String>),
}

impl Which {
    /// Whether an institution is meant.
    #[must_use]
    pub fn has(&self, institution: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(institution),
            Self::Except(names) => !names.contains(institution),
        }
    }

    /// Refuses names that no institution has, so that a typo serves nothing by accident.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        let (Self::Only(names) | Self::Except(names)) = self else { return Ok(()) };
        match names.iter().find(|n| !INSTITUTIONS.contains(&n.as_str())) {
            Some(unknown) => Err(ServeError::UnknownInstitution { id: unknown.clone() }),
            None => Ok(()),
        }
    }
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Which institutions.
    pub which: Which,
    /// What goes wrong.
    pub faults: Faults,
    /// How long a bank takes from a request file to its reply file.
    pub reply_delay: Duration,
    /// How long a `slow` institution waits before each answer.
    pub slow_delay: Duration,
    /// Fixed ports by institution; a free one is taken for the others.
    pub ports: BTreeMap<String, u16>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            which: Which::All,
            faults: Faults::default(),
            reply_delay: Duration::from_millis(200),
            slow_delay: Duration::from_secs(2),
            ports: BTreeMap::new(),
        }
    }
}
