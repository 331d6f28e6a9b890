//! What it costs to store explanations of all households: bytes a household on disk, and time against a batch without.
//!
//! ```text
//! hedui demo --households 2000 --keep DIR
//! cargo build --workspace --example explanations
//! ${CARGO_TARGET_DIR:-target}/debug/examples/explanations DIR/data 2026-06-30
//! ```
//!
//! Both kinds of batch are run in turn, five times each, in one process; the times compared are the medians. The packs'
//! texts are stored once a run and are counted apart.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::path::Path;
use std::time::{Duration, Instant};

use hedui_verify::{BatchRequest, Selection, Workspace, WorkspaceOptions, batch};
use jiff::civil::Date;

const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let data = args.next().unwrap();
    let as_of: Date = args.next().unwrap().parse().unwrap();
    let options = WorkspaceOptions { today: Some(as_of), ..WorkspaceOptions::default() };
    let ws = Workspace::open(Path::new(&data), options).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (mut plain, mut explained) = (Vec::new(), Vec::new());
    let mut stored = None;
    // The first of each kind warms what is read.
    for round in 0..=ROUNDS {
        for (explain, times) in [(false, &mut plain), (true, &mut explained)] {
            let out = dir.path().join(if explain { "explained" } else { "plain" });
            let request = BatchRequest { explain, ..BatchRequest::new(Selection::All, as_of, out) };
            let begun = Instant::now();
            let summary = batch(&ws, request).await.unwrap();
            if round > 0 {
                times.push(begun.elapsed());
            }
            stored = summary.explanations.or(stored);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (plain, explained) = (median(&mut plain), median(&mut explained));
    let stored = stored.unwrap();
    let rows = std::fs::metadata(&stored.file).unwrap().len();
    let households = stored.households as u64;
    println!("households             {households}");
    println!("bytes a household      {} (explanations.parquet)", rows.div_ceil(households));
    println!("packs and head         {} bytes a run", stored.bytes - rows);
    println!("batch                  {plain:?}");
    println!("batch with --explain   {explained:?}");
    println!("ratio                  {:.2}", explained.as_secs_f64() / plain.as_secs_f64());
}
