//! The same households many times over, as other people: enough of them to see what each one costs.

use hedui_base::PersonKey;
use hedui_cluster::Dialect;
use hedui_engine::input::Caseload;
use hedui_rules::Program;
use hedui_rules::program::Entity;

use crate::rows;

/// From one copy to the next: more than a small world has cases and people.
pub(crate) const CASES: u64 = 10;
const PEOPLE: u64 = 100;

fn is_of_cases(program: &Program, dataset: &str) -> bool {
    program.datasets.iter().any(|used| used.name == dataset && used.entity == Entity::Household)
}

/// All relations, each copied so often, as Spark makes them.
pub(crate) fn statements(program: &Program, load: &Caseload, copies: u64) -> Vec<String> {
    let mut all = rows::statements(program, load, Dialect::Spark);
    if copies == 1 {
        return all;
    }
    let sources = load.coverage.sources.iter().filter(|(_, dataset)| is_of_cases(program, dataset));
    let sources: Vec<String> =
        sources.map(|(source, _)| format!("'{}'", source.as_str())).chain(["''".into()]).collect();
    let of_source = format!("CASE WHEN coverage.source IN ({}) THEN {CASES} ELSE {PEOPLE} END", sources.join(", "));
    let (case, person) = (("case_row", CASES.to_string()), ("person", PEOPLE.to_string()));
    let mut relations = vec![
        ("cases".to_owned(), vec![case.clone()]),
        ("persons".to_owned(), vec![case.clone(), person.clone()]),
        ("coverage".to_owned(), vec![("person", of_source)]),
    ];
    for dataset in &program.datasets {
        let key = if is_of_cases(program, &dataset.name) { case.clone() } else { person.clone() };
        relations.push((format!("d_{}", dataset.name), vec![key]));
    }
    for (name, keys) in relations {
        let moved: Vec<String> =
            keys.iter().map(|(key, by)| format!("{name}.{key} + copy.id * {by} AS {key}")).collect();
        let names = keys.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ");
        all.push(format!("DROP TABLE IF EXISTS many_{name}"));
        all.push(format!(
            "CREATE TABLE many_{name} USING parquet AS\nSELECT {}, {name}.* EXCEPT ({names}) FROM RANGE({copies}) copy \
             CROSS JOIN {name}",
            moved.join(", ")
        ));
        all.push(format!("CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM many_{name}"));
    }
    all
}

/// The copies that are looked at: the first, one in the middle, the last.
pub(crate) fn looked_at(copies: u64) -> Vec<u64> {
    let mut some = vec![0, copies / 2, copies - 1];
    some.dedup();
    some
}

/// The people of a copy. Its cases count from 0 in each.
pub(crate) fn copy(program: &Program, load: &Caseload, number: u64) -> Caseload {
    let mut copy = load.clone();
    let by = (number * PEOPLE) as u32;
    copy.persons.key.iter_mut().for_each(|key| key.0 += by);
    for (name, records) in &mut copy.records {
        if !is_of_cases(program, name) {
            records.person.iter_mut().for_each(|key| key.0 += by);
        }
    }
    let moved = |((key, source), outcome): (&(PersonKey, u16), &hedui_base::Outcome)| {
        let of_cases = is_of_cases(program, &load.coverage.sources[usize::from(*source)].1);
        ((PersonKey(key.0 + if of_cases { 0 } else { by }), *source), *outcome)
    };
    copy.coverage.outcomes = load.coverage.outcomes.iter().map(moved).collect();
    copy
}
