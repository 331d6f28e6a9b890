//! The datasets and institutions are built into the crate: a file that comes or goes there has to build it again.
#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=../../connectors");
}
