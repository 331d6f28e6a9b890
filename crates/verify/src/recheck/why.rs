//! Why a finding changed, by substitution: first the day alone moves on, then the answers are replaced, then the rules.
//! The effects of the three steps add up to the whole change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hedui_base::{CaseId, Fen, Letter, PersonKey};
use hedui_engine::input::Caseload;
use hedui_engine::{Derived, Explanation, ParameterUse, Trace, trace};
use hedui_ledger::{Case, SavedFinding};
use hedui_rules::Program;
use hedui_rules::program::{Entity, Step, StepKind};
use hedui_store::Snapshot;
use jiff::civil::Date;

use super::rewind::{frozen, moved};
use super::{Change, ChangeKind};
use crate::compare::{Answers, Born, Setting};
use crate::{VerifyError, Workspace};

/// Causes listed of one kind, at most.
const LISTED: usize = 8;

/// One household between two verifications.
pub(super) struct Between<'a> {
    pub(super) ws: &'a Workspace,
    pub(super) case: &'a Case,
    pub(super) letters: &'a HashMap<CaseId, Vec<Letter>>,
    pub(super) born: &'a HashMap<PersonKey, Born>,
    pub(super) names: &'a HashMap<PersonKey, String>,
    pub(super) before: &'a SavedFinding,
    pub(super) now: Date,
    pub(super) program: &'a Arc<Program>,
    pub(super) old_snapshot: &'a Snapshot,
    pub(super) new_snapshot: &'a Snapshot,
}

/// What a run concludes, as far as causes are about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Conclusion {
    category: Option<String>,
    possible: Vec<String>,
    amount: Option<i64>,
    flags: BTreeSet<(String, Option<PersonKey>)>,
}

impl Conclusion {
    fn of(program: &Program, trace: &Trace<'_>) -> Self {
        let findings = trace.findings();
        let derived = findings.cases.first().map(|f| Derived::of(program, f)).unwrap_or_default();
        let scheme = |i: &usize| program.schemes[*i].id.clone();
        Self {
            category: derived.category.as_ref().map(scheme),
            possible: derived.possible.iter().map(scheme).collect(),
            // Not eligible for anything pays nothing; what is open pays nobody knows what.
            amount: derived.amount_fen.or(if derived.possible.is_empty() { Some(0) } else { None }),
            flags: findings.flags.iter().map(|f| (program.flags[f.flag].id.clone(), f.person)).collect(),
        }
    }

    fn effect(&self, next: &Self) -> Option<i64> {
        Some(next.amount? - self.amount?)
    }
}

impl Between<'_> {
    /// The causes, those of the largest effect first.
    pub(super) fn causes(&self) -> Result<Vec<Change>, VerifyError> {
        let same_pack = self.ws.program(&self.before.pack).ok().filter(|p| p.pack.hash == self.before.pack_hash);
        // The rules of then are gone if the pack was rewritten since; the pack of now, with the parameters of then, stands in.
        let old = same_pack.clone().unwrap_or_else(|| Arc::clone(self.program));
        let then = self.before.as_of;
        let held = frozen(&old, then);
        let people: Vec<PersonKey> = self.case.people.iter().map(|p| p.person).collect();
        let old_answers = Answers::load(self.old_snapshot, &old, &people)?;
        let moved_answers = moved(&old_answers, &old, then, self.now);
        let new_answers = Answers::load(self.new_snapshot, &old, &people)?;
        let now_answers = Answers::load(self.new_snapshot, self.program, &people)?;
        let loads = [
            self.caseload(&old, &old_answers)?,
            self.caseload(&old, &moved_answers)?,
            self.caseload(&old, &new_answers)?,
            self.caseload(self.program, &now_answers)?,
        ];
        let was = trace(&old, &loads[0], 0, then)?;
        let waited = trace(&held, &loads[1], 0, self.now)?;
        let told = trace(&held, &loads[2], 0, self.now)?;
        let is = trace(self.program, &loads[3], 0, self.now)?;
        let steps = [
            Conclusion::of(&old, &was),
            Conclusion::of(&held, &waited),
            Conclusion::of(&held, &told),
            Conclusion::of(self.program, &is),
        ];
        let mut causes = Vec::new();
        if steps[0] != steps[1] {
            causes.extend(self.time(&old, &was, &waited, steps[0].effect(&steps[1])));
        }
        if steps[1] != steps[2] {
            causes.extend(self.data(&held, &loads[1], &loads[2], &waited, &told, &steps[2])?);
        }
        if steps[2] != steps[3] {
            causes.extend(self.rule(&told, &is, same_pack.is_none(), steps[2].effect(&steps[3])));
        }
        causes.sort_by_key(|c| (std::cmp::Reverse(c.amount_effect_fen.map_or(0, i64::abs)), c.kind));
        Ok(causes)
    }

    fn caseload(&self, program: &Program, answers: &Answers) -> Result<Caseload, VerifyError> {
        let setting = Setting { registry: self.ws.registry(), letters: self.letters, born: self.born };
        let mut built = setting.caseloads(program, &[self.case], answers)?;
        built.pop().map(|(_, caseload)| caseload).ok_or_else(|| VerifyError::Internal("no caseload".to_owned()))
    }

    /// What the calendar alone did: the first values that it moved.
    fn time(&self, program: &Program, was: &Trace<'_>, waited: &Trace<'_>, effect: Option<i64>) -> Vec<Change> {
        let moved = self.differences(program, was, waited, |_| true);
        let texts: Vec<String> = moved.iter().take(3).map(|(_, text)| text.clone()).collect();
        let subject = moved.first().map_or_else(String::new, |(name, _)| name.clone());
        let text = if texts.is_empty() { "核对基准日推移".to_owned() } else { texts.join("；") };
        vec![Change {
            kind: ChangeKind::Time, subject, text: format!("时间推移：{text}"), amount_effect_fen: effect
        }]
    }

    /// Which dataset changed the conclusion: each is put back to what it was, alone.
    fn data(
        &self,
        program: &Program,
        before: &Caseload,
        after: &Caseload,
        waited: &Trace<'_>,
        told: &Trace<'_>,
        conclusion: &Conclusion,
    ) -> Result<Vec<Change>, VerifyError> {
        let mut changes = Vec::new();
        let mut silent = Vec::new();
        for (id, dataset) in program.datasets.iter().enumerate() {
            let of_dataset = |kind: &StepKind| matches!(kind, StepKind::Fact { dataset, .. } if dataset.index() == id);
            let facts = self.differences(program, waited, told, of_dataset);
            let answered = self.coverage_changes(&dataset.name, before, after);
            if facts.is_empty() && answered.is_empty() {
                continue;
            }
            let mut back = after.clone();
            put_back(&mut back, before, &dataset.name);
            let without = Conclusion::of(program, &trace(program, &back, 0, self.now)?);
            let texts: Vec<String> =
                answered.into_iter().chain(facts.into_iter().map(|(_, t)| t)).take(LISTED).collect();
            let sources = self.sources_of(&dataset.name);
            let change = Change {
                kind: ChangeKind::Data,
                subject: format!("{} {}", sources.join(","), dataset.name).trim().to_owned(),
                text: format!("{}变化：{}", dataset.title, texts.join("；")),
                amount_effect_fen: without.effect(conclusion),
            };
            if without == *conclusion { silent.push(change) } else { changes.push(change) }
        }
        // Where no dataset alone decides, they did it together.
        Ok(if changes.is_empty() { silent } else { changes })
    }

    fn sources_of(&self, dataset: &str) -> Vec<String> {
        self.ws.registry().iter().filter(|s| s.dataset.name == dataset).map(|s| s.id.as_str().to_owned()).collect()
    }

    /// Pairs that are answered now and were not, or the other way round.
    fn coverage_changes(&self, dataset: &str, before: &Caseload, after: &Caseload) -> Vec<String> {
        let mut changes = Vec::new();
        for (i, (source, served)) in (0u16..).zip(&after.coverage.sources) {
            if served != dataset {
                continue;
            }
            for person in &after.persons.key {
                let was = before.coverage.outcomes.get(&(*person, i)).copied();
                let is = after.coverage.outcomes.get(&(*person, i)).copied();
                let known = |o: Option<hedui_base::Outcome>| o.is_some_and(|o| !o.is_unknown());
                if known(was) != known(is) {
                    let zh = |o: Option<hedui_base::Outcome>| o.map_or("未查询", hedui_base::Outcome::zh);
                    let title = self.ws.registry().get(source.as_str()).map_or(source.as_str(), |s| &s.title.zh);
                    changes.push(format!("{title}（{}）由{}变为{}", self.who(*person), zh(was), zh(is)));
                }
            }
        }
        changes
    }

    /// What the rules did: parameter rows with another value, or another pack.
    fn rule(&self, told: &Trace<'_>, is: &Trace<'_>, rewritten: bool, effect: Option<i64>) -> Vec<Change> {
        let names: Vec<String> = self
            .program
            .schemes
            .iter()
            .flat_map(|s| [Some(s.when), s.amount])
            .flatten()
            .map(|step| self.program.steps[step.index()].name.clone())
            .collect();
        let (was, now) = (parameters(told, &names), parameters(is, &names));
        let mut changes: Vec<Change> = now
            .iter()
            .filter_map(|(name, used)| {
                let old = was.get(name)?;
                (old.value != used.value).then(|| Change {
                    kind: ChangeKind::Rule,
                    subject: name.clone(),
                    text: format!(
                        "{}由 {} 调整为 {}（{}，{} 起）",
                        used.title, old.value, used.value, used.cite, used.from
                    ),
                    amount_effect_fen: effect,
                })
            })
            .collect();
        changes.extend(self.versions(is, &names, effect));
        if changes.is_empty() || rewritten {
            let pack = &self.program.pack;
            changes.push(Change {
                kind: ChangeKind::Rule,
                subject: pack.id.clone(),
                text: format!(
                    "规则包由 {} {} 变为 {} {}",
                    self.before.pack, self.before.pack_version, pack.id, pack.version
                ),
                amount_effect_fen: effect,
            });
        }
        changes
    }

    /// Rules under the conclusion that say something else than they did: another version has begun since.
    fn versions(&self, is: &Trace<'_>, names: &[String], effect: Option<i64>) -> Vec<Change> {
        let under = rules_under(is, names);
        let decides = |name: &str| under.contains(name) || self.is_flag(name);
        let steps = self.program.steps.iter().filter(|step| decides(&step.name));
        let change = |step: &Step| {
            let (was, now) = (step.rule.version(self.before.as_of), step.rule.version(self.now)?);
            (was != Some(now)).then(|| Change {
                kind: ChangeKind::Rule,
                subject: step.name.clone(),
                text: format!(
                    "{}自 {} 起改按 {} 计算（{}）",
                    step.rule.title,
                    now.from,
                    now.text.split_whitespace().collect::<Vec<_>>().join(" "),
                    now.cite
                ),
                amount_effect_fen: effect,
            })
        };
        steps.filter_map(change).take(LISTED).collect()
    }

    fn is_flag(&self, name: &str) -> bool {
        self.program.flags.iter().any(|flag| self.program.steps[flag.when.index()].name == name)
    }

    /// Values of two traces of one program that differ: name, and text with old and new value.
    fn differences(
        &self,
        program: &Program,
        a: &Trace<'_>,
        b: &Trace<'_>,
        wanted: impl Fn(&StepKind) -> bool,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for step in program.steps.iter().filter(|s| !s.name.contains('.') && !s.rule.title.is_empty()) {
            if !wanted(&step.kind) {
                continue;
            }
            let people: Vec<Option<PersonKey>> = match step.entity {
                Entity::Household => vec![None],
                Entity::Person => b.persons().iter().map(|(person, _)| Some(*person)).collect(),
            };
            for person in people {
                let (Some(old), Some(new)) = (a.value(&step.name, person), b.value(&step.name, person)) else {
                    continue;
                };
                if old != new {
                    let whose = person.map_or_else(String::new, |p| format!("（{}）", self.who(p)));
                    found.push((step.name.clone(), format!("{}{whose} {old} → {new}", step.rule.title)));
                }
            }
        }
        found
    }

    fn who(&self, person: PersonKey) -> String {
        self.names.get(&person).cloned().unwrap_or_else(|| person.to_string())
    }
}

/// Gives a dataset back the records and coverage it had.
fn put_back(caseload: &mut Caseload, before: &Caseload, dataset: &str) {
    match before.records.get(dataset) {
        Some(records) => caseload.records.insert(dataset.to_owned(), records.clone()),
        None => caseload.records.remove(dataset),
    };
    let sources: Vec<u16> =
        (0u16..).zip(&caseload.coverage.sources).filter(|(_, (_, served))| served == dataset).map(|(i, _)| i).collect();
    caseload.coverage.outcomes.retain(|(_, source), _| !sources.contains(source));
    for (key, outcome) in &before.coverage.outcomes {
        if sources.contains(&key.1) {
            caseload.coverage.outcomes.insert(*key, *outcome);
        }
    }
}

/// The parameter rows that some values stand on.
fn parameters(trace: &Trace<'_>, names: &[String]) -> BTreeMap<String, ParameterUse> {
    fn walk(node: &Explanation, found: &mut BTreeMap<String, ParameterUse>) {
        for used in &node.parameters {
            found.entry(used.name.clone()).or_insert_with(|| used.clone());
        }
        for child in &node.children {
            walk(child, found);
        }
    }
    let mut found = BTreeMap::new();
    for tree in names.iter().filter_map(|name| trace.explain(name)) {
        walk(&tree, &mut found);
    }
    found
}

/// The rules that some values stand on, those of persons included.
fn rules_under(trace: &Trace<'_>, names: &[String]) -> BTreeSet<String> {
    fn walk(node: &Explanation, found: &mut BTreeSet<String>) {
        found.insert(node.name.clone());
        node.children.iter().for_each(|child| walk(child, found));
    }
    let mut found = BTreeSet::new();
    names.iter().filter_map(|name| trace.explain(name)).for_each(|tree| walk(&tree, &mut found));
    found
}

/// An amount in words for reviews.
pub(super) fn yuan(fen: Option<i64>) -> String {
    fen.map_or_else(|| "未定".to_owned(), |fen| format!("{} 元/月", Fen::new(fen)))
}
