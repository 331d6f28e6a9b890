//! A batch over a plain folder: no data folder, no connectors.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{Catalogue, Dataset, SourceId};
use hedui_engine::input::{Caseload, Cases, Coverage, Persons, Role};
use hedui_engine::stored::StoredSetting;
use hedui_rules::program::Entity;
use hedui_rules::{Library, PackFolder, Program};
use hedui_store::plain::{InputSpec, PlainLoad, PlainSpec, Rejected, Role as PlainRole, read_folder};

use super::batch::finish;
use super::chunk::compare_keeping;
use super::results::ResultFiles;
use super::tally::{CoverageTally, FindingTally};
use super::{BatchSummary, PlainRequest};
use crate::kept::{KeptFiles, KeptOrigin};
use crate::library::packs;
use crate::{Event, Problem, VerifyError};

/// The same as [`crate::batch`] over a plain folder of CSV or Parquet files, without data folder or connectors.
///
/// # Errors
/// [`VerifyError::Input`] with every problem of the folder, [`VerifyError::Text`] with every mistake of the pack.
#[tracing::instrument(name = "compare", skip_all, fields(as_of = %request.as_of))]
pub fn batch_plain(request: PlainRequest) -> Result<BatchSummary, VerifyError> {
    std::fs::create_dir_all(&request.out).map_err(VerifyError::io(&request.out))?;
    let (library, catalogue, id) = plain_library(&request)?;
    let program = library.compile(&id).map_err(|diagnostics| VerifyError::Text { what: "rule pack", diagnostics })?;
    let loaded = read(&request.records, &request.cases, &program, &catalogue, request.lenient)?;
    let mut summary = BatchSummary { as_of: Some(request.as_of), ..BatchSummary::default() };
    if !loaded.rejected.is_empty() {
        summary.rejected = loaded.rejected.len();
        write_rejected(&request.out.join("rejected.csv"), &loaded.rejected)?;
    }
    summary.notices = notices(&program, &loaded);
    let caseload = caseload(loaded);
    let programs = [Arc::clone(&program)];
    let mut files = ResultFiles::new(&programs, request.as_of, None);
    let (mut tally, mut coverage) = (FindingTally::new(&programs), CoverageTally::default());
    coverage.add(&caseload);
    let total = caseload.cases.id.len();
    let (compared, failures) = compare_keeping(&program, &caseload, request.as_of, request.explain);
    let mut explanations = request.explain.then(|| {
        let at = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let (records, cases) = (at(&request.records), at(&request.cases));
        KeptFiles::new(request.as_of, None, KeptOrigin::Records { records, cases, lenient: request.lenient })
    });
    for one in &compared {
        if let Some(explanations) = &mut explanations {
            explanations.add(one, || StoredSetting::of(&caseload.coverage));
        }
        files.finding(&program, caseload.cases.area[one.row], &one.finding, &one.derived);
        for raised in &one.flags {
            files.flag(&program, raised);
        }
        tally.add(one);
    }
    summary.failures = failures;
    tally.into_summary(&mut summary);
    summary.people = coverage.people();
    summary.sources = coverage.totals(|_| String::new());
    if let Some(explanations) = explanations {
        summary.explanations = Some(explanations.write(&request.out, &library, &programs)?);
    }
    finish(files, &mut summary, &request.out)?;
    request.progress.event(Event::Compared { done: total, total });
    Ok(summary)
}

/// The packs and datasets that a plain folder is compared with, and the id of the pack asked for.
pub(crate) fn plain_library(request: &PlainRequest) -> Result<(Library, Catalogue, String), VerifyError> {
    let catalogue = crate::library::embedded_catalogue()?;
    let (id, folders) = find_pack(request)?;
    Ok((Library::new(folders, catalogue.clone()), catalogue, id))
}

/// A plain folder as a program reads it.
fn read(
    records: &Path,
    cases: &Path,
    program: &Program,
    catalogue: &Catalogue,
    lenient: bool,
) -> Result<PlainLoad, VerifyError> {
    let spec = PlainSpec {
        inputs: program
            .inputs
            .iter()
            .map(|i| InputSpec { name: i.name.clone(), of_person: i.entity == Entity::Person, column: i.spec.clone() })
            .collect(),
        datasets: datasets(program, catalogue),
    };
    read_folder(records, Some(cases), &spec, lenient)
        .map_err(|problems| VerifyError::Input(problems.iter().map(problem).collect()))
}

/// All cases of a plain folder as a program reads them, and what was taken for granted.
pub(crate) fn plain_caseload(
    records: &Path,
    cases: &Path,
    program: &Program,
    catalogue: &Catalogue,
    lenient: bool,
) -> Result<(Caseload, Vec<String>), VerifyError> {
    let loaded = read(records, cases, program, catalogue, lenient)?;
    let notices = notices(program, &loaded);
    Ok((caseload(loaded), notices))
}

/// What was taken for granted about datasets that the pack reads.
fn notices(program: &Program, loaded: &PlainLoad) -> Vec<String> {
    let read = |name: &String| program.datasets.iter().any(|d| d.name == *name);
    let without_file = loaded.absent.iter().filter(|name| read(name)).cloned().collect::<Vec<_>>();
    let mut notices = Vec::new();
    if !without_file.is_empty() {
        notices.push(format!(
            "no file for {}: what they hold stays unknown; a file with a header alone says that everyone was asked and nothing found",
            without_file.join(", ")
        ));
    }
    if !loaded.ignored.is_empty() {
        let names: Vec<String> =
            loaded.ignored.iter().map(|(file, column)| format!("column `{column}` of {file}")).collect();
        notices.push(format!("the pack does not ask for {}", names.join(", ")));
    }
    notices
}

/// The pack's id and all packs it may extend: by id in the library, or by path with its neighbours.
fn find_pack(request: &PlainRequest) -> Result<(String, Vec<PackFolder>), VerifyError> {
    let mut folders = packs(&request.extra_rules)?;
    let path = Path::new(&request.pack);
    if path.join("pack.toml").is_file() {
        let pack = PackFolder::read(path).map_err(VerifyError::io(path))?;
        let id = pack.id.clone();
        folders.retain(|f| f.id != id);
        folders.push(pack);
        return Ok((id, folders));
    }
    if folders.iter().any(|f| f.id == request.pack) {
        return Ok((request.pack.clone(), folders));
    }
    let known: Vec<&str> = folders.iter().map(|f| f.id.as_str()).collect();
    Err(VerifyError::Input(vec![Problem {
        at: "--rules".to_owned(),
        code: "unknown_pack".to_owned(),
        message: format!("neither a pack folder nor the id of a pack; known ids are {}", known.join(", ")),
    }]))
}

/// The catalogue's datasets, and those a pack declares beyond it (as far as its facts use them).
fn datasets(program: &Program, catalogue: &Catalogue) -> Vec<Arc<Dataset>> {
    let mut all: Vec<Arc<Dataset>> = catalogue.datasets.values().cloned().collect();
    for used in program.datasets.iter().filter(|d| catalogue.get(&d.name).is_none()) {
        all.push(Arc::new(Dataset {
            name: used.name.clone(),
            title: hedui_base::catalogue::Title { zh: used.title.clone(), en: String::new() },
            per: if used.entity == Entity::Household {
                hedui_base::catalogue::Per::Household
            } else {
                hedui_base::catalogue::Per::Person
            },
            key: Vec::new(),
            columns: used.columns.iter().map(|c| (c.name.clone(), c.spec.clone())).collect(),
        }));
    }
    all
}

fn caseload(loaded: PlainLoad) -> Caseload {
    let mut coverage = Coverage { sources: loaded.sources, complete: loaded.complete, ..Coverage::default() };
    let index = |source: &SourceId, dataset: &str| {
        coverage.sources.iter().position(|(s, d)| s == source && d == dataset).and_then(|i| u16::try_from(i).ok())
    };
    let outcomes = loaded
        .coverage
        .iter()
        .filter_map(|row| Some(((row.person, index(&row.source, &row.dataset)?), row.outcome)))
        .collect();
    coverage.outcomes = outcomes;
    Caseload {
        cases: Cases {
            id: loaded.cases.id,
            area: loaded.cases.area,
            residence: loaded.cases.residence,
            inputs: loaded.cases.inputs,
        },
        persons: Persons {
            case: loaded.persons.case,
            key: loaded.persons.key,
            role: loaded
                .persons
                .role
                .into_iter()
                .map(|role| match role {
                    PlainRole::Member => Role::Member,
                    PlainRole::Obligor => Role::Obligor,
                })
                .collect(),
            inputs: loaded.persons.inputs,
        },
        records: loaded.records,
        coverage,
    }
}

fn problem(problem: &hedui_store::plain::Problem) -> Problem {
    let row = problem.row.map_or_else(String::new, |row| format!(":{row}"));
    let column = problem.column.as_ref().map_or_else(String::new, |column| format!(":{column}"));
    let help = problem.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
    Problem {
        at: format!("{}{row}{column}", problem.file),
        code: "plain_folder".to_owned(),
        message: format!("{}{help}", problem.message),
    }
}

/// One row a reason: case, file, row, column, what is wrong.
fn write_rejected(path: &Path, rejected: &[Rejected]) -> Result<(), VerifyError> {
    let fault = |error: csv::Error| VerifyError::Io { path: path.to_path_buf(), error: error.into() };
    let mut writer = csv::Writer::from_path(path).map_err(fault)?;
    writer.write_record(["case", "file", "row", "column", "reason"]).map_err(fault)?;
    for (case, reason) in rejected.iter().flat_map(|r| r.reasons.iter().map(move |reason| (&r.case, reason))) {
        let row = reason.row.map_or_else(String::new, |row| row.to_string());
        let column = reason.column.as_deref().unwrap_or_default();
        writer.write_record([case.as_str(), &reason.file, &row, column, &reason.message]).map_err(fault)?;
    }
    writer.flush().map_err(VerifyError::io(path))
}
