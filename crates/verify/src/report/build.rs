//! From a traced case to its report.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hedui_base::{Fen, Outcome, PersonKey, SourceId, Tri};
use hedui_engine::output::{CaseFinding, Cell, PersonFinding, RaisedFlag, SchemeFinding};
use hedui_engine::{Derived, Held, Trace, Value, show_number};
use hedui_ledger::Role;
use hedui_rules::Program;
use hedui_rules::program::{Entity, Scheme, StepId, StepKind};
use hedui_store::CoverageRow;
use jiff::civil::Date;
use tracing::debug_span;

use super::one::One;
use super::tree::Names;
use super::words::{masked_key, outcome_text, relation_zh};
use super::{
    Completeness, CoverageLine, DeclaredLine, FlagLine, Note, PackLine, PersonLine, Report, SchemeLine,
    SchemePersonLine, SourceLine, TestLine, WaitingLine,
};
use crate::accept::DERIVED_INPUTS;
use crate::compare::score;
use crate::{VerifyError, Workspace};

impl One {
    pub(super) fn report(&self, ws: &Workspace) -> Result<Report, VerifyError> {
        let trace = self.trace()?;
        let names = self.names(ws);
        let program = &self.program;
        let findings = trace.findings();
        let finding =
            findings.cases.first().ok_or_else(|| VerifyError::Internal("a traced case has no finding".to_owned()))?;
        let derived = Derived::of(program, finding);
        let waiting_on: Vec<WaitingLine> = derived.waiting_on.iter().map(|r| names.waiting(r)).collect();
        let mut flags: Vec<&RaisedFlag> = findings.flags.iter().collect();
        flags.sort_by_key(|raised| program.flags[raised.flag].severity);
        let mut key_steps: Vec<StepId> = Vec::new();
        let stands_at = derived.possible.first().or(if program.schemes.is_empty() { None } else { Some(&0) });
        if let Some(first) = stands_at {
            let scheme = &program.schemes[*first];
            key_steps.extend(scheme.amount.into_iter().chain([scheme.when]));
        }
        let explain = || {
            let _explaining = debug_span!("explain").entered();
            let trees = key_steps.iter().filter_map(|step| trace.explain(&program.steps[step.index()].name));
            trees.map(|tree| names.node(tree)).collect()
        };
        let tell = || {
            let _telling = debug_span!("coverage").entered();
            let coverage = self.coverage_lines(ws, &names);
            (self.completeness(ws, &names, &coverage, &waiting_on), coverage)
        };
        // Somebody waits for the one report.
        let (explanations, (completeness, coverage)) = rayon::join(explain, tell);
        let _lines = debug_span!("lines").entered();
        Ok(Report {
            case: self.case.id.clone(),
            scheme: self.case.scheme.clone(),
            area: self.case.area,
            residence: self.case.residence.clone(),
            as_of: self.as_of,
            known_at: self.known_at,
            pack: PackLine::of(program),
            category: derived.category.map(|i| program.schemes[i].id.clone()),
            possible: derived.possible.iter().map(|i| program.schemes[*i].id.clone()).collect(),
            conclusion: conclusion(program, &derived, &waiting_on),
            amount_fen: derived.amount_fen,
            completeness,
            waiting_on,
            people: self.person_lines(),
            coverage,
            declared: self.declared_lines(),
            values: values(program, &trace),
            tests: tests(program, finding, &names, self.as_of),
            schemes: schemes(program, finding, &names, self.as_of),
            flags: flags
                .into_iter()
                .map(|raised| flag_line(program, raised, self.as_of, |id| names.source(id)))
                .collect(),
            score: score(program, finding).map(|points| points.to_string()),
            assumed: finding
                .assumed
                .iter()
                .map(|(rule, reason)| Note {
                    name: rule.clone(),
                    title: title_of(program, rule),
                    person: None,
                    value: reason.clone(),
                })
                .collect(),
            explanations,
            what_if: None,
        })
    }

    fn person_lines(&self) -> Vec<PersonLine> {
        let role = |role| if role == Role::Member { "member" } else { "obligor" };
        let mut lines: Vec<(Role, PersonLine)> = self
            .case
            .people
            .iter()
            .zip(&self.people)
            .map(|(entry, person)| {
                let line = PersonLine {
                    person: entry.person,
                    role: role(entry.role).to_owned(),
                    relation: Some(entry.relation.clone()),
                    relation_zh: relation_zh(&entry.relation).to_owned(),
                    name: person.masked_name(),
                    id_number: person.id.as_ref().map_or_else(|| "无有效号码".to_owned(), ToString::to_string),
                };
                (entry.role, line)
            })
            .collect();
        lines.sort_by_key(|(role, _)| *role != Role::Member);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// One line for every person and source, policy's exclusions among them.
    fn coverage_lines(&self, ws: &Workspace, names: &Names<'_>) -> Vec<CoverageLine> {
        let stored: HashMap<(PersonKey, &SourceId), &CoverageRow> =
            self.coverage.iter().map(|row| ((row.person, &row.source), row)).collect();
        let open: BTreeSet<(PersonKey, &str)> = self.open.iter().map(|a| (a.person, a.source.as_str())).collect();
        let titles: Vec<String> = ws.registry().iter().map(|source| names.source(source.id.as_str())).collect();
        let mut lines = Vec::with_capacity(self.case.people.len() * titles.len());
        for entry in &self.case.people {
            for ((i, source), title) in (0u16..).zip(ws.registry().iter()).zip(&titles) {
                let outcome = self.caseload.coverage.outcomes.get(&(entry.person, i)).copied();
                let row = stored.get(&(entry.person, &source.id)).filter(|row| Some(row.outcome) == outcome);
                let text = match (outcome, row) {
                    (None, _) if open.contains(&(entry.person, source.id.as_str())) => "正在查询".to_owned(),
                    (Some(Outcome::NotAuthorised), None) => "未授权（由其他案件查得，本案授权书不含）".to_owned(),
                    _ => outcome_text(outcome, row.and_then(|r| r.detail.as_deref())),
                };
                lines.push(CoverageLine {
                    person: entry.person,
                    source: source.id.as_str().to_owned(),
                    title: title.clone(),
                    outcome,
                    text,
                    asked: row.map(|r| r.asked),
                    answered: row.and_then(|r| r.answered),
                    as_of: row.and_then(|r| r.as_of),
                    due: row.and_then(|r| r.due),
                    letter: row.and_then(|r| r.letter.clone()),
                });
            }
        }
        lines
    }

    fn completeness(
        &self,
        ws: &Workspace,
        names: &Names<'_>,
        lines: &[CoverageLine],
        waiting: &[WaitingLine],
    ) -> Completeness {
        let mut total = Completeness::default();
        let sources = ws.registry().iter().count();
        for (nth, source) in ws.registry().iter().enumerate() {
            // Every person has a line for every source, in the order of the registry.
            let own = || lines.iter().skip(nth).step_by(sources);
            let mut line = SourceLine {
                source: source.id.as_str().to_owned(),
                title: names.source(source.id.as_str()),
                dataset: source.dataset.name.clone(),
                as_of: own().filter_map(|l| l.as_of).max(),
                due: own().filter_map(|l| l.due).max(),
                ..SourceLine::default()
            };
            for pair in own() {
                match pair.outcome {
                    Some(Outcome::NotApplicable) => total.not_applicable += 1,
                    Some(outcome) if outcome.is_answer() => {
                        line.asked += 1;
                        line.answered += 1;
                    }
                    outcome => {
                        line.asked += 1;
                        let word = outcome.map_or("not_asked", |o| o.as_str());
                        *line.unknown.entry(word.to_owned()).or_default() += 1;
                    }
                }
            }
            total.asked += line.asked;
            total.answered += line.answered;
            if line.asked > 0 {
                total.sources.push(line);
            }
        }
        total.unknown = total.asked - total.answered;
        total.statement = statement(&total, waiting);
        total
    }

    fn declared_lines(&self) -> Vec<DeclaredLine> {
        let mut lines = Vec::new();
        for input in self.program.inputs.iter().filter(|i| !DERIVED_INPUTS.contains(&i.name.as_str())) {
            let show = |cell: Option<i64>, text: Option<&str>| {
                cell.map(|v| show_number(input.spec.ty, v))
                    .or_else(|| text.map(|t| input.spec.codes.get(t).cloned().unwrap_or_else(|| t.to_owned())))
            };
            let line = |person, value| DeclaredLine {
                name: input.name.clone(),
                title: input.spec.title.zh.clone(),
                person,
                value,
            };
            if input.entity == Entity::Household {
                let table = &self.caseload.cases.inputs;
                lines.extend(show(table.int(&input.name, 0), table.text(&input.name, 0)).map(|v| line(None, v)));
            } else {
                let table = &self.caseload.persons.inputs;
                for (row, person) in self.caseload.persons.key.iter().enumerate() {
                    let value = show(table.int(&input.name, row), table.text(&input.name, row));
                    lines.extend(value.map(|v| line(Some(*person), v)));
                }
            }
        }
        lines
    }
}

fn conclusion(program: &Program, derived: &Derived, waiting: &[WaitingLine]) -> String {
    let title = |i: usize| program.schemes[i].title.as_str();
    if let Some(i) = derived.category {
        let amount = derived.amount_fen.map_or_else(String::new, |fen| format!("，测算金额每月 {} 元", Fen::new(fen)));
        return format!("{}：{}条件{amount}", title(i), Tri::Met.zh());
    }
    if derived.is_settled() {
        let all: Vec<&str> = program.schemes.iter().map(|s| s.title.as_str()).collect();
        return format!("{}：{}条件", all.join("、"), Tri::NotMet.zh());
    }
    let possible: Vec<&str> = derived.possible.iter().map(|i| title(*i)).collect();
    let sources: BTreeSet<&str> = waiting.iter().map(|w| w.title.as_str()).collect();
    let sources: Vec<&str> = sources.into_iter().collect();
    format!(
        "{}（可能为：{}）；待{}回复或补正后方可确定",
        Tri::Undetermined.zh(),
        possible.join("、"),
        sources.join("、")
    )
}

fn statement(total: &Completeness, waiting: &[WaitingLine]) -> String {
    if total.unknown == 0 {
        return format!("应查 {} 项，已全部得到答复。", total.asked);
    }
    let gaps: Vec<String> = total
        .sources
        .iter()
        .filter(|s| !s.unknown.is_empty())
        .map(|s| {
            let words: Vec<String> = s
                .unknown
                .iter()
                .map(|(word, count)| {
                    let zh = word.parse::<Outcome>().map_or("未查询", Outcome::zh);
                    format!("{zh} {count} 项")
                })
                .collect();
            format!("{}（{}）", s.title, words.join("，"))
        })
        .collect();
    let effect = if waiting.is_empty() {
        "对结论没有影响：已得到的答复已足以确定"
    } else {
        "相应内容按未知处理，不作为零，结论因此存疑待核"
    };
    format!(
        "应查 {} 项，已答复 {} 项，未得到答复 {} 项：{}。{effect}。",
        total.asked,
        total.answered,
        total.unknown,
        gaps.join("；")
    )
}

/// Variables of the household with a title, as far as they are amounts, numbers or texts.
fn values(program: &Program, trace: &Trace<'_>) -> Vec<Note> {
    program
        .steps
        .iter()
        .filter(|s| s.entity == Entity::Household && matches!(s.kind, StepKind::Formula(_)))
        .filter(|s| !s.name.contains('.') && !s.rule.title.is_empty() && s.ty != hedui_base::ColumnType::Bool)
        .filter(|s| !program.tests.iter().any(|t| t.name == s.name))
        .filter_map(|s| {
            let value = trace.value(&s.name, None)?.to_string();
            Some(Note { name: s.name.clone(), title: s.rule.title.clone(), person: None, value })
        })
        .collect()
}

fn shown(program: &Program, step: Option<StepId>, cell: Cell) -> Option<String> {
    let ty = program.steps[step?.index()].ty;
    (ty != hedui_base::ColumnType::Bool).then(|| Value { ty, held: Held::Number(cell) }.to_string())
}

fn tests(program: &Program, finding: &CaseFinding, names: &Names<'_>, as_of: Date) -> Vec<TestLine> {
    let lines = program.tests.iter().zip(&finding.tests);
    lines
        .map(|(test, found)| TestLine {
            name: test.name.clone(),
            title: test.title.clone(),
            result: found.result,
            result_zh: found.result.zh().to_owned(),
            value: test.limit.and_then(|_| shown(program, Some(test.value), found.value)),
            limit: shown(program, test.limit, found.limit),
            margin: test.limit.and_then(|_| shown(program, Some(test.value), found.margin)),
            cite: test.cite_on(program, as_of),
            waiting_on: found.waiting_on.iter().map(|r| names.source(r.source.as_str())).collect(),
        })
        .collect()
}

/// The members who meet a scheme of persons, or may.
fn scheme_persons(
    program: &Program,
    scheme: &Scheme,
    found: &SchemeFinding,
    names: &Names<'_>,
) -> Vec<SchemePersonLine> {
    let Some(steps) = &scheme.persons else { return Vec::new() };
    let line = |p: &PersonFinding| SchemePersonLine {
        person: p.person,
        finding: p.finding,
        finding_zh: p.finding.zh().to_owned(),
        amount: p.amount.and_then(|cell| shown(program, steps.amount, cell)),
        amount_fen: p.amount.and_then(Cell::known),
        until: p.until.and_then(|cell| shown(program, steps.until, cell)),
        waiting_on: p.waiting_on.iter().map(|r| names.source(r.source.as_str())).collect(),
    };
    found.persons.iter().map(line).collect()
}

fn schemes(program: &Program, finding: &CaseFinding, names: &Names<'_>, as_of: Date) -> Vec<SchemeLine> {
    let mut order: Vec<_> = program.schemes.iter().zip(&finding.schemes).collect();
    order.sort_by_key(|(scheme, _)| scheme.order);
    order
        .into_iter()
        .map(|(scheme, found)| SchemeLine {
            scheme: scheme.id.clone(),
            title: scheme.title.clone(),
            finding: found.finding,
            finding_zh: found.finding.zh().to_owned(),
            amount: found
                .amount
                .filter(|_| found.finding != Tri::NotMet)
                .and_then(|cell| shown(program, scheme.amount, cell)),
            amount_fen: found.amount.filter(|_| found.finding != Tri::NotMet).and_then(Cell::known),
            recheck_months: found.recheck_months,
            until: found
                .until
                .filter(|_| found.finding != Tri::NotMet)
                .and_then(|cell| shown(program, scheme.until, cell)),
            persons: scheme_persons(program, scheme, found, names),
            cite: scheme.cite_on(program, as_of),
            waiting_on: found.waiting_on.iter().map(|r| names.source(r.source.as_str())).collect(),
        })
        .collect()
}

/// A raised flag as reports and reviews show it.
pub(crate) fn flag_line(
    program: &Program,
    raised: &RaisedFlag,
    as_of: Date,
    source: impl Fn(&str) -> String,
) -> FlagLine {
    let flag = &program.flags[raised.flag];
    let number = |step: Option<StepId>, cell: Option<Cell>| {
        let step = &program.steps[step?.index()];
        Some(Value { ty: step.ty, held: Held::Number(cell?) }.to_string())
    };
    let ty = flag.found.or(flag.declared).map(|step| program.steps[step.index()].ty);
    let mut evidence: BTreeMap<String, usize> = BTreeMap::new();
    for e in &raised.evidence {
        let day = e.as_of.map_or_else(String::new, |d| format!("，截至 {d}"));
        let line = format!("{} {}{day}", source(e.source.as_str()), masked_key(&e.record_id));
        *evidence.entry(line).or_default() += 1;
    }
    FlagLine {
        flag: flag.id.clone(),
        title: flag.title.clone(),
        person: raised.person,
        severity: flag.severity.as_str().to_owned(),
        severity_zh: flag.severity.zh().to_owned(),
        follow_up: flag.follow_up.as_str().to_owned(),
        follow_up_zh: flag.follow_up.zh().to_owned(),
        declared: number(flag.declared, raised.declared),
        found: number(flag.found, raised.found),
        difference: raised.difference.zip(ty).map(|(v, ty)| show_number(ty, v)),
        evidence: evidence.into_keys().collect(),
        cite: flag.cite_on(program, as_of),
    }
}

fn title_of(program: &Program, rule: &str) -> String {
    program.steps.iter().find(|s| s.name == rule).map_or_else(|| rule.to_owned(), |s| s.rule.title.clone())
}
