//! The API over real HTTP on loopback, with an invented city's institutions answering over their real protocols.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod access;
mod bodies;
mod description;
mod letters;
mod on_demand;

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use hedui_base::AreaCode;
use hedui_sim::{CityOptions, Faults, Servers, Which};
use hedui_verify::{Workspace, WorkspaceOptions};
use jiff::civil::{Date, date};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const TODAY: Date = date(2026, 6, 30);

/// Everything the server logs during all tests.
static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let log = Arc::<Mutex<Vec<u8>>>::default();
    let writer = Log(Arc::clone(&log));
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .try_init();
    log
});

#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A running server over a fresh folder, and keys for it.
pub(crate) struct Api {
    pub(crate) base: String,
    pub(crate) client: reqwest::Client,
    pub(crate) workspace: Workspace,
    /// For the whole city, 321100.
    pub(crate) key: String,
    /// For another city, 410600.
    pub(crate) foreign: String,
    /// Households as an intake gives them.
    pub(crate) households: Vec<Value>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<std::io::Result<()>>,
    institutions: Option<Servers>,
    _dir: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Api {
    /// A server whose institutions all answer.
    pub(crate) async fn with_institutions() -> Self {
        Self::start(Some(Which::All)).await
    }

    /// A server that knows the addresses of all institutions but one.
    pub(crate) async fn without(institution: &str) -> Self {
        Self::start(Some(Which::Except([institution.to_owned()].into()))).await
    }

    /// A server that knows no institution's address.
    pub(crate) async fn alone() -> Self {
        Self::start(None).await
    }

    async fn start(institutions: Option<Which>) -> Self {
        LazyLock::force(&LOG);
        let dir = tempfile::tempdir().unwrap();
        let city = hedui_sim::generate(&CityOptions { households: 6, seed: 11, as_of: TODAY });
        let institutions = match institutions {
            Some(which) => Some(hedui_sim::serve(&city, dir.path(), which, Faults::default()).await.unwrap()),
            None => None,
        };
        let options = WorkspaceOptions { today: Some(TODAY), ..WorkspaceOptions::default() };
        let workspace = Workspace::open(dir.path(), options).await.unwrap();
        let ledger = workspace.ledger();
        let mut keys = Vec::new();
        for (name, area) in [("镇江窗口", "321100"), ("鹤壁窗口", "410600")] {
            let mut tx = ledger.begin().await.unwrap();
            let area = AreaCode::parse(area).unwrap();
            keys.push(ledger.api_key_add(&mut tx, name, area, None, workspace.now()).await.unwrap());
            tx.commit().await.unwrap();
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(hedui_service::serve(workspace.clone(), listener, shutdown));
        let cases = serde_json::to_value(city.cases()).unwrap();
        Self {
            base,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            workspace,
            foreign: keys.pop().unwrap(),
            key: keys.pop().unwrap(),
            households: cases["households"].as_array().unwrap().clone(),
            stop: Some(stop),
            server,
            institutions,
            _dir: dir,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    /// Actions of all audit leaves from `from` on.
    pub(crate) async fn audited(&self, from: i64) -> Vec<Value> {
        let leaves = self.workspace.ledger().audit_leaves(from, 10_000).await.unwrap();
        leaves.into_iter().map(|leaf| leaf.leaf).collect()
    }

    /// Stops the server and the institutions.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        drop(self.client);
        self.server.await.unwrap().unwrap();
        if let Some(institutions) = self.institutions.take() {
            institutions.stop().await;
        }
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    assert_eq!(headers["cache-control"], "no-store");
    Reply { status, headers, body, text }
}

/// Everything personal in a household: what must never come back nor be logged.
pub(crate) fn personal(household: &Value) -> Vec<String> {
    let people =
        ["members", "obligors"].iter().flat_map(|list| household[list].as_array().cloned().unwrap_or_default());
    let mut all = Vec::new();
    for person in people {
        all.extend(["name", "id_number"].map(|key| person[key].as_str().unwrap().to_owned()));
        for account in person["accounts"].as_array().into_iter().flatten() {
            all.extend(["account", "address"].iter().filter_map(|key| account[*key].as_str()).map(str::to_owned));
        }
    }
    all
}

/// Fails if any of these stands in a text.
pub(crate) fn assert_absent(personal: &[String], text: &str, place: &str) {
    for value in personal {
        assert!(
            !text.contains(value.as_str()),
            "something personal of {} characters stands in {place}",
            value.chars().count()
        );
    }
}

pub(crate) fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

pub(crate) fn request_for(household: &Value) -> Value {
    json!({ "household": household })
}
