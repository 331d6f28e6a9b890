//! `site.toml`: where institutions are found. Blocks of institutions served elsewhere stay as they are.

use std::collections::BTreeMap;
use std::path::Path;

use super::ServeError;

/// One institution's block.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) endpoint: String,
    pub(super) host_key: Option<String>,
    pub(super) secrets: BTreeMap<String, String>,
}

/// Puts blocks into `dir/site.toml` and returns its text. Another process may do the same for other institutions.
pub(super) fn merge(dir: &Path, blocks: &BTreeMap<String, Block>) -> Result<String, ServeError> {
    let path = dir.join("site.toml");
    let failed = |source| ServeError::Io { institution: "site".to_owned(), what: path.display().to_string(), source };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let mut site: toml::Table = text.parse().map_err(|source| ServeError::Site { path: path.clone(), source })?;
    for (institution, block) in blocks {
        let mut table = toml::Table::new();
        table.insert("endpoint".to_owned(), block.endpoint.clone().into());
        if let Some(host_key) = &block.host_key {
            table.insert("host_key".to_owned(), host_key.clone().into());
        }
        if !block.secrets.is_empty() {
            let secrets = block.secrets.iter().map(|(k, v)| (k.clone(), v.clone().into()));
            table.insert("secrets".to_owned(), toml::Value::Table(secrets.collect()));
        }
        site.insert(institution.clone(), toml::Value::Table(table));
    }
    let text = site.to_string();
    // Written whole under another name first, so that a reader never sees half of it.
    let temporary = dir.join(".site.toml.part");
    std::fs::write(&temporary, &text).map_err(failed)?;
    std::fs::rename(&temporary, &path).map_err(failed)?;
    Ok(text)
}
