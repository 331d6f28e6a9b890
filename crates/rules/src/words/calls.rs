//! Calls as words: functions, aggregates, parameters with keys.

use hedui_base::ColumnType;

use super::line::Line;
use super::names::{NameKind, Place};
use super::phrases::Phrase;
use super::speak::{Bind, Said, Speaker, upper};
use crate::surface::{Expr, ExprKind};

/// Whom an aggregate runs over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Records,
    Members,
    Obligors,
}

impl Over {
    const fn pick(self, records: Phrase, members: Phrase, obligors: Phrase) -> Phrase {
        match self {
            Self::Records => records,
            Self::Members => members,
            Self::Obligors => obligors,
        }
    }
}

impl Speaker<'_> {
    pub(super) fn call(
        &self,
        name: &str,
        distinct: bool,
        args: &[Expr],
        filter: Option<&Expr>,
        ty: Option<ColumnType>,
    ) -> Said {
        let name_upper = upper(name);
        let word = name_upper.as_str();
        if ["SUM", "COUNT", "MIN", "MAX", "AVG", "BOOL_OR", "BOOL_AND"].contains(&word) && args.len() == 1 {
            return self.aggregate(word, distinct, &args[0], filter, ty);
        }
        let meaning = self.names.meaning(name, Place::default());
        if meaning.kind != NameKind::Unknown {
            return self.keyed(name, args);
        }
        let said = self.function(word, args, ty).map(|line| {
            let line = match filter {
                Some(filter) => self.say(Phrase::OnlyWhere, &[line, self.claim(filter).0]),
                None => line,
            };
            (line, Bind::Phrase)
        });
        said.unwrap_or_else(|| (self.say(Phrase::Call, &[Line::text(name), self.list(args, None)]), Bind::Atom))
    }

    /// A parameter and what it is looked up by.
    fn keyed(&self, name: &str, keys: &[Expr]) -> Said {
        let parts = keys.iter().map(|key| match key.kind {
            ExprKind::Text(_) | ExprKind::Number(_) => self.value(key, None).0,
            _ => self.say(Phrase::ByKey, &[self.value(key, None).0]),
        });
        let keys = Line::join(parts.collect(), self.lang().pick("、", ", "));
        (self.say(Phrase::Keyed, &[self.title(name, Place::default()), keys]), Bind::Atom)
    }

    fn list(&self, args: &[Expr], ty: Option<ColumnType>) -> Line {
        let parts = args.iter().map(|arg| self.at_least(self.value(arg, ty), Bind::Atom)).collect();
        Line::join(parts, self.lang().pick("、", ", "))
    }

    /// A function of values; none if it is not one that has words, or not with so many arguments.
    fn function(&self, word: &str, args: &[Expr], ty: Option<ColumnType>) -> Option<Line> {
        let say = |phrase: Phrase, parts: &[Line]| Some(self.say(phrase, parts));
        let unit = |arg: &Expr| self.unit(arg, ty);
        let plain = |arg: &Expr| self.at_least(self.value(arg, None), Bind::Atom);
        // Within arguments the other arguments tell the unit of a bare number.
        let own = ty.filter(|ty| *ty != ColumnType::Bool).or_else(|| args.iter().find_map(|arg| self.type_of(arg)));
        let like = |arg: &Expr| self.at_least(self.value(arg, own), Bind::Atom);
        match (word, args) {
            ("LEAST", [a, b]) => say(Phrase::LessOfTwo, &[like(a), like(b)]),
            ("GREATEST", [a, b]) => say(Phrase::GreaterOfTwo, &[like(a), like(b)]),
            ("LEAST", all) => say(Phrase::LeastOf, &[self.list(all, own)]),
            ("GREATEST", all) => say(Phrase::GreatestOf, &[self.list(all, own)]),
            ("ABS", [x]) => say(Phrase::Abs, &[unit(x)]),
            ("ROUND", [x]) if matches!(own, Some(ColumnType::Money(_))) => say(Phrase::RoundYuan, &[unit(x)]),
            ("ROUND", [x]) => say(Phrase::RoundWhole, &[unit(x)]),
            ("ROUND", [x, n]) => say(Phrase::RoundDigits, &[unit(x), plain(n)]),
            ("ROUND_TO", [x, m]) => say(Phrase::RoundTo, &[unit(x), like(m)]),
            ("ROUND_TO", [x, m, mode]) => say(rounding(mode)?, &[unit(x), like(m)]),
            ("FLOOR_TO", [x, m]) => say(Phrase::FloorTo, &[unit(x), like(m)]),
            ("CEIL_TO", [x, m]) => say(Phrase::CeilTo, &[unit(x), like(m)]),
            ("WHOLE", [x]) => say(Phrase::Whole, &[plain(x)]),
            ("WHOLE", [x, mode]) => say(rounding(mode)?, &[plain(x), Line::text("1")]),
            ("AGE", [x]) => say(Phrase::Age, &[plain(x)]),
            ("MONTHS_BETWEEN", [a, b]) => say(Phrase::MonthsBetween, &[plain(a), plain(b)]),
            ("DAYS_BETWEEN", [a, b]) => say(Phrase::DaysBetween, &[plain(a), plain(b)]),
            ("MONTH", [x]) => say(Phrase::MonthOf, &[plain(x)]),
            ("ADD_MONTHS", [x, n]) => say(Phrase::MonthsAfter, &[plain(x), plain(n)]),
            ("IN_LAST_MONTHS", [x, n]) => say(Phrase::InLastMonths, &[plain(x), plain(n), self.say(Phrase::AsOf, &[])]),
            ("IN_LAST_MONTHS", [x, n, anchor]) => say(Phrase::InLastMonths, &[plain(x), plain(n), plain(anchor)]),
            ("PER_MONTH", [x]) => say(Phrase::PerMonth, &[unit(x)]),
            ("PER_MONTH", [x, n]) => say(Phrase::PerMonthOf, &[unit(x), plain(n)]),
            ("PER_YEAR", [x]) => say(Phrase::PerYear, &[unit(x)]),
            ("OVER_MONTHS", [x, n]) => say(Phrase::OverMonths, &[unit(x), plain(n)]),
            ("SPREAD", [x, cite]) => say(Phrase::Spread, &[unit(x), self.reason(cite)]),
            ("SCALE", [x, scale]) => say(Phrase::Scale, &[unit(x), plain(scale)]),
            ("MONTH_FIRST", [x, ..]) => say(Phrase::MonthFirst, &[unit(x)]),
            ("MONTH_LAST", [x, ..]) => say(Phrase::MonthLast, &[unit(x)]),
            ("MONTH_MAX", [x, ..]) => say(Phrase::MonthMax, &[unit(x)]),
            ("MONTH_MIN", [x, ..]) => say(Phrase::MonthMin, &[unit(x)]),
            ("ASSUME", [x, value, reason]) => say(Phrase::Assume, &[like(x), like(value), self.reason(reason)]),
            _ => None,
        }
    }

    fn reason(&self, expr: &Expr) -> Line {
        match &expr.kind {
            ExprKind::Text(text) => Line::text(text.clone()),
            _ => self.value(expr, None).0,
        }
    }

    fn aggregate(&self, word: &str, distinct: bool, arg: &Expr, filter: Option<&Expr>, ty: Option<ColumnType>) -> Said {
        let over = match (whose(arg), filter.map_or(Over::Records, whose)) {
            (Over::Records, other) | (other, _) => other,
        };
        let who = filter.map(|filter| self.claim(filter).0);
        if matches!(arg.kind, ExprKind::Star(_)) {
            let said = match (&who, over) {
                (Some(who), Over::Members) => self.say(Phrase::MembersWho, std::slice::from_ref(who)),
                (Some(who), Over::Obligors) => self.say(Phrase::ObligorsWho, std::slice::from_ref(who)),
                (_, over) => self.say(over.pick(Phrase::Records, Phrase::Members, Phrase::Obligors), &[]),
            };
            return match who {
                Some(who) if over == Over::Records => (self.say(Phrase::OnlyWhere, &[said, who]), Bind::Phrase),
                Some(_) => (said, Bind::Phrase),
                None => (said, Bind::Atom),
            };
        }
        let (phrase, part) = match word {
            "BOOL_OR" => (over.pick(Phrase::AnyRecord, Phrase::AnyMember, Phrase::AnyObligor), self.any(arg)),
            "BOOL_AND" => (over.pick(Phrase::EveryRecord, Phrase::EveryMember, Phrase::EveryObligor), self.any(arg)),
            "SUM" => {
                if let (Some(who), Over::Members | Over::Obligors) = (&who, over) {
                    let phrase = over.pick(Phrase::Sum, Phrase::MemberSumWho, Phrase::ObligorSumWho);
                    return (self.say(phrase, &[self.unit(arg, ty), who.clone()]), Bind::Phrase);
                }
                (over.pick(Phrase::Sum, Phrase::MemberSum, Phrase::ObligorSum), self.unit(arg, ty))
            }
            "MIN" => (over.pick(Phrase::Least, Phrase::MemberLeast, Phrase::ObligorLeast), self.unit(arg, ty)),
            "MAX" => (over.pick(Phrase::Greatest, Phrase::MemberGreatest, Phrase::ObligorGreatest), self.unit(arg, ty)),
            "AVG" => (over.pick(Phrase::Mean, Phrase::MemberMean, Phrase::ObligorMean), self.unit(arg, ty)),
            _ if distinct => {
                (over.pick(Phrase::Distinct, Phrase::MemberDistinct, Phrase::ObligorDistinct), self.unit(arg, None))
            }
            _ => (over.pick(Phrase::Count, Phrase::MemberCount, Phrase::ObligorCount), self.unit(arg, None)),
        };
        let bind = if word.starts_with("BOOL") { Bind::Claim } else { Bind::Phrase };
        let said = self.say(phrase, &[part]);
        let only = if over == Over::Records { Phrase::OnlyWhere } else { Phrase::OnlyWho };
        match who {
            Some(who) => (self.say(only, &[said, who]), bind),
            // "The sum of X" cannot be misread beside a sign.
            None if bind == Bind::Phrase && matches!(arg.kind, ExprKind::Name(_)) => (said, Bind::Product),
            None => (said, bind),
        }
    }

    /// What any or every one must fulfil.
    fn any(&self, arg: &Expr) -> Line {
        self.at_least(self.claim(arg), Bind::Claim)
    }
}

/// The turn of phrase for a way of rounding.
fn rounding(mode: &Expr) -> Option<Phrase> {
    let ExprKind::Text(mode) = &mode.kind else { return None };
    Some(match mode.as_str() {
        "half_up" => Phrase::RoundTo,
        "half_even" => Phrase::RoundEven,
        "half_down" => Phrase::RoundHalfDown,
        "up" => Phrase::AwayTo,
        "down" => Phrase::ZeroTo,
        _ => return None,
    })
}

/// Whom the names in an expression are about.
fn whose(expr: &Expr) -> Over {
    let word = match &expr.kind {
        ExprKind::Name(parts) if parts.len() > 1 => Some(parts[0].as_str()),
        ExprKind::Star(of) => of.as_deref(),
        _ => None,
    };
    match word {
        Some("member") => Over::Members,
        Some("obligor") => Over::Obligors,
        _ => expr.children().into_iter().map(whose).find(|over| *over != Over::Records).unwrap_or(Over::Records),
    }
}
