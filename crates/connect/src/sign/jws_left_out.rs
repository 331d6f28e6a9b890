//! Tokens where nothing is asked: the library for them is left out, so no key is good enough and no token is right.

use super::{BadKey, Signed};
use crate::manifest::JwsAlgorithm;

const LEFT_OUT: BadKey = BadKey { wanted: "a key for tokens, which only a build with the feature `transports` knows" };

pub(super) const fn check_key(_: JwsAlgorithm, _: &[u8]) -> Result<(), BadKey> {
    Err(LEFT_OUT)
}

pub(super) const fn sign(_: JwsAlgorithm, _: &[u8], _: &Signed<'_>) -> Result<String, BadKey> {
    Err(LEFT_OUT)
}

pub(super) const fn verify(_: JwsAlgorithm, _: &[u8], _: &Signed<'_>, _: &str) -> bool {
    false
}
