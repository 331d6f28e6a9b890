//! Request and reply files on an institution's SFTP server.
//!
//! A file is put under a temporary name, renamed, and announced by an empty marker, so that nobody reads half of it. The
//! server's key is pinned by the site; without the pin nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use hedui_base::AskId;
use russh::Disconnect;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use russh_sftp::client::SftpSession;
use russh_sftp::protocol::OpenFlags;
use sha2::Digest as _;
use tokio::io::AsyncWriteExt as _;

use super::{MAX_BODY, given, today};
use crate::ask::{Cause, Context, Failure, Subject};
use crate::manifest::{Encoding, FilePlan, PutColumn, PutPlan};
use crate::parse::grid::encode;
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::site::InstitutionSite;

/// The rows of a request file, by number.
type Sent = Vec<(u32, AskId)>;

/// Puts a request file; returns what names the pair of files.
pub(super) async fn submit(
    source: &Source,
    plan: &FilePlan,
    context: &Context,
    site: &InstitutionSite,
    subjects: &[&Subject],
) -> Result<(String, Sent), Failure> {
    let date = today(context).strftime("%Y%m%d").to_string();
    let batch = batch_name(source, context, subjects);
    let name = fill(&plan.put.name, &date, &batch);
    let (bytes, sent) = request_file(&plan.put, subjects)?;
    let path = format!("{}/{name}", plan.put.dir);
    let timeout = source.manifest.limits.timeout;
    let work = async {
        let server = Server::connect(plan, site).await?;
        server.put(&format!("{path}{}", plan.put.temp), &bytes).await?;
        server.sftp.rename(format!("{path}{}", plan.put.temp), path.clone()).await.map_err(|_| protocol())?;
        server.put(&format!("{path}{}", plan.put.marker), b"").await?;
        server.leave().await;
        Ok(())
    };
    within(timeout, work).await?;
    Ok((format!("{date}_{batch}"), sent))
}

/// Gets the reply file if its marker is there.
pub(super) async fn fetch(
    source: &Source,
    plan: &FilePlan,
    site: &InstitutionSite,
    reference: &str,
) -> Result<Option<Part>, Failure> {
    let (date, batch) = reference.split_once('_').ok_or_else(protocol)?;
    let name = fill(&plan.get.name, date, batch);
    let path = format!("{}/{name}", plan.get.dir);
    let work = async {
        let server = Server::connect(plan, site).await?;
        let there = server.sftp.try_exists(format!("{path}{}", plan.get.marker)).await.map_err(|_| protocol())?;
        if !there {
            server.leave().await;
            return Ok(None);
        }
        let metadata = server.sftp.metadata(path.clone()).await.map_err(|_| protocol())?;
        if metadata.size.is_some_and(|size| size > MAX_BODY as u64) {
            return Err(Failure::new(Cause::TooLarge));
        }
        let body = server.sftp.read(path.clone()).await.map_err(|_| protocol())?;
        server.leave().await;
        if body.len() > MAX_BODY {
            return Err(Failure::new(Cause::TooLarge));
        }
        Ok(Some(Part { name, media: Media::Csv, status: None, body }))
    };
    within(source.manifest.limits.timeout, work).await
}

/// Whether a name can be sent in an encoding. GBK lacks many rare characters, and an encoder that replaces them would ask
/// about somebody who does not exist.
pub(super) fn encodable(encoding: Encoding, name: &str, delimiter: u8) -> bool {
    !name.contains(['\n', '\r', '"', char::from(delimiter)]) && encode(encoding, name).is_some()
}

/// Twelve hex digits that tell this batch from every other of the day.
fn batch_name(source: &Source, context: &Context, subjects: &[&Subject]) -> String {
    let mut hasher = sha2::Sha256::new();
    hasher.update(source.id.as_str().as_bytes());
    hasher.update(context.now().as_nanosecond().to_be_bytes());
    hasher.update(rand::random::<[u8; 8]>());
    for subject in subjects {
        hasher.update(subject.ask.0.to_be_bytes());
    }
    hex::encode(&hasher.finalize()[..6])
}

fn fill(name: &str, date: &str, batch: &str) -> String {
    name.replace("{date}", date).replace("{batch}", batch)
}

fn request_file(plan: &PutPlan, subjects: &[&Subject]) -> Result<(Vec<u8>, Sent), Failure> {
    let delimiter = char::from(plan.delimiter).to_string();
    let mut lines = Vec::new();
    if plan.header {
        lines.push(plan.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(&delimiter));
    }
    let mut sent = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        let seq = u32::try_from(index + 1).map_err(|_| Failure::new(Cause::Batch))?;
        let number = seq.to_string();
        let cells: Vec<&str> = plan
            .columns
            .iter()
            .map(|(_, value)| match value {
                PutColumn::Seq => number.as_str(),
                PutColumn::Name => subject.name.as_deref().unwrap_or_default(),
                PutColumn::IdNumber => subject.id.as_ref().map_or("", |id| id.reveal()),
            })
            .collect();
        lines.push(cells.join(&delimiter));
        sent.push((seq, subject.ask));
    }
    let text = lines.join("\n") + "\n";
    Ok((encode(plan.encoding, &text).ok_or(Failure::new(Cause::Template))?, sent))
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.map_err(|_| Failure::new(Cause::Timeout))?
}

const fn protocol() -> Failure {
    Failure::new(Cause::Protocol)
}

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

struct Server {
    handle: Handle<Pinned>,
    sftp: SftpSession,
}

impl Server {
    async fn connect(plan: &FilePlan, site: &InstitutionSite) -> Result<Self, Failure> {
        let host = site.endpoint.strip_prefix("sftp://").ok_or(Failure::new(Cause::NoEndpoint))?;
        let pin = site.host_key.clone().ok_or(Failure::new(Cause::HostKey))?;
        let (user, password) = (given(&plan.user, site)?, given(&plan.password, site)?);
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:22") };
        let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
        let mut handle = client::connect(config, address, Pinned(pin)).await.map_err(|refusal| match refusal {
            Refusal::Key => Failure::new(Cause::HostKey),
            Refusal::Other => Failure::new(Cause::Connect),
        })?;
        let login = handle.authenticate_password(user, password).await.map_err(|_| Failure::new(Cause::Connect))?;
        if !login.success() {
            return Err(Failure::new(Cause::Login));
        }
        let channel = handle.channel_open_session().await.map_err(|_| protocol())?;
        channel.request_subsystem(true, "sftp").await.map_err(|_| protocol())?;
        let sftp = SftpSession::new(channel.into_stream()).await.map_err(|_| protocol())?;
        Ok(Self { handle, sftp })
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let mut file = self.sftp.open_with_flags(path, flags).await.map_err(|_| protocol())?;
        file.write_all(bytes).await.map_err(|_| protocol())?;
        file.shutdown().await.map_err(|_| protocol())
    }

    async fn leave(self) {
        let _ = self.sftp.close().await;
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_name_is_not_sent_wrong() {
        assert!(encodable(Encoding::Gbk, "张三", b'|'));
        assert!(!encodable(Encoding::Gbk, "张㛃", b'|'));
        assert!(!encodable(Encoding::Gbk, "李𠮷", b'|'));
        assert!(encodable(Encoding::Gb18030, "李𠮷", b'|'));
        assert!(!encodable(Encoding::Gb18030, "李|四", b'|'), "a delimiter in a name would shift the columns");
    }
}
