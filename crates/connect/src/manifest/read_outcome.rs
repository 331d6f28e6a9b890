//! Reads `[outcome]` and `[quality]`, and checks that "no record" is proved and never inferred.

use hedui_base::Outcome;

use super::block::Block;
use super::read::Reading;
use super::read_map;
use super::{AskBlock, Link, Manifest, Map, Must, NoneProof, OutcomeBlock, Quality, Rule, Transport, Verdict};
use crate::condition::{Condition, CountCheck};
use crate::convert::Converter;
use crate::parse::link::UNCERTAIN;
use crate::selector::{Format, Selector};

/// A selector under a key, reported if it does not compile.
pub(super) fn selector(block: &Block<'_>, key: &'static str, format: Format) -> Option<Selector> {
    let (text, place) = block.text_at(key)?;
    match Selector::compile(text, format) {
        Ok(selector) => Some(selector),
        Err(error) => {
            let help = match format {
                Format::Json => "a JSON path (RFC 9535), such as $.data.list[*]",
                Format::Xml => "local names joined by /, such as /Envelope/Body/total or row/name",
                Format::Cells => "the name of a column",
            };
            let text = format!("`{text}` is not a path: {error}");
            block.report(place.error("connect::bad_path", text, "does not parse").help(help));
            None
        }
    }
}

const VERDICTS: [(&str, Verdict); 6] = [
    ("ok", Verdict::Ok),
    ("found", Verdict::Found),
    ("no_record", Verdict::NoRecord),
    ("not_authorised", Verdict::NotAuthorised),
    ("throttled", Verdict::Throttled),
    ("failed", Verdict::Failed),
];

fn rules(block: &Block<'_>, key: &'static str, format: Format, allowed: &[&str]) -> Vec<Rule> {
    let words: Vec<(&str, Verdict)> = VERDICTS.into_iter().filter(|(word, _)| allowed.contains(word)).collect();
    let mut rules: Vec<Rule> = Vec::new();
    let mut always = false;
    let mut seen: Vec<String> = Vec::new();
    for inner in block.blocks(key).unwrap_or_default() {
        let (text, place) = inner.need_text("when", "such as $.code == \"0\"");
        let when = Condition::compile(text, format);
        if let Err(error) = &when
            && !text.is_empty()
        {
            inner.report(place.error("connect::bad_condition", error.clone(), "does not parse"));
        }
        let squeezed: String = text.split_whitespace().collect();
        if always || seen.contains(&squeezed) {
            let why =
                if always { "a rule before this one always matches" } else { "a rule before this one says the same" };
            inner.report(place.error("connect::unreachable_rule", why, "never reached"));
        }
        seen.push(squeezed);
        let is = inner.text_at("is").and_then(|(word, place)| inner.pick("verdict here", word, place, &words));
        if inner.node("is").is_none() {
            inner.missing("is", &allowed.join(", "));
        }
        inner.finish(&[]);
        always |= when.as_ref().is_ok_and(Condition::is_always);
        if let (Ok(when), Some(is)) = (when, is) {
            rules.push(Rule { when, is });
        }
    }
    rules
}

/// A list of rules none of which lets an answer through makes every reply a failure.
fn needs(block: &Block<'_>, key: &'static str, rules: &[Rule], verdict: Verdict, word: &str) {
    if rules.is_empty() || rules.iter().any(|rule| rule.is == verdict) {
        return;
    }
    let place = block.node(key).map_or_else(|| block.place().clone(), |node| node.place.clone());
    let text = format!("no rule of `{key}` says {word}: whatever they answer is a failure");
    let help = format!("add {{ when = .., is = \"{word}\" }} with the institution's words");
    block.report(place.error("connect::unreachable_outcome", text, "here").help(help));
}

pub(super) fn read(
    block: Block<'_>,
    transport: &Transport,
    ask: &AskBlock,
    quality: &Quality,
    reading: &Reading<'_>,
) -> Option<OutcomeBlock> {
    let format = transport.format();
    let documents = matches!(transport, Transport::Http(_) | Transport::Soap(_));
    let mut outcome = OutcomeBlock {
        envelope: Vec::new(),
        fault: Vec::new(),
        as_of: None,
        item: None,
        item_key: None,
        item_is: Vec::new(),
        rows: None,
        rows_count: None,
        echo_id: None,
        echo_name: None,
        none: None,
        whole: Vec::new(),
        absent: Outcome::Failed,
    };
    if documents {
        outcome.envelope =
            rules(&block, "envelope", format, &["ok", "no_record", "not_authorised", "throttled", "failed"]);
        needs(&block, "envelope", &outcome.envelope, Verdict::Ok, "ok");
        outcome.as_of = block.block("as_of").and_then(|inner| read_map::field("as_of", inner, format, None, reading));
        outcome.item = selector(&block, "item", format);
        if block.node("item").is_none() {
            block.missing("item", "where the items of a reply stand, such as $.data.list[*]");
        }
        if block.node("envelope").is_none() {
            block.missing(
                "envelope",
                "which replies are answers at all, such as [{ when = '$.code == \"0\"', is = \"ok\" }]",
            );
        }
        outcome.rows = selector(&block, "rows", format);
        outcome.rows_count = selector(&block, "rows_count", format);
        for (text, place) in block.texts("whole").unwrap_or_default() {
            match CountCheck::compile(text, format) {
                Ok(check) => outcome.whole.push(check),
                Err(error) => block.report(place.error("connect::bad_condition", error, "does not parse")),
            }
        }
    }
    if matches!(transport, Transport::Soap(_)) {
        outcome.fault = rules(&block, "fault", format, &["no_record", "not_authorised", "throttled", "failed"]);
    }
    if matches!(transport, Transport::Dci(_)) {
        outcome.rows = selector(&block, "rows", format);
    }
    let dropped = matches!(transport, Transport::Drop(_));
    if documents || dropped || matches!(transport, Transport::Sql(_)) {
        outcome.item_key = selector(&block, "item_key", format);
        let alone = documents && ask.batch == 1;
        let linked = quality.link.is_some();
        if !alone && !linked && block.node("item_key").is_none() {
            block.missing("item_key", "whose item it is, when more than one person is asked about");
        }
    }
    if !dropped && !matches!(transport, Transport::Dci(_)) {
        outcome.item_is = rules(&block, "item_is", format, &["found", "no_record", "not_authorised", "failed"]);
        needs(&block, "item_is", &outcome.item_is, Verdict::Found, "found");
    }
    if (!dropped || outcome.item_key.is_some())
        && let Some(echo) = block.block("echo")
    {
        outcome.echo_id = selector(&echo, "id_number", format);
        outcome.echo_name = selector(&echo, "name", format);
        echo.finish(&[]);
    }
    // A registry's empty `reg_records` with `succ` is its own word for "nobody": nothing to declare.
    outcome.none = if matches!(transport, Transport::Dci(_)) {
        Some(NoneProof::EmptyResult)
    } else {
        none(&block, transport, format)
    };
    if !matches!(transport, Transport::Sql(_) | Transport::Drop(_) | Transport::Dci(_)) {
        outcome.absent = absent(&block, transport, quality, &outcome);
    }
    for (must, echo, word) in
        [(Must::IdEcho, outcome.echo_id.is_some(), "id_number"), (Must::NameEcho, outcome.echo_name.is_some(), "name")]
    {
        if quality.must.contains(&must) && !echo {
            block.report(
                block
                    .place()
                    .error(
                        "connect::no_echo",
                        format!("quality.must compares {word}, but echo does not say where it stands"),
                        "here",
                    )
                    .help(format!("echo = {{ {word} = \"…\" }}")),
            );
        }
    }
    if !outcome.can_clear() {
        block.report(
            block
                .place()
                .warning("connect::cannot_clear", "nothing here proves that there is no record: this source can add, never clear", "here")
                .help("say how the institution says so: an item_is or envelope rule with no_record, `none`, or absent = \"no_record\" with a whole-answer proof"),
        );
    }
    block.finish(&[
        ("fault", "transport soap"),
        ("envelope", "transports http and soap"),
        ("as_of", "transports http and soap (elsewhere map a column to as_of)"),
        ("item", "transports http and soap"),
        ("item_key", "transports http, soap, sql and drop"),
        ("item_is", "transports other than drop and dci"),
        ("none", "transports other than dci"),
        ("rows", "transports http, soap and dci"),
        ("rows_count", "transports http and soap"),
        ("whole", "transports http and soap"),
        ("echo", "transports other than drop, or a drop with item_key"),
        ("absent", "transports http, soap and file_exchange"),
    ]);
    Some(outcome)
}

fn none(block: &Block<'_>, transport: &Transport, format: Format) -> Option<NoneProof> {
    let (text, place) = block.text_at("none")?;
    match (text, transport) {
        ("empty_result", Transport::Sql(plan)) => {
            if plan.health.is_none() {
                block.report(
                    place
                        .error("connect::no_health", "an empty result proves nothing without a health query", "here")
                        .help("health = \"SELECT COUNT(*) FROM …\" and health_min in [transport]"),
                );
            }
            Some(NoneProof::EmptyResult)
        }
        ("period_loaded", Transport::Drop(plan)) => {
            if plan.layout.closing.is_none() {
                block.report(
                    place
                        .error(
                            "connect::no_trailer",
                            "a file without a closing row cannot be known to be whole",
                            "here",
                        )
                        .help("trailer = { find = .., count = .., sum = .. } in [transport]"),
                );
            }
            Some(NoneProof::PeriodLoaded)
        }
        (_, Transport::Http(_) | Transport::Soap(_)) => match Condition::compile(text, format) {
            Ok(condition) if !condition.is_always() => Some(NoneProof::Says(condition)),
            Ok(_) => {
                block.report(place.error("connect::bad_condition", "`*` proves nothing", "here"));
                None
            }
            Err(error) => {
                block.report(place.error("connect::bad_condition", error, "does not parse"));
                None
            }
        },
        _ => {
            let report = place.error("connect::bad_none", format!("`{text}` is no proof with this transport"), "here");
            block
                .report(report.help("sql: empty_result; drop: period_loaded; http and soap: a condition on the reply"));
            None
        }
    }
}

fn absent(block: &Block<'_>, transport: &Transport, quality: &Quality, outcome: &OutcomeBlock) -> Outcome {
    let words = [("failed", Outcome::Failed), ("no_record", Outcome::NoRecord)];
    let absent = block.word("absent", &words).unwrap_or(Outcome::Failed);
    let paged = transport.page().is_some_and(|page| page.check_total);
    let whole = !outcome.whole.is_empty() || paged || quality.must.contains(&Must::TrailerCount);
    if absent == Outcome::NoRecord && !whole {
        let place = block.node("absent").map_or_else(|| block.place().clone(), |n| n.place.clone());
        block.report(
            place
                .error("connect::silence_is_not_an_answer", "absent = \"no_record\" without a proof that the answer is whole", "here")
                .help("add whole = [\"$.count == rows\"], check_total on pages, or must = [\"trailer.count == rows\"]; or absent = \"failed\""),
        );
    }
    absent
}

pub(super) fn quality(block: Block<'_>, transport: &Transport, map: Option<&Map>, reading: &Reading<'_>) -> Quality {
    let fresh_days = block.duration("fresh").map_or_else(
        || {
            if block.node("fresh").is_none() {
                block.missing("fresh", "for how long an answer is used again, such as 30d");
            }
            30
        },
        |d| u32::try_from(d.as_secs() / 86_400).unwrap_or(u32::MAX),
    );
    let mut must = Vec::new();
    for (text, place) in block.texts("must").unwrap_or_default() {
        let words = "id_number == ask.id_number, name ~= ask.name, trailer.count == rows, trailer.sum == sum(COLUMN)";
        let squeezed: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let check = match squeezed.as_str() {
            "id_number == ask.id_number" => Some(Must::IdEcho),
            "name ~= ask.name" => Some(Must::NameEcho),
            "trailer.count == rows" => Some(Must::TrailerCount),
            other => other
                .strip_prefix("trailer.sum == sum(")
                .and_then(|c| c.strip_suffix(')'))
                .map(|c| Must::TrailerSum(c.to_owned())),
        };
        let Some(check) = check else {
            block.report(
                place
                    .error("connect::unknown_check", format!("`{text}` is not a check"), "here")
                    .help(format!("one of {words}")),
            );
            continue;
        };
        if let Must::TrailerSum(column) = &check {
            let is_money =
                |m: &Map| m.fields.iter().any(|f| f.column == *column && matches!(f.converter, Converter::Fen { .. }));
            if map.is_some_and(|m| !is_money(m)) {
                let report =
                    place.error("connect::unknown_column", format!("`{column}` is not a mapped amount"), "here");
                block.report(report.help("sum(..) names a column of [map] that is converted by fen"));
            }
        }
        let has_trailer = match transport {
            Transport::Files(plan) => plan.get.layout.closing.is_some(),
            Transport::Drop(plan) => plan.layout.closing.is_some(),
            _ => false,
        };
        if matches!(check, Must::TrailerCount | Must::TrailerSum(_)) && !has_trailer {
            block.report(
                place
                    .error("connect::no_trailer", "this check needs a trailer, and [transport] declares none", "here")
                    .help("file_exchange: get.trailer; drop: trailer; others have none"),
            );
        }
        if let (Must::TrailerSum(_), Transport::Drop(plan)) = (&check, transport)
            && (plan.layout.months.is_some() || plan.layout.closing_row().is_some_and(|row| row.sum.is_none()))
        {
            block.report(
                place
                    .error("connect::no_trailer", "the closing row says no sum of one column", "here")
                    .help("trailer = { find, count, sum }; where months stand side by side only the count is checked"),
            );
        }
        must.push(check);
    }
    // Rows of a reply file repeat the number of the request's row: they need no other link.
    let link =
        if matches!(transport, Transport::Files(_)) { None } else { link(&block, map, transport.format(), reading) };
    block.finish(&[("link", "transports other than file_exchange")]);
    Quality { fresh_days, must, link }
}

fn link(block: &Block<'_>, map: Option<&Map>, format: Format, reading: &Reading<'_>) -> Option<Link> {
    let inner = block.block("link")?;
    let column = |text: &str, place: &super::tree::Place| {
        if !text.is_empty() && map.is_some_and(|m| !m.fields.iter().any(|f| f.column == text)) {
            inner.report(place.error("connect::unknown_column", format!("`{text}` is not mapped"), "here"));
        }
        text.to_owned()
    };
    let (account, place) = inner.need_text("account", "a mapped column");
    let account = column(account, place);
    let address = inner.text_at("address").map(|(text, place)| column(text, place));
    let name = if address.is_some() { selector(&inner, "name", format) } else { None };
    let names = [("costs", false), ("rules_out", true)];
    let names_must = name.is_some() && inner.word("other_name", &names).unwrap_or(false);
    let min: Option<rust_decimal::Decimal> = if address.is_some() { inner.number("min_score") } else { None };
    if min.is_some_and(|min| min <= rust_decimal::Decimal::new(UNCERTAIN, 4) || min > rust_decimal::Decimal::ONE) {
        inner.report(
            inner
                .place()
                .error("connect::bad_score", "below 0.75 two addresses have nothing to do with each other", "here")
                .help("min_score above 0.75 and up to 1; 0.92 links no home to the flat next door"),
        );
    }
    let score = inner.text_at("score").map(|(text, place)| {
        let dataset = map.and_then(|m| reading.catalogue.get(&m.dataset));
        let spec = dataset.map(|d| d.columns.get(text).map(|c| c.ty));
        if spec.is_some_and(|ty| ty != Some(hedui_base::ColumnType::Decimal(4))) {
            let text = format!("`{text}` is not a decimal(4) column of the dataset");
            inner.report(place.error("connect::unknown_column", text, "here"));
        }
        text.to_owned()
    });
    let link = Link {
        account,
        address,
        name,
        names_must,
        score,
        min_score: min
            .and_then(|d| i64::try_from((d * rust_decimal::Decimal::from(10_000)).trunc().normalize().mantissa()).ok())
            .unwrap_or(9_200),
    };
    inner.finish(&[
        ("name", "a link by address"),
        ("other_name", "a link by name"),
        ("min_score", "a link by address"),
    ]);
    Some(link)
}

impl OutcomeBlock {
    /// Whether the source can prove "no record".
    #[must_use]
    pub fn can_clear(&self) -> bool {
        self.none.is_some()
            || self.absent == Outcome::NoRecord
            || [&self.envelope, &self.fault, &self.item_is].into_iter().flatten().any(|r| r.is == Verdict::NoRecord)
    }
}

impl super::model::Field {
    /// Whether a trimmed text means that there is no value. Never zero: a value that is not there is not known.
    #[must_use]
    pub fn says_null(&self, text: &str) -> bool {
        text.is_empty() || self.null.iter().any(|word| word == text) || self.converter.says_null(text)
    }
}

impl Manifest {
    /// The field that maps a column.
    #[must_use]
    pub fn field(&self, column: &str) -> Option<&super::model::Field> {
        self.map.fields.iter().find(|f| f.column == column)
    }
}
