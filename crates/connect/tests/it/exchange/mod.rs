//! File exchange: requests and replies of every form, over every kind of machine.

mod machines;
mod replies;
mod requests;
mod servers;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hedui_base::{Outcome, SourceText};
use hedui_connect::{
    Context, InstitutionFolder, Parsed, Poll, RawReply, Registry, Site, Source, Subject, Submission, catalogue, parse,
};
use jiff::{SignedDuration, Timestamp};

use crate::support::ZHANG;

pub(crate) use servers::{Machine, PASSWORD};

/// How a test's manifest differs from the plainest one.
#[derive(Clone, Default)]
pub(crate) struct Form {
    pub(crate) ask: &'static str,
    pub(crate) via: &'static str,
    pub(crate) login: &'static str,
    pub(crate) put: &'static str,
    pub(crate) columns: &'static str,
    pub(crate) get: &'static str,
    /// A reply about one person of whom there is no record.
    pub(crate) sample: &'static str,
}

const COLUMNS: &str =
    r#"{ name = "xh", value = "seq" }, { name = "xm", value = "name" }, { name = "zjh", value = "id_number" }"#;

impl Form {
    pub(crate) fn text(&self) -> String {
        let or = |text: &'static str, usual: &'static str| if text.is_empty() { usual } else { text };
        let login = match self.via {
            "" | "dir" => String::new(),
            _ => format!("login = {{ user = \"secret:user\", {} }}", or(self.login, "password = \"secret:password\"")),
        };
        format!(
            r#"
[source]
id = "bank.test"
title = {{ zh = "存款", en = "Deposits" }}
institution = {{ zh = "某行", en = "Bank" }}
class = "bank"
schema = 1
[access]
scope = "financial"
subjects = "members"
[ask]
key = ["id_number", "name"]
batch = 50
{}
[transport]
kind = "file_exchange"
via = "{}"
{login}
put = {{ dir = "in", {}, columns = [{}] }}
get = {{ dir = "out", {} }}
match = "xh"
[limits]
timeout = "20s"
due = "15wd"
[outcome]
item_is = [{{ when = 'jg == "0"', is = "found" }}, {{ when = 'jg == "1"', is = "no_record" }}]
absent = "failed"
[map.deposit]
account = {{ from = "zh", to = "text" }}
[quality]
fresh = "30d"
must = ["trailer.count == rows"]
[[sample]]
title = "none"
subjects = [{{ id_number = "{}", name = "王五" }}]
reply = '''
{}
'''
expect = [{{ outcome = "no_record" }}]
"#,
            self.ask,
            or(self.via, "dir"),
            or(self.put, "name = \"REQ_{date}_{batch}.csv\", encoding = \"gbk\""),
            or(self.columns, COLUMNS),
            or(self.get, "name = \"RSP_{date}_{batch}.csv\", trailer = \"#{count}\""),
            // One row whatever forms are asked for.
            if self.ask.contains("id18") { "990000200001010012" } else { ZHANG.0 },
            or(self.sample, "xh,jg,zh\n1,1,\n#1"),
        )
    }

    pub(crate) fn source(&self) -> Arc<Source> {
        let file = SourceText::new("bank_test/connector.toml", self.text());
        let folder = InstitutionFolder { name: "bank_test".into(), files: vec![file] };
        let loaded = Registry::load(&[folder], &catalogue(), None);
        let shown: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        Arc::clone(loaded.registry.get("bank.test").unwrap_or_else(|| panic!("{}", shown.join("\n"))))
    }
}

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Hands {
    pub(crate) fn forward(&self, time: SignedDuration) {
        self.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

pub(crate) fn site_text(machine: &Machine, secrets: &str) -> String {
    format!(
        "[bank_test]\nendpoint = \"{}\"\n{}\n[bank_test.secrets]\nuser = \"u\"\n{secrets}\n",
        machine.endpoint, machine.pin
    )
}

pub(crate) fn context(machine: &Machine, secrets: &str) -> (Context, Hands) {
    context_of(&site_text(machine, secrets))
}

pub(crate) fn context_of(site: &str) -> (Context, Hands) {
    let site = Site::parse(&SourceText::new("site.toml", site)).unwrap();
    let start: Timestamp = "2026-06-30T02:00:00Z".parse().unwrap();
    let hands = Hands(Arc::new(AtomicI64::new(start.as_second())));
    let read = hands.clone();
    let context = Context::new(site).unwrap();
    let now = move || Timestamp::from_second(read.0.load(Ordering::SeqCst)).unwrap();
    (context.with_clock(now), hands)
}

/// The password that every server takes.
pub(crate) fn password() -> String {
    format!("password = \"{}\"", servers::PASSWORD)
}

pub(crate) fn ready(poll: Poll) -> RawReply {
    match poll {
        Poll::Ready(raw) => raw,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn pending(poll: &Poll) -> bool {
    matches!(poll, Poll::Pending)
}

pub(crate) fn parsed(source: &Source, subjects: &[Subject], raw: &RawReply) -> Parsed {
    let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
    parse(source, &keys, raw)
}

pub(crate) fn outcomes(source: &Source, subjects: &[Subject], raw: &RawReply) -> Vec<Outcome> {
    parsed(source, subjects, raw).answers.iter().map(|a| a.outcome).collect()
}

/// The name of a submission's reply.
pub(crate) fn reply_name(submission: &Submission, suffix: &str) -> String {
    format!("RSP_{}{suffix}", submission.reference)
}
