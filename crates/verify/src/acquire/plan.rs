//! Who is to be asked where: policy, letters and what is known already decide.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hedui_base::{AskId, Authorised, CaseId, Denial, Letter, Outcome, PersonKey, SourceId};
use hedui_connect::{Source, Subjects};
use hedui_ledger::{Account, AskNow, AskState, Case};
use jiff::civil::Date;

use crate::compare::applies;

/// The cases of a run, indexed.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) cases: Vec<Case>,
}

/// People in play, each with the cases (rows of the scene) that ask about them. Sources with the same policy share them:
/// a city has some ten million pairs, and four policies.
pub(crate) type Pairs = BTreeMap<PersonKey, Vec<usize>>;

/// One source's part: who is in play, and what is to be done.
#[derive(Debug)]
pub(crate) struct SourcePlan {
    pub(crate) source: Arc<Source>,
    /// People in play.
    pub(crate) pairs: Arc<Pairs>,
    pub(crate) not_applicable: usize,
    pub(crate) reused: usize,
    /// To be planned and sent: people of new applications first, then those of rechecks, each in order of key.
    pub(crate) to_ask: Vec<PersonKey>,
    /// Of those, the ones whose last try for the same day brought no answer.
    pub(crate) again: HashSet<PersonKey>,
    /// Handed in before; their reply is polled for.
    pub(crate) waiting: usize,
    /// Of those, the asks whose wait is on record already.
    pub(crate) known_pending: HashSet<AskId>,
    /// Of those, the asks too old to serve this check: closed after one more look, and asked anew.
    pub(crate) outdated: HashSet<AskId>,
}

/// What to do about one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The answer on file is fresh.
    Reuse,
    /// Handed in; poll.
    Wait,
    /// Handed in long ago: look once more, then ask anew.
    WaitThenAsk,
    /// Plan (or open again) and send.
    Ask,
    /// Not an answer, but asking again now would end the same way.
    Leave,
}

impl SourcePlan {
    /// Expands policy: which people of which cases this source is asked about.
    pub(crate) fn expand(source: &Arc<Source>, scene: &Scene) -> Self {
        let (pairs, not_applicable) = in_play(source, scene);
        Self::over(source, pairs, not_applicable)
    }

    /// Expands policy for many sources; those with the same policy share the people in play.
    pub(crate) fn expand_all<'s>(sources: impl Iterator<Item = &'s Arc<Source>>, scene: &Scene) -> Vec<Self> {
        let mut known: Vec<(Subjects, Arc<Pairs>, usize)> = Vec::new();
        sources
            .map(|source| {
                if let Some((_, pairs, out)) = known.iter().find(|(subjects, ..)| *subjects == source.subjects) {
                    return Self::over(source, Arc::clone(pairs), *out);
                }
                let (pairs, out) = in_play(source, scene);
                known.push((source.subjects, Arc::clone(&pairs), out));
                Self::over(source, pairs, out)
            })
            .collect()
    }

    fn over(source: &Arc<Source>, pairs: Arc<Pairs>, not_applicable: usize) -> Self {
        Self {
            source: Arc::clone(source),
            pairs,
            not_applicable,
            reused: 0,
            to_ask: Vec::new(),
            again: HashSet::new(),
            waiting: 0,
            known_pending: HashSet::new(),
            outdated: HashSet::new(),
        }
    }

    /// The people in play among some, given as the first and the last of their keys.
    pub(crate) fn among(&self, first: PersonKey, last: PersonKey) -> Vec<PersonKey> {
        self.pairs.range(first..=last).map(|(person, _)| *person).collect()
    }

    /// Decides about one pair from the newest ask about it.
    pub(crate) fn decide(
        &mut self,
        person: PersonKey,
        ask: Option<&AskNow>,
        as_of: Date,
        allowed: impl Fn(PersonKey, &[usize]) -> bool,
    ) {
        let Some(rows) = self.pairs.get(&person) else { return };
        match decide(&self.source, ask, as_of, || allowed(person, rows)) {
            Decision::Reuse => self.reused += 1,
            Decision::Wait => {
                self.waiting += 1;
                if let Some(ask) = ask.filter(|a| a.outcome == Some(Outcome::Pending)) {
                    self.known_pending.insert(ask.ask);
                }
            }
            Decision::WaitThenAsk => {
                self.waiting += 1;
                self.outdated.extend(ask.map(|a| a.ask));
                self.to_ask.push(person);
            }
            Decision::Ask => {
                if ask.is_some_and(|a| a.attempts > 0 && a.period.parse().is_ok_and(|day: Date| day == as_of)) {
                    self.again.insert(person);
                }
                self.to_ask.push(person);
            }
            Decision::Leave => {}
        }
    }

    /// Puts people of new applications before those who are in receipt and only checked again.
    pub(crate) fn order(&mut self, scene: &Scene) {
        let pairs = Arc::clone(&self.pairs);
        let recheck = |person: &PersonKey| {
            pairs.get(person).is_none_or(|rows| rows.iter().all(|row| scene.cases[*row].in_receipt))
        };
        self.to_ask.sort_by_key(|person| (recheck(person), *person));
    }
}

/// The people whom a source's policy asks about, and how many others there are.
fn in_play(source: &Source, scene: &Scene) -> (Arc<Pairs>, usize) {
    let mut pairs = Pairs::new();
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
    (Arc::new(pairs), not_applicable)
}

/// The newest ask about each person at each source, by source.
pub(crate) fn newest(asks: Vec<AskNow>) -> HashMap<SourceId, HashMap<PersonKey, AskNow>> {
    let mut newest: HashMap<SourceId, HashMap<PersonKey, AskNow>> = HashMap::new();
    for ask in asks {
        let of_source = match newest.get_mut(&ask.source) {
            Some(of_source) => of_source,
            None => newest.entry(ask.source.clone()).or_default(),
        };
        match of_source.entry(ask.person) {
            Entry::Vacant(place) => {
                place.insert(ask);
            }
            Entry::Occupied(mut known) => {
                if ask.ask > known.get().ask {
                    known.insert(ask);
                }
            }
        }
    }
    newest
}

fn decide(source: &Source, ask: Option<&AskNow>, as_of: Date, allowed: impl Fn() -> bool) -> Decision {
    let Some(ask) = ask else { return Decision::Ask };
    let asked_for: Option<Date> = ask.period.parse().ok();
    let same = asked_for == Some(as_of);
    let fresh = asked_for.is_some_and(|day| is_fresh(source, day, as_of));
    match (ask.state, ask.outcome) {
        (AskState::Pending, _) if fresh => Decision::Wait,
        (AskState::Pending, _) => Decision::WaitThenAsk,
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use hedui_base::AreaCode;
    use hedui_connect::Registry;
    use hedui_ledger::{CasePerson, Role};
    use jiff::Timestamp;
    use jiff::civil::date;

    const AS_OF: Date = date(2026, 6, 30);

    fn source(id: &str) -> Arc<Source> {
        let loaded = Registry::embedded(&hedui_connect::catalogue(), None);
        Arc::clone(loaded.registry.get(id).unwrap())
    }

    fn case(id: &str, people: &[(u32, Role, &str)]) -> Case {
        Case {
            id: id.into(),
            position: 0,
            scheme: "dibao".into(),
            area: AreaCode::parse("321102").unwrap(),
            residence: None,
            in_receipt: false,
            enrolled_on: None,
            next_due: None,
            declared: serde_json::Map::new(),
            people: people
                .iter()
                .map(|(key, role, relation)| CasePerson {
                    person: PersonKey(*key),
                    role: *role,
                    relation: (*relation).into(),
                    declared: serde_json::Map::new(),
                    accounts: Vec::new(),
                })
                .collect(),
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn ask(number: i64, person: u32, period: Date, state: AskState, outcome: Option<Outcome>) -> AskNow {
        AskNow {
            ask: AskId(number),
            person: PersonKey(person),
            source: SourceId::from("police.hukou"),
            period: period.to_string(),
            state,
            outcome,
            cause: None,
            attempts: 0,
            held: None,
        }
    }

    #[test]
    fn a_person_in_two_cases_is_asked_once_and_policy_leaves_some_out() {
        let scene = Scene {
            cases: vec![
                case("A", &[(1, Role::Member, "self"), (2, Role::Obligor, "child")]),
                case("B", &[(2, Role::Member, "self"), (1, Role::Obligor, "parent")]),
            ],
        };
        let everybody = SourcePlan::expand(&source("police.hukou"), &scene);
        assert_eq!(everybody.pairs.len(), 2);
        assert_eq!(everybody.pairs[&PersonKey(1)], [0, 1]);
        let members = SourcePlan::expand(&source("bank.jinshan"), &scene);
        assert_eq!(members.pairs[&PersonKey(2)], [1], "an obligor of A is a member of B");
        let one = Scene { cases: vec![case("A", &[(1, Role::Member, "self"), (2, Role::Obligor, "child")])] };
        let members = SourcePlan::expand(&source("bank.jinshan"), &one);
        assert_eq!((members.pairs.len(), members.not_applicable), (1, 1));
    }

    #[test]
    fn what_is_known_and_fresh_is_not_asked_again() {
        use AskState::{Pending, Planned, Settled};
        let police = source("police.hukou");
        let old = AS_OF.checked_sub(jiff::ToSpan::days(i64::from(police.fresh_days) + 1)).unwrap();
        let decided = |a: Option<&AskNow>, allowed| decide(&police, a, AS_OF, || allowed);
        assert_eq!(decided(None, true), Decision::Ask);
        for (period, state, outcome, expected) in [
            (AS_OF, Settled, Some(Outcome::Found), Decision::Reuse),
            (AS_OF, Settled, Some(Outcome::NoRecord), Decision::Reuse),
            (old, Settled, Some(Outcome::Found), Decision::Ask),
            (AS_OF, Settled, Some(Outcome::Failed), Decision::Ask),
            (AS_OF, Settled, Some(Outcome::Partial), Decision::Ask),
            (AS_OF, Settled, Some(Outcome::Overdue), Decision::Ask),
            (AS_OF, Planned, None, Decision::Ask),
            (AS_OF, Pending, None, Decision::Wait),
            (old, Pending, None, Decision::WaitThenAsk),
            (AS_OF, Settled, Some(Outcome::Unsendable), Decision::Leave),
        ] {
            assert_eq!(decided(Some(&ask(1, 1, period, state, outcome)), true), expected, "{state:?} {outcome:?}");
        }
        let denied = ask(1, 1, AS_OF, Settled, Some(Outcome::NotAuthorised));
        assert_eq!(decided(Some(&denied), false), Decision::Leave);
        assert_eq!(decided(Some(&denied), true), Decision::Ask, "a new letter came");
    }

    #[test]
    fn applications_go_before_rechecks_and_tries_again_are_told_apart() {
        let mut scene = Scene {
            cases: vec![
                case("A", &[(1, Role::Member, "self"), (2, Role::Member, "spouse")]),
                case("B", &[(2, Role::Member, "self"), (3, Role::Member, "self")]),
            ],
        };
        scene.cases[0].in_receipt = true;
        let mut plan = SourcePlan::expand(&source("police.hukou"), &scene);
        let mut failed = ask(7, 3, AS_OF, AskState::Settled, Some(Outcome::Failed));
        failed.attempts = 1;
        for person in plan.among(PersonKey(0), PersonKey(9)) {
            let known = Some(&failed).filter(|a| a.person == person);
            plan.decide(person, known, AS_OF, |_, _| true);
        }
        plan.order(&scene);
        let keys = [PersonKey(2), PersonKey(3), PersonKey(1)];
        assert_eq!(plan.to_ask, keys, "2 is also in a new application");
        assert_eq!(plan.again, [PersonKey(3)].into());
    }

    #[test]
    fn an_answer_about_other_months_is_not_fresh() {
        let tax = source("tax.income");
        assert!(is_fresh(&tax, date(2026, 6, 1), date(2026, 6, 1)));
        assert!(!is_fresh(&tax, date(2026, 6, 30), date(2026, 7, 1)), "June has closed meanwhile");
    }

    #[test]
    fn any_case_that_asks_may_bring_the_letter() {
        let scene =
            Scene { cases: vec![case("A", &[(1, Role::Member, "self")]), case("B", &[(1, Role::Member, "self")])] };
        let letter = Letter {
            number: "L".into(),
            purposes: vec!["dibao".into()],
            scopes: vec!["*".into()],
            covers: vec![PersonKey(1)],
            valid_from: date(2026, 1, 1),
            valid_until: None,
            revoked_on: None,
        };
        let police = source("police.hukou");
        let letters: Letters = [("B".into(), vec![letter.clone()])].into();
        assert!(authorise(&police, &scene, &letters, PersonKey(1), &[0, 1], AS_OF).is_ok());
        let (denial, row) = authorise(&police, &scene, &letters, PersonKey(1), &[0], AS_OF).unwrap_err();
        assert_eq!((denial, row), (Denial::LetterMissing, 0));
        let letters: Letters = [("A".into(), vec![Letter { valid_until: Some(date(2026, 6, 29)), ..letter }])].into();
        let (denial, _) = authorise(&police, &scene, &letters, PersonKey(1), &[0], AS_OF).unwrap_err();
        assert_eq!(denial, Denial::LetterExpired);
    }
}
