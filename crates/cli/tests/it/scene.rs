//! A stage for the scenarios: one invented city, its servers as a child process, data folders, the command itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use hedui_store::results::ResultColumn;
use tempfile::TempDir;

pub(crate) const AS_OF: &str = "2026-06-30";

/// A city in a temporary folder.
pub(crate) struct Scene {
    dir: TempDir,
}

impl Scene {
    /// Writes a small city.
    pub(crate) fn new(households: u32, seed: u64) -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap() };
        ok(&[
            "sim",
            "city",
            "--out",
            &scene.path("city"),
            "--households",
            &households.to_string(),
            "--seed",
            &seed.to_string(),
            "--as-of",
            AS_OF,
        ]);
        scene
    }

    /// A path in the scene as text.
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Serves institutions for a data folder until dropped.
    pub(crate) fn serve(&self, data: &str, extra: &[&str]) -> Servers {
        let (city, data) = (self.path("city"), self.path(data));
        let mut args = vec!["sim", "serve", "--city", &city, "--data", &data];
        args.extend(extra);
        Servers::start(&args)
    }

    /// Runs `acquire` and gives its JSON summary.
    pub(crate) fn acquire(&self, data: &str, extra: &[&str]) -> serde_json::Value {
        let (data, cases) = (self.path(data), self.path("city/cases.json"));
        let mut args = vec!["--json", "acquire", "--data", &data, "--cases", &cases, "--as-of", AS_OF, "--wait", "30"];
        args.extend(extra);
        json(&ok(&args))
    }

    /// Runs `batch` and gives (summary, findings, flags).
    pub(crate) fn batch(&self, data: &str, as_of: &str) -> (serde_json::Value, Rows, Rows) {
        let out = self.path(&format!("{data}-results"));
        let summary = json(&ok(&["--json", "batch", "--data", &self.path(data), "--as-of", as_of, "--out", &out]));
        (summary, table(&out, "findings.parquet"), table(&out, "flags.parquet"))
    }
}

/// A results file: every row as texts by column, null as nothing.
pub(crate) type Rows = Vec<BTreeMap<String, String>>;

/// Reads a results file, blank where a column says when something became known.
pub(crate) fn table(out: &str, file: &str) -> Rows {
    let columns = hedui_store::results::read(&Path::new(out).join(file)).unwrap();
    let count = columns.first().map_or(0, |(_, c)| c.len());
    let shown = |column: &ResultColumn, row: usize| match column {
        ResultColumn::Text(v) => v[row].as_deref().map(str::to_owned),
        ResultColumn::Int(v) => v[row].map(|v| v.to_string()),
        ResultColumn::Money(v) => v[row].map(|v| v.to_string()),
        ResultColumn::Date(v) => v[row].map(|v| v.to_string()),
        ResultColumn::Time(v) => v[row].map(|v| v.to_string()),
        ResultColumn::Bool(v) => v[row].map(|v| v.to_string()),
        ResultColumn::Bytes(v) => v[row].as_ref().map(|v| format!("{} bytes", v.len())),
    };
    (0..count)
        .map(|row| {
            columns
                .iter()
                .map(|(name, column)| {
                    let value = if name == "known_at" { None } else { shown(column, row) };
                    (name.clone(), value.unwrap_or_default())
                })
                .collect()
        })
        .collect()
}

/// Runs the command and expects exit code 0.
pub(crate) fn ok(args: &[&str]) -> Output {
    ends(args, 0)
}

/// Runs the command and expects an exit code.
pub(crate) fn ends(args: &[&str], code: i32) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_hedui")).args(args).stdin(Stdio::null()).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "hedui {}\n--- stdout\n{}\n--- stderr\n{}",
        args.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// What it printed, as JSON.
pub(crate) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Everything it printed.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Starts the command in the background.
pub(crate) fn spawn(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hedui"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Institutions in a child process of their own; killed when dropped.
pub(crate) struct Servers(Child);

impl Servers {
    fn start(args: &[&str]) -> Self {
        let mut servers = Self(spawn(args));
        // It says that it serves once every address is in site.toml.
        let mut lines = BufReader::new(servers.0.stderr.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            said.push_str(&line);
            if line.starts_with("serving ") {
                std::thread::spawn(move || lines.for_each(drop));
                return servers;
            }
        }
        panic!("the institutions did not start: {said}");
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One source's entry in an acquire summary.
pub(crate) fn source<'a>(summary: &'a serde_json::Value, id: &str) -> &'a serde_json::Value {
    summary["sources"].as_array().unwrap().iter().find(|s| s["source"] == id).unwrap()
}

/// Copies a folder, to break the copy.
pub(crate) fn copy_dir(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
    to.to_path_buf()
}

/// A folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
