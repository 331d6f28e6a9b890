//! Institutions over their real protocols: first with plain clients, then with the connectors themselves.

use std::sync::Arc;
use std::time::Duration;

use hedui_base::{ColumnType, Month, Outcome};
use hedui_connect::maintenance::closed_until;
use hedui_connect::manifest::{BreakerPlan, Transport};
use hedui_connect::{Registry, Site, Source};
use hedui_sim::{City, Person, Row, ServeOptions, Which, serve_with};

use jiff::civil::Date;

use crate::ask::{asked, city, served, source, subjects};

/// How many rows of the window a source should send about a person.
fn due(source: &Source, person: &Person, city: &City) -> usize {
    let window = source.period(city.as_of);
    let asked = |month: Month| window.is_none_or(|w| month >= w.from && month <= w.until);
    let records = &person.records;
    match source.dataset.name.as_str() {
        "hukou" => usize::from(records.hukou.is_some()),
        "vehicle" => records.vehicles.len(),
        "employment_income" => records.incomes.iter().filter(|r| asked(r.month)).count(),
        "social_insurance" => records.insurance.iter().filter(|r| asked(r.month)).count(),
        "pension_income" => records.pensions.len(),
        "housing" => records.homes.len(),
        "business" => records.businesses.len(),
        "security" => records.securities.len(),
        "insurance" => records.policies.len(),
        "wallet" => records.wallets.len(),
        "deposit" => records.deposits.iter().filter(|d| d.bank == source.institution).count(),
        other => {
            let here = |row: &&Row| row.get("_institution").is_none_or(|i| *i == *source.institution);
            let month = source.dataset.columns.iter().find(|(_, spec)| spec.ty == ColumnType::Month);
            let of = |row: &Row| row.get(month?.0)?.as_str()?.parse().ok();
            let rows = records.more.get(other).into_iter().flatten().filter(here);
            rows.filter(|row| of(row).is_none_or(asked) && listed(source, row, city)).count()
        }
    }
}

/// Whether a list of a quarter or year that is over can hold a row: what was given since is on none.
fn listed(source: &Source, row: &Row, city: &City) -> bool {
    let Transport::Drop(plan) = &source.manifest.transport else { return true };
    let last = source.period(city.as_of).and_then(|period| plan.every.slots(period).pop());
    let end = last.map(|slot| slot.until.first_day().last_of_month());
    let mut days = source.dataset.key.iter().filter_map(|c| row.get(c)?.as_str()?.parse::<Date>().ok());
    days.all(|day| end.is_none_or(|end| day <= end))
}

#[tokio::test]
async fn invented_institutions_answer_at_any_hour_and_as_many_as_there_are() {
    let (city, dir) = (city(2), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &[], "").await;
    servers.stop().await;
    let night = "2026-06-30T18:30:00Z".parse().unwrap();
    let closed = |registry: &Registry| -> usize {
        let bars = |s: &&Arc<Source>| closed_until(&s.manifest.limits.maintenance, night).is_some();
        registry.iter().filter(bars).count()
    };
    let bounded = |registry: &Registry| registry.iter().filter(|s| s.manifest.limits.daily.is_some()).count();
    let shipped = Registry::embedded(&hedui_connect::catalogue(), None).registry;
    assert!(closed(&shipped) >= 31 + 4 && bounded(&shipped) >= 31, "half past two in China, when every bank is closed");
    let here = shipped.under(&site);
    assert_eq!((closed(&here), bounded(&here)), (0, 0));
    let breakers = here.iter().map(|s| s.manifest.limits.breaker);
    assert!(breakers.into_iter().all(|breaker| breaker == BreakerPlan::default()), "and as soon as they are up again");
}

#[tokio::test]
async fn every_source_answers_exactly_what_its_register_holds() {
    let (city, dir) = (city(120), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &[], "").await;
    let loaded = Registry::embedded(&hedui_connect::catalogue(), Some(&site));
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>());
    // Utilities are asked by account, which has a test of its own.
    for source in loaded.registry.iter().filter(|s| s.dataset.name != "utility_use") {
        let (answers, reasons) = asked(source, &site, &city).await;
        assert_eq!(reasons, Vec::<&str>::new(), "{}", source.id);
        for (subject, person) in subjects(source, &city) {
            let (answer, rows) = (&answers[&subject.ask.0], due(source, person, &city));
            let outcome = if rows > 0 { Outcome::Found } else { Outcome::NoRecord };
            assert_eq!((answer.outcome, answer.records.len()), (outcome, rows), "{} {:?}", source.id, answer.detail);
        }
    }
    servers.stop().await;
}

#[tokio::test]
async fn values_survive_the_journey() {
    let (city, dir) = (city(120), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &["bank_jinshan", "market", "police"], "").await;
    let bank = source("bank.jinshan");
    let (answers, _) = asked(&bank, &site, &city).await;
    let market = source("market.business");
    let (roles, _) = asked(&market, &site, &city).await;
    let (mut balances, mut capital) = (0, 0);
    for (subject, person) in subjects(&bank, &city) {
        let records = &answers[&subject.ask.0].records;
        let sum: i64 = (0..records.len()).filter_map(|row| records.table.int("balance", row)).sum();
        let here = person.records.deposits.iter().filter(|d| d.bank == "bank_jinshan");
        assert_eq!(sum, here.map(|d| d.balance.fen()).sum::<i64>());
        balances += sum;
        let records = &roles[&subject.ask.0].records;
        let sum: i64 = (0..records.len()).filter_map(|row| records.table.int("subscribed", row)).sum();
        assert_eq!(sum, person.records.businesses.iter().map(|b| b.subscribed.fen()).sum::<i64>(), "万元 and back");
        capital += sum;
    }
    assert!(balances > 0 && capital > 0);
    servers.stop().await;
}

#[tokio::test]
async fn water_is_found_by_account_and_whole_months_clear() {
    let (city, dir) = (city(60), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &["water"], "").await;
    let water = source("water.use");
    let (answers, reasons) = asked(&water, &site, &city).await;
    assert!(reasons.is_empty());
    let mut first = 0;
    for household in &city.households {
        if household.utility("water").is_some() {
            assert_eq!((answers[&first].outcome, answers[&first].records.len()), (Outcome::Found, 12));
        }
        first += household.members.len() as i64;
    }
    servers.stop().await;
    assert!(
        std::fs::read_dir(dir.path().join("drops/water")).unwrap().next().is_none(),
        "nothing is left to look into"
    );
}

#[tokio::test]
async fn every_utility_finds_a_household_by_its_number_or_its_address() {
    let (city, dir) = (city(80), tempfile::tempdir().unwrap());
    let utilities = ["water", "power", "gas", "telecom", "cable"];
    let (servers, site) = served(&city, dir.path(), &utilities, "").await;
    let (mut by_number, mut by_address) = (0, 0);
    for utility in utilities {
        let source = source(&format!("{utility}.use"));
        let (answers, reasons) = asked(&source, &site, &city).await;
        assert_eq!(reasons, Vec::<&str>::new(), "{utility}");
        let mut first = 0;
        for household in &city.households {
            if let Some(account) = household.utility(utility) {
                let answer = &answers[&first];
                assert_eq!(answer.outcome, Outcome::Found, "{utility} of {}", household.case);
                let table = &answer.records.table;
                assert!((0..answer.records.len()).all(|row| table.text("account", row) == Some(&account.account)));
                *if account.number_known { &mut by_number } else { &mut by_address } += 1;
            }
            first += household.members.len() as i64;
        }
    }
    assert!(by_number > 100 && by_address > 10, "{by_number} by number, {by_address} by address");
    servers.stop().await;
}

#[tokio::test]
async fn an_unsigned_or_too_large_question_is_refused() {
    let (city, dir) = (city(5), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &["police"], "").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |institution: &str, path: &str| format!("{}{path}", site.institutions[institution].endpoint);
    let reply = client.post(at("police", "/gateway/rk/jbxx/v2")).body(r#"{"list":[]}"#).send().await.unwrap();
    assert_eq!(reply.status(), 401);
    assert_eq!(reply.json::<serde_json::Value>().await.unwrap()["code"], "1401");
    let secret = site.institutions["police"].secrets["api_key"].reveal();
    let list: Vec<_> = (0..51).map(|i| serde_json::json!({ "sfzmhm": i.to_string(), "syr": "甲" })).collect();
    let ask = |key: &str, list: &[serde_json::Value]| {
        let body = serde_json::json!({ "qqbh": "1", "rylb": list }).to_string();
        client.post(at("police", "/jdc/api/v1/owner")).header("x-api-key", key).body(body).send()
    };
    assert_eq!(ask("wrong", &list[..1]).await.unwrap().status(), 401);
    assert_eq!(ask(secret, &list).await.unwrap().status(), 413);
    let reply: serde_json::Value = ask(secret, &list[..1]).await.unwrap().json().await.unwrap();
    assert_eq!(reply["result"][0]["sl"], 0, "the register says in so many words that there is nothing: {reply}");
    servers.stop().await;
}

#[tokio::test]
async fn a_stopped_institution_is_unreachable_and_comes_back_with_its_secrets() {
    let (city, dir) = (city(5), tempfile::tempdir().unwrap());
    let (mut servers, site) = served(&city, dir.path(), &["bank_beigu", "market"], "").await;
    assert!(servers.stop_one("bank_beigu").await && !servers.stop_one("bank_beigu").await);
    let endpoint = |site: &Site| site.institutions["bank_beigu"].endpoint.clone();
    let address = endpoint(&site).replace("sftp://", "");
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    let (again, later) = served(&city, dir.path(), &["bank_beigu"], "").await;
    assert_eq!(later.institutions["bank_beigu"].host_key, site.institutions["bank_beigu"].host_key);
    assert_eq!(later.institutions["bank_beigu"].secrets, site.institutions["bank_beigu"].secrets);
    assert_eq!(later.institutions["market"].endpoint, site.institutions["market"].endpoint, "others keep their block");
    assert!(tokio::net::TcpStream::connect(endpoint(&later).replace("sftp://", "")).await.is_ok());
    servers.stop().await;
    again.stop().await;
    let unknown = ServeOptions { which: Which::Only(["bank_icbc".to_owned()].into()), ..ServeOptions::default() };
    assert!(serve_with(&city, dir.path(), &unknown).await.is_err());
}

#[tokio::test]
async fn a_bank_shows_its_folders_and_nothing_above_them() {
    use russh_sftp::client::SftpSession;

    struct Trust;
    impl russh::client::Handler for Trust {
        type Error = russh::Error;
        async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, Self::Error> {
            Ok(true)
        }
    }
    let (city, dir) = (city(5), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &["bank_jinshan"], "").await;
    let bank = &site.institutions["bank_jinshan"];
    let address = bank.endpoint.replace("sftp://", "");
    let connect = || russh::client::connect(Arc::default(), address.clone(), Trust);
    let (user, password) = (bank.secrets["sftp_user"].reveal(), bank.secrets["sftp_password"].reveal());
    let mut stranger = connect().await.unwrap();
    assert!(!stranger.authenticate_password(user, "guess").await.unwrap().success());
    let mut session = connect().await.unwrap();
    assert!(session.authenticate_password(user, password).await.unwrap().success());
    let channel = session.channel_open_session().await.unwrap();
    channel.request_subsystem(true, "sftp").await.unwrap();
    let sftp = SftpSession::new(channel.into_stream()).await.unwrap();
    let names: Vec<_> = sftp.read_dir("/").await.unwrap().map(|e| e.file_name()).collect();
    assert_eq!(names.iter().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), ["in", "out"].into());
    std::fs::write(dir.path().join("secret.txt"), "x").unwrap();
    assert!(sftp.read("/../secret.txt").await.is_err());
    assert!(sftp.read("/in/../../secret.txt").await.is_err());
    servers.stop().await;
}

/// What a fault must lead to: never a clear answer about the person it hits, never a lie about another.
#[tokio::test]
async fn faults_never_clear_anybody() {
    let city = city(120);
    for (id, fault, reason) in [
        ("bank.jinshan", "truncated", Some("trailer_mismatch")),
        ("bank.jinshan", "wrong_person", Some("identity_mismatch")),
        ("bank.jinshan", "bad_amount", Some("bad_money")),
        ("bank.jinshan", "bad_id", Some("id_precision_lost")),
        ("police.hukou", "truncated", Some("schema_drift")),
        ("police.hukou", "wrong_person", Some("unrequested_subject")),
        ("police.hukou", "bad_id", Some("id_precision_lost")),
        ("hrss.insurance", "wrong_person", Some("unrequested_subject")),
        ("hrss.pension", "bad_amount", Some("bad_money")),
        ("tax.income", "wrong_person", None),
        ("tax.income", "bad_amount", Some("bad_money")),
        ("housing.registry", "truncated", None),
        ("market.business", "down", None),
        ("bank.beigu", "down", None),
        ("housing.registry", "down", None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let source = source(id);
        let (servers, site) = served(&city, dir.path(), &[&source.institution], &format!("{fault}={id}")).await;
        let (answers, reasons) = asked(&source, &site, &city).await;
        let mut unanswered = 0;
        for (subject, person) in subjects(&source, &city) {
            let (answer, rows) = (&answers[&subject.ask.0], due(&source, person, &city));
            match answer.outcome {
                Outcome::NoRecord => assert_eq!(rows, 0, "{id} {fault}: cleared although there are rows"),
                Outcome::Found => assert_eq!(answer.records.len(), rows, "{id} {fault}"),
                outcome => {
                    assert!(outcome.is_unknown());
                    unanswered += 1;
                }
            }
        }
        assert!(unanswered > 0, "{id} {fault}: nobody was hit");
        if let Some(reason) = reason {
            assert!(reasons.contains(&reason), "{id} {fault}: {reasons:?}");
        }
        servers.stop().await;
    }
}

#[tokio::test]
async fn a_slow_institution_answers_in_the_end() {
    let (city, dir) = (city(5), tempfile::tempdir().unwrap());
    let (servers, site) = served(&city, dir.path(), &["market"], "slow=market:300").await;
    let begun = std::time::Instant::now();
    let (answers, _) = asked(&source("market.business"), &site, &city).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(answers.values().all(|a| a.outcome.is_answer()));
    servers.stop().await;
}
