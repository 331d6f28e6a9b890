//! How a command ends when it does not end well: what, where, how to fix, and the exit code.

use std::fmt::Display;

use hedui_base::Diagnostic;

/// Exit code: findings need attention, where asked for with `--fail-on`.
pub(crate) const ATTENTION: u8 = 1;
/// Exit code: usage or bad input.
pub(crate) const BAD_INPUT: u8 = 2;
/// Exit code: our own broken promise, or the machine's.
pub(crate) const INTERNAL: u8 = 3;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Mistakes in files someone wrote.
    Mistakes(Vec<Diagnostic>),
    /// Any other bad input.
    BadInput {
        /// What and where.
        message: String,
        /// How to fix it.
        help: Option<String>,
    },
    /// The machine's fault: a file that is missing, damaged or out of reach.
    Machine(String),
    /// Our fault.
    Internal(String),
}

impl Failure {
    /// Bad input without a place in a file.
    pub(crate) fn input(message: impl Display) -> Self {
        Self::BadInput { message: message.to_string(), help: None }
    }

    /// Bad input with advice.
    pub(crate) fn input_help(message: impl Display, help: impl Display) -> Self {
        Self::BadInput { message: message.to_string(), help: Some(help.to_string()) }
    }

    /// A file cannot be read or written. What a library says of it is for whoever looks into the program.
    pub(crate) fn machine(error: &dyn std::error::Error) -> Self {
        tracing::debug!(error = chain(error), "a file cannot be read or written");
        Self::Machine(error.to_string())
    }

    /// Something that should not happen.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self::Internal(message.to_string())
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Mistakes(_) | Self::BadInput { .. } => BAD_INPUT,
            Self::Machine(_) | Self::Internal(_) => INTERNAL,
        }
    }
}

/// An error with all its causes, joined.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
