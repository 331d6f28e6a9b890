//! Columns as they are written in bulk: numbers side by side, texts as codes of words or as one run of bytes.
//!
//! No value has an allocation of its own, so that tens of millions of rows cost what their bytes cost.

use std::borrow::Cow;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

/// Which values of a column are there. Costs nothing while all are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present {
    bits: Option<Vec<u64>>,
    len: usize,
    missing: usize,
}

impl Present {
    pub(crate) fn push(&mut self, there: bool) {
        let at = self.len;
        self.len += 1;
        if !there && self.bits.is_none() {
            let mut bits = vec![u64::MAX; at / 64 + 1];
            bits[at / 64] = (1u64 << (at % 64)) - 1;
            self.bits = Some(bits);
        }
        if let Some(bits) = &mut self.bits {
            if at / 64 == bits.len() {
                bits.push(0);
            }
            if there {
                bits[at / 64] |= 1 << (at % 64);
            }
        }
        self.missing += usize::from(!there);
    }

    pub(crate) fn push_many(&mut self, there: bool, count: usize) {
        if there && self.bits.is_none() {
            self.len += count;
        } else {
            (0..count).for_each(|_| self.push(there));
        }
    }

    pub(crate) fn taken(&self, rows: &[u32]) -> Self {
        if self.missing == 0 {
            return Self { bits: None, len: rows.len(), missing: 0 };
        }
        let mut taken = Self::default();
        rows.iter().for_each(|r| taken.push(self.get(*r as usize)));
        taken
    }

    pub(crate) fn get(&self, at: usize) -> bool {
        self.bits.as_ref().is_none_or(|bits| bits[at / 64] >> (at % 64) & 1 == 1)
    }

    /// How many are missing.
    pub(crate) const fn missing(&self) -> usize {
        self.missing
    }
}

/// A column of numbers, dates, months, moments or booleans, in the integers of `hedui_base::columns`.
#[derive(Clone, Debug, Default)]
pub struct Ints {
    /// One a row; 0 where it is null.
    pub(crate) values: Vec<i64>,
    pub(crate) present: Present,
}

impl Ints {
    /// Values none of which is null.
    pub(crate) fn all(values: Vec<i64>) -> Self {
        let present = Present { bits: None, len: values.len(), missing: 0 };
        Self { values, present }
    }

    /// Adds a value, or null.
    pub fn push(&mut self, value: Option<i64>) {
        self.values.push(value.unwrap_or_default());
        self.present.push(value.is_some());
    }

    /// Adds values of which those marked false are null; all are there if `known` is empty.
    pub fn extend(&mut self, values: &[i64], known: &[bool]) {
        self.values.extend_from_slice(values);
        if known.is_empty() {
            self.present.push_many(true, values.len());
        } else {
            let there = known.iter().copied().chain(std::iter::repeat(false)).take(values.len());
            there.for_each(|there| self.present.push(there));
        }
    }

    /// Adds nulls.
    pub fn nulls(&mut self, count: usize) {
        self.values.resize(self.values.len() + count, 0);
        self.present.push_many(false, count);
    }

    /// Number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.present.len
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a row; none if null.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<i64> {
        self.present.get(row).then(|| self.values[row])
    }

    fn taken(&self, rows: &[u32]) -> Self {
        let values = rows.iter().map(|r| self.values[*r as usize]).collect();
        Self { values, present: self.present.taken(rows) }
    }
}

impl FromIterator<Option<i64>> for Ints {
    fn from_iter<T: IntoIterator<Item = Option<i64>>>(values: T) -> Self {
        let mut ints = Self::default();
        values.into_iter().for_each(|v| ints.push(v));
        ints
    }
}

/// Beyond so many different words, a column whose words hardly repeat is kept as plain bytes.
const WORDS_AT_LEAST: usize = 4096;

/// A column of texts or codes. Keeps words once as long as they repeat; turns into plain texts when they do not.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    pub(crate) form: TextForm,
    pub(crate) present: Present,
}

/// How texts lie in memory.
#[derive(Clone, Debug)]
pub(crate) enum TextForm {
    /// A code a row (0 where null), and the words they stand for.
    Coded { codes: Vec<u32>, words: Words },
    /// Where each row's text ends in the bytes; a null is as long as nothing.
    Plain { ends: Vec<u32>, bytes: Vec<u8> },
}

impl Default for TextForm {
    fn default() -> Self {
        Self::Coded { codes: Vec::new(), words: Words::default() }
    }
}

/// Different texts, numbered as they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) list: Vec<Box<str>>,
    index: HashMap<Box<str>, u32, FxBuildHasher>,
}

impl Words {
    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        self.index.get(word).copied()
    }

    pub(crate) fn code(&mut self, word: &str) -> u32 {
        if let Some(code) = self.index.get(word) {
            return *code;
        }
        let code = self.list.len() as u32;
        self.list.push(word.into());
        self.index.insert(word.into(), code);
        code
    }
}

impl Texts {
    /// Texts given as words and one code a row.
    ///
    /// # Panics
    /// Never: a code beyond the words reads as null.
    #[must_use]
    pub fn coded(words: Vec<Box<str>>, codes: impl IntoIterator<Item = u32>) -> Self {
        let (mut kept, mut present) = (Vec::new(), Present::default());
        for code in codes {
            let known = (code as usize) < words.len();
            kept.push(if known { code } else { 0 });
            present.push(known);
        }
        Self { form: TextForm::Coded { codes: kept, words: Words { list: words, index: HashMap::default() } }, present }
    }

    /// The same where every code is a place among the words.
    pub(crate) fn numbered(words: Vec<Box<str>>, codes: Vec<u32>) -> Self {
        let present = Present { bits: None, len: codes.len(), missing: 0 };
        Self { form: TextForm::Coded { codes, words: Words { list: words, index: HashMap::default() } }, present }
    }

    /// No rows yet, and the first words: a code in [`Texts::push_codes`] is a place among them.
    #[must_use]
    pub fn with_words<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut known = Words::default();
        for word in words {
            known.code(word);
        }
        Self { form: TextForm::Coded { codes: Vec::new(), words: known }, present: Present::default() }
    }

    /// No rows yet, and no word is expected twice.
    #[must_use]
    pub fn plain() -> Self {
        Self { form: TextForm::Plain { ends: Vec::new(), bytes: Vec::new() }, present: Present::default() }
    }

    /// Adds a word a row by its code. A code that is no place among the words is null.
    pub fn push_codes(&mut self, more: impl IntoIterator<Item = u32>) {
        match &mut self.form {
            TextForm::Coded { codes, words } => {
                for code in more {
                    let known = (code as usize) < words.list.len();
                    codes.push(if known { code } else { 0 });
                    self.present.push(known);
                }
            }
            // Has no codes.
            TextForm::Plain { .. } => more.into_iter().for_each(|_| self.push(None)),
        }
    }

    /// Adds nulls.
    pub fn nulls(&mut self, count: usize) {
        match &mut self.form {
            TextForm::Coded { codes, .. } => codes.resize(codes.len() + count, 0),
            TextForm::Plain { ends, bytes } => ends.resize(ends.len() + count, bytes.len() as u32),
        }
        self.present.push_many(false, count);
    }

    /// Adds a text, or null. Not for columns made of codes.
    pub fn push(&mut self, text: Option<&str>) {
        let here = self.present.len;
        self.present.push(text.is_some());
        match &mut self.form {
            TextForm::Coded { codes, words } => {
                let code = match (text, codes.last()) {
                    (None, _) => 0,
                    // Neighbours are often equal: no need to look the word up.
                    (Some(text), Some(last)) if words.list.get(*last as usize).is_some_and(|w| &**w == text) => *last,
                    (Some(text), _) => words.code(text),
                };
                codes.push(code);
                if words.list.len() > WORDS_AT_LEAST && words.list.len() * 2 > here {
                    self.flatten();
                }
            }
            TextForm::Plain { ends, bytes } => {
                bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
                ends.push(bytes.len() as u32);
            }
        }
    }

    /// The text at a row; none if null.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        match &self.form {
            TextForm::Coded { codes, words } if self.present.get(row) => {
                Some(words.list.get(codes[row] as usize).map_or("", |word| &**word))
            }
            _ => self.bytes(row).map(|bytes| std::str::from_utf8(bytes).unwrap_or_default()),
        }
    }

    /// Its bytes: what comparing and copying can do with.
    pub(crate) fn bytes(&self, row: usize) -> Option<&[u8]> {
        self.present.get(row).then(|| match &self.form {
            TextForm::Coded { codes, words } => words.list.get(codes[row] as usize).map_or(&[][..], |w| w.as_bytes()),
            TextForm::Plain { ends, bytes } => {
                let from = row.checked_sub(1).map_or(0, |before| ends[before] as usize);
                &bytes[from..ends[row] as usize]
            }
        })
    }

    /// Makes plain texts of codes.
    pub(crate) fn flatten(&mut self) {
        let TextForm::Coded { codes, words } = &self.form else { return };
        let (mut ends, mut bytes) = (Vec::with_capacity(codes.len()), Vec::new());
        for (row, code) in codes.iter().enumerate() {
            if self.present.get(row) {
                bytes.extend_from_slice(words.list.get(*code as usize).map_or(&[][..], |w| w.as_bytes()));
            }
            ends.push(bytes.len() as u32);
        }
        self.form = TextForm::Plain { ends, bytes };
    }

    fn taken(&self, rows: &[u32]) -> Self {
        match &self.form {
            TextForm::Coded { codes, words } => {
                let present = self.present.taken(rows);
                let codes = rows.iter().map(|r| codes[*r as usize]).collect();
                // Nothing is added to a column that was put in order, so its words need no index.
                let words = Words { list: words.list.clone(), index: HashMap::default() };
                Self { form: TextForm::Coded { codes, words }, present }
            }
            TextForm::Plain { .. } => {
                let mut taken =
                    Self { form: TextForm::Plain { ends: Vec::new(), bytes: Vec::new() }, ..Self::default() };
                rows.iter().for_each(|r| taken.push(self.get(*r as usize)));
                taken
            }
        }
    }
}

/// A column to be written in bulk.
#[derive(Clone, Debug)]
pub enum BulkColumn {
    /// Numbers, dates, months, moments, booleans.
    Ints(Ints),
    /// Texts and codes.
    Texts(Texts),
    /// Numbers as runs: a value (none is null) and how many rows have it. Costs the same whatever the rows.
    IntRuns(Vec<(Option<i64>, u32)>),
    /// Texts as runs: words, and for each run the code of one (none is null) and how many rows have it.
    TextRuns(Vec<Box<str>>, Vec<(Option<u32>, u32)>),
}

impl BulkColumn {
    /// The same with a value a row.
    pub(crate) fn expanded(&self) -> Cow<'_, Self> {
        match self {
            Self::IntRuns(runs) => {
                let values = runs.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, *count as usize));
                Cow::Owned(Self::Ints(values.collect()))
            }
            Self::TextRuns(words, runs) => {
                let code = |code: Option<u32>| code.unwrap_or(u32::MAX);
                let codes = runs.iter().flat_map(|(c, count)| std::iter::repeat_n(code(*c), *count as usize));
                Cow::Owned(Self::Texts(Texts::coded(words.clone(), codes)))
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.present.len,
            Self::Texts(texts) => texts.present.len,
            Self::IntRuns(runs) => runs.iter().map(|(_, count)| *count as usize).sum(),
            Self::TextRuns(_, runs) => runs.iter().map(|(_, count)| *count as usize).sum(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These rows, in this order.
    #[must_use]
    pub fn taken(&self, rows: &[u32]) -> Self {
        match self {
            Self::Ints(ints) => Self::Ints(ints.taken(rows)),
            Self::Texts(texts) => Self::Texts(texts.taken(rows)),
            runs => runs.expanded().taken(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_pushed_comes_back() {
        let ints: Ints = (0..200).map(|i| (i % 7 != 3).then_some(i - 50)).collect();
        let mut texts = Texts::default();
        let word = |i: i64| (i % 11 != 4).then(|| format!("词{}", i % 5));
        (0..200).for_each(|i| texts.push(word(i).as_deref()));
        for i in 0..200_i64 {
            let row = usize::try_from(i).unwrap();
            assert_eq!(ints.get(row), (i % 7 != 3).then_some(i - 50));
            assert_eq!(texts.get(row).map(str::to_owned), word(i));
        }
        let mut flat = texts.clone();
        flat.flatten();
        assert!((0..200).all(|row| flat.get(row) == texts.get(row)));
        assert_eq!(ints.present.missing() + (0..200).filter(|r| ints.get(*r).is_some()).count(), 200);
    }

    #[test]
    fn words_that_do_not_repeat_become_plain() {
        let mut texts = Texts::default();
        (0..10_000).for_each(|i| texts.push(Some(&format!("账户{i}"))));
        assert!(matches!(texts.form, TextForm::Plain { .. }));
        assert_eq!(texts.get(7_777), Some("账户7777"));
        let some = BulkColumn::Texts(texts).taken(&[9, 3]);
        assert!(matches!(&some, BulkColumn::Texts(t) if t.get(0) == Some("账户9") && t.get(1) == Some("账户3")));
    }
}
