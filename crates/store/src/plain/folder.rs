//! The folder as a whole: which file is what, the cases, the persons; then records and coverage; then the good cases.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::catalogue::{NullMeaning, Title};
use hedui_base::diagnostic::nearest;
use hedui_base::{AreaCode, ColumnSpec, ColumnType, Table};

use super::cell::{convert, id};
use super::sheet::{Cells, Sheet};
use super::{PlainLoad, PlainSpec, Problem, Role, assemble, outcomes, records};

/// A problem and the cases it spoils (rows in `cases`); none if it belongs to no case.
pub(super) struct Found {
    pub(super) problem: Problem,
    pub(super) cases: Vec<u32>,
}

/// Everything read so far. Persons are numbered as they appear; only at the end do the good ones get dense keys.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) found: Vec<Found>,
    /// Whether the cases, and the persons, could be read: if not, nobody is blamed for naming one that is unknown.
    pub(super) has_cases: bool,
    pub(super) has_persons: bool,
    pub(super) case_ids: Vec<Arc<str>>,
    pub(super) case_index: HashMap<Arc<str>, u32>,
    pub(super) areas: Vec<Option<AreaCode>>,
    pub(super) residences: Vec<Option<Arc<str>>>,
    pub(super) case_inputs: Table,
    /// Per row of persons that is kept: case, person, role.
    pub(super) rows: Vec<(u32, u32, Role)>,
    pub(super) person_inputs: Table,
    pub(super) people: HashMap<Arc<str>, u32>,
    /// Cases of each person.
    pub(super) people_cases: Vec<Vec<u32>>,
    /// Persons of cases that the file of cases leaves out on purpose, and those cases.
    pub(super) outside: HashSet<Arc<str>>,
    pub(super) outside_cases: HashSet<Arc<str>>,
    pub(super) records: BTreeMap<String, records::Draft>,
    pub(super) coverage: Vec<outcomes::Row>,
    pub(super) covered: Vec<String>,
    pub(super) absent: Vec<String>,
    pub(super) ignored: Vec<(String, String)>,
}

impl Draft {
    pub(super) fn problem(&mut self, problem: Problem, cases: &[u32]) {
        self.found.push(Found { problem, cases: cases.to_vec() });
    }

    /// Reports a cell, or a row, of a sheet.
    pub(super) fn cell(&mut self, sheet: &Sheet, row: usize, column: Option<&str>, message: String, cases: &[u32]) {
        let mut problem = Problem::of_file(&sheet.file, message).row(sheet.row(row));
        problem.column = column.map(str::to_owned);
        self.problem(problem, cases);
    }

    /// The cells of a column that must be there.
    pub(super) fn required<'s>(&mut self, sheet: &'s Sheet, name: &str) -> Option<&'s Cells> {
        let cells = sheet.column(name);
        if cells.is_none() {
            let near = nearest(name, sheet.columns.iter().map(|(n, _)| n.as_str()));
            let mut problem = Problem::of_file(&sheet.file, "the column is missing").column(name);
            problem.help = near.map(|n| format!("is it the one called `{n}`?"));
            self.problem(problem, &[]);
        }
        cells
    }
}

/// A column specification of a type and nothing else.
pub(super) fn simple(ty: ColumnType) -> ColumnSpec {
    ColumnSpec {
        title: Title::default(),
        ty,
        null: NullMeaning::default(),
        min: None,
        max: None,
        codes: BTreeMap::new(),
        level: String::new(),
        mzt073: None,
    }
}

pub(super) fn read(
    dir: &Path,
    cases: Option<&Path>,
    spec: &PlainSpec,
    lenient: bool,
) -> Result<PlainLoad, Vec<Problem>> {
    let mut draft = Draft::default();
    let mut files = list(dir, spec, &mut draft);
    let own = files.remove("cases");
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
    // A file of cases from elsewhere may name some of the folder's cases: the others are left out on purpose.
    let chosen = cases.filter(|c| own.as_deref().is_none_or(|o| !same(c, o)));
    match chosen.map(Path::to_owned).or(own) {
        Some(path) => read_cases(&path, spec, &mut draft),
        None => draft.problem(
            Problem::of_file("cases.csv", "is missing").help("write one row per household: case,area,residence"),
            &[],
        ),
    }
    match files.remove("persons") {
        Some(path) => read_persons(&path, spec, chosen.is_some(), &mut draft),
        None => draft.problem(
            Problem::of_file("persons.csv", "is missing").help("write one row per person: case,person,role"),
            &[],
        ),
    }
    if let Some(path) = files.remove("coverage") {
        outcomes::read(&path, spec, &mut draft);
    }
    for dataset in &spec.datasets {
        match files.remove(&dataset.name) {
            Some(path) => records::read(&path, dataset, &mut draft),
            None if !draft.covered.contains(&dataset.name) => draft.absent.push(dataset.name.clone()),
            None => {}
        }
    }
    outcomes::compare(&mut draft);
    assemble::finish(draft, spec, lenient)
}

/// The folder's files by what they hold.
fn list(dir: &Path, spec: &PlainSpec, draft: &mut Draft) -> BTreeMap<String, PathBuf> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    let shown = dir.display().to_string();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            draft.problem(Problem::of_file(shown, format!("the folder cannot be read: {error}")), &[]);
            return files;
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.is_file()).collect();
    paths.sort();
    let known = ["cases", "persons", "coverage"].into_iter().chain(spec.datasets.iter().map(|d| d.name.as_str()));
    let known: Vec<&str> = known.collect();
    for path in paths {
        let name = file_name(&path);
        let (Some(stem), Some(extension)) = (path.file_stem().and_then(|s| s.to_str()), path.extension()) else {
            continue;
        };
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        if matches!(extension.as_str(), "xlsx" | "xls" | "et") {
            draft.problem(Problem::of_file(name, "a spreadsheet is not read").help("save it as CSV UTF-8"), &[]);
        } else if !matches!(extension.as_str(), "csv" | "parquet") {
        } else if !known.contains(&stem) {
            let help = nearest(stem, known.iter().copied()).map_or_else(
                || "name it after a dataset of the catalogue or of the pack, or take it out of the folder".to_owned(),
                |n| format!("did you mean `{n}.{extension}`?"),
            );
            draft.problem(Problem::of_file(name, "is not the name of a dataset").help(help), &[]);
        } else if let Some(other) = files.get(stem) {
            let message = format!("is there beside {}", file_name(other));
            draft.problem(Problem::of_file(name, message).help("keep one of the two"), &[]);
        } else {
            files.insert(stem.to_owned(), path);
        }
    }
    files
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

/// Opens a sheet, with its problems noted.
pub(super) fn open(path: &Path, draft: &mut Draft) -> Option<Sheet> {
    match Sheet::read(path, &file_name(path)) {
        Ok(sheet) => Some(sheet),
        Err(problems) => {
            problems.into_iter().for_each(|p| draft.problem(p, &[]));
            None
        }
    }
}

/// What a row belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Belongs {
    /// A case or person, by number.
    To(u32),
    /// Something the file of cases leaves out on purpose.
    Outside,
    /// Nothing: already reported.
    Nothing,
}

pub(super) const RAGGED: &str = "the row has more or fewer cells than the header";

fn read_cases(path: &Path, spec: &PlainSpec, draft: &mut Draft) {
    let Some(sheet) = open(path, draft) else { return };
    let (ids, areas) = (draft.required(&sheet, "case"), draft.required(&sheet, "area"));
    let residences = sheet.column("residence");
    let Some(ids) = ids else { return };
    draft.has_cases = true;
    let mut kept = Vec::new();
    let mut owner: Vec<Option<u32>> = Vec::with_capacity(sheet.rows);
    for row in 0..sheet.rows {
        let number = draft.case_ids.len() as u32;
        let known = match id(ids, row) {
            Ok(Some(id)) => {
                let id: Arc<str> = id.as_ref().into();
                if let Some(first) = draft.case_index.get(&id).copied() {
                    let message = "the case is there twice; each case has one row".to_owned();
                    draft.cell(&sheet, row, Some("case"), message, &[first]);
                    None
                } else {
                    draft.case_index.insert(Arc::clone(&id), number);
                    draft.case_ids.push(id);
                    kept.push(row);
                    Some(number)
                }
            }
            Ok(None) => {
                draft.cell(&sheet, row, Some("case"), "empty; every case has a number".to_owned(), &[]);
                None
            }
            Err(complaint) => {
                draft.cell(&sheet, row, Some("case"), complaint, &[]);
                None
            }
        };
        owner.push(known);
        let Some(number) = known else { continue };
        let area = match areas.map(|cells| id(cells, row)) {
            Some(Ok(Some(text))) => AreaCode::parse(&text).map(Some).map_err(|e| e.to_string()),
            Some(Ok(None)) => Err("empty; expected a division code such as 321102".to_owned()),
            Some(Err(complaint)) => Err(complaint),
            None => Ok(None),
        };
        draft.areas.push(area.unwrap_or_else(|complaint| {
            draft.found.push(Found {
                problem: Problem::of_file(&sheet.file, complaint).row(sheet.row(row)).column("area"),
                cases: vec![number],
            });
            None
        }));
        let residence = match residences.map(|cells| id(cells, row)) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(text))) if matches!(text.as_ref(), "urban" | "rural") => Some(text.as_ref().into()),
            Some(_) => {
                let message = "expected urban or rural, or nothing".to_owned();
                draft.cell(&sheet, row, Some("residence"), message, &[number]);
                None
            }
        };
        draft.residences.push(residence);
    }
    for row in &sheet.ragged {
        let cases: Vec<u32> = owner[*row].into_iter().collect();
        draft.cell(&sheet, *row, None, RAGGED.to_owned(), &cases);
    }
    let belongs: Vec<Belongs> = owner.iter().map(|o| o.map_or(Belongs::Nothing, Belongs::To)).collect();
    draft.case_inputs = inputs(&sheet, spec, false, &["case", "area", "residence"], &belongs, &kept, draft);
}

fn read_persons(path: &Path, spec: &PlainSpec, subset: bool, draft: &mut Draft) {
    let Some(sheet) = open(path, draft) else { return };
    let cases = draft.required(&sheet, "case");
    let (persons, roles) = (draft.required(&sheet, "person"), draft.required(&sheet, "role"));
    let (Some(cases), Some(persons), Some(roles)) = (cases, persons, roles) else { return };
    draft.has_persons = draft.has_cases;
    let (mut belongs, mut kept) = (Vec::with_capacity(sheet.rows), Vec::new());
    let mut members: Vec<bool> = vec![false; draft.case_ids.len()];
    let mut seen: HashSet<(u32, u32)> = HashSet::new();
    for row in 0..sheet.rows {
        let person = id(persons, row);
        let case = match id(cases, row) {
            Ok(Some(id)) => match draft.case_index.get(id.as_ref()) {
                Some(case) => Belongs::To(*case),
                None if subset => {
                    draft.outside_cases.insert(id.as_ref().into());
                    Belongs::Outside
                }
                None if !draft.has_cases => Belongs::Nothing,
                None => {
                    draft.cell(&sheet, row, Some("case"), "a case that cases does not have".to_owned(), &[]);
                    Belongs::Nothing
                }
            },
            Ok(None) => {
                draft.cell(&sheet, row, Some("case"), "empty; every person belongs to a case".to_owned(), &[]);
                Belongs::Nothing
            }
            Err(complaint) => {
                draft.cell(&sheet, row, Some("case"), complaint, &[]);
                Belongs::Nothing
            }
        };
        belongs.push(case);
        let of_case: Vec<u32> = if let Belongs::To(case) = case { vec![case] } else { Vec::new() };
        if case == Belongs::Outside {
            if let Ok(Some(id)) = person {
                draft.outside.insert(id.as_ref().into());
            }
            continue;
        }
        let person = match person {
            Ok(Some(id)) => id,
            Ok(None) => {
                draft.cell(&sheet, row, Some("person"), "empty; every person has an id".to_owned(), &of_case);
                continue;
            }
            Err(complaint) => {
                draft.cell(&sheet, row, Some("person"), complaint, &of_case);
                continue;
            }
        };
        let role = match id(roles, row).ok().flatten().as_deref() {
            Some("member") => Some(Role::Member),
            Some("obligor") => Some(Role::Obligor),
            _ => {
                draft.cell(&sheet, row, Some("role"), "expected member or obligor".to_owned(), &of_case);
                None
            }
        };
        let next = draft.people_cases.len() as u32;
        let number = *draft.people.entry(person.as_ref().into()).or_insert(next);
        if number == next {
            draft.people_cases.push(Vec::new());
        }
        let Belongs::To(case) = case else { continue };
        if !seen.insert((case, number)) {
            let message = "the person is there twice in one case".to_owned();
            draft.cell(&sheet, row, Some("person"), message, &[case]);
            continue;
        }
        draft.people_cases[number as usize].push(case);
        members[case as usize] |= role != Some(Role::Obligor);
        draft.rows.push((case, number, role.unwrap_or(Role::Member)));
        kept.push(row);
    }
    for row in &sheet.ragged {
        let cases: Vec<u32> = match belongs[*row] {
            Belongs::To(case) => vec![case],
            Belongs::Outside => continue,
            Belongs::Nothing => Vec::new(),
        };
        draft.cell(&sheet, *row, None, RAGGED.to_owned(), &cases);
    }
    for (case, has_member) in members.iter().enumerate() {
        if !has_member {
            let message = format!("case {} has no row with role member", draft.case_ids[case]);
            draft.problem(Problem::of_file(&sheet.file, message), &[case as u32]);
        }
    }
    draft.person_inputs = inputs(&sheet, spec, true, &["case", "person", "role"], &belongs, &kept, draft);
}

/// Columns that `persons` may always have; inputs where the pack declares them.
const USUAL: [&str; 3] = ["relation", "birth_date", "sex"];

/// Reads the declared inputs of a sheet of cases or persons and complains about columns that are none.
fn inputs(
    sheet: &Sheet,
    spec: &PlainSpec,
    of_person: bool,
    fixed: &[&str],
    belongs: &[Belongs],
    kept: &[usize],
    draft: &mut Draft,
) -> Table {
    let mut table = Table { rows: kept.len(), ..Table::default() };
    let candidates = || spec.inputs.iter().filter(|i| i.of_person == of_person).map(|i| i.name.as_str());
    for (name, cells) in &sheet.columns {
        if fixed.contains(&name.as_str()) {
            continue;
        }
        let problem = |message: &str| Problem::of_file(&sheet.file, message).column(name);
        let Some(input) = spec.inputs.iter().find(|i| i.name == *name && i.of_person == of_person) else {
            if spec.inputs.iter().any(|i| i.name == *name) {
                let (whose, file) = if of_person { ("a household", "cases") } else { ("a person", "persons") };
                draft.problem(problem(&format!("is an input of {whose}")).help(format!("move it to {file}")), &[]);
            } else if (of_person && USUAL.contains(&name.as_str()))
                || spec.datasets.iter().any(|d| d.columns.contains_key(name))
            {
                draft.ignored.push((sheet.file.clone(), name.clone()));
            } else if name.is_empty() {
                draft.problem(Problem::of_file(&sheet.file, "a column has no name").help("name or remove it"), &[]);
            } else {
                let help = nearest(name, candidates().chain(fixed.iter().copied())).map_or_else(
                    || "declare it as [input.*] in the pack, or remove it".to_owned(),
                    |n| format!("did you mean `{n}`?"),
                );
                draft.problem(problem("is not an input that the pack declares").help(help), &[]);
            }
            continue;
        };
        let mut complaints = Vec::new();
        let converted =
            convert(cells, sheet.rows, &input.column, &HashMap::new(), &mut |row, said| complaints.push((row, said)));
        for (row, said) in complaints {
            match belongs[row] {
                Belongs::Outside => {}
                Belongs::To(case) => draft.cell(sheet, row, Some(name), said, &[case]),
                Belongs::Nothing => draft.cell(sheet, row, Some(name), said, &[]),
            }
        }
        match converted {
            Ok(column) => {
                table.columns.insert(name.clone(), column.take(kept));
            }
            Err(said) => draft.problem(problem(&said), &[]),
        }
    }
    table
}
