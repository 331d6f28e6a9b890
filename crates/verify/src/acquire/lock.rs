use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::VerifyError;

/// One full acquire at a time in a data folder; the kernel lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct AcquireLock(#[allow(dead_code, reason = "held, never read")] File);

impl AcquireLock {
    pub(crate) fn take(dir: &Path) -> Result<Self, VerifyError> {
        let path = dir.join("acquire.lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(VerifyError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(VerifyError::Busy(dir.to_path_buf())),
            Err(TryLockError::Error(error)) => Err(VerifyError::Io { path, error }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn only_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = AcquireLock::take(dir.path()).unwrap();
        assert!(matches!(AcquireLock::take(dir.path()), Err(VerifyError::Busy(_))));
        drop(held);
        assert!(AcquireLock::take(dir.path()).is_ok());
    }
}
