//! The same packs and households through a Spark cluster. Only where `.ci/spark` has started one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hedui_cluster::{Dialect, Mode, Options, SPARK_SETTINGS, Script, script};
use hedui_engine::input::Caseload;
use hedui_rules::Program;
use serde_json::Value;

use crate::build::AS_OF;
use crate::duckdb::Output;
use crate::rng::Rng;
use crate::worlds::{self, Holes};
use crate::{copies, packs, programs, rows};

/// One pack over some households.
struct Job {
    name: String,
    program: Arc<Program>,
    load: Caseload,
    options: Options,
    script: Script,
}

impl Job {
    /// `7` is the random pack of that seed, with unknowns; `zhenjiang` a real pack with everything known, and
    /// `zhenjiang-full` with unknowns.
    fn of(name: &str, bounds: bool) -> Self {
        let (id, mode) = match name.strip_suffix("-full") {
            Some(id) => (id, Mode::Full),
            None => (name, Mode::Known),
        };
        let (program, load, mode) = match name.parse() {
            Ok(seed) => {
                let mut rng = Rng::new(seed);
                let program = programs::program(&mut rng);
                let load = worlds::world(&program, &mut rng, Holes::Some);
                (Arc::new(program), load, Mode::Full)
            }
            Err(_) => {
                let program = packs::program(id);
                let holes = if mode == Mode::Full { Holes::Some } else { Holes::None };
                let load = packs::world(&program, 0, holes);
                (program, load, mode)
            }
        };
        let options = Options { dialect: Dialect::Spark, mode, bounds: bounds && mode == Mode::Full };
        let script = script(&program, &rows::setting(&load, AS_OF), options).unwrap();
        Self { name: name.to_owned(), program, load, options, script }
    }

    fn folder(&self, out: &Path, of: &str, copy: u64) -> PathBuf {
        out.join(format!("{of}-{}-{copy}", self.name))
    }

    /// Makes the relations, runs the script, writes the results, and shows those of some copies.
    fn sql(&self, out: &Path, copies: u64) -> String {
        let mut sql = String::new();
        for statement in copies::statements(&self.program, &self.load, copies) {
            sql += &format!("{statement};\n");
        }
        sql += &self.script.to_string();
        for (name, order) in [("findings", "case_row"), ("flags", "case_row, flag_order, person")] {
            let results = format!("results_{name}");
            sql += &format!("DROP TABLE IF EXISTS {results};\n");
            sql += &format!("CREATE TABLE {results} USING parquet AS SELECT * FROM {name};\n");
            for copy in copies::looked_at(copies) {
                let folder = self.folder(out, name, copy);
                let by = copies::CASES;
                sql += &format!(
                    "INSERT OVERWRITE LOCAL DIRECTORY '{}' USING json OPTIONS (ignoreNullFields false)\n\
                     SELECT case_row - {copy} * {by} AS case_row, * EXCEPT (case_row) FROM {results}\n\
                     WHERE case_row DIV {by} = {copy} ORDER BY {order};\n",
                    folder.display()
                );
            }
            sql += &format!(
                "INSERT OVERWRITE LOCAL DIRECTORY '{}' USING json\nSELECT COUNT(*) AS rows FROM {results};\n",
                out.join(format!("rows-{name}-{}", self.name)).display()
            );
        }
        sql
    }

    /// Where the results are not the kernel's.
    fn differences(&self, out: &Path, copies: u64) -> Vec<String> {
        let mut columns = vec!["case_row".to_owned()];
        columns.extend(self.script.findings.iter().cloned());
        let flags: Vec<String> = hedui_cluster::FLAG_COLUMNS.map(String::from).to_vec();
        let flags = [vec!["case_row".to_owned()], flags].concat();
        let mut differ = Vec::new();
        let mut per_copy = [0; 2];
        for copy in copies::looked_at(copies) {
            let outputs = [("findings", &columns), ("flags", &flags)]
                .map(|(of, columns)| read(&self.folder(out, of, copy), columns));
            per_copy = [outputs[0].rows.len(), outputs[1].rows.len()];
            let load = copies::copy(&self.program, &self.load, copy);
            differ.extend(packs::differ(&self.program, &load, outputs.into(), self.options.mode, self.options.bounds));
        }
        for (of, rows) in ["findings", "flags"].into_iter().zip(per_copy) {
            let found = read(&out.join(format!("rows-{of}-{}", self.name)), &["rows".to_owned()]);
            if found.rows != [[Value::from(rows as u64 * copies)]] {
                differ.push(format!("{of}: {:?} rows, {copies} copies of {rows}", found.rows));
            }
        }
        differ
    }
}

/// The rows of a folder of JSON lines, in the order of its files.
fn read(folder: &Path, columns: &[String]) -> Output {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let object: Value = serde_json::from_str(line).unwrap();
            rows.push(columns.iter().map(|column| object[column.as_str()].clone()).collect());
        }
    }
    Output { columns: columns.to_vec(), rows }
}

#[test]
fn a_cluster_finds_what_the_kernel_finds() {
    let of = |name: &str| std::env::var(name).ok();
    let (Some(spark_sql), Some(master), Some(out)) =
        (of("HEDUI_SPARK_SQL"), of("HEDUI_SPARK_MASTER"), of("HEDUI_SPARK_OUT"))
    else {
        return;
    };
    let packs = of("HEDUI_SPARK_PACKS").unwrap_or_else(|| "0 1".to_owned());
    let copies: u64 = of("HEDUI_SPARK_COPIES").map_or(1, |text| text.parse().unwrap());
    let settings = of("HEDUI_SPARK_CONF").unwrap_or_default();
    let out = Path::new(&out);
    let jobs: Vec<Job> = packs.split_whitespace().map(|name| Job::of(name, copies == 1)).collect();
    let (sql, log) = (out.join("packs.sql"), out.join("log"));
    fs::write(&sql, jobs.iter().map(|job| job.sql(out, copies)).collect::<String>()).unwrap();
    let mut command = Command::new(spark_sql);
    command.args(["--master", &master, "-f"]).arg(&sql);
    let stages = format!("spark.sql.warehouse.dir={}", out.join("stages").display());
    for setting in SPARK_SETTINGS.into_iter().chain([stages.as_str()]).chain(settings.split_terminator(';')) {
        command.args(["--conf", setting]);
    }
    let done = command.stdout(fs::File::create(out.join("said")).unwrap()).stderr(fs::File::create(&log).unwrap());
    let done = done.status().unwrap();
    let said = fs::read_to_string(&log).unwrap();
    let shown = said.lines().filter(|l| !l.contains("WARN") && !l.contains("INFO")).take(60);
    assert!(done.success(), "{}", shown.collect::<Vec<_>>().join("\n"));
    for job in &jobs {
        let differ = job.differences(out, copies);
        assert!(differ.is_empty(), "pack {}:\n{}", job.name, differ.join("\n"));
    }
}
