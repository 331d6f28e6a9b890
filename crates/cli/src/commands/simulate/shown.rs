//! A simulation as an official reads it: alarms first, then what changes, what it costs, where and for whom.

use hedui_verify::{Alarm, Bounds, Budget, Dimension, Group, PackLine, Simulation, Totals};

use crate::terminal;

/// The whole result.
pub(super) fn print(found: &Simulation) {
    alarms(found);
    packs("改革前 baseline", &found.packs_before);
    packs("改革后 reform", &found.packs_after);
    set(found);
    found.notices.iter().for_each(|notice| terminal::line(format!("note: {notice}")));
    movements(&found.total);
    budget(&found.total);
    schemes(found);
    transitions(found);
    groups("按地区 By area", &found.areas, |g| g.value.clone());
    groups("按家庭类型 By household type", &found.types, |g| format!("{} {}", g.dimension.zh(), word(g)));
    rechecks(found);
    failures(found);
    if let Some(file) = &found.changes_file {
        terminal::heading("Files");
        terminal::line(format!("changes   {}", file.display()));
        terminal::line(format!("          {}", file.with_extension("csv").display()));
        terminal::line(format!("all       {}", file.with_file_name("simulation.json").display()));
    }
}

fn alarms(found: &Simulation) {
    for alarm in &found.alarms {
        terminal::line(alarm_line(alarm));
    }
    if !found.exit_limit_known {
        terminal::line("note: no limit for mass exits is known; give --exit-alarm 5% or a parameter mass_exit_share");
    }
}

fn alarm_line(alarm: &Alarm) -> String {
    let area = alarm.area.as_deref().unwrap_or("全部地区");
    let scheme = match &alarm.scheme {
        Some(id) => format!("{} {id}", alarm.title),
        None => "各类救助合计".to_owned(),
    };
    let share = percent(alarm.share);
    let limit = match (alarm.limit_cases, alarm.limit_share) {
        (Some(cases), _) => format!("预期 {cases} 户"),
        (None, Some(limit)) => format!("限值 {}", percent(limit)),
        (None, None) => String::new(),
    };
    let open =
        if alarm.may_exit > 0 { format!(",另有 {} 户转为存疑待核", alarm.may_exit) } else { String::new() };
    format!(
        "!! 大规模退出预警 ALARM: {area} {scheme}: 原 {} 户中 {} 户退出 ({share},{limit}){open}",
        alarm.before, alarm.exits
    )
}

fn packs(side: &str, packs: &[(PackLine, usize)]) {
    for (pack, cases) in packs {
        let hash = pack.hash.get(..12).unwrap_or(&pack.hash);
        terminal::line(format!("{side}: {cases} case(s) by pack {} {} ({}) {hash}", pack.id, pack.version, pack.title));
    }
}

fn set(found: &Simulation) {
    for (title, rows) in [("基准参数调整 Set in the baseline", &found.set_before), ("参数调整 Set", &found.set_after)]
    {
        if rows.is_empty() {
            continue;
        }
        terminal::heading(title);
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|r| {
                let place = [r.area.as_str(), r.residence.as_str(), r.keys.as_str()];
                let place = place.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
                let from = format!("{}:{} {}", r.file, r.line, r.cite);
                vec![r.parameter.clone(), r.title.clone(), place, r.old.clone(), r.new.clone(), from]
            })
            .collect();
        terminal::table(&["parameter", "参数", "适用 for", "原值 old", "新值 new", "依据 cite"], &rows);
    }
}

fn movements(t: &Totals) {
    terminal::heading(format!("变化 Changes ({} cases 户)", t.cases));
    let row = |zh: &str, word: &str, cases: usize, fen: Option<i128>| {
        vec![zh.to_owned(), word.to_owned(), cases.to_string(), fen.map(signed).unwrap_or_default()]
    };
    let mut rows = vec![
        row("进入", "entered", t.entered, Some(t.entered_fen)),
        row("退出", "left", t.left, Some(-t.left_fen)),
        row("转入其他类别", "moved", t.moved, Some(t.moved_fen)),
        row("增发", "gained", t.gained, Some(t.gained_fen)),
        row("减发", "lost", t.lost, Some(-t.lost_fen)),
        row("在册且金额不变", "same", t.same, None),
        row("前后均不符合", "out", t.out, None),
        row("存疑待核: 原已定,现存疑", "became_undetermined", t.became_undetermined, None),
        row("存疑待核: 原存疑,现已定", "became_determined", t.became_determined, None),
        row("存疑待核: 前后均存疑", "stays_undetermined", t.stays_undetermined, None),
    ];
    if t.terms > 0 {
        rows.push(row("金额不变,人员或期限变化", "terms", t.terms, None));
    }
    if t.beside > 0 {
        rows.push(row("类别不变,另一类别的发放变化", "beside", t.beside, None));
    }
    if t.amount_open > 0 {
        rows.push(row("在册,金额只知范围", "amount_open", t.amount_open, None));
    }
    if t.not_computed > 0 {
        rows.push(row("无法计算", "not_computed", t.not_computed, None));
    }
    terminal::table(&["变化", "movement", "户数 cases", "元/月 yuan a month"], &rows);
}

fn budget(t: &Totals) {
    terminal::heading("每月资金 Monthly budget (元)");
    let (a, b) = (&t.budget_before, &t.budget_after);
    let row = |title: &str, a: String, b: String, c: String| vec![title.to_owned(), a, b, c];
    let bounds = |part: fn(&Budget) -> &Bounds| (shown_bounds(part(a)), shown_bounds(part(b)));
    let (unknown, unknown_after) = bounds(|b| &b.unknown);
    let (open, open_after) = bounds(|b| &b.undetermined);
    let known = signed(b.known_fen - a.known_fen);
    let rows = [
        row("金额确定 known", yuan(a.known_fen), yuan(b.known_fen), known),
        row("  发放户数 paid", a.cases.to_string(), b.cases.to_string(), difference(a.cases, b.cases)),
        row("  前后均已定 settled on both sides", String::new(), String::new(), signed(t.difference_fen)),
        row("已定类别,金额只知范围 unknown", unknown, unknown_after, String::new()),
        row("存疑待核户可能金额 undetermined", open, open_after, String::new()),
    ];
    terminal::table(&["", "改革前 before", "改革后 after", "差额 difference"], &rows);
}

fn schemes(found: &Simulation) {
    terminal::heading("按救助类别 By scheme");
    let rows: Vec<Vec<String>> = found
        .schemes
        .iter()
        .map(|s| {
            let fen = s.budget_after.known_fen - s.budget_before.known_fen;
            vec![
                s.scheme.clone(),
                s.title.clone(),
                s.category_before.to_string(),
                s.category_after.to_string(),
                s.entered.to_string(),
                s.left.to_string(),
                s.gained.to_string(),
                s.lost.to_string(),
                signed(fen),
                format!("{} → {}", s.met_before, s.met_after),
                format!("{} → {}", yuan(s.met_budget_before.known_fen), yuan(s.met_budget_after.known_fen)),
                format!("{} → {}", s.undetermined_before, s.undetermined_after),
            ]
        })
        .collect();
    let head = [
        "scheme",
        "救助类别",
        "改前在册",
        "改后在册",
        "进入",
        "退出",
        "增发",
        "减发",
        "月差额(元)",
        "符合 met",
        "符合者金额(元)",
        "存疑 undetermined",
    ];
    terminal::table(&head, &rows);
}

fn transitions(found: &Simulation) {
    let moved: Vec<_> = found.transitions.iter().filter(|t| t.before != t.after).collect();
    if moved.is_empty() {
        return;
    }
    terminal::heading("去向 Where they go");
    let rows: Vec<Vec<String>> = moved
        .iter()
        .map(|t| vec![t.before.clone(), t.after.clone(), t.cases.to_string(), signed(t.difference_fen)])
        .collect();
    terminal::table(&["改革前 before", "改革后 after", "户数 cases", "月差额(元)"], &rows);
}

fn groups(title: &str, groups: &[Group], name: impl Fn(&Group) -> String) {
    terminal::heading(title);
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|g| {
            let t = &g.totals;
            vec![
                name(g),
                t.cases.to_string(),
                t.before.met.to_string(),
                t.after.met.to_string(),
                t.entered.to_string(),
                t.left.to_string(),
                t.moved.to_string(),
                t.gained.to_string(),
                t.lost.to_string(),
                format!("{} → {}", t.before.undetermined, t.after.undetermined),
                t.rechecks.to_string(),
                signed(t.budget_after.known_fen - t.budget_before.known_fen),
            ]
        })
        .collect();
    let head =
        ["", "户数", "改前在册", "改后在册", "进入", "退出", "转类", "增发", "减发", "存疑", "复核", "月差额(元)"];
    terminal::table(&head, &rows);
}

fn rechecks(found: &Simulation) {
    terminal::heading("复核工作量 Rechecks");
    let t = &found.total;
    terminal::line(format!(
        "{} 户的类别或金额变化,或结论变为存疑,须复核 (其中在享 {} 户) · {} rechecks, {} of them in receipt",
        t.rechecks, t.rechecks_in_receipt, t.rechecks, t.rechecks_in_receipt
    ));
}

fn failures(found: &Simulation) {
    const SHOWN: usize = 20;
    for (side, failures) in [("before", &found.failures_before), ("after", &found.failures_after)] {
        for failure in failures.iter().take(SHOWN) {
            terminal::line(format!("not computed {side}: {}: {}", failure.case, failure.reason));
        }
        if failures.len() > SHOWN {
            terminal::line(format!("... and {} more cases not computed {side}", failures.len() - SHOWN));
        }
    }
}

/// A type's word in Chinese.
fn word(group: &Group) -> String {
    let zh = match (group.dimension, group.value.as_str()) {
        (Dimension::Residence, "urban") => "城镇",
        (Dimension::Residence, "rural") => "农村",
        (_, "unknown") => "未知",
        (_, "yes") => "是",
        (_, "no") => "否",
        (Dimension::Size, size) => return format!("{size} 人"),
        (_, other) => other,
    };
    zh.to_owned()
}

fn shown_bounds(bounds: &Bounds) -> String {
    if bounds.cases == 0 {
        return "0 户".to_owned();
    }
    let side = |fen: Option<i128>, none: &str| fen.map_or_else(|| none.to_owned(), yuan);
    let (lo, hi) = (side(bounds.at_least_fen, "无下限"), side(bounds.at_most_fen, "无上限"));
    format!("{} 户: {lo} 至 {hi}", bounds.cases)
}

/// Fen as yuan, exact.
fn yuan(fen: i128) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let magnitude = fen.unsigned_abs();
    format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100)
}

/// The same with its sign where it is more.
fn signed(fen: i128) -> String {
    if fen > 0 { format!("+{}", yuan(fen)) } else { yuan(fen) }
}

fn difference(before: usize, after: usize) -> String {
    if after >= before { format!("+{}", after - before) } else { format!("-{}", before - after) }
}

fn percent(share: rust_decimal::Decimal) -> String {
    format!("{}%", (share * rust_decimal::Decimal::ONE_HUNDRED).normalize())
}
