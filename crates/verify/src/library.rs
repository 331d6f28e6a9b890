use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hedui_base::{Catalogue, SourceText};
use hedui_rules::{Library, PackFolder};
use rust_embed::RustEmbed;

use crate::VerifyError;

#[derive(RustEmbed)]
#[folder = "../../rules"]
#[include = "*.toml"]
#[include = "*.csv"]
struct Rules;

/// The datasets built into this binary.
///
/// # Errors
/// Every mistake in every file.
pub fn embedded_catalogue() -> Result<Catalogue, VerifyError> {
    let files: Vec<_> = hedui_connect::dataset_files();
    Catalogue::parse(&files).map_err(|diagnostics| VerifyError::Text { what: "datasets", diagnostics })
}

/// The rule packs built into this binary and those under further folders (each a folder of packs, or one pack).
///
/// A pack of the same id replaces the built-in one. Mistakes inside packs are told by [`Library::check`].
///
/// # Errors
/// A folder that cannot be read.
pub fn rules_library(extra: &[PathBuf]) -> Result<Library, VerifyError> {
    Ok(Library::new(packs(extra)?, embedded_catalogue()?))
}

pub(crate) fn packs(extra: &[PathBuf]) -> Result<Vec<PackFolder>, VerifyError> {
    let mut by_id: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in Rules::iter() {
        let Some((id, _)) = path.split_once('/') else { continue };
        if let Some(file) = Rules::get(&path) {
            let text = String::from_utf8_lossy(&file.data).into_owned();
            by_id.entry(id.to_owned()).or_default().push((path.to_string(), text));
        }
    }
    let mut packs: BTreeMap<String, PackFolder> =
        by_id.into_iter().map(|(id, files)| (id.clone(), PackFolder::from_files(id, files))).collect();
    for folder in extra {
        for dir in pack_folders(folder)? {
            let pack = PackFolder::read(&dir).map_err(VerifyError::io(&dir))?;
            packs.insert(pack.id.clone(), pack);
        }
    }
    Ok(packs.into_values().collect())
}

/// The folder itself if it is a pack, else the packs in it, by name.
pub(crate) fn pack_folders(folder: &Path) -> Result<Vec<PathBuf>, VerifyError> {
    if folder.join("pack.toml").is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(VerifyError::io(folder))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.join("pack.toml").is_file())
        .collect();
    dirs.sort();
    if dirs.is_empty() {
        let label = SourceText::new(folder.display().to_string(), "");
        let mistake = hedui_base::Diagnostic::error("rules::no_pack", "there is no pack in this folder")
            .at(&label, 0..0, "no pack.toml here or one level below")
            .help("a pack is a folder with a pack.toml");
        return Err(VerifyError::Text { what: "rule packs", diagnostics: vec![mistake] });
    }
    Ok(dirs)
}
