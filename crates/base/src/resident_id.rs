use std::fmt;

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

/// A citizen's identity number (公民身份号码, GB 11643-1999): 18 characters with a verified date and check digit.
///
/// `Debug` and `Display` mask it, so that it cannot reach a log by accident; [`ResidentId::reveal`] is the one way out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResidentId([u8; 18]);

/// Why a text is not an identity number. No message repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResidentIdError {
    /// Nothing was given.
    #[error("identity number is empty")]
    Empty,
    /// A spreadsheet turned it into a number: digits are gone for good and are never guessed.
    #[error("identity number was damaged by a spreadsheet (digits lost); re-enter it as text from the card")]
    PrecisionLost,
    /// Masked with asterisks.
    #[error("identity number is masked; the full number is needed")]
    Masked,
    /// Neither 18 nor 15 characters.
    #[error("identity number must have 18 characters (or 15 in the old form)")]
    Length,
    /// A character that is not a digit (or X at the end).
    #[error("identity number has a character that is not a digit (only the last may be X)")]
    Character,
    /// The birth date inside is not a day.
    #[error("identity number holds an impossible birth date")]
    BirthDate,
    /// The check digit is wrong.
    #[error("identity number fails its check digit (GB 11643); compare it with the card")]
    CheckDigit,
}

impl ResidentIdError {
    /// Stable code for quarantine, coverage and JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "key_missing",
            Self::PrecisionLost => "id_precision_lost",
            Self::Masked => "id_masked",
            Self::Length => "id_length",
            Self::Character => "id_character",
            Self::BirthDate => "id_birth_date",
            Self::CheckDigit => "id_check_digit",
        }
    }
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// The check character of GB 11643 for the first 17 digits.
fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    CHECKS[(sum % 11) as usize]
}

fn birth(digits: &[u8]) -> Option<Date> {
    let number = |range: std::ops::Range<usize>| digits[range].iter().fold(0i16, |n, b| n * 10 + i16::from(b - b'0'));
    Date::new(number(6..10), number(10..12) as i8, number(12..14) as i8).ok().filter(|d| d.year() >= 1800)
}

impl ResidentId {
    /// Parses a number as people type it: full-width characters, lower-case `x`, blanks and a trailing `'` are
    /// normalised; a 15-digit number is upgraded (`19` and a check digit; `18` for sequence 996-999, which marked
    /// people of 100 and more).
    ///
    /// # Errors
    /// [`ResidentIdError`] says what is wrong. A number damaged by a spreadsheet or masked is refused, never guessed.
    pub fn parse(text: &str) -> Result<Self, ResidentIdError> {
        let cleaned: String = text
            .nfkc()
            .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '\u{2019}' | '`' | '\u{feff}' | '\u{200b}'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if cleaned.is_empty() {
            return Err(ResidentIdError::Empty);
        }
        if cleaned.contains(['*', '•', '#']) {
            return Err(ResidentIdError::Masked);
        }
        if is_spreadsheet_number(&cleaned) {
            return Err(ResidentIdError::PrecisionLost);
        }
        let bytes = cleaned.as_bytes();
        match bytes.len() {
            18 => Self::from_18(bytes),
            15 => Self::from_15(bytes),
            _ if !cleaned.is_ascii() => Err(ResidentIdError::Character),
            _ => Err(ResidentIdError::Length),
        }
    }

    fn from_18(bytes: &[u8]) -> Result<Self, ResidentIdError> {
        if !bytes[..17].iter().all(u8::is_ascii_digit) || !(bytes[17].is_ascii_digit() || bytes[17] == b'X') {
            return Err(ResidentIdError::Character);
        }
        if birth(bytes).is_none() {
            return Err(ResidentIdError::BirthDate);
        }
        if check_digit(&bytes[..17]) != bytes[17] {
            // A spreadsheet keeps 15 digits and fills the rest with zeros.
            let zeroed = &bytes[15..] == b"000";
            return Err(if zeroed { ResidentIdError::PrecisionLost } else { ResidentIdError::CheckDigit });
        }
        let mut id = [0; 18];
        id.copy_from_slice(bytes);
        Ok(Self(id))
    }

    fn from_15(bytes: &[u8]) -> Result<Self, ResidentIdError> {
        if !bytes.iter().all(u8::is_ascii_digit) {
            return Err(ResidentIdError::Character);
        }
        let centenarian = matches!(&bytes[12..15], b"996" | b"997" | b"998" | b"999");
        let mut id = [0; 18];
        id[..6].copy_from_slice(&bytes[..6]);
        id[6..8].copy_from_slice(if centenarian { b"18" } else { b"19" });
        id[8..17].copy_from_slice(&bytes[6..]);
        if birth(&id).is_none() {
            return Err(ResidentIdError::BirthDate);
        }
        id[17] = check_digit(&id[..17]);
        Ok(Self(id))
    }

    /// Builds a valid number for an invented person.
    ///
    /// `area` must be 990000 to 999999, where no real division lies, so that no real person is ever hit.
    #[must_use]
    pub fn invented(area: u32, birth_date: Date, sequence: u16) -> Option<Self> {
        if !(990_000..=999_999).contains(&area) || sequence > 999 || birth_date.year() < 1800 {
            return None;
        }
        let text = format!("{area:06}{}{sequence:03}", birth_date.strftime("%Y%m%d"));
        let mut id = [0; 18];
        id[..17].copy_from_slice(text.as_bytes());
        id[17] = check_digit(&id[..17]);
        Some(Self(id))
    }

    /// The full number. Call it only where it leaves for an institution or is encrypted.
    #[must_use]
    pub fn reveal(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The old 15-digit form still found on deeds, for people born 1900-1999.
    #[must_use]
    pub fn old_form(&self) -> Option<String> {
        let text = self.reveal();
        (&text[6..8] == "19").then(|| format!("{}{}", &text[..6], &text[8..17]))
    }

    /// First three and last four characters, as reports show it.
    #[must_use]
    pub fn masked(&self) -> String {
        let text = self.reveal();
        format!("{}***********{}", &text[..3], &text[14..])
    }

    /// Birth date in the number.
    #[must_use]
    pub fn birth_date(&self) -> Date {
        // Checked by every constructor.
        birth(&self.0).unwrap_or(Date::MIN)
    }

    /// Whether the sequence is odd, which marks men.
    #[must_use]
    pub fn is_male(&self) -> bool {
        (self.0[16] - b'0') % 2 == 1
    }

    /// Whether the number lies in 990000-999999, where only invented people live.
    #[must_use]
    pub fn is_invented(&self) -> bool {
        &self.0[..2] == b"99"
    }
}

/// `4.40524E+17` and its kin: what Excel shows for a number of 18 digits.
fn is_spreadsheet_number(text: &str) -> bool {
    let exponent = text.split_once('E').is_some_and(|(mantissa, power)| {
        !mantissa.is_empty()
            && mantissa.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && power.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit())
    });
    exponent || (text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

impl fmt::Debug for ResidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResidentId({})", self.masked())
    }
}

impl fmt::Display for ResidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_standard_are_valid() {
        // The two samples printed in GB 11643 itself.
        assert!(ResidentId::parse("11010519491231002X").is_ok());
        assert!(ResidentId::parse("440524188001010014").is_ok());
        assert_eq!(ResidentId::parse("440524880101001").unwrap().reveal().len(), 18);
        assert_eq!(ResidentId::parse("990000197001010018").unwrap().birth_date().to_string(), "1970-01-01");
    }

    #[test]
    fn input_noise_is_normalised() {
        let plain = ResidentId::parse("11010519491231002X").unwrap();
        for noisy in [
            "11010519491231002x",
            " 110105 19491231 002X ",
            "１１０１０５１９４９１２３１００２Ｘ",
            "11010519491231002X'",
        ] {
            assert_eq!(ResidentId::parse(noisy), Ok(plain.clone()), "{noisy}");
        }
    }

    #[test]
    fn damaged_numbers_are_refused_with_a_reason() {
        use ResidentIdError::{BirthDate, Character, CheckDigit, Empty, Length, Masked, PrecisionLost};
        for (text, reason) in [
            ("", Empty),
            ("4.40524E+17", PrecisionLost),
            ("4.40524e17", PrecisionLost),
            ("990000197001010000", PrecisionLost),
            ("990000197001010018.0", PrecisionLost),
            ("990***********0018", Masked),
            ("99000019700101001", Length),
            ("990000197013010018", BirthDate),
            ("99000019700101O018", Character),
            ("990000197001010019", CheckDigit),
        ] {
            assert_eq!(ResidentId::parse(text), Err(reason), "{text}");
            assert!(text.len() < 6 || !reason.to_string().contains(text));
        }
    }

    #[test]
    fn old_numbers_upgrade_and_keep_their_old_form() {
        let id = ResidentId::parse("990000700101001").unwrap();
        assert_eq!(id.reveal(), "990000197001010018");
        assert_eq!(id.old_form().as_deref(), Some("990000700101001"));
        assert_eq!(ResidentId::parse("990000900101996").unwrap().birth_date().year(), 1890);
        assert_eq!(ResidentId::parse("990000701301001"), Err(ResidentIdError::BirthDate));
    }

    #[test]
    fn no_formatting_shows_the_number() {
        let id = ResidentId::parse("990000197001010018").unwrap();
        for shown in [format!("{id:?}"), id.to_string()] {
            assert!(!shown.contains("19700101"), "{shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_single_wrong_digit_is_noticed(position in 0usize..17, delta in 1u8..10) {
            let id = ResidentId::parse("990000197001010018").unwrap();
            let mut bytes = id.reveal().as_bytes().to_vec();
            bytes[position] = b'0' + (bytes[position] - b'0' + delta) % 10;
            let text = String::from_utf8(bytes).unwrap();
            proptest::prop_assert!(ResidentId::parse(&text).is_err());
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = ResidentId::parse(&text);
        }
    }
}
