//! Packs joined along `extends`: overriding rules take the place of those they name.

use std::collections::BTreeMap;
use std::sync::Arc;

use hedui_base::diagnostic::nearest;
use hedui_base::{Catalogue, Diagnostic};

use crate::folder::PackFolder;
use crate::spot::Also as _;
use crate::surface;

/// A rule and the pack it stands in.
pub(super) struct Joined<'a> {
    pub rule: &'a surface::Rule,
    pub folder: &'a PackFolder,
    /// Whether it stands in the pack being checked, and not in one it extends.
    pub own: bool,
}

/// Joins packs, given from the one being checked to the frame it rests on.
pub(super) fn join<'a>(
    chain: &'a [(&'a PackFolder, surface::Pack)],
    lost: &surface::Lost,
    mistakes: &mut Vec<Diagnostic>,
) -> Vec<Joined<'a>> {
    let mut rules: Vec<Joined<'a>> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for (depth, (folder, pack)) in chain.iter().enumerate().rev() {
        let own = depth == 0;
        let inherited: BTreeMap<&str, usize> = at.clone();
        for rule in &pack.rules {
            let name = rule.name.value.as_str();
            let word = rule.body.word();
            if let Some(index) = at.get(name).copied() {
                let other = rules[index].rule;
                let is_base = rules[index].folder.id != folder.id;
                if !is_base || rule.overrides.is_none() {
                    let help = if is_base {
                        "to replace the inherited rule add `override = true`; else choose another name"
                    } else {
                        "names are global in a pack; choose another name for one of them"
                    };
                    mistakes.push(
                        rule.name
                            .spot
                            .error("rules::duplicate_rule", format!("`{name}` is declared twice"), "second")
                            .also(&other.name.spot, "first")
                            .help(help),
                    );
                } else if other.body.word() != word {
                    mistakes.push(
                        rule.name
                            .spot
                            .error(
                                "rules::override_kind",
                                format!("the {word} `{name}` cannot replace a {}", other.body.word()),
                                format!("a {word}"),
                            )
                            .also(&other.name.spot, format!("a {}", other.body.word()))
                            .help("a rule is replaced by one of its own kind"),
                    );
                }
                if is_base {
                    rules[index] = Joined { rule, folder, own };
                }
            } else {
                if let Some(place) = rule.overrides.as_ref().filter(|_| !lost.has(name)) {
                    let help = nearest(name, inherited.keys().copied()).map_or_else(
                        || "take `override` out if this is a new rule".to_owned(),
                        |near| format!("did you mean to replace `{near}`?"),
                    );
                    mistakes.push(
                        place
                            .error(
                                "rules::override_without_base",
                                format!("there is no inherited rule `{name}` to override"),
                                "nothing to override",
                            )
                            .help(help),
                    );
                }
                at.insert(name, rules.len());
                rules.push(Joined { rule, folder, own });
            }
        }
    }
    rules
}

/// The catalogue with the datasets that packs add.
pub(super) fn join_datasets(
    catalogue: &Catalogue,
    chain: &[(&PackFolder, surface::Pack)],
    mistakes: &mut Vec<Diagnostic>,
) -> Catalogue {
    let mut joined = catalogue.clone();
    for (_, pack) in chain.iter().rev() {
        for (name, dataset) in &pack.datasets {
            if joined.datasets.insert(name.value.clone(), Arc::new(dataset.clone())).is_some() {
                mistakes.push(
                    name.spot
                        .error(
                            "rules::duplicate_rule",
                            format!("the dataset `{}` exists already", name.value),
                            "declared again",
                        )
                        .help("datasets of the catalogue are shared by all packs; choose another name"),
                );
            }
        }
    }
    joined
}
