//! The institutions of a city as real servers on loopback, answering from its registers in the words of the manifests.

mod database;
mod dci;
mod door;
mod drops;
mod exchange;
mod files;
mod ftps;
mod http;
mod json;
mod options;
mod place;
mod question;
mod registers;
mod replies;
mod says;
mod sealed;
mod secrets;
mod sftp;
mod site;
mod soap;
mod start;
mod still;
mod table;
mod tls;
mod views;
mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hedui_connect::Source;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::city::City;
use crate::faults::{FaultKind, Faults, Trouble};
use database::Databases;
use registers::Registers;
use still::Still;

pub use options::{ServeOptions, Which};

/// Institutions cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No institution or source has this id.
    #[error("there is no institution `{id}`; there are {known}")]
    UnknownInstitution {
        /// What was asked for.
        id: String,
        /// The institutions there are.
        known: String,
    },
    /// Manifests with mistakes.
    #[error("the connectors have mistakes:\n{mistakes}")]
    Connectors {
        /// Every one of them, with its place.
        mistakes: String,
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
    /// A certificate.
    #[error("{institution}: its certificates cannot be made")]
    Tls {
        /// Which institution.
        institution: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
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
    troubles: BTreeMap<String, Arc<Trouble>>,
    site: String,
}

/// One running institution.
#[derive(Default)]
struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Files that are the institution's only endpoint: gone when it is stopped.
    still: Vec<Still>,
    /// Folders for files that are taken away while all is down.
    folders: Vec<PathBuf>,
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

    fn keep(&mut self, still: Still) {
        let told = self.told();
        self.spawn(still.clone().heal(told));
        self.still.push(still);
    }

    async fn stop(self) {
        let _ = self.stop.send(true);
        for mut task in self.tasks {
            if tokio::time::timeout(PATIENCE, &mut task).await.is_err() {
                task.abort();
            }
        }
        for still in &self.still {
            still.remove().await;
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

    /// Ends all faults, also those that would not heal by themselves.
    ///
    /// # Errors
    /// [`ServeError`] if a database or a dropped file cannot be written again.
    pub async fn heal(&self) -> Result<(), ServeError> {
        self.troubles.values().for_each(|trouble| trouble.heal());
        self.running.values().flat_map(|running| &running.folders).for_each(|folder| exchange::show(folder, true));
        for still in self.running.values().flat_map(|running| &running.still) {
            still.write().await?;
        }
        Ok(())
    }

    /// How often each fault struck so far, by source.
    #[must_use]
    pub fn struck(&self) -> Vec<(String, FaultKind, u64)> {
        let of = |(source, trouble): (&String, &Arc<Trouble>)| {
            trouble.struck().into_iter().map(|(kind, count)| (source.clone(), kind, count)).collect::<Vec<_>>()
        };
        self.troubles.iter().flat_map(of).collect()
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
    let registry = options.registry()?;
    options.check(&registry)?;
    let mut sources: BTreeMap<&str, Vec<Arc<Source>>> = BTreeMap::new();
    for source in registry.iter().filter(|s| options.which.has(&s.institution)) {
        sources.entry(source.institution.as_str()).or_default().push(Arc::clone(source));
    }
    let registers = Arc::new(Registers::new(city));
    let seed = options.fault_seed.unwrap_or(city.options.seed);
    let troubles: BTreeMap<String, Arc<Trouble>> = sources
        .values()
        .flatten()
        .map(|source| {
            let id = source.id.to_string();
            let trouble = Trouble::new(seed, &id, options.faults.of(&source.institution, &id));
            (id, Arc::new(trouble))
        })
        .collect();
    std::fs::create_dir_all(dir).map_err(|source| ServeError::Io {
        institution: "site".to_owned(),
        what: dir.display().to_string(),
        source,
    })?;
    let databases = if options.databases { Some(Databases::start().await?) } else { None };
    let databases = databases.as_ref();
    let starting = sources.into_iter().map(|(institution, sources)| {
        let (registers, troubles) = (Arc::clone(&registers), &troubles);
        async move {
            let place = start::Place { registers, dir, options, institution, troubles, databases };
            (institution.to_owned(), start::institution(&place, &sources).await)
        }
    });
    let (mut running, mut blocks, mut fault) = (BTreeMap::new(), BTreeMap::new(), None);
    for (institution, started) in futures::future::join_all(starting).await {
        match started {
            Ok((started, block)) => {
                running.insert(institution.clone(), started);
                blocks.insert(institution, block);
            }
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    if let Some(error) = fault {
        Servers { running, troubles, site: String::new() }.stop().await;
        return Err(error);
    }
    let site = site::merge(dir, &blocks)?;
    Ok(Servers { running, troubles, site })
}
