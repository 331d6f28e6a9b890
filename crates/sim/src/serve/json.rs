//! JSON over HTTP: replies built from a manifest's outcome and map blocks.

use hedui_base::Outcome;
use hedui_connect::manifest::{HttpPlan, PagePlan, PageStyle, Verdict};
use hedui_connect::{CountOf, Format, Selector};
use serde_json::{Value as Json, json};

use super::ServeError;
use super::place::{Place, put};
use super::question::Question;
use super::replies::Replies;
use super::says::{Saying, says};
use super::wire::{Spoiled, WireRow, WireSource, stranger};
use crate::faults::Mood;

/// How a source's requests are read and its replies written; compiled once.
pub(super) struct JsonForm {
    says: Replies,
    refused: Saying,
    pages: Option<Pages>,
    /// People without a record are left out instead of answered one by one.
    hits_only: bool,
}

/// How items are split into pages.
struct Pages {
    style: PageStyle,
    size: usize,
    total: Option<Place>,
    /// Where a page names the next.
    cursor: Option<Place>,
}

impl Pages {
    fn new(wire: &WireSource, plan: &PagePlan) -> Result<Self, ServeError> {
        let place = |selector: &Selector| Place::of(&wire.source, selector);
        let cursor = match &plan.style {
            PageStyle::Cursor(at) => Some(place(at)?),
            PageStyle::Number | PageStyle::Offset => None,
        };
        let total = plan.total.as_ref().map(place).transpose()?;
        Ok(Self { style: plan.style.clone(), size: plan.size.max(1), total, cursor })
    }

    /// The first item of the page asked for.
    fn start(&self, question: &Question) -> usize {
        match &self.style {
            PageStyle::Number => (question.page.unwrap_or(1).max(1) - 1).saturating_mul(self.size),
            PageStyle::Offset => question.offset.unwrap_or(0),
            // A cursor is the place of the next item; only we need to understand it.
            PageStyle::Cursor(_) => {
                question.cursor.as_deref().and_then(|c| c.strip_prefix("c-")?.parse().ok()).unwrap_or(0)
            }
        }
    }
}

impl JsonForm {
    pub(super) fn new(wire: &WireSource, plan: &HttpPlan) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let replies = Replies::new(wire, &plan.body, Format::Json)?;
        Ok(Self {
            hits_only: outcome.absent == Outcome::NoRecord || replies.no_record.is_none(),
            refused: says(source, &outcome.envelope, Verdict::NotAuthorised)?.unwrap_or(Saying::Nothing),
            pages: plan.page.as_ref().map(|page| Pages::new(wire, page)).transpose()?,
            says: replies,
        })
    }

    /// Reads a request; none if it is not one this institution understands.
    pub(super) fn read(&self, body: &[u8]) -> Option<Question> {
        self.says.reading.read(body)
    }

    /// The reply to a request that is not authorised.
    pub(super) fn refusal(&self) -> Json {
        let mut reply = json!({});
        self.say(&mut reply, &self.refused);
        reply
    }

    /// The reply to a question, and the status if the manifest wants another than 200.
    pub(super) fn reply(
        &self,
        wire: &WireSource,
        question: &Question,
        mood: Mood,
    ) -> Result<(Json, Option<u16>), ServeError> {
        let mut items = Vec::new();
        let mut people: Vec<_> = question.people.iter().collect();
        if mood.reordered {
            people.reverse();
        }
        let mut anything = false;
        for (id, name) in people {
            let rows = wire.look_up(id, question.months, mood)?;
            anything |= !rows.is_empty();
            let spoiled = wire.spoiled(id);
            let echo = wire.echo(id, name, spoiled);
            self.items_of(&mut items, &echo, &rows);
            if spoiled == Spoiled::Stranger {
                let other = if rows.is_empty() { wire.some_rows(mood)? } else { rows };
                self.items_of(&mut items, &stranger(id), &other);
                anything = true;
            }
        }
        let mut reply = json!({});
        self.say(&mut reply, &self.says.ok);
        let mut status = match self.says.ok {
            Saying::Status(status) => Some(status),
            _ => None,
        };
        if let Some((place, text)) = &self.says.as_of {
            put(&mut reply, &place.steps, json!(text));
        }
        let wrong = usize::from(mood.wrong_trailer);
        let all = items.len();
        if let Some(pages) = &self.pages {
            let start = pages.start(question);
            // The server has the last word on how much it sends at once.
            let size = question.page_size.map_or(pages.size, |asked| asked.clamp(1, pages.size));
            items = items.into_iter().skip(start).take(size).collect();
            if let Some(place) = &pages.total {
                put(&mut reply, &place.steps, json!(all + wrong));
            }
            if let Some(place) = pages.cursor.as_ref().filter(|_| start + size < all) {
                put(&mut reply, &place.steps, json!(format!("c-{}", start + size)));
            }
        }
        let counted = items.len();
        if self.says.items.each {
            put(&mut reply, &self.says.items.steps, Json::Array(items));
        } else if let Some(item) = items.into_iter().next() {
            put(&mut reply, &self.says.items.steps, item);
        }
        if let Some((place, text)) = &self.says.nothing {
            let text = if anything { all.to_string() } else { text.clone() };
            put(&mut reply, &place.steps, json!(text));
        }
        for (place, of) in &self.says.whole {
            let count = match of {
                CountOf::Asked => question.people.len(),
                CountOf::Rows => counted,
            };
            put(&mut reply, &place.steps, json!(count + wrong));
        }
        if let (false, Some(Saying::Status(none))) = (anything, &self.says.no_record) {
            status = Some(*none);
        }
        Ok((reply, status))
    }

    fn say(&self, at: &mut Json, saying: &Saying) {
        if let Saying::Text(place, text) = saying {
            put(at, &place.steps, json!(text));
        }
    }

    /// Adds what there is about one person.
    fn items_of(&self, items: &mut Vec<Json>, echo: &(String, String), rows: &[WireRow]) {
        if self.says.rows.is_none() && !rows.is_empty() {
            items.extend(rows.iter().map(|row| self.item(echo, Some(&self.says.found), Some(row))));
        } else if !rows.is_empty() || !self.hits_only {
            let says = if rows.is_empty() { self.says.no_record.as_ref() } else { Some(&self.says.found) };
            let mut item = self.item(echo, says, None);
            if let Some(place) = &self.says.rows {
                let list: Vec<Json> = rows.iter().map(object).collect();
                put(&mut item, &place.steps, Json::Array(list));
            }
            if let Some(place) = &self.says.rows_count {
                put(&mut item, &place.steps, json!(rows.len()));
            }
            items.push(item);
        }
    }

    fn item(&self, echo: &(String, String), says: Option<&Saying>, row: Option<&WireRow>) -> Json {
        let mut item = row.map_or_else(|| json!({}), object);
        let key = self.says.key.iter().map(|place| (place, &echo.0));
        let echoes =
            self.says.echo.iter().zip([&echo.0, &echo.1]).filter_map(|(place, text)| Some((place.as_ref()?, text)));
        for (place, text) in key.chain(echoes) {
            put(&mut item, &place.steps, json!(text));
        }
        if let Some(saying) = says {
            self.say(&mut item, saying);
        }
        item
    }
}

impl WireSource {
    /// Rows of somebody in the register, whoever that is.
    pub(super) fn some_rows(&self, mood: Mood) -> Result<Vec<WireRow>, ServeError> {
        let rows = self.holders().next().map(|(_, _, rows)| rows).unwrap_or_default();
        self.said("", &rows, None, mood)
    }
}

/// A row as an object.
pub(super) fn object(row: &WireRow) -> Json {
    let mut object = json!({});
    for cell in row.cells.iter().filter(|c| !c.steps.is_empty()) {
        let value = match (cell.number, cell.text.parse::<i64>()) {
            (true, Ok(number)) => json!(number),
            _ => json!(cell.text),
        };
        put(&mut object, &cell.steps, value);
    }
    object
}
