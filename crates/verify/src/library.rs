use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::{Catalogue, SourceText};
use rust_embed::RustEmbed;

use crate::VerifyError;

#[derive(RustEmbed)]
#[folder = "../../rules"]
#[include = "*/*.toml"]
#[include = "*/*.csv"]
#[include = "*/cases/*.toml"]
struct Rules;

#[derive(RustEmbed)]
#[folder = "../../connectors/datasets"]
#[include = "*.toml"]
struct Datasets;

/// The datasets built into this binary, and those of further folders.
///
/// # Errors
/// Every mistake in every file.
pub fn embedded_catalogue(extra: &[PathBuf]) -> Result<Catalogue, VerifyError> {
    let mut files = Vec::new();
    for name in Datasets::iter() {
        if let Some(file) = Datasets::get(&name) {
            files.push(SourceText::new(format!("connectors/datasets/{name}"), String::from_utf8_lossy(&file.data)));
        }
    }
    for folder in extra {
        read_folder(folder, &mut files)?;
    }
    Catalogue::parse(&files).map_err(|diagnostics| VerifyError::Text { what: "datasets", diagnostics })
}

fn read_folder(folder: &Path, files: &mut Vec<Arc<SourceText>>) -> Result<(), VerifyError> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(VerifyError::io(folder))?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(VerifyError::io(&path))?;
        files.push(SourceText::new(path.display().to_string(), text));
    }
    Ok(())
}
