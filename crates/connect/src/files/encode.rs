//! Text to bytes, strictly: what an encoding lacks is never replaced.

use crate::manifest::Encoding;
use crate::parse::grid;

/// The bytes of a text without a mark before it; none if the encoding lacks a character of it. GBK lacks many rare ones,
/// and an encoder that replaces them would ask about somebody who does not exist.
pub(crate) fn encode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    let mut bytes = grid::encode(encoding, text)?;
    bytes.drain(..mark(encoding).len());
    Some(bytes)
}

/// What stands before the text of a file.
pub(crate) const fn mark(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Utf16Le => &[0xff, 0xfe],
        Encoding::Utf16Be => &[0xfe, 0xff],
        Encoding::Gbk | Encoding::Gb18030 | Encoding::Utf8 => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_name_is_not_sent_wrong() {
        assert!(encode(Encoding::Gbk, "张三").is_some());
        assert_eq!(encode(Encoding::Gbk, "张㛃"), None);
        assert_eq!(encode(Encoding::Gbk, "李𠮷"), None);
        assert!(encode(Encoding::Gb18030, "李𠮷").is_some());
        assert_eq!(encode(Encoding::Utf16Le, "张a").as_deref(), Some(&[0x20, 0x5f, b'a', 0][..]));
    }
}
