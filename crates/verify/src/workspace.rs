use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hedui_base::{AreaCode, Catalogue, Diagnostic};
use hedui_connect::{Context, InstitutionFolder, Registry};
use hedui_engine::TracePlan;
use hedui_ledger::Ledger;
use hedui_rules::{Library, Program};
use hedui_store::Store;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::VerifyError;
use crate::library::packs;
use crate::site::LiveSite;
use crate::sources::LiveSources;

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
    /// Folders that hold further institution folders, beside those built in and those of `connectors/` in the data folder;
    /// one of the same name replaces the one before.
    pub extra_connectors: Vec<PathBuf>,
    /// Folders that hold further pack folders, beside those built in; a pack of the same id replaces the built-in one.
    pub extra_rules: Vec<PathBuf>,
    /// What time it is.
    pub clock: Clock,
    /// What day it is, where that is not the clock's day in China (invented cities, recheck on a given day).
    pub today: Option<Date>,
}

/// A data folder with all that works on it: ledger, store, connectors, rules. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
    today: Option<Date>,
}

struct Inner {
    dir: PathBuf,
    clock: Clock,
    catalogue: Arc<Catalogue>,
    ledger: Ledger,
    store: Store,
    sources: LiveSources,
    connectors: Vec<PathBuf>,
    site: LiveSite,
    library: Library,
    programs: Mutex<BTreeMap<String, Arc<Program>>>,
    /// By id of the pack.
    trace_plans: Mutex<BTreeMap<String, TracePlan>>,
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

impl Workspace {
    /// Opens a data folder and creates what is missing in it.
    ///
    /// # Errors
    /// Broken manifests or site file (every mistake), or a folder that cannot be used. Packs are checked when used.
    pub async fn open(dir: &Path, options: WorkspaceOptions) -> Result<Self, VerifyError> {
        let catalogue = Arc::new(crate::library::embedded_catalogue()?);
        let library = Library::new(packs(&options.extra_rules)?, (*catalogue).clone());
        let mut connectors: Vec<PathBuf> = own_connectors(dir).into_iter().collect();
        connectors.extend(options.extra_connectors);
        let registry = registry(institutions(&connectors)?, &catalogue)?;
        let clock = options.clock;
        let site = LiveSite::open(dir, options.site.as_deref(), &clock)?;
        let sources = LiveSources::new(registry, site.context().site());
        let ledger = Ledger::open(dir).await?;
        let mut connection = ledger.connection().await?;
        let store = Store::open(dir, &mut connection, &catalogue).await?;
        drop(connection);
        let (programs, trace_plans) = (Mutex::default(), Mutex::default());
        let dir = dir.to_path_buf();
        let inner =
            Inner { dir, clock, catalogue, ledger, store, sources, connectors, site, library, programs, trace_plans };
        Ok(Self { inner: Arc::new(inner), today: options.today })
    }

    /// The same folder on another day: what a recheck of a given day works with.
    #[must_use]
    pub fn on(&self, day: Date) -> Self {
        Self { inner: Arc::clone(&self.inner), today: Some(day) }
    }

    /// The data folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// The moment by the injected clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The day by the injected clock, in China.
    #[must_use]
    pub fn today(&self) -> Date {
        self.today.unwrap_or_else(|| self.now().to_zoned(TimeZone::fixed(Offset::constant(8))).date())
    }

    /// The datasets.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.inner.catalogue
    }

    /// The ledger: cases, letters, reviews, keys, audit.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The columnar store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The sources, under the limits of the site file as it is now.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.inner.sources.under(self.context().site())
    }

    /// The institutions' folders, as they lie there now: those built in, those of the data folder, those given.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn institutions(&self) -> Result<Vec<InstitutionFolder>, VerifyError> {
        institutions(&self.inner.connectors)
    }

    /// What asking needs: client, clock, limits, and the site file as it is now.
    #[must_use]
    pub fn context(&self) -> Context {
        self.inner.site.context()
    }

    /// The rule packs in reach.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.inner.library
    }

    /// The program of a pack, compiled once.
    ///
    /// # Errors
    /// Every mistake of the pack.
    pub fn program(&self, pack: &str) -> Result<Arc<Program>, VerifyError> {
        let lock = || self.inner.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = lock().get(pack) {
            return Ok(Arc::clone(program));
        }
        let program = self
            .inner
            .library
            .compile(pack)
            .map_err(|diagnostics| VerifyError::Text { what: "rule pack", diagnostics })?;
        lock().insert(pack.to_owned(), Arc::clone(&program));
        Ok(program)
    }

    /// What tracing cases of one of these programs needs, made once.
    pub(crate) fn trace_plan(&self, program: &Program) -> TracePlan {
        let mut plans = self.inner.trace_plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.entry(program.pack.id.clone()).or_insert_with(|| TracePlan::of(program)).clone()
    }

    /// The program in force for an area on a day.
    ///
    /// # Errors
    /// [`VerifyError::NoPack`], or every mistake of the pack.
    pub fn program_for(&self, area: AreaCode, day: Date) -> Result<Arc<Program>, VerifyError> {
        let pack = self
            .inner
            .library
            .for_area(area, day)
            .map_err(|none| VerifyError::NoPack { area: none.area, day: none.day })?;
        self.program(&pack)
    }
}

/// Where a data folder keeps institutions of its own, if it has any: every verb over the folder knows them.
#[must_use]
pub fn own_connectors(dir: &Path) -> Option<PathBuf> {
    Some(dir.join("connectors")).filter(|own| own.is_dir())
}

fn institutions(extra: &[PathBuf]) -> Result<Vec<InstitutionFolder>, VerifyError> {
    let mut folders = Registry::embedded_folders();
    for dir in extra {
        for folder in Registry::read_dir(dir).map_err(VerifyError::io(dir))? {
            folders.retain(|f| f.name != folder.name);
            folders.push(folder);
        }
    }
    Ok(folders)
}

fn registry(folders: Vec<InstitutionFolder>, catalogue: &Catalogue) -> Result<Registry, VerifyError> {
    let loaded = Registry::load(&folders, catalogue, None);
    if loaded.has_errors() {
        let diagnostics = loaded.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
        return Err(VerifyError::Text { what: "connectors", diagnostics });
    }
    Ok(loaded.registry)
}
