//! Words that come as codes, with the Chinese that a caseworker reads first.

use std::collections::BTreeMap;

use hedui_base::Outcome;
use hedui_connect::Reason;

/// An outcome: `查询失败 failed`.
pub(crate) fn outcome(word: &str) -> String {
    word.parse::<Outcome>().map_or_else(|_| word.to_owned(), |outcome| format!("{} {word}", outcome.zh()))
}

/// Why something was set aside: `与约定格式不符 schema_drift`.
pub(crate) fn reason(code: &str) -> String {
    let known = Reason::ALL.into_iter().find(|reason| reason.code() == code);
    known.map_or_else(|| code.to_owned(), |reason| format!("{} {code}", reason_zh(reason)))
}

const fn reason_zh(reason: Reason) -> &'static str {
    match reason {
        Reason::IdentityMismatch => "身份不符",
        Reason::KeyMissing => "缺少主键",
        Reason::BadMoney => "金额无法识别",
        Reason::BadDate => "日期无法识别",
        Reason::UnknownCode => "代码不在约定之内",
        Reason::IdPrecisionLost => "号码位数丢失",
        Reason::Encoding => "字符编码错误",
        Reason::DuplicateConflict => "重复且内容不一",
        Reason::UnrequestedSubject => "非查询对象",
        Reason::TrailerMismatch => "合计不符",
        Reason::SchemaDrift => "与约定格式不符",
        Reason::LinkUncertain => "归属待核",
    }
}

/// Counts by word, largest first: `34 查询失败 failed、2 查得 found`; a dash if there are none.
pub(crate) fn counts(map: &BTreeMap<String, usize>, word: impl Fn(&str) -> String) -> String {
    if map.is_empty() {
        return "—".to_owned();
    }
    let mut sorted: Vec<(&String, &usize)> = map.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    sorted.iter().map(|(code, count)| format!("{count} {}", word(code))).collect::<Vec<_>>().join("、")
}

/// A moment as a clock in China shows it, to the minute.
pub(crate) fn here(at: jiff::Timestamp) -> String {
    let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    at.to_zoned(china).strftime("%Y-%m-%d %H:%M").to_string()
}
