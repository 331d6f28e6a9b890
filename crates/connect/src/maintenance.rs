//! Hours in which an institution's system is closed for maintenance: `22:00-06:00` every night, `Sun 02:00-04:00` on one
//! day of the week. Clock times are China's.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// A closed stretch of every day, or of one weekday. One that ends at or before its begin ends on the day after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The day it begins on; none means every day.
    pub day: Option<Weekday>,
    /// First closed minute.
    pub from: Time,
    /// First open minute.
    pub until: Time,
}

/// The text is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stretch of time such as 22:00-06:00 or Sun 02:00-04:00")]
pub struct BadWindow;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl FromStr for Window {
    type Err = BadWindow;

    fn from_str(text: &str) -> Result<Self, BadWindow> {
        let (day, hours) = match text.split_once(' ') {
            None => (None, text),
            Some((name, hours)) => {
                let day = DAYS.iter().find(|(word, _)| *word == name).ok_or(BadWindow)?.1;
                (Some(day), hours)
            }
        };
        let (from, until) = hours.split_once('-').ok_or(BadWindow)?;
        let window = Self { day, from: minute(from)?, until: minute(until)? };
        if window.from == window.until { Err(BadWindow) } else { Ok(window) }
    }
}

fn minute(text: &str) -> Result<Time, BadWindow> {
    let (hour, minute) = text.split_once(':').ok_or(BadWindow)?;
    let two = |part: &str| if part.len() == 2 { part.parse::<i8>().map_err(|_| BadWindow) } else { Err(BadWindow) };
    Time::new(two(hour)?, two(minute)?, 0, 0).map_err(|_| BadWindow)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((word, _)) = self.day.and_then(|day| DAYS.iter().find(|(_, d)| *d == day)) {
            write!(f, "{word} ")?;
        }
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

impl Window {
    /// When the window that a moment lies in ends; none outside of it.
    fn end(self, at: DateTime) -> Option<DateTime> {
        // It may have begun today or, across midnight, yesterday.
        [at.date(), at.date().yesterday().ok()?].into_iter().find_map(|begun| {
            if self.day.is_some_and(|day| day != begun.weekday()) {
                return None;
            }
            let from = begun.to_datetime(self.from);
            let last = if self.until <= self.from { begun.tomorrow().ok()? } else { begun };
            let until = last.to_datetime(self.until);
            (from <= at && at < until).then_some(until)
        })
    }
}

/// When the system opens again, if a moment lies in any window; windows that follow on each other are one.
#[must_use]
pub fn closed_until(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let china = jiff::tz::offset(8);
    let here = china.to_datetime(now);
    let mut until: Option<DateTime> = None;
    // More steps than this would be a system that never opens.
    for _ in 0..=windows.len().saturating_mul(8) {
        let at = until.unwrap_or(here);
        match windows.iter().filter_map(|w| w.end(at)).max() {
            Some(end) => until = Some(end),
            None => break,
        }
    }
    until.map(|end| {
        china.to_timestamp(end).unwrap_or_else(|_| now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(now))
    })
}

/// The day in China, by which budgets are counted.
#[must_use]
pub fn day_in_china(now: Timestamp) -> jiff::civil::Date {
    jiff::tz::offset(8).to_datetime(now).date()
}

/// The first moment of the next day in China.
#[must_use]
pub fn next_day_in_china(now: Timestamp) -> Timestamp {
    let tomorrow = day_in_china(now).checked_add(1.day()).map(|d| d.to_datetime(Time::midnight()));
    tomorrow.and_then(|at| jiff::tz::offset(8).to_timestamp(at)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn until(windows: &[&str], now: &str) -> Option<String> {
        let windows: Vec<Window> = windows.iter().map(|w| w.parse().unwrap()).collect();
        // Clock times in China, for reading.
        let at = jiff::tz::offset(8).to_timestamp(now.parse().unwrap()).unwrap();
        closed_until(&windows, at).map(|t| jiff::tz::offset(8).to_datetime(t).to_string())
    }

    #[test]
    fn windows_of_the_night_and_of_one_day() {
        let night = ["22:00-06:00"];
        assert_eq!(until(&night, "2026-06-30T21:59:59"), None);
        assert_eq!(until(&night, "2026-06-30T22:00:00").as_deref(), Some("2026-07-01T06:00:00"));
        assert_eq!(until(&night, "2026-07-01T05:59:59").as_deref(), Some("2026-07-01T06:00:00"));
        assert_eq!(until(&night, "2026-07-01T06:00:00"), None);
        let sunday = ["Sun 02:00-04:00"];
        assert_eq!(until(&sunday, "2026-06-28T03:00:00").as_deref(), Some("2026-06-28T04:00:00"));
        assert_eq!(until(&sunday, "2026-06-29T03:00:00"), None);
        // Begins on Saturday, ends on Sunday.
        assert_eq!(until(&["Sat 23:00-01:00"], "2026-06-28T00:30:00").as_deref(), Some("2026-06-28T01:00:00"));
        assert_eq!(until(&["Sat 23:00-01:00"], "2026-06-27T00:30:00"), None);
        // One follows on the other.
        assert_eq!(
            until(&["22:00-23:00", "23:00-01:00"], "2026-06-30T22:30:00").as_deref(),
            Some("2026-07-01T01:00:00")
        );
        // Never open: some end is given all the same, so that nobody waits in vain.
        assert!(until(&["00:00-12:00", "12:00-00:00"], "2026-06-30T01:00:00").is_some());
        assert_eq!(until(&[], "2026-06-30T01:00:00"), None);
    }

    #[test]
    fn what_is_no_window_is_refused_and_what_is_prints_back() {
        for bad in ["", "22-06", "22:00", "22:00-25:00", "So 02:00-04:00", "02:00-02:00", "2:00-04:00", "22:00-06:00 "]
        {
            assert_eq!(bad.parse::<Window>(), Err(BadWindow), "{bad}");
        }
        for good in ["22:00-06:00", "Sun 02:00-04:00"] {
            assert_eq!(good.parse::<Window>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn the_day_of_a_budget_is_chinas() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(day_in_china(at("2026-06-30T15:59:59Z")).to_string(), "2026-06-30");
        assert_eq!(day_in_china(at("2026-06-30T16:00:00Z")).to_string(), "2026-07-01");
        assert_eq!(next_day_in_china(at("2026-06-30T15:59:59Z")).to_string(), "2026-06-30T16:00:00Z");
    }
}
