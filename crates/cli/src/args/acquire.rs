//! The flags of what asks institutions: `hedui acquire` and `hedui recheck`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::ConnectorArgs;

/// `hedui acquire`
#[derive(Debug, Args)]
pub(crate) struct AcquireArgs {
    /// Data folder; created if missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Households with their letters (JSON); without it, the cases already in the data folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
    /// The day the check speaks about; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Only these sources.
    #[arg(long, value_name = "SOURCE,..", value_delimiter = ',')]
    pub(crate) sources: Vec<String>,
    /// How long to wait for institutions that answer by file, in seconds; what is not there then stays pending.
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub(crate) wait: u64,
    /// Addresses and secrets of the institutions; default: `site.toml` in the data folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) site: Option<PathBuf>,
    /// Extra institutions.
    #[command(flatten)]
    pub(crate) connectors: ConnectorArgs,
    /// Exit with 1 if this is left.
    #[arg(long, value_enum)]
    pub(crate) fail_on: Option<AcquireFailOn>,
}

/// What of an acquire counts as needing attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcquireFailOn {
    /// Any ask without an answer.
    Unknown,
    /// Any quarantined row.
    Quarantine,
}

/// `hedui recheck`
#[derive(Debug, Args)]
pub(crate) struct RecheckArgs {
    /// Data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Households due on or before this day are run, as of this day; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) due: Option<Date>,
    /// Compare with the answers already stored instead of asking the sources again.
    #[arg(long)]
    pub(crate) no_acquire: bool,
    /// How long to wait for institutions that answer by file, in seconds.
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub(crate) wait: u64,
    /// Addresses and secrets of the institutions; default: `site.toml` in the data folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) site: Option<PathBuf>,
}
