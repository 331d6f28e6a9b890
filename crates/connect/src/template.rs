//! Request bodies as templates: strict about undefined names, escaped for the format, with bounded work.

use hedui_base::Month;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::selector::Format;

/// Steps a template may take: far above a full batch, far below a loop without end.
const FUEL: u64 = 5_000_000;

/// A request body.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    xml: bool,
}

/// What templates may read.
pub(crate) struct Scope<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) subjects: Vec<ScopeSubject<'a>>,
    pub(crate) period: Option<ScopePeriod>,
    pub(crate) page: ScopePage<'a>,
}

/// Which page is asked for: its number from 1, its first item from 0, and what the page before called it.
pub(crate) struct ScopePage<'a> {
    pub(crate) no: usize,
    pub(crate) offset: usize,
    pub(crate) cursor: &'a str,
    pub(crate) size: usize,
}

pub(crate) struct ScopeSubject<'a> {
    pub(crate) id_number: &'a str,
    pub(crate) name: &'a str,
}

pub(crate) struct ScopePeriod {
    pub(crate) from: String,
    pub(crate) until: String,
}

impl Scope<'_> {
    fn to_value(&self) -> minijinja::Value {
        let subjects: Vec<minijinja::Value> =
            self.subjects.iter().map(|s| context! { id_number => s.id_number, name => s.name }).collect();
        let ScopePage { no: page_no, offset: page_offset, cursor: page_cursor, size: page_size } = self.page;
        let request_id = self.request_id;
        let shared = context! { request_id, subjects, page_no, page_offset, page_cursor, page_size };
        match &self.period {
            // Without a period the name is undefined, and reading it is an error.
            None => shared,
            Some(period) => {
                let (from, until) = (period.from.as_str(), period.until.as_str());
                context! { period => context! { from, until }, ..shared }
            }
        }
    }
}

/// Values that a request is written with by somebody who wants to learn where each of them stands: simulators read
/// requests backwards by it. Nothing of it is personal.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Number and name of each subject.
    pub subjects: Vec<(String, String)>,
    /// First and last month, `2025-06`; none if no period is asked for.
    pub period: Option<(String, String)>,
    /// Page, from 1.
    pub page_no: usize,
    /// First item of the page, from 0.
    pub page_offset: usize,
    /// What the page before called this one.
    pub page_cursor: String,
    /// Items a page.
    pub page_size: usize,
}

fn environment(xml: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| if xml { AutoEscape::Html } else { AutoEscape::None });
    environment.set_fuel(Some(FUEL));
    // The built-in filter writes an undefined name as null; a misspelt name would be asked about as nobody.
    environment.add_filter("tojson", |value: minijinja::Value| -> Result<minijinja::Value, minijinja::Error> {
        if value.is_undefined() {
            return Err(minijinja::Error::new(minijinja::ErrorKind::UndefinedError, "a name that is not defined"));
        }
        let text = value.as_str().map_or_else(|| Ok(value.to_string()), serde_json::to_string);
        let text = text.map_err(|_| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, "not a text"))?;
        Ok(minijinja::Value::from_safe_string(text))
    });
    environment.add_filter("month", |text: String, format: String| -> Result<String, minijinja::Error> {
        let month: Month = text.parse().map_err(|_| {
            minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "`month` takes period.from or period.until")
        })?;
        Ok(month.first_day().strftime(&format).to_string())
    });
    environment
}

impl Template {
    /// A template for bodies of a format; nothing is checked yet.
    #[must_use]
    pub fn new(text: impl Into<String>, format: Format) -> Self {
        Self { text: text.into(), xml: format == Format::Xml }
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Renders it. Errors never quote values.
    pub(crate) fn render(&self, scope: &Scope<'_>) -> Result<String, String> {
        environment(self.xml).render_str(&self.text, scope.to_value()).map_err(|e| {
            let line = e.line().map_or_else(String::new, |l| format!(" (line {l})"));
            format!("{}{line}", e.detail().map_or_else(|| e.kind().to_string(), str::to_owned))
        })
    }

    /// Writes the body with marks in the place of what is asked.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn marked(&self, marks: &Marks) -> Result<String, String> {
        self.render(&Scope {
            request_id: "mark",
            subjects: marks.subjects.iter().map(|(id_number, name)| ScopeSubject { id_number, name }).collect(),
            period: marks.period.clone().map(|(from, until)| ScopePeriod { from, until }),
            page: ScopePage {
                no: marks.page_no,
                offset: marks.page_offset,
                cursor: &marks.page_cursor,
                size: marks.page_size,
            },
        })
    }

    /// Renders it with people whose names hold every awkward character: the body must stay well formed and name each of
    /// them.
    pub(crate) fn try_out(&self, with_period: bool, batch: usize, with_id: bool) -> Result<(), String> {
        let ids: Vec<String> = (0..batch.clamp(1, 2)).map(|i| format!("99000019700101{i:04}")).collect();
        let subject = |id| ScopeSubject { id_number: id, name: "张\"三'<&>\\·㛃" };
        let scope = Scope {
            request_id: "0",
            subjects: ids.iter().map(|id| subject(id.as_str())).collect(),
            period: with_period.then(|| ScopePeriod { from: "2025-06".into(), until: "2026-05".into() }),
            page: ScopePage { no: 1, offset: 0, cursor: "", size: 10 },
        };
        let body = self.render(&scope)?;
        if self.xml {
            crate::parse::xml::parse(&body).map_err(|e| format!("the rendered body is not XML: {e}"))?;
        } else {
            serde_json::from_str::<serde_json::Value>(&body)
                .map_err(|e| format!("the rendered body is not JSON ({e}); write values as {{{{ x | tojson }}}}"))?;
        }
        if with_id && !ids.iter().all(|id| body.contains(id.as_str())) {
            return Err("the rendered body does not name every subject; loop over `subjects`".into());
        }
        Ok(())
    }
}
