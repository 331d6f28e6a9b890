//! Columns by name: where each stands, which stand twice, and what a month's columns add.

use std::collections::HashMap;

use crate::convert::Cell;

/// The names of a table's columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    index: HashMap<String, usize>,
    twice: HashMap<String, (usize, usize)>,
    /// Columns whose one value stands in the header: the month of a month's columns.
    given: HashMap<String, Cell>,
    /// The cells that make a row of this header; all empty means that there is none. Empty for ordinary headers.
    values: Vec<usize>,
}

/// Where a column stands.
pub(crate) enum Column<'a> {
    At(usize),
    Given(&'a Cell),
    Missing,
}

impl Header {
    /// Names in order; empty ones are nobody's.
    pub(crate) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut header = Self::default();
        for (at, name) in names.into_iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            header.add(name, at);
        }
        header
    }

    pub(super) fn add(&mut self, name: &str, at: usize) {
        match self.index.get(name) {
            Some(first) => {
                let first = *first;
                self.twice.entry(name.to_owned()).or_insert((first, at));
            }
            None => {
                self.index.insert(name.to_owned(), at);
            }
        }
    }

    /// A month's header: this one, with the month's name and its own columns.
    pub(super) fn of_month(&self, month: &str, text: &str, values: &[(String, usize)]) -> Self {
        let mut header = self.clone();
        header.given.insert(month.to_owned(), Cell::text(text));
        for (name, at) in values {
            header.add(name, *at);
            header.values.push(*at);
        }
        header
    }

    pub(crate) fn column(&self, name: &str) -> Column<'_> {
        if let Some(cell) = self.given.get(name) {
            return Column::Given(cell);
        }
        // Of two columns of one name none is the one that is meant.
        match self.index.get(name) {
            Some(at) if !self.twice.contains_key(name) => Column::At(*at),
            _ => Column::Missing,
        }
    }

    /// Where a column stands in the file.
    pub(crate) fn at(&self, name: &str) -> Option<usize> {
        match self.column(name) {
            Column::At(at) => Some(at),
            _ => None,
        }
    }

    /// What is wrong with a column that is needed, if anything.
    pub(crate) fn lacks(&self, name: &str) -> Option<String> {
        self.doubled(name)
            .or_else(|| matches!(self.column(name), Column::Missing).then(|| format!("column `{name}` is missing")))
    }

    /// What is wrong with a column that may be missing, but must not stand twice.
    pub(crate) fn doubled(&self, name: &str) -> Option<String> {
        let (first, second) = self.twice.get(name)?;
        Some(format!("columns {} and {} are both `{name}`", letters(*first), letters(*second)))
    }

    /// A column as places name it: ` column C (金额)`.
    pub(crate) fn shown(&self, name: &str) -> String {
        match self.column(name) {
            Column::At(at) => format!(" column {} ({name})", letters(at)),
            Column::Given(_) | Column::Missing => format!(" column ({name})"),
        }
    }

    /// Whether a row says anything under this header.
    pub(super) fn has_row(&self, cells: &[Option<Cell>]) -> bool {
        self.values.is_empty()
            || self.values.iter().any(|at| cells.get(*at).and_then(Option::as_ref).is_some_and(|c| !c.text.is_empty()))
    }
}

/// A column as spreadsheets call it: 0 is A, 26 is AA.
pub(crate) fn letters(column: usize) -> String {
    let mut left = column + 1;
    let mut text = Vec::new();
    while left > 0 {
        text.push(b'A' + u8::try_from((left - 1) % 26).unwrap_or(0));
        left = (left - 1) / 26;
    }
    text.reverse();
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_called_as_spreadsheets_call_them() {
        let shown: Vec<String> = [0, 25, 26, 51, 701, 702, 16_383].into_iter().map(letters).collect();
        assert_eq!(shown, ["A", "Z", "AA", "AZ", "ZZ", "AAA", "XFD"]);
    }

    #[test]
    fn a_name_that_stands_twice_is_nowhere() {
        let header = Header::new(["户号", "金额", "", "金额"]);
        assert_eq!(header.at("户号"), Some(0));
        assert_eq!(header.at("金额"), None);
        assert_eq!(header.lacks("金额").as_deref(), Some("columns B and D are both `金额`"));
        assert_eq!(header.lacks("地址").as_deref(), Some("column `地址` is missing"));
    }
}
