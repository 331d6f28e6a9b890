//! The typed plan a manifest compiles to. Everything is public to read: the simulators answer by it in reverse.

use std::time::Duration;

use hedui_base::catalogue::Title;
use hedui_base::{Month, Outcome};

use crate::condition::{Condition, CountCheck};
use crate::convert::Converter;
use crate::maintenance::Window;
use crate::selector::Selector;

use super::plans::Transport;

/// Who of a household is asked about at a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subjects {
    /// Every jointly living member.
    Members,
    /// Members and those with a legal duty to support them.
    MembersAndObligors,
    /// The applicant alone, for what belongs to the household.
    Applicant,
}

/// How a source answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    Live,
    /// Later: submitted, then polled for.
    Exchange,
    /// Nothing is sent: files dropped in a folder are looked into.
    Drop,
}

/// One manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// What it is and who answers.
    pub source: SourceBlock,
    /// Under which authority.
    pub access: Access,
    /// What is asked.
    pub ask: AskBlock,
    /// How it travels.
    pub transport: Transport,
    /// How fast and how long.
    pub limits: Limits,
    /// What a reply means.
    pub outcome: OutcomeBlock,
    /// How rows map to the dataset.
    pub map: Map,
    /// What a reply must satisfy.
    pub quality: Quality,
    /// Recorded replies with what must come out.
    pub samples: Vec<Sample>,
}

/// What kind of body an institution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A department of the government.
    Department,
    /// A charity, a union and the like.
    Organisation,
    /// Water, power, gas, telecom, cable.
    Utility,
    /// A bank.
    Bank,
    /// A platform that passes on what others hold, such as the province's.
    Relay,
}

impl Class {
    /// Every class with its word in a manifest, in the order institutions are counted.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("department", Self::Department),
        ("organisation", Self::Organisation),
        ("utility", Self::Utility),
        ("bank", Self::Bank),
        ("relay", Self::Relay),
    ];

    /// Its word in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::Organisation => "organisation",
            Self::Utility => "utility",
            Self::Bank => "bank",
            Self::Relay => "relay",
        }
    }

    /// What a caseworker reads.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Department => "部门",
            Self::Organisation => "群团组织",
            Self::Utility => "公用事业单位",
            Self::Bank => "银行",
            Self::Relay => "上级平台",
        }
    }
}

/// `[source]`.
#[derive(Clone, Debug)]
pub struct SourceBlock {
    /// Such as `police.hukou`.
    pub id: String,
    /// Titles of the data.
    pub title: Title,
    /// Titles of the institution.
    pub institution: Title,
    /// What kind of body the institution is.
    pub class: Class,
}

/// `[access]`.
#[derive(Clone, Debug)]
pub struct Access {
    /// Scope that a letter must grant.
    pub scope: String,
    /// Who is asked about.
    pub subjects: Subjects,
    /// Purposes it may be asked for; empty means all that a letter names.
    pub purposes: Vec<String>,
}

/// What identifies a subject to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// Identity number.
    IdNumber,
    /// Name.
    Name,
    /// Account number.
    Account,
    /// Address.
    Address,
}

/// Forms of an identity number that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdVariant {
    /// 18 characters.
    Id18,
    /// The old 15 digits.
    Id15,
}

/// `[ask]`.
#[derive(Clone, Debug)]
pub struct AskBlock {
    /// What must be known of a subject.
    pub key: Vec<KeyPart>,
    /// People a call, at most.
    pub batch: usize,
    /// Forms of the number asked for.
    pub variants: Vec<IdVariant>,
    /// How many closed months are asked for; none if the answer is a state and not a history.
    pub months: Option<u32>,
    /// How many of these months one call asks for; none asks for all at once.
    pub window: Option<u32>,
}

/// `[limits]`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls a second; none means unlimited.
    pub rate: Option<u32>,
    /// Calls at the same time.
    pub concurrency: usize,
    /// For one call.
    pub timeout: Duration,
    /// When to try again.
    pub retry: Retry,
    /// How often to look for a reply file.
    pub poll: Option<Duration>,
    /// Working days until an answer is overdue.
    pub due_working_days: Option<u32>,
    /// Whose account rate and daily budget belong to: sources of one institution that name the same share them. None is
    /// the institution's one account.
    pub credential: Option<String>,
    /// People a day that may be asked about with that account, in China's day; none means unlimited.
    pub daily: Option<u64>,
    /// Part of `daily` kept for asking again.
    pub daily_reserve: Share,
    /// Part of rate, seats and `daily` kept for checks that somebody waits for.
    pub reserve: Share,
    /// When the source counts as down.
    pub breaker: BreakerPlan,
    /// Hours in which nothing is sent, in China's time.
    pub maintenance: Vec<Window>,
}

/// A part of a whole, exact to a ten-thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// From ten-thousandths; more than the whole counts as the whole.
    #[must_use]
    pub const fn of_ten_thousand(parts: u16) -> Self {
        Self(if parts > 10_000 { 10_000 } else { parts })
    }

    /// In ten-thousandths, at most 10000.
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// This part of a number, rounded down.
    #[must_use]
    pub const fn of(self, whole: u64) -> u64 {
        // Split, so that nothing overflows.
        whole / 10_000 * self.0 as u64 + whole % 10_000 * self.0 as u64 / 10_000
    }
}

/// When a source counts as down and is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPlan {
    /// Share of failed calls from which on it counts as down.
    pub open_after: Share,
    /// Of how many last calls.
    pub of: u32,
    /// How long it is left alone before one call tries again.
    pub cool: Duration,
}

impl Default for BreakerPlan {
    /// Half of the last twenty calls, for a minute.
    fn default() -> Self {
        Self { open_after: Share::of_ten_thousand(5_000), of: 20, cool: Duration::from_secs(60) }
    }
}

/// When a call is tried again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Causes.
    pub on: Vec<RetryOn>,
    /// Further tries.
    pub times: usize,
    /// First pause.
    pub base: Duration,
    /// Longest pause.
    pub cap: Duration,
}

/// A cause to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// No reply in time.
    Timeout,
    /// No connection.
    Connect,
    /// Status 429.
    TooMany,
    /// Status 5xx.
    ServerError,
    /// The envelope says `throttled`.
    Throttled,
}

/// What a rule says a reply, item or row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Ok,
    /// Rows follow.
    Found,
    /// Proof that there is none.
    NoRecord,
    /// They refuse.
    NotAuthorised,
    /// Ask again later.
    Throttled,
    /// No answer.
    Failed,
}

/// One outcome rule; the first that matches decides.
#[derive(Clone, Debug)]
pub struct Rule {
    /// When.
    pub when: Condition,
    /// What it is.
    pub is: Verdict,
}

/// Proof that there is no record.
#[derive(Clone, Debug)]
pub enum NoneProof {
    /// The reply says so.
    Says(Condition),
    /// A healthy view returned no row.
    EmptyResult,
    /// Every month's file is there and whole.
    PeriodLoaded,
}

/// `[outcome]`.
#[derive(Clone, Debug)]
pub struct OutcomeBlock {
    /// On the whole reply (each page).
    pub envelope: Vec<Rule>,
    /// On a SOAP fault.
    pub fault: Vec<Rule>,
    /// What day the reply as a whole is true for.
    pub as_of: Option<Field>,
    /// Items of a reply.
    pub item: Option<Selector>,
    /// Whose item it is; none if only one person is asked a call, or rows are matched by number.
    pub item_key: Option<Selector>,
    /// On an item.
    pub item_is: Vec<Rule>,
    /// Rows inside an item; none if the item is the row.
    pub rows: Option<Selector>,
    /// Where an item says how many rows it has.
    pub rows_count: Option<Selector>,
    /// Identity number that an item or row repeats.
    pub echo_id: Option<Selector>,
    /// Name that an item or row repeats.
    pub echo_name: Option<Selector>,
    /// Proof of no record.
    pub none: Option<NoneProof>,
    /// Proof that an answer is whole.
    pub whole: Vec<CountCheck>,
    /// What silence about a subject means: `failed`, or `no_record` together with a whole-answer proof.
    pub absent: Outcome,
}

/// One mapped column.
#[derive(Clone, Debug)]
pub struct Field {
    /// Column of the dataset, or `as_of`.
    pub column: String,
    /// Where it stands in a row; none for `const`.
    pub from: Option<Selector>,
    /// How it is converted.
    pub converter: Converter,
    /// Texts that mean null, besides the empty text.
    pub null: Vec<String>,
    /// Whether a numeric cell is refused, because it has lost leading zeros or digits.
    pub text_only: bool,
    /// Whether the key may be missing from a row.
    pub optional: bool,
}

/// `[map.DATASET]`.
#[derive(Clone, Debug)]
pub struct Map {
    /// Which dataset.
    pub dataset: String,
    /// Columns.
    pub fields: Vec<Field>,
    /// What day a row is true for.
    pub as_of: Option<Field>,
}

/// A check of `quality.must`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Must {
    /// `id_number == ask.id_number`
    IdEcho,
    /// `name ~= ask.name`
    NameEcho,
    /// `trailer.count == rows`
    TrailerCount,
    /// `trailer.sum == sum(column)`
    TrailerSum(String),
}

/// `[quality]`.
#[derive(Clone, Debug)]
pub struct Quality {
    /// For how many days an answer is used again.
    pub fresh_days: u32,
    /// Checks.
    pub must: Vec<Must>,
    /// How rows without an identity number find their subject.
    pub link: Option<Link>,
}

/// Linking by account, then by address.
#[derive(Clone, Debug)]
pub struct Link {
    /// Column with the account.
    pub account: String,
    /// Column with the address; none if rows are found by account alone.
    pub address: Option<String>,
    /// Where the account holder's name stands in a row, if it does.
    pub name: Option<Selector>,
    /// Whether an account under another name is somebody else's; otherwise another name only costs.
    pub names_must: bool,
    /// Column that keeps the score.
    pub score: Option<String>,
    /// Least score of an address, in ten thousandths.
    pub min_score: i64,
}

/// `[[sample]]`.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it shows.
    pub title: String,
    /// Who is asked about.
    pub subjects: Vec<SampleSubject>,
    /// Months asked for.
    pub period: Option<(Month, Month)>,
    /// Pages, or one text.
    pub reply: Vec<String>,
    /// Files by period (`2026-05`, `2026Q2`, `2026`): rows of cells, numbers as numbers, or the text of the file.
    pub sheets: Vec<(String, serde_json::Value)>,
    /// The day the reply came, where its age matters.
    pub received: Option<jiff::civil::Date>,
    /// One a subject.
    pub expect: Vec<SampleExpect>,
    /// Reason codes of what is set aside, in order.
    pub quarantine: Vec<String>,
    pub(crate) place: super::tree::Place,
}

/// Who a sample asks about.
#[derive(Clone, Default)]
pub struct SampleSubject {
    /// Invented number.
    pub id_number: Option<String>,
    /// Invented name.
    pub name: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Address.
    pub address: Option<String>,
}

impl std::fmt::Debug for SampleSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SampleSubject")
    }
}

/// What a sample must give for one subject.
#[derive(Clone, Debug)]
pub struct SampleExpect {
    /// Outcome.
    pub outcome: Outcome,
    /// As-of date.
    pub as_of: Option<String>,
    /// Rows in the order of their record ids: columns with their texts, money in yuan, empty for null.
    pub rows: Vec<Vec<(String, String)>>,
    pub(crate) place: super::tree::Place,
}
