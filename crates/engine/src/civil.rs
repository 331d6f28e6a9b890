//! Calendar arithmetic on days since 1970-01-01, all of it monotone, so that bounds map to bounds.

/// Days that calendar arithmetic accepts: about ten thousand years either way. Beyond is out of range, never a wrap.
const LIMIT: i64 = 3_700_000;

/// Year, month and day of a day number; `None` beyond the calendar.
pub(crate) fn civil(days: i64) -> Option<(i64, i64, i64)> {
    if !(-LIMIT..=LIMIT).contains(&days) {
        return None;
    }
    // Counted from 1 March 0000, so that the leap day ends its year.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    Some((yoe + era * 400 + i64::from(month <= 2), month, day))
}

/// Day number of a civil date.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// Index of the month a day lies in, as columns hold months.
pub(crate) fn month_of(days: i64) -> Option<i64> {
    civil(days).map(|(year, month, _)| year * 12 + month - 1)
}

/// A day moved by months; its day of the month is cut to the month's last.
pub(crate) fn add_months(days: i64, months: i32) -> Option<i64> {
    let (year, month, day) = civil(days)?;
    let index = year * 12 + month - 1 + i64::from(months);
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
    let moved = days_of(year, month, day.min(month_length(year, month)));
    (-LIMIT..=LIMIT).contains(&moved).then_some(moved)
}

/// Whole years from a birth day to a day. Who was born on 29 February turns a year older on 1 March.
pub(crate) fn age(birth: i64, on: i64) -> Option<i64> {
    let (born, today) = (civil(birth)?, civil(on)?);
    Some(today.0 - born.0 - i64::from((today.1, today.2) < (born.1, born.2)))
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use hedui_base::columns::date_to_days;
    use jiff::civil::{Date, date};

    use super::*;

    #[test]
    fn agrees_with_a_calendar_library() {
        let mut day: Date = date(1899, 12, 25);
        while day < date(2105, 1, 1) {
            let n = date_to_days(day);
            assert_eq!(civil(n), Some((i64::from(day.year()), i64::from(day.month()), i64::from(day.day()))));
            assert_eq!(days_of(i64::from(day.year()), i64::from(day.month()), i64::from(day.day())), n);
            for months in [-13, -1, 1, 12] {
                let moved = day.checked_add(jiff::Span::new().months(months)).unwrap();
                assert_eq!(add_months(n, months), Some(date_to_days(moved)), "{day} {months}");
            }
            day = day.checked_add(jiff::Span::new().days(7)).unwrap();
        }
        assert_eq!(civil(i64::MAX), None);
    }

    #[test]
    fn ages_change_on_the_birthday() {
        let n = |t: &str| date_to_days(t.parse().unwrap());
        assert_eq!(age(n("2008-02-29"), n("2026-02-28")), Some(17));
        assert_eq!(age(n("2008-02-29"), n("2026-03-01")), Some(18));
        assert_eq!(age(n("2008-02-29"), n("2028-02-29")), Some(20));
        assert_eq!(age(n("1966-06-30"), n("2026-06-29")), Some(59));
        assert_eq!(age(n("1966-06-30"), n("2026-06-30")), Some(60));
    }
}
