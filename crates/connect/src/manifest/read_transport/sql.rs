//! Reads what `sql` needs.

use std::time::Duration;

use super::super::block::Block;
use super::super::{AskBlock, Dialect, IdVariant, LoadedPlan, SqlLogin, SqlPlan, SqlSlot};
use super::{given, select};

/// Values bound in one statement, at most: below what SQLite, PostgreSQL and MySQL each allow.
const MAX_BOUND: usize = 30_000;

pub(super) fn sql(block: &Block<'_>, ask: &AskBlock) -> SqlPlan {
    let words = [
        ("generic", Dialect::Generic),
        ("postgresql", Dialect::Postgres),
        ("mysql", Dialect::MySql),
        ("sqlite", Dialect::Sqlite),
    ];
    let dialect = block.word("dialect", &words).unwrap_or_default();
    let views: Vec<String> =
        block.texts("views").unwrap_or_default().into_iter().map(|(text, _)| text.to_owned()).collect();
    if block.node("views").is_none() {
        block.missing("views", "all that may be read, such as views = [\"v_hd_fwxx\"]");
    }
    let (query, place) = block.need_text("query", "one SELECT with :id_number[] where the numbers go");
    if !query.is_empty() {
        let slots = select::check(block, query, place, dialect, &views);
        let numbers = slots.iter().filter(|slot| **slot == SqlSlot::IdNumbers).count();
        if numbers == 0 {
            let report = place.error("connect::no_key_in_query", "the query does not ask for anybody", "here");
            block.report(report.help("write WHERE column IN (:id_number[])"));
        }
        let forms = if ask.variants.contains(&IdVariant::Id15) { 2 } else { 1 };
        if ask.batch.saturating_mul(forms).saturating_mul(numbers) > MAX_BOUND {
            let text = format!("a full batch binds more than {MAX_BOUND} numbers");
            block.report(place.error("connect::batch_too_large", text, "here").help("lower `batch` in [ask]"));
        }
        let dated = slots.iter().any(|slot| *slot != SqlSlot::IdNumbers);
        if dated && ask.months.is_none() {
            let report = place.error("connect::no_period", "the query uses months that are not asked for", "here");
            block.report(report.help("period = { months = 12, end = \"last_closed_month\" } in [ask]"));
        }
        if !dated && ask.months.is_some() {
            let report = place.error("connect::unused_option", "`period` of [ask] does nothing in this query", "here");
            block.report(report.help("compare a date with :period_from and :period_until, or remove `period`"));
        }
    }
    let one_value = |key: &'static str| {
        block.text_at(key).map(|(text, place)| {
            if !select::check(block, text, place, dialect, &views).is_empty() {
                let report = place.error("connect::slot_misplaced", "this speaks about the view, not a person", "here");
                block.report(report.help("ask for one value of the whole view"));
            }
            text.to_owned()
        })
    };
    let (health, loaded) = (one_value("health"), one_value("loaded"));
    let within = block.duration("loaded_within");
    let loaded = match (loaded, within) {
        (Some(query), Some(within)) => Some(LoadedPlan { query, within }),
        (None, None) => None,
        (Some(_), None) => {
            if block.node("loaded_within").is_none() {
                block.missing("loaded_within", "how old the view may be, such as 7d");
            }
            None
        }
        (None, Some(_)) => {
            if block.node("loaded").is_none() {
                block.missing("loaded", "one SELECT of the day when the view was filled last");
            }
            None
        }
    };
    if within.is_some_and(|within| within < Duration::from_secs(86_400))
        && let Some((_, place)) = block.text_at("loaded_within")
    {
        let report = place.error("connect::bad_duration", "a view's age is counted in days", "here");
        block.report(report.help("at least 1d"));
    }
    SqlPlan {
        query: query.to_owned(),
        views,
        login: block.block("login").map(login),
        dialect,
        health,
        health_min: block.number("health_min").unwrap_or(1),
        loaded,
    }
}

fn login(block: Block<'_>) -> SqlLogin {
    let login = SqlLogin {
        user: given(block.need_text("user", "secret:NAME").0),
        password: given(block.need_text("password", "secret:NAME").0),
    };
    block.finish(&[]);
    login
}
