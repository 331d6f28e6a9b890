//! `kill -9` anywhere in `acquire`, run again: the same findings, no record twice, none lost.

use std::path::Path;
use std::time::Duration;

use hedui_ledger::Ledger;

use crate::scene::{AS_OF, Scene, ok, spawn, text};

/// How far acquiring has come: leaves of the audit log, one at least for everything that was asked and settled.
struct Progress {
    runtime: tokio::runtime::Runtime,
    ledger: Ledger,
}

impl Progress {
    fn of(data: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ledger = runtime.block_on(Ledger::open(Path::new(data))).unwrap();
        Self { runtime, ledger }
    }

    fn leaves(&self) -> i64 {
        self.runtime.block_on(self.ledger.audit_size()).unwrap()
    }
}

/// Into how many parts the kills cut the way.
const PARTS: i64 = 24;

#[test]
fn killed_again_and_again_it_ends_as_if_nothing_had_happened() {
    let scene = Scene::new(60, 12);
    let servers = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, calm_flags) = scene.batch("calm", AS_OF);
    let whole = Progress::of(&scene.path("calm")).leaves();
    drop(servers);

    let servers = scene.serve("killed", &[]);
    let (data, cases) = (scene.path("killed"), scene.path("city/cases.json"));
    let progress = Progress::of(&data);
    // Each run is killed once it has come a part of the way further, wherever it is then, until one ends by itself.
    let mut cut_short = 0;
    loop {
        let enough = progress.leaves() + whole / PARTS;
        let mut child = spawn(&["acquire", "--data", &data, "--cases", &cases, "--as-of", AS_OF, "--wait", "30"]);
        let ended = loop {
            match child.try_wait().unwrap() {
                None if progress.leaves() < enough => std::thread::sleep(Duration::from_millis(1)),
                ended => break ended,
            }
        };
        let _ = child.kill();
        child.wait().unwrap();
        if let Some(status) = ended {
            assert!(status.success(), "a run after {cut_short} kills ended with {status}");
            break;
        }
        cut_short += 1;
    }
    assert!(cut_short >= PARTS / 2, "only {cut_short} runs were cut short");
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
