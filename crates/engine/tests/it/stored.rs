//! What is kept of a run explains it as on its day.

use std::collections::BTreeMap;

use hedui_base::{PersonKey, Records};
use hedui_engine::input::Caseload;
use hedui_engine::stored::{KeptCase, Restored, StoredSetting, restore, run_keeping};
use hedui_engine::{Explanation, RunOptions, Trace, run, trace};
use hedui_rules::Program;
use hedui_rules::program::Entity;
use proptest::prelude::*;

use crate::build::*;
use crate::complete::rows_kept;
use crate::random::{programs, worlds};

pub(crate) fn all(program: &Program, trace: &Trace<'_>) -> Vec<Explanation> {
    let mut all = Vec::new();
    for step in &program.steps {
        match step.entity {
            Entity::Household => all.extend(trace.explain(&step.name)),
            Entity::Person => {
                all.extend(trace.persons().iter().filter_map(|(key, _)| trace.explain_for(&step.name, Some(*key))));
            }
        }
    }
    all
}

fn restored<'p>(
    program: &'p Program,
    load: &Caseload,
    kept: &KeptCase,
    records: &BTreeMap<String, Records>,
) -> Restored<'p> {
    let setting = StoredSetting::of(&load.coverage);
    let case = load.cases.id[kept.row].clone();
    restore(program, &setting, case, &kept.bytes, records, PersonKey(kept.row as u32)).unwrap()
}

fn without_details(mut node: Explanation) -> Explanation {
    node.records.clear();
    node.removed = false;
    node.parameters.clear();
    node.children.clear();
    // A clause quoted inside the formula is part of the details.
    node.cite = None;
    node
}

/// Checks all cases of a caseload; gives bytes and cases.
fn explains(program: &Program, load: &Caseload) -> Result<(usize, usize), TestCaseError> {
    let options = RunOptions { slice: 3, threads: None };
    let (findings, kept) = run_keeping(program, load, AS_OF, &options);
    prop_assert_eq!(&findings.cases, &run(program, load, AS_OF, &options).cases);
    prop_assert_eq!(
        kept.iter().map(|k| k.row).collect::<Vec<_>>(),
        findings.cases.iter().map(|c| c.row).collect::<Vec<_>>()
    );
    let nothing = BTreeMap::new();
    for one in &kept {
        let then = trace(program, load, one.row, AS_OF).unwrap();
        let then = all(program, &then);
        let later = restored(program, load, one, &load.records);
        prop_assert_eq!(&later.removed, &Vec::<String>::new());
        prop_assert_eq!(&all(program, &later.trace(AS_OF).unwrap()), &then);
        // Without the records the values stand.
        let bare = restored(program, load, one, &nothing);
        let bare = all(program, &bare.trace(AS_OF).unwrap());
        for (bare, then) in bare.into_iter().zip(then) {
            prop_assert_eq!(without_details(bare), without_details(then));
        }
    }
    Ok((kept.iter().map(|k| k.bytes.len()).sum(), kept.len()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_explains_as_on_its_day(program in programs(), world in worlds()) {
        explains(&program, &world)?;
    }

    #[test]
    fn damaged_bytes_are_an_error_and_no_panic(program in programs(), world in worlds(), at: u16, bit in 0u8..8, cut: bool) {
        let (_, kept) = run_keeping(&program, &world, AS_OF, &RunOptions::default());
        let setting = StoredSetting::of(&world.coverage);
        for mut one in kept {
            let at = usize::from(at) % one.bytes.len();
            if cut {
                one.bytes.truncate(at);
            } else {
                one.bytes[at] ^= 1 << bit;
            }
            let read = restore(&program, &setting, "c".into(), &one.bytes, &world.records, PersonKey(0));
            prop_assert!(!cut || read.is_err());
            if let Ok(read) = read {
                let _ = read.trace(AS_OF).map(|trace| all(&program, &trace));
            }
        }
    }
}

#[test]
fn a_record_that_is_gone_is_said_to_be() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut said = 0;
    for _ in 0..80 {
        let program = programs().new_tree(&mut runner).unwrap().current();
        let world = worlds().new_tree(&mut runner).unwrap().current();
        let (_, kept) = run_keeping(&program, &world, AS_OF, &RunOptions::default());
        let mut less = world.records.clone();
        for records in less.values_mut() {
            let rows: Vec<usize> = (1..records.len()).collect();
            *records = rows_kept(records, &rows);
        }
        for one in &kept {
            let later = restored(&program, &world, one, &less);
            let trace = later.trace(AS_OF).unwrap();
            said += all(&program, &trace).iter().filter(|node| node.removed && !node.records.is_empty()).count();
        }
    }
    assert!(said > 20, "{said}");
}

#[test]
fn a_pack_is_explained_later_in_few_bytes() {
    let program = crate::packs::program("zhenjiang");
    let (mut bytes, mut cases) = (0, 0);
    for load in crate::packs::worlds(&program).take(6) {
        let (b, c) = explains(&program, &load).unwrap();
        bytes += b;
        cases += c;
    }
    // Households of these tests have three records of everything; see the bench for real ones.
    assert!(bytes / cases < 6_000, "{} bytes a case before compression", bytes / cases);
}
