//! A folder of this machine: a mounted front-end machine. What is written is on the disk before it is announced.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use super::{Seen, protocol, read_up_to};
use crate::ask::{Cause, Failure};

pub(in crate::transport) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) async fn open(root: &str) -> Result<Self, Failure> {
        // A mount that is not there looks like an empty place for it.
        if fs::metadata(root).await.is_ok_and(|m| m.is_dir()) {
            Ok(Self { root: root.into() })
        } else {
            Err(Failure::new(Cause::Connect))
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path(path);
        let work = async {
            let mut file = File::create(&path).await?;
            file.write_all(bytes).await?;
            file.flush().await?;
            file.sync_all().await?;
            sync_folder(&path).await
        };
        work.await.map_err(|_| protocol())
    }

    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let to = self.path(to);
        let work = async {
            fs::rename(self.path(from), &to).await?;
            sync_folder(&to).await
        };
        work.await.map_err(|_| protocol())
    }

    pub(super) async fn look(&self, path: &str) -> Result<Option<Seen>, Failure> {
        match fs::metadata(self.path(path)).await {
            Ok(metadata) => Ok(Some(Seen { size: metadata.len(), modified: metadata.modified().ok() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(_) => Err(protocol()),
        }
    }

    pub(super) async fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
        let file = File::open(self.path(path)).await.map_err(|_| protocol())?;
        read_up_to(file, limit).await.map_err(|_| protocol())
    }

    pub(super) async fn list(&self, dir: &str) -> Result<Vec<String>, Failure> {
        let work = async {
            let mut names = Vec::new();
            let mut entries = fs::read_dir(self.path(dir)).await?;
            while let Some(entry) = entries.next_entry().await? {
                if entry.file_type().await?.is_file() {
                    // A name that is no text cannot be one that was agreed upon.
                    names.extend(entry.file_name().into_string());
                }
            }
            io::Result::Ok(names)
        };
        work.await.map_err(|_| protocol())
    }
}

/// Makes a new or renamed entry durable.
async fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent).await?.sync_all().await,
        None => Ok(()),
    }
}
