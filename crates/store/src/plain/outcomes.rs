//! `coverage`: which sources answered about whom, and whether the records agree with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use hedui_base::catalogue::Per;
use hedui_base::diagnostic::nearest;
use hedui_base::{Outcome, SourceId};

use super::cell::id;
use super::folder::{Draft, RAGGED, open};
use super::{PlainSpec, Problem};

/// One outcome, of a person by number.
pub(super) struct Row {
    pub(super) person: u32,
    pub(super) source: SourceId,
    pub(super) dataset: String,
    pub(super) outcome: Outcome,
    /// Row for messages.
    at: usize,
    file: String,
}

pub(super) fn read(path: &Path, spec: &PlainSpec, draft: &mut Draft) {
    let Some(sheet) = open(path, draft) else { return };
    let columns = ["person", "source", "dataset", "outcome"];
    for (name, _) in &sheet.columns {
        if !columns.contains(&name.as_str()) {
            let mut problem = Problem::of_file(&sheet.file, "is not a column of coverage").column(name);
            problem.help = nearest(name, columns).map(|n| format!("did you mean `{n}`?"));
            draft.problem(problem, &[]);
        }
    }
    let cells: Vec<_> = columns.iter().map(|name| draft.required(&sheet, name)).collect();
    let [Some(persons), Some(sources), Some(datasets), Some(outcomes)] = cells[..] else { return };
    let mut serves: HashMap<SourceId, String> = HashMap::new();
    let mut seen: HashMap<(u32, SourceId), Outcome> = HashMap::new();
    let mut covered = BTreeSet::new();
    let has_persons = draft.has_persons;
    for row in 0..sheet.rows {
        let text = |cells| id(cells, row).map(|t| t.map(std::borrow::Cow::into_owned));
        let (person, dataset) = (text(persons), text(datasets));
        let number = match &person {
            Ok(Some(id)) => draft.people.get(id.as_str()).copied(),
            _ => None,
        };
        if number.is_none() && matches!(&person, Ok(Some(id)) if draft.outside.contains(id.as_str())) {
            if let Ok(Some(dataset)) = dataset {
                covered.insert(dataset);
            }
            continue;
        }
        let cases = number.map(|n| draft.people_cases[n as usize].clone()).unwrap_or_default();
        let mut complain = |column: &str, message: String| draft.cell(&sheet, row, Some(column), message, &cases);
        if number.is_none() && has_persons {
            complain("person", "a person that persons does not have".to_owned());
        }
        if sheet.ragged.contains(&row) {
            complain("person", RAGGED.to_owned());
        }
        let source = match text(sources) {
            Ok(Some(source)) => Some(SourceId::from(source)),
            _ => {
                complain("source", "expected the id of a source, such as bank.jinshan".to_owned());
                None
            }
        };
        let dataset = match dataset {
            Ok(Some(name)) => match spec.datasets.iter().find(|d| d.name == name) {
                Some(dataset) if dataset.per == Per::Household => {
                    complain("dataset", "a dataset of households is asked of no source; leave it out".to_owned());
                    None
                }
                Some(_) => Some(name),
                None => {
                    let near = nearest(&name, spec.datasets.iter().map(|d| d.name.as_str()));
                    let near = near.map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                    complain("dataset", format!("not a dataset{near}"));
                    None
                }
            },
            _ => {
                complain("dataset", "expected the name of a dataset".to_owned());
                None
            }
        };
        let outcome = match text(outcomes).ok().flatten().and_then(|o| o.parse::<Outcome>().ok()) {
            Some(outcome) => Some(outcome),
            None => {
                let words: Vec<&str> = Outcome::ALL.iter().map(|o| o.as_str()).collect();
                complain("outcome", format!("expected one of {}", words.join(", ")));
                None
            }
        };
        covered.extend(dataset.clone());
        let (Some(person), Some(source), Some(dataset), Some(outcome)) = (number, source, dataset, outcome) else {
            continue;
        };
        if *serves.entry(source.clone()).or_insert_with(|| dataset.clone()) != dataset {
            complain("source", "the source serves another dataset in a row above; a source serves one".to_owned());
        } else if let Some(earlier) = seen.insert((person, source.clone()), outcome) {
            if earlier != outcome {
                complain("outcome", "the same person and source have another outcome in a row above".to_owned());
            }
        } else {
            let (at, file) = (sheet.row(row), sheet.file.clone());
            draft.coverage.push(Row { person, source, dataset, outcome, at, file });
        }
    }
    draft.covered = covered.into_iter().filter(|name| spec.datasets.iter().any(|d| d.name == *name)).collect();
}

/// Gives rows without a source one, and checks that rows and outcomes tell the same story.
pub(super) fn compare(draft: &mut Draft) {
    let mut sources: BTreeMap<&str, BTreeSet<&SourceId>> = BTreeMap::new();
    let mut outcomes: HashMap<(u32, &SourceId), Outcome> = HashMap::new();
    for row in &draft.coverage {
        sources.entry(&row.dataset).or_default().insert(&row.source);
        outcomes.insert((row.person, &row.source), row.outcome);
    }
    let mut complaints: Vec<(Problem, Vec<u32>)> = Vec::new();
    let mut answered: BTreeSet<(u32, SourceId)> = BTreeSet::new();
    for (dataset, records) in &mut draft.records {
        let covered = draft.covered.contains(dataset);
        let only = match sources.get(dataset.as_str()) {
            Some(set) if set.len() == 1 => set.first().map(|s| (*s).clone()),
            Some(_) => None,
            None => Some(SourceId::from(dataset.as_str())),
        };
        for (row, who) in &records.rows {
            let cases = if records.of_household { vec![*who] } else { draft.people_cases[*who as usize].clone() };
            let mut complain = |message: String| {
                let problem =
                    Problem::of_file(&records.sheet.file, message).row(records.sheet.row(*row)).column("source");
                complaints.push((problem, cases.clone()));
            };
            if records.source[*row].is_none() {
                records.source[*row].clone_from(&only);
            }
            let Some(source) = &records.source[*row] else {
                complain("empty, and coverage names several sources of this dataset; say which one".to_owned());
                continue;
            };
            if !covered || records.of_household {
                continue;
            }
            match outcomes.get(&(*who, source)) {
                Some(Outcome::Found | Outcome::Partial) => {
                    answered.insert((*who, source.clone()));
                }
                Some(outcome) => {
                    complain(format!("rows present but the outcome in coverage is {outcome}; one of the two is wrong"));
                }
                None => complain("rows present but coverage has no outcome of this person and source".to_owned()),
            }
        }
    }
    for row in &draft.coverage {
        if row.outcome == Outcome::Found && !answered.contains(&(row.person, row.source.clone())) {
            let message = format!("the outcome is found but {} has no row of this person and source", row.dataset);
            let problem = Problem::of_file(&row.file, message)
                .row(row.at)
                .column("outcome")
                .help("write no_record if there is none");
            complaints.push((problem, draft.people_cases[row.person as usize].clone()));
        }
    }
    for (problem, cases) in complaints {
        draft.problem(problem, &cases);
    }
}
