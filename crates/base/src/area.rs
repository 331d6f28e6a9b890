use std::fmt;

use serde::{Deserialize, Serialize};

/// A division code of GB/T 2260 and its 12-digit extension: province 2, city 4, county 6, township 9, village 12 digits.
///
/// Trailing zero levels are dropped, so `321100` and `3211` are the same city, and a prefix means "contains".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AreaCode {
    digits: u64,
    len: u8,
}

/// Why a text is not a division code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AreaError {
    /// Something other than ASCII digits.
    #[error("an area code is digits only, such as 321100")]
    NotDigits,
    /// A length no level has.
    #[error("an area code has 2, 4, 6, 9 or 12 digits (GB/T 2260)")]
    Length,
}

const LEVELS: [u8; 5] = [2, 4, 6, 9, 12];

impl AreaCode {
    /// Parses a code; trailing zero levels are dropped.
    ///
    /// # Errors
    /// [`AreaError`] if it is not digits of a known level.
    pub fn parse(text: &str) -> Result<Self, AreaError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AreaError::NotDigits);
        }
        let mut len = text.len() as u8;
        if text.len() > 12 || !LEVELS.contains(&len) {
            return Err(AreaError::Length);
        }
        while let Some(shorter) = LEVELS.iter().rev().copied().find(|l| *l < len) {
            if text.as_bytes()[usize::from(shorter)..usize::from(len)].iter().any(|b| *b != b'0') {
                break;
            }
            len = shorter;
        }
        let digits = text[..usize::from(len)].bytes().fold(0, |n, b| n * 10 + u64::from(b - b'0'));
        Ok(Self { digits, len })
    }

    /// Whether this area is `outer` or lies inside it.
    #[must_use]
    pub fn is_within(self, outer: Self) -> bool {
        self.len >= outer.len && self.digits / 10u64.pow(u32::from(self.len - outer.len)) == outer.digits
    }

    /// Number of significant digits: 2 province, 4 city, 6 county, 9 township, 12 village.
    #[must_use]
    pub const fn depth(self) -> u8 {
        self.len
    }

    /// The area of at most this many digits (2, 4, 6, 9 or 12) that this one is or lies in.
    #[must_use]
    pub const fn at_depth(self, digits: u8) -> Self {
        if digits >= self.len {
            return self;
        }
        Self { digits: self.digits / 10u64.pow((self.len - digits) as u32), len: digits }
    }

    /// The code as text without trailing zero levels.
    #[must_use]
    pub fn prefix(self) -> String {
        format!("{:0width$}", self.digits, width = usize::from(self.len))
    }
}

/// Shows at least six digits, as officials write it.
impl fmt::Display for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0<6}", self.prefix())
    }
}

impl fmt::Debug for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AreaCode({self})")
    }
}

impl std::str::FromStr for AreaCode {
    type Err = AreaError;

    fn from_str(text: &str) -> Result<Self, AreaError> {
        Self::parse(text)
    }
}

impl Serialize for AreaCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AreaCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_contains_its_areas() {
        let area = |t| AreaCode::parse(t).unwrap();
        assert_eq!(area("321100"), area("3211"));
        assert_eq!(area("321100000000"), area("3211"));
        assert!(area("321102").is_within(area("3211")));
        assert!(area("321102001").is_within(area("32")));
        assert!(!area("3211").is_within(area("321102")));
        assert!(!area("321002").is_within(area("3211")));
        assert_eq!(area("3211").to_string(), "321100");
        assert_eq!(area("321001").to_string(), "321001");
        assert_eq!(area("0100").to_string(), "010000", "leading zeros stay");
        assert_eq!(area("321102001").at_depth(6), area("321102"));
        assert_eq!(area("321102001").at_depth(4), area("3211"));
        assert_eq!(area("3211").at_depth(6), area("3211"), "no finer than it is");
        for bad in ["", "3", "32110", "３２", "32a1", "3211021111111"] {
            assert!(AreaCode::parse(bad).is_err(), "{bad}");
        }
    }
}
