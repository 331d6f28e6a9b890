//! The body that opens cases: `cases.json` of a batch, or one household through the API.
//!
//! Strict: an unknown key is a problem, and every problem is listed with a JSON pointer and without the value.

mod declared;
mod read;

pub(crate) use declared::{DeclaredValue, read_declared};

use std::collections::BTreeMap;

use hedui_base::{AreaCode, CaseId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Problem, VerifyError};

/// Households to accept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// One per case.
    pub households: Vec<IntakeHousehold>,
}

/// One household under one scheme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeHousehold {
    /// The bureau's number.
    pub case: CaseId,
    /// Scheme applied for or received.
    pub scheme: String,
    /// Area of the household.
    pub area: AreaCode,
    /// `urban` or `rural`.
    pub residence: String,
    /// Whether aid is being paid.
    #[serde(default)]
    pub in_receipt: bool,
    /// Since when, if it is; rechecks count from here.
    #[serde(default)]
    pub enrolled_on: Option<Date>,
    /// Jointly living members, the applicant (`self`) among them.
    pub members: Vec<IntakePerson>,
    /// People with a legal duty to support a member.
    #[serde(default)]
    pub obligors: Vec<IntakePerson>,
    /// Household inputs of the pack.
    #[serde(default)]
    pub declared: BTreeMap<String, serde_json::Value>,
    /// Letter of authorisation; without one nobody is asked.
    #[serde(default)]
    pub letter: Option<IntakeLetter>,
}

/// One person. `Debug` shows neither name nor number.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakePerson {
    /// Name.
    pub name: String,
    /// Identity number.
    pub id_number: String,
    /// Relation to the applicant.
    pub relation: String,
    /// Person inputs of the pack.
    #[serde(default)]
    pub declared: BTreeMap<String, serde_json::Value>,
    /// Utility accounts.
    #[serde(default)]
    pub accounts: Vec<IntakeAccount>,
}

impl std::fmt::Debug for IntakePerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntakePerson").field("relation", &self.relation).finish_non_exhaustive()
    }
}

/// A utility account. `Debug` shows neither number nor address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeAccount {
    /// `water`, `power`, `gas`, `telecom`, `cable`.
    pub utility: String,
    /// Account number; none if the household does not know it, then there is an address.
    #[serde(default)]
    pub account: Option<String>,
    /// Address; none only beside an account number.
    #[serde(default)]
    pub address: Option<String>,
}

impl std::fmt::Debug for IntakeAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntakeAccount").field("utility", &self.utility).finish_non_exhaustive()
    }
}

/// A letter of authorisation. `Debug` shows no numbers of people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeLetter {
    /// Number the bureau gave it.
    pub number: String,
    /// Schemes it was signed for.
    pub purposes: Vec<String>,
    /// Scopes of sources; `*` covers all.
    pub scopes: Vec<String>,
    /// Identity numbers of those who signed (or whose guardian did).
    pub covers: Vec<String>,
    /// First day.
    pub valid_from: Date,
    /// Last day; none means as long as aid is received.
    #[serde(default)]
    pub valid_until: Option<Date>,
}

impl std::fmt::Debug for IntakeLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntakeLetter").field("number", &self.number).field("covers", &self.covers.len()).finish()
    }
}

impl Intake {
    /// Reads and checks a whole `cases.json`.
    ///
    /// # Errors
    /// [`VerifyError::Input`] with every problem.
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let code = if error.is_eof() { "json_truncated" } else { "json_syntax" };
            VerifyError::Input(vec![Problem {
                at: String::new(),
                code: code.to_owned(),
                message: format!("not JSON: something is wrong at {place}"),
            }])
        })?;
        Self::from_json(&value)
    }

    /// Reads and checks a JSON value: `{"households": [..]}`.
    ///
    /// # Errors
    /// [`VerifyError::Input`] with every problem.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, VerifyError> {
        let mut problems = Vec::new();
        let intake = read::intake(value, &mut problems);
        match intake {
            Some(intake) if problems.is_empty() => Ok(intake),
            _ => Err(VerifyError::Input(problems)),
        }
    }

    /// Reads and checks one household, as the API receives it; pointers begin at `base`, such as `/household`.
    ///
    /// # Errors
    /// [`VerifyError::Input`] with every problem.
    pub fn household_from_json(value: &serde_json::Value, base: &str) -> Result<IntakeHousehold, VerifyError> {
        let mut problems = Vec::new();
        let household = read::household(value, base, &mut problems);
        match household {
            Some(household) if problems.is_empty() => Ok(household),
            _ => Err(VerifyError::Input(problems)),
        }
    }
}
