//! From raw replies to answers: a pure function, so that a stored reply can be parsed again at any time.
//!
//! Exactly one answer comes out for each subject asked. A row that cannot be read is set aside with a closed reason and
//! makes its ask `partial` or `failed`; nothing that is missing, damaged or about somebody else ever becomes `no_record`.

mod answers;
mod dci;
mod documents;
mod drops;
mod files;
pub mod grid;
pub(crate) mod link;
mod linked;
mod row;
mod view;
pub(crate) mod xml;

use std::fmt;

use hedui_base::{AskId, Outcome, PersonKey, Records};
use jiff::civil::Date;

use crate::ask::SubjectKey;
use crate::manifest::{Transport, Verdict};
use crate::registry::Source;
use crate::reply::{Media, RawReply};

pub(crate) use dci::{Progress, acknowledged, progress};
pub(crate) use documents::{PageState, page_state};
pub(crate) use drops::Shelf;
pub(crate) use row::shown;
pub(crate) use view::View;

/// Why a row or reply was set aside. Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It repeats another number or name than was asked.
    IdentityMismatch,
    /// A part of its key is missing.
    KeyMissing,
    /// Not an amount, or beyond what is possible.
    BadMoney,
    /// Not a date or month.
    BadDate,
    /// A code that the table does not have.
    UnknownCode,
    /// A number that lost digits in a spreadsheet.
    IdPrecisionLost,
    /// Bytes that are not text in the declared encoding.
    Encoding,
    /// The same key twice with different content.
    DuplicateConflict,
    /// About somebody who was not asked about: destroyed, counted, not stored.
    UnrequestedSubject,
    /// Fewer or more rows, or another sum, than announced.
    TrailerMismatch,
    /// Not what the manifest describes.
    SchemaDrift,
    /// A record that may be theirs, by an address that is only alike: for a person to look at. Never counted as theirs.
    LinkUncertain,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::IdentityMismatch,
        Self::KeyMissing,
        Self::BadMoney,
        Self::BadDate,
        Self::UnknownCode,
        Self::IdPrecisionLost,
        Self::Encoding,
        Self::DuplicateConflict,
        Self::UnrequestedSubject,
        Self::TrailerMismatch,
        Self::SchemaDrift,
        Self::LinkUncertain,
    ];

    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::IdentityMismatch => "identity_mismatch",
            Self::KeyMissing => "key_missing",
            Self::BadMoney => "bad_money",
            Self::BadDate => "bad_date",
            Self::UnknownCode => "unknown_code",
            Self::IdPrecisionLost => "id_precision_lost",
            Self::Encoding => "encoding",
            Self::DuplicateConflict => "duplicate_conflict",
            Self::UnrequestedSubject => "unrequested_subject",
            Self::TrailerMismatch => "trailer_mismatch",
            Self::SchemaDrift => "schema_drift",
            Self::LinkUncertain => "link_uncertain",
        }
    }

    /// What a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::IdentityMismatch => "返回的身份与查询对象不符",
            Self::KeyMissing => "缺少关键字段",
            Self::BadMoney => "金额无法识别",
            Self::BadDate => "日期无法识别",
            Self::UnknownCode => "未知代码",
            Self::IdPrecisionLost => "证件号码精度丢失",
            Self::Encoding => "编码错误",
            Self::DuplicateConflict => "重复记录内容不一致",
            Self::UnrequestedSubject => "返回了未查询的人员",
            Self::TrailerMismatch => "文件不完整或合计不符",
            Self::SchemaDrift => "格式与约定不符",
            Self::LinkUncertain => "地址相近,需人工确认",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// What came of one ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which ask.
    pub ask: AskId,
    /// About whom.
    pub person: PersonKey,
    /// How it ended.
    pub outcome: Outcome,
    /// What day the answer is true for, if the source said; the oldest among its rows.
    pub as_of: Option<Date>,
    /// Its rows; `answer` in them is 0 until it is settled.
    pub records: Records,
    /// Why, where the outcome alone does not say: a reason code, or `unclassified`, `absent`, `period_incomplete` …
    pub detail: Option<String>,
}

/// Something that was set aside. Holds no value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Why.
    pub reason: Reason,
    /// Where in the reply: a page and item, a line, a month and row.
    pub place: String,
    /// Whose ask it spoilt, if that can be told.
    pub ask: Option<AskId>,
}

/// Counts of one reply, for the health board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Subjects asked.
    pub asked: usize,
    /// Items or rows read.
    pub rows: usize,
    /// Rows kept.
    pub kept: usize,
    /// Rows set aside.
    pub quarantined: usize,
    /// Bytes of the reply.
    pub bytes: usize,
}

/// What a reply came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// One answer a subject, in the order of `subjects`.
    pub answers: Vec<Answer>,
    /// What was set aside.
    pub quarantine: Vec<Quarantined>,
    /// Counts.
    pub stats: Stats,
}

/// Reads a reply. Pure: no I/O, no clock; the same bytes give the same answers.
#[must_use]
pub fn parse(source: &Source, subjects: &[SubjectKey], raw: &RawReply) -> Parsed {
    let mut answers = answers::Answers::new(source, subjects, raw);
    if answers.anybody_was_sent() {
        match &source.manifest.transport {
            Transport::Http(_) | Transport::Soap(_) => documents::read(&mut answers, raw),
            Transport::Dci(plan) => dci::read(&mut answers, plan, raw),
            Transport::Files(plan) => files::read(&mut answers, plan, raw),
            Transport::Sql(plan) => documents::read_rows(&mut answers, plan, raw),
            Transport::Drop(plan) => drops::read(&mut answers, plan, raw),
        }
    }
    answers.finish(raw)
}

/// What the envelope rules say about one live reply, before anything is stored.
pub(crate) fn classify(source: &Source, media: Media, status: u16, body: &[u8]) -> Option<Verdict> {
    match &source.manifest.transport {
        Transport::Dci(_) => dci::classify(media, body),
        _ => documents::classify(source, media, status, body),
    }
}
