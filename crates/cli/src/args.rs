//! The command line: verbs, flags and their help.

mod acquire;
mod cluster;
mod compare;
mod demo;
mod explain;
mod keep;
mod review;
mod rules;
mod serve;
mod sim;
mod simulate;
mod source;

use clap::{Parser, Subcommand};

pub(crate) use acquire::{AcquireArgs, AcquireFailOn, RecheckArgs};
pub(crate) use cluster::{ClusterRunArgs, ClusterSqlArgs, ClusterVerb, SqlDialect, SqlMode};
pub(crate) use compare::{BatchArgs, BatchFailOn, CheckArgs};
pub(crate) use demo::DemoArgs;
pub(crate) use explain::ExplainArgs;
pub(crate) use keep::{AuditVerb, StoreVerb};
pub(crate) use review::ReviewVerb;
pub(crate) use rules::{BookFormat, BookLang, DiffArgs, RulesTestArgs, RulesVerb, ShowArgs};
pub(crate) use serve::{KeyVerb, ServeArgs};
pub(crate) use sim::{DirectArgs, FaultArgs, IngestArgs, SimVerb, TortureArgs};
pub(crate) use simulate::SimulateArgs;
pub(crate) use source::{AnswersArgs, ConnectorArgs, ReplayArgs, SourceVerb};

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
    /// The comparison as SQL: print it, or run it on a Spark cluster.
    #[command(subcommand)]
    Cluster(ClusterVerb),
}
