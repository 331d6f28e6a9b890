//! Checks packs and prints what is wrong, or the program: `cargo run -p hedui-rules --example check -- zhenjiang [--program]`.
//!
//! Reads `rules/` and `connectors/datasets/` of the current folder.
#![allow(clippy::print_stdout, reason = "a command line tool")]

use std::error::Error;
use std::fs;
use std::path::Path;

use hedui_base::{Catalogue, SourceText};
use hedui_rules::{Library, PackFolder};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
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
        if Path::new(&path).is_dir() {
            packs.push(PackFolder::read(&path)?);
        }
    }
    let library = Library::new(packs, catalogue);
    for id in library.ids() {
        if args.iter().any(|a| !a.starts_with("--")) && !args.iter().any(|a| a == id) {
            continue;
        }
        let checked = library.check(id);
        for diagnostic in &checked.diagnostics {
            println!("{diagnostic}\n");
        }
        let steps = checked.program.as_ref().map_or(0, |p| p.steps.len());
        println!("{id}: {} remarks, {steps} steps, {} cases", checked.diagnostics.len(), checked.cases.len());
        if let Some(program) = checked.program.filter(|_| args.iter().any(|a| a == "--program")) {
            println!("{program}");
        }
    }
    Ok(())
}
