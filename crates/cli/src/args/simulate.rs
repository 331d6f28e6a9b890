//! `hedui rules simulate`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hedui_verify::Setting;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Flags of `hedui rules simulate`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("simulated").required(true).args(["data", "records"])))]
#[command(group(clap::ArgGroup::new("reformed").required(true).multiple(true).args(["reform", "set"])))]
pub(crate) struct SimulateArgs {
    /// Data folder with acquired answers.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A plain folder of CSV or Parquet files instead of a data folder; one pack computes every case.
    #[arg(long, value_name = "DIR", requires_all = ["cases", "baseline", "as_of"])]
    pub(crate) records: Option<PathBuf>,
    /// With --records: the cases, a CSV or Parquet file.
    #[arg(long, value_name = "FILE", requires = "records")]
    pub(crate) cases: Option<PathBuf>,
    /// The rules as they are: a pack by name, its folder, or a folder of packs; default: those in force.
    #[arg(long, value_name = "PACK")]
    pub(crate) baseline: Vec<String>,
    /// The rules as they would be; default: the baseline with what --set changes.
    #[arg(long, value_name = "PACK")]
    pub(crate) reform: Vec<String>,
    /// A parameter as it would be: x=650.00, x=+5%, x=-5%, x=*1.1, x+=30.00, x[residence=rural]=500; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub(crate) set: Vec<Setting>,
    /// A parameter as the baseline takes it, written like --set.
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub(crate) set_baseline: Vec<Setting>,
    /// Compute every case with the one pack named on a side, whatever its area and the day.
    #[arg(long)]
    pub(crate) force: bool,
    /// The day the check speaks about; default with --data: today.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Only answers known by this moment, such as 2026-07-01T00:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "records")]
    pub(crate) known_at: Option<Timestamp>,
    /// Folder for changes.parquet, changes.csv and simulation.json; default: nothing is written.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Alarm if more than this share of an area's households would leave; default: the packs' mass_exit_share.
    #[arg(long, value_name = "5%", value_parser = share)]
    pub(crate) exit_alarm: Option<Decimal>,
    /// Alarm if more than this many households would leave in all.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) exit_hint: Option<usize>,
    /// How finely areas are told apart.
    #[arg(long, value_enum, default_value_t = AreaLevel::County, alias = "limit")]
    pub(crate) area_level: AreaLevel,
}

/// Levels of GB/T 2260.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AreaLevel {
    /// 2 digits.
    Province,
    /// 4 digits.
    City,
    /// 6 digits.
    County,
    /// 9 digits.
    Township,
    /// 12 digits.
    Village,
}

impl AreaLevel {
    /// Digits of its codes.
    pub(crate) const fn digits(self) -> u8 {
        match self {
            Self::Province => 2,
            Self::City => 4,
            Self::County => 6,
            Self::Township => 9,
            Self::Village => 12,
        }
    }
}

/// `5%` or `0.05`.
fn share(text: &str) -> Result<Decimal, String> {
    let wrong = || "write a share such as 5% or 0.05".to_owned();
    let (digits, percent) = text.strip_suffix('%').map_or((text, false), |digits| (digits, true));
    let share = Decimal::from_str_exact(digits).map_err(|_| wrong())?;
    let share = if percent { share / Decimal::ONE_HUNDRED } else { share };
    if (Decimal::ZERO..=Decimal::ONE).contains(&share) { Ok(share) } else { Err(wrong()) }
}
