//! Manifests: TOML with places, read block by block into a typed plan, checked against the dataset it maps to.

pub(crate) mod block;
pub(crate) mod tree;

mod model;
mod plans;
mod read;
mod read_layout;
pub(crate) mod read_limits;
mod read_map;
mod read_outcome;
mod read_transport;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod schema;

pub use model::*;
pub use plans::*;
pub(crate) use read::{Files, read_manifest};
