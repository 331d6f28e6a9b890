//! `kill -9` anywhere in `acquire`, run again: the same findings, no record twice, none lost.

use std::time::Duration;

use crate::scene::{AS_OF, Scene, ok, spawn, text};

#[test]
fn killed_again_and_again_it_ends_as_if_nothing_had_happened() {
    let scene = Scene::new(60, 12);
    let servers = scene.serve("calm", &[]);
    scene.acquire("calm", &[]);
    let (_, calm, calm_flags) = scene.batch("calm", AS_OF);
    drop(servers);

    let servers = scene.serve("killed", &[]);
    let (data, cases) = (scene.path("killed"), scene.path("city/cases.json"));
    // Each run lives half as long again as the one before and resumes what that one left, until one ends by itself.
    let mut cut_short = 0;
    for delay in std::iter::successors(Some(80), |delay: &u64| Some(delay * 3 / 2)) {
        let mut child = spawn(&["acquire", "--data", &data, "--cases", &cases, "--as-of", AS_OF, "--wait", "30"]);
        std::thread::sleep(Duration::from_millis(delay));
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        child.wait().unwrap();
        if let Some(status) = ended {
            assert!(status.success(), "a run after {cut_short} kills ended with {status}");
            break;
        }
        cut_short += 1;
    }
    assert!(cut_short >= 4, "only {cut_short} runs were cut short: a larger city is needed");
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
