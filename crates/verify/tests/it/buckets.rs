//! A store with its cases, compared bucket by bucket: the same findings as a caseload read record by record, under any size of
//! buckets and any number of threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hedui_base::{Column, Outcome, PersonKey, SourceId};
use hedui_engine::input::{Caseload, Coverage, Role};
use hedui_engine::output::Cell;
use hedui_engine::{Derived, RunOptions, run};
use hedui_ledger::Ledger;
use hedui_rules::Program;
use hedui_rules::program::{Entity, Input};
use hedui_sim::{CityOptions, DirectOptions, write_direct};
use hedui_store::plain::InputSpec;
use hedui_store::results::{self, ResultColumn};
use hedui_store::{At, BulkColumn, CASES, PEOPLE, Snapshot, Store, StoreOptions};
use hedui_verify::{
    BatchRequest, BatchSummary, ExplanationNode, Selection, Workspace, WorkspaceOptions, batch, check, explain_kept,
};
use jiff::civil::{Date, date};
use sqlx::Connection as _;

pub(crate) const DAY: Date = date(2026, 6, 30);

/// Writes a city into a data folder, its people so many in a bucket.
pub(crate) async fn city(dir: &Path, households: u32, bucket_people: u32) -> Workspace {
    let other = tempfile::tempdir().unwrap();
    let ws = Workspace::open(other.path(), WorkspaceOptions::default()).await.unwrap();
    let program = ws.program_for("321102".parse().unwrap(), DAY).unwrap();
    let registry = ws.registry().clone();
    let catalogue = hedui_verify::embedded_catalogue().unwrap();
    let spec = |input: &Input| InputSpec {
        name: input.name.clone(),
        of_person: input.entity == Entity::Person,
        column: input.spec.clone(),
    };
    let inputs: Vec<InputSpec> = program.inputs.iter().map(spec).collect();
    let ledger = Ledger::open(dir).await.unwrap();
    let mut conn = ledger.connection().await.unwrap();
    let mut store = Store::open_with(dir, &mut conn, &catalogue, StoreOptions { bucket_people }).await.unwrap();
    store.case_tables(&mut conn, &inputs).await.unwrap();
    let city = CityOptions { households, seed: 23, as_of: DAY };
    let options = DirectOptions { city, unknown: 90, planted_each: 2, threads: 2 };
    let mut tx = conn.begin().await.unwrap();
    write_direct(&store, &mut tx, &registry, &inputs, &options, &mut Vec::new(), &|_, _| ()).await.unwrap();
    tx.commit().await.unwrap();
    drop(conn);
    ledger.close().await;
    Workspace::open(dir, WorkspaceOptions::default()).await.unwrap()
}

pub(crate) async fn compared(ws: &Workspace, out: &Path, threads: usize) -> BatchSummary {
    let request = BatchRequest { threads: Some(threads), ..BatchRequest::new(Selection::All, DAY, out) };
    batch(ws, request).await.unwrap()
}

/// A result file, row by row, as text; the moment it speaks of is left out.
pub(crate) fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let columns = results::read(path).unwrap();
    let count = columns[0].1.len();
    let cell = |column: &ResultColumn, row: usize| match column {
        ResultColumn::Text(v) => v[row].as_deref().map(str::to_owned),
        ResultColumn::Int(v) => v[row].map(|v| v.to_string()),
        ResultColumn::Date(v) => v[row].map(|v| v.to_string()),
        _ => None,
    };
    let row = |at: usize| {
        let named = columns.iter().filter_map(|(name, column)| Some((name.clone(), cell(column, at)?)));
        named.collect()
    };
    (0..count).map(row).collect()
}

/// One case of the store, as the tables have it.
struct StoredCase {
    key: (i64, i64),
    row: usize,
    letters: BTreeSet<String>,
}

/// All rows of a table.
struct Table(BTreeMap<String, Column>);

impl Table {
    fn read(snapshot: &Snapshot, table: &str) -> Self {
        let mut all: BTreeMap<String, Column> = BTreeMap::new();
        for bucket in snapshot.buckets(table) {
            for (name, column) in snapshot.columns(table, bucket, None).unwrap() {
                match column {
                    BulkColumn::Ints(ints) => {
                        let Column::Int(to) = all.entry(name).or_insert(Column::Int(Vec::new())) else { panic!() };
                        to.extend((0..ints.len()).map(|row| ints.get(row)));
                    }
                    BulkColumn::Texts(texts) => {
                        let column = BulkColumn::Texts(texts.clone());
                        let Column::Text(to) = all.entry(name).or_insert(Column::Text(Vec::new())) else { panic!() };
                        to.extend((0..column.len()).map(|row| texts.get(row).map(Arc::from)));
                    }
                    BulkColumn::IntRuns(_) | BulkColumn::TextRuns(..) => panic!("a file is read row by row"),
                }
            }
        }
        Self(all)
    }

    fn int(&self, name: &str, row: usize) -> Option<i64> {
        self.0[name].int(row)
    }

    fn text(&self, name: &str, row: usize) -> &str {
        self.0[name].text(row).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.0["person"].len()
    }
}

/// The caseload of one case, read record by record.
fn caseload(
    ws: &Workspace,
    program: &Program,
    snapshot: &Snapshot,
    (cases, people): (&Table, &Table),
    case: &StoredCase,
) -> Caseload {
    let mut load = Caseload::default();
    load.cases.id = vec![cases.text("case", case.row).into()];
    load.cases.area = vec![cases.text("area", case.row).parse().unwrap()];
    load.cases.residence = vec![cases.0["residence"].text(case.row).map(Arc::from)];
    let of_case = |row: &usize| {
        (people.int("person", *row), people.int("position", *row)) == (Some(case.key.0), Some(case.key.1))
    };
    let mut own: Vec<usize> = (0..people.len()).filter(of_case).collect();
    own.sort_by_key(|row| people.int("who", *row));
    let key = |row: &usize| PersonKey(u32::try_from(people.int("who", *row).unwrap()).unwrap());
    load.persons.case = vec![0; own.len()];
    load.persons.key = own.iter().map(key).collect();
    let role = |row: &usize| if people.text("role", *row) == "member" { Role::Member } else { Role::Obligor };
    load.persons.role = own.iter().map(role).collect();
    load.cases.inputs.rows = 1;
    load.persons.inputs.rows = own.len();
    for input in &program.inputs {
        match input.entity {
            Entity::Household => {
                load.cases.inputs.columns.insert(input.name.clone(), cases.0[&input.name].take(&[case.row]))
            }
            Entity::Person => load.persons.inputs.columns.insert(input.name.clone(), people.0[&input.name].take(&own)),
        };
    }
    let mut everybody = load.persons.key.clone();
    everybody.sort_unstable();
    let stored = snapshot.coverage(&everybody).unwrap();
    let sources: Vec<_> = ws.registry().iter().cloned().collect();
    let mut coverage = Coverage {
        sources: sources.iter().map(|s| (s.id.clone(), s.dataset.name.clone())).collect(),
        ..Coverage::default()
    };
    let mut hidden: BTreeSet<(PersonKey, SourceId)> = BTreeSet::new();
    for row in &own {
        let (who, member) = (key(row), role(row) == Role::Member);
        for (at, source) in (0u16..).zip(&sources) {
            use hedui_connect::manifest::Subjects;
            let asked = match source.subjects {
                Subjects::Members => member,
                Subjects::MembersAndObligors => true,
                Subjects::Applicant => member && people.text("relation", *row) == "self",
            };
            let found = stored.iter().find(|c| c.person == who && c.source == source.id);
            let outcome = match found {
                _ if !asked => Some(Outcome::NotApplicable),
                Some(c)
                    if matches!(c.outcome, Outcome::Found | Outcome::NoRecord | Outcome::Partial)
                        && !case.letters.contains(c.letter.as_deref().unwrap_or_default()) =>
                {
                    Some(Outcome::NotAuthorised)
                }
                other => other.map(|c| c.outcome),
            };
            if let Some(outcome) = outcome {
                coverage.outcomes.insert((who, at), outcome);
            }
            if outcome != found.map(|c| c.outcome) && found.is_some() {
                hidden.insert((who, source.id.clone()));
            }
        }
    }
    load.coverage = coverage;
    for dataset in &program.datasets {
        let Ok(all) = snapshot.records(&dataset.name, &everybody, None) else { continue };
        let keep: Vec<usize> =
            (0..all.len()).filter(|row| !hidden.contains(&(all.person[*row], all.source[*row].clone()))).collect();
        let records = hedui_base::Records {
            person: keep.iter().map(|row| all.person[*row]).collect(),
            source: keep.iter().map(|row| all.source[*row].clone()).collect(),
            record_id: keep.iter().map(|row| all.record_id[*row].clone()).collect(),
            as_of: keep.iter().map(|row| all.as_of[*row]).collect(),
            ask: keep.iter().map(|row| all.ask[*row]).collect(),
            answer: keep.iter().map(|row| all.answer[*row]).collect(),
            table: hedui_base::Table {
                rows: keep.len(),
                columns: all.table.columns.iter().map(|(name, column)| (name.clone(), column.take(&keep))).collect(),
            },
        };
        load.records.insert(dataset.name.clone(), records);
    }
    load
}

#[tokio::test]
async fn buckets_give_what_single_records_give() {
    let dir = tempfile::tempdir().unwrap();
    let ws = city(&dir.path().join("data"), 400, 150).await;
    let summary = compared(&ws, &dir.path().join("out"), 2).await;
    let (findings, flags) = (rows(&summary.findings_file), rows(&summary.flags_file));
    let mut conn = ws.ledger().connection().await.unwrap();
    let snapshot = ws.store().snapshot(&mut conn, At::Latest).await.unwrap();
    let (cases, people) = (Table::read(&snapshot, CASES), Table::read(&snapshot, PEOPLE));
    let mut stored: Vec<StoredCase> = (0..cases.len())
        .map(|row| StoredCase {
            key: (cases.int("person", row).unwrap(), cases.int("position", row).unwrap()),
            row,
            letters: cases.text("letters", row).split(',').map(str::to_owned).collect(),
        })
        .collect();
    stored.sort_by_key(|case| case.key);
    assert_eq!((findings.len(), stored.len(), summary.cases), (400, 400, 400));
    let program = ws.program_for("321102".parse().unwrap(), DAY).unwrap();
    let mut flags = flags.into_iter();
    let (mut far, mut open) = (0, 0);
    for (case, finding) in stored.iter().zip(&findings) {
        let load = caseload(&ws, &program, &snapshot, (&cases, &people), case);
        far += usize::from(load.persons.key.iter().any(|key| i64::from(key.0) / 150 != case.key.0 / 150));
        let found = run(&program, &load, DAY, &RunOptions::default());
        assert_eq!(found.errors, []);
        let one = &found.cases[0];
        let derived = Derived::of(&program, one);
        open += usize::from(!derived.is_settled());
        let text = |name: &str| finding.get(name).map_or("", String::as_str);
        assert_eq!(text("case"), one.case.as_str());
        assert_eq!(text("category"), derived.category.map_or("", |i| &program.schemes[i].id));
        assert_eq!(text("waiting_on"), derived.waiting_names().join(","), "{}", one.case);
        assert_eq!(text("amount_fen"), derived.amount_fen.map_or(String::new(), |fen| fen.to_string()));
        for (scheme, of) in program.schemes.iter().zip(&one.schemes) {
            assert_eq!(text(&format!("finding_{}", scheme.id)), of.finding.as_str(), "{} {}", one.case, scheme.id);
        }
        for (test, of) in program.tests.iter().zip(&one.tests) {
            assert_eq!(text(&format!("{}_result", test.name)), of.result.as_str());
            for (part, cell) in [("value", of.value), ("limit", of.limit), ("margin", of.margin)] {
                let known = cell.known().map_or(String::new(), |v| v.to_string());
                if test.limit.is_some() {
                    assert_eq!(text(&format!("{}_{part}", test.name)), known, "{} {}", one.case, test.name);
                }
            }
        }
        for raised in &found.flags {
            let flag = flags.next().unwrap();
            let text = |name: &str| flag.get(name).cloned().unwrap_or_default();
            let number = |cell: Option<Cell>| cell.and_then(Cell::known).map_or(String::new(), |v| v.to_string());
            assert_eq!((text("case"), text("flag")), (one.case.to_string(), program.flags[raised.flag].id.clone()));
            assert_eq!(text("person"), raised.person.map_or(String::new(), |p| p.0.to_string()));
            assert_eq!((text("declared"), text("found")), (number(raised.declared), number(raised.found)));
            let evidence = raised.evidence.iter().map(|e| {
                let day = e.as_of.map_or_else(String::new, |d| d.to_string());
                format!("{}|{}|{}|{day}", program.datasets[e.dataset.index()].name, e.source, e.record_id)
            });
            assert_eq!(text("evidence"), evidence.collect::<Vec<_>>().join(";"));
        }
    }
    assert!(flags.next().is_none());
    assert!(far > 3 && open > 10, "{far} cases reach into other buckets, {open} are open");
}

#[tokio::test]
async fn buckets_and_threads_change_nothing() {
    let mut first = None;
    for (bucket_people, threads) in [(16_384, 1), (97, 3), (700, 2)] {
        let dir = tempfile::tempdir().unwrap();
        let ws = city(&dir.path().join("data"), 300, bucket_people).await;
        let summary = compared(&ws, &dir.path().join("out"), threads).await;
        let counted = (summary.categories, summary.flagged_cases, summary.people);
        let all = (rows(&summary.findings_file), rows(&summary.flags_file), counted);
        assert!(all.0.len() == 300 && !all.1.is_empty());
        let expected = first.get_or_insert_with(|| all.clone());
        assert!(*expected == all, "buckets of {bucket_people}, {threads} threads");
    }
}

/// A tree and all inside it.
fn nodes<'t>(node: &'t ExplanationNode, all: &mut Vec<&'t ExplanationNode>) {
    all.push(node);
    node.children.iter().for_each(|inner| nodes(inner, all));
}

#[tokio::test]
async fn what_explains_every_household_is_kept_and_reads_its_records_again() {
    let dir = tempfile::tempdir().unwrap();
    let ws = city(&dir.path().join("data"), 200, 90).await;
    let out = dir.path().join("out");
    let request = BatchRequest { explain: true, ..BatchRequest::new(Selection::All, DAY, &out) };
    let summary = batch(&ws, request).await.unwrap();
    let kept = summary.explanations.unwrap();
    assert_eq!(kept.households, 200);
    let program = ws.program_for("321102".parse().unwrap(), DAY).unwrap();
    let limited = program.tests.iter().filter(|test| test.limit.is_some() && test.entity == Entity::Household);
    let limited: Vec<_> = limited.collect();
    let (mut records, mut values) = (0, 0);
    for finding in rows(&summary.findings_file) {
        let test = limited[values % limited.len()];
        let name = &program.steps[test.value.index()].name;
        let explained = explain_kept(&out, &finding["case"].as_str().into(), Some(name), None).await.unwrap();
        let mut all = Vec::new();
        explained.trees.iter().for_each(|tree| nodes(tree, &mut all));
        let gone: Vec<_> = all.iter().filter_map(|node| node.note.as_ref()).collect();
        assert!(gone.is_empty(), "{}: {gone:?}", finding["case"]);
        records += all.iter().map(|node| node.records.len()).sum::<usize>();
        if let Some(fen) = explained.trees[0].fen {
            assert_eq!(finding.get(&format!("{}_value", test.name)), Some(&fen.fen().to_string()));
        }
        values += 1;
    }
    assert!(records > 200, "{records} records stand under the values");
}

#[tokio::test]
async fn one_case_of_the_store_is_checked_as_the_batch_compares_it() {
    let dir = tempfile::tempdir().unwrap();
    let ws = city(&dir.path().join("data"), 150, 120).await;
    let summary = compared(&ws, &dir.path().join("out"), 1).await;
    let mut flags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for flag in rows(&summary.flags_file) {
        flags.entry(flag["case"].clone()).or_default().push(flag["flag"].clone());
    }
    for finding in rows(&summary.findings_file) {
        let report = check(&ws, &finding["case"].as_str().into(), DAY).await.unwrap();
        let text = |name: &str| finding.get(name).map_or("", String::as_str);
        assert_eq!(report.category.as_deref().unwrap_or_default(), text("category"));
        assert_eq!(report.amount_fen.map_or(String::new(), |fen| fen.to_string()), text("amount_fen"));
        for scheme in &report.schemes {
            assert_eq!(scheme.finding.as_str(), text(&format!("finding_{}", scheme.scheme)));
        }
        let mut raised: Vec<String> = report.flags.iter().map(|flag| flag.flag.clone()).collect();
        let mut expected = flags.remove(&report.case.to_string()).unwrap_or_default();
        raised.sort();
        expected.sort();
        assert_eq!(raised, expected, "{}", report.case);
    }
    assert!(flags.is_empty());
    let unknown = check(&ws, &"no such case".into(), DAY).await;
    assert!(matches!(unknown, Err(hedui_verify::VerifyError::UnknownCase(_))));
}
