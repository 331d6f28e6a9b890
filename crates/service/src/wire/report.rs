//! The report on the wire. Amounts are yuan as text with two decimals, or whole fen where the name says so; days are
//! `YYYY-MM-DD`; texts for caseworkers are Chinese; people are keys of this data folder, names and numbers masked.

use std::collections::BTreeMap;

use hedui_base::{Fen, Outcome};
use hedui_verify as v;
use serde::Serialize;
use utoipa::ToSchema;

use super::scheme::Scheme;

/// What one verification of one household found. It reports; it never decides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportBody {
    /// The case.
    case: String,
    /// The scheme applied for or received.
    scheme: String,
    /// Area of the household.
    area: String,
    /// `urban` or `rural`.
    residence: Option<String>,
    /// The day it speaks about.
    #[schema(format = Date)]
    as_of: String,
    /// Answers up to here counted.
    #[schema(format = DateTime)]
    known_at: String,
    /// The rules it was made with.
    pack: Pack,
    /// First scheme met, if that is certain.
    category: Option<String>,
    /// Schemes that are met or may still turn out to be.
    possible: Vec<String>,
    /// One sentence.
    conclusion: String,
    /// Monthly amount computed for the category, in fen.
    amount_fen: Option<i64>,
    /// Sources that could settle what is open.
    waiting_on: Vec<Waiting>,
    /// How much was answered.
    completeness: Completeness,
    /// Members, then obligors.
    people: Vec<ReportPerson>,
    /// Every (person, source) pair.
    coverage: Vec<Coverage>,
    /// What was declared.
    declared: Vec<Named>,
    /// Values computed on the way.
    values: Vec<Named>,
    /// Named comparisons.
    tests: Vec<Test>,
    /// Aid programmes by order.
    schemes: Vec<Scheme>,
    /// Raised flags, gravest first.
    flags: Vec<Flag>,
    /// Score 0-100.
    score: Option<String>,
    /// What was assumed and why.
    assumed: Vec<Named>,
    /// How the key values came about, down to source rows.
    explanations: Vec<Explanation>,
}

/// A rule pack's identity.
#[derive(Debug, Serialize, ToSchema)]
struct Pack {
    id: String,
    title: String,
    version: String,
    /// SHA-256 over all its files.
    hash: String,
}

/// How much was answered.
#[derive(Debug, Serialize, ToSchema)]
struct Completeness {
    /// Pairs of person and source in play.
    asked: usize,
    /// Pairs answered.
    answered: usize,
    /// Pairs unknown.
    unknown: usize,
    /// Pairs that policy leaves out.
    not_applicable: usize,
    /// The same by source.
    sources: Vec<SourceCompleteness>,
    /// What was not answered and what that means.
    statement: String,
}

/// One source's completeness.
#[derive(Debug, Serialize, ToSchema)]
struct SourceCompleteness {
    source: String,
    title: String,
    dataset: String,
    asked: usize,
    answered: usize,
    /// Pairs unknown, by outcome.
    unknown: BTreeMap<String, usize>,
    /// Newest day its answers are true for.
    #[schema(format = Date)]
    as_of: Option<String>,
    /// Latest due day of what is pending.
    #[schema(format = Date)]
    due: Option<String>,
}

/// A source whose answer could still change a finding.
#[derive(Debug, Serialize, ToSchema)]
struct Waiting {
    source: String,
    title: String,
    /// An outcome, `not_asked`, `no_source`, `null` or `division_by_zero`.
    cause: String,
    text: String,
}

/// One person, masked.
#[derive(Debug, Serialize, ToSchema)]
struct ReportPerson {
    /// Key in this data folder.
    person: u32,
    /// `member` or `obligor`.
    role: String,
    relation: Option<String>,
    relation_zh: String,
    /// Masked.
    name: String,
    /// Masked.
    id_number: String,
}

/// How one pair of person and source stands.
#[derive(Debug, Serialize, ToSchema)]
struct Coverage {
    person: u32,
    source: String,
    title: String,
    /// found, no_record, partial, pending, overdue, not_authorised, unsendable, failed or not_applicable; none if never asked.
    outcome: Option<String>,
    text: String,
    #[schema(format = DateTime)]
    asked: Option<String>,
    #[schema(format = DateTime)]
    answered: Option<String>,
    #[schema(format = Date)]
    as_of: Option<String>,
    #[schema(format = Date)]
    due: Option<String>,
    /// Number of the letter it was asked under.
    letter: Option<String>,
}

/// A named value.
#[derive(Debug, Serialize, ToSchema)]
struct Named {
    name: String,
    title: String,
    /// Whose; none for the household.
    person: Option<u32>,
    value: String,
}

/// A named comparison.
#[derive(Debug, Serialize, ToSchema)]
struct Test {
    name: String,
    title: String,
    /// met, not_met or undetermined.
    result: String,
    result_zh: String,
    value: Option<String>,
    limit: Option<String>,
    /// How far inside (positive) or outside (negative).
    margin: Option<String>,
    cite: Option<String>,
    waiting_on: Vec<String>,
}

/// A raised flag.
#[derive(Debug, Serialize, ToSchema)]
struct Flag {
    flag: String,
    title: String,
    person: Option<u32>,
    severity: String,
    severity_zh: String,
    follow_up: String,
    follow_up_zh: String,
    declared: Option<String>,
    found: Option<String>,
    difference: Option<String>,
    evidence: Vec<String>,
    cite: String,
}

/// One value and what it stands on.
#[derive(Debug, Serialize, ToSchema)]
struct Explanation {
    name: String,
    title: String,
    person: Option<u32>,
    value: String,
    /// Fen, where it is an exact amount of money.
    fen: Option<i64>,
    formula: String,
    cite: Option<String>,
    /// File and line of the rule.
    place: String,
    parameters: Vec<Parameter>,
    records: Vec<Record>,
    reasons: Vec<Waiting>,
    assumed: Option<String>,
    #[schema(no_recursion)]
    children: Vec<Explanation>,
}

/// One parameter row.
#[derive(Debug, Serialize, ToSchema)]
struct Parameter {
    name: String,
    title: String,
    value: String,
    area: Option<String>,
    #[schema(format = Date)]
    from: String,
    #[schema(format = Date)]
    until: Option<String>,
    cite: String,
    place: String,
}

/// One source row.
#[derive(Debug, Serialize, ToSchema)]
struct Record {
    dataset: String,
    source: String,
    source_title: String,
    record_id: String,
    #[schema(format = Date)]
    as_of: Option<String>,
    person: Option<u32>,
    /// met (counted), not_met (left out) or undetermined.
    counted: String,
    /// Columns in use.
    columns: Vec<Shown>,
    contribution: Option<String>,
}

/// A column as shown.
#[derive(Debug, Serialize, ToSchema)]
struct Shown {
    title: String,
    value: String,
}

fn text<T: ToString>(value: &Option<T>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

fn list<'a, A: 'a, B: From<&'a A>>(items: &'a [A]) -> Vec<B> {
    items.iter().map(B::from).collect()
}

impl From<&v::Report> for ReportBody {
    fn from(r: &v::Report) -> Self {
        Self {
            case: r.case.to_string(),
            scheme: r.scheme.clone(),
            area: r.area.to_string(),
            residence: r.residence.clone(),
            as_of: r.as_of.to_string(),
            known_at: r.known_at.to_string(),
            pack: Pack {
                id: r.pack.id.clone(),
                title: r.pack.title.clone(),
                version: r.pack.version.clone(),
                hash: r.pack.hash.clone(),
            },
            category: r.category.clone(),
            possible: r.possible.clone(),
            conclusion: r.conclusion.clone(),
            amount_fen: r.amount_fen,
            waiting_on: list(&r.waiting_on),
            completeness: Completeness {
                asked: r.completeness.asked,
                answered: r.completeness.answered,
                unknown: r.completeness.unknown,
                not_applicable: r.completeness.not_applicable,
                sources: list(&r.completeness.sources),
                statement: r.completeness.statement.clone(),
            },
            people: list(&r.people),
            coverage: list(&r.coverage),
            declared: list(&r.declared),
            values: list(&r.values),
            tests: list(&r.tests),
            schemes: list(&r.schemes),
            flags: list(&r.flags),
            score: r.score.clone(),
            assumed: list(&r.assumed),
            explanations: list(&r.explanations),
        }
    }
}

impl From<&v::SourceLine> for SourceCompleteness {
    fn from(s: &v::SourceLine) -> Self {
        Self {
            source: s.source.clone(),
            title: s.title.clone(),
            dataset: s.dataset.clone(),
            asked: s.asked,
            answered: s.answered,
            unknown: s.unknown.clone(),
            as_of: text(&s.as_of),
            due: text(&s.due),
        }
    }
}

impl From<&v::WaitingLine> for Waiting {
    fn from(w: &v::WaitingLine) -> Self {
        Self { source: w.source.clone(), title: w.title.clone(), cause: w.cause.clone(), text: w.text.clone() }
    }
}

impl From<&v::PersonLine> for ReportPerson {
    fn from(p: &v::PersonLine) -> Self {
        Self {
            person: p.person.0,
            role: p.role.clone(),
            relation: p.relation.clone(),
            relation_zh: p.relation_zh.clone(),
            name: p.name.clone(),
            id_number: p.id_number.clone(),
        }
    }
}

impl From<&v::CoverageLine> for Coverage {
    fn from(c: &v::CoverageLine) -> Self {
        Self {
            person: c.person.0,
            source: c.source.clone(),
            title: c.title.clone(),
            outcome: c.outcome.map(Outcome::as_str).map(str::to_owned),
            text: c.text.clone(),
            asked: text(&c.asked),
            answered: text(&c.answered),
            as_of: text(&c.as_of),
            due: text(&c.due),
            letter: c.letter.clone(),
        }
    }
}

impl From<&v::DeclaredLine> for Named {
    fn from(d: &v::DeclaredLine) -> Self {
        let person = d.person.map(|p| p.0);
        Self { name: d.name.clone(), title: d.title.clone(), person, value: d.value.clone() }
    }
}

impl From<&v::Note> for Named {
    fn from(n: &v::Note) -> Self {
        let person = n.person.map(|p| p.0);
        Self { name: n.name.clone(), title: n.title.clone(), person, value: n.value.clone() }
    }
}

impl From<&v::TestLine> for Test {
    fn from(t: &v::TestLine) -> Self {
        Self {
            name: t.name.clone(),
            title: t.title.clone(),
            result: t.result.to_string(),
            result_zh: t.result_zh.clone(),
            value: t.value.clone(),
            limit: t.limit.clone(),
            margin: t.margin.clone(),
            cite: t.cite.clone(),
            waiting_on: t.waiting_on.clone(),
        }
    }
}

impl From<&v::FlagLine> for Flag {
    fn from(f: &v::FlagLine) -> Self {
        Self {
            flag: f.flag.clone(),
            title: f.title.clone(),
            person: f.person.map(|p| p.0),
            severity: f.severity.clone(),
            severity_zh: f.severity_zh.clone(),
            follow_up: f.follow_up.clone(),
            follow_up_zh: f.follow_up_zh.clone(),
            declared: f.declared.clone(),
            found: f.found.clone(),
            difference: f.difference.clone(),
            evidence: f.evidence.clone(),
            cite: f.cite.clone(),
        }
    }
}

impl From<&v::ExplanationNode> for Explanation {
    fn from(e: &v::ExplanationNode) -> Self {
        Self {
            name: e.name.clone(),
            title: e.title.clone(),
            person: e.person.map(|p| p.0),
            value: e.value.clone(),
            fen: e.fen.map(Fen::fen),
            formula: e.formula.clone(),
            cite: e.cite.clone(),
            place: e.place.clone(),
            parameters: list(&e.parameters),
            records: list(&e.records),
            reasons: list(&e.reasons),
            assumed: e.assumed.clone(),
            children: list(&e.children),
        }
    }
}

impl From<&v::ParameterLine> for Parameter {
    fn from(p: &v::ParameterLine) -> Self {
        Self {
            name: p.name.clone(),
            title: p.title.clone(),
            value: p.value.clone(),
            area: text(&p.area),
            from: p.from.to_string(),
            until: text(&p.until),
            cite: p.cite.clone(),
            place: p.place.clone(),
        }
    }
}

impl From<&v::RecordLine> for Record {
    fn from(r: &v::RecordLine) -> Self {
        let columns = r.columns.iter().map(|(title, value)| Shown { title: title.clone(), value: value.clone() });
        Self {
            dataset: r.dataset.clone(),
            source: r.source.clone(),
            source_title: r.source_title.clone(),
            record_id: r.record_id.clone(),
            as_of: text(&r.as_of),
            person: r.person.map(|p| p.0),
            counted: r.counted.to_string(),
            columns: columns.collect(),
            contribution: r.contribution.clone(),
        }
    }
}
