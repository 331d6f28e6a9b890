//! Which schemes, tests, flags and scores depend on a name.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::mentioned;
use crate::surface::RuleBody;
use crate::words::Speaker;
use crate::written::Written;

/// Who uses what, in one pack.
pub(super) struct Outputs<'s> {
    users: BTreeMap<String, BTreeSet<&'s str>>,
    rules: BTreeMap<&'s str, &'s Written>,
    speaker: Speaker<'s>,
}

impl<'s> Outputs<'s> {
    pub(super) fn new(written: &'s [Written], speaker: Speaker<'s>) -> Self {
        let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for rule in written {
            let mut names = BTreeSet::new();
            rule.all_formulas().iter().for_each(|(_, formula)| mentioned(&formula.expr, &mut names));
            for name in names {
                users.entry(name).or_default().insert(rule.name());
            }
        }
        Self { users, rules: written.iter().map(|rule| (rule.name(), rule)).collect(), speaker }
    }

    /// Outputs that a rule or parameter reaches, itself included: name and title, schemes first.
    pub(super) fn of(&self, name: &str) -> Vec<(String, String)> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![name.to_owned()];
        while let Some(name) = waiting.pop() {
            if !reached.insert(name.clone()) {
                continue;
            }
            waiting.extend(self.users.get(&name).into_iter().flatten().map(|user| (*user).to_owned()));
        }
        let mut outputs: Vec<(u8, String)> =
            reached.into_iter().filter_map(|name| Some((self.rank(&name)?, name))).collect();
        outputs.sort();
        outputs.into_iter().map(|(_, name)| (name.clone(), self.speaker.title_of(&name))).collect()
    }

    fn rank(&self, name: &str) -> Option<u8> {
        match self.rules.get(name)?.rule.body {
            RuleBody::Scheme { .. } => Some(0),
            RuleBody::Test { .. } => Some(1),
            RuleBody::Flag { .. } => Some(2),
            RuleBody::Score { .. } => Some(3),
            _ => None,
        }
    }
}
