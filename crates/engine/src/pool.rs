//! Room for columns, used again: a slice makes some thousand columns of a few kilobytes, and a general allocator would cut
//! and join their memory all the time.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Columns smaller than this cost less from the allocator.
const LEAST: usize = 1 << 5;
/// Larger ones are rare: records of a slice of whole villages.
const MOST: usize = 1 << 16;
/// Numbers that a thread keeps at hand at most: 8 MB.
const KEPT: usize = 1 << 20;

#[derive(Default)]
struct Free {
    /// By the power of two that their room is.
    by_size: [Vec<Vec<i64>>; 17],
    numbers: usize,
}

thread_local! {
    static FREE: RefCell<Free> = RefCell::new(Free::default());
}

/// Numbers in a row, whose room goes back to the thread that drops them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pooled(Vec<i64>);

impl Pooled {
    /// None yet, with room for so many.
    pub(crate) fn with_room(count: usize) -> Self {
        if !(LEAST..=MOST).contains(&count) {
            return Self(Vec::with_capacity(count));
        }
        let size = count.next_power_of_two();
        let free = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            let found = free.by_size[size.trailing_zeros() as usize].pop();
            free.numbers -= found.as_ref().map_or(0, Vec::capacity);
            found
        });
        Self(free.ok().flatten().unwrap_or_else(|| Vec::with_capacity(size)))
    }

    /// So many zeros.
    pub(crate) fn zeros(count: usize) -> Self {
        let mut all = Self::with_room(count);
        all.0.resize(count, 0);
        all
    }

    /// One of each.
    pub(crate) fn of(values: impl ExactSizeIterator<Item = i64>) -> Self {
        let mut all = Self::with_room(values.len());
        all.0.extend(values);
        all
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let size = self.0.capacity();
        if !size.is_power_of_two() || !(LEAST..=MOST).contains(&size) {
            return;
        }
        let mut values = std::mem::take(&mut self.0);
        values.clear();
        // A thread that ends lets its room go.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.numbers + size <= KEPT {
                free.numbers += size;
                free.by_size[size.trailing_zeros() as usize].push(values);
            }
        });
    }
}

impl Clone for Pooled {
    fn clone(&self) -> Self {
        Self::of(self.0.iter().copied())
    }
}

impl Deref for Pooled {
    type Target = Vec<i64>;

    fn deref(&self) -> &Vec<i64> {
        &self.0
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Vec<i64> {
        &mut self.0
    }
}

impl From<Vec<i64>> for Pooled {
    fn from(values: Vec<i64>) -> Self {
        Self(values)
    }
}
