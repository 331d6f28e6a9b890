//! Converters: the closed list of ways a value on the wire becomes a canonical value, and back for the simulators.
//!
//! Nothing passes through a binary float, nothing is guessed; what does not convert is quarantined with a reason.

mod amounts;
mod dates;

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use hedui_base::columns::{date_to_days, days_to_date};
use hedui_base::{AreaCode, Fen, Month, ResidentId, ResidentIdError};
use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;

use crate::parse::Reason;

pub use amounts::Accept;
pub use dates::DayOfMonth;
pub(crate) use dates::{WORDS as DATE_WORDS, says_day};

/// A canonical value: the integer scale is the column's (fen, days, month index, scaled decimal, 0 or 1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A number, date, month or boolean.
    Int(i64),
    /// A text or code.
    Text(Arc<str>),
}

/// The unit amounts are sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyUnit {
    /// 元.
    Yuan,
    /// 分.
    Fen,
    /// 万元.
    WanYuan,
}

/// Codes of an institution and what they mean here.
#[derive(Clone, Debug, Default)]
pub struct CodeTable {
    rows: Vec<(String, Arc<str>)>,
    by_wire: HashMap<String, Arc<str>>,
}

impl CodeTable {
    pub(crate) fn new(rows: Vec<(String, String)>) -> Self {
        let rows: Vec<(String, Arc<str>)> = rows.into_iter().map(|(w, c)| (w, c.into())).collect();
        let by_wire = rows.iter().cloned().collect();
        Self { rows, by_wire }
    }

    /// Pairs of the institution's code and ours, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|(wire, canonical)| (wire.as_str(), &**canonical))
    }

    /// Our code for the institution's.
    #[must_use]
    pub fn canonical(&self, wire: &str) -> Option<&Arc<str>> {
        self.by_wire.get(wire)
    }

    /// The first of the institution's codes for ours.
    #[must_use]
    pub fn wire(&self, canonical: &str) -> Option<&str> {
        self.rows.iter().find(|(_, c)| **c == *canonical).map(|(w, _)| w.as_str())
    }
}

/// One converter with its options.
#[derive(Clone, Debug)]
pub enum Converter {
    /// The text as it is.
    Text,
    /// The text without blanks around it.
    Trim,
    /// An identity number, 18 characters, verified.
    IdNumber,
    /// A person's name: NFKC, blanks removed, one kind of `·`.
    Name,
    /// A date in the first form that fits.
    Date {
        /// `strftime` formats or the words `cn`, `excel`, `excel1904`, tried in order.
        formats: Vec<String>,
        /// Which day a date without a day is; none means that such a date is refused.
        day: Option<DayOfMonth>,
    },
    /// A month in the first form that fits.
    Month {
        /// `strftime` formats or the words `cn`, `excel`, `excel1904`, tried in order.
        formats: Vec<String>,
    },
    /// Money.
    Fen {
        /// The unit on the wire.
        unit: MoneyUnit,
        /// Whether parts of a fen are rounded half away from zero; otherwise they are refused.
        round: bool,
        /// Ways of writing it besides plain digits.
        accept: Accept,
    },
    /// A decimal held with that many digits after the point.
    Decimal {
        /// Digits after the point.
        scale: u8,
        /// Whether further digits are rounded half away from zero; otherwise they are refused.
        round: bool,
        /// Ways of writing it besides plain digits; a unit is no number's.
        accept: Accept,
    },
    /// A whole number.
    Int,
    /// Yes or no.
    Bool {
        /// Words for yes.
        yes: Vec<String>,
        /// Words for no.
        no: Vec<String>,
    },
    /// A code of the institution translated to ours.
    Code {
        /// The translation.
        table: CodeTable,
        /// Our code for all others; none means an unknown code is quarantined.
        other: Option<Arc<str>>,
    },
    /// A division code of GB/T 2260.
    AreaCode,
    /// An address: NFKC without blanks.
    Address,
    /// A number plate: NFKC, upper case, without separators.
    Plate,
    /// SHA-256 of the text, 32 hex digits: tells equal from different and nothing else.
    Hash,
    /// Always this text; nothing is read.
    Const {
        /// The text.
        value: Arc<str>,
    },
}

/// One scalar of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Short texts, and nearly all are, need no memory of their own: a sheet has millions of cells.
    pub(crate) text: CompactString,
    /// Whether it was a number and not a text in the file.
    pub(crate) numeric: bool,
}

impl Cell {
    pub(crate) fn text(text: impl Into<CompactString>) -> Self {
        Self { text: text.into(), numeric: false }
    }
}

/// A name as it is compared: NFKC, no blanks, one kind of separator dot.
pub(crate) fn fold_name(name: &str) -> String {
    name.nfkc()
        .filter(|c| !c.is_whitespace())
        .map(|c| if matches!(c, '•' | '・' | '‧' | '∙' | '.') { '·' } else { c })
        .collect()
}

/// An address as it is stored: NFKC without blanks.
pub(crate) fn fold_address(address: &str) -> String {
    address.nfkc().filter(|c| !c.is_whitespace()).collect()
}

/// A plain number.
fn decimal_of(cell: &Cell) -> Option<Decimal> {
    amounts::read(Accept::default(), cell).map(|(number, _)| number)
}

fn scaled(decimal: Decimal, scale: u8, round: bool) -> Option<i64> {
    let mut value = decimal.checked_mul(Decimal::from(10i64.pow(u32::from(scale))))?;
    if round {
        value = value.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    }
    let value = value.normalize();
    if value.scale() > 0 { None } else { i64::try_from(value.mantissa()).ok() }
}

impl Converter {
    /// The word manifests write.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Trim => "trim".into(),
            Self::IdNumber => "id_number".into(),
            Self::Name => "name".into(),
            Self::Date { .. } => "date".into(),
            Self::Month { .. } => "month".into(),
            Self::Fen { .. } => "fen".into(),
            Self::Decimal { scale, .. } => format!("decimal({scale})"),
            Self::Int => "int".into(),
            Self::Bool { .. } => "bool".into(),
            Self::Code { .. } => "code".into(),
            Self::AreaCode => "area_code".into(),
            Self::Address => "address".into(),
            Self::Plate => "plate".into(),
            Self::Hash => "hash".into(),
            Self::Const { .. } => "const".into(),
        }
    }

    /// Converts one cell that is not null.
    pub(crate) fn convert(&self, cell: &Cell) -> Result<Value, Reason> {
        let text = cell.text.as_str();
        let trimmed = text.trim();
        let shared = |t: String| Ok(Value::Text(t.into()));
        match self {
            Self::Text => Ok(Value::Text(text.into())),
            Self::Trim => Ok(Value::Text(trimmed.into())),
            Self::IdNumber => Ok(Value::Text(id_number(cell)?.reveal().into())),
            Self::Name => shared(fold_name(text)),
            Self::Date { formats, day } => {
                dates::date(formats, *day, cell).map(|d| Value::Int(date_to_days(d))).ok_or(Reason::BadDate)
            }
            Self::Month { formats } => {
                let month = dates::month(formats, cell).and_then(|(y, m)| Month::new(i32::from(y), i32::from(m)));
                month.map(|m| Value::Int(m.index())).ok_or(Reason::BadDate)
            }
            Self::Fen { unit, round, accept } => {
                let (decimal, own) = amounts::read(*accept, cell).ok_or(Reason::BadMoney)?;
                let factor = own.unwrap_or(match unit {
                    MoneyUnit::Yuan => Decimal::ONE,
                    MoneyUnit::Fen => Decimal::new(1, 2),
                    MoneyUnit::WanYuan => Decimal::from(10_000),
                });
                let yuan = decimal.checked_mul(factor).ok_or(Reason::BadMoney)?;
                let fen = if *round { Fen::from_decimal_rounded(yuan) } else { Fen::from_decimal(yuan) };
                let fen = fen.map_err(|_| Reason::BadMoney)?;
                if fen.fen().unsigned_abs() > Fen::INGEST_LIMIT.fen().unsigned_abs() {
                    return Err(Reason::BadMoney);
                }
                Ok(Value::Int(fen.fen()))
            }
            Self::Decimal { scale, round, accept } => {
                let (decimal, _) = amounts::read(*accept, cell).ok_or(Reason::SchemaDrift)?;
                scaled(decimal, *scale, *round).map(Value::Int).ok_or(Reason::SchemaDrift)
            }
            Self::Int => {
                let decimal = decimal_of(cell).ok_or(Reason::SchemaDrift)?;
                scaled(decimal, 0, false).map(Value::Int).ok_or(Reason::SchemaDrift)
            }
            Self::Bool { yes, no } => {
                if yes.iter().any(|w| w == trimmed) {
                    Ok(Value::Int(1))
                } else if no.iter().any(|w| w == trimmed) {
                    Ok(Value::Int(0))
                } else {
                    Err(Reason::UnknownCode)
                }
            }
            Self::Code { table, other } => {
                table.canonical(trimmed).or(other.as_ref()).cloned().map(Value::Text).ok_or(Reason::UnknownCode)
            }
            Self::AreaCode => shared(AreaCode::parse(trimmed).map_err(|_| Reason::SchemaDrift)?.to_string()),
            Self::Address => shared(fold_address(text)),
            Self::Plate => shared(
                text.nfkc()
                    .filter(|c| !c.is_whitespace() && !matches!(c, '·' | '-' | '•' | '.'))
                    .flat_map(char::to_uppercase)
                    .collect(),
            ),
            Self::Hash => {
                use sha2::Digest as _;
                shared(hex::encode(&sha2::Sha256::digest(trimmed.as_bytes())[..16]))
            }
            Self::Const { value } => Ok(Value::Text(Arc::clone(value))),
        }
    }

    /// Whether a text is this converter's way of saying that there is no value.
    pub(crate) fn says_null(&self, text: &str) -> bool {
        match self {
            Self::Fen { accept, .. } | Self::Decimal { accept, .. } => accept.is_dash(text),
            _ => false,
        }
    }

    /// Writes a canonical value as the institution would send it, in the first format or with the first code that fits;
    /// `None` if it cannot be said. Reading what is written gives the value again, except for `hash`.
    #[must_use]
    pub fn unparse(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Date { formats, day }, Value::Int(days)) => {
                let date = days_to_date(*days)?;
                formats.iter().find_map(|format| dates::write(format, *day, date))
            }
            (Self::Month { formats }, Value::Int(index)) => {
                let first = Month::from_index(*index)?.first_day();
                formats.iter().find_map(|format| dates::write_month(format, first))
            }
            (Self::Fen { unit, .. }, Value::Int(fen)) => Some(match unit {
                MoneyUnit::Yuan => Fen::new(*fen).to_string(),
                MoneyUnit::Fen => fen.to_string(),
                MoneyUnit::WanYuan => Decimal::new(*fen, 6).normalize().to_string(),
            }),
            (Self::Decimal { scale, .. }, Value::Int(number)) => {
                Some(Decimal::new(*number, u32::from(*scale)).normalize().to_string())
            }
            (Self::Int, Value::Int(number)) => Some(number.to_string()),
            (Self::Bool { yes, no }, Value::Int(value)) => if *value == 0 { no.first() } else { yes.first() }.cloned(),
            // What stands for all others is said by any code that the table does not have.
            (Self::Code { table, other }, Value::Text(code)) => table.wire(code).map(str::to_owned).or_else(|| {
                let spare = (90..1000).map(|n: u32| n.to_string()).find(|n| table.canonical(n).is_none());
                spare.filter(|_| other.as_deref() == Some(&**code))
            }),
            (
                Self::Text
                | Self::Trim
                | Self::IdNumber
                | Self::Name
                | Self::AreaCode
                | Self::Address
                | Self::Plate
                | Self::Const { .. },
                Value::Text(text),
            ) => Some(text.to_string()),
            _ => None,
        }
    }
}

/// Reads an identity number, with the reason why not.
pub(crate) fn id_number(cell: &Cell) -> Result<ResidentId, Reason> {
    ResidentId::parse(&cell.text).map_err(|error| match error {
        ResidentIdError::Empty => Reason::KeyMissing,
        ResidentIdError::PrecisionLost => Reason::IdPrecisionLost,
        _ => Reason::IdentityMismatch,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn fen(unit: MoneyUnit, cell: &Cell) -> Result<Value, Reason> {
        Converter::Fen { unit, round: false, accept: Accept::default() }.convert(cell)
    }

    #[test]
    fn money_is_exact_or_refused() {
        let ok = |n| Ok(Value::Int(n));
        assert_eq!(fen(MoneyUnit::Yuan, &Cell::text("1234.5")), ok(123_450));
        assert_eq!(fen(MoneyUnit::WanYuan, &Cell::text("1.2")), ok(1_200_000));
        assert_eq!(fen(MoneyUnit::Fen, &Cell::text("7")), ok(7));
        assert_eq!(fen(MoneyUnit::Yuan, &Cell { text: "1.5e3".into(), numeric: true }), ok(150_000));
        for bad in ["1.2万元", "1,234.00", "0.001", "1e3", "", "--", "99999999999999999999"] {
            assert_eq!(fen(MoneyUnit::Yuan, &Cell::text(bad)), Err(Reason::BadMoney), "{bad}");
        }
        assert_eq!(
            Converter::Fen { unit: MoneyUnit::Yuan, round: true, accept: Accept::default() }
                .convert(&Cell::text("0.005")),
            ok(1)
        );
        let float = 0.1 + 0.2;
        assert_eq!(
            fen(MoneyUnit::Yuan, &Cell { text: format!("{float}").into(), numeric: true }),
            Err(Reason::BadMoney)
        );
    }

    #[test]
    fn dates_months_codes_and_numbers() {
        let date = Converter::Date { formats: vec!["%Y%m%d".into(), "%Y-%m-%d".into()], day: None };
        assert_eq!(date.convert(&Cell::text("2026-02-28")), date.convert(&Cell::text("20260228")));
        assert_eq!(date.convert(&Cell::text("20260230")), Err(Reason::BadDate));
        let month = Converter::Month { formats: vec!["%Y%m".into()] };
        assert_eq!(month.convert(&Cell::text("202613")), Err(Reason::BadDate));
        assert_eq!(month.convert(&Cell::text("202605")), Ok(Value::Int("2026-05".parse::<Month>().unwrap().index())));
        let code = Converter::Code { table: CodeTable::new(vec![("1".into(), "open".into())]), other: None };
        assert_eq!(code.convert(&Cell::text("2")), Err(Reason::UnknownCode));
        assert_eq!(Converter::IdNumber.convert(&Cell::text("4.40524E+17")), Err(Reason::IdPrecisionLost));
        assert_eq!(Converter::Plate.convert(&Cell::text("苏l·１2345 ")), Ok(Value::Text("苏L12345".into())));
        assert_eq!(
            Converter::Decimal { scale: 2, round: false, accept: Accept::default() }.convert(&Cell::text("1.234")),
            Err(Reason::SchemaDrift)
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(fen in -100_000_000_000i64..100_000_000_000, days in -20_000i64..40_000) {
            for unit in [MoneyUnit::Yuan, MoneyUnit::Fen, MoneyUnit::WanYuan] {
                let converter = Converter::Fen { unit, round: false, accept: Accept::default() };
                let text = converter.unparse(&Value::Int(fen)).unwrap();
                proptest::prop_assert_eq!(converter.convert(&Cell::text(text)), Ok(Value::Int(fen)));
            }
            let date = Converter::Date { formats: vec!["%Y%m%d".into()], day: None };
            let text = date.unparse(&Value::Int(days)).unwrap();
            proptest::prop_assert_eq!(date.convert(&Cell::text(text)), Ok(Value::Int(days)));
        }
    }
}
