//! `hedui store` and `hedui audit`: what is kept.

use std::path::PathBuf;

use clap::Subcommand;

/// `hedui store`
#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Check every file against the catalogue.
    Verify {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Merge small files.
    Compact {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// List snapshots.
    History {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

/// `hedui audit`
#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Check the chain of audit leaves.
    Verify {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Show the last leaves.
    Show {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 20)]
        last: usize,
    },
}
