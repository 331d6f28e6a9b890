//! Which keys the people of each household have: dense, household by household, members before those who owe support.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::city::Maker;

/// Households counted at a time by one thread.
const TOGETHER: usize = 4096;

/// Keys by household.
#[derive(Debug)]
pub(super) struct Layout {
    /// First key of each stretch of [`TOGETHER`] households, and the end.
    stretches: Vec<i64>,
    /// People of each household.
    heads: Vec<u8>,
    pub(super) bucket_people: i64,
}

/// The first key that anybody has.
const FIRST: i64 = 1;

impl Layout {
    /// Counts everybody, on so many threads.
    pub(super) fn new(maker: &Maker<'_>, bucket_people: u32, threads: usize) -> Self {
        let households = maker.options.households as usize;
        let next = AtomicUsize::new(0);
        let count = || {
            let mut counted = Vec::new();
            loop {
                let from = next.fetch_add(TOGETHER, Ordering::Relaxed);
                if from >= households {
                    return counted;
                }
                let heads = (from..(from + TOGETHER).min(households)).map(|index| {
                    let (members, obligors) = maker.heads(index as u32);
                    u8::try_from(members + obligors).unwrap_or(u8::MAX)
                });
                counted.push((from, heads.collect::<Vec<u8>>()));
            }
        };
        let mut parts: Vec<(usize, Vec<u8>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(count)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
        });
        parts.sort_unstable_by_key(|(from, _)| *from);
        let (mut stretches, mut heads) = (vec![FIRST], Vec::with_capacity(households));
        for (_, part) in parts {
            let people: i64 = part.iter().map(|h| i64::from(*h)).sum();
            stretches.push(stretches.last().copied().unwrap_or(FIRST) + people);
            heads.extend(part);
        }
        Self { stretches, heads, bucket_people: i64::from(bucket_people) }
    }

    /// The key after the last.
    pub(super) fn end(&self) -> i64 {
        self.stretches.last().copied().unwrap_or(FIRST)
    }

    pub(super) fn buckets(&self) -> u32 {
        ((self.end() - 1) / self.bucket_people + 1) as u32
    }

    pub(super) fn bucket_of(&self, key: i64) -> u32 {
        (key / self.bucket_people) as u32
    }

    /// The keys of a bucket.
    pub(super) fn keys(&self, bucket: u32) -> Range<i64> {
        let from = i64::from(bucket) * self.bucket_people;
        from.max(FIRST)..(from + self.bucket_people).min(self.end())
    }

    /// The keys of a household's people.
    pub(super) fn people(&self, index: u32) -> Range<i64> {
        let index = index as usize;
        let stretch = index / TOGETHER;
        let before: i64 = self.heads[stretch * TOGETHER..index].iter().map(|h| i64::from(*h)).sum();
        let from = self.stretches[stretch] + before;
        from..from + i64::from(self.heads[index])
    }

    /// The households that have people with these keys, with the first key of each.
    pub(super) fn households(&self, keys: Range<i64>) -> impl Iterator<Item = (u32, i64)> {
        let stretch = self.stretches.partition_point(|first| *first <= keys.start).saturating_sub(1);
        let mut first = self.stretches[stretch.min(self.stretches.len() - 1)];
        (stretch * TOGETHER..self.heads.len())
            .map(move |index| {
                let at = first;
                first += i64::from(self.heads[index]);
                (index as u32, at)
            })
            .skip_while(move |(index, at)| at + i64::from(self.heads[*index as usize]) <= keys.start)
            .take_while(move |(_, at)| *at < keys.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{CityOptions, Maker};
    use crate::holders::Holders;
    use crate::plant::Dealer;
    use crate::shape::CityShape;

    #[test]
    fn every_key_lies_in_one_household_and_households_are_as_large_as_counted() {
        let options = CityOptions { households: 5_000, seed: 3, as_of: jiff::civil::date(2026, 6, 30) };
        let shape = CityShape::default();
        let holders = Holders::embedded();
        let maker = Maker { shape: &shape, holders, dealer: Dealer::sparse(3, holders, 10), options: &options };
        let layout = Layout::new(&maker, 1000, 2);
        let one = Layout::new(&maker, 1000, 1);
        assert_eq!((one.end(), one.heads), (layout.end(), layout.heads.clone()));
        let mut next = FIRST;
        for index in 0..options.households {
            let keys = layout.people(index);
            assert_eq!(keys.start, next);
            next = keys.end;
        }
        assert_eq!(next, layout.end());
        for bucket in 0..layout.buckets() {
            let keys = layout.keys(bucket);
            let households: Vec<_> = layout.households(keys.clone()).collect();
            assert!(households.iter().all(|(index, first)| layout.people(*index).start == *first));
            let (first, last) = (layout.people(households[0].0), layout.people(households[households.len() - 1].0));
            assert!(first.contains(&keys.start) && last.contains(&(keys.end - 1)), "bucket {bucket}");
        }
        for index in (0..options.households).step_by(97) {
            let (household, ..) = maker.household(index);
            let counted = layout.people(index);
            assert_eq!((counted.end - counted.start) as usize, household.members.len() + household.obligors.len());
        }
    }
}
