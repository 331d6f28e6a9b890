//! What callers send. Read by hand (`body`, `hedui_verify::Intake`), so that every mistake is named; these types are its
//! description in OpenAPI, and a test holds both together.
#![allow(dead_code, reason = "described, not deserialised: the reader names every mistake, serde only the first")]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// One household to verify: as a whole, or a case that is on file.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct VerificationRequest {
    /// The household. Either this or `case`.
    pub(crate) household: Option<Household>,
    /// Number of a case on file. Either this or `household`.
    #[schema(example = "ZJ-000001")]
    pub(crate) case: Option<String>,
    /// Number of a letter on file that covers the household, instead of `household.letter`.
    #[schema(example = "L-000001")]
    pub(crate) authorisation: Option<String>,
    /// The day the verification speaks about; today if left out.
    #[schema(format = Date)]
    pub(crate) as_of: Option<String>,
}

/// A household under one scheme, as in `cases.json`.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Household {
    /// The bureau's number: letters, digits, `-`, `_`, `.`.
    #[schema(example = "ZJ-000001")]
    pub(crate) case: String,
    /// Scheme applied for or received.
    #[schema(example = "dibao")]
    pub(crate) scheme: String,
    /// Division code of GB/T 2260.
    #[schema(example = "321102")]
    pub(crate) area: String,
    /// `urban` or `rural`.
    pub(crate) residence: String,
    /// Whether aid is being paid.
    pub(crate) in_receipt: Option<bool>,
    /// Since when.
    #[schema(format = Date)]
    pub(crate) enrolled_on: Option<String>,
    /// Jointly living members; exactly one has the relation `self`.
    pub(crate) members: Vec<Person>,
    /// People with a legal duty to support a member, living elsewhere.
    pub(crate) obligors: Vec<Person>,
    /// Household inputs of the rule pack; amounts in yuan.
    pub(crate) declared: BTreeMap<String, serde_json::Value>,
    /// Letter of authorisation; without one nobody is asked about.
    pub(crate) letter: Option<Letter>,
}

/// One person of a household.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Person {
    /// Name.
    pub(crate) name: String,
    /// Identity number (GB 11643), as on the card.
    pub(crate) id_number: String,
    /// Relation to the applicant: self, spouse, child, parent, grandparent, grandchild, sibling, other.
    pub(crate) relation: String,
    /// Person inputs of the rule pack; amounts in yuan.
    pub(crate) declared: BTreeMap<String, serde_json::Value>,
    /// Utility accounts.
    pub(crate) accounts: Vec<Account>,
}

/// A utility account.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Account {
    /// water, power, gas, telecom or cable.
    pub(crate) utility: String,
    /// Account number; leave it out if the household does not know it, then give the address.
    pub(crate) account: Option<String>,
    /// Address it serves.
    pub(crate) address: Option<String>,
}

/// A letter of authorisation inside a household.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Letter {
    /// Number the bureau gave it.
    #[schema(example = "L-000001")]
    pub(crate) number: String,
    /// Schemes it was signed for.
    pub(crate) purposes: Vec<String>,
    /// Scopes of sources (identity, income, assets, financial, utilities); `*` covers all.
    pub(crate) scopes: Vec<String>,
    /// Identity numbers of those who signed, or whose guardian did.
    pub(crate) covers: Vec<String>,
    /// First day.
    #[schema(format = Date)]
    pub(crate) valid_from: String,
    /// Last day; none means as long as aid is received.
    #[schema(format = Date)]
    pub(crate) valid_until: Option<String>,
}

/// A letter of authorisation to file, before or after its household.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AuthorisationRequest {
    /// Number the bureau gave it.
    #[schema(example = "L-000001")]
    pub(crate) number: String,
    /// Area it was signed in; must lie in the area of the key.
    #[schema(example = "321102")]
    pub(crate) area: String,
    /// A case on file that it is given for.
    pub(crate) case: Option<String>,
    /// Schemes it was signed for.
    pub(crate) purposes: Vec<String>,
    /// Scopes of sources; `*` covers all.
    pub(crate) scopes: Vec<String>,
    /// Those who signed, or whose guardian did.
    pub(crate) covers: Vec<Signer>,
    /// First day.
    #[schema(format = Date)]
    pub(crate) valid_from: String,
    /// Last day; none means as long as aid is received.
    #[schema(format = Date)]
    pub(crate) valid_until: Option<String>,
}

/// Who signed a letter.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Signer {
    /// Name.
    pub(crate) name: String,
    /// Identity number.
    pub(crate) id_number: String,
}

/// From when a letter is withdrawn.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct RevokeRequest {
    /// First day on which it allows nothing any more; today if left out.
    #[schema(format = Date)]
    pub(crate) on: Option<String>,
}
