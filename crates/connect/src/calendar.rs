//! Which days institutions work: weekends, public holidays (节假日) and the working weekends that pay for them (调休).
//!
//! The State Council's yearly notices are data, `connectors/calendar/*.csv` with the columns `date,kind,title,cite`; a
//! folder may add a file of its own for a coming year or a local holiday. In a year without data weekdays count, and
//! [`Calendar::knows`] says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};
use jiff::civil::{Date, Weekday};

/// What a day that is not like its weekday is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    /// Nobody works (放假).
    Holiday,
    /// A weekend day that is worked (上班).
    Workday,
}

/// A day with its kind and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialDay {
    /// What it is.
    pub kind: DayKind,
    /// Chinese name, such as `春节`.
    pub title: String,
    /// The notice that says so.
    pub cite: String,
}

/// The working days of institutions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    days: BTreeMap<Date, SpecialDay>,
    years: BTreeSet<i16>,
}

impl Calendar {
    /// Reads files; a later file wins over an earlier one, day by day.
    ///
    /// # Errors
    /// Every mistake in every file, with its line.
    pub fn parse(files: &[Arc<SourceText>]) -> Result<Self, Vec<Diagnostic>> {
        let mut calendar = Self::default();
        let mut found = Vec::new();
        for file in files {
            found.extend(calendar.add(file));
        }
        if found.is_empty() { Ok(calendar) } else { Err(found) }
    }

    /// The same with the days of a further file, which win.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn with(&self, file: &Arc<SourceText>) -> Result<Self, Vec<Diagnostic>> {
        let mut calendar = self.clone();
        let found = calendar.add(file);
        if found.is_empty() { Ok(calendar) } else { Err(found) }
    }

    /// Whether the days off of a year are known; otherwise only weekends are.
    #[must_use]
    pub fn knows(&self, year: i16) -> bool {
        self.years.contains(&year)
    }

    /// What a day is, if it is not like its weekday.
    #[must_use]
    pub fn special(&self, day: Date) -> Option<&SpecialDay> {
        self.days.get(&day)
    }

    /// Whether institutions work on a day.
    #[must_use]
    pub fn is_working_day(&self, day: Date) -> bool {
        match self.days.get(&day) {
            Some(special) => special.kind == DayKind::Workday,
            None => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
        }
    }

    /// The `count`-th working day after a day; the day itself for 0, none beyond the calendar's end.
    #[must_use]
    pub fn working_days_after(&self, day: Date, count: u32) -> Option<Date> {
        let mut at = day;
        let mut left = count;
        while left > 0 {
            at = at.tomorrow().ok()?;
            if self.is_working_day(at) {
                left -= 1;
            }
        }
        Some(at)
    }

    fn add(&mut self, file: &Arc<SourceText>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut seen: BTreeSet<Date> = BTreeSet::new();
        let mut start = 0;
        for (number, line) in file.text.split_inclusive('\n').enumerate() {
            let span = start..start + line.trim_end().len();
            start += line.len();
            let line = line.trim_end().trim_start_matches('\u{feff}');
            let mut report = |code, text: String, help: &str| {
                found.push(Diagnostic::error(code, text).at(file, span.clone(), "here").help(help));
            };
            if number == 0 {
                if line != "date,kind,title,cite" {
                    let text = "this is not the head of a calendar".to_owned();
                    report("calendar::bad_head", text, "the first line is date,kind,title,cite");
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let [date, kind, title, cite] = cells[..] else {
                report("calendar::bad_line", format!("{} cells instead of 4", cells.len()), "date,kind,title,cite");
                continue;
            };
            let kind = match kind {
                "holiday" => DayKind::Holiday,
                "workday" => DayKind::Workday,
                other => {
                    report("calendar::unknown_kind", format!("`{other}` is not a kind of day"), "holiday or workday");
                    continue;
                }
            };
            let Ok(day) = date.parse::<Date>() else {
                report("calendar::bad_date", format!("`{date}` is not a day"), "such as 2026-10-01");
                continue;
            };
            if title.is_empty() || cite.is_empty() {
                let text = "a day off is known by its name and the notice that grants it".to_owned();
                report("calendar::no_cite", text, "fill in title and cite");
                continue;
            }
            if !seen.insert(day) {
                report("calendar::twice", format!("{day} is listed twice"), "one line a day");
                continue;
            }
            self.years.insert(day.year());
            self.days.insert(day, SpecialDay { kind, title: title.to_owned(), cite: cite.to_owned() });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::registry::embedded_calendar;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_built_in_years_are_good_and_cited() {
        let calendar = embedded_calendar();
        for (year, holidays, workdays) in [(2024, 28, 8), (2025, 28, 5), (2026, 33, 6)] {
            assert!(calendar.knows(year));
            let of = |kind| calendar.days.iter().filter(|(d, s)| d.year() == year && s.kind == kind).count();
            assert_eq!((of(DayKind::Holiday), of(DayKind::Workday)), (holidays, workdays), "{year}");
        }
        assert!(calendar.days.values().all(|s| s.cite.starts_with("国办发明电")));
        assert!(!calendar.knows(2030));
    }

    #[test]
    fn holidays_do_not_count_and_working_weekends_do() {
        let calendar = embedded_calendar();
        for (sent, count, due) in [
            // Over the Spring Festival of 2026: the 14th and the 28th are worked, the 16th to the 23rd are not.
            ("2026-02-13", 1, "2026-02-14"),
            ("2026-02-13", 2, "2026-02-24"),
            ("2026-02-13", 6, "2026-02-28"),
            ("2026-02-13", 15, "2026-03-12"),
            // Over the long October holiday of 2025 and its working Saturday.
            ("2025-09-30", 1, "2025-10-09"),
            ("2025-09-30", 3, "2025-10-11"),
            // An ordinary week.
            ("2026-06-22", 5, "2026-06-29"),
            ("2026-06-22", 0, "2026-06-22"),
            // No data: weekdays count.
            ("2031-05-01", 1, "2031-05-02"),
        ] {
            assert_eq!(calendar.working_days_after(day(sent), count), Some(day(due)), "{sent} + {count}");
        }
    }

    #[test]
    fn a_further_file_wins_and_every_mistake_is_told() {
        let calendar = embedded_calendar();
        let own = SourceText::new("calendar.csv", "date,kind,title,cite\n2027-01-01,holiday,元旦,地方通知\n");
        let more = calendar.with(&own).unwrap();
        assert!(more.knows(2027) && !more.is_working_day(day("2027-01-01")));
        assert!(calendar.is_working_day(day("2027-01-01")), "without data a Friday is a working day");
        let bad = "day,kind\n2026-13-01,holiday,a,b\n2026-01-01,off,a,b\n2026-01-01,holiday,,b\n2026-01-02\n\
                   2026-01-03,holiday,a,b\n2026-01-03,holiday,a,b\n";
        let found = calendar.with(&SourceText::new("calendar.csv", bad)).unwrap_err();
        let codes: Vec<_> = found.iter().map(|d| (d.code, d.place().unwrap())).collect();
        assert_eq!(
            codes,
            [
                ("calendar::bad_head", "calendar.csv:1:1".to_owned()),
                ("calendar::bad_date", "calendar.csv:2:1".to_owned()),
                ("calendar::unknown_kind", "calendar.csv:3:1".to_owned()),
                ("calendar::no_cite", "calendar.csv:4:1".to_owned()),
                ("calendar::bad_line", "calendar.csv:5:1".to_owned()),
                ("calendar::twice", "calendar.csv:7:1".to_owned()),
            ]
        );
    }
}
