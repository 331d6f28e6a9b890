//! SOAP: one person a call, paged, read by the manifest's envelope template and answered from its outcome and map blocks.

use hedui_connect::Selector;
use hedui_connect::manifest::{SoapPlan, Verdict};
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use std::collections::HashMap;
use std::fmt::Write as _;

use super::ServeError;
use super::json::month_in;
use super::wire::{WireSource, path};

/// How a source's envelopes are read and written; compiled once.
pub(super) struct SoapForm {
    id_tag: String,
    name_tag: Option<String>,
    months: Option<((String, String), (String, String))>,
    page: Option<(String, String)>,
    page_size: usize,
    total: Option<Vec<String>>,
    items: Vec<String>,
    echo: [Option<Vec<String>>; 2],
    ok: Option<(Vec<String>, String)>,
    as_of: Option<(Vec<String>, String)>,
    refused: String,
}

/// What a call asks.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    months: Option<(i64, i64)>,
    page: usize,
    page_size: usize,
}

/// The local name of the element right before a marker.
fn tag_before(template: &str, marker: &str) -> Option<String> {
    let head = &template[..template.find(marker)?];
    let end = head.rfind('>')?;
    let name = &head[head[..end].rfind('<')? + 1..end];
    Some(name.rsplit(':').next().unwrap_or(name).to_owned())
}

impl SoapForm {
    pub(super) fn new(wire: &WireSource, plan: &SoapPlan) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let keys = |selector: &Selector| path(source, selector).map(|p| p.to_vec());
        let maybe = |selector: &Option<Selector>| selector.as_ref().map(keys).transpose();
        let template = plan.body.as_str();
        let month = |end: &str| {
            let marker = format!("{{{{ period.{end}");
            let rest = &template[template.find(&marker)?..];
            let rest = &rest[rest.find("month(\"")? + 7..];
            Some((tag_before(template, &marker)?, rest.get(..rest.find('"')?)?.to_owned()))
        };
        let item = outcome.item.as_ref().ok_or_else(|| wire.lack("[outcome] item"))?;
        let ok = WireSource::says(&outcome.envelope, Verdict::Ok);
        let refused = WireSource::says(&outcome.fault, Verdict::NotAuthorised);
        Ok(Self {
            id_tag: tag_before(template, "{{ subjects[0].id_number")
                .ok_or_else(|| wire.lack("an element around subjects[0].id_number in the body"))?,
            name_tag: tag_before(template, "{{ subjects[0].name"),
            months: month("from").zip(month("until")),
            page: tag_before(template, "{{ page_no").zip(tag_before(template, "{{ page_size")),
            page_size: plan.page.as_ref().map_or(usize::MAX, |p| p.size),
            total: plan.page.as_ref().map(|p| keys(&p.total)).transpose()?,
            items: keys(item)?,
            echo: [maybe(&outcome.echo_id)?, maybe(&outcome.echo_name)?],
            ok: ok.map(|(s, text)| Ok::<_, ServeError>((keys(s)?, text.to_owned()))).transpose()?,
            as_of: wire.as_of_text().map(|(s, text)| Ok::<_, ServeError>((keys(&s)?, text))).transpose()?,
            refused: refused.map_or_else(|| "Client".to_owned(), |(_, text)| text.to_owned()),
        })
    }

    /// Reads an envelope; none if it is not one this institution understands.
    pub(super) fn read(&self, body: &[u8]) -> Option<Call> {
        let texts = leaf_texts(std::str::from_utf8(body).ok()?)?;
        let month = |(tag, format): &(String, String)| month_in(texts.get(tag)?, format);
        let months = match &self.months {
            None => None,
            Some((from, until)) => Some((month(from)?, month(until)?)),
        };
        let (page, page_size) = match &self.page {
            None => (1, self.page_size),
            Some((no, size)) => (texts.get(no)?.parse().ok()?, texts.get(size)?.parse().ok()?),
        };
        let name = self.name_tag.as_ref().and_then(|tag| texts.get(tag)).cloned().unwrap_or_default();
        // The server has the last word on how much it sends at once.
        Some(Call {
            id: texts.get(&self.id_tag)?.clone(),
            name,
            months,
            page,
            page_size: self.page_size.min(page_size),
        })
    }

    /// The envelope that refuses a call.
    pub(super) fn refusal(&self) -> String {
        format!(
            "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
             <faultcode>{}</faultcode><faultstring>无权限</faultstring></soap:Fault></soap:Body></soap:Envelope>",
            escape(self.refused.as_str())
        )
    }

    /// The envelope that answers a call.
    pub(super) fn reply(&self, wire: &WireSource, call: &Call) -> String {
        let rows = wire.look_up(&call.id, call.months);
        let (id, name) = wire.echo(&call.id, &call.name);
        let mut root = Element::default();
        if let Some((path, text)) = &self.ok {
            root.put(path, text);
        }
        if let Some(path) = &self.total {
            root.put(path, &rows.len().to_string());
        }
        if let Some((path, text)) = &self.as_of {
            root.put(path, text);
        }
        let (list, item) = self.items.split_at(self.items.len() - 1);
        let list = root.at(list);
        for row in rows.iter().skip((call.page.max(1) - 1) * call.page_size).take(call.page_size) {
            let mut element = Element::default();
            for (path, text) in self.echo.iter().zip([&id, &name]) {
                if let Some(path) = path {
                    element.put(path, text);
                }
            }
            for cell in row.cells.iter().filter(|c| !c.path.is_empty()) {
                element.put(&cell.path, &cell.text);
            }
            list.children.push((item[0].clone(), element));
        }
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        root.write(&mut text, true);
        text
    }
}

/// Texts of all elements without children, by local name.
fn leaf_texts(xml: &str) -> Option<HashMap<String, String>> {
    let mut reader = Reader::from_str(xml);
    let mut texts = HashMap::new();
    let mut open: Option<String> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                open = Some(start.local_name().as_ref().to_owned());
            }
            Event::Text(text) => {
                if let Some(name) = &open {
                    texts.entry(name.clone()).or_insert_with(String::new).push_str(&text);
                }
            }
            Event::GeneralRef(entity) => {
                if let Some(name) = &open {
                    let character = match entity.resolve_char_ref().ok()? {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&entity)?.to_owned(),
                    };
                    texts.entry(name.clone()).or_insert_with(String::new).push_str(&character);
                }
            }
            Event::End(_) => open = None,
            Event::Eof => return Some(texts),
            _ => {}
        }
    }
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
                " xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:n=\"urn:swj:grsds\""
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
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn envelopes_are_read_by_local_name() {
        let texts =
            leaf_texts("<s:Envelope xmlns:s=\"x\"><q:sfzh> 1 </q:sfzh><q:xm>A&amp;B&#x5f20;</q:xm></s:Envelope>")
                .unwrap();
        assert_eq!(texts["sfzh"], " 1 ");
        assert_eq!(texts["xm"], "A&B张");
        assert_eq!(tag_before("<q:a>{{ page_no }}</q:a>", "{{ page_no").as_deref(), Some("a"));
    }

    #[test]
    fn texts_are_escaped() {
        let mut root = Element::default();
        root.put(&["Envelope".into(), "Body".into(), "x".into()], "A&B <c>");
        let mut text = String::new();
        root.write(&mut text, true);
        assert!(text.contains("<soap:Body><n:x>A&amp;B &lt;c&gt;</n:x></soap:Body>"), "{text}");
    }
}
