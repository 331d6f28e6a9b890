//! Who is to be asked where: policy, letters and what is known already decide.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hedui_base::{AskId, Authorised, CaseId, Denial, Letter, Outcome, PersonKey};
use hedui_connect::Source;
use hedui_ledger::{Account, Ask, AskState, Case};
use jiff::civil::Date;

use crate::compare::applies;

/// The cases of a run, indexed.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) cases: Vec<Case>,
}

/// One source's part: who is in play, and what is to be done.
#[derive(Debug)]
pub(crate) struct SourcePlan {
    pub(crate) source: Arc<Source>,
    /// People in play, each with the cases (rows of the scene) that ask about them.
    pub(crate) pairs: BTreeMap<PersonKey, Vec<usize>>,
    pub(crate) not_applicable: usize,
    pub(crate) reused: usize,
    /// To be planned and sent, in order of key.
    pub(crate) to_ask: Vec<PersonKey>,
    /// Handed in before; their reply is polled for.
    pub(crate) waiting: usize,
    /// Of those, the asks whose wait is on record already.
    pub(crate) known_pending: HashSet<AskId>,
}

/// What to do about one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The answer on file is fresh.
    Reuse,
    /// Handed in; poll.
    Wait,
    /// Plan (or open again) and send.
    Ask,
    /// Not an answer, but asking again now would end the same way.
    Leave,
}

impl SourcePlan {
    /// Expands policy: which people of which cases this source is asked about.
    pub(crate) fn expand(source: &Arc<Source>, scene: &Scene) -> Self {
        let mut pairs: BTreeMap<PersonKey, Vec<usize>> = BTreeMap::new();
        let mut out = HashSet::new();
        for (row, case) in scene.cases.iter().enumerate() {
            for person in &case.people {
                if applies(source, person.role, &person.relation) {
                    pairs.entry(person.person).or_default().push(row);
                } else {
                    out.insert(person.person);
                }
            }
        }
        let not_applicable = out.iter().filter(|p| !pairs.contains_key(p)).count();
        Self {
            source: Arc::clone(source),
            pairs,
            not_applicable,
            reused: 0,
            to_ask: Vec::new(),
            waiting: 0,
            known_pending: HashSet::new(),
        }
    }

    /// Decides about every pair from the newest ask about it.
    pub(crate) fn decide(&mut self, asks: &[Ask], as_of: Date, allowed: impl Fn(PersonKey, &[usize]) -> bool) {
        let newest = newest(asks);
        for (person, rows) in &self.pairs {
            let ask = newest.get(person).copied();
            match decide(&self.source, ask, as_of, || allowed(*person, rows)) {
                Decision::Reuse => self.reused += 1,
                Decision::Wait => {
                    self.waiting += 1;
                    if let Some(ask) = ask.filter(|a| a.outcome == Some(Outcome::Pending)) {
                        self.known_pending.insert(ask.ask);
                    }
                }
                Decision::Ask => self.to_ask.push(*person),
                Decision::Leave => {}
            }
        }
    }
}

/// The newest ask about each person.
pub(crate) fn newest(asks: &[Ask]) -> HashMap<PersonKey, &Ask> {
    let mut newest: HashMap<PersonKey, &Ask> = HashMap::with_capacity(asks.len());
    for ask in asks {
        let known = newest.entry(ask.person).or_insert(ask);
        if ask.ask >= known.ask {
            *known = ask;
        }
    }
    newest
}

fn decide(source: &Source, ask: Option<&Ask>, as_of: Date, allowed: impl Fn() -> bool) -> Decision {
    let Some(ask) = ask else { return Decision::Ask };
    let asked_for: Option<Date> = ask.period.parse().ok();
    let same = asked_for == Some(as_of);
    let fresh = asked_for.is_some_and(|day| is_fresh(source, day, as_of));
    match (ask.state, ask.outcome) {
        (AskState::Pending, _) => Decision::Wait,
        (AskState::Planned | AskState::Sent, _) | (AskState::Settled, None) => Decision::Ask,
        (AskState::Settled, Some(Outcome::Found | Outcome::NoRecord)) if fresh => Decision::Reuse,
        (AskState::Settled, Some(Outcome::NotAuthorised)) if same && !allowed() => Decision::Leave,
        (AskState::Settled, Some(Outcome::Unsendable)) if same => Decision::Leave,
        (AskState::Settled, Some(_)) => Decision::Ask,
    }
}

/// Whether an answer asked for on `day` still serves a check of `as_of`. An answer of a later day does; one that covers
/// other months does not.
fn is_fresh(source: &Source, day: Date, as_of: Date) -> bool {
    if day >= as_of {
        return true;
    }
    let age = as_of.since(day).map_or(i32::MAX, |span| span.get_days());
    age < i32::try_from(source.fresh_days.max(1)).unwrap_or(i32::MAX) && source.period(day) == source.period(as_of)
}

/// The letters of each case, newest first.
pub(crate) type Letters = HashMap<CaseId, Vec<Letter>>;

/// The first letter, over all cases that ask, that allows asking about a person on a day; else why not.
pub(crate) fn authorise(
    source: &Source,
    scene: &Scene,
    letters: &Letters,
    person: PersonKey,
    rows: &[usize],
    day: Date,
) -> Result<(Authorised, usize), (Denial, usize)> {
    let mut denied: Option<(Denial, usize)> = None;
    for row in rows {
        let case = &scene.cases[*row];
        let purposes = &source.manifest.access.purposes;
        if !purposes.is_empty() && !purposes.contains(&case.scheme) {
            denied.get_or_insert((Denial::PurposeMismatch, *row));
            continue;
        }
        for letter in letters.get(&case.id).into_iter().flatten() {
            match letter.authorise(person, &source.id, &source.scope, &case.scheme, day) {
                Ok(authorised) => return Ok((authorised, *row)),
                Err(denial) => {
                    denied.get_or_insert((denial, *row));
                }
            }
        }
    }
    Err(denied.unwrap_or((Denial::LetterMissing, rows.first().copied().unwrap_or(0))))
}

impl Scene {
    /// The account of a person that a source knows it by: of the utility the institution is named after, else the only one.
    pub(crate) fn account(&self, source: &Source, person: PersonKey, rows: &[usize]) -> Option<&Account> {
        let accounts: Vec<&Account> = rows
            .iter()
            .flat_map(|row| &self.cases[*row].people)
            .filter(|p| p.person == person)
            .flat_map(|p| &p.accounts)
            .collect();
        let named = accounts.iter().find(|a| source.id.as_str().split('.').next() == Some(a.utility.as_str()));
        named.copied()
    }
}
