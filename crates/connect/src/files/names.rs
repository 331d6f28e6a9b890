//! File names: our request's, and which of the institution's belong to it.

use std::collections::HashSet;

/// The name of a file: date and batch in their places.
#[must_use]
pub fn file_name(pattern: &str, date: &str, batch: &str) -> String {
    pattern.replace("{date}", date).replace("{batch}", batch)
}

/// The name of one part of a reply.
#[must_use]
pub fn part_name(pattern: &str, date: &str, batch: &str, n: u32, of: u32) -> String {
    file_name(pattern, date, batch).replace("{n}", &n.to_string()).replace("{of}", &of.to_string())
}

/// Which names belong to one request: what is filled in literally, `*` and `?` as usual, `{n}` and `{of}` as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Letter(char),
    Any,
    One,
    Part,
    Parts,
}

/// A name that belongs to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Match {
    /// Number of the part and of all parts, if the pattern has them.
    pub(crate) part: Option<u32>,
    pub(crate) parts: Option<u32>,
}

impl Pattern {
    /// The pattern of a request's reply.
    pub(crate) fn new(pattern: &str, date: &str, batch: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let (token, length) = if rest.starts_with("{n}") {
                (Some(Token::Part), 3)
            } else if rest.starts_with("{of}") {
                (Some(Token::Parts), 4)
            } else if rest.starts_with("{date}") {
                tokens.extend(date.chars().map(Token::Letter));
                (None, 6)
            } else if rest.starts_with("{batch}") {
                tokens.extend(batch.chars().map(Token::Letter));
                (None, 7)
            } else {
                let token = match first {
                    '*' => Token::Any,
                    '?' => Token::One,
                    letter => Token::Letter(letter),
                };
                (Some(token), first.len_utf8())
            };
            tokens.extend(token);
            rest = &rest[length..];
        }
        Self(tokens)
    }

    /// A pattern without a request, for the member of an archive.
    pub(crate) fn plain(pattern: &str) -> Self {
        Self::new(pattern, "{date}", "{batch}")
    }

    /// The one name it stands for, if there is only one.
    pub(crate) fn only(&self) -> Option<String> {
        self.0.iter().map(|token| if let Token::Letter(c) = token { Some(*c) } else { None }).collect()
    }

    /// Whether replies come in parts.
    pub(crate) fn has_parts(&self) -> bool {
        self.0.contains(&Token::Part)
    }

    /// Compares a name, in time bounded by the lengths of both.
    pub(crate) fn matches(&self, name: &str) -> Option<Match> {
        let name: Vec<char> = name.chars().collect();
        self.step(&name, 0, 0, Match::default(), &mut HashSet::new())
    }

    fn step(
        &self,
        name: &[char],
        token: usize,
        at: usize,
        found: Match,
        dead: &mut HashSet<(usize, usize)>,
    ) -> Option<Match> {
        if dead.contains(&(token, at)) {
            return None;
        }
        let result = match self.0.get(token) {
            None => (at == name.len()).then_some(found),
            Some(Token::Letter(c)) if name.get(at) == Some(c) => self.step(name, token + 1, at + 1, found, dead),
            Some(Token::One) if at < name.len() => self.step(name, token + 1, at + 1, found, dead),
            Some(Token::Letter(_) | Token::One) => None,
            Some(Token::Any) => (at..=name.len()).find_map(|next| self.step(name, token + 1, next, found, dead)),
            Some(kind @ (Token::Part | Token::Parts)) => {
                let digits = name[at..].iter().take(6).take_while(|c| c.is_ascii_digit()).count();
                (1..=digits).rev().find_map(|length| {
                    let number = name[at..at + length].iter().collect::<String>().parse().ok()?;
                    let found = match kind {
                        Token::Part => Match { part: Some(number), ..found },
                        _ => Match { parts: Some(number), ..found },
                    };
                    self.step(name, token + 1, at + length, found, dead)
                })
            }
        };
        if result.is_none() {
            dead.insert((token, at));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, name: &str) -> Option<(Option<u32>, Option<u32>)> {
        Pattern::new(pattern, "20260630", "ab12").matches(name).map(|m| (m.part, m.parts))
    }

    #[test]
    fn a_name_belongs_to_its_request_or_not() {
        for (pattern, name) in [
            ("RSP_{date}_{batch}.csv", "RSP_20260630_ab12.csv"),
            ("*{batch}*.csv*", "某行ab12（补）.csv.gz"),
            ("R?_{batch}", "R1_ab12"),
        ] {
            assert!(found(pattern, name).is_some(), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("RSP_{date}_{batch}.csv", "RSP_20260630_ab12.csv.ok"),
            ("RSP_{date}_{batch}.csv", "rsp_20260630_ab12.csv"),
            ("RSP_{batch}*", "RSP_ab1"),
            ("R?_{batch}", "R_ab12"),
        ] {
            assert_eq!(found(pattern, name), None, "{pattern} {name}");
        }
        assert_eq!(found("{batch}_{n}of{of}.txt", "ab12_2of12.txt"), Some((Some(2), Some(12))));
        assert_eq!(found("{batch}_{n}{of}", "ab12_12"), Some((Some(1), Some(2))), "the digits are shared out");
        assert_eq!(found("{batch}_{n}of{of}", "ab12_of2"), None);
        assert_eq!(part_name("{batch}_{n}of{of}", "", "x", 1, 3), "x_1of3");
    }

    #[test]
    fn a_name_made_to_be_slow_is_not() {
        let pattern = Pattern::new(&"*a".repeat(12), "", "");
        assert_eq!(pattern.matches(&"a".repeat(200)), Some(Match::default()));
        assert_eq!(pattern.matches(&format!("{}b", "a".repeat(200))), None);
    }
}
