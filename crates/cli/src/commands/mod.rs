//! One module per verb: read the flags, call the use case, print what it says.

mod acquire;
mod audit;
mod batch;
mod check;
mod cluster;
mod demo;
mod recheck;
mod review;
mod rulebook;
mod rules;
mod rules_diff;
mod rules_test;
mod serve;
mod sim;
mod sim_direct;
mod sim_ingest;
mod simulate;
mod source;
mod source_again;
mod source_answers;
mod source_health;
mod source_items;
mod store;
mod torture;

use std::path::{Path, PathBuf};

use hedui_verify::{Intake, VerifyError, Workspace, WorkspaceOptions};
use jiff::civil::Date;

use crate::args::{Cli, Verb};
use crate::failure::{Failure, chain};

/// How a verb may print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell {
    /// JSON instead of text.
    pub(crate) json: bool,
    /// No bars.
    pub(crate) quiet: bool,
}

/// A verb's exit code, or why it stopped.
pub(crate) type Ended = Result<u8, Failure>;

/// Runs the verb.
pub(crate) async fn run(cli: Cli) -> Ended {
    let shell = Shell { json: cli.json, quiet: cli.quiet || cli.json };
    match cli.verb {
        Verb::Demo(args) => demo::run(shell, args).await,
        Verb::Sim(verb) => sim::run(shell, verb).await,
        Verb::Source(verb) => source::run(shell, verb).await,
        Verb::Acquire(args) => acquire::run(shell, args).await,
        Verb::Batch(args) => batch::run(shell, args).await,
        Verb::Check(args) => check::check(shell, args).await,
        Verb::Explain(args) => check::explain(shell, args).await,
        Verb::Recheck(args) => recheck::run(shell, args).await,
        Verb::Review(verb) => review::run(shell, verb).await,
        Verb::Rules(verb) => rules::run(shell, verb).await,
        Verb::Serve(args) => serve::serve(shell, args).await,
        Verb::Key(verb) => serve::key(shell, verb).await,
        Verb::Store(verb) => store::run(shell, verb).await,
        Verb::Audit(verb) => audit::run(shell, verb).await,
        Verb::Cluster(verb) => cluster::run(shell, verb).await,
    }
}

/// A data folder that must be there already.
async fn existing(data: &Path, options: WorkspaceOptions) -> Result<Workspace, Failure> {
    if !data.join("hedui.db").is_file() {
        return Err(Failure::input_help(
            format!("{} is not a data folder (it has no hedui.db)", data.display()),
            "make one with `hedui acquire --data DIR --cases FILE`, or a whole example with `hedui demo --keep DIR`",
        ));
    }
    open(data, options).await
}

/// A data folder, made if missing.
async fn open(data: &Path, options: WorkspaceOptions) -> Result<Workspace, Failure> {
    Workspace::open(data, options).await.map_err(Failure::from)
}

/// Reads a file of the user's.
fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))
}

/// Households from a JSON file.
fn read_intake(path: &Path) -> Result<Intake, Failure> {
    let text = read_text(path)?;
    Intake::parse(&text).map_err(|error| match error {
        VerifyError::Input(problems) => problem_list(&path.display().to_string(), &problems),
        other => other.into(),
    })
}

fn problem_list(file: &str, problems: &[hedui_verify::Problem]) -> Failure {
    const SHOWN: usize = 50;
    let mut lines: Vec<String> =
        problems.iter().take(SHOWN).map(|p| format!("  {}: {} [{}]", p.at, p.message, p.code)).collect();
    if problems.len() > SHOWN {
        lines.push(format!("  ... and {} more", problems.len() - SHOWN));
    }
    let of = if file.is_empty() { String::new() } else { format!(" in {file}") };
    Failure::input(format!("{} problem(s){of}:\n{}", problems.len(), lines.join("\n")))
}

/// Extra connector folders as options.
fn with_connectors(folder: &Option<PathBuf>) -> WorkspaceOptions {
    WorkspaceOptions { extra_connectors: folder.iter().cloned().collect(), ..WorkspaceOptions::default() }
}

/// The day to speak about: the one given, else the workspace's today.
fn day(given: Option<Date>, ws: &Workspace) -> Date {
    given.unwrap_or_else(|| ws.today())
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(value).map_err(Failure::internal)
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Text { diagnostics, .. } => Self::Mistakes(diagnostics),
            VerifyError::Input(problems) => problem_list("", &problems),
            other if other.is_usage() => Self::input(chain(&other)),
            other @ VerifyError::Busy(_) => Self::input(chain(&other)),
            other if other.is_of_files() => Self::machine(&other),
            other => Self::internal(chain(&other)),
        }
    }
}

impl From<hedui_store::StoreError> for Failure {
    fn from(error: hedui_store::StoreError) -> Self {
        VerifyError::Store(error).into()
    }
}
