//! The plan: every value as a named column of one relation, and in which stage of the whole it can be computed.
//!
//! There are three kinds of rows: households, people, and records of a dataset. A column that reads only its own row and
//! coarser rows (a person's household, a record's person) is computed where they are joined. A column that sums up finer
//! rows opens a new stage: `h1` is the households with what was summed up of `p0`, and so on.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::sql::{ColumnId, Sql, q};

/// What one row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    Household,
    Person,
    /// The records of a dataset.
    Records(usize),
}

/// How a column comes about.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Read from the given relations, in their own words.
    Base(String),
    /// Computed from columns of the row and of coarser rows.
    Scalar(Sql),
    /// An aggregate over finer rows.
    Grouped {
        from: Scope,
        of: Sql,
        /// The only rows that add anything to it; none for all. It reads no more than `of` does.
        only: Option<Sql>,
    },
    /// A column of a [`Special`].
    Special(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    /// The stage that computes it.
    pub(crate) rank: u32,
    /// Its place within the stage: after all columns of lower depth.
    pub(crate) depth: u32,
    pub(crate) origin: Origin,
    /// Which rule it is, for the comment beside it.
    pub(crate) note: Option<String>,
}

/// An aggregate that one `GROUP BY` cannot say.
#[derive(Clone, Debug)]
pub(crate) struct Special {
    pub(crate) from: Scope,
    pub(crate) to: Scope,
    /// What it reads of each finer row, under these columns' names.
    pub(crate) reads: Vec<ColumnId>,
    /// A query; `{source}` is the finer rows and `{key}` what they are grouped by.
    pub(crate) body: String,
}

/// Who has rows that stand for records nobody has seen.
#[derive(Clone, Debug)]
pub(crate) struct Ghosts {
    /// A condition of the owner.
    pub(crate) when: Sql,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) columns: Vec<Column>,
    pub(crate) specials: Vec<Special>,
    /// By dataset: entity that owns its records, [`Scope::Household`] or [`Scope::Person`].
    pub(crate) owners: Vec<Scope>,
    pub(crate) ghosts: Vec<Option<Ghosts>>,
    /// Columns that the results read.
    pub(crate) kept: BTreeSet<ColumnId>,
    /// Records that the results read, with the columns they read of them.
    pub(crate) sources: Vec<(Scope, Vec<ColumnId>)>,
    /// Joined to the first stage of households and people.
    pub(crate) joins: [String; 2],
    /// Whether what a person's records say may differ from case to case.
    pub(crate) per_case: bool,
    /// Whether some records are hidden from some cases.
    pub(crate) denied: bool,
    /// Whether what people's records sum up to is gathered in one relation before it is joined to them.
    pub(crate) merged: bool,
    /// By dataset: about whom policy asks for it, a condition of people; none for everyone.
    pub(crate) asked: Vec<Option<Sql>>,
    known: FxHashMap<(Option<Scope>, String), ColumnId>,
}

impl Plan {
    pub(crate) fn new(owners: Vec<Scope>) -> Self {
        Self {
            columns: Vec::new(),
            specials: Vec::new(),
            ghosts: vec![None; owners.len()],
            asked: vec![None; owners.len()],
            owners,
            kept: BTreeSet::new(),
            sources: Vec::new(),
            joins: [String::new(), String::new()],
            per_case: false,
            denied: false,
            merged: false,
            known: FxHashMap::default(),
        }
    }

    pub(crate) fn column(&self, id: ColumnId) -> &Column {
        &self.columns[id as usize]
    }

    /// A column as an expression.
    pub(crate) fn read(&self, id: ColumnId) -> Sql {
        Sql { text: self.column(id).name.clone(), reads: vec![id], atom: true, number: None }
    }

    fn add(&mut self, name: &str, scope: Scope, rank: u32, depth: u32, origin: Origin) -> Sql {
        let id = self.columns.len() as ColumnId;
        let name = format!("{name}{id}");
        self.columns.push(Column { name, scope, rank, depth, origin, note: None });
        self.read(id)
    }

    /// A column of the given relations.
    pub(crate) fn base(&mut self, name: &str, scope: Scope, text: &str) -> Sql {
        let key = (Some(scope), text.to_owned());
        if let Some(id) = self.known.get(&key) {
            return self.read(*id);
        }
        let column = self.add(&format!("{name}_"), scope, 0, 0, Origin::Base(text.to_owned()));
        self.known.insert(key, column.reads[0]);
        column
    }

    /// The finest row that an expression reads.
    pub(crate) fn scope(&self, sql: &Sql) -> Scope {
        sql.reads.iter().map(|id| self.column(*id).scope).max().unwrap_or(Scope::Household)
    }

    pub(crate) fn rank(&self, reads: &[ColumnId]) -> u32 {
        reads.iter().map(|id| self.column(*id).rank).max().unwrap_or(0)
    }

    /// Gives an expression a name, so that it is computed once; what is cheap to write again stays as it is.
    pub(crate) fn bind(&mut self, sql: Sql) -> Sql {
        // A short constant is as good as a name; a long one would be written out again and again.
        if sql.atom || (sql.reads.is_empty() && sql.text.len() < 100) {
            return sql;
        }
        let key = (None, sql.text.clone());
        if let Some(id) = self.known.get(&key) {
            return self.read(*id);
        }
        let (scope, rank) = (self.scope(&sql), self.rank(&sql.reads));
        let same = |id: &&ColumnId| {
            let column = self.column(**id);
            column.scope == scope && (column.rank == rank || matches!(scope, Scope::Records(_)))
        };
        let depth = 1 + sql.reads.iter().filter(same).map(|id| self.column(*id).depth).max().unwrap_or(0);
        let column = self.add("t", scope, rank, depth, Origin::Scalar(sql));
        self.known.insert(key, column.reads[0]);
        column
    }

    /// An aggregate over finer rows; null where an owner has none.
    pub(crate) fn grouped(&mut self, from: Scope, of: Sql) -> Sql {
        self.grouped_only(from, of, None)
    }

    /// The same of an aggregate to which only some rows add anything.
    pub(crate) fn grouped_only(&mut self, from: Scope, of: Sql, only: Option<Sql>) -> Sql {
        let key = (Some(from), of.text.clone());
        if let Some(id) = self.known.get(&key) {
            let column = self.read(*id);
            return self.of_the_asked(from, column);
        }
        let rank = 1 + self.rank(&of.reads);
        let column = self.add("g", self.owner(from), rank, 0, Origin::Grouped { from, of, only });
        self.known.insert(key, column.reads[0]);
        self.of_the_asked(from, column)
    }

    /// What records sum up to, for those about whom policy asks for them; null for others, as if they had none.
    fn of_the_asked(&self, from: Scope, column: Sql) -> Sql {
        let Scope::Records(dataset) = from else { return column };
        match &self.asked[dataset] {
            Some(asked) => q!("CASE WHEN {} THEN {} END", asked, column),
            None => column,
        }
    }

    /// An aggregate with a query of its own: `body` gets the names of its result columns.
    pub(crate) fn special(
        &mut self,
        from: Scope,
        reads: &[Sql],
        results: usize,
        body: impl Fn(&[String]) -> String,
    ) -> Vec<Sql> {
        let mut ids: Vec<ColumnId> = reads.iter().flat_map(|sql| sql.reads.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let rank = 1 + self.rank(&ids);
        let to = self.owner(from);
        let index = self.specials.len();
        let columns: Vec<Sql> = (0..results).map(|_| self.add("q", to, rank, 0, Origin::Special(index))).collect();
        let names: Vec<String> = columns.iter().map(|c| c.text.clone()).collect();
        self.specials.push(Special { from, to, reads: ids, body: body(&names) });
        columns.into_iter().map(|column| self.of_the_asked(from, column)).collect()
    }

    /// Whose rows the finer rows are summed up for.
    pub(crate) fn owner(&self, from: Scope) -> Scope {
        match from {
            Scope::Records(dataset) => self.owners[dataset],
            _ => Scope::Household,
        }
    }

    /// Makes the results read an expression: each column of it stays to the end.
    pub(crate) fn keep(&mut self, sql: &Sql) {
        self.kept.extend(&sql.reads);
    }

    /// Names the column of a rule, if it has one of its own and no other rule named it first.
    pub(crate) fn note(&mut self, sql: &Sql, note: &str) {
        if let [id] = sql.reads[..]
            && sql.atom
        {
            self.columns[id as usize].note.get_or_insert_with(|| note.to_owned());
        }
    }
}
