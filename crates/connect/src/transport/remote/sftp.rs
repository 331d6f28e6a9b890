//! SFTP, by password or by key.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use russh::Disconnect;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use tokio::io::AsyncWriteExt as _;

use super::{Seen, protocol, read_up_to};
use crate::ask::{Cause, Failure};
use crate::manifest::{Login, LoginProof};
use crate::site::{InstitutionSite, given};

/// Why connecting ended.
#[derive(Debug)]
enum Refusal {
    Key,
    Other,
}

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        if matches!(error, russh::Error::UnknownKey) { Self::Key } else { Self::Other }
    }
}

/// Accepts the pinned key and no other.
struct Pinned(String);

impl client::Handler for Pinned {
    type Error = Refusal;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        Ok(key.public_key().fingerprint(HashAlg::Sha256).to_string() == self.0)
    }
}

pub(in crate::transport) struct Server {
    handle: Handle<Pinned>,
    sftp: SftpSession,
}

impl Server {
    pub(super) async fn connect(host: &str, login: &Login, site: &InstitutionSite) -> Result<Self, Failure> {
        let pin = site.host_key.clone().ok_or(Failure::new(Cause::HostKey))?;
        let user = given(&login.user, site)?;
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:22") };
        let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
        let mut handle = client::connect(config, address, Pinned(pin)).await.map_err(|refusal| match refusal {
            Refusal::Key => Failure::new(Cause::HostKey),
            Refusal::Other => Failure::new(Cause::Connect),
        })?;
        let shown = match &login.proof {
            LoginProof::Password(password) => handle.authenticate_password(user, given(password, site)?).await,
            LoginProof::Key { key, passphrase } => {
                let passphrase = passphrase.as_ref().map(|p| given(p, site)).transpose()?;
                // A key that cannot be read is a login that cannot be shown.
                let key = decode_secret_key(given(key, site)?, passphrase).map_err(|_| Failure::new(Cause::Login))?;
                let hash = handle.best_supported_rsa_hash().await.ok().flatten().flatten();
                handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::new(key), hash)).await
            }
        };
        if !shown.map_err(|_| Failure::new(Cause::Connect))?.success() {
            return Err(Failure::new(Cause::Login));
        }
        let channel = handle.channel_open_session().await.map_err(|_| protocol())?;
        channel.request_subsystem(true, "sftp").await.map_err(|_| protocol())?;
        let sftp = SftpSession::new(channel.into_stream()).await.map_err(|_| protocol())?;
        Ok(Self { handle, sftp })
    }

    pub(super) async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let mut file = self.sftp.open_with_flags(path, flags).await.map_err(|_| protocol())?;
        file.write_all(bytes).await.map_err(|_| protocol())?;
        file.shutdown().await.map_err(|_| protocol())
    }

    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        self.sftp.rename(from, to).await.map_err(|_| protocol())
    }

    pub(super) async fn look(&self, path: &str) -> Result<Option<Seen>, Failure> {
        match self.sftp.metadata(path).await {
            Ok(metadata) => {
                let modified = metadata.mtime.map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(s)));
                Ok(Some(Seen { size: metadata.size.unwrap_or(0), modified }))
            }
            Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile => Ok(None),
            Err(_) => Err(protocol()),
        }
    }

    pub(super) async fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
        let file = self.sftp.open(path).await.map_err(|_| protocol())?;
        read_up_to(file, limit).await.map_err(|_| protocol())
    }

    pub(super) async fn list(&self, dir: &str) -> Result<Vec<String>, Failure> {
        let entries = self.sftp.read_dir(dir).await.map_err(|_| protocol())?;
        Ok(entries.filter(|e| !e.file_type().is_dir()).map(|e| e.file_name()).collect())
    }

    pub(super) async fn leave(self) {
        let _ = self.sftp.close().await;
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}
