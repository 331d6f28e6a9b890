//! The evidence of raised flags, spelled out: `dataset|source|record|day`. Only now are the columns read that say so.

use std::collections::BTreeMap;

use hedui_base::columns::days_to_date;
use hedui_engine::concluded::{Concluded, RaisedRow};
use hedui_rules::Program;
use hedui_rules::program::DatasetId;
use hedui_store::{Scan, Snapshot};

use super::load::Loaded;
use super::table::{Columns, ints, words};
use crate::VerifyError;

/// Source, record and day of some rows of a dataset in a bucket.
struct Names {
    /// Rows in the files of the bucket, ascending.
    rows: Vec<u32>,
    source: Vec<u32>,
    sources: Vec<Box<str>>,
    record: Vec<u32>,
    records: Vec<Box<str>>,
    day: Vec<i64>,
    has_day: Vec<bool>,
}

impl Names {
    fn read(snapshot: &Snapshot, dataset: &str, bucket: u32, mut rows: Vec<u32>) -> Result<Self, VerifyError> {
        rows.sort_unstable();
        rows.dedup();
        let Scan { columns, .. } = snapshot.pick(dataset, bucket, &["source", "record_id", "as_of"], &rows)?;
        let mut columns = Columns::new(columns);
        let (source, sources) = words(columns.next())?;
        let (record, records) = words(columns.next())?;
        let (day, has_day) = ints(columns.next())?;
        Ok(Self { rows, source, sources, record, records, day, has_day })
    }

    fn of(&self, row: u32) -> (&str, &str, Option<jiff::civil::Date>) {
        let row = self.rows.partition_point(|own| *own < row);
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
    fn of(&self, program: &Program, loaded: &Loaded, raised: &RaisedRow) -> String {
        let place = |(dataset, row): &(DatasetId, u32)| {
            let (bucket, row) = loaded.origins[dataset.index()].of(self.bucket, *row);
            ((dataset.index(), bucket), row)
        };
        let places = raised.evidence.iter().map(place);
        let mut named: Vec<_> = places.filter_map(|(key, row)| Some((key.0, self.read.get(&key)?.of(row)))).collect();
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
        text
    }

    /// The evidence of all flags of a part, in their order.
    pub(super) fn all(
        &mut self,
        program: &Program,
        loaded: &Loaded,
        concluded: &[Concluded],
    ) -> Result<Vec<String>, VerifyError> {
        let raised = || concluded.iter().flat_map(|found| &found.flags);
        let mut needed: BTreeMap<(usize, u32), Vec<u32>> = BTreeMap::new();
        for (dataset, row) in raised().flat_map(|raised| &raised.evidence) {
            let (bucket, row) = loaded.origins[dataset.index()].of(self.bucket, *row);
            needed.entry((dataset.index(), bucket)).or_default().push(row);
        }
        self.read.clear();
        for ((dataset, bucket), rows) in needed {
            let names = Names::read(self.snapshot, &program.datasets[dataset].name, bucket, rows)?;
            self.read.insert((dataset, bucket), names);
        }
        Ok(raised().map(|raised| self.of(program, loaded, raised)).collect())
    }
}
