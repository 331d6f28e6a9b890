//! How alike two addresses are: 0 to 10000, and never high where a number differs.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

/// An address as it is compared: NFKC, no blanks or punctuation, without province and city.
pub(super) fn fold(address: &str) -> String {
    let plain: Vec<char> = address.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    let mut rest = plain.as_slice();
    for level in ['省', '市'] {
        if let Some(at) = rest.iter().take(6).position(|c| *c == level) {
            rest = &rest[at + 1..];
        }
    }
    rest.iter().collect()
}

/// Runs of digits, in order: house, building, room.
fn numbers(address: &str) -> Vec<&str> {
    address.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).collect()
}

/// Dice's coefficient of character pairs of two folded addresses.
pub(super) fn score(a: &str, b: &str) -> i64 {
    if a == b && !a.is_empty() {
        return 10_000;
    }
    let pairs = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        let mut counts: HashMap<(char, char), i64> = HashMap::new();
        for pair in chars.windows(2) {
            *counts.entry((pair[0], pair[1])).or_default() += 1;
        }
        counts
    };
    let (left, right) = (pairs(a), pairs(b));
    let total: i64 = left.values().sum::<i64>() + right.values().sum::<i64>();
    if total == 0 {
        return 0;
    }
    let common: i64 = left.iter().map(|(pair, n)| n.min(right.get(pair).unwrap_or(&0))).sum();
    let dice = 20_000 * common / total;
    // The flat next door has nearly the same address; only its number says that it is another.
    if numbers(a) == numbers(b) { dice } else { dice * 7 / 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_home_scores_high_and_next_door_low() {
        let home = fold("镇江市京口区某路1号2幢301室");
        assert_eq!(score(&home, &fold("江苏省镇江市京口区某路１号 ２幢301室")), 10_000);
        assert!(score(&home, &fold("镇江市京口区某路1号2幢302室")) < 7_500);
        assert!(score(&home, &fold("京口区某路1号2栋301")) > 6_000);
        assert!(score(&home, &fold("镇江市润州区别处9号")) < 3_000);
        assert_eq!(score("", ""), 0);
    }
}
