//! Request files: every form is read back as it was written, and what cannot be written is not sent.

use hedui_base::{Outcome, PersonKey};
use hedui_connect::manifest::{FilePlan, PutFormat, PutValue, Transport};
use hedui_connect::{AskPeriod, Source, Subject, Submission, read_request};
use proptest::prelude::*;

use super::servers::Machine;
use super::{Form, context};
use crate::support::{LI, ZHANG, key, subject};

fn plan(source: &Source) -> &FilePlan {
    let Transport::Files(plan) = &source.manifest.transport else { panic!() };
    plan
}

async fn put(
    form: &Form,
    people: &[(&str, &str)],
    period: Option<AskPeriod>,
) -> (std::sync::Arc<Source>, Submission, Vec<u8>) {
    let machine = Machine::new("dir").await;
    let source = form.source();
    let (context, _) = context(&machine, "");
    let subjects: Vec<Subject> = (1..).zip(people).map(|(number, person)| subject(&source, number, *person)).collect();
    let submission = source.prepare(&context, &subjects, period).unwrap();
    source.submit(&context, &submission, &subjects).await.unwrap();
    let name = machine.names("in").into_iter().find(|n| !n.ends_with(".ok")).unwrap();
    let bytes = std::fs::read(machine.path(&format!("in/{name}"))).unwrap();
    (source, submission, bytes)
}

const EVERYTHING: &str = r#"
    { name = "xh", value = "seq" }, { name = "xm", value = "name" }, { name = "zjh", value = "id_number" },
    { name = "jh", value = "id15" }, { name = "q", value = "period_from" }, { name = "z", value = "period_until", format = "%Y-%m" },
    { name = "sq", value = "letter" }, { name = "yt", value = "purpose" }, { name = "rq", value = "request_date" },
    { name = "lx", value = "const:01" }"#;

#[tokio::test]
async fn a_row_says_all_that_was_agreed_upon() {
    let form = Form {
        ask: "period = { months = 12, end = \"last_closed_month\" }",
        put: "name = \"REQ_{date}_{batch}.txt\", format = \"txt\", encoding = \"utf-8\"",
        columns: EVERYTHING,
        ..Form::default()
    };
    let period = form.source().period("2026-06-30".parse().unwrap());
    let (source, _, bytes) = put(&form, &[ZHANG], period).await;
    assert_eq!(
        String::from_utf8(bytes.clone()).unwrap(),
        "xh|xm|zjh|jh|q|z|sq|yt|rq|lx\n1|张三|990000197001010018|990000700101001|202506|2026-05|L-1|dibao|20260630|01\n"
    );
    let put = &plan(&source).put;
    let rows = read_request(put, &bytes).unwrap();
    assert_eq!((rows[0].name(put), rows[0].id_number(put)), (Some("张三"), Some("990000197001010018")));
    assert_eq!(
        rows[0].period(put).map(|(a, b)| (a.to_string(), b.to_string())),
        Some(("2025-06".into(), "2026-05".into()))
    );
    assert_eq!(rows[0].value(put, |v| *v == PutValue::Letter), Some("L-1"));
}

#[tokio::test]
async fn a_fixed_width_counts_bytes_as_banks_do() {
    let form = Form {
        put: "name = \"REQ_{date}_{batch}.txt\", format = \"fixed\", encoding = \"gbk\"",
        columns: r#"{ name = "xh", value = "seq", width = 6, align = "right" }, { name = "xm", value = "name", width = 8 }, { name = "zjh", value = "id_number", width = 18 }"#,
        ..Form::default()
    };
    let long = ("990000197001010018", "阿卜杜拉");
    let (_, _, bytes) = put(&form, &[ZHANG, long], None).await;
    let (expected, ..) =
        encoding_rs::GBK.encode("     1张三    990000197001010018\n     2阿卜杜拉990000197001010018\n");
    assert_eq!(bytes, expected.as_ref());

    // Nine bytes of name in a column of eight: cut, it would ask about somebody else.
    let source = form.source();
    let machine = Machine::new("dir").await;
    let (context, _) = context(&machine, "");
    let subjects =
        [subject(&source, 1, ("990000197001010018", "阿卜杜拉a")), subject(&source, 2, ("990001196803150217", "张㛃"))];
    let submission = source.prepare(&context, &subjects, None).unwrap();
    let refused: Vec<_> = submission.refused.iter().map(|r| (r.ask.0, r.detail.as_str())).collect();
    assert_eq!(refused, [(1, "name_too_long"), (2, "unencodable_name")]);
    assert!(submission.sent.is_empty());
    match source.ask(&context, &subjects, None).await {
        hedui_connect::Exchange::Replied(raw) => {
            assert_eq!(super::outcomes(&source, &subjects, &raw), [Outcome::Unsendable, Outcome::Unsendable]);
        }
        other => panic!("{other:?}"),
    }
    assert!(machine.names("in").is_empty(), "no file for nobody");
}

#[tokio::test]
async fn a_packed_request_is_known_again() {
    let form = Form {
        put: "name = \"REQ_{date}_{batch}.zip\", compress = \"zip\", password = \"secret:zip\", encoding = \"gbk\", cipher = { use = \"sm4_cbc\", key = \"secret:key\" }",
        ..Form::default()
    };
    let machine = Machine::new("dir").await;
    let source = form.source();
    let (context, _) = context(&machine, "zip = \"correct horse\"\nkey = \"0123456789abcdeffedcba9876543210\"");
    let subjects = [subject(&source, 1, ZHANG), subject(&source, 2, LI)];
    let submission = source.prepare(&context, &subjects, None).unwrap();
    for _ in 0..2 {
        source.submit(&context, &submission, &subjects).await.unwrap();
    }
    let bytes = std::fs::read(machine.path(&format!("in/REQ_{}.zip", submission.reference))).unwrap();
    assert!(!bytes.windows(18).any(|w| w == ZHANG.0.as_bytes()));
}

/// Forms of a request file that carry every character, or not.
const FORMS: [(&str, bool); 7] = [
    ("format = \"csv\", encoding = \"utf-8\"", true),
    ("format = \"csv\", encoding = \"gbk\", delimiter = \";\"", false),
    ("format = \"txt\", encoding = \"gb18030\", header = false", true),
    ("format = \"txt\", encoding = \"utf-16be\"", true),
    ("format = \"fixed\", encoding = \"gb18030\"", true),
    ("format = \"fixed\", encoding = \"utf-16le\"", true),
    ("format = \"xlsx\"", true),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_form_is_read_back_as_it_was_written(form in 0..FORMS.len(), names in prop::collection::vec("[a-zA-Z·一-龥㐀-㐐𠀀-𠀐|;,\" ]{1,9}", 1..6)) {
        let (put, every_character) = FORMS[form];
        let fixed = put.contains("fixed");
        let width = |w: &str| if fixed { format!(", width = {w}") } else { String::new() };
        let put: &'static str = Box::leak(format!("name = \"REQ_{{date}}_{{batch}}.x\", {put}").into_boxed_str());
        let columns: &'static str = Box::leak(format!(
            "{{ name = \"xh\", value = \"seq\"{} }}, {{ name = \"xm\", value = \"name\"{} }}, {{ name = \"zjh\", value = \"id_number\"{} }}",
            width("10, align = \"right\""), width("40"), width("36")
        ).into_boxed_str());
        let source = Form { put, columns, ..Form::default() }.source();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let machine = Machine::new("dir").await;
            let (context, _) = context(&machine, "");
            let subjects: Vec<Subject> = (1..).zip(&names).map(|(n, name)| subject(&source, n, (ZHANG.0, name.as_str()))).collect();
            let submission = source.prepare(&context, &subjects, None).unwrap();
            // Everybody is sent or refused, never both.
            prop_assert_eq!(submission.sent.len() + submission.refused.len(), names.len());
            let cut = [',', ';', '|', '"'];
            for refused in &submission.refused {
                let name = &names[usize::try_from(refused.ask.0 - 1).unwrap()];
                prop_assert!(!every_character || name.contains(cut) || name.trim().is_empty() || fixed, "{}", name);
            }
            if submission.sent.is_empty() {
                return Ok(());
            }
            source.submit(&context, &submission, &subjects).await.unwrap();
            let file = machine.path(&format!("in/REQ_{}.x", submission.reference));
            let rows = read_request(&plan(&source).put, &std::fs::read(file).unwrap()).unwrap();
            let sent: Vec<&str> = submission.sent.iter().map(|(_, ask)| names[usize::try_from(ask.0 - 1).unwrap()].as_str()).collect();
            for ((row, name), seq) in rows.iter().zip(&sent).zip(1..) {
                let wanted = if plan(&source).put.format == PutFormat::Fixed { name.trim_matches(' ') } else { name };
                prop_assert_eq!((row.seq, row.cells[1].as_str(), row.cells[2].as_str()), (seq, wanted, ZHANG.0));
            }
            prop_assert_eq!(rows.len(), sent.len());
            // The same request is known again.
            source.submit(&context, &submission, &subjects).await.unwrap();
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_make_the_reader_panic(form in 0..FORMS.len(), bytes: Vec<u8>) {
        let put: &'static str = Box::leak(format!("name = \"REQ_{{batch}}\", {}", FORMS[form].0).into_boxed_str());
        let columns = if put.contains("fixed") { r#"{ name = "xh", value = "seq", width = 4 }"# } else { "" };
        let source = Form { put, columns, ..Form::default() }.source();
        let _ = read_request(&plan(&source).put, &bytes);
    }
}

#[tokio::test]
async fn who_has_only_the_old_form_to_be_asked_by_and_lacks_it_is_unsendable() {
    let form = Form { ask: "variants = [\"id15\"]", ..Form::default() };
    let source = form.source();
    let machine = Machine::new("dir").await;
    let (context, _) = context(&machine, "");
    let young = ("990000200501010019", "小五");
    assert!(key(1, young).id.unwrap().old_form().is_none());
    let subjects = [subject(&source, 1, young), subject(&source, 2, LI)];
    let submission = source.prepare(&context, &subjects, None).unwrap();
    assert_eq!(submission.refused[0].detail, "key_missing");
    assert_eq!(submission.sent.len(), 1);
    assert_eq!(subjects[0].authorised.person(), PersonKey(1));
}
