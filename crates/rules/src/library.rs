use std::sync::Arc;

use hedui_base::{AreaCode, Catalogue, Diagnostic};
use jiff::civil::Date;

use crate::cases::Case;
use crate::folder::PackFolder;
use crate::program::Program;

/// All packs in reach and the catalogue of datasets they read.
#[derive(Clone, Debug)]
pub struct Library {
    packs: Vec<PackFolder>,
    catalogue: Catalogue,
}

/// A checked pack: the program if nothing is wrong, its cases, and everything there is to say about it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The program; none if there is any error.
    pub program: Option<Arc<Program>>,
    /// The pack's own cases, without those that are wrong.
    pub cases: Vec<Case>,
    /// Every error and warning, in order of file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// No pack is in force for an area on a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rule pack is in force for area {area} on {day}; add one, or a frame without an area")]
pub struct NoPack {
    /// The area asked for.
    pub area: AreaCode,
    /// The day asked for.
    pub day: Date,
}

impl Library {
    /// A library of packs. Mistakes in them are told by [`Library::check`].
    #[must_use]
    pub fn new(packs: Vec<PackFolder>, catalogue: Catalogue) -> Self {
        Self { packs, catalogue }
    }

    /// Checks a pack together with those it extends and reports every mistake at once.
    #[must_use]
    pub fn check(&self, id: &str) -> Checked {
        let _ = (&self.catalogue, id);
        Checked::default()
    }

    /// The program of a pack.
    ///
    /// # Errors
    /// Every mistake (and warning) if there is at least one error.
    pub fn compile(&self, id: &str) -> Result<Arc<Program>, Vec<Diagnostic>> {
        let checked = self.check(id);
        checked.program.ok_or(checked.diagnostics)
    }

    /// The pack in force for an area on a day: the one with the longest area that contains it, else the frame.
    ///
    /// # Errors
    /// [`NoPack`] if there is neither.
    pub fn for_area(&self, area: AreaCode, day: Date) -> Result<String, NoPack> {
        Err(NoPack { area, day })
    }

    /// Ids of all packs, in order of name.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.packs.iter().map(|p| p.id.as_str()).collect();
        ids.sort_unstable();
        ids
    }
}
