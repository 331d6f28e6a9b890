//! `hedui source`: institutions.

use std::path::Path;

use hedui_base::{CaseId, Diagnostic, SourceId};
use hedui_connect::{Inventory, Loaded, Registry, Site};

use super::{Ended, Shell, existing, read_text, source_again, source_health, source_items, to_json, with_connectors};
use crate::args::{ConnectorArgs, SourceVerb};
use crate::failure::{self, Failure};
use crate::terminal;

pub(crate) async fn run(shell: Shell, verb: SourceVerb) -> Ended {
    match verb {
        SourceVerb::List { items, connectors } => list(shell, items, &connectors),
        SourceVerb::Schema => {
            terminal::line(hedui_connect::manifest_schema().trim_end());
            Ok(0)
        }
        SourceVerb::Reference { connectors } => {
            let loaded = listed(&connectors)?;
            terminal::line(hedui_connect::reference(&loaded.registry).trim_end());
            Ok(0)
        }
        SourceVerb::Check { path, data, site } => {
            let site = site.or_else(|| data.map(|dir| dir.join("site.toml")));
            check(shell, path.as_deref(), site.as_deref())
        }
        SourceVerb::Try { source, data, case, connectors } => {
            let ws = existing(&data, with_connectors(&connectors.connectors)).await?;
            let (source, case) = (SourceId::from(source), CaseId::from(case));
            let tried = hedui_verify::source_try(&ws, &source, &case).await?;
            if shell.json {
                terminal::json(&to_json(&tried)?);
            } else {
                terminal::line(format!(
                    "{}: asked about {} people in {} ms, {} records",
                    tried.source, tried.asked, tried.millis, tried.records
                ));
                for (outcome, count) in &tried.outcomes {
                    terminal::line(format!("  {count} {outcome}"));
                }
                for (reason, place) in &tried.quarantined {
                    terminal::line(format!("  quarantined {reason} at {place}"));
                }
                if let Some(cause) = &tried.cause {
                    terminal::line(format!("  failed: {cause}"));
                }
            }
            Ok(0)
        }
        SourceVerb::Health { data, connectors } => source_health::run(shell, &data, &connectors).await,
        SourceVerb::Quarantine { source, data, limit, connectors } => {
            source_again::quarantine(shell, &source, &data, limit, &connectors).await
        }
        SourceVerb::Reprocess { source, data, connectors } => {
            source_again::reprocess(shell, source, &data, &connectors).await
        }
        SourceVerb::Replay(args) => source_again::replay(shell, args).await,
    }
}

/// The built-in institutions and those of a folder.
fn listed(connectors: &ConnectorArgs) -> Result<Loaded, Failure> {
    let catalogue = hedui_connect::catalogue();
    let loaded = match &connectors.connectors {
        Some(dir) => load(dir, &catalogue, None)?.0,
        None => Registry::embedded(&catalogue, None),
    };
    fail_on_errors(&loaded)?;
    Ok(loaded)
}

fn list(shell: Shell, items: bool, connectors: &ConnectorArgs) -> Ended {
    let loaded = listed(connectors)?;
    if items {
        let inventory = Inventory::of(&loaded.registry);
        if shell.json {
            terminal::json(&source_items::json(&inventory));
        } else {
            source_items::print(&inventory);
        }
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = loaded
        .registry
        .iter()
        .map(|s| {
            vec![
                s.id.to_string(),
                s.title.zh.clone(),
                s.institution.clone(),
                s.dataset.name.clone(),
                s.scope.clone(),
                format!("{:?}", s.mode).to_lowercase(),
                s.batch.to_string(),
            ]
        })
        .collect();
    let head = ["source", "来源", "institution", "dataset", "scope", "mode", "batch"];
    if shell.json {
        let list: Vec<serde_json::Value> = rows
            .iter()
            .map(|r| head.iter().zip(r).map(|(k, v)| ((*k).to_owned(), serde_json::json!(v))).collect())
            .map(serde_json::Value::Object)
            .collect();
        terminal::json(&serde_json::Value::Array(list));
    } else {
        terminal::table(&head, &rows);
    }
    Ok(0)
}

fn fail_on_errors(loaded: &Loaded) -> Result<(), Failure> {
    if loaded.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failure::Mistakes(loaded.diagnostics.clone()));
    }
    Ok(())
}

/// Institutions of a folder beside the built-in ones (which their templates come from); the same id replaces.
fn load(path: &Path, catalogue: &hedui_base::Catalogue, site: Option<&Site>) -> Result<(Loaded, Vec<String>), Failure> {
    let cannot = |e: std::io::Error| Failure::input(format!("cannot read {}: {e}", path.display()));
    let path = path.canonicalize().map_err(cannot)?;
    let dir = if path.is_file() { path.parent().unwrap_or(&path).to_path_buf() } else { path };
    let single = dir.join("connector.toml").is_file();
    let parent = if single { dir.parent().unwrap_or(&dir) } else { &dir };
    let mut given = Registry::read_dir(parent).map_err(cannot)?;
    if single {
        given.retain(|f| dir.file_name().is_some_and(|n| n == f.name.as_str()));
    }
    if given.is_empty() {
        return Err(Failure::input_help(
            format!("{} holds no institution", dir.display()),
            "give a connector.toml, the folder it lies in, or a folder of such folders",
        ));
    }
    let names: Vec<String> = given.iter().map(|f| f.name.clone()).collect();
    let mut folders = Registry::embedded_folders();
    folders.retain(|f| given.iter().all(|g| g.name != f.name));
    folders.extend(given);
    Ok((Registry::load(&folders, catalogue, site), names))
}

fn check(shell: Shell, path: Option<&Path>, site: Option<&Path>) -> Ended {
    let catalogue = hedui_connect::catalogue();
    let mut diagnostics = Vec::new();
    let site = match site {
        None => None,
        Some(file) => match Site::parse(&hedui_base::SourceText::new(file.display().to_string(), read_text(file)?)) {
            Ok(site) => Some(site),
            Err(more) => {
                diagnostics.extend(more);
                None
            }
        },
    };
    let mut given = Vec::new();
    let loaded = match path {
        None => Registry::embedded(&catalogue, site.as_ref()),
        Some(path) => {
            let (loaded, names) = load(path, &catalogue, site.as_ref())?;
            given = names;
            loaded
        }
    };
    // Of a folder that was given, its own mistakes; what the site lacks for the others is not its matter.
    let asked_for = |d: &Diagnostic| {
        let folder =
            |file: &str| file.split('/').next().is_some_and(|f| f.starts_with('_') || given.iter().any(|g| g == f));
        given.is_empty() || d.labels.first().is_none_or(|label| folder(&label.file.name))
    };
    diagnostics.extend(loaded.diagnostics.iter().filter(|d| asked_for(d)).cloned());
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    let sources: Vec<String> = loaded
        .registry
        .iter()
        .filter(|s| given.is_empty() || given.contains(&s.institution))
        .map(|s| s.id.to_string())
        .collect();
    if shell.json {
        terminal::json(&serde_json::json!({
            "sources": sources, "diagnostics": diagnostics.iter().map(Diagnostic::to_json).collect::<Vec<_>>(),
        }));
    } else {
        terminal::diagnostics(&diagnostics);
        terminal::line(format!("{} source(s) usable: {}", sources.len(), sources.join(", ")));
    }
    Ok(if broken { failure::BAD_INPUT } else { 0 })
}
