//! What opening one household costs, in a store of any size: its records of all datasets a pack reads, and its coverage.
//!
//! ```text
//! hedui sim city --direct --out big --households 1000000
//! cargo run --release -p hedui-benches --example household -- big/data 2026-06-30
//! ```
//!
//! Households are drawn at random over the whole store, so nothing of one helps the next but the system's own file cache.
//! Beside it the alternative: rows and outcomes as blobs keyed by person in SQLite, of the people of the first buckets, read and
//! taken apart into columns. Medians and 99th percentiles are printed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hedui_base::{AnswerId, AreaCode, AskId, Column, PersonKey, Records, SourceId, Table};
use hedui_store::{At, BulkColumn, CoverageRow, Snapshot};
use hedui_verify::{Workspace, WorkspaceOptions};
use jiff::civil::Date;
use sqlx::{Connection as _, Row as _};

const LOOKS: usize = 400;
/// Buckets whose people the keyed alternative holds.
const BUCKETS: u32 = 2;

/// Names of datasets, each with the columns read.
type Wanted = Vec<(String, Vec<String>)>;

fn main() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure());
}

async fn measure() {
    let mut args = std::env::args().skip(1);
    let data = args.next().unwrap();
    let as_of: Date = args.next().unwrap().parse().unwrap();
    let options = WorkspaceOptions { today: Some(as_of), ..WorkspaceOptions::default() };
    let ws = Workspace::open(Path::new(&data), options).await.unwrap();
    let mut conn = ws.ledger().connection().await.unwrap();
    let all = ws.store().snapshot(&mut conn, At::Latest).await.unwrap();
    let buckets = (0..).take_while(|b| !people_of(&all, *b).is_empty()).count() as u32;
    let area = first_area(&all);
    let program = ws.program_for(area, as_of).unwrap();
    let known = &ws.catalogue().datasets;
    let pack: Wanted = program
        .datasets
        .iter()
        .filter(|d| known.contains_key(&d.name))
        .map(|d| (d.name.clone(), d.columns.iter().map(|c| c.name.clone()).collect()))
        .collect();
    let every: Wanted = known.values().map(|d| (d.name.clone(), d.columns.keys().cloned().collect())).collect();

    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % below
    };
    let mut drawn: Vec<Vec<PersonKey>> = Vec::with_capacity(LOOKS);
    let mut read: BTreeMap<u32, Vec<Vec<PersonKey>>> = BTreeMap::new();
    for _ in 0..LOOKS {
        let bucket = draw(buckets as usize) as u32;
        let households = read.entry(bucket).or_insert_with(|| people_of(&all, bucket));
        drawn.push(households[draw(households.len())].clone());
    }
    let people: usize = drawn.iter().map(Vec::len).sum();
    println!("buckets {buckets}, looks {LOOKS}, people a household {:.1}", people as f64 / LOOKS as f64);

    for (what, wanted) in [("datasets of the pack, its columns", &pack), ("all datasets, all columns", &every)] {
        let (mut pins, mut reads, mut rows) = (Vec::new(), Vec::new(), 0);
        for household in &drawn {
            let begun = Instant::now();
            let snapshot = ws.store().snapshot_of(&mut conn, At::Latest, household).await.unwrap();
            pins.push(begun.elapsed());
            for (dataset, columns) in wanted {
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                rows += snapshot.records(dataset, household, Some(&columns)).unwrap().len();
            }
            rows += snapshot.coverage(household).unwrap().len();
            reads.push(begun.elapsed());
        }
        println!("{what}: {} datasets, {} rows a household", wanted.len(), rows / LOOKS);
        println!("  Parquet, pin alone        {}", shown(&mut pins));
        println!("  Parquet, pin and read     {}", shown(&mut reads));
    }
    keyed(&all, &every, drawn.len()).await;
}

/// The alternative, with the people of the first buckets.
async fn keyed(all: &Snapshot, every: &Wanted, looks: usize) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", dir.path().join("keyed.db").display());
    let mut conn = sqlx::AnyConnection::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE kept(person INTEGER PRIMARY KEY, data BLOB)").execute(&mut conn).await.unwrap();
    let (mut households, mut bytes, mut persons) = (Vec::new(), 0, 0);
    let mut tx = conn.begin().await.unwrap();
    for bucket in 0..BUCKETS {
        let of_bucket = people_of(all, bucket);
        let mut people: Vec<PersonKey> = of_bucket.iter().flatten().copied().collect();
        people.sort_unstable();
        people.dedup();
        let mut blobs: BTreeMap<PersonKey, Vec<u8>> = people.iter().map(|p| (*p, Vec::new())).collect();
        for (at, (dataset, _)) in every.iter().enumerate() {
            let records = all.records(dataset, &people, None).unwrap();
            for row in 0..records.len() {
                encode(at as u8, &records, row, blobs.get_mut(&records.person[row]).unwrap());
            }
        }
        for row in all.coverage(&people).unwrap() {
            encode_outcome(&row, blobs.get_mut(&row.person).unwrap());
        }
        persons += blobs.len();
        for (person, blob) in blobs {
            bytes += blob.len();
            sqlx::query("INSERT OR REPLACE INTO kept VALUES ($1, $2)")
                .bind(i64::from(person.0))
                .bind(blob)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        households.extend(of_bucket);
    }
    tx.commit().await.unwrap();
    let mut times = Vec::new();
    let step = (households.len() / looks).max(1);
    let mut rows = 0;
    for household in households.iter().step_by(step) {
        let begun = Instant::now();
        let list: Vec<String> = household.iter().map(|p| p.0.to_string()).collect();
        let sql = format!("SELECT data FROM kept WHERE person IN ({})", list.join(","));
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap();
        for row in found {
            rows += decode(&row.get::<Vec<u8>, _>(0), every);
        }
        times.push(begun.elapsed());
    }
    let file = std::fs::metadata(dir.path().join("keyed.db")).unwrap().len();
    println!(
        "keyed blobs in SQLite: {persons} people, {} bytes of rows each, {} of the database",
        bytes / persons,
        file / persons as u64
    );
    println!("  read and decode, {} rows  {}", rows / times.len(), shown(&mut times));
}

fn shown(times: &mut [Duration]) -> String {
    times.sort_unstable();
    format!("p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100])
}

/// The households of a bucket.
fn people_of(all: &Snapshot, bucket: u32) -> Vec<Vec<PersonKey>> {
    let columns = all.columns("people", bucket, Some(&["position", "who"])).unwrap();
    let [(_, BulkColumn::Ints(position)), (_, BulkColumn::Ints(who))] = columns.as_slice() else {
        panic!("not numbers")
    };
    let mut households: BTreeMap<i64, Vec<PersonKey>> = BTreeMap::new();
    for row in 0..who.len() {
        let key = PersonKey(who.get(row).unwrap() as u32);
        households.entry(position.get(row).unwrap()).or_default().push(key);
    }
    households.into_values().collect()
}

fn first_area(all: &Snapshot) -> AreaCode {
    let columns = all.columns("cases", 0, Some(&["area"])).unwrap();
    let [(_, BulkColumn::Texts(areas))] = columns.as_slice() else { panic!("not texts") };
    AreaCode::parse(areas.get(0).unwrap()).unwrap()
}

fn put(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    bytes.extend_from_slice(&value.map_or(u32::MAX, |v| v.len() as u32).to_le_bytes());
    bytes.extend_from_slice(value.unwrap_or_default());
}

fn encode(dataset: u8, records: &Records, row: usize, bytes: &mut Vec<u8>) {
    bytes.push(dataset);
    put(bytes, Some(records.source[row].as_str().as_bytes()));
    put(bytes, Some(records.record_id[row].as_bytes()));
    bytes.extend_from_slice(&records.ask[row].0.to_le_bytes());
    bytes.extend_from_slice(&records.answer[row].0.to_le_bytes());
    for column in records.table.columns.values() {
        match column {
            Column::Int(values) => put(bytes, values[row].map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)),
            Column::Text(values) => put(bytes, values[row].as_deref().map(str::as_bytes)),
        }
    }
}

/// Marks an outcome where a row has its dataset.
const OUTCOME: u8 = u8::MAX;

fn encode_outcome(row: &CoverageRow, bytes: &mut Vec<u8>) {
    bytes.push(OUTCOME);
    put(bytes, Some(row.source.as_str().as_bytes()));
    put(bytes, Some(row.outcome.as_str().as_bytes()));
    let moments = [row.asked, row.answered.unwrap_or(row.asked)].map(|at| at.as_microsecond());
    for number in [row.ask.0, row.answer.0, moments[0], moments[1]] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for text in [row.letter.as_deref(), Some(row.manifest.as_str()), row.detail.as_deref()] {
        put(bytes, text.map(str::as_bytes));
    }
}

/// Back into columns, which come in the order in which they were written.
fn decode(mut bytes: &[u8], every: &Wanted) -> usize {
    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (head, tail) = bytes.split_at(count);
        *bytes = tail;
        head
    }
    fn value<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
        let length = u32::from_le_bytes(take(bytes, 4).try_into().unwrap());
        (length != u32::MAX).then(|| take(bytes, length as usize))
    }
    // Numbers become texts of some kind as well: what is measured is that every value is taken apart.
    let text = |bytes: &[u8]| -> Arc<str> { String::from_utf8_lossy(bytes).into() };
    let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap());
    let mut all: BTreeMap<u8, Records> = BTreeMap::new();
    let (mut rows, mut outcomes, mut moments, mut texts) = (0, Vec::new(), Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let dataset = take(&mut bytes, 1)[0];
        rows += 1;
        if dataset == OUTCOME {
            outcomes.push((SourceId::from(&*text(value(&mut bytes).unwrap())), text(value(&mut bytes).unwrap())));
            moments.push([(); 4].map(|()| number(take(&mut bytes, 8))));
            texts.extend([(); 3].map(|()| value(&mut bytes).map(text)));
            continue;
        }
        let records = all.entry(dataset).or_insert_with(|| Records { table: Table::default(), ..Records::default() });
        records.source.push(SourceId::from(&*text(value(&mut bytes).unwrap())));
        records.record_id.push(text(value(&mut bytes).unwrap()));
        records.ask.push(AskId(number(take(&mut bytes, 8))));
        records.answer.push(AnswerId(number(take(&mut bytes, 8))));
        for name in &every[dataset as usize].1 {
            let found = value(&mut bytes).map(text);
            match records.table.columns.entry(name.clone()).or_insert_with(|| Column::Text(Vec::new())) {
                Column::Text(values) => values.push(found),
                Column::Int(values) => values.push(None),
            }
        }
    }
    std::hint::black_box((all, outcomes, moments, texts));
    rows
}
