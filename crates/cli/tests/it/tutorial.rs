//! The tutorials, done as a reader does them.

use crate::page::done;

#[test]
fn a_county_in_fifteen_minutes() {
    let commands = done("docs/rules.md");
    assert!(commands >= 10, "only {commands} commands");
}

#[test]
fn an_institution_in_fifteen_minutes() {
    let commands = done("docs/connectors.md");
    assert!(commands >= 12, "only {commands} commands");
}
