//! Cities written straight into a store: no servers, no ledger people, no identity numbers, for millions of households.
//!
//! The households are those that [`crate::generate`] would invent, with fewer anomalies; their rows are what acquisition
//! would have settled. Each bucket of people is made on its own, so the same options give the same files whatever the
//! threads, and memory does not grow with the city.
//!
//! The settlements have numbers of their own that no ledger gave: nothing else can be acquired into such a store.

mod bucket;
mod caseload;
mod coverage;
mod exchange;
mod fates;
mod layout;
mod line;
mod registers;
mod sharing;
mod sources;
mod tables;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use hedui_connect::Registry;
use hedui_store::plain::InputSpec;
use hedui_store::{SnapshotId, Store, StoreError};
use jiff::civil::time;
use jiff::tz::TimeZone;
use sqlx::AnyConnection;
use tokio::sync::mpsc;

use crate::city::{CityOptions, Maker};
use crate::holders::Holders;
use crate::plant::Dealer;
use crate::shape::CityShape;
pub use exchange::{REGISTERED, exchange_files, exchange_sources, write_exchange};

use bucket::{Ground, SNAPSHOTS, Written};
use caseload::Inputs;
use layout::Layout;
use sharing::Sharing;
use sources::Sources;

/// What city to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectOptions {
    /// Households, seed and day.
    pub city: CityOptions,
    /// People per mille who have at least one source that does not answer.
    pub unknown: u32,
    /// Of the three households in ten that an ordinary city gives an anomaly, each so many-th gets one.
    pub planted_each: u64,
    /// Threads that invent and write.
    pub threads: usize,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectReport {
    /// Cases.
    pub households: usize,
    /// People, each once.
    pub people: usize,
    /// People who have a source that did not answer.
    pub unknown: usize,
    /// Cases that share somebody with another.
    pub shared: usize,
    /// Anomalies.
    pub planted: usize,
    /// By table: files, rows, bytes.
    pub tables: BTreeMap<String, (usize, u64, u64)>,
    /// The snapshots, in order.
    pub snapshots: Vec<SnapshotId>,
}

impl DirectReport {
    /// Rows of datasets.
    #[must_use]
    pub fn records(&self) -> u64 {
        let other = ["coverage", hedui_store::CASES, hedui_store::PEOPLE];
        self.tables.iter().filter(|(name, _)| !other.contains(&name.as_str())).map(|(_, (_, rows, _))| rows).sum()
    }
}

/// Why a city cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The store.
    #[error("the store cannot take the city")]
    Store(#[from] StoreError),
    /// The list of what is true.
    #[error("the truth about the city cannot be written; is the disk full?")]
    Truth(#[from] io::Error),
    /// A worker thread died.
    #[error("a worker stopped early; run it again into an empty folder")]
    Stopped,
}

/// Writes a city into a store, inside the caller's transaction: three snapshots, the second and third with answers that
/// came late or were corrected. `truth` gets a CSV: `case,flag,planted,unknown` for every flag that is due, whether it was
/// planted or follows, and whether a source of the household did not answer, so that it may stay open.
///
/// # Errors
/// If the store or the list cannot be written.
pub async fn write_direct(
    store: &Store,
    conn: &mut AnyConnection,
    registry: &Registry,
    inputs: &[InputSpec],
    options: &DirectOptions,
    truth: &mut (dyn Write + Send),
    progress: &(dyn Fn(u32, u32) + Sync),
) -> Result<DirectReport, DirectError> {
    let sources = Sources::new(registry, options.city.as_of);
    let places = sources.all.len() as i64;
    let (queue, mut done) = mpsc::channel(2);
    let work = Work { store: store.clone(), sources, inputs: Inputs::new(inputs), options: options.clone(), queue };
    let working = tokio::task::spawn_blocking(move || work.run());
    let mut commit = store.begin_bulk(conn, SNAPSHOTS).await?;
    let mut report = DirectReport::default();
    writeln!(truth, "case,flag,planted,unknown")?;
    let (mut waiting, mut next, mut buckets) = (BTreeMap::new(), 0, 0);
    while let Some((bucket, of, written)) = done.recv().await {
        buckets = of;
        waiting.insert(bucket, written?);
        // In the order of the buckets, so that the catalogue is the same however threads took turns.
        while let Some(written) = waiting.remove(&next) {
            take(written, &mut commit, conn, &mut report, truth).await?;
            next += 1;
            progress(next, of);
        }
    }
    working.await.map_err(|_| DirectError::Stopped)?;
    if next != buckets {
        return Err(DirectError::Stopped);
    }
    let all = i64::from(buckets) * places * i64::from(store.bucket_people());
    let answers: Vec<(i64, i64)> = (0..SNAPSHOTS as i64).map(|nth| (nth * all + 1, (nth + 1) * all)).collect();
    report.snapshots = commit.finish(conn, &answers).await?;
    truth.flush()?;
    Ok(report)
}

async fn take(
    written: Written,
    commit: &mut hedui_store::BulkCommit,
    conn: &mut AnyConnection,
    report: &mut DirectReport,
    truth: &mut (dyn Write + Send),
) -> Result<(), DirectError> {
    report.households += written.households;
    report.people += written.people;
    report.unknown += written.unknown;
    report.shared += written.shared;
    report.planted += written.planted.len();
    for (due, unknown) in &written.truth {
        let planted = written.planted.iter().any(|p| p.case == due.case && p.flag == due.flag);
        writeln!(truth, "{},{},{},{}", due.case, due.flag, u8::from(planted), u8::from(*unknown))?;
    }
    for (_, file) in &written.files {
        let sum = report.tables.entry(file.table().to_owned()).or_default();
        *sum = (sum.0 + 1, sum.1 + file.rows() as u64, sum.2 + file.bytes());
    }
    commit.add(conn, written.files).await?;
    Ok(())
}

struct Work {
    store: Store,
    sources: Sources,
    inputs: Inputs,
    options: DirectOptions,
    queue: mpsc::Sender<(u32, u32, Result<Written, StoreError>)>,
}

impl Work {
    fn run(self) {
        let city = &self.options.city;
        let holders = Holders::embedded();
        let dealer = Dealer::sparse(city.seed, holders, self.options.planted_each);
        let maker = Maker { shape: &CityShape::default(), holders, dealer, options: city };
        let layout = Layout::new(&maker, self.store.bucket_people(), self.options.threads);
        let sharing = Sharing::new(&maker, &layout, self.options.threads);
        let asked = city.as_of.to_datetime(time(1, 0, 0, 0)).to_zoned(TimeZone::UTC);
        let ground = Ground {
            maker: &maker,
            layout: &layout,
            sources: &self.sources,
            ids: self.sources.all.iter().map(|s| s.id.as_str().into()).collect(),
            inputs: &self.inputs,
            sharing: &sharing,
            unknown: u64::from(self.options.unknown),
            today: hedui_base::columns::date_to_days(city.as_of),
            asked: asked.map_or(jiff::Timestamp::UNIX_EPOCH, |at| at.timestamp()),
        };
        let next = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.options.threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let bucket = next.fetch_add(1, Ordering::Relaxed);
                        if bucket >= layout.buckets() {
                            return;
                        }
                        let written = ground.write(&self.store, bucket);
                        // Nobody listens any more after a failure.
                        if self.queue.blocking_send((bucket, layout.buckets(), written)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }
}
