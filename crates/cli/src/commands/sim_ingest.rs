//! `hedui sim ingest`: unsorted rows keyed by numbers become a store.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hedui_connect::Registry;
use hedui_sim::{REGISTERED, exchange_files, exchange_sources};
use hedui_store::BulkFile;
use hedui_store::ingest::{Ingest, read_registered};
use hedui_verify::embedded_catalogue;

use super::sim_direct::{empty_store, peak, threads};
use super::{Ended, Shell};
use crate::args::IngestArgs;
use crate::failure::{Failure, chain};
use crate::terminal;

/// Files that are made to last and entered together.
const TOGETHER: usize = 512;

pub(crate) async fn run(shell: Shell, args: IngestArgs) -> Ended {
    let catalogue = embedded_catalogue().map_err(|e| Failure::input(chain(&e)))?;
    let registry = Registry::embedded(&catalogue, None).registry;
    let (ledger, store) = empty_store(&args.data, args.bucket_people).await?;
    let files = exchange_files(&args.exchange).map_err(|e| {
        Failure::input_help(
            format!("cannot read {}: {e}", args.exchange.display()),
            "write it first: hedui sim city --direct --exchange DIR",
        )
    })?;
    let began = Instant::now();
    let (work, count) = (args.data.join("ingest"), threads(args.threads));
    let list = args.exchange.join(REGISTERED);
    let into = store.clone();
    let working = tokio::task::spawn_blocking(move || {
        let people = read_registered(&list)?;
        let sources = exchange_sources(&registry, args.as_of);
        let ingest = Ingest::new(&into, people.into_iter(), sources, &work)?;
        let done: Mutex<Vec<(u32, Vec<BulkFile>)>> = Mutex::default();
        let letter = |index: u32| format!("L-{:06}", u64::from(index) + 1);
        let keep = |bucket, files| done.lock().unwrap_or_else(PoisonError::into_inner).push((bucket, files));
        let ingested = ingest.run(&files, count, &letter, &keep)?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(bucket, _)| *bucket);
        Ok::<_, hedui_store::StoreError>((ingested, done))
    });
    let (ingested, done) =
        working.await.map_err(|e| Failure::input(e.to_string()))?.map_err(|e| Failure::input(chain(&e)))?;
    let bytes: u64 = done.iter().flat_map(|(_, files)| files).map(BulkFile::bytes).sum();
    let mut tx = ledger.begin().await.map_err(|e| Failure::input(chain(&e)))?;
    let mut commit = store.begin_bulk(tx.connection(), 1).await.map_err(|e| Failure::input(chain(&e)))?;
    let mut files: Vec<(usize, BulkFile)> = done.into_iter().flat_map(|(_, files)| files).map(|f| (0, f)).collect();
    while !files.is_empty() {
        let rest = files.split_off(files.len().min(TOGETHER));
        commit.add(tx.connection(), files).await.map_err(|e| Failure::input(chain(&e)))?;
        files = rest;
    }
    commit.finish(tx.connection(), &[ingested.answers]).await.map_err(|e| Failure::input(chain(&e)))?;
    tx.commit().await.map_err(|e| Failure::input(chain(&e)))?;
    let seconds = began.elapsed().as_secs_f64();
    if shell.json {
        terminal::json(&serde_json::json!({
            "records": ingested.rows, "strangers": ingested.strangers, "bytes": bytes, "seconds": seconds,
            "peak_bytes": peak(),
        }));
        return Ok(0);
    }
    terminal::line(format!(
        "{}: {} records ({} about nobody registered left out), {:.1} MB, in {seconds:.1} s: {:.0} records/s; peak memory {:.0} MB",
        args.data.display(),
        ingested.rows,
        ingested.strangers,
        bytes as f64 / 1e6,
        ingested.rows as f64 / seconds.max(0.001),
        peak().unwrap_or(0) as f64 / 1e6
    ));
    Ok(0)
}
