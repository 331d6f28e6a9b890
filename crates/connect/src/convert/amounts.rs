//! Numbers and amounts as people type them, in declared forms only.

use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;

use super::Cell;

/// Which ways of writing a number are read besides plain digits. Without its word none of them is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// `1,234.50`: commas between groups of three.
    pub grouping: bool,
    /// `１２３．５０`.
    pub full_width: bool,
    /// `1.2万元`, `3.5亿元`, `12元`: the unit at the end counts, not the column's.
    pub unit_suffix: bool,
    /// `(123.45)` is below zero.
    pub parentheses: bool,
    /// `—`, `-`, `/` and their like mean that there is no value. Never zero.
    pub dash_null: bool,
    /// `¥` or `￥` before the amount.
    pub currency_sign: bool,
}

impl Accept {
    /// The words manifests write.
    pub(crate) const WORDS: [&str; 6] =
        ["grouping", "full_width", "unit_suffix", "parentheses", "dash_null", "currency_sign"];

    /// Adds a word.
    pub(crate) fn add(&mut self, word: &str) {
        match word {
            "grouping" => self.grouping = true,
            "full_width" => self.full_width = true,
            "unit_suffix" => self.unit_suffix = true,
            "parentheses" => self.parentheses = true,
            "dash_null" => self.dash_null = true,
            "currency_sign" => self.currency_sign = true,
            _ => {}
        }
    }

    /// Whether a text is one of the dashes that stand for "no value".
    pub(crate) fn is_dash(self, text: &str) -> bool {
        const DASHES: [&str; 9] = ["-", "--", "---", "—", "——", "–", "－", "―", "/"];
        self.dash_null && DASHES.contains(&text.trim())
    }
}

/// A number, and how many yuan its own unit is if it has one.
pub(super) fn read(accept: Accept, cell: &Cell) -> Option<(Decimal, Option<Decimal>)> {
    if cell.numeric {
        // A number of JSON or a sheet may carry an exponent; a text may not.
        let exact = || Decimal::from_scientific(&cell.text.to_ascii_lowercase()).ok();
        return plain(cell.text.trim()).or_else(exact).map(|number| (number, None));
    }
    let mut text = cell.text.trim().to_owned();
    if accept.full_width {
        text = text.nfkc().collect::<String>().trim().to_owned();
    }
    let mut negative = false;
    if accept.parentheses
        && let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'))
    {
        // In brackets and with a sign it says two things.
        if inner.trim_start().starts_with(['-', '+']) {
            return None;
        }
        negative = true;
        text = inner.trim().to_owned();
    }
    if accept.currency_sign
        && let Some(amount) = text.strip_prefix(['¥', '￥'])
    {
        text = amount.trim_start().to_owned();
    }
    let mut unit = None;
    if accept.unit_suffix {
        // The longest first: 万元 ends with 元.
        for (suffix, yuan) in [("亿元", 100_000_000), ("万元", 10_000), ("元", 1)] {
            if let Some(number) = text.strip_suffix(suffix) {
                unit = Some(Decimal::from(yuan));
                text = number.trim_end().to_owned();
                break;
            }
        }
    }
    if accept.grouping && text.contains(',') {
        text = ungrouped(&text)?;
    }
    let number = plain(&text)?;
    Some((if negative { -number } else { number }, unit))
}

/// Takes the commas out; none if they do not stand after every third digit.
fn ungrouped(text: &str) -> Option<String> {
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let mut groups = digits.split(',');
    let first = groups.next()?;
    let is_number = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let good = (1..=3).contains(&first.len()) && is_number(first) && groups.all(|g| g.len() == 3 && is_number(g));
    if !good || part.is_some_and(|part| part.contains(',')) {
        return None;
    }
    Some(text.replace(',', ""))
}

/// Plain digits with at most one point and one sign.
fn plain(text: &str) -> Option<Decimal> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = body.bytes().any(|b| b.is_ascii_digit())
        && body.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && body.bytes().filter(|b| *b == b'.').count() <= 1;
    if plain { Decimal::from_str_exact(text.trim_start_matches('+')).ok() } else { None }
}
