//! Reads what `sql` needs.

use sqlparser::ast::Statement;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use super::super::SqlPlan;
use super::super::block::Block;
use super::super::tree::Place;

pub(super) fn sql(block: &Block<'_>) -> SqlPlan {
    let _ = block.word("driver", &[("sqlite", ())]);
    let (query, place) = block.need_text("query", "one SELECT with :id_number[] where the numbers go");
    if !query.is_empty() {
        if !query.contains(":id_number[]") {
            let report = place.error("connect::no_key_in_query", "the query does not ask for anybody", "here");
            block.report(report.help("write WHERE column IN (:id_number[])"));
        }
        one_select(block, query, place);
    }
    let health = block.text_at("health").map(|(text, place)| {
        one_select(block, text, place);
        text.to_owned()
    });
    SqlPlan { query: query.to_owned(), health, health_min: block.number("health_min").unwrap_or(1) }
}

fn one_select(block: &Block<'_>, text: &str, place: &Place) {
    let plain = text.replace(":id_number[]", "?");
    let help = "a view is only read: one SELECT and nothing else";
    match Parser::parse_sql(&SQLiteDialect {}, &plain) {
        Ok(statements) if matches!(statements.as_slice(), [Statement::Query(_)]) => {}
        Ok(_) => block.report(place.error("connect::not_one_select", "this is not one SELECT", "here").help(help)),
        Err(error) => block.report(place.error("connect::bad_sql", error.to_string(), "does not parse").help(help)),
    }
}
