//! Texts and codes as small numbers, interned once per slice. The numbers are equal if the texts are; nothing else
//! about them means anything, and none of them leaves the slice.

use rustc_hash::FxHashMap;

use crate::packed::Words;

/// The texts of a slice: the words it came with, and what it met beside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts<'a> {
    base: Option<&'a Words>,
    ids: FxHashMap<&'a str, u32>,
    list: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    pub(crate) fn over(base: &'a Words) -> Self {
        Self { base: Some(base), ..Self::default() }
    }

    pub(crate) fn intern(&mut self, text: &'a str) -> i64 {
        if let Some(id) = self.base.and_then(|base| base.find(text)) {
            return i64::from(id);
        }
        let known = self.base.map_or(0, Words::len);
        let next = self.list.len() as u32;
        let id = *self.ids.entry(text).or_insert(next);
        if id == next {
            self.list.push(text);
        }
        known as i64 + i64::from(id)
    }

    /// The text of a known slot.
    pub(crate) fn get(&self, id: i64) -> &'a str {
        let known = self.base.map_or(0, Words::len);
        match (id as usize).checked_sub(known) {
            Some(own) => self.list[own],
            None => self.base.and_then(|base| base.get(id as u32)).unwrap_or_default(),
        }
    }
}
