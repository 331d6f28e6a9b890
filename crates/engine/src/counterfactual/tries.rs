//! Which changes are tried for a case, and what came of them.

use std::collections::BTreeSet;

use hedui_base::{Column, ColumnType, Outcome, PersonKey, Tri};
use hedui_rules::program::{DatasetId, Entity, InputId, StepId};
use rustc_hash::FxHashMap;

use super::homes::changed;
use super::lab::{Depth, Lab, Place, Variant, World};
use super::search::{Goal, Move, Moved, Search};
use super::{Change, ChangeKind, ChangeUnit, Counterfactual, Proof, WhatIf, patch_of, value};
use crate::given::FreeCell;
use crate::input::{Caseload, Coverage, Role};
use crate::interval::Span;
use crate::output::Cell;
use crate::register::Presence;
use crate::shown::{Held, Value};

/// At most so many answers that are missing are looked into.
const ANSWERS: usize = 24;
/// At most so many of one kind and unit are listed.
const LISTED: usize = 3;

/// Everything that is tried.
pub(super) fn all(lab: &Lab<'_>, home: Caseload, before: Tri) -> WhatIf {
    let goal = Goal::from(before);
    let mut result = Found { changes: Vec::new(), left_out: BTreeSet::new() };
    let mut worlds = vec![World { home, facts: FxHashMap::default() }];
    worlds[0].facts = lab.facts(&worlds).remove(0).1;
    whole_things(lab, &worlds[0].home, goal, &mut result);
    // Only a finding that is open can turn on what is missing.
    let missing = if before == Tri::Undetermined { missing(lab, &worlds[0], &mut result) } else { Vec::new() };
    answers(lab, &mut worlds, missing, &mut result);
    let mut changes = confirmed(lab, &worlds[0].home, goal, result.changes);
    changes.sort_by_key(|one| (one.kind, one.unit, one.size));
    let mut kept: Vec<Counterfactual> = Vec::new();
    for one in changes {
        let same = |other: &&Counterfactual| (other.kind, other.unit, other.after) == (one.kind, one.unit, one.after);
        if kept.iter().filter(same).count() < LISTED {
            kept.push(one);
        }
    }
    WhatIf { before, changes: kept, left_out: result.left_out.into_iter().collect() }
}

struct Found {
    changes: Vec<Counterfactual>,
    left_out: BTreeSet<String>,
}

/// Records that are not there, people more or less.
fn whole_things(lab: &Lab<'_>, home: &Caseload, goal: Goal, result: &mut Found) {
    let mut tried: Vec<(Change, ChangeKind, i64, ChangeUnit)> = Vec::new();
    for dataset in &lab.matters.datasets {
        let used = &lab.program.datasets[*dataset];
        let Some(records) = home.records.get(&used.name) else { continue };
        let money = used.columns.iter().filter(|c| matches!(c.spec.ty, ColumnType::Money(_)));
        let money: Vec<&Column> = money.filter_map(|c| records.table.columns.get(&c.name)).collect();
        for row in 0..records.len() {
            let change = Change::WithoutRecord {
                dataset: DatasetId(*dataset as u32),
                person: (used.entity == Entity::Person).then(|| records.person[row]),
                source: records.source[row].clone(),
                record_id: records.record_id[row].to_string(),
            };
            let size = money.iter().filter_map(|column| column.int(row)).map(i64::abs).max().unwrap_or(0);
            tried.push((change, ChangeKind::Asset, size, ChangeUnit::Fen));
        }
    }
    for (key, role) in home.persons.key.iter().zip(&home.persons.role) {
        if *role == Role::Member || lab.matters.obligors {
            tried.push((Change::WithoutPerson { person: *key }, ChangeKind::Member, 1, ChangeUnit::Count));
        }
    }
    tried.push((Change::WithMember, ChangeKind::Member, 1, ChangeUnit::Count));
    let worlds: Vec<World> = tried
        .iter()
        .map(|(change, ..)| World { home: changed(lab.program, home, change), facts: FxHashMap::default() })
        .collect();
    let variants: Vec<Variant> = (0..worlds.len()).map(|world| Variant { world, patch: None }).collect();
    let verdicts = lab.verdicts(&worlds, &variants, Depth::Records);
    for ((change, kind, size, unit), verdict) in tried.into_iter().zip(verdicts) {
        if let Some(after) = verdict.tri.filter(|tri| goal.reached(Some(*tri))) {
            let (old, new) = (None, None);
            result.changes.push(Counterfactual { change, kind, after, old, new, size, unit, proof: Proof::Whole });
        }
    }
}

/// What could come that is missing: sources that have not answered, inputs that nobody declared, facts that hang on a null.
fn missing(lab: &Lab<'_>, world: &World, result: &mut Found) -> Vec<Change> {
    let home = &world.home;
    let coverage = &home.coverage;
    let mut changes = Vec::new();
    for dataset in &lab.matters.datasets {
        let used = &lab.program.datasets[*dataset];
        let complete = coverage.complete.contains(&used.name);
        let sources = (0u16..).zip(&coverage.sources).filter(|(_, (_, serves))| *serves == used.name);
        for (index, (source, _)) in sources {
            let silent = |owner: PersonKey| {
                let outcome = coverage.outcomes.get(&(owner, index));
                !outcome.map_or(complete, |o: &Outcome| !o.is_unknown())
            };
            let answer = |people: Vec<PersonKey>| Change::Answer { source: source.clone(), people, fact: None };
            if used.entity == Entity::Household {
                if silent(PersonKey(0)) {
                    changes.push(answer(Vec::new()));
                }
                continue;
            }
            let counts = |role: Role| role == Role::Member || lab.matters.obligors;
            let people = home.persons.key.iter().zip(&home.persons.role).filter(|(_, role)| counts(**role));
            let silent: Vec<PersonKey> = people.map(|(key, _)| *key).filter(|key| silent(*key)).collect();
            changes.extend(silent.iter().map(|key| answer(vec![*key])));
            if silent.len() > 1 {
                changes.push(answer(silent));
            }
        }
    }
    for (input, definition) in lab.program.inputs.iter().enumerate().filter(|(i, _)| lab.matters.inputs[*i]) {
        let unknown = definition.default.is_none()
            && definition.spec.null == hedui_base::catalogue::NullMeaning::Unknown
            && ChangeUnit::of(definition.spec.ty)
                .is_some_and(|unit| !matches!(unit, ChangeUnit::Day | ChangeUnit::Month));
        if !unknown {
            continue;
        }
        let to = definition.spec.min.unwrap_or(0);
        for (row, person) in owners(home, definition.entity) {
            let table = if person.is_some() { &home.persons.inputs } else { &home.cases.inputs };
            if table.int(&definition.name, row).is_none() {
                changes.push(Change::Input { input: InputId(input as u32), person, to });
            }
        }
    }
    for fact in &lab.matters.facts {
        let definition = &lab.program.steps[fact.step];
        let Some(cells) = world.facts.get(&fact.step).filter(|_| ChangeUnit::of(definition.ty).is_some()) else {
            continue;
        };
        for ((_, person), cell) in owners(home, definition.entity).into_iter().zip(cells) {
            let of_source = |cell: &FreeCell| {
                cell.reasons.iter().any(|r| r.cause != "null" && coverage.sources.iter().any(|(id, _)| *id == r.source))
            };
            if !cell.is_known() && !of_source(cell) && cell.slot.span.lo != i64::MIN {
                let (step, to) = (StepId(fact.step as u32), cell.slot.span.lo);
                changes.push(Change::Fact { step, person, to });
            }
        }
    }
    for change in changes.iter().skip(ANSWERS) {
        result.left_out.insert(name(lab, change));
    }
    changes.truncate(ANSWERS);
    changes
}

/// Rows and keys of the people of a case, or its household.
fn owners(home: &Caseload, entity: Entity) -> Vec<(usize, Option<PersonKey>)> {
    match entity {
        Entity::Household => vec![(0, None)],
        Entity::Person => home.persons.key.iter().map(|key| Some(*key)).enumerate().collect(),
    }
}

/// The name of what a change is of.
fn name(lab: &Lab<'_>, change: &Change) -> String {
    match change {
        Change::Input { input, .. } => lab.program.inputs[input.index()].name.clone(),
        Change::Fact { step, .. } => lab.program.steps[step.index()].name.clone(),
        Change::WithoutRecord { dataset, .. } => lab.program.datasets[dataset.index()].name.clone(),
        Change::Answer { source, .. } => source.to_string(),
        Change::WithoutPerson { .. } | Change::WithMember => "member".to_owned(),
    }
}

/// A number that can be moved, and how to say that it was.
struct Subject {
    /// The answer that has to come first.
    after: Option<Change>,
    input: Option<InputId>,
    step: Option<StepId>,
    person: Option<PersonKey>,
    ty: ColumnType,
    old: Option<Value>,
    unit: ChangeUnit,
}

/// Amounts that are known moved up or down, and answers that are missing with the amounts they may bring.
fn answers(lab: &Lab<'_>, worlds: &mut Vec<World>, missing: Vec<Change>, result: &mut Found) {
    let before = lab.verdicts(worlds, &[Variant { world: 0, patch: None }], Depth::Formulas)[0].tri;
    let Some(before) = before else { return };
    let floors = floors(lab, &worlds[0]);
    let mut moves: Vec<Move> = Vec::new();
    let mut subjects: Vec<Subject> = Vec::new();
    amounts(lab, worlds, &floors, before, (&mut moves, &mut subjects));
    // Each answer makes a world of its own; its facts are computed anew.
    let come: Vec<World> = missing
        .iter()
        .map(|change| World { home: changed(lab.program, &worlds[0].home, change), facts: FxHashMap::default() })
        .collect();
    let computed = lab.facts(&come);
    let mut settled: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<(Change, usize, Goal)> = Vec::new();
    for ((change, mut world), (mut verdict, facts)) in missing.into_iter().zip(come).zip(computed) {
        world.facts = facts;
        if let (Change::Fact { step, person, to }, Some((Place::Fact(_, row), _))) =
            (&change, patch_of(&world.home, &change))
        {
            if let Some(cell) = world.facts.get_mut(&step.index()).and_then(|cells| cells.get_mut(row.unwrap_or(0))) {
                *cell = FreeCell { slot: crate::register::Slot::known(*to), reasons: Vec::new(), text: None };
            }
            let home = worlds[0].home.clone();
            let probe = [World { home, facts: world.facts.clone() }];
            verdict = lab.verdicts(&probe, &[Variant { world: 0, patch: None }], Depth::Formulas)[0];
            let _ = person;
        }
        let Some(tri) = verdict.tri else { continue };
        if tri != Tri::Undetermined {
            let about = name(lab, &change);
            // All of a source's answers are a larger change than one that does.
            let all_of = matches!(&change, Change::Answer { people, .. } if people.len() > 1);
            if all_of && settled.contains(&about) {
                continue;
            }
            settled.insert(about);
            result.changes.push(answered(lab, &worlds[0], change.clone(), tri));
        }
        let goal = Goal::from(tri);
        worlds.push(world);
        open.push((change, worlds.len() - 1, goal));
    }
    for (change, world, goal) in open {
        brought(lab, worlds, world, change, goal, (&mut moves, &mut subjects));
    }
    let ends = Search { lab, worlds }.run(&moves);
    for ((one, subject), end) in moves.iter().zip(subjects).zip(ends) {
        match end {
            Moved::Nowhere => {}
            Moved::Unknown => {
                let step = subject.step.map(|step| lab.program.steps[step.index()].name.clone());
                let input = subject.input.map(|input| lab.program.inputs[input.index()].name.clone());
                result.left_out.extend(step.or(input));
            }
            Moved::By(by, proof) => result.changes.extend(moved(lab, worlds, one, subject, by, proof)),
        }
    }
}

/// An answer that settles the finding as it is.
fn answered(lab: &Lab<'_>, world: &World, change: Change, after: Tri) -> Counterfactual {
    let (old, new, unit) = match &change {
        Change::Input { input, to, .. } => {
            let ty = lab.program.inputs[input.index()].spec.ty;
            (None, Some(value(ty, Some(*to))), ChangeUnit::of(ty))
        }
        Change::Fact { step, person, to } => {
            let ty = lab.program.steps[step.index()].ty;
            (held(world, step.index(), *person, ty), Some(value(ty, Some(*to))), ChangeUnit::of(ty))
        }
        _ => (None, None, None),
    };
    let unit = unit.unwrap_or(ChangeUnit::Fen);
    Counterfactual { change, kind: ChangeKind::Answer, after, old, new, size: 0, unit, proof: Proof::Whole }
}

/// A fact's value as it is, bounds included.
fn held(world: &World, step: usize, person: Option<PersonKey>, ty: ColumnType) -> Option<Value> {
    let row = match person {
        None => 0,
        Some(person) => world.home.persons.key.iter().position(|key| *key == person)?,
    };
    let cell = world.facts.get(&step)?.get(row)?;
    let span = cell.slot.span;
    let held = match cell.known() {
        Some(known) => Cell::Known(known),
        None if cell.slot.presence == Presence::None => Cell::None,
        None => Cell::Between(span.lo, span.hi),
    };
    Some(Value { ty, held: Held::Number(held) })
}

/// The least and most that each fact can be, by what its dataset allows: the bounds it has when nobody has answered.
fn floors(lab: &Lab<'_>, world: &World) -> FxHashMap<usize, Vec<Span>> {
    let mut home = world.home.clone();
    home.records.clear();
    home.coverage = Coverage::default();
    let (_, facts) = lab.facts(&[World { home, facts: FxHashMap::default() }]).remove(0);
    let spans = |cells: Vec<FreeCell>| cells.iter().map(|cell| cell.slot.span).collect();
    facts.into_iter().map(|(step, cells)| (step, spans(cells))).collect()
}

/// All known numbers that matter, up and down.
fn amounts(
    lab: &Lab<'_>,
    worlds: &[World],
    floors: &FxHashMap<usize, Vec<Span>>,
    before: Tri,
    (moves, subjects): (&mut Vec<Move>, &mut Vec<Subject>),
) {
    let world = &worlds[0];
    let mut both = |place: Place, from: i64, within: Span, subject: &dyn Fn() -> Subject| {
        let subject = subject();
        let horizon = subject.unit.horizon();
        let up = i128::from(within.hi) - i128::from(from);
        let down = i128::from(from) - i128::from(within.lo);
        for (sign, room) in [(1, up), (-1, down)] {
            let room = i64::try_from(room.clamp(0, horizon.into())).unwrap_or(0);
            if room > 0 {
                let group = subject.unit as u8;
                moves.push(Move { world: 0, place, from, sign, room, goal: Goal::from(before), group });
                let (old, unit) = (subject.old.clone(), subject.unit);
                subjects.push(Subject { after: None, old, unit, ..subject });
            }
        }
    };
    for (input, definition) in lab.program.inputs.iter().enumerate().filter(|(i, _)| lab.matters.inputs[*i]) {
        let Some(unit) = ChangeUnit::of(definition.spec.ty) else { continue };
        for (row, person) in owners(&world.home, definition.entity) {
            let table = if person.is_some() { &world.home.persons.inputs } else { &world.home.cases.inputs };
            let default = match &definition.default {
                Some(hedui_rules::program::ParameterValue::Int(v)) => Some(*v),
                _ => None,
            };
            let Some(from) = table.int(&definition.name, row).or(default) else { continue };
            let ty = definition.spec.ty;
            let within =
                Span { lo: definition.spec.min.unwrap_or(i64::MIN), hi: definition.spec.max.unwrap_or(i64::MAX) };
            both(Place::Input(input, person.map(|_| row)), from, within, &|| Subject {
                after: None,
                input: Some(InputId(input as u32)),
                step: None,
                person,
                ty,
                old: Some(value(ty, Some(from))),
                unit,
            });
        }
    }
    for fact in &lab.matters.facts {
        let definition = &lab.program.steps[fact.step];
        let (Some(unit), Some(cells)) = (ChangeUnit::of(definition.ty), world.facts.get(&fact.step)) else { continue };
        for ((row, person), cell) in owners(&world.home, definition.entity).into_iter().zip(cells) {
            let Some(from) = cell.known() else { continue };
            let within = floors.get(&fact.step).and_then(|spans| spans.get(row)).copied().unwrap_or(Span::ALL);
            both(Place::Fact(fact.step, person.map(|_| row)), from, within, &|| Subject {
                after: None,
                input: None,
                step: Some(StepId(fact.step as u32)),
                person,
                ty: definition.ty,
                old: Some(value(definition.ty, Some(from))),
                unit,
            });
        }
    }
}

/// The numbers that an answer may bring, upwards from what is known without it.
fn brought(
    lab: &Lab<'_>,
    worlds: &[World],
    world: usize,
    change: Change,
    goal: Goal,
    (moves, subjects): (&mut Vec<Move>, &mut Vec<Subject>),
) {
    let home = &worlds[world].home;
    let mut push = |place: Place, from: i64, room: i64, subject: Subject| {
        // Of another group than amounts that are known.
        let group = 32 + subject.unit as u8;
        moves.push(Move { world, place, from, sign: 1, room, goal, group });
        subjects.push(subject);
    };
    match &change {
        Change::Input { input, person, to } => {
            let spec = &lab.program.inputs[input.index()].spec;
            let Some(unit) = ChangeUnit::of(spec.ty) else { return };
            let row = person.and_then(|person| home.persons.key.iter().position(|key| *key == person));
            let room = spec.max.map_or(unit.horizon(), |max| max.saturating_sub(*to)).min(unit.horizon());
            let (input, step, person, old) = (Some(*input), None, *person, None);
            let subject = Subject { after: Some(change.clone()), input, step, person, ty: spec.ty, old, unit };
            push(Place::Input(input.map_or(0, InputId::index), row), *to, room, subject);
        }
        Change::Fact { step, person, to } => {
            let ty = lab.program.steps[step.index()].ty;
            let Some(unit) = ChangeUnit::of(ty) else { return };
            let row = person.and_then(|person| home.persons.key.iter().position(|key| *key == person));
            let old = held(&worlds[0], step.index(), *person, ty);
            let place = Place::Fact(step.index(), row);
            let (input, step, person) = (None, Some(*step), *person);
            let subject = Subject { after: Some(change.clone()), input, step, person, ty, old, unit };
            push(place, *to, unit.horizon(), subject);
        }
        Change::Answer { source, people, .. } if people.len() < 2 => {
            let serves = home.coverage.sources.iter().find(|(id, _)| id == source).map(|(_, dataset)| dataset.as_str());
            for fact in
                lab.matters.facts.iter().filter(|f| Some(lab.program.datasets[f.dataset].name.as_str()) == serves)
            {
                let definition = &lab.program.steps[fact.step];
                let (Some(unit), Some(cells)) = (ChangeUnit::of(definition.ty), worlds[world].facts.get(&fact.step))
                else {
                    continue;
                };
                for ((row, person), cell) in owners(home, definition.entity).into_iter().zip(cells) {
                    let asked = person.is_none_or(|person| people.contains(&person));
                    if let (true, Some(from)) = (asked, cell.known()) {
                        let old = held(&worlds[0], fact.step, person, definition.ty);
                        let (after, step) = (Some(change.clone()), Some(StepId(fact.step as u32)));
                        let subject = Subject { after, input: None, step, person, ty: definition.ty, old, unit };
                        push(Place::Fact(fact.step, person.map(|_| row)), from, unit.horizon(), subject);
                    }
                }
            }
        }
        _ => {}
    }
}

/// What a move that changes the finding is called.
fn moved(
    lab: &Lab<'_>,
    worlds: &[World],
    one: &Move,
    subject: Subject,
    by: i64,
    proof: Proof,
) -> Option<Counterfactual> {
    let to = one.from.checked_add(one.sign.checked_mul(by)?)?;
    let change = match (subject.after, subject.input, subject.step) {
        (Some(Change::Answer { source, people, .. }), _, Some(step)) => {
            Change::Answer { source, people, fact: Some((step, subject.person, to)) }
        }
        (_, Some(input), _) => Change::Input { input, person: subject.person, to },
        (_, None, Some(step)) => Change::Fact { step, person: subject.person, to },
        _ => return None,
    };
    let kind = if one.group < 32 { ChangeKind::Amount } else { ChangeKind::Answer };
    let variant = Variant { world: one.world, patch: Some((one.place, Span::exact(to))) };
    let after = lab.verdicts(worlds, &[variant], Depth::Formulas)[0].tri?;
    let new = Some(value(subject.ty, Some(to)));
    Some(Counterfactual { change, kind, after, old: subject.old, new, size: by, unit: subject.unit, proof })
}

/// Those that a whole run confirms: with the change the finding is what was said, with one unit less it is not.
fn confirmed(lab: &Lab<'_>, home: &Caseload, goal: Goal, changes: Vec<Counterfactual>) -> Vec<Counterfactual> {
    let mut worlds = Vec::new();
    let mut variants = Vec::new();
    for one in &changes {
        for change in [Some(one.change.clone()), less(one)] {
            let change = change.unwrap_or_else(|| one.change.clone());
            let home = changed(lab.program, home, &change);
            let patch = patch_of(&home, &change);
            variants.push(Variant { world: worlds.len(), patch });
            worlds.push(World { home, facts: FxHashMap::default() });
        }
    }
    let verdicts = lab.verdicts(&worlds, &variants, Depth::All);
    let confirmed = |(one, verdicts): (Counterfactual, &[super::lab::Verdict])| {
        let does = verdicts[0].tri == Some(one.after) && goal.reached(verdicts[0].tri);
        let less_does = less(&one).is_some() && verdicts[1].tri == Some(one.after);
        (does && !less_does).then_some(one)
    };
    changes.into_iter().zip(verdicts.chunks_exact(2)).filter_map(confirmed).collect()
}

/// The same change by one unit less; none where there is no less, or it is no change at all.
fn less(one: &Counterfactual) -> Option<Change> {
    if one.size < 1 || !matches!(one.kind, ChangeKind::Amount | ChangeKind::Answer) {
        return None;
    }
    let up = one.kind == ChangeKind::Answer || one.new.as_ref()?.number()? > one.old.as_ref()?.number()?;
    let back = |to: i64| if up { to - 1 } else { to + 1 };
    Some(match one.change.clone() {
        Change::Input { input, person, to } => Change::Input { input, person, to: back(to) },
        Change::Fact { step, person, to } => Change::Fact { step, person, to: back(to) },
        Change::Answer { source, people, fact: Some((step, person, to)) } => {
            Change::Answer { source, people, fact: Some((step, person, back(to))) }
        }
        _ => return None,
    })
}
