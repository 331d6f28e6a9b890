//! Where the institutions are found: the site file, read again whenever it changes.
//!
//! A service runs for months; an institution that moves or comes back must be found without restarting it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hedui_base::{Diagnostic, SourceText};
use hedui_connect::{Calendar, Context, Site, embedded_calendar};

use crate::{Clock, VerifyError};

/// The context of all asks, as new as its site file.
pub(crate) struct LiveSite {
    path: PathBuf,
    clock: Clock,
    calendar: Arc<Calendar>,
    held: Mutex<Held>,
}

struct Held {
    modified: Option<SystemTime>,
    context: Context,
}

impl LiveSite {
    /// Reads the site file given, which must be there, or `site.toml` of the folder, which may come later.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub(crate) fn open(dir: &Path, given: Option<&Path>, clock: &Clock) -> Result<Self, VerifyError> {
        let path = given.map_or_else(|| dir.join("site.toml"), Path::to_path_buf);
        let modified = modified(&path);
        let site = if given.is_none() && modified.is_none() { Site::default() } else { read(&path)? };
        let calendar = calendar(dir)?;
        let held = Mutex::new(Held { modified, context: context(site, clock, &calendar)? });
        Ok(Self { path, clock: clock.clone(), calendar, held })
    }

    /// The context by the file as it is now. A file that is gone, half written or broken changes nothing.
    pub(crate) fn context(&self) -> Context {
        let modified = modified(&self.path);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if modified.is_some() && modified != held.modified {
            match read(&self.path).and_then(|site| context(site, &self.clock, &self.calendar)) {
                // Whoever was asked a moment ago is not asked faster because a file was saved.
                Ok(context) => *held = Held { modified, context: context.under_the_limits_of(&held.context) },
                Err(_) => tracing::warn!("the site file changed and cannot be used; the addresses before still hold"),
            }
        }
        held.context.clone()
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn read(path: &Path) -> Result<Site, VerifyError> {
    Site::read(path).map_err(|diagnostics| VerifyError::Text { what: "site file", diagnostics })
}

fn context(site: Site, clock: &Clock, calendar: &Arc<Calendar>) -> Result<Context, VerifyError> {
    let now = clock.clone();
    let context = Context::new(site).map_err(|e| VerifyError::Internal(e.to_string()))?;
    Ok(context.with_clock(move || now.now()).with_calendar(Arc::clone(calendar)))
}

/// The built-in days off, and over them those of `calendar.csv` in the folder.
fn calendar(dir: &Path) -> Result<Arc<Calendar>, VerifyError> {
    let built_in = embedded_calendar();
    let path = dir.join("calendar.csv");
    let broken = |diagnostics: Vec<Diagnostic>| VerifyError::Text { what: "calendar", diagnostics };
    match std::fs::read_to_string(&path) {
        Ok(text) => built_in.with(&SourceText::new("calendar.csv", text)).map(Arc::new).map_err(broken),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(built_in),
        Err(error) => Err(VerifyError::Io { path, error }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_in_the_folder_adds_to_the_built_in_one_and_a_broken_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("calendar.csv");
        std::fs::write(&file, "date,kind,title,cite\n2026-07-01,holiday,停电检修,本市通知\n").unwrap();
        let live = LiveSite::open(dir.path(), None, &Clock::default()).unwrap();
        let calendar = Arc::clone(live.context().calendar());
        assert!(!calendar.is_working_day("2026-07-01".parse().unwrap()) && calendar.knows(2025));
        std::fs::write(&file, "date,kind,title,cite\n2026-07-01,off,停电检修,本市通知\n").unwrap();
        assert!(LiveSite::open(dir.path(), None, &Clock::default()).is_err());
    }

    #[test]
    fn a_site_file_that_comes_later_is_found_and_a_broken_one_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let live = LiveSite::open(dir.path(), None, &Clock::default()).unwrap();
        let file = dir.path().join("site.toml");
        let written = |text: &str, second: u64| {
            std::fs::write(&file, text).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        };
        let held = |live: &LiveSite| live.held.lock().unwrap().modified.is_some();
        let _ = live.context();
        assert!(!held(&live));
        written("[police]\nendpoint = \"http://127.0.0.1:1\"\n", 1);
        let _ = live.context();
        assert!(held(&live));
        written("[police\n", 2);
        let _ = live.context();
        let first = live.held.lock().unwrap().modified;
        assert_eq!(first, Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1)));
        assert!(LiveSite::open(dir.path(), Some(&dir.path().join("none.toml")), &Clock::default()).is_err());
    }
}
