//! Invented cities with known truth, and the institutions that hold their data as real servers on loopback.
//!
//! Nobody in them exists: names are put together from lists, and identity numbers lie in area 990000-999999, where no
//! real division is. The same seed always gives the same city, and a household is the same whether the city has ten or
//! ten thousand others.
//!
//! ```
//! use hedui_sim::{CityOptions, generate, score};
//!
//! let city = generate(&CityOptions { households: 50, seed: 7, as_of: jiff::civil::date(2026, 6, 30) });
//! let raised: Vec<_> = city.truth.expected.iter().map(|e| (e.case.as_str(), e.flag.as_str())).collect();
//! let score = score(&city.truth, &raised);
//! assert!(score.missed.is_empty() && score.without_cause.is_empty());
//! ```

mod advance;
mod city;
mod dice;
mod direct;
mod faults;
mod holders;
mod plant;
mod records;
mod score;
mod serve;
mod shape;
mod truth;

pub use city::{
    City, CityError, CityOptions, DeclaredByHousehold, DeclaredByPerson, Household, Person, generate, generate_for,
};
pub use direct::{
    DirectError, DirectOptions, DirectReport, REGISTERED, exchange_files, exchange_sources, write_direct,
    write_exchange,
};
pub use faults::{Fault, FaultKind, Faults, Heal, PlanError, Target, UnknownFault, Way, chaos, chaos_least_met};
pub use holders::Holders;
pub use plant::{AnomalyKind, anomalies};
pub use records::{
    Business, Cell, Code, Deposit, Hukou, Income, Insurance, Pension, PersonRecords, Policy, Property, Row, Security,
    UtilityAccount, UtilityMonth, Vehicle, Wallet,
};
pub use score::{Score, score};
pub use serve::{ServeError, ServeOptions, Servers, Which, serve, serve_with};
pub use shape::{CityShape, UtilityShape};
pub use truth::{Change, Expected, Planted, Truth};
