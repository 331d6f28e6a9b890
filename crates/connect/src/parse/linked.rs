//! Items without an identity number, in replies of any transport: by account, else by name and address.

use super::answers::Answers;
use super::link::{Address, CERTAIN, UNCERTAIN, compatible, fold_account, score};
use super::{Reason, View};
use crate::convert::fold_name;
use crate::manifest::Link;

/// Another name at the same address.
const OTHER_NAME_COSTS: i64 = 500;

/// The subjects an item is about. One that is only alike is noted for a person, and belongs to nobody.
pub(super) fn subjects(
    answers: &mut Answers<'_>,
    link: &Link,
    item: View<'_>,
    place: &str,
) -> Result<Vec<usize>, Reason> {
    let source = answers.source;
    let text = |column: &str| item.text(source.manifest.field(column)?.from.as_ref()?).filter(|t| !t.trim().is_empty());
    let account = text(&link.account).map(|account| fold_account(&account));
    let sent: Vec<usize> = answers.sent().collect();
    let asked = |subject: usize| &answers.subjects[subject];
    if let Some(account) = &account {
        let own = |s: &usize| asked(*s).account.as_ref().is_some_and(|a| fold_account(a) == *account);
        let found: Vec<usize> = sent.iter().copied().filter(own).collect();
        if !found.is_empty() {
            found.iter().for_each(|subject| answers.score(*subject, CERTAIN));
            return Ok(found);
        }
    }
    let Some(address) = link.address.as_deref().and_then(text) else {
        return Err(if account.is_some() { Reason::UnrequestedSubject } else { Reason::KeyMissing });
    };
    let address = Address::parse(&address, &source.places);
    let name = link.name.as_ref().and_then(|at| item.text(at)).map(|name| fold_name(&name)).filter(|n| !n.is_empty());
    let scored: Vec<(usize, i64)> = sent
        .into_iter()
        .filter_map(|subject| {
            let key = asked(subject);
            let mut found = score(&Address::parse(key.address.as_deref()?, &source.places), &address);
            if let (Some(a), Some(b)) = (&name, key.name.as_deref().map(fold_name))
                && !compatible(a, &b)
            {
                found = if link.names_must { 0 } else { found - OTHER_NAME_COSTS };
            }
            (found >= UNCERTAIN).then_some((subject, found))
        })
        .collect();
    let linked: Vec<usize> = scored.iter().filter(|(_, s)| *s >= link.min_score).map(|(subject, _)| *subject).collect();
    for (subject, found) in &scored {
        if linked.contains(subject) {
            answers.score(*subject, *found);
        } else {
            answers.gap(*subject, "link_uncertain");
            answers.evidence(*subject, Reason::LinkUncertain, format!("{place}, {found} of {CERTAIN}"));
        }
    }
    if scored.is_empty() { Err(Reason::UnrequestedSubject) } else { Ok(linked) }
}
