//! A reform tried on the stored caseload before it is switched on: who enters, leaves, gains and loses, what it costs.
//!
//! The same path as [`crate::batch`], run twice over one pinned snapshot, chunk by chunk, with two sets of programs.
//! Nothing is stored: no finding, no review, no task.

mod alarm;
mod changes;
mod data;
mod household_type;
mod movement;
mod outcome;
mod plain;
mod setting;
mod side;
mod tally;
mod totals;

pub use alarm::Alarm;
pub use data::simulate;
pub use household_type::Dimension;
pub use movement::Movement;
pub use plain::simulate_plain;
pub use setting::{ChangedParameter, Setting, SettingError};
pub use side::Side;
pub use totals::{Bounds, Budget, Group, SchemeChange, Standings, Totals, Transition};

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::{CaseFailure, PackLine, Progress, Selection, Silent};

/// What to simulate over a data folder.
#[derive(Clone)]
pub struct SimulateRequest {
    /// Which cases.
    pub cases: Selection,
    /// Only answers known by then; none means all.
    pub known_at: Option<Timestamp>,
    /// What is compared, and how it is told.
    pub reform: Reform,
}

/// What to simulate over a plain folder; both sides name exactly one pack, which computes every case.
#[derive(Clone)]
pub struct SimulatePlainRequest {
    /// Folder with `persons.csv`, one file per dataset, and perhaps `coverage.csv`.
    pub records: PathBuf,
    /// `cases.csv` or `.parquet`.
    pub cases: PathBuf,
    /// What is compared, and how it is told.
    pub reform: Reform,
}

/// Two sets of rules and how to tell their difference.
#[derive(Clone)]
pub struct Reform {
    /// The rules as they are.
    pub before: Side,
    /// The rules as they would be.
    pub after: Side,
    /// The day the check speaks about.
    pub as_of: Date,
    /// Digits of the areas told apart: 2 province, 4 city, 6 county, 9 township, 12 village.
    pub area_digits: u8,
    /// Share of the households met before that may leave before an alarm; none means the pack's `mass_exit_share`.
    pub exit_alarm: Option<Decimal>,
    /// So many households may leave in all before an alarm.
    pub exit_hint: Option<usize>,
    /// Folder for `changes.parquet`, `changes.csv` and `simulation.json`; created. None writes nothing.
    pub out: Option<PathBuf>,
    /// Who hears of progress.
    pub progress: Arc<dyn Progress>,
}

impl Reform {
    /// By county, with the pack's own limit, silently, writing nothing.
    pub fn new(before: Side, after: Side, as_of: Date) -> Self {
        Self {
            before,
            after,
            as_of,
            area_digits: 6,
            exit_alarm: None,
            exit_hint: None,
            out: None,
            progress: Arc::new(Silent),
        }
    }
}

/// What a simulation showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Simulation {
    /// Areas and schemes that more households leave than the limit allows; look here first.
    pub alarms: Vec<Alarm>,
    /// Whether any limit for exits was at hand; without one there is never an alarm.
    pub exit_limit_known: bool,
    /// The day the check speaks about.
    pub as_of: Option<Date>,
    /// Answers up to here counted; none for a plain folder.
    pub known_at: Option<Timestamp>,
    /// Packs before, with how many cases each.
    pub packs_before: Vec<(PackLine, usize)>,
    /// Packs after, with how many cases each.
    pub packs_after: Vec<(PackLine, usize)>,
    /// Parameter rows that were set otherwise before.
    pub set_before: Vec<ChangedParameter>,
    /// Parameter rows that were set otherwise after.
    pub set_after: Vec<ChangedParameter>,
    /// Members and obligors.
    pub people: usize,
    /// All cases.
    pub total: Totals,
    /// By scheme, in the packs' order.
    pub schemes: Vec<SchemeChange>,
    /// Where cases stood before and after: scheme id, `none`, `undetermined` or `not_computed`.
    pub transitions: Vec<Transition>,
    /// By area.
    pub areas: Vec<Group>,
    /// By type of household, each dimension over all cases.
    pub types: Vec<Group>,
    /// Cases that could not be computed before.
    pub failures_before: Vec<CaseFailure>,
    /// Cases that could not be computed after.
    pub failures_after: Vec<CaseFailure>,
    /// What was taken for granted about a plain folder, in words.
    pub notices: Vec<String>,
    /// One row a changed case, where asked for.
    pub changes_file: Option<PathBuf>,
}
