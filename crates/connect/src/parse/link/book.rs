//! All accounts of some files by their addresses, so that a home is found without comparing it with every other.
//!
//! A score above [`super::UNCERTAIN`] needs a name and a number in common: accounts are listed by those, and only they are
//! compared. No account that could be alike is passed over.

use std::collections::{HashMap, HashSet};

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
    lists: HashMap<Box<str>, Vec<u32>>,
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
        let mut book = Self { entries: Vec::new(), lists: HashMap::new() };
        for (account, name, text) in accounts {
            let name: Option<Box<str>> = name.map(Into::into);
            if !seen.insert(format!("{account}\n{}\n{text}", name.as_deref().unwrap_or_default())) {
                continue;
            }
            let address = Address::parse(text, places);
            let number = u32::try_from(book.entries.len()).unwrap_or(u32::MAX);
            for key in listed(&address) {
                book.lists.entry(key.into()).or_default().push(number);
            }
            book.entries.push(Entry { account: account.into(), name, address });
        }
        book
    }

    /// Looks for a home. With `names_must` an account under another name is somebody else's.
    pub(crate) fn search(&self, wanted: &Address, name: Option<&str>, names_must: bool) -> Match {
        if !wanted.is_usable() && !self.lists.contains_key(&*whole(wanted)) {
            return Match::Unusable;
        }
        let mut candidates: Vec<u32> =
            looked_up(wanted).iter().filter_map(|key| self.lists.get(key.as_str())).flatten().copied().collect();
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

fn whole(address: &Address) -> Box<str> {
    format!("={}", address.whole).into()
}

/// Keys under which an account is listed.
fn listed(address: &Address) -> Vec<String> {
    let mut keys = vec![whole(address).into_string()];
    let building = address.building.as_deref();
    for anchor in address.anchors() {
        match address.room.as_deref() {
            Some(room) => {
                keys.push(format!("{anchor}|{}|{room}", building.unwrap_or("-")));
                keys.push(format!("{anchor}|*|{room}"));
            }
            None => keys.extend(others(address).map(|n| format!("{anchor}|no room|{n}"))),
        }
        keys.extend(others(address).map(|n| format!("{anchor}|{n}")));
    }
    keys
}

/// Keys under which everything is listed that may be the same home.
fn looked_up(address: &Address) -> Vec<String> {
    let mut keys = vec![whole(address).into_string()];
    for anchor in address.anchors() {
        match (address.room.as_deref(), address.building.as_deref()) {
            (Some(room), Some(building)) => {
                keys.push(format!("{anchor}|{building}|{room}"));
                keys.push(format!("{anchor}|-|{room}"));
            }
            (Some(room), None) => keys.push(format!("{anchor}|*|{room}")),
            (None, _) => keys.extend(others(address).map(|n| format!("{anchor}|{n}"))),
        }
        if address.room.is_some() {
            keys.extend(others(address).map(|n| format!("{anchor}|no room|{n}")));
        }
    }
    keys
}

/// Numbers other than the room's.
fn others(address: &Address) -> impl Iterator<Item = String> {
    let parts = [("h", &address.house), ("b", &address.building), ("g", &address.group), ("l", &address.lane)];
    parts.into_iter().filter_map(|(kind, part)| Some(format!("{kind}{}", part.as_deref()?)))
}
