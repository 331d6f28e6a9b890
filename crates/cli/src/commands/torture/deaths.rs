//! How runs die: at the boundaries that were killed at least, and now and then at a random moment.

use std::collections::BTreeSet;
use std::time::Duration;

use hedui_verify::Boundary;

use super::tally::Tally;

/// How a run is to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Death {
    At(Boundary, u64),
    After(Duration),
    None,
}

/// The deaths of one round.
pub(super) struct Deaths {
    seed: u64,
    dice: Dice,
    /// What did not kill in this round: nothing may be left there that could pass it.
    missed: BTreeSet<Boundary>,
}

impl Deaths {
    pub(super) fn of(seed: u64) -> Self {
        Self { seed, dice: Dice(seed), missed: BTreeSet::new() }
    }

    /// Of the boundaries that can be passed the one killed at least; every third time a random moment.
    pub(super) fn next(&mut self, nth: usize, tally: &Tally) -> Death {
        let count = Boundary::ALL.len() as u64;
        // Each seed begins with another one where all are alike.
        let turn = |boundary: &Boundary| {
            let at = Boundary::ALL.iter().position(|other| other == boundary).unwrap_or(0) as u64;
            (at + count - self.seed % count) % count
        };
        let left = Boundary::ALL.into_iter().filter(|b| tally.can_kill(*b) && !self.missed.contains(b));
        let least = left.min_by_key(|b| (tally.kills_at(*b), tally.tries_at(*b), turn(b)));
        match least {
            Some(boundary) if nth % 3 != 2 => {
                // Where it was never killed at, the first time will do; later any of the first three.
                let times = if tally.kills_at(boundary) == 0 { 1 } else { 1 + self.dice.next(3) };
                Death::At(boundary, times)
            }
            _ => Death::After(Duration::from_millis(20 + self.dice.next(1500))),
        }
    }

    /// Notes what came of it.
    pub(super) fn came(&mut self, death: Death, killed: bool, tally: &mut Tally) {
        match death {
            Death::At(boundary, times) => {
                tally.tried(boundary, killed);
                if !killed && times == 1 {
                    self.missed.insert(boundary);
                }
            }
            Death::After(_) if killed => tally.random += 1,
            Death::After(_) | Death::None => {}
        }
    }
}

/// The seed's random numbers (SplitMix64, as in the invented cities).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_go_where_there_were_fewest_and_a_round_does_not_insist() {
        let mut tally = Tally::default();
        let mut deaths = Deaths::of(4);
        // A boundary that nothing passes in this round is tried once in it.
        let stuck = Boundary::LeftPending;
        let mut tries = 0;
        for nth in 0..40 {
            let death = deaths.next(nth, &tally);
            let hit = matches!(death, Death::At(boundary, _) if boundary != stuck);
            tries += u64::from(matches!(death, Death::At(boundary, _) if boundary == stuck));
            deaths.came(death, hit, &mut tally);
        }
        assert_eq!(tries, 1);
        let counts: Vec<u64> = Boundary::ALL.into_iter().filter(|b| *b != stuck).map(|b| tally.kills_at(b)).collect();
        assert!(counts.iter().all(|count| (1..=3).contains(count)), "{counts:?}");
        // The next round tries it first.
        assert!(matches!(Deaths::of(5).next(0, &tally), Death::At(boundary, 1) if boundary == stuck));
    }
}
