//! The machine on which both sides lay files: an SFTP or FTPS server, or a folder of this machine.
//!
//! One discipline for all: a file is written under a temporary name, its size compared, renamed, and then announced by
//! an empty marker, so that nobody reads half of it. Who the server is, the site pins; without the pin nothing is sent.

mod dir;
mod ftps;
mod sftp;

use std::time::SystemTime;

use crate::ask::{Cause, Failure};
use crate::manifest::Login;
use crate::site::InstitutionSite;

/// A connection to where the files lie. Paths are relative to what the account sees, with `/` between.
pub(super) enum Remote {
    Sftp(Box<sftp::Server>),
    Ftps(Box<ftps::Server>),
    Dir(dir::Folder),
}

/// How a file looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Bytes.
    pub(crate) size: u64,
    /// When it was changed last, by the other side's clock; none if that is not told.
    pub(crate) modified: Option<SystemTime>,
}

impl Remote {
    /// Connects by the site's endpoint: `sftp://`, `ftps://` or `dir:`.
    pub(super) async fn connect(login: Option<&Login>, site: &InstitutionSite) -> Result<Self, Failure> {
        if let Some(address) = site.endpoint.strip_prefix("sftp://") {
            let login = login.ok_or(Failure::new(Cause::Login))?;
            return Ok(Self::Sftp(Box::new(sftp::Server::connect(address, login, site).await?)));
        }
        if let Some(address) = site.endpoint.strip_prefix("ftps://") {
            let login = login.ok_or(Failure::new(Cause::Login))?;
            return Ok(Self::Ftps(Box::new(ftps::Server::connect(address, login, site).await?)));
        }
        let folder = site.endpoint.strip_prefix("dir:").ok_or(Failure::new(Cause::NoEndpoint))?;
        Ok(Self::Dir(dir::Folder::open(folder).await?))
    }

    /// Writes a file of our own: whole under the temporary name, then renamed. `path` must not exist.
    pub(super) async fn put(&mut self, path: &str, temp: &str, bytes: &[u8]) -> Result<(), Failure> {
        let part = format!("{path}{temp}");
        self.write(&part, bytes).await?;
        if self.look(&part).await?.map(|seen| seen.size) != Some(bytes.len() as u64) {
            // Cut off on the way: it stays under the name that nobody reads.
            return Err(protocol());
        }
        match self {
            Self::Sftp(server) => server.rename(&part, path).await,
            Self::Ftps(server) => server.rename(&part, path).await,
            Self::Dir(folder) => folder.rename(&part, path).await,
        }
    }

    /// Writes an empty file in one step.
    pub(super) async fn mark(&mut self, path: &str) -> Result<(), Failure> {
        self.write(path, b"").await
    }

    async fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Sftp(server) => server.write(path, bytes).await,
            Self::Ftps(server) => server.write(path, bytes).await,
            Self::Dir(folder) => folder.write(path, bytes).await,
        }
    }

    /// How a file looks; none if it is not there.
    pub(super) async fn look(&mut self, path: &str) -> Result<Option<Seen>, Failure> {
        match self {
            Self::Sftp(server) => server.look(path).await,
            Self::Ftps(server) => server.look(path).await,
            Self::Dir(folder) => folder.look(path).await,
        }
    }

    /// Reads a file that is there, up to `limit` bytes.
    pub(super) async fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
        let bytes = match self {
            Self::Sftp(server) => server.read(path, limit).await,
            Self::Ftps(server) => server.read(path, limit).await,
            Self::Dir(folder) => folder.read(path, limit).await,
        }?;
        if bytes.len() > limit { Err(Failure::new(Cause::TooLarge)) } else { Ok(bytes) }
    }

    /// The names of the files in a folder, sorted. A folder that is not there is a failure.
    pub(super) async fn list(&mut self, dir: &str) -> Result<Vec<String>, Failure> {
        let mut names = match self {
            Self::Sftp(server) => server.list(dir).await,
            Self::Ftps(server) => server.list(dir).await,
            Self::Dir(folder) => folder.list(dir).await,
        }?;
        // A name that is more than a name is not followed anywhere.
        names.retain(|name| !name.contains(['/', '\\', '\0']) && name != "." && name != "..");
        names.sort_unstable();
        Ok(names)
    }

    /// Takes leave. Errors no longer matter.
    pub(super) async fn leave(self) {
        match self {
            Self::Sftp(server) => server.leave().await,
            Self::Ftps(server) => server.leave().await,
            Self::Dir(_) => {}
        }
    }
}

const fn protocol() -> Failure {
    Failure::new(Cause::Protocol)
}

/// Reads to the end, but no more than `limit` bytes and one.
async fn read_up_to(from: impl tokio::io::AsyncRead + Unpin, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    tokio::io::AsyncReadExt::read_to_end(&mut tokio::io::AsyncReadExt::take(from, limit), &mut bytes).await?;
    Ok(bytes)
}
