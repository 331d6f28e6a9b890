//! `hedui store` and `hedui audit`: what is kept.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Span;

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
    /// Remove evidence that newer answers replaced long ago, and show that none is left. Exit code 1 if files of it wait for
    /// readers to end.
    Retain {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// How long replaced evidence is kept: days, months or years, such as 90d, 24m, 5y.
        #[arg(long, value_name = "TIME", value_parser = kept_for)]
        older_than: Span,
        /// Count what would go, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// List snapshots.
    History {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

/// A time such as `24m`.
fn kept_for(text: &str) -> Result<Span, String> {
    let wrong = || "write a whole number and d, m or y, such as 90d, 24m or 5y".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let span = match unit {
        'd' => Span::new().try_days(count),
        'm' => Span::new().try_months(count),
        'y' => Span::new().try_years(count),
        _ => return Err(wrong()),
    };
    span.ok().filter(|_| (0..=100_000).contains(&count)).ok_or_else(wrong)
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
