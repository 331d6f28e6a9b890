//! What goes wrong with a database: every time a failure, never "no record".

use hedui_base::Outcome::{self, Failed, Found, NoRecord};
use hedui_connect::{AskPeriod, Cause, Context, Exchange, Failure, Source, Subject, parse};

use super::Which::{self, MariaDb, Postgres, Sqlite};
use super::{TABLES, everywhere, registry};
use crate::support::{LI, ZHANG, subject};

pub(super) const ROW: &str =
    "('990000197001010018', '张三', 'U1', 1, 50, 1.00, '2019-05-06', TRUE, 10, '2026-06-30T08:00:00')";

pub(super) async fn failure(source: &Source, context: &Context) -> Failure {
    match source.ask(context, &[subject(source, 1, ZHANG)], None).await {
        Exchange::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn outcomes(source: &Source, context: &Context, period: Option<AskPeriod>) -> Vec<Outcome> {
    let subjects = [subject(source, 1, ZHANG), subject(source, 2, LI)];
    let Exchange::Replied(raw) = source.ask(context, &subjects, period).await else { panic!("no reply") };
    let keys = subjects.each_ref().map(Subject::key);
    parse(source, &keys, &raw).answers.iter().map(|a| a.outcome).collect()
}

#[tokio::test]
async fn a_wrong_password_a_missing_view_and_no_server_are_told_apart() {
    let source = registry("", "");
    for database in everywhere("accounts").await {
        // Without the view.
        let missing = failure(&source, &database.context()).await;
        assert_eq!((missing.cause, missing.outcome), (Cause::Protocol, Failed), "{:?}", database.which);
        if database.which == Sqlite {
            continue;
        }
        let stranger = failure(&source, &database.context_as("hedui", "guessed")).await;
        assert_eq!((stranger.cause, stranger.retry), (Cause::Login, false), "{:?}", database.which);
        let nowhere = super::Database { endpoint: gone(&database.endpoint), ..database };
        assert_eq!(failure(&source, &nowhere.context()).await.cause, Cause::Connect);
    }
}

/// The same endpoint on port 1, where nobody listens.
fn gone(endpoint: &str) -> String {
    let (before, after) = endpoint.rsplit_once(':').unwrap();
    format!("{before}:1/{}", after.rsplit_once('/').unwrap().1)
}

#[tokio::test]
async fn nothing_is_written_even_by_a_view_that_would() {
    let source = registry("", "");
    for database in everywhere("writing").await {
        let body = match database.which {
            Sqlite => continue, // a view of SQLite cannot write
            Postgres => {
                "CREATE FUNCTION noted() RETURNS INTEGER AS 'INSERT INTO seen VALUES (1); SELECT 10' LANGUAGE SQL"
            }
            MariaDb => {
                "CREATE FUNCTION noted() RETURNS INTEGER NOT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO seen VALUES (1); RETURN 10; END"
            }
        };
        database.run(TABLES).await;
        database.run("CREATE TABLE seen (n INTEGER)").await;
        database.run(&format!("INSERT INTO fwxx VALUES {ROW}")).await;
        database.run(body).await;
        database.run("DROP VIEW v_fwxx").await;
        database
            .run("CREATE VIEW v_fwxx AS SELECT zjhm, xm, dyh, fe, mj, jyje, djsj, zt, noted() AS yt, sjsd FROM fwxx")
            .await;
        let failure = failure(&source, &database.context()).await;
        assert_eq!(failure.cause, Cause::Protocol, "{:?}", database.which);
        // Cannot be done if a row stands there.
        database.run("ALTER TABLE seen ADD CHECK (n > 1)").await;
    }
}

#[tokio::test]
async fn a_slow_view_is_given_up_and_its_statement_stopped() {
    let source = registry("timeout = \"20s\"", "timeout = \"500ms\"");
    for database in everywhere("slow").await {
        let wait = match database.which {
            Sqlite => "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n)",
            Postgres => "(SELECT 10 FROM pg_sleep(60))",
            MariaDb => "SLEEP(60)",
        };
        database.run(TABLES).await;
        database.run(&format!("INSERT INTO fwxx VALUES {ROW}")).await;
        database.run("DROP VIEW v_fwxx").await;
        let view =
            format!("CREATE VIEW v_fwxx AS SELECT zjhm, xm, dyh, fe, mj, jyje, djsj, zt, {wait} AS yt, sjsd FROM fwxx");
        database.run(&view).await;
        let failure = failure(&source, &database.context()).await;
        assert_eq!((failure.cause, failure.outcome), (Cause::Timeout, Failed), "{:?}", database.which);
    }
}

#[tokio::test]
async fn a_connection_lost_between_two_questions_is_replaced() {
    let source = registry("", "");
    for database in everywhere("lost").await {
        database.run(TABLES).await;
        database.run(&format!("INSERT INTO fwxx VALUES {ROW}")).await;
        let context = database.context();
        for _ in 0..2 {
            assert_eq!(outcomes(&source, &context, None).await, [Found, NoRecord], "{:?}", database.which);
            match database.which {
                Sqlite => {}
                Postgres => {
                    let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'hedui' AND datname = 'lost'";
                    database.run(end).await;
                }
                MariaDb => {
                    let end = "BEGIN NOT ATOMIC DECLARE c INT; SELECT MAX(id) INTO c FROM information_schema.processlist WHERE db = 'lost' AND id <> CONNECTION_ID(); KILL CONNECTION c; WHILE EXISTS (SELECT 1 FROM information_schema.processlist WHERE id = c) DO DO SLEEP(0.01); END WHILE; END";
                    database.run(end).await;
                }
            }
        }
        assert_eq!(outcomes(&source, &context, None).await, [Found, NoRecord], "{:?}", database.which);
    }
}

#[tokio::test]
async fn bytes_and_doubled_columns_are_refused() {
    let source = registry("", "");
    let doubled = registry("sjsd FROM v_fwxx WHERE", "sjsd, zjhm AS zjhm FROM v_fwxx WHERE");
    for database in everywhere("odd").await {
        database.run(TABLES).await;
        database.run(&format!("INSERT INTO fwxx VALUES {ROW}")).await;
        assert_eq!(failure(&doubled, &database.context()).await.cause, Cause::Protocol, "{:?}", database.which);
        database.run("DROP VIEW v_fwxx; DROP TABLE fwxx").await;
        database.run(&TABLES.replace("dyh CHAR(8)", "dyh {bytes}")).await;
        database.run(&format!("INSERT INTO fwxx VALUES {}", ROW.replace("'U1'", "{zero_byte}"))).await;
        assert_eq!(failure(&source, &database.context()).await.cause, Cause::Protocol, "{:?}", database.which);
    }
}

#[tokio::test]
async fn months_are_bound_as_days() {
    let source = super::dated_registry();
    assert_eq!(source.manifest.ask.months, Some(2));
    let month = |text: &str| text.parse().unwrap();
    for database in everywhere("months").await {
        database.run(TABLES).await;
        database.run(&format!("INSERT INTO fwxx VALUES {}", ROW.replace("2019-05-06", "2026-05-31"))).await;
        let asked = [("2026-04", "2026-05", Found), ("2026-05", "2026-05", Found), ("2026-03", "2026-04", NoRecord)];
        for (from, until, outcome) in asked {
            let period = AskPeriod { from: month(from), until: month(until) };
            let found = outcomes(&source, &database.context(), Some(period)).await;
            assert_eq!(found, [outcome, NoRecord], "{:?} {from} to {until}", database.which);
        }
        // Without the months the question cannot be asked.
        assert_eq!(failure(&source, &database.context()).await.cause, Cause::Template, "{:?}", database.which);
    }
}

#[tokio::test]
async fn no_error_shows_what_was_bound() {
    // A number column compared with a text: the server's own message would quote the number.
    let source = registry("WHERE zjhm IN", "WHERE yt IN");
    for database in everywhere("quoting").await {
        database.run(TABLES).await;
        database.run(&format!("INSERT INTO fwxx VALUES {ROW}")).await;
        let asked = source.ask(&database.context(), &[subject(&source, 1, ZHANG)], None).await;
        assert!(!format!("{asked:?}").contains(ZHANG.0), "{:?}", database.which);
        if database.which == Which::Postgres {
            assert!(matches!(asked, Exchange::Failed(f) if f.cause == Cause::Protocol));
        }
    }
}
