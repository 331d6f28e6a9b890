//! What replies come to, above all the bad ones.

use hedui_base::{AskId, Outcome};
use hedui_connect::{AskPeriod, Media, Parsed, Part, RawReply, Reason, Refused, Source, SubjectKey, parse};
use proptest::prelude::*;

use crate::support::{LI, ZHANG, key, source};

fn raw(source: &Source, media: Media, bodies: &[&[u8]]) -> RawReply {
    RawReply {
        source: source.id.clone(),
        manifest: source.manifest_hash.clone(),
        received: jiff::Timestamp::UNIX_EPOCH,
        period: Some(AskPeriod { from: "2026-05".parse().unwrap(), until: "2026-05".parse().unwrap() }),
        sent: vec![(1, AskId(1)), (2, AskId(2))],
        refused: Vec::new(),
        parts: bodies
            .iter()
            .enumerate()
            .map(|(i, body)| Part { name: format!("page-{}", i + 1), media, status: Some(200), body: body.to_vec() })
            .collect(),
    }
}

fn both() -> Vec<SubjectKey> {
    vec![key(1, ZHANG), key(2, LI)]
}

fn outcomes(parsed: &Parsed) -> Vec<Outcome> {
    parsed.answers.iter().map(|a| a.outcome).collect()
}

fn reasons(parsed: &Parsed) -> Vec<Reason> {
    parsed.quarantine.iter().map(|q| q.reason).collect()
}

fn pension(rows: &str) -> String {
    format!(
        r#"{{"resultCode":"0000","sjsd":"20260615","list":[{{"aac002":"{}","aac003":"张三","xsdy":"1","dy":[{rows}]}},{{"aac002":"{}","aac003":"李四","xsdy":"0"}}]}}"#,
        ZHANG.0, LI.0
    )
}

const ROW: &str = r#"{"dylb":"2","yfje":"220.00","jcyl":"198.00","fzzt":"1","qsrq":"20100701"}"#;

#[test]
fn the_same_record_twice_is_one_and_a_contradiction_is_none() {
    let source = source("hrss.pension");
    let twice = pension(&format!("{ROW},{ROW}"));
    let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[twice.as_bytes()]));
    assert_eq!(outcomes(&parsed), [Outcome::Found, Outcome::NoRecord]);
    assert_eq!(parsed.answers[0].records.len(), 1);
    let other = ROW.replace("220.00", "999.00");
    let conflict = pension(&format!("{ROW},{other}"));
    let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[conflict.as_bytes()]));
    assert_eq!(outcomes(&parsed), [Outcome::Failed, Outcome::NoRecord]);
    assert_eq!(reasons(&parsed), [Reason::DuplicateConflict, Reason::DuplicateConflict]);
}

#[test]
fn a_bad_row_beside_a_good_one_is_partial_and_alone_it_is_failed() {
    let source = source("hrss.pension");
    for (bad, reason) in [
        (ROW.replace("220.00", "1.2万元"), Reason::BadMoney),
        (ROW.replace("220.00", "-1"), Reason::BadMoney),
        (ROW.replace("20100701", "20101301"), Reason::BadDate),
        (ROW.replace("\"fzzt\":\"1\"", "\"fzzt\":\"7\""), Reason::UnknownCode),
        (ROW.replace("\"dylb\":\"2\"", "\"dylb\":\"\""), Reason::KeyMissing),
        (ROW.replace("\"jcyl\"", "\"jcyl2\""), Reason::SchemaDrift),
        (ROW.replace("\"198.00\"", "[198]"), Reason::SchemaDrift),
    ] {
        let mixed = pension(&format!("{},{bad}", ROW.replace("\"dylb\":\"2\"", "\"dylb\":\"1\"")));
        let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[mixed.as_bytes()]));
        assert_eq!(outcomes(&parsed), [Outcome::Partial, Outcome::NoRecord], "{reason}");
        assert_eq!(parsed.answers[0].detail.as_deref(), Some(reason.code()));
        let alone = pension(&bad);
        let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[alone.as_bytes()]));
        assert_eq!(outcomes(&parsed), [Outcome::Failed, Outcome::NoRecord], "{reason}");
        assert_eq!(reasons(&parsed), [reason]);
    }
}

#[test]
fn a_null_is_kept_as_null_and_an_exact_decimal_number_as_itself() {
    let source = source("hrss.pension");
    let text = pension(&ROW.replace("\"220.00\"", "220.10").replace("\"198.00\"", "null"));
    let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[text.as_bytes()]));
    let table = &parsed.answers[0].records.table;
    assert_eq!((table.int("amount", 0), table.int("base_pension", 0)), (Some(22_010), None));
}

#[test]
fn found_and_not_found_at_once_is_no_answer() {
    let source = source("hrss.pension");
    let text = pension(ROW).replace(LI.0, ZHANG.0).replace("李四", "张三");
    let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[text.as_bytes()]));
    assert_eq!(outcomes(&parsed), [Outcome::Failed, Outcome::Failed]);
}

#[test]
fn somebody_else_is_destroyed_and_clears_nobody() {
    // Hits only: here silence would mean "no record", if the reply were not about somebody else.
    let source = source("fiscal.card");
    let row = r#"{"sfzh":"990003195006120080","xm":"王五","xmdm":"A01","ffrq":"2026-06-08","je":"1","zh":"6","hmyz":"是","jhba":"否","zhhs":1}"#;
    let text = format!(r#"{{"state":"ok","asOf":"2026-06-28","peopleCount":2,"rowCount":1,"payments":[{row}]}}"#);
    let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[text.as_bytes()]));
    assert_eq!(outcomes(&parsed), [Outcome::Failed, Outcome::Failed]);
    assert_eq!(reasons(&parsed), [Reason::UnrequestedSubject]);
    assert!(parsed.answers.iter().all(|a| a.records.is_empty()));
    assert!(!format!("{parsed:?}").contains("王五") && !format!("{parsed:?}").contains("99000319"));
}

#[test]
fn an_error_page_is_not_an_answer() {
    let source = source("police.hukou");
    for body in ["<html>502</html>", "", "{}", "{\"code\":\"9\"}", "null", "\u{feff}{\"code\":\"0\"}"] {
        let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[body.as_bytes()]));
        assert_eq!(outcomes(&parsed), [Outcome::Failed, Outcome::Failed], "{body}");
    }
    let parsed = parse(&source, &both(), &raw(&source, Media::Json, &[b"\xff\xfe"]));
    assert_eq!(reasons(&parsed), [Reason::Encoding]);
}

#[test]
fn who_was_not_sent_is_unsendable_whatever_the_reply_says() {
    let source = source("hrss.pension");
    let text = pension(ROW);
    let mut reply = raw(&source, Media::Json, &[text.as_bytes()]);
    reply.refused = vec![Refused { ask: AskId(1), detail: "unencodable_name".into() }];
    let parsed = parse(&source, &both(), &reply);
    assert_eq!(outcomes(&parsed), [Outcome::Unsendable, Outcome::NoRecord]);
    assert_eq!(parsed.answers[0].detail.as_deref(), Some("unencodable_name"));
}

const BANK: &str = "序号|姓名|证件号码|查询结果|账号|账户类型|币种|余额|近六月日均余额|近一年流入|近六月大额转出|开户日期|销户日期|监护账户|账户状态|开户行|本行合计|到期日|时点
1|张三|990000197001010018|0|6200990000000000001|1|CNY|1234.56|1100.00|24000.00|0.00|20150312||0|1|营业部|1234.56||20260630
2|李四|990001196803150217|1|||||||||||||||20260630
#count:2;sum:1234.56";

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

#[test]
fn no_part_of_a_bank_file_is_an_answer() {
    let source = source("bank.jinshan");
    let whole = gbk(BANK);
    let parsed = parse(&source, &both(), &raw(&source, Media::Csv, &[&whole]));
    assert_eq!(outcomes(&parsed), [Outcome::Found, Outcome::NoRecord]);
    assert_eq!(parsed.answers[1].as_of.unwrap().to_string(), "2026-06-30");
    for end in 0..whole.len() {
        let parsed = parse(&source, &both(), &raw(&source, Media::Csv, &[&whole[..end]]));
        assert_eq!(outcomes(&parsed), [Outcome::Failed, Outcome::Failed], "cut at {end}");
    }
}

#[test]
fn a_changed_bank_file_is_noticed() {
    let source = source("bank.jinshan");
    for (from, to, expected, reason) in [
        ("#count:2", "#count:3", [Outcome::Failed, Outcome::Failed], Reason::TrailerMismatch),
        ("1|CNY|1234.56", "1|CNY|1234.57", [Outcome::Failed, Outcome::Failed], Reason::TrailerMismatch),
        ("余额|近六", "馀额|近六", [Outcome::Failed, Outcome::Failed], Reason::SchemaDrift),
        ("1|CNY|1234.56", "1|CNY|1.2万元", [Outcome::Failed, Outcome::NoRecord], Reason::BadMoney),
        ("990000197001010018", "4.40524E+17", [Outcome::Failed, Outcome::NoRecord], Reason::IdPrecisionLost),
        ("1|张三", "1|张五", [Outcome::Failed, Outcome::NoRecord], Reason::IdentityMismatch),
        ("\n1|张三", "\n7|张三", [Outcome::Failed, Outcome::NoRecord], Reason::UnrequestedSubject),
    ] {
        let bytes = gbk(&BANK.replace(from, to));
        let parsed = parse(&source, &both(), &raw(&source, Media::Csv, &[&bytes]));
        assert_eq!(outcomes(&parsed), expected, "{from} -> {to}");
        assert_eq!(reasons(&parsed), [reason], "{from} -> {to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_gives_one_failed_answer_each(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for (id, media) in [("police.hukou", Media::Json), ("tax.income", Media::Xml), ("bank.jinshan", Media::Csv), ("housing.registry", Media::Rows), ("water.use", Media::Xlsx)] {
            let source = shared(id);
            let parsed = parse(source, &both(), &raw(source, media, &[&bytes]));
            prop_assert_eq!(outcomes(&parsed), vec![Outcome::Failed, Outcome::Failed]);
        }
    }

    #[test]
    fn no_cut_of_a_json_reply_is_an_answer(cut in 0usize..300) {
        let source = shared("hrss.pension");
        let text = pension(ROW);
        let end = cut.min(text.len() - 1);
        let parsed = parse(source, &both(), &raw(source, Media::Json, &[&text.as_bytes()[..end]]));
        prop_assert_eq!(outcomes(&parsed), vec![Outcome::Failed, Outcome::Failed]);
    }
}

/// Built-in sources, loaded once.
fn shared(id: &str) -> &'static Source {
    static LOADED: std::sync::OnceLock<hedui_connect::Loaded> = std::sync::OnceLock::new();
    let loaded = LOADED.get_or_init(|| hedui_connect::Registry::embedded(&hedui_connect::catalogue(), None));
    loaded.registry.get(id).unwrap()
}
