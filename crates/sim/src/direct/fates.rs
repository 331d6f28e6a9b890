//! How each ask of a person ends, and which answers come late or are corrected: by chance, from the seed and the key alone.

use hedui_base::Outcome;

use crate::dice::Dice;

/// Of the sources, each so many-th answers late or corrects itself in the second snapshot, and half as many in the third.
const LATE_EACH: usize = 11;
/// Of the answers of such a source, so many per mille.
const LATE: u64 = 100;

/// How one ask ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// How it ended where it is no answer; none if the source answers in the end.
    pub(super) unanswered: Option<Outcome>,
    /// The snapshot in which the last answer came, from 0.
    pub(super) last: u8,
    /// Whether there was no answer before that one, rather than another one.
    pub(super) late: bool,
}

/// Answered at once, and for good.
pub(super) const ANSWERED: Fate = Fate { unanswered: None, last: 0, late: false };

/// The dice of one person.
pub(super) struct Fates {
    dice: Dice,
    /// Sources that do not answer, by index, and how that ends.
    unanswered: Vec<(usize, Outcome)>,
}

impl Fates {
    /// The fates of a person whom these sources are asked about; `unknown` of a thousand have one that does not answer.
    pub(super) fn new(seed: u64, person: i64, unknown: u64, asked: &[usize]) -> Self {
        let mut dice = Dice::new(seed, "fates", person.unsigned_abs());
        let mut unanswered = Vec::new();
        if !asked.is_empty() && dice.chance(unknown) {
            for _ in 0..1 + u64::from(dice.chance(300)) {
                let ends = [
                    (35, Outcome::Failed),
                    (25, Outcome::Overdue),
                    (15, Outcome::Pending),
                    (15, Outcome::Partial),
                    (5, Outcome::NotAuthorised),
                    (5, Outcome::Unsendable),
                ];
                unanswered.push((*dice.pick(asked), *dice.weighted(&ends)));
            }
        }
        Self { dice, unanswered }
    }

    /// How the ask of a source ends. To be called once a source, in their order.
    pub(super) fn of(&mut self, seed: u64, source: usize) -> Fate {
        let turn = source + (seed % 1_000_003) as usize;
        let last = match turn % (LATE_EACH * 2) {
            3 | 14 => 1,
            8 => 2,
            _ => 0,
        };
        let moved = last > 0 && self.dice.chance(LATE);
        let late = moved && self.dice.chance(300);
        match self.unanswered.iter().find(|(s, _)| *s == source) {
            Some((_, outcome)) => Fate { unanswered: Some(*outcome), ..ANSWERED },
            None if moved => Fate { unanswered: None, last, late },
            None => ANSWERED,
        }
    }
}

/// What coverage says about the cause of an ending that is no answer.
pub(super) const fn detail(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Failed => Some("timeout"),
        Outcome::Partial => Some("period_incomplete"),
        Outcome::Unsendable => Some("unencodable_name"),
        _ => None,
    }
}
