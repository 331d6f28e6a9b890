//! The comparison as SQL over a pinned snapshot of the store: printed for an engine that reads the store's files itself.
//!
//! The engine computes what [`crate::batch`] computes over the same snapshot; nothing of it runs here.

mod problem;
mod survey;
mod written;

use std::path::Path;
use std::sync::Arc;

use hedui_cluster::over_store::{Relation, StoreFiles, StoreTable, needs_denied, relations, write_results};
use hedui_cluster::{Dialect, Mode, Options, Script, Setting, Source, Subjects, script};
use hedui_connect::manifest::Subjects as Asked;
use hedui_rules::Program;
use hedui_rules::program::Entity;
use hedui_store::{At, CASES, COVERAGE, PEOPLE, Snapshot, StoreError};
use jiff::civil::Date;

pub use problem::ClusterProblem;
pub use written::gather;

use self::survey::{Later, cases_by_pack};
use crate::{VerifyError, Workspace};

/// What to print.
#[derive(Clone, Debug)]
pub struct ClusterRequest {
    /// For which engine.
    pub dialect: Dialect,
    /// How much of the meaning.
    pub mode: Mode,
    /// The day the check speaks about.
    pub as_of: Date,
    /// Only the cases under this pack; none where all are under one.
    pub pack: Option<String>,
    /// Whether files that go with the pinned snapshot may be named: only while it is held.
    pub temporary: bool,
}

/// A program as SQL over the files of a snapshot.
#[derive(Debug)]
pub struct ClusterScript {
    /// What is computed.
    pub program: Arc<Program>,
    /// Files stay as long as this value does.
    pub snapshot: Snapshot,
    /// How many cases it is about.
    pub cases: usize,
    /// The relations over the files.
    pub relations: Vec<Relation>,
    /// What is computed over them.
    pub script: Script,
}

impl ClusterScript {
    /// The whole script; with a folder, also the statements that write the results there in the order of the batch: files
    /// `findings.parquet` and `flags.parquet` by `DuckDB`, folders of parts `findings` and `flags` by Spark.
    #[must_use]
    pub fn text(&self, out: Option<&Path>) -> String {
        let dialect = self.script.dialect;
        let mut all = vec![format!("-- {} cases of a store, snapshot {}", self.cases, self.snapshot.id())];
        all.extend(self.relations.iter().map(|relation| relation.statements(dialect)));
        all.push(self.script.to_string());
        all.extend(out.map(|out| write_results(&self.script, &out.display().to_string())));
        all.join("\n")
    }
}

/// Prints the comparison of the cases that lie in a store.
///
/// # Errors
/// [`VerifyError::Cluster`] if the store holds no cases, or cases under several packs and none was chosen, or rows that only
/// the catalogue holds; or what the store says.
pub async fn cluster_script(ws: &Workspace, request: ClusterRequest) -> Result<ClusterScript, VerifyError> {
    let mut connection = ws.ledger().connection().await?;
    let snapshot = ws.store().snapshot(&mut connection, At::Latest).await?;
    drop(connection);
    let ws = ws.clone();
    let work = move || print(&ws, snapshot, &request);
    tokio::task::spawn_blocking(work).await.map_err(|e| VerifyError::Internal(e.to_string()))?
}

fn print(ws: &Workspace, snapshot: Snapshot, request: &ClusterRequest) -> Result<ClusterScript, VerifyError> {
    let mut packs = cases_by_pack(ws, &snapshot, request.as_of)?;
    if packs.is_empty() {
        return Err(ClusterProblem::NoCases.into());
    }
    let several = packs.len() > 1;
    let chosen = match &request.pack {
        Some(pack) => {
            let names = packs.iter().map(|of| of.program.pack.id.clone()).collect();
            let at = packs.iter().position(|of| of.program.pack.id == *pack);
            at.ok_or_else(|| ClusterProblem::NoCasesOfPack { pack: pack.clone(), packs: names })?
        }
        None if several => {
            return Err(
                ClusterProblem::SeveralPacks(packs.iter().map(|of| of.program.pack.id.clone()).collect()).into()
            );
        }
        None => 0,
    };
    let of = packs.swap_remove(chosen);
    let program = of.program;
    let mut setting = setting(ws, &snapshot, request.as_of);
    setting.denied = needs_denied(&program, &setting, request.mode);
    let later = Later::of(&snapshot, request.mode == Mode::Known && !setting.denied)?;
    let known = |name: &String| ws.registry().get(name).is_none();
    setting.writers = later.sources.iter().filter(|name| known(name)).cloned().collect();
    let mut files = StoreFiles {
        later: later.files.iter().map(|path| text(path)).collect(),
        corrected: later.corrected,
        areas: several.then_some(of.areas),
        ..StoreFiles::default()
    };
    let inputs = |entity| program.inputs.iter().filter(move |input| input.entity == entity).map(|input| &input.name);
    let mut tables: Vec<(&str, Vec<&String>)> = vec![
        (CASES, inputs(Entity::Household).collect()),
        (PEOPLE, inputs(Entity::Person).collect()),
        (COVERAGE, Vec::new()),
    ];
    tables
        .extend(program.datasets.iter().map(|set| (set.name.as_str(), set.columns.iter().map(|c| &c.name).collect())));
    let mut temporary = 0;
    for (name, columns) in tables {
        let paths = match snapshot.files(name) {
            Ok(paths) => paths,
            // A dataset of the pack's own that no connector serves.
            Err(StoreError::UnknownDataset { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        for bucket in snapshot.buckets(name) {
            let parts = snapshot.bucket_parts(name, bucket);
            temporary += parts.iter().filter(|part| part.is_temporary).map(|part| part.rows).sum::<u64>();
        }
        let columns = columns.into_iter().filter(|column| snapshot.has_column(name, column)).cloned().collect();
        let files_of = paths.iter().map(|path| text(path)).collect();
        files.tables.insert(name.to_owned(), StoreTable { files: files_of, columns });
    }
    if temporary > 0 && !request.temporary {
        return Err(ClusterProblem::Temporary(temporary).into());
    }
    let options = Options { dialect: request.dialect, mode: request.mode, bounds: false };
    let script = script(&program, &setting, options).map_err(ClusterProblem::from)?;
    let relations = relations(&program, &setting, options, &files);
    Ok(ClusterScript { program, snapshot, cases: of.cases, relations, script })
}

/// Who is asked about whom.
fn setting(ws: &Workspace, snapshot: &Snapshot, as_of: Date) -> Setting {
    let mut setting = Setting { known_at: Some(snapshot.known_at()), ..Setting::new(as_of) };
    setting.sources = sources(ws.registry());
    setting
}

/// The sources of a registry as the SQL names them.
#[must_use]
pub fn sources(registry: &hedui_connect::Registry) -> Vec<Source> {
    let one = |source: &Arc<hedui_connect::Source>| Source {
        id: source.id.as_str().to_owned(),
        dataset: source.dataset.name.clone(),
        subjects: match source.subjects {
            Asked::Members => Subjects::Members,
            Asked::MembersAndObligors => Subjects::Everyone,
            Asked::Applicant => Subjects::Applicant,
        },
    };
    registry.iter().map(one).collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
