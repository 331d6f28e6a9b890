//! Faults as they are written: `KIND=ID`, `KIND=ID:INTENSITY`, `KIND=ID:INTENSITY:UNTIL`.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use super::{Fault, FaultKind, Faults, Heal};

/// A text is not a list of faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault; write KIND=ID[:INTENSITY][:UNTIL], where KIND is {kinds} and UNTIL is 20 (requests) or 5s", kinds = kinds())]
pub struct UnknownFault(pub(super) String);

fn kinds() -> String {
    FaultKind::ALL.map(FaultKind::as_str).join(", ")
}

/// `20` requests, `5s`, `500ms`, or `never`.
impl FromStr for Heal {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| UnknownFault(text.to_owned()));
        if text == "never" {
            Ok(Self::Never)
        } else if let Some(digits) = text.strip_suffix("ms") {
            Ok(Self::After(Duration::from_millis(number(digits)?)))
        } else if let Some(digits) = text.strip_suffix('s') {
            Ok(Self::After(Duration::from_secs(number(digits)?)))
        } else {
            Ok(Self::Requests(number(text)?))
        }
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        let (kind, rest) = text.split_once('=').ok_or_else(unknown)?;
        let mut parts = rest.split(':');
        let place = parts.next().filter(|place| !place.is_empty()).ok_or_else(unknown)?;
        let mut fault = Self::new(kind.parse().map_err(|_| unknown())?, place);
        if let Some(intensity) = parts.next() {
            if !intensity.is_empty() {
                fault.intensity = Some(intensity.parse().map_err(|_| unknown())?);
            }
            if let Some(heal) = parts.next() {
                fault.heal = heal.parse().map_err(|_| unknown())?;
            }
        }
        if parts.next().is_some() { Err(unknown()) } else { Ok(fault) }
    }
}

/// Reads `KIND=ID,KIND=ID:INTENSITY`.
impl FromStr for Faults {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Heal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Requests(count) => write!(f, "{count}"),
            Self::After(time) => write!(f, "{}ms", time.as_millis()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind, self.place)?;
        match (self.intensity, self.heal) {
            (None, Heal::Never) => Ok(()),
            (Some(intensity), Heal::Never) => write!(f, ":{intensity}"),
            (intensity, heal) => write!(f, ":{}:{heal}", intensity.map_or_else(String::new, |i| i.to_string())),
        }
    }
}

/// As [`FromStr`] reads it.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_char(',')?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn faults_are_written_as_kind_place_intensity_and_end() {
        let text = "truncated=bank.jinshan,slow=hrss:250,burst_5xx=police::20,late=all:3:1500ms";
        let faults: Faults = text.parse().unwrap();
        assert_eq!(faults.to_string(), text);
        let of = |institution, source| faults.of(institution, source).iter().map(|f| f.kind).collect::<Vec<_>>();
        assert_eq!(of("bank_jinshan", "bank.jinshan"), [FaultKind::Truncated, FaultKind::Late]);
        assert_eq!(of("hrss", "hrss.pension"), [FaultKind::Slow, FaultKind::Late]);
        assert_eq!(faults.0[2].heal, Heal::Requests(20));
        assert_eq!(faults.0[1].strength(), 250);
        for bad in ["down", "broken=tax", "down=", "down=tax:x", "down=tax:1:2x", "down=tax:1:2:3"] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
        for kind in FaultKind::ALL {
            assert_eq!(kind.as_str().parse::<FaultKind>().unwrap(), kind);
        }
    }
}
