use std::collections::BTreeSet;
use std::str::FromStr;

use super::INSTITUTIONS;

/// What goes wrong at an institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// It cannot be reached.
    Down,
    /// Its replies break off.
    Truncated,
    /// It answers about somebody nobody asked about. Does nothing where numbers do not travel (water) or where a row under
    /// another number is not returned at all (the housing view).
    WrongPerson,
    /// One amount in ten is written like `1.2万元`.
    BadAmount,
    /// One identity number in ten went through a spreadsheet: `4.40524E+17`. Does nothing at water and housing either.
    BadId,
    /// It takes long.
    Slow,
}

/// One fault: what, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// An institution (`bank_jinshan`) or one of its sources (`bank.jinshan`, `hrss.pension`).
    pub place: String,
}

/// Everything that goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

/// A text is not a list of faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a fault; write KIND=SOURCE, where KIND is down, truncated, wrong_person, bad_amount, bad_id or slow"
)]
pub struct UnknownFault(String);

impl FromStr for FaultKind {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        Ok(match text {
            "down" => Self::Down,
            "truncated" => Self::Truncated,
            "wrong_person" => Self::WrongPerson,
            "bad_amount" => Self::BadAmount,
            "bad_id" => Self::BadId,
            "slow" => Self::Slow,
            _ => return Err(UnknownFault(text.to_owned())),
        })
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let (kind, place) = text.split_once('=').ok_or_else(|| UnknownFault(text.to_owned()))?;
        let known = INSTITUTIONS.iter().any(|i| *i == place || *i == institution_of(place));
        if !known {
            return Err(UnknownFault(text.to_owned()));
        }
        Ok(Self { kind: kind.parse().map_err(|_| UnknownFault(text.to_owned()))?, place: place.to_owned() })
    }
}

/// Reads `KIND=SOURCE,KIND=SOURCE`.
impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// The institution that serves a source: `bank.jinshan` is `bank_jinshan`, `hrss.pension` is `hrss`.
pub(super) fn institution_of(source: &str) -> String {
    match source.split_once('.') {
        Some(("bank", rest)) => format!("bank_{rest}"),
        Some((institution, _)) => institution.to_owned(),
        None => source.to_owned(),
    }
}

impl Faults {
    /// What goes wrong with one source.
    pub(super) fn of(&self, source: &str) -> BTreeSet<FaultKind> {
        let institution = institution_of(source);
        self.0.iter().filter(|f| f.place == source || f.place == institution).map(|f| f.kind).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn faults_are_written_as_kind_and_source() {
        let faults: Faults = "truncated=bank.jinshan, slow=hrss".parse().unwrap();
        assert_eq!(faults.of("bank.jinshan"), [FaultKind::Truncated].into());
        assert_eq!(faults.of("hrss.pension"), [FaultKind::Slow].into());
        assert!(faults.of("bank.beigu").is_empty());
        for bad in ["down", "broken=tax", "down=bank.icbc", "down="] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
    }
}
