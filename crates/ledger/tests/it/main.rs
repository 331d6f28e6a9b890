//! The ledger as its callers see it, each test in a folder of its own.
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
#![allow(clippy::print_stdout, reason = "the scale test shows its times")]

mod asks;
mod audit;
mod erasure;
mod keys_and_reviews;
mod limits;
mod people_and_cases;
mod scale;
mod submissions;

use hedui_base::{AreaCode, CaseId, PersonKey, ResidentId, SourceId};
use hedui_ledger::{Account, HouseholdEntry, Ledger, PersonEntry, Reask, Role};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// A folder, its ledger, and a clock that the test moves.
pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) ledger: Ledger,
}

pub(crate) const LEASE: SignedDuration = SignedDuration::from_mins(5);

pub(crate) fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-06-30T08:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minutes)
}

pub(crate) fn id(sequence: u16) -> ResidentId {
    ResidentId::invented(990_101, "1970-05-05".parse().unwrap(), sequence).unwrap()
}

pub(crate) fn member(sequence: u16, name: &str) -> PersonEntry {
    PersonEntry {
        role: Role::Member,
        relation: "self".into(),
        name: name.into(),
        id_number: id(sequence).reveal().into(),
        declared: serde_json::Map::new(),
        accounts: Vec::new(),
    }
}

pub(crate) fn household(case: &str, people: Vec<PersonEntry>) -> HouseholdEntry {
    HouseholdEntry {
        case: CaseId::from(case),
        scheme: "dibao".into(),
        area: AreaCode::parse("321102").unwrap(),
        residence: Some("urban".into()),
        in_receipt: false,
        enrolled_on: None,
        declared: json!({ "declared_vehicle_count": 0 }).as_object().unwrap().clone(),
        people,
    }
}

pub(crate) fn water(account: &str, address: &str) -> Account {
    Account { utility: "water".into(), account: Some(account.into()), address: Some(address.into()) }
}

pub(crate) fn source(id: &str) -> SourceId {
    SourceId::from(id)
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).await.unwrap();
        Self { dir, ledger }
    }

    pub(crate) async fn register(&self, households: &[HouseholdEntry]) -> Vec<Vec<PersonKey>> {
        let mut tx = self.ledger.begin().await.unwrap();
        let keys = self.ledger.register_households(&mut tx, households, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        keys
    }

    pub(crate) async fn plan(&self, source_id: &str, people: &[PersonKey], reask: &Reask) -> hedui_ledger::Planned {
        let mut tx = self.ledger.begin().await.unwrap();
        let planned = self.ledger.plan(&mut tx, &source(source_id), "2026-06", people, reask, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        planned
    }
}
