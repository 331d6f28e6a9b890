//! Exact arithmetic in SQL: wide numbers, division that rounds, multiples.

use hedui_rules::program::RoundMode;

use crate::dialect::INFINITE;
use crate::printer::Printer;
use crate::sql::{Sql, q};

/// What clamps to an end of 64 bits and means unbounded there.
const MIN: &str = "-9223372036854775808";
const MAX: &str = "9223372036854775807";

impl Printer<'_> {
    /// In wide numbers.
    pub(crate) fn wide(&self, sql: &Sql) -> Sql {
        if sql.number.is_some() {
            let digits = sql.text.trim_matches(|c| c == '(' || c == ')').to_owned();
            return Sql { reads: Vec::new(), ..Sql::literal(self.dialect().wide_literal(&digits)) };
        }
        let ty = self.dialect().wide_type();
        q!("CAST({} AS {ty})", sql)
    }

    pub(crate) fn infinite(&self) -> Sql {
        Sql::literal(self.dialect().wide_literal(INFINITE))
    }

    /// A lower end, wide: minus infinity where it is null.
    pub(crate) fn low(&self, lo: &Sql) -> Sql {
        if lo.number.is_some() { self.wide(lo) } else { q!("COALESCE({}, -{})", self.wide(lo), self.infinite()) }
    }

    /// An upper end, wide.
    pub(crate) fn high(&self, hi: &Sql) -> Sql {
        if hi.number.is_some() { self.wide(hi) } else { q!("COALESCE({}, {})", self.wide(hi), self.infinite()) }
    }

    /// A wide number as a value; null if it left the range of values.
    pub(crate) fn narrow(&self, wide: &Sql) -> Sql {
        q!("NULLIF(NULLIF(TRY_CAST({} AS BIGINT), 9223372036854775807), -9223372036854775807 - 1)", wide)
    }

    /// A wide lower end as one of 64 bits: beyond them it is unbounded outwards and finite inwards.
    pub(crate) fn lower(&self, wide: &Sql) -> Sql {
        let (min, max) = (self.dialect().wide_literal(MIN), self.dialect().wide_literal("9223372036854775806"));
        q!("CAST(NULLIF(LEAST(GREATEST({}, {min}), {max}), {min}) AS BIGINT)", wide)
    }

    /// A wide upper end as one of 64 bits.
    pub(crate) fn upper(&self, wide: &Sql) -> Sql {
        let (min, max) = (self.dialect().wide_literal("-9223372036854775807"), self.dialect().wide_literal(MAX));
        q!("CAST(NULLIF(GREATEST(LEAST({}, {max}), {min}), {max}) AS BIGINT)", wide)
    }

    /// Cut towards zero.
    fn cut(&self, a: &Sql, b: &Sql, wide: bool) -> Sql {
        let text = if wide {
            self.dialect().wide_quotient(&a.text, &b.text)
        } else {
            self.dialect().quotient(&a.text, &b.text)
        };
        Sql::with(text, [&a.reads[..], &b.reads[..]].concat())
    }

    /// Divides and rounds half away from zero. Both are names or literals; the divisor is not 0.
    pub(crate) fn round_div(&mut self, a: &Sql, b: &Sql, wide: bool) -> Sql {
        if b.is("1") {
            return a.clone();
        }
        match b.number {
            Some(by) if by > 0 && by % 2 == 0 => {
                let half = by / 2;
                let moved = q!("{} + CASE WHEN {} < 0 THEN -{half} ELSE {half} END", a, a);
                let moved = if wide { self.bind(moved) } else { moved };
                q!("({})", self.cut(&moved, b, wide))
            }
            Some(by) if by > 0 => {
                let twice = Sql::number(2 * by);
                let up = q!("2 * ABS({}) + {}", a, b);
                let up = if wide { self.bind(up) } else { up };
                let size = self.cut(&up, &twice, wide);
                q!("(CASE WHEN {} < 0 THEN -({}) ELSE {} END)", a, size, size)
            }
            _ => {
                let (up, down) = (self.bind(q!("2 * ABS({}) + ABS({})", a, b)), self.bind(q!("2 * ABS({})", b)));
                let size = self.cut(&up, &down, wide);
                q!("(CASE WHEN ({} < 0) = ({} < 0) THEN {} ELSE -({}) END)", a, b, size, size)
            }
        }
    }

    /// To a positive multiple. Both are names or literals.
    pub(crate) fn round_to(&mut self, x: &Sql, to: &Sql, mode: RoundMode, wide: bool) -> Sql {
        let times = match mode {
            RoundMode::Nearest => {
                let times = self.round_div(x, to, wide);
                return q!("({} * {})", times, to);
            }
            RoundMode::Down => self.cut(x, to, wide),
            RoundMode::Up => {
                let cut = self.cut(x, to, wide);
                q!("{} + CASE WHEN {} % {} = 0 THEN 0 WHEN {} < 0 THEN -1 ELSE 1 END", cut, x, to, x)
            }
            RoundMode::Floor | RoundMode::Ceil => {
                // What is left over, from 0 up; what is without it divides evenly.
                let over = self.bind(q!("(({} % {}) + {}) % {}", x, to, to, to));
                return if mode == RoundMode::Floor {
                    q!("({} - {})", x, over)
                } else {
                    q!("({} - {} + CASE WHEN {} = 0 THEN 0 ELSE {} END)", x, over, over, to)
                };
            }
            RoundMode::HalfEven => {
                let over = self.bind(q!("(({} % {}) + {}) % {}", x, to, to, to));
                let even = self.bind(q!("{} - {}", x, over));
                let below = self.cut(&even, to, wide);
                let below = self.bind(below);
                q!(
                    "{} + CASE WHEN {} > {} - {} OR ({} = {} - {} AND {} % 2 <> 0) THEN 1 ELSE 0 END",
                    below,
                    over,
                    to,
                    over,
                    over,
                    to,
                    over,
                    below
                )
            }
            RoundMode::HalfDown => {
                let cut = self.cut(x, to, wide);
                let over = self.bind(q!("ABS({} % {})", x, to));
                q!(
                    "{} + CASE WHEN {} > {} - {} THEN CASE WHEN {} < 0 THEN -1 ELSE 1 END ELSE 0 END",
                    cut,
                    over,
                    to,
                    over,
                    x
                )
            }
        };
        q!("(({}) * {})", times, to)
    }
}
