//! The `hedui` command as its users run it: real processes, real servers on loopback, real files.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it must be")]

mod page;
mod scene;

mod broken_texts;
mod cluster;
mod dropped;
mod faults;
mod interrupted;
mod letters;
mod outage;
mod plain_folder;
mod proving;
mod recheck;
mod rereading;
mod simulate;
mod spoiled;
mod torture;
mod tutorial;
