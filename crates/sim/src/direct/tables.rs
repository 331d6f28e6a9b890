//! The records of one bucket of people, dataset by dataset, as columns.

use hedui_base::ColumnType;
use hedui_store::{BulkColumn, Ints, Texts};

use super::line::{Cell, Line};
use super::sources::{Held, Sources};

/// Who, where from and which answer: what every record begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) person: i64,
    pub(super) source: usize,
    pub(super) as_of: i64,
    pub(super) ask: i64,
    pub(super) answer: i64,
}

/// One dataset's records.
#[derive(Debug, Default)]
pub(super) struct Table {
    person: Ints,
    source: Vec<u32>,
    record_id: Texts,
    as_of: Ints,
    ask: Ints,
    answer: Ints,
    own: Vec<BulkColumn>,
}

impl Table {
    pub(super) fn new(held: &Held) -> Self {
        let empty = |ty: &ColumnType| {
            if ty.is_int() { BulkColumn::Ints(Ints::default()) } else { BulkColumn::Texts(Texts::default()) }
        };
        Self { own: held.columns.types.iter().map(empty).collect(), ..Self::default() }
    }

    pub(super) fn rows(&self) -> usize {
        self.source.len()
    }

    /// Adds a row. An older answer, since corrected, had another first amount.
    pub(super) fn push(&mut self, origin: Origin, line: &Line, sources: &Sources, older: bool) {
        self.person.push(Some(origin.person));
        self.source.push(origin.source as u32);
        self.record_id.push(Some(&line.record_id));
        self.as_of.push(Some(origin.as_of));
        self.ask.push(Some(origin.ask));
        self.answer.push(Some(origin.answer));
        let source = &sources.all[origin.source];
        let types = &sources.datasets[source.dataset].columns.types;
        let mut to_change = older;
        for (at, (cell, column)) in line.cells.iter().zip(&mut self.own).enumerate() {
            let cell = if source.fills(at) { cell } else { &Cell::Null };
            match (column, cell) {
                (BulkColumn::Ints(ints), Cell::Int(value)) => {
                    let earlier = to_change && matches!(types[at], ColumnType::Money(_));
                    to_change &= !earlier;
                    ints.push(Some(if earlier { value / 2 } else { *value }));
                }
                (BulkColumn::Texts(texts), Cell::Text(range)) => texts.push(Some(line.text(range))),
                (BulkColumn::Ints(ints), _) => ints.push(None),
                (BulkColumn::Texts(texts), _) => texts.push(None),
                (BulkColumn::IntRuns(_) | BulkColumn::TextRuns(..), _) => {}
            }
        }
    }

    /// The columns by name.
    pub(super) fn into_columns<'a>(self, held: &'a Held, ids: &[Box<str>]) -> Vec<(&'a str, BulkColumn)> {
        let mut columns: Vec<(&str, BulkColumn)> = vec![
            ("person", BulkColumn::Ints(self.person)),
            ("source", BulkColumn::Texts(coded(ids, self.source))),
            ("record_id", BulkColumn::Texts(self.record_id)),
            ("as_of", BulkColumn::Ints(self.as_of)),
            ("ask", BulkColumn::Ints(self.ask)),
            ("answer", BulkColumn::Ints(self.answer)),
        ];
        columns.extend(held.columns.names.iter().map(String::as_str).zip(self.own));
        columns
    }
}

/// Codes of a long list of words, most of which do not occur, as those of the words that do.
pub(super) fn coded(words: &[Box<str>], codes: Vec<u32>) -> Texts {
    let mut kept = vec![u32::MAX; words.len()];
    let mut list = Vec::new();
    for code in &codes {
        if let Some(slot) = kept.get_mut(*code as usize)
            && *slot == u32::MAX
        {
            *slot = list.len() as u32;
            list.push(words[*code as usize].clone());
        }
    }
    Texts::coded(list, codes.iter().map(|code| kept.get(*code as usize).copied().unwrap_or(u32::MAX)))
}
