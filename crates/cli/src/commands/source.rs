//! `hedui source`: institutions.

use std::path::{Path, PathBuf};

use hedui_base::{CaseId, Diagnostic, SourceId};
use hedui_connect::{InstitutionFolder, Inventory, Loaded, Registry, Site};
use hedui_verify::{WorkspaceOptions, own_connectors};

use super::{
    Ended, Shell, existing, read_text, source_again, source_answers, source_health, source_items, to_json,
    with_connectors,
};
use crate::args::{ConnectorArgs, SourceVerb};
use crate::failure::{self, Failure};
use crate::{terminal, words};

pub(crate) async fn run(shell: Shell, verb: SourceVerb) -> Ended {
    match verb {
        SourceVerb::List { items, data, connectors } => list(shell, items, data.as_deref(), &connectors),
        SourceVerb::Schema => {
            terminal::line(hedui_connect::manifest_schema().trim_end());
            Ok(0)
        }
        SourceVerb::Reference { connectors } => {
            let loaded = listed(None, &connectors)?;
            terminal::line(hedui_connect::reference(&loaded.registry).trim_end());
            Ok(0)
        }
        SourceVerb::Check { path, data, site } => {
            let own = data.as_deref().and_then(own_connectors);
            let site =
                site.or_else(|| data.map(|dir| dir.join("site.toml")).filter(|file| own.is_none() || file.is_file()));
            check(shell, path.as_deref(), own.as_deref(), site.as_deref())
        }
        SourceVerb::Try { source, data, case, as_of, connectors } => {
            let options = WorkspaceOptions { today: as_of, ..with_connectors(&connectors.connectors) };
            let ws = existing(&data, options).await?;
            let (source, case) = (SourceId::from(source), CaseId::from(case));
            let tried = hedui_verify::source_try(&ws, &source, &case).await?;
            if shell.json {
                terminal::json(&to_json(&tried)?);
            } else {
                let title = ws.registry().get(source.as_str()).map_or("", |s| s.title.zh.as_str());
                terminal::line(format!(
                    "{} {title}: 查询 {} 人，得 {} 条记录，{} 毫秒，不保存 people asked, records, ms; nothing is stored",
                    tried.source, tried.asked, tried.records, tried.millis
                ));
                for (outcome, count) in &tried.outcomes {
                    terminal::line(format!("  {count} {}", words::outcome(outcome)));
                }
                for (reason, place) in &tried.quarantined {
                    terminal::line(format!("  隔离 set aside: {}, {place}", words::reason(reason)));
                }
                if let Some(cause) = &tried.cause {
                    terminal::line(format!("  原因 cause: {cause}"));
                }
            }
            Ok(0)
        }
        SourceVerb::Answers(args) => source_answers::run(shell, args).await,
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

/// The built-in institutions, those of a data folder and those of a folder given.
fn listed(data: Option<&Path>, connectors: &ConnectorArgs) -> Result<Loaded, Failure> {
    let dirs: Vec<PathBuf> = data.and_then(own_connectors).into_iter().chain(connectors.connectors.clone()).collect();
    let (loaded, _) = load(&dirs, None)?;
    fail_on_errors(&loaded)?;
    Ok(loaded)
}

fn list(shell: Shell, items: bool, data: Option<&Path>, connectors: &ConnectorArgs) -> Ended {
    let loaded = listed(data, connectors)?;
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

/// What a path holds: a manifest's institution, an institution's folder, or a folder of institutions.
fn given(path: &Path) -> Result<Vec<InstitutionFolder>, Failure> {
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
    Ok(given)
}

/// Institutions of some places beside the built-in ones (which their templates come from); the same name replaces.
/// Also says which names came from there.
fn load(places: &[PathBuf], site: Option<&Site>) -> Result<(Loaded, Vec<String>), Failure> {
    let mut folders = Registry::embedded_folders();
    let mut names = Vec::new();
    for place in places {
        let more = given(place)?;
        folders.retain(|f| more.iter().all(|m| m.name != f.name));
        names.extend(more.iter().map(|m| m.name.clone()));
        folders.extend(more);
    }
    Ok((Registry::load(&folders, &hedui_connect::catalogue(), site), names))
}

fn check(shell: Shell, path: Option<&Path>, own: Option<&Path>, site: Option<&Path>) -> Ended {
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
    let places: Vec<PathBuf> = own.into_iter().chain(path).map(Path::to_path_buf).collect();
    let (loaded, names) = load(&places, site.as_ref())?;
    let given = if path.is_some() { names } else { Vec::new() };
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
