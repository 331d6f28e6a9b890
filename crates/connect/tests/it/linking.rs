//! Whose account it is: labelled pairs of addresses in `tests/addresses`, names, likeness, and many at once.

use std::path::Path;
use std::sync::Arc;

use hedui_base::{AskId, Outcome, PersonKey, SourceText};
use hedui_connect::{
    AskPeriod, InstitutionFolder, Media, Parsed, Part, RawReply, Registry, Source, SubjectKey, catalogue, parse,
};
use proptest::prelude::*;

/// A drop of CSV files whose rows are linked by account and address.
fn source(link: &str) -> Arc<Source> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/templates");
    let mut folders = Registry::read_dir(&templates).unwrap();
    folders.extend(Registry::embedded_folders().into_iter().filter(|f| f.name.starts_with("_places")));
    let text = format!(
        "extends = \"_drop\"\n[source]\nid = \"test.link\"\n[ask]\nkey = [\"account\", \"address\"]\n[transport]\nformat = \"csv\"\n\
         trailer = {{ find = \"合计\", count = \"地址\" }}\n[quality]\nmust = [\"trailer.count == rows\"]\n\
         link = {{ account = \"account\", address = \"address\", score = \"link_score\"{link} }}\n\
         [[sample]]\ntitle = \"none\"\nsubjects = []\nexpect = []\nsheets = {{}}\n"
    );
    folders.push(InstitutionFolder { name: "test".into(), files: vec![SourceText::new("test/connector.toml", text)] });
    let loaded = Registry::load(&folders, &catalogue(), None);
    let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.registry.get("test.link").cloned().unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

fn subject(number: u32, account: Option<&str>, address: Option<&str>, name: Option<&str>) -> SubjectKey {
    SubjectKey {
        ask: AskId(i64::from(number)),
        person: PersonKey(number),
        id: None,
        name: name.map(str::to_owned),
        account: account.map(str::to_owned),
        address: address.map(str::to_owned),
    }
}

/// One month's file with these rows: account, holder, address.
fn asked<'r>(
    source: &Source,
    subjects: &[SubjectKey],
    rows: impl IntoIterator<Item = (&'r str, &'r str, &'r str)>,
) -> Parsed {
    let mut text = "户号,户名,地址,年月,金额\n".to_owned();
    let mut count = 0;
    for (account, holder, address) in rows {
        text.push_str(&format!("{account},{holder},\"{address}\",202605,1.00\n"));
        count += 1;
    }
    text.push_str(&format!("合计,,共{count}户,,\n"));
    let month = "2026-05".parse().unwrap();
    let raw = RawReply {
        source: source.id.clone(),
        manifest: String::new(),
        received: jiff::Timestamp::UNIX_EPOCH,
        period: Some(AskPeriod { from: month, until: month }),
        sent: Vec::new(),
        refused: Vec::new(),
        parts: vec![Part { name: "2026-05".into(), media: Media::Table, status: None, body: text.into_bytes() }],
    };
    parse(source, subjects, &raw)
}

fn outcome_of(parsed: &Parsed) -> &'static str {
    match (parsed.answers[0].outcome, parsed.answers[0].detail.as_deref()) {
        (Outcome::Found, _) => "same",
        (Outcome::NoRecord, _) => "different",
        (Outcome::Failed, Some("link_uncertain")) => "unsure",
        other => panic!("{other:?}"),
    }
}

#[test]
fn labelled_pairs_are_told_apart_and_no_link_is_false() {
    let source = source("");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/addresses");
    let (mut count, mut same, mut linked, mut wrong) = (0, 0, 0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let file: toml::Table = std::fs::read_to_string(entry.unwrap().path()).unwrap().parse().unwrap();
        for (label, pairs) in &file {
            for pair in pairs.as_array().unwrap() {
                let (a, b) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
                // Which of the two the household gave must make no difference.
                for (wanted, listed) in [(a, b), (b, a)] {
                    let parsed = asked(&source, &[subject(1, None, Some(wanted), None)], [("W1", "", listed)]);
                    let is = outcome_of(&parsed);
                    count += 1;
                    same += usize::from(label == "same");
                    linked += usize::from(label == "same" && is == "same");
                    // A home that is passed over would be cleared; one that is only unsure is looked at.
                    let fine = is == label || (label == "same" && is == "unsure");
                    if !fine {
                        wrong.push(format!("{wanted} / {listed}: {is}, labelled {label}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 120, "{count}");
    assert!(linked * 100 >= same * 90, "{linked} of {same} homes are linked");
}

#[test]
fn the_score_goes_with_the_record_and_the_account_is_sure() {
    let source = source("");
    let subjects = [
        subject(1, Some("w 1"), Some("别处9号"), None),
        subject(2, None, Some("香江花园3幢2单元302室"), None),
        subject(3, Some("W9"), None, None),
    ];
    let parsed = asked(&source, &subjects, [("W1", "", "香江花园3幢301"), ("W2", "", "香江花园3幢302")]);
    let scores: Vec<Option<i64>> = parsed.answers.iter().map(|a| a.records.table.int("link_score", 0)).collect();
    assert_eq!(scores, [Some(10_000), Some(9_600), None]);
    assert_eq!(parsed.answers[2].outcome, Outcome::NoRecord);
}

#[test]
fn two_homes_alike_are_none_and_say_where_to_look() {
    let source = source("");
    let wanted = [subject(1, None, Some("香江花园3幢301室"), None)];
    let parsed = asked(
        &source,
        &wanted,
        [("W1", "", "香江花园3幢1单元301室"), ("W2", "", "香江花园3幢2单元301室"), ("W3", "", "香江花园4幢301室")],
    );
    assert_eq!(outcome_of(&parsed), "unsure");
    assert!(parsed.answers[0].records.is_empty());
    let places: Vec<&str> = parsed.quarantine.iter().map(|q| q.place.as_str()).collect();
    assert_eq!(places, ["2026-05 row 2, 9600 of 10000", "2026-05 row 3, 9600 of 10000"]);
    assert!(!format!("{parsed:?}").contains("香江"), "evidence is a place, not an address");
}

#[test]
fn an_address_that_says_too_little_clears_nobody() {
    let source = source("");
    for text in ["香江花园", "3幢301", "镇江市", ""] {
        let parsed = asked(&source, &[subject(1, None, Some(text), None)], [("W1", "", "别处路9号")]);
        assert_eq!(outcome_of(&parsed), "unsure", "{text}");
    }
}

#[test]
fn a_holder_of_another_name_costs_or_rules_out() {
    let rows = [("W1", "张三", "香江花园3幢2单元301室")];
    let wanted = |name| [subject(1, None, Some("香江花园3幢301室"), Some(name))];
    let costs = source(", name = \"户名\"");
    assert_eq!(outcome_of(&asked(&costs, &wanted("张 三"), rows)), "same");
    assert_eq!(outcome_of(&asked(&costs, &wanted("李四"), rows)), "unsure");
    let out = source(", name = \"户名\", other_name = \"rules_out\"");
    assert_eq!(outcome_of(&asked(&out, &wanted("张三"), rows)), "same");
    assert_eq!(outcome_of(&asked(&out, &wanted("李四"), rows)), "different");
    assert_eq!(outcome_of(&asked(&out, &wanted("张三"), [("W1", "张*", "香江花园3幢301")])), "same");
}

#[test]
fn a_row_without_an_account_could_be_anybodys() {
    let source = source("");
    let parsed = asked(&source, &[subject(1, Some("W9"), None, None)], [("", "", "香江花园3幢301")]);
    assert_eq!(parsed.answers[0].detail.as_deref(), Some("unattributed_rows"));
    assert_eq!(parsed.quarantine[0].place, "2026-05 row 2 column A (户号)");
}

/// An invented address, said more or less fully.
fn address() -> impl Strategy<Value = (String, String)> {
    let optional = |parts: &'static [&'static str]| proptest::sample::select(parts);
    (
        optional(&["", "镇江市", "江苏省镇江市"]),
        optional(&["", "京口区", "润州区"]),
        optional(&["", "中山路12号", "中山路14号", "学府路1号"]),
        optional(&["", "香江花园", "香江小区", "滨江苑"]),
        optional(&["", "1幢", "2栋", "一幢"]),
        optional(&["", "1单元", "2单元"]),
        optional(&["", "101室", "102室", "101"]),
        0u8..8,
    )
        .prop_map(|(city, district, road, estate, building, unit, room, left_out)| {
            let full = format!("{city}{district}{road}{estate}{building}{unit}{room}");
            let keep = |bit: u8, part: &str| if left_out & bit == 0 { part.to_owned() } else { String::new() };
            let short = [
                keep(1, city),
                keep(2, district),
                road.to_owned(),
                estate.to_owned(),
                building.to_owned(),
                keep(4, unit),
                room.to_owned(),
            ];
            (full, short.concat())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The lists that a home is looked up in leave out nobody: many at once come to what each comes to alone.
    #[test]
    fn a_search_among_many_finds_what_one_by_one_finds(listed in proptest::collection::vec(address(), 1..12), (wanted, _) in address()) {
        let source = shared();
        let subject = [subject(1, None, Some(&wanted), None)];
        let texts: Vec<&str> = listed.iter().flat_map(|(full, short)| [full.as_str(), short.as_str()]).filter(|t| !t.is_empty()).collect();
        let alone: Vec<&str> = texts.iter().map(|text| outcome_of(&asked(source, &subject, [("W1", "", *text)]))).collect();
        let names: Vec<String> = (0..texts.len()).map(|n| format!("W{n}")).collect();
        let together = outcome_of(&asked(source, &subject, names.iter().zip(&texts).map(|(n, text)| (n.as_str(), "", *text))));
        let any = |label: &str| alone.contains(&label);
        // Nobody is cleared who alone would not be, and nobody is linked to what alone is nothing.
        prop_assert_eq!(together == "different", !any("same") && !any("unsure"), "{:?}", alone);
        prop_assert!(together != "same" || any("same"));
    }

    #[test]
    fn no_address_makes_the_parser_stumble(a in "\\PC{0,24}|[镇江市区路街号幢栋单元室楼层组村一二三十百0-9A#\\- ]{0,24}", b in "\\PC{0,24}") {
        let parsed = asked(shared(), &[subject(1, None, Some(&a), None)], [("W1", "", b.replace(['"', '\n', '\r'], "").as_str())]);
        prop_assert_eq!(parsed.answers.len(), 1);
    }
}

fn shared() -> &'static Source {
    static SOURCE: std::sync::OnceLock<Arc<Source>> = std::sync::OnceLock::new();
    SOURCE.get_or_init(|| source(""))
}

/// 20,000 households against 200,000 accounts: measured by hand, `--ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
#[allow(clippy::print_stdout, reason = "what it measures is what it says")]
fn many_households_and_many_accounts() {
    let source = source("");
    let word = |n: usize| {
        let one = |n: usize| ["江", "山", "河", "湖", "海", "云", "风", "松", "竹", "梅", "兰", "桂"][n % 12];
        format!("{}{}{}", one(n), one(n / 12), one(n / 144))
    };
    let home = |n: usize| {
        format!(
            "镇江市京口区{}路{}号{}花园{}幢{}单元{}0{}室",
            word(n % 311),
            n % 97 + 1,
            word(n % 457),
            n % 41 + 1,
            n % 3 + 1,
            n % 30 + 1,
            n % 4 + 1
        )
    };
    let accounts: Vec<(String, String)> = (0..200_000).map(|n| (format!("W{n:06}"), home(n))).collect();
    let subjects: Vec<SubjectKey> =
        (0..20_000).map(|n| subject(u32::try_from(n).unwrap(), None, Some(&home(n * 10)), None)).collect();
    for _ in 0..2 {
        let begin = std::time::Instant::now();
        let rows = accounts.iter().map(|(account, address)| (account.as_str(), "", address.as_str()));
        let parsed = asked(&source, &subjects, rows);
        let found = parsed.answers.iter().filter(|a| a.outcome == Outcome::Found).count();
        println!("{found} of {} found in {:?}", subjects.len(), begin.elapsed());
    }
}
