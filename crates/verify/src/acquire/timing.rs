//! Where the time of an acquire goes: wall time, and how long each stage was busy, summed over all tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

/// A stage of an acquire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Plan,
    Claim,
    Wait,
    Raw,
    Parse,
    Ledger,
    Store,
    Stand,
}

/// How the time of an acquire splits, in milliseconds. The stages run side by side, so they may add up to more than the
/// wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// From begin to end.
    pub wall_ms: u64,
    /// Deciding what is to be asked, and writing it down.
    pub plan_ms: u64,
    /// Taking asks, checking letters and budgets, noting them as sent.
    pub claim_ms: u64,
    /// Waiting for institutions, with their rate limits.
    pub wait_ms: u64,
    /// Making raw replies durable.
    pub raw_ms: u64,
    /// Reading replies.
    pub parse_ms: u64,
    /// Settling: outcomes, audit leaves, commit.
    pub settle_ledger_ms: u64,
    /// Settling: rows and coverage.
    pub settle_store_ms: u64,
    /// Counting how everything stands at the end.
    pub stand_ms: u64,
    /// Asks settled.
    pub asks: u64,
    /// Records stored.
    pub records: u64,
    /// Asks settled a second of wall time.
    pub asks_per_second: u64,
    /// Records stored a second of wall time.
    pub records_per_second: u64,
}

/// Adds up while the tasks work.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    micros: [AtomicU64; 8],
    asks: AtomicU64,
    records: AtomicU64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            micros: Default::default(),
            asks: AtomicU64::new(0),
            records: AtomicU64::new(0),
        }
    }

    /// Counts the time until the guard is dropped to a stage.
    pub(crate) fn of(&self, stage: Stage) -> Lap<'_> {
        Lap { watch: self, stage, since: Instant::now() }
    }

    pub(crate) fn settled(&self, asks: usize, records: usize) {
        self.asks.fetch_add(asks as u64, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Timing {
        let wall = self.started.elapsed();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        let busy = |stage: Stage| self.micros[stage as usize].load(Ordering::Relaxed) / 1_000;
        let (asks, records) = (self.asks.load(Ordering::Relaxed), self.records.load(Ordering::Relaxed));
        let rate = |count: u64| count.saturating_mul(1_000) / wall_ms.max(1);
        Timing {
            wall_ms,
            plan_ms: busy(Stage::Plan),
            claim_ms: busy(Stage::Claim),
            wait_ms: busy(Stage::Wait),
            raw_ms: busy(Stage::Raw),
            parse_ms: busy(Stage::Parse),
            settle_ledger_ms: busy(Stage::Ledger),
            settle_store_ms: busy(Stage::Store),
            stand_ms: busy(Stage::Stand),
            asks,
            records,
            asks_per_second: rate(asks),
            records_per_second: rate(records),
        }
    }
}

/// One stretch of one stage.
pub(crate) struct Lap<'a> {
    watch: &'a Stopwatch,
    stage: Stage,
    since: Instant,
}

impl Drop for Lap<'_> {
    fn drop(&mut self) {
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.watch.micros[self.stage as usize].fetch_add(micros, Ordering::Relaxed);
    }
}
