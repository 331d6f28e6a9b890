//! Columns of the store's own files: pages go into plain columns as they are unpacked.

use std::cell::RefCell;

use super::{ScannedColumn, Words};
use crate::parquet::decode::{Decoder, Sink, There, Values};
use crate::shape::Kind;

thread_local! {
    /// Room to unpack pages in.
    static DECODER: RefCell<Option<Decoder>> = RefCell::new(Decoder::new());
}

/// Decodes a chunk whose pages are the store's own. If they are not, nothing was taken.
pub(super) fn own(
    bytes: &[u8],
    kind: Kind,
    (rows, picked): (usize, Option<&[usize]>),
    into: &mut ScannedColumn,
    words: &mut Words,
) -> Option<()> {
    let values = match kind {
        Kind::Text => Values::Texts,
        Kind::Bool => Values::Bits,
        Kind::Int | Kind::Date | Kind::Time => Values::Ints,
    };
    let before = into.len();
    let wanted = |from: usize, to: usize| {
        picked.is_none_or(|picked| {
            let first = picked.partition_point(|row| *row < from);
            picked.get(first).is_some_and(|row| *row < to)
        })
    };
    let mut taker = Taker { into, words, picked, row: 0, dictionary: Dictionary::default() };
    let found = DECODER.with_borrow_mut(|decoder| decoder.as_mut()?.chunk(bytes, rows, values, wanted, &mut taker));
    if found.is_some() {
        return Some(());
    }
    // Words that were numbered in between do no harm.
    into.truncate(before);
    None
}

/// Takes pages into a column: all rows, or those picked.
struct Taker<'t> {
    into: &'t mut ScannedColumn,
    words: &'t mut Words,
    picked: Option<&'t [usize]>,
    /// First row of the page at hand.
    row: usize,
    dictionary: Dictionary,
}

/// Words of a chunk and their numbers in the column.
#[derive(Default)]
struct Dictionary {
    text: String,
    ends: Vec<usize>,
    /// [`ScannedColumn::NULL`] for a word that nobody asked for yet.
    known: Vec<u32>,
}

impl Dictionary {
    fn number(&mut self, code: u32, list: &mut Vec<Box<str>>, words: &mut Words) -> u32 {
        let at = code as usize;
        match self.known.get(at) {
            None => ScannedColumn::NULL,
            Some(&ScannedColumn::NULL) => {
                let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
                let number = number(&self.text[from..self.ends[at]], list, words);
                self.known[at] = number;
                number
            }
            Some(known) => *known,
        }
    }
}

/// The number of a word in a column.
pub(super) fn number(word: &str, list: &mut Vec<Box<str>>, words: &mut Words) -> u32 {
    if let Some(id) = words.get(word) {
        return *id;
    }
    let id = list.len() as u32;
    list.push(word.into());
    words.insert(word.into(), id);
    id
}

impl Taker<'_> {
    /// Hands out, for every row that is taken, where its value is among those of the page; none for a null.
    fn each(
        &mut self,
        there: There<'_>,
        mut take: impl FnMut(&mut ScannedColumn, &mut Words, &mut Dictionary, Option<usize>),
    ) {
        let rows = match there {
            There::All(rows) | There::None(rows) => rows,
            There::Some(flags) => flags.len(),
        };
        let mut picked = self.picked.map(|picked| {
            let from = picked.partition_point(|row| *row < self.row);
            picked[from..].iter().map(|row| row - self.row).take_while(|row| *row < rows)
        });
        let Self { into, words, dictionary, .. } = self;
        let mut next = picked.as_mut().map(|picked| picked.next());
        let mut at = 0;
        for row in 0..rows {
            let is_there = match there {
                There::All(_) => true,
                There::None(_) => false,
                There::Some(flags) => flags[row],
            };
            let taken = match &mut next {
                None => true,
                Some(None) => break,
                Some(Some(wanted)) => *wanted == row,
            };
            if taken {
                take(into, words, dictionary, is_there.then_some(at));
                if let Some(picked) = &mut picked {
                    next = Some(picked.next());
                }
            }
            at += usize::from(is_there);
        }
        self.row += rows;
    }
}

impl Sink for Taker<'_> {
    fn dictionary(&mut self, words: &[&str]) {
        self.dictionary = Dictionary { known: vec![ScannedColumn::NULL; words.len()], ..Dictionary::default() };
        for word in words {
            self.dictionary.text.push_str(word);
            self.dictionary.ends.push(self.dictionary.text.len());
        }
        if let (None, ScannedColumn::Words { words: list, .. }) = (self.picked, &mut *self.into) {
            for code in 0..words.len() as u32 {
                self.dictionary.number(code, list, self.words);
            }
        }
    }

    fn ints(&mut self, found: &[i64], there: There<'_>) {
        match (self.picked, there, &mut *self.into) {
            (None, There::All(rows), ScannedColumn::Ints { values, valid }) => {
                values.extend_from_slice(found);
                if !valid.is_empty() {
                    valid.resize(values.len(), true);
                }
                self.row += rows;
            }
            (None, There::None(rows), into) => {
                into.nulls(rows);
                self.row += rows;
            }
            (None, There::Some(flags), ScannedColumn::Ints { values, valid }) => {
                valid.resize(values.len(), true);
                valid.extend_from_slice(flags);
                let mut found = found.iter();
                values.extend(flags.iter().map(|there| if *there { found.next().copied().unwrap_or(0) } else { 0 }));
                self.row += flags.len();
            }
            _ => self.each(there, |into, _, _, at| match at {
                Some(at) => into.ints(std::iter::once(found[at]), None),
                None => into.nulls(1),
            }),
        }
    }

    fn codes(&mut self, found: &[u32], there: There<'_>) {
        match (self.picked, there, &mut *self.into) {
            (None, There::All(rows), ScannedColumn::Words { ids, .. }) => {
                let known = &self.dictionary.known;
                ids.extend(found.iter().map(|code| known.get(*code as usize).copied().unwrap_or(ScannedColumn::NULL)));
                self.row += rows;
            }
            _ => self.each(there, |into, numbers, dictionary, at| {
                if let ScannedColumn::Words { ids, words } = into {
                    ids.push(at.map_or(ScannedColumn::NULL, |at| dictionary.number(found[at], words, numbers)));
                }
            }),
        }
    }

    fn texts(&mut self, found: &[&str], there: There<'_>) {
        self.each(there, |into, numbers, _, at| {
            if let ScannedColumn::Words { ids, words } = into {
                ids.push(at.map_or(ScannedColumn::NULL, |at| number(found[at], words, numbers)));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use polars_parquet::read::read_metadata;
    use proptest::prelude::*;

    use super::*;
    use crate::columns::{BulkColumn, Texts};
    use crate::parquet::{FileColumn, encode};

    /// The bytes of the only column of a file.
    fn chunk(kind: Kind, column: &BulkColumn) -> Vec<u8> {
        let file = encode(&[FileColumn { name: "x", kind, values: Some(column) }], column.len()).unwrap().0;
        let metadata = read_metadata(&mut std::io::Cursor::new(&file)).unwrap();
        let range = metadata.row_groups[0].columns_under_root_iter("x").unwrap().next().unwrap().byte_range();
        file[range.start as usize..range.end as usize].to_vec()
    }

    fn cells(column: &ScannedColumn) -> Vec<Option<String>> {
        (0..column.len())
            .map(|row| match column {
                ScannedColumn::Ints { values, valid } => {
                    (valid.is_empty() || valid[row]).then(|| values[row].to_string())
                }
                ScannedColumn::Words { ids, words } => words.get(ids[row] as usize).map(ToString::to_string),
            })
            .collect()
    }

    fn read(kind: Kind, bytes: &[u8], rows: usize, picked: Option<&[usize]>) -> Option<Vec<Option<String>>> {
        let (mut column, mut words) = (ScannedColumn::of(kind), Words::default());
        own(bytes, kind, (rows, picked), &mut column, &mut words)?;
        Some(cells(&column))
    }

    /// Runs and single values, of every width that a difference may have.
    fn numbers(kind: Kind) -> BoxedStrategy<Vec<Option<i64>>> {
        let value = match kind {
            Kind::Bool => (0..2_i64).boxed(),
            Kind::Date => (-100_000..100_000_i64).boxed(),
            _ => prop_oneof![
                0..3_i64,
                any::<i64>(),
                (0..64_u32, any::<i64>()).prop_map(|(bits, value)| value >> bits),
                Just(i64::MAX),
                Just(i64::MIN)
            ]
            .boxed(),
        };
        let run = (prop::option::weighted(0.8, value), prop_oneof![Just(1usize), 1..400usize]);
        prop::collection::vec(run, 1..150)
            .prop_map(|runs| runs.into_iter().flat_map(|(value, count)| std::iter::repeat_n(value, count)).collect())
            .boxed()
    }

    fn words() -> impl Strategy<Value = Vec<Option<String>>> {
        let few = prop::collection::vec(prop::option::weighted(0.8, "[一-九]{0,1}"), 1..6_000);
        let many = prop::collection::vec(prop::option::weighted(0.9, "[a-z一-九]{0,12}"), 1..3_000);
        prop_oneof![few, many]
    }

    fn any_column() -> impl Strategy<Value = (Kind, Vec<Option<String>>, BulkColumn)> {
        let ints = prop::sample::select(vec![Kind::Int, Kind::Bool, Kind::Date, Kind::Time]).prop_flat_map(|kind| {
            numbers(kind).prop_map(move |values| {
                let shown = values.iter().map(|value| value.map(|value| value.to_string())).collect();
                (kind, shown, BulkColumn::Ints(values.into_iter().collect()))
            })
        });
        let texts = words().prop_map(|words| {
            let mut texts = Texts::default();
            words.iter().for_each(|word| texts.push(word.as_deref()));
            (Kind::Text, words, BulkColumn::Texts(texts))
        });
        prop_oneof![2 => ints.boxed(), 1 => texts.boxed()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_written_comes_back_whole_and_row_by_row(
            (kind, wanted, column) in any_column(),
            picks in prop::collection::btree_set(0..20_000usize, 0..40),
        ) {
            let (bytes, rows) = (chunk(kind, &column), wanted.len());
            prop_assert_eq!(read(kind, &bytes, rows, None), Some(wanted.clone()));
            let picked: Vec<usize> = picks.into_iter().filter(|row| *row < rows).collect();
            let some: Vec<Option<String>> = picked.iter().map(|row| wanted[*row].clone()).collect();
            prop_assert_eq!(read(kind, &bytes, rows, Some(&picked)), Some(some));
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_as_they_were_written(
            (kind, wanted, column) in any_column(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = chunk(kind, &column);
            for (at, with) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
            // What is damaged may be a header's part that nobody needs; every value is under the checksum of its page.
            if let Some(found) = read(kind, &bytes, wanted.len(), None) {
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
