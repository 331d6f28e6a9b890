use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use hedui_base::PersonKey;
use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{LedgerError, Result};
use crate::sql::{query, text, values};
use crate::vault::{Key, Vault};
use crate::worker::Worker;

/// The ledger of one data folder. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    pub(crate) pool: AnyPool,
    pub(crate) vault: Vault,
    pub(crate) worker: Worker,
    /// Keys for audit commitments of people met lately; see `audit`.
    pub(crate) audit_keys: RwLock<HashMap<PersonKey, Key>>,
    writer: Arc<Mutex<()>>,
}

/// One transaction. Writers take turns; dropping it without [`Tx::commit`] undoes everything.
pub struct Tx {
    inner: Transaction<'static, Any>,
    _turn: OwnedMutexGuard<()>,
}

impl Tx {
    /// The connection, for other rooms that write in the same transaction.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Makes everything permanent.
    ///
    /// # Errors
    /// [`LedgerError::Database`]; nothing was written then.
    pub async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }
}

/// How long a writer waits for its turn.
const TURN: Duration = Duration::from_mins(1);

const PRAGMAS: &str = "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                       PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";

impl Ledger {
    /// Opens the ledger of a data folder, making the folder, its key and its database where they do not exist.
    ///
    /// # Errors
    /// [`LedgerError::MissingKey`] or [`LedgerError::WrongKey`] if the database and `keys/master.key` do not belong
    /// together; [`LedgerError::Folder`], [`LedgerError::Database`], [`LedgerError::Migrate`].
    pub async fn open(dir: &Path) -> Result<Self> {
        let folder = |source| LedgerError::Folder { path: dir.display().to_string(), source };
        std::fs::create_dir_all(dir).map_err(folder)?;
        let dir = dir.canonicalize().map_err(folder)?;
        let file = dir.join("hedui.db");
        let vault = Vault::open(&dir, file.exists())?;
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(6)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(|conn, _| Box::pin(async move { conn.execute(PRAGMAS).await.map(|_| ()) }))
            .connect(&url(&file))
            .await?;
        sqlx::migrate!().run(&pool).await?;
        let check = vault.check_value();
        let mut conn = pool.acquire().await?;
        query(
            "INSERT INTO meta (name, value) VALUES ('key_check', $1) ON CONFLICT (name) DO NOTHING".into(),
            values![check.as_str()],
        )
        .execute(&mut *conn)
        .await?;
        let row = query("SELECT value FROM meta WHERE name = 'key_check'".into(), []).fetch_one(&mut *conn).await?;
        if text(&row, 0)? != check {
            return Err(LedgerError::WrongKey);
        }
        drop(conn);
        let worker = Worker::new(&dir);
        let inner = Inner { dir, pool, vault, worker, audit_keys: RwLock::default(), writer: Arc::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The data folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Opens a transaction for writing. Do not open a second one while holding it: the second waits for the first.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] if another writer does not finish in time.
    pub async fn begin(&self) -> Result<Tx> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.inner.writer).lock_owned())
            .await
            .map_err(|_| LedgerError::Busy)?;
        let inner = self.inner.pool.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx { inner, _turn: turn })
    }

    /// A connection for reading, for other rooms that keep tables in this database.
    ///
    /// # Errors
    /// [`LedgerError::Database`].
    pub async fn connection(&self) -> Result<PoolConnection<Any>> {
        Ok(self.inner.pool.acquire().await?)
    }

    /// Closes all connections. What was committed stays; the write-ahead log is folded in.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }

    /// Encrypts bytes that belong to no one person alone (a raw reply) for keeping beside the ledger, bound to `name`.
    ///
    /// # Errors
    /// [`LedgerError::Sealed`] if they are too long.
    pub fn seal_blob(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
        self.inner.vault.seal_blob(name, bytes)
    }

    /// The inverse of [`Ledger::seal_blob`].
    ///
    /// # Errors
    /// [`LedgerError::Sealed`] if it was changed or sealed under another name.
    pub fn open_blob(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        self.inner.vault.open_blob(name, sealed)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

/// A SQLite URL for any path, however it is spelt.
fn url(file: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut url = String::from("sqlite://");
    for byte in file.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            url.push(char::from(*byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url + "?mode=rwc"
}
