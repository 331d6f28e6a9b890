//! The datasets and institutions are built into the crate: a file that comes or goes there has to build it again.

fn main() {
    println!("cargo::rerun-if-changed=../../connectors");
}
