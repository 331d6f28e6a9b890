//! All accounts of some files by their addresses, so that a home is found without comparing it with every other.
//!
//! A score above [`super::UNCERTAIN`] needs a name and a number in common: accounts are listed by those, and only they are
//! compared. No account that could be alike is passed over.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher as _};

use super::{Address, Places, UNCERTAIN, compatible, score};

/// How near to the best a second home may come before nobody can say which is meant.
const ALIKE: i64 = 200;
/// What another name at the same address costs.
const OTHER_NAME_COSTS: i64 = 500;
/// What the same name is worth.
const SAME_NAME_ADDS: i64 = 300;

/// One account under one address.
struct Entry {
    account: Box<str>,
    name: Option<Box<str>>,
    address: Address,
}

/// Accounts by address.
pub(crate) struct Book {
    entries: Vec<Entry>,
    /// By key, the entries listed under it: sorted. Two keys of one hash only mean that more is compared.
    lists: Vec<(u64, u32)>,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// No account is anything like it.
    None,
    /// One account, and how surely it is.
    Account(Box<str>, i64),
    /// Accounts that are alike, the best first, and how much: none of them can be told to be it.
    Unsure(Vec<(Box<str>, i64)>),
    /// The address says too little to look for it.
    Unusable,
}

impl Book {
    /// Lists accounts with their addresses and, where the file has one, folded names. The same pair twice counts once.
    pub(crate) fn new<'a>(accounts: impl Iterator<Item = (&'a str, Option<String>, &'a str)>, places: &Places) -> Self {
        let mut seen: HashSet<String> = HashSet::new();
        let mut book = Self { entries: Vec::new(), lists: Vec::new() };
        for (account, name, text) in accounts {
            let name: Option<Box<str>> = name.map(Into::into);
            if !seen.insert(format!("{account}\n{}\n{text}", name.as_deref().unwrap_or_default())) {
                continue;
            }
            let address = Address::parse(text, places);
            let number = u32::try_from(book.entries.len()).unwrap_or(u32::MAX);
            book.lists.extend(listed(&address).into_iter().map(|key| (key, number)));
            book.entries.push(Entry { account: account.into(), name, address });
        }
        book.lists.sort_unstable();
        book.lists.dedup();
        book
    }

    /// The entries listed under a key.
    fn list(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        let from = self.lists.partition_point(|(k, _)| *k < key);
        self.lists[from..].iter().take_while(move |(k, _)| *k == key).map(|(_, entry)| *entry)
    }

    /// Looks for a home. With `names_must` an account under another name is somebody else's.
    pub(crate) fn search(&self, wanted: &Address, name: Option<&str>, names_must: bool) -> Match {
        if !wanted.is_usable() && self.list(whole(wanted)).next().is_none() {
            return Match::Unusable;
        }
        let mut candidates: Vec<u32> = looked_up(wanted).into_iter().flat_map(|key| self.list(key)).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let mut best: HashMap<&str, i64> = HashMap::new();
        for candidate in candidates {
            let entry = &self.entries[candidate as usize];
            let mut found = score(wanted, &entry.address);
            if found < UNCERTAIN {
                continue;
            }
            if let (Some(a), Some(b)) = (name, entry.name.as_deref()) {
                if a == b {
                    found = (found + SAME_NAME_ADDS).min(super::CERTAIN);
                } else if !compatible(a, b) {
                    if names_must {
                        continue;
                    }
                    found -= OTHER_NAME_COSTS;
                }
            }
            if found >= UNCERTAIN {
                let held = best.entry(&entry.account).or_insert(found);
                *held = found.max(*held);
            }
        }
        let mut ranked: Vec<(Box<str>, i64)> = best.into_iter().map(|(account, s)| (account.into(), s)).collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        match ranked.as_slice() {
            [] => Match::None,
            [(_, first), (_, second), ..] if first - second < ALIKE => Match::Unsure(ranked),
            [(account, score), ..] => Match::Account(account.clone(), *score),
        }
    }
}

/// A key of some words.
fn key(words: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in words {
        hasher.write(word.as_bytes());
        hasher.write_u8(0);
    }
    hasher.finish()
}

fn whole(address: &Address) -> u64 {
    key(&["whole", &address.whole])
}

/// Keys under which an account is listed.
fn listed(address: &Address) -> Vec<u64> {
    let mut keys = vec![whole(address)];
    let building = address.building.as_deref();
    for anchor in address.anchors() {
        match address.room.as_deref() {
            Some(room) => {
                keys.push(key(&[anchor, "building", building.unwrap_or_default(), room]));
                keys.push(key(&[anchor, "any building", room]));
            }
            None => keys.extend(others(address).map(|(kind, number)| key(&[anchor, "no room", kind, number]))),
        }
        keys.extend(others(address).map(|(kind, number)| key(&[anchor, kind, number])));
    }
    keys
}

/// Keys under which everything is listed that may be the same home.
fn looked_up(address: &Address) -> Vec<u64> {
    let mut keys = vec![whole(address)];
    for anchor in address.anchors() {
        match (address.room.as_deref(), address.building.as_deref()) {
            (Some(room), Some(building)) => {
                keys.push(key(&[anchor, "building", building, room]));
                keys.push(key(&[anchor, "building", "", room]));
            }
            (Some(room), None) => keys.push(key(&[anchor, "any building", room])),
            (None, _) => keys.extend(others(address).map(|(kind, number)| key(&[anchor, kind, number]))),
        }
        if address.room.is_some() {
            keys.extend(others(address).map(|(kind, number)| key(&[anchor, "no room", kind, number])));
        }
    }
    keys
}

/// Numbers other than the room's.
fn others(address: &Address) -> impl Iterator<Item = (&str, &str)> {
    let parts = [("h", &address.house), ("b", &address.building), ("g", &address.group), ("l", &address.lane)];
    parts.into_iter().filter_map(|(kind, part)| Some((kind, part.as_deref()?)))
}
