//! Flags: how many, which, and the records that are their evidence.

use hedui_rules::program::{DatasetId, Entity, Expr, ExprKind, Flag, FlagSeverity, Over, StepKind};

use crate::plan::{Origin, Scope};
use crate::printer::Printer;
use crate::slot::{Slot, Sort, Why, all, any, not};
use crate::sql::{Sql, q};
use crate::stages::Stages;

/// The evidence of one flag in one dataset.
pub(crate) struct Evidence {
    pub(crate) flag: usize,
    pub(crate) dataset: usize,
    /// Whether the records of obligors are evidence too.
    obligors: bool,
    /// Whether a record is.
    is: Sql,
}

impl Printer<'_> {
    /// A flag's condition, for members only where it is a flag of persons.
    fn raised(&mut self, flag: &Flag) -> Slot {
        let when = self.steps[flag.when.index()].clone();
        let when = self.condition(&when);
        match flag.entity {
            Entity::Household => when,
            Entity::Person => {
                let member = Slot::truth(self.is_member());
                self.conjunction(&[member, when])
            }
        }
    }

    /// How many flags of a severity are raised, up to those that may be. What only data could raise that nobody offers is
    /// out of play: no answer is on its way.
    pub(crate) fn count_flags(&mut self, severity: FlagSeverity) -> Slot {
        let program = self.program;
        let flags = program.flags.iter().filter(|flag| flag.severity == severity);
        let (mut lo, mut more, mut why) = (Vec::new(), Vec::new(), Why::default());
        for flag in flags {
            let when = self.raised(flag);
            lo.push((flag.entity, q!("CAST({} AS BIGINT)", when.lo)));
            if when.is_closed() {
                continue;
            }
            let open = all([when.hi().clone(), not(&when.lo)]);
            let in_play = any(when.why.0.iter().map(|(word, (sql, _))| {
                let mask = self.atoms.without_source(*word);
                if mask == 0 { q!("{} <> 0", sql) } else { q!("({} & ~CAST({mask} AS BIGINT)) <> 0", sql) }
            }));
            let open = self.bind(all([open, in_play]));
            more.push((flag.entity, q!("CAST({} AS BIGINT)", open)));
            let own = self.bound_why(&when.why.when(&open));
            let own = if flag.entity == Entity::Person {
                let mut up = Why::default();
                for (word, (sql, bits)) in &own.0 {
                    let union = self.plan.grouped(Scope::Person, q!("BIT_OR({})", sql));
                    up.0.insert(*word, (self.bind(q!("COALESCE({}, 0)", union)), *bits));
                }
                up
            } else {
                own
            };
            why = why.or(&own);
        }
        let lo = self.total(&lo);
        if why.is_empty() {
            return Slot::known(lo, Sort::Number);
        }
        let more = self.total(&more);
        let hi = self.bind(q!("({} + {})", lo, more));
        self.finish(Sort::Number, lo, Some(hi), None, why)
    }

    /// Raised flags of a severity.
    pub(crate) fn raised_count(&mut self, severity: FlagSeverity) -> Sql {
        let program = self.program;
        let flags: Vec<&Flag> = program.flags.iter().filter(|flag| flag.severity == severity).collect();
        let lo: Vec<(Entity, Sql)> =
            flags.into_iter().map(|flag| (flag.entity, q!("CAST({} AS BIGINT)", self.raised(flag).lo))).collect();
        self.total(&lo)
    }

    /// Sums numbers of the household and of its people.
    fn total(&mut self, parts: &[(Entity, Sql)]) -> Sql {
        let of = |entity: Entity| -> Vec<Sql> {
            parts.iter().filter(|(e, _)| *e == entity).map(|(_, sql)| sql.clone()).collect()
        };
        let (own, people) = (of(Entity::Household), of(Entity::Person));
        let mut total = own;
        if !people.is_empty() {
            let each = self.bind(q!("({})", Sql::join(&people, " + ")));
            let sum = self.plan.grouped(Scope::Person, q!("CAST(SUM({}) AS BIGINT)", each));
            total.push(q!("COALESCE({}, 0)", sum));
        }
        if total.is_empty() { Sql::number(0) } else { self.bind(q!("({})", Sql::join(&total, " + "))) }
    }

    /// A flag's condition and what it compares, as columns that stay to the end.
    pub(crate) fn flag_columns(&mut self, flag: &Flag) -> (Sql, [Sql; 2]) {
        let when = self.raised(flag);
        let when = self.bind(when.lo);
        let compared = [flag.declared, flag.found].map(|step| {
            let Some(step) = step else { return Sql::literal("CAST(NULL AS BIGINT)") };
            let of_person = self.program.steps[step.index()].entity == Entity::Person;
            if of_person && flag.entity == Entity::Household {
                return Sql::literal("CAST(NULL AS BIGINT)");
            }
            let slot = self.steps[step.index()].clone();
            self.cell(&slot)
        });
        self.plan.keep(&when);
        compared.iter().for_each(|sql| self.plan.keep(sql));
        (when, compared)
    }

    /// What is evidence of which flags.
    pub(crate) fn evidence(&mut self) -> Vec<Evidence> {
        let program = self.program;
        let mut evidence = Vec::new();
        for (flag, definition) in program.flags.iter().enumerate() {
            let (facts, obligors) = self.reach(definition.when.index());
            for dataset in &definition.evidence {
                let dataset: &DatasetId = dataset;
                let of = facts.iter().filter(
                    |step| matches!(&program.steps[**step].kind, StepKind::Fact { dataset: own, .. } if own == dataset),
                );
                let is = any(of.filter_map(|step| self.counted[*step].clone()));
                if is.is("FALSE") {
                    continue;
                }
                let is = self.bind(is);
                evidence.push(Evidence { flag, dataset: dataset.index(), obligors, is });
            }
        }
        for dataset in 0..program.datasets.len() {
            let own: Vec<&Evidence> = evidence.iter().filter(|e| e.dataset == dataset).collect();
            if own.is_empty() {
                continue;
            }
            let reads = self.evidence_reads(dataset, &own);
            self.plan.sources.push((Scope::Records(dataset), reads));
        }
        evidence
    }

    fn evidence_reads(&mut self, dataset: usize, evidence: &[&Evidence]) -> Vec<u32> {
        let scope = Scope::Records(dataset);
        let columns = ["source", "record_id", "as_of"].map(|name| self.plan.base(name, scope, &format!("r.{name}")));
        let mut reads: Vec<u32> =
            columns.iter().chain(evidence.iter().map(|e| &e.is)).flat_map(|c| c.reads.clone()).collect();
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    /// The facts a step rests on, and whether it sums up obligors.
    fn reach(&self, step: usize) -> (Vec<usize>, bool) {
        let steps = &self.program.steps;
        let (mut seen, mut facts, mut obligors) = (vec![false; steps.len()], Vec::new(), false);
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            if std::mem::replace(&mut seen[step], true) {
                continue;
            }
            let parts: Vec<&Expr> = match &steps[step].kind {
                StepKind::Fact { filter, value, .. } => {
                    facts.push(step);
                    filter.iter().chain([value]).collect()
                }
                StepKind::Formula(expr) => vec![expr],
                StepKind::FlagCount(_) => Vec::new(),
            };
            for part in parts.into_iter().flat_map(Expr::all) {
                match &part.kind {
                    ExprKind::Step(below) => open.push(below.index()),
                    ExprKind::Aggregate(of) if of.over == Over::Obligors => obligors = true,
                    _ => {}
                }
            }
        }
        facts.sort_unstable();
        (facts, obligors)
    }

    /// The relation `raised`: one row per raised flag, with what it compares.
    pub(crate) fn raised_query(&self, stages: &Stages<'_>, columns: &[(Sql, [Sql; 2])], broken: &Sql) -> String {
        let (households, people) = (stages.last(Scope::Household), stages.last(Scope::Person));
        let mut parts = Vec::new();
        for (index, (flag, (when, [declared, found]))) in self.program.flags.iter().zip(columns).enumerate() {
            let (person, from) = match flag.entity {
                Entity::Household => ("CAST(NULL AS BIGINT)".to_owned(), format!("{households} h")),
                Entity::Person => {
                    ("p.person".to_owned(), format!("{people} p JOIN {households} h ON h.case_row = p.case_row"))
                }
            };
            let ok = if broken.is("0") { String::new() } else { format!(" AND {} = 0", broken.text) };
            parts.push(format!(
                "  -- {} {}\n  SELECT h.case_row, {person} AS person, {index} AS flag, {} AS declared, {} AS found\n  FROM {from}\n  WHERE {}{ok}",
                flag.id, flag.title.replace('\n', " "), declared.text, found.text, when.text,
            ));
        }
        if parts.is_empty() {
            return "  SELECT CAST(NULL AS BIGINT) AS case_row, CAST(NULL AS BIGINT) AS person, 0 AS flag,\n    \
                    CAST(NULL AS BIGINT) AS declared, CAST(NULL AS BIGINT) AS found\n  WHERE FALSE"
                .to_owned();
        }
        parts.join("\n  UNION ALL\n")
    }

    /// The relation `evidence`: for each raised flag its records, joined as results write them.
    pub(crate) fn evidence_query(
        &mut self,
        stages: &Stages<'_>,
        evidence: &[Evidence],
        names: &[Vec<Sql>],
    ) -> Option<String> {
        let dialect = self.dialect();
        let mut parts = Vec::new();
        for (dataset, used) in self.program.datasets.iter().enumerate() {
            let own: Vec<&Evidence> = evidence.iter().filter(|e| e.dataset == dataset).collect();
            let Some([source, record, day]) = names.get(dataset).map(Vec::as_slice).filter(|_| !own.is_empty()) else {
                continue;
            };
            let mut reads: Vec<u32> =
                own.iter().map(|e| &e.is).chain([source, record, day]).flat_map(|c| c.reads.clone()).collect();
            reads.sort_unstable();
            reads.dedup();
            let by_person = used.entity == Entity::Person;
            let key = if by_person { "person" } else { "case_row" };
            let flags: Vec<String> = own.iter().map(|e| e.flag.to_string()).collect();
            let only = format!(
                "\n  {} (SELECT {key} FROM raised_people WHERE flag IN ({})) w ON w.{key} = r.{key}",
                dialect.semi_join(),
                flags.join(", ")
            );
            let (query, keys) = stages.real_source(scope_of_records(dataset), &reads, &only);
            let list: Vec<String> = own
                .iter()
                .map(|e| {
                    let of_member = by_person && !e.obligors && self.program.flags[e.flag].entity == Entity::Household;
                    let member = if of_member { " AND b.role = 'member'" } else { "" };
                    format!("CASE WHEN {}{member} THEN {} END", e.is.text, e.flag)
                })
                .collect();
            let (columns, join) = if by_person {
                let mut and = if keys.len() > 1 { " AND b.case_row = s.case_row" } else { "" }.to_owned();
                if let Some(asked) = &stages.plan.asked[dataset]
                    && let Origin::Base(text) = &stages.plan.column(asked.reads[0]).origin
                {
                    and.push_str(&format!(" AND {text}"));
                }
                ("b.case_row, b.person".to_owned(), format!(" JOIN persons b ON b.person = s.person{and}"))
            } else {
                ("s.case_row, CAST(NULL AS BIGINT) AS person".to_owned(), String::new())
            };
            parts.push(format!(
                "  SELECT {columns}, {dataset} AS dataset, {} AS name, {} AS source, {} AS record_id,\n    \
                 COALESCE(CAST({} AS STRING), '') AS day, {}\n  FROM ({query}) s{join}",
                dialect.text(&used.name),
                source.text,
                record.text,
                day.text,
                dialect.each(&list, "flag"),
            ));
        }
        if parts.is_empty() {
            return None;
        }
        let joined = dialect.ordered_join(
            &["dataset", "source", "record_id", "day"],
            "CONCAT(name, '|', source, '|', record_id, '|', day)",
            "",
        );
        Some(format!(
            "SELECT case_row, person, flag, {joined} AS evidence\nFROM (\n  \
             SELECT DISTINCT f.case_row, f.person, f.flag, e.dataset, e.name, e.source, e.record_id, e.day\n  FROM raised f JOIN (\n{}\n  ) e\n    \
             ON e.case_row = f.case_row AND e.flag = f.flag AND (f.person IS NULL OR e.person IS NULL OR e.person = f.person)\n) e\n\
             GROUP BY case_row, person, flag",
            parts.join("\n  UNION ALL\n"),
        ))
    }

    /// The columns that name records, by dataset; empty where none is evidence.
    pub(crate) fn evidence_names(&mut self, evidence: &[Evidence]) -> Vec<Vec<Sql>> {
        (0..self.program.datasets.len())
            .map(|dataset| {
                if !evidence.iter().any(|e| e.dataset == dataset) {
                    return Vec::new();
                }
                let scope = Scope::Records(dataset);
                ["source", "record_id", "as_of"].map(|name| self.plan.base(name, scope, &format!("r.{name}"))).to_vec()
            })
            .collect()
    }
}

const fn scope_of_records(dataset: usize) -> Scope {
    Scope::Records(dataset)
}
