//! A city in a folder: `city.json` (everything), `cases.json` (what the bureau is given), `truth.json` (what it is not),
//! `registers/housing.db` (the housing office's own database), `drops/water/` (the water works' monthly files),
//! `exchange/bank_*` (what the banks' servers show).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::City;

/// A city folder cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CityError {
    /// A file.
    #[error("city folder: cannot use {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a city's file.
    #[error("{} is not a file of a city; write the city anew with `hedui sim city`", .path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl City {
    /// Writes the city's files into `dir`: `city.json`, `cases.json`, `truth.json`. The institutions write their own
    /// registers when they are served.
    ///
    /// # Errors
    /// [`CityError::File`] if the folder cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), CityError> {
        fs::create_dir_all(dir).map_err(|source| CityError::File { path: dir.to_owned(), source })?;
        write_json(&dir.join("cases.json"), &self.cases(), true)?;
        write_json(&dir.join("truth.json"), &self.truth, true)?;
        write_json(&dir.join("city.json"), self, false)
    }

    /// Reads a city that [`City::write`] wrote.
    ///
    /// # Errors
    /// [`CityError`] if a file is missing or not a city's.
    pub fn read(dir: &Path) -> Result<Self, CityError> {
        let mut city: Self = read_json(&dir.join("city.json"))?;
        city.truth = read_json(&dir.join("truth.json"))?;
        Ok(city)
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize, pretty: bool) -> Result<(), CityError> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let text = text.map_err(|source| CityError::Content { path: path.to_owned(), source })?;
    fs::write(path, text).map_err(|source| CityError::File { path: path.to_owned(), source })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CityError> {
    let text = fs::read_to_string(path).map_err(|source| CityError::File { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| CityError::Content { path: path.to_owned(), source })
}

/// Identity numbers of invented people in `city.json`: in full, because the registers are keyed by them.
pub(super) mod revealed {
    use hedui_base::ResidentId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::city) fn serialize<S: Serializer>(id: &ResidentId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(id.reveal())
    }

    pub(in crate::city) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ResidentId, D::Error> {
        ResidentId::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
