//! Rule packs: from text that an official can read to a typed program that the engine runs.

pub mod program;

pub use program::Program;
