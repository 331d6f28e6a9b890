//! Dates and months as institutions write them, in declared forms only.
//!
//! A form is a `strftime` format or a word: `cn` (`2024年7月31日`), `excel` and `excel1904` (days counted by a workbook).
//! What fits no declared form is not a date; a year has four digits, whatever the form.

use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use unicode_normalization::UnicodeNormalization;

use super::Cell;

/// Which day of its month a date without a day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOfMonth {
    /// The first.
    First,
    /// The last.
    Last,
}

/// The words beside `strftime` formats.
pub(crate) const WORDS: [&str; 3] = ["cn", "excel", "excel1904"];

/// Days that workbooks count: up to the year 2173. Longer numbers are months or days written together.
const SERIALS: std::ops::RangeInclusive<i64> = 1..=99_999;

/// A year, a month and, if the form has one, a day.
type Parts = (i16, i8, Option<i8>);

/// Reads a date in the first form that fits.
pub(super) fn date(formats: &[String], day: Option<DayOfMonth>, cell: &Cell) -> Option<Date> {
    formats.iter().find_map(|format| {
        let (year, month, own) = parts(format, cell)?;
        let first = Date::new(year, month, 1).ok()?;
        match (own, day) {
            (Some(own), _) => Date::new(year, month, own).ok(),
            (None, Some(DayOfMonth::First)) => Some(first),
            (None, Some(DayOfMonth::Last)) => Some(first.last_of_month()),
            (None, None) => None,
        }
    })
}

/// Reads a month in the first form that fits.
pub(super) fn month(formats: &[String], cell: &Cell) -> Option<(i16, i8)> {
    formats.iter().find_map(|format| parts(format, cell)).map(|(year, month, _)| (year, month))
}

/// Writes a date in a form; none if the form cannot say it.
pub(super) fn write(format: &str, day: Option<DayOfMonth>, date: Date) -> Option<String> {
    match format {
        "cn" if day.is_some() => {}
        "cn" => return Some(format!("{}年{}月{}日", date.year(), date.month(), date.day())),
        "excel" => return serial_of(date, false),
        "excel1904" => return serial_of(date, true),
        _ => {}
    }
    let says_day = says_day(format);
    let fits = match day {
        Some(DayOfMonth::First) => date.day() == 1,
        Some(DayOfMonth::Last) => date == date.last_of_month(),
        None => true,
    };
    if !says_day && !fits {
        return None;
    }
    Some(if format == "cn" {
        format!("{}年{}月", date.year(), date.month())
    } else {
        date.at(0, 0, 0, 0).strftime(format).to_string()
    })
}

/// Writes a month in a form.
pub(super) fn write_month(format: &str, first: Date) -> Option<String> {
    match format {
        "cn" => Some(format!("{}年{}月", first.year(), first.month())),
        "excel" => serial_of(first, false),
        "excel1904" => serial_of(first, true),
        _ => Some(first.at(0, 0, 0, 0).strftime(format).to_string()),
    }
}

/// Whether a form says the day; `cn` may or may not.
pub(crate) fn says_day(format: &str) -> bool {
    matches!(format, "excel" | "excel1904") || ["%d", "%e", "%-d", "%F", "%D", "%j"].iter().any(|d| format.contains(d))
}

fn parts(format: &str, cell: &Cell) -> Option<Parts> {
    let text = cell.text.trim();
    let found = match format {
        "cn" => chinese(text),
        "excel" => counted(text, cell.numeric, false),
        "excel1904" => counted(text, cell.numeric, true),
        _ => {
            let parsed = BrokenDownTime::parse(format, text).ok()?;
            Some((parsed.year()?, parsed.month()?, parsed.day()))
        }
    };
    found.filter(|(year, ..)| (1000..=9999).contains(year))
}

/// `2024年7月31日`, `2024年07月`, digits of either width.
fn chinese(text: &str) -> Option<Parts> {
    let plain: String = text.nfkc().filter(|c| !c.is_whitespace()).collect();
    let (year, rest) = plain.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    let rest = rest.strip_prefix('份').unwrap_or(rest);
    let day = match rest.strip_suffix(['日', '号']) {
        Some(day) => Some(number(day, 1..=2)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    let year = number(year, 4..=4)?;
    Some((year, i8::try_from(number(month, 1..=2)?).ok()?, day.map(i8::try_from).transpose().ok()?))
}

fn number(digits: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let plain = lengths.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Days counted by a workbook, or a cell that the workbook itself says is a date.
fn counted(text: &str, numeric: bool, from_1904: bool) -> Option<Parts> {
    let of = |date: Date| Some((date.year(), date.month(), Some(date.day())));
    if numeric && let Some(date) = text.get(..10).and_then(|day| Date::strptime("%Y-%m-%d", day).ok()) {
        return of(date);
    }
    let (days, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(days) || !plain(fraction) {
        return None;
    }
    let days: i64 = days.parse().ok().filter(|days| SERIALS.contains(days))?;
    let (zero, days) = match (from_1904, days) {
        (true, _) => (jiff::civil::date(1904, 1, 1), days),
        // The first calendar has a 29 February 1900, which never was.
        (false, 60) => return None,
        (false, 1..60) => (jiff::civil::date(1899, 12, 31), days),
        (false, _) => (jiff::civil::date(1899, 12, 30), days),
    };
    of(zero.checked_add(jiff::Span::new().days(days)).ok()?)
}

fn serial_of(date: Date, from_1904: bool) -> Option<String> {
    let zero = if from_1904 {
        jiff::civil::date(1904, 1, 1)
    } else if date < jiff::civil::date(1900, 3, 1) {
        jiff::civil::date(1899, 12, 31)
    } else {
        jiff::civil::date(1899, 12, 30)
    };
    let days = i64::from(zero.until(date).ok()?.get_days());
    SERIALS.contains(&days).then(|| days.to_string())
}
