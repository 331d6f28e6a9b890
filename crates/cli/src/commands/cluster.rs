//! `hedui cluster`

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hedui_cluster::{Dialect, Mode, Options, SPARK_SETTINGS, Setting, script};
use hedui_connect::Registry;
use hedui_verify::{
    ClusterRequest, ClusterScript, WorkspaceOptions, cluster_script, embedded_catalogue, gather_written, rules_library,
    sql_sources,
};

use super::{Ended, Shell, day, existing};
use crate::args::{ClusterRunArgs, ClusterSqlArgs, ClusterVerb, SqlDialect, SqlMode};
use crate::failure::{Failure, chain};
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: ClusterVerb) -> Ended {
    match verb {
        ClusterVerb::Sql(args) => sql(args).await,
        ClusterVerb::Run(args) => on_spark(shell, args).await,
    }
}

async fn sql(args: ClusterSqlArgs) -> Ended {
    let dialect = match args.dialect {
        SqlDialect::Duckdb => Dialect::DuckDb,
        SqlDialect::Spark => Dialect::Spark,
    };
    let mode = match args.mode {
        SqlMode::Full => Mode::Full,
        SqlMode::Known => Mode::Known,
    };
    let text = match (&args.data, &args.rules, args.as_of) {
        (Some(data), ..) => {
            let ws = existing(data, WorkspaceOptions { today: args.as_of, ..WorkspaceOptions::default() }).await?;
            let as_of = day(args.as_of, &ws);
            let request = ClusterRequest { dialect, mode, as_of, pack: args.pack, temporary: false };
            let printed = cluster_script(&ws, request).await?;
            let out = args.out.as_deref().map(absolute).transpose()?;
            printed.text(out.as_deref())
        }
        (None, Some(rules), Some(as_of)) => {
            let library = rules_library(&[]).map_err(|e| Failure::input(chain(&e)))?;
            let program = library.compile(rules).map_err(|_| {
                let packs = library.ids();
                Failure::input_help(
                    format!("there is no pack `{rules}` without mistakes"),
                    format!("the packs are {}; `hedui rules check {rules}` lists mistakes", packs.join(", ")),
                )
            })?;
            let catalogue = embedded_catalogue().map_err(|e| Failure::input(chain(&e)))?;
            let registry = Registry::embedded(&catalogue, None).registry;
            let setting = Setting { sources: sql_sources(&registry), ..Setting::new(as_of) };
            let options = Options { dialect, mode, bounds: false };
            script(&program, &setting, options).map_err(Failure::input)?.to_string()
        }
        _ => return Err(Failure::input("give --data DIR, or --rules PACK and --as-of DATE")),
    };
    terminal::line(text.trim_end());
    Ok(0)
}

async fn on_spark(shell: Shell, args: ClusterRunArgs) -> Ended {
    let spark_sql = spark_sql(args.spark_home.as_deref())?;
    let ws = existing(&args.data, WorkspaceOptions { today: args.as_of, ..WorkspaceOptions::default() }).await?;
    let as_of = day(args.as_of, &ws);
    let (dialect, mode) = (Dialect::Spark, Mode::Full);
    // Held until the end: its files stay as long.
    let printed =
        cluster_script(&ws, ClusterRequest { dialect, mode, as_of, pack: args.pack.clone(), temporary: true }).await?;
    let out = absolute(&args.out)?;
    let work = Work::begin(&out)?;
    let file = work.folder.join("program.sql");
    fs::write(&file, printed.text(Some(&work.folder))).map_err(|e| cannot("write", &file, &e))?;
    terminal::note(format!("{} cases go to {}; Spark's log is {}", printed.cases, args.master, work.log.display()));
    submit(&spark_sql, &args, &file, &work)?;
    let (findings, flags) = gathered(&printed, &work.folder, &out)?;
    work.end();
    let files = (out.join("findings.parquet"), out.join("flags.parquet"));
    if shell.json {
        terminal::json(&serde_json::json!({
            "cases": printed.cases, "findings": findings, "flags": flags,
            "findings_file": files.0, "flags_file": files.1,
        }));
    } else {
        terminal::line(format!("{findings} finding(s)  {}", files.0.display()));
        terminal::line(format!("{flags} flag(s)  {}", files.1.display()));
    }
    if findings < printed.cases {
        terminal::note(format!(
            "{} case(s) have no finding: their rules cannot be computed; `hedui check` says why",
            printed.cases - findings
        ));
        return Ok(crate::failure::BAD_INPUT);
    }
    Ok(0)
}

fn gathered(printed: &ClusterScript, parts: &Path, out: &Path) -> Result<(usize, usize), Failure> {
    Ok(gather_written(printed, parts, out)?)
}

/// What a program over a store needs beside [`SPARK_SETTINGS`]. Its largest stage joins every dataset: planning it takes the
/// driver more than four gigabytes, adaptive execution would plan the rest of it again after each shuffle, and a task holds
/// some fifty aggregates at once, each of them a page at least, which would be 64 MB.
const OVER_A_STORE: [&str; 3] =
    ["spark.driver.memory=6g", "spark.sql.adaptive.enabled=false", "spark.buffer.pageSize=1m"];

/// Where Spark keeps the stages as tables, within its folder.
const WAREHOUSE: &str = "warehouse";

/// The folder in which Spark works, and its log.
struct Work {
    folder: PathBuf,
    log: PathBuf,
}

impl Work {
    fn begin(out: &Path) -> Result<Self, Failure> {
        let folder = out.join("spark");
        // Left by a run that was stopped.
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|e| cannot("remove", &folder, &e))?;
        }
        let warehouse = folder.join(WAREHOUSE);
        fs::create_dir_all(&warehouse).map_err(|e| cannot("make", &warehouse, &e))?;
        Ok(Self { folder, log: out.join("spark.log") })
    }

    fn end(self) {
        // What is left of it is litter that the next run removes.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn submit(spark_sql: &Path, args: &ClusterRunArgs, script: &Path, work: &Work) -> Result<(), Failure> {
    let log = File::create(&work.log).map_err(|e| cannot("write", &work.log, &e))?;
    let mut command = Command::new(spark_sql);
    command.arg("--master").arg(&args.master);
    let warehouse = format!("spark.sql.warehouse.dir={}", work.folder.join(WAREHOUSE).display());
    let own = SPARK_SETTINGS.iter().chain(&OVER_A_STORE).map(|setting| (*setting).to_owned());
    let codec = "spark.sql.parquet.compression.codec=zstd".to_owned();
    for setting in own.chain([warehouse, codec]).chain(args.conf.iter().cloned()) {
        command.arg("--conf").arg(setting);
    }
    if let Some(home) = &args.spark_home {
        command.env("SPARK_HOME", home);
    }
    // It keeps a history and a metastore where it stands.
    command.arg("-f").arg(script).current_dir(&work.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let status = command.status().map_err(|e| cannot("start", spark_sql, &e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::input_help(
        format!("Spark could not run the program: spark-sql ended with {status}"),
        format!(
            "its log is {}; is a master at {}, does every worker see {}, and was the memory enough (`--conf spark.driver.memory=8g`)?",
            work.log.display(),
            args.master,
            args.out.display()
        ),
    ))
}

/// The program that submits SQL to Spark.
fn spark_sql(home: Option<&Path>) -> Result<PathBuf, Failure> {
    let name = Path::new("bin/spark-sql");
    let help = "Spark 4 has it in bin/; `pip install pyspark==4.3.0` brings one (its SPARK_HOME is the folder of the package), and it needs Java 17";
    if let Some(home) = home {
        let path = home.join(name);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Failure::input_help(format!("{} is not there: --spark-home is no Spark", path.display()), help))
        };
    }
    if let Some(home) = std::env::var_os("SPARK_HOME") {
        let path = Path::new(&home).join(name);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Failure::input_help(format!("{} is not there: SPARK_HOME is no Spark", path.display()), help))
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("spark-sql")).find(|path| path.is_file());
    found.ok_or_else(|| Failure::input_help("spark-sql was not found: give --spark-home DIR or set SPARK_HOME", help))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| cannot("find", path, &e))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("cannot {what} {}: {error}", path.display()))
}
