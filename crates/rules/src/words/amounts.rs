//! Values with their units, in both languages.

use hedui_base::columns::days_to_date;
use hedui_base::{ColumnType, Month, Period};

use super::line::Lang;
use crate::program::ParameterValue;

/// A value in its type's scale, with its unit: `1,234.50 元/月`, `1,234.50 yuan a month`.
#[must_use]
pub fn amount(lang: Lang, ty: ColumnType, value: &ParameterValue) -> String {
    match value {
        ParameterValue::Text(text) => text.to_string(),
        ParameterValue::Int(value) => number(lang, ty, *value),
    }
}

/// A number in its type's scale, with its unit.
#[must_use]
pub fn number(lang: Lang, ty: ColumnType, value: i64) -> String {
    let money = |zh: &str, en: &str| format!("{} {}", decimal(value, 2, true), lang.pick(zh, en));
    match ty {
        ColumnType::Bool => lang.pick(["否", "是"], ["no", "yes"])[usize::from(value != 0)].to_owned(),
        ColumnType::Date => days_to_date(value).map_or_else(|| value.to_string(), |day| day.to_string()),
        ColumnType::Month => Month::from_index(value).map_or_else(|| value.to_string(), |month| month.to_string()),
        ColumnType::Money(Period::Stock) => money("元", "yuan"),
        ColumnType::Money(Period::Month) => money("元/月", "yuan a month"),
        ColumnType::Money(Period::Year) => money("元/年", "yuan a year"),
        ColumnType::Area => format!("{} {}", decimal(value, 2, false), lang.pick("平方米", "m²")),
        ColumnType::Decimal(scale) => trimmed(&decimal(value, scale, false)),
        ColumnType::Person => format!("P{value}"),
        ColumnType::Int | ColumnType::Text | ColumnType::Code => value.to_string(),
    }
}

/// The word for a type.
#[must_use]
pub fn type_word(lang: Lang, ty: ColumnType) -> String {
    match ty {
        ColumnType::Bool => lang.pick("是或否", "yes or no").to_owned(),
        ColumnType::Date => lang.pick("日期", "date").to_owned(),
        ColumnType::Month => lang.pick("月份", "month").to_owned(),
        ColumnType::Money(Period::Stock) => lang.pick("元", "yuan").to_owned(),
        ColumnType::Money(Period::Month) => lang.pick("元/月", "yuan a month").to_owned(),
        ColumnType::Money(Period::Year) => lang.pick("元/年", "yuan a year").to_owned(),
        ColumnType::Area => lang.pick("平方米", "m²").to_owned(),
        ColumnType::Decimal(scale) => match lang {
            Lang::Zh => format!("数值（{scale} 位小数）"),
            Lang::En => format!("number, {scale} decimals"),
        },
        ColumnType::Int => lang.pick("整数", "whole number").to_owned(),
        ColumnType::Text => lang.pick("文字", "text").to_owned(),
        ColumnType::Code => lang.pick("代码", "code").to_owned(),
        ColumnType::Person => lang.pick("人员", "person").to_owned(),
    }
}

fn decimal(value: i64, scale: u8, grouped: bool) -> String {
    let unit = 10u64.pow(u32::from(scale));
    let magnitude = value.unsigned_abs();
    let mut whole = (magnitude / unit).to_string();
    if grouped {
        let mut at = whole.len();
        while at > 3 {
            at -= 3;
            whole.insert(at, ',');
        }
    }
    let sign = if value < 0 { "-" } else { "" };
    match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{:0width$}", magnitude % unit, width = usize::from(scale)),
    }
}

/// Without zeros that say nothing: `0.1000` is 0.1, but money keeps its fen.
fn trimmed(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}
