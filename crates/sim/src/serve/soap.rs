//! SOAP: one person a call, paged, read by the manifest's envelope template and answered from its outcome and map blocks.

use std::fmt::Write as _;

use hedui_connect::manifest::{SoapPlan, Verdict};
use hedui_connect::{CountOf, Format};
use quick_xml::escape::escape;

use super::ServeError;
use super::place::Place;
use super::question::Question;
use super::replies::Replies;
use super::says::{Saying, says};
use super::wire::{Spoiled, WireRow, WireSource, stranger};
use crate::faults::Mood;

/// How a source's envelopes are read and written; compiled once.
pub(super) struct SoapForm {
    says: Replies,
    page_size: usize,
    total: Option<Place>,
    refused: [String; 2],
}

impl SoapForm {
    pub(super) fn new(wire: &WireSource, plan: &SoapPlan) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let refused = match says(source, &outcome.fault, Verdict::NotAuthorised)? {
            Some(Saying::FaultCode(code)) => [code, "无权限".to_owned()],
            Some(Saying::FaultString(text)) => ["Client".to_owned(), text],
            _ => ["Client".to_owned(), "无权限".to_owned()],
        };
        let total = plan.page.as_ref().and_then(|page| page.total.as_ref());
        Ok(Self {
            says: Replies::new(wire, &plan.body, Format::Xml)?,
            page_size: plan.page.as_ref().map_or(usize::MAX, |p| p.size),
            total: total.map(|selector| Place::of(source, selector)).transpose()?,
            refused,
        })
    }

    /// Reads an envelope; none if it is not one this institution understands.
    pub(super) fn read(&self, body: &[u8]) -> Option<Question> {
        self.says.reading.read(body)
    }

    /// The envelope that refuses a call.
    pub(super) fn refusal(&self) -> String {
        let [code, text] = &self.refused;
        format!(
            "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
             <faultcode>{}</faultcode><faultstring>{}</faultstring></soap:Fault></soap:Body></soap:Envelope>",
            escape(code.as_str()),
            escape(text.as_str())
        )
    }

    /// The envelope that answers a call.
    pub(super) fn reply(&self, wire: &WireSource, call: &Question, mood: Mood) -> Result<String, ServeError> {
        let mut items = Vec::new();
        for (id, name) in &call.people {
            let rows = wire.look_up(id, call.months, mood)?;
            let spoiled = wire.spoiled(id);
            self.items_of(&mut items, &wire.echo(id, name, spoiled), &rows);
            if spoiled == Spoiled::Stranger {
                let other = if rows.is_empty() { wire.some_rows(mood)? } else { rows };
                self.items_of(&mut items, &stranger(id), &other);
            }
        }
        let mut root = Element::default();
        if let Saying::Text(place, text) = &self.says.ok {
            root.put(place, text);
        }
        let counted = items.len();
        let wrong = usize::from(mood.wrong_trailer);
        if let Some((place, text)) = &self.says.nothing {
            root.put(place, &if counted == 0 { text.clone() } else { counted.to_string() });
        }
        if let Some(place) = &self.total {
            root.put(place, &(counted + wrong).to_string());
        }
        if let Some((place, text)) = &self.says.as_of {
            root.put(place, text);
        }
        // The server has the last word on how much it sends at once.
        let size = call.page_size.map_or(self.page_size, |asked| asked.min(self.page_size)).max(1);
        let page: Vec<Element> = match self.total {
            Some(_) => {
                items.into_iter().skip((call.page.unwrap_or(1).max(1) - 1).saturating_mul(size)).take(size).collect()
            }
            None => items,
        };
        for (place, of) in &self.says.whole {
            let count = match of {
                CountOf::Asked => call.people.len(),
                CountOf::Rows => page.len(),
            };
            root.put(place, &(count + wrong).to_string());
        }
        let items = self.says.items.names();
        let Some((item, list)) = items.split_last() else { return Err(wire.lack("[outcome] item")) };
        let list = root.at(list);
        list.children.extend(page.into_iter().map(|element| ((*item).to_owned(), element)));
        let mut text = String::from("<?xml version=\"1.0\"?>");
        root.write(&mut text, true);
        Ok(text)
    }

    fn items_of(&self, items: &mut Vec<Element>, echo: &(String, String), rows: &[WireRow]) {
        if self.says.rows.is_none() && !rows.is_empty() {
            items.extend(rows.iter().map(|row| self.item(echo, Some(&self.says.found), Some(row))));
            return;
        }
        let says = if rows.is_empty() { self.says.no_record.as_ref() } else { Some(&self.says.found) };
        let Some(says) = says else { return };
        let mut item = self.item(echo, Some(says), None);
        let path = self.says.rows.as_ref().map(Place::names).unwrap_or_default();
        if let Some((name, list)) = path.split_last() {
            let list = item.at(list);
            list.children.extend(rows.iter().map(|row| ((*name).to_owned(), element(row))));
        }
        if let Some(place) = &self.says.rows_count {
            item.put(place, &rows.len().to_string());
        }
        items.push(item);
    }

    fn item(&self, echo: &(String, String), says: Option<&Saying>, row: Option<&WireRow>) -> Element {
        let mut item = row.map(element).unwrap_or_default();
        let key = self.says.key.iter().map(|place| (place, &echo.0));
        let echoes =
            self.says.echo.iter().zip([&echo.0, &echo.1]).filter_map(|(place, text)| Some((place.as_ref()?, text)));
        for (place, text) in key.chain(echoes) {
            item.put(place, text);
        }
        if let Some(Saying::Text(place, text)) = says {
            item.put(place, text);
        }
        item
    }
}

fn element(row: &WireRow) -> Element {
    let mut element = Element::default();
    for cell in row.cells.iter().filter(|c| !c.steps.is_empty()) {
        let path = Place { steps: std::sync::Arc::clone(&cell.steps), each: false };
        element.put(&path, &cell.text);
    }
    element
}

/// An element by local names; the envelope and its body get the SOAP prefix, all others the institution's.
#[derive(Default)]
struct Element {
    text: String,
    children: Vec<(String, Self)>,
}

impl Element {
    fn at(&mut self, path: &[&str]) -> &mut Self {
        match path {
            [] => self,
            [first, rest @ ..] => {
                let position = self.children.iter().position(|(name, _)| name == *first);
                let position = position.unwrap_or_else(|| {
                    self.children.push(((*first).to_owned(), Self::default()));
                    self.children.len() - 1
                });
                self.children[position].1.at(rest)
            }
        }
    }

    fn put(&mut self, place: &Place, text: &str) {
        self.at(&place.names()).text = text.to_owned();
    }

    fn write(&self, out: &mut String, outermost: bool) {
        out.push_str(&escape(self.text.as_str()));
        for (name, child) in &self.children {
            let soap = matches!(name.as_str(), "Envelope" | "Body");
            let prefix = if soap { "soap" } else { "n" };
            let spaces = if outermost {
                " xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:n=\"urn:hedui:sim\""
            } else {
                ""
            };
            // Writing to a String cannot fail.
            let _ = write!(out, "<{prefix}:{name}{spaces}>");
            child.write(out, false);
            let _ = write!(out, "</{prefix}:{name}>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut root = Element::default();
        root.at(&["Envelope", "Body", "x"]).text = "A&B <c>".to_owned();
        let mut text = String::new();
        root.write(&mut text, true);
        assert!(text.contains("<soap:Body><n:x>A&amp;B &lt;c&gt;</n:x></soap:Body>"), "{text}");
    }
}
