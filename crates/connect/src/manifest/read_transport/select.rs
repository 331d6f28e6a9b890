//! Checks that a text is one SELECT that only reads, from named views, by functions of a closed list.
//!
//! The database's own rights are the wall; this is the fence before it, so that a slip is found when the manifest is
//! loaded. What the parser and a server could read differently (comments, backslashes, variables) is not let in at all.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, FunctionArguments, GroupByExpr, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, Value, ValueWithSpan, Visit as _, Visitor,
};
use sqlparser::dialect::{Dialect as Grammar, GenericDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::super::block::Block;
use super::super::tree::Place;
use super::super::{Dialect, SqlSlot};

/// Functions that neither write nor wait nor look outside the row.
const FUNCTIONS: [&str; 34] = [
    "ABS",
    "CHAR_LENGTH",
    "COALESCE",
    "CONCAT",
    "COUNT",
    "DATE",
    "DATE_FORMAT",
    "DATE_TRUNC",
    "GREATEST",
    "IFNULL",
    "LAST_DAY",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LOWER",
    "LPAD",
    "LTRIM",
    "MAX",
    "MIN",
    "MONTH",
    "NULLIF",
    "REPLACE",
    "RIGHT",
    "ROUND",
    "RPAD",
    "RTRIM",
    "STRFTIME",
    "STR_TO_DATE",
    "SUBSTR",
    "SUM",
    "TO_CHAR",
    "TO_DATE",
    "UPPER",
    "YEAR",
];

/// What the parser and a server may read differently, or what reaches outside the statement.
const UNSAFE: [(&str, &str); 8] = [
    (";", "one SELECT needs no semicolon"),
    ("--", "comments go into the manifest"),
    ("/*", "comments go into the manifest"),
    ("#", "comments go into the manifest"),
    ("\\", "databases do not agree what a backslash means"),
    ("@", "variables of the server are not read"),
    ("$", "values are bound by the names of slots"),
    ("?", "values are bound by the names of slots"),
];

const HELP: &str = "a view is only read: one SELECT and nothing else";

/// Reports what is wrong with a SELECT; gives the slots it uses.
pub(super) fn check(block: &Block<'_>, text: &str, place: &Place, dialect: Dialect, views: &[String]) -> Vec<SqlSlot> {
    let slots: Vec<SqlSlot> = SqlSlot::split(text).into_iter().filter_map(|(_, slot)| slot).collect();
    let bad = |code, text: String, help: &str| block.report(place.error(code, text, "here").help(help));
    if let Some((found, why)) = UNSAFE.iter().find(|(found, _)| text.contains(found)) {
        bad("connect::bad_sql", format!("`{found}` is not let in"), why);
        return slots;
    }
    let grammar: &dyn Grammar = match dialect {
        Dialect::Generic => &GenericDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::MySql => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
    };
    let statements = match Parser::parse_sql(grammar, &stand_ins(text)) {
        Ok(statements) => statements,
        Err(error) => {
            block.report(place.error("connect::bad_sql", error.to_string(), "does not parse").help(HELP));
            return slots;
        }
    };
    let [Statement::Query(query)] = statements.as_slice() else {
        bad("connect::not_one_select", "this is not one SELECT".into(), HELP);
        return slots;
    };
    let mut looked = Looked::default();
    let _ = query.visit(&mut looked);
    for refused in &looked.refused {
        bad("connect::not_only_reading", format!("{refused} is not let in"), HELP);
    }
    for name in &looked.functions {
        let help = format!("put it into the view; known here: {}", FUNCTIONS.join(", "));
        bad("connect::unknown_function", format!("the function `{name}` is not in the closed list"), &help);
    }
    for name in looked.relations.iter().filter(|name| !views.iter().any(|v| v.eq_ignore_ascii_case(name))) {
        let help = format!("views = [\"{name}\"] if it is meant, and grant the account nothing else");
        bad("connect::view_not_listed", format!("`{name}` is not among `views`"), &help);
    }
    if looked.bound != slots.len() {
        let help = "numbers only as WHERE column IN (:id_number[]), days only where a value stands";
        bad("connect::slot_misplaced", "a slot stands where nothing can be bound".into(), help);
    }
    slots
}

/// Slots as texts that no manifest can write by itself.
fn stand_ins(text: &str) -> String {
    let mut plain = String::new();
    for (piece, slot) in SqlSlot::split(text) {
        plain.push_str(piece);
        if let Some(slot) = slot {
            plain.push_str(stand_in(slot));
        }
    }
    plain
}

const fn stand_in(slot: SqlSlot) -> &'static str {
    match slot {
        SqlSlot::IdNumbers => "'@numbers'",
        SqlSlot::PeriodFrom => "'@from'",
        SqlSlot::PeriodUntil => "'@until'",
    }
}

fn is_stand_in(value: &Value, slot: SqlSlot) -> bool {
    matches!(value, Value::SingleQuotedString(text) if *text == stand_in(slot).trim_matches('\''))
}

/// What was met in a query.
#[derive(Default)]
struct Looked {
    relations: BTreeSet<String>,
    functions: BTreeSet<String>,
    refused: BTreeSet<&'static str>,
    bound: usize,
}

impl Looked {
    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) => {}
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            _ => {
                self.refused.insert("anything but SELECT");
            }
        }
    }
}

impl Visitor for Looked {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let odd = query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        for (found, what) in [
            (query.with.is_some(), "WITH"),
            (!query.locks.is_empty(), "FOR UPDATE or FOR SHARE"),
            (query.limit_clause.is_some() || query.fetch.is_some(), "LIMIT (rows left out look like no record)"),
            (odd, "a clause after the SELECT"),
        ] {
            if found {
                self.refused.insert(what);
            }
        }
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let odd = !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.optimizer_hints.is_empty()
            || select.top.is_some()
            || select.value_table_mode.is_some()
            || matches!(select.distinct, Some(Distinct::On(_)))
            || matches!(select.group_by, GroupByExpr::All(_));
        let all = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        for (found, what) in [
            (select.into.is_some(), "INTO"),
            (odd, "a clause that is not of plain SQL"),
            (select.projection.iter().any(all), "`*` (name the columns that are needed)"),
        ] {
            if found {
                self.refused.insert(what);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        let plain = match table {
            TableFactor::Table { name, args, with_hints, version, json_path, sample, index_hints, .. } => {
                self.relations.insert(name.to_string().replace(['"', '`'], ""));
                args.is_none()
                    && with_hints.is_empty()
                    && version.is_none()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_hints.is_empty()
            }
            TableFactor::Derived { sample, .. } => sample.is_none(),
            TableFactor::NestedJoin { .. } => true,
            _ => false,
        };
        if !plain {
            self.refused.insert("a function or hint in FROM");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let plain = match expr {
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::UnaryOp { .. }
            | Expr::Like { .. }
            | Expr::Cast { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Nested(_)
            | Expr::TypedString(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_) => true,
            Expr::BinaryOp { op, .. } => matches!(
                op,
                BinaryOperator::Plus
                    | BinaryOperator::Minus
                    | BinaryOperator::Multiply
                    | BinaryOperator::Divide
                    | BinaryOperator::StringConcat
                    | BinaryOperator::Gt
                    | BinaryOperator::Lt
                    | BinaryOperator::GtEq
                    | BinaryOperator::LtEq
                    | BinaryOperator::Eq
                    | BinaryOperator::NotEq
                    | BinaryOperator::And
                    | BinaryOperator::Or
            ),
            Expr::InList { list, negated, .. } => {
                if let [Expr::Value(ValueWithSpan { value, .. })] = list.as_slice()
                    && is_stand_in(value, SqlSlot::IdNumbers)
                    && !negated
                {
                    self.bound += 1;
                }
                true
            }
            Expr::Value(ValueWithSpan { value, .. }) => {
                if is_stand_in(value, SqlSlot::PeriodFrom) || is_stand_in(value, SqlSlot::PeriodUntil) {
                    self.bound += 1;
                }
                matches!(value, Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null)
            }
            Expr::Function(function) => {
                let name = function.name.to_string().to_ascii_uppercase();
                let plain = matches!(function.args, FunctionArguments::List(_))
                    && function.over.is_none()
                    && function.within_group.is_empty()
                    && !function.uses_odbc_syntax;
                if FUNCTIONS.contains(&name.as_str()) {
                    plain
                } else {
                    self.functions.insert(name);
                    true
                }
            }
            _ => false,
        };
        if !plain {
            self.refused.insert("an expression that is not of plain SQL");
        }
        ControlFlow::Continue(())
    }
}
