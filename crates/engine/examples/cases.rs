//! Runs the cases of packs without the rest of the product:
//! `cargo run -p hedui-engine --example cases -- zhenjiang [--mutate]`.
//!
//! Reads `rules/` and `connectors/datasets/` of the current folder. `hedui rules test` does the same and more.
#![allow(clippy::print_stdout, reason = "a command line tool")]

use std::error::Error;
use std::fs;
use std::time::Instant;

use hedui_base::{Catalogue, SourceText};
use hedui_engine::cases::{MutationOptions, run_cases, run_mutants};
use hedui_rules::{Library, PackFolder};

fn main() -> Result<(), Box<dyn Error>> {
    let (options, names): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let library = library()?;
    for id in library.ids() {
        if !names.is_empty() && !names.iter().any(|name| name == id) {
            continue;
        }
        let checked = library.check(id);
        let Some(program) = &checked.program else {
            checked.diagnostics.iter().for_each(|d| println!("{d}\n"));
            continue;
        };
        let start = Instant::now();
        let report = run_cases(program, &checked.cases);
        println!(
            "{id}: {} of {} cases passed; {} of {} reached, inherited {} of {}; {:?}",
            report.passed,
            report.cases,
            report.own.reached,
            report.own.reachable,
            report.inherited.reached,
            report.inherited.reachable,
            start.elapsed()
        );
        for d in &report.differences {
            println!("  {}:{}: \"{}\": {}: expected {}, got {}", d.file, d.line, d.case, d.name, d.expected, d.got);
        }
        for gap in &report.unreached {
            println!("  {}:{}: {}: {}", gap.file, gap.line, gap.name, gap.gap);
        }
        if options.iter().any(|option| option == "--mutate") {
            let start = Instant::now();
            let report = run_mutants(program, &checked.cases, &MutationOptions::default());
            for missed in &report.missed {
                println!(
                    "  {}:{} {}: {} ({} cases come to it)",
                    missed.file, missed.line, missed.rule, missed.change, missed.cases
                );
            }
            println!(
                "{id}: {} of {} changes noticed, {:.1} %; {:?}",
                report.noticed,
                report.tried,
                100.0 * report.share(),
                start.elapsed()
            );
        }
    }
    Ok(())
}

fn library() -> Result<Library, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("connectors/datasets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(SourceText::new(path.display().to_string(), fs::read_to_string(&path)?));
        }
    }
    let catalogue = Catalogue::parse(&files)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))?;
    let mut packs = Vec::new();
    for entry in fs::read_dir("rules")? {
        let path = entry?.path();
        if path.join("pack.toml").is_file() {
            packs.push(PackFolder::read(&path)?);
        }
    }
    Ok(Library::new(packs, catalogue))
}
