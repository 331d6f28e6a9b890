//! One invented office that answers over HTTP as a test tells it to, a data folder that asks only this office, and a
//! clock that the test moves.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hedui_base::SourceId;
use hedui_ledger::{Ask, AskFilter};
use hedui_sim::{City, CityOptions, generate};
use hedui_verify::{
    AcquireMode, AcquireRequest, AcquireSummary, Clock, Intake, Selection, SourceSummary, Workspace, WorkspaceOptions,
    accept, acquire,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const SOURCE: &str = "office.vehicle";

const MANIFEST: &str = r#"
[source]
id = "office.vehicle"
title = { zh = "机动车", en = "Vehicles" }
institution = { zh = "某局", en = "Office" }
schema = 1
class = "department"
[access]
scope = "assets"
subjects = "members"
[ask]
key = ["id_number"]
batch = 4
[transport]
kind = "http"
path = "/q"
body = '{"list":[{% for s in subjects %}{{ s.id_number | tojson }}{{ "," if not loop.last }}{% endfor %}]}'
[limits]
concurrency = 1
timeout = "20s"
LIMITS
[outcome]
envelope = [{ when = '$.code == "0"', is = "ok" }]
item = "$.list[*]"
item_key = "$.sfzh"
item_is = [{ when = '$.zt == "1"', is = "found" }, { when = '$.zt == "0"', is = "no_record" }]
echo = { id_number = "$.sfzh" }
absent = "failed"
[map.vehicle]
plate_no = { from = "$.hphm", to = "plate" }
plate_type = { from = "$.hpzl", to = "text" }
first_registered = { from = "$.djrq", to = "date", format = "%Y%m%d" }
invoice_price = { from = "$.gcjg", to = "fen", unit = "yuan" }
status = { from = "$.clzt", to = "code", table = { "A" = "normal", "E" = "cancelled" } }
[quality]
fresh = "30d"
must = ["id_number == ask.id_number"]
"#;

type Answer = Pin<Box<dyn Future<Output = (u16, String)> + Send>>;

/// The office's server, with the questions it got.
pub(crate) struct Office {
    pub(crate) url: String,
    pub(crate) asked: Arc<Mutex<Vec<Vec<String>>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Office {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Office {
    /// An office that answers each question (the numbers asked about) as told.
    pub(crate) async fn start<F, W>(answer: F) -> Self
    where
        F: Fn(Vec<String>) -> W + Send + Sync + 'static,
        W: Future<Output = (u16, String)> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let heard = Arc::clone(&asked);
        let answer: Arc<dyn Fn(Vec<String>) -> Answer + Send + Sync> = Arc::new(move |ids| Box::pin(answer(ids)));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &heard, &*answer).await;
                });
            }
        });
        Self { url, asked, server }
    }

    /// One that finds a car for everybody.
    pub(crate) async fn obliging() -> Self {
        Self::start(|ids| async move { (200, found(&ids)) }).await
    }

    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Waits until the office got so many questions.
    pub(crate) async fn was_asked(&self, calls: usize) {
        until(async || self.calls() >= calls).await;
    }
}

/// Waits for a condition, for half a minute at most.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    for _ in 0..3_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came about");
}

/// The reply that finds a car for everybody.
pub(crate) fn found(ids: &[String]) -> String {
    reply(ids.iter().map(|id| car(id, "20190506")).collect())
}

pub(crate) fn car(id: &str, registered: &str) -> Value {
    json!({ "sfzh": id, "zt": "1", "hphm": format!("苏L{}", &id[13..]), "hpzl": "02", "djrq": registered, "gcjg": "86800.00", "clzt": "A" })
}

pub(crate) fn reply(items: Vec<Value>) -> String {
    json!({ "code": "0", "list": items }).to_string()
}

async fn serve(
    mut stream: TcpStream,
    heard: &Mutex<Vec<Vec<String>>>,
    answer: &(dyn Fn(Vec<String>) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let body = loop {
        let mut more = [0; 4096];
        let read = stream.read(&mut more).await?;
        bytes.extend_from_slice(&more[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| {
                l.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse::<usize>())
            });
            if body.len() >= length.and_then(Result::ok).unwrap_or(0) {
                break body.to_owned();
            }
        }
        if read == 0 {
            return Ok(());
        }
    };
    let question: Value = serde_json::from_str(&body).unwrap();
    let ids: Vec<String> =
        question["list"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect();
    heard.lock().unwrap().push(ids.clone());
    let (status, body) = answer(ids).await;
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

/// A data folder whose people are asked about at one office.
pub(crate) struct Desk {
    pub(crate) city: City,
    dir: tempfile::TempDir,
    now: Arc<Mutex<Timestamp>>,
}

impl Desk {
    /// Some invented households; the clock stands at nine in the morning in China on the day given.
    pub(crate) fn new(households: u32, day: Date) -> Self {
        let city = generate(&CityOptions { households, seed: 77, as_of: day });
        let now = jiff::tz::offset(8).to_timestamp(day.at(9, 0, 0, 0)).unwrap();
        Self { city, dir: tempfile::tempdir().unwrap(), now: Arc::new(Mutex::new(now)) }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Moves the clock.
    pub(crate) fn later(&self, by: jiff::Span) {
        let mut now = self.now.lock().unwrap();
        // Days are whole days of 24 hours here.
        *now =
            jiff::tz::offset(8).to_timestamp(jiff::tz::offset(8).to_datetime(*now).checked_add(by).unwrap()).unwrap();
    }

    pub(crate) fn today(&self) -> Date {
        jiff::tz::offset(8).to_datetime(*self.now.lock().unwrap()).date()
    }

    /// Opens the folder; `limits` are further lines of the manifest's limits, `edit` changes the rest of it.
    pub(crate) async fn open(&self, url: &str, limits: &str, edit: impl Fn(&str) -> String) -> Workspace {
        let connectors = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        let manifest = edit(&MANIFEST.replace("LIMITS", limits));
        std::fs::create_dir_all(connectors.join("office")).unwrap();
        std::fs::write(connectors.join("office/connector.toml"), manifest).unwrap();
        self.open_beside(url, &connectors).await
    }

    async fn open_beside(&self, url: &str, connectors: &Path) -> Workspace {
        let site = self.dir.path().join("site.toml");
        std::fs::write(&site, format!("[office]\nendpoint = \"{url}\"\n")).unwrap();
        let now = Arc::clone(&self.now);
        let options = WorkspaceOptions {
            site: Some(site),
            extra_connectors: vec![connectors.to_path_buf()],
            clock: Clock::new(move || *now.lock().unwrap()),
            ..WorkspaceOptions::default()
        };
        Workspace::open(&self.data(), options).await.unwrap()
    }

    /// Writes the site file anew, with further lines about the office.
    pub(crate) fn site_says(&self, url: &str, lines: &str) {
        let site = self.dir.path().join("site.toml");
        let before = std::fs::metadata(&site).and_then(|m| m.modified()).unwrap();
        std::fs::write(&site, format!("[office]\nendpoint = \"{url}\"\n{lines}\n")).unwrap();
        // Two writes in one tick of the file system's clock would look like one.
        let later = before + Duration::from_secs(1);
        std::fs::File::options().write(true).open(&site).unwrap().set_modified(later).unwrap();
    }

    pub(crate) async fn accept(&self, ws: &Workspace) {
        accept(ws, &Intake::from_json(&self.city.cases()).unwrap(), "test").await.unwrap();
    }

    /// Asks the office about everybody, without waiting.
    pub(crate) async fn ask(&self, ws: &Workspace) -> SourceSummary {
        part(acquire(ws, self.request(Selection::All, AcquireMode::Everything)).await.unwrap())
    }

    pub(crate) fn request(&self, cases: Selection, mode: AcquireMode) -> AcquireRequest {
        AcquireRequest {
            cases,
            mode,
            sources: Some(vec![SourceId::from(SOURCE)]),
            deadline: Duration::ZERO,
            ..AcquireRequest::all(self.today())
        }
    }
}

/// The office's part of a summary.
pub(crate) fn part(mut summary: AcquireSummary) -> SourceSummary {
    assert_eq!(summary.sources.len(), 1);
    summary.sources.remove(0)
}

/// All asks at the office.
pub(crate) async fn asks(ws: &Workspace) -> Vec<Ask> {
    let filter = AskFilter { source: Some(SourceId::from(SOURCE)), ..AskFilter::default() };
    ws.ledger().asks(&filter).await.unwrap()
}
