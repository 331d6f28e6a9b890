//! Transports against real servers on loopback, a real database and real workbooks.

use std::sync::atomic::Ordering;

use hedui_base::{Outcome, SourceText};
use hedui_connect::manifest::Transport;
use hedui_connect::sign::{self, Signed};
use hedui_connect::{AskPeriod, Cause, Context, Exchange, RawReply, Site, Source, Subject, Tried, parse, try_source};
use rust_xlsxwriter::Workbook;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::{LI, ZHANG, edited, header, serve, source, subject};

fn context(institution: &str, endpoint: &str) -> Context {
    let secrets = "gw_app = \"demo\"\ngw_key = \"k\"\napi_key = \"open sesame\"\n";
    let text = format!("[{institution}]\nendpoint = \"{endpoint}\"\n[{institution}.secrets]\n{secrets}");
    let site = Site::parse(&SourceText::new("site.toml", text)).unwrap();
    let now = "2026-06-30T02:00:00Z".parse().unwrap();
    Context::new(site).unwrap().with_clock(move || now)
}

fn replied(exchange: Exchange) -> RawReply {
    match exchange {
        Exchange::Replied(raw) => raw,
        other => panic!("{other:?}"),
    }
}

fn failed(exchange: Exchange) -> hedui_connect::Failure {
    match exchange {
        Exchange::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn outcomes(source: &Source, subjects: &[Subject], raw: &RawReply) -> Vec<Outcome> {
    let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
    parse(source, &keys, raw).answers.iter().map(|a| a.outcome).collect()
}

const NOBODY: &str =
    r#"{"code":"0","data":{"sjsd":"20260630","list":[{"sfzh":"990000197001010018","xm":"张三","zt":"0"}]}}"#;

#[tokio::test]
async fn a_request_is_signed_so_that_the_server_can_verify_it() {
    let police = source("police.hukou");
    let Transport::Http(plan) = police.manifest.transport.clone() else { panic!() };
    let (endpoint, _) = serve(move |_, head, body| {
        let signer = plan.signer.as_ref().unwrap();
        let of = |name: &str| header(head, name).unwrap_or_default();
        let signed = Signed {
            method: "POST",
            path: "/gateway/rk/jbxx/v2",
            app: of("x-app"),
            ts: of("x-ts"),
            nonce: of("x-nonce"),
            body: body.as_bytes(),
        };
        let good = sign::verify(signer, b"k", &signed, of("x-sign")) && of("x-app") == "demo";
        assert!(!head.contains("19700101"), "nothing personal in the head");
        assert!(body.contains("990000197001010018") && body.contains("张三"));
        if good { (200, NOBODY.to_owned()) } else { (200, r#"{"code":"1401"}"#.to_owned()) }
    })
    .await;
    let subjects = [subject(&police, 1, ZHANG)];
    let raw = replied(police.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!(outcomes(&police, &subjects, &raw), [Outcome::NoRecord]);
    let restored = RawReply::from_bytes(&raw.to_bytes()).unwrap();
    assert_eq!(outcomes(&police, &subjects, &restored), [Outcome::NoRecord], "a stored reply parses alike");
    match try_source(&police, &context("police", &endpoint), &subjects[0]).await {
        Tried::Answered(parsed) => assert_eq!(parsed.answers[0].outcome, Outcome::NoRecord),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_the_manifest_lists_is_tried_again_and_nothing_else() {
    let police = edited("police.hukou", "base = \"200ms\"", "base = \"1ms\"");
    let (endpoint, count) = serve(|number, _, _| match number {
        1 => (503, "busy".into()),
        2 => (429, String::new()),
        3 => (200, r#"{"code":"1429"}"#.into()),
        _ => (200, NOBODY.into()),
    })
    .await;
    let subjects = [subject(&police, 1, ZHANG)];
    let raw = replied(police.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!((count.load(Ordering::SeqCst), outcomes(&police, &subjects, &raw)[0]), (4, Outcome::NoRecord));

    let (endpoint, count) = serve(|_, _, _| (404, "no such page".into())).await;
    let failure = failed(police.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!((failure.outcome, failure.cause, failure.retry), (Outcome::Failed, Cause::Status(404), false));
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let (endpoint, count) = serve(|_, _, _| (500, "broken".into())).await;
    let failure = failed(police.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!((failure.outcome, failure.cause, failure.retry), (Outcome::Failed, Cause::Status(500), true));
    assert_eq!(count.load(Ordering::SeqCst), 5, "one and four further tries");
}

#[tokio::test]
async fn no_server_a_slow_one_or_a_redirect_is_a_failure() {
    let police = edited("police.hukou", "times = 4", "times = 0");
    let subjects = [subject(&police, 1, ZHANG)];
    let failure = failed(police.ask(&context("police", "http://127.0.0.1:1"), &subjects, None).await);
    assert_eq!((failure.cause, failure.outcome), (Cause::Connect, Outcome::Failed));
    let failure = failed(police.ask(&context("tax", "http://127.0.0.1:1"), &subjects, None).await);
    assert_eq!(failure.cause, Cause::NoEndpoint);

    let slow = edited(
        "vehicle.registry",
        "timeout = \"20s\"\nretry = { on = [\"timeout\", ",
        "timeout = \"100ms\"\nretry = { on = [",
    );
    let (endpoint, _) = serve(|_, _, _| (0, String::new())).await;
    let subjects = [subject(&slow, 1, ZHANG)];
    let failure = failed(slow.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!((failure.cause, failure.retry), (Cause::Timeout, true));

    let (endpoint, count) = serve(|_, _, _| (302, String::new())).await;
    let failure = failed(slow.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!((failure.cause, count.load(Ordering::SeqCst)), (Cause::Status(302), 1));
}

#[tokio::test]
async fn a_letter_for_another_source_asks_nothing() {
    let (police, vehicle) = (source("police.hukou"), source("vehicle.registry"));
    let (endpoint, count) = serve(|_, _, _| (200, NOBODY.into())).await;
    let subjects = [subject(&vehicle, 1, ZHANG)];
    let failure = failed(police.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!((failure.outcome, count.load(Ordering::SeqCst)), (Outcome::NotAuthorised, 0));
}

#[tokio::test]
async fn who_has_no_number_is_unsendable_and_the_others_are_asked() {
    let police = source("police.hukou");
    let (endpoint, count) = serve(|_, _, body| {
        assert!(!body.contains("李四"));
        (200, NOBODY.into())
    })
    .await;
    let mut subjects = [subject(&police, 1, ZHANG), subject(&police, 2, LI)];
    subjects[1].id = None;
    let raw = replied(police.ask(&context("police", &endpoint), &subjects, None).await);
    assert_eq!(outcomes(&police, &subjects, &raw), [Outcome::NoRecord, Outcome::Unsendable]);
    let raw = replied(police.ask(&context("police", &endpoint), &subjects[1..], None).await);
    assert_eq!(outcomes(&police, &subjects[1..], &raw), [Outcome::Unsendable]);
    assert_eq!(count.load(Ordering::SeqCst), 1, "nobody left to ask about");
}

fn tax_page(page: usize, total: usize, rows: usize) -> String {
    let row = |n: usize| {
        format!(
            "<row><sfzh>{}</sfzh><xm>{}</xm><skssq>2026{:02}</skssq><sdxm>0101</sdxm><kjywrmc>厂{page}</kjywrmc><srje>{n}.00</srje><ynse>0</ynse><zxkc>0</zxkc><kjywrsbh/><ynssde>0</ynssde><zxfjkc/></row>",
            ZHANG.0,
            ZHANG.1,
            n % 12 + 1
        )
    };
    let rows: String = (0..rows).map(row).collect();
    format!(
        "<e:Envelope xmlns:e=\"u\"><e:Body><queryIncomeResponse><code>00</code><total>{total}</total><pageNo>{page}</pageNo><sjsd>20260615</sjsd><rows>{rows}</rows></queryIncomeResponse></e:Body></e:Envelope>"
    )
}

#[tokio::test]
async fn pages_are_read_to_the_total_and_a_lost_page_is_noticed() {
    let tax = source("tax.income");
    let period = tax.period("2026-06-30".parse().unwrap());
    let subjects = [subject(&tax, 1, ZHANG)];
    let (endpoint, count) = serve(|number, head, body| {
        assert_eq!(header(head, "soapaction"), Some("\"queryIncome\""));
        assert!(
            body.contains(&format!("<q:pageNo>{number}</q:pageNo>")) && body.contains("<q:skssqq>202506</q:skssqq>")
        );
        (200, tax_page(number, 13, if number == 1 { 10 } else { 3 }))
    })
    .await;
    let raw = replied(tax.ask(&context("tax", &endpoint), &subjects, period).await);
    assert_eq!((count.load(Ordering::SeqCst), raw.parts.len()), (2, 2));
    let keys = [subjects[0].key()];
    let parsed = parse(&tax, &keys, &raw);
    assert_eq!((parsed.answers[0].outcome, parsed.answers[0].records.len()), (Outcome::Found, 13));

    let (endpoint, _) = serve(|number, _, _| (200, tax_page(number, 13, if number == 1 { 10 } else { 0 }))).await;
    let raw = replied(tax.ask(&context("tax", &endpoint), &subjects, period).await);
    assert_eq!(outcomes(&tax, &subjects, &raw), [Outcome::Failed]);

    let fault = "<E><Body><Fault><faultcode>NO_AUTH</faultcode><faultstring/></Fault></Body></E>";
    let (endpoint, count) = serve(move |_, _, _| (500, fault.into())).await;
    let raw = replied(tax.ask(&context("tax", &endpoint), &subjects, period).await);
    assert_eq!(outcomes(&tax, &subjects, &raw), [Outcome::NotAuthorised]);
    assert_eq!(count.load(Ordering::SeqCst), 1, "a fault is an answer and not tried again");
}

#[tokio::test]
async fn a_view_is_read_and_an_unhealthy_one_clears_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("housing.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let columns =
        "cqr_zjhm, cqr_xm, bdcdyh, bdcqzh, gyfe, zl, fwyt, fwxz, jzmj, djsj, hqfs, jyje, qszt, zxsj, dyzt, cfzt, sjsd";
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE TABLE v_hd_fwxx ({columns})")))
        .execute(&mut connection)
        .await
        .unwrap();
    let housing = source("housing.registry");
    let context = context("housing", &format!("sqlite:{}", path.display()));
    let subjects = [subject(&housing, 1, ZHANG), subject(&housing, 2, LI)];
    let raw = replied(housing.ask(&context, &subjects, None).await);
    assert_eq!(outcomes(&housing, &subjects, &raw), [Outcome::Failed, Outcome::Failed], "the view is empty as a whole");

    // The old number, an amount as REAL, an area as INTEGER: all exact.
    let row = "INSERT INTO v_hd_fwxx VALUES ('990000700101001','张三','U1','C1','1','某路','10','0',90,'2019-05-06','1',650000.1,'1',NULL,'0','0','2026-06-30')";
    sqlx::query(row).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let raw = replied(housing.ask(&context, &subjects, None).await);
    let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
    let parsed = parse(&housing, &keys, &raw);
    assert_eq!(parsed.answers.iter().map(|a| a.outcome).collect::<Vec<_>>(), [Outcome::Found, Outcome::NoRecord]);
    let table = &parsed.answers[0].records.table;
    assert_eq!((table.int("price", 0), table.int("area", 0)), (Some(65_000_010), Some(9_000)));

    std::fs::remove_file(&path).unwrap();
    assert_eq!(failed(housing.ask(&context, &subjects, None).await).cause, Cause::Connect);
    assert!(!path.exists(), "a missing register is not created");
}

#[tokio::test]
async fn workbooks_are_read_as_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "2026年5月水费").unwrap();
    for (column, name) in ["户号", "用水地址", "抄表年月", "用水量", "金额"].into_iter().enumerate() {
        sheet.write(2, u16::try_from(column).unwrap(), name).unwrap();
    }
    sheet.write(3, 0, "W1").unwrap();
    sheet.write(3, 1, "镇江市京口区某路1号").unwrap();
    sheet.write(3, 2, "202605").unwrap();
    sheet.write(3, 3, 12.5).unwrap();
    sheet.write(3, 4, 38.75).unwrap();
    sheet.write(4, 0, "合计").unwrap();
    sheet.write(4, 1, "共1户").unwrap();
    sheet.write(4, 4, 38.75).unwrap();
    book.save(folder.path().join("水费_202605.xlsx")).unwrap();
    let water = source("water.use");
    let context = context("water", &format!("dir:{}", folder.path().display()));
    let mut customer = subject(&water, 1, ZHANG);
    customer.account = Some("w1 ".into());
    let mut stranger = subject(&water, 2, LI);
    stranger.account = Some("W9".into());
    let nobody = subject(&water, 3, LI);
    let subjects = [customer, stranger, nobody];
    let may = "2026-05".parse().unwrap();
    let one = Some(AskPeriod { from: may, until: may });
    let raw = replied(water.ask(&context, &subjects, one).await);
    let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
    let parsed = parse(&water, &keys, &raw);
    let found: Vec<_> = parsed.answers.iter().map(|a| a.outcome).collect();
    assert_eq!(found, [Outcome::Found, Outcome::NoRecord, Outcome::Unsendable]);
    let table = &parsed.answers[0].records.table;
    assert_eq!(
        (table.int("fee", 0), table.int("usage", 0), table.int("link_score", 0)),
        (Some(3_875), Some(1_250), Some(10_000))
    );

    let two = Some(AskPeriod { from: "2026-04".parse().unwrap(), until: may });
    let raw = replied(water.ask(&context, &subjects, two).await);
    assert_eq!(outcomes(&water, &subjects, &raw), [Outcome::Partial, Outcome::Failed, Outcome::Unsendable]);
}
