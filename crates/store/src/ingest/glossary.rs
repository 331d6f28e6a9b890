//! Words that repeat from file to file, numbered once for each column, so that rows on their way carry numbers.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::columns::Words;

/// Words of one column at most: what has more is no code list, and travels as text. Bounds what this takes in memory.
const MOST: usize = 1 << 16;

/// The words of one column, numbered in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Glossary(RwLock<Words>);

impl Glossary {
    /// Numbers of these words; none if there is no room for them.
    pub(super) fn numbers(&self, words: &[&str]) -> Option<Vec<u32>> {
        {
            let known = self.words();
            let all: Option<Vec<u32>> = words.iter().map(|word| known.find(word)).collect();
            if all.is_some() || known.list.len() >= MOST {
                return all;
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let room = known.list.len() + words.len() <= MOST;
        words.iter().map(|word| if room { Some(known.code(word)) } else { known.find(word) }).collect()
    }

    pub(super) fn words(&self) -> RwLockReadGuard<'_, Words> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_numbers_and_too_many_are_refused() {
        let glossary = Glossary::default();
        assert_eq!(glossary.numbers(&["甲", "乙"]), Some(vec![0, 1]));
        assert_eq!(glossary.numbers(&["乙", "丙", "甲"]), Some(vec![1, 2, 0]));
        let many: Vec<String> = (0..MOST).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(glossary.numbers(&many), None, "no room");
        assert_eq!(glossary.numbers(&["丙"]), Some(vec![2]));
        assert_eq!(glossary.words().list.len(), 3);
    }
}
