//! Results in the order of the buckets, whoever computed them: a thread that completes a group of buckets encodes it, and
//! the files take the groups in turn. No thread waits for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hedui_rules::Program;

use super::load::PairCounts;
use super::write::{Encoded, Files, Layouts};
use super::{BatchSummary, CaseFailure, Part};
use crate::compare::tally::FindingTally;
use crate::kept::{KeptEncoded, KeptRows, KeptShape, KeptStream};
use crate::{Event, Progress, VerifyError};

/// Cases of a row group at least: fewer make the file's directory large, more take memory.
const GROUP: usize = 1 << 15;

/// Takes computed buckets in any order and writes their results in the order of the buckets.
pub(super) struct Turns<'t> {
    layouts: Layouts,
    kept: Option<KeptShape>,
    programs: &'t [Arc<Program>],
    progress: &'t dyn Progress,
    /// Cases in all.
    total: usize,
    gather: Mutex<Gather>,
    output: Mutex<Output>,
}

/// Buckets that wait for earlier ones.
struct Gather {
    buckets: usize,
    waiting: BTreeMap<usize, Vec<Part>>,
    /// The bucket that comes next.
    next: usize,
    group: Vec<Vec<Part>>,
    cases: usize,
    /// Groups that were given out.
    groups: usize,
}

/// Groups that wait for earlier ones, and what has been written.
struct Output {
    waiting: BTreeMap<usize, Group>,
    next: usize,
    written: Written,
    done: usize,
}

/// All that is written of a batch.
pub(super) struct Written {
    pub(super) files: Files,
    pub(super) kept: Option<KeptStream>,
    pub(super) tally: FindingTally,
    pub(super) pairs: PairCounts,
    pub(super) summary: BatchSummary,
}

/// Some buckets, encoded.
struct Group {
    rows: Encoded,
    kept: Option<KeptEncoded>,
    tally: FindingTally,
    pairs: PairCounts,
    failures: Vec<CaseFailure>,
    people: usize,
    cases: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'t> Turns<'t> {
    pub(super) fn new(
        layouts: Layouts,
        written: Written,
        programs: &'t [Arc<Program>],
        (buckets, total): (usize, usize),
        progress: &'t dyn Progress,
    ) -> Self {
        let gather = Gather { buckets, waiting: BTreeMap::new(), next: 0, group: Vec::new(), cases: 0, groups: 0 };
        let kept = written.kept.as_ref().map(KeptStream::shape);
        let output = Output { waiting: BTreeMap::new(), next: 0, written, done: 0 };
        Self { layouts, kept, programs, progress, total, gather: Mutex::new(gather), output: Mutex::new(output) }
    }

    /// Takes a computed bucket.
    pub(super) fn take(&self, bucket: usize, parts: Vec<Part>) -> Result<(), VerifyError> {
        let mut ready = Vec::new();
        {
            let mut gather = lock(&self.gather);
            gather.waiting.insert(bucket, parts);
            loop {
                let next = gather.next;
                let Some(parts) = gather.waiting.remove(&next) else { break };
                gather.next += 1;
                gather.cases += parts.iter().map(|part| part.loaded.packed.cases.id.len()).sum::<usize>();
                gather.group.push(parts);
                if gather.cases >= GROUP || gather.next == gather.buckets {
                    ready.push((gather.groups, std::mem::take(&mut gather.group)));
                    gather.groups += 1;
                    gather.cases = 0;
                }
            }
        }
        for (nth, buckets) in ready {
            let group = self.encoded(buckets)?;
            let mut output = lock(&self.output);
            output.waiting.insert(nth, group);
            loop {
                let next = output.next;
                let Some(group) = output.waiting.remove(&next) else { break };
                output.next += 1;
                output.done += group.cases;
                output.written.add(group)?;
                self.progress.event(Event::Compared { done: output.done, total: self.total });
            }
        }
        Ok(())
    }

    /// What was written, once every bucket was taken.
    pub(super) fn finish(self) -> Written {
        self.output.into_inner().unwrap_or_else(PoisonError::into_inner).written
    }

    fn encoded(&self, mut buckets: Vec<Vec<Part>>) -> Result<Group, VerifyError> {
        let rows = self.layouts.encode(&buckets)?;
        let mut kept = self.kept.as_ref().map(KeptShape::rows);
        let (mut tally, mut pairs) = (FindingTally::new(self.programs), PairCounts::new());
        let (mut failures, mut people, mut cases) = (Vec::new(), 0, 0);
        for part in buckets.iter_mut().flatten() {
            let program = &self.programs[part.loaded.program];
            let packed = &part.loaded.packed;
            cases += packed.cases.id.len();
            people += packed.persons.key.len();
            for (source, counts) in &part.loaded.counts {
                add(pairs.entry(*source).or_default(), counts);
            }
            for found in &mut part.concluded {
                tally.add_all(program, found);
                failures
                    .extend(found.errors.iter().map(|e| CaseFailure { case: e.case.clone(), reason: e.to_string() }));
                if let Some(kept) = &mut kept {
                    for (case, bytes) in found.case.iter().zip(std::mem::take(&mut found.kept)) {
                        kept.add(program, &packed.cases.id[*case as usize], bytes);
                    }
                }
            }
        }
        let kept = kept.map(KeptRows::encoded).transpose()?;
        Ok(Group { rows, kept, tally, pairs, failures, people, cases })
    }
}

impl Written {
    fn add(&mut self, group: Group) -> Result<(), VerifyError> {
        self.files.append(group.rows)?;
        if let (Some(kept), Some(rows)) = (&mut self.kept, group.kept) {
            kept.append(rows)?;
        }
        self.tally.merge(group.tally);
        for (source, counts) in &group.pairs {
            add(self.pairs.entry(*source).or_default(), counts);
        }
        self.summary.failures.extend(group.failures);
        self.summary.people += group.people;
        Ok(())
    }
}

fn add(all: &mut [usize; 10], own: &[usize; 10]) {
    all.iter_mut().zip(own).for_each(|(all, own)| *all += own);
}
