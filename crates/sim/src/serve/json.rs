//! JSON over HTTP: requests read by the manifest's body template, replies built from its outcome and map blocks.

use hedui_base::{Month, Outcome};
use hedui_connect::manifest::{HttpPlan, Verdict};
use hedui_connect::{CountOf, Selector};
use serde_json::{Map, Value as Json, json};

use super::ServeError;
use super::faults::FaultKind;
use super::wire::{WireRow, WireSource, path};

/// How a source's requests are read and its replies written; compiled once.
pub(super) struct JsonForm {
    id_key: String,
    name_key: Option<String>,
    /// Keys of the first and last month with their formats.
    months: Option<((String, String), (String, String))>,
    items: Vec<String>,
    rows: Option<Vec<String>>,
    rows_count: Option<Vec<String>>,
    echo: [Option<Vec<String>>; 2],
    ok: Option<(Vec<String>, String)>,
    refused: Option<(Vec<String>, String)>,
    found: Option<(Vec<String>, String)>,
    no_record: Option<(Vec<String>, String)>,
    whole: Vec<(Vec<String>, CountOf)>,
    as_of: Option<(Vec<String>, String)>,
    /// People without a record are left out instead of answered one by one.
    hits_only: bool,
}

/// What a request asks.
pub(super) struct Question {
    pub(super) people: Vec<(String, String)>,
    months: Option<(i64, i64)>,
}

/// The text between the last `open` before a marker and the marker, such as the key before `{{ s.id_number`.
fn before<'a>(template: &'a str, marker: &str, open: &str, close: &str) -> Option<&'a str> {
    let head = &template[..template.find(marker)?];
    let end = head.rfind(close)?;
    let start = head[..end].rfind(open)? + open.len();
    head.get(start..end)
}

/// The format in `{{ period.from | month("%Y%m")`.
fn format_after<'a>(template: &'a str, marker: &str) -> Option<&'a str> {
    let rest = &template[template.find(marker)?..];
    let rest = &rest[rest.find("month(\"")? + 7..];
    rest.get(..rest.find('"')?)
}

/// A month written in a format.
pub(super) fn month_in(text: &str, format: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::BrokenDownTime::parse(format, text).ok()?;
    Some(Month::new(i32::from(parsed.year()?), i32::from(parsed.month()?))?.index())
}

impl JsonForm {
    pub(super) fn new(wire: &WireSource, plan: &HttpPlan) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let keys = |selector: &Selector| path(source, selector).map(|p| p.to_vec());
        let maybe = |selector: &Option<Selector>| selector.as_ref().map(keys).transpose();
        let said = |says: Option<(&Selector, &str)>| {
            says.map(|(selector, text)| Ok::<_, ServeError>((keys(selector)?, text.to_owned()))).transpose()
        };
        let template = plan.body.as_str();
        let key = |marker: &str| before(template, marker, "\"", "\":").map(str::to_owned);
        let month = |end: &str| {
            let marker = format!("{{{{ period.{end}");
            Some((key(&marker)?, format_after(template, &marker)?.to_owned()))
        };
        let item = outcome.item.as_ref().ok_or_else(|| wire.lack("[outcome] item"))?;
        let whole =
            outcome.whole.iter().map(|check| Ok((keys(&check.at)?, check.of))).collect::<Result<_, ServeError>>()?;
        Ok(Self {
            id_key: key("{{ s.id_number").ok_or_else(|| wire.lack("a key before s.id_number in the body"))?,
            name_key: key("{{ s.name"),
            months: month("from").zip(month("until")),
            items: keys(item)?,
            rows: maybe(&outcome.rows)?,
            rows_count: maybe(&outcome.rows_count)?,
            echo: [maybe(&outcome.echo_id)?, maybe(&outcome.echo_name)?],
            ok: said(WireSource::says(&outcome.envelope, Verdict::Ok))?,
            refused: said(WireSource::says(&outcome.envelope, Verdict::NotAuthorised))?,
            found: said(WireSource::says(&outcome.item_is, Verdict::Found))?,
            no_record: said(WireSource::says(&outcome.item_is, Verdict::NoRecord))?,
            whole,
            as_of: wire.as_of_text().map(|(s, text)| Ok::<_, ServeError>((keys(&s)?, text))).transpose()?,
            hits_only: outcome.absent == Outcome::NoRecord,
        })
    }

    /// Reads a request; none if it is not one this institution understands.
    pub(super) fn read(&self, body: &[u8]) -> Option<Question> {
        let body: Json = serde_json::from_slice(body).ok()?;
        let body = body.as_object()?;
        let list = body.values().find_map(Json::as_array)?;
        let people = list
            .iter()
            .map(|subject| {
                let text = |key: &str| subject.get(key).and_then(Json::as_str).map(str::to_owned);
                Some((text(&self.id_key)?, self.name_key.as_deref().and_then(text).unwrap_or_default()))
            })
            .collect::<Option<Vec<_>>>()?;
        let months = match &self.months {
            None => None,
            Some((from, until)) => {
                let month = |(key, format): &(String, String)| month_in(body.get(key)?.as_str()?, format);
                Some((month(from)?, month(until)?))
            }
        };
        Some(Question { people, months })
    }

    /// The reply to a request that is not authorised.
    pub(super) fn refusal(&self) -> Json {
        let mut reply = Map::new();
        if let Some((path, text)) = &self.refused {
            put(&mut reply, path, json!(text));
        }
        Json::Object(reply)
    }

    /// The reply to a question.
    pub(super) fn reply(&self, wire: &WireSource, question: &Question) -> Json {
        let mut items = Vec::new();
        for (id, name) in &question.people {
            let rows = wire.look_up(id, question.months);
            let echo = wire.echo(id, name);
            if self.rows.is_none() && !rows.is_empty() {
                items.extend(rows.iter().map(|row| self.item(&echo, self.found.as_ref(), Some(row))));
            } else if !rows.is_empty() || !self.hits_only {
                items.push(self.item_with_rows(&echo, &rows));
            }
        }
        let mut reply = Map::new();
        if let Some((path, text)) = &self.ok {
            put(&mut reply, path, json!(text));
        }
        if let Some((path, text)) = &self.as_of {
            put(&mut reply, path, json!(text));
        }
        for (path, of) in &self.whole {
            let count = match of {
                CountOf::Asked => question.people.len(),
                CountOf::Rows => items.len(),
            };
            put(&mut reply, path, json!(count));
        }
        put(&mut reply, &self.items, Json::Array(items));
        Json::Object(reply)
    }

    fn item(&self, echo: &(String, String), says: Option<&(Vec<String>, String)>, row: Option<&WireRow>) -> Json {
        let mut item = Map::new();
        for (path, text) in self.echo.iter().zip([&echo.0, &echo.1]) {
            if let Some(path) = path {
                put(&mut item, path, json!(text));
            }
        }
        if let Some((path, text)) = says {
            put(&mut item, path, json!(text));
        }
        if let Some(row) = row {
            fill(&mut item, row);
        }
        Json::Object(item)
    }

    fn item_with_rows(&self, echo: &(String, String), rows: &[WireRow]) -> Json {
        let says = if rows.is_empty() { self.no_record.as_ref() } else { self.found.as_ref() };
        let mut item = self.item(echo, says, None);
        if let (Json::Object(item), Some(path)) = (&mut item, &self.rows) {
            let list = rows.iter().map(|row| {
                let mut object = Map::new();
                fill(&mut object, row);
                Json::Object(object)
            });
            put(item, path, Json::Array(list.collect()));
            if let Some(path) = &self.rows_count {
                put(item, path, json!(rows.len()));
            }
        }
        item
    }
}

fn fill(object: &mut Map<String, Json>, row: &WireRow) {
    for cell in row.cells.iter().filter(|c| !c.path.is_empty()) {
        let value = match (cell.number, cell.text.parse::<i64>()) {
            (true, Ok(number)) => json!(number),
            _ => json!(cell.text),
        };
        put(object, &cell.path, value);
    }
}

/// Puts a value where a path leads, making objects on the way.
fn put(object: &mut Map<String, Json>, path: &[String], value: Json) {
    match path {
        [] => {}
        [last] => {
            object.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = object.entry(first.clone()).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// A reply's bytes; cut off where that fault is on.
pub(super) fn bytes(wire: &WireSource, reply: String) -> Vec<u8> {
    let mut bytes = reply.into_bytes();
    if wire.has(FaultKind::Truncated) {
        bytes.truncate(bytes.len() * 2 / 3);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_a_body_template() {
        let template = r#"{"ksny":{{ period.from | month("%Y%m") | tojson }},"ry":[{% for s in subjects %}{"aac002":{{ s.id_number | tojson }}}{% endfor %}]}"#;
        assert_eq!(before(template, "{{ s.id_number", "\"", "\":"), Some("aac002"));
        assert_eq!(before(template, "{{ period.from", "\"", "\":"), Some("ksny"));
        assert_eq!(format_after(template, "{{ period.from"), Some("%Y%m"));
        assert_eq!(month_in("202605", "%Y%m"), Month::new(2026, 5).map(Month::index));
    }

    #[test]
    fn paths_make_objects() {
        let mut object = Map::new();
        put(&mut object, &["a".into(), "b".into()], json!(1));
        put(&mut object, &["a".into(), "c".into()], json!(2));
        assert_eq!(Json::Object(object), json!({ "a": { "b": 1, "c": 2 } }));
    }
}
