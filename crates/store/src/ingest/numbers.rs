//! From identity numbers to dense keys: one table in memory, 16 bytes a place, three places in four taken at most.

use hedui_base::PersonKey;

/// Who has which key. Keys are dense in the order in which people were registered: household by household.
#[derive(Debug)]
pub struct Numbers {
    /// Number and key; key 0 is nobody.
    slots: Vec<(i64, u32)>,
    count: u32,
}

impl Numbers {
    /// A table for so many people.
    #[must_use]
    pub fn with_capacity(people: usize) -> Self {
        let places = (people * 4 / 3 + 16).next_power_of_two();
        Self { slots: vec![(0, 0); places], count: 0 }
    }

    fn place(&self, number: i64) -> usize {
        // Fibonacci hashing: numbers differ in their last digits above all, and the product spreads those to the top.
        let hash = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 20) as usize & (self.slots.len() - 1)
    }

    /// The key of a number, the next one if it has none yet.
    pub fn assign(&mut self, number: i64) -> PersonKey {
        if (self.count as usize + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mut at = self.place(number);
        loop {
            match self.slots[at] {
                (_, 0) => {
                    self.count += 1;
                    self.slots[at] = (number, self.count);
                    return PersonKey(self.count);
                }
                (known, key) if known == number => return PersonKey(key),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// The key of a number; none if nobody registered it.
    #[must_use]
    pub fn get(&self, number: i64) -> Option<PersonKey> {
        let mut at = self.place(number);
        loop {
            match self.slots[at] {
                (_, 0) => return None,
                (known, key) if known == number => return Some(PersonKey(key)),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// How many people have a key.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether nobody has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![(0, 0); old.len() * 2];
        for (number, key) in old.into_iter().filter(|(_, key)| *key > 0) {
            let mut at = self.place(number);
            while self.slots[at].1 > 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = (number, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_dense_in_the_order_of_registration() {
        let number = |n: i64| 990_000_000_000_000_000 + n * 741_776_259_371 % 1_000_000_000_000;
        let mut numbers = Numbers::with_capacity(3);
        for n in 0..10_000 {
            assert_eq!(numbers.assign(number(n)), PersonKey(n as u32 + 1));
            assert_eq!(numbers.assign(number(n / 2)), PersonKey(n as u32 / 2 + 1), "the same number keeps its key");
        }
        assert_eq!((numbers.len(), numbers.get(number(10_001))), (10_000, None));
        assert!((0..10_000).all(|n| numbers.get(number(n)) == Some(PersonKey(n as u32 + 1))));
    }
}
