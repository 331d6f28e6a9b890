//! The flags of `hedui explain`.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;

/// `hedui explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The case.
    pub(crate) case: String,
    /// A variable, fact, test, flag or scheme; without it, the amount or finding of the case's category.
    pub(crate) variable: Option<String>,
    /// Say what would have to be different for another finding of this scheme: the smallest single changes of an amount, a
    /// record, a member or a missing answer. Without a scheme, of the one that the case stands at.
    #[arg(long, value_name = "SCHEME", num_args = 0..=1, default_missing_value = "", conflicts_with = "variable")]
    pub(crate) what_if: Option<String>,
    /// Data folder. With --from: where the records are now, if they are not where they were.
    #[arg(long, value_name = "DIR", required_unless_present = "from")]
    pub(crate) data: Option<PathBuf>,
    /// Results of an earlier `hedui batch --explain`: explain by the rules and values of that day.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["what_if", "as_of"])]
    pub(crate) from: Option<PathBuf>,
    /// The day the check speaks about; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
}
