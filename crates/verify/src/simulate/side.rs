//! One side of a comparison: which packs, with which parameters changed, and the program that follows for an area.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hedui_base::AreaCode;
use hedui_rules::{Library, PackFolder, Program};
use jiff::civil::Date;

use super::setting::{ChangedParameter, Setting};
use crate::library::pack_folders;
use crate::{Problem, VerifyError};

/// Rules to compute a caseload with: those in force, unless packs are named or parameters set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Ids of packs in reach, pack folders, or folders of packs. A folder replaces the pack of its id; of several packs
    /// for one area a named one goes first.
    pub packs: Vec<String>,
    /// Compute every case with the one pack named, whatever its area and the day.
    pub force: bool,
    /// Parameters set otherwise.
    pub set: Vec<Setting>,
}

/// The programs of one side.
#[derive(Debug)]
pub(super) struct Programs {
    /// Computes every case.
    forced: Option<Arc<Program>>,
    by_area: BTreeMap<AreaCode, Arc<Program>>,
    /// Rows that were set otherwise, in order of parameter and row.
    pub(super) changed: Vec<ChangedParameter>,
}

impl Programs {
    /// The program for an area that was asked for when the side was made ready.
    pub(super) fn for_area(&self, area: AreaCode) -> Result<&Arc<Program>, VerifyError> {
        let chosen = self.forced.as_ref().or_else(|| self.by_area.get(&area));
        chosen.ok_or_else(|| VerifyError::Internal(format!("no program was chosen for area {area}")))
    }

    /// The program that computes every case.
    pub(super) fn forced(&self) -> Result<&Arc<Program>, VerifyError> {
        self.forced.as_ref().ok_or_else(|| VerifyError::Internal("no program was forced".to_owned()))
    }

    /// Each program in use once, by pack id.
    pub(super) fn all(&self) -> Vec<Arc<Program>> {
        let chosen = self.forced.iter().chain(self.by_area.values());
        let by_id: BTreeMap<&str, &Arc<Program>> = chosen.map(|p| (p.pack.id.as_str(), p)).collect();
        by_id.into_values().cloned().collect()
    }
}

impl Side {
    /// Finds and compiles what the areas of a caseload need. `flag` is how the user names this side.
    pub(super) fn ready(
        &self,
        flag: &str,
        library: &Library,
        areas: impl IntoIterator<Item = AreaCode>,
        day: Date,
    ) -> Result<Programs, VerifyError> {
        let (library, named) = self.named(flag, library)?;
        let mut by_pack: BTreeMap<String, Arc<Program>> = BTreeMap::new();
        let mut compile = |id: &String| -> Result<(), VerifyError> {
            if !by_pack.contains_key(id) {
                let mistakes = |diagnostics| VerifyError::Text { what: "rule pack", diagnostics };
                by_pack.insert(id.clone(), library.compile(id).map_err(mistakes)?);
            }
            Ok(())
        };
        let mut chosen: BTreeMap<AreaCode, String> = BTreeMap::new();
        if self.force {
            let [one] = named.as_slice() else {
                let message = "name exactly one pack to compute every case with".to_owned();
                return Err(wrong(flag, "unknown_pack", message));
            };
            compile(one)?;
        } else {
            for area in areas {
                if chosen.contains_key(&area) {
                    continue;
                }
                let id = library
                    .for_area_preferring(area, day, &named)
                    .map_err(|none| VerifyError::NoPack { area: none.area, day: none.day })?;
                compile(&id)?;
                chosen.insert(area, id);
            }
        }
        for pack in &named {
            let used = by_pack.values().any(|p| p.pack.id == *pack || p.pack.extends.contains(pack));
            if !used && !chosen.is_empty() {
                return Err(unused(flag, pack, &library, day));
            }
        }
        let changed = self.set(&mut by_pack, day)?;
        let by_area = chosen.iter().filter_map(|(area, id)| Some((*area, Arc::clone(by_pack.get(id)?)))).collect();
        let forced = if self.force { by_pack.into_values().next() } else { None };
        Ok(Programs { forced, by_area, changed })
    }

    /// The library with the folders named, and the ids of all packs named.
    fn named(&self, flag: &str, library: &Library) -> Result<(Library, Vec<String>), VerifyError> {
        let (mut library, mut ids) = (library.clone(), Vec::new());
        for name in &self.packs {
            let path = Path::new(name);
            if path.is_dir() {
                for dir in pack_folders(path)? {
                    let pack = PackFolder::read(&dir).map_err(VerifyError::io(&dir))?;
                    ids.push(pack.id.clone());
                    library = library.with(pack);
                }
            } else if library.ids().contains(&name.as_str()) {
                ids.push(name.clone());
            } else {
                let known = library.ids().join(", ");
                let message = format!("`{name}` is neither a pack folder nor the id of a pack; known ids are {known}");
                return Err(wrong(flag, "unknown_pack", message));
            }
        }
        Ok((library, ids))
    }

    fn set(
        &self,
        by_pack: &mut BTreeMap<String, Arc<Program>>,
        day: Date,
    ) -> Result<Vec<ChangedParameter>, VerifyError> {
        let mut changed: BTreeMap<_, ChangedParameter> = BTreeMap::new();
        let mut problems = Vec::new();
        for setting in &self.set {
            let before: Vec<Arc<Program>> = by_pack.values().cloned().collect();
            let mut rows = Vec::new();
            let mut fault = None;
            for program in by_pack.values_mut() {
                match setting.apply(Arc::make_mut(program), day) {
                    Ok(more) => rows.extend(more),
                    Err(error) => fault = Some(error),
                }
            }
            if fault.is_none() && rows.is_empty() && !before.is_empty() {
                fault = Some(setting.without_effect(&before, day));
            }
            if let Some(error) = fault {
                problems.push(Problem {
                    at: format!("--set {}", error.text),
                    code: "bad_setting".to_owned(),
                    message: error.message,
                });
            }
            // One row of a frame is a row of every pack that extends it; set twice, it is told once from first to last.
            for row in rows {
                let place = (
                    row.parameter.clone(),
                    row.area.clone(),
                    row.residence.clone(),
                    row.keys.clone(),
                    row.file.clone(),
                    row.line,
                );
                match changed.entry(place) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(row);
                    }
                    std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().new = row.new,
                }
            }
        }
        if problems.is_empty() { Ok(changed.into_values().collect()) } else { Err(VerifyError::Input(problems)) }
    }
}

fn unused(flag: &str, pack: &str, library: &Library, day: Date) -> VerifyError {
    let program = match library.compile(pack) {
        Ok(program) => program,
        Err(diagnostics) => return VerifyError::Text { what: "rule pack", diagnostics },
    };
    let info = &program.pack;
    let area = info.area.map_or_else(|| "any area without a pack of its own".to_owned(), |a| format!("area {a}"));
    let until = info.until.map_or_else(String::new, |u| format!(" until {u}"));
    wrong(
        flag,
        "pack_not_used",
        format!(
            "no case uses pack `{pack}`: it is for {area}, in force from {}{until}, and the day is {day}; name the pack of \
             these cases, choose another --as-of, or compute every case with it by --force",
            info.from
        ),
    )
}

pub(super) fn wrong(at: &str, code: &str, message: String) -> VerifyError {
    VerifyError::Input(vec![Problem { at: at.to_owned(), code: code.to_owned(), message }])
}
