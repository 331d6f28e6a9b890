//! A city written straight into a store, read back and compared: its rows are those that acquisition would have settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hedui_base::{Column, Outcome, PersonKey, Table};
use hedui_connect::Registry;
use hedui_engine::input::{Caseload, Coverage, Role};
use hedui_engine::{RunOptions, run};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use hedui_sim::{
    CityOptions, DirectOptions, DirectReport, REGISTERED, exchange_files, exchange_sources, write_direct,
    write_exchange,
};
use hedui_store::ingest::{Ingest, read_registered};
use hedui_store::plain::InputSpec;
use hedui_store::{At, BulkColumn, CASES, PEOPLE, Snapshot, Store, StoreOptions};
use jiff::civil::{Date, date};
use sqlx::{AnyConnection, Connection as _};

use crate::truth::library;

const DAY: Date = date(2026, 6, 30);

/// What a city is written into, and what is true about it.
struct Written {
    dir: tempfile::TempDir,
    conn: AnyConnection,
    store: Store,
    registry: Registry,
    program: Arc<Program>,
    report: DirectReport,
    truth: String,
}

/// A store with nothing in it.
struct Empty {
    dir: tempfile::TempDir,
    conn: AnyConnection,
    store: Store,
}

async fn empty() -> Empty {
    let dir = tempfile::tempdir().unwrap();
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}?mode=rwc", dir.path().join("hedui.db").display());
    let mut conn = AnyConnection::connect(&url).await.unwrap();
    let options = StoreOptions { bucket_people: 1000 };
    let store = Store::open_with(dir.path(), &mut conn, &library().1, options).await.unwrap();
    Empty { dir, conn, store }
}

async fn written(households: u32, unknown: u32, threads: usize) -> Written {
    let (library, catalogue) = library();
    let program = library.compile(&library.for_area("321102".parse().unwrap(), DAY).unwrap()).unwrap();
    let spec = |input: &hedui_rules::program::Input| InputSpec {
        name: input.name.clone(),
        of_person: input.entity == Entity::Person,
        column: input.spec.clone(),
    };
    let inputs: Vec<InputSpec> = program.inputs.iter().map(spec).collect();
    let registry = Registry::embedded(&catalogue, None).registry;
    let Empty { dir, mut conn, mut store } = empty().await;
    store.case_tables(&mut conn, &inputs).await.unwrap();
    let city = CityOptions { households, seed: 11, as_of: DAY };
    let options = DirectOptions { city, unknown, planted_each: 4, threads };
    let mut truth = Vec::new();
    let mut tx = conn.begin().await.unwrap();
    let report = write_direct(&store, &mut tx, &registry, &inputs, &options, &mut truth, &|_, _| ()).await.unwrap();
    tx.commit().await.unwrap();
    let truth = String::from_utf8(truth).unwrap();
    Written { dir, conn, store, registry, program, report, truth }
}

/// Columns of a table, bucket after bucket, one text or number a row.
struct Columns(Vec<BTreeMap<String, BulkColumn>>);

impl Columns {
    fn read(snapshot: &Snapshot, table: &str, buckets: u32) -> Self {
        let bucket = |b| snapshot.columns(table, b, None).unwrap().into_iter().collect();
        Self((0..buckets).map(bucket).collect())
    }

    fn each<T>(&self, name: &str, of: impl Fn(&BulkColumn, usize) -> T) -> Vec<T> {
        let columns = self.0.iter().map(|bucket| &bucket[name]);
        columns.flat_map(|column| (0..column.len()).map(|row| of(column, row)).collect::<Vec<_>>()).collect()
    }

    fn ints(&self, name: &str) -> Vec<Option<i64>> {
        self.each(name, |c, row| if let BulkColumn::Ints(ints) = c { ints.get(row) } else { panic!("{name}") })
    }

    fn texts(&self, name: &str) -> Vec<Option<Arc<str>>> {
        self.each(
            name,
            |c, row| if let BulkColumn::Texts(t) = c { t.get(row).map(Into::into) } else { panic!("{name}") },
        )
    }

    fn column(&self, input: &hedui_rules::program::Input) -> Column {
        if input.spec.ty.is_int() { Column::Int(self.ints(&input.name)) } else { Column::Text(self.texts(&input.name)) }
    }
}

/// The whole store as one caseload.
fn caseload(city: &Written, snapshot: &Snapshot) -> Caseload {
    let buckets = u32::try_from(city.report.tables["coverage"].0).unwrap();
    let (cases, people) = (Columns::read(snapshot, CASES, buckets), Columns::read(snapshot, PEOPLE, buckets));
    let mut load = Caseload::default();
    load.cases.id = cases.texts("case").into_iter().map(|c| (&*c.unwrap()).into()).collect();
    load.cases.area = cases.texts("area").into_iter().map(|a| a.unwrap().parse().unwrap()).collect();
    load.cases.residence = cases.texts("residence");
    let row: BTreeMap<Option<i64>, u32> = cases.ints("position").into_iter().zip(0..).collect();
    let mut order: Vec<(u32, usize)> =
        people.ints("position").iter().enumerate().map(|(nth, position)| (row[position], nth)).collect();
    order.sort_unstable();
    let (who, role) = (people.ints("who"), people.texts("role"));
    let picked = |nth: &usize| PersonKey(u32::try_from(who[*nth].unwrap()).unwrap());
    let order: (Vec<u32>, Vec<usize>) = order.into_iter().unzip();
    load.persons.case = order.0;
    load.persons.key = order.1.iter().map(picked).collect();
    let member = |nth: &usize| role[*nth].as_deref() == Some("member");
    load.persons.role = order.1.iter().map(|n| if member(n) { Role::Member } else { Role::Obligor }).collect();
    load.cases.inputs.rows = load.cases.id.len();
    load.persons.inputs.rows = load.persons.key.len();
    for input in &city.program.inputs {
        let (table, column) = match input.entity {
            Entity::Household => (&mut load.cases.inputs, cases.column(input)),
            Entity::Person => (&mut load.persons.inputs, people.column(input).take(&order.1)),
        };
        table.columns.insert(input.name.clone(), column);
    }
    let everybody: Vec<PersonKey> = load.persons.key.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    for dataset in &city.program.datasets {
        let records = snapshot.records(&dataset.name, &everybody, None);
        load.records.insert(dataset.name.clone(), records.unwrap_or_default());
    }
    let sources: Vec<_> = city.registry.iter().collect();
    load.coverage = Coverage {
        sources: sources.iter().map(|s| (s.id.clone(), s.dataset.name.clone())).collect(),
        ..Coverage::default()
    };
    for person in &load.persons.key {
        for source in 0..sources.len() as u16 {
            load.coverage.outcomes.insert((*person, source), Outcome::NotApplicable);
        }
    }
    for row in snapshot.coverage(&everybody).unwrap() {
        let source = sources.iter().position(|s| s.id == row.source).unwrap() as u16;
        load.coverage.outcomes.insert((row.person, source), row.outcome);
    }
    load
}

/// Flags due by case: those that may stay open because a source did not answer are marked.
fn due(truth: &str) -> BTreeMap<(&str, &str), bool> {
    let lines = truth.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    lines.map(|line| ((line[0], line[1]), line[3] == "1")).collect()
}

#[tokio::test]
async fn the_rules_raise_what_the_truth_says_and_nothing_else() {
    let mut city = written(1200, 70, 2).await;
    let snapshot = city.store.snapshot(&mut city.conn, At::Latest).await.unwrap();
    let load = caseload(&city, &snapshot);
    let findings = run(&city.program, &load, DAY, &RunOptions::default());
    assert!(findings.errors.is_empty(), "{}", findings.errors[0]);
    let due = due(&city.truth);
    let raised: BTreeSet<(&str, &str)> =
        findings.flags.iter().map(|f| (f.case.as_str(), city.program.flags[f.flag].id.as_str())).collect();
    let without_cause: Vec<_> = raised.iter().filter(|flag| !due.contains_key(*flag)).collect();
    let missed: Vec<_> = due.iter().filter(|(flag, open)| !**open && !raised.contains(*flag)).collect();
    assert!(without_cause.is_empty() && missed.is_empty(), "without cause {without_cause:?}, missed {missed:?}");
    assert_eq!((load.cases.id.len(), findings.cases.len()), (1200, 1200));
    assert!(city.report.planted > 60 && city.report.shared > 5, "{:?}", city.report);
    let unknown = city.report.unknown * 1000 / city.report.people;
    assert!((60..90).contains(&unknown), "{unknown} of a thousand");
    assert!(city.report.records() > 70 * 1200, "{} records", city.report.records());
    assert!(city.store.verify(&mut city.conn).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn late_and_corrected_answers_come_in_later_snapshots() {
    let mut city = written(300, 0, 1).await;
    let ids = city.report.snapshots.clone();
    let everybody: Vec<PersonKey> = (1..=city.report.people as u32).map(PersonKey).collect();
    let mut seen = Vec::new();
    for id in &ids {
        let snapshot = city.store.snapshot(&mut city.conn, At::Id(*id)).await.unwrap();
        let coverage = snapshot.coverage(&everybody).unwrap();
        let pending = coverage.iter().filter(|c| c.outcome == Outcome::Pending).count();
        seen.push((coverage.len(), pending, snapshot.records("deposit", &everybody, None).unwrap()));
    }
    assert!(seen[0].1 > seen[1].1 && seen[1].1 > seen[2].1 && seen[2].1 == 0, "late answers arrive");
    assert!(seen.windows(2).all(|pair| pair[0].0 == pair[1].0), "everybody is asked once");
    let sum = |table: &Table| (0..table.rows).filter_map(|r| table.int("balance", r)).sum::<i64>();
    assert!(sum(&seen[0].2.table) < sum(&seen[2].2.table), "corrected amounts");
}

#[tokio::test]
async fn unsorted_rows_keyed_by_numbers_make_the_same_store() {
    let mut city = written(400, 0, 2).await;
    let exchange = tempfile::tempdir().unwrap();
    let options = DirectOptions {
        city: CityOptions { households: 400, seed: 11, as_of: DAY },
        unknown: 0,
        planted_each: 4,
        threads: 2,
    };
    let (rows, _) = write_exchange(&city.store, &city.registry, &options, exchange.path()).unwrap();
    let files = exchange_files(exchange.path()).unwrap();
    let mut taken = empty().await;
    let people = read_registered(&exchange.path().join(REGISTERED)).unwrap();
    assert_eq!(people.len(), city.report.people);
    let ingest = Ingest::new(
        &taken.store,
        people.into_iter(),
        exchange_sources(&city.registry, DAY),
        &taken.dir.path().join("work"),
    )
    .unwrap();
    let done = std::sync::Mutex::new(Vec::new());
    let letter = |index: u32| format!("L-{:06}", index + 1);
    let ingested = ingest.run(&files, 2, &letter, &|bucket, files| done.lock().unwrap().push((bucket, files))).unwrap();
    assert_eq!((ingested.rows, ingested.strangers), (rows, 0));
    assert!(!taken.dir.path().join("work").exists(), "nothing is left on its way");
    let mut tx = taken.conn.begin().await.unwrap();
    let mut commit = taken.store.begin_bulk(&mut tx, 1).await.unwrap();
    for (_, files) in done.into_inner().unwrap() {
        commit.add(&mut tx, files.into_iter().map(|f| (0, f)).collect()).await.unwrap();
    }
    commit.finish(&mut tx, &[ingested.answers]).await.unwrap();
    tx.commit().await.unwrap();

    let direct = city.store.snapshot(&mut city.conn, At::Latest).await.unwrap();
    let other = taken.store.snapshot(&mut taken.conn, At::Latest).await.unwrap();
    // Nobody's name stops an exchange, so those whose name stops a bank are left out.
    let everybody: Vec<PersonKey> = (1..=city.report.people as u32).map(PersonKey).collect();
    let stopped: BTreeSet<PersonKey> = direct
        .coverage(&everybody)
        .unwrap()
        .iter()
        .filter(|c| c.outcome == Outcome::Unsendable)
        .map(|c| c.person)
        .collect();
    let rest: Vec<PersonKey> = everybody.into_iter().filter(|p| !stopped.contains(p)).collect();
    let (_, catalogue) = library();
    let mut compared = 0;
    for dataset in catalogue.datasets.keys() {
        let (a, b) = (direct.records(dataset, &rest, None).unwrap(), other.records(dataset, &rest, None).unwrap());
        assert_eq!((&a.person, &a.source, &a.record_id), (&b.person, &b.source, &b.record_id), "{dataset}");
        assert_eq!((&a.as_of, &a.ask, &a.table), (&b.as_of, &b.ask, &b.table), "{dataset}");
        compared += a.len();
    }
    assert!(compared > 70 * 400, "{compared}");
    let outcomes = |snapshot: &Snapshot| {
        let rows = snapshot.coverage(&rest).unwrap().into_iter();
        rows.map(|c| (c.person, c.source, c.outcome, c.ask, c.as_of, c.letter, c.manifest)).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&direct), outcomes(&other));
    assert!(taken.store.verify(&mut taken.conn).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn threads_change_no_byte() {
    let mut listed = Vec::new();
    for threads in [1, 3] {
        let city = written(250, 70, threads).await;
        let mut files = BTreeMap::new();
        for table in std::fs::read_dir(city.dir.path().join("store")).unwrap() {
            for file in std::fs::read_dir(table.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                files.insert(file.file_name().unwrap().to_owned(), std::fs::read(&file).unwrap());
            }
        }
        listed.push((files, city.truth, city.report));
    }
    assert_eq!(listed[0].1, listed[1].1);
    assert_eq!(listed[0].2, listed[1].2);
    assert!(listed[0].0 == listed[1].0, "the same files");
}
