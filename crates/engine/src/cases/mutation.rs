//! Which small changes to a pack's rules its cases notice.

use std::cmp::Reverse;

use hedui_rules::Program;
use hedui_rules::cases::Case;
use hedui_rules::mutants::{Mutant, mutants};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use serde::Serialize;

use super::caseload::caseload;
use super::comparison::differences;
use crate::input::Caseload;
use crate::output::CaseError;
use crate::print::print;
use crate::sides::{Points, Seen};
use crate::trace::{Trace, trace};
use crate::under::{Readers, under};

/// Which changes to try, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MutationOptions {
    /// So many of them, chosen by the seed; none means all.
    pub sample: Option<usize>,
    /// The same seed chooses the same changes.
    pub seed: u64,
    /// Threads of a pool of its own; none uses rayon's global pool.
    pub threads: Option<usize>,
}

/// What changing the rules one at a time showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MutationReport {
    /// Changes there are.
    pub changes: usize,
    /// Changes tried.
    pub tried: usize,
    /// Changes that a case notices.
    pub noticed: usize,
    /// Changes that no case notices, by place.
    pub missed: Vec<Missed>,
}

/// A change that no case notices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missed {
    /// File of the rule within the pack.
    pub file: String,
    /// Line of the rule or row.
    pub line: usize,
    /// `test income_below_standard`, `parameter dibao_standard`.
    pub rule: String,
    /// From what to what.
    pub change: String,
    /// Cases that come to what was changed; with none, a case is missing, else an expectation.
    pub cases: usize,
}

impl MutationReport {
    /// Whether so many per cent of the changes tried are noticed.
    #[must_use]
    pub const fn is_at_least(&self, percent: u8) -> bool {
        self.noticed * 100 >= self.tried * percent as usize
    }

    /// Part of the changes tried that is noticed, 1 if there are none.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.tried == 0 { 1.0 } else { self.noticed as f64 / self.tried as f64 }
    }
}

/// Changes what a pack itself writes, one place at a time, and runs its cases until one notices.
///
/// A change is noticed if a case that passed then fails: a value, test, margin, flag, amount or anything else it
/// expects comes out otherwise, or it can no longer be computed.
#[must_use]
pub fn run_mutants(program: &Program, cases: &[Case], options: &MutationOptions) -> MutationReport {
    let all = mutants(program, &print);
    let mut report = MutationReport { changes: all.len(), ..MutationReport::default() };
    let chosen = choose(all, options);
    report.tried = chosen.len();
    let caseloads: Vec<Caseload> = cases.iter().map(|case| caseload(program, case)).collect();
    let points = Points::of(program);
    let readers = Readers::of(program);
    let bases = || -> Vec<Base<'_>> {
        let pairs = cases.par_iter().zip(&caseloads);
        pairs.filter_map(|(case, caseload)| Base::new(program, case, caseload, &points)).collect()
    };
    let judge = || -> Vec<Option<Missed>> {
        let bases = bases();
        let one =
            |own: &mut Program, mutant: &Mutant| mutant.with(own, |changed| miss(changed, mutant, &bases, &readers));
        chosen.par_iter().map_init(|| program.clone(), one).collect()
    };
    let pool = options.threads.map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build());
    let missed = match pool {
        Some(Ok(pool)) => pool.install(judge),
        Some(Err(_)) | None => judge(),
    };
    report.missed = missed.into_iter().flatten().collect();
    report.noticed = report.tried - report.missed.len();
    report.missed.sort();
    report
}

/// A case that passes, as it came out.
struct Base<'b> {
    case: &'b Case,
    caseload: &'b Caseload,
    result: Result<Trace<'b>, CaseError>,
    /// Steps whose values it compares.
    looks_at: FxHashSet<usize>,
    /// Rows of parameters it uses.
    rows: FxHashSet<(usize, usize)>,
}

impl<'b> Base<'b> {
    fn new(program: &'b Program, case: &'b Case, caseload: &'b Caseload, points: &Points) -> Option<Self> {
        let result = trace(program, caseload, 0, case.as_of);
        if !differences(program, case, result.as_ref()).is_empty() {
            return None;
        }
        let mut seen = Seen::default();
        if let Ok(trace) = &result {
            trace.look(points, &mut seen);
        }
        Some(Self { case, caseload, result, looks_at: looks_at(program, case), rows: seen.rows })
    }

    /// Whether a change can show on the case's day.
    fn may_notice(&self, mutant: &Mutant) -> bool {
        self.result.is_err() || mutant.days.is_empty() || mutant.days.contains(&self.case.as_of)
    }

    /// Whether the case uses the row that a change is about, if it is about one.
    fn uses(&self, mutant: &Mutant) -> bool {
        mutant.row.is_none_or(|(parameter, row)| self.rows.contains(&(parameter.index(), row)))
    }

    /// Whether the case comes out otherwise than it expects.
    fn notices(&self, program: &Program, mutant: &Mutant, readers: &Readers) -> bool {
        let Ok(base) = &self.result else {
            let again = trace(program, self.caseload, 0, self.case.as_of);
            return !differences(program, self.case, again.as_ref()).is_empty();
        };
        match under(base, program, &mutant.steps, readers) {
            Ok(None) => false,
            Ok(Some(trace)) => !differences(program, self.case, Ok(&trace)).is_empty(),
            Err(error) => !differences(program, self.case, Err(&error)).is_empty(),
        }
    }
}

/// Steps whose values a case compares.
fn looks_at(program: &Program, case: &Case) -> FxHashSet<usize> {
    let expect = &case.expect;
    let mut steps = FxHashSet::default();
    let values = expect.values.iter().chain(case.persons.iter().flat_map(|person| &person.expect));
    steps.extend(values.filter_map(|expected| Some(program.step(&expected.step)?.index())));
    let margins = expect.margins.iter().chain(case.persons.iter().flat_map(|person| &person.margins));
    for margin in margins {
        let test = program.tests.iter().find(|test| test.name == margin.step);
        steps.extend(test.into_iter().flat_map(|test| [Some(test.value), test.limit]).flatten().map(|s| s.index()));
    }
    let of_persons = case.persons.iter().flat_map(|person| person.flags.iter().chain(&person.no_flags));
    let flags = expect.flags.iter().chain(&expect.no_flags).chain(of_persons);
    let flags = flags.filter_map(|id| program.flags.iter().find(|flag| flag.id == *id));
    steps.extend(flags.map(|flag| flag.when.index()));
    if expect.possible.is_some() || expect.waiting_on.is_some() || expect.category.is_some() {
        steps.extend(program.schemes.iter().map(|scheme| scheme.when.index()));
    }
    steps
}

/// The change, if no case notices it. Cases that look at what it reaches come first.
fn miss(program: &Program, mutant: &Mutant, bases: &[Base<'_>], readers: &Readers) -> Option<Missed> {
    let reached = readers.downstream(&mutant.steps);
    let mut candidates: Vec<&Base<'_>> = bases.iter().filter(|base| base.may_notice(mutant)).collect();
    candidates.sort_by_cached_key(|base| {
        let looks = base.looks_at.iter().filter(|step| reached[**step]).count();
        (base.result.is_err(), !base.uses(mutant), Reverse(looks))
    });
    if candidates.iter().any(|base| base.notices(program, mutant, readers)) {
        return None;
    }
    Some(Missed {
        file: mutant.file.clone(),
        line: mutant.line,
        rule: mutant.rule.clone(),
        change: mutant.change.clone(),
        cases: candidates.iter().filter(|base| base.uses(mutant)).count(),
    })
}

/// All changes, or as many as asked for, in their order.
fn choose(all: Vec<Mutant>, options: &MutationOptions) -> Vec<Mutant> {
    let Some(sample) = options.sample.filter(|sample| *sample < all.len()) else { return all };
    let mut ranked: Vec<(u64, usize)> = (0..all.len()).map(|at| (mix(options.seed ^ mix(at as u64)), at)).collect();
    ranked.sort_unstable();
    let kept: FxHashSet<usize> = ranked[..sample].iter().map(|(_, at)| *at).collect();
    all.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, mutant)| mutant).collect()
}

/// A number that looks like chance (splitmix64).
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
