//! Rule packs: from text that an official can read to a typed program that the engine runs.

pub mod cases;
pub mod diagnostics;
mod folder;
pub mod functions;
mod library;
mod parameters;
pub mod program;
pub mod resolved;
mod spot;
pub mod surface;
pub mod typed;
mod value;

pub use folder::PackFolder;
pub use library::{Checked, Library, NoPack};
pub use program::Program;
pub use spot::{Spot, Spotted};
