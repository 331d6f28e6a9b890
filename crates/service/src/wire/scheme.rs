//! A scheme's finding on the wire, with what it finds of each member where it looks at members alone.

use hedui_verify as v;
use serde::Serialize;
use utoipa::ToSchema;

/// One aid programme.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Scheme {
    scheme: String,
    title: String,
    /// met, not_met or undetermined.
    finding: String,
    finding_zh: String,
    amount: Option<String>,
    amount_fen: Option<i64>,
    recheck_months: Option<i64>,
    /// The last day of what it gives, as shown; absent if the scheme says none or is not met.
    until: Option<String>,
    /// For a scheme of persons: the members who meet it or may.
    persons: Vec<SchemePerson>,
    cite: Option<String>,
    waiting_on: Vec<String>,
}

/// One member in a scheme of persons.
#[derive(Debug, Serialize, ToSchema)]
struct SchemePerson {
    /// Key in this data folder.
    person: u32,
    /// met or undetermined.
    finding: String,
    finding_zh: String,
    amount: Option<String>,
    amount_fen: Option<i64>,
    until: Option<String>,
    waiting_on: Vec<String>,
}

impl From<&v::SchemeLine> for Scheme {
    fn from(s: &v::SchemeLine) -> Self {
        Self {
            scheme: s.scheme.clone(),
            title: s.title.clone(),
            finding: s.finding.to_string(),
            finding_zh: s.finding_zh.clone(),
            amount: s.amount.clone(),
            amount_fen: s.amount_fen,
            recheck_months: s.recheck_months,
            until: s.until.clone(),
            persons: s.persons.iter().map(SchemePerson::from).collect(),
            cite: s.cite.clone(),
            waiting_on: s.waiting_on.clone(),
        }
    }
}

impl From<&v::SchemePersonLine> for SchemePerson {
    fn from(p: &v::SchemePersonLine) -> Self {
        Self {
            person: p.person.0,
            finding: p.finding.to_string(),
            finding_zh: p.finding_zh.clone(),
            amount: p.amount.clone(),
            amount_fen: p.amount_fen,
            until: p.until.clone(),
            waiting_on: p.waiting_on.clone(),
        }
    }
}
