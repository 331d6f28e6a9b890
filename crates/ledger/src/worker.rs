//! Who holds a lease: a process, known to be alive by the lock on its file.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// This process as a holder of leases. Its lock is released by the kernel however the process ends.
pub(crate) struct Worker {
    folder: PathBuf,
    name: String,
    lock: OnceLock<Option<File>>,
}

impl Worker {
    pub(crate) fn new(dir: &Path) -> Self {
        let random: [u8; 8] = rand::random();
        Self { folder: dir.join("workers"), name: hex::encode(random), lock: OnceLock::new() }
    }

    /// The name under which leases are held; its lock is taken at the first call.
    pub(crate) fn name(&self) -> &str {
        self.lock.get_or_init(|| {
            fs::create_dir_all(&self.folder).ok()?;
            let file = File::create(self.path(&self.name)).ok()?;
            file.try_lock().ok()?;
            Some(file)
        });
        &self.name
    }

    /// Whether another holder is known to have ended. Its file is removed then.
    pub(crate) fn is_gone(&self, name: &str) -> bool {
        if name == self.name {
            return false;
        }
        let path = self.path(name);
        match File::open(&path) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                Ok(()) => {
                    let _ = fs::remove_file(&path);
                    true
                }
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.lock"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if matches!(self.lock.get(), Some(Some(_))) {
            let _ = fs::remove_file(self.path(&self.name));
        }
    }
}
