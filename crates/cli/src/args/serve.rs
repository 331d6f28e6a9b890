//! `hedui serve` and `hedui key`: the HTTP API.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

/// `hedui serve`
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Addresses and secrets of the institutions; default: `site.toml` in the data folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) site: Option<PathBuf>,
    /// Take this day as today (for simulated cities).
    #[arg(long, value_name = "DATE")]
    pub(crate) today: Option<Date>,
}

/// `hedui key`
#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make an API key for an area; it is shown once.
    Add {
        /// Data folder; created if missing.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Who will use it.
        #[arg(long)]
        name: String,
        /// Area whose households it may check, such as 321100.
        #[arg(long)]
        area: String,
    },
}
