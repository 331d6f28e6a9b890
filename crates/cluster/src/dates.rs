//! Calendar arithmetic on days since 1970-01-01.
//!
//! In full it is whole-number arithmetic, the same as the kernel's and valid for ten thousand years either way; a date
//! beyond is out of range. Where all is known, the engine's own functions are shorter.

use crate::dialect::Dialect;
use crate::printer::Printer;
use crate::slot::{Slot, Sort, all};
use crate::sql::{Sql, q};

/// Year, month and day as columns; null beyond the calendar.
struct Civil {
    year: Sql,
    month: Sql,
    day: Sql,
}

impl Printer<'_> {
    /// A monotone function of known values; an end it cannot map is unbounded, and a value it cannot map is an error.
    pub(crate) fn rising(&mut self, a: &Slot, f: impl Fn(&mut Self, &Sql) -> Sql) -> Slot {
        self.monotone(a, true, f)
    }

    fn monotone(&mut self, a: &Slot, rises: bool, f: impl Fn(&mut Self, &Sql) -> Sql) -> Slot {
        if !self.is_full() && a.is_closed() {
            let v = self.bind(a.lo.clone());
            let value = f(self, &v);
            return Slot { lo: value, ..a.clone() };
        }
        let view = self.view(a);
        let first = f(self, &view.lo);
        let first = self.bind(first);
        let second = if view.lo == view.hi {
            first.clone()
        } else {
            let second = f(self, &view.hi);
            self.bind(second)
        };
        let (lo, hi) = if rises { (first, second) } else { (second, first) };
        let broken = all([a.is_value(), q!("{} IS NULL", lo)]);
        let why = a.why.clone().or(&Self::fault().when(&broken));
        self.finish(Sort::Number, lo, Some(hi), view.code, why)
    }

    /// A date moved by days, or a month by months.
    pub(crate) fn moved(&mut self, a: &Slot, by: i64) -> Slot {
        match a.lo.number {
            Some(value) if a.is_closed() => Slot::number(value + by),
            _ => {
                let move_end = |sql: &Sql| {
                    if by < 0 { q!("({} - {})", sql, Sql::number(-by)) } else { q!("({} + {})", sql, Sql::number(by)) }
                };
                let (lo, hi) = (move_end(&a.lo), a.hi.as_ref().map(move_end));
                match a.code().cloned() {
                    None => Slot { lo, hi, ..a.clone() },
                    code => self.finish(Sort::Number, lo, hi, code, a.why.clone()),
                }
            }
        }
    }

    pub(crate) fn age(&mut self, birth: &Slot) -> Slot {
        let today = self.setting.as_of;
        let (year, mark) = (today.year(), i64::from(today.month()) * 100 + i64::from(today.day()));
        self.monotone(birth, false, move |p, v| {
            let born = p.civil(v);
            q!("({year} - {} - CASE WHEN {} * 100 + {} > {mark} THEN 1 ELSE 0 END)", born.year, born.month, born.day)
        })
    }

    pub(crate) fn month_of(&mut self, days: &Sql) -> Sql {
        let civil = self.civil(days);
        q!("({} * 12 + {} - 1)", civil.year, civil.month)
    }

    fn civil(&mut self, days: &Sql) -> Civil {
        if !self.is_full() {
            let date = Sql::with(self.dialect().date(&days.text), days.reads.clone());
            let date = self.bind(date);
            return Civil { year: q!("YEAR({})", date), month: q!("MONTH({})", date), day: q!("DAY({})", date) };
        }
        let div = |p: &mut Self, a: Sql, b: i64| {
            let text = p.dialect().quotient(&a.text, &b.to_string());
            let sql = Sql::with(text, a.reads);
            q!("({})", sql)
        };
        // Counted from 1 March, so that the leap day ends its year; thirty eras later, so that nothing is negative.
        let z = self.bind(q!("CASE WHEN {} BETWEEN -3700000 AND 3700000 THEN {} + 5102378 END", days, days));
        let era = div(self, z.clone(), 146_097);
        let era = self.bind(era);
        let doe = self.bind(q!("{} - {} * 146097", z, era));
        let (a, b, c) =
            (div(self, doe.clone(), 1_460), div(self, doe.clone(), 36_524), div(self, doe.clone(), 146_096));
        let yoe = div(self, q!("{} - {} + {} - {}", doe, a, b, c), 365);
        let yoe = self.bind(yoe);
        let (a, b) = (div(self, yoe.clone(), 4), div(self, yoe.clone(), 100));
        let doy = self.bind(q!("{} - (365 * {} + {} - {})", doe, yoe, a, b));
        let mp = div(self, q!("5 * {} + 2", doy), 153);
        let mp = self.bind(mp);
        let before = div(self, q!("153 * {} + 2", mp), 5);
        let day = self.bind(q!("{} - {} + 1", doy, before));
        let month = self.bind(q!("CASE WHEN {} < 10 THEN {} + 3 ELSE {} - 9 END", mp, mp, mp));
        let year = q!("{} + {} * 400 - 12000 + CASE WHEN {} <= 2 THEN 1 ELSE 0 END", yoe, era, month);
        Civil { year: self.bind(year), month, day }
    }

    /// A day moved by months; its day of the month is cut to the month's last.
    pub(crate) fn add_months(&mut self, days: &Sql, months: &Sql) -> Sql {
        if !self.is_full() {
            let text = match self.dialect() {
                Dialect::DuckDb => {
                    let date = self.dialect().date(&days.text);
                    self.dialect().days(&format!("CAST({date} + TO_MONTHS(CAST({} AS INTEGER)) AS DATE)", months.text))
                }
                Dialect::Spark => {
                    let date = self.dialect().date(&days.text);
                    self.dialect().days(&format!("ADD_MONTHS({date}, CAST({} AS INT))", months.text))
                }
            };
            return Sql::with(text, [&days.reads[..], &months.reads[..]].concat());
        }
        let civil = self.civil(days);
        let div = |p: &mut Self, a: Sql, b: i64| {
            let text = p.dialect().quotient(&a.text, &b.to_string());
            let sql = Sql::with(text, a.reads);
            q!("({})", sql)
        };
        // From the year -12000, so that nothing is negative; what lies further out is no date anyway.
        let moved = q!("{} * 12 + {} - 1 + {} + 144000", civil.year, civil.month, months);
        let by = q!("CASE WHEN {} BETWEEN -400000 AND 400000 THEN {} END", months, moved);
        let index = self.bind(by);
        let index = self.bind(q!("CASE WHEN {} BETWEEN 12 AND 300000 THEN {} END", index, index));
        let year = div(self, index.clone(), 12);
        let year = self.bind(year);
        let month = self.bind(q!("{} % 12 + 1", index));
        let leap = q!("({} % 4 = 0 AND ({} % 100 <> 0 OR {} % 400 = 0))", year, year, year);
        let last = q!(
            "CASE WHEN {} IN (4, 6, 9, 11) THEN 30 WHEN {} = 2 THEN CASE WHEN {} THEN 29 ELSE 28 END ELSE 31 END",
            month,
            month,
            leap
        );
        let day = self.bind(q!("CASE WHEN {} IS NOT NULL THEN LEAST({}, {}) END", month, civil.day, last));
        let y = self.bind(q!("{} - CASE WHEN {} <= 2 THEN 1 ELSE 0 END", year, month));
        let era = div(self, y.clone(), 400);
        let era = self.bind(era);
        let yoe = self.bind(q!("{} - {} * 400", y, era));
        let part = div(self, q!("153 * CASE WHEN {} > 2 THEN {} - 3 ELSE {} + 9 END + 2", month, month, month), 5);
        let (a, b) = (div(self, yoe.clone(), 4), div(self, yoe.clone(), 100));
        let doe = q!("({} * 365 + {} - {} + {} + {} - 1)", yoe, a, b, part, day);
        let result = self.bind(q!("({} - 30) * 146097 + {} - 719468", era, doe));
        q!("CASE WHEN {} BETWEEN -3700000 AND 3700000 THEN {} END", result, result)
    }

    /// A day moved by a number of months that may be unknown.
    pub(crate) fn shift_months(&mut self, a: &Slot, months: &Slot) -> Slot {
        if !self.is_full() && a.is_closed() && months.is_closed() {
            let (v, by) = (self.bind(a.lo.clone()), self.bind(months.lo.clone()));
            let value = self.add_months(&v, &by);
            let optional =
                a.presence != crate::slot::Presence::Always || months.presence != crate::slot::Presence::Always;
            return if optional { Slot::optional(value, Sort::Number) } else { Slot::known(value, Sort::Number) };
        }
        let (day, by) = (self.view(a), self.view(months));
        let lo = self.add_months(&day.lo, &by.lo);
        let lo = self.bind(lo);
        let hi = self.add_months(&day.hi, &by.hi);
        let hi = self.bind(hi);
        let code = Self::worst(&[day.code, by.code]);
        let broken = all([a.is_value(), months.is_value(), q!("{} IS NULL", lo)]);
        let why = a.why.clone().or(&months.why).or(&Self::fault().when(&broken));
        self.finish(Sort::Number, lo, Some(hi), code, why)
    }
}
