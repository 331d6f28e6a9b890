//! 核对计算单: the report of one household as a caseworker reads it. It reports; it never approves.

use std::collections::HashMap;
use std::fmt::Write as _;

use hedui_base::{PersonKey, Tri};
use jiff::tz::{Offset, TimeZone};

use super::words::residence_zh;
use super::{Report, SchemePersonLine, TestLine};

/// The calculation sheet (核对计算单) in Chinese, as plain text. It reports; it never approves.
#[must_use]
pub fn calculation_sheet(report: &Report) -> String {
    let mut sheet = Sheet { report, out: String::new(), names: HashMap::new() };
    sheet.names = report.people.iter().map(|p| (p.person, format!("{}（{}）", p.name, p.relation_zh))).collect();
    sheet.head();
    sheet.people();
    sheet.sources();
    sheet.declared();
    sheet.values();
    sheet.tests();
    sheet.schemes();
    sheet.flags();
    sheet.foot();
    sheet.out
}

struct Sheet<'a> {
    report: &'a Report,
    out: String,
    names: HashMap<PersonKey, String>,
}

impl Sheet<'_> {
    fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}", text.as_ref());
    }

    fn heading(&mut self, text: &str) {
        self.line("");
        self.line(format!("【{text}】"));
    }

    fn who(&self, person: Option<PersonKey>) -> String {
        person.map_or_else(|| "家庭".to_owned(), |key| self.names.get(&key).cloned().unwrap_or_else(|| key.to_string()))
    }

    fn head(&mut self) {
        let r = self.report;
        let known = r.known_at.to_zoned(TimeZone::fixed(Offset::constant(8)));
        self.line("居民家庭经济状况核对计算单");
        let residence = residence_zh(r.residence.as_deref());
        self.line(format!("案件 {}　区划 {}（{residence}）　申请或在享：{}", r.case, r.area, scheme_title(r)));
        self.line(format!("核对基准日 {}　数据截至 {}", r.as_of, known.strftime("%Y-%m-%d %H:%M:%S")));
        let hash: String = r.pack.hash.chars().take(12).collect();
        self.line(format!("规则包 {} {} 版本 {}（{hash}）", r.pack.id, r.pack.title, r.pack.version));
    }

    fn people(&mut self) {
        self.heading("家庭成员与义务人");
        for p in &self.report.people {
            let role = if p.role == "member" { "共同生活成员" } else { "赡养扶养抚养义务人" };
            self.line(format!("  {}　{}　{}　{role}", p.name, p.id_number, p.relation_zh));
        }
    }

    fn sources(&mut self) {
        self.heading("信息来源");
        let r = self.report;
        for s in &r.completeness.sources {
            let mut parts = vec![format!("应查 {}，已答复 {}", s.asked, s.answered)];
            if let Some(day) = s.as_of {
                parts.push(format!("截至 {day}"));
            }
            if let Some(day) = s.due {
                parts.push(format!("应于 {day} 前回复"));
            }
            self.line(format!("  {}：{}", s.title, parts.join("，")));
            let open = r
                .coverage
                .iter()
                .filter(|c| c.source == s.source && c.outcome.is_none_or(hedui_base::Outcome::is_unknown));
            for pair in open {
                self.line(format!("    {}：{}", self.who(Some(pair.person)), pair.text));
            }
        }
        self.line(format!("  {}", r.completeness.statement));
    }

    fn declared(&mut self) {
        if self.report.declared.is_empty() {
            return;
        }
        self.heading("申报情况");
        for d in &self.report.declared {
            self.line(format!("  {}　{}：{}", self.who(d.person), d.title, d.value));
        }
    }

    fn values(&mut self) {
        self.heading("测算");
        for v in &self.report.values {
            self.line(format!("  {}：{}", v.title, v.value));
        }
        for a in &self.report.assumed {
            self.line(format!("  推定　{}：{}", a.title, a.value));
        }
    }

    fn tests(&mut self) {
        self.heading("核对项目");
        for t in &self.report.tests {
            let mut text = format!("  {}：{}", t.title, answer(t));
            if let (Some(value), Some(limit)) = (&t.value, &t.limit) {
                let _ = write!(text, "　核得 {value}，限额 {limit}");
            }
            if let Some(margin) = &t.margin {
                let _ = write!(text, "，余量 {margin}");
            }
            if !t.waiting_on.is_empty() {
                let _ = write!(text, "　待：{}", t.waiting_on.join("、"));
            }
            self.line(text);
        }
    }

    fn schemes(&mut self) {
        self.heading("核对结果");
        for s in &self.report.schemes {
            let mut text = format!("  {}：{}", s.title, s.finding_zh);
            if let Some(amount) = &s.amount {
                let _ = write!(text, "　测算金额 {amount}");
            }
            if let Some(until) = &s.until {
                let _ = write!(text, "　至 {until} 止");
            }
            if !s.waiting_on.is_empty() {
                let _ = write!(text, "　待：{}", s.waiting_on.join("、"));
            }
            self.line(text);
            s.persons.iter().for_each(|p| self.scheme_person(p));
        }
        self.line(format!("  结论：{}", self.report.conclusion));
        for w in &self.report.waiting_on {
            self.line(format!("    {}", w.text));
        }
    }

    fn scheme_person(&mut self, p: &SchemePersonLine) {
        let mut text = format!("    {}：{}", self.who(Some(p.person)), p.finding_zh);
        if let Some(amount) = &p.amount {
            let _ = write!(text, "　测算金额 {amount}");
        }
        if let Some(until) = &p.until {
            let _ = write!(text, "　至 {until} 止");
        }
        if !p.waiting_on.is_empty() {
            let _ = write!(text, "　待：{}", p.waiting_on.join("、"));
        }
        self.line(text);
    }

    fn flags(&mut self) {
        self.heading("疑点");
        if self.report.flags.is_empty() {
            self.line("  未发现疑点（以已得到的答复为限）");
        }
        for f in &self.report.flags {
            let mut text = format!("  [{}] {} {}　{}", f.severity_zh, f.flag, f.title, self.who(f.person));
            if let Some(declared) = &f.declared {
                let _ = write!(text, "　申报 {declared}");
            }
            if let Some(found) = &f.found {
                let _ = write!(text, "　核得 {found}");
            }
            if let Some(difference) = &f.difference {
                let _ = write!(text, "　相差 {difference}");
            }
            let _ = write!(text, "　处理：{}", f.follow_up_zh);
            self.line(text);
            for e in &f.evidence {
                self.line(format!("      依据记录：{e}"));
            }
            self.line(format!("      依据条款：{}", f.cite));
        }
    }

    fn foot(&mut self) {
        if let Some(score) = &self.report.score {
            self.heading("评分");
            self.line(format!("  {score} 分（0 至 100）"));
        }
        self.line("");
        self.line("本单仅列核对结果，供经办人员认定时参考，不作认定；是否给予救助由有权机关决定。");
    }
}

fn answer(test: &TestLine) -> &'static str {
    match test.result {
        Tri::Met => "符合",
        Tri::NotMet => "不符合",
        Tri::Undetermined => "存疑待核",
    }
}

fn scheme_title(report: &Report) -> &str {
    report.schemes.iter().find(|s| s.scheme == report.scheme).map_or(&report.scheme, |s| &s.title)
}
