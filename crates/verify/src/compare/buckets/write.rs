//! `findings.parquet` and `flags.parquet` some buckets at a time: the columns of [`super::super::results`], filled column by
//! column without an object a row. Encoding needs nothing that is shared, so that every thread does its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{AreaCode, Tri};
use hedui_engine::concluded::{Concluded, Numbers, RaisedRow, SchemeColumns, TestColumns};
use hedui_rules::Program;
use hedui_rules::program::FlagSeverity;
use hedui_store::results::{ResultKind, ResultRows, ResultShape, ResultWriter};
use hedui_store::{BulkColumn, Ints, Texts};
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::results::{columns_of_findings, columns_of_flags, persons};
use super::Part;
use crate::VerifyError;

/// Where a program's values go.
struct Layout {
    /// By scheme: finding, last day, persons.
    schemes: Vec<(usize, Option<usize>, Option<usize>)>,
    /// By test: value, limit, margin where it has a limit; result.
    tests: Vec<(Option<[usize; 3]>, usize)>,
    score: usize,
    flags: usize,
    /// Ten to the decimals of the score.
    unit: i64,
}

/// How results become the rows of the two files.
pub(super) struct Layouts {
    findings: (ResultShape, Vec<BulkColumn>),
    flags: (ResultShape, Vec<BulkColumn>),
    layouts: Vec<Layout>,
    programs: Vec<Arc<Program>>,
    as_of: i64,
    known_at: Option<i64>,
}

/// The two files in the making.
pub(super) struct Files {
    findings: ResultWriter,
    flags: ResultWriter,
}

/// Rows of both files, ready to be added.
pub(super) struct Encoded {
    findings: ResultRows,
    flags: ResultRows,
}

impl Files {
    pub(super) fn create((findings, flags): (&Path, &Path), programs: &[Arc<Program>]) -> Result<Self, VerifyError> {
        let findings = ResultWriter::create(findings, columns_of_findings(programs))?;
        Ok(Self { findings, flags: ResultWriter::create(flags, columns_of_flags())? })
    }

    pub(super) fn append(&mut self, rows: Encoded) -> Result<(), VerifyError> {
        self.findings.append(rows.findings)?;
        Ok(self.flags.append(rows.flags)?)
    }

    pub(super) fn finish(self) -> Result<(), VerifyError> {
        self.findings.finish()?;
        Ok(self.flags.finish()?)
    }
}

/// Neighbouring cases of one slice.
struct Run<'r> {
    part: &'r Part,
    found: &'r Concluded,
    at: Range<usize>,
}

/// Words of [`Tri`] by its number.
const TRI: [Tri; 3] = [Tri::NotMet, Tri::Met, Tri::Undetermined];

/// Columns without rows. Columns of conditions have their words already.
fn empty(kinds: &[(String, ResultKind)]) -> Vec<BulkColumn> {
    let one = |(name, kind): &(String, ResultKind)| match kind {
        ResultKind::Text if name == "case" || name == "evidence" => BulkColumn::Texts(Texts::plain()),
        ResultKind::Text if name.starts_with("finding_") || name.ends_with("_result") => {
            BulkColumn::Texts(Texts::with_words(TRI.iter().map(|tri| tri.as_str())))
        }
        ResultKind::Text => BulkColumn::Texts(Texts::default()),
        _ => BulkColumn::Ints(Ints::default()),
    };
    kinds.iter().map(one).collect()
}

impl Layouts {
    pub(super) fn new(
        files: &Files,
        programs: &[Arc<Program>],
        as_of: Date,
        known_at: Option<Timestamp>,
    ) -> Result<Self, VerifyError> {
        let kinds = columns_of_findings(programs);
        let places: BTreeMap<&str, usize> = kinds.iter().enumerate().map(|(at, (name, _))| (&**name, at)).collect();
        let at = |name: &str| {
            let place = places.get(name).copied();
            place.ok_or_else(|| VerifyError::Internal(format!("findings have no column {name}")))
        };
        let layouts = programs
            .iter()
            .map(|program| {
                let schemes = program.schemes.iter().map(|scheme| {
                    let until = scheme.until.map(|_| at(&format!("{}_until", scheme.id))).transpose()?;
                    let persons = scheme.persons.as_ref().map(|_| at(&format!("{}_persons", scheme.id))).transpose()?;
                    Ok((at(&format!("finding_{}", scheme.id))?, until, persons))
                });
                let tests = program.tests.iter().map(|test| {
                    let part = |part: &str| at(&format!("{}_{part}", test.name));
                    let numbers =
                        test.limit.map(|_| Ok::<_, VerifyError>([part("value")?, part("limit")?, part("margin")?]));
                    Ok((numbers.transpose()?, part("result")?))
                });
                let scale = program.score.map_or(0, |step| program.steps[step.index()].ty.scale());
                Ok(Layout {
                    schemes: schemes.collect::<Result<_, VerifyError>>()?,
                    tests: tests.collect::<Result<_, VerifyError>>()?,
                    score: at("score")?,
                    flags: at(&format!("flags_{}", FlagSeverity::ALL[0].as_str()))?,
                    unit: 10i64.checked_pow(scale.into()).unwrap_or(1),
                })
            })
            .collect::<Result<_, VerifyError>>()?;
        Ok(Self {
            findings: (files.findings.shape(), empty(&kinds)),
            flags: (files.flags.shape(), empty(&columns_of_flags())),
            layouts,
            programs: programs.to_vec(),
            as_of: date_to_days(as_of),
            known_at: known_at.map(Timestamp::as_microsecond),
        })
    }

    /// Encodes some buckets, each with its parts, in their order.
    pub(super) fn encode(&self, buckets: &[Vec<Part>]) -> Result<Encoded, VerifyError> {
        let runs: Vec<Run<'_>> = buckets.iter().flat_map(|parts| runs(parts)).collect();
        let findings = self.findings.0.encode(&self.findings(&runs), &[])?;
        let flags = self.flags.0.encode(&self.flags(buckets), &[])?;
        Ok(Encoded { findings, flags })
    }

    fn findings(&self, runs: &[Run<'_>]) -> Vec<BulkColumn> {
        let mut columns = self.findings.1.clone();
        let (mut rows, mut words, mut packs) = (0, String::new(), Vec::new());
        let mut area: Option<AreaCode> = None;
        for run in runs {
            let count = run.at.len();
            let cases = &run.part.loaded.packed.cases;
            let program = run.part.loaded.program;
            let (layout, definition) = (&self.layouts[program], &self.programs[program]);
            let scheme_id = |scheme: u8| definition.schemes[usize::from(scheme)].id.as_str();
            let found = run.found;
            packs.push((Some(program as u32), count as u32));
            for case in &found.case[run.at.clone()] {
                let case = *case as usize;
                text(&mut columns[0], Some(cases.id[case].as_str()));
                if area != Some(cases.area[case]) {
                    words = cases.area[case].to_string();
                    area = Some(cases.area[case]);
                }
                text(&mut columns[1], Some(&words));
            }
            let category = |at: usize| found.category[at].map(scheme_id);
            run.at.clone().for_each(|at| text(&mut columns[6], category(at)));
            let mut open = within(&found.possible, &run.at);
            for at in run.at.clone() {
                match next(&mut open, at) {
                    Some(schemes) => {
                        let names: Vec<&str> = schemes.iter().map(|scheme| scheme_id(*scheme)).collect();
                        text(&mut columns[7], Some(&names.join(",")));
                    }
                    None => text(&mut columns[7], category(at)),
                }
            }
            sparse(&mut columns[8], &found.waiting_on, &run.at, |names| names.join(","));
            numbers(&mut columns[9], &found.amount, &run.at);
            for (scheme, places) in found.schemes.iter().zip(&layout.schemes) {
                scheme_columns(&mut columns, scheme, *places, &run.at);
            }
            for (test, places) in found.tests.iter().zip(&layout.tests) {
                test_columns(&mut columns, test, *places, &run.at);
            }
            if let (Some(score), BulkColumn::Ints(ints)) = (&found.score, &mut columns[layout.score]) {
                run.at.clone().for_each(|at| ints.push(points(score, at, layout.unit)));
            }
            for (nth, counts) in found.flag_counts.iter().enumerate() {
                if let BulkColumn::Ints(ints) = &mut columns[layout.flags + nth] {
                    run.at.clone().for_each(|at| ints.push(Some(i64::from(counts[at]))));
                }
            }
            rows += count;
            // What the program does not have is null.
            for column in &mut columns {
                let missing = rows - column.len();
                match column {
                    BulkColumn::Ints(ints) if missing > 0 => ints.nulls(missing),
                    BulkColumn::Texts(texts) if missing > 0 => texts.nulls(missing),
                    _ => {}
                }
            }
        }
        let of_packs = |name: fn(&Program) -> &str| {
            let words = self.programs.iter().map(|program| name(program).into()).collect();
            BulkColumn::TextRuns(words, packs.clone())
        };
        columns[2] = of_packs(|program| &program.pack.id);
        columns[3] = of_packs(|program| &program.pack.version);
        columns[4] = BulkColumn::IntRuns(vec![(Some(self.as_of), rows as u32)]);
        columns[5] = BulkColumn::IntRuns(vec![(self.known_at, rows as u32)]);
        columns
    }

    fn flags(&self, buckets: &[Vec<Part>]) -> Vec<BulkColumn> {
        let mut columns = self.flags.1.clone();
        for parts in buckets {
            let mut rows: Vec<(&Part, &RaisedRow, &str)> = Vec::new();
            for part in parts {
                let raised = part.concluded.iter().flat_map(|found| &found.flags);
                rows.extend(raised.zip(&part.evidence).map(|(raised, evidence)| (part, raised, evidence.as_str())));
            }
            if parts.len() > 1 {
                rows.sort_by_key(|(part, raised, _)| part.loaded.keys[raised.case as usize]);
            }
            for (part, raised, evidence) in rows {
                self.flag(&mut columns, part, raised, evidence);
            }
        }
        columns
    }

    fn flag(&self, columns: &mut [BulkColumn], part: &Part, raised: &RaisedRow, evidence: &str) {
        let definition = &self.programs[part.loaded.program].flags[usize::from(raised.flag)];
        let case = &part.loaded.packed.cases.id[raised.case as usize];
        let difference = raised.found.zip(raised.declared).and_then(|(found, declared)| found.checked_sub(declared));
        let texts = [
            (0, Some(case.as_str())),
            (2, Some(definition.id.as_str())),
            (3, Some(definition.severity.as_str())),
            (4, Some(definition.follow_up.as_str())),
            (8, Some(evidence).filter(|evidence| !evidence.is_empty())),
        ];
        texts.into_iter().for_each(|(at, value)| text(&mut columns[at], value));
        let person = raised.person.map(|person| i64::from(person.0));
        for (at, value) in [(1, person), (5, raised.declared), (6, raised.found), (7, difference)] {
            if let BulkColumn::Ints(ints) = &mut columns[at] {
                ints.push(value);
            }
        }
    }
}

/// The cases of a bucket in their order. Of several packs they are told in one order.
fn runs(parts: &[Part]) -> Vec<Run<'_>> {
    let whole = parts.iter().flat_map(|part| part.concluded.iter().map(move |found| (part, found)));
    if parts.len() == 1 {
        return whole.map(|(part, found)| Run { part, found, at: 0..found.case.len() }).collect();
    }
    let mut order: Vec<((i64, i64), Run<'_>)> = Vec::new();
    for (part, found) in whole {
        let one = |(at, case): (usize, &u32)| (part.loaded.keys[*case as usize], Run { part, found, at: at..at + 1 });
        order.extend(found.case.iter().enumerate().map(one));
    }
    order.sort_by_key(|(key, _)| *key);
    order.into_iter().map(|(_, run)| run).collect()
}

fn scheme_columns(
    columns: &mut [BulkColumn],
    found: &SchemeColumns,
    (finding, until, of_persons): (usize, Option<usize>, Option<usize>),
    rows: &Range<usize>,
) {
    conditions(&mut columns[finding], &found.finding[rows.clone()]);
    if let (Some(place), Some(days)) = (until, &found.until)
        && let BulkColumn::Ints(ints) = &mut columns[place]
    {
        let holds = |at: usize| found.finding[at] != Tri::NotMet;
        rows.clone().for_each(|at| ints.push(days.get(at).filter(|_| holds(at))));
    }
    if let Some(place) = of_persons {
        sparse(&mut columns[place], &found.persons, rows, |found| persons(found));
    }
}

fn test_columns(
    columns: &mut [BulkColumn],
    found: &TestColumns,
    (places, result): (Option<[usize; 3]>, usize),
    rows: &Range<usize>,
) {
    if let Some(places) = places {
        for (place, values) in places.into_iter().zip([&found.value, &found.limit, &found.margin]) {
            numbers(&mut columns[place], values, rows);
        }
    }
    conditions(&mut columns[result], &found.result[rows.clone()]);
}

fn text(column: &mut BulkColumn, value: Option<&str>) {
    if let BulkColumn::Texts(texts) = column {
        texts.push(value);
    }
}

fn conditions(column: &mut BulkColumn, values: &[Tri]) {
    if let BulkColumn::Texts(texts) = column {
        texts.push_codes(values.iter().map(|tri| *tri as u32));
    }
}

fn numbers(column: &mut BulkColumn, found: &Numbers, rows: &Range<usize>) {
    if let BulkColumn::Ints(ints) = column {
        let known = if found.known.is_empty() { &[] } else { &found.known[rows.clone()] };
        ints.extend(&found.values[rows.clone()], known);
    }
}

/// A column of texts that few rows have.
fn sparse<T>(column: &mut BulkColumn, list: &[(u32, T)], rows: &Range<usize>, shown: impl Fn(&T) -> String) {
    let BulkColumn::Texts(texts) = column else { return };
    let mut from = rows.start;
    for (at, value) in within(list, rows) {
        texts.nulls(*at as usize - from);
        texts.push(Some(&shown(value)));
        from = *at as usize + 1;
    }
    texts.nulls(rows.end - from);
}

/// What a list of what only some rows have says of these.
fn within<'l, T>(list: &'l [(u32, T)], rows: &Range<usize>) -> std::iter::Peekable<std::slice::Iter<'l, (u32, T)>> {
    let from = list.partition_point(|(at, _)| (*at as usize) < rows.start);
    let to = list.partition_point(|(at, _)| (*at as usize) < rows.end);
    list[from..to].iter().peekable()
}

/// What a list says of a row, if it is the next in it.
fn next<'l, T>(list: &mut std::iter::Peekable<std::slice::Iter<'l, (u32, T)>>, at: usize) -> Option<&'l T> {
    list.next_if(|(position, _)| *position as usize == at).map(|(_, found)| found)
}

/// The score in whole points, half away from zero.
fn points(score: &Numbers, at: usize, unit: i64) -> Option<i64> {
    let value = score.get(at)?;
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    Some(value.checked_add(half)? / unit)
}
