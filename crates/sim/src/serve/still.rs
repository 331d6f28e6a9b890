//! What an institution leaves lying: database files and dropped workbooks. Written at the start, and again when a fault
//! in them heals.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::database::Home;
use super::wire::WireSource;
use super::{ServeError, Stop, drops, views};

/// Files that are an institution's endpoint.
#[derive(Clone)]
pub(super) enum Still {
    /// A database with a view a source.
    Database {
        /// Its sources.
        wires: Arc<Vec<WireSource>>,
        /// Where it lies.
        file: PathBuf,
    },
    /// The same in a database server.
    Server {
        /// Its sources.
        wires: Arc<Vec<WireSource>>,
        /// Its database.
        home: Arc<Home>,
    },
    /// A folder with a workbook a month.
    Folder {
        /// Its sources.
        wires: Arc<Vec<WireSource>>,
        /// Where it lies.
        folder: PathBuf,
    },
}

impl Still {
    fn wires(&self) -> &[WireSource] {
        match self {
            Self::Database { wires, .. } | Self::Server { wires, .. } | Self::Folder { wires, .. } => wires,
        }
    }

    /// Writes everything as it is now.
    pub(super) async fn write(&self) -> Result<(), ServeError> {
        match self {
            Self::Database { wires, file } => views::write(wires, file).await,
            Self::Server { wires, home } => home.write(wires).await,
            Self::Folder { wires, folder } => {
                let (wires, folder) = (Arc::clone(wires), folder.clone());
                let institution = wires.first().map(|w| w.source.institution.clone()).unwrap_or_default();
                let written = tokio::task::spawn_blocking(move || {
                    std::fs::create_dir_all(&folder).ok();
                    wires.iter().try_for_each(|wire| drops::write(wire, &folder))
                });
                written.await.unwrap_or_else(|error| {
                    let source = std::io::Error::other(error);
                    Err(ServeError::Io { institution, what: "dropped files".to_owned(), source })
                })
            }
        }
    }

    /// Writes everything again each time a fault heals by itself.
    pub(super) async fn heal(self, mut stop: Stop) {
        while let Some(next) = self.wires().iter().filter_map(|wire| wire.trouble.heals_in()).min() {
            tokio::select! {
                // An error means that the sender is gone, which is a stop too.
                _ = stop.wait_for(|stop| *stop) => return,
                // A little later, so that it has healed for sure.
                () = tokio::time::sleep(next + Duration::from_millis(2)) => {}
            }
            if let Err(error) = self.write().await {
                tracing::warn!(%error, "what an institution leaves lying cannot be written again");
            }
        }
    }

    /// Removes it: the place looks as it does before anything is delivered.
    pub(super) async fn remove(&self) {
        match self {
            Self::Database { file, .. } => {
                let _ = std::fs::remove_file(file);
            }
            Self::Server { home, .. } => home.remove().await,
            Self::Folder { wires, folder } => wires.iter().for_each(|wire| drops::remove(wire, folder)),
        }
    }
}
