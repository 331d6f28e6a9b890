//! `hedui cluster`: what it prints, what it refuses, and where Spark is missing.

use std::path::Path;

use crate::scene::{AS_OF, ends, ok, text};

/// A city whose cases lie in its store.
fn city(dir: &Path) -> String {
    let (out, data) = (dir.join("city"), dir.join("city/data"));
    ok(&["sim", "city", "--direct", "--out", out.to_str().unwrap(), "--households", "20"]);
    data.to_str().unwrap().to_owned()
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_pack_is_printed_with_the_names_of_its_rules() {
    for (dialect, mode) in [("duckdb", "known"), ("spark", "full")] {
        let args = ["cluster", "sql", "--rules", "zhenjiang", "--as-of", AS_OF, "--dialect", dialect, "--mode", mode];
        let script = text(&ok(&args));
        assert!(script.contains(&format!("as of {AS_OF}, {mode} mode, for {dialect}")), "{}", &script[..300]);
        assert!(script.contains("-- income_per_capita 家庭月人均收入 (national/income.toml:"));
        // Nobody said where the files are.
        assert!(script.contains("FROM d_deposit r") && !script.contains("parquet'"));
    }
}

#[test]
fn over_a_store_the_script_names_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let data = city(dir.path());
    for (dialect, reads) in [("duckdb", "read_parquet(["), ("spark", "USING parquet OPTIONS (path '")] {
        let out = dir.path().join(dialect);
        let args = ["cluster", "sql", "--data", &data, "--as-of", AS_OF, "--dialect", dialect, "--out"];
        let script = text(&ok(&[&args[..], &[out.to_str().unwrap()]].concat()));
        let files = Path::new(&data).canonicalize().unwrap().join("store/deposit");
        assert!(script.contains(reads) && script.contains(&files.display().to_string()));
        assert!(script.contains(out.to_str().unwrap()) && script.contains("ORDER BY c.home, f.case_row"));
    }
}

#[test]
fn what_cannot_be_printed_or_run_is_said_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let data = city(dir.path());

    let refused = said(&ends(&["cluster", "sql", "--rules", "zhejiang", "--as-of", AS_OF], 2));
    assert!(refused.contains("no pack `zhejiang`") && refused.contains("zhenjiang"), "{refused}");
    let refused = said(&ends(&["cluster", "sql", "--data", &data, "--as-of", AS_OF, "--pack", "hebi"], 2));
    assert!(refused.contains("no case of the store is under pack `hebi`"), "{refused}");

    // A folder that is no Spark, and one whose Spark fails.
    let (out, none) = (at("out"), at("none"));
    let run =
        ["cluster", "run", "--master", "local[1]", "--data", &data, "--as-of", AS_OF, "--out", &out, "--spark-home"];
    let refused = said(&ends(&[&run[..], &[&none]].concat(), 2));
    assert!(refused.contains("bin/spark-sql is not there") && refused.contains("pip install pyspark"), "{refused}");
    assert!(!Path::new(&out).exists());
}

#[cfg(unix)]
#[test]
fn what_spark_says_when_it_fails_lies_in_its_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let data = city(dir.path());
    let (home, out) = (dir.path().join("spark"), dir.path().join("out"));
    std::fs::create_dir_all(home.join("bin")).unwrap();
    let program = home.join("bin/spark-sql");
    std::fs::write(&program, "#!/bin/sh\necho \"$@\" >&2\nexit 7\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (home, out) = (home.to_str().unwrap(), out.to_str().unwrap());
    let run = ["cluster", "run", "--master", "spark://127.0.0.1:1", "--data", &data, "--as-of", AS_OF, "--out", out];
    let refused = said(&ends(&[&run[..], &["--spark-home", home]].concat(), 2));
    assert!(refused.contains("Spark could not run the program") && refused.contains("spark.log"), "{refused}");
    let log = std::fs::read_to_string(Path::new(out).join("spark.log")).unwrap();
    assert!(log.contains("--master spark://127.0.0.1:1") && log.contains("spark.sql.ansi.enabled=true"), "{log}");
}
