//! A slice: some households with their people and records, as columns small enough to stay in cache.
//!
//! A source that did not answer about someone leaves a *ghost*: one row that stands for any number of records that
//! nobody has seen, with every column at the bounds of its specification. Filters and arguments run over ghosts as
//! over records, and aggregates know what a ghost may add.

use std::ops::Range;

use hedui_base::catalogue::NullMeaning;
use hedui_base::{CaseId, Column, ColumnSpec, ColumnType, Outcome, PersonKey, Records, SourceId, Table};
use hedui_rules::Program;
use hedui_rules::program::{DatasetUse, Entity, Input, ParameterValue};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use crate::index::{DatasetIndex, Index};
use crate::input::{Caseload, Coverage, Role};
use crate::interval::Span;
use crate::packed::Packed;
use crate::parameters::Place;
use crate::reasons::{Reasons, Why};
use crate::register::{Each, Presence, Register, Slot};
use crate::texts::Texts;

/// Rows that belong to owners: `start[o]..start[o + 1]` are the rows of owner `o`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    /// One more than there are owners; those of one household lie in place.
    pub(crate) start: SmallVec<[u32; 6]>,
    /// Row of the owner's ghost, or [`Runs::NO_GHOST`]; empty if nobody has one.
    pub(crate) ghost: Vec<u32>,
}

impl Runs {
    pub(crate) const NO_GHOST: u32 = u32::MAX;

    #[inline]
    pub(crate) fn owners(&self) -> usize {
        self.start.len() - 1
    }

    #[inline]
    pub(crate) fn of(&self, owner: usize) -> Range<usize> {
        self.start[owner] as usize..self.start[owner + 1] as usize
    }

    #[inline]
    pub(crate) fn ghost(&self, owner: usize) -> Option<usize> {
        self.ghost.get(owner).filter(|g| **g != Self::NO_GHOST).map(|g| *g as usize)
    }
}

/// One number a row; those of one household lie in place, as a rule.
pub(crate) type FewRows = SmallVec<[u32; 8]>;

/// One dataset's records in a slice, ghosts last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame<'a> {
    pub(crate) records: Option<&'a Records>,
    /// Rows in `records`; ghosts have none.
    pub(crate) rows: FewRows,
    /// Person or case of the slice that each row belongs to.
    pub(crate) owner: FewRows,
    pub(crate) runs: Runs,
    /// Why each ghost is there, in the order of ghosts.
    pub(crate) unanswered: Vec<Why>,
    pub(crate) columns: Vec<Register>,
}

impl Frame<'_> {
    /// Why the ghost in a row is there.
    pub(crate) fn unanswered(&self, row: usize) -> Why {
        self.unanswered[row - self.rows.len()]
    }
}

/// What a slice is cut from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    Caseload(&'a Caseload),
    Packed(&'a Packed),
}

/// Some households with all that a program reads of them.
#[derive(Clone, Debug)]
pub(crate) struct Slice<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) cases: Range<usize>,
    /// Rows of the people in the caseload, by case and then person.
    pub(crate) persons: Vec<u32>,
    /// Case of each person, from 0 in the slice.
    pub(crate) case_of: Vec<u32>,
    /// People by case.
    pub(crate) people: Runs,
    pub(crate) frames: Vec<Frame<'a>>,
    pub(crate) inputs: Vec<Register>,
    /// Who is a member.
    pub(crate) members: Register,
    /// Who is an obligor.
    pub(crate) obligors: Register,
    pub(crate) texts: Texts<'a>,
    pub(crate) reasons: Reasons,
}

impl<'a> Slice<'a> {
    pub(crate) fn new(program: &'a Program, caseload: &'a Caseload, index: &Index<'a>, cases: Range<usize>) -> Self {
        let persons = index.persons(&cases);
        let case_of: Vec<u32> =
            persons.iter().map(|row| caseload.persons.case[*row as usize] - cases.start as u32).collect();
        let people = Runs { start: starts(cases.len(), &case_of), ghost: Vec::new() };
        let mut slice = Self::empty(Of::Caseload(caseload), cases, persons, case_of, people);
        let role = |role: Role| {
            let rows =
                slice.persons.iter().map(|row| Slot::known(i64::from(caseload.persons.role[*row as usize] == role)));
            Register::of(rows)
        };
        (slice.members, slice.obligors) = (role(Role::Member), role(Role::Obligor));
        slice.inputs = program.inputs.iter().map(|input| slice.input(caseload, input)).collect();
        let datasets = program.datasets.iter().zip(&index.datasets);
        slice.frames = datasets.map(|(dataset, index)| slice.frame(&caseload.coverage, dataset, index)).collect();
        slice
    }

    /// Households and people without anything known about them.
    pub(crate) fn empty(of: Of<'a>, cases: Range<usize>, persons: Vec<u32>, case_of: Vec<u32>, people: Runs) -> Self {
        let texts = match of {
            Of::Caseload(_) => Texts::default(),
            Of::Packed(packed) => Texts::over(&packed.words),
        };
        Self {
            of,
            cases,
            persons,
            case_of,
            people,
            frames: Vec::new(),
            inputs: Vec::new(),
            members: Register::default(),
            obligors: Register::default(),
            texts,
            reasons: Reasons::default(),
        }
    }

    pub(crate) fn person(&self, person: usize) -> PersonKey {
        let row = self.persons[person] as usize;
        match self.of {
            Of::Caseload(caseload) => caseload.persons.key[row],
            Of::Packed(packed) => packed.persons.key[row],
        }
    }

    pub(crate) fn is_member(&self, person: usize) -> bool {
        self.members.known().at(person) != 0
    }

    /// Where a case of the caseload is.
    pub(crate) fn place(&self, case: usize) -> Place<'a> {
        match self.of {
            Of::Caseload(Caseload { cases, .. }) => {
                Place { area: cases.area[case], residence: cases.residence[case].as_deref() }
            }
            Of::Packed(Packed { cases, words, .. }) => {
                Place { area: cases.area[case], residence: words.get(cases.residence[case]) }
            }
        }
    }

    /// The bureau's number of a case of the caseload.
    pub(crate) fn case_id(&self, case: usize) -> CaseId {
        match self.of {
            Of::Caseload(caseload) => caseload.cases.id[case].clone(),
            Of::Packed(packed) => packed.cases.id[case].clone(),
        }
    }

    /// Who owns records: the people, or the cases.
    fn owners(&self, entity: Entity) -> Vec<PersonKey> {
        match entity {
            Entity::Person => (0..self.persons.len()).map(|person| self.person(person)).collect(),
            Entity::Household => self.cases.clone().map(|case| PersonKey(case as u32)).collect(),
        }
    }

    fn frame(&mut self, coverage: &Coverage, dataset: &'a DatasetUse, index: &DatasetIndex<'a>) -> Frame<'a> {
        let owners = self.owners(dataset.entity);
        let (mut rows, mut owner) = (FewRows::new(), FewRows::new());
        let reach = match (owners.iter().min(), owners.iter().max()) {
            (Some(first), Some(last)) => index.between(*first, *last),
            _ => 0..0,
        };
        rows.reserve(reach.len());
        for (i, person) in owners.iter().enumerate() {
            rows.extend(index.of(*person, &reach));
            owner.resize(rows.len(), i as u32);
        }
        let mut runs = Runs { start: starts(owners.len(), &owner), ghost: Vec::new() };
        let mut unanswered = Vec::new();
        let mut known_reasons = FxHashMap::default();
        for (i, person) in owners.iter().enumerate() {
            let why = self.unanswered(coverage, &dataset.name, index, *person, &mut known_reasons);
            if !why.is_known() {
                runs.ghost.resize(owners.len(), Runs::NO_GHOST);
                runs.ghost[i] = owner.len() as u32;
                owner.push(i as u32);
                unanswered.push(why);
            }
        }
        let columns = dataset.columns.iter().map(|column| {
            let values = index.records.and_then(|r| r.table.columns.get(&column.name));
            self.column(&column.spec, values, index.records, &rows, &unanswered)
        });
        let columns = columns.collect();
        Frame { records: index.records, rows, owner, runs, unanswered, columns }
    }

    /// Sources of a dataset that did not answer about someone, with their outcomes.
    fn unanswered(
        &mut self,
        coverage: &Coverage,
        dataset: &str,
        index: &DatasetIndex<'_>,
        person: PersonKey,
        seen: &mut FxHashMap<(u16, Option<Outcome>), Why>,
    ) -> Why {
        if index.sources.is_empty() {
            return if index.complete {
                Why::KNOWN
            } else {
                self.reasons.because(&SourceId::from(dataset), "no_source")
            };
        }
        index.sources.iter().fold(Why::KNOWN, |why, source| {
            let outcome = coverage.outcomes.get(&(person, *source)).copied();
            if outcome.map_or(index.complete, |o| !o.is_unknown()) {
                return why;
            }
            let reason = *seen.entry((*source, outcome)).or_insert_with(|| {
                let cause = outcome.map_or("not_asked", Outcome::as_str);
                self.reasons.because(&coverage.sources[usize::from(*source)].0, cause)
            });
            self.reasons.union(why, reason)
        })
    }

    fn column(
        &mut self,
        spec: &ColumnSpec,
        values: Option<&'a Column>,
        records: Option<&'a Records>,
        rows: &[u32],
        ghosts: &[Why],
    ) -> Register {
        if let (Some(Column::Int(values)), true, true) = (values, ghosts.is_empty(), spec.ty.is_int()) {
            let known: Option<Vec<i64>> = rows.iter().map(|row| values[*row as usize]).collect();
            if let (Some(known), false) = (known, spec.ty == ColumnType::Bool) {
                return Register::closed(known);
            }
        }
        let mut register = Each::with_capacity(rows.len() + ghosts.len());
        for row in rows {
            let row = *row as usize;
            let value = values.and_then(|values| self.value(spec.ty, values, row));
            register.push(match (value, spec.null) {
                (Some(value), _) => Slot::known(value),
                (None, NullMeaning::None) => Slot::NONE,
                (None, NullMeaning::Unknown) => {
                    let source = records.map_or_else(|| SourceId::from(""), |r| r.source[row].clone());
                    Slot::within(bounds(spec), Presence::Some, self.reasons.because(&source, "null"))
                }
            });
        }
        let presence = if spec.null == NullMeaning::None { Presence::Maybe } else { Presence::Some };
        for why in ghosts {
            register.push(Slot::within(bounds(spec), presence, *why));
        }
        Register::each(register)
    }

    /// The value in a row; a column of the wrong kind reads as null.
    fn value(&mut self, ty: ColumnType, values: &'a Column, row: usize) -> Option<i64> {
        match values {
            Column::Int(values) if ty == ColumnType::Bool => values[row].map(|v| i64::from(v != 0)),
            Column::Int(values) if ty.is_int() => values[row],
            Column::Text(texts) if !ty.is_int() => texts[row].as_deref().map(|text| self.texts.intern(text)),
            _ => None,
        }
    }

    fn input(&mut self, caseload: &'a Caseload, input: &'a Input) -> Register {
        let (table, rows): (&Table, Vec<usize>) = match input.entity {
            Entity::Person => (&caseload.persons.inputs, self.persons.iter().map(|row| *row as usize).collect()),
            Entity::Household => (&caseload.cases.inputs, self.cases.clone().collect()),
        };
        let values = table.columns.get(&input.name);
        let missing = self.undeclared(input);
        Register::of(rows.into_iter().map(|row| {
            let value = values.and_then(|values| self.value(input.spec.ty, values, row));
            value.map_or(missing, Slot::known)
        }))
    }

    /// An input that nobody declared.
    pub(crate) fn undeclared(&mut self, input: &'a Input) -> Slot {
        let default = input.default.as_ref().map(|value| match value {
            ParameterValue::Int(v) => Slot::known(*v),
            ParameterValue::Text(text) => Slot::known(self.texts.intern(text)),
        });
        default.unwrap_or_else(|| match input.spec.null {
            NullMeaning::None => Slot::NONE,
            NullMeaning::Unknown => {
                let why = self.reasons.undeclared(&input.name);
                Slot::within(bounds(&input.spec), Presence::Some, why)
            }
        })
    }
}

/// What an unknown value of a column can be.
pub(crate) fn bounds(spec: &ColumnSpec) -> Span {
    match spec.ty {
        ColumnType::Bool => Span { lo: 0, hi: 1 },
        ColumnType::Text | ColumnType::Code => Span::ALL,
        _ => Span { lo: spec.min.unwrap_or(i64::MIN), hi: spec.max.unwrap_or(i64::MAX) },
    }
}

/// Where each owner's rows start, given the owner of each row in ascending order.
pub(crate) fn starts(owners: usize, owner: &[u32]) -> SmallVec<[u32; 6]> {
    let mut start: SmallVec<[u32; 6]> = smallvec![0; owners + 1];
    for o in owner {
        start[*o as usize + 1] += 1;
    }
    for i in 0..owners {
        start[i + 1] += start[i];
    }
    start
}
