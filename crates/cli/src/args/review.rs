//! `hedui review`: flags and tasks for people.

use std::path::PathBuf;

use clap::Subcommand;

/// `hedui review`
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewVerb {
    /// List reviews, gravest first.
    List {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Only this state: open, claimed or resolved.
        #[arg(long)]
        state: Option<String>,
    },
    /// Take a review on.
    Claim {
        /// Review number.
        id: i64,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Who takes it.
        #[arg(long)]
        by: String,
    },
    /// Record what came of a review.
    Resolve {
        /// Review number.
        id: i64,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Who decided.
        #[arg(long)]
        by: String,
        /// What was found.
        #[arg(long)]
        note: String,
    },
}
