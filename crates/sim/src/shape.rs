use hedui_base::Fen;
use serde::{Deserialize, Serialize};

/// What the invented city is like. These numbers describe its people and their possessions; they are not policy.
///
/// Amounts keep wide margins from the lines that real places draw, so that what ought to be flagged does not hang on a
/// policy number. `line` is the one exception: near-poor households must live somewhere near it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CityShape {
    /// About what a person needs a month: the line that households live below, near or above.
    pub line: Fen,
    /// Counties and districts with their names, and how many per mille of their households are rural.
    pub areas: Vec<(String, String, u64)>,
    /// Income a head of poor households, per mille of the line.
    pub poor: (i64, i64),
    /// Income a head of near-poor households, per mille of the line, before insurance contributions.
    pub near_poor: (i64, i64),
    /// Income a head of households that are neither, per mille of the line, before insurance contributions.
    pub comfortable: (i64, i64),
    /// What an honest household keeps on one account, in yuan.
    pub small_deposit: (i64, i64),
    /// What a household with hidden savings has a head, in yuan.
    pub hidden_deposit_a_head: (i64, i64),
    /// The five utilities, by name.
    pub utilities: Vec<(String, UtilityShape)>,
    /// Households in receipt of aid, per mille.
    pub in_receipt: u64,
    /// Households with a name that GBK cannot carry, per mille.
    pub rare_names: u64,
    /// Months of rows that registers keep before the current month.
    pub months_kept: i32,
}

/// How households use a utility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UtilityShape {
    /// Urban households that have it, per mille.
    pub urban: u64,
    /// Rural households that have it, per mille.
    pub rural: u64,
    /// What a person uses a month, in hundredths of its unit.
    pub a_head: (i64, i64),
    /// Price of a unit.
    pub price: Fen,
    /// What a month costs beside.
    pub flat: Fen,
}

impl Default for CityShape {
    fn default() -> Self {
        let area = |code: &str, name: &str, rural| (code.to_owned(), name.to_owned(), rural);
        let utility = |name: &str, (urban, rural), a_head, (price, flat)| {
            let (price, flat) = (Fen::new(price), Fen::from_yuan(flat));
            (name.to_owned(), UtilityShape { urban, rural, a_head, price, flat })
        };
        Self {
            line: Fen::from_yuan(1000),
            areas: vec![
                area("321102", "京口区", 50),
                area("321111", "润州区", 80),
                area("321112", "丹徒区", 550),
                area("321181", "丹阳市", 500),
                area("321182", "扬中市", 550),
                area("321183", "句容市", 600),
            ],
            poor: (150, 700),
            near_poor: (1280, 1350),
            comfortable: (2050, 2900),
            small_deposit: (60, 6_000),
            hidden_deposit_a_head: (300_000, 500_000),
            utilities: vec![
                utility("water", (920, 850), (180, 420), (320, 0)),
                utility("power", (970, 980), (2_500, 6_000), (53, 0)),
                utility("gas", (700, 150), (300, 900), (298, 0)),
                utility("telecom", (820, 700), (200, 1_500), (100, 19)),
                utility("cable", (450, 300), (1_500, 9_000), (0, 25)),
            ],
            in_receipt: 100,
            rare_names: 3,
            months_kept: 14,
        }
    }
}

/// How a household lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Band {
    /// Clearly below the line.
    Poor,
    /// Above the line, clearly below one and a half times the line.
    NearPoor,
    /// Clearly above one and a half times the line.
    Comfortable,
    /// Just below the line: within a twentieth of it.
    AtTheLine,
}

impl CityShape {
    /// How households use a utility that the city has.
    pub(crate) fn utility(&self, name: &str) -> &UtilityShape {
        let found = self.utilities.iter().find(|(utility, _)| utility == name);
        found.map_or_else(|| unreachable!("a city has the five utilities of its shape"), |(_, shape)| shape)
    }

    /// The band an income a head between `low` and `high` surely lies in; none if it might lie in two.
    pub(crate) fn band(&self, low: Fen, high: Fen) -> Option<Band> {
        let permille = |amount: Fen| amount.fen() * 1000 / self.line.fen();
        match (permille(low), permille(high)) {
            (_, high) if high <= 900 => Some(Band::Poor),
            (low, high) if low >= 960 && high <= 990 => Some(Band::AtTheLine),
            (low, high) if low >= 1080 && high <= 1400 => Some(Band::NearPoor),
            (low, _) if low >= 1650 => Some(Band::Comfortable),
            _ => None,
        }
    }
}
