//! The catalogue of datasets: what canonical records look like, whichever institution sent them.
//!
//! Datasets are data, not Rust types: one TOML file each under `connectors/datasets/`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use crate::dates::Period;
use crate::diagnostic::{Diagnostic, SourceText};

/// All datasets, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Datasets by name.
    pub datasets: BTreeMap<String, Arc<Dataset>>,
}

/// One dataset: the schema that records share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Name as rules and manifests write it, such as `vehicle`.
    pub name: String,
    /// Titles.
    pub title: Title,
    /// What a record belongs to.
    pub per: Per,
    /// Natural key within a person: the same key again is the same record. May be empty only for one record a person.
    pub key: Vec<String>,
    /// Columns by name.
    pub columns: BTreeMap<String, ColumnSpec>,
}

/// A title in both languages; Chinese is what caseworkers see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// 中文.
    pub zh: String,
    /// English.
    #[serde(default)]
    pub en: String,
}

/// What a record of a dataset belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// A person.
    Person,
    /// A household as declared.
    Household,
    /// An account, linked to a person by account number or address.
    Account,
}

/// What null means in a found record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NullMeaning {
    /// The value exists but was not sent. The default: silence is not zero.
    #[default]
    Unknown,
    /// There is no such thing, such as the closing date of an open account.
    None,
}

/// One column of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Titles.
    pub title: Title,
    /// Type and unit.
    pub ty: ColumnType,
    /// What null means.
    pub null: NullMeaning,
    /// Smallest possible value in the column's own integer scale (fen for money); bounds what an unknown can be.
    pub min: Option<i64>,
    /// Largest possible value.
    pub max: Option<i64>,
    /// Codes a `code` column may hold, with Chinese titles; empty means open.
    pub codes: BTreeMap<String, String>,
    /// Sensitivity L1 (public) to L4 (identity, account, balance).
    pub level: String,
    /// Identifier in MZ/T 073-2024 where known.
    pub mzt073: Option<String>,
}

/// Type and unit of a column, input or parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Free text.
    Text,
    /// One of a list of codes.
    Code,
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A decimal with a fixed number of digits after the point, 1 to 9.
    Decimal(u8),
    /// A civil date.
    Date,
    /// A calendar month.
    Month,
    /// Money in fen, with its period.
    Money(Period),
    /// An area in square metres, held with two decimals.
    Area,
    /// Another person.
    Person,
}

impl ColumnType {
    /// Whether values are numbers, dates, months or booleans (an `i64` column) and not texts.
    #[must_use]
    pub const fn is_int(self) -> bool {
        !matches!(self, Self::Text | Self::Code)
    }

    /// Digits after the point in the column's integers: 2 for money and area.
    #[must_use]
    pub const fn scale(self) -> u8 {
        match self {
            Self::Decimal(scale) => scale,
            Self::Money(_) | Self::Area => 2,
            _ => 0,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Code => f.write_str("code"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Decimal(scale) => write!(f, "decimal({scale})"),
            Self::Date => f.write_str("date"),
            Self::Month => f.write_str("month"),
            Self::Money(Period::Stock) => f.write_str("money"),
            Self::Money(Period::Month) => f.write_str("money/month"),
            Self::Money(Period::Year) => f.write_str("money/year"),
            Self::Area => f.write_str("area_m2"),
            Self::Person => f.write_str("person"),
        }
    }
}

/// The words of every column type, for messages.
pub const TYPE_WORDS: &str =
    "text, code, bool, int, decimal(n), date, month, money, money/month, money/year, area_m2, person";

impl FromStr for ColumnType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "text" => Self::Text,
            "code" => Self::Code,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "date" => Self::Date,
            "month" => Self::Month,
            "money" => Self::Money(Period::Stock),
            "money/month" => Self::Money(Period::Month),
            "money/year" => Self::Money(Period::Year),
            "area_m2" => Self::Area,
            "person" => Self::Person,
            _ => {
                let scale = text.strip_prefix("decimal(").and_then(|t| t.strip_suffix(')')).ok_or(())?;
                let scale: u8 = scale.parse().map_err(|_| ())?;
                if !(1..=9).contains(&scale) {
                    return Err(());
                }
                Self::Decimal(scale)
            }
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetFile {
    dataset: DatasetHead,
    #[serde(default)]
    column: BTreeMap<toml::Spanned<String>, ColumnText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetHead {
    name: toml::Spanned<String>,
    title: Title,
    per: Per,
    #[serde(default)]
    key: Vec<toml::Spanned<String>>,
}

/// One column as a dataset file or a pack writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnText {
    title: Title,
    #[serde(rename = "type")]
    ty: toml::Spanned<String>,
    #[serde(default)]
    null: NullMeaning,
    #[serde(default)]
    min: Option<i64>,
    #[serde(default)]
    max: Option<i64>,
    #[serde(default)]
    codes: BTreeMap<String, String>,
    #[serde(default = "default_level")]
    level: String,
    #[serde(default)]
    mzt073: Option<String>,
}

fn default_level() -> String {
    "L3".to_owned()
}

impl ColumnText {
    /// Checks one written column. `min` and `max` are written in whole units (yuan, m2) and scaled here.
    ///
    /// # Errors
    /// A diagnostic that points at the unknown type.
    pub fn check(self, file: &Arc<SourceText>) -> Result<ColumnSpec, Diagnostic> {
        let ty: ColumnType = self.ty.get_ref().parse().map_err(|()| {
            Diagnostic::error("catalogue::unknown_type", format!("`{}` is not a column type", self.ty.get_ref()))
                .at(file, self.ty.span(), "not a type")
                .help(format!("one of {TYPE_WORDS}"))
        })?;
        let unit = 10i64.pow(u32::from(ty.scale()));
        Ok(ColumnSpec {
            title: self.title,
            ty,
            null: self.null,
            min: self.min.map(|v| v.saturating_mul(unit)),
            max: self.max.map(|v| v.saturating_mul(unit)),
            codes: self.codes,
            level: self.level,
            mzt073: self.mzt073,
        })
    }
}

impl Dataset {
    /// Reads one dataset file.
    ///
    /// # Errors
    /// Every mistake in the file, with its place.
    pub fn parse(file: &Arc<SourceText>) -> Result<Self, Vec<Diagnostic>> {
        let parsed: DatasetFile = toml::from_str(&file.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            vec![Diagnostic::error("catalogue::syntax", error.message().to_owned()).at(file, span, "here")]
        })?;
        let mut mistakes = Vec::new();
        let mut columns = BTreeMap::new();
        for (name, text) in parsed.column {
            match text.check(file) {
                Ok(spec) => {
                    columns.insert(name.into_inner(), spec);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        for key in &parsed.dataset.key {
            if !columns.contains_key(key.get_ref()) && mistakes.is_empty() {
                mistakes.push(
                    Diagnostic::error("catalogue::unknown_key", format!("key `{}` is not a column", key.get_ref()))
                        .at(file, key.span(), "no such column")
                        .help("name a [column.*] of this file"),
                );
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            name: parsed.dataset.name.into_inner(),
            title: parsed.dataset.title,
            per: parsed.dataset.per,
            key: parsed.dataset.key.into_iter().map(toml::Spanned::into_inner).collect(),
            columns,
        })
    }
}

impl Catalogue {
    /// Reads a set of dataset files.
    ///
    /// # Errors
    /// Every mistake in every file, and every dataset defined twice.
    pub fn parse(files: &[Arc<SourceText>]) -> Result<Self, Vec<Diagnostic>> {
        let mut catalogue = Self::default();
        let mut mistakes = Vec::new();
        for file in files {
            match Dataset::parse(file) {
                Ok(dataset) => {
                    let name = dataset.name.clone();
                    if catalogue.datasets.insert(name.clone(), Arc::new(dataset)).is_some() {
                        mistakes.push(
                            Diagnostic::error("catalogue::duplicate", format!("dataset `{name}` is defined twice")).at(
                                file,
                                0..0,
                                "second definition",
                            ),
                        );
                    }
                }
                Err(more) => mistakes.extend(more),
            }
        }
        if mistakes.is_empty() { Ok(catalogue) } else { Err(mistakes) }
    }

    /// A dataset by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Dataset>> {
        self.datasets.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VEHICLE: &str = r#"
[dataset]
name = "vehicle"
title = { zh = "机动车" }
per = "person"
key = ["plate_no"]
[column.plate_no]
title = { zh = "号牌号码" }
type = "text"
[column.invoice_price]
title = { zh = "购置计税价" }
type = "money"
min = 0
"#;

    #[test]
    fn a_dataset_file_is_read() {
        let dataset = Dataset::parse(&SourceText::new("vehicle.toml", VEHICLE)).unwrap();
        assert_eq!(dataset.columns["invoice_price"].ty, ColumnType::Money(Period::Stock));
        assert_eq!(dataset.columns["invoice_price"].null, NullMeaning::Unknown);
        assert_eq!(dataset.key, ["plate_no"]);
    }

    #[test]
    fn mistakes_have_places() {
        let typo =
            VEHICLE.replace("type = \"money\"", "type = \"mony\"").replace("type = \"text\"", "type = \"string\"");
        let mistakes = Dataset::parse(&SourceText::new("vehicle.toml", typo)).unwrap_err();
        assert_eq!(mistakes.len(), 2);
        assert!(mistakes.iter().all(|m| m.place().is_some()));
        let unknown = VEHICLE.replace("min = 0", "minimum = 0");
        assert!(Dataset::parse(&SourceText::new("v.toml", unknown)).is_err());
    }

    #[test]
    fn type_words_round_trip() {
        for word in [
            "text",
            "code",
            "bool",
            "int",
            "decimal(4)",
            "date",
            "month",
            "money",
            "money/month",
            "money/year",
            "area_m2",
            "person",
        ] {
            assert_eq!(word.parse::<ColumnType>().unwrap().to_string(), word);
        }
        assert!("decimal(0)".parse::<ColumnType>().is_err());
    }
}
