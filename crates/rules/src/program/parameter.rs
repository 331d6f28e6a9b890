use std::sync::Arc;

use hedui_base::{AreaCode, ColumnType, Period};
use jiff::civil::Date;

/// A dated parameter: a table of values by area, residence and further keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Chinese title.
    pub title: String,
    /// English title, or nothing.
    pub title_en: String,
    /// Type and unit of the values.
    pub ty: ColumnType,
    /// Names of key columns beyond area, residence, from and until.
    pub keys: Vec<String>,
    /// Least and largest value it can have: what a gap lies between. None is unbounded.
    pub bounds: (Option<i64>, Option<i64>),
    /// Whether it says that something is left out of account for a time: a lint watches its end.
    pub exemption: bool,
    /// What holds where no row does.
    pub fallback: Option<Fallback>,
    /// That its rows are the brackets of a scale: the last key of each is `n+`, from where the bracket begins.
    pub scale: Option<Scale>,
    /// Rows; the checker has made sure that no two match at once with one area length.
    pub rows: Vec<ParameterRow>,
    /// File that declares it.
    pub file: String,
    /// Line in that file, from 1.
    pub line: usize,
}

/// A table of brackets, read with `SCALE(x, NAME)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scale {
    /// What a bracket's value means.
    pub kind: ScaleKind,
    /// Type of what is looked up, and of where brackets begin.
    pub of: ColumnType,
    /// Type of the result. A marginal scale's parameter has the type of its rates.
    pub result: ColumnType,
}

/// What a bracket's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScaleKind {
    /// A rate with 6 decimals for the part inside the bracket; nothing below the first. All parts are added exactly and
    /// rounded once, half away from zero.
    Marginal,
    /// The amount of the bracket that the value lies in, its lower end included.
    Single,
}

impl Scale {
    /// The type of rates.
    pub const RATE: ColumnType = ColumnType::Decimal(6);
}

/// A value taken where no row matches area and day, openly: it is reported as an assumption is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The value, in the parameter's type.
    pub value: ParameterValue,
    /// Why, as printed.
    pub reason: Arc<str>,
}

/// One row: one value with its citation.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterRow {
    /// Area and everything inside it; none means everywhere.
    pub area: Option<AreaCode>,
    /// `urban` or `rural`; none means both.
    pub residence: Option<Arc<str>>,
    /// What each further key must be.
    pub keys: Vec<KeyMatch>,
    /// First day.
    pub from: Date,
    /// Last day; none means until further notice.
    pub until: Option<Date>,
    /// The value as published; [`Parameter::read`] gives it in the parameter's type.
    pub value: RowValue,
    /// What is added for each unit beyond the beginning of the row's open range, as published: `8+` and 100 is
    /// 300 more for 11.
    pub each: Option<i64>,
    /// The period it was published for, if not the parameter's own: converted once, half away from zero.
    pub per: Option<Period>,
    /// Last day on which somebody vouches for it; a lint speaks up after that.
    pub confirm_by: Option<Date>,
    /// Where it was published.
    pub cite: String,
    /// File within the pack.
    pub file: String,
    /// Line in that file, from 1.
    pub line: usize,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowValue {
    /// A value.
    Known(ParameterValue),
    /// A declared gap: a source leaves the value open, for this reason if one is given.
    Gap(Arc<str>),
    /// There is none, such as a deduction without a cap.
    Nothing,
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterValue {
    /// A number, date or boolean in the type's scale.
    Int(i64),
    /// A text or code.
    Text(Arc<str>),
}

/// What a key column of a row accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMatch {
    /// Anything (an empty cell).
    Any,
    /// A whole number within bounds, both included.
    Range(i64, i64),
    /// Exactly this text.
    Text(Arc<str>),
}

/// A value to look a row up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValue<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl ParameterRow {
    /// A row that holds everywhere, for all keys, until further notice.
    #[must_use]
    pub fn new(from: Date, value: ParameterValue, cite: impl Into<String>) -> Self {
        Self {
            area: None,
            residence: None,
            keys: Vec::new(),
            from,
            until: None,
            value: RowValue::Known(value),
            each: None,
            per: None,
            confirm_by: None,
            cite: cite.into(),
            file: String::new(),
            line: 0,
        }
    }

    /// The key column with an open range such as `8+`, and where that begins.
    #[must_use]
    pub fn open_key(&self) -> Option<(usize, i64)> {
        self.keys.iter().enumerate().find_map(|(index, key)| match key {
            KeyMatch::Range(from, i64::MAX) => Some((index, *from)),
            _ => None,
        })
    }

    /// Whether it is a declared gap.
    #[must_use]
    pub const fn is_gap(&self) -> bool {
        matches!(self.value, RowValue::Gap(_))
    }

    /// Whether it holds on a day.
    #[must_use]
    pub fn holds_on(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

impl Parameter {
    /// A parameter without keys, bounds and fallback.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>, ty: ColumnType, rows: Vec<ParameterRow>) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            title_en: String::new(),
            ty,
            keys: Vec::new(),
            bounds: (None, None),
            exemption: false,
            fallback: None,
            scale: None,
            rows,
            file: String::new(),
            line: 0,
        }
    }

    /// A row's number in the parameter's type, so many units beyond the beginning of its open range; none if it is no
    /// known number or leaves 64 bits.
    #[must_use]
    pub fn read(&self, row: &ParameterRow, beyond: i64) -> Option<i64> {
        let RowValue::Known(ParameterValue::Int(value)) = row.value else { return None };
        let total = i128::from(value) + i128::from(beyond) * i128::from(row.each.unwrap_or(0));
        let converted = match (row.per, self.ty) {
            (Some(Period::Year), ColumnType::Money(Period::Month)) => round_div(total, 12),
            (Some(Period::Month), ColumnType::Money(Period::Year)) => total * 12,
            _ => total,
        };
        i64::try_from(converted).ok()
    }

    /// The type of a row's value as it was published.
    #[must_use]
    pub const fn published_type(&self, row: &ParameterRow) -> ColumnType {
        match row.per {
            Some(period) => ColumnType::Money(period),
            None => self.ty,
        }
    }

    /// The brackets of a scale in force on a day, by whom and where they hold; each list in order of where they begin.
    #[must_use]
    pub fn brackets(&self, day: Date) -> Vec<Vec<(i64, &ParameterRow)>> {
        let mut groups: Vec<Vec<(i64, &ParameterRow)>> = Vec::new();
        for row in self.rows.iter().filter(|row| row.holds_on(day)) {
            let Some((KeyMatch::Range(over, _), keys)) = row.keys.split_last() else { continue };
            let same = |group: &&mut Vec<(i64, &ParameterRow)>| {
                let first = group[0].1;
                let others = &first.keys[..first.keys.len() - 1];
                first.area == row.area && first.residence == row.residence && others == keys
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push((*over, row)),
                None => groups.push(vec![(*over, row)]),
            }
        }
        groups.iter_mut().for_each(|group| group.sort_by_key(|(over, _)| *over));
        groups
    }

    /// The row in force on a day for an area and residence: the one with the longest area.
    ///
    /// `None` is an error of the pack or of the case, never zero.
    #[must_use]
    pub fn lookup(
        &self,
        area: AreaCode,
        residence: Option<&str>,
        keys: &[KeyValue<'_>],
        day: Date,
    ) -> Option<&ParameterRow> {
        self.rows
            .iter()
            .filter(|row| {
                row.area.is_none_or(|a| area.is_within(a))
                    && row.residence.as_deref().is_none_or(|r| residence == Some(r))
                    && row.holds_on(day)
                    && row.keys.iter().zip(keys).all(|(m, k)| m.accepts(k))
            })
            .max_by_key(|row| (row.area.map_or(0, AreaCode::depth), row.residence.is_some()))
    }
}

impl KeyMatch {
    /// Whether a value passes.
    #[must_use]
    pub fn accepts(&self, value: &KeyValue<'_>) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Range(lo, hi), KeyValue::Int(v)) => (lo..=hi).contains(&v),
            (Self::Text(t), KeyValue::Text(v)) => **t == **v,
            _ => false,
        }
    }
}

/// Half away from zero, by a positive number.
const fn round_div(a: i128, b: i128) -> i128 {
    (a.abs() * 2 + b) / (b * 2) * a.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_increment_is_added_before_the_yearly_sum_is_divided_once() {
        let from = jiff::civil::date(2026, 1, 1);
        let mut row = ParameterRow::new(from, ParameterValue::Int(100_007), "[test]");
        row.keys = vec![KeyMatch::Range(8, i64::MAX)];
        row.each = Some(2_003);
        row.per = Some(Period::Year);
        let parameter = Parameter::new("standard", "标准", ColumnType::Money(Period::Month), vec![]);
        assert_eq!(row.open_key(), Some((0, 8)));
        assert_eq!(parameter.read(&row, 0), Some(8_334), "8333.92 fen");
        assert_eq!(parameter.read(&row, 3), Some(8_835), "(100007 + 6009) / 12 = 8834.67, not three rounded twelfths");
        row.value = RowValue::Known(ParameterValue::Int(-18));
        row.each = None;
        assert_eq!(parameter.read(&row, 0), Some(-2), "-1.5 rounds away from zero");
        row.value = RowValue::Gap("".into());
        assert_eq!(parameter.read(&row, 0), None);
    }
}
