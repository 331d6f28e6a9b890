//! How fast an institution is asked: its rate and seats, shared by all tasks, with a part kept for whoever waits at a counter.
//!
//! Two lanes pass one gate. A batch may use all but the reserved share; a check that somebody waits for passes before any
//! batch call that waits, so beside a batch that takes all it can, it waits for one slot at most. Rate belongs to a
//! credential (several sources of one institution may share it), seats belong to a source. When the institution says that
//! it is asked too often, the number of seats is halved and grows back one by one (additive increase, multiplicative
//! decrease), and the credential pauses for as long as it was told.
//!
//! [`Pace`] and [`Seats`] are plain state machines over times given to them; [`Gate`] waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::manifest::Share;

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Nobody at the moment.
    #[default]
    Batch,
    /// A person at a counter.
    Interactive,
}

/// Timers are late by a little; so much of it is made up for, and no more.
const SLACK: Duration = Duration::from_millis(5);
/// The longest pause that an institution can impose on a call that waits already.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Whether one may pass now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Now,
    /// Not before this time.
    At(Duration),
    /// When somebody else has passed or left.
    Later,
}

/// The rate of one credential. Times are counted from any fixed moment.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// When the next call is due at the full rate.
    next: Duration,
    /// When the next call of a batch is due at the unreserved part of it.
    next_batch: Duration,
    paused_until: Duration,
    waiting: usize,
}

impl Pace {
    fn turn(&self, lane: Lane, now: Duration) -> Turn {
        let due = match lane {
            Lane::Interactive => self.next,
            Lane::Batch if self.waiting > 0 => return Turn::Later,
            Lane::Batch => self.next.max(self.next_batch),
        };
        let at = due.saturating_sub(SLACK).max(self.paused_until);
        if at <= now { Turn::Now } else { Turn::At(at) }
    }

    fn pass(&mut self, lane: Lane, slot: Duration, reserve: Share, now: Duration) {
        self.next = self.next.max(now) + slot;
        if lane == Lane::Batch {
            let open = 10_000 - u32::from(reserve.ten_thousandths()).min(9_999);
            self.next_batch = self.next_batch.max(now) + slot.saturating_mul(10_000) / open;
        }
    }
}

/// The seats of one source.
#[derive(Clone, Copy, Debug)]
struct Seats {
    limit: usize,
    reserve: Share,
    /// Seats in use at most, at present, in hundredths.
    window: usize,
    busy: usize,
    busy_batch: usize,
    waiting: usize,
    /// Calls that have sat down, and how many had when the window was cut last: those before it cut it no further.
    entered: u64,
    cut: u64,
}

impl Seats {
    fn new(limit: usize, reserve: Share) -> Self {
        let limit = limit.max(1);
        Self { limit, reserve, window: limit * 100, busy: 0, busy_batch: 0, waiting: 0, entered: 0, cut: 0 }
    }

    fn open(&self) -> usize {
        (self.window / 100).clamp(1, self.limit)
    }

    fn turn(&self, lane: Lane) -> Turn {
        let open = self.open();
        let kept = self.reserve.of(open as u64 * 10_000).div_ceil(10_000);
        let for_batch = open.saturating_sub(usize::try_from(kept).unwrap_or(0)).max(1);
        let free = match lane {
            Lane::Interactive => self.busy < open,
            Lane::Batch => self.waiting == 0 && self.busy < open && self.busy_batch < for_batch,
        };
        if free { Turn::Now } else { Turn::Later }
    }

    fn enter(&mut self, lane: Lane) -> u64 {
        self.busy += 1;
        self.busy_batch += usize::from(lane == Lane::Batch);
        self.entered += 1;
        self.entered
    }

    fn leave(&mut self, lane: Lane) {
        self.busy = self.busy.saturating_sub(1);
        self.busy_batch = self.busy_batch.saturating_sub(usize::from(lane == Lane::Batch));
    }

    /// A call came through: one seat more per window of calls.
    fn grow(&mut self) {
        self.window = (self.window + (10_000 / self.window.max(100)).max(1)).min(self.limit * 100);
    }

    /// The institution is asked too often.
    fn shrink(&mut self, number: u64) {
        if number > self.cut {
            self.window = (self.window / 2).max(100);
            self.cut = self.entered;
        }
    }
}

/// A state that tasks wait on, lane by lane in order of coming.
#[derive(Debug)]
struct Shared<S> {
    state: Mutex<S>,
    changed: Notify,
    heads: [tokio::sync::Mutex<()>; 2],
}

impl<S> Shared<S> {
    fn new(state: S) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new(), heads: Default::default() })
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self, lane: Lane) -> &tokio::sync::Mutex<()> {
        match lane {
            Lane::Batch => &self.heads[0],
            Lane::Interactive => &self.heads[1],
        }
    }

    fn change(&self, change: impl FnOnce(&mut S)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// Waits for a turn and takes it. Whoever gives up on the way leaves no trace.
    async fn take<T>(
        &self,
        lane: Lane,
        waiting: fn(&mut S) -> &mut usize,
        turn: impl Fn(&S) -> Turn,
        taken: impl FnOnce(&mut S) -> T,
        since: Instant,
    ) -> T {
        let _counted = (lane == Lane::Interactive).then(|| Counted::new(self, waiting));
        let _first = self.head(lane).lock().await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listens from here on, so that no change between the look and the wait is missed.
            changed.as_mut().enable();
            let at = {
                let mut state = self.lock();
                match turn(&state) {
                    Turn::Now => return taken(&mut state),
                    Turn::At(at) => Some(since + at),
                    Turn::Later => None,
                }
            };
            match at {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at, changed).await;
                }
                None => changed.await,
            }
        }
    }
}

/// Somebody at the counter waits: no batch call goes before them.
struct Counted<'a, S> {
    shared: &'a Shared<S>,
    count: fn(&mut S) -> &mut usize,
}

impl<'a, S> Counted<'a, S> {
    fn new(shared: &'a Shared<S>, count: fn(&mut S) -> &mut usize) -> Self {
        *count(&mut shared.lock()) += 1;
        Self { shared, count }
    }
}

impl<S> Drop for Counted<'_, S> {
    fn drop(&mut self) {
        let count = self.count;
        self.shared.change(|state| *count(state) = count(state).saturating_sub(1));
    }
}

/// All gates of a context.
#[derive(Debug)]
pub(crate) struct Gates {
    since: Instant,
    paces: Mutex<HashMap<String, Arc<Shared<Pace>>>>,
    seats: Mutex<HashMap<String, Arc<Shared<Seats>>>>,
}

impl Gates {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), paces: Mutex::default(), seats: Mutex::default() }
    }

    /// The way to one source: `credential` names the pace, `source` the seats.
    pub(crate) fn gate(
        &self,
        credential: String,
        source: &str,
        rate: Option<u32>,
        seats: usize,
        reserve: Share,
        lane: Lane,
    ) -> Gate {
        let lock = PoisonError::into_inner;
        let pace = Arc::clone(
            self.paces.lock().unwrap_or_else(lock).entry(credential).or_insert_with(|| Shared::new(Pace::default())),
        );
        let seats = Arc::clone(
            self.seats
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(source.to_owned())
                .or_insert_with(|| Shared::new(Seats::new(seats, reserve))),
        );
        let slot = rate.filter(|r| *r > 0).map_or(Duration::ZERO, |r| Duration::from_secs(1) / r);
        Gate { since: self.since, pace, seats, slot, reserve, lane }
    }
}

/// The way to one source, in one lane.
#[derive(Debug)]
pub(crate) struct Gate {
    since: Instant,
    pace: Arc<Shared<Pace>>,
    seats: Arc<Shared<Seats>>,
    slot: Duration,
    reserve: Share,
    lane: Lane,
}

impl Gate {
    /// Waits for a seat and for the rate. The seat is free again when the permit is dropped.
    pub(crate) async fn enter(&self) -> Permit<'_> {
        let lane = self.lane;
        let number = self.seats.take(lane, |s| &mut s.waiting, |s| s.turn(lane), |s| s.enter(lane), self.since).await;
        // From here on the seat is given back however this ends.
        let permit = Permit { gate: self, number };
        let now = || self.since.elapsed();
        let (slot, reserve) = (self.slot, self.reserve);
        self.pace
            .take(lane, |p| &mut p.waiting, |p| p.turn(lane, now()), |p| p.pass(lane, slot, reserve, now()), self.since)
            .await;
        permit
    }
}

/// One call under way.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    gate: &'a Gate,
    number: u64,
}

impl Permit<'_> {
    /// The call came through.
    pub(crate) fn went_well(&self) {
        self.gate.seats.change(Seats::grow);
    }

    /// The institution is asked too often; `pause` is how long it wants to be left alone, if it said.
    pub(crate) fn throttled(&self, pause: Option<Duration>) {
        self.gate.seats.change(|s| s.shrink(self.number));
        if let Some(pause) = pause {
            let until = self.gate.since.elapsed() + pause.min(LONGEST_PAUSE);
            self.gate.pace.change(|p| p.paused_until = p.paused_until.max(until));
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let lane = self.gate.lane;
        self.gate.seats.change(|s| s.leave(lane));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn fifth() -> Share {
        Share::of_ten_thousand(2_000)
    }

    /// A batch that takes every turn it is given, and interactive calls that come when they like.
    fn saturated(slot: Duration, reserve: Share, arrivals: &[u64]) -> (Vec<Duration>, Vec<Duration>) {
        let mut pace = Pace::default();
        let mut waits = Vec::new();
        let mut passed = Vec::new();
        let mut arrivals = arrivals.iter().map(|ms| Duration::from_micros(*ms)).collect::<Vec<_>>();
        arrivals.sort_unstable();
        let mut queue: std::collections::VecDeque<Duration> = Default::default();
        let mut coming = arrivals.into_iter().peekable();
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(2) {
            while coming.next_if(|at| *at <= now).inspect(|at| queue.push_back(*at)).is_some() {
                pace.waiting += 1;
            }
            while let Some(came) = queue.front().copied().filter(|_| pace.turn(Lane::Interactive, now) == Turn::Now) {
                pace.pass(Lane::Interactive, slot, reserve, now);
                pace.waiting -= 1;
                queue.pop_front();
                waits.push(now - came);
                passed.push(now);
            }
            while pace.turn(Lane::Batch, now) == Turn::Now {
                pace.pass(Lane::Batch, slot, reserve, now);
                passed.push(now);
            }
            now += Duration::from_micros(100);
        }
        (waits, passed)
    }

    proptest! {
        /// Beside a batch that takes all it can, a call at a counter waits one slot at most.
        #[test]
        fn nobody_at_a_counter_is_starved(rate in 1u32..500, parts in 0u16..9_000, at in 0u64..1_900_000) {
            let slot = Duration::from_secs(1) / rate;
            let (waits, _) = saturated(slot, Share::of_ten_thousand(parts), &[at]);
            let step = Duration::from_micros(100);
            prop_assert!(waits.iter().all(|w| *w <= slot + step), "{waits:?} > {slot:?}");
            prop_assert!(waits.len() == 1 || Duration::from_micros(at) + slot >= Duration::from_secs(2));
        }

        /// Whatever comes, no second sees more calls than the rate, but for what lateness may make up.
        #[test]
        fn the_rate_is_never_exceeded(
            rate in 2u32..400,
            parts in 0u16..9_000,
            arrivals in proptest::collection::vec(0u64..1_900_000, 0..60),
        ) {
            let slot = Duration::from_secs(1) / rate;
            let (_, passed) = saturated(slot, Share::of_ten_thousand(parts), &arrivals);
            let late = usize::try_from(SLACK.as_nanos() / slot.as_nanos()).unwrap();
            for (first, at) in passed.iter().enumerate() {
                let within = passed[first..].iter().take_while(|t| **t < *at + Duration::from_secs(1)).count();
                prop_assert!(within <= rate as usize + late + 1, "{within} calls in a second at {rate}/s");
            }
        }

        /// Seats are never over-filled, and a batch leaves the reserved ones free.
        #[test]
        fn seats_hold(limit in 1usize..20, steps in proptest::collection::vec(0u8..5, 0..200)) {
            let mut seats = Seats::new(limit, fifth());
            let mut inside: Vec<(Lane, u64)> = Vec::new();
            for step in steps {
                match step {
                    0 | 1 => {
                        let lane = if step == 0 { Lane::Batch } else { Lane::Interactive };
                        if seats.turn(lane) == Turn::Now {
                            inside.push((lane, seats.enter(lane)));
                        }
                    }
                    2 => if let Some((lane, _)) = inside.pop() { seats.leave(lane); },
                    3 => seats.grow(),
                    _ => if let Some((_, number)) = inside.last() { seats.shrink(*number); },
                }
                prop_assert!(inside.len() <= limit && (1..=limit).contains(&seats.open()));
                let batch = inside.iter().filter(|(lane, _)| *lane == Lane::Batch).count();
                prop_assert!(limit == 1 || batch < limit, "one seat at least is kept");
            }
        }
    }

    #[test]
    fn too_often_halves_the_seats_once_and_success_brings_them_back() {
        let mut seats = Seats::new(16, Share::of_ten_thousand(0));
        let numbers: Vec<u64> = (0..16).map(|_| seats.enter(Lane::Batch)).collect();
        for number in &numbers {
            seats.shrink(*number);
        }
        assert_eq!(seats.open(), 8, "calls that were under way together cut it once");
        for _ in 0..16 {
            seats.leave(Lane::Batch);
        }
        let next = seats.enter(Lane::Batch);
        seats.shrink(next);
        assert_eq!(seats.open(), 4);
        for _ in 0..200 {
            seats.grow();
        }
        assert_eq!(seats.open(), 16);
    }

    /// Lower bounds only: a busy machine is late, never early.
    #[tokio::test]
    async fn sources_of_one_credential_share_its_rate_and_its_pause() {
        let gates = Gates::new();
        let gate = |source: &str, lane| gates.gate("police".into(), source, Some(100), 4, fifth(), lane);
        let (one, two) = (gate("police.a", Lane::Interactive), gate("police.b", Lane::Interactive));
        let started = Instant::now();
        for _ in 0..5 {
            drop(one.enter().await);
            drop(two.enter().await);
        }
        assert!(
            started.elapsed() >= Duration::from_millis(90) - SLACK,
            "ten calls take nine slots, whoever makes them"
        );
        let permit = one.enter().await;
        permit.throttled(Some(Duration::from_millis(150)));
        drop(permit);
        let started = Instant::now();
        drop(two.enter().await);
        assert!(started.elapsed() >= Duration::from_millis(145), "the other source pauses too");
        assert!(two.pace.lock().paused_until > Duration::ZERO);
        let other = gates.gate("tax".into(), "tax.a", Some(10), 4, fifth(), Lane::Batch);
        assert_eq!(other.pace.lock().paused_until, Duration::ZERO, "another institution does not");
    }

    #[tokio::test]
    async fn a_waiting_call_that_is_given_up_blocks_nobody() {
        let gates = Gates::new();
        let batch = gates.gate("a".into(), "a.b", None, 1, fifth(), Lane::Batch);
        let counter = gates.gate("a".into(), "a.b", None, 1, fifth(), Lane::Interactive);
        let held = batch.enter().await;
        let given_up = tokio::time::timeout(Duration::from_millis(20), counter.enter()).await;
        assert!(given_up.is_err(), "the seat is taken");
        drop(given_up);
        drop(held);
        drop(batch.enter().await);
        assert_eq!(batch.seats.lock().waiting, 0);
    }
}
