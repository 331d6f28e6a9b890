//! The rules of a pack as their authors wrote them, joined along `extends`: what documents about a pack quote.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::program::Relation;
use crate::surface::{Formula, Rule, RuleBody, TestCheck};

/// A rule as written and where it comes from.
#[derive(Clone, Debug)]
pub struct Written {
    /// The rule.
    pub rule: Rule,
    /// The pack it stands in.
    pub pack: String,
    /// The pack whose rule of the same name it replaces, the nearest one.
    pub replaces: Option<String>,
    /// The author's heading above it in the file: the last comment such as `# ---- income`.
    pub heading: Option<String>,
    /// The author's remark right above it.
    pub remark: Option<String>,
}

/// What a rule says from a day on.
#[derive(Clone, Debug)]
pub struct WrittenVersion<'r> {
    /// First day.
    pub from: Date,
    /// Clause.
    pub cite: &'r str,
    /// The formulas that change; the others stay as they were.
    pub formulas: Vec<(Part, &'r Formula)>,
}

/// What a formula is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which records count.
    Where,
    /// The aggregate of a fact, or what a test compares.
    Value,
    /// A test's limit.
    Limit(Relation),
    /// A variable.
    Formula,
    /// A condition.
    When,
    /// What was declared.
    Declared,
    /// What was found.
    Found,
    /// A scheme's amount.
    Amount,
    /// Months between rechecks.
    RecheckMonths,
    /// The last day of what a scheme gives.
    Until,
}

impl Part {
    /// What a version may begin to say.
    const ADDED: [Self; 1] = [Self::Where];

    /// The key in TOML.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Where => "where",
            Self::Value => "value",
            Self::Limit(relation) => relation.key(),
            Self::Formula => "formula",
            Self::When => "when",
            Self::Declared => "declared",
            Self::Found => "found",
            Self::Amount => "amount",
            Self::RecheckMonths => "recheck_months",
            Self::Until => "until",
        }
    }
}

impl Written {
    /// Name of the rule.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rule.name.value
    }

    /// Its formulas, in the order people read them.
    #[must_use]
    pub fn formulas(&self) -> Vec<(Part, &Formula)> {
        let mut all = Vec::new();
        match &self.rule.body {
            RuleBody::Fact { filter, value, .. } => {
                all.extend(filter.as_ref().map(|filter| (Part::Where, filter)));
                all.push((Part::Value, value));
            }
            RuleBody::Variable { formula, .. } | RuleBody::Score { formula } => all.push((Part::Formula, formula)),
            RuleBody::Test { check: TestCheck::When(when), .. } => all.push((Part::When, when)),
            RuleBody::Test { check: TestCheck::Limit { value, relation, limit }, .. } => {
                all.extend([(Part::Value, value), (Part::Limit(*relation), limit)]);
            }
            RuleBody::Flag { when, declared, found, .. } => {
                all.push((Part::When, when));
                for (part, formula) in [(Part::Declared, declared), (Part::Found, found)] {
                    all.extend(formula.as_ref().map(|formula| (part, formula)));
                }
            }
            RuleBody::Scheme { when, amount, recheck_months, until, .. } => {
                all.push((Part::When, when));
                let others = [(Part::Amount, amount), (Part::RecheckMonths, recheck_months), (Part::Until, until)];
                for (part, formula) in others {
                    all.extend(formula.as_ref().map(|formula| (part, formula)));
                }
            }
            RuleBody::Parameter { .. } | RuleBody::Input { .. } => {}
        }
        all
    }

    /// What its versions change, by day: the first day, the clause, the formulas.
    pub fn versions(&self) -> impl Iterator<Item = WrittenVersion<'_>> {
        self.rule.versions.iter().map(|version| {
            let part = |key: &str| {
                self.formulas().into_iter().map(|(part, _)| part).chain(Part::ADDED).find(|part| part.key() == key)
            };
            let formulas = version.formulas.iter().filter_map(|(key, formula)| Some((part(key)?, formula)));
            WrittenVersion { from: version.from.value, cite: &version.cite, formulas: formulas.collect() }
        })
    }

    /// All formulas, those of versions included.
    #[must_use]
    pub fn all_formulas(&self) -> Vec<(Part, &Formula)> {
        let mut all = self.formulas();
        all.extend(self.versions().flat_map(|version| version.formulas));
        all
    }

    /// The step of the program that holds a formula of this rule.
    #[must_use]
    pub fn step(&self, part: Part) -> String {
        let name = self.name();
        match (&self.rule.body, part) {
            (RuleBody::Test { .. }, Part::Value) => format!("{name}.value"),
            (RuleBody::Test { .. }, Part::Limit(_)) => format!("{name}.limit"),
            (RuleBody::Flag { .. } | RuleBody::Scheme { .. }, part) => format!("{name}.{}", part.key()),
            _ => name.to_owned(),
        }
    }

    /// The step that is the rule's own result: a test's or scheme's truth, a flag's condition, else its value.
    #[must_use]
    pub fn result(&self) -> String {
        match self.rule.body {
            RuleBody::Flag { .. } | RuleBody::Scheme { .. } => format!("{}.when", self.name()),
            _ => self.name().to_owned(),
        }
    }

    /// File and line of the rule's header.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.rule.name.spot.file.name, self.rule.name.spot.line())
    }
}

/// Joins the rules of packs given from the one asked for to the frame it rests on: the nearest of a name counts.
/// In the order of declaration, those of the frame first.
pub(crate) fn join(chain: Vec<(String, Vec<Rule>)>) -> Vec<Written> {
    let mut all: Vec<Written> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    for (pack, rules) in chain.into_iter().rev() {
        for rule in rules {
            let (heading, remark) = above(&rule);
            let name = rule.name.value.clone();
            let mut written = Written { rule, pack: pack.clone(), replaces: None, heading, remark };
            match at.get(&name) {
                Some(index) => {
                    written.replaces = Some(all[*index].pack.clone());
                    all[*index] = written;
                }
                None => {
                    at.insert(name, all.len());
                    all.push(written);
                }
            }
        }
    }
    all
}

/// The heading that a rule stands under and the remark right above it, from the comments of its file.
fn above(rule: &Rule) -> (Option<String>, Option<String>) {
    let lines: Vec<&str> = rule.name.spot.file.text.lines().take(rule.name.spot.line() - 1).collect();
    let heading = lines.iter().rev().find_map(|line| line.strip_prefix("# ----")).map(|line| line.trim().to_owned());
    let mut remark: Vec<&str> = lines
        .iter()
        .rev()
        .map_while(|line| line.strip_prefix('#'))
        .take_while(|line| !line.starts_with(" ----"))
        .map(str::trim)
        .collect();
    remark.reverse();
    // The first comment of a file is about the file.
    let starts_file = remark.len() == lines.len();
    (heading, (!starts_file && !remark.is_empty()).then(|| remark.join(" ")))
}
