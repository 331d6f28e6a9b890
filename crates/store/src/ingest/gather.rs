//! The slices of one table and bucket, put in order: by person, source and record.

use std::cmp::Ordering;
use std::sync::RwLockReadGuard;

use rustc_hash::{FxHashMap, FxHashSet};

use super::carried;
use super::glossary::Glossary;
use super::handed_over::NULL;
use super::slice::Reader;
use crate::columns::{BulkColumn, Ints, Present, Texts, Words};
use crate::shape::{Kind, Shape};

/// Beyond the numbers of any glossary: texts that came as such, numbered from here.
const TEXT: u32 = 1 << 31;

/// Texts looked at to tell whether words of a column repeat.
const SAMPLED: usize = 2048;

/// What a slice begins a column with.
pub(super) const NOTHING: u8 = 0;
pub(super) const INTS: u8 = 1;
pub(super) const NUMBERED: u8 = 2;
pub(super) const TEXTS: u8 = 3;

/// A table's rows of one bucket, as they came.
pub(super) struct Gathered<'a> {
    /// Rows of one person in one slice: key, first row, how many.
    runs: Vec<(u32, u32, u32)>,
    rows: usize,
    columns: Vec<Gathering<'a>>,
}

/// The same in order.
pub(super) struct Ordered<'a> {
    pub(super) persons: Vec<i64>,
    rows: Vec<u32>,
    columns: Vec<Gathering<'a>>,
}

/// One column.
enum Gathering<'a> {
    Ints { values: Vec<i64>, present: Present },
    Words(Gloss<'a>),
}

/// A column of texts: what each row has, as a number of the glossary or of a text.
pub(super) struct Gloss<'a> {
    glossary: &'a Glossary,
    numbers: Vec<u32>,
    texts: Vec<&'a [u8]>,
}

impl Gloss<'_> {
    fn bytes<'t>(&'t self, words: &'t Words, number: u32) -> Option<&'t [u8]> {
        match number {
            NULL => None,
            TEXT.. => self.texts.get((number - TEXT) as usize).copied(),
            _ => words.list.get(number as usize).map(|word| word.as_bytes()),
        }
    }

    fn compare(&self, words: &Words, a: u32, b: u32) -> Ordering {
        let (a, b) = (self.numbers[a as usize], self.numbers[b as usize]);
        if a == b { Ordering::Equal } else { self.bytes(words, a).cmp(&self.bytes(words, b)) }
    }
}

impl<'a> Gathered<'a> {
    pub(super) fn new(shape: &Shape, glossaries: &'a [Glossary], slices: &[Reader<'a>]) -> Self {
        let columns = carried(shape).zip(glossaries).map(|(c, glossary)| match c.kind {
            Kind::Text => Gathering::Words(Gloss { glossary, numbers: Vec::new(), texts: Vec::new() }),
            _ => Gathering::Ints { values: Vec::new(), present: Present::default() },
        });
        let mut gathered = Self { runs: Vec::new(), rows: 0, columns: columns.collect() };
        slices.iter().for_each(|slice| gathered.add(Reader(slice.0)));
        gathered
    }

    fn add(&mut self, mut slice: Reader<'a>) {
        let (runs, before, mut key) = (slice.take(), self.rows, 0);
        for _ in 0..runs {
            key += slice.take() as u32;
            let count = slice.take() as u32;
            self.runs.push((key, self.rows as u32, count));
            self.rows += count as usize;
        }
        let rows = self.rows - before;
        let mut codes = Vec::new();
        for column in &mut self.columns {
            let kind = slice.bytes(1).first().copied().unwrap_or(NOTHING);
            match (column, kind) {
                (Gathering::Ints { values, present }, INTS) => match slice.ints(rows, values) {
                    None => present.push_many(true, rows),
                    Some(bits) => (0..rows).for_each(|row| {
                        present.push(bits.get(row / 8).is_some_and(|bits| bits >> (row % 8) & 1 == 1));
                    }),
                },
                (Gathering::Ints { values, present }, _) => {
                    values.resize(values.len() + rows, 0);
                    present.push_many(false, rows);
                }
                (Gathering::Words(gloss), NUMBERED) => {
                    codes.clear();
                    slice.ints(rows, &mut codes);
                    gloss.numbers.extend(codes.iter().map(|code| *code as u32));
                }
                (Gathering::Words(gloss), TEXTS) => {
                    for text in slice.texts(rows) {
                        gloss.numbers.push(text.map_or(NULL, |_| TEXT + gloss.texts.len() as u32));
                        gloss.texts.extend(text);
                    }
                }
                (Gathering::Words(gloss), _) => gloss.numbers.resize(gloss.numbers.len() + rows, NULL),
            }
        }
    }

    /// Puts rows in the order of the store's files. Of rows about one person from one source with one record id, the last counts:
    /// what came twice is there once, and what was corrected is there as corrected.
    pub(super) fn ordered(mut self, shape: &Shape) -> Ordered<'a> {
        // Keeps the order of slices for rows of one person; and slices are sorted, which this sort makes use of.
        self.runs.sort_by_key(|(key, ..)| *key);
        let word = |name: &str| {
            let at = carried(shape).position(|c| c.name == name)?;
            match self.columns.get(at) {
                Some(Gathering::Words(gloss)) => Some((gloss, gloss.glossary.words())),
                _ => None,
            }
        };
        let (source, record) = (word("source"), word("record_id"));
        let compare = |by: &Option<(&Gloss<'a>, RwLockReadGuard<'_, Words>)>, a: u32, b: u32| {
            by.as_ref().map_or(Ordering::Equal, |(gloss, words)| gloss.compare(words, a, b))
        };
        let by = |a: u32, b: u32| compare(&source, a, b).then_with(|| compare(&record, a, b));
        let named = |row: u32| record.as_ref().is_some_and(|(gloss, _)| gloss.numbers[row as usize] != NULL);
        let (mut persons, mut rows) = (Vec::with_capacity(self.rows), Vec::with_capacity(self.rows));
        let mut own: Vec<u32> = Vec::new();
        for same in self.runs.chunk_by(|a, b| a.0 == b.0) {
            own.clear();
            same.iter().for_each(|(_, first, count)| own.extend(*first..first + count));
            if !own.is_sorted_by(|a, b| by(*a, *b).is_lt()) {
                own.sort_by(|a, b| by(*a, *b));
                own.reverse();
                own.dedup_by(|later, kept| by(*later, *kept).is_eq() && named(*kept));
                own.reverse();
            }
            rows.extend_from_slice(&own);
            persons.resize(rows.len(), i64::from(same[0].0));
        }
        drop((source, record));
        Ordered { persons, rows, columns: self.columns }
    }
}

impl Ordered<'_> {
    /// For each run of rows with one source, what `of` makes of its name, and how many rows; none if it makes nothing of one.
    pub(super) fn sources<T: Copy>(&self, shape: &Shape, of: impl Fn(&str) -> Option<T>) -> Option<Vec<(T, usize)>> {
        let at = carried(shape).position(|c| c.name == "source");
        let Some(Gathering::Words(gloss)) = at.and_then(|at| self.columns.get(at)) else { return Some(Vec::new()) };
        let words = gloss.glossary.words();
        let number = |row: &u32| gloss.numbers[*row as usize];
        let mut known: FxHashMap<u32, T> = FxHashMap::default();
        let runs = self.rows.chunk_by(|a, b| number(a) == number(b)).map(|same| {
            let number = number(&same[0]);
            if let Some(made) = known.get(&number) {
                return Some((*made, same.len()));
            }
            let made = of(std::str::from_utf8(gloss.bytes(&words, number)?).ok()?)?;
            known.insert(number, made);
            Some((made, same.len()))
        });
        runs.collect()
    }

    /// The carried columns, in order.
    pub(super) fn columns(self) -> Vec<BulkColumn> {
        let Self { rows, columns, .. } = self;
        // In order as they came: a household's files hold its people one after the other.
        let as_they_came = rows.iter().zip(0..).all(|(row, at)| *row == at);
        let in_order = |column| match column {
            Gathering::Ints { values, present } if as_they_came && values.len() == rows.len() => {
                BulkColumn::Ints(Ints { values, present })
            }
            Gathering::Ints { values, present } => BulkColumn::Ints(Ints {
                values: rows.iter().map(|row| values[*row as usize]).collect(),
                present: present.taken(&rows),
            }),
            Gathering::Words(gloss) => BulkColumn::Texts(texts(&gloss, &rows)),
        };
        columns.into_iter().map(in_order).collect()
    }
}

/// Texts of these rows. Words are numbered in the order of their first row, whatever the order in which files were read.
fn texts(gloss: &Gloss<'_>, rows: &[u32]) -> Texts {
    let words = gloss.glossary.words();
    let number = |row: &u32| gloss.numbers[*row as usize];
    if gloss.texts.is_empty() {
        let (mut list, mut codes) = (Vec::new(), Vec::with_capacity(rows.len()));
        let mut own = vec![NULL; words.list.len()];
        for number in rows.iter().map(number) {
            codes.push(own.get_mut(number as usize).map_or(NULL, |code| {
                if *code == NULL {
                    *code = list.len() as u32;
                    list.push(words.list[number as usize].clone());
                }
                *code
            }));
        }
        return Texts::coded(list, codes);
    }
    let bytes = |row: &u32| gloss.bytes(&words, number(row));
    let mut texts = if repeat(rows.iter().filter_map(bytes)) { Texts::default() } else { Texts::plain() };
    rows.iter().for_each(|row| texts.push(bytes(row).map(|text| std::str::from_utf8(text).unwrap_or_default())));
    texts
}

/// Whether words of a column seem to repeat.
fn repeat<'t>(texts: impl Iterator<Item = &'t [u8]>) -> bool {
    let mut different = FxHashSet::default();
    let looked_at = texts.take(SAMPLED).map(|text| different.insert(text)).count();
    different.len() <= looked_at / 2 + 8
}
