//! Packs as folders: good ones become programs, bad ones lists of mistakes; each is a snapshot.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod packs;
mod shipped;
mod titles;
mod words;
