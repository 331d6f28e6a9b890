//! `hedui source`: institutions, and where further ones come from.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

/// Where extra institutions come from.
#[derive(Debug, Args, Clone)]
pub(crate) struct ConnectorArgs {
    /// A folder of further institutions (one folder each with connector.toml), besides the built-in ones and those in
    /// `connectors` of the data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) connectors: Option<PathBuf>,
}

/// `hedui source`
#[derive(Debug, Subcommand)]
pub(crate) enum SourceVerb {
    /// List institutions and their sources.
    List {
        /// By class and institution, with how many items each gives, and the totals.
        #[arg(long)]
        items: bool,
        /// Data folder whose own `connectors` are listed too.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Extra institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
    /// Print the JSON Schema of manifests, for editors.
    Schema,
    /// Print the reference page of all institutions and their items (Markdown).
    Reference {
        /// Extra institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
    /// Check manifests and list every mistake with its place.
    Check {
        /// A manifest, an institution's folder or a folder of institutions; default: the built-in ones.
        path: Option<PathBuf>,
        /// Data folder whose `site.toml` is checked along with them; without a path also its own `connectors`.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The site file itself, such as that of the test environment: endpoints, and every secret that manifests name.
        #[arg(long, value_name = "FILE", conflicts_with = "data")]
        site: Option<PathBuf>,
    },
    /// Ask one source about one case's people and show what it says, without storing anything.
    Try {
        /// Source, such as `police.hukou`.
        source: String,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Case whose people are asked about, under its letter.
        #[arg(long, value_name = "CASE")]
        case: String,
        /// The day the question is about; default: today.
        #[arg(long, value_name = "DATE")]
        as_of: Option<Date>,
        /// Extra institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
    /// What a source has answered about one case's people, row by row; nobody is asked.
    Answers(AnswersArgs),
    /// How the sources are doing: state, answers, latency, budget, what waits and what needs attention.
    Health {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Extra institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
    /// What was set aside from a source's replies: reason, place, ask and time.
    Quarantine {
        /// Source, such as `police.hukou`.
        source: String,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// At most so many, newest first.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
        /// Extra institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
    /// Read kept replies again after the manifest was mended, and settle what they say; nobody is asked.
    Reprocess {
        /// Source, such as `police.hukou`.
        source: String,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Extra institutions: where the mended manifest lies.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
    /// What another manifest would make of the kept replies: which evidence would change. Writes nothing.
    Replay(ReplayArgs),
}

/// `hedui source answers`
#[derive(Debug, Args)]
pub(crate) struct AnswersArgs {
    /// Source, such as `police.hukou`.
    pub(crate) source: String,
    /// Data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The case.
    #[arg(long, value_name = "CASE")]
    pub(crate) case: String,
    /// The day the check speaks about; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Extra institutions.
    #[command(flatten)]
    pub(crate) connectors: ConnectorArgs,
}

/// `hedui source replay`
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Source, such as `police.hukou`.
    pub(crate) source: String,
    /// Data folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The other manifest.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    /// List the asks that would change, by number.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Only replies settled on this day or later.
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<Date>,
    /// End with exit code 1 if any evidence would change.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Extra institutions.
    #[command(flatten)]
    pub(crate) connectors: ConnectorArgs,
}
