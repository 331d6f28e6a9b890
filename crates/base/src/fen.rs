use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An amount of money in fen (分); 100 fen make one yuan.
///
/// Signed, because net business income can be a loss. There is no `Mul<Fen>`: money times money means nothing.
/// In JSON and TOML it is a string or number of yuan with at most two decimals, never a binary float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(i64);

/// Why a text or decimal is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FenError {
    /// Not a decimal number at all.
    #[error("not an amount of yuan; write digits with at most two decimals, such as 1234.50")]
    NotANumber,
    /// More than two decimals: rounding must be asked for, it is never silent.
    #[error("more than two decimals; round to the fen at the source, or declare `round`")]
    TooPrecise,
    /// Beyond what 64 bits hold.
    #[error("amount is out of range")]
    OutOfRange,
}

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Largest magnitude accepted from outside (10^15 fen), so that no sum of records can overflow 64 bits.
    pub const INGEST_LIMIT: Self = Self(1_000_000_000_000_000);

    /// An amount of whole fen.
    #[must_use]
    pub const fn new(fen: i64) -> Self {
        Self(fen)
    }

    /// An amount of whole yuan.
    #[must_use]
    pub const fn from_yuan(yuan: i64) -> Self {
        Self(yuan * 100)
    }

    /// The amount in fen.
    #[must_use]
    pub const fn fen(self) -> i64 {
        self.0
    }

    /// The amount in yuan, exact.
    #[must_use]
    pub fn to_yuan(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Sum, or `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// Difference, or `None` on overflow.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// Yuan as a decimal to fen.
    ///
    /// # Errors
    /// [`FenError::TooPrecise`] if it has more than two significant decimals.
    pub fn from_decimal(yuan: Decimal) -> Result<Self, FenError> {
        let scaled = yuan.checked_mul(Decimal::ONE_HUNDRED).ok_or(FenError::OutOfRange)?.normalize();
        if scaled.scale() > 0 {
            return Err(FenError::TooPrecise);
        }
        i64::try_from(scaled.mantissa()).map(Self).map_err(|_| FenError::OutOfRange)
    }

    /// Yuan as a decimal to fen, rounded half away from zero where it is finer than a fen.
    ///
    /// # Errors
    /// [`FenError::OutOfRange`] beyond 64 bits.
    pub fn from_decimal_rounded(yuan: Decimal) -> Result<Self, FenError> {
        Self::from_decimal(yuan.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero))
    }
}

/// Parses yuan written in plain ASCII digits with at most two decimals, such as `-1234.5`.
impl FromStr for Fen {
    type Err = FenError;

    fn from_str(text: &str) -> Result<Self, FenError> {
        let body = text.strip_prefix(['-', '+']).unwrap_or(text);
        let plain = !body.is_empty()
            && body.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && body.bytes().filter(|b| *b == b'.').count() <= 1
            && body.bytes().any(|b| b.is_ascii_digit());
        if !plain {
            return Err(FenError::NotANumber);
        }
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 2 {
            return Err(FenError::TooPrecise);
        }
        let digits = format!("{whole}{fraction:0<2}");
        let value: i64 = digits.parse().map_err(|_| FenError::OutOfRange)?;
        Ok(Self(if text.starts_with('-') { -value } else { value }))
    }
}

/// Shows yuan with exactly two decimals.
impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100))
    }
}

impl Sum for Fen {
    /// Saturates; callers that may meet amounts beyond [`Fen::INGEST_LIMIT`] use [`Fen::checked_add`].
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.fold(0, |a, b| a.saturating_add(b.0)))
    }
}

impl Serialize for Fen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decimal = <Decimal as Deserialize>::deserialize(deserializer)?;
        Self::from_decimal(decimal).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_yuan_is_exact_or_refused() {
        for (text, fen) in [("0", 0), ("12", 1200), ("-0.5", -50), ("1.20", 120), ("1.2000", 120), (".5", 50)] {
            assert_eq!(text.parse::<Fen>(), Ok(Fen::new(fen)), "{text}");
        }
        for text in ["", ".", "1,234.50", "1.2万元", "１２", "1e3", "NaN", "--1", "1.2.3"] {
            assert_eq!(text.parse::<Fen>(), Err(FenError::NotANumber), "{text}");
        }
        assert_eq!("1.005".parse::<Fen>(), Err(FenError::TooPrecise));
        assert_eq!("99999999999999999999".parse::<Fen>(), Err(FenError::OutOfRange));
    }

    proptest::proptest! {
        #[test]
        fn printing_then_parsing_gives_the_same_amount(fen in -1_000_000_000_000_000i64..1_000_000_000_000_000) {
            proptest::prop_assert_eq!(Fen::new(fen).to_string().parse::<Fen>(), Ok(Fen::new(fen)));
            proptest::prop_assert_eq!(Fen::from_decimal(Fen::new(fen).to_yuan()), Ok(Fen::new(fen)));
        }
    }
}
