//! Packed cases give what a caseload gives: the same findings, flags and errors, whatever the slices.

use hedui_base::{PersonKey, Tri};
use hedui_engine::concluded::{Concluded, Numbers, Runner};
use hedui_engine::input::Caseload;
use hedui_engine::output::{CaseFinding, Cell, Findings};
use hedui_engine::packed::Packed;
use hedui_engine::stored::{StoredSetting, Sums, restore};
use hedui_engine::{Derived, RunOptions, run, trace};
use hedui_rules::Program;
use proptest::prelude::*;

use crate::build::AS_OF;
use crate::random::{programs, worlds};
use crate::stored::all;

/// What columns say of one case, as objects say it.
fn check_case(program: &Program, found: &Concluded, at: usize, case: &CaseFinding) -> Result<(), TestCaseError> {
    let number = |numbers: &Numbers| numbers.get(at);
    let known = |cell: Option<Cell>| cell.and_then(Cell::known);
    let derived = Derived::of(program, case);
    prop_assert_eq!(found.category[at].map(usize::from), derived.category);
    prop_assert_eq!(number(&found.amount), derived.amount_fen);
    let listed = |list: &[(u32, Vec<String>)]| {
        list.iter().find(|(of, _)| *of as usize == at).map(|(_, names)| names.clone()).unwrap_or_default()
    };
    prop_assert_eq!(listed(&found.waiting_on), derived.waiting_names());
    let possible = found.possible.iter().find(|(of, _)| *of as usize == at).map(|(_, schemes)| schemes.clone());
    let possible = possible.unwrap_or_else(|| found.category[at].into_iter().collect());
    prop_assert_eq!(possible.into_iter().map(usize::from).collect::<Vec<_>>(), derived.possible);
    for (columns, scheme) in found.schemes.iter().zip(&case.schemes) {
        prop_assert_eq!(columns.finding[at], scheme.finding);
        prop_assert_eq!(columns.until.as_ref().and_then(number), known(scheme.until));
        let persons = columns.persons.iter().find(|(of, _)| *of as usize == at).map(|(_, persons)| persons.clone());
        prop_assert_eq!(&persons.unwrap_or_default(), &scheme.persons);
    }
    for ((columns, test), definition) in found.tests.iter().zip(&case.tests).zip(&program.tests) {
        prop_assert_eq!(columns.result[at], test.result);
        if definition.limit.is_some() {
            prop_assert_eq!(number(&columns.value), test.value.known());
            prop_assert_eq!(number(&columns.limit), test.limit.known());
            prop_assert_eq!(number(&columns.margin), test.margin.known());
        }
    }
    prop_assert_eq!(found.score.as_ref().and_then(number), known(case.score));
    prop_assert_eq!(found.flag_counts.each_ref().map(|counts| counts[at]), case.flag_counts);
    Ok(())
}

/// A case alone goes over the tape of the program: what it gives is what the columns of the kernel give, to the byte.
fn one_by_one(runner: &Runner<'_>, packed: &Packed) -> Result<(), TestCaseError> {
    let of_slices = runner.run(packed, 1);
    // What is remembered of one household is used for others of its kind, and then for itself.
    for case in (0..of_slices.len()).chain((0..of_slices.len()).rev()) {
        prop_assert_eq!(&runner.run_one(packed, case), &of_slices[case]);
    }
    Ok(())
}

/// What is kept from columns explains each case as on its day, and finds its records as they were.
fn explained_later(program: &Program, caseload: &Caseload, packed: &Packed, slice: usize) -> Result<(), TestCaseError> {
    let setting = StoredSetting { sums: Sums::Values, ..StoredSetting::of(&caseload.coverage) };
    for found in Runner::new(program, AS_OF).keeping(setting.clone()).run(packed, slice) {
        for (row, bytes) in found.case.iter().zip(&found.kept) {
            let id = caseload.cases.id[*row as usize].clone();
            let later = restore(program, &setting, id, bytes, &caseload.records, PersonKey(*row)).unwrap();
            prop_assert_eq!(&later.removed, &Vec::<String>::new());
            let now = trace(program, caseload, *row as usize, AS_OF).unwrap();
            prop_assert_eq!(all(program, &later.trace(AS_OF).unwrap()), all(program, &now));
        }
    }
    Ok(())
}

/// Checks all that two ways of running have to say.
pub(crate) fn same(program: &Program, caseload: &Caseload, slice: usize) -> Result<Findings, TestCaseError> {
    let plain = run(program, caseload, AS_OF, &RunOptions::default());
    let packed = Packed::of(program, caseload);
    one_by_one(&Runner::new(program, AS_OF), &packed)?;
    one_by_one(&Runner::new(program, AS_OF).keeping(StoredSetting::of(&caseload.coverage)), &packed)?;
    explained_later(program, caseload, &packed, slice)?;
    let (mut cases, mut flags, mut errors) = (plain.cases.iter(), plain.flags.iter(), plain.errors.iter());
    for found in Runner::new(program, AS_OF).run(&packed, slice) {
        for (at, row) in found.case.iter().enumerate() {
            let case = cases.next().ok_or_else(|| TestCaseError::fail("a case too many"))?;
            prop_assert_eq!(case.row, *row as usize);
            check_case(program, &found, at, case)?;
        }
        for raised in &found.flags {
            let flag = flags.next().ok_or_else(|| TestCaseError::fail("a flag too many"))?;
            prop_assert_eq!(
                (flag.row, flag.flag, flag.person),
                (raised.case as usize, usize::from(raised.flag), raised.person)
            );
            prop_assert_eq!(flag.declared.and_then(Cell::known), raised.declared);
            prop_assert_eq!(flag.found.and_then(Cell::known), raised.found);
            let mut evidence: Vec<_> = raised.evidence.clone();
            evidence.sort_unstable();
            evidence.dedup();
            prop_assert_eq!(evidence.len() >= flag.evidence.len(), true);
            prop_assert_eq!(evidence.is_empty(), flag.evidence.is_empty());
        }
        for error in &found.errors {
            prop_assert_eq!(Some(error), errors.next());
        }
    }
    prop_assert!(cases.next().is_none() && flags.next().is_none() && errors.next().is_none());
    Ok(plain)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn packed_cases_give_the_same(program in programs(), world in worlds(), slice in 1usize..6) {
        same(&program, &world, slice)?;
    }
}

#[test]
fn packed_cases_give_the_same_under_the_packs_of_this_repository() {
    let mut findings = Vec::new();
    for id in ["zhenjiang", "lezhi", "national"] {
        let program = crate::packs::program(id);
        for (seed, world) in crate::packs::worlds(&program).enumerate() {
            let plain = same(&program, &world, 1 + seed % 5).unwrap();
            findings.extend(plain.cases.into_iter().flat_map(|case| case.schemes).map(|scheme| scheme.finding));
        }
    }
    assert!(findings.contains(&Tri::NotMet) && findings.contains(&Tri::Undetermined), "the worlds say something");
}
