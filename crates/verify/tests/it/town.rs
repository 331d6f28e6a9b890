//! A small invented city, its institutions as servers, and a data folder that knows their addresses.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hedui_sim::{City, CityOptions, Faults, ServeOptions, Servers, Which, generate, serve_with};
use hedui_store::results::{self, ResultColumn};
use hedui_verify::{
    AcquireRequest, AcquireSummary, BatchRequest, BatchSummary, Intake, Selection, Workspace, WorkspaceOptions, accept,
    acquire, batch,
};
use jiff::civil::{Date, date};

pub(crate) const AS_OF: Date = date(2026, 6, 30);

pub(crate) struct Town {
    pub(crate) city: City,
    pub(crate) servers: Servers,
    /// Served again after an outage; running as long as the town.
    again: Vec<Servers>,
    dir: tempfile::TempDir,
}

impl Town {
    /// A city with all its institutions up.
    pub(crate) async fn new(households: u32, seed: u64) -> Self {
        Self::with(households, seed, Faults::default()).await
    }

    pub(crate) async fn with(households: u32, seed: u64, faults: Faults) -> Self {
        let city = generate(&CityOptions { households, seed, as_of: AS_OF });
        let dir = tempfile::tempdir().unwrap();
        city.write(&dir.path().join("city")).unwrap();
        let options = ServeOptions { faults, reply_delay: Duration::from_millis(50), ..ServeOptions::default() };
        let servers = serve_with(&city, &dir.path().join("city"), &options).await.unwrap();
        Self { city, servers, again: Vec::new(), dir }
    }

    /// Serves one institution again, as if its outage were over.
    pub(crate) async fn serve_again(&mut self, institution: &str) {
        let options = ServeOptions {
            which: Which::Only([institution.to_owned()].into()),
            reply_delay: Duration::from_millis(50),
            ..ServeOptions::default()
        };
        self.again.push(serve_with(&self.city, &self.dir.path().join("city"), &options).await.unwrap());
    }

    /// The city some months later, served anew at other addresses.
    pub(crate) async fn move_on(&mut self, months: u32) {
        self.city.advance(months);
        let dir = self.dir.path().join("city");
        self.city.write(&dir).unwrap();
        let options = ServeOptions { reply_delay: Duration::from_millis(50), ..ServeOptions::default() };
        self.again.push(serve_with(&self.city, &dir, &options).await.unwrap());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn open(&self, data: &str) -> Workspace {
        self.open_on(data, AS_OF).await
    }

    pub(crate) async fn open_on(&self, data: &str, today: Date) -> Workspace {
        let site = Some(self.path("city/site.toml"));
        let options = WorkspaceOptions { site, today: Some(today), ..WorkspaceOptions::default() };
        Workspace::open(&self.path(data), options).await.unwrap()
    }

    pub(crate) fn intake(&self) -> Intake {
        Intake::from_json(&self.city.cases()).unwrap()
    }

    /// Accepts every household and asks every source.
    pub(crate) async fn acquired(&self, data: &str) -> (Workspace, AcquireSummary) {
        let ws = self.open(data).await;
        accept(&ws, &self.intake(), "test").await.unwrap();
        let summary = self.acquire(&ws).await;
        (ws, summary)
    }

    pub(crate) async fn acquire(&self, ws: &Workspace) -> AcquireSummary {
        let request = AcquireRequest { deadline: Duration::from_secs(120), ..AcquireRequest::all(ws.today()) };
        acquire(ws, request).await.unwrap()
    }

    pub(crate) async fn batch(&self, ws: &Workspace, out: &str) -> (BatchSummary, Rows) {
        let summary = batch(ws, BatchRequest::new(Selection::All, ws.today(), self.path(out))).await.unwrap();
        let rows = Rows::read(&summary.findings_file);
        (summary, rows)
    }
}

/// A result file as text by column, for comparing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows(pub(crate) BTreeMap<String, Vec<String>>);

impl Rows {
    pub(crate) fn read(path: &std::path::Path) -> Self {
        let columns = results::read(path).unwrap();
        Self(columns.into_iter().map(|(name, column)| (name, texts(&column))).collect())
    }

    /// Without the one column that may differ between runs.
    pub(crate) fn timeless(mut self) -> Self {
        self.0.remove("known_at");
        self
    }

    pub(crate) fn column(&self, name: &str) -> &[String] {
        self.0.get(name).unwrap_or_else(|| panic!("no column {name} in {:?}", self.0.keys()))
    }

    pub(crate) fn row(&self, case: &str) -> usize {
        self.column("case").iter().position(|c| c == case).unwrap()
    }
}

fn texts(column: &ResultColumn) -> Vec<String> {
    fn each<T>(values: &[Option<T>], show: impl Fn(&T) -> String) -> Vec<String> {
        values.iter().map(|v| v.as_ref().map_or_else(String::new, &show)).collect()
    }
    match column {
        ResultColumn::Text(v) => each(v, |t| t.to_string()),
        ResultColumn::Int(v) => each(v, |t| t.to_string()),
        ResultColumn::Money(v) => each(v, |t| t.fen().to_string()),
        ResultColumn::Date(v) => each(v, |t| t.to_string()),
        ResultColumn::Time(v) => each(v, |t| t.to_string()),
        ResultColumn::Bool(v) => each(v, |t| t.to_string()),
        ResultColumn::Bytes(v) => each(v, |t| format!("{} bytes", t.len())),
    }
}
