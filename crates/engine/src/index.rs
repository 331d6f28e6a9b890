//! Where things lie in a caseload: people by case, records by person, sources by dataset. Built once per run.

use std::ops::Range;

use hedui_base::{PersonKey, Records};
use hedui_rules::Program;

use crate::input::Caseload;

/// An order over rows: as they lie, or sorted.
#[derive(Debug)]
enum Order {
    AsIs(usize),
    Sorted(Vec<u32>),
}

impl Order {
    fn by<K: Ord>(rows: usize, key: impl Fn(usize) -> K) -> Self {
        if (1..rows).all(|row| key(row - 1) <= key(row)) {
            return Self::AsIs(rows);
        }
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|row| key(*row as usize));
        Self::Sorted(order)
    }

    fn at(&self, position: usize) -> usize {
        match self {
            Self::AsIs(_) => position,
            Self::Sorted(order) => order[position] as usize,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::AsIs(rows) => *rows,
            Self::Sorted(order) => order.len(),
        }
    }

    /// First position in a range whose row does not pass; rows that pass come first.
    fn partition(&self, range: Range<usize>, passes: impl Fn(usize) -> bool) -> usize {
        let (mut lo, mut hi) = (range.start, range.end);
        while lo < hi {
            let middle = lo.midpoint(hi);
            if passes(self.at(middle)) { lo = middle + 1 } else { hi = middle }
        }
        lo
    }
}

/// One dataset of the program in the caseload.
#[derive(Debug)]
pub(crate) struct DatasetIndex<'a> {
    pub(crate) records: Option<&'a Records>,
    order: Order,
    /// Indexes into the coverage's sources that serve it.
    pub(crate) sources: Vec<u16>,
    /// Whether a pair absent from coverage counts as answered.
    pub(crate) complete: bool,
}

impl DatasetIndex<'_> {
    /// Positions of the records of people from `first` to `last`, both included.
    pub(crate) fn between(&self, first: PersonKey, last: PersonKey) -> Range<usize> {
        let Some(records) = self.records else { return 0..0 };
        let start = self.order.partition(0..self.order.len(), |row| records.person[row] < first);
        start..self.order.partition(start..self.order.len(), |row| records.person[row] <= last)
    }

    /// Rows of one person within positions that [`DatasetIndex::between`] gave.
    pub(crate) fn of(&self, person: PersonKey, within: &Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let own = self.records.map_or(0..0, |records| {
            let start = self.order.partition(within.clone(), |row| records.person[row] < person);
            start..self.order.partition(start..within.end, |row| records.person[row] <= person)
        });
        own.map(|position| self.order.at(position) as u32)
    }
}

/// Where everything of a caseload lies.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    persons: Order,
    case_of: &'a [u32],
    pub(crate) datasets: Vec<DatasetIndex<'a>>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(program: &Program, caseload: &'a Caseload) -> Self {
        let persons = &caseload.persons;
        let coverage = &caseload.coverage;
        let datasets = program.datasets.iter().map(|dataset| {
            let records = caseload.records.get(&dataset.name);
            let sources = (0u16..).zip(&coverage.sources).filter(|(_, (_, serves))| *serves == dataset.name);
            DatasetIndex {
                records,
                order: Order::by(records.map_or(0, Records::len), |row| records.map(|r| r.person[row])),
                sources: sources.map(|(i, _)| i).collect(),
                complete: coverage.complete.contains(&dataset.name),
            }
        });
        Self {
            persons: Order::by(persons.case.len(), |row| (persons.case[row], persons.key[row])),
            case_of: &persons.case,
            datasets: datasets.collect(),
        }
    }

    /// Rows of the people of some cases, by case and then person.
    pub(crate) fn persons(&self, cases: &Range<usize>) -> Vec<u32> {
        let case = |row: usize| self.case_of[row] as usize;
        let start = self.persons.partition(0..self.persons.len(), |row| case(row) < cases.start);
        let end = self.persons.partition(start..self.persons.len(), |row| case(row) < cases.end);
        (start..end).map(|position| self.persons.at(position) as u32).collect()
    }
}
