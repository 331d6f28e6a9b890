//! The command line: verbs, flags and their help.

mod explain;
mod simulate;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

pub(crate) use explain::ExplainArgs;
pub(crate) use simulate::SimulateArgs;

/// hedui (核对): checks what a household declared against what institutions know.
#[derive(Debug, Parser)]
#[command(name = "hedui", version, about, long_about = None, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print JSON instead of text, on every verb that prints results.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress bars.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run an invented city through the whole path: institutions as live servers, acquire, compare, report.
    Demo(DemoArgs),
    /// Invented cities and the institutions that hold their data.
    #[command(subcommand)]
    Sim(SimVerb),
    /// Institutions: list, validate, try one, health.
    #[command(subcommand)]
    Source(SourceVerb),
    /// Ask the sources about the people of the cases; resumes after an interruption.
    Acquire(AcquireArgs),
    /// Compare all cases with the rules: findings.parquet, flags.parquet and a summary.
    Batch(BatchArgs),
    /// Compare one household and print its calculation sheet.
    Check(CheckArgs),
    /// Show how a value came about, down to source rows.
    Explain(ExplainArgs),
    /// Run the households that are due for their periodic recheck and say what changed.
    Recheck(RecheckArgs),
    /// Flags and tasks for people.
    #[command(subcommand)]
    Review(ReviewVerb),
    /// Rule packs: check them, run their cases.
    #[command(subcommand)]
    Rules(RulesVerb),
    /// Serve the HTTP API.
    Serve(ServeArgs),
    /// Keys for the HTTP API.
    #[command(subcommand)]
    Key(KeyVerb),
    /// The columnar store.
    #[command(subcommand)]
    Store(StoreVerb),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditVerb),
}

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

/// `hedui sim`
#[derive(Debug, Subcommand)]
pub(crate) enum SimVerb {
    /// Write a city: its registers, its cases, and the truth about them; or move one on in time.
    City {
        /// Folder of the city.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// How many households.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
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
    },
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
        /// Further institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
        /// What goes wrong on purpose.
        #[command(flatten)]
        faults: FaultArgs,
    },
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

/// Where extra institutions come from.
#[derive(Debug, Args, Clone)]
pub(crate) struct ConnectorArgs {
    /// A folder of further institutions (one folder each with connector.toml), besides the built-in ones.
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
        /// Data folder whose `site.toml` is checked along with them.
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
        /// Extra institutions.
        #[command(flatten)]
        connectors: ConnectorArgs,
    },
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

/// `hedui review`
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewVerb {
    /// List reviews, gravest first.
    List {
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Only this state: open, claimed or resolved.
        #[arg(long)]
        state: Option<String>,
    },
    /// Take a review on.
    Claim {
        /// Review number.
        id: i64,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Who takes it.
        #[arg(long)]
        by: String,
    },
    /// Record what came of a review.
    Resolve {
        /// Review number.
        id: i64,
        /// Data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Who decided.
        #[arg(long)]
        by: String,
        /// What was found.
        #[arg(long)]
        note: String,
    },
}

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
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum BookLang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// Format of a book.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
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
