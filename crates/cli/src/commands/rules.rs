//! `hedui rules`: check packs.

use std::path::{Path, PathBuf};

use hedui_base::Diagnostic;
use hedui_rules::program::RowValue;
use hedui_rules::{Library, Program};
use jiff::civil::Date;

use super::{Ended, Shell, rulebook, rules_diff, rules_test};
use crate::args::RulesVerb;
use crate::failure::{self, Failure};
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: RulesVerb) -> Ended {
    match verb {
        RulesVerb::Check { packs, on } => check(shell, &packs, on.unwrap_or_else(today)),
        RulesVerb::Test(args) => rules_test::run(shell, &args),
        RulesVerb::Show(args) => rulebook::show(&args),
        RulesVerb::Simulate(args) => super::simulate::run(shell, *args).await,
        RulesVerb::Diff(args) => rules_diff::run(shell, &args),
    }
}

/// The built-in packs and those given as folders, and the ids asked for.
pub(super) fn library(packs: &[String]) -> Result<(Library, Vec<String>), Failure> {
    let (folders, names): (Vec<&String>, Vec<&String>) = packs.iter().partition(|p| Path::new(p.as_str()).is_dir());
    let folders: Vec<PathBuf> = folders.into_iter().map(PathBuf::from).collect();
    let library = hedui_verify::rules_library(&folders)?;
    let known: Vec<String> = library.ids().into_iter().map(str::to_owned).collect();
    if packs.is_empty() {
        return Ok((library, known));
    }
    let mut ids = Vec::new();
    for folder in &folders {
        for id in pack_ids(folder)? {
            ids.push(id);
        }
    }
    for name in names {
        if !known.contains(name) {
            let near = hedui_base::diagnostic::nearest(name, known.iter().map(String::as_str));
            let help = near.map_or_else(
                || "give the folder of a pack, or none for all built-in packs".to_owned(),
                |n| format!("did you mean `{n}`?"),
            );
            return Err(Failure::input_help(format!("`{name}` is neither a built-in pack nor a folder"), help));
        }
        ids.push(name.clone());
    }
    Ok((library, ids))
}

/// Ids of the pack or packs in a folder.
fn pack_ids(folder: &Path) -> Result<Vec<String>, Failure> {
    let cannot = |e: std::io::Error| Failure::input(format!("cannot read {}: {e}", folder.display()));
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let folder = folder.canonicalize().map_err(cannot)?;
    if folder.join("pack.toml").is_file() {
        return Ok(name(&folder).into_iter().collect());
    }
    let mut ids: Vec<String> = std::fs::read_dir(&folder)
        .map_err(cannot)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.join("pack.toml").is_file())
        .filter_map(|path| name(&path))
        .collect();
    ids.sort();
    Ok(ids)
}

/// The declared gaps that a pack itself writes: what its sources leave open.
fn gaps_of(program: &Program, id: &str) -> Vec<String> {
    let own = format!("{id}/");
    let mut found = Vec::new();
    for parameter in &program.parameters {
        for row in parameter.rows.iter().filter(|row| row.file.starts_with(&own)) {
            if let RowValue::Gap(why) = &row.value {
                let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                let place = format!("{}:{}", row.file, row.line);
                found.push(format!("gap {} ({}){why}; {place} {}", parameter.name, parameter.title, row.cite));
            }
        }
    }
    found
}

fn today() -> Date {
    jiff::Zoned::now().date()
}

fn check(shell: Shell, packs: &[String], on: Date) -> Ended {
    let (library, ids) = library(packs)?;
    let mut all: Vec<Diagnostic> = Vec::new();
    let mut lines = Vec::new();
    let mut gaps = Vec::new();
    for id in &ids {
        let checked = library.check(id);
        if let Some(program) = &checked.program {
            lines.push(format!(
                "{id} {} ({}): {} rules, {} parameters, {} tests, {} flags, {} schemes, {} cases",
                program.pack.version,
                program.pack.title,
                program.steps.len(),
                program.parameters.len(),
                program.tests.len(),
                program.flags.len(),
                program.schemes.len(),
                checked.cases.len(),
            ));
            gaps.extend(gaps_of(program, id));
        } else {
            lines.push(format!("{id}: not usable"));
        }
        for diagnostic in checked.diagnostics.into_iter().chain(library.lint(id, on)) {
            if !all.contains(&diagnostic) {
                all.push(diagnostic);
            }
        }
    }
    let broken = all.iter().any(Diagnostic::is_error);
    if shell.json {
        terminal::json(&serde_json::json!({
            "packs": lines,
            "gaps": gaps,
            "diagnostics": all.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
        }));
    } else {
        terminal::diagnostics(&all);
        lines.iter().chain(&gaps).for_each(terminal::line);
    }
    Ok(if broken { failure::BAD_INPUT } else { 0 })
}
