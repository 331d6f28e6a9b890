//! `hedui cluster`: the program as SQL.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

/// `hedui cluster`
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Print a rule pack as SQL, each value under the name of its rule: for DuckDB, or for Spark.
    Sql(ClusterSqlArgs),
    /// Compare all cases of a store on a Spark cluster: findings.parquet and flags.parquet as `hedui batch` writes them.
    Run(ClusterRunArgs),
}

/// `hedui cluster sql`
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["data", "rules"])))]
pub(crate) struct ClusterSqlArgs {
    /// Data folder with a store that holds cases: the script reads its files as they are now.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A pack by name: the script reads relations that are not defined (cases, persons, coverage, d_DATASET).
    #[arg(long, value_name = "PACK", requires = "as_of")]
    pub(crate) rules: Option<String>,
    /// Only the cases under this pack, where a store has cases under several.
    #[arg(long, value_name = "PACK", requires = "data")]
    pub(crate) pack: Option<String>,
    /// The day the check speaks about; default with --data: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// For which engine.
    #[arg(long, value_enum, default_value_t = SqlDialect::Duckdb)]
    pub(crate) dialect: SqlDialect,
    /// How much of the meaning.
    #[arg(long, value_enum, default_value_t = SqlMode::Full)]
    pub(crate) mode: SqlMode,
    /// Folder into which the script writes its results: findings.parquet and flags.parquet, or with Spark folders of parts.
    #[arg(long, value_name = "DIR", requires = "data")]
    pub(crate) out: Option<PathBuf>,
}

/// `hedui cluster run`
#[derive(Debug, Args)]
pub(crate) struct ClusterRunArgs {
    /// The cluster's master, as Spark writes it: spark://HOST:PORT, yarn, k8s://.., local.
    #[arg(long, value_name = "URL")]
    pub(crate) master: String,
    /// Data folder with a store that holds cases; all workers must see it under the same path.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Only the cases under this pack, where the store has cases under several.
    #[arg(long, value_name = "PACK")]
    pub(crate) pack: Option<String>,
    /// The day the check speaks about; default: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Folder for findings.parquet and flags.parquet, and for what Spark makes on the way; all workers must see it.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where Spark 4 is installed; default: SPARK_HOME, else the spark-sql of the PATH.
    #[arg(long, value_name = "DIR")]
    pub(crate) spark_home: Option<PathBuf>,
    /// Further settings, as spark-sql takes them.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) conf: Vec<String>,
}

/// For which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlDialect {
    /// DuckDB 1.5.
    Duckdb,
    /// Apache Spark 4.
    Spark,
}

/// How much of the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlMode {
    /// All of it: bounds and reasons where a source did not answer.
    Full,
    /// As if every source had answered: what one would write by hand. Right for cases whose answers are all known.
    Known,
}
