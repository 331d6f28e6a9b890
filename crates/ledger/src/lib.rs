//! The ledger of a data folder: people, cases, letters, asks, findings history, reviews, API keys and the audit log.
//!
//! One SQLite database (`hedui.db`) and one key file (`keys/master.key`). Names, identity numbers and accounts are sealed
//! under a key per person; whoever holds the database without the key file has nobody's name, and erasing a person
//! destroys that key. All times are arguments: nothing here reads a clock.
//!
//! Writers take a [`Tx`] and take turns; readers never wait. Whatever belongs together is written in one transaction:
//!
//! ```no_run
//! # async fn example(dir: &std::path::Path, settled: &[hedui_ledger::Settle], events: &[hedui_ledger::AuditEvent],
//! #     now: jiff::Timestamp) -> hedui_ledger::Result<()> {
//! let ledger = hedui_ledger::Ledger::open(dir).await?;
//! let mut tx = ledger.begin().await?;
//! let answers = ledger.settle(&mut tx, settled, now).await?; // fails as a whole if a lease was lost
//! ledger.audit(&mut tx, events, now).await?;
//! // the store publishes its files through `tx.connection()` here
//! tx.commit().await?;
//! # let _ = answers;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error has failed"))]

mod error;
mod ledger;
mod sql;
mod vault;
mod worker;

mod people;

mod cases;
mod letters;

mod asks;
mod health;
mod leases;
mod limits;
mod quarantine;
mod rereading;
mod submissions;

mod findings;
mod reviews;
mod verifications;

mod api_keys;
mod audit;
pub mod merkle;

pub use api_keys::{Actor, ApiKey};
pub use asks::{Ask, AskCount, AskFilter, AskNow, AskState, Planned, Reask};
pub use audit::{AuditEvent, AuditLeaf, AuditReport, BadLeaf, Checkpoint};
pub use cases::{Account, Case, CaseFilter, CasePerson, HouseholdEntry, PersonEntry, Role};
pub use error::{LedgerError, Result};
pub use findings::SavedFinding;
pub use health::{Attempt, Latency, Observation, OldestPending, SourceHealth};
pub use leases::{ClaimedAsk, Settle};
pub use ledger::{Ledger, Tx};
pub use limits::{BreakerState, SavedBreaker};
pub use people::{Person, mask_name};
pub use quarantine::{Quarantine, QuarantineRow};
pub use rereading::ManifestSeen;
pub use reviews::{NewReview, Review, ReviewFilter, ReviewState};
pub use submissions::ClaimedSubmission;
pub use verifications::{NewVerification, Verification};
