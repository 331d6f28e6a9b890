//! `hedui sim city --direct`: a city written straight into a store.

use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use hedui_connect::Registry;
use hedui_ledger::Ledger;
use hedui_rules::program::Entity;
use hedui_sim::{CityOptions, DirectOptions, DirectReport, write_direct, write_exchange};
use hedui_store::plain::InputSpec;
use hedui_store::{At, Store, StoreOptions};
use hedui_verify::{embedded_catalogue, rules_library};

use super::{Ended, Shell};
use crate::args::DirectArgs;
use crate::failure::{Failure, chain};
use crate::terminal;

pub(crate) async fn run(shell: Shell, out: &Path, city: CityOptions, args: DirectArgs) -> Ended {
    let data = args.data.clone().unwrap_or_else(|| out.join("data"));
    let catalogue = embedded_catalogue().map_err(|e| Failure::input(chain(&e)))?;
    let registry = Registry::embedded(&catalogue, None).registry;
    let inputs = inputs()?;
    std::fs::create_dir_all(out).map_err(|e| Failure::input(format!("cannot make {}: {e}", out.display())))?;
    let (ledger, mut store) = empty_store(&data, args.bucket_people).await?;
    let options =
        DirectOptions { city, unknown: args.unknown, planted_each: args.planted_each, threads: threads(args.threads) };
    if let Some(exchange) = &args.exchange {
        let began = Instant::now();
        let (rows, bytes) =
            write_exchange(&store, &registry, &options, exchange).map_err(|e| Failure::input(chain(&e)))?;
        terminal::line(format!(
            "{}: {rows} unsorted rows, {:.1} MB, in {:.1} s",
            exchange.display(),
            bytes as f64 / 1e6,
            began.elapsed().as_secs_f64()
        ));
        return Ok(0);
    }
    let mut connection = ledger.connection().await.map_err(|e| Failure::input(chain(&e)))?;
    store.case_tables(&mut connection, &inputs).await.map_err(|e| Failure::input(chain(&e)))?;
    drop(connection);

    let truth = out.join("truth.csv");
    let cannot = |e: std::io::Error| Failure::input(format!("cannot write {}: {e}", truth.display()));
    let mut truth_file = BufWriter::new(File::create(&truth).map_err(cannot)?);
    let began = Instant::now();
    let told = |done: u32, of: u32| {
        if done.is_multiple_of(16) || done == of {
            terminal::note(format!("{done} of {of} buckets after {:.0} s", began.elapsed().as_secs_f64()));
        }
    };
    let mut tx = ledger.begin().await.map_err(|e| Failure::input(chain(&e)))?;
    let report = write_direct(&store, tx.connection(), &registry, &inputs, &options, &mut truth_file, &told)
        .await
        .map_err(|e| Failure::input(chain(&e)))?;
    tx.commit().await.map_err(|e| Failure::input(chain(&e)))?;
    print(shell, &data, &report, began.elapsed().as_secs_f64());
    Ok(0)
}

/// How many threads to use.
pub(super) fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// The ledger and the store of a data folder in which nothing is yet.
pub(super) async fn empty_store(data: &Path, bucket_people: u32) -> Result<(Ledger, Store), Failure> {
    std::fs::create_dir_all(data).map_err(|e| Failure::input(format!("cannot make {}: {e}", data.display())))?;
    let catalogue = embedded_catalogue().map_err(|e| Failure::input(chain(&e)))?;
    let ledger = Ledger::open(data).await.map_err(|e| Failure::input(chain(&e)))?;
    let mut connection = ledger.connection().await.map_err(|e| Failure::input(chain(&e)))?;
    let store = Store::open_with(data, &mut connection, &catalogue, StoreOptions { bucket_people })
        .await
        .map_err(|e| Failure::input(chain(&e)))?;
    let now = store.snapshot(&mut connection, At::Latest).await.map_err(|e| Failure::input(chain(&e)))?;
    if !now.files("coverage").map_err(|e| Failure::input(chain(&e)))?.is_empty() {
        return Err(Failure::input_help(
            format!("the store of {} holds answers already", data.display()),
            "a city is written into an empty store: name another folder",
        ));
    }
    Ok((ledger, store))
}

/// Every input that a pack built into this program declares.
fn inputs() -> Result<Vec<InputSpec>, Failure> {
    let library = rules_library(&[]).map_err(|e| Failure::input(chain(&e)))?;
    let mut inputs = Vec::new();
    for pack in library.ids() {
        let program = library.compile(pack).map_err(|_| {
            Failure::input_help(format!("pack {pack} has mistakes"), format!("hedui rules check {pack} lists them"))
        })?;
        inputs.extend(program.inputs.iter().map(|input| InputSpec {
            name: input.name.clone(),
            of_person: input.entity == Entity::Person,
            column: input.spec.clone(),
        }));
    }
    Ok(inputs)
}

/// The most memory that this process has held, in bytes, where the system tells.
pub(super) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

fn print(shell: Shell, data: &Path, report: &DirectReport, seconds: f64) {
    let rows: u64 = report.tables.values().map(|(_, rows, _)| rows).sum();
    let bytes: u64 = report.tables.values().map(|(_, _, bytes)| bytes).sum();
    if shell.json {
        let tables = report.tables.iter().map(|(name, (files, rows, bytes))| {
            (name.clone(), serde_json::json!({ "files": files, "rows": rows, "bytes": bytes }))
        });
        terminal::json(&serde_json::json!({
            "data": data, "households": report.households, "people": report.people, "unknown": report.unknown,
            "shared": report.shared, "planted": report.planted, "records": report.records(), "rows": rows, "bytes": bytes,
            "seconds": seconds, "peak_bytes": peak(), "tables": tables.collect::<serde_json::Map<_, _>>(),
            "snapshots": report.snapshots.iter().map(|s| s.0).collect::<Vec<_>>(),
        }));
        return;
    }
    let mb = |bytes: u64| bytes as f64 / 1e6;
    for (name, (files, rows, bytes)) in &report.tables {
        let each = *bytes as f64 / (*rows).max(1) as f64;
        terminal::line(format!(
            "  {name:<22} {rows:>12} rows {:>9.1} MB {each:>6.2} B a row {files:>6} files",
            mb(*bytes)
        ));
    }
    terminal::line(format!(
        "{}: {} households ({} share somebody with another), {} people ({} with a source that did not answer), {} planted anomalies",
        data.display(),
        report.households,
        report.shared,
        report.people,
        report.unknown,
        report.planted
    ));
    terminal::line(format!(
        "{} records and {rows} rows in all, {:.1} MB, in {seconds:.1} s: {:.0} rows/s; peak memory {:.0} MB; snapshots {}",
        report.records(),
        mb(bytes),
        rows as f64 / seconds.max(0.001),
        mb(peak().unwrap_or(0)),
        report.snapshots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    ));
}
