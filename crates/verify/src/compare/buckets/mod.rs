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
mod turns;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hedui_base::AreaCode;
use hedui_engine::concluded::{Concluded, Runner};
use hedui_engine::packed::{Packed, Words};
use hedui_engine::stored::{StoredSetting, Sums};
use hedui_rules::Program;
use hedui_store::{CASES, PEOPLE, Snapshot};
use jiff::civil::Date;

use self::carry::{AtWork, Exchange};
use self::evidence::Evidence;
use self::load::{Loaded, PairCounts, Setting, load};
use self::sources::Sources;
use self::table::{Columns, ints, words};
use self::turns::{Turns, Written};
use self::write::{Files, Layouts};
use super::tally::FindingTally;
use super::{BatchSummary, CaseFailure, SourceTotal};
use crate::kept::{KeptOrigin, KeptStream};
use crate::{Progress, VerifyError, Workspace};

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

/// The cases of one program in a bucket, computed.
struct Part {
    loaded: Loaded,
    concluded: Vec<Concluded>,
    /// Of every flag, in their order.
    evidence: Vec<String>,
}

/// Compares all cases of the store and writes the result files. Blocking.
pub(super) fn run(job: &Job<'_>) -> Result<BatchSummary, VerifyError> {
    let survey = Survey::of(job)?;
    let Survey { programs, program_of, exchange, buckets, cases: total } = &survey;
    let words: Vec<Words> = programs.iter().map(|program| Words::of(program)).collect();
    let kept_setting = kept_setting(job.ws);
    let runner = |program| {
        let runner = Runner::new(program, job.as_of);
        if job.explain { runner.keeping(kept_setting.clone()) } else { runner }
    };
    let runners: Vec<Runner<'_>> = programs.iter().map(|program| runner(program)).collect();
    let setting = Setting { snapshot: job.snapshot, programs, program_of, words: &words, exchange, keep: job.explain };
    let sources = Sources::new(job.ws.registry());
    let known_at = Some(job.snapshot.known_at());
    let summary = BatchSummary {
        as_of: Some(job.as_of),
        known_at,
        findings_file: job.out.join("findings.parquet"),
        flags_file: job.out.join("flags.parquet"),
        ..BatchSummary::default()
    };
    let files = Files::create((&summary.findings_file, &summary.flags_file), programs)?;
    let layouts = Layouts::new(&files, programs, job.as_of, known_at)?;
    let mut kept = None;
    if job.explain {
        let data = std::path::absolute(job.ws.dir()).unwrap_or_else(|_| job.ws.dir().to_path_buf());
        let mut stream = KeptStream::create(job.out, job.as_of, known_at, KeptOrigin::Data { data })?;
        programs.iter().for_each(|program| stream.pack(program, kept_setting.clone()));
        kept = Some(stream);
    }
    let (tally, pairs) = (FindingTally::new(programs), PairCounts::new());
    let written = Written { files, kept, tally, pairs, summary };
    let turns = Turns::new(layouts, written, programs, (buckets.len(), *total), job.progress);
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), VerifyError> {
        let _at_work = AtWork(exchange);
        let mut sources = sources.clone();
        while let Some((at, bucket)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            buckets.get(at).map(|bucket| (at, *bucket))
        } {
            turns.take(at, one(&setting, &runners, bucket, &mut sources)?)?;
        }
        Ok(())
    };
    // Whoever fails tells the others: they may be waiting for what it would have handed on.
    let work = || {
        work().inspect_err(|_| {
            exchange.fail();
            next.store(buckets.len(), Ordering::Relaxed);
        })
    };
    let results: Vec<Result<(), VerifyError>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..job.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let own = work();
        let joined =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.chain([own]).collect()
    });
    // What failed first matters; that others could not go on does not.
    let failed = |result: &Result<(), VerifyError>| match result {
        Ok(()) => 2,
        Err(VerifyError::Internal(_)) => 1,
        Err(_) => 0,
    };
    results.into_iter().min_by_key(failed).unwrap_or(Ok(()))?;
    let Written { files, kept, tally, pairs, mut summary } = turns.finish();
    files.finish()?;
    if let Some(kept) = kept {
        summary.explanations = Some(kept.finish(job.out, job.ws.library(), programs)?);
    }
    tally.into_summary(&mut summary);
    summary.sources = totals(job.ws, &sources, pairs);
    Ok(summary)
}

/// Cases with all that their program reads of them, as a batch has them in memory: what benches and tools run the kernel on.
#[derive(Debug)]
pub struct PackedCases {
    /// The program in force for them.
    pub program: Arc<Program>,
    /// The cases.
    pub cases: Packed,
    /// What is kept of them to explain them later.
    pub setting: StoredSetting,
}

/// The cases of the first buckets of a data folder whose cases lie in its store. Blocking. One entry for each bucket and
/// program; the people of a case who lie in a later bucket are never asked for, since a case lies in the bucket of its last.
///
/// # Errors
/// If the store cannot be read, or no pack is in force for an area.
pub fn packed_cases(
    ws: &Workspace,
    snapshot: &Snapshot,
    as_of: Date,
    buckets: usize,
) -> Result<Vec<PackedCases>, VerifyError> {
    let scratch = std::env::temp_dir();
    let job = Job { ws, snapshot, as_of, threads: 1, explain: true, out: &scratch, progress: &crate::progress::Silent };
    let survey = Survey::of(&job)?;
    let words: Vec<Words> = survey.programs.iter().map(|program| Words::of(program)).collect();
    let Survey { programs, program_of, exchange, .. } = &survey;
    let setting = Setting { snapshot, programs, program_of, words: &words, exchange, keep: true };
    let mut sources = Sources::new(ws.registry());
    let mut packed = Vec::new();
    for bucket in survey.buckets.iter().take(buckets) {
        for loaded in load(&setting, *bucket, &mut sources)? {
            packed.push(PackedCases {
                program: Arc::clone(&programs[loaded.program]),
                cases: loaded.packed,
                setting: kept_setting(ws),
            });
        }
    }
    Ok(packed)
}

/// What is said once of all that is kept.
fn kept_setting(ws: &Workspace) -> StoredSetting {
    StoredSetting {
        sources: ws.registry().iter().map(|source| (source.id.clone(), source.dataset.name.clone())).collect(),
        sums: Sums::Values,
        ..StoredSetting::default()
    }
}

fn one(
    setting: &Setting<'_>,
    runners: &[Runner<'_>],
    bucket: u32,
    sources: &mut Sources,
) -> Result<Vec<Part>, VerifyError> {
    let mut parts = Vec::new();
    for loaded in load(setting, bucket, sources)? {
        let concluded = runners[loaded.program].run(&loaded.packed, SLICE);
        let program = &setting.programs[loaded.program];
        let evidence = Evidence::new(setting.snapshot, bucket).all(program, &loaded, &concluded)?;
        parts.push(Part { loaded: loaded.without_rows(), concluded, evidence });
    }
    Ok(parts)
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
        let (mut exchange, mut cases) = (Exchange::new(job.out, job.snapshot.bucket_people())?, 0);
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
            for row in far {
                if let Some(at) = program.get(&(of_home[row], of_position[row])) {
                    buckets.insert(exchange.want(bucket, (who[row], *at))?);
                }
            }
        }
        exchange.seal();
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
