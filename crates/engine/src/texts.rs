//! Texts and codes as small numbers, interned once per slice. The numbers are equal if the texts are; nothing else
//! about them means anything, and none of them leaves the slice.

use rustc_hash::FxHashMap;

/// The texts of a slice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts<'a> {
    ids: FxHashMap<&'a str, u32>,
    list: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    pub(crate) fn intern(&mut self, text: &'a str) -> i64 {
        let next = self.list.len() as u32;
        let id = *self.ids.entry(text).or_insert(next);
        if id == next {
            self.list.push(text);
        }
        i64::from(id)
    }

    /// The text of a known slot.
    pub(crate) fn get(&self, id: i64) -> &'a str {
        self.list[id as usize]
    }
}
