//! How much a workbook of 97 to 2003 would hold, told from its records before anything takes room for it.
//!
//! Such a sheet is read as a whole: a rectangle around its outermost cells, or of the size that it claims. Two cells in
//! opposite corners of a file of some kilobytes are four thousand million cells.

use super::Flaw;
use super::limits;
use crate::parse::Reason;

const BOUND_SHEET: u16 = 0x0085;
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const DIMENSIONS: u16 = 0x0200;
const CONTINUE: u16 = 0x003C;
const STRINGS: u16 = 0x00FC;
/// A cell whose text stands in the table of strings.
const STRING_CELL: u16 = 0x00FD;
/// Cells in a row, from a first to a last column.
const NUMBERS: u16 = 0x00BD;
/// Records that begin with the row and the column of a cell.
const CELLS: [u16; 8] = [0x0006, 0x00D6, 0x0203, 0x0204, 0x0205, 0x027E, STRING_CELL, NUMBERS];

/// One record: its sort and what it holds.
type Record<'a> = (u16, &'a [u8]);

/// The records from here on, up to one that is cut off.
fn records(stream: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let (sort, length) = (number(rest, 0)?, number(rest, 2)?);
        let data = rest.get(4..4 + usize::from(length))?;
        rest = &rest[4 + usize::from(length)..];
        Some((sort, data))
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Whether reading the workbook in this stream stays within the limits.
///
/// # Errors
/// What there is too much of.
pub(super) fn check(stream: &[u8]) -> Result<(), Flaw> {
    let too_many = |limit: usize, what: &str| Flaw::new(Reason::SchemaDrift, format!("more than {limit} {what}"));
    let head = || records(stream).take_while(|(sort, _)| *sort != END);
    let starts: Vec<usize> = head()
        .filter(|(sort, _)| *sort == BOUND_SHEET)
        .filter_map(|(_, data)| usize::try_from(long(data, 0)?).ok())
        .collect();
    if starts.len() > limits::SHEETS {
        return Err(too_many(limits::SHEETS, "sheets"));
    }
    let strings = head().skip_while(|(sort, _)| *sort != STRINGS);
    let lengths =
        lengths(strings.enumerate().map_while(|(n, (sort, data))| (n == 0 || sort == CONTINUE).then_some(data)));
    let mut cells: usize = 0;
    let mut text: usize = 0;
    for start in starts {
        let sheet = Sheet::of(records(stream.get(start..).unwrap_or_default()), &lengths);
        cells = cells.saturating_add(sheet.cells);
        text = text.saturating_add(sheet.text);
        if sheet.claimed > limits::CLAIMED_CELLS {
            return Err(too_many(limits::CLAIMED_CELLS, "cells are claimed"));
        }
        if cells > limits::WHOLE_CELLS {
            return Err(too_many(limits::WHOLE_CELLS, "cells"));
        }
        if text > limits::TEXT {
            return Err(too_many(limits::TEXT, "bytes of text"));
        }
    }
    Ok(())
}

/// What one sheet would take.
#[derive(Default)]
struct Sheet {
    /// Cells of the rectangle around all that there are.
    cells: usize,
    /// Cells that it claims to have, for which room is set aside but not used.
    claimed: usize,
    /// Bytes of their texts from the table of strings.
    text: usize,
}

impl Sheet {
    fn of<'a>(records: impl Iterator<Item = Record<'a>>, lengths: &[usize]) -> Self {
        let mut sheet = Self::default();
        let (mut rows, mut columns) = (None, None);
        // Sheets have charts inside, whose records look like theirs.
        let mut depth = 0usize;
        for (sort, data) in records {
            match sort {
                BEGIN => depth += 1,
                END if depth <= 1 => break,
                END => depth -= 1,
                _ if depth > 1 => {}
                DIMENSIONS => sheet.claimed = sheet.claimed.max(claimed(data)),
                sort if CELLS.contains(&sort) => {
                    widen(&mut rows, number(data, 0));
                    widen(&mut columns, number(data, 2));
                    if sort == NUMBERS {
                        widen(&mut columns, data.len().checked_sub(2).and_then(|last| number(data, last)));
                    }
                    if sort == STRING_CELL {
                        let which = long(data, 6).and_then(|which| usize::try_from(which).ok());
                        let length = which.and_then(|which| lengths.get(which)).copied();
                        // A text that is not in the table is as long as one can be.
                        let length = length.unwrap_or(limits::CELL_BYTES);
                        sheet.text = sheet.text.saturating_add(length);
                    }
                }
                _ => {}
            }
        }
        sheet.cells = extent(rows).saturating_mul(extent(columns));
        sheet
    }
}

/// First and last number seen.
type Reach = Option<(u16, u16)>;

fn widen(reach: &mut Reach, by: Option<u16>) {
    if let Some(by) = by {
        *reach = Some(reach.map_or((by, by), |(first, last)| (first.min(by), last.max(by))));
    }
}

fn extent(reach: Reach) -> usize {
    reach.map_or(0, |(first, last)| usize::from(last - first) + 1)
}

/// Cells of the rectangle that a sheet claims to fill.
fn claimed(data: &[u8]) -> usize {
    let short = |at| number(data, at).map(usize::from);
    let wide = |at| long(data, at).and_then(|n| usize::try_from(n).ok());
    let (rows, columns) = if data.len() == 10 {
        ((short(0), short(2)), (short(4), short(6)))
    } else {
        ((wide(0), wide(4)), (short(8), short(10)))
    };
    // From the first on, if it is where a first can be; what is odd counts from the edge.
    let span = |(first, last): (Option<usize>, Option<usize>)| {
        let last = last.unwrap_or_default();
        last.saturating_sub(first.filter(|first| *first <= last.min(0xFF)).unwrap_or_default()).max(1)
    };
    span(rows).saturating_mul(span(columns))
}

/// Bytes that each string of the table of strings becomes at most: three a character.
///
/// The table goes on over several records; a text that is cut in two says anew how wide its characters are.
fn lengths<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut parts = parts;
    let Some(mut rest) = parts.next().and_then(|first| first.get(8..)) else { return lengths };
    loop {
        if rest.is_empty() {
            let Some(next) = parts.next() else { return lengths };
            rest = next;
        }
        let (Some(characters), Some(flags)) = (number(rest, 0), rest.get(2).copied()) else { return lengths };
        let mut at = 3;
        let runs = if flags & 8 == 0 { 0 } else { usize::from(number(rest, at).unwrap_or_default()) };
        at += if flags & 8 == 0 { 0 } else { 2 };
        let further =
            if flags & 4 == 0 { 0 } else { long(rest, at).and_then(|n| usize::try_from(n).ok()).unwrap_or(0) };
        at += if flags & 4 == 0 { 0 } else { 4 };
        lengths.push(usize::from(characters) * 3);
        rest = rest.get(at..).unwrap_or_default();
        let mut left = usize::from(characters);
        let mut width = if flags & 1 == 0 { 1 } else { 2 };
        while left > 0 {
            let here = left.min(rest.len() / width);
            left -= here;
            rest = &rest[here * width..];
            if left > 0 {
                let Some((flag, next)) = parts.next().and_then(<[u8]>::split_first) else { return lengths };
                width = if flag & 1 == 0 { 1 } else { 2 };
                rest = next;
            }
        }
        let mut tail = (4 * runs).saturating_add(further);
        while tail > 0 {
            let here = tail.min(rest.len());
            tail -= here;
            rest = &rest[here..];
            if tail > 0 {
                let Some(next) = parts.next() else { return lengths };
                rest = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn record(sort: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&sort.to_le_bytes(), &length.to_le_bytes(), data].concat()
    }

    /// A workbook with one sheet of these records, and these strings.
    fn workbook(strings: &[&str], sheet: &[Vec<u8>]) -> Vec<u8> {
        let mut table = vec![0; 8];
        for text in strings {
            table.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            table.push(0);
            table.extend(text.bytes());
        }
        let mut table = table.chunks(8_000);
        let mut head = record(BEGIN, &[0; 16]);
        head.extend(record(STRINGS, table.next().unwrap()));
        // Only a text of one width is cut here.
        head.extend(table.flat_map(|part| record(CONTINUE, &[&[0], part].concat())));
        let start = u32::try_from(head.len() + 4 + 8 + 4).unwrap();
        head.extend(record(BOUND_SHEET, &[&start.to_le_bytes()[..], &[0; 4]].concat()));
        head.extend(record(END, &[]));
        head.extend(record(BEGIN, &[0; 16]));
        head.extend(sheet.concat());
        head.extend(record(END, &[]));
        head
    }

    fn cell(row: u16, column: u16, string: u32) -> Vec<u8> {
        let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
        record(STRING_CELL, &[&place[..], &string.to_le_bytes()].concat())
    }

    fn place(stream: &[u8]) -> String {
        check(stream).map_or_else(|flaw| flaw.place, |()| String::new())
    }

    #[test]
    fn a_sheet_is_as_large_as_its_corners_are_apart_or_as_it_claims() {
        assert_eq!(place(&workbook(&["a"], &[cell(0, 0, 0), cell(9_999, 255, 0)])), "");
        let corners = [cell(0, 0, 0), cell(65_535, 65_535, 0)];
        assert_eq!(place(&workbook(&["a"], &corners)), "more than 8388608 cells");
        let claim = [&[0; 4], &u32::MAX.to_le_bytes()[..], &[0, 0], &[0, 1], &[0; 2]].concat();
        assert_eq!(place(&workbook(&[], &[record(DIMENSIONS, &claim)])), "more than 16777216 cells are claimed");
        // Whole columns that somebody has coloured.
        let claim = [&[0; 4], &65_536u32.to_le_bytes()[..], &[0, 0], &[0, 1], &[0; 2]].concat();
        assert_eq!(place(&workbook(&["a"], &[record(DIMENSIONS, &claim), cell(0, 0, 0)])), "");
        // In a chart inside of the sheet it is another thing.
        let chart = [record(BEGIN, &[0; 16]), corners.concat(), record(END, &[])];
        assert_eq!(place(&workbook(&["a"], &chart)), "");
    }

    #[test]
    fn a_long_text_in_many_cells_is_counted_in_each() {
        let long = "x".repeat(30_000);
        let strings = ["short", long.as_str(), "short"];
        assert_eq!(lengths(records(&workbook(&strings, &[])).skip(1).take(4).map(|(_, data)| data)), [15, 90_000, 15]);
        let cells = |which| (0..4_000).map(|row| cell(row, 0, which)).collect::<Vec<_>>();
        assert_eq!(place(&workbook(&strings, &cells(2))), "");
        assert_eq!(place(&workbook(&strings, &cells(1))), "more than 268435456 bytes of text");
    }

    #[test]
    fn no_cut_is_a_stumbling_block() {
        let whole = workbook(&["a", "bc"], &[cell(0, 0, 0), record(NUMBERS, &[0; 3]), record(DIMENSIONS, &[0; 10])]);
        for cut in 0..whole.len() {
            let _ = check(&whole[..cut]);
        }
    }
}
