//! From the plan to statements: each stage of households and people as one query.

use std::collections::BTreeSet;

use crate::Dialect;
use crate::plan::{Origin, Plan, Scope};
use crate::sql::{ColumnId, Sql};

/// A relation in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) query: String,
    /// How many queries read it.
    pub(crate) readers: usize,
}

/// The stages of a plan, in order, and what the results find in the last ones.
pub(crate) struct Stages<'p> {
    pub(crate) plan: &'p Plan,
    dialect: Dialect,
    datasets: Vec<String>,
    /// By column: the last rank at which somebody reads it from its relation; none if nobody does.
    until: Vec<Option<u32>>,
    needed: Vec<bool>,
    pub(crate) stages: Vec<Stage>,
    /// Ranks at which there is a relation of households and of people.
    versions: [Vec<u32>; 2],
}

const FOREVER: u32 = u32::MAX;

impl<'p> Stages<'p> {
    pub(crate) fn new(plan: &'p Plan, dialect: Dialect, datasets: Vec<String>) -> Self {
        let mut stages = Self {
            plan,
            dialect,
            datasets,
            until: vec![None; plan.columns.len()],
            needed: vec![false; plan.columns.len()],
            stages: Vec::new(),
            versions: [Vec::new(), Vec::new()],
        };
        for id in &plan.kept {
            stages.need(*id, FOREVER);
        }
        for (from, reads) in &plan.sources {
            stages.need_of(*from, reads, FOREVER);
        }
        stages
    }

    /// Notes that a column is read from its relation at a rank, and all it is made of before that.
    fn need(&mut self, id: ColumnId, rank: u32) {
        let known = &mut self.until[id as usize];
        if known.is_none_or(|until| until < rank) {
            *known = Some(rank);
        }
        if std::mem::replace(&mut self.needed[id as usize], true) {
            return;
        }
        let plan = self.plan;
        let column = plan.column(id);
        match &column.origin {
            Origin::Base(_) => {}
            Origin::Scalar(sql) => {
                for read in &sql.reads {
                    let other = plan.column(*read);
                    let at = match (column.scope, other.scope) {
                        // Records have no relation of their own: whoever sums them up reads for them.
                        (Scope::Records(_), _) => 0,
                        (own, of) if own == of => column.rank.saturating_sub(1),
                        _ => column.rank,
                    };
                    self.need(*read, at);
                }
            }
            Origin::Grouped { from, of, .. } => self.need_of(*from, &of.reads, column.rank),
            Origin::Special(index) => {
                let special = &plan.specials[*index];
                self.need_of(special.from, &special.reads, column.rank);
            }
        }
    }

    /// What an aggregate of a rank reads of finer rows and of those they belong to.
    fn need_of(&mut self, from: Scope, reads: &[ColumnId], rank: u32) {
        let ghosts = self.ghost_reads(from);
        for id in self.closure(from, reads.iter().chain(&ghosts)) {
            self.need(id, rank - 1);
        }
    }

    fn ghost_reads(&self, from: Scope) -> Vec<ColumnId> {
        match from {
            Scope::Records(dataset) => {
                self.plan.ghosts[dataset].as_ref().map_or_else(Vec::new, |ghosts| ghosts.when.reads.clone())
            }
            _ => Vec::new(),
        }
    }

    /// Columns of records with all the columns of records below them, and what those read of their owners.
    fn closure<'i>(&self, from: Scope, reads: impl IntoIterator<Item = &'i ColumnId>) -> BTreeSet<ColumnId> {
        let mut open: Vec<ColumnId> = reads.into_iter().copied().collect();
        let mut all = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !all.insert(id) {
                continue;
            }
            let column = self.plan.column(id);
            if let (Scope::Records(_), true, Origin::Scalar(sql)) = (from, column.scope == from, &column.origin) {
                open.extend(&sql.reads);
            }
        }
        all
    }

    /// The relation of households or people as it stands at a rank.
    pub(crate) fn at(&self, scope: Scope, rank: u32) -> String {
        let (letter, versions) = match scope {
            Scope::Household => ('h', &self.versions[0]),
            _ => ('p', &self.versions[1]),
        };
        let version = versions.iter().rev().find(|v| **v <= rank).copied().unwrap_or(0);
        format!("{letter}{version}")
    }

    /// The last relation of households or people.
    pub(crate) fn last(&self, scope: Scope) -> String {
        self.at(scope, FOREVER)
    }

    /// Emits all stages.
    pub(crate) fn run(&mut self) {
        let needed = |s: &Self, id: usize| s.needed[id];
        let last = (0..self.plan.columns.len())
            .filter(|id| needed(self, *id) && !matches!(self.plan.columns[*id].scope, Scope::Records(_)))
            .map(|id| self.plan.columns[id].rank)
            .max()
            .unwrap_or(0);
        for rank in 0..=last {
            for scope in [Scope::Household, Scope::Person] {
                self.stage(scope, rank);
            }
        }
        for i in 0..self.stages.len() {
            let name = self.stages[i].name.clone();
            self.stages[i].readers = self.stages.iter().filter(|s| reads(&s.query, &name)).count();
        }
    }

    fn stage(&mut self, scope: Scope, rank: u32) {
        let plan = self.plan;
        let own: Vec<ColumnId> = (0..plan.columns.len() as ColumnId)
            .filter(|id| self.needed[*id as usize])
            .filter(|id| plan.column(*id).scope == scope && plan.column(*id).rank == rank)
            .collect();
        if rank > 0 && own.is_empty() {
            return;
        }
        let keys: &[&str] = if scope == Scope::Household { &["case_row"] } else { &["case_row", "person"] };
        let (mut select, mut from) = (Vec::new(), String::new());
        let which = usize::from(scope != Scope::Household);
        select.extend(keys.iter().map(|key| format!("b.{key}")));
        let lives = |id: ColumnId, at: u32| self.until[id as usize].is_some_and(|until| until >= at);
        if rank == 0 {
            from.push_str(if scope == Scope::Household { "cases b" } else { "persons b" });
            from.push_str(&plan.joins[which]);
        } else {
            from.push_str(&format!("{} b", self.at(scope, rank - 1)));
            let before = |id: &ColumnId| {
                let column = plan.column(*id);
                column.scope == scope && column.rank < rank && self.needed[*id as usize]
            };
            let scalars = own.iter().filter_map(|id| match &plan.column(*id).origin {
                Origin::Scalar(sql) => Some(&sql.reads),
                _ => None,
            });
            let read_here: BTreeSet<ColumnId> = scalars.flatten().copied().collect();
            let carried = (0..plan.columns.len() as ColumnId).filter(before);
            let carried = carried.filter(|id| lives(*id, rank) || read_here.contains(id));
            select.extend(carried.map(|id| format!("b.{}", plan.column(id).name)));
        }
        self.joined_aggregates(scope, rank, &own, &mut select, &mut from);
        if scope == Scope::Person {
            let imports: BTreeSet<ColumnId> = own
                .iter()
                .filter_map(|id| match &plan.column(*id).origin {
                    Origin::Scalar(sql) => Some(sql.reads.iter().filter(|r| plan.column(**r).scope < scope)),
                    _ => None,
                })
                .flatten()
                .copied()
                .collect();
            if !imports.is_empty() {
                let households = self.at(Scope::Household, rank);
                from.push_str(&format!("\n  JOIN {households} h ON h.case_row = b.case_row"));
                select.extend(imports.iter().map(|id| format!("h.{}", plan.column(*id).name)));
            }
        }
        for id in &own {
            if let Origin::Base(text) = &plan.column(*id).origin {
                select.push(format!("{text} AS {}", plan.column(*id).name));
            }
        }
        let exported = (0..plan.columns.len() as ColumnId)
            .filter(|id| plan.column(*id).scope == scope && plan.column(*id).rank <= rank && lives(*id, rank));
        let exported: Vec<String> =
            keys.iter().map(|key| (*key).to_owned()).chain(exported.map(|id| plan.column(id).name.clone())).collect();
        let scalars: Vec<ColumnId> =
            own.iter().copied().filter(|id| matches!(plan.column(*id).origin, Origin::Scalar(_))).collect();
        let query = self.levels(&select, &from, &scalars, &exported);
        let letter = if scope == Scope::Household { 'h' } else { 'p' };
        self.versions[which].push(rank);
        self.stages.push(Stage { name: format!("{letter}{rank}"), query, readers: 0 });
    }

    /// Joins what was summed up of finer rows.
    fn joined_aggregates(
        &self,
        scope: Scope,
        rank: u32,
        own: &[ColumnId],
        select: &mut Vec<String>,
        from: &mut String,
    ) {
        let plan = self.plan;
        let mut sources: Vec<Scope> = Vec::new();
        let mut specials: BTreeSet<usize> = BTreeSet::new();
        for id in own {
            match &plan.column(*id).origin {
                Origin::Grouped { from, .. } if !sources.contains(from) => sources.push(*from),
                Origin::Special(index) => drop(specials.insert(*index)),
                _ => {}
            }
        }
        sources.sort_unstable();
        let mut merged: Vec<(String, Vec<String>)> = Vec::new();
        for (index, source) in sources.into_iter().enumerate() {
            let group: Vec<(ColumnId, &Sql, &Option<Sql>)> = own
                .iter()
                .filter_map(|id| match &plan.column(*id).origin {
                    Origin::Grouped { from, of, only } if *from == source => Some((*id, of, only)),
                    _ => None,
                })
                .collect();
            let reads = group.iter().flat_map(|(_, of, _)| &of.reads).copied().collect::<Vec<_>>();
            let (query, keys) = self.source(source, &reads, rank);
            let lines = group.iter().map(|(id, of, _)| {
                let column = plan.column(*id);
                self.line(&of.text, &column.name, column.note.as_deref())
            });
            let lines: Vec<String> = keys.iter().map(|k| format!("    {k}")).chain(lines).collect();
            let body = format!(
                "    SELECT\n{}\n    FROM ({}) s{}\n    GROUP BY {}",
                lines.join(",\n"),
                indented(&query, 4),
                only_where(&group),
                keys.join(", "),
            );
            let names = group.iter().map(|(id, ..)| plan.column(*id).name.clone());
            if plan.merged && keys == ["person"] {
                merged.push((body, names.collect()));
                continue;
            }
            let alias = format!("a{index}");
            from.push_str(&format!("\n  LEFT JOIN (\n{body}\n  ) {alias} ON {}", on(&keys, &alias)));
            select.extend(names.map(|name| format!("{alias}.{name}")));
        }
        if !merged.is_empty() {
            // One wide relation, joined once: cheaper than a join for each dataset.
            let (bodies, names): (Vec<String>, Vec<Vec<String>>) = merged.into_iter().unzip();
            let names = names.concat();
            let lines: Vec<String> = names.iter().map(|name| format!("ANY_VALUE({name}) AS {name}")).collect();
            from.push_str(&format!(
                "\n  LEFT JOIN (\n    SELECT person, {}\n    FROM (\n{}\n    ) g\n    GROUP BY person\n  ) g ON g.person = b.person",
                lines.join(", "),
                bodies.join("\n    UNION ALL BY NAME\n")
            ));
            select.extend(names.iter().map(|name| format!("g.{name}")));
        }
        for index in specials {
            let special = &plan.specials[index];
            debug_assert_eq!(special.to, scope);
            let (query, keys) = self.source(special.from, &special.reads, rank);
            let body = special.body.replace("{key}", &keys.join(", ")).replace("{source}", &query);
            let alias = format!("z{index}");
            from.push_str(&format!("\n  LEFT JOIN ({}) {alias} ON {}", indented(&body, 4), on(&keys, &alias)));
            let results = own.iter().filter(|id| matches!(plan.column(**id).origin, Origin::Special(i) if i == index));
            select.extend(results.map(|id| format!("{alias}.{}", plan.column(*id).name)));
        }
    }

    /// The finer rows with the columns asked for, as an aggregate of a rank sees them, and what to group them by.
    pub(crate) fn source(&self, from: Scope, reads: &[ColumnId], rank: u32) -> (String, Vec<&'static str>) {
        self.source_of(from, reads, rank, "")
    }

    /// The same, of records that pass another join only, and of no ghosts.
    pub(crate) fn real_source(&self, from: Scope, reads: &[ColumnId], only: &str) -> (String, Vec<&'static str>) {
        self.source_of(from, reads, FOREVER, only)
    }

    fn source_of(&self, from: Scope, reads: &[ColumnId], rank: u32, only: &str) -> (String, Vec<&'static str>) {
        let plan = self.plan;
        let all = self.closure(from, reads.iter().chain(&self.ghost_reads(from)));
        let of = |scope: Scope| all.iter().copied().filter(move |id| plan.column(*id).scope == scope);
        let names = |scope: Scope, alias: &str| -> Vec<String> {
            of(scope).map(|id| format!("{alias}.{}", plan.column(id).name)).collect()
        };
        let households = self.at(Scope::Household, rank - 1);
        let people = self.at(Scope::Person, rank - 1);
        let Scope::Records(dataset) = from else {
            let mut select = vec!["o.case_row".to_owned()];
            select.extend(names(Scope::Person, "o"));
            let mut query = format!("{people} o");
            let imports = names(Scope::Household, "h");
            if !imports.is_empty() {
                query.push_str(&format!(" JOIN {households} h ON h.case_row = o.case_row"));
                select.extend(imports);
            }
            return (format!("SELECT {} FROM {query}", select.join(", ")), vec!["case_row"]);
        };
        let relation = format!("d_{}", self.datasets[dataset]);
        let base: Vec<(String, String)> = of(from)
            .filter_map(|id| match &plan.column(id).origin {
                Origin::Base(text) => Some((text.clone(), plan.column(id).name.clone())),
                _ => None,
            })
            .collect();
        let scalars: Vec<ColumnId> =
            of(from).filter(|id| matches!(plan.column(*id).origin, Origin::Scalar(_))).collect();
        let owner = plan.owners[dataset];
        let key = if owner == Scope::Person { "person" } else { "case_row" };
        let mut imports = names(owner, "o");
        let mut owners = if owner == Scope::Person { people } else { households.clone() };
        owners.push_str(" o");
        let mut of_household = String::new();
        if owner == Scope::Person {
            let of_case = names(Scope::Household, "h");
            if !of_case.is_empty() {
                of_household = format!(" JOIN {households} h ON h.case_row = o.case_row");
                imports.extend(of_case);
            }
        }
        let joined = plan.per_case || !imports.is_empty();
        let keys = if owner == Scope::Person && joined { vec!["case_row", "person"] } else { vec![key] };
        let mut select: Vec<String> =
            keys.iter().map(|key| format!("{}.{key}", if joined { 'o' } else { 'r' })).collect();
        select.extend(imports.iter().cloned());
        let mut names_only: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        names_only.extend(reads.iter().map(|id| plan.column(*id).name.clone()));
        let real: Vec<String> = base.iter().map(|(text, name)| format!("{text} AS {name}")).collect();
        let mut from = format!("{relation} r");
        if joined {
            from = format!("{relation} r JOIN {owners} ON o.{key} = r.{key}{of_household}");
            if plan.denied && owner == Scope::Person {
                from.push_str(&format!(
                    "\n  {} denied x ON x.case_row = o.case_row AND x.person = o.person AND x.source = r.source",
                    self.dialect.anti_join()
                ));
            }
        }
        from.push_str(only);
        let real = [select.clone(), real].concat();
        let Some(ghosts) = plan.ghosts[dataset].as_ref().filter(|_| only.is_empty()) else {
            return (self.levels(&real, &from, &scalars, &names_only), keys);
        };
        // What a ghost has in the columns of records: nothing, but that it is one.
        let unseen = base.iter().map(|(text, name)| match text.as_str() {
            "FALSE" => format!("TRUE AS {name}"),
            _ => format!("NULL AS {name}"),
        });
        let unseen = [select, unseen.collect()].concat();
        let both = format!(
            "(\n  SELECT {}\n  FROM {from}\n  UNION ALL\n  SELECT {}\n  FROM {owners}{of_household}\n  WHERE {}\n) u",
            real.join(", "),
            unseen.join(", "),
            ghosts.when.text,
        );
        let through: Vec<String> = real.iter().map(|column| last_name(column)).collect();
        (self.levels(&through, &both, &scalars, &names_only), keys)
    }

    /// Computes columns level by level over a base.
    fn levels(&self, select: &[String], from: &str, scalars: &[ColumnId], results: &[String]) -> String {
        let plan = self.plan;
        let deepest = scalars.iter().map(|id| plan.column(*id).depth).max().unwrap_or(0);
        let mut depths: Vec<u32> = scalars.iter().map(|id| plan.column(*id).depth).collect();
        depths.sort_unstable();
        depths.dedup();
        if deepest == 0 {
            let plain: Vec<String> = select.iter().map(|column| last_name(column)).collect();
            if plain == results {
                return format!("SELECT {}\n  FROM {from}", select.join(", "));
            }
            let names = results.join(", ");
            return format!("SELECT {names}\n  FROM (SELECT {}\n  FROM {from}) l0", select.join(", "));
        }
        // One inside the other: as parts of a WITH, each would be bound again for each that reads it.
        let mut query = format!("SELECT {}\n  FROM {from}", select.join(",\n    "));
        for depth in depths {
            let lines = scalars.iter().filter(|id| plan.column(**id).depth == depth).map(|id| {
                let column = plan.column(*id);
                match &column.origin {
                    Origin::Scalar(sql) => self.line(&sql.text, &column.name, column.note.as_deref()),
                    _ => String::new(),
                }
            });
            let lines: Vec<String> = lines.collect();
            query = format!("SELECT *,\n{}\nFROM (\n{query}\n) l{depth}", lines.join(",\n"));
        }
        format!("SELECT {}\nFROM (\n{query}\n) l", results.join(", "))
    }

    /// One line of a select list, with the rule it is above it.
    fn line(&self, text: &str, name: &str, note: Option<&str>) -> String {
        let note = note.map_or_else(String::new, |note| format!("    -- {note}\n"));
        format!("{note}    {text} AS {name}")
    }
}

/// The name that a line of a select list gives.
fn last_name(line: &str) -> String {
    let line = line.rsplit(" AS ").next().unwrap_or(line);
    line.rsplit('.').next().unwrap_or(line).to_owned()
}

/// The rows that any aggregate of a group counts: a condition before grouping, where some count for none.
fn only_where(group: &[(ColumnId, &Sql, &Option<Sql>)]) -> String {
    let mut conditions: Vec<&str> = Vec::new();
    for (.., only) in group {
        match only {
            None => return String::new(),
            Some(only) if conditions.contains(&only.text.as_str()) => {}
            Some(only) => conditions.push(&only.text),
        }
    }
    format!("\n    WHERE {}", conditions.join(" OR "))
}

fn on(keys: &[&str], alias: &str) -> String {
    keys.iter().map(|key| format!("{alias}.{key} = b.{key}")).collect::<Vec<_>>().join(" AND ")
}

fn indented(query: &str, by: usize) -> String {
    query.replace('\n', &format!("\n{}", " ".repeat(by)))
}

/// Whether a query reads a relation.
fn reads(query: &str, name: &str) -> bool {
    query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}
