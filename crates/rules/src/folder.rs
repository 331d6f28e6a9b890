use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hedui_base::SourceText;

/// A pack as files: its id (the folder's name) and every `.toml` and `.csv` in it, cases included.
#[derive(Clone, Debug)]
pub struct PackFolder {
    /// Folder name, such as `zhenjiang`.
    pub id: String,
    /// Files in order of name; names begin with the id, such as `zhenjiang/income.toml`.
    pub files: Vec<Arc<SourceText>>,
}

impl PackFolder {
    /// Reads a folder and its subfolders. Files other than `.toml` and `.csv` (change logs, notes) are no part of a pack.
    ///
    /// # Errors
    /// If a file cannot be read, or is not UTF-8 (the message names it).
    pub fn read(dir: &Path) -> io::Result<Self> {
        let id = dir
            .canonicalize()?
            .file_name()
            .and_then(|n| n.to_str())
            .map(str::to_owned)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a pack's folder has a name in UTF-8"))?;
        let mut files = Vec::new();
        read_into(dir, &format!("{id}/"), &mut files)?;
        Ok(Self::from_files(id, files))
    }

    /// A pack from texts in memory. Names are relative to the pack's folder; a leading `<id>/` is understood too.
    #[must_use]
    pub fn from_files(id: impl Into<String>, files: impl IntoIterator<Item = (String, String)>) -> Self {
        let id = id.into();
        let prefix = format!("{id}/");
        let mut files: Vec<_> = files
            .into_iter()
            .map(|(name, text)| {
                let name = if name.starts_with(&prefix) { name } else { format!("{prefix}{name}") };
                SourceText::new(name, text)
            })
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Self { id, files }
    }

    /// A file by its name within the pack.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&Arc<SourceText>> {
        self.files.iter().find(|f| self.name_within(f) == name)
    }

    /// The name of one of its files without the leading `<id>/`.
    #[must_use]
    pub fn name_within<'a>(&self, file: &'a SourceText) -> &'a str {
        file.name.strip_prefix(&self.id).and_then(|n| n.strip_prefix('/')).unwrap_or(&file.name)
    }
}

fn read_into(dir: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            read_into(&path, &format!("{prefix}{name}/"), files)?;
        } else if name.ends_with(".toml") || name.ends_with(".csv") {
            let text = fs::read_to_string(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            files.push((format!("{prefix}{name}"), text));
        }
    }
    Ok(())
}
