//! The flags of `hedui demo`.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;

/// `hedui demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many households the city has.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) households: u32,
    /// Seed of the city: the same seed gives the same city.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// List every source that was asked instead of one line a class of institutions.
    #[arg(long)]
    pub(crate) sources: bool,
    /// Keep everything in this folder (city, data, results) instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// The day the check speaks about.
    #[arg(long, default_value = "2026-06-30", value_name = "DATE")]
    pub(crate) as_of: Date,
}
