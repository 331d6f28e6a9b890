use serde::{Deserialize, Serialize};

/// What is true about a city: which anomalies were planted, which flags they must raise, and what changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// One per planted anomaly that still stands.
    pub planted: Vec<Planted>,
    /// Every flag that ought to be raised, planted or a consequence; any other raised flag is without cause.
    pub expected: Vec<Expected>,
    /// What happened when the city moved on; empty for a new city.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// One planted anomaly: what is wrong, with whom, and which source reveals it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// The case.
    pub case: String,
    /// Which member, counted from 0 in the order of the intake; 0 for the household as a whole.
    pub person_index: usize,
    /// The flag that must be raised.
    pub flag: String,
    /// The source that reveals it.
    pub source: String,
}

/// One flag that ought to be raised for a case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expected {
    /// The case.
    pub case: String,
    /// The flag.
    pub flag: String,
}

/// One change of a city that moved on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The case.
    pub case: String,
    /// Which member, counted from 0 in the order of the intake.
    pub person_index: usize,
    /// `job`, `death`, `car`, `pension` or `release`.
    pub kind: String,
    /// The flag it raises or clears, if any.
    pub flag: Option<String>,
    /// The source that shows it.
    pub source: String,
}
