//! `findings.parquet` and `flags.parquet` a bucket at a time: the columns of [`super::super::results`], without an object a row.

use std::path::Path;
use std::sync::Arc;

use hedui_base::Tri;
use hedui_base::columns::date_to_days;
use hedui_engine::concluded::{Concluded, Numbers};
use hedui_engine::packed::Packed;
use hedui_rules::Program;
use hedui_rules::program::FlagSeverity;
use hedui_store::results::{ResultKind, ResultWriter};
use hedui_store::{BulkColumn, Ints, Texts};
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::results::{columns_of_findings, columns_of_flags, persons};
use crate::VerifyError;

/// Rows of a row group, about.
const GROUP: usize = 1 << 16;

/// Columns in the making, in the order of the file.
struct Columns {
    kinds: Vec<(String, ResultKind)>,
    columns: Vec<BulkColumn>,
    rows: usize,
    file: ResultWriter,
}

impl Columns {
    fn create(path: &Path, kinds: Vec<(String, ResultKind)>) -> Result<Self, VerifyError> {
        let file = ResultWriter::create(path, kinds.clone())?;
        Ok(Self { columns: empty(&kinds), kinds, rows: 0, file })
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.kinds.iter().position(|(own, _)| own == name)
    }

    fn text(&mut self, at: usize, value: Option<&str>) {
        if let BulkColumn::Texts(texts) = &mut self.columns[at] {
            texts.push(value);
        }
    }

    fn int(&mut self, at: usize, value: Option<i64>) {
        if let BulkColumn::Ints(ints) = &mut self.columns[at] {
            ints.push(value);
        }
    }

    /// Ends a row: what it has no value for is null.
    fn end_row(&mut self, others: bool) -> Result<(), VerifyError> {
        self.rows += 1;
        if others {
            for column in &mut self.columns {
                if column.len() < self.rows {
                    match column {
                        BulkColumn::Ints(ints) => ints.push(None),
                        BulkColumn::Texts(texts) => texts.push(None),
                        // Results are made row by row.
                        BulkColumn::IntRuns(_) | BulkColumn::TextRuns(..) => {}
                    }
                }
            }
        }
        if self.rows >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), VerifyError> {
        let columns = std::mem::replace(&mut self.columns, empty(&self.kinds));
        self.rows = 0;
        Ok(self.file.write(&columns)?)
    }

    fn finish(mut self) -> Result<(), VerifyError> {
        self.flush()?;
        Ok(self.file.finish()?)
    }
}

fn empty(kinds: &[(String, ResultKind)]) -> Vec<BulkColumn> {
    let one = |(_, kind): &(String, ResultKind)| match kind {
        ResultKind::Text => BulkColumn::Texts(Texts::default()),
        _ => BulkColumn::Ints(Ints::default()),
    };
    kinds.iter().map(one).collect()
}

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

/// The two result files in the making.
pub(super) struct Files {
    findings: Columns,
    flags: Columns,
    layouts: Vec<Layout>,
    programs: Vec<Arc<Program>>,
    as_of: i64,
    known_at: Option<i64>,
}

/// One flag with its evidence spelled out.
pub(super) struct FlagRow<'r> {
    pub(super) raised: &'r hedui_engine::concluded::RaisedRow,
    pub(super) evidence: String,
}

impl Files {
    pub(super) fn create(
        (findings, flags): (&Path, &Path),
        programs: &[Arc<Program>],
        as_of: Date,
        known_at: Option<Timestamp>,
    ) -> Result<Self, VerifyError> {
        let findings = Columns::create(findings, columns_of_findings(programs))?;
        let flags = Columns::create(flags, columns_of_flags())?;
        let at = |name: &str| {
            findings.place(name).ok_or_else(|| VerifyError::Internal(format!("findings have no column {name}")))
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
            findings,
            flags,
            layouts,
            programs: programs.to_vec(),
            as_of: date_to_days(as_of),
            known_at: known_at.map(Timestamp::as_microsecond),
        })
    }

    /// Adds the case at a position of what was concluded.
    pub(super) fn finding(
        &mut self,
        program: usize,
        packed: &Packed,
        found: &Concluded,
        at: usize,
        sparse: &mut Sparse,
    ) -> Result<(), VerifyError> {
        let case = found.case[at] as usize;
        let (layout, definition, row) = (&self.layouts[program], &self.programs[program], &mut self.findings);
        let scheme_id = |scheme: u8| definition.schemes[usize::from(scheme)].id.as_str();
        row.text(0, Some(packed.cases.id[case].as_str()));
        row.text(1, Some(&packed.cases.area[case].to_string()));
        row.text(2, Some(&definition.pack.id));
        row.text(3, Some(&definition.pack.version));
        row.int(4, Some(self.as_of));
        row.int(5, self.known_at);
        let category = found.category[at].map(scheme_id);
        row.text(6, category);
        match next(&found.possible, &mut sparse.possible, at) {
            Some(schemes) => {
                let names: Vec<&str> = schemes.iter().map(|scheme| scheme_id(*scheme)).collect();
                row.text(7, Some(&names.join(",")));
            }
            None => row.text(7, category),
        }
        match next(&found.waiting_on, &mut sparse.waiting, at) {
            Some(names) => row.text(8, Some(&names.join(","))),
            None => row.text(8, None),
        }
        row.int(9, found.amount.get(at));
        sparse.persons.resize(found.schemes.len(), 0);
        for (nth, (columns, (finding, until, of_persons))) in found.schemes.iter().zip(&layout.schemes).enumerate() {
            row.text(*finding, Some(columns.finding[at].as_str()));
            if let Some(place) = until {
                let holds = columns.finding[at] != Tri::NotMet;
                row.int(*place, columns.until.as_ref().filter(|_| holds).and_then(|until| until.get(at)));
            }
            if let Some(place) = of_persons {
                let listed = next(&columns.persons, &mut sparse.persons[nth], at).map(|found| persons(found));
                row.text(*place, listed.as_deref());
            }
        }
        for (columns, (numbers, result)) in found.tests.iter().zip(&layout.tests) {
            if let Some([value, limit, margin]) = numbers {
                row.int(*value, columns.value.get(at));
                row.int(*limit, columns.limit.get(at));
                row.int(*margin, columns.margin.get(at));
            }
            row.text(*result, Some(columns.result[at].as_str()));
        }
        row.int(layout.score, found.score.as_ref().and_then(|score| points(score, at, layout.unit)));
        for (nth, counts) in found.flag_counts.iter().enumerate() {
            row.int(layout.flags + nth, Some(i64::from(counts[at])));
        }
        row.end_row(self.layouts.len() > 1)
    }

    /// Adds one raised flag.
    pub(super) fn flag(&mut self, program: usize, packed: &Packed, flag: &FlagRow<'_>) -> Result<(), VerifyError> {
        let raised = flag.raised;
        let definition = &self.programs[program].flags[usize::from(raised.flag)];
        let row = &mut self.flags;
        row.text(0, Some(packed.cases.id[raised.case as usize].as_str()));
        row.int(1, raised.person.map(|person| i64::from(person.0)));
        row.text(2, Some(&definition.id));
        row.text(3, Some(definition.severity.as_str()));
        row.text(4, Some(definition.follow_up.as_str()));
        row.int(5, raised.declared);
        row.int(6, raised.found);
        row.int(7, raised.found.zip(raised.declared).and_then(|(found, declared)| found.checked_sub(declared)));
        row.text(8, Some(flag.evidence.as_str()).filter(|evidence| !evidence.is_empty()));
        row.end_row(false)
    }

    pub(super) fn finish(self) -> Result<(), VerifyError> {
        self.findings.finish()?;
        self.flags.finish()
    }
}

/// Where in the lists of what only some cases have the next one is.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    possible: usize,
    waiting: usize,
    persons: Vec<usize>,
}

/// What a list says of a position, if it is the next in it.
fn next<'l, T>(list: &'l [(u32, T)], from: &mut usize, at: usize) -> Option<&'l T> {
    let (_, found) = list.get(*from).filter(|(position, _)| *position as usize == at)?;
    *from += 1;
    Some(found)
}

/// The score in whole points, half away from zero.
fn points(score: &Numbers, at: usize, unit: i64) -> Option<i64> {
    let value = score.get(at)?;
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    Some(value.checked_add(half)? / unit)
}
