//! The packs of this repository over random households: what the properties promise holds for real rules too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hedui_base::catalogue::NullMeaning;
use hedui_base::columns::date_to_days;
use hedui_base::{Catalogue, Column, ColumnSpec, ColumnType, Month, Outcome, PersonKey, Records, SourceText};
use hedui_engine::cases::{MutationOptions, run_cases, run_mutants};
use hedui_engine::input::{Caseload, Role};
use hedui_engine::{Explanation, RunOptions, run, trace};
use hedui_rules::program::{AggregateFn, Entity, ExprKind, Over, StepKind};
use hedui_rules::{Library, PackFolder, Program};

use crate::build::{AS_OF, caseload, source};
use crate::complete::{Die, shuffle, withdraw};
use crate::properties::every_value_within;

pub(crate) fn library() -> Library {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let entries = |of: &str| fs::read_dir(root.join(of)).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let text = |path: &Path| SourceText::new(path.display().to_string(), fs::read_to_string(path).unwrap());
    let files: Vec<_> = entries("connectors/datasets").iter().map(|path| text(path)).collect();
    let packs = entries("rules").into_iter().filter(|path| path.join("pack.toml").exists());
    let packs = packs.map(|path| PackFolder::read(&path).unwrap()).collect();
    Library::new(packs, Catalogue::parse(&files).unwrap())
}

pub(crate) fn program(id: &str) -> Arc<Program> {
    library().compile(id).unwrap_or_else(|mistakes| panic!("{} mistakes in {id}", mistakes.len()))
}

/// A plausible value: recent dates and months, amounts up to some thousands, one of the codes.
fn number(spec: &ColumnSpec, die: &mut Die) -> i64 {
    let recent = die.roll(30) as i64;
    match spec.ty {
        ColumnType::Bool => recent % 2,
        ColumnType::Date if recent < 10 => date_to_days(AS_OF) - 40 * recent,
        ColumnType::Date => date_to_days(AS_OF) - 800 * recent,
        ColumnType::Month => Month::of(AS_OF).index() - recent / 2,
        ColumnType::Money(_) => (die.roll(5_000) * die.roll(200)) as i64,
        // From one: a support rate is by number of children, and nobody has a rate for none.
        ColumnType::Int => 1 + recent / 8,
        ty => (die.roll(3 * 10u64.pow(ty.scale().into()))) as i64,
    }
}

fn column(spec: &ColumnSpec, rows: usize, die: &mut Die) -> Column {
    let codes: Vec<&str> = spec.codes.keys().map(String::as_str).collect();
    let gap = |die: &mut Die| die.roll(if spec.null == NullMeaning::None { 2 } else { 20 }) == 0;
    if spec.ty.is_int() {
        return Column::Int((0..rows).map(|_| (!gap(die)).then(|| number(spec, die))).collect());
    }
    let text = |die: &mut Die| match codes.len() {
        0 => format!("t{}", die.roll(9)),
        n => codes[die.roll(n as u64) as usize].to_owned(),
    };
    Column::Text((0..rows).map(|_| (!gap(die)).then(|| text(die).into())).collect())
}

/// Households that every source answers about, most of the time.
fn world(program: &Program, die: &mut Die) -> Caseload {
    let roles: Vec<Vec<Role>> = (0..1 + die.roll(6))
        .map(|_| (0..1 + die.roll(4)).map(|i| if i < 3 { Role::Member } else { Role::Obligor }).collect())
        .collect();
    let mut load = caseload(&roles.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let people = load.persons.key.len();
    for input in &program.inputs {
        let (table, rows) = match input.entity {
            Entity::Person => (&mut load.persons.inputs, people),
            Entity::Household => (&mut load.cases.inputs, roles.len()),
        };
        table.columns.insert(input.name.clone(), column(&input.spec, rows, die));
    }
    for dataset in &program.datasets {
        let mut records = Records::default();
        for bank in 0..2 {
            let name = format!("{}.{bank}", dataset.name);
            let id = source(&mut load, &name, &dataset.name);
            for person in 0..people as u32 {
                let outcome = match die.roll(12) {
                    0 => Outcome::Overdue,
                    1 => Outcome::Partial,
                    2 | 3 => Outcome::NoRecord,
                    _ => Outcome::Found,
                };
                load.coverage.outcomes.insert((PersonKey(person), id), outcome);
                let rows = if matches!(outcome, Outcome::Found | Outcome::Partial) { die.roll(4) } else { 0 };
                for row in 0..rows {
                    records.person.push(PersonKey(person));
                    records.source.push(name.as_str().into());
                    records.record_id.push(row.to_string().into());
                    records.as_of.push(None);
                    records.ask.push(hedui_base::AskId(0));
                    records.answer.push(hedui_base::AnswerId(0));
                }
            }
        }
        records.table.rows = records.len();
        for used in &dataset.columns {
            records.table.columns.insert(used.name.clone(), column(&used.spec, records.table.rows, die));
        }
        load.records.insert(dataset.name.clone(), records);
    }
    load
}

pub(crate) fn worlds(program: &Program) -> impl Iterator<Item = Caseload> {
    (0..25).map(|seed| world(program, &mut Die(seed)))
}

#[test]
fn no_household_breaks_a_pack_and_order_changes_nothing() {
    let program = program("zhenjiang");
    let mut met = 0;
    for (i, load) in worlds(&program).enumerate() {
        let findings = run(&program, &load, AS_OF, &RunOptions::default());
        assert_eq!(findings.errors, []);
        met += findings.flags.len();
        let options = RunOptions { slice: 1 + i % 3, threads: Some(2) };
        let other = run(&program, &shuffle(&load, Die(i as u64)), AS_OF, &options);
        assert_eq!(findings.cases, other.cases);
        assert_eq!(findings.flags, other.flags);
    }
    assert!(met > 50, "the households are too dull to show anything: {met} flags");
}

#[test]
fn withdrawing_a_source_adds_no_certainty_to_a_pack() {
    let program = program("zhenjiang");
    for (i, load) in worlds(&program).enumerate() {
        let source = (i % load.coverage.sources.len()) as u16;
        let withdrawn = withdraw(&load, source, |person| person.0 % 2 == i as u32 % 2);
        every_value_within(&program, &withdrawn, &load).unwrap();
    }
}

/// Checks every node that is a step whose whole formula is a sum.
fn re_adds(program: &Program, node: &Explanation) -> usize {
    let below: usize = node.children.iter().map(|child| re_adds(program, child)).sum();
    let step = program.step(&node.name).map(|step| &program.steps[step.index()]);
    let Some(StepKind::Formula(expr) | StepKind::Fact { value: expr, .. }) = step.map(|s| &s.kind) else {
        return below;
    };
    let ExprKind::Aggregate(of) = &expr.kind else { return below };
    let (Some(total), AggregateFn::Sum, false) = (node.value.number(), of.function, node.repeated) else {
        return below;
    };
    let parts: i64 = match of.over {
        Over::Records => node.records.iter().filter_map(|r| r.contribution).sum(),
        Over::Members | Over::Obligors => node.children.iter().filter_map(|c| c.value.number()).sum(),
    };
    assert_eq!(total, parts, "{}", node.name);
    below + 1
}

#[test]
fn the_sheet_of_a_scheme_re_adds() {
    let program = program("zhenjiang");
    let mut sums = 0;
    for load in worlds(&program) {
        for row in 0..load.cases.id.len() {
            let trace = trace(&program, &load, row, AS_OF).unwrap();
            for scheme in &program.schemes {
                for step in scheme.amount.into_iter().chain([scheme.when]) {
                    let node = trace.explain(&program.steps[step.index()].name).unwrap();
                    sums += re_adds(&program, &node);
                }
            }
        }
    }
    assert!(sums > 500, "{sums} sums checked");
}

#[test]
fn the_cases_of_every_pack_leave_nothing_out_and_notice_nearly_every_slip() {
    let library = library();
    for id in library.ids() {
        let checked = library.check(id);
        let program = checked.program.unwrap();
        let report = run_cases(&program, &checked.cases);
        assert_eq!(report.differences, [], "{id}");
        assert_eq!(report.unreached, [], "{id}");
        let changes = run_mutants(&program, &checked.cases, &MutationOptions::default());
        assert!(
            changes.is_at_least(95),
            "{id} notices {} of {}: {:#?}",
            changes.noticed,
            changes.tried,
            changes.missed
        );
    }
}
