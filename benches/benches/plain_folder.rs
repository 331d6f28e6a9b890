//! A plain folder through the whole path: read CSV, run the pack, write Parquet.
//!
//! Shape: the twelve households of `fixtures/plain`, copied 500 times (6,000 cases, about 15,000 people). The unit is
//! one household.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a bench stops at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hedui_verify::{PlainRequest, Silent, batch_plain};

const COPIES: usize = 500;

/// Copies a folder of CSV files: every case and person gets the number of its copy behind its name.
fn multiply(from: &Path, to: &Path) -> usize {
    let mut cases = 0;
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, rows) = text.split_once('\n').unwrap();
        let names: Vec<bool> = head.trim().split(',').map(|c| matches!(c, "case" | "person")).collect();
        let rows: Vec<&str> = rows.lines().filter(|l| !l.is_empty()).collect();
        let mut out = format!("{}\n", head.trim());
        for copy in 0..COPIES {
            for row in &rows {
                for (i, cell) in row.split(',').enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    let suffix = if names.get(i) == Some(&true) { format!("-{copy}") } else { String::new() };
                    write!(out, "{comma}{cell}{suffix}").unwrap();
                }
                out.push('\n');
            }
        }
        if path.file_name().is_some_and(|n| n == "cases.csv") {
            cases = rows.len() * COPIES;
        }
        std::fs::write(to.join(path.file_name().unwrap()), out).unwrap();
    }
    cases
}

fn plain_folder(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    std::fs::create_dir(&records).unwrap();
    let cases = multiply(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/plain"), &records);
    let request = PlainRequest {
        cases: records.join("cases.csv"),
        records,
        pack: "zhenjiang".to_owned(),
        extra_rules: Vec::new(),
        as_of: jiff::civil::date(2026, 6, 30),
        out: dir.path().join("out"),
        lenient: false,
        explain: false,
        progress: Arc::new(Silent),
    };
    let mut group = c.benchmark_group("plain_folder");
    group.throughput(Throughput::Elements(cases as u64)).sample_size(10);
    group.bench_function("households", |b| b.iter(|| batch_plain(request.clone()).unwrap()));
    group.finish();
}

criterion_group!(benches, plain_folder);
criterion_main!(benches);
