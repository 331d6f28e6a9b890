//! Cases of the ledger and answers of the store as the columns that the engine reads.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hedui_base::columns::date_to_days;
use hedui_base::{CaseId, Column, Letter, Outcome, PersonKey, Records, SourceId, Table};
use hedui_connect::{Registry, Source, Subjects};
use hedui_engine::input::{Caseload, Cases, Coverage, Persons, Role};
use hedui_ledger::{Case, Person};
use hedui_rules::Program;
use hedui_rules::program::{Entity, Input};
use hedui_store::{CoverageRow, Snapshot};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::VerifyError;
use crate::intake::{DeclaredValue, read_declared};

/// What an identity number says of its holder.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Born {
    pub(crate) on: Option<Date>,
    pub(crate) male: Option<bool>,
}

impl Born {
    pub(crate) fn of(person: &Person) -> Self {
        Self { on: person.id.as_ref().map(|id| id.birth_date()), male: person.id.as_ref().map(|id| id.is_male()) }
    }
}

/// What the store knows about some people, as of one snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) records: BTreeMap<String, Records>,
    pub(crate) coverage: Vec<CoverageRow>,
}

impl Answers {
    /// Reads what a program needs of the people of some cases.
    pub(crate) fn load(snapshot: &Snapshot, program: &Program, people: &[PersonKey]) -> Result<Self, VerifyError> {
        Self::load_for(snapshot, &[program], people)
    }

    /// The same for several programs at once: each reads only the columns it uses.
    pub(crate) fn load_for(
        snapshot: &Snapshot,
        programs: &[&Program],
        people: &[PersonKey],
    ) -> Result<Self, VerifyError> {
        let mut people = people.to_vec();
        people.sort_unstable();
        people.dedup();
        let mut datasets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for dataset in programs.iter().flat_map(|p| &p.datasets).filter(|d| d.entity == Entity::Person) {
            let columns = dataset.columns.iter().map(|c| c.name.as_str());
            datasets.entry(&dataset.name).or_default().extend(columns);
        }
        // A dataset of the pack's own that no connector serves is left out: unknown for everyone, as the engine says.
        let datasets = datasets.into_iter().filter(|(dataset, _)| snapshot.has_dataset(dataset));
        let datasets: Vec<(&str, Vec<&str>)> =
            datasets.map(|(dataset, columns)| (dataset, columns.into_iter().collect())).collect();
        let (records, coverage) = snapshot.household(&datasets, &people)?;
        let names = datasets.iter().map(|(dataset, _)| (*dataset).to_owned());
        Ok(Self { records: names.zip(records).collect(), coverage })
    }
}

/// How one case may see one (person, source) pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// As the store has it.
    Stored,
    /// Policy does not ask this source about this person in this case.
    NotApplicable,
    /// The answer came under another case's letter, and this case's letters do not allow it.
    Denied,
}

/// Whether policy asks a source about a person of a case.
pub(crate) fn applies(source: &Source, role: hedui_ledger::Role, relation: &str) -> bool {
    match source.subjects {
        Subjects::Members => role == hedui_ledger::Role::Member,
        Subjects::MembersAndObligors => true,
        Subjects::Applicant => role == hedui_ledger::Role::Member && relation == "self",
    }
}

/// The outcomes on file: of sources in reach, by person and source; of others.
struct Stored<'a> {
    rows: HashMap<(PersonKey, u16), &'a CoverageRow>,
    stray: Vec<&'a CoverageRow>,
}

/// Everything but the answers that comparing some cases needs.
pub(crate) struct Setting<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) letters: &'a HashMap<CaseId, Vec<Letter>>,
    pub(crate) born: &'a HashMap<PersonKey, Born>,
}

impl Setting<'_> {
    fn view(&self, case: &Case, person: &hedui_ledger::CasePerson, source: &Source, row: Option<&CoverageRow>) -> View {
        if !applies(source, person.role, &person.relation) {
            return View::NotApplicable;
        }
        let Some(row) = row else { return View::Stored };
        let letters = self.letters.get(&case.id).map_or(&[][..], Vec::as_slice);
        let own = letters.iter().any(|l| row.letter.as_deref() == Some(l.number.as_str()));
        let silent = !matches!(row.outcome, Outcome::Found | Outcome::NoRecord | Outcome::Partial);
        if own || silent {
            return View::Stored;
        }
        let asked = row.asked.to_zoned(TimeZone::fixed(Offset::constant(8))).date();
        let allowed = letters.iter().any(|letter| {
            let day = asked.max(letter.valid_from);
            letter.authorise(person.person, &source.id, &source.scope, &case.scheme, day).is_ok()
        });
        if allowed { View::Stored } else { View::Denied }
    }

    /// Builds one or more caseloads of the cases at `rows`: cases that may see the same person differently do not share
    /// one. Returns the row of each case beside its caseload.
    pub(crate) fn caseloads(
        &self,
        program: &Program,
        cases: &[&Case],
        answers: &Answers,
    ) -> Result<Vec<(Vec<usize>, Caseload)>, VerifyError> {
        let sources: Vec<&Arc<Source>> = self.registry.iter().collect();
        let mut stored = Stored { rows: HashMap::with_capacity(answers.coverage.len()), stray: Vec::new() };
        let index: HashMap<&str, u16> =
            sources.iter().enumerate().filter_map(|(i, s)| Some((s.id.as_str(), u16::try_from(i).ok()?))).collect();
        for row in &answers.coverage {
            match index.get(row.source.as_str()) {
                Some(i) => {
                    stored.rows.insert((row.person, *i), row);
                }
                None => stored.stray.push(row),
            }
        }
        let mut rest: Vec<usize> = (0..cases.len()).collect();
        let mut built = Vec::new();
        while !rest.is_empty() {
            let mut views: HashMap<(PersonKey, u16), View> = HashMap::new();
            let (mut here, mut later) = (Vec::new(), Vec::new());
            for row in rest {
                let case = cases[row];
                let mut own = Vec::new();
                for person in &case.people {
                    for (i, source) in (0u16..).zip(&sources) {
                        let key = (person.person, i);
                        own.push((key, self.view(case, person, source, stored.rows.get(&key).copied())));
                    }
                }
                if own.iter().any(|(key, view)| views.get(key).is_some_and(|v| v != view)) {
                    later.push(row);
                } else {
                    views.extend(own);
                    here.push(row);
                }
            }
            let group: Vec<&Case> = here.iter().map(|row| cases[*row]).collect();
            built.push((here, self.caseload(program, &group, answers, &sources, &stored, &views)?));
            rest = later;
        }
        Ok(built)
    }

    fn caseload(
        &self,
        program: &Program,
        cases: &[&Case],
        answers: &Answers,
        sources: &[&Arc<Source>],
        stored: &Stored<'_>,
        views: &HashMap<(PersonKey, u16), View>,
    ) -> Result<Caseload, VerifyError> {
        let mut coverage = Coverage {
            sources: sources.iter().map(|s| (s.id.clone(), s.dataset.name.clone())).collect(),
            ..Coverage::default()
        };
        let mut hidden: BTreeSet<(PersonKey, SourceId)> = BTreeSet::new();
        for (key, view) in views {
            let outcome = match view {
                View::Stored => stored.rows.get(key).map(|row| row.outcome),
                View::NotApplicable => Some(Outcome::NotApplicable),
                View::Denied => Some(Outcome::NotAuthorised),
            };
            if let Some(outcome) = outcome {
                coverage.outcomes.insert(*key, outcome);
            }
            if *view != View::Stored && stored.rows.contains_key(key) {
                hidden.insert((key.0, sources[usize::from(key.1)].id.clone()));
            }
        }
        hidden.extend(self.foreign(cases, &stored.stray));
        let people: BTreeSet<PersonKey> = cases.iter().flat_map(|c| &c.people).map(|p| p.person).collect();
        let records = answers
            .records
            .iter()
            .map(|(dataset, rows)| {
                let keep: Vec<usize> = (0..rows.len())
                    .filter(|r| people.contains(&rows.person[*r]))
                    .filter(|r| hidden.is_empty() || !hidden.contains(&(rows.person[*r], rows.source[*r].clone())))
                    .collect();
                (dataset.clone(), if keep.len() == rows.len() { rows.clone() } else { take(rows, &keep) })
            })
            .collect();
        Ok(Caseload {
            cases: Cases {
                id: cases.iter().map(|c| c.id.clone()).collect(),
                area: cases.iter().map(|c| c.area).collect(),
                residence: cases.iter().map(|c| c.residence.as_deref().map(Arc::from)).collect(),
                inputs: household_inputs(program, cases)?,
            },
            persons: self.persons(program, cases)?,
            records,
            coverage,
        })
    }

    /// Of answers of sources that have no manifest any more, those brought by a letter that is not every case's own:
    /// nothing says any more which scope a letter would have to grant, so no other letter can allow them.
    fn foreign(&self, cases: &[&Case], stray: &[&CoverageRow]) -> Vec<(PersonKey, SourceId)> {
        let own = |case: &Case, row: &CoverageRow| {
            let letters = self.letters.get(&case.id).map_or(&[][..], Vec::as_slice);
            letters.iter().any(|l| row.letter.as_deref() == Some(l.number.as_str()))
        };
        let about = |case: &Case, row: &CoverageRow| case.people.iter().any(|p| p.person == row.person);
        let foreign = stray.iter().filter(|row| cases.iter().any(|case| about(case, row) && !own(case, row)));
        foreign.map(|row| (row.person, row.source.clone())).collect()
    }

    fn persons(&self, program: &Program, cases: &[&Case]) -> Result<Persons, VerifyError> {
        let mut persons = Persons::default();
        for (row, case) in (0u32..).zip(cases) {
            for person in &case.people {
                persons.case.push(row);
                persons.key.push(person.person);
                persons.role.push(match person.role {
                    hedui_ledger::Role::Member => Role::Member,
                    hedui_ledger::Role::Obligor => Role::Obligor,
                });
            }
        }
        let rows = persons.key.len();
        let all = || cases.iter().flat_map(|case| case.people.iter().map(move |person| (case, person)));
        let mut inputs = Table { rows, columns: BTreeMap::new() };
        for input in program.inputs.iter().filter(|i| i.entity == Entity::Person) {
            let column = match input.name.as_str() {
                "relation" => Column::Text(all().map(|(_, p)| Some(p.relation.as_str().into())).collect()),
                "birth_date" => {
                    Column::Int(all().map(|(_, p)| self.born.get(&p.person)?.on.map(date_to_days)).collect())
                }
                "sex" => {
                    let word = |male: bool| Arc::from(if male { "male" } else { "female" });
                    Column::Text(all().map(|(_, p)| self.born.get(&p.person)?.male.map(word)).collect())
                }
                name => {
                    let values = all()
                        .map(|(case, p)| declared(input, p.declared.get(name), &case.id))
                        .collect::<Result<Vec<_>, _>>()?;
                    column(input, values)
                }
            };
            inputs.columns.insert(input.name.clone(), column);
        }
        persons.inputs = inputs;
        Ok(persons)
    }
}

fn household_inputs(program: &Program, cases: &[&Case]) -> Result<Table, VerifyError> {
    let mut inputs = Table { rows: cases.len(), columns: BTreeMap::new() };
    for input in program.inputs.iter().filter(|i| i.entity == Entity::Household) {
        let column = if input.name == "in_receipt" {
            Column::Int(cases.iter().map(|c| Some(i64::from(c.in_receipt))).collect())
        } else {
            let values = cases
                .iter()
                .map(|c| declared(input, c.declared.get(&input.name), &c.id))
                .collect::<Result<Vec<_>, _>>()?;
            column(input, values)
        };
        inputs.columns.insert(input.name.clone(), column);
    }
    Ok(inputs)
}

fn declared(input: &Input, value: Option<&serde_json::Value>, case: &CaseId) -> Result<DeclaredValue, VerifyError> {
    let Some(value) = value else { return Ok(DeclaredValue::Null) };
    // Checked when the case was accepted; a pack that changed an input's type since then is told here.
    read_declared(&input.spec, value).map_err(|(code, message)| {
        VerifyError::Input(vec![crate::Problem {
            at: format!("case {case}, declared {}", input.name),
            code: code.to_owned(),
            message,
        }])
    })
}

fn column(input: &Input, values: Vec<DeclaredValue>) -> Column {
    if input.spec.ty.is_int() {
        let int = |v| if let DeclaredValue::Int(v) = v { Some(v) } else { None };
        Column::Int(values.into_iter().map(int).collect())
    } else {
        let text = |v| if let DeclaredValue::Text(v) = v { Some(v) } else { None };
        Column::Text(values.into_iter().map(text).collect())
    }
}

/// The records at `rows`, in that order.
fn take(records: &Records, rows: &[usize]) -> Records {
    Records {
        person: rows.iter().map(|r| records.person[*r]).collect(),
        source: rows.iter().map(|r| records.source[*r].clone()).collect(),
        record_id: rows.iter().map(|r| records.record_id[*r].clone()).collect(),
        as_of: rows.iter().map(|r| records.as_of[*r]).collect(),
        ask: rows.iter().map(|r| records.ask[*r]).collect(),
        answer: rows.iter().map(|r| records.answer[*r]).collect(),
        table: Table {
            rows: rows.len(),
            columns: records.table.columns.iter().map(|(name, column)| (name.clone(), column.take(rows))).collect(),
        },
    }
}
