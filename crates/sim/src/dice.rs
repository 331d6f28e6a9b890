/// A small random source that gives the same numbers on every machine and with every version of every library
/// (SplitMix64), because truth tables must outlive upgrades.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of one household (or of one server, fault or step): independent of all others.
    pub(crate) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for byte in purpose.bytes().chain(index.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut dice = Self(hash);
        dice.next();
        dice
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (high - low).unsigned_abs() + 1;
        low + (self.next() % span) as i64
    }

    /// Whether something happens that happens `per_mille` times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.next() % 1000 < per_mille
    }

    /// One of a list.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[(self.next() % list.len() as u64) as usize]
    }

    /// One of a list of (weight, value).
    pub(crate) fn weighted<'a, T>(&mut self, list: &'a [(u64, T)]) -> &'a T {
        let total: u64 = list.iter().map(|(weight, _)| weight).sum();
        let mut left = self.next() % total.max(1);
        for (weight, value) in list {
            if left < *weight {
                return value;
            }
            left -= weight;
        }
        &list[list.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change() {
        let mut dice = Dice::new(1, "household", 0);
        let first: Vec<_> = (0..3).map(|_| dice.between(0, 999)).collect();
        let mut again = Dice::new(1, "household", 0);
        assert_eq!(first, (0..3).map(|_| again.between(0, 999)).collect::<Vec<_>>());
        assert_ne!(Dice::new(1, "household", 1).next(), Dice::new(1, "household", 0).next());
        assert_ne!(Dice::new(2, "household", 0).next(), Dice::new(1, "household", 0).next());
        let mut dice = Dice::new(3, "x", 0);
        assert!((0..1000).all(|_| (5..=7).contains(&dice.between(5, 7))));
    }
}
