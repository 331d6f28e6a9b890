//! Listening to the reader: which keys it asks each table for.

use std::cell::RefCell;

use super::{Grammar, Key};
use crate::registry::{InstitutionFolder, Registry, catalogue};

/// Table, key, form and words of one look-up.
type LookUp = (String, String, &'static str, Vec<String>);

thread_local! {
    static SEEN: RefCell<Vec<LookUp>> = const { RefCell::new(Vec::new()) };
}

/// Called by the reader.
pub(crate) fn seen(table: &str, key: &str, form: &'static str, words: &[&str]) {
    let words = words.iter().map(|w| (*w).to_owned()).collect();
    SEEN.with_borrow_mut(|seen| seen.push((name(table), key.to_owned(), form, words)));
}

/// `map.vehicle.plate_no` and `outcome.as_of` are fields; `map.vehicle.plate_no.x` is a table of a field.
pub(super) fn name(table: &str) -> String {
    let mut parts = table.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("map"), Some(_), Some(_)) => {
            let rest: Vec<&str> = parts.collect();
            if rest.is_empty() { "field".to_owned() } else { format!("field.{}", rest.join(".")) }
        }
        (Some("map"), ..) => "map".to_owned(),
        (Some("outcome"), Some("as_of"), None) => "field".to_owned(),
        _ => table.to_owned(),
    }
}

/// Loads folders and adds what their reading asked for.
pub(super) fn gather(folders: &[InstitutionFolder], grammar: &mut Grammar) {
    SEEN.with_borrow_mut(Vec::clear);
    let loaded = Registry::load(folders, &catalogue(), None);
    let kind = loaded.registry.iter().next().map(|s| s.manifest.transport.kind().to_owned());
    for (table, key, form, words) in SEEN.take() {
        let known: &mut Key = grammar.entry(table).or_default().entry(key).or_default();
        if !form.is_empty() && !known.forms.contains(&form) {
            known.forms.push(form);
            known.forms.sort_unstable();
        }
        let worded = !words.is_empty();
        for word in words {
            if !known.words.contains(&word) {
                known.words.push(word);
            }
        }
        let Some(kind) = kind.as_ref().filter(|_| loaded.registry.len() == 1) else { continue };
        for (list, holds) in [(&mut known.kinds, true), (&mut known.worded, worded)] {
            if holds && !list.contains(kind) {
                list.push(kind.clone());
                list.sort_unstable();
            }
        }
    }
}
