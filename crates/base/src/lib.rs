//! Values and words that every room of hedui shares: money, dates, identity numbers, outcomes of asks,
//! three-valued truth, letters of authorisation, and the catalogue of datasets.
//!
//! Nothing here does I/O, reads a clock or knows a policy number.
//!
//! ```
//! use hedui_base::{AreaCode, Fen, Outcome, ResidentId, Tri};
//!
//! let standard: Fen = "900.00".parse().unwrap();
//! assert_eq!(standard.fen(), 90_000);
//! let id = ResidentId::parse("９９００００１９７００１０１００１８").unwrap();
//! assert!(!format!("{id:?}").contains("1970"), "identity numbers mask themselves");
//! assert!(AreaCode::parse("321102").unwrap().is_within(AreaCode::parse("3211").unwrap()));
//! assert!(Outcome::NoRecord.is_answer() && !Outcome::Failed.is_answer());
//! assert_eq!(Tri::NotMet.and(Tri::Undetermined), Tri::NotMet);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error has failed"))]

mod area;
pub mod catalogue;
pub mod columns;
mod dates;
pub mod diagnostic;
mod fen;
pub mod letter;
mod names;
mod outcome;
mod resident_id;
mod tri;

pub use area::{AreaCode, AreaError};
pub use catalogue::{Catalogue, ColumnSpec, ColumnType, Dataset};
pub use columns::{Column, Records, Table};
pub use dates::{Month, MonthError, Period};
pub use diagnostic::{Diagnostic, Severity, SourceText};
pub use fen::{Fen, FenError};
pub use letter::{Authorised, Denial, Letter};
pub use names::{AnswerId, AskId, CaseId, PersonKey, SourceId};
pub use outcome::{Outcome, UnknownOutcome};
pub use resident_id::{ResidentId, ResidentIdError};
pub use tri::Tri;
