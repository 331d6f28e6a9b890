//! Rule packs: from text that an official can read to a typed program that the engine runs.

pub mod cases;
mod folder;
mod library;
pub mod program;

pub use folder::PackFolder;
pub use library::{Checked, Library, NoPack};
pub use program::Program;
