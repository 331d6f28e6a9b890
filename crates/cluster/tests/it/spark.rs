//! The same packs and households through a Spark cluster. Only where `.ci/spark` has started one.

use std::path::Path;
use std::process::Command;

use hedui_cluster::{Dialect, Mode, Options, script};
use hedui_engine::{RunOptions, run};
use serde_json::Value;

use crate::build::AS_OF;
use crate::duckdb::Output;
use crate::oracle::differences;
use crate::rng::Rng;
use crate::worlds::{self, Holes};
use crate::{programs, rows};

/// The rows of a folder of JSON lines, in the order of its files.
fn read(folder: &Path, columns: &[String]) -> Output {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
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
    let number: u64 = of("HEDUI_SPARK_CASES").and_then(|text| text.parse().ok()).unwrap_or(3);
    let out = Path::new(&out);
    let mut sql = String::new();
    let mut all = Vec::new();
    for seed in 0..number {
        let mut rng = Rng::new(seed);
        let program = programs::program(&mut rng);
        let load = worlds::world(&program, &mut rng, Holes::Some);
        let options = Options { dialect: Dialect::Spark, mode: Mode::Full, bounds: true };
        let script = script(&program, &rows::setting(&load, AS_OF), options).unwrap();
        for statement in rows::statements(&program, &load, Dialect::Spark) {
            sql += &format!("{statement};\n");
        }
        sql += &script.to_string();
        for (name, order) in [("findings", "case_row"), ("flags", "case_row, flag_order, person")] {
            let folder = out.join(format!("{name}_{seed}"));
            sql += &format!(
                "INSERT OVERWRITE LOCAL DIRECTORY '{}' USING json OPTIONS (ignoreNullFields false)\n\
                 SELECT * FROM {name} ORDER BY {order};\n",
                folder.display()
            );
        }
        sql += "CLEAR CACHE;\n";
        all.push((seed, program, load, script));
    }
    let file = out.join("packs.sql");
    std::fs::write(&file, sql).unwrap();
    let mut command = Command::new(spark_sql);
    command.args(["--master", &master, "-f"]).arg(&file);
    for setting in hedui_cluster::SPARK_SETTINGS {
        command.args(["--conf", setting]);
    }
    // A script of thousands of columns over a few rows: planning is all, so compile quickly and generate no code.
    command.args(["--driver-java-options", "-XX:TieredStopAtLevel=1 -Xss16m"]);
    for setting in [
        "spark.executor.extraJavaOptions=-XX:TieredStopAtLevel=1 -Xss16m",
        "spark.sql.codegen.wholeStage=false",
        "spark.sql.codegen.factoryMode=NO_CODEGEN",
        "spark.sql.shuffle.partitions=1",
        "spark.ui.enabled=false",
    ] {
        command.args(["--conf", setting]);
    }
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{}",
        said.lines().filter(|l| !l.contains(" WARN ")).take(60).collect::<Vec<_>>().join("\n")
    );
    for (seed, program, load, script) in &all {
        let mut columns = vec!["case_row".to_owned()];
        columns.extend(script.findings.iter().cloned());
        let flags: Vec<String> = hedui_cluster::FLAG_COLUMNS.map(String::from).to_vec();
        let outputs =
            [read(&out.join(format!("findings_{seed}")), &columns), read(&out.join(format!("flags_{seed}")), &flags)];
        let findings = run(program, load, AS_OF, &RunOptions::default());
        let differ = differences(program, load, &findings, &outputs, true);
        assert!(differ.is_empty(), "seed {seed}:\n{}", differ.join("\n"));
    }
}
