//! A plan of faults in a file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Fault, Faults, UnknownFault};

/// A plan of faults cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file.
    #[error("cannot read the fault plan {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a plan.
    #[error("{} is not a fault plan: [[fault]] kind, at, intensity, until", .path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        source: toml::de::Error,
    },
    /// One of its faults.
    #[error("in {}", .path.display())]
    Fault {
        /// Which.
        path: PathBuf,
        /// Why.
        source: UnknownFault,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    #[serde(default)]
    fault: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: String,
    at: String,
    intensity: Option<u32>,
    until: Option<String>,
}

impl Faults {
    /// Reads a plan: `[[fault]] kind = "throttle", at = "police", intensity = 300, until = "20"` (requests) or `"5s"`.
    ///
    /// # Errors
    /// [`PlanError`] if the file cannot be read or is no plan.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let at = || path.to_path_buf();
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::File { path: at(), source })?;
        let plan: Plan = toml::from_str(&text).map_err(|source| PlanError::Content { path: at(), source })?;
        let faults = plan.fault.into_iter().map(|entry| {
            let kind = entry.kind.parse()?;
            let heal = entry.until.map_or(Ok(super::Heal::Never), |until| until.parse())?;
            Ok(Fault { kind, place: entry.at, intensity: entry.intensity, heal })
        });
        let faults: Result<_, UnknownFault> = faults.collect();
        faults.map(Self).map_err(|source| PlanError::Fault { path: at(), source })
    }
}
