//! Versions of a rule: what it says from a day on. `[[variable.x.version]]` with `from`, the keys that change, `cite`.

use hedui_base::Diagnostic;
use jiff::civil::Date;
use toml::de::DeValue;

use super::ast::{Formula, Head, Rule, RuleBody, TestCheck};
use super::fields::Fields;
use crate::program::Relation;
use crate::spot::{Also as _, Spot, Spotted};

/// What changes in a rule on a day. Formulas it does not name stay as they were.
#[derive(Clone, Debug)]
pub struct Version {
    /// First day.
    pub from: Spotted<Date>,
    /// Clause.
    pub cite: String,
    /// The formulas that change, by key.
    pub formulas: Vec<(&'static str, Formula)>,
}

impl Version {
    /// What it puts under a key.
    #[must_use]
    pub fn formula(&self, key: &str) -> Option<&Formula> {
        self.formulas.iter().find(|(k, _)| *k == key).map(|(_, formula)| formula)
    }
}

/// Keys of a rule that may change, and whether the rule can do without one at first.
fn keys(body: &RuleBody) -> &'static [(&'static str, bool)] {
    match body {
        RuleBody::Parameter { .. } | RuleBody::Input { .. } => &[],
        RuleBody::Fact { .. } => &[("where", true), ("value", false)],
        RuleBody::Variable { .. } | RuleBody::Score { .. } => &[("formula", false)],
        RuleBody::Test { check, .. } => match check {
            TestCheck::When(_) => &[("when", false)],
            TestCheck::Limit { relation: Relation::Below, .. } => &[("value", false), ("below", false)],
            TestCheck::Limit { relation: Relation::AtMost, .. } => &[("value", false), ("at_most", false)],
            TestCheck::Limit { relation: Relation::Above, .. } => &[("value", false), ("above", false)],
            TestCheck::Limit { relation: Relation::AtLeast, .. } => &[("value", false), ("at_least", false)],
        },
        RuleBody::Flag { .. } => &[("when", false), ("declared", false), ("found", false)],
        RuleBody::Scheme { .. } => &[("when", false), ("amount", false), ("recheck_months", false), ("until", false)],
    }
}

/// Reads the versions of a rule, in order of their days.
pub(super) fn versions(fields: &Fields<'_>, body: &RuleBody) -> Vec<Version> {
    let keys = keys(body);
    if keys.is_empty() {
        return Vec::new();
    }
    let Some(value) = fields.get("version") else { return Vec::new() };
    let reader = fields.reader;
    let example = format!("[[{}.version]] with `from`, `cite` and what changes", fields.what.trim_matches(['[', ']']));
    let Some(items) = value.get_ref().as_array() else {
        reader.wrong_kind(value, &example);
        return Vec::new();
    };
    let mut found: Vec<Version> = Vec::new();
    for item in items.iter() {
        let DeValue::Table(table) = item.get_ref() else {
            reader.wrong_kind(item, &example);
            continue;
        };
        let own = Fields::new(reader, format!("a version of {}", fields.what), reader.spot(item.span()), table);
        let from = own.need_date("from", "from = 2026-07-01");
        let cite = own.cite();
        if cite.is_none() && own.get("cite").is_none() {
            reader.push(
                own.spot
                    .error("rules::missing_cite", format!("{} does not say what changed it", own.what), "no `cite`")
                    .help("add `cite = \"document, number, article\"`: the sheet quotes the clause in force"),
            );
        }
        let mut formulas = Vec::new();
        for (key, can_begin) in keys {
            let Some(formula) = own.formula(key) else { continue };
            if !can_begin && fields.get(key).is_none() {
                let spot = own.key_spot(key).unwrap_or_else(|| own.spot.clone());
                reader.push(
                    spot.error(
                        "rules::version_without_base",
                        format!("{} has no `{key}` for the days before this version", fields.what),
                        "nothing before it",
                    )
                    .also(&fields.spot, format!("add `{key}` here"))
                    .help(format!("a version changes what was there: say what `{key}` was before")),
                );
            }
            formulas.push((*key, formula));
        }
        if table.iter().all(|(key, _)| ["from", "cite"].contains(&key.get_ref().as_ref())) {
            let list: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
            reader.push(
                own.spot
                    .error("rules::empty_version", format!("{} changes nothing", own.what), "changes nothing")
                    .help(format!("name what changes: {}", list.join(", "))),
            );
        }
        let spot = own.key_spot("from").unwrap_or_else(|| own.spot.clone());
        own.finish();
        let Some(from) = from else { continue };
        if let Some(other) = found.iter().find(|v| v.from.value == from) {
            reader.push(
                spot.error("rules::duplicate_version", format!("two versions begin on {from}"), "second")
                    .also(&other.from.spot, "first")
                    .help("join them into one, or correct a date"),
            );
            continue;
        }
        found.push(Version { from: Spotted { value: from, spot }, cite: cite.unwrap_or_default(), formulas });
    }
    found.sort_by_key(|v| v.from.value);
    found
}

/// Reports versions that never follow another, or never begin.
pub(super) fn within_pack(head: &Head, rule: &Rule, mistakes: &mut Vec<Diagnostic>) {
    for version in &rule.versions {
        let from = version.from.value;
        let outside = |spot: &Spot, message: String, help: &str| {
            spot.error("rules::version_outside_pack", message, "outside of the pack's days").help(help)
        };
        if from <= head.from {
            mistakes.push(outside(
                &version.from.spot,
                format!("this version begins on {from}, and the pack only on {}", head.from),
                "what stands in the rule itself would never hold: put this version's text there, or correct the date",
            ));
        } else if head.until.is_some_and(|until| until < from) {
            mistakes.push(outside(
                &version.from.spot,
                format!("this version begins on {from}, after the pack has ended"),
                "correct the date, or the pack's `until`",
            ));
        }
    }
}
