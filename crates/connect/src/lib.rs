//! Institutions as manifests: what each is asked, over which transport, and how its reply becomes canonical rows.
//!
//! An institution is a folder of TOML under `connectors/institutions/`; adding one needs no compiler. A manifest is
//! read once into a [`Source`]; every mistake in it is a [`Diagnostic`](hedui_base::Diagnostic) with its place.
//! [`Source::ask`] sends a question and keeps the reply as bytes; [`parse`] is a pure function from those bytes to one
//! answer for each person asked, so a stored reply can be parsed again at any time without asking the institution.
//!
//! ```
//! use hedui_connect::{Registry, catalogue};
//!
//! let catalogue = catalogue();
//! let loaded = Registry::embedded(&catalogue, None);
//! assert!(loaded.diagnostics.iter().all(|d| !d.is_error()));
//! let police = loaded.registry.get("police.hukou").expect("embedded");
//! assert_eq!((police.dataset.name.as_str(), police.batch), ("hukou", 100));
//! ```
//!
//! Promises: nothing is asked without an [`Authorised`](hedui_base::Authorised) per person; a failure is `failed`,
//! never `no_record`; no error, log line or `Debug` text carries a name, number, account or address.
//!
//! Without the feature `transports`, which is on unless switched off, nothing is asked: what is left reads manifests and
//! replies, opens no connection and builds in a fraction of the time. The fuzz targets use it so.

#![cfg_attr(not(feature = "transports"), allow(dead_code, unused_imports, reason = "what only transports call"))]

mod host;
mod inventory;
pub mod manifest;
mod reference;
mod registry;
mod site;

mod condition;
mod convert;
mod selector;
mod template;

mod ask;
mod calendar;
pub mod cipher;
mod files;
pub mod maintenance;
mod reply;
pub mod sign;

mod parse;
mod replay;

#[cfg(feature = "transports")]
mod context;
#[cfg(feature = "transports")]
mod gate;
#[cfg(feature = "transports")]
mod transport;
#[cfg(feature = "transports")]
mod trial;

pub use ask::{AskPeriod, Cause, Exchange, Failure, Observed, Poll, Subject, SubjectKey, Submission};
pub use calendar::{Calendar, DayKind, SpecialDay};
pub use condition::{Condition, CountCheck, CountOf};
#[cfg(feature = "transports")]
pub use context::{ClientError, Context};
pub use convert::{Accept, CodeTable, Converter, DayOfMonth, MoneyUnit, Value};
pub use files::{RequestRow, Unpackable, UnreadableRequest, file_name, pack, part_name, read_request, unpack};
#[cfg(feature = "transports")]
pub use gate::Lane;
pub use host::TlsUse;
pub use inventory::{Holding, Inventory};
pub use manifest::{Class, Manifest, Mode, Subjects};
pub use parse::grid;
pub use parse::{Answer, Parsed, Quarantined, Reason, Stats, parse};
pub use reference::reference;
pub use registry::{
    InstitutionFolder, Loaded, Registry, Source, catalogue, dataset_files, embedded_calendar, manifest_schema,
};
pub use reply::{DamagedReply, Media, Part, RawReply, Refused};
pub use selector::{Format, Selector};
pub use site::{Daily, InstitutionSite, LimitsHere, Secret, Site, Tls};
pub use template::{Marks, Template};
#[cfg(feature = "transports")]
pub use trial::{Tried, try_source};
