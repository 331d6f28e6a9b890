//! A batch over the cases that lie in the store itself: bucket after bucket, on as many threads as there are, in memory that
//! does not grow with their number.
//!
//! A case is computed in the bucket of the largest key among its people; findings come in that order, whatever the
//! buckets, threads and slices.

mod carry;
mod coverage;
mod evidence;
mod load;
mod rows;
mod sources;
mod table;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use hedui_base::AreaCode;
use hedui_engine::concluded::{Concluded, Runner};
use hedui_engine::packed::Words;
use hedui_engine::stored::{StoredSetting, Sums};
use hedui_rules::Program;
use hedui_store::{CASES, PEOPLE, Snapshot};
use jiff::civil::Date;

use self::carry::Exchange;
use self::evidence::Evidence;
use self::load::{Loaded, PairCounts, Setting, load};
use self::sources::Sources;
use self::table::{Columns, ints, words};
use self::write::{Files, FlagRow, Sparse};
use super::tally::FindingTally;
use super::{BatchSummary, CaseFailure, SourceTotal};
use crate::kept::{KeptOrigin, KeptStream};
use crate::{Event, Progress, VerifyError, Workspace};

/// Cases of a slice: their columns stay in cache.
const SLICE: usize = 512;

/// What to run.
pub(super) struct Job<'j> {
    pub(super) ws: &'j Workspace,
    pub(super) snapshot: &'j Snapshot,
    pub(super) as_of: Date,
    pub(super) threads: usize,
    /// Whether to keep what explains each case later.
    pub(super) explain: bool,
    pub(super) out: &'j Path,
    pub(super) progress: &'j dyn Progress,
}

/// Whether the cases of a data folder lie in its store.
pub(super) fn has_cases(snapshot: &Snapshot) -> bool {
    !snapshot.buckets(CASES).is_empty()
}

/// One bucket, computed.
struct Done {
    bucket: usize,
    parts: Vec<(Loaded, Vec<Concluded>, Vec<String>)>,
}

/// Compares all cases of the store and writes the result files. Blocking.
pub(super) fn run(job: &Job<'_>) -> Result<BatchSummary, VerifyError> {
    let survey = Survey::of(job)?;
    let Survey { programs, program_of, exchange, buckets, cases: total } = &survey;
    let words: Vec<Words> = programs.iter().map(|program| Words::of(program)).collect();
    let kept_setting = StoredSetting {
        sources: job.ws.registry().iter().map(|source| (source.id.clone(), source.dataset.name.clone())).collect(),
        sums: Sums::Values,
        ..StoredSetting::default()
    };
    let runner = |program| {
        let runner = Runner::new(program, job.as_of);
        if job.explain { runner.keeping(kept_setting.clone()) } else { runner }
    };
    let runners: Vec<Runner<'_>> = programs.iter().map(|program| runner(program)).collect();
    let setting = Setting { snapshot: job.snapshot, programs, program_of, words: &words, exchange, keep: job.explain };
    let sources = Sources::new(job.ws.registry());
    let mut summary = BatchSummary {
        as_of: Some(job.as_of),
        known_at: Some(job.snapshot.known_at()),
        findings_file: job.out.join("findings.parquet"),
        flags_file: job.out.join("flags.parquet"),
        ..BatchSummary::default()
    };
    let known_at = Some(job.snapshot.known_at());
    let mut files = Files::create((&summary.findings_file, &summary.flags_file), programs, job.as_of, known_at)?;
    let mut kept = None;
    if job.explain {
        let data = std::path::absolute(job.ws.dir()).unwrap_or_else(|_| job.ws.dir().to_path_buf());
        let mut stream = KeptStream::create(job.out, job.as_of, known_at, KeptOrigin::Data { data })?;
        programs.iter().for_each(|program| stream.pack(program, kept_setting.clone()));
        kept = Some(stream);
    }
    let (mut tally, mut pairs) = (FindingTally::new(programs), PairCounts::new());
    let next = AtomicUsize::new(0);
    let work = |sources: &Sources, send: &mpsc::SyncSender<Result<Done, VerifyError>>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(bucket) = buckets.get(at) else { return };
            let done = one(&setting, &runners, at, *bucket, &mut sources.clone());
            if done.is_err() {
                exchange.fail();
            }
            // Nobody listens any more: the writer has failed.
            if send.send(done).is_err() {
                exchange.fail();
                return;
            }
        }
    };
    let mut done_cases = 0;
    std::thread::scope(|scope| -> Result<(), VerifyError> {
        // A finished bucket waits for the writer, but no more than one a thread.
        let (send, receive) = mpsc::sync_channel(job.threads.max(1));
        for _ in 0..job.threads.max(1) {
            let (send, work, sources) = (send.clone(), &work, &sources);
            scope.spawn(move || work(sources, &send));
        }
        drop(send);
        let mut waiting: BTreeMap<usize, Done> = BTreeMap::new();
        let mut turn = 0;
        for done in receive {
            let done = done.inspect_err(|_| exchange.fail())?;
            waiting.insert(done.bucket, done);
            while let Some(mut done) = waiting.remove(&turn) {
                turn += 1;
                if let Some(kept) = &mut kept {
                    keep_bucket(kept, programs, &mut done)?;
                }
                done_cases += write_bucket(&mut files, programs, &done, &mut summary, &mut tally, &mut pairs)?;
                job.progress.event(Event::Compared { done: done_cases, total: *total });
            }
        }
        Ok(())
    })?;
    files.finish()?;
    if let Some(kept) = kept {
        summary.explanations = Some(kept.finish(job.out, job.ws.library(), programs)?);
    }
    tally.into_summary(&mut summary);
    summary.sources = totals(job.ws, &sources, pairs);
    Ok(summary)
}

fn one(
    setting: &Setting<'_>,
    runners: &[Runner<'_>],
    at: usize,
    bucket: u32,
    sources: &mut Sources,
) -> Result<Done, VerifyError> {
    let mut parts = Vec::new();
    for loaded in load(setting, bucket, sources)? {
        let concluded = runners[loaded.program].run(&loaded.packed, SLICE);
        let program = &setting.programs[loaded.program];
        let evidence = Evidence::new(setting.snapshot, bucket).all(program, &loaded, &concluded)?;
        parts.push((loaded.without_rows(), concluded, evidence));
    }
    Ok(Done { bucket: at, parts })
}

/// Writes what explains a bucket's cases, pack by pack.
fn keep_bucket(kept: &mut KeptStream, programs: &[Arc<Program>], done: &mut Done) -> Result<(), VerifyError> {
    for (loaded, concluded, _) in &mut done.parts {
        for found in concluded {
            for (case, bytes) in found.case.iter().zip(std::mem::take(&mut found.kept)) {
                kept.add(&programs[loaded.program], &loaded.packed.cases.id[*case as usize], bytes)?;
            }
        }
    }
    Ok(())
}

/// Writes a bucket's cases in their order. Returns how many there are.
fn write_bucket(
    files: &mut Files,
    programs: &[Arc<Program>],
    done: &Done,
    summary: &mut BatchSummary,
    tally: &mut FindingTally,
    pairs: &mut PairCounts,
) -> Result<usize, VerifyError> {
    let mut cases = 0;
    for (loaded, concluded, _) in &done.parts {
        cases += loaded.packed.cases.id.len();
        summary.people += loaded.packed.persons.key.len();
        for (source, counts) in &loaded.counts {
            let all = pairs.entry(*source).or_default();
            all.iter_mut().zip(counts).for_each(|(all, own)| *all += own);
        }
        for found in concluded {
            tally.add_all(&programs[loaded.program], found);
            summary
                .failures
                .extend(found.errors.iter().map(|e| CaseFailure { case: e.case.clone(), reason: e.to_string() }));
        }
    }
    // Of several packs the cases are told in one order.
    let mut order: Vec<((i64, i64), usize, usize, usize)> = Vec::with_capacity(cases);
    for (part, (loaded, concluded, _)) in done.parts.iter().enumerate() {
        for (nth, found) in concluded.iter().enumerate() {
            order.extend(found.case.iter().enumerate().map(|(at, case)| (loaded.keys[*case as usize], part, nth, at)));
        }
    }
    if done.parts.len() > 1 {
        order.sort_unstable();
    }
    let mut sparse: BTreeMap<(usize, usize), Sparse> = BTreeMap::new();
    for (_, part, nth, at) in order {
        let (loaded, concluded, _) = &done.parts[part];
        let sparse = sparse.entry((part, nth)).or_default();
        files.finding(loaded.program, &loaded.packed, &concluded[nth], at, sparse)?;
    }
    let mut flags = Vec::new();
    for (part, (loaded, concluded, evidence)) in done.parts.iter().enumerate() {
        let raised = concluded.iter().flat_map(|found| &found.flags).zip(evidence);
        flags.extend(raised.map(|(raised, evidence)| (loaded.keys[raised.case as usize], part, raised, evidence)));
    }
    if done.parts.len() > 1 {
        flags.sort_by_key(|(key, part, ..)| (*key, *part));
    }
    for (_, part, raised, evidence) in flags {
        let loaded = &done.parts[part].0;
        files.flag(loaded.program, &loaded.packed, &FlagRow { raised, evidence: evidence.clone() })?;
    }
    Ok(cases)
}

/// What is found out about all cases before any is computed.
struct Survey {
    programs: Vec<Arc<Program>>,
    program_of: BTreeMap<AreaCode, usize>,
    exchange: Exchange,
    buckets: Vec<u32>,
    cases: usize,
}

impl Survey {
    fn of(job: &Job<'_>) -> Result<Self, VerifyError> {
        let (mut programs, mut program_of): (Vec<Arc<Program>>, BTreeMap<AreaCode, usize>) = Default::default();
        let (mut exchange, mut cases) = (Exchange::default(), 0);
        let mut buckets: BTreeSet<u32> = job.snapshot.buckets(CASES).into_iter().collect();
        let people_of = i64::from(job.snapshot.bucket_people());
        for bucket in buckets.clone() {
            let scan = job.snapshot.scan(CASES, bucket, &["person", "position", "area"])?;
            cases += scan.rows;
            let mut columns = Columns::new(scan.columns);
            let (home, position) = (ints(columns.next())?.0, ints(columns.next())?.0);
            let (area, areas) = words(columns.next())?;
            let mut known = Vec::with_capacity(areas.len());
            for word in &areas {
                let area: AreaCode = word.parse().map_err(|_| {
                    VerifyError::Internal("a case of the store has an area that is no division code".to_owned())
                })?;
                let at = match program_of.get(&area) {
                    Some(at) => *at,
                    None => {
                        let program = job.ws.program_for(area, job.as_of)?;
                        let at = programs.iter().position(|known| known.pack.id == program.pack.id);
                        let at = at.unwrap_or_else(|| {
                            programs.push(program);
                            programs.len() - 1
                        });
                        program_of.insert(area, at);
                        at
                    }
                };
                known.push(at);
            }
            // Who lies in an earlier bucket than the case.
            let first = i64::from(bucket) * people_of;
            let scan = job.snapshot.scan(PEOPLE, bucket, &["person", "position", "who"])?;
            let mut columns = Columns::new(scan.columns);
            let (of_home, of_position, who) =
                (ints(columns.next())?.0, ints(columns.next())?.0, ints(columns.next())?.0);
            let far: Vec<usize> = (0..scan.rows).filter(|row| who[*row] < first).collect();
            if far.is_empty() {
                continue;
            }
            let keys = (0..home.len()).map(|row| ((home[row], position[row]), known[area[row] as usize]));
            let program: BTreeMap<(i64, i64), usize> = keys.collect();
            let mut wanted = BTreeSet::new();
            for row in far {
                if let Some(at) = program.get(&(of_home[row], of_position[row])) {
                    wanted.insert((who[row], *at));
                }
            }
            for one in wanted {
                let from = u32::try_from(one.0 / people_of)
                    .map_err(|_| VerifyError::Internal("a person of the store has no key".to_owned()))?;
                exchange.want(from, bucket, one);
                exchange.count(one);
                buckets.insert(from);
            }
        }
        Ok(Self { programs, program_of, exchange, buckets: buckets.into_iter().collect(), cases })
    }
}

/// Pairs by source and outcome, in the words of reports.
fn totals(ws: &Workspace, sources: &Sources, pairs: PairCounts) -> Vec<SourceTotal> {
    let total = |(source, counts): (usize, [usize; 10])| {
        let id = &sources.ids()[source];
        let words = hedui_base::Outcome::ALL.iter().map(|outcome| outcome.as_str()).chain(["not_asked"]);
        let outcomes = words.zip(counts).filter(|(_, count)| *count > 0);
        SourceTotal {
            source: id.as_str().to_owned(),
            title: ws.registry().get(id.as_str()).map_or_else(String::new, |source| source.title.zh.clone()),
            outcomes: outcomes.map(|(word, count)| (word.to_owned(), count)).collect(),
        }
    };
    pairs.into_iter().map(total).collect()
}
