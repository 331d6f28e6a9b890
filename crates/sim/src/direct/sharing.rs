//! People who belong to two cases: who owes support in one is counted in another, and a child is counted by both parents.
//!
//! About one household in a hundred shares somebody, half of them with a household far away, whose people lie in another
//! bucket. Only households in which nothing else is wrong do, and only with poor ones, so that no finding hangs on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::layout::Layout;
use crate::city::{Household, Maker, Person};
use crate::dice::Dice;
use crate::plant;
use crate::shape::Band;

/// Households per thousand that try to share a grown child with another case, where somebody is old.
const CHILD_ELSEWHERE: u64 = 30;
/// Households per thousand that try to count a child whom another case counts too.
const CHILD_OF_TWO: u64 = 6;
/// Households looked at for somebody to share.
const TRIES: u32 = 6;

/// Somebody of one household who belongs to the case of another one as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared {
    /// The household whose case counts somebody more.
    pub(super) household: u32,
    /// Where the person lives.
    pub(super) home: u32,
    /// Which member there.
    nth: usize,
    pub(super) key: i64,
    /// Counted in both, or owing support here.
    pub(super) is_member: bool,
}

/// Everybody who is shared.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// By household, ascending.
    all: Vec<Shared>,
    /// Households whose case lies in a bucket because of the person they share.
    abroad: BTreeMap<u32, Vec<u32>>,
}

impl Sharing {
    pub(super) fn new(maker: &Maker<'_>, layout: &Layout, threads: usize) -> Self {
        let next = AtomicU32::new(0);
        let look = || {
            let mut found = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= maker.options.households {
                    return found;
                }
                found.extend(shared(maker, layout, index));
            }
        };
        let mut all: Vec<Shared> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(look)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
        });
        all.sort_unstable_by_key(|s| s.household);
        let mut abroad: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for one in &all {
            let own = layout.people(one.household).end - 1;
            if layout.bucket_of(one.key.max(own)) != layout.bucket_of(own) {
                abroad.entry(layout.bucket_of(one.key)).or_default().push(one.household);
            }
        }
        Self { all, abroad }
    }

    /// Whom a household shares.
    pub(super) fn of(&self, household: u32) -> Option<&Shared> {
        self.all.binary_search_by_key(&household, |s| s.household).ok().and_then(|at| self.all.get(at))
    }

    /// Households whose case lies in a bucket in which nobody of their own lives.
    pub(super) fn abroad(&self, bucket: u32) -> &[u32] {
        self.abroad.get(&bucket).map_or(&[], Vec::as_slice)
    }
}

impl Shared {
    /// The person as the case here declares them.
    pub(super) fn person(&self, home: &Household) -> Option<Person> {
        let mut person = home.members.get(self.nth)?.clone();
        person.relation = "child".into();
        if !self.is_member {
            let declared = &mut person.declared;
            *declared = crate::city::DeclaredByPerson::default();
            declared.obligor_household_size = Some(home.members.len() as i64);
            declared.obligor_children = Some(1);
        }
        Some(person)
    }
}

fn shared(maker: &Maker<'_>, layout: &Layout, index: u32) -> Option<Shared> {
    let mut dice = Dice::new(maker.options.seed, "shared", u64::from(index));
    let roll = dice.between(0, 999).unsigned_abs();
    if roll >= CHILD_ELSEWHERE + CHILD_OF_TWO || !maker.dealer.plan(index).is_clean() {
        return None;
    }
    let is_member = roll >= CHILD_ELSEWHERE;
    let as_of = maker.options.as_of;
    let poor = |household: &Household| plant::band(household, maker.shape) == Some(Band::Poor);
    let (household, ..) = maker.household(index);
    let fits = if is_member { household.members.len() > 1 } else { household.members[0].age(as_of) >= 66 };
    if !fits || !poor(&household) {
        return None;
    }
    let count = maker.options.households;
    let from = if dice.chance(500) { index + 1 } else { dice.between(0, i64::from(count) - 1) as u32 };
    (0..TRIES).find_map(|step| {
        let home = (from + step) % count;
        if home == index || !maker.dealer.plan(home).is_clean() {
            return None;
        }
        let (there, ..) = maker.household(home);
        let is_child = |p: &Person| p.relation == "child" && p.age(as_of) < 17;
        let nth = if is_member {
            there.members.iter().position(is_child)
        } else {
            Some(0).filter(|_| (28..50).contains(&there.members[0].age(as_of)))
        };
        let nth = nth.filter(|_| poor(&there))?;
        Some(Shared { household: index, home, nth, key: layout.people(home).start + nth as i64, is_member })
    })
}
