//! The flags of what compares: `hedui batch` and `hedui check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::civil::Date;

/// `hedui batch`
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["data", "records"])))]
pub(crate) struct BatchArgs {
    /// Data folder with acquired answers.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A plain folder of CSV or Parquet files, one per dataset, instead of a data folder: no connector needed.
    #[arg(long, value_name = "DIR", requires_all = ["cases", "rules", "as_of"])]
    pub(crate) records: Option<PathBuf>,
    /// Cases: with --records a CSV or Parquet file; with --data a JSON file, or none for all cases in the folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
    /// A pack by name, or its folder; with --data the pack follows from each case's area and the day.
    #[arg(long, value_name = "PACK", conflicts_with = "data")]
    pub(crate) rules: Option<String>,
    /// The day the check speaks about; default with --data: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Folder for findings.parquet, flags.parquet and summary.json.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// With --records: set cases with bad input aside in rejected.csv and go on.
    #[arg(long, requires = "records")]
    pub(crate) lenient: bool,
    /// Store what explains every household later in explanations.parquet; `hedui explain --from OUT CASE` renders it.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Threads for cases that lie in the store; default: as many as the machine has. No number changes a result.
    #[arg(long, value_name = "N", requires = "data")]
    pub(crate) threads: Option<usize>,
    /// Exit with 1 if any case has this.
    #[arg(long, value_enum)]
    pub(crate) fail_on: Option<BatchFailOn>,
}

/// What of a batch counts as needing attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BatchFailOn {
    /// A flag of severity high or critical.
    Flags,
    /// A finding that is undetermined.
    Undetermined,
}

/// `hedui check`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The case.
    pub(crate) case: String,
    /// Data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The day the check speaks about; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
}
