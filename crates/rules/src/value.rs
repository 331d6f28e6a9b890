//! Written values in the scale of their type.

use hedui_base::columns::date_to_days;
use hedui_base::{AreaCode, ColumnType, Diagnostic, Month};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::program::ParameterValue;
use crate::spot::Spotted;
use crate::surface::Literal;

/// A number as an integer with `scale` decimals; the error says why not.
pub(crate) fn scaled(number: Decimal, scale: u8) -> Result<i64, String> {
    let number = number.normalize();
    if number.scale() > u32::from(scale) {
        return Err(match scale {
            0 => "not a whole number".to_owned(),
            n => format!("more than {n} decimals"),
        });
    }
    let unit = Decimal::from(10i64.pow(u32::from(scale)));
    number
        .checked_mul(unit)
        .map(|n| n.normalize())
        .and_then(|n| i64::try_from(n.mantissa()).ok())
        .ok_or_else(|| "out of range".to_owned())
}

/// A value as its type holds it; the error says what was expected.
pub(crate) fn typed(literal: &Literal, ty: ColumnType) -> Result<ParameterValue, String> {
    let int = |v: i64| Ok(ParameterValue::Int(v));
    let text = |t: &str| Ok(ParameterValue::Text(t.into()));
    match (ty, literal) {
        (ColumnType::Text | ColumnType::Code, Literal::Text(t)) => text(t),
        (ColumnType::Bool, Literal::Bool(b)) => int(i64::from(*b)),
        (ColumnType::Date, Literal::Date(d)) => int(date_to_days(*d)),
        (ColumnType::Date, Literal::Text(t)) => {
            t.parse::<Date>().map(|d| ParameterValue::Int(date_to_days(d))).map_err(|_| example(ty))
        }
        (ColumnType::Month, Literal::Text(t)) => {
            t.parse::<Month>().map(|m| ParameterValue::Int(m.index())).map_err(|_| example(ty))
        }
        (
            ColumnType::Int | ColumnType::Decimal(_) | ColumnType::Money(_) | ColumnType::Area | ColumnType::Person,
            Literal::Number(n),
        ) => scaled(*n, ty.scale()).map(ParameterValue::Int),
        _ => Err(example(ty)),
    }
}

impl ParameterValue {
    /// A value as a cell of a parameter table holds it, such as `650.00`.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str, ty: ColumnType) -> Result<Self, String> {
        cell(text, ty)
    }
}

/// A text of a CSV cell as the literal its type expects.
pub(crate) fn cell(text: &str, ty: ColumnType) -> Result<ParameterValue, String> {
    let literal = match ty {
        ColumnType::Text | ColumnType::Code | ColumnType::Date | ColumnType::Month => Literal::Text(text.to_owned()),
        ColumnType::Bool => match text {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            _ => return Err(example(ty)),
        },
        _ => {
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
            Decimal::from_str_exact(text).ok().filter(|_| plain).map(Literal::Number).ok_or_else(|| example(ty))?
        }
    };
    typed(&literal, ty)
}

/// A division code; the mistake if it is none.
pub(crate) fn area(text: &Spotted<String>) -> Result<AreaCode, Diagnostic> {
    AreaCode::parse(&text.value).map_err(|error| {
        text.spot
            .error("rules::bad_area", format!("`{}` is no area: {error}", text.value), "not an area code")
            .help("write the code of GB/T 2260 as text, such as 321100 for a city")
    })
}

/// How a value of a type is written.
pub(crate) fn example(ty: ColumnType) -> String {
    match ty {
        ColumnType::Text | ColumnType::Code => "expected a text".to_owned(),
        ColumnType::Bool => "expected true or false".to_owned(),
        ColumnType::Int | ColumnType::Person => "expected a whole number, such as 3".to_owned(),
        ColumnType::Decimal(n) => format!("expected a number with at most {n} decimals, such as 1.5"),
        ColumnType::Date => "expected a date, such as 2026-07-01".to_owned(),
        ColumnType::Month => "expected a month, such as \"2026-07\"".to_owned(),
        ColumnType::Money(_) => "expected an amount in yuan, such as 1234.50".to_owned(),
        ColumnType::Area => "expected an area in square metres, such as 60.5".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use hedui_base::Period;

    use super::*;

    #[test]
    fn amounts_become_fen_or_are_refused() {
        let money = ColumnType::Money(Period::Month);
        assert_eq!(cell("900.5", money), Ok(ParameterValue::Int(90_050)));
        assert!(cell("900.005", money).unwrap_err().contains("more than 2 decimals"));
        for bad in ["1.2万元", "1e3", "1,000", "", "＋1"] {
            assert!(cell(bad, money).is_err(), "{bad}");
        }
        assert_eq!(cell("2026-03", ColumnType::Month), Ok(ParameterValue::Int(2026 * 12 + 2)));
        assert_eq!(cell("1.5", ColumnType::Decimal(4)), Ok(ParameterValue::Int(15_000)));
        assert!(cell("1.5", ColumnType::Int).is_err());
    }
}
