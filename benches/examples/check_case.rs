//! What `hedui check` of one household costs when its records are acquired already, from its case number to its report.
//!
//! ```text
//! hedui sim city --direct --out big --households 1000000
//! cargo run --release -p hedui-benches --example check_case -- big/data 2026-06-30
//! ```
//!
//! Cases are drawn at random over the whole store. A workspace is open, as in the service; the system has the store's files in
//! memory if it was read before. Medians and 99th percentiles are printed, of the whole and of its parts: spans that
//! `hedui_verify` puts around them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hedui_base::CaseId;
use hedui_store::{At, BulkColumn};
use hedui_verify::{Workspace, WorkspaceOptions};
use jiff::civil::Date;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

fn main() {
    let parts = Parts::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(parts.clone())).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure(&parts));
}

async fn measure(parts: &Parts) {
    let mut args = std::env::args().skip(1);
    let data = args.next().unwrap();
    let as_of: Date = args.next().unwrap().parse().unwrap();
    let looks: usize = args.next().map_or(400, |looks| looks.parse().unwrap());
    let options = WorkspaceOptions { today: Some(as_of), ..WorkspaceOptions::default() };
    let ws = Workspace::open(Path::new(&data), options).await.unwrap();
    let cases = drawn(&ws, looks).await;
    // The pack is compiled once, when its first case comes.
    let begun = Instant::now();
    hedui_verify::check(&ws, &cases[0], as_of).await.unwrap();
    println!("first check, which compiles the pack: {:?}", begun.elapsed());
    for round in ["first time", "again"] {
        parts.taken();
        let (mut whole, mut rows, busy) = (Vec::new(), 0, ticks());
        for case in &cases {
            let begun = Instant::now();
            let report = hedui_verify::check(&ws, case, as_of).await.unwrap();
            whole.push(begun.elapsed());
            rows += report.coverage.len();
        }
        println!("{} households, {round}; {} lines of coverage each", cases.len(), rows / cases.len());
        // Others may be at work on the same cores: what the process itself took says more than the clock.
        let busy = Duration::from_millis((ticks() - busy) * 10) / cases.len() as u32;
        println!("  whole check    {}, CPU {busy:?} each", shown(&mut whole));
        for (name, mut times) in parts.taken() {
            let each = times.len() / cases.len().max(1);
            println!("    {name:<12} {}{}", shown(&mut times), if each > 1 { " each" } else { "" });
        }
    }
}

/// Numbers of cases drawn over all buckets of the store.
async fn drawn(ws: &Workspace, count: usize) -> Vec<CaseId> {
    let mut conn = ws.ledger().connection().await.unwrap();
    let all = ws.store().snapshot(&mut conn, At::Latest).await.unwrap();
    let buckets = all.buckets("cases");
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % below
    };
    let mut read: BTreeMap<u32, Vec<CaseId>> = BTreeMap::new();
    let mut cases = Vec::with_capacity(count);
    for _ in 0..count {
        let bucket = buckets[draw(buckets.len())];
        let of_bucket = read.entry(bucket).or_insert_with(|| {
            let columns = all.columns("cases", bucket, Some(&["case"])).unwrap();
            let [(_, BulkColumn::Texts(names))] = columns.as_slice() else { panic!("not texts") };
            (0..columns[0].1.len()).filter_map(|row| names.get(row)).map(CaseId::from).collect()
        });
        cases.push(of_bucket[draw(of_bucket.len())].clone());
    }
    cases
}

/// CPU time of this process, in hundredths of a second; of all its threads.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

fn shown(times: &mut [Duration]) -> String {
    times.sort_unstable();
    if times.is_empty() {
        return "nothing".to_owned();
    }
    format!("p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100])
}

/// How long spans lasted, by name.
#[derive(Clone, Default)]
struct Parts(Arc<Mutex<BTreeMap<&'static str, Vec<Duration>>>>);

impl Parts {
    fn taken(&self) -> BTreeMap<&'static str, Vec<Duration>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

struct Begun(Instant);

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Parts {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_span() && metadata.target().starts_with("hedui_verify::report")
    }

    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        context.span(id).unwrap().extensions_mut().insert(Begun(Instant::now()));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let lasted = span.extensions().get::<Begun>().map(|begun| begun.0.elapsed()).unwrap_or_default();
        self.0.lock().unwrap().entry(span.name()).or_default().push(lasted);
    }
}
