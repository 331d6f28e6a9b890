//! The plan of `dci`: a registry that speaks the search interface of the Digital Convergence Initiative (SPDCI 1.0.0).

use super::{Given, Signer};

/// Searches of a registry, one reference a person.
#[derive(Clone, Debug)]
pub struct DciPlan {
    /// Whether the registry answers at once.
    pub mode: DciMode,
    /// Path under the site's endpoint, below which `sync/search` and its kin lie.
    pub path: String,
    /// Who we are to the registry.
    pub sender: Given,
    /// Who the registry is.
    pub receiver: String,
    /// `reg_type` of the search.
    pub reg_type: String,
    /// `reg_record_type` of the search.
    pub record_type: String,
    /// What kind of identifier a resident identity number is to the registry.
    pub id_type: String,
    /// Records a person, at most; a longer answer is not whole.
    pub page_size: usize,
    /// Fixed headers, lower case, such as a token.
    pub headers: Vec<(String, Given)>,
    /// How requests are signed.
    pub signer: Option<Signer>,
}

/// How a registry answers a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DciMode {
    /// In the same exchange.
    Sync,
    /// It acknowledges, and is asked later how far it is.
    Async,
}
