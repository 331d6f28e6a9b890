//! Rule packs: from text that an official can read to a typed program that the engine runs.
//!
//! ```
//! use hedui_base::Catalogue;
//! use hedui_rules::{Library, PackFolder};
//!
//! let pack = PackFolder::from_files("demo", [
//!     ("pack.toml".into(), "[pack]\nid = 'demo'\ntitle = '演示'\nversion = '1'\nfrom = 2026-01-01".into()),
//!     ("rules.toml".into(), "[test.small]\ntitle = '小家庭'\nvalue = 'COUNT(member.*)'\nat_most = 'sise'".into()),
//! ]);
//! let checked = Library::new(vec![pack], Catalogue::default()).check("demo");
//! assert!(checked.program.is_none());
//! assert_eq!(checked.diagnostics[0].code, "rules::undefined_name");
//! assert_eq!(checked.diagnostics[0].place().unwrap(), "demo/rules.toml:4:12");
//! ```
//!
//! A pack passes through four forms, one folder each: [`surface`] (as written), [`resolved`] (names bound), [`typed`]
//! (types and units known), [`program`] (what runs). Every pass returns its form and pushes all mistakes; what is
//! wrong becomes an error that fits everywhere, so that one mistake is told once.
//!
//! # Where the language could be read in two ways
//!
//! - **Names** are one space in a pack, flags included; datasets are another. Inside a fact's `where` and aggregates a
//!   column goes before an input or rule of the same name. `dibao` in a condition means the scheme's `when`;
//!   `dibao.amount`, `test.value`, `test.limit` and `flag.when` can be read too. A flag itself is no value.
//! - **Aggregates** over `member.` or `obligor.` read bare names as values of the household; `household.x` is the same.
//! - **Bare numbers and texts** take the type of the other side (yuan for money, codes are checked against the list).
//!   In `*` and `/` they are plain numbers. Two literals are computed exactly.
//! - **`/`**: money by money, area by area and count by count is a plain decimal with 6 places, or with those of the
//!   declared type of its variable (one rounding). Money by a plain number stays money.
//! - **`AVG`** of counts has 6 places. **`ROUND(x)`** of money is whole yuan.
//! - **`BETWEEN`** includes both ends; `NOT IN`, `<>` with none: a comparison with none is not met, its `NOT` is met.
//! - **Datasets `per = "account"`** belong to the person the account was linked to, so their facts are of persons.
//! - **`cite`** is needed for flags and for every value of a parameter; elsewhere it is optional. A missing `title` of a
//!   fact, variable or test is a warning.
//! - **Unused** names are warnings, only in the pack at hand, and not for inputs and parameters of a frame (a pack
//!   without an area), which are there for others.
//! - **Parameter rows** may differ by area length or by residence: the nearer one wins. Equally near ones overlap.
//! - **Scales and deductions** become parameters: a scale is one whose last key is where a bracket begins, a deduction a
//!   variable over four parameters, `x.base`, `x.rate`, `x.cap`, `x.max_months`, one for each column of its table.
//! - **The score** becomes a decimal(2) if its formula counts whole points.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

pub mod book;
pub mod cases;
pub mod changes;
mod csv;
mod deductions;
pub mod diagnostics;
mod folder;
pub mod functions;
mod library;
mod lines;
mod lints;
pub mod mutants;
mod parameters;
pub mod program;
pub mod resolved;
mod scales;
mod spot;
pub mod surface;
pub mod typed;
mod value;
pub mod words;
pub mod written;

pub use folder::PackFolder;
pub use library::{Checked, Library, NoPack};
pub use program::Program;
pub use spot::{Spot, Spotted};
