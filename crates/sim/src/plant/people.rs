//! Numbers and names that are not what they seem, and relatives of officials.

use super::kind::Planting::Registers;
use super::kind::{KIND, Kind};
use crate::city::Household;
use crate::city::registers::{Desk, relative};
use crate::records::row;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        flag: "ID02",
        what: "the number is registered under another name",
        shown_by: &["identity"],
        plant: Registers(another_name),
        ..KIND
    },
    Kind {
        flag: "GO01",
        what: "a near relative of an official, not on the register",
        shown_by: &["relative_register"],
        plant: Registers(unregistered_relative),
        ..KIND
    },
    Kind {
        flag: "ID04",
        what: "a second number of the same person is in use",
        shown_by: &["identity"],
        plant: Registers(two_numbers),
        ..KIND
    },
    Kind {
        flag: "ID03",
        what: "the old number of 15 digits is in use still",
        shown_by: &["identity"],
        plant: Registers(old_number),
        ..KIND
    },
];

fn another_name(household: &mut Household, _: &mut Desk) -> usize {
    for row in household.members[0].rows_mut("identity") {
        if row.text("kind") == Some("current") {
            row.set("name_matches", false);
        }
    }
    0
}

fn two_numbers(household: &mut Household, desk: &mut Desk) -> usize {
    let number = format!("990999********{:04}", desk.dice.between(1000, 9999));
    let row = row! { "number": number, "kind": "duplicate", "name_matches": true, "in_use": true };
    household.members[0].add("identity", row);
    0
}

fn old_number(household: &mut Household, _: &mut Desk) -> usize {
    let member = &mut household.members[0];
    let old =
        member.id.old_form().map_or_else(|| "990000******001".to_owned(), |n| format!("{}******{}", &n[..6], &n[12..]));
    if member.rows("identity").iter().all(|r| r.text("kind") != Some("fifteen")) {
        member.add("identity", row! { "number": old, "kind": "fifteen", "name_matches": true, "in_use": true });
    }
    for row in member.rows_mut("identity") {
        row.set("in_use", true);
    }
    0
}

fn unregistered_relative(household: &mut Household, desk: &mut Desk) -> usize {
    let row = relative(false, desk);
    household.members[0].put("relative_register", row);
    0
}
