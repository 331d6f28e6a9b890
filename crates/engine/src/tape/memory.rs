//! What is remembered from one household to the next: of a place the rows of parameters that hold there, and of a family at a
//! place what all operations leave when no institution has a record of it.
//!
//! Most households have nothing at most institutions, and declare much the same: of the next family of that kind only those
//! operations are computed of which an operand is not what it was.

use std::sync::Arc;

use hedui_base::AreaCode;
use rustc_hash::FxHashMap;

use super::cells::Cells;
use super::{At, Operations, Tape};
use crate::input::Role;
use crate::packed::Words;
use crate::parameters::Place;
use crate::register::Slot;

/// How many numbers of parameters are remembered of a place at most.
pub(super) const LOOKED_UP: usize = 4_096;

/// Places of which that is remembered at most: the villages of a district.
const PLACES: usize = 4_096;

/// Families of which that is remembered at most: some 30 KB each.
const FAMILIES: usize = 512;

/// Where each text of a tape is among some words; none where it is not.
pub(super) type TextPlaces = Arc<[Option<u32>]>;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Words of the household before, and where the texts of the tape are among them. Families are of these words: with others
    /// the same number is another text.
    words: Option<(Arc<Words>, TextPlaces)>,
    places: FxHashMap<AreaCode, Vec<Known>>,
    /// Places that differ in no parameter are one.
    heres: Vec<Here>,
    families: FxHashMap<(usize, Family), usize>,
    settled: Vec<Settled>,
    /// For households of which nothing is remembered.
    blank: Option<Settled>,
    /// By input, once it was asked for and while it is the same for all: what it holds that was not declared.
    undeclared: Vec<Option<Slot>>,
}

/// What is remembered of a household's place and family.
pub(super) struct Remembered<'m> {
    pub(super) here: &'m mut Here,
    pub(super) settled: &'m mut Settled,
    /// By input what it holds that was not declared, where that is known.
    pub(super) undeclared: &'m mut [Option<Slot>],
    /// Where the texts of the tape are among the household's words.
    pub(super) texts: TextPlaces,
    /// Whether all of them are there.
    pub(super) texts_known: bool,
}

/// A place that was met.
#[derive(Debug)]
struct Known {
    residence: Option<Box<str>>,
    /// Which of [`Memory::heres`].
    here: usize,
}

/// Which people of a household are members and which obligors, in the order of their keys; none beyond 60 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Family(Option<u64>);

impl Family {
    pub(super) fn of(roles: &[Role]) -> Self {
        let bit = |role: &Role| u64::from(*role == Role::Member);
        Self((roles.len() <= 60).then(|| roles.iter().fold(1, |roles, role| roles << 1 | bit(role))))
    }
}

/// What was found out of a place.
#[derive(Debug)]
pub(super) struct Here {
    /// None where everything depends on the residence alone.
    area: Option<AreaCode>,
    residence: Option<Box<str>>,
    /// By parameter the rows that hold here, as [`InForce::at`](crate::parameters::InForce::at).
    pub(super) in_force: Vec<Option<Box<[u32]>>>,
    /// Numbers that parameters have for one number or for none, by operation and that.
    pub(super) looked_up: FxHashMap<(At, i64), i64>,
}

/// What the operations left of a family at a place of which no institution has a record.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) cells: Cells,
    /// Operations of which nothing is remembered.
    pub(super) open: Operations,
    /// Which inputs that family declared; none before there is one.
    pub(super) declared: Option<Box<[bool]>>,
}

impl Settled {
    fn new(tape: &Tape<'_>) -> Self {
        Self { cells: Cells::of(tape.nodes.len()), open: tape.all(), declared: None }
    }
}

impl Memory {
    pub(super) fn of(
        &mut self,
        tape: &Tape<'_>,
        place: Place<'_>,
        family: Family,
        words: &Arc<Words>,
    ) -> Remembered<'_> {
        let (texts, met_before) = self.texts(tape, words);
        let texts_known = texts.iter().all(Option::is_some);
        let here = self.here(tape, place);
        // What is remembered is of use for the next household, if there is one with such words.
        let settled = if met_before && texts_known && family.0.is_some() {
            if self.families.len() > FAMILIES {
                self.families.clear();
                self.settled.clear();
            }
            let next = self.settled.len();
            let at = *self.families.entry((here, family)).or_insert(next);
            if at == next {
                self.settled.push(Settled::new(tape));
            }
            &mut self.settled[at]
        } else {
            let blank = || Settled { declared: Some(Box::default()), ..Settled::new(tape) };
            self.blank.get_or_insert_with(blank)
        };
        let (here, undeclared) = (&mut self.heres[here], &mut *self.undeclared);
        Remembered { here, settled, undeclared, texts, texts_known }
    }

    /// Where the texts of a tape are among some words, and whether those are the words of the household before.
    fn texts(&mut self, tape: &Tape<'_>, words: &Arc<Words>) -> (TextPlaces, bool) {
        if let Some((known, texts)) = &self.words
            && Arc::ptr_eq(known, words)
        {
            return (Arc::clone(texts), true);
        }
        let texts: TextPlaces = tape.texts.iter().map(|text| words.find(text)).collect();
        self.words = Some((Arc::clone(words), Arc::clone(&texts)));
        self.families.clear();
        self.settled.clear();
        self.undeclared.clear();
        self.undeclared.resize(tape.of_input.len(), None);
        (texts, false)
    }

    fn here(&mut self, tape: &Tape<'_>, place: Place<'_>) -> usize {
        if self.places.len() > PLACES {
            self.places.clear();
            self.heres.clear();
            self.families.clear();
            self.settled.clear();
        }
        let known = self.places.entry(place.area).or_default();
        if let Some(known) = known.iter().find(|known| known.residence.as_deref() == place.residence) {
            return known.here;
        }
        let in_force: Vec<_> = tape.in_force.iter().map(|in_force| in_force.at(place)).collect();
        let area = in_force.iter().any(Option::is_none).then_some(place.area);
        let alike = |here: &Here| {
            here.area == area && here.residence.as_deref() == place.residence && here.in_force == in_force
        };
        let residence = place.residence.map(Box::from);
        let here = self.heres.iter().position(alike).unwrap_or_else(|| {
            let residence = residence.clone();
            self.heres.push(Here { area, residence, in_force, looked_up: FxHashMap::default() });
            self.heres.len() - 1
        });
        known.push(Known { residence, here });
        here
    }
}
