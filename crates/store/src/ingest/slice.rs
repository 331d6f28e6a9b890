//! How rows lie on their way to their bucket: some rows of one table whose people all lie in one bucket, by person.
//!
//! Numbers are their distance from the least, in as many bytes as the largest distance takes: written and read without a
//! decision a row. Which rows are null is bits beside them.

/// Writes numbers, of which `there` (empty: all) are not null.
pub(super) fn put_ints(values: &[i64], there: &[bool], out: &mut Vec<u8>) {
    out.push(u8::from(!there.is_empty()));
    let mut bits = 0;
    for (at, there) in there.iter().enumerate() {
        bits |= u8::from(*there) << (at % 8);
        if at % 8 == 7 || at + 1 == values.len() {
            out.push(std::mem::take(&mut bits));
        }
    }
    put_numbers(values, out);
}

/// Writes numbers none of which is null.
fn put_numbers(values: &[i64], out: &mut Vec<u8>) {
    let (least, largest) = values.iter().fold((i64::MAX, i64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let width: u8 = match largest.wrapping_sub(least) as u64 {
        _ if values.is_empty() => 0,
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    out.extend_from_slice(&least.to_le_bytes());
    out.push(width);
    let apart = values.iter().map(|value| value.wrapping_sub(least) as u64);
    match width {
        0 => {}
        1 => out.extend(apart.map(|apart| apart as u8)),
        2 => apart.for_each(|apart| out.extend_from_slice(&(apart as u16).to_le_bytes())),
        4 => apart.for_each(|apart| out.extend_from_slice(&(apart as u32).to_le_bytes())),
        _ => apart.for_each(|apart| out.extend_from_slice(&apart.to_le_bytes())),
    }
}

/// Writes texts: how long each is, one more than its bytes (0 for null), and then all bytes.
pub(super) fn put_texts<'t>(texts: impl Iterator<Item = Option<&'t [u8]>>, out: &mut Vec<u8>) {
    let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
    for text in texts {
        lengths.push(text.map_or(0, |text| text.len() as i64 + 1));
        bytes.extend_from_slice(text.unwrap_or_default());
    }
    put_numbers(&lengths, out);
    out.extend_from_slice(&bytes);
}

pub(super) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A place in a slice. What was not written by us reads as zeros; checksums of the store's files begin after this.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 || shift > 56 {
                break;
            }
            shift += 7;
        }
        value
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Adds so many numbers. What is there of them is in the answer, as bits; none if all are.
    pub(super) fn ints(&mut self, rows: usize, to: &mut Vec<i64>) -> Option<&'a [u8]> {
        let there = (self.bytes(1) == [1]).then(|| self.bytes(rows.div_ceil(8)));
        self.numbers(rows, to);
        there
    }

    fn numbers(&mut self, rows: usize, to: &mut Vec<i64>) {
        let least = self.bytes(8).try_into().map_or(0, i64::from_le_bytes);
        let width = usize::from(self.bytes(1).first().copied().unwrap_or(0));
        let from = to.len();
        let packed = self.bytes(rows * width);
        fn few<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
            bytes.chunks_exact(N).map(|bytes| bytes.try_into().unwrap_or([0; N]))
        }
        match width {
            1 => to.extend(packed.iter().map(|apart| least.wrapping_add(i64::from(*apart)))),
            2 => to.extend(few(packed).map(|apart| least.wrapping_add(i64::from(u16::from_le_bytes(apart))))),
            4 => to.extend(few(packed).map(|apart| least.wrapping_add(i64::from(u32::from_le_bytes(apart))))),
            8 => to.extend(few(packed).map(|apart| least.wrapping_add(i64::from_le_bytes(apart)))),
            _ => {}
        }
        to.resize(from + rows, if width == 0 { least } else { 0 });
    }

    /// So many texts, each with where it is null.
    pub(super) fn texts(&mut self, rows: usize) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut lengths = Vec::with_capacity(rows);
        self.numbers(rows, &mut lengths);
        let all = lengths.iter().map(|length| usize::try_from(length - 1).unwrap_or(0)).sum();
        let mut bytes = Reader(self.bytes(all));
        lengths.into_iter().map(move |length| usize::try_from(length - 1).ok().map(|length| bytes.bytes(length)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_put_comes_back(
            numbers in prop::collection::vec((any::<bool>(), any::<i64>(), 0..64u32), 0..70),
            texts in prop::collection::vec(prop::option::of("[a-z一-九]{0,9}"), 0..70),
        ) {
            let values: Vec<i64> = numbers.iter().map(|(_, value, shift)| value >> shift).collect();
            let there: Vec<bool> = numbers.iter().map(|(there, ..)| *there).collect();
            let mut bytes = Vec::new();
            put_ints(&values, &there, &mut bytes);
            put_ints(&values, &[], &mut bytes);
            put_texts(texts.iter().map(|text| text.as_ref().map(String::as_bytes)), &mut bytes);
            put(values.len() as u64, &mut bytes);
            let mut reader = Reader(&bytes);
            let mut read = Vec::new();
            let bits = reader.ints(values.len(), &mut read);
            let bit = |row: usize| bits.is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1);
            prop_assert_eq!((0..values.len()).map(bit).collect::<Vec<_>>(), there);
            prop_assert_eq!(reader.ints(values.len(), &mut read), None);
            prop_assert_eq!(read, [values.clone(), values.clone()].concat());
            let read: Vec<Option<&[u8]>> = reader.texts(texts.len()).collect();
            prop_assert_eq!(read, texts.iter().map(|text| text.as_ref().map(String::as_bytes)).collect::<Vec<_>>());
            prop_assert_eq!((reader.take(), reader.0.len()), (values.len() as u64, 0));
        }
    }
}
