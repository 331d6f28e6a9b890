use std::sync::Arc;

use hedui_base::diagnostic::{self, nearest};
use hedui_base::{AreaCode, Catalogue, Diagnostic};
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use crate::cases::{self, Case};
use crate::folder::PackFolder;
use crate::lints::lints;
use crate::program::{self, Program};
use crate::written::{self, Written};
use crate::{resolved, surface, typed};

/// All packs in reach and the catalogue of datasets they read.
#[derive(Clone, Debug)]
pub struct Library {
    packs: Vec<PackFolder>,
    /// Of the packs whose `[pack]` has no mistake.
    heads: Vec<surface::Head>,
    catalogue: Catalogue,
}

/// A checked pack: the program if nothing is wrong, its cases, and everything there is to say about it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The program; none if there is any error in the rules (mistakes in cases leave it whole).
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
        let heads = packs.iter().filter_map(surface::read_head).collect();
        Self { packs, heads, catalogue }
    }

    /// The same packs with one more; a pack of the same id gives way to it.
    #[must_use]
    pub fn with(&self, pack: PackFolder) -> Self {
        let mut packs: Vec<PackFolder> = self.packs.iter().filter(|p| p.id != pack.id).cloned().collect();
        packs.push(pack);
        Self::new(packs, self.catalogue.clone())
    }

    /// The files of all packs.
    #[must_use]
    pub fn folders(&self) -> &[PackFolder] {
        &self.packs
    }

    /// Checks a pack together with those it extends and reports every mistake at once.
    #[must_use]
    pub fn check(&self, id: &str) -> Checked {
        let mut mistakes = Vec::new();
        let Some(chain) = self.chain(id, &mut mistakes) else {
            let help = nearest(id, self.ids()).map_or_else(
                || format!("packs in reach: {}", self.ids().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            mistakes.push(Diagnostic::error("rules::unknown_pack", format!("there is no pack `{id}`")).help(help));
            return Checked { diagnostics: mistakes, ..Checked::default() };
        };
        let resolved = resolved::from_surface(&chain, &self.catalogue, &mut mistakes);
        let typed = typed::from_resolved(&resolved, &mut mistakes);
        let mut case_mistakes = Vec::new();
        let cases = cases::from_toml(chain[0].0, &resolved, &typed, &mut case_mistakes);
        let whole = mistakes.iter().all(|m| !m.is_error());
        let program = if whole { program::from_typed(&resolved, typed, hash(&chain)) } else { None };
        mistakes.append(&mut case_mistakes);
        diagnostic::sort(&mut mistakes);
        mistakes.dedup();
        Checked { program: program.map(Arc::new), cases, diagnostics: mistakes }
    }

    /// The rules of a pack and of those it extends as written, the nearest of each name; empty if there is no such pack.
    #[must_use]
    pub fn written(&self, id: &str) -> Vec<Written> {
        let chain = self.chain(id, &mut Vec::new()).unwrap_or_default();
        written::join(chain.into_iter().map(|(folder, pack)| (folder.id.clone(), pack.rules)).collect())
    }

    /// What in a pack looks like a known mistake on a day: warnings about what the pack itself writes. Nothing where it
    /// has errors.
    #[must_use]
    pub fn lint(&self, id: &str, day: Date) -> Vec<Diagnostic> {
        let mut mistakes = Vec::new();
        let Some(chain) = self.chain(id, &mut mistakes) else { return Vec::new() };
        let resolved = resolved::from_surface(&chain, &self.catalogue, &mut mistakes);
        let typed = typed::from_resolved(&resolved, &mut mistakes);
        if mistakes.iter().any(Diagnostic::is_error) {
            return Vec::new();
        }
        let program = program::from_typed(&resolved, typed, hash(&chain));
        program.map(|program| lints(chain[0].0, &resolved, &program, day)).unwrap_or_default()
    }

    /// The program of a pack.
    ///
    /// # Errors
    /// Every mistake (and warning) if there is at least one error in the rules.
    pub fn compile(&self, id: &str) -> Result<Arc<Program>, Vec<Diagnostic>> {
        let checked = self.check(id);
        checked.program.ok_or(checked.diagnostics)
    }

    /// The pack in force for an area on a day: the one with the longest area that contains it, else the frame (a pack
    /// without an area). Of several versions for one area the one that began last.
    ///
    /// # Errors
    /// [`NoPack`] if there is neither.
    pub fn for_area(&self, area: AreaCode, day: Date) -> Result<String, NoPack> {
        self.for_area_preferring(area, day, &[])
    }

    /// The same, but of several packs for one area one of `preferred` goes before the others.
    ///
    /// # Errors
    /// [`NoPack`] if there is neither.
    pub fn for_area_preferring(&self, area: AreaCode, day: Date, preferred: &[String]) -> Result<String, NoPack> {
        self.heads
            .iter()
            .filter(|head| head.from <= day && head.until.is_none_or(|until| day <= until))
            .filter(|head| head.area.is_none_or(|a| area.is_within(a)))
            .max_by_key(|head| (head.area.map_or(0, AreaCode::depth), preferred.contains(&head.id), head.from))
            .map(|head| head.id.clone())
            .ok_or(NoPack { area, day })
    }

    /// Ids of all packs, in order of name.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.packs.iter().map(|p| p.id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    /// A pack and those it extends, nearest first; none if there is no such pack.
    fn chain(&self, id: &str, mistakes: &mut Vec<Diagnostic>) -> Option<Vec<(&PackFolder, surface::Pack)>> {
        let find = |id: &str| self.packs.iter().find(|p| p.id == id);
        let mut folder = find(id)?;
        let mut chain: Vec<(&PackFolder, surface::Pack)> = Vec::new();
        loop {
            let mut pack = surface::from_toml(folder, mistakes);
            let base = pack.head.extends.clone();
            let Some(base) = base else {
                chain.push((folder, pack));
                return Some(chain);
            };
            let repeated = base.value == folder.id || chain.iter().any(|(f, _)| f.id == base.value);
            match find(&base.value) {
                Some(next) if !repeated => {
                    chain.push((folder, pack));
                    folder = next;
                }
                found => {
                    let (message, help) = if found.is_some() {
                        (
                            format!("`{}` and `{}` extend each other", folder.id, base.value),
                            "let one of them stand on its own".to_owned(),
                        )
                    } else {
                        let help = nearest(&base.value, self.ids()).map_or_else(
                            || format!("packs in reach: {}", self.ids().join(", ")),
                            |near| format!("did you mean `{near}`?"),
                        );
                        (format!("there is no pack `{}` to extend", base.value), help)
                    };
                    mistakes.push(base.spot.error("rules::unknown_base", message, "cannot be extended").help(help));
                    // Without its base a pack lacks names for no fault of those who use them.
                    pack.lost.everything = true;
                    chain.push((folder, pack));
                    return Some(chain);
                }
            }
        }
    }
}

/// SHA-256 over the sorted names and bytes of all files.
fn hash(chain: &[(&PackFolder, surface::Pack)]) -> String {
    let mut files: Vec<_> = chain.iter().flat_map(|(folder, _)| &folder.files).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut sha = Sha256::new();
    for file in files {
        for part in [file.name.as_bytes(), file.text.as_bytes()] {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
    }
    hex::encode(sha.finalize())
}
