//! The pages of one column: cut, encoded, packed, each with its statistics.

use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::encoding::Encoding;
use polars_parquet::parquet::error::{ParquetError, ParquetResult};
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::page::{
    CompressedDataPage, CompressedDictPage, CompressedPage, DataPageHeader, DataPageHeaderV1,
};
use polars_parquet::parquet::schema::types::PrimitiveType;
use polars_parquet::parquet::statistics::{
    BinaryStatistics, BooleanStatistics, ParquetStatistics, PrimitiveStatistics,
};

use super::encode;
use super::encode::Delta;
use super::{BLOB_PAGE_BYTES, FileColumn, PageSize, STRIDE};
use crate::columns::{Ints, TextForm, Texts};
use crate::file::{ColumnStats, shown};
use crate::shape::Kind;

/// Least and largest value of a column so far, and how many are null.
#[derive(Debug, Default)]
pub(super) struct Summary {
    nulls: usize,
    ints: Option<(i64, i64)>,
    texts: Option<(String, String)>,
}

impl Summary {
    pub(super) fn of(self, column: &FileColumn<'_>, rows: usize) -> ColumnStats {
        let shown = |value: i64| shown(column.kind, value);
        let (min, max) = match (self.ints, self.texts) {
            (Some((min, max)), _) => (shown(min), shown(max)),
            (None, Some((min, max))) => (Some(min), Some(max)),
            (None, None) => (None, None),
        };
        ColumnStats { column: column.name.to_owned(), values: rows - self.nulls, nulls: self.nulls, min, max }
    }

    fn page(&mut self, nulls: usize, ints: Option<(i64, i64)>) {
        self.nulls += nulls;
        if let Some((min, max)) = ints {
            self.ints = Some(self.ints.map_or((min, max), |(a, b)| (a.min(min), b.max(max))));
        }
    }

    fn text_page(&mut self, nulls: usize, texts: Option<(&str, &str)>) {
        self.nulls += nulls;
        let Some((min, max)) = texts else { return };
        match &mut self.texts {
            None => self.texts = Some((min.to_owned(), max.to_owned())),
            Some((least, largest)) => {
                if min < least.as_str() {
                    min.clone_into(least);
                }
                if max > largest.as_str() {
                    max.clone_into(largest);
                }
            }
        }
    }
}

/// The pages of one column.
pub(super) struct Pages<'z> {
    ty: PrimitiveType,
    kind: Kind,
    page: PageSize,
    pub(super) pages: Vec<CompressedPage>,
    pub(super) stats: Summary,
    /// Kept from page to page: making one costs more than packing a small page.
    zstd: &'z mut zstd::bulk::Compressor<'static>,
}

impl<'z> Pages<'z> {
    pub(super) fn new(
        ty: PrimitiveType,
        kind: Kind,
        page: PageSize,
        zstd: &'z mut zstd::bulk::Compressor<'static>,
    ) -> Self {
        Self { ty, kind, page, pages: Vec::new(), stats: Summary::default(), zstd }
    }

    fn packed(&mut self, body: &[u8]) -> ParquetResult<CowBuffer> {
        let packed = self.zstd.compress(body).map_err(|e| ParquetError::OutOfSpec(e.to_string()))?;
        Ok(CowBuffer::Owned(packed))
    }

    fn add(
        &mut self,
        body: Vec<u8>,
        rows: usize,
        encoding: Encoding,
        statistics: ParquetStatistics,
    ) -> ParquetResult<()> {
        let count = i32::try_from(rows).map_err(|_| ParquetError::OutOfSpec("a page has too many rows".to_owned()))?;
        let header = DataPageHeader::V1(DataPageHeaderV1 {
            num_values: count,
            encoding: encoding.into(),
            definition_level_encoding: Encoding::Rle.into(),
            repetition_level_encoding: Encoding::Rle.into(),
            statistics: self.page.statistics.then_some(statistics),
        });
        let descriptor = Descriptor { primitive_type: self.ty.clone(), max_def_level: 1, max_rep_level: 0 };
        let packed = self.packed(&body)?;
        let page = CompressedDataPage::new(header, packed, Compression::Zstd, body.len(), descriptor, rows);
        self.pages.push(CompressedPage::Data(page));
        Ok(())
    }

    /// A column in which nothing is: a page of nulls.
    pub(super) fn nulls(&mut self, rows: usize) -> ParquetResult<()> {
        let mut body = Vec::new();
        encode::levels(rows, rows, std::iter::empty(), &mut body);
        self.stats.nulls = rows;
        let statistics = self.statistics(rows, None);
        self.add(body, rows, Encoding::Plain, statistics)
    }

    fn statistics(&self, nulls: usize, range: Option<(i64, i64)>) -> ParquetStatistics {
        let null_count = Some(nulls as i64);
        let (min, max) = (range.map(|r| r.0), range.map(|r| r.1));
        let primitive_type = self.ty.clone();
        match self.kind {
            Kind::Bool => BooleanStatistics {
                null_count,
                distinct_count: None,
                max_value: max.map(|v| v != 0),
                min_value: min.map(|v| v != 0),
            }
            .serialize(),
            // Dates were checked to be within the calendar, far within 32 bits.
            Kind::Date => PrimitiveStatistics::<i32> {
                primitive_type,
                null_count,
                distinct_count: None,
                max_value: max.map(|v| v as i32),
                min_value: min.map(|v| v as i32),
            }
            .serialize(),
            Kind::Int | Kind::Time => PrimitiveStatistics::<i64> {
                primitive_type,
                null_count,
                distinct_count: None,
                max_value: max,
                min_value: min,
            }
            .serialize(),
            Kind::Text => self.text_statistics(nulls, None),
        }
    }

    fn text_statistics(&self, nulls: usize, range: Option<(&str, &str)>) -> ParquetStatistics {
        BinaryStatistics {
            primitive_type: self.ty.clone(),
            null_count: Some(nulls as i64),
            distinct_count: None,
            max_value: range.map(|r| r.1.as_bytes().to_vec()),
            min_value: range.map(|r| r.0.as_bytes().to_vec()),
        }
        .serialize()
    }

    pub(super) fn ints(&mut self, ints: &Ints, rows: usize) -> ParquetResult<()> {
        let (mut delta, mut known) = (Delta::default(), Vec::with_capacity(STRIDE));
        let mut from = 0;
        while from < rows {
            let (mut at, mut range, mut missing) = (from, None, 0);
            while at < rows && at - from < self.page.rows && (at == from || delta.size() < self.page.bytes) {
                let stride = at..(at + STRIDE).min(rows);
                at = stride.end;
                let values = if ints.present.missing() > 0 {
                    known.clear();
                    known.extend(stride.clone().filter(|row| ints.present.get(*row)).map(|row| ints.values[row]));
                    missing += stride.len() - known.len();
                    known.as_slice()
                } else {
                    &ints.values[stride]
                };
                let Some(first) = values.first() else { continue };
                let (least, largest) = range.unwrap_or((*first, *first));
                range = Some(values.iter().fold((least, largest), |(a, b): (i64, i64), v| (a.min(*v), b.max(*v))));
                if self.kind != Kind::Bool {
                    delta.extend(values);
                }
            }
            let there = from..at;
            let mut body = Vec::new();
            encode::levels(there.len(), missing, there.clone().map(|r| ints.present.get(r)), &mut body);
            let encoding = if self.kind == Kind::Bool {
                let known = there.clone().filter(|r| ints.present.get(*r));
                encode::bools(known.map(|r| ints.values[r] != 0), &mut body);
                Encoding::Plain
            } else {
                delta.finish(&mut body);
                Encoding::DeltaBinaryPacked
            };
            let statistics = self.statistics(missing, range);
            self.add(body, there.len(), encoding, statistics)?;
            self.stats.page(missing, range);
            from = at;
        }
        Ok(())
    }

    pub(super) fn texts(&mut self, texts: &Texts, rows: usize) -> ParquetResult<()> {
        match &texts.form {
            // Words that hardly repeat cost less as they are.
            TextForm::Coded { words, .. } if words.list.len() > rows / 2 + 8 => {
                let mut flat = texts.clone();
                flat.flatten();
                self.texts(&flat, rows)
            }
            TextForm::Coded { codes, words } => self.coded(texts, codes, &words.list, rows),
            TextForm::Plain { .. } => self.plain(texts, rows),
        }
    }

    pub(super) fn dictionary(&mut self, words: &[Box<str>]) -> ParquetResult<()> {
        let mut dictionary = Vec::with_capacity(words.iter().map(|w| w.len() + 4).sum());
        for word in words {
            dictionary.extend_from_slice(&(word.len() as u32).to_le_bytes());
            dictionary.extend_from_slice(word.as_bytes());
        }
        let packed = self.packed(&dictionary)?;
        let page = CompressedDictPage::new(packed, Compression::Zstd, dictionary.len(), words.len(), false);
        self.pages.push(CompressedPage::Dict(page));
        Ok(())
    }

    fn coded(&mut self, texts: &Texts, codes: &[u32], words: &[Box<str>], rows: usize) -> ParquetResult<()> {
        self.dictionary(words)?;
        let mut by_word: Vec<u32> = (0..words.len() as u32).collect();
        by_word.sort_unstable_by_key(|code| &words[*code as usize]);
        let mut rank = vec![0u32; words.len()];
        for (at, code) in (0u32..).zip(&by_word) {
            rank[*code as usize] = at;
        }
        let width = encode::width_of(words.len()) as usize;
        let page_rows = self.page.rows.min(self.page.bytes * 8 / width);
        let mut known = Vec::new();
        for from in (0..rows).step_by(page_rows) {
            let there = from..(from + page_rows).min(rows);
            let whole = texts.present.missing() == 0;
            let codes = if whole {
                &codes[there.clone()]
            } else {
                known.clear();
                known.extend(there.clone().filter(|r| texts.present.get(*r)).map(|r| codes[r]));
                known.as_slice()
            };
            let missing = there.len() - codes.len();
            let ranks = codes.iter().map(|c| rank[*c as usize]);
            let range = ranks
                .fold(None, |range: Option<(u32, u32)>, r| Some(range.map_or((r, r), |(a, b)| (a.min(r), b.max(r)))));
            let word = |rank: u32| &*words[by_word[rank as usize] as usize];
            let range = range.map(|(a, b)| (word(a), word(b)));
            let mut body = Vec::new();
            encode::levels(there.len(), missing, there.clone().map(|r| texts.present.get(r)), &mut body);
            encode::codes(codes, words.len(), &mut body);
            let statistics = self.text_statistics(missing, range);
            self.add(body, there.len(), Encoding::RleDictionary, statistics)?;
            self.stats.text_page(missing, range);
        }
        Ok(())
    }

    /// Bytes as they are, one run of them a row.
    pub(super) fn blobs(&mut self, values: &[Vec<u8>]) -> ParquetResult<()> {
        let mut rest = values;
        while !rest.is_empty() {
            let mut bytes = 0;
            let page = rest.iter().take_while(|value| {
                bytes += value.len();
                bytes <= BLOB_PAGE_BYTES
            });
            let (page, after) = rest.split_at(page.count().max(1));
            let mut lengths = Delta::default();
            page.iter().for_each(|value| lengths.push(value.len() as i64));
            let mut body = Vec::with_capacity(bytes + 1024);
            encode::levels(page.len(), 0, page.iter().map(|_| true), &mut body);
            lengths.finish(&mut body);
            page.iter().for_each(|value| body.extend_from_slice(value));
            let statistics = self.text_statistics(0, None);
            self.add(body, page.len(), Encoding::DeltaLengthByteArray, statistics)?;
            rest = after;
        }
        Ok(())
    }

    pub(super) fn int_runs(&mut self, runs: &[(Option<i64>, u32)]) -> ParquetResult<()> {
        let mut delta = Delta::default();
        for page in pages_of(runs, self.page.rows) {
            let (mut range, mut missing, mut rows) = (None, 0, 0);
            for (value, count) in &page {
                rows += count;
                match value {
                    None => missing += count,
                    Some(value) => {
                        delta.push_run(*value, *count);
                        range =
                            Some(range.map_or((*value, *value), |(a, b): (i64, i64)| (a.min(*value), b.max(*value))));
                    }
                }
            }
            let mut body = Vec::new();
            encode::levels(rows, missing, there(&page), &mut body);
            delta.finish(&mut body);
            let statistics = self.statistics(missing, range);
            self.add(body, rows, Encoding::DeltaBinaryPacked, statistics)?;
            self.stats.page(missing, range);
        }
        Ok(())
    }

    pub(super) fn text_runs(&mut self, words: &[Box<str>], runs: &[(Option<u32>, u32)]) -> ParquetResult<()> {
        self.dictionary(words)?;
        for page in pages_of(runs, self.page.rows) {
            let rows: usize = page.iter().map(|(_, count)| count).sum();
            let missing: usize = page.iter().filter(|(code, _)| code.is_none()).map(|(_, count)| count).sum();
            let known = page.iter().filter_map(|(code, _)| words.get((*code)? as usize)).map(|w| &**w);
            let range = known.clone().min().zip(known.max());
            let mut body = Vec::new();
            encode::levels(rows, missing, there(&page), &mut body);
            match page.as_slice() {
                [(Some(code), count)] => encode::same_code(*code, *count, words.len(), &mut body),
                _ => {
                    let codes = page.iter().filter_map(|(code, count)| Some(std::iter::repeat_n((*code)?, *count)));
                    encode::codes(&codes.flatten().collect::<Vec<u32>>(), words.len(), &mut body);
                }
            }
            let statistics = self.text_statistics(missing, range);
            self.add(body, rows, Encoding::RleDictionary, statistics)?;
            self.stats.text_page(missing, range);
        }
        Ok(())
    }

    fn plain(&mut self, texts: &Texts, rows: usize) -> ParquetResult<()> {
        let mut lengths = Delta::default();
        let mut from = 0;
        while from < rows {
            let (mut at, mut missing, mut bytes) = (from, 0, Vec::new());
            let mut range: Option<(&str, &str)> = None;
            while at < rows && at - from < self.page.rows && bytes.len() + lengths.size() < self.page.bytes {
                match texts.get(at) {
                    None => missing += 1,
                    Some(text) => {
                        lengths.push(text.len() as i64);
                        bytes.extend_from_slice(text.as_bytes());
                        range = Some(range.map_or((text, text), |(a, b)| (a.min(text), b.max(text))));
                    }
                }
                at += 1;
            }
            let there = from..at;
            let mut body = Vec::with_capacity(bytes.len() + 1024);
            encode::levels(there.len(), missing, there.clone().map(|r| texts.present.get(r)), &mut body);
            lengths.finish(&mut body);
            body.extend_from_slice(&bytes);
            let statistics = self.text_statistics(missing, range);
            self.add(body, there.len(), Encoding::DeltaLengthByteArray, statistics)?;
            self.stats.text_page(missing, range);
            from = at;
        }
        Ok(())
    }
}

/// Runs cut into pages.
fn pages_of<T: Copy>(runs: &[(Option<T>, u32)], most: usize) -> Vec<Vec<(Option<T>, usize)>> {
    let (mut pages, mut page, mut room) = (Vec::new(), Vec::new(), most);
    for (value, count) in runs {
        let mut left = *count as usize;
        while left > 0 {
            let part = left.min(room);
            page.push((*value, part));
            (left, room) = (left - part, room - part);
            if room == 0 {
                pages.push(std::mem::take(&mut page));
                room = most;
            }
        }
    }
    if !page.is_empty() {
        pages.push(page);
    }
    pages
}

fn there<T>(page: &[(Option<T>, usize)]) -> impl Iterator<Item = bool> {
    page.iter().flat_map(|(value, count)| std::iter::repeat_n(value.is_some(), *count))
}
