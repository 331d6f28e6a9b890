//! The end of reading: all problems, or the good cases with dense keys and sorted records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hedui_base::catalogue::Per;
use hedui_base::{AnswerId, AskId, CaseId, Column, ColumnType, Dataset, PersonKey, Records, Table};

use super::folder::{Draft, Found};
use super::{PlainCases, PlainCoverage, PlainLoad, PlainPersons, PlainSpec, Problem, Rejected, records};

pub(super) fn finish(mut draft: Draft, spec: &PlainSpec, lenient: bool) -> Result<PlainLoad, Vec<Problem>> {
    let found = std::mem::take(&mut draft.found);
    let fatal = found.iter().any(|f| !lenient || f.cases.is_empty());
    if fatal {
        let wanted = found.into_iter().filter(|f| !lenient || f.cases.is_empty());
        return Err(sorted(wanted.map(|f| first_case(&draft, f)).collect()));
    }
    let mut reasons: BTreeMap<u32, Vec<Problem>> = BTreeMap::new();
    for Found { problem, cases } in found {
        for case in cases {
            let id = CaseId::from(&*draft.case_ids[case as usize]);
            reasons.entry(case).or_default().push(problem.clone().case(Some(id)));
        }
    }
    Ok(good(draft, spec, reasons))
}

fn first_case(draft: &Draft, found: Found) -> Problem {
    let case = found.cases.first().map(|c| CaseId::from(&*draft.case_ids[*c as usize]));
    found.problem.case(case)
}

/// In the order a reader would meet them: cases, persons, then the other files; by row.
fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    let rank = |p: &Problem| match p.file.as_str() {
        "cases.csv" | "cases.parquet" => 0,
        "persons.csv" | "persons.parquet" => 1,
        _ => 2,
    };
    problems.sort_by(|a, b| (rank(a), &a.file, a.row).cmp(&(rank(b), &b.file, b.row)));
    problems.dedup();
    problems
}

fn good(draft: Draft, spec: &PlainSpec, reasons: BTreeMap<u32, Vec<Problem>>) -> PlainLoad {
    let kept: Vec<usize> = (0..draft.case_ids.len()).filter(|c| !reasons.contains_key(&(*c as u32))).collect();
    let new_case: HashMap<u32, u32> = (0u32..).zip(&kept).map(|(new, old)| (*old as u32, new)).collect();
    let cases = PlainCases {
        id: kept.iter().map(|c| CaseId::from(&*draft.case_ids[*c])).collect(),
        // Every good case has an area: one without is a problem.
        area: kept.iter().filter_map(|c| draft.areas[*c]).collect(),
        residence: kept.iter().map(|c| draft.residences[*c].clone()).collect(),
        inputs: take(&draft.case_inputs, &kept),
    };

    let mut rows: Vec<usize> = (0..draft.rows.len()).filter(|r| new_case.contains_key(&draft.rows[*r].0)).collect();
    rows.sort_by_key(|r| draft.rows[*r].0);
    let names: HashMap<u32, &std::sync::Arc<str>> = draft.people.iter().map(|(id, n)| (*n, id)).collect();
    let mut keys: HashMap<u32, PersonKey> = HashMap::new();
    let mut persons = PlainPersons { inputs: take(&draft.person_inputs, &rows), ..PlainPersons::default() };
    for row in &rows {
        let (case, person, role) = draft.rows[*row];
        let next = PersonKey(keys.len() as u32);
        persons.case.push(new_case[&case]);
        persons.id.push(names[&person].clone());
        persons.key.push(*keys.entry(person).or_insert(next));
        persons.role.push(role);
    }

    let mut all = BTreeMap::new();
    for dataset in &spec.datasets {
        let records = match draft.records.get(&dataset.name) {
            None => Records::default(),
            Some(part) if dataset.per == Per::Household => {
                taken(part, dataset, |who| new_case.get(&who).map(|c| PersonKey(*c)), &keys)
            }
            Some(part) => taken(part, dataset, |who| keys.get(&who).copied(), &keys),
        };
        all.insert(dataset.name.clone(), records);
    }
    let mut sources = BTreeSet::new();
    let mut coverage = Vec::new();
    for row in &draft.coverage {
        sources.insert((row.source.clone(), row.dataset.clone()));
        if let Some(person) = keys.get(&row.person) {
            let (source, dataset) = (row.source.clone(), row.dataset.clone());
            coverage.push(PlainCoverage { person: *person, source, dataset, outcome: row.outcome });
        }
    }
    coverage.sort_by(|a, b| (a.person, &a.source).cmp(&(b.person, &b.source)));
    let offered = |name: &String| !draft.covered.contains(name) && !draft.absent.contains(name);
    let complete = spec.datasets.iter().map(|d| d.name.clone()).filter(offered).collect();
    let rejected = reasons
        .into_iter()
        .map(|(case, reasons)| Rejected {
            case: CaseId::from(&*draft.case_ids[case as usize]),
            reasons: sorted(reasons),
        })
        .collect();
    PlainLoad {
        cases,
        persons,
        records: all,
        coverage,
        sources: sources.into_iter().collect(),
        complete,
        absent: draft.absent,
        ignored: draft.ignored,
        rejected,
    }
}

fn take(table: &Table, rows: &[usize]) -> Table {
    let columns = table.columns.iter().map(|(name, column)| (name.clone(), column.take(rows))).collect();
    Table { rows: rows.len(), columns }
}

/// The records whose person or case is kept, sorted by person, source and record id.
fn taken(
    part: &records::Draft,
    dataset: &Dataset,
    key: impl Fn(u32) -> Option<PersonKey>,
    people: &HashMap<u32, PersonKey>,
) -> Records {
    let mut order: Vec<(PersonKey, usize)> =
        part.rows.iter().filter_map(|(row, who)| key(*who).map(|k| (k, *row))).collect();
    order.sort_by(|(a, i), (b, j)| {
        (a, &part.source[*i], &part.record_id[*i]).cmp(&(b, &part.source[*j], &part.record_id[*j]))
    });
    let rows: Vec<usize> = order.iter().map(|(_, row)| *row).collect();
    let mut table = take(&part.table, &rows);
    for (name, column) in &mut table.columns {
        if dataset.columns.get(name).is_some_and(|c| c.ty == ColumnType::Person)
            && let Column::Int(values) = column
        {
            // Another person of a case that was set aside is no one here.
            for value in values {
                let known = value.and_then(|v| people.get(&u32::try_from(v).unwrap_or(u32::MAX)));
                *value = known.map(|k| i64::from(k.0));
            }
        }
    }
    Records {
        person: order.iter().map(|(key, _)| *key).collect(),
        source: rows.iter().filter_map(|r| part.source[*r].clone()).collect(),
        record_id: rows.iter().map(|r| part.record_id[*r].clone()).collect(),
        as_of: rows.iter().map(|r| part.as_of[*r]).collect(),
        ask: vec![AskId(0); rows.len()],
        answer: vec![AnswerId(0); rows.len()],
        table,
    }
}
