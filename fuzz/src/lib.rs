//! Fuzz targets of `hedui-connect`. The bodies lie in `bodies/`, where a plain test of that crate runs them too.

#[path = "../bodies/mod.rs"]
pub mod bodies;

/// Before a target's first input: writes its seeds into the folder that `HEDUI_FUZZ_SEEDS` names, if it names one.
/// The fuzzer reads its corpus after that, so it begins with them.
///
/// The fuzzer ends at every panic, even at one that is caught: a reader of workbooks that trips over a damaged file has
/// found out that it is damaged. From here on only a panic that leaves a body ends it.
pub fn begin(target: &str) {
    let _ = std::panic::take_hook();
    let Some(folder) = std::env::var_os("HEDUI_FUZZ_SEEDS").map(std::path::PathBuf::from) else { return };
    for (number, seed) in bodies::seeds(target).iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:04}")), seed).expect("a folder that can be written");
    }
}
