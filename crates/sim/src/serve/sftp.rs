//! A real SFTP server over a folder of its own: what a bank's front-end machine offers.
//!
//! Sees nothing above its folder; takes one user with a password; keeps one host key, so that clients can pin it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{HashAlg, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Msg, Server as _, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use russh_sftp::protocol::{
    Attrs, Data, File as Listed, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode, Version,
};
use tokio::net::TcpListener;

use super::exchange::Bell;
use super::{Stop, stopped};
use crate::faults::{FaultKind, Trouble};

/// What a server shows, and to whom.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) login: Login,
    pub(super) root: PathBuf,
    /// Rung when a file has come.
    pub(super) bell: Bell,
    /// What goes wrong with every source whose files it shows.
    pub(super) troubles: Vec<Arc<Trouble>>,
}

impl Shown {
    /// Whether all sources here have a fault.
    pub(super) fn all(&self, kind: FaultKind) -> bool {
        !self.troubles.is_empty() && self.troubles.iter().all(|t| t.has(kind))
    }
}

/// Who may log in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) proof: Proof,
}

/// What shows that it is them.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// A password.
    Password(String),
    /// The private half of this key.
    Key(Box<PublicKey>),
}

/// A client's private key as OpenSSH writes it, the same for the same seed.
pub(super) fn client_key(seed: [u8; 32]) -> Option<String> {
    let (key, _) = host_key(seed)?;
    key.to_openssh(LineEnding::LF).ok().map(|text| text.to_string())
}

/// The public half of a key as [`client_key`] writes it.
pub(super) fn public_half(text: &str) -> Option<PublicKey> {
    Some(PrivateKey::from_openssh(text).ok()?.public_key().clone())
}

/// The server's key, the same for the same seed, with its `SHA256:...` fingerprint.
pub(super) fn host_key(seed: [u8; 32]) -> Option<(PrivateKey, String)> {
    let pair = Ed25519Keypair::from_seed(&seed);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "").ok()?;
    let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
    Some((key, fingerprint))
}

/// Serves until told to stop.
pub(super) async fn run(listener: TcpListener, key: PrivateKey, shown: Shown, stop: Stop) {
    let config = russh::server::Config {
        auth_rejection_time: Duration::from_millis(200),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        ..russh::server::Config::default()
    };
    let mut server = Server { shown };
    let running = server.run_on_socket(Arc::new(config), &listener);
    let handle = running.handle();
    tokio::select! {
        result = running => {
            if let Err(error) = result {
                tracing::warn!(%error, "a bank's server ended");
            }
        }
        () = stopped(stop) => handle.shutdown("closed".to_owned()),
    }
}

struct Server {
    shown: Shown,
}

impl russh::server::Server for Server {
    type Handler = Ssh;

    fn new_client(&mut self, _: Option<SocketAddr>) -> Ssh {
        for trouble in &self.shown.troubles {
            trouble.request();
        }
        Ssh { shut: self.shown.all(FaultKind::Down), shown: self.shown.clone(), channels: HashMap::new() }
    }
}

struct Ssh {
    shown: Shown,
    /// Whether the connection is closed at once.
    shut: bool,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Ssh {
    /// Closes the connection while everything is down, and takes its time while it is slow.
    async fn before_login(&self) -> Result<(), russh::Error> {
        if self.shut {
            return Err(russh::Error::Disconnect);
        }
        let pause = self.shown.troubles.iter().filter_map(|t| t.strength(FaultKind::Slow)).max();
        if let Some(pause) = pause {
            self.shown.all(FaultKind::Slow);
            tokio::time::sleep(Duration::from_millis(u64::from(pause))).await;
        }
        Ok(())
    }
}

impl russh::server::Handler for Ssh {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.before_login().await?;
        let login = &self.shown.login;
        let known = user == login.user && login.proof == Proof::Password(password.to_owned());
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, shown: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.before_login().await?;
        let login = &self.shown.login;
        let known = match &login.proof {
            Proof::Key(key) => user == login.user && shown.public_key.key_data() == key.key_data(),
            Proof::Password(_) => false,
        };
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.close(channel)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        match self.channels.remove(&id).filter(|_| name == "sftp") {
            Some(channel) => {
                session.channel_success(id)?;
                russh_sftp::server::run(channel.into_stream(), Sftp::new(self.shown.clone())).await;
                Ok(())
            }
            None => session.channel_failure(id),
        }
    }
}

/// One client's open files and folders.
struct Sftp {
    shown: Shown,
    root: PathBuf,
    reads: u64,
    files: HashMap<String, File>,
    folders: HashMap<String, Option<Vec<Listed>>>,
    next: u64,
}

fn status_of(error: &io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    }
}

fn ok(id: u32) -> Status {
    Status { id, status_code: StatusCode::Ok, error_message: "Ok".to_owned(), language_tag: "en-US".to_owned() }
}

fn attributes(metadata: &fs::Metadata) -> FileAttributes {
    FileAttributes::from(metadata)
}

impl Sftp {
    fn new(shown: Shown) -> Self {
        Self { root: shown.root.clone(), shown, reads: 0, files: HashMap::new(), folders: HashMap::new(), next: 0 }
    }

    /// A client's path inside the root; a path that climbs out of it does not exist.
    fn inside(&self, path: &str) -> Result<PathBuf, StatusCode> {
        let mut inside = self.root.clone();
        for part in Path::new(path).components() {
            match part {
                Component::Normal(name) => inside.push(name),
                Component::RootDir | Component::CurDir => {}
                Component::ParentDir | Component::Prefix(_) => return Err(StatusCode::NoSuchFile),
            }
        }
        Ok(inside)
    }

    fn handle(&mut self) -> String {
        self.next += 1;
        self.next.to_string()
    }

    fn metadata(&self, id: u32, path: &str) -> Result<Attrs, StatusCode> {
        let metadata = fs::metadata(self.inside(path)?).map_err(|e| status_of(&e))?;
        Ok(Attrs { id, attrs: attributes(&metadata) })
    }
}

impl russh_sftp::server::Handler for Sftp {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, StatusCode> {
        Ok(Version::new())
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        flags: OpenFlags,
        _: FileAttributes,
    ) -> Result<Handle, StatusCode> {
        let path = self.inside(&filename)?;
        let file = OpenOptions::new()
            .read(flags.contains(OpenFlags::READ))
            .write(flags.contains(OpenFlags::WRITE))
            .append(flags.contains(OpenFlags::APPEND))
            .create(flags.contains(OpenFlags::CREATE) && !flags.contains(OpenFlags::EXCLUDE))
            .create_new(flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUDE))
            .truncate(flags.contains(OpenFlags::TRUNCATE))
            .open(path)
            .map_err(|e| status_of(&e))?;
        let handle = self.handle();
        self.files.insert(handle.clone(), file);
        Ok(Handle { id, handle })
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, StatusCode> {
        self.folders.remove(&handle);
        if self.files.remove(&handle).is_some() {
            self.shown.bell.ring();
        }
        Ok(ok(id))
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Result<Data, StatusCode> {
        self.reads += 1;
        for trouble in &self.shown.troubles {
            if trouble.hits(FaultKind::Reset, "read", trouble.requests() * 1000 + self.reads) {
                return Err(StatusCode::ConnectionLost);
            }
            if let Some(pause) = trouble.strength(FaultKind::SlowBody) {
                trouble.strike(FaultKind::SlowBody);
                tokio::time::sleep(Duration::from_millis(u64::from(pause))).await;
            }
        }
        let file = self.files.get_mut(&handle).ok_or(StatusCode::Failure)?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| status_of(&e))?;
        let mut data = Vec::new();
        file.take(u64::from(len.min(1 << 20))).read_to_end(&mut data).map_err(|e| status_of(&e))?;
        if data.is_empty() { Err(StatusCode::Eof) } else { Ok(Data { id, data }) }
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Result<Status, StatusCode> {
        let file = self.files.get_mut(&handle).ok_or(StatusCode::Failure)?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| status_of(&e))?;
        file.write_all(&data).map_err(|e| status_of(&e))?;
        Ok(ok(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.metadata(id, &path)
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.metadata(id, &path)
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, StatusCode> {
        let file = self.files.get(&handle).ok_or(StatusCode::Failure)?;
        let metadata = file.metadata().map_err(|e| status_of(&e))?;
        Ok(Attrs { id, attrs: attributes(&metadata) })
    }

    async fn setstat(&mut self, id: u32, _: String, _: FileAttributes) -> Result<Status, StatusCode> {
        Ok(ok(id))
    }

    async fn fsetstat(&mut self, id: u32, _: String, _: FileAttributes) -> Result<Status, StatusCode> {
        Ok(ok(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, StatusCode> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(self.inside(&path)?).map_err(|e| status_of(&e))? {
            let entry = entry.map_err(|e| status_of(&e))?;
            let metadata = entry.metadata().map_err(|e| status_of(&e))?;
            listed.push(Listed::new(entry.file_name().to_string_lossy(), attributes(&metadata)));
        }
        let handle = self.handle();
        self.folders.insert(handle.clone(), Some(listed));
        Ok(Handle { id, handle })
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, StatusCode> {
        let files = self.folders.get_mut(&handle).ok_or(StatusCode::Failure)?.take().ok_or(StatusCode::Eof)?;
        Ok(Name { id, files })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, StatusCode> {
        fs::remove_file(self.inside(&filename)?).map_err(|e| status_of(&e))?;
        Ok(ok(id))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, StatusCode> {
        let inside = self.inside(&path)?;
        let shown =
            inside.strip_prefix(&self.root).map_or_else(|_| String::new(), |p| p.to_string_lossy().into_owned());
        Ok(Name { id, files: vec![Listed::dummy(format!("/{shown}"))] })
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Result<Status, StatusCode> {
        let to = self.inside(&to)?;
        // As SFTP version 3 has it: a rename never replaces.
        if to.exists() {
            return Err(StatusCode::Failure);
        }
        fs::rename(self.inside(&from)?, to).map_err(|e| status_of(&e))?;
        self.shown.bell.ring();
        Ok(ok(id))
    }
}
