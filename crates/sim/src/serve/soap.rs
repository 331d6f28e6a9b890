//! SOAP: one person a call, paged, read by the manifest's envelope template and answered from its outcome and map blocks.

use std::fmt::Write as _;

use hedui_connect::manifest::{NoneProof, SoapPlan, Verdict};
use hedui_connect::{CountOf, Format, Selector};
use quick_xml::escape::escape;

use super::ServeError;
use super::place::Place;
use super::question::{Question, Reading};
use super::says::{Saying, says};
use super::wire::{Spoiled, WireRow, WireSource, stranger};
use crate::faults::Mood;

/// How a source's envelopes are read and written; compiled once.
pub(super) struct SoapForm {
    reading: Reading,
    page_size: usize,
    total: Option<Vec<String>>,
    items: Vec<String>,
    /// Rows inside an item, where an item is a person and not a row.
    rows: Option<Vec<String>>,
    rows_count: Option<Vec<String>>,
    key: Option<Vec<String>>,
    echo: [Option<Vec<String>>; 2],
    ok: Saying,
    found: Saying,
    no_record: Option<Saying>,
    nothing: Option<(Vec<String>, String)>,
    whole: Vec<(Vec<String>, CountOf)>,
    as_of: Option<(Vec<String>, String)>,
    refused: [String; 2],
}

fn names(place: &Place) -> Vec<String> {
    place.names().into_iter().map(str::to_owned).collect()
}

impl SoapForm {
    pub(super) fn new(wire: &WireSource, plan: &SoapPlan) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let ask = &source.manifest.ask;
        let reading =
            Reading::new(&plan.body, Format::Xml, source.batch > 1, ask.months.is_some(), wire.registers.as_of)
                .map_err(|lack| wire.lack(lack))?;
        let path = |selector: &Selector| Place::of(source, selector).map(|place| names(&place));
        let maybe = |selector: &Option<Selector>| selector.as_ref().map(path).transpose();
        let item = outcome.item.as_ref().ok_or_else(|| wire.lack("[outcome] item"))?;
        let nothing = match &outcome.none {
            Some(NoneProof::Says(condition)) => match condition.equals() {
                Some((selector, text)) => Some((path(selector)?, text.to_owned())),
                None => return Err(wire.lack("[outcome] none as `path == \"text\"`")),
            },
            _ => None,
        };
        let found = if outcome.item_is.is_empty() {
            Saying::Nothing
        } else {
            says(source, &outcome.item_is, Verdict::Found)?
                .ok_or_else(|| wire.lack("how [outcome] item_is says `found`"))?
        };
        let refused = match says(source, &outcome.fault, Verdict::NotAuthorised)? {
            Some(Saying::FaultCode(code)) => [code, "无权限".to_owned()],
            Some(Saying::FaultString(text)) => ["Client".to_owned(), text],
            _ => ["Client".to_owned(), "无权限".to_owned()],
        };
        let whole =
            outcome.whole.iter().map(|check| Ok((path(&check.at)?, check.of))).collect::<Result<_, ServeError>>()?;
        Ok(Self {
            reading,
            page_size: plan.page.as_ref().map_or(usize::MAX, |p| p.size),
            total: plan.page.as_ref().and_then(|p| p.total.as_ref()).map(path).transpose()?,
            items: path(item)?,
            rows: maybe(&outcome.rows)?,
            rows_count: maybe(&outcome.rows_count)?,
            key: maybe(&outcome.item_key)?,
            echo: [maybe(&outcome.echo_id)?, maybe(&outcome.echo_name)?],
            ok: says(source, &outcome.envelope, Verdict::Ok)?
                .ok_or_else(|| wire.lack("how [outcome] envelope says `ok`"))?,
            found,
            no_record: says(source, &outcome.item_is, Verdict::NoRecord)?,
            nothing,
            whole,
            as_of: wire.as_of_text()?.map(|(place, text)| (names(&place), text)),
            refused,
        })
    }

    /// Reads an envelope; none if it is not one this institution understands.
    pub(super) fn read(&self, body: &[u8]) -> Option<Question> {
        self.reading.read(body)
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
        if let Saying::Text(place, text) = &self.ok {
            root.put(&names(place), text);
        }
        let counted = items.len();
        let wrong = usize::from(mood.wrong_trailer);
        if let Some((path, text)) = &self.nothing {
            root.put(path, &if counted == 0 { text.clone() } else { counted.to_string() });
        }
        if let Some(path) = &self.total {
            root.put(path, &(counted + wrong).to_string());
        }
        if let Some((path, text)) = &self.as_of {
            root.put(path, text);
        }
        // The server has the last word on how much it sends at once.
        let size = call.page_size.map_or(self.page_size, |asked| asked.min(self.page_size)).max(1);
        let page: Vec<Element> = match self.total {
            Some(_) => {
                items.into_iter().skip((call.page.unwrap_or(1).max(1) - 1).saturating_mul(size)).take(size).collect()
            }
            None => items,
        };
        for (path, of) in &self.whole {
            let count = match of {
                CountOf::Asked => call.people.len(),
                CountOf::Rows => page.len(),
            };
            root.put(path, &(count + wrong).to_string());
        }
        let Some((item, list)) = self.items.split_last() else { return Err(wire.lack("[outcome] item")) };
        let list = root.at(list);
        list.children.extend(page.into_iter().map(|element| (item.clone(), element)));
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        root.write(&mut text, true);
        Ok(text)
    }

    fn items_of(&self, items: &mut Vec<Element>, echo: &(String, String), rows: &[WireRow]) {
        if self.rows.is_none() && !rows.is_empty() {
            items.extend(rows.iter().map(|row| self.item(echo, Some(&self.found), Some(row))));
            return;
        }
        let says = if rows.is_empty() { self.no_record.as_ref() } else { Some(&self.found) };
        let Some(says) = says else { return };
        let mut item = self.item(echo, Some(says), None);
        if let Some((name, list)) = self.rows.as_ref().and_then(|path| path.split_last()) {
            let list = item.at(list);
            list.children.extend(rows.iter().map(|row| (name.clone(), element(row))));
        }
        if let Some(path) = &self.rows_count {
            item.put(path, &rows.len().to_string());
        }
        items.push(item);
    }

    fn item(&self, echo: &(String, String), says: Option<&Saying>, row: Option<&WireRow>) -> Element {
        let mut item = row.map(element).unwrap_or_default();
        let key = self.key.iter().map(|path| (path, &echo.0));
        let echoes = self.echo.iter().zip([&echo.0, &echo.1]).filter_map(|(path, text)| Some((path.as_ref()?, text)));
        for (path, text) in key.chain(echoes) {
            item.put(path, text);
        }
        if let Some(Saying::Text(place, text)) = says {
            item.put(&names(place), text);
        }
        item
    }
}

fn element(row: &WireRow) -> Element {
    let mut element = Element::default();
    for cell in row.cells.iter().filter(|c| !c.steps.is_empty()) {
        let path = Place { steps: std::sync::Arc::clone(&cell.steps), each: false };
        element.put(&names(&path), &cell.text);
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
    fn at(&mut self, path: &[String]) -> &mut Self {
        match path {
            [] => self,
            [first, rest @ ..] => {
                let position = self.children.iter().position(|(name, _)| name == first);
                let position = position.unwrap_or_else(|| {
                    self.children.push((first.clone(), Self::default()));
                    self.children.len() - 1
                });
                self.children[position].1.at(rest)
            }
        }
    }

    fn put(&mut self, path: &[String], text: &str) {
        self.at(path).text = text.to_owned();
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
        root.put(&["Envelope".into(), "Body".into(), "x".into()], "A&B <c>");
        let mut text = String::new();
        root.write(&mut text, true);
        assert!(text.contains("<soap:Body><n:x>A&amp;B &lt;c&gt;</n:x></soap:Body>"), "{text}");
    }
}
