//! The cases and their people as columns: what the bureau registered and what was declared.

use std::collections::BTreeSet;

use hedui_base::columns::date_to_days;
use hedui_base::{ColumnType, Fen};
use hedui_store::plain::InputSpec;
use hedui_store::{BulkColumn, Ints, Texts};

use super::line::{Cell, Columns, Line};
use crate::city::{Household, Person};

/// The inputs of households or of persons that packs declare, but for those that are columns of their own.
fn inputs(all: &[InputSpec], of_person: bool) -> Columns {
    let own: &[&str] = if of_person { &["relation", "birth_date", "sex"] } else { &["in_receipt"] };
    let (mut names, mut types, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for input in all.iter().filter(|i| i.of_person == of_person && !own.contains(&i.name.as_str())) {
        if seen.insert(&input.name) {
            names.push(input.name.clone());
            types.push(input.column.ty);
        }
    }
    Columns { names, types, key: Vec::new() }
}

fn empty(columns: &Columns) -> Vec<BulkColumn> {
    let column = |ty: &ColumnType| {
        if ty.is_int() { BulkColumn::Ints(Ints::default()) } else { BulkColumn::Texts(Texts::default()) }
    };
    columns.types.iter().map(column).collect()
}

fn push(line: &Line, columns: &mut [BulkColumn]) {
    for (cell, column) in line.cells.iter().zip(columns) {
        match (column, cell) {
            (BulkColumn::Ints(ints), Cell::Int(value)) => ints.push(Some(*value)),
            (BulkColumn::Texts(texts), Cell::Text(range)) => texts.push(Some(line.text(range))),
            (BulkColumn::Ints(ints), _) => ints.push(None),
            (BulkColumn::Texts(texts), _) => texts.push(None),
            (BulkColumn::IntRuns(_) | BulkColumn::TextRuns(..), _) => {}
        }
    }
}

/// What packs declare.
#[derive(Debug)]
pub(super) struct Inputs {
    household: Columns,
    person: Columns,
}

impl Inputs {
    pub(super) fn new(all: &[InputSpec]) -> Self {
        Self { household: inputs(all, false), person: inputs(all, true) }
    }
}

/// Somebody in a case.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    pub(super) who: i64,
    pub(super) is_member: bool,
    pub(super) person: &'a Person,
}

/// The cases of a bucket.
#[derive(Debug, Default)]
pub(super) struct Cases {
    person: Ints,
    case: Texts,
    position: Ints,
    area: Texts,
    residence: Texts,
    scheme: Texts,
    in_receipt: Ints,
    letters: Texts,
    declared: Vec<BulkColumn>,
}

/// Their people.
#[derive(Debug, Default)]
pub(super) struct People {
    person: Ints,
    position: Ints,
    who: Ints,
    role: Texts,
    relation: Texts,
    birth_date: Ints,
    sex: Texts,
    declared: Vec<BulkColumn>,
}

/// Number of the letter of a case.
pub(super) fn letter(case: &str) -> String {
    case.replace("ZJ-", "L-")
}

impl Cases {
    pub(super) fn new(inputs: &Inputs) -> Self {
        Self { declared: empty(&inputs.household), ..Self::default() }
    }

    pub(super) fn rows(&self) -> usize {
        self.person.len()
    }

    pub(super) fn push(
        &mut self,
        inputs: &Inputs,
        line: &mut Line,
        household: &Household,
        position: i64,
        largest: i64,
        letters: &str,
    ) {
        self.person.push(Some(largest));
        self.case.push(Some(&household.case));
        self.position.push(Some(position));
        self.area.push(Some(&household.area));
        self.residence.push(Some(&household.residence));
        self.scheme.push(Some("dibao"));
        self.in_receipt.push(Some(i64::from(household.in_receipt)));
        self.letters.push(Some(letters));
        line.fill(&inputs.household, &household.declared);
        if household.current_amount != Fen::ZERO
            && let Some(at) = inputs.household.names.iter().position(|n| n == "current_amount")
        {
            line.cells[at] = Cell::Int(household.current_amount.fen());
        }
        push(line, &mut self.declared);
    }

    pub(super) fn into_columns(self, inputs: &Inputs) -> Vec<(&str, BulkColumn)> {
        let mut columns = vec![
            ("person", BulkColumn::Ints(self.person)),
            ("case", BulkColumn::Texts(self.case)),
            ("position", BulkColumn::Ints(self.position)),
            ("area", BulkColumn::Texts(self.area)),
            ("residence", BulkColumn::Texts(self.residence)),
            ("scheme", BulkColumn::Texts(self.scheme)),
            ("in_receipt", BulkColumn::Ints(self.in_receipt)),
            ("letters", BulkColumn::Texts(self.letters)),
        ];
        columns.extend(inputs.household.names.iter().map(String::as_str).zip(self.declared));
        columns
    }
}

impl People {
    pub(super) fn new(inputs: &Inputs) -> Self {
        Self { declared: empty(&inputs.person), ..Self::default() }
    }

    pub(super) fn push(&mut self, inputs: &Inputs, line: &mut Line, counted: Counted<'_>, position: i64, largest: i64) {
        let person = counted.person;
        self.person.push(Some(largest));
        self.position.push(Some(position));
        self.who.push(Some(counted.who));
        self.role.push(Some(if counted.is_member { "member" } else { "obligor" }));
        self.relation.push(Some(&person.relation));
        self.birth_date.push(Some(date_to_days(person.id.birth_date())));
        self.sex.push(Some(if person.id.is_male() { "male" } else { "female" }));
        line.fill(&inputs.person, &person.declared);
        // As in an application: zero and no are what packs assume where nothing was declared.
        for (cell, ty) in line.cells.iter_mut().zip(&inputs.person.types) {
            if *cell == Cell::Int(0) && matches!(ty, ColumnType::Money(_) | ColumnType::Bool) {
                *cell = Cell::Null;
            }
        }
        push(line, &mut self.declared);
    }

    pub(super) fn into_columns(self, inputs: &Inputs) -> Vec<(&str, BulkColumn)> {
        let mut columns = vec![
            ("person", BulkColumn::Ints(self.person)),
            ("position", BulkColumn::Ints(self.position)),
            ("who", BulkColumn::Ints(self.who)),
            ("role", BulkColumn::Texts(self.role)),
            ("relation", BulkColumn::Texts(self.relation)),
            ("birth_date", BulkColumn::Ints(self.birth_date)),
            ("sex", BulkColumn::Texts(self.sex)),
        ];
        columns.extend(inputs.person.names.iter().map(String::as_str).zip(self.declared));
        columns
    }
}
