//! What holds for any program and any world.

use hedui_base::{PersonKey, Tri};
use hedui_engine::input::Caseload;
use hedui_engine::output::Cell;
use hedui_engine::{Held, RunOptions, Trace, Value, run, trace};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use proptest::prelude::*;

use crate::build::AS_OF;
use crate::complete::{Die, complete, shuffle, withdraw};
use crate::random::{SOURCES, programs, worlds};
use crate::reference::{At, Reference, Val};

/// Every value of a case: step, person, value.
fn values(program: &Program, trace: &Trace<'_>) -> Vec<(usize, Option<PersonKey>, Value)> {
    let mut all = Vec::new();
    for (id, step) in program.steps.iter().enumerate() {
        match step.entity {
            Entity::Household => all.push((id, None, trace.value(&step.name, None).unwrap())),
            Entity::Person => {
                for (person, _) in trace.persons() {
                    all.push((id, Some(*person), trace.value(&step.name, Some(*person)).unwrap()));
                }
            }
        }
    }
    all
}

/// Whether everything the narrower value can be, the wider one can be too.
fn holds(wide: &Value, narrow: &Value) -> bool {
    match (&wide.held, &narrow.held) {
        (Held::Condition(wide), Held::Condition(narrow)) => wide == narrow || *wide == Tri::Undetermined,
        (Held::Number(wide), Held::Number(narrow)) => match (wide, narrow) {
            (Cell::Between(..), Cell::None) => true,
            (Cell::Between(lo, hi), Cell::Known(v)) => lo <= v && v <= hi,
            (Cell::Between(lo, hi), Cell::Between(a, b)) => lo <= a && b <= hi,
            (wide, narrow) => wide == narrow,
        },
        (Held::UnknownText, Held::Text(_)) => true,
        (wide, narrow) => wide == narrow,
    }
}

/// Checks that each value of the narrower world lies within that of the wider one. Cases that broke are left out.
pub(crate) fn every_value_within(program: &Program, wide: &Caseload, narrow: &Caseload) -> Result<(), TestCaseError> {
    for row in 0..wide.cases.id.len() {
        let (Ok(wide), Ok(narrow)) = (trace(program, wide, row, AS_OF), trace(program, narrow, row, AS_OF)) else {
            continue;
        };
        for ((id, person, wide), (_, _, narrow)) in values(program, &wide).iter().zip(values(program, &narrow)) {
            let step = &program.steps[*id];
            prop_assert!(holds(wide, &narrow), "{} of {person:?}: {narrow:?} is not within {wide:?}", step.name);
        }
    }
    Ok(())
}

fn seeds(seed: u64) -> impl Fn(&str) -> u64 {
    move |name| name.bytes().fold(seed, |n, b| n.wrapping_mul(31).wrapping_add(b.into()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_agrees_with_a_row_by_row_interpreter(program in programs(), world in worlds(), seed: u64) {
        let whole = complete(&world, seeds(seed));
        let reference = Reference { program: &program, load: &whole };
        for row in 0..whole.cases.id.len() {
            let Ok(trace) = trace(&program, &whole, row, AS_OF) else { continue };
            for (id, person, value) in values(&program, &trace) {
                let person = person.map(|p| whole.persons.key.iter().position(|k| *k == p).unwrap());
                let Ok(expected) = reference.step(id, &At { case: row, person, ..At::default() }) else { continue };
                let same = match (&value.held, &expected) {
                    (Held::Condition(tri), expected) => *tri == Tri::from(matches!(expected, Val::Int(v) if *v != 0)),
                    (Held::Number(Cell::Known(v)), Val::Int(expected)) => i128::from(*v) == *expected,
                    (Held::Number(Cell::None), Val::None) => true,
                    _ => false,
                };
                prop_assert!(same, "{}: {value:?}, expected {expected:?}", program.steps[id].name);
            }
        }
    }

    #[test]
    fn bounds_hold_every_completion(program in programs(), world in worlds(), seed: u64) {
        every_value_within(&program, &world, &complete(&world, seeds(seed)))?;
    }

    #[test]
    fn withdrawing_answers_adds_no_certainty(program in programs(), world in worlds(), source in 0u16..3, people: u8) {
        let withdrawn = withdraw(&world, source, |person| people & (1 << (person.0 % 8)) != 0);
        every_value_within(&program, &withdrawn, &world)?;
        let options = RunOptions::default();
        let (before, after) = (run(&program, &world, AS_OF, &options), run(&program, &withdrawn, AS_OF, &options));
        for now in &after.cases {
            let Some(then) = before.cases.iter().find(|then| then.row == now.row) else { continue };
            for (now, then) in now.schemes.iter().zip(&then.schemes) {
                prop_assert!(now.finding == then.finding || now.finding == Tri::Undetermined);
            }
            for (now, then) in now.tests.iter().zip(&then.tests) {
                prop_assert!(now.result == then.result || now.result == Tri::Undetermined);
            }
        }
    }

    #[test]
    fn a_source_nobody_waits_for_changes_no_finding(program in programs(), world in worlds(), seed: u64, other: u64) {
        let before = run(&program, &world, AS_OF, &RunOptions::default());
        let one = run(&program, &complete(&world, seeds(seed)), AS_OF, &RunOptions::default());
        for name in SOURCES.iter().map(|s| s.0).chain(["wage", "vehicles"]) {
            let two = complete(&world, |of| seeds(if of == name { other } else { seed })(of));
            let two = run(&program, &two, AS_OF, &RunOptions::default());
            for case in &before.cases {
                let of = |findings: &hedui_engine::output::Findings| {
                    findings.cases.iter().find(|c| c.row == case.row).map(|c| (c.schemes[0].finding, c.tests[0].result))
                };
                let (Some(one), Some(two)) = (of(&one), of(&two)) else { continue };
                if !case.schemes[0].waiting_on.iter().any(|r| r.source.as_str() == name) {
                    prop_assert_eq!(one.0, two.0, "the scheme does not wait for {}", name);
                }
                if !case.tests[0].waiting_on.iter().any(|r| r.source.as_str() == name) {
                    prop_assert_eq!(one.1, two.1, "the test does not wait for {}", name);
                }
            }
        }
    }

    #[test]
    fn order_slices_and_threads_change_nothing(
        program in programs(), world in worlds(), seed: u64, slice in 1usize..6, threads in 1usize..4,
    ) {
        let plain = run(&program, &world, AS_OF, &RunOptions::default());
        let options = RunOptions { slice, threads: Some(threads) };
        let other = run(&program, &shuffle(&world, Die(seed)), AS_OF, &options);
        prop_assert_eq!(&plain.cases, &other.cases);
        prop_assert_eq!(&plain.flags, &other.flags);
        prop_assert_eq!(&plain.errors, &other.errors);
    }

    #[test]
    fn a_trace_of_one_is_the_run_of_all(program in programs(), world in worlds()) {
        let all = run(&program, &world, AS_OF, &RunOptions::default());
        for row in 0..world.cases.id.len() {
            match trace(&program, &world, row, AS_OF) {
                Ok(one) => {
                    prop_assert_eq!(Some(&one.findings().cases[0]), all.cases.iter().find(|c| c.row == row));
                    let flags: Vec<_> = all.flags.iter().filter(|f| f.row == row).cloned().collect();
                    prop_assert_eq!(&one.findings().flags, &flags);
                }
                Err(error) => prop_assert!(all.errors.contains(&error)),
            }
        }
    }
}
