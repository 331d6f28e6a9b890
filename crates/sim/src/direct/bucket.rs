//! One bucket of people: its households are invented, what registers say about them becomes columns, columns become files.

use hedui_base::Outcome;
use hedui_store::{BulkFile, CASES, COVERAGE_BLOCK, PEOPLE, Store, StoreError};
use jiff::Timestamp;

use super::caseload::{Cases, Counted, Inputs, People};
use super::coverage::{Asked, Coverage, Ending};
use super::fates::{ANSWERED, Fate, Fates};
use super::layout::Layout;
use super::line::Line;
use super::registers;
use super::sharing::Sharing;
use super::sources::Sources;
use super::tables::{Origin, Table};
use crate::city::{Household, Maker, Person};
use crate::truth::{Expected, Planted};

/// Snapshots that a city is written as: the answers, then twice some that came late or were corrected.
pub(super) const SNAPSHOTS: usize = 3;

/// Everything that is the same for all buckets.
pub(super) struct Ground<'a> {
    pub(super) maker: &'a Maker<'a>,
    pub(super) layout: &'a Layout,
    pub(super) sources: &'a Sources,
    /// Ids of the sources, in their order.
    pub(super) ids: Vec<Box<str>>,
    pub(super) inputs: &'a Inputs,
    pub(super) sharing: &'a Sharing,
    /// People per mille who have a source that does not answer.
    pub(super) unknown: u64,
    /// Days since 1970-01-01 of the city's day, and when the first snapshot was asked.
    pub(super) today: i64,
    pub(super) asked: Timestamp,
}

/// What writing a bucket gave.
pub(super) struct Written {
    /// Files, each with the snapshot it belongs to.
    pub(super) files: Vec<(usize, BulkFile)>,
    pub(super) truth: Vec<(Expected, bool)>,
    pub(super) planted: Vec<Planted>,
    pub(super) households: usize,
    pub(super) people: usize,
    /// People with a source that did not answer.
    pub(super) unknown: usize,
    /// Cases that share somebody with another.
    pub(super) shared: usize,
}

impl Ground<'_> {
    /// Settlements of one snapshot: each bucket, source and person has a place, asked or not.
    pub(super) fn places(&self) -> i64 {
        i64::from(self.layout.buckets()) * self.sources.all.len() as i64 * self.layout.bucket_people
    }

    fn place(&self, bucket: u32, source: usize, key: i64) -> i64 {
        let before = i64::from(bucket) * self.sources.all.len() as i64 + source as i64;
        before * self.layout.bucket_people + key % self.layout.bucket_people + 1
    }

    fn as_of(&self, source: usize) -> i64 {
        self.today - 1 - source as i64 % 5
    }

    fn asked(&self, snapshot: usize, source: usize) -> Asked {
        let later =
            jiff::SignedDuration::from_hours(36 * snapshot as i64) + jiff::SignedDuration::from_mins(source as i64);
        Asked { at: self.asked.checked_add(later).unwrap_or(self.asked), as_of: self.as_of(source) }
    }

    fn origin(&self, bucket: u32, source: usize, key: i64, snapshot: usize) -> Origin {
        let ask = self.place(bucket, source, key);
        let answer = ask + self.places() * snapshot as i64;
        Origin { person: key, source, as_of: self.as_of(source), ask, answer }
    }

    /// How the asks about a person end, by source (none if it is not asked), and whether one is no answer.
    fn fates(&self, person: &Person, is_member: bool, key: i64) -> (Vec<Option<Fate>>, bool) {
        let all = &self.sources.all;
        let seed = self.maker.options.seed;
        let asked: Vec<usize> = (0..all.len()).filter(|s| all[*s].asks(is_member, person)).collect();
        let mut fates = Fates::new(seed, key, self.unknown, &asked);
        let unencodable = encoding_rs::GBK.encode(&person.name).2;
        let mut known: Vec<Option<Fate>> = vec![None; all.len()];
        for source in asked {
            let mut fate = fates.of(seed, source);
            if unencodable && all[source].gbk {
                fate = Fate { unanswered: Some(Outcome::Unsendable), ..ANSWERED };
            }
            known[source] = Some(fate);
        }
        let unknown = known.iter().flatten().any(|fate| fate.unanswered.is_some());
        (known, unknown)
    }

    /// Writes a bucket's files.
    pub(super) fn write(&self, store: &Store, bucket: u32) -> Result<Written, StoreError> {
        let mut filling = Filling::new(self, bucket);
        let keys = self.layout.keys(bucket);
        for (index, first) in self.layout.households(keys) {
            filling.household(index, first);
        }
        for index in self.sharing.abroad(bucket) {
            let (household, expected, planted) = self.maker.household(*index);
            filling.case(*index, self.layout.people(*index).start, &household, expected, planted);
        }
        filling.finish(store)
    }
}

/// The people of a household in the order of their keys, and whether they are members.
pub(super) fn everybody(household: &Household) -> impl Iterator<Item = (&Person, bool)> {
    household.members.iter().map(|m| (m, true)).chain(household.obligors.iter().map(|o| (o, false)))
}

/// A bucket that is being filled.
struct Filling<'a> {
    ground: &'a Ground<'a>,
    bucket: u32,
    /// By snapshot, by dataset.
    tables: Vec<Vec<Table>>,
    /// By source: endings in the order of the people, with how each came about.
    endings: Vec<Vec<(Ending, Fate)>>,
    letters: Vec<Box<str>>,
    cases: Cases,
    people: People,
    line: Line,
    lines: Vec<Line>,
    written: Written,
}

impl<'a> Filling<'a> {
    fn new(ground: &'a Ground<'a>, bucket: u32) -> Self {
        let tables = || ground.sources.datasets.iter().map(Table::new).collect();
        Self {
            ground,
            bucket,
            tables: (0..SNAPSHOTS).map(|_| tables()).collect(),
            endings: ground.sources.all.iter().map(|_| Vec::new()).collect(),
            letters: Vec::new(),
            cases: Cases::new(ground.inputs),
            people: People::new(ground.inputs),
            line: Line::default(),
            lines: Vec::new(),
            written: Written {
                files: Vec::new(),
                truth: Vec::new(),
                planted: Vec::new(),
                households: 0,
                people: 0,
                unknown: 0,
                shared: 0,
            },
        }
    }

    fn household(&mut self, index: u32, first: i64) {
        let ground = self.ground;
        let (household, expected, planted) = ground.maker.household(index);
        let keys = ground.layout.keys(self.bucket);
        let letter = self.letters.len() as u32;
        self.letters.push(super::caseload::letter(&household.case).into());
        for (key, (person, is_member)) in (first..).zip(everybody(&household)) {
            if keys.contains(&key) {
                self.person(&household, person, is_member, key, letter);
            }
        }
        let own = first + everybody(&household).count() as i64 - 1;
        let largest = ground.sharing.of(index).map_or(own, |shared| shared.key.max(own));
        if ground.layout.bucket_of(own) == self.bucket && ground.layout.bucket_of(largest) == self.bucket {
            self.case(index, first, &household, expected, planted);
        }
    }

    /// The case of a household, whose largest key lies in this bucket.
    fn case(&mut self, index: u32, first: i64, household: &Household, expected: Vec<Expected>, planted: Vec<Planted>) {
        let ground = self.ground;
        let shared = ground.sharing.of(index).and_then(|shared| {
            let (home, ..) = ground.maker.household(shared.home);
            Some((shared, shared.person(&home)?, home))
        });
        let mut counted: Vec<Counted<'_>> = (first..)
            .zip(everybody(household))
            .map(|(who, (person, is_member))| Counted { who, is_member, person })
            .collect();
        let mut letters = vec![super::caseload::letter(&household.case)];
        let mut unknown = counted.iter().any(|c| ground.fates(c.person, c.is_member, c.who).1);
        if let Some((shared, person, home)) = &shared {
            counted.push(Counted { who: shared.key, is_member: shared.is_member, person });
            letters.push(super::caseload::letter(&home.case));
            let at_home = everybody(home).nth((shared.key - ground.layout.people(shared.home).start) as usize);
            unknown |= at_home.is_some_and(|(person, is_member)| ground.fates(person, is_member, shared.key).1);
        }
        counted.sort_by_key(|c| c.who);
        let largest = counted.last().map_or(first, |c| c.who);
        let position = i64::from(index);
        self.cases.push(ground.inputs, &mut self.line, household, position, largest, &letters.join(","));
        for one in counted {
            self.people.push(ground.inputs, &mut self.line, one, position, largest);
        }
        self.written.households += 1;
        self.written.shared += usize::from(shared.is_some());
        self.written.truth.extend(expected.into_iter().map(|flag| (flag, unknown)));
        self.written.planted.extend(planted);
    }

    /// Everything about one person.
    fn person(&mut self, household: &Household, person: &Person, is_member: bool, key: i64, letter: u32) {
        let ground = self.ground;
        let sources = ground.sources;
        let seed = ground.maker.options.seed;
        let (known, unknown) = ground.fates(person, is_member, key);
        let mut found = vec![false; sources.all.len()];
        let mut lines = std::mem::take(&mut self.lines);
        registers::each(sources, household, person, key, seed, &mut lines, |dataset, lines| {
            self.records(dataset, lines, key, &known, &mut found);
        });
        self.lines = lines;
        for (source, fate) in known.iter().enumerate() {
            let Some(fate) = *fate else { continue };
            let outcome = match fate.unanswered {
                Some(Outcome::Partial) if !found[source] => Outcome::Failed,
                Some(outcome) => outcome,
                None if found[source] => Outcome::Found,
                None => Outcome::NoRecord,
            };
            let origin = ground.origin(self.bucket, source, key, 0);
            let ending = Ending { person: key, letter, outcome, ask: origin.ask, answer: origin.answer };
            self.endings[source].push((ending, fate));
        }
        self.written.people += 1;
        self.written.unknown += usize::from(unknown);
    }

    /// A person's rows of one dataset, as each source that holds it answers.
    fn records(&mut self, dataset: usize, lines: &[Line], key: i64, known: &[Option<Fate>], found: &mut [bool]) {
        let ground = self.ground;
        let sources = ground.sources;
        for source in &sources.datasets[dataset].sources {
            let Some(fate) = known[*source] else { continue };
            if fate.unanswered.is_some_and(|outcome| outcome != Outcome::Partial) {
                continue;
            }
            let own = &sources.all[*source];
            let mut rows: Vec<&Line> = lines.iter().filter(|line| own.has(line)).collect();
            rows.sort_by(|a, b| a.record_id.cmp(&b.record_id));
            rows.dedup_by(|a, b| a.record_id == b.record_id);
            if fate.unanswered.is_some() {
                rows.pop();
            }
            found[*source] |= !rows.is_empty();
            for line in rows {
                let last = usize::from(fate.last);
                let origin = ground.origin(self.bucket, *source, key, last);
                self.tables[last][dataset].push(origin, line, sources, false);
                if last > 0 && !fate.late {
                    let origin = ground.origin(self.bucket, *source, key, 0);
                    self.tables[0][dataset].push(origin, line, sources, true);
                }
            }
        }
    }

    fn finish(mut self, store: &Store) -> Result<Written, StoreError> {
        let ground = self.ground;
        let (sources, ids) = (ground.sources, &ground.ids);
        for snapshot in 0..SNAPSHOTS {
            for (dataset, table) in std::mem::take(&mut self.tables[snapshot]).into_iter().enumerate() {
                if table.rows() > 0 {
                    let held = &sources.datasets[dataset];
                    let columns = table.into_columns(held, ids);
                    let file = store.write_bulk(&held.dataset.name, self.bucket, &columns)?;
                    self.written.files.push((snapshot, file));
                }
            }
            let coverage = self.coverage(snapshot);
            if coverage.rows() > 0 {
                let columns = coverage.into_columns(sources, ids, &self.letters);
                self.written.files.push((snapshot, store.write_bulk("coverage", self.bucket, &columns)?));
            }
        }
        if self.cases.rows() > 0 {
            let columns = self.cases.into_columns(ground.inputs);
            self.written.files.push((0, store.write_bulk(CASES, self.bucket, &columns)?));
            let columns = self.people.into_columns(ground.inputs);
            self.written.files.push((0, store.write_bulk(PEOPLE, self.bucket, &columns)?));
        }
        Ok(self.written)
    }

    /// The endings of a snapshot, by block of people: in the first all asks, later those whose answer came or changed.
    fn coverage(&self, snapshot: usize) -> Coverage {
        let mut coverage = Coverage::default();
        let keys = self.ground.layout.keys(self.bucket);
        let mut rest: Vec<&[(Ending, Fate)]> = self.endings.iter().map(Vec::as_slice).collect();
        let block_of = |key: i64| key / i64::from(COVERAGE_BLOCK);
        for block in block_of(keys.start)..=block_of(keys.end) {
            for (source, rest) in rest.iter_mut().enumerate() {
                let own;
                (own, *rest) = rest.split_at(rest.partition_point(|(ending, _)| block_of(ending.person) <= block));
                let asked = self.ground.asked(snapshot, source);
                for (ending, fate) in own {
                    let last = usize::from(fate.last);
                    if snapshot == 0 {
                        let outcome = if last > 0 && fate.late { Outcome::Pending } else { ending.outcome };
                        coverage.push(source, asked, Ending { outcome, ..*ending });
                    } else if last == snapshot {
                        let answer = ending.ask + self.ground.places() * snapshot as i64;
                        coverage.push(source, asked, Ending { answer, ..*ending });
                    }
                }
            }
        }
        coverage
    }
}
