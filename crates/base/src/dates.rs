use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What span of time an amount speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// An amount at one moment, such as a balance.
    Stock,
    /// An amount per month.
    Month,
    /// An amount per year.
    Year,
}

/// A calendar month, counted from January of year 0 (`year * 12 + month - 1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

/// A text is not a month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month; write YYYY-MM, such as 2026-03")]
pub struct MonthError;

impl Month {
    /// A month of a year; `None` unless `month` is 1 to 12 and the year 1 to 9999.
    #[must_use]
    pub const fn new(year: i32, month: i32) -> Option<Self> {
        if year < 1 || year > 9999 || month < 1 || month > 12 { None } else { Some(Self(year * 12 + month - 1)) }
    }

    /// The month a day lies in.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self(i32::from(day.year()) * 12 + i32::from(day.month()) - 1)
    }

    /// Months since January of year 0: how columns hold a month.
    #[must_use]
    pub const fn index(self) -> i64 {
        self.0 as i64
    }

    /// The inverse of [`Month::index`]; `None` outside years 1 to 9999.
    #[must_use]
    pub fn from_index(index: i64) -> Option<Self> {
        let index = i32::try_from(index).ok()?;
        Self::new(index.div_euclid(12), index.rem_euclid(12) + 1)
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// The month of the year, 1 to 12.
    #[must_use]
    pub const fn month(self) -> i32 {
        self.0.rem_euclid(12) + 1
    }

    /// This month moved by `months`, which may be negative.
    #[must_use]
    pub const fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> Date {
        // Year and month are within jiff's range by construction, up to arithmetic far outside any file.
        Date::new(self.year().clamp(1, 9999) as i16, self.month() as i8, 1).unwrap_or(Date::MIN)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(MonthError);
        }
        Self::new(year.parse().map_err(|_| MonthError)?, month.parse().map_err(|_| MonthError)?).ok_or(MonthError)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_count_across_years() {
        let january: Month = "2026-01".parse().unwrap();
        assert_eq!(january.plus(-1).to_string(), "2025-12");
        assert_eq!(january.plus(12).to_string(), "2027-01");
        assert_eq!(Month::from_index(january.index()), Some(january));
        assert_eq!(january.first_day().to_string(), "2026-01-01");
        for text in ["2026-13", "2026-1", "202601", "2026-00", "二〇二六-01", ""] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }
}
