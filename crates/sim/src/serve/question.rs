//! Requests read backwards: the manifest's own body template is written with marks, and where a mark stands, there a
//! request says that thing. Works for any template whose body is JSON or XML.

use std::collections::HashMap;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use hedui_base::Month;
use hedui_connect::{Format, Marks, Template};
use jiff::civil::Date;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value as Json;

use super::place::Step;

/// What a request asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    /// Numbers and names, as asked.
    pub(super) people: Vec<(String, String)>,
    /// First and last month.
    pub(super) months: Option<(i64, i64)>,
    /// Page, from 1.
    pub(super) page: Option<usize>,
    /// First item of the page, from 0.
    pub(super) offset: Option<usize>,
    /// What the page before called this one; empty on the first.
    pub(super) cursor: Option<String>,
    /// Rows a page.
    pub(super) page_size: Option<usize>,
}

impl Question {
    /// Whether it asks for the first page, or for all there is.
    pub(super) fn is_first_page(&self) -> bool {
        self.page.is_none_or(|page| page <= 1)
            && self.offset.is_none_or(|offset| offset == 0)
            && self.cursor.as_deref().is_none_or(str::is_empty)
    }

    /// A number that tells it from other questions, whatever the page.
    pub(super) fn whose(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        (&self.people, self.months).hash(&mut hasher);
        hasher.finish()
    }
}

type Leaves = HashMap<Vec<Step>, String>;
type Steps = Vec<Step>;

/// Where a template puts what is asked.
pub(super) struct Reading {
    template: Template,
    format: Format,
    many: bool,
    period: bool,
    id: Slot,
    name: Option<Slot>,
    from: Option<Steps>,
    until: Option<Steps>,
    page: Option<Steps>,
    offset: Option<Steps>,
    cursor: Option<Steps>,
    page_size: Option<Steps>,
    /// Months by how the template writes them, first and last.
    months: Mutex<Option<[HashMap<String, i64>; 2]>>,
    as_of: Date,
}

/// Where one thing about every subject stands.
struct Slot {
    steps: Steps,
    /// Which step counts the subjects, and where it begins and how it goes on.
    counts: Option<(usize, usize, usize)>,
}

const IDS: [&str; 2] = ["990000197001010018", "990001196803150217"];
const NAMES: [&str; 2] = ["标记甲", "标记乙"];

impl Reading {
    /// Finds out where a template puts things; the error says what it lacks.
    pub(super) fn new(
        template: &Template,
        format: Format,
        many: bool,
        period: bool,
        as_of: Date,
    ) -> Result<Self, &'static str> {
        let mut reading = Self {
            template: template.clone(),
            format,
            many,
            period,
            id: Slot { steps: Vec::new(), counts: None },
            name: None,
            from: None,
            until: None,
            page: None,
            offset: None,
            cursor: None,
            page_size: None,
            months: Mutex::new(None),
            as_of,
        };
        let base = reading.marks();
        let leaves = reading.written(&base).ok_or("a body that can be written and read back")?;
        reading.id = slot(&leaves, IDS, many).ok_or("each subject's number as a value of its own in the body")?;
        reading.name = slot(&leaves, NAMES, many);
        let moved = |change: &dyn Fn(&mut Marks)| {
            let mut marks = base.clone();
            change(&mut marks);
            let other = reading.written(&marks)?;
            leaves.iter().find(|(steps, text)| other.get(*steps) != Some(text)).map(|(steps, _)| steps.clone())
        };
        let (mut from, mut until) = (None, None);
        if period {
            let set = |marks: &mut Marks, first: &str, last: &str| marks.period = Some((first.into(), last.into()));
            from = moved(&|m| set(m, "2001-03", "2002-02"));
            until = moved(&|m| set(m, "2001-02", "2002-03"));
        }
        let page = moved(&|m| m.page_no = 2);
        let offset = moved(&|m| m.page_offset = 2);
        let cursor = moved(&|m| m.page_cursor = "next".to_owned());
        let page_size = moved(&|m| m.page_size = 8);
        (reading.from, reading.until) = (from, until);
        (reading.page, reading.offset, reading.cursor, reading.page_size) = (page, offset, cursor, page_size);
        Ok(reading)
    }

    fn marks(&self) -> Marks {
        let count = if self.many { 2 } else { 1 };
        let subjects = IDS.iter().zip(NAMES).take(count).map(|(id, name)| ((*id).to_owned(), name.to_owned()));
        Marks {
            subjects: subjects.collect(),
            period: self.period.then(|| ("2001-02".to_owned(), "2002-02".to_owned())),
            page_no: 1,
            page_offset: 1,
            page_cursor: "first".to_owned(),
            page_size: 7,
        }
    }

    fn written(&self, marks: &Marks) -> Option<Leaves> {
        leaves(self.format, self.template.marked(marks).ok()?.as_bytes())
    }

    /// Reads a request; none if it is not one that the template could have written.
    pub(super) fn read(&self, body: &[u8]) -> Option<Question> {
        let leaves = leaves(self.format, body)?;
        let at = |steps: &Option<Steps>| steps.as_ref().and_then(|steps| leaves.get(steps));
        let number = |steps: &Option<Steps>| at(steps).and_then(|text| text.trim().parse().ok());
        let mut people = Vec::new();
        while let Some(id) = leaves.get(&self.id.nth(people.len())?) {
            let name = self.name.as_ref().and_then(|slot| leaves.get(&slot.nth(people.len())?));
            people.push((id.clone(), name.cloned().unwrap_or_default()));
            if self.id.counts.is_none() {
                break;
            }
        }
        if people.is_empty() && !self.many {
            return None;
        }
        let months = if self.from.is_some() || self.until.is_some() {
            // A template may say only one end; the other is then open.
            let from = at(&self.from).map(|text| self.month(0, text));
            let until = at(&self.until).map(|text| self.month(1, text));
            Some((from.unwrap_or(Some(i64::MIN))?, until.unwrap_or(Some(i64::MAX))?))
        } else {
            None
        };
        Some(Question {
            people,
            months,
            page: number(&self.page),
            offset: number(&self.offset),
            cursor: at(&self.cursor).cloned(),
            page_size: number(&self.page_size),
        })
    }

    /// The month that the template writes so, among those of the last years.
    fn month(&self, end: usize, text: &str) -> Option<i64> {
        let mut months = self.months.lock().unwrap_or_else(PoisonError::into_inner);
        let known = months.get_or_insert_with(|| self.month_words());
        known[end].get(text).copied()
    }

    fn month_words(&self) -> [HashMap<String, i64>; 2] {
        let mut words = [HashMap::new(), HashMap::new()];
        let now = Month::of(self.as_of);
        for month in (-180..=12).map(|n| now.plus(n)) {
            let mut marks = self.marks();
            marks.period = Some((month.to_string(), month.to_string()));
            let Some(leaves) = self.written(&marks) else { continue };
            for (words, steps) in words.iter_mut().zip([&self.from, &self.until]) {
                if let Some(text) = steps.as_ref().and_then(|steps| leaves.get(steps)) {
                    words.insert(text.clone(), month.index());
                }
            }
        }
        words
    }
}

impl Slot {
    /// Where it stands for the nth subject.
    fn nth(&self, nth: usize) -> Option<Steps> {
        let mut steps = self.steps.clone();
        match self.counts {
            None if nth > 0 => return None,
            None => {}
            Some((at, first, stride)) => steps[at] = Step::Index(first + nth * stride),
        }
        Some(steps)
    }
}

/// Where two marks stand: at the same place but for one number.
fn slot(leaves: &Leaves, marks: [&str; 2], many: bool) -> Option<Slot> {
    let at = |mark: &str| {
        let mut found: Vec<&Steps> = leaves.iter().filter(|(_, text)| *text == mark).map(|(steps, _)| steps).collect();
        found.sort_by_key(|steps| format!("{steps:?}"));
        found.first().map(|steps| (*steps).clone())
    };
    let first = at(marks[0])?;
    if !many {
        return Some(Slot { steps: first, counts: None });
    }
    let second = at(marks[1])?;
    let mut differing = first.iter().zip(&second).enumerate().filter(|(_, (a, b))| a != b);
    let (position, pair) = differing.next()?;
    let (Step::Index(a), Step::Index(b)) = pair else { return None };
    if differing.next().is_some() || first.len() != second.len() || b <= a {
        return None;
    }
    let counts = Some((position, *a, b - a));
    Some(Slot { steps: first, counts })
}

/// Every scalar of a document by its place.
fn leaves(format: Format, body: &[u8]) -> Option<Leaves> {
    let mut leaves = Leaves::new();
    match format {
        Format::Xml => xml(std::str::from_utf8(body).ok()?, &mut leaves)?,
        _ => json(&serde_json::from_slice(body).ok()?, &mut Vec::new(), &mut leaves),
    }
    Some(leaves)
}

fn json(value: &Json, steps: &mut Steps, leaves: &mut Leaves) {
    match value {
        Json::Object(object) => {
            for (name, value) in object {
                steps.push(Step::Key(name.clone()));
                json(value, steps, leaves);
                steps.pop();
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                steps.push(Step::Index(index));
                json(value, steps, leaves);
                steps.pop();
            }
        }
        Json::Null => {}
        Json::String(text) => {
            leaves.insert(steps.clone(), text.clone());
        }
        other => {
            leaves.insert(steps.clone(), other.to_string());
        }
    }
}

/// An open element: how many children of each name it has so far, its own text.
#[derive(Default)]
struct Open {
    counts: HashMap<String, usize>,
    text: String,
}

fn xml(text: &str, leaves: &mut Leaves) -> Option<()> {
    let mut reader = Reader::from_str(text);
    let (mut steps, mut open) = (Steps::new(), vec![Open::default()]);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                enter(&start, &mut steps, &mut open, leaves)?;
                open.push(Open::default());
            }
            Event::Empty(start) => {
                enter(&start, &mut steps, &mut open, leaves)?;
                leaves.insert(steps.clone(), String::new());
                steps.truncate(steps.len() - 2);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(entity) => {
                let character = match entity.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&entity)?.to_owned(),
                };
                open.last_mut()?.text.push_str(&character);
            }
            Event::End(_) => {
                let closed = open.pop()?;
                if closed.counts.is_empty() {
                    leaves.insert(steps.clone(), closed.text);
                }
                steps.truncate(steps.len().checked_sub(2)?);
            }
            Event::Eof => return Some(()),
            _ => {}
        }
    }
}

/// Goes into an element: its local name and which of that name it is; attributes are places too.
fn enter(start: &BytesStart<'_>, steps: &mut Steps, open: &mut [Open], leaves: &mut Leaves) -> Option<()> {
    let name = start.local_name().as_ref().to_owned();
    let nth = open.last_mut()?.counts.entry(name.clone()).or_default();
    steps.extend([Step::Key(name), Step::Index(*nth)]);
    *nth += 1;
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let mut place = steps.clone();
        place.push(Step::Key(format!("@{}", attribute.key.local_name().as_ref())));
        leaves.insert(place, attribute.value.to_string());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use jiff::civil::date;

    fn reading(template: &str, format: Format, many: bool, period: bool) -> Reading {
        Reading::new(&Template::new(template, format), format, many, period, date(2026, 6, 30)).unwrap()
    }

    #[test]
    fn a_json_request_is_read_by_its_own_template() {
        let text = r#"{"head":{"ks":{{ period.from | month("%Y年%m月") | tojson }},"js":{{ period.until | month("%Y%m") | tojson }}},"ry":[{% for s in subjects %}{"id":{{ s.id_number | tojson }},"o":{"xm":{{ s.name | tojson }}}}{{ "," if not loop.last }}{% endfor %}]}"#;
        let reading = reading(text, Format::Json, true, true);
        let body = r#"{"head":{"ks":"2025年06月","js":"202605"},"ry":[{"id":"1","o":{"xm":"甲"}},{"id":"2","o":{"xm":"乙"}},{"id":"3","o":{"xm":"丙"}}]}"#;
        let question = reading.read(body.as_bytes()).unwrap();
        let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        assert_eq!(question.people, [pair("1", "甲"), pair("2", "乙"), pair("3", "丙")]);
        let index = |year, month| Month::new(year, month).unwrap().index();
        assert_eq!(question.months, Some((index(2025, 6), index(2026, 5))));
        assert!(reading.read(b"{}").unwrap().people.is_empty());
        assert!(reading.read(b"nothing").is_none());
    }

    #[test]
    fn plain_lists_and_single_subjects_are_read_too() {
        let list = reading(
            r#"{"ids":[{% for s in subjects %}{{ s.id_number | tojson }}{{ "," if not loop.last }}{% endfor %}]}"#,
            Format::Json,
            true,
            false,
        );
        assert_eq!(list.read(br#"{"ids":["7","8"]}"#).unwrap().people.len(), 2);
        let one =
            reading(r#"{"zjhm":{{ subjects[0].id_number | tojson }},"p":{{ page_no }}}"#, Format::Json, false, false);
        let question = one.read(br#"{"zjhm":"7","p":3}"#).unwrap();
        assert_eq!((question.people.len(), question.page), (1, Some(3)));
        let joined = Template::new(r#"{"ids":"{% for s in subjects %}{{ s.id_number }},{% endfor %}"}"#, Format::Json);
        assert!(Reading::new(&joined, Format::Json, true, false, date(2026, 6, 30)).is_err());
    }

    #[test]
    fn an_envelope_is_read_by_local_names() {
        let text = r#"<s:Envelope xmlns:s="x"><s:Body><q:ask xmlns:q="y"><q:sfzh>{{ subjects[0].id_number }}</q:sfzh><q:xm>{{ subjects[0].name }}</q:xm><q:ks>{{ period.from | month("%Y%m") }}</q:ks><q:p no="{{ page_no }}"/></q:ask></s:Body></s:Envelope>"#;
        let reading = reading(text, Format::Xml, false, true);
        let body = r#"<e:Envelope xmlns:e="x"><e:Body><ask><sfzh>1</sfzh><xm>A&amp;B&#x5f20;</xm><ks>202506</ks><p no="4"/></ask></e:Body></e:Envelope>"#;
        let question = reading.read(body.as_bytes()).unwrap();
        assert_eq!(question.people, [("1".to_owned(), "A&B张".to_owned())]);
        assert_eq!(question.months, Some((Month::new(2025, 6).unwrap().index(), i64::MAX)));
        assert_eq!(question.page, Some(4));
    }
}
