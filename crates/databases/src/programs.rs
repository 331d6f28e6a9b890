//! Where the servers' programs are installed, and as whom they run.

use std::path::{Path, PathBuf};

/// The unprivileged user for whom servers run that refuse to run as root.
pub(crate) struct Nobody {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Nobody {
    /// The system's `nobody`, if this process is root; none where servers simply run as ourselves.
    pub(crate) fn if_root() -> Option<Self> {
        let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?) == 0;
        let passwd = std::fs::read_to_string("/etc/passwd").ok().filter(|_| root)?;
        let fields = passwd.lines().find_map(|line| line.strip_prefix("nobody:"))?;
        let mut fields = fields.split(':').skip(1);
        Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }
}

/// The newest installed PostgreSQL: the folder with both `initdb` and `postgres`.
pub(crate) fn postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    folders.sort();
    let on_path = path_folders();
    let all = folders.into_iter().rev().map(|(_, folder)| folder).chain(on_path);
    all.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// `mariadb-install-db` and `mariadbd`.
pub(crate) fn mariadb() -> Option<(PathBuf, PathBuf)> {
    Some((program(&["mariadb-install-db", "mysql_install_db"])?, program(&["mariadbd", "mysqld"])?))
}

fn program(names: &[&str]) -> Option<PathBuf> {
    let mut folders = path_folders();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(|f| Path::new(f).to_owned()));
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}

fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}
