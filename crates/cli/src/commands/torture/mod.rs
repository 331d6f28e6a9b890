//! `hedui sim torture`: whole acquisitions under random faults and kills, each compared with a calm one of the same city.
//!
//! A round is one invented city. Its institutions are served twice: once calm, once with a random plan of faults that
//! heals. Over the second, `hedui acquire` runs as a child that is killed again and again, at named boundaries and at
//! random moments. After every run the history of outcomes is read: nothing may ever have been cleared that a calm run
//! does not clear. In the end asks, outcomes, records and findings must be those of the calm run, none lost, none twice.
//! What was met least comes first, faults and boundaries alike, so that some minutes meet all there is.

mod alike;
mod deaths;
mod known;
mod round;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hedui_connect::Source;
use hedui_sim::{ServeOptions, Target, Which};

use super::{Ended, Shell};
use crate::args::TortureArgs;
use crate::failure::{self, Failure};
use crate::terminal;
use round::Plan;
use tally::Tally;

pub(super) async fn run(shell: Shell, args: TortureArgs) -> Ended {
    let begun = Instant::now();
    let time = args.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    let dir =
        args.keep.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("hedui-torture-{}", std::process::id())));
    let strict = args.strict || args.minutes.is_some_and(|minutes| minutes >= STRICT_MINUTES);
    let asked = Asked::of(&args)?;
    let mut tally = Tally::over(asked.sources.iter().map(AsRef::as_ref));
    if let Some(file) = &args.after {
        tally.after(&earlier(file)?);
    }
    let mut rounds = 0;
    loop {
        let over = match (args.rounds, time) {
            (Some(most), _) if rounds >= most => true,
            (None, None) => rounds >= 1,
            (_, Some(time)) => rounds > 0 && begun.elapsed() >= time,
            (Some(_), None) => false,
        };
        if over {
            break;
        }
        let seed = args.seed.wrapping_add(rounds);
        let plan = Plan {
            seed,
            households: args.households,
            kills: args.kills,
            within: Duration::from_secs_f64(args.within),
            asked: &asked,
        };
        let before = tally.to_json(begun.elapsed());
        let folder = dir.join(format!("round-{seed}"));
        let started = Instant::now();
        match round::run(&plan, &folder, &mut tally).await {
            Ok(done) => {
                if !shell.json {
                    terminal::line(format!("seed {seed}: {done}, {:.1} s", started.elapsed().as_secs_f64()));
                }
                if args.keep.is_none() {
                    let _ = std::fs::remove_dir_all(&folder);
                }
            }
            Err(broken) => {
                let met = folder.join("before.json");
                let _ = std::fs::write(&met, before.to_string());
                let again = again(&args, seed, &met);
                return Err(Failure::BadInput {
                    message: format!("seed {seed}: {broken}"),
                    help: Some(format!("the folder is left in {}; to run it again: {again}", folder.display())),
                });
            }
        }
        rounds += 1;
    }
    if args.keep.is_none() {
        let _ = std::fs::remove_dir_all(&dir);
    }
    tally.rounds = rounds;
    if shell.json {
        terminal::json(&tally.to_json(begun.elapsed()));
    } else {
        tally.print(begun.elapsed());
    }
    let missed = tally.missed();
    if !missed.is_empty() {
        let then = if strict { "so this run proves less than it should: let it run longer" } else { "see --strict" };
        terminal::note(format!("{} not met ({then}): {}", missed.len(), missed.join(", ")));
    }
    let proves_too_little = tally.kills() + tally.strikes() == 0 || (strict && !missed.is_empty());
    Ok(if proves_too_little { failure::ATTENTION } else { 0 })
}

/// Runs of this many minutes and more must meet everything.
const STRICT_MINUTES: f64 = 5.0;

fn earlier(file: &std::path::Path) -> Result<serde_json::Value, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", file.display())))?;
    serde_json::from_str(&text).map_err(|error| {
        let help = "--after takes what `hedui --json sim torture` printed";
        Failure::input_help(format!("{} is no result of a torture: {error}", file.display()), help)
    })
}

fn again(args: &TortureArgs, seed: u64, before: &std::path::Path) -> String {
    let mut text = format!(
        "hedui sim torture --rounds 1 --seed {seed} --households {} --kills {} --within {} --after {}",
        args.households,
        args.kills,
        args.within,
        before.display()
    );
    if !args.sources.is_empty() {
        text.push_str(&format!(" --sources {}", args.sources.join(",")));
    }
    if let Some(dir) = &args.connectors.connectors {
        text.push_str(&format!(" --connectors {}", dir.display()));
    }
    text
}

/// Who is asked.
struct Asked {
    /// As named; none means all.
    named: Vec<String>,
    sources: Vec<Arc<Source>>,
    connectors: Option<PathBuf>,
}

impl Asked {
    fn of(args: &TortureArgs) -> Result<Self, Failure> {
        let connectors = args.connectors.connectors.clone();
        let options = ServeOptions { connectors: connectors.clone().into_iter().collect(), ..ServeOptions::default() };
        let registry = options.registry().map_err(|e| Failure::input(failure::chain(&e)))?;
        if let Some(unknown) = args.sources.iter().find(|id| registry.get(id.as_str()).is_none()) {
            let help = "`hedui source list` names all sources";
            return Err(Failure::input_help(format!("--sources: there is no source `{unknown}`"), help));
        }
        let asked = |id: &str| args.sources.is_empty() || args.sources.iter().any(|named| named == id);
        let sources = registry.iter().filter(|source| asked(source.id.as_str())).cloned().collect();
        Ok(Self { named: args.sources.clone(), sources, connectors })
    }

    fn targets(&self) -> Vec<Target> {
        self.sources.iter().map(|source| Target::of(source)).collect()
    }

    /// Serves them all, calmly.
    fn options(&self) -> ServeOptions {
        ServeOptions {
            which: Which::Only(self.sources.iter().map(|source| source.institution.clone()).collect()),
            connectors: self.connectors.clone().into_iter().collect(),
            reply_delay: Duration::from_millis(50),
            ..ServeOptions::default()
        }
    }
}

/// Where a round keeps its things.
pub(super) struct Folders {
    root: PathBuf,
}

impl Folders {
    fn new(root: &std::path::Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}
