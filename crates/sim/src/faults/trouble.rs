//! The faults of one source while it is served: which of them hit this request, this person, this row.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Fault, FaultKind, Heal};
use crate::dice::Dice;

/// What goes wrong with one reply or file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mood {
    pub(crate) truncated: bool,
    pub(crate) duplicated: bool,
    pub(crate) reordered: bool,
    pub(crate) wrong_trailer: bool,
    pub(crate) drifted: bool,
    pub(crate) garbled: bool,
    pub(crate) reset: bool,
}

/// One source's faults. All its servers share one.
#[derive(Debug)]
pub(crate) struct Trouble {
    seed: u64,
    source: String,
    faults: Vec<Fault>,
    since: Instant,
    healed: AtomicBool,
    requests: AtomicU64,
    /// How often each fault struck.
    struck: Mutex<std::collections::BTreeMap<FaultKind, u64>>,
}

impl Trouble {
    pub(crate) fn new(seed: u64, source: &str, faults: Vec<Fault>) -> Self {
        Self {
            seed,
            source: source.to_owned(),
            faults,
            since: Instant::now(),
            healed: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            struck: Mutex::default(),
        }
    }

    /// Counts a request and says which it is, from 0.
    pub(crate) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// How many requests there have been.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    /// The strength of a fault that is on.
    pub(crate) fn strength(&self, kind: FaultKind) -> Option<u32> {
        if self.faults.is_empty() || self.healed.load(Ordering::Relaxed) {
            return None;
        }
        let on = |fault: &&Fault| match fault.heal {
            Heal::Never => true,
            Heal::Requests(count) => self.requests.load(Ordering::Relaxed) <= count,
            Heal::After(time) => self.since.elapsed() < time,
        };
        self.faults.iter().filter(|fault| fault.kind == kind).find(on).map(Fault::strength)
    }

    /// Whether a fault is planned here, on or healed.
    pub(crate) fn plans(&self, kind: FaultKind) -> bool {
        self.faults.iter().any(|fault| fault.kind == kind)
    }

    /// Whether a fault is on; counted as a strike.
    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        let on = self.strength(kind).is_some();
        if on {
            self.strike(kind);
        }
        on
    }

    /// Whether a fault hits one request or one person: always the same ones.
    pub(crate) fn hits(&self, kind: FaultKind, what: &str, nth: u64) -> bool {
        let Some(strength) = self.strength(kind) else { return false };
        let hit = self.dice(kind, what, nth).chance(u64::from(strength));
        if hit {
            self.strike(kind);
        }
        hit
    }

    /// What hits one reply as a whole.
    pub(crate) fn mood(&self, reply: u64) -> Mood {
        let hits = |kind| self.hits(kind, "reply", reply);
        Mood {
            truncated: hits(FaultKind::Truncated),
            duplicated: hits(FaultKind::Duplicated),
            reordered: hits(FaultKind::Reordered),
            wrong_trailer: hits(FaultKind::WrongTrailer),
            drifted: hits(FaultKind::SchemaDrift),
            garbled: hits(FaultKind::Garbled),
            reset: hits(FaultKind::Reset),
        }
    }

    /// Whether a request lies in a run of them that a fault hits: runs are up to four long.
    pub(crate) fn hits_run(&self, kind: FaultKind, request: u64) -> bool {
        self.hits(kind, "run", request / 4)
    }

    /// How long a request waits before it is answered.
    pub(crate) fn pause(&self, request: u64) -> Duration {
        let slow = self.strength(FaultKind::Slow).inspect(|_| self.strike(FaultKind::Slow)).unwrap_or(0);
        let latency = self.strength(FaultKind::Latency).map_or(0, |typical| {
            self.strike(FaultKind::Latency);
            let mut dice = self.dice(FaultKind::Latency, "wait", request);
            // One in twenty takes ten times as long: a tail like that of a busy gateway.
            let typical = i64::from(typical) * if dice.chance(50) { 10 } else { 1 };
            dice.between(typical / 4, typical)
        });
        Duration::from_millis(u64::from(slow) + latency.unsigned_abs())
    }

    /// The earliest moment at which a fault of these heals by itself.
    pub(crate) fn heals_in(&self) -> Option<Duration> {
        let times = self.faults.iter().filter_map(|fault| match fault.heal {
            Heal::After(time) => time.checked_sub(self.since.elapsed()),
            _ => None,
        });
        times.min()
    }

    pub(crate) fn dice(&self, kind: FaultKind, what: &str, nth: u64) -> Dice {
        Dice::new(self.seed, &format!("{kind} {} {what}", self.source), nth)
    }

    pub(crate) fn strike(&self, kind: FaultKind) {
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        *struck.entry(kind).or_default() += 1;
    }

    /// How often each fault struck so far.
    pub(crate) fn struck(&self) -> Vec<(FaultKind, u64)> {
        let struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        struck.iter().map(|(kind, count)| (*kind, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn trouble(text: &str) -> Trouble {
        let faults: crate::Faults = text.parse().unwrap();
        Trouble::new(7, "tax.income", faults.0)
    }

    #[test]
    fn a_fault_hits_about_as_many_as_it_says_and_always_the_same() {
        let hits = |t: &Trouble| (0..1000).filter(|n| t.hits(FaultKind::Reset, "request", *n)).collect::<Vec<_>>();
        let (one, two) = (trouble("reset=tax:300"), trouble("reset=tax:300"));
        assert_eq!(hits(&one), hits(&two));
        assert!((200..400).contains(&hits(&one).len()));
        assert!(!one.hits(FaultKind::Throttle, "request", 1));
        assert_eq!(one.struck()[0].0, FaultKind::Reset);
    }

    #[test]
    fn faults_heal_after_requests_or_when_told() {
        let source = trouble("down=tax::2,throttle=tax:1000");
        let down = |s: &Trouble| {
            s.request();
            s.has(FaultKind::Down)
        };
        assert_eq!([down(&source), down(&source), down(&source)], [true, true, false]);
        assert!(source.has(FaultKind::Throttle));
        source.heal();
        assert!(!source.has(FaultKind::Throttle));
    }
}
