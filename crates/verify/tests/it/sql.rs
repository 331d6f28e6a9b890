//! The comparison as SQL over a store's files, run by `DuckDB`: what the batch finds, unknowns, corrected answers, shared people and
//! foreign letters included.

use std::path::{Path, PathBuf};
use std::process::Command;

use hedui_cluster::{Dialect, Mode};
use hedui_verify::{ClusterProblem, ClusterRequest, VerifyError, Workspace, WorkspaceOptions, cluster_script};

use super::buckets::{DAY, city, compared, rows};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python with `DuckDB`; none where it cannot be had, which the test says and passes.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn python() -> Option<String> {
    let printed = Command::new("bash").arg(root().join(".ci/duckdb")).output().ok()?;
    if !printed.status.success() {
        eprintln!("SKIPPED: DuckDB could not be installed from the package index (bash .ci/duckdb)");
        return None;
    }
    Some(String::from_utf8_lossy(&printed.stdout).trim().to_owned())
}

fn request(mode: Mode) -> ClusterRequest {
    ClusterRequest { dialect: Dialect::DuckDb, mode, as_of: DAY, pack: None, temporary: false }
}

/// Runs the script; results lie in a folder afterwards.
async fn run(python: &str, ws: &Workspace, mode: Mode, out: &Path, known: Option<&Path>) {
    std::fs::create_dir_all(out).unwrap();
    let printed = cluster_script(ws, request(mode)).await.unwrap();
    let file = out.join("script.sql");
    std::fs::write(&file, printed.text(Some(out))).unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("benches/compare/sql_duckdb.py")).arg(&file).arg("1").args(known);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn the_sql_finds_what_the_batch_finds() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let ws = city(&dir.path().join("data"), 1000, 600).await;
    let batch = dir.path().join("batch");
    let summary = compared(&ws, &batch, 2).await;
    let (findings, flags) = (rows(&summary.findings_file), rows(&summary.flags_file));
    assert!(findings.len() == 1000 && flags.len() > 100);

    let full = dir.path().join("full");
    run(&python, &ws, Mode::Full, &full, None).await;
    let found = rows(&full.join("findings.parquet"));
    assert_eq!(found.len(), findings.len());
    for (sql, batch) in found.iter().zip(&findings) {
        assert_eq!(sql, batch);
    }
    assert_eq!(rows(&full.join("flags.parquet")), flags);

    // Where all is known, lean SQL says the same; elsewhere it need not.
    let (lean, known) = (dir.path().join("lean"), dir.path().join("known.parquet"));
    run(&python, &ws, Mode::Known, &lean, Some(&known)).await;
    let known: Vec<String> = rows(&known).into_iter().map(|row| row["case"].clone()).collect();
    let open = findings.iter().filter(|row| row.contains_key("waiting_on")).count();
    assert!((600..1000 - open).contains(&known.len()), "{} cases are known, {open} wait", known.len());
    let of_known = |all: Vec<std::collections::BTreeMap<String, String>>| -> Vec<_> {
        all.into_iter().filter(|row| known.contains(&row["case"])).collect()
    };
    assert_eq!(of_known(rows(&lean.join("findings.parquet"))), of_known(findings));
    assert_eq!(of_known(rows(&lean.join("flags.parquet"))), of_known(flags));
}

#[tokio::test]
async fn a_store_without_cases_says_who_compares_them() {
    let dir = tempfile::tempdir().unwrap();
    let ws = Workspace::open(dir.path(), WorkspaceOptions::default()).await.unwrap();
    let refused = cluster_script(&ws, request(Mode::Full)).await.unwrap_err();
    assert!(matches!(refused, VerifyError::Cluster(ClusterProblem::NoCases)));
    assert!(refused.to_string().contains("hedui batch"));
}

#[tokio::test]
async fn another_pack_is_refused_with_those_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let ws = city(&dir.path().join("data"), 20, 600).await;
    let of = |pack: &str| ClusterRequest { pack: Some(pack.to_owned()), ..request(Mode::Known) };
    let refused = cluster_script(&ws, of("hebi")).await.unwrap_err().to_string();
    assert_eq!(refused, "no case of the store is under pack `hebi`; there are cases under zhenjiang");
    assert_eq!(cluster_script(&ws, of("zhenjiang")).await.unwrap().cases, 20);
}
