//! A test that no scheme uses, directly or through variables. Flags and the score do not count.

use super::Lints;

pub(super) fn lint(lints: &mut Lints<'_>) {
    if lints.pack.schemes.is_empty() {
        return; // A frame leaves schemes to others.
    }
    let of_schemes = lints.pack.schemes.iter().flat_map(|scheme| {
        let persons = scheme.persons.as_ref().map(|persons| persons.when);
        [Some(scheme.when), scheme.amount, scheme.recheck_months, scheme.until, persons]
    });
    let used = lints.reached(of_schemes.flatten().collect::<Vec<_>>());
    let unused: Vec<_> = lints.pack.tests.iter().filter(|test| !used.contains(&test.result)).collect();
    for test in unused {
        let spot = &lints.pack.steps[test.result.0].name.spot;
        let found = spot
            .warning("rules::test_unused", format!("no scheme uses the test `{}`", test.name), "decides nothing")
            .help("use it in the `when` of a scheme, or say with `allow` what it is for");
        lints.tell(&test.name, found);
    }
}
