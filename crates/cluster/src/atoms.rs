//! Reasons as bits. Results name the sources and rules that are waited for, so a bit stands for a name.

use rustc_hash::FxHashMap;

/// Bits of a word: the sign stays free.
const BITS: u32 = 63;

/// Where a reason stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) word: usize,
    pub(crate) bit: u64,
}

/// All reasons of a program.
#[derive(Debug)]
pub(crate) struct Atoms {
    names: Vec<(String, bool, Atom)>,
    by_name: FxHashMap<(String, bool), Atom>,
    next: (usize, u32),
}

impl Atoms {
    /// The bit of a computation that broke. It travels like a reason, and fails the case if it reaches any rule's value.
    pub(crate) const FAULT: Atom = Atom { word: 0, bit: 1 };

    pub(crate) fn new() -> Self {
        Self { names: Vec::new(), by_name: FxHashMap::default(), next: (0, 1) }
    }

    /// Starts a new word if so many reasons do not fit in this one: together they are cheaper.
    pub(crate) fn make_room(&mut self, reasons: usize) {
        if self.next.1 as usize + reasons > BITS as usize && reasons <= BITS as usize {
            self.next = (self.next.0 + 1, 0);
        }
    }

    /// The bit of a name; apart for a dataset that nobody serves.
    pub(crate) fn of(&mut self, name: &str, no_source: bool) -> Atom {
        if let Some(atom) = self.by_name.get(&(name.to_owned(), no_source)) {
            return *atom;
        }
        if self.next.1 == BITS {
            self.next = (self.next.0 + 1, 0);
        }
        let atom = Atom { word: self.next.0, bit: 1 << self.next.1 };
        self.next.1 += 1;
        self.by_name.insert((name.to_owned(), no_source), atom);
        self.names.push((name.to_owned(), no_source, atom));
        atom
    }

    /// By word: the bits of datasets that nobody serves.
    pub(crate) fn without_source(&self, word: usize) -> u64 {
        let own = self.names.iter().filter(|(_, no_source, atom)| *no_source && atom.word == word);
        own.fold(0, |all, (.., atom)| all | atom.bit)
    }

    /// Names in the order of results, each with its bits.
    pub(crate) fn sorted(&self) -> Vec<(&str, Vec<Atom>)> {
        let mut sorted: Vec<(&str, Vec<Atom>)> = Vec::new();
        let mut names: Vec<(&str, Atom)> = self.names.iter().map(|(name, _, atom)| (name.as_str(), *atom)).collect();
        names.sort_by_key(|(name, atom)| (*name, atom.word, atom.bit));
        for (name, atom) in names {
            match sorted.last_mut() {
                Some((last, atoms)) if *last == name => atoms.push(atom),
                _ => sorted.push((name, vec![atom])),
            }
        }
        sorted
    }
}
