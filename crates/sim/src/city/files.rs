//! A city in a folder: `city.json` (what it takes to invent it again), `cases.json` (what the bureau is given), `truth.json`
//! (what it is not), `registers/` (databases of those that answer by one), `drops/` (what is delivered by the month).
//!
//! Registers are not written down: the same options give the same city, so that a city of 20,000 households is a small
//! folder and is there again in seconds.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{City, CityOptions, generate};

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
    /// The city is not what these options give today.
    #[error("{} was written by another version of hedui, whose cities differ; write the city anew with `hedui sim city`", .path.display())]
    Outdated {
        /// Which file.
        path: PathBuf,
    },
}

/// What it takes to invent a city again: `city.json`.
#[derive(Serialize, Deserialize)]
struct Recipe {
    options: CityOptions,
    /// By how many months it moved on, each time.
    advanced: Vec<u32>,
    /// [`fingerprint`] of the city it gave.
    fingerprint: String,
}

impl City {
    /// Writes the city's files into `dir`: `city.json`, `cases.json`, `truth.json`. The institutions write their own
    /// registers when they are served.
    ///
    /// # Errors
    /// [`CityError::File`] if the folder cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), CityError> {
        fs::create_dir_all(dir).map_err(|source| CityError::File { path: dir.to_owned(), source })?;
        let truth = serde_json::to_value(&self.truth);
        let truth = truth.map_err(|source| CityError::Content { path: dir.join("truth.json"), source })?;
        write_lines(&dir.join("cases.json"), &self.cases())?;
        write_lines(&dir.join("truth.json"), &truth)?;
        let recipe =
            Recipe { options: self.options.clone(), advanced: self.advanced.clone(), fingerprint: fingerprint(self) };
        let path = dir.join("city.json");
        let text = serde_json::to_string_pretty(&recipe);
        let text = text.map_err(|source| CityError::Content { path: path.clone(), source })?;
        fs::write(&path, text + "\n").map_err(|source| CityError::File { path, source })
    }

    /// Invents the city again that [`City::write`] wrote.
    ///
    /// # Errors
    /// [`CityError`] if the file is missing or not a city's, or if this program's cities are others.
    pub fn read(dir: &Path) -> Result<Self, CityError> {
        let path = dir.join("city.json");
        let text = fs::read_to_string(&path).map_err(|source| CityError::File { path: path.clone(), source })?;
        let recipe: Recipe =
            serde_json::from_str(&text).map_err(|source| CityError::Content { path: path.clone(), source })?;
        let mut city = generate(&recipe.options);
        recipe.advanced.iter().for_each(|months| city.advance(*months));
        if fingerprint(&city) == recipe.fingerprint { Ok(city) } else { Err(CityError::Outdated { path }) }
    }
}

/// One household in so many is looked at in full for the fingerprint; of the others, what they declare.
const SAMPLED: usize = 50;

/// Tells whether two versions of this program mean the same city: over all cases, the truth, and some registers.
fn fingerprint(city: &City) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: Result<Vec<u8>, serde_json::Error>| {
        for byte in bytes.unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    add(serde_json::to_vec(&city.truth));
    for (nth, household) in city.households.iter().enumerate() {
        add(serde_json::to_vec(&household.declared));
        if nth % SAMPLED == 0 {
            add(serde_json::to_vec(household));
        }
    }
    format!("{hash:016x}")
}

/// Writes an object of lists with one element a line: small enough for a city, and readable.
fn write_lines(path: &Path, value: &Value) -> Result<(), CityError> {
    let written = || -> io::Result<()> {
        let mut file = BufWriter::new(fs::File::create(path)?);
        for (nth, (name, list)) in value.as_object().into_iter().flatten().enumerate() {
            write!(file, "{}{}: [", if nth == 0 { "{\n" } else { ",\n" }, Value::from(name.as_str()))?;
            for (nth, element) in list.as_array().into_iter().flatten().enumerate() {
                write!(file, "{}{element}", if nth == 0 { "\n" } else { ",\n" })?;
            }
            write!(file, "\n]")?;
        }
        writeln!(file, "\n}}")?;
        file.flush()
    };
    written().map_err(|source| CityError::File { path: path.to_owned(), source })
}

/// Identity numbers of invented people in full, because the registers are keyed by them.
pub(super) fn revealed<S: serde::Serializer>(id: &hedui_base::ResidentId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.reveal())
}
