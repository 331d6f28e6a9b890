//! The evidence of raised flags, spelled out: `dataset|source|record|day`. Only now are the columns read that say so.

use std::collections::BTreeMap;

use hedui_base::columns::days_to_date;
use hedui_engine::concluded::{Concluded, RaisedRow};
use hedui_rules::Program;
use hedui_store::{Scan, Snapshot};

use super::load::Loaded;
use super::table::{Columns, ints, words};
use crate::VerifyError;

/// Source, record and day of the rows of a dataset in a bucket.
struct Names {
    source: Vec<u32>,
    sources: Vec<Box<str>>,
    record: Vec<u32>,
    records: Vec<Box<str>>,
    day: Vec<i64>,
    has_day: Vec<bool>,
}

impl Names {
    fn read(snapshot: &Snapshot, dataset: &str, bucket: u32) -> Result<Self, VerifyError> {
        let Scan { columns, .. } = snapshot.scan(dataset, bucket, &["source", "record_id", "as_of"])?;
        let mut columns = Columns::new(columns);
        let (source, sources) = words(columns.next())?;
        let (record, records) = words(columns.next())?;
        let (day, has_day) = ints(columns.next())?;
        Ok(Self { source, sources, record, records, day, has_day })
    }

    fn of(&self, row: u32) -> (&str, &str, Option<jiff::civil::Date>) {
        let row = row as usize;
        let day = (self.has_day.get(row) != Some(&false)).then(|| days_to_date(self.day[row])).flatten();
        let source = self.sources.get(self.source[row] as usize).map_or("", |source| source);
        (source, self.records.get(self.record[row] as usize).map_or("", |record| record), day)
    }
}

/// What raised flags rest on, in the order of the flags.
pub(super) struct Evidence<'e> {
    pub(super) snapshot: &'e Snapshot,
    pub(super) bucket: u32,
    read: BTreeMap<(usize, u32), Names>,
}

impl<'e> Evidence<'e> {
    pub(super) fn new(snapshot: &'e Snapshot, bucket: u32) -> Self {
        Self { snapshot, bucket, read: BTreeMap::new() }
    }

    /// The evidence of one flag.
    fn of(&mut self, program: &Program, loaded: &Loaded, raised: &RaisedRow) -> Result<String, VerifyError> {
        let mut rows = Vec::with_capacity(raised.evidence.len());
        for (dataset, row) in &raised.evidence {
            let (bucket, row) = loaded.origins[dataset.index()].of(self.bucket, *row);
            let key = (dataset.index(), bucket);
            if !self.read.contains_key(&key) {
                let names = Names::read(self.snapshot, &program.datasets[dataset.index()].name, bucket)?;
                self.read.insert(key, names);
            }
            rows.push((key, row));
        }
        let mut named: Vec<_> = rows.iter().map(|(key, row)| (key.0, self.read[key].of(*row))).collect();
        named.sort_unstable();
        named.dedup();
        let mut text = String::new();
        for (dataset, (source, record, day)) in named {
            if !text.is_empty() {
                text.push(';');
            }
            text.push_str(&program.datasets[dataset].name);
            for part in [source, record] {
                text.push('|');
                text.push_str(part);
            }
            text.push('|');
            if let Some(day) = day {
                text.push_str(&day.to_string());
            }
        }
        Ok(text)
    }

    /// The evidence of all flags of a part, in their order.
    pub(super) fn all(
        &mut self,
        program: &Program,
        loaded: &Loaded,
        concluded: &[Concluded],
    ) -> Result<Vec<String>, VerifyError> {
        self.read.clear();
        concluded.iter().flat_map(|found| &found.flags).map(|raised| self.of(program, loaded, raised)).collect()
    }
}
