//! Manifests, replies and transports, from outside.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_manifests;
mod embedded;
mod live;
mod pinned;
mod replies;
mod support;
