//! XML as a small tree of local names and texts: no attributes, no namespaces, no DTD, bounded depth and size.

use quick_xml::Reader;
use quick_xml::events::Event;

/// One element.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

const MAX_DEPTH: usize = 64;
const MAX_ELEMENTS: usize = 2_000_000;

/// Parses a document to its root element.
pub(crate) fn parse(text: &str) -> Result<Element, &'static str> {
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<Element> = vec![Element::default()];
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|_| "not well-formed")?;
        match event {
            Event::Start(start) => {
                elements += 1;
                if stack.len() > MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err("too deep or too large");
                }
                stack.push(Element { name: local(start.local_name().as_ref()), ..Element::default() });
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err("too deep or too large");
                }
                let element = Element { name: local(start.local_name().as_ref()), ..Element::default() };
                stack.last_mut().ok_or("not well-formed")?.children.push(element);
            }
            Event::End(_) => {
                let element = stack.pop().ok_or("not well-formed")?;
                stack.last_mut().ok_or("not well-formed")?.children.push(element);
            }
            Event::Text(text) => stack.last_mut().ok_or("not well-formed")?.text.push_str(&text),
            Event::CData(text) => stack.last_mut().ok_or("not well-formed")?.text.push_str(&text),
            Event::GeneralRef(name) => {
                let resolved = match &*name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => name.resolve_char_ref().ok().flatten(),
                };
                stack.last_mut().ok_or("not well-formed")?.text.push(resolved.ok_or("unknown entity")?);
            }
            Event::DocType(_) => return Err("a DTD is not accepted"),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    let document = stack.pop().ok_or("not well-formed")?;
    if !stack.is_empty() || document.children.len() != 1 {
        return Err("not well-formed");
    }
    document.children.into_iter().next().ok_or("empty")
}

fn local(name: &str) -> String {
    name.to_owned()
}

impl Element {
    /// Descendants by names, one level each.
    pub(crate) fn walk<'a>(&'a self, names: &[String]) -> Vec<&'a Self> {
        names.iter().fold(vec![self], |found, name| {
            found.into_iter().flat_map(|e| e.children.iter().filter(|c| c.name == *name)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn namespaces_entities_and_cdata() {
        let root =
            parse("<?xml version=\"1.0\"?><s:A xmlns:s=\"u\"><s:b>x &amp; &#24352;<![CDATA[<y>]]></s:b><b/></s:A>")
                .unwrap();
        let found = root.walk(&["b".to_owned()]);
        assert_eq!(root.name, "A");
        assert_eq!(found.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(), ["x & 张<y>", ""]);
    }

    #[test]
    fn bombs_and_fragments_are_refused() {
        assert!(parse("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>").is_err());
        assert!(parse("<a>&x;</a>").is_err());
        assert!(parse("<a><b></a>").is_err());
        assert!(parse("<a>").is_err());
        assert!(parse("").is_err());
        assert!(parse(&"<a>".repeat(100)).is_err());
    }
}
