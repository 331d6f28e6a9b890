//! A few rows out of a page of the store's own: what looking one household up spends its time on.
//!
//! A page is unpacked, but values are made of the rows wanted alone. As in [`super::decode`], whatever is not as this
//! store writes it is refused, not guessed at.

use std::io::Cursor;
use std::sync::Arc;

use hedui_base::Column;
use polars_parquet_format::{DataPageHeader, Encoding, PageHeader, PageType, thrift::protocol::TCompactInputProtocol};

use super::decode::{MOST_HEADER_BYTES, MOST_PAGE_BYTES, There, Values, bits, delta, levels_of, uleb, unpack, zigzag};

/// Values of one width in `DELTA_BINARY_PACKED`: as many as this store writes, and nearly everybody.
const MOST_PART: usize = 32;

/// Room that is used again from page to page.
pub(crate) struct Picker {
    zstd: zstd::bulk::Decompressor<'static>,
    body: Vec<u8>,
    there: Vec<bool>,
    ints: Vec<i64>,
    /// Where in the page the values wanted are.
    places: Vec<usize>,
    /// Room for the words of the next column.
    words: Vec<u8>,
}

/// The words of a column, taken out one by one as they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    bytes: Vec<u8>,
    length: usize,
    known: Vec<(u32, Arc<str>)>,
}

impl Dictionary {
    fn word(&mut self, code: u32) -> Option<Arc<str>> {
        if let Some((_, word)) = self.known.iter().find(|(known, _)| *known == code) {
            return Some(Arc::clone(word));
        }
        let mut rest = self.bytes.get(..self.length)?;
        for _ in 0..code {
            let (length, after) = rest.split_first_chunk::<4>()?;
            rest = after.get(u32::from_le_bytes(*length) as usize..)?;
        }
        let (length, after) = rest.split_first_chunk::<4>()?;
        let word: Arc<str> = std::str::from_utf8(after.get(..u32::from_le_bytes(*length) as usize)?).ok()?.into();
        self.known.push((code, Arc::clone(&word)));
        Some(word)
    }
}

/// Values of a page one after another, as they come out of `DELTA_BINARY_PACKED`.
enum Part<'v> {
    /// Each as much larger than the one before.
    Line {
        first: i64,
        step: i64,
        count: usize,
    },
    Values(&'v [i64]),
}

impl Picker {
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            zstd: zstd::bulk::Decompressor::new().ok()?,
            body: Vec::new(),
            there: Vec::new(),
            ints: Vec::new(),
            places: Vec::new(),
            words: Vec::new(),
        })
    }

    /// Unpacks the page of words of a column.
    pub(crate) fn dictionary(&mut self, page: &[u8]) -> Option<Dictionary> {
        let (header, body, length) = opened(page)?;
        (header.type_ == PageType::DICTIONARY_PAGE).then_some(())?;
        let mut bytes = std::mem::take(&mut self.words);
        unpack(&mut self.zstd, body, length, &mut bytes)?;
        Some(Dictionary { bytes, length, known: Vec::new() })
    }

    /// Takes the room of words that are no longer needed.
    pub(crate) fn take_back(&mut self, words: Dictionary) {
        self.words = words.bytes;
    }

    /// The rows of a page of so many, of numbers, that hold one of some, ascending; counted from its first.
    pub(crate) fn find(
        &mut self,
        page: &[u8],
        rows: usize,
        wanted: &[i64],
        mut found: impl FnMut(usize),
    ) -> Option<()> {
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Some(()) };
        let is_wanted = |value: i64| value >= *first && value <= *last && wanted.binary_search(&value).is_ok();
        let mut row = 0;
        self.numbers(page, rows, |part| match part {
            Part::Line { first: value, step, count } => {
                let end = step.checked_mul(count as i64 - 1).and_then(|far| value.checked_add(far));
                if end.is_none_or(|end| value.min(end) <= *last && value.max(end) >= *first) {
                    let nth = |nth: usize| value.wrapping_add(step.wrapping_mul(nth as i64));
                    (0..count).filter(|at| is_wanted(nth(*at))).for_each(|at| found(row + at));
                }
                row += count;
            }
            Part::Values(values) => {
                let here = values.iter().enumerate().filter(|(_, value)| is_wanted(**value));
                here.for_each(|(at, _)| found(row + at));
                row += values.len();
            }
        })
    }

    /// Every value of a page of numbers without nulls.
    pub(crate) fn every(&mut self, page: &[u8], rows: usize, mut take: impl FnMut(i64)) -> Option<()> {
        self.numbers(page, rows, |part| match part {
            Part::Line { first, step, count } => {
                (0..count).for_each(|nth| take(first.wrapping_add(step.wrapping_mul(nth as i64))));
            }
            Part::Values(values) => values.iter().for_each(|value| take(*value)),
        })
    }

    fn numbers(&mut self, page: &[u8], rows: usize, mut each: impl FnMut(Part<'_>)) -> Option<()> {
        let (header, from, length) = self.open(page, rows)?;
        if header.encoding != Encoding::DELTA_BINARY_PACKED {
            return None;
        }
        // Every row has a person: a page in which one is missing is not ours.
        let levels = levels_of(self.body.get(4..from)?, rows, &mut self.there)?;
        matches!(levels, There::All(_)).then_some(())?;
        parts(&self.body[from..], length - from, rows, |part| {
            each(part);
            true
        })
    }

    /// Adds the values of some rows of a page of so many, ascending and counted from its first, to a column.
    pub(crate) fn take(
        &mut self,
        page: &[u8],
        rows: usize,
        picked: &[usize],
        values: Values,
        dictionary: Option<&mut Dictionary>,
        into: &mut Column,
    ) -> Option<()> {
        let (header, from, length) = self.open(page, rows)?;
        let there = levels_of(self.body.get(4..from)?, rows, &mut self.there)?;
        let (body, length) = (&self.body[from..], length - from);
        // Places among the values of the page; beyond them for a null.
        self.places.clear();
        let count = match there {
            There::All(rows) => {
                self.places.extend_from_slice(picked);
                rows
            }
            There::None(_) => 0,
            There::Some(flags) => {
                let (mut at, mut before) = (0, 0);
                for row in picked {
                    before += flags.get(at..*row)?.iter().filter(|there| **there).count();
                    at = *row;
                    if flags[*row] {
                        self.places.push(before);
                    }
                }
                flags.iter().filter(|there| **there).count()
            }
        };
        let is_there = |row: &usize| match there {
            There::All(_) => true,
            There::None(_) => false,
            There::Some(flags) => flags[*row],
        };
        let places = &self.places;
        match (into, header.encoding, values) {
            (Column::Int(into), _, _) if count == 0 => into.extend(picked.iter().map(|_| None)),
            (Column::Text(into), _, _) if count == 0 => into.extend(picked.iter().map(|_| None)),
            (Column::Int(into), Encoding::DELTA_BINARY_PACKED, Values::Ints) => {
                self.ints.clear();
                let ints = &mut self.ints;
                values_at(body, length, count, places, |value| ints.push(value))?;
                fill(into, picked.iter().map(is_there), self.ints.iter().copied())?;
            }
            (Column::Int(into), Encoding::PLAIN, Values::Bits) => {
                let bits = body.get(..count.div_ceil(8)).filter(|bits| bits.len() <= length)?;
                let bit = |at: &usize| i64::from(bits[at / 8] >> (at % 8) & 1);
                fill(into, picked.iter().map(is_there), places.iter().map(bit))?;
            }
            (Column::Text(into), Encoding::RLE_DICTIONARY, Values::Texts) => {
                let width = u32::from(*body.first().filter(|width| **width <= 32 && length > 0)?);
                let dictionary = dictionary?;
                let mut words = Vec::with_capacity(places.len());
                codes_at(&body[1..], length - 1, width, count, places, |code| {
                    words.push(dictionary.word(code)?);
                    Some(())
                })?;
                fill(into, picked.iter().map(is_there), words.into_iter())?;
            }
            (Column::Text(into), Encoding::DELTA_LENGTH_BYTE_ARRAY, Values::Texts) => {
                let used = delta(body, length, count, &mut self.ints)?;
                let texts = body.get(used..length)?;
                let (mut at, mut from, mut found) = (0, 0usize, Vec::with_capacity(places.len()));
                for place in places {
                    for length in self.ints.get(at..*place)? {
                        from = from.checked_add(usize::try_from(*length).ok()?)?;
                    }
                    at = *place;
                    let to = from.checked_add(usize::try_from(*self.ints.get(at)?).ok()?)?;
                    found.push(Arc::<str>::from(std::str::from_utf8(texts.get(from..to)?).ok()?));
                }
                fill(into, picked.iter().map(is_there), found.into_iter())?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Unpacks a data page: its header, where its values begin in the body, and the body's length.
    fn open(&mut self, page: &[u8], rows: usize) -> Option<(DataPageHeader, usize, usize)> {
        let (header, packed, length) = opened(page)?;
        let (PageType::DATA_PAGE, Some(header)) = (header.type_, header.data_page_header) else { return None };
        if usize::try_from(header.num_values) != Ok(rows) || header.definition_level_encoding != Encoding::RLE {
            return None;
        }
        unpack(&mut self.zstd, packed, length, &mut self.body)?;
        let levels = usize::try_from(u32::from_le_bytes(self.body.get(..4)?.try_into().ok()?)).ok()?;
        let from = levels.checked_add(4).filter(|from| *from <= length)?;
        Some((header, from, length))
    }
}

/// The header of a page, what follows it, and how long that is unpacked.
fn opened(page: &[u8]) -> Option<(PageHeader, &[u8], usize)> {
    let mut cursor = Cursor::new(page);
    let header =
        PageHeader::read_from_in_protocol(&mut TCompactInputProtocol::new(&mut cursor, MOST_HEADER_BYTES)).ok()?;
    let from = usize::try_from(cursor.position()).ok()?;
    let packed = usize::try_from(header.compressed_page_size).ok()?;
    let length = usize::try_from(header.uncompressed_page_size).ok().filter(|length| *length <= MOST_PAGE_BYTES)?;
    Some((header, page.get(from..from.checked_add(packed)?)?, length))
}

/// Adds a value for every row that has one, and a null for the others.
fn fill<T>(
    into: &mut Vec<Option<T>>,
    there: impl Iterator<Item = bool>,
    mut values: impl Iterator<Item = T>,
) -> Option<()> {
    for there in there {
        into.push(if there { Some(values.next()?) } else { None });
    }
    Some(())
}

/// The values at some places, ascending, of `DELTA_BINARY_PACKED`.
fn values_at(padded: &[u8], length: usize, count: usize, places: &[usize], mut take: impl FnMut(i64)) -> Option<()> {
    let (mut from, mut places) = (0, places.iter().copied().peekable());
    parts(padded, length, count, |part| {
        let (to, line) = match part {
            Part::Line { first, step, count } => (from + count, Some((first, step))),
            Part::Values(values) => (from + values.len(), None),
        };
        while let Some(place) = places.next_if(|place| *place < to) {
            let nth = place - from;
            take(match (line, &part) {
                (None, Part::Values(values)) => values[nth],
                (line, _) => {
                    let (first, step) = line.unwrap_or_default();
                    first.wrapping_add(step.wrapping_mul(nth as i64))
                }
            });
        }
        from = to;
        places.peek().is_some()
    })?;
    places.peek().is_none().then_some(())
}

/// Hands out the values of `DELTA_BINARY_PACKED` until nobody wants more.
fn parts(padded: &[u8], length: usize, count: usize, mut each: impl FnMut(Part<'_>) -> bool) -> Option<()> {
    let mut at = 0;
    let block = usize::try_from(uleb(padded, &mut at)?).ok()?;
    let widths = usize::try_from(uleb(padded, &mut at)?).ok()?;
    let total = uleb(padded, &mut at)?;
    let mut last = zigzag(uleb(padded, &mut at)?);
    if total != count as u64 || widths == 0 || block == 0 || !block.is_multiple_of(widths) {
        return None;
    }
    let part = block / widths;
    if part > MOST_PART {
        return None;
    }
    let mut values = [0i64; MOST_PART];
    let mut done = 1;
    if !each(Part::Line { first: last, step: 0, count: 1 }) {
        return Some(());
    }
    while done < count {
        let least = zigzag(uleb(padded, &mut at)?);
        let own = at..at.checked_add(widths)?;
        at = own.end;
        for width in own {
            let wanted = part.min(count - done);
            if wanted == 0 {
                break;
            }
            let width = usize::from(*padded.get(width)?);
            let size = (part * width).div_ceil(8);
            let more = if width == 0 {
                let first = last.wrapping_add(least);
                last = last.wrapping_add(least.wrapping_mul(wanted as i64));
                each(Part::Line { first, step: least, count: wanted })
            } else {
                let packed = padded.get(at..at.checked_add(size)?.checked_add(8)?).filter(|_| at + size <= length)?;
                for (nth, value) in values[..wanted].iter_mut().enumerate() {
                    last = last.wrapping_add(least).wrapping_add(packed_at(packed, nth * width, width)? as i64);
                    *value = last;
                }
                each(Part::Values(&values[..wanted]))
            };
            at += size;
            done += wanted;
            if !more {
                return Some(());
            }
        }
    }
    (at <= length).then_some(())
}

/// A packed number of up to 64 bits; there are eight bytes from its end on.
fn packed_at(packed: &[u8], bit: usize, width: usize) -> Option<u64> {
    match width {
        0..=56 => bits(packed, bit, (1 << width) - 1),
        57..=64 => {
            let low = bits(packed, bit, u64::MAX)?;
            let shift = bit % 8;
            let high = if shift == 0 { 0 } else { u64::from(*packed.get(bit / 8 + 8)?) << (64 - shift) };
            Some((low | high) & if width == 64 { u64::MAX } else { (1 << width) - 1 })
        }
        _ => None,
    }
}

/// The codes at some places, ascending, among runs and packed groups.
fn codes_at(
    padded: &[u8],
    length: usize,
    width: u32,
    count: usize,
    places: &[usize],
    mut take: impl FnMut(u32) -> Option<()>,
) -> Option<()> {
    let (mut at, mut from, mask) = (0, 0usize, (1u64 << width) - 1);
    let mut places = places.iter().copied().peekable();
    while places.peek().is_some() && from < count {
        let head = uleb(padded.get(..length)?, &mut at)?;
        let run = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let mut code = [0; 4];
            code[..size].copy_from_slice(padded.get(at..at + size).filter(|_| at + size <= length)?);
            at += size;
            from = from.checked_add(run)?;
            while places.next_if(|place| *place < from).is_some() {
                take(u32::from_le_bytes(code))?;
            }
        } else {
            let size = run.checked_mul(width as usize)?;
            let packed = padded.get(at..at.checked_add(size)?.checked_add(8)?).filter(|_| at + size <= length)?;
            at += size;
            let to = from.checked_add(run.checked_mul(8)?)?;
            while let Some(place) = places.next_if(|place| *place < to) {
                take(bits(packed, (place - from) * width as usize, mask)? as u32)?;
            }
            from = to;
        }
    }
    places.peek().is_none().then_some(())
}
