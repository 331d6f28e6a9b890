//! Renders what was stored: the rules of its day, the values of its facts, the records as far as they are still there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hedui_base::{CaseId, Catalogue, PersonKey, Records, SourceText};
use hedui_connect::Registry;
use hedui_engine::stored::{people_of, restore};
use hedui_rules::{Library, PackFolder, Program};
use hedui_store::At;
use hedui_store::results::{self, ResultColumn};

use super::{DATASETS, HEAD, Head, KeptOrigin, KeptPack, ROWS, RULES};
use crate::compare::{Answers, plain_caseload, selected};
use crate::report::{Explained, Names};
use crate::{PlainRequest, Selection, VerifyError, Workspace, WorkspaceOptions};

/// How a value of one household of an earlier batch came about, as it was on its day.
///
/// Equal to what [`crate::explain`] said then. The records are read again from where they came from, or from `data` if it
/// has moved; where they are gone, the values stand and the tree says so.
///
/// # Errors
/// No stored explanations there, no such case or name, or files that are not what was written.
pub async fn explain_kept(
    out: &Path,
    case: &CaseId,
    variable: Option<&str>,
    data: Option<&Path>,
) -> Result<Explained, VerifyError> {
    let head = head(out)?;
    let rows = out.join(ROWS);
    let row = results::read_one(&rows, "case", case.as_str())?.ok_or_else(|| VerifyError::UnknownCase(case.clone()))?;
    let column = |name: &str| row.iter().find(|(n, _)| n == name).map(|(_, column)| column);
    let (Some(ResultColumn::Text(pack)), Some(ResultColumn::Bytes(bytes))) = (column("pack"), column("kept")) else {
        return Err(broken(&rows, "it has no columns `pack` and `kept`"));
    };
    let (Some(Some(hash)), Some(Some(bytes))) = (pack.first(), bytes.first()) else {
        return Err(broken(&rows, "the row of the case is empty"));
    };
    let pack = head.packs.get(&**hash).ok_or_else(|| broken(&out.join(HEAD), "the pack of the case is not in it"))?;
    let (program, catalogue) = program(out, hash, pack)?;
    let damaged = |error: hedui_engine::stored::StoredError| broken(&rows, &error.to_string());
    let people = people_of(&program, &pack.setting, bytes).map_err(damaged)?;
    let source = Source::open(&head, &program, &catalogue, case, &people, data).await;
    let restored = restore(&program, &pack.setting, case.clone(), bytes, &source.records, source.household);
    let restored = restored.map_err(damaged)?;
    let trace = restored.trace(head.as_of)?;
    let names = Names { registry: source.registry(), people: source.names.clone() };
    names.explained(&program, &trace, case, variable, head.as_of)
}

/// How a value of one household of a plain folder came about.
///
/// # Errors
/// As [`crate::batch_plain`], and for a case or name that is not there.
pub fn explain_plain(request: &PlainRequest, case: &CaseId, variable: Option<&str>) -> Result<Explained, VerifyError> {
    let (library, catalogue, id) = crate::compare::plain_library(request)?;
    let program = library.compile(&id).map_err(|diagnostics| VerifyError::Text { what: "rule pack", diagnostics })?;
    let (load, _) = plain_caseload(&request.records, &request.cases, &program, &catalogue, request.lenient)?;
    let row = load.cases.id.iter().position(|id| id == case).ok_or_else(|| VerifyError::UnknownCase(case.clone()))?;
    let trace = hedui_engine::trace(&program, &load, row, request.as_of)?;
    let names = Names { registry: &Registry::default(), people: [].into() };
    names.explained(&program, &trace, case, variable, request.as_of)
}

/// Something about a file that should not be.
fn broken(path: &Path, what: &str) -> VerifyError {
    let error = std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    VerifyError::Io { path: path.to_path_buf(), error }
}

fn head(out: &Path) -> Result<Head, VerifyError> {
    let path = out.join(HEAD);
    let text = std::fs::read_to_string(&path).map_err(VerifyError::io(&path))?;
    let head: Head = serde_json::from_str(&text).map_err(|error| broken(&path, &error.to_string()))?;
    if head.version == 1 { Ok(head) } else { Err(broken(&path, "of another version of this program")) }
}

/// The program of a pack as its texts were.
fn program(out: &Path, hash: &str, pack: &KeptPack) -> Result<(Arc<Program>, Catalogue), VerifyError> {
    let path = out.join(RULES);
    let columns = results::read(&path)?;
    let [(_, ResultColumn::Text(names)), (_, ResultColumn::Text(texts))] = columns.as_slice() else {
        return Err(broken(&path, "it has no columns `file` and `text`"));
    };
    let mut datasets = Vec::new();
    let mut folders: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (name, text) in names.iter().zip(texts) {
        let (Some(name), Some(text)) = (name, text) else { continue };
        if let Some(name) = name.strip_prefix(DATASETS) {
            datasets.push(SourceText::new(name, &**text));
        } else if let Some((folder, _)) = name.split_once('/') {
            folders.entry(folder).or_default().push((name.to_string(), text.to_string()));
        }
    }
    let mistakes = |diagnostics| VerifyError::Text { what: "stored rule packs", diagnostics };
    let catalogue = Catalogue::parse(&datasets).map_err(mistakes)?;
    let folders = folders.into_iter().map(|(id, files)| PackFolder::from_files(id, files)).collect();
    let program = Library::new(folders, catalogue.clone()).compile(&pack.id).map_err(mistakes)?;
    if program.pack.hash == hash {
        Ok((program, catalogue))
    } else {
        Err(broken(&path, "the texts are not those that the batch used"))
    }
}

/// The records behind a case, and what its sources and people are called, as far as that can be read again.
struct Source {
    records: BTreeMap<String, Records>,
    household: PersonKey,
    names: std::collections::HashMap<PersonKey, String>,
    workspace: Option<Workspace>,
    registry: Registry,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            household: PersonKey(0),
            names: [].into(),
            workspace: None,
            registry: Registry::default(),
        }
    }
}

impl Source {
    async fn open(
        head: &Head,
        program: &Program,
        catalogue: &Catalogue,
        case: &CaseId,
        people: &[PersonKey],
        data: Option<&Path>,
    ) -> Self {
        let read = match &head.origin {
            KeptOrigin::Data { data: then } => Self::of_data(head, program, case, people, data.unwrap_or(then)).await,
            KeptOrigin::Records { records, cases, lenient } => {
                let folder = data.unwrap_or(records);
                let cases = if data.is_some() && cases.starts_with(records) {
                    folder.join(cases.strip_prefix(records).unwrap_or(cases))
                } else {
                    cases.clone()
                };
                plain_caseload(folder, &cases, program, catalogue, *lenient).map(|(load, _)| {
                    let row = load.cases.id.iter().position(|id| id == case).unwrap_or_default();
                    Self { records: load.records, household: PersonKey(row as u32), ..Self::default() }
                })
            }
        };
        // What cannot be read any more is shown as gone: that is the point of having kept the rest.
        read.unwrap_or_else(|error| {
            tracing::info!(%error, "records cannot be read again");
            Self { registry: Registry::embedded(catalogue, None).registry, ..Self::default() }
        })
    }

    async fn of_data(
        head: &Head,
        program: &Program,
        case: &CaseId,
        people: &[PersonKey],
        data: &Path,
    ) -> Result<Self, VerifyError> {
        if !data.join("hedui.db").is_file() {
            return Err(broken(data, "not a data folder any more"));
        }
        let ws = Workspace::open(data, WorkspaceOptions::default()).await?;
        let at = head.known_at.map_or(At::Latest, At::Time);
        let mut connection = ws.ledger().connection().await?;
        let snapshot = ws.store().snapshot_of(&mut connection, at, people).await?;
        drop(connection);
        let (own, keys) = (program.clone(), people.to_vec());
        let answers = tokio::task::spawn_blocking(move || Answers::load(&snapshot, &own, &keys))
            .await
            .map_err(|e| VerifyError::Internal(e.to_string()))??;
        let mut names = std::collections::HashMap::new();
        if let Ok(cases) = selected(&ws, &Selection::Cases(vec![case.clone()])).await {
            let known = ws.ledger().people(people).await?;
            for entry in cases.iter().flat_map(|case| &case.people) {
                if let Some(person) = known.iter().find(|person| person.key == entry.person) {
                    names.insert(entry.person, crate::report::called(person, &entry.relation));
                }
            }
        }
        Ok(Self { records: answers.records, names, workspace: Some(ws), ..Self::default() })
    }

    fn registry(&self) -> &Registry {
        self.workspace.as_ref().map_or(&self.registry, Workspace::registry)
    }
}
