//! A file as it was handed over, read into columns: pages like the store's own straight away, all others by the library.

use std::io::Cursor;
use std::path::Path;

use polars::prelude as pl;
use polars::prelude::SerReader as _;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::read::read_metadata;

use super::glossary::Glossary;
use super::{NUMBER, carried};
use crate::StoreError;
use crate::columns::{Ints, TextForm, Texts};
use crate::parquet::decode::{Decoder, Sink, There, Values};
use crate::parquet::type_of;
use crate::shape::{Kind, Shape};

/// A null among numbers of words.
pub(super) const NULL: u32 = u32::MAX;

/// One column of a file.
#[derive(Debug)]
pub(super) enum Handed {
    /// No such column, or nothing in it.
    Nothing,
    /// Numbers.
    Ints(Ints),
    /// Numbers of words in the column's glossary, or [`NULL`].
    Numbered(Vec<u32>),
    /// Texts that hardly repeat.
    Texts(Texts),
}

/// What a file holds: whom each row is about, and the columns that are carried, in their order.
#[derive(Debug)]
pub(super) struct HandedOver {
    pub(super) numbers: Vec<i64>,
    pub(super) columns: Vec<Handed>,
}

/// Reads a file of a dataset.
///
/// # Errors
/// If it is not Parquet, lacks the column of numbers, or a column has another type than the dataset says.
pub(super) fn read(path: &Path, shape: &Shape, glossaries: &[Glossary]) -> Result<HandedOver, StoreError> {
    let bytes = std::fs::read(path).map_err(StoreError::io(path))?;
    match own(&bytes, shape, glossaries) {
        Some(found) => Ok(found),
        None => foreign(path, shape, glossaries),
    }
}

/// Reads a file of one row group in the encodings that the store itself writes; none if it is not one.
fn own(bytes: &[u8], shape: &Shape, glossaries: &[Glossary]) -> Option<HandedOver> {
    let metadata = read_metadata(&mut Cursor::new(bytes)).ok()?;
    let [group] = metadata.row_groups.as_slice() else { return None };
    let rows = group.num_rows();
    let mut decoder = Decoder::new()?;
    let mut column = |name: &str, kind: Kind, glossary: Option<&Glossary>| {
        let Some(chunk) = group.columns_under_root_iter(name).and_then(|mut chunks| chunks.next()) else {
            return Some(Handed::Nothing);
        };
        let ours = type_of(name, kind);
        let ty = &chunk.descriptor().descriptor.primitive_type;
        let alike = (ty.physical_type, ty.logical_type) == (ours.physical_type, ours.logical_type);
        if !alike || chunk.compression() != Compression::Zstd {
            return None;
        }
        let range = chunk.byte_range();
        let chunk = bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)?;
        let values = match kind {
            Kind::Text => Values::Texts,
            Kind::Bool => Values::Bits,
            Kind::Int | Kind::Date | Kind::Time => Values::Ints,
        };
        let mut taker = Taker { glossary, numbers: Vec::new(), column: Handed::Nothing, rows: 0, broken: false };
        decoder.chunk(chunk, rows, values, |_, _| true, &mut taker)?;
        (!taker.broken).then_some(taker.column)
    };
    let Handed::Ints(numbers) = column(NUMBER, Kind::Int, None)? else { return None };
    if numbers.present.missing() > 0 {
        return None;
    }
    let columns = carried(shape).zip(glossaries).map(|(c, glossary)| column(&c.name, c.kind, Some(glossary)));
    Some(HandedOver { numbers: numbers.values, columns: columns.collect::<Option<_>>()? })
}

/// Takes the pages of one column.
struct Taker<'g> {
    glossary: Option<&'g Glossary>,
    /// Of the words of the file's dictionary, their numbers in the glossary.
    numbers: Vec<u32>,
    column: Handed,
    rows: usize,
    /// Codes without words came: not a file to be read here.
    broken: bool,
}

impl Taker<'_> {
    fn nulls(&mut self, count: usize) {
        match &mut self.column {
            Handed::Nothing => {}
            Handed::Ints(ints) => ints.nulls(count),
            Handed::Numbered(numbers) => numbers.resize(numbers.len() + count, NULL),
            Handed::Texts(texts) => texts.nulls(count),
        }
        self.rows += count;
    }

    /// Hands out where the value of each row is among those of a page; none for a null.
    fn each(&mut self, there: There<'_>, mut take: impl FnMut(&mut Handed, &[u32], Option<usize>)) {
        let (all, none, flags) = match there {
            There::All(rows) => (rows, 0, &[][..]),
            There::None(rows) => (0, rows, &[][..]),
            There::Some(flags) => (0, 0, flags),
        };
        (0..all).for_each(|at| take(&mut self.column, &self.numbers, Some(at)));
        (0..none).for_each(|_| take(&mut self.column, &self.numbers, None));
        let mut at = 0;
        for there in flags {
            take(&mut self.column, &self.numbers, there.then_some(at));
            at += usize::from(*there);
        }
        self.rows += all + none + flags.len();
    }
}

impl Sink for Taker<'_> {
    fn dictionary(&mut self, words: &[&str]) {
        // Words come once, and first.
        self.broken |= self.rows > 0 || !matches!(self.column, Handed::Nothing);
        self.column = match self.glossary.and_then(|glossary| glossary.numbers(words)) {
            Some(numbers) => {
                self.numbers = numbers;
                Handed::Numbered(Vec::new())
            }
            None => Handed::Texts(Texts::with_words(words.iter().copied())),
        };
    }

    fn ints(&mut self, values: &[i64], there: There<'_>) {
        let rows = self.rows;
        if matches!(self.column, Handed::Nothing) && !matches!(there, There::None(_)) {
            self.column = Handed::Ints(Ints::default());
            self.rows = 0;
            self.nulls(rows);
        }
        match (&mut self.column, there) {
            (Handed::Ints(ints), There::All(rows)) => {
                ints.extend(values, &[]);
                self.rows += rows;
            }
            (_, There::None(rows)) => self.nulls(rows),
            _ => self.each(there, |column, _, at| {
                if let Handed::Ints(ints) = column {
                    ints.push(at.map(|at| values[at]));
                }
            }),
        }
    }

    fn codes(&mut self, codes: &[u32], there: There<'_>) {
        self.broken |= matches!(self.column, Handed::Nothing);
        match (&mut self.column, there) {
            (Handed::Numbered(numbers), There::All(rows)) => {
                let known = &self.numbers;
                numbers.extend(codes.iter().map(|code| known.get(*code as usize).copied().unwrap_or(NULL)));
                self.rows += rows;
            }
            _ => self.each(there, |column, known, at| match column {
                Handed::Numbered(numbers) => {
                    numbers.push(at.and_then(|at| known.get(codes[at] as usize)).copied().unwrap_or(NULL));
                }
                Handed::Texts(texts) => texts.push_codes([at.map_or(NULL, |at| codes[at])]),
                Handed::Nothing | Handed::Ints(_) => {}
            }),
        }
    }

    fn texts(&mut self, found: &[&str], there: There<'_>) {
        let rows = self.rows;
        if matches!(self.column, Handed::Nothing) && !matches!(there, There::None(_)) {
            self.column = Handed::Texts(Texts::plain());
            self.rows = 0;
            self.nulls(rows);
        }
        // A page of texts behind pages of numbers: the numbers become texts again.
        if let (Handed::Numbered(numbers), Some(glossary), false) = (&self.column, self.glossary, found.is_empty()) {
            let words = glossary.words();
            let mut texts = Texts::plain();
            numbers.iter().for_each(|n| texts.push(words.list.get(*n as usize).map(|word| &**word)));
            self.column = Handed::Texts(texts);
        }
        self.each(there, |column, _, at| match column {
            Handed::Texts(texts) => texts.push(at.map(|at| found[at])),
            Handed::Numbered(numbers) => numbers.push(NULL),
            Handed::Nothing | Handed::Ints(_) => {}
        });
    }
}

/// Reads whatever else is Parquet.
fn foreign(path: &Path, shape: &Shape, glossaries: &[Glossary]) -> Result<HandedOver, StoreError> {
    let frame = frame(path)?;
    let columns = carried(shape).zip(glossaries).map(|(c, glossary)| {
        let Ok(found) = frame.column(&c.name) else { return Ok(Handed::Nothing) };
        let found = found.as_materialized_series();
        if c.kind != Kind::Text {
            return Ok(Handed::Ints(ints(found)?));
        }
        let mut texts = Texts::default();
        found.str()?.iter().for_each(|text| texts.push(text));
        let numbers = match &texts.form {
            TextForm::Coded { codes, words } => {
                let words: Vec<&str> = words.list.iter().map(|word| &**word).collect();
                let number = |numbers: Vec<u32>| {
                    let rows = codes.iter().enumerate();
                    rows.map(|(row, code)| if texts.present.get(row) { numbers[*code as usize] } else { NULL })
                        .collect()
                };
                glossary.numbers(&words).map(number)
            }
            TextForm::Plain { .. } => None,
        };
        Ok(numbers.map_or_else(|| Handed::Texts(texts), Handed::Numbered))
    });
    let columns = columns.collect::<Result<_, StoreError>>()?;
    let numbers = ints(frame.column(NUMBER)?.as_materialized_series())?;
    if numbers.present.missing() > 0 {
        return Err(shape.bad(NUMBER, "every row says whom it is about"));
    }
    Ok(HandedOver { numbers: numbers.values, columns })
}

pub(super) fn frame(path: &Path) -> Result<pl::DataFrame, StoreError> {
    let file = std::fs::File::open(path).map_err(StoreError::io(path))?;
    // One thread of ours per file: polars' own would only take turns with the others.
    let reader = pl::ParquetReader::new(file).read_parallel(pl::ParallelStrategy::None).set_rechunk(true);
    reader.finish().map_err(StoreError::parquet(path))
}

pub(super) fn ints(series: &pl::Series) -> Result<Ints, StoreError> {
    Ok(match series.dtype() {
        pl::DataType::Boolean => series.bool()?.iter().map(|v| v.map(i64::from)).collect(),
        pl::DataType::Date => series.to_physical_repr().i32()?.iter().map(|v| v.map(i64::from)).collect(),
        _ => series.i64()?.iter().collect(),
    })
}
