//! The live records of one dataset in one bucket, in the order of their people.

use hedui_engine::packed::{PackedColumn, Words};
use hedui_rules::program::{DatasetUse, Entity};
use hedui_store::{Scan, Snapshot};

use super::coverage::Outcomes;
use super::sources::Sources;
use super::table::{Columns, ints, packed, taken, words};
use crate::VerifyError;

/// Records of the people of a bucket.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Where each person's rows start; empty if there are no rows.
    pub(super) start: Vec<u32>,
    pub(super) columns: Vec<Option<PackedColumn>>,
    pub(super) source: Vec<u16>,
    /// Row in the bucket's files, by row; none if they are the same.
    pub(super) raw: Option<Vec<u32>>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.source.len()
    }

    /// Rows of a person of the bucket.
    pub(super) fn of(&self, person: usize) -> std::ops::Range<usize> {
        match self.start.get(person..person + 2) {
            Some([from, to]) => *from as usize..*to as usize,
            _ => 0..0,
        }
    }

    /// The row in the bucket's files.
    pub(super) fn raw(&self, row: usize) -> u32 {
        self.raw.as_ref().map_or(row as u32, |raw| raw[row])
    }

    /// Reads what a program uses of a dataset.
    pub(super) fn read(
        snapshot: &Snapshot,
        bucket: u32,
        (first, people): (i64, usize),
        dataset: &DatasetUse,
        outcomes: &Outcomes,
        sources: &mut Sources,
        all: &mut Words,
    ) -> Result<Self, VerifyError> {
        let nothing = Self { columns: dataset.columns.iter().map(|_| None).collect(), ..Self::default() };
        // No institution sends records of a household as such.
        if dataset.entity == Entity::Household || !snapshot.has_rows(&dataset.name, bucket) {
            return Ok(nothing);
        }
        let serving = (0u32..).zip(sources.known()).filter(|(_, source)| source.dataset.name == dataset.name);
        let strays = sources.known().len() as u32..sources.len() as u32;
        let look = outcomes.any_superseded(serving.map(|(at, _)| at).chain(strays));
        let mut names = vec!["person", "source"];
        if look {
            names.push("answer");
        }
        let there: Vec<bool> = dataset.columns.iter().map(|c| snapshot.has_column(&dataset.name, &c.name)).collect();
        names.extend(dataset.columns.iter().zip(&there).filter(|(_, there)| **there).map(|(c, _)| c.name.as_str()));
        let Scan { rows, columns, .. } = snapshot.scan(&dataset.name, bucket, &names)?;
        let mut columns = Columns::new(columns);
        let person = ints(columns.next())?.0;
        let (source, source_words) = words(columns.next())?;
        let number: Vec<u16> = source_words.iter().map(|word| sources.number(word)).collect();
        let source: Vec<u16> = source.into_iter().map(|word| number[word as usize]).collect();
        let answer = if look { ints(columns.next())?.0 } else { Vec::new() };
        let mut read = Vec::with_capacity(there.len());
        for there in &there {
            read.push(match (there, if *there { columns.next() } else { None }) {
                (true, Some(column)) => Some(packed(column, all)),
                _ => None,
            });
        }
        let mut order: Option<Vec<u32>> = None;
        if look {
            let live = |row: &u32| {
                let row = *row as usize;
                outcomes.is_live(u32::from(source[row]), (person[row] - first) as usize, answer[row])
            };
            let rows: Vec<u32> = (0..rows as u32).filter(live).collect();
            if rows.len() < person.len() {
                order = Some(rows);
            }
        }
        if !person.is_sorted() {
            let mut rows = order.unwrap_or_else(|| (0..rows as u32).collect());
            // All rows of a person and source come from one file, where they lie in the order of their keys.
            let mut by_name: Vec<u16> = (0..sources.len() as u16).collect();
            by_name.sort_by_key(|source| &sources.ids()[usize::from(*source)]);
            let mut rank = vec![0u16; by_name.len()];
            (0u16..).zip(&by_name).for_each(|(at, source)| rank[usize::from(*source)] = at);
            rows.sort_by_key(|row| (person[*row as usize], rank[usize::from(source[*row as usize])]));
            order = Some(rows);
        }
        let mut start = vec![0u32; people + 1];
        let mut count = |row: usize| start[(person[row] - first) as usize + 1] += 1;
        match &order {
            None => (0..rows).for_each(&mut count),
            Some(order) => order.iter().for_each(|row| count(*row as usize)),
        }
        for at in 0..people {
            start[at + 1] += start[at];
        }
        let (columns, source) = match &order {
            None => (read, source),
            Some(order) => (
                read.iter().map(|column| column.as_ref().map(|column| taken(column, order))).collect(),
                order.iter().map(|row| source[*row as usize]).collect(),
            ),
        };
        Ok(Self { start, columns, source, raw: order })
    }
}
