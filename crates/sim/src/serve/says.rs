//! Outcome rules read backwards: what a reply must hold so that a wanted verdict is the first that matches.

use hedui_connect::manifest::{Rule, Verdict};
use hedui_connect::{Condition, Selector, Source};

use super::ServeError;
use super::place::Place;

/// What a reply must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// Nothing in particular.
    Nothing,
    /// A text at a place.
    Text(Place, String),
    /// An HTTP status.
    Status(u16),
    /// The code of a SOAP fault.
    FaultCode(String),
    /// The text of a SOAP fault.
    FaultString(String),
}

/// What makes a rule with that verdict the first to match; none if no rule has it or none can be made to match.
pub(super) fn says(source: &Source, rules: &[Rule], verdict: Verdict) -> Result<Option<Saying>, ServeError> {
    for (nth, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.is == verdict) {
        let before = &rules[..nth];
        for said in candidates(&rule.when) {
            if !before.iter().any(|earlier| catches(&earlier.when, said.as_ref())) {
                return saying(source, said).map(Some);
            }
        }
    }
    Ok(None)
}

type Said<'a> = (&'a Selector, String);

/// Texts that make a condition true; none stands for a reply that says nothing there.
fn candidates(condition: &Condition) -> Vec<Option<Said<'_>>> {
    if let Some((selector, text)) = condition.equals() {
        return vec![Some((selector, text.to_owned()))];
    }
    if let Some((selector, text)) = condition.differs() {
        let others = ["1", "0", "2", "200", "Y", "N"].into_iter().filter(|other| *other != text);
        return others.map(|other| Some((selector, other.to_owned()))).collect();
    }
    vec![None]
}

/// Whether a condition would match a reply that says only this.
fn catches(condition: &Condition, said: Option<&Said<'_>>) -> bool {
    let at = |selector: &Selector| said.filter(|(s, _)| s.as_str() == selector.as_str()).map(|(_, text)| text.as_str());
    if let Some((selector, text)) = condition.equals() {
        return at(selector) == Some(text);
    }
    if let Some((selector, text)) = condition.differs() {
        return at(selector).is_some_and(|said| said != text);
    }
    condition.is_always()
}

fn saying(source: &Source, said: Option<Said<'_>>) -> Result<Saying, ServeError> {
    let Some((selector, text)) = said else { return Ok(Saying::Nothing) };
    Ok(match (selector.as_str(), text.parse()) {
        ("status", Ok(status)) => Saying::Status(status),
        ("faultcode", _) => Saying::FaultCode(text),
        ("faultstring", _) => Saying::FaultString(text),
        _ => Saying::Text(Place::of(source, selector)?, text),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use hedui_connect::Format;

    fn rules(texts: &[(&str, Verdict)]) -> Vec<Rule> {
        texts.iter().map(|(t, is)| Rule { when: Condition::compile(t, Format::Json).unwrap(), is: *is }).collect()
    }

    fn said(texts: &[(&str, Verdict)], verdict: Verdict) -> Option<Option<(String, String)>> {
        let rules = rules(texts);
        let nth = rules.iter().position(|rule| rule.is == verdict)?;
        let found = candidates(&rules[nth].when)
            .into_iter()
            .find(|said| !rules[..nth].iter().any(|earlier| catches(&earlier.when, said.as_ref())))?;
        Some(found.map(|(selector, text)| (selector.as_str().to_owned(), text)))
    }

    #[test]
    fn earlier_rules_are_kept_from_matching() {
        let text = |path: &str, text: &str| Some(Some((path.to_owned(), text.to_owned())));
        let counted = [(r#"$.n == "0""#, Verdict::NoRecord), (r#"$.n != "0""#, Verdict::Found)];
        assert_eq!(said(&counted, Verdict::Found), text("$.n", "1"));
        assert_eq!(said(&counted, Verdict::NoRecord), text("$.n", "0"));
        let last = [(r#"$.c != "1""#, Verdict::Failed), ("*", Verdict::Ok)];
        assert_eq!(said(&last, Verdict::Ok), Some(None));
        let taken = [(r#"$.c == "1""#, Verdict::Failed), (r#"$.c != "0""#, Verdict::Ok)];
        assert_eq!(said(&taken, Verdict::Ok), text("$.c", "2"));
        assert_eq!(said(&[("*", Verdict::Failed), (r#"$.c == "0""#, Verdict::Ok)], Verdict::Ok), None);
    }
}
