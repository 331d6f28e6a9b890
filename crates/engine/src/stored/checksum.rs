//! A short sum over records: tells whether what is read again is what was read then.

use hedui_base::columns::date_to_days;
use hedui_base::{Column, Records};
use hedui_rules::program::DatasetUse;

/// Rows of one owner in the order in which explanations list them.
pub(super) fn in_order(records: &Records, rows: &mut [u32]) {
    let key = |row: &u32| (&records.source[*row as usize], &records.record_id[*row as usize]);
    if !rows.is_sorted_by_key(key) {
        rows.sort_by(|a, b| key(a).cmp(&key(b)));
    }
}

/// The sum over the records of some owners, each's in order; never 0.
pub(super) fn checksum(dataset: &DatasetUse, records: &Records, rows: &[Vec<u32>]) -> u32 {
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    let columns: Vec<Option<&Column>> =
        dataset.columns.iter().map(|used| records.table.columns.get(&used.name)).collect();
    for (owner, rows) in rows.iter().enumerate() {
        for row in rows.iter().map(|row| *row as usize) {
            sum.number(owner as i64);
            sum.text(records.source[row].as_str());
            sum.text(&records.record_id[row]);
            sum.number(records.as_of[row].map_or(i64::MIN, date_to_days));
            for column in &columns {
                match column {
                    Some(Column::Int(values)) => sum.number(values[row].unwrap_or(i64::MIN + 1)),
                    Some(Column::Text(texts)) => sum.text(texts[row].as_deref().unwrap_or("\u{0}")),
                    None => sum.number(i64::MIN + 2),
                }
            }
        }
    }
    let folded = (sum.0 ^ (sum.0 >> 32)) as u32;
    folded.max(1)
}

/// The sum over sources and values alone.
pub(super) fn values_sum(dataset: &DatasetUse, records: &Records, rows: &[Vec<u32>]) -> u32 {
    let columns: Vec<Option<&Column>> =
        dataset.columns.iter().map(|used| records.table.columns.get(&used.name)).collect();
    let mut all = ValuesSum::default();
    for (owner, rows) in rows.iter().enumerate() {
        for row in rows.iter().map(|row| *row as usize) {
            let values = columns.iter().map(|column| match column {
                Some(Column::Int(values)) => values[row].map_or(Part::Null, Part::Int),
                Some(Column::Text(texts)) => texts[row].as_deref().map_or(Part::Null, Part::Text),
                None => Part::Null,
            });
            all.row(owner, text_sum(records.source[row].as_str()), values);
        }
    }
    all.finish()
}

/// One value of a row.
pub(super) enum Part<'v> {
    Null,
    Int(i64),
    Text(&'v str),
    /// What [`text_sum`] makes of a text.
    Sum(i64),
}

/// A sum over a text, to be made once for each word.
pub(crate) fn text_sum(text: &str) -> i64 {
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    sum.text(text);
    sum.0 as i64
}

/// The sum over one row of some: made value by value, in the order of the dataset's columns.
#[derive(Clone, Copy)]
pub(super) struct RowSum(Sum);

impl RowSum {
    pub(super) fn of(owner: usize, source: i64) -> Self {
        let mut sum = Sum(0xcbf2_9ce4_8422_2325);
        sum.number(owner as i64);
        sum.number(source);
        Self(sum)
    }

    #[inline]
    pub(super) fn value(&mut self, value: Part<'_>) {
        self.0.number(match value {
            Part::Null => i64::MIN + 1,
            Part::Int(number) => number,
            Part::Text(text) => text_sum(text),
            Part::Sum(text) => text,
        });
    }
}

/// A sum over rows in any order.
#[derive(Default)]
pub(super) struct ValuesSum(u64);

impl ValuesSum {
    pub(super) fn add(&mut self, RowSum(Sum(row)): RowSum) {
        self.0 = self.0.wrapping_add(row ^ (row >> 29));
    }

    pub(super) fn row<'v>(&mut self, owner: usize, source: i64, values: impl Iterator<Item = Part<'v>>) {
        let mut sum = RowSum::of(owner, source);
        values.for_each(|value| sum.value(value));
        self.add(sum);
    }

    pub(super) fn finish(&self) -> u32 {
        ((self.0 ^ (self.0 >> 32)) as u32).max(1)
    }
}

/// FNV-1a, eight bytes at a step.
#[derive(Clone, Copy)]
struct Sum(u64);

impl Sum {
    fn number(&mut self, number: i64) {
        self.0 = (self.0 ^ number as u64).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    fn text(&mut self, text: &str) {
        for part in text.as_bytes().chunks(8) {
            let mut eight = [0; 8];
            eight[..part.len()].copy_from_slice(part);
            self.number(i64::from_le_bytes(eight));
        }
        self.number(text.len() as i64);
    }
}
