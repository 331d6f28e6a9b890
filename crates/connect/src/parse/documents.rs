//! Replies in JSON and XML, in pages of items, and rows of a view.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hedui_base::Outcome;
use jiff::civil::Date;
use serde_json::Value;

use super::answers::Answers;
use super::grid::Header;
use super::view::Scalar;
use super::xml::{self, Element};
use super::{Reason, View, linked, row};
use crate::condition::CountOf;
use crate::convert::Cell;
use crate::manifest::{NoneProof, PageStyle, Rule, SqlPlan, Verdict};
use crate::registry::Source;
use crate::reply::{Media, Part, RawReply};
use crate::selector::{Kind, Selector};

/// One parsed page.
enum Document {
    Json(Value),
    Xml(Element),
}

impl Document {
    fn read(media: Media, body: &[u8]) -> Result<Self, Reason> {
        let text = media.decode(body).ok_or(Reason::Encoding)?;
        match media {
            Media::Json | Media::JsonGb18030 | Media::Rows => {
                serde_json::from_str(&text).map(Self::Json).map_err(|_| Reason::SchemaDrift)
            }
            Media::Xml | Media::XmlGb18030 => xml::parse(&text).map(Self::Xml).map_err(|_| Reason::SchemaDrift),
            Media::Csv | Media::Xlsx | Media::Table | Media::Grid | Media::Damaged => Err(Reason::SchemaDrift),
        }
    }

    const fn view(&self) -> View<'_> {
        match self {
            Self::Json(value) => View::Json(value),
            Self::Xml(element) => View::Xml(element),
        }
    }

    /// A SOAP fault's code and text.
    fn fault(&self) -> Option<(String, String)> {
        let Self::Xml(root) = self else { return None };
        let fault = root.walk(&["Body".to_owned(), "Fault".to_owned()]);
        let fault = fault.first()?;
        let text = |name: &str| fault.walk(&[name.to_owned()]).first().map(|e| e.text.clone()).unwrap_or_default();
        Some((text("faultcode"), text("faultstring")))
    }
}

fn first_match(rules: &[Rule], read: impl Fn(&Selector) -> Option<String>) -> Option<Verdict> {
    rules.iter().find(|rule| rule.when.holds(&read)).map(|rule| rule.is)
}

/// What the reply as a whole is: `None` is unclassified.
fn envelope(source: &Source, document: &Document, status: Option<u16>) -> Option<Verdict> {
    let outcome = &source.manifest.outcome;
    if let Some((code, text)) = document.fault() {
        return first_match(&outcome.fault, |selector| match selector.kind {
            Kind::FaultCode => Some(code.clone()),
            Kind::FaultString => Some(text.clone()),
            Kind::Status => status.map(|s| s.to_string()),
            _ => document.view().text(selector),
        });
    }
    first_match(&outcome.envelope, |selector| match selector.kind {
        Kind::Status => status.map(|s| s.to_string()),
        _ => document.view().text(selector),
    })
}

pub(super) fn classify(source: &Source, media: Media, status: u16, body: &[u8]) -> Option<Verdict> {
    envelope(source, &Document::read(media, body).ok()?, Some(status))
}

/// What one page says about the others.
pub(crate) struct PageState {
    /// Items on it.
    pub(crate) items: usize,
    /// A digest of these items.
    pub(crate) digest: u64,
    /// Items in all, as announced.
    pub(crate) total: Option<usize>,
    /// What names the next page; none on the last.
    pub(crate) cursor: Option<String>,
}

/// The state of paging after a page; none if the page is no answer, or the source has no pages.
pub(crate) fn page_state(source: &Source, media: Media, body: &[u8]) -> Option<PageState> {
    let plan = source.manifest.transport.page()?;
    let document = Document::read(media, body).ok()?;
    if !matches!(envelope(source, &document, None), Some(Verdict::Ok | Verdict::Found)) {
        return None;
    }
    let items = document.view().select(source.manifest.outcome.item.as_ref()?);
    let mut hasher = DefaultHasher::new();
    for item in &items {
        item.hash(&mut hasher);
    }
    let cursor = match &plan.style {
        PageStyle::Cursor(at) => document.view().text(at).filter(|text| !text.is_empty()),
        PageStyle::Number | PageStyle::Offset => None,
    };
    let total = plan.total.as_ref().and_then(|at| count(document.view(), at));
    Some(PageState { items: items.len(), digest: hasher.finish(), total, cursor })
}

/// A whole number at a selector.
fn count(view: View<'_>, at: &Selector) -> Option<usize> {
    view.text(at)?.trim().parse().ok()
}

/// A page with the part it came in.
type Page<'r> = (&'r Part, Document);

/// Reads a reply of one or more pages, in one or more windows of the period.
pub(super) fn read(answers: &mut Answers<'_>, raw: &RawReply) {
    if raw.parts.is_empty() {
        answers.all_end(Outcome::Failed, "empty_reply");
        return;
    }
    let mut pages = Vec::new();
    for part in &raw.parts {
        match Document::read(part.media, &part.body) {
            Ok(document) => pages.push((part, document)),
            Err(reason) => {
                answers.all_fail(reason, part.name.clone());
                return;
            }
        }
    }
    let windows = windows(answers.source, raw, pages);
    for pages in &windows {
        classify_all(answers, pages, windows.len() == 1);
    }
    if answers.is_over() {
        return;
    }
    let mut complete = true;
    for pages in &windows {
        if pages.is_empty() {
            complete = false;
        } else if !whole(answers, pages) || !read_window(answers, pages) {
            return;
        }
        answers.end_window();
    }
    if !complete {
        answers.all_lack("period_incomplete");
    } else if answers.source.manifest.outcome.absent == Outcome::NoRecord {
        answers.prove_silence();
    }
}

/// The pages of each window of the period, in order; a window that was not answered has none.
fn windows<'r>(source: &Source, raw: &RawReply, pages: Vec<Page<'r>>) -> Vec<Vec<Page<'r>>> {
    let Some((period, months)) = raw.period.zip(source.manifest.ask.window) else { return vec![pages] };
    let names: Vec<String> = period.windows(months).map(|window| window.to_string()).collect();
    let mut windows: Vec<Vec<Page<'r>>> = names.iter().map(|_| Vec::new()).collect();
    for (part, document) in pages {
        let window = part.name.split(' ').next().unwrap_or_default();
        // A part of no window we asked for was stored under another manifest; it answers none of these.
        if let Some(index) = names.iter().position(|name| name == window) {
            windows[index].push((part, document));
        }
    }
    windows
}

/// What the pages of a window are as a whole.
fn classify_all(answers: &mut Answers<'_>, pages: &[Page<'_>], alone: bool) {
    for (part, page) in pages {
        match envelope(answers.source, page, part.status) {
            Some(Verdict::Ok | Verdict::Found) => {}
            Some(Verdict::NoRecord) if answers.sent().count() == 1 && pages.len() == 1 => {
                if alone {
                    answers.all_end(Outcome::NoRecord, "said_by_envelope");
                }
            }
            Some(Verdict::NotAuthorised) => answers.all_end(Outcome::NotAuthorised, "refused_by_source"),
            Some(Verdict::Throttled) => answers.all_end(Outcome::Failed, "throttled"),
            Some(Verdict::Failed | Verdict::NoRecord) => answers.all_end(Outcome::Failed, "refused_by_source"),
            None => answers.all_end(Outcome::Failed, "unclassified"),
        }
    }
}

/// Reads the items of a window; false if the reply as a whole is set aside.
fn read_window(answers: &mut Answers<'_>, pages: &[Page<'_>]) -> bool {
    let outcome = &answers.source.manifest.outcome;
    for (part, page) in pages {
        let as_of = match row::date(outcome.as_of.as_ref(), page.view()) {
            Ok(as_of) => as_of,
            Err(reason) => {
                answers.all_fail(reason, part.name.clone());
                return false;
            }
        };
        let items = outcome.item.as_ref().map_or_else(Vec::new, |item| page.view().select(item));
        let said_by_envelope = envelope(answers.source, page, part.status) == Some(Verdict::NoRecord);
        let said_by_page = match &outcome.none {
            Some(NoneProof::Says(condition)) => condition.holds(|s| page.view().text(s)),
            _ => false,
        };
        if said_by_envelope || said_by_page {
            if !items.is_empty() {
                answers.all_fail(Reason::SchemaDrift, part.name.clone());
                return false;
            }
            let sent: Vec<usize> = answers.sent().collect();
            for subject in sent {
                answers.verdict(subject, Verdict::NoRecord, as_of);
            }
        }
        for (index, item) in items.into_iter().enumerate() {
            read_item(answers, item, as_of, &format!("{} item {}", part.name, index + 1));
        }
    }
    true
}

/// Whether the reply holds as much as it announces.
fn whole(answers: &mut Answers<'_>, pages: &[Page<'_>]) -> bool {
    let source = answers.source;
    let outcome = &source.manifest.outcome;
    let asked = answers.sent().count();
    let mut items = 0;
    for (part, page) in pages {
        let here = outcome.item.as_ref().map_or(0, |item| page.view().select(item).len());
        items += here;
        for check in &outcome.whole {
            let expected = match check.of {
                CountOf::Asked => asked,
                CountOf::Rows => here,
            };
            if count(page.view(), &check.at) != Some(expected) {
                answers.all_fail(Reason::TrailerMismatch, part.name.clone());
                return false;
            }
        }
    }
    let Some(plan) = source.manifest.transport.page() else { return true };
    let Some(at) = &plan.total else { return true };
    for (part, page) in
        pages.iter().filter(|(part, page)| envelope(source, page, part.status) != Some(Verdict::NoRecord))
    {
        let total = count(page.view(), at);
        // Without a total nobody knows that these were all the pages.
        if total.is_none() || (plan.check_total && total != Some(items)) {
            answers.all_fail(Reason::TrailerMismatch, part.name.clone());
            return false;
        }
    }
    true
}

fn read_item(answers: &mut Answers<'_>, item: View<'_>, as_of: Option<Date>, place: &str) {
    let outcome = &answers.source.manifest.outcome;
    answers.count_row();
    let link = answers.source.manifest.quality.link.as_ref();
    let subjects = match &outcome.item_key {
        None => match link {
            Some(link) => linked::subjects(answers, link, item, place),
            None => Ok(answers.sent().collect()),
        },
        Some(key) => match item.scalar(key) {
            Scalar::Cell(cell) if !cell.text.trim().is_empty() => answers.subjects_of(&cell),
            _ => match link {
                Some(link) => linked::subjects(answers, link, item, place),
                None => Err(Reason::KeyMissing),
            },
        },
    };
    let subjects: Vec<usize> = match subjects {
        Ok(subjects) => subjects,
        Err(reason) => {
            answers.set_aside(reason, place.to_owned());
            return;
        }
    };
    for subject in subjects {
        read_item_of(answers, subject, item, as_of, place);
    }
}

/// Reads one item or row of a subject: echo, verdict, rows. Returns the verdict; none if the item was set aside.
pub(super) fn read_item_of(
    answers: &mut Answers<'_>,
    subject: usize,
    item: View<'_>,
    as_of: Option<Date>,
    place: &str,
) -> Option<Verdict> {
    let source = answers.source;
    let outcome = &source.manifest.outcome;
    if let Err(reason) = answers.echo(subject, item) {
        answers.spoil(subject, reason, place.to_owned());
        return None;
    }
    let verdict = if outcome.item_is.is_empty() {
        Some(Verdict::Found)
    } else {
        first_match(&outcome.item_is, |selector| item.text(selector))
    };
    let Some(verdict) = verdict else {
        answers.spoil(subject, Reason::UnknownCode, place.to_owned());
        return None;
    };
    let said_on = row::date(source.manifest.map.as_of.as_ref(), item).ok().flatten().or(as_of);
    let rows = outcome.rows.as_ref().map(|rows| item.select(rows));
    if let Some(count) = &outcome.rows_count {
        let said: Option<usize> = item.text(count).and_then(|t| t.trim().parse().ok());
        if said != Some(rows.as_ref().map_or(0, Vec::len)) {
            answers.spoil(subject, Reason::TrailerMismatch, place.to_owned());
            return None;
        }
    }
    answers.verdict(subject, verdict, said_on);
    if verdict != Verdict::Found {
        if rows.is_some_and(|r| !r.is_empty()) {
            answers.spoil(subject, Reason::SchemaDrift, place.to_owned());
        }
        return Some(verdict);
    }
    match rows {
        None => answers.row(subject, item, as_of, place.to_owned()),
        Some(rows) => {
            for (index, view) in rows.into_iter().enumerate() {
                answers.row(subject, view, as_of, format!("{place} row {}", index + 1));
            }
        }
    }
    Some(verdict)
}

/// Reads what a view returned: `{"health": n, "health_min": m, "loaded": day, "rows": [{..}]}`.
pub(super) fn read_rows(answers: &mut Answers<'_>, plan: &SqlPlan, raw: &RawReply) {
    let Some(part) = raw.parts.first() else {
        answers.all_end(Outcome::Failed, "empty_reply");
        return;
    };
    let document = match Document::read(part.media, &part.body) {
        Ok(Document::Json(value)) => value,
        Ok(Document::Xml(_)) => return answers.all_fail(Reason::SchemaDrift, part.name.clone()),
        Err(reason) => return answers.all_fail(reason, part.name.clone()),
    };
    let least = document.get("health_min").and_then(Value::as_u64).unwrap_or(plan.health_min);
    if plan.health.is_some() && document.get("health").and_then(Value::as_u64).is_none_or(|n| n < least) {
        answers.all_end(Outcome::Failed, "unhealthy_view");
        return;
    }
    if let Some(loaded) = &plan.loaded
        && !is_fresh(document.get("loaded"), loaded.within, raw.received)
    {
        answers.all_end(Outcome::Failed, "stale_view");
        return;
    }
    let Some(rows) = document.get("rows").and_then(Value::as_array) else {
        answers.all_fail(Reason::SchemaDrift, part.name.clone());
        return;
    };
    for (index, row) in rows.iter().enumerate() {
        let Some(object) = row.as_object() else {
            answers.set_aside(Reason::SchemaDrift, format!("row {}", index + 1));
            continue;
        };
        let header = Header::new(object.keys().map(String::as_str));
        let cells: Vec<Option<Cell>> = object.values().map(json_cell).collect();
        read_item(answers, View::Cells(&header, &cells), None, &format!("row {}", index + 1));
    }
    if matches!(answers.source.manifest.outcome.none, Some(NoneProof::EmptyResult)) {
        answers.prove_silence();
    }
}

/// Whether a view was filled lately. A day that cannot be read or lies ahead proves nothing.
fn is_fresh(loaded: Option<&Value>, within: std::time::Duration, received: jiff::Timestamp) -> bool {
    let text = match loaded {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return false,
    };
    let head = |length: usize| text.get(..length).unwrap_or_default();
    let day = Date::strptime("%Y-%m-%d", head(10)).or_else(|_| Date::strptime("%Y%m%d", head(8)));
    let today = received.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date();
    // A clock may be some hours ahead of ours, not days.
    let age = day.ok().and_then(|day| day.until(today).ok()).map(|span| i64::from(span.get_days()));
    age.is_some_and(|days| days >= -1 && u64::try_from(days.max(0)).is_ok_and(|d| d * 86_400 <= within.as_secs()))
}

/// A JSON scalar as a cell.
pub(super) fn json_cell(value: &Value) -> Option<Cell> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(Cell::text(text.clone())),
        Value::Number(number) => Some(Cell { text: number.to_string().into(), numeric: true }),
        Value::Bool(value) => Some(Cell::text(value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_too_deep_is_no_document() {
        for media in [Media::Json, Media::Rows, Media::Xml] {
            let (open, close) = if media == Media::Xml { ("<a>", "</a>") } else { ("[", "]") };
            let document = |depth: usize| Document::read(media, (open.repeat(depth) + &close.repeat(depth)).as_bytes());
            assert!(document(50).is_ok(), "{media:?}");
            // As deep as a body of the largest size can be.
            assert_eq!(document(8_000_000).err(), Some(Reason::SchemaDrift), "{media:?}");
        }
    }
}
