//! Runs SQL in `DuckDB`, through the Python that `.ci/duckdb` prepares.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python with `DuckDB`; none where it cannot be had, which the test says and passes.
pub(crate) fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let printed = Command::new("bash").arg(root().join(".ci/duckdb")).output().ok()?;
        printed.status.success().then(|| String::from_utf8_lossy(&printed.stdout).trim().to_owned())
    });
    if found.is_none() {
        eprintln!("SKIPPED: DuckDB could not be installed from the package index (bash .ci/duckdb)");
    }
    found.as_deref()
}

/// A result: column names, and rows of JSON values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Output {
    pub(crate) fn get<'r>(&self, row: &'r [Value], column: &str) -> &'r Value {
        let index = self.columns.iter().position(|name| name == column);
        &row[index.unwrap_or_else(|| panic!("no column {column}"))]
    }
}

/// What to run: statements, then queries whose results are wanted.
pub(crate) struct Job {
    pub(crate) statements: Vec<String>,
    pub(crate) outputs: Vec<String>,
}

/// Runs jobs, each in a database of its own; an answer is the results or what went wrong where.
pub(crate) fn run(python: &str, jobs: &[Job]) -> Vec<Result<Vec<Output>, String>> {
    let folder = tempfile::tempdir().unwrap();
    let (asked, answered) = (folder.path().join("jobs"), folder.path().join("answers"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&asked).unwrap());
    for job in jobs {
        writeln!(file, "{}", json!({"statements": job.statements, "outputs": job.outputs})).unwrap();
    }
    file.flush().unwrap();
    if let Ok(copy) = std::env::var("HEDUI_ORACLE_JOBS") {
        std::fs::copy(&asked, copy).unwrap();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python/run.py");
    let done = Command::new(python).arg(script).arg(&asked).arg(&answered).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(&answered).unwrap();
    let answers: Vec<Result<Vec<Output>, String>> =
        text.lines().map(|line| parse(&serde_json::from_str(line).unwrap())).collect();
    assert_eq!(answers.len(), jobs.len());
    answers
}

fn parse(answer: &Value) -> Result<Vec<Output>, String> {
    if let Some(error) = answer["error"].as_str() {
        return Err(format!("{error}\n{}", answer["statement"].as_str().unwrap_or_default()));
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let outputs = list(&answer["outputs"]).into_iter().map(|output| Output {
        columns: list(&output["columns"]).iter().map(|c| c.as_str().unwrap_or_default().to_owned()).collect(),
        rows: list(&output["rows"]).iter().map(list).collect(),
    });
    Ok(outputs.collect())
}
