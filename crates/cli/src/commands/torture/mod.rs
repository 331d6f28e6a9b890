//! `hedui sim torture`: whole acquisitions under random faults and kills, each compared with a calm one of the same city.
//!
//! A round is one invented city. Its institutions are served twice: once calm, once with a random plan of faults that
//! heals. Over the second, `hedui acquire` runs as a child that is killed again and again, at named boundaries and at
//! random moments. After every run the history of outcomes is read: nothing may ever have been cleared that a calm run
//! does not clear. In the end outcomes, records and findings must be those of the calm run, none lost, none twice.

mod known;
mod round;
mod tally;

use std::path::PathBuf;
use std::time::{Duration, Instant};

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
    let mut tally = Tally::default();
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
            sources: args.sources.clone(),
            connectors: args.connectors.connectors.clone(),
        };
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
                let again = again(&args, seed);
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
    Ok(if tally.kills() + tally.strikes() == 0 { failure::ATTENTION } else { 0 })
}

fn again(args: &TortureArgs, seed: u64) -> String {
    let mut text = format!(
        "hedui sim torture --rounds 1 --seed {seed} --households {} --kills {} --within {}",
        args.households, args.kills, args.within
    );
    if !args.sources.is_empty() {
        text.push_str(&format!(" --sources {}", args.sources.join(",")));
    }
    if let Some(dir) = &args.connectors.connectors {
        text.push_str(&format!(" --connectors {}", dir.display()));
    }
    text
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
