//! The words of reports that no pack or manifest gives.

use hedui_base::Outcome;

use crate::acquire::cause_zh;

pub(super) fn relation_zh(code: &str) -> &'static str {
    match code {
        "self" => "本人",
        "spouse" => "配偶",
        "child" => "子女",
        "parent" => "父母",
        "grandparent" => "祖父母",
        "grandchild" => "孙子女",
        "sibling" => "兄弟姐妹",
        _ => "其他",
    }
}

pub(super) fn residence_zh(code: Option<&str>) -> &'static str {
    match code {
        Some("urban") => "城镇",
        Some("rural") => "农村",
        _ => "未填",
    }
}

/// What still stands in the way, as a sentence.
pub(super) fn waiting_zh(title: &str, cause: &str) -> String {
    match cause {
        "not_asked" => format!("尚未向{title}查询"),
        "no_source" => format!("{title}没有可查询的来源"),
        "null" => format!("{title}的记录缺少必要内容"),
        "spread" => format!("{title}只有全年数额，没有条款允许按月平摊，各月数额未证明"),
        "division_by_zero" => format!("{title}无法计算（除数为零）"),
        "gap" => format!("规则参数 {} 的依据没有确定数值", title.trim_start_matches("parameter.")),
        "pending" => format!("{title}尚未回复，待其回复后可以确定"),
        "overdue" => format!("{title}逾期未回复，需要催办"),
        "not_authorised" => format!("未获授权查询{title}，需要补充授权书"),
        "unsendable" => format!("无法向{title}发出查询，需要更正查询要素"),
        "failed" => format!("{title}查询失败，需要重新查询"),
        "partial" => format!("{title}只有部分内容可用，需要人工核实"),
        other => format!("{title}：{other}"),
    }
}

/// How a pair stands, with its reason.
pub(super) fn outcome_text(outcome: Option<Outcome>, cause: Option<&str>) -> String {
    let Some(outcome) = outcome else { return "未查询".to_owned() };
    match cause.filter(|_| outcome.is_unknown()) {
        Some(cause) => format!("{}（{}）", outcome.zh(), cause_zh(cause)),
        None => outcome.zh().to_owned(),
    }
}

/// Natural keys may hold account numbers and plates: long runs of letters and digits show their last four only.
pub(crate) fn masked_key(key: &str) -> String {
    let mut shown = String::with_capacity(key.len());
    for (nth, part) in key.split('|').enumerate() {
        if nth > 0 {
            shown.push('|');
        }
        mask_part(part, &mut shown);
    }
    shown
}

fn mask_part(part: &str, shown: &mut String) {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    if digits < 5 {
        shown.push_str(part);
        return;
    }
    let count = part.chars().count();
    // A month or a day is no secret.
    let day = part.len() <= 10 && part.split('-').all(|p| p.chars().all(|c| c.is_ascii_digit())) && part.contains('-');
    // Nor is an amount: a key has no decimal point, no grouping and no unit after a blank.
    let amount = part.contains(['.', ',', ' ']);
    if count <= 6 || day || amount {
        shown.push_str(part);
        return;
    }
    shown.push_str("****");
    shown.extend(part.chars().skip(count - 4));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_show_no_account_numbers() {
        assert_eq!(masked_key("6200990000000000001"), "****0001");
        assert_eq!(masked_key("2026-05|wage|某公司"), "2026-05|wage|某公司");
        assert_eq!(masked_key("2026-05-31"), "2026-05-31");
        assert_eq!(masked_key("1,042.00 元"), "1,042.00 元");
        assert_eq!(masked_key("91321100MA1234567X|legal_rep"), "****567X|legal_rep");
    }

    #[test]
    fn a_pair_says_why_it_is_unknown() {
        assert_eq!(outcome_text(Some(Outcome::NotAuthorised), Some("letter-expired")), "未授权（授权书已过期）");
        assert_eq!(outcome_text(Some(Outcome::Found), Some("whatever")), "查得");
        assert_eq!(outcome_text(None, None), "未查询");
    }
}
