//! The engine from outside: programs built by hand, worlds with holes in them.
#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod build;
mod complete;
mod counterfactual;
mod errors;
mod explanation;
mod flags;
mod months;
mod packed;
mod packs;
mod parameters;
mod persons;
mod properties;
mod proven;
mod random;
mod reference;
mod remembered;
mod rulebook;
mod scale;
mod stored;
mod unknown;
mod versions;
mod written;
