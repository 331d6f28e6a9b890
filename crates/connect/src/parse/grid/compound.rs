//! The container of workbooks of 97 to 2003: a small file system of sectors, chained by tables.
//!
//! Whoever follows such chains without counting can be led in circles until memory ends. Here one stream is taken out,
//! every chain as long as the file at most, and put alone into a container of our own, which anybody may follow.

/// Ends a chain of sectors.
const END: u32 = 0xFFFF_FFFE;
/// Sector numbers from here on mean something else.
const RESERVED: u32 = 0xFFFF_FFFA;
/// A stream shorter than this lies in the small sectors of another stream.
const SMALL_STREAM: usize = 4096;
const SMALL_SECTOR: usize = 64;
/// Sector size of what is written.
const SECTOR: usize = 4096;
/// Bytes of a header, wherever the first sector begins.
const HEADER: usize = 512;
/// Tables that a header names itself.
const TABLES: usize = 109;
const ENTRY: usize = 128;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four))
}

/// Sectors one after the other, and which follows which.
struct Sectors<'a> {
    bytes: &'a [u8],
    size: usize,
    next: Vec<u32>,
}

impl<'a> Sectors<'a> {
    /// A sector; the last of a file may be short.
    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let from = usize::try_from(number).ok()?.checked_mul(self.size)?;
        let rest = self.bytes.get(from..).filter(|rest| !rest.is_empty())?;
        Some(&rest[..rest.len().min(self.size)])
    }

    /// The bytes of a chain, `limit` of them at most; none if it leads nowhere or in a circle.
    fn chain(&self, first: u32, limit: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut at = first;
        while at < RESERVED {
            bytes.extend_from_slice(self.sector(at)?);
            if bytes.len() > self.bytes.len() {
                return None;
            }
            if bytes.len() >= limit {
                break;
            }
            at = *self.next.get(usize::try_from(at).ok()?)?;
        }
        bytes.truncate(limit);
        Some(bytes)
    }
}

/// The stream of a workbook, `Workbook` or, before 97, `Book`; none if the container is damaged or holds neither.
pub(super) fn workbook_stream(file: &[u8]) -> Option<Vec<u8>> {
    let header = file.get(..HEADER)?;
    let size = match u16_at(header, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    let mut sectors = Sectors { bytes: file.get(size..)?, size, next: Vec::new() };
    let count = sectors.bytes.len().div_ceil(size);
    // Which sectors hold the tables: the first in the header, more in a chain of their own.
    let mut tables: Vec<u32> = numbers(header.get(76..)?).collect();
    let mut more = u32_at(header, 68)?;
    let mut steps = 0;
    while more < RESERVED {
        steps += 1;
        if steps > count {
            return None;
        }
        tables.extend(numbers(sectors.sector(more)?));
        more = tables.pop()?;
    }
    let mut used = 0;
    for table in tables.into_iter().filter(|table| *table < RESERVED) {
        used += 1;
        if used > count {
            return None;
        }
        sectors.next.extend(numbers(sectors.sector(table)?));
    }
    let directory = sectors.chain(u32_at(header, 48)?, usize::MAX)?;
    let entries: Vec<&[u8]> = directory.chunks_exact(ENTRY).collect();
    let named = |wanted: &str| entries.iter().find(|entry| name(entry).is_some_and(|n| n.eq_ignore_ascii_case(wanted)));
    let entry = named("Workbook").or_else(|| named("Book"))?;
    let (first, length) = (u32_at(entry, 116)?, usize::try_from(u32_at(entry, 120)?).ok()?);
    if length >= SMALL_STREAM {
        return sectors.chain(first, length);
    }
    let root = entries.first()?;
    let bytes = sectors.chain(u32_at(root, 116)?, usize::try_from(u32_at(root, 120)?).ok()?)?;
    let next = numbers(&sectors.chain(u32_at(header, 60)?, usize::MAX)?).collect();
    Sectors { bytes: &bytes, size: SMALL_SECTOR, next }.chain(first, length)
}

fn name(entry: &[u8]) -> Option<String> {
    let units = entry.get(..64)?.as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two));
    String::from_utf16(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>()).ok()
}

/// A container that holds nothing but this stream; none if it is larger than any file that is read.
pub(super) fn contain(stream: &[u8]) -> Option<Vec<u8>> {
    let length = stream.len().max(SMALL_STREAM);
    let data = length.div_ceil(SECTOR);
    let per_table = SECTOR / 4;
    // The tables count themselves and the directory, too.
    let tables = (data + 1).div_ceil(per_table - 1);
    if tables > TABLES {
        return None;
    }
    let number = |n: usize| u32::try_from(n).ok().map(u32::to_le_bytes);
    let mut file = vec![0; SECTOR];
    let mut set = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    set(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    for (at, value) in [(24, 0x3Eu16), (26, 4), (28, 0xFFFE), (30, 12), (32, 6)] {
        set(at, &value.to_le_bytes());
    }
    set(44, &number(tables)?);
    set(48, &number(tables)?);
    for (at, value) in [(56, 4096), (60, END), (68, END)] {
        set(at, &value.to_le_bytes());
    }
    for table in 0..TABLES {
        let sector = if table < tables { number(table)? } else { [0xFF; 4] };
        set(76 + table * 4, &sector);
    }
    let mut next = vec![0xFFFF_FFFDu32; tables];
    next.push(END);
    next.extend((1..data).map_while(|n| u32::try_from(tables + 1 + n).ok()));
    next.push(END);
    next.resize(tables * per_table, u32::MAX);
    file.extend(next.iter().flat_map(|n| n.to_le_bytes()));
    let mut directory = vec![0; SECTOR];
    for (at, (name, kind, first, length)) in
        [("Root Entry", 5u8, END, 0), ("Workbook", 2, u32::try_from(tables + 1).ok()?, length)].into_iter().enumerate()
    {
        let entry = &mut directory[at * ENTRY..(at + 1) * ENTRY];
        for (unit, place) in name.encode_utf16().zip(entry.as_chunks_mut::<2>().0) {
            *place = unit.to_le_bytes();
        }
        entry[64..66].copy_from_slice(&u16::try_from(2 * (name.len() + 1)).ok()?.to_le_bytes());
        entry[66] = kind;
        // Neither brothers nor children, but for the root's only one.
        entry[68..80].fill(0xFF);
        entry[116..120].copy_from_slice(&first.to_le_bytes());
        entry[120..124].copy_from_slice(&number(length)?);
    }
    directory[76..80].copy_from_slice(&1u32.to_le_bytes());
    // Some readers take a root without a first sector for a damaged one.
    directory[116..120].copy_from_slice(&0u32.to_le_bytes());
    file.extend(directory);
    file.extend_from_slice(stream);
    file.resize(SECTOR * (2 + tables + data), 0);
    Some(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_contained_is_found_again() {
        for length in [0, 1, 4095, 4096, 4097, 5_000_000] {
            let stream: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let found = workbook_stream(&contain(&stream).unwrap()).unwrap();
            assert_eq!(found[..length], stream, "{length}");
            assert!(found[length..].iter().all(|b| *b == 0), "{length}");
        }
    }

    /// A file whose sectors all name themselves as the next one.
    #[test]
    fn a_chain_without_an_end_is_no_chain() {
        let good = contain(&[1; 10_000]).unwrap();
        for sector in 0..5usize {
            let mut file = good.clone();
            file[SECTOR + 4 * sector..][..4].copy_from_slice(&u32::try_from(sector).unwrap().to_le_bytes());
            // Nothing follows the tables' own sectors, and a stream may end before its last sector does.
            assert_eq!(workbook_stream(&file).is_none(), sector == 1, "sector {sector}");
        }
        let mut file = good.clone();
        file[68..72].copy_from_slice(&1u32.to_le_bytes());
        assert_eq!(workbook_stream(&file), None, "tables without end");
        // Found by fuzzing: a last sector so short that it holds nothing but its own number.
        let mut file = good[..HEADER + 4].to_vec();
        file[30] = 9;
        file[68..72].fill(0);
        file[HEADER..].fill(0);
        assert_eq!(workbook_stream(&file), None, "a table that only names itself");
        for cut in 0..good.len() {
            workbook_stream(&good[..cut]);
        }
    }
}
