//! The kernel alone, on households of an invented city that are in memory as a batch has them.
//!
//! ```text
//! cargo bench -p hedui-benches --bench kernel
//! HEDUI_CITY=big/data cargo bench -p hedui-benches --bench kernel      # a data folder that `hedui sim city --direct` wrote
//! ```
//!
//! Shape: one bucket of a city under the pack in force for it; without a folder, of a city of 8,000 households written for
//! the occasion. Units: a bucket in slices of 512 households, one slice, and one household, each also with what a
//! calculation sheet is made of kept. What one household takes is printed as percentiles too, over all of the bucket.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hedui_engine::concluded::Runner;
use hedui_ledger::Ledger;
use hedui_rules::program::Entity;
use hedui_sim::{CityOptions, DirectOptions, write_direct};
use hedui_store::plain::InputSpec;
use hedui_store::{At, Store, StoreOptions};
use hedui_verify::{PackedCases, Workspace, WorkspaceOptions, packed_cases};
use jiff::civil::{Date, date};
use sqlx::Connection as _;

const DAY: Date = date(2026, 6, 30);
const HOUSEHOLDS: u32 = 8_000;
const SLICE: usize = 512;

/// Writes a city into a data folder.
async fn city(dir: &Path) {
    let empty = tempfile::tempdir().unwrap();
    let ws = Workspace::open(empty.path(), WorkspaceOptions::default()).await.unwrap();
    let program = ws.program_for("321102".parse().unwrap(), DAY).unwrap();
    let inputs: Vec<InputSpec> = program
        .inputs
        .iter()
        .map(|input| InputSpec {
            name: input.name.clone(),
            of_person: input.entity == Entity::Person,
            column: input.spec.clone(),
        })
        .collect();
    let ledger = Ledger::open(dir).await.unwrap();
    let mut conn = ledger.connection().await.unwrap();
    let catalogue = hedui_verify::embedded_catalogue().unwrap();
    let mut store = Store::open_with(dir, &mut conn, &catalogue, StoreOptions::default()).await.unwrap();
    store.case_tables(&mut conn, &inputs).await.unwrap();
    let city = CityOptions { households: HOUSEHOLDS, seed: 1, as_of: DAY };
    let options = DirectOptions { city, unknown: 70, planted_each: 2, threads: 2 };
    let mut tx = conn.begin().await.unwrap();
    write_direct(&store, &mut tx, ws.registry(), &inputs, &options, &mut Vec::new(), &|_, _| ()).await.unwrap();
    tx.commit().await.unwrap();
    drop(conn);
    ledger.close().await;
}

/// The first bucket of the city asked for.
async fn bucket() -> PackedCases {
    let made = tempfile::tempdir().unwrap();
    let dir = match std::env::var_os("HEDUI_CITY") {
        Some(dir) => PathBuf::from(dir),
        None => {
            city(made.path()).await;
            made.path().to_path_buf()
        }
    };
    let ws = Workspace::open(&dir, WorkspaceOptions { today: Some(DAY), ..WorkspaceOptions::default() }).await.unwrap();
    let mut conn = ws.ledger().connection().await.unwrap();
    let snapshot = ws.store().snapshot(&mut conn, At::Latest).await.unwrap();
    packed_cases(&ws, &snapshot, DAY, 1).unwrap().remove(0)
}

fn kernel(c: &mut Criterion) {
    let PackedCases { program, cases, setting } =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(bucket());
    let households = cases.cases.id.len();
    let kinds = [("plain", Runner::new(&program, DAY)), ("explained", Runner::new(&program, DAY).keeping(setting))];

    let mut group = c.benchmark_group("bucket");
    group.throughput(Throughput::Elements(households as u64)).sample_size(10);
    for (kind, runner) in &kinds {
        group.bench_function(*kind, |b| b.iter(|| runner.run(&cases, SLICE)));
    }
    group.finish();

    let mut group = c.benchmark_group("slice");
    let slices = households / SLICE;
    group.throughput(Throughput::Elements(SLICE as u64)).sample_size(20);
    for (kind, runner) in &kinds {
        let mut next = 0;
        group.bench_function(*kind, |b| {
            b.iter(|| {
                next = (next + 1) % slices;
                runner.run_some(&cases, next * SLICE..(next + 1) * SLICE)
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("household");
    for (kind, runner) in &kinds {
        let mut next = 0;
        group.bench_function(*kind, |b| {
            b.iter(|| {
                next = (next + 7) % households;
                runner.run_one(&cases, next)
            });
        });
    }
    group.finish();
    println!("one of {households} households, {} steps:", program.steps.len());
    for (kind, runner) in &kinds {
        let play = |case: usize| {
            let begun = Instant::now();
            std::hint::black_box(runner.run_one(&cases, case));
            begun.elapsed()
        };
        // A household that comes next in the bucket, and the same once more, when its records are in the processor's cache.
        let (mut next, mut again): (Vec<Duration>, Vec<Duration>) =
            (0..households).map(|case| (play(case), play(case))).unzip();
        next.sort_unstable();
        again.sort_unstable();
        let (p50, p99) = (households / 2, households * 99 / 100);
        println!(
            "  {kind:<10} p50 {:?}, p99 {:?}; again p50 {:?}, p99 {:?}",
            next[p50], next[p99], again[p50], again[p99]
        );
    }
}

criterion_group!(benches, kernel);
criterion_main!(benches);
