//! Rows without an identity number and whose they are: by account, else by address, with a score.
//!
//! A score says how surely two addresses are one home, in ten thousandths. It is never high where a number differs. From
//! the manifest's `min_score` it is a link, and goes with the record; between [`UNCERTAIN`] and that a person must look,
//! and so where two homes are equally alike; below it two addresses have nothing to do with each other.

mod address;
mod book;
mod places;
mod score;

pub(crate) use address::Address;
pub(crate) use book::{Book, Match};
pub(crate) use places::Places;
pub(crate) use score::{compatible, score};

use unicode_normalization::UnicodeNormalization;

/// Below it two addresses have nothing to do with each other.
pub(crate) const UNCERTAIN: i64 = 7_500;
/// The same home beyond doubt.
pub(crate) const CERTAIN: i64 = 10_000;

/// An account as accounts are compared: NFKC, upper case, no blanks.
pub(crate) fn fold_account(account: &str) -> String {
    account.nfkc().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}
