//! What a row comes to, whichever database holds it.

use hedui_base::Outcome::{self, Failed, Found, NoRecord, Partial};
use hedui_connect::{Exchange, Subject, parse};

use super::Which::{self, MariaDb, Postgres, Sqlite};
use super::{TABLES, everywhere, registry};
use crate::support::{LI, ZHANG, subject};

struct Case {
    name: &'static str,
    /// Where it can be written at all.
    at: &'static [Which],
    /// Rows of the table, in its columns' order.
    rows: &'static str,
    outcomes: [Outcome; 2],
    /// `price/area/share/registered/status` of 张三's rows.
    records: &'static [&'static str],
    quarantine: &'static [&'static str],
}

const ALL: &[Which] = &[Sqlite, Postgres, MariaDb];

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case {
        name: "money, areas, days and flags are exact",
        at: ALL,
        rows: "('990000197001010018', '张三', 'U1', 0.5, 89.63, 650000.10, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00'),
               ('990000197001010018', '张三', 'U2', 1, 12, 0, '2001-02-28', FALSE, 21, '2026-06-29 00:00:00')",
        outcomes: [Found, NoRecord],
        records: &["65000010/8963/5000/18022/current", "0/1200/10000/11381/cancelled"],
        quarantine: &[],
    },
    Case {
        name: "a deed under the old number",
        at: ALL,
        rows: "('990000700101001', '张三', 'U1', 1, 50, 1.20, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Found, NoRecord],
        records: &["120/5000/10000/18022/current"],
        quarantine: &[],
    },
    Case {
        name: "null stays null",
        at: ALL,
        rows: "('990000197001010018', '张三', 'U1', NULL, NULL, NULL, NULL, NULL, NULL, '2026-06-30 08:00:00')",
        outcomes: [Found, NoRecord],
        records: &["-/-/-/-/-"],
        quarantine: &[],
    },
    Case {
        name: "a price finer than a fen is refused, the other row counts",
        at: ALL,
        rows: "('990000197001010018', '张三', 'U1', 1, 50, 10.0050, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00'),
               ('990000197001010018', '张三', 'U2', 1, 50, 10.5000, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Partial, NoRecord],
        records: &["1050/5000/10000/18022/current"],
        quarantine: &["bad_money"],
    },
    Case {
        name: "a price that no sum could hold is refused",
        at: ALL,
        rows: "('990000197001010018', '张三', 'U1', 1, 50, 123456789012345678901234567890.50, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["bad_money"],
    },
    Case {
        name: "a price that is not a number",
        at: &[Postgres],
        rows: "('990000197001010018', '张三', 'U1', 1, 50, 'NaN', '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["bad_money"],
    },
    Case {
        name: "a float keeps its shortest decimal, and no more is made of it",
        at: ALL,
        rows: "('990000197001010018', '张三', 'U1', 0.3333, 50, 1, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00'),
               ('990000197001010018', '张三', 'U2', 0.333333, 50, 1, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Partial, NoRecord],
        records: &["100/5000/3333/18022/current"],
        quarantine: &["schema_drift"],
    },
    Case {
        name: "a float that is not a number",
        at: &[Postgres],
        rows: "('990000197001010018', '张三', 'U1', 'NaN', 50, 1, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["schema_drift"],
    },
    Case {
        name: "a day of zeros was written there: it is no null",
        at: &[MariaDb, Sqlite],
        rows: "('990000197001010018', '张三', 'U1', 1, 50, 1, '0000-00-00', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["bad_date"],
    },
    Case {
        name: "a day without end is no day",
        at: &[Postgres],
        rows: "('990000197001010018', '张三', 'U1', 1, 50, 1, 'infinity', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["bad_date"],
    },
    Case {
        name: "a number under another name belongs to nobody we asked about",
        at: ALL,
        rows: "('990000197001010018', '王五', 'U1', 1, 50, 1, '2019-05-06', TRUE, 10, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["identity_mismatch"],
    },
    Case {
        name: "a code that the table lacks",
        at: ALL,
        rows: "('990000197001010018', '张三', 'U1', 1, 50, 1, '2019-05-06', TRUE, 77, '2026-06-30 08:00:00')",
        outcomes: [Failed, NoRecord],
        records: &[],
        quarantine: &["unknown_code"],
    },
    Case {
        name: "a view that was filled yesterday and has others only",
        at: ALL,
        rows: "('990000197001010026', '王五', 'U1', 1, 50, 1, '2019-05-06', TRUE, 10, '2026-06-29 08:00:00')",
        outcomes: [NoRecord, NoRecord],
        records: &[],
        quarantine: &[],
    },
    Case {
        name: "a view that stands still clears nobody",
        at: ALL,
        rows: "('990000197001010026', '王五', 'U1', 1, 50, 1, '2019-05-06', TRUE, 10, '2026-06-20 08:00:00')",
        outcomes: [Failed, Failed],
        records: &[],
        quarantine: &[],
    },
    Case {
        name: "a view filled in days to come clears nobody",
        at: ALL,
        rows: "('990000197001010026', '王五', 'U1', 1, 50, 1, '2019-05-06', TRUE, 10, '2026-07-20 08:00:00')",
        outcomes: [Failed, Failed],
        records: &[],
        quarantine: &[],
    },
    Case { name: "an empty view clears nobody", at: ALL, rows: "", outcomes: [Failed, Failed], records: &[], quarantine: &[] },
];

#[tokio::test]
async fn a_row_means_the_same_in_every_database() {
    let source = registry("", "");
    let subjects = [subject(&source, 1, ZHANG), subject(&source, 2, LI)];
    let keys = subjects.each_ref().map(Subject::key);
    let mut tried = 0;
    for database in everywhere("cases").await {
        database.run(TABLES).await;
        let context = database.context();
        for case in CASES.iter().filter(|case| case.at.contains(&database.which)) {
            let place = format!("{:?}: {}", database.which, case.name);
            database.run("DELETE FROM fwxx").await;
            if !case.rows.is_empty() {
                // SQLite has text where others have an instant, and writes it as it comes.
                let rows = if database.which == Sqlite {
                    case.rows.replace(" 08:", "T08:").replace(" 00:", "T00:")
                } else {
                    case.rows.into()
                };
                let loose = if database.which == MariaDb { "SET sql_mode = '';" } else { "" };
                database.run(&format!("{loose} INSERT INTO fwxx VALUES {rows}")).await;
            }
            let Exchange::Replied(raw) = source.ask(&context, &subjects, None).await else { panic!("{place}") };
            let parsed = parse(&source, &keys, &raw);
            let outcomes: Vec<Outcome> = parsed.answers.iter().map(|a| a.outcome).collect();
            assert_eq!(outcomes, case.outcomes, "{place}: {:?}", parsed.answers[0].detail);
            let mut reasons: Vec<&str> = parsed.quarantine.iter().map(|q| q.reason.code()).collect();
            reasons.sort_unstable();
            assert_eq!(reasons, case.quarantine, "{place}");
            let table = &parsed.answers[0].records.table;
            let int = |column, row| table.int(column, row).map_or_else(|| "-".to_owned(), |n: i64| n.to_string());
            let records: Vec<String> = (0..parsed.answers[0].records.len())
                .map(|row| {
                    let numbers = ["price", "area", "share", "registered"].map(|column| int(column, row));
                    format!("{}/{}", numbers.join("/"), table.text("status", row).unwrap_or("-"))
                })
                .collect();
            assert_eq!(records, case.records, "{place}");
            if case.outcomes[0] == Found {
                assert_eq!(parsed.answers[0].as_of.map(|d| d.month()), Some(6), "{place}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 13, "{tried} cases were tried");
}
