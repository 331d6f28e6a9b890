//! Manifests, replies and transports, from outside.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_manifests;
mod cells;
mod certificates;
mod databases;
mod dci;
mod drops;
mod embedded;
mod exchange;
mod formats;
mod fuzzing;
mod good_manifests;
mod linking;
mod live;
mod paging;
mod pinned;
mod reference;
mod replies;
mod support;
mod tutorial;
mod wire;
