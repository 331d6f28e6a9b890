//! `site.toml`: endpoints, secrets and limits of this place, laid over manifests that are the same everywhere.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};

use crate::manifest::block::Block;
use crate::manifest::tree::{self, Place, Value};

/// Endpoints and secrets by institution folder.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// By folder name, such as `police`.
    pub institutions: BTreeMap<String, InstitutionSite>,
}

/// What a site says about one institution.
#[derive(Clone, Debug, Default)]
pub struct InstitutionSite {
    /// `http://…`, `sftp://host:port`, `sqlite:FILE` or `dir:FOLDER`.
    pub endpoint: String,
    /// Pinned host key of an SFTP server, `SHA256:…`.
    pub host_key: Option<String>,
    /// Calls a second here, instead of the manifest's.
    pub rate: Option<u32>,
    /// Rows a view must hold here, instead of the manifest's.
    pub health_min: Option<u64>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the request alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Site {
    /// Reads a site file. Secrets given by environment or file are fetched here, once.
    ///
    /// # Errors
    /// Every mistake in it, with its place.
    pub fn parse(file: &Arc<SourceText>) -> Result<Self, Vec<Diagnostic>> {
        let (table, diagnostics) = tree::read(file);
        let out = RefCell::new(diagnostics);
        let mut institutions = BTreeMap::new();
        for (name, place, node) in &table.entries {
            let Value::Table(table) = &node.value else {
                out.borrow_mut().push(place.error(
                    "site::wrong_type",
                    format!("`{name}` must be a table"),
                    "write [institution] and its endpoint",
                ));
                continue;
            };
            let block = Block::new(name.clone(), table, place.clone(), &out);
            institutions.insert(name.clone(), read_institution(&block));
            block.finish(&[]);
        }
        let diagnostics = out.into_inner();
        if diagnostics.is_empty() { Ok(Self { institutions }) } else { Err(diagnostics) }
    }

    /// Reads a site file from disk.
    ///
    /// # Errors
    /// Every mistake in it, or that it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let name = path.file_name().map_or_else(|| "site.toml".to_owned(), |n| n.to_string_lossy().into_owned());
        let text = std::fs::read_to_string(path)
            .map_err(|e| vec![Diagnostic::error("site::unreadable", format!("cannot read {name}: {e}"))])?;
        Self::parse(&SourceText::new(name, text))
    }
}

fn read_institution(block: &Block<'_>) -> InstitutionSite {
    let help = "http://HOST:PORT, sftp://HOST:PORT, sqlite:FILE or dir:FOLDER";
    let (endpoint, place) = block.need_text("endpoint", help);
    let known = ["http://", "https://", "sftp://", "sqlite:", "dir:"];
    if !endpoint.is_empty() && !known.iter().any(|k| endpoint.starts_with(k)) {
        block.report(place.error("site::bad_endpoint", "this is not an endpoint", "unknown kind").help(help));
    }
    let mut secrets = BTreeMap::new();
    if let Some(node) = block.node("secrets") {
        match &node.value {
            Value::Table(table) => {
                for (name, place, node) in &table.entries {
                    match secret(block, place, &node.value) {
                        Ok(secret) => {
                            secrets.insert(name.clone(), secret);
                        }
                        Err(diagnostic) => block.report(*diagnostic),
                    }
                }
            }
            other => block.report(node.place.error(
                "site::wrong_type",
                format!("`secrets` must be a table, not {}", other.kind()),
                "a table",
            )),
        }
    }
    InstitutionSite {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        host_key: block.text("host_key").map(str::to_owned),
        rate: block.number("rate"),
        health_min: block.number("health_min"),
        secrets,
    }
}

fn secret(block: &Block<'_>, place: &Place, value: &Value) -> Result<Secret, Box<Diagnostic>> {
    let help = "a text, { env = \"NAME\" } or { file = \"path\" }";
    let table = match value {
        Value::Text(text) => return Ok(Secret(text.clone())),
        Value::Table(table) => table,
        _ => return Err(Box::new(place.error("site::bad_secret", "this is not a secret", "here").help(help))),
    };
    let inner = Block::new(format!("{}.secrets", block.name()), table, place.clone(), block.out());
    let (value, env, file) = (inner.text("value"), inner.text("env"), inner.text("file"));
    inner.finish(&[]);
    match (value, env, file) {
        (Some(value), None, None) => Ok(Secret(value.to_owned())),
        (None, Some(name), None) => std::env::var(name).map(Secret).map_err(|_| {
            Box::new(place.error("site::missing_env", format!("environment variable {name} is not set"), "needed here"))
        }),
        (None, None, Some(path)) => {
            std::fs::read_to_string(path).map(|t| Secret(t.trim_end().to_owned())).map_err(|e| {
                Box::new(place.error(
                    "site::missing_file",
                    format!("cannot read the secret's file: {e}"),
                    "needed here",
                ))
            })
        }
        _ => Err(Box::new(place.error("site::bad_secret", "one of value, env, file is needed", "here").help(help))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_site_is_read_and_its_secrets_stay_hidden() {
        let text = "[police]\nendpoint = \"http://127.0.0.1:1/\"\nsecrets = { gw_app = \"demo\", gw_key = { value = \"s3cret\" } }\n";
        let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
        assert_eq!(site.institutions["police"].endpoint, "http://127.0.0.1:1");
        assert_eq!(site.institutions["police"].secrets["gw_key"].reveal(), "s3cret");
        assert!(!format!("{site:?}").contains("s3cret"));
    }

    #[test]
    fn every_mistake_of_a_site_is_listed() {
        let text = "[police]\nendpont = \"http://x\"\n[bank]\nendpoint = \"ftp://x\"\n[bank.secrets]\na = { env = \"HEDUI_TEST_NO_SUCH_VARIABLE\" }\nb = 3\n";
        let mistakes = Site::parse(&SourceText::new("site.toml", text)).unwrap_err();
        let codes: Vec<_> = mistakes.iter().map(|d| d.code).collect();
        assert_eq!(mistakes.len(), 5, "{codes:?}");
    }
}
