//! Runs a program over columns: kernel, bounds, explanation. Knows nothing of files, HTTP or people.

pub mod input;
pub mod output;
