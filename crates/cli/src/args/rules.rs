//! `hedui rules`: rule packs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::SimulateArgs;

/// `hedui rules`
#[derive(Debug, Subcommand)]
pub(crate) enum RulesVerb {
    /// Check packs and list every mistake with its place.
    Check {
        /// Pack names or folders; default: all built-in packs.
        packs: Vec<String>,
        /// The day for which confirmations and exemptions are looked at; default: today.
        #[arg(long, value_name = "DATE")]
        on: Option<Date>,
    },
    /// Run the cases of packs and print what no case reaches; with --mutate also which slips in the rules none notices.
    Test(RulesTestArgs),
    /// Write a pack as a readable book: every rule in words, with its clause, its parameters on a day and an example.
    Show(ShowArgs),
    /// Try a reform on a caseload: who enters, leaves, gains and loses, what it costs; exit code 1 on mass exits.
    Simulate(Box<SimulateArgs>),
    /// Say in words what changed between two packs, or two states of one, and what depends on each change.
    Diff(DiffArgs),
}

/// `hedui rules diff`
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older pack: a name or folder.
    pub(crate) old: String,
    /// The newer pack: a name or folder.
    pub(crate) new: String,
    /// Compare only what is in force on this day; default: all rows and versions.
    #[arg(long, value_name = "DATE")]
    pub(crate) on: Option<Date>,
    /// Language of the words.
    #[arg(long, value_enum, default_value_t = BookLang::Zh)]
    pub(crate) lang: BookLang,
    /// Markdown, or one HTML page that needs no other file.
    #[arg(long, value_enum, default_value_t = BookFormat::Md)]
    pub(crate) format: BookFormat,
    /// Write to a file instead.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// End with 1 if anything differs.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// `hedui rules show`
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Pack name or folder.
    pub(crate) pack: String,
    /// The day whose parameters and versions are shown; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) on: Option<Date>,
    /// Language of the book.
    #[arg(long, value_enum, default_value_t = BookLang::Zh)]
    pub(crate) lang: BookLang,
    /// Markdown, or one HTML page that needs no other file.
    #[arg(long, value_enum, default_value_t = BookFormat::Md)]
    pub(crate) format: BookFormat,
    /// Write to a file instead.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Language of a book.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BookLang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// Format of a book.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BookFormat {
    /// Markdown.
    Md,
    /// HTML.
    Html,
}

/// `hedui rules test`
#[derive(Debug, Args)]
pub(crate) struct RulesTestArgs {
    /// Pack names or folders; default: all built-in packs.
    pub(crate) packs: Vec<String>,
    /// Exit with 1 also if the cases leave out a rule, a side of a condition or a row of a parameter.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Change limits, comparisons and rates one at a time and list the changes that no case notices.
    #[arg(long)]
    pub(crate) mutate: bool,
    /// Exit with 1 if fewer of the changes are noticed, in per cent.
    #[arg(long, value_name = "PERCENT", requires = "mutate", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) at_least: Option<u8>,
    /// Try only so many changes of each pack.
    #[arg(long, value_name = "N", requires = "mutate")]
    pub(crate) sample: Option<usize>,
    /// Which: the same seed chooses the same changes.
    #[arg(long, default_value_t = 1, requires = "sample")]
    pub(crate) seed: u64,
    /// Threads; default: one a processor.
    #[arg(long, value_name = "N", requires = "mutate")]
    pub(crate) threads: Option<usize>,
}
