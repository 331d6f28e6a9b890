//! Who is in a file, in the fewest bytes: a list, or one bit a key between the least and the largest.

/// Some people.
#[derive(Debug)]
pub(super) enum PeopleSet {
    /// Ascending.
    List(Box<[i64]>),
    /// One bit a key, from the first on.
    Bits { from: i64, bits: Box<[u64]> },
}

impl PeopleSet {
    /// Of people ascending, who may occur again.
    pub(super) fn of(mut people: Vec<i64>) -> Self {
        people.dedup();
        let (Some(first), Some(last)) = (people.first().copied(), people.last().copied()) else {
            return Self::List(Box::default());
        };
        let words = words(first, last);
        if people.len() <= words {
            return Self::List(people.into());
        }
        let mut bits = vec![0u64; words];
        for person in people {
            let at = person.wrapping_sub(first) as usize;
            bits[at / 64] |= 1 << (at % 64);
        }
        Self::Bits { from: first, bits: bits.into() }
    }

    pub(super) fn has(&self, person: i64) -> bool {
        match self {
            Self::List(people) => people.binary_search(&person).is_ok(),
            Self::Bits { from, bits } => {
                let at = person.checked_sub(*from).and_then(|at| usize::try_from(at).ok());
                at.is_some_and(|at| bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1))
            }
        }
    }

    /// Bytes that so many rows of people between two keys take at most.
    pub(super) fn most_bytes(rows: usize, first: i64, last: i64) -> usize {
        rows.min(words(first, last)) * size_of::<u64>()
    }
}

/// Words of 64 bits for the keys from one to another.
fn words(first: i64, last: i64) -> usize {
    let far = last.checked_sub(first).and_then(|far| usize::try_from(far / 64).ok());
    far.map_or(usize::MAX, |words| words.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn those_put_in_are_there_and_nobody_else(
            people in prop::collection::btree_set(prop_oneof![0..300i64, Just(i64::MAX), Just(i64::MIN)], 0..200),
            others in prop::collection::vec(-5..310i64, 20),
        ) {
            let set = PeopleSet::of(people.iter().flat_map(|person| [*person; 2]).collect());
            for person in people.iter().chain(&others) {
                prop_assert_eq!(set.has(*person), people.contains(person));
            }
        }
    }
}
