//! The packs of this repository, with everything known and with holes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::{AreaCode, Catalogue, SourceText};
use hedui_cluster::Mode;
use hedui_engine::input::Caseload;
use hedui_engine::{RunOptions, run};
use hedui_rules::{Library, PackFolder, Program};
use serde_json::Value;

use crate::build::AS_OF;
use crate::duckdb::{self, Job, Output};
use crate::oracle::{differences, job};
use crate::rng::Rng;
use crate::rows;
use crate::worlds::{self, Holes};

pub(crate) fn program(id: &str) -> Arc<Program> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let entries = |of: &str| fs::read_dir(root.join(of)).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let text = |path: &Path| SourceText::new(path.display().to_string(), fs::read_to_string(path).unwrap());
    let files: Vec<_> = entries("connectors/datasets").iter().map(|path| text(path)).collect();
    let packs = entries("rules").into_iter().filter(|path| path.join("pack.toml").exists());
    let packs = packs.map(|path| PackFolder::read(&path).unwrap()).collect();
    let library = Library::new(packs, Catalogue::parse(&files).unwrap());
    library.compile(id).unwrap_or_else(|mistakes| panic!("{} mistakes in {id}", mistakes.len()))
}

/// Households where the pack holds: elsewhere the kernel refuses a case for want of a parameter.
pub(crate) fn world(program: &Program, seed: u64, holes: Holes) -> Caseload {
    let area = AreaCode::parse("321102").unwrap();
    let mut load = worlds::world(program, &mut Rng::new(seed), holes);
    load.cases.area.iter_mut().for_each(|own| *own = area);
    load
}

/// Where results are not the kernel's.
pub(crate) fn differ(
    program: &Program,
    load: &Caseload,
    mut outputs: Vec<Output>,
    mode: Mode,
    bounds: bool,
) -> Vec<String> {
    let findings = run(program, load, AS_OF, &RunOptions::default());
    if mode == Mode::Known {
        // A case that the kernel refuses is not known: lean SQL has no words for that.
        let refused = |row: &Value| findings.errors.iter().any(|error| row.as_u64() == Some(error.row as u64));
        outputs.iter_mut().for_each(|output| output.rows.retain(|row| !refused(&row[0])));
    }
    differences(program, load, &findings, &outputs, bounds)
}

fn check(id: &str, seeds: std::ops::Range<u64>, holes: Holes, mode: Mode) {
    let Some(python) = duckdb::python() else { return };
    let program = program(id);
    let loads: Vec<_> = seeds.map(|seed| world(&program, seed, holes)).collect();
    let jobs: Vec<Job> = loads.iter().map(|load| job(&program, load, &rows::setting(load, AS_OF), mode).1).collect();
    let answers = duckdb::run(python, &jobs);
    for (seed, (load, answer)) in loads.iter().zip(answers).enumerate() {
        let outputs = answer.unwrap_or_else(|error| panic!("{id} {seed}: {error}"));
        let differ = differ(&program, load, outputs, mode, mode == Mode::Full);
        assert!(differ.is_empty(), "{id} {seed}:\n{}", differ.join("\n"));
    }
}

#[test]
fn zhenjiang_known() {
    check("zhenjiang", 0..3, Holes::None, Mode::Known);
}

#[test]
fn zhenjiang_with_holes() {
    check("zhenjiang", 0..1, Holes::Some, Mode::Full);
}
