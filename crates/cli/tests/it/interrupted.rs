//! `kill -9` anywhere in `acquire`, run again: the same findings, no record twice, none lost.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use hedui_ledger::Ledger;

use crate::scene::{AS_OF, Scene, ok, spawn, text};

/// How far acquiring has come, by the audit log: everything that was sent and everything that was settled is in it.
struct Progress {
    runtime: tokio::runtime::Runtime,
    ledger: Ledger,
    leaves: i64,
    settled: usize,
}

impl Progress {
    fn of(data: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ledger = runtime.block_on(Ledger::open(Path::new(data))).unwrap();
        let mut progress = Self { runtime, ledger, leaves: 0, settled: 0 };
        progress.read();
        progress
    }

    fn read(&mut self) {
        let more = self.runtime.block_on(self.ledger.audit_leaves(self.leaves, i64::MAX)).unwrap();
        self.leaves += more.len() as i64;
        self.settled += more.iter().filter(|leaf| leaf.leaf["action"] == "ask.settled").count();
    }

    /// Runs a command until it has come so far, wherever it is then, or until it ends by itself.
    fn run_until(&mut self, args: &[&str], far: impl Fn(&Self) -> bool) -> Option<ExitStatus> {
        let mut child = spawn(args);
        let ended = loop {
            match child.try_wait().unwrap() {
                None if !far(self) => std::thread::sleep(Duration::from_millis(5)),
                ended => break ended,
            }
            self.read();
        };
        let _ = child.kill();
        child.wait().unwrap();
        self.read();
        ended
    }
}

/// Every second run is killed once it has settled so much of the whole.
const PART: usize = 24;

#[test]
fn killed_again_and_again_it_ends_as_if_nothing_had_happened() {
    let scene = Scene::new(60, 12);
    let servers = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, calm_flags) = scene.batch("calm", AS_OF);
    let whole = Progress::of(&scene.path("calm")).settled;
    drop(servers);

    let servers = scene.serve("killed", &[]);
    let (data, cases) = (scene.path("killed"), scene.path("city/cases.json"));
    let acquire = ["acquire", "--data", &data, "--cases", &cases, "--as-of", AS_OF, "--wait", "30"];
    let mut progress = Progress::of(&data);
    // In turn while questions are on their way and after answers were settled, until a run ends by itself.
    let mut cut_short = 0;
    loop {
        let (leaves, settled) = (progress.leaves, progress.settled);
        let ended = if cut_short % 2 == 0 {
            progress.run_until(&acquire, |now| now.leaves >= leaves + 20)
        } else {
            progress.run_until(&acquire, |now| now.settled >= settled + whole / PART)
        };
        if let Some(status) = ended {
            assert!(status.success(), "a run after {cut_short} kills ended with {status}");
            break;
        }
        cut_short += 1;
    }
    assert!(cut_short >= 8, "only {cut_short} runs were cut short");
    scene.acquire("killed", &[]);
    let (_, after, after_flags) = scene.batch("killed", AS_OF);
    assert_eq!(after, calm);
    assert_eq!(after_flags, calm_flags);
    assert!(text(&ok(&["audit", "verify", "--data", &data])).contains("whole"));
    ok(&["store", "verify", "--data", &data]);
    drop(servers);

    // With everything answered, nothing is asked any more: the institutions are gone and nobody notices.
    let idle = scene.acquire("killed", &[]);
    assert!(idle["sources"].as_array().unwrap().iter().all(|s| s["sent"] == 0), "{idle}");
}
