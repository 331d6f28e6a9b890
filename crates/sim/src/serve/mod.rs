//! The institutions of a city as real servers on loopback, answering from its registers in the words of the manifests.

mod bank;
mod faults;
mod housing;
mod http;
mod json;
mod options;
mod sftp;
mod site;
mod soap;
mod start;
mod water;
mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hedui_connect::{Registry, Source};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::city::City;

pub use faults::{Fault, FaultKind, Faults, UnknownFault};
pub use options::{INSTITUTIONS, ServeOptions, Which};

/// Institutions cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No institution has this id.
    #[error("there is no institution `{id}`; the city has {known}", known = INSTITUTIONS.join(", "))]
    UnknownInstitution {
        /// What was asked for.
        id: String,
    },
    /// A port, folder or file.
    #[error("{institution}: cannot use {what}")]
    Io {
        /// Which institution.
        institution: String,
        /// What it needed.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A register that is a database.
    #[error("{institution}: its database cannot be written")]
    Database {
        /// Which institution.
        institution: String,
        /// Why not.
        source: sqlx::Error,
    },
    /// A workbook.
    #[error("{institution}: its monthly file cannot be written")]
    Workbook {
        /// Which institution.
        institution: String,
        /// Why not.
        source: rust_xlsxwriter::XlsxError,
    },
    /// A manifest that does not say what the simulator needs to answer.
    #[error("{source_id}: the manifest lacks what the simulator needs to answer: {lack}")]
    Manifest {
        /// Which source.
        source_id: String,
        /// What is not said.
        lack: String,
    },
    /// The SSH layer of a bank.
    #[error("{institution}: no host key could be made")]
    HostKey {
        /// Which institution.
        institution: String,
    },
    /// `site.toml` of the folder is not readable as TOML; it is left as it is.
    #[error("{} is not valid TOML; mend or remove it", .path.display())]
    Site {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: toml::de::Error,
    },
}

/// Running institutions. Dropping it tells them to stop without waiting.
pub struct Servers {
    running: BTreeMap<String, Running>,
    site: String,
}

/// One running institution.
#[derive(Default)]
struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Files that are the institution's only endpoint: gone when it is stopped.
    files: Vec<PathBuf>,
}

/// Told to every server: finish when it turns true.
type Stop = watch::Receiver<bool>;

/// Waits until the server is told to stop.
async fn stopped(mut stop: Stop) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// How long a server may take to finish what it is doing.
const PATIENCE: Duration = Duration::from_secs(2);

impl Running {
    fn told(&self) -> Stop {
        self.stop.subscribe()
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }

    async fn stop(self) {
        let _ = self.stop.send(true);
        for mut task in self.tasks {
            if tokio::time::timeout(PATIENCE, &mut task).await.is_err() {
                task.abort();
            }
        }
        for file in self.files {
            if file.is_dir() {
                water::remove(&file);
            } else {
                let _ = std::fs::remove_file(file);
            }
        }
    }
}

impl Servers {
    /// `site.toml` as it stands: where every institution served so far is found, with its secrets.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Institutions that run in this process.
    #[must_use]
    pub fn institutions(&self) -> Vec<&str> {
        self.running.keys().map(String::as_str).collect()
    }

    /// Stops one institution and leaves its endpoint in `site.toml`, as an outage would. False if it does not run here.
    pub async fn stop_one(&mut self, institution: &str) -> bool {
        match self.running.remove(institution) {
            Some(running) => {
                running.stop().await;
                true
            }
            None => false,
        }
    }

    /// Stops everything this process serves.
    pub async fn stop(self) {
        futures::future::join_all(self.running.into_values().map(Running::stop)).await;
    }
}

/// Serves institutions of a city, with the usual delays and on free ports.
///
/// # Errors
/// [`ServeError`] if one cannot start; those already started are stopped again.
pub async fn serve(city: &City, dir: &Path, which: Which, faults: Faults) -> Result<Servers, ServeError> {
    serve_with(city, dir, &ServeOptions { which, faults, ..ServeOptions::default() }).await
}

/// Serves institutions of a city. Writes where they are found into `dir/site.toml`, keeping other blocks.
///
/// # Errors
/// [`ServeError`] if one cannot start; those already started are stopped again.
pub async fn serve_with(city: &City, dir: &Path, options: &ServeOptions) -> Result<Servers, ServeError> {
    options.which.check()?;
    let loaded = Registry::embedded(&hedui_connect::catalogue(), None);
    let mut sources: BTreeMap<&str, Vec<Arc<Source>>> = BTreeMap::new();
    for source in loaded.registry.iter().filter(|s| options.which.has(&s.institution)) {
        sources.entry(source.institution.as_str()).or_default().push(Arc::clone(source));
    }
    if let Some(missing) = INSTITUTIONS.iter().find(|i| options.which.has(i) && !sources.contains_key(**i)) {
        return Err(ServeError::UnknownInstitution { id: (*missing).to_owned() });
    }
    let (mut running, mut blocks) = (BTreeMap::new(), BTreeMap::new());
    for (institution, sources) in sources {
        let place = start::Place { city, dir, options, institution };
        match start::institution(&place, &sources).await {
            Ok((started, block)) => {
                running.insert(institution.to_owned(), started);
                blocks.insert(institution.to_owned(), block);
            }
            Err(error) => {
                Servers { running, site: String::new() }.stop().await;
                return Err(error);
            }
        }
    }
    let site = site::merge(dir, &blocks)?;
    Ok(Servers { running, site })
}
