//! The three kinds of machine that files are exchanged on, each over one folder: real SFTP, real FTPS, and the folder.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{HashAlg, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use russh_sftp::protocol::{Attrs, Data, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode, Version};
use sha2::Digest as _;
use tokio::net::TcpListener;
use unftp_core::auth::{AuthenticationError, Authenticator, Credentials, Principal};

pub(crate) const PASSWORD: &str = "open sesame";

/// A folder that both sides see, with a server over it that ends with the test.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    pub(crate) endpoint: String,
    /// `host_key = "…"` of the site, where there is a server.
    pub(crate) pin: String,
}

/// A key of ours, in memory.
pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), "").unwrap()
}

impl Machine {
    pub(crate) async fn new(via: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for inner in ["in", "out"] {
            fs::create_dir(folder.path().join(inner)).unwrap();
        }
        let root = folder.path().to_path_buf();
        let (endpoint, pin) = match via {
            "dir" => (format!("dir:{}", root.display()), String::new()),
            "sftp" => sftp(root).await,
            "ftps" => ftps(root).await,
            other => panic!("{other}"),
        };
        Self { folder, endpoint, pin }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What lies in a folder, sorted.
    pub(crate) fn names(&self, inner: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(inner)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn lay(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(&format!("out/{name}")), bytes).unwrap();
    }
}

/// FTPS with a certificate made for this server.
async fn ftps(root: PathBuf) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let print = hex::encode_upper(sha2::Sha256::digest(made.cert.der()));
    let pairs: Vec<&str> = print.as_bytes().chunks(2).map(|p| std::str::from_utf8(p).unwrap()).collect();
    fs::write(root.join("ca.pem"), made.cert.pem()).unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let (cert, private) = (secrets.path().join("cert.pem"), secrets.path().join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&private, made.signing_key.serialize_pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _kept = secrets;
        while let Ok((stream, _)) = listener.accept().await {
            let root = root.clone();
            let storage = Box::new(move || unftp_sbe_fs::Filesystem::new(root.clone()).unwrap());
            let server = libunftp::ServerBuilder::with_authenticator(storage, Arc::new(Gatekeeper))
                .ftps(cert.clone(), private.clone())
                .ftps_required(libunftp::options::FtpsRequired::All, libunftp::options::FtpsRequired::All)
                .build()
                .unwrap();
            tokio::spawn(server.service(stream));
        }
    });
    // As `openssl x509 -fingerprint -sha256` prints it.
    (format!("ftps://{address}"), format!("host_key = \"{}\"", pairs.join(":")))
}

#[derive(Debug)]
struct Gatekeeper;

#[async_trait::async_trait]
impl Authenticator for Gatekeeper {
    async fn authenticate(&self, username: &str, creds: &Credentials) -> Result<Principal, AuthenticationError> {
        if username == "u" && creds.password.as_deref() == Some(PASSWORD) {
            Ok(Principal { username: username.to_owned() })
        } else {
            Err(AuthenticationError::BadPassword)
        }
    }
}

/// SFTP that takes user `u` with the password or with the key of seed 9.
async fn sftp(root: PathBuf) -> (String, String) {
    let host = key(7);
    let print = host.public_key().fingerprint(HashAlg::Sha256);
    let config = Arc::new(russh::server::Config {
        auth_rejection_time: Duration::ZERO,
        keys: vec![host],
        ..russh::server::Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ssh = Ssh { root: root.clone(), channels: HashMap::new() };
            if let Ok(session) = russh::server::run_stream(Arc::clone(&config), stream, ssh).await {
                tokio::spawn(async move { drop(session.await) });
            }
        }
    });
    (format!("sftp://{address}"), format!("host_key = \"{print}\""))
}

struct Ssh {
    root: PathBuf,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl russh::server::Handler for Ssh {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if user == "u" && password == PASSWORD { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, shown: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = shown.public_key.key_data() == key(9).public_key().key_data();
        Ok(if user == "u" && known { Auth::Accept } else { Auth::reject() })
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

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        if let Some(channel) = self.channels.remove(&id) {
            session.channel_success(id)?;
            let files = Files { root: self.root.clone(), open: HashMap::new(), lists: HashMap::new() };
            russh_sftp::server::run(channel.into_stream(), files).await;
        }
        Ok(())
    }
}

/// As much of SFTP as is needed to put, look, list and fetch.
struct Files {
    root: PathBuf,
    open: HashMap<String, File>,
    lists: HashMap<String, Vec<russh_sftp::protocol::File>>,
}

fn code(error: std::io::Error) -> StatusCode {
    if error.kind() == std::io::ErrorKind::NotFound { StatusCode::NoSuchFile } else { StatusCode::Failure }
}

fn done(id: u32) -> Status {
    Status { id, status_code: StatusCode::Ok, error_message: String::new(), language_tag: "en".to_owned() }
}

impl Files {
    fn at(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path.trim_start_matches('/')))
    }
}

impl russh_sftp::server::Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, StatusCode> {
        Ok(Version::new())
    }

    async fn open(&mut self, id: u32, path: String, flags: OpenFlags, _: FileAttributes) -> Result<Handle, StatusCode> {
        let write = flags.contains(OpenFlags::WRITE);
        let mut options = OpenOptions::new();
        options.read(true).write(write).create(write).truncate(flags.contains(OpenFlags::TRUNCATE));
        self.open.insert(path.clone(), options.open(self.at(&path)).map_err(code)?);
        Ok(Handle { id, handle: path })
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, StatusCode> {
        self.open.remove(&handle);
        Ok(done(id))
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Result<Data, StatusCode> {
        let file = self.open.get_mut(&handle).ok_or(StatusCode::Failure)?;
        file.seek(SeekFrom::Start(offset)).map_err(code)?;
        let mut data = Vec::new();
        file.take(u64::from(len)).read_to_end(&mut data).map_err(code)?;
        if data.is_empty() { Err(StatusCode::Eof) } else { Ok(Data { id, data }) }
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Result<Status, StatusCode> {
        let file = self.open.get_mut(&handle).ok_or(StatusCode::Failure)?;
        file.seek(SeekFrom::Start(offset)).map_err(code)?;
        file.write_all(&data).map_err(code)?;
        Ok(done(id))
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        let metadata = fs::metadata(self.at(&path)).map_err(code)?;
        Ok(Attrs { id, attrs: FileAttributes::from(&metadata) })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, StatusCode> {
        self.stat(id, handle).await
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, StatusCode> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(self.at(&path)).map_err(code)? {
            let entry = entry.map_err(code)?;
            let attributes = FileAttributes::from(&entry.metadata().map_err(code)?);
            listed.push(russh_sftp::protocol::File::new(entry.file_name().to_string_lossy(), attributes));
        }
        self.lists.insert(path.clone(), listed);
        Ok(Handle { id, handle: path })
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, StatusCode> {
        Ok(Name { id, files: self.lists.remove(&handle).ok_or(StatusCode::Eof)? })
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Result<Status, StatusCode> {
        let to = self.at(&to);
        // Version 3 never replaces.
        if to.exists() {
            return Err(StatusCode::Failure);
        }
        fs::rename(self.at(&from), to).map_err(code)?;
        Ok(done(id))
    }
}
