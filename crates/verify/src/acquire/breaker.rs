//! When a source counts as down: too many of its last calls failed, so it is left alone for a while; then one call tries.
//!
//! The state survives the process, so that a source that is down is not hammered by every restart, and the health board
//! can show it. A plain state machine over moments given to it.

use std::collections::VecDeque;

use hedui_connect::manifest::BreakerPlan;
use hedui_connect::{Cause, Failure};
use hedui_ledger::{BreakerState, SavedBreaker};
use jiff::{SignedDuration, Timestamp};

/// Whether a call may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// As usual.
    Go,
    /// As the one call that tries whether the source is back; the caller must report how it ended.
    Probe,
    /// Not before this moment.
    NotBefore(Timestamp),
    /// When the call that tries has ended.
    AfterProbe,
}

/// What a call says about the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It answers.
    Well,
    /// It does not.
    Failed,
    /// Nothing: the question never left, or the source only asks for patience.
    Nothing,
}

impl Heard {
    pub(crate) const fn of(failure: &Failure) -> Self {
        match failure.cause {
            Cause::Connect | Cause::Timeout | Cause::HostKey | Cause::Login | Cause::Protocol => Self::Failed,
            Cause::Status(status) if status >= 500 => Self::Failed,
            _ => Self::Nothing,
        }
    }
}

/// One source's breaker.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    plan: BreakerPlan,
    calls: VecDeque<bool>,
    open_until: Option<Timestamp>,
    probing: bool,
    trips: i64,
    changed_at: Timestamp,
}

impl Breaker {
    pub(crate) fn new(plan: BreakerPlan, saved: Option<SavedBreaker>, now: Timestamp) -> Self {
        let Some(saved) = saved else {
            return Self { plan, calls: VecDeque::new(), open_until: None, probing: false, trips: 0, changed_at: now };
        };
        let open_until = match saved.state {
            BreakerState::Closed => None,
            // A manifest that was changed meanwhile may ask for less patience.
            BreakerState::Open(until) => Some(until.min(Self::cooled(plan, now))),
        };
        let mut calls: VecDeque<bool> = saved.calls.into();
        while calls.len() > plan.of as usize {
            calls.pop_front();
        }
        Self { plan, calls, open_until, probing: false, trips: saved.trips, changed_at: saved.changed_at }
    }

    fn cooled(plan: BreakerPlan, now: Timestamp) -> Timestamp {
        let cool = SignedDuration::try_from(plan.cool).unwrap_or(SignedDuration::from_hours(1));
        now.saturating_add(cool).unwrap_or(Timestamp::MAX)
    }

    /// Until when it is left alone, if it is.
    pub(crate) const fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// Whether a call may go out now.
    pub(crate) fn may_call(&mut self, now: Timestamp) -> May {
        match self.open_until {
            None => May::Go,
            Some(_) if self.probing => May::AfterProbe,
            Some(until) if now < until => May::NotBefore(until),
            Some(_) => {
                self.probing = true;
                May::Probe
            }
        }
    }

    /// How a call ended; whether the breaker has opened or closed by it.
    pub(crate) fn heard(&mut self, heard: Heard, probe: bool, now: Timestamp) -> bool {
        if probe {
            self.probing = false;
        }
        match heard {
            Heard::Nothing => false,
            Heard::Well if self.open_until.is_some() => {
                // Also a call that was under way when it opened shows that the source is back.
                self.open_until = None;
                self.calls.clear();
                self.calls.push_back(true);
                self.changed_at = now;
                true
            }
            Heard::Failed if self.open_until.is_some() => {
                if probe {
                    self.open_until = Some(Self::cooled(self.plan, now));
                    self.changed_at = now;
                }
                probe
            }
            Heard::Well | Heard::Failed => {
                self.calls.push_back(heard == Heard::Well);
                if self.calls.len() > self.plan.of as usize {
                    self.calls.pop_front();
                }
                let failed = self.calls.iter().filter(|good| !**good).count();
                let enough = self.plan.open_after.of(u64::from(self.plan.of) * 10_000).div_ceil(10_000).max(1);
                if heard == Heard::Well || (failed as u64) < enough {
                    return false;
                }
                self.open_until = Some(Self::cooled(self.plan, now));
                self.trips += 1;
                self.changed_at = now;
                true
            }
        }
    }

    /// As it is kept in the ledger; a call that tries is forgotten, another will.
    pub(crate) fn saved(&self) -> SavedBreaker {
        SavedBreaker {
            state: self.open_until.map_or(BreakerState::Closed, BreakerState::Open),
            calls: self.calls.iter().copied().collect(),
            trips: self.trips,
            changed_at: self.changed_at,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use hedui_connect::manifest::Share;
    use proptest::prelude::*;
    use std::time::Duration;

    fn plan(parts: u16, of: u32) -> BreakerPlan {
        BreakerPlan { open_after: Share::of_ten_thousand(parts), of, cool: Duration::from_secs(60) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + second).unwrap()
    }

    #[test]
    fn it_opens_on_too_many_failures_lets_one_call_try_and_closes_on_success() {
        let mut breaker = Breaker::new(plan(5_000, 4), None, at(0));
        for (heard, opens) in [(Heard::Well, false), (Heard::Failed, false), (Heard::Nothing, false)] {
            assert_eq!(breaker.may_call(at(1)), May::Go);
            assert_eq!(breaker.heard(heard, false, at(1)), opens);
        }
        assert!(breaker.heard(Heard::Failed, false, at(2)), "two of four");
        assert_eq!(breaker.may_call(at(61)), May::NotBefore(at(62)));
        assert_eq!(breaker.may_call(at(62)), May::Probe);
        assert_eq!(breaker.may_call(at(62)), May::AfterProbe, "one at a time");
        assert!(!breaker.heard(Heard::Failed, false, at(62)), "a call from before it opened changes nothing");
        assert!(breaker.heard(Heard::Failed, true, at(63)));
        assert_eq!(breaker.may_call(at(64)), May::NotBefore(at(123)));
        assert_eq!(breaker.may_call(at(123)), May::Probe);
        assert!(!breaker.heard(Heard::Nothing, true, at(124)), "throttled: neither here nor there");
        assert_eq!(breaker.may_call(at(124)), May::Probe);
        assert!(breaker.heard(Heard::Well, true, at(125)));
        assert_eq!(breaker.may_call(at(125)), May::Go);
        assert_eq!(breaker.saved().trips, 1);
    }

    #[test]
    fn it_survives_a_restart() {
        let mut breaker = Breaker::new(plan(5_000, 2), None, at(0));
        assert!(breaker.heard(Heard::Failed, false, at(0)));
        let mut again = Breaker::new(plan(5_000, 2), Some(breaker.saved()), at(10));
        assert_eq!(again.may_call(at(10)), May::NotBefore(at(60)));
        let sooner = BreakerPlan { cool: Duration::from_secs(5), ..plan(5_000, 2) };
        let mut again = Breaker::new(sooner, Some(breaker.saved()), at(10));
        assert_eq!(again.may_call(at(10)), May::NotBefore(at(15)), "the manifest was changed to wait less");
    }

    proptest! {
        /// A source that answers again is asked again, whatever happened before; one that never fails is never left alone.
        #[test]
        fn it_never_stays_open_for_ever(parts in 1u16..=10_000, of in 1u32..30, calls in proptest::collection::vec(0u8..3, 0..80)) {
            let mut breaker = Breaker::new(plan(parts, of), None, at(0));
            let mut second = 0;
            for call in &calls {
                second += 1;
                let probe = match breaker.may_call(at(second)) {
                    May::Go => false,
                    May::Probe => true,
                    May::NotBefore(until) => { prop_assert!(until > at(second)); second += 60; continue }
                    May::AfterProbe => { prop_assert!(false, "nobody is trying"); false }
                };
                breaker.heard([Heard::Well, Heard::Failed, Heard::Nothing][usize::from(*call)], probe, at(second));
            }
            if !calls.contains(&1) {
                prop_assert_eq!(breaker.may_call(at(second)), May::Go);
            }
            second += 61;
            let probe = breaker.may_call(at(second)) == May::Probe;
            breaker.heard(Heard::Well, probe, at(second));
            prop_assert_eq!(breaker.may_call(at(second)), May::Go);
        }
    }
}
