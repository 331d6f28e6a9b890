//! One server: set up in a folder of its own, started, waited for, stopped.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::programs::{self, Nobody};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB, which speaks MySQL's protocol.
    MariaDb,
}

/// How it is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A certificate, if connections may be encrypted.
    pub tls: Option<Tls>,
}

/// A certificate chain and its key, as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The chain.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// Its programs are not on this machine.
    #[error("{0} is not installed")]
    NotInstalled(&'static str),
    /// A folder, a file or a process could not be had.
    #[error("the server's folder or process: {0}")]
    Io(#[from] io::Error),
    /// It was started and did not come up; the last lines it said.
    #[error("the server did not start: {0}")]
    Silent(String),
}

/// A running server. Dropping it stops it and removes its folder.
pub struct Server {
    kind: Kind,
    port: u16,
    child: Child,
    watcher: Child,
    // Removed by the watcher, or with this value.
    _folder: TempDir,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({:?}, port {})", self.kind, self.port)
    }
}

const USER: &str = "hedui";
/// Known to all, as the server listens on loopback and holds invented people.
const PASSWORD: &str = "invented-data-only";
/// A server is up within seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ends when its standard input does, and ends the server first.
const WATCHER: &str = r#"
read -r _
kill "-$3" "$1" 2>/dev/null || exit 0
i=0
while [ $i -lt 100 ] && kill -0 "$1" 2>/dev/null; do sleep 0.05; i=$((i+1)); done
kill -KILL "$1" 2>/dev/null
rm -rf "$2"
"#;

impl Server {
    /// Sets up an empty server and waits until it takes connections.
    ///
    /// # Errors
    /// [`NotStarted`]; where the programs are not installed, tests say so loudly and do without.
    pub fn start(kind: Kind, options: &Options) -> Result<Self, NotStarted> {
        let folder = tempfile::Builder::new().prefix("hedui-db-").tempdir()?;
        let place = Place { folder: folder.path().to_owned(), nobody: Nobody::if_root() };
        place.own(folder.path())?;
        // The port is free when it is looked for; another process may take it before the server does.
        let mut said = String::new();
        for attempt in 0..3 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let mut command = match kind {
                Kind::Postgres => place.postgres(port, options, attempt == 0)?,
                Kind::MariaDb => place.mariadb(port, options, attempt == 0)?,
            };
            let mut child = command.spawn()?;
            let mut watcher = watch(kind, &child, folder.path())?;
            match wait_until_ready(kind, &mut child) {
                Ok(()) => return Ok(Self { kind, port, child, watcher, _folder: folder }),
                Err(last) => {
                    // The watcher first: it would take the folder with it.
                    for process in [&mut watcher, &mut child] {
                        let _ = process.kill();
                        let _ = process.wait();
                    }
                    said = last;
                }
            }
        }
        Err(NotStarted::Silent(said))
    }

    /// Starts one, or says loudly on standard error that tests are left out because it is not installed.
    ///
    /// # Panics
    /// If it is installed and does not start: then something is wrong that must be seen.
    #[must_use]
    pub fn for_tests(kind: Kind, options: &Options) -> Option<Self> {
        match Self::start(kind, options) {
            Ok(server) => Some(server),
            Err(NotStarted::NotInstalled(name)) => {
                // Not through the test's captured output: it must be seen in a green run too.
                let _ = writeln!(io::stderr(), "SKIPPED: {name} is not installed, its tests prove nothing here");
                None
            }
            Err(other) => panic!("{kind:?}: {other}"),
        }
    }

    /// Which server it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The endpoint of one of its databases as `site.toml` writes it: `postgres://127.0.0.1:PORT/NAME`.
    #[must_use]
    pub fn endpoint(&self, database: &str) -> String {
        let scheme = match self.kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mysql",
        };
        format!("{scheme}://127.0.0.1:{}/{database}", self.port)
    }

    /// The database that is always there, to create others from.
    #[must_use]
    pub const fn first_database(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mysql",
        }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The account that may do everything.
    #[must_use]
    pub const fn user(&self) -> &'static str {
        USER
    }

    /// Its password.
    #[must_use]
    pub const fn password(&self) -> &'static str {
        PASSWORD
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.child.wait();
        let _ = self.watcher.wait();
    }
}

/// The server's folder and whose it is.
struct Place {
    folder: PathBuf,
    nobody: Option<Nobody>,
}

impl Place {
    fn own(&self, path: &Path) -> io::Result<()> {
        self.nobody.as_ref().map_or(Ok(()), |n| chown(path, Some(n.uid), Some(n.gid)))
    }

    fn file(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        self.own(&path)?;
        Ok(path)
    }

    /// A command that runs unprivileged and knows nothing of our environment.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("LC_ALL", "C");
        // A MariaDB that starts removes the temporary tables that it finds: those of another one too, if they share a folder.
        command.env("TMPDIR", &self.folder);
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(nobody) = &self.nobody {
            command.uid(nobody.uid).gid(nobody.gid);
        }
        command
    }

    fn set_up(command: &mut Command) -> Result<(), NotStarted> {
        let done = command.output()?;
        if done.status.success() {
            return Ok(());
        }
        Err(NotStarted::Silent({
            let said = [done.stdout, done.stderr].concat();
            String::from_utf8_lossy(&said).into_owned()
        }))
    }

    fn postgres(&self, port: u16, options: &Options, first: bool) -> Result<Command, NotStarted> {
        let programs = programs::postgres().ok_or(NotStarted::NotInstalled("PostgreSQL"))?;
        let data = self.folder.join("data");
        if first {
            let password = self.file("password", PASSWORD)?;
            let mut initdb = self.command(&programs.join("initdb"));
            initdb.arg("-D").arg(&data).args(["-U", USER, "-E", "UTF8", "--locale=C", "-N", "--auth=scram-sha-256"]);
            Self::set_up(initdb.arg(format!("--pwfile={}", password.display())))?;
        }
        let mut command = self.command(&programs.join("postgres"));
        command.arg("-D").arg(&data);
        let mut set = |setting: String| {
            command.arg("-c").arg(setting);
        };
        set(format!("port={port}"));
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "shared_buffers=16MB",
            "max_connections=60",
            "autovacuum=off",
            "wal_level=minimal",
            "max_wal_senders=0",
        ] {
            set(setting.into());
        }
        if let Some(tls) = &options.tls {
            let (certificate, key) = self.tls(tls)?;
            set("ssl=on".into());
            set(format!("ssl_cert_file={}", certificate.display()));
            set(format!("ssl_key_file={}", key.display()));
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(command)
    }

    fn mariadb(&self, port: u16, options: &Options, first: bool) -> Result<Command, NotStarted> {
        let (install, server) = programs::mariadb().ok_or(NotStarted::NotInstalled("MariaDB"))?;
        let data = self.folder.join("data");
        let small = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"];
        if first {
            std::fs::create_dir(&data)?;
            self.own(&data)?;
            let mut command = self.command(&install);
            command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
            Self::set_up(command.args(small).arg(format!("--datadir={}", data.display())))?;
        }
        let account = format!("'{USER}'@'127.0.0.1'");
        let start = self.file(
            "start.sql",
            &format!(
                "CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n"
            ),
        )?;
        let mut command = self.command(&server);
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
        command.args(small).args(["--innodb-flush-log-at-trx-commit=0", "--performance-schema=OFF"]);
        command.arg(format!("--port={port}")).arg(format!("--datadir={}", data.display()));
        command.arg(format!("--socket={}", self.folder.join("socket").display()));
        command.arg(format!("--pid-file={}", self.folder.join("pid").display()));
        command.arg(format!("--init-file={}", start.display()));
        if let Some(tls) = &options.tls {
            let (certificate, key) = self.tls(tls)?;
            command.arg(format!("--ssl-cert={}", certificate.display()));
            command.arg(format!("--ssl-key={}", key.display()));
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(command)
    }

    fn tls(&self, tls: &Tls) -> io::Result<(PathBuf, PathBuf)> {
        Ok((self.file("server.pem", &tls.certificate)?, self.file("server.key", &tls.key)?))
    }
}

/// Reads what the server says until it says that it is ready; what it says later is read and forgotten.
fn wait_until_ready(kind: Kind, child: &mut Child) -> Result<(), String> {
    let ready = match kind {
        Kind::Postgres => "database system is ready to accept connections",
        Kind::MariaDb => "ready for connections",
    };
    let Some(said) = child.stderr.take() else { return Err("no standard error".into()) };
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut last = String::new();
        for line in BufReader::new(said).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(ready) {
                let _ = tell.send(Ok(()));
            }
            last.push_str(&line);
            last.push('\n');
            let tail = last.len().saturating_sub(2000);
            last = String::from_utf8_lossy(&last.as_bytes()[tail..]).into_owned();
        }
        let _ = tell.send(Err(last));
    });
    told.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("it said nothing in time".into()))
}

fn watch(kind: Kind, child: &Child, folder: &Path) -> io::Result<Child> {
    // What stops each of them at once and in order.
    let signal = match kind {
        Kind::Postgres => "INT",
        Kind::MariaDb => "TERM",
    };
    let mut watcher = Command::new("/bin/sh");
    watcher.args(["-c", WATCHER, "hedui-databases", &child.id().to_string()]).arg(folder).arg(signal);
    // A group of its own: an interrupt at the terminal ends us first, and the watcher then ends the server.
    watcher.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}
