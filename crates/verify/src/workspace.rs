use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::Catalogue;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::VerifyError;

/// What time it is. Injected, so that tests and invented cities have their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock of one's own.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// The system's clock.
impl Default for Clock {
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// How to open a data folder.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceOptions {
    /// Endpoints and secrets of institutions; none means `site.toml` in the folder, if it is there.
    pub site: Option<PathBuf>,
    /// Folders that hold further institution folders, beside those built in.
    pub extra_connectors: Vec<PathBuf>,
    /// Folders that hold further pack folders, beside those built in; a pack of the same id replaces the built-in one.
    pub extra_rules: Vec<PathBuf>,
    /// What time it is.
    pub clock: Clock,
    /// What day it is, where that is not the clock's day in China (invented cities, recheck on a given day).
    pub today: Option<Date>,
}

/// A data folder with all that works on it: ledger, store, connectors, rules.
#[derive(Clone, Debug)]
pub struct Workspace {
    dir: PathBuf,
    clock: Clock,
    today: Option<Date>,
    catalogue: Arc<Catalogue>,
}

impl Workspace {
    /// Opens a data folder and creates what is missing in it.
    ///
    /// # Errors
    /// Broken manifests, site file or packs (every mistake), or a folder that cannot be used.
    pub async fn open(dir: &Path, options: WorkspaceOptions) -> Result<Self, VerifyError> {
        std::fs::create_dir_all(dir).map_err(VerifyError::io(dir))?;
        let catalogue = Arc::new(crate::library::embedded_catalogue(&[])?);
        Ok(Self { dir: dir.to_path_buf(), clock: options.clock, today: options.today, catalogue })
    }

    /// The data folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The moment by the injected clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The day by the injected clock, in China.
    #[must_use]
    pub fn today(&self) -> Date {
        self.today.unwrap_or_else(|| self.now().to_zoned(TimeZone::fixed(Offset::constant(8))).date())
    }

    /// The datasets.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }
}
