//! `hedui sim`: cities, their institutions, what goes wrong on purpose.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::ConnectorArgs;

/// `hedui sim`
#[derive(Debug, Subcommand)]
pub(crate) enum SimVerb {
    /// Write a city: its registers, its cases, and the truth about them; or move one on in time.
    City {
        /// Folder of the city.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// How many households.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=20_000_000))]
        households: u32,
        /// Seed.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// The day its registers speak about.
        #[arg(long, default_value = "2026-06-30", value_name = "DATE")]
        as_of: Date,
        /// Move the city in `--out` on by so many months instead of writing a new one.
        #[arg(long, value_name = "MONTHS", conflicts_with_all = ["households", "seed", "as_of"])]
        advance: Option<u32>,
        /// Write the city straight into a store, without servers and identity numbers: for millions of households.
        #[command(flatten)]
        direct: DirectArgs,
    },
    /// Take unsorted rows keyed by invented numbers into a store: number to key, bucket, sort, write.
    Ingest(IngestArgs),
    /// List the kinds of faults and what each does on each transport.
    Faults,
    /// Whole acquisitions under random faults and kills, each compared with a calm one of the same city.
    Torture(TortureArgs),
    /// Serve a city's institutions over their real protocols on loopback until interrupted.
    Serve {
        /// Folder of the city.
        #[arg(long, value_name = "DIR")]
        city: PathBuf,
        /// Data folder whose `site.toml` gets the addresses; default: the city's own folder.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Only these institutions.
        #[arg(long, value_name = "ID,..", value_delimiter = ',', conflicts_with = "except")]
        only: Vec<String>,
        /// All but these institutions.
        #[arg(long, value_name = "ID,..", value_delimiter = ',')]
        except: Vec<String>,
        /// Views lie in the PostgreSQL and MariaDB installed here, and not in SQLite files.
        #[arg(long)]
        databases: bool,
        /// Calls a second that every institution takes, whatever its manifest says: measures hedui, not their patience.
        #[arg(long, value_name = "CALLS")]
        rate: Option<NonZeroU32>,
        /// Further institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
        /// What goes wrong on purpose.
        #[command(flatten)]
        faults: FaultArgs,
    },
}

/// `hedui sim city --direct`
#[derive(Debug, Args)]
pub(crate) struct DirectArgs {
    /// Write the city straight into the store of a data folder: no servers, no ledger people, no identity numbers.
    #[arg(long, conflicts_with = "advance")]
    pub(crate) direct: bool,
    /// Data folder; default: `data` in the city's folder.
    #[arg(long, value_name = "DIR", requires = "direct")]
    pub(crate) data: Option<PathBuf>,
    /// People per mille who have at least one source that does not answer.
    #[arg(long, value_name = "PERMILLE", default_value_t = 70, requires = "direct", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) unknown: u32,
    /// Of the three households in ten that could get an anomaly, each so many-th gets one.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "direct", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) planted_each: u64,
    /// People of a bucket in a new store.
    #[arg(long, value_name = "PEOPLE", default_value_t = 16_384, requires = "direct", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bucket_people: u32,
    /// Threads; default: all cores.
    #[arg(long, value_name = "N", requires = "direct")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Do not fill the store: write the rows to this folder as institutions would hand them over, unsorted and keyed by
    /// invented numbers, for `hedui sim ingest`.
    #[arg(long, value_name = "DIR", requires = "direct")]
    pub(crate) exchange: Option<PathBuf>,
}

/// `hedui sim ingest`
#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// Folder that `hedui sim city --direct --exchange` wrote.
    #[arg(long, value_name = "DIR")]
    pub(crate) exchange: PathBuf,
    /// Data folder with an empty store.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The day of the city.
    #[arg(long, default_value = "2026-06-30", value_name = "DATE")]
    pub(crate) as_of: Date,
    /// People of a bucket in a new store.
    #[arg(long, value_name = "PEOPLE", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bucket_people: u32,
    /// Threads; default: all cores.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// `hedui sim torture`
#[derive(Debug, Args)]
pub(crate) struct TortureArgs {
    /// Begin further rounds for so long; without it and --rounds, one round.
    #[arg(long, value_name = "N")]
    pub(crate) minutes: Option<f64>,
    /// So many rounds, at most.
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<u64>,
    /// Households of each round's city.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) households: u32,
    /// Seed of the first round; each further round has the next.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Runs of a round that are to be killed.
    #[arg(long, default_value_t = 13)]
    pub(crate) kills: usize,
    /// Seconds after which the last fault of a round has healed.
    #[arg(long, default_value_t = 8.0, value_name = "SECONDS")]
    pub(crate) within: f64,
    /// Ask only these sources.
    #[arg(long, value_name = "SOURCE,..", value_delimiter = ',')]
    pub(crate) sources: Vec<String>,
    /// End with 1 where something could strike, or be killed at, and never did; usual from 5 minutes on.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Go on from what `hedui --json sim torture` printed: what was met there least comes first here.
    #[arg(long, value_name = "FILE")]
    pub(crate) after: Option<PathBuf>,
    /// Keep the rounds' folders here.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Further institutions.
    #[command(flatten)]
    pub(crate) connectors: ConnectorArgs,
}

/// What goes wrong on purpose at served institutions.
#[derive(Debug, Args, Clone)]
pub(crate) struct FaultArgs {
    /// A fault: KIND=ID:INTENSITY:UNTIL,.. (the last two may be left out); ID is an institution, a source or `all`, INTENSITY thousandths (or
    /// milliseconds), UNTIL a count of requests or a time like 5s. `hedui sim faults` lists the kinds.
    #[arg(long, value_name = "KIND=ID,..")]
    pub(crate) fault: Vec<String>,
    /// A plan of faults: a TOML file of `fault` tables with kind, at, intensity, until.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Up to four random faults at every source, which heal within --chaos-within.
    #[arg(long, value_name = "SEED")]
    pub(crate) chaos: Option<u64>,
    /// Seconds after which the last fault of --chaos has healed.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "chaos")]
    pub(crate) chaos_within: u64,
}
