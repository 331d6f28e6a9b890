//! Bytes to text, strictly: nothing is replaced.

use std::borrow::Cow;

use super::Flaw;
use crate::manifest::Encoding;
use crate::parse::Reason;

/// Decodes bytes; `None` if any of them is not text in the encoding.
#[must_use]
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    match encoding {
        // GB18030 is a superset of GBK, and what banks call GBK often is not only GBK.
        Encoding::Gbk | Encoding::Gb18030 => {
            encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
        }
        Encoding::Utf8 => String::from_utf8(without_bom(bytes).to_vec()).ok(),
        Encoding::Utf16Le => utf16(bytes.strip_prefix(b"\xff\xfe").unwrap_or(bytes), u16::from_le_bytes),
        Encoding::Utf16Be => utf16(bytes.strip_prefix(b"\xfe\xff").unwrap_or(bytes), u16::from_be_bytes),
    }
}

/// Encodes text; `None` if the encoding lacks a character. UTF-16 begins with its mark.
#[must_use]
pub fn encode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    let encoder = match encoding {
        Encoding::Gbk => encoding_rs::GBK,
        Encoding::Gb18030 => encoding_rs::GB18030,
        Encoding::Utf8 => return Some(text.as_bytes().to_vec()),
        Encoding::Utf16Le => {
            return Some(b"\xff\xfe".iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect());
        }
        Encoding::Utf16Be => {
            return Some(b"\xfe\xff".iter().copied().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect());
        }
    };
    let (bytes, _, unmappable) = encoder.encode(text);
    (!unmappable).then(|| bytes.into_owned())
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A whole text. Lines of a `mixed` one that are no text are left blank and reported.
pub(super) fn whole(bytes: &[u8], encoding: Encoding, mixed: bool, flaws: &mut Vec<Flaw>) -> Result<String, Flaw> {
    if !mixed {
        return decode(encoding, bytes).ok_or_else(|| Flaw::new(Reason::Encoding, first_bad_line(bytes, encoding)));
    }
    let mut text = String::with_capacity(bytes.len());
    for (index, line) in without_bom(bytes).split(|b| *b == b'\n').enumerate() {
        if index > 0 {
            text.push('\n');
        }
        match line_in_any(line) {
            Some(line) => text.push_str(&line),
            None => flaws.push(Flaw::new(Reason::Encoding, format!("row {}", index + 1))),
        }
    }
    Ok(text)
}

/// A line that is UTF-8 or GB18030, whichever it is.
///
/// Chinese text in GB18030 is hardly ever valid UTF-8, while the reverse happens often: so UTF-8 is tried first, and
/// believed if all that is not ASCII in it is Chinese writing. What is valid in both and Chinese in neither is GB18030.
pub(super) fn line_in_any(line: &[u8]) -> Option<String> {
    let utf8 = std::str::from_utf8(line).ok();
    if let Some(text) = utf8
        && text.chars().all(|c| c.is_ascii() || is_chinese_writing(c))
    {
        return Some(text.to_owned());
    }
    decode(Encoding::Gb18030, line).or_else(|| utf8.map(str::to_owned))
}

const fn is_chinese_writing(c: char) -> bool {
    matches!(c,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2103}' | '\u{2116}' | '\u{2160}'..='\u{217f}'
        | '\u{2460}'..='\u{24ff}' | '\u{2e80}'..='\u{303f}' | '\u{3220}'..='\u{33ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff65}' | '\u{ffe5}'
        | '\u{20000}'..='\u{3ffff}' | '\u{b7}' | '\u{d7}')
}

/// Where a text stops being text: its number from 1, if lines can be told apart.
fn first_bad_line(bytes: &[u8], encoding: Encoding) -> String {
    if matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
        return "not UTF-16".to_owned();
    }
    let bad = without_bom(bytes).split(|b| *b == b'\n').position(|line| decode(encoding, line).is_none());
    bad.map_or_else(|| "last row".to_owned(), |index| format!("row {}", index + 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let (bytes, _, _) = encoding_rs::GB18030.encode("张㛃𠮷");
        assert_eq!(decode(Encoding::Gbk, &bytes).as_deref(), Some("张㛃𠮷"));
        assert_eq!(decode(Encoding::Gb18030, b"\xff\xff"), None);
        assert_eq!(decode(Encoding::Utf8, b"\xd5\xc5"), None);
        assert_eq!(decode(Encoding::Utf16Le, b"\x20\x5f\x00"), None, "half a unit");
        assert_eq!(decode(Encoding::Utf16Be, b"\xd8\x42"), None, "half a pair");
    }

    #[test]
    fn every_encoding_reads_what_it_writes() {
        for encoding in [Encoding::Gbk, Encoding::Gb18030, Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be] {
            let bytes = encode(encoding, "户号,金额\n张三").unwrap();
            assert_eq!(decode(encoding, &bytes).as_deref(), Some("户号,金额\n张三"), "{encoding:?}");
        }
        assert_eq!(encode(Encoding::Gbk, "李𠮷"), None);
    }

    #[test]
    fn lines_of_two_encodings_are_told_apart_and_a_broken_one_is_named() {
        let mut bytes = "户号,户名\nW1,欧阳小明,镇江市京口区\n".as_bytes().to_vec();
        bytes.extend(encode(Encoding::Gb18030, "W2,王五,浙江省杭州市一\n").unwrap());
        bytes.extend(b"W3,\xff\xff\nW4,x\n");
        let mut flaws = Vec::new();
        let text = whole(&bytes, Encoding::Gbk, true, &mut flaws).unwrap();
        assert_eq!(text, "户号,户名\nW1,欧阳小明,镇江市京口区\nW2,王五,浙江省杭州市一\n\nW4,x\n");
        assert_eq!(flaws, [Flaw::new(Reason::Encoding, "row 4".into())]);
        let flaw = whole(&bytes, Encoding::Gbk, false, &mut flaws).unwrap_err();
        assert_eq!(flaw.reason, Reason::Encoding);
    }
}
