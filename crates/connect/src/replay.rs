//! Replays a manifest's samples.

use hedui_base::{AskId, Diagnostic, Outcome, PersonKey, ResidentId};
use jiff::Timestamp;

use crate::ask::{AskPeriod, SubjectKey, forms};
use crate::convert::Value;
use crate::files;
use crate::manifest::{Sample, SampleExpect, Transport};
use crate::parse::grid::encode;
use crate::parse::{Answer, parse, shown};
use crate::registry::Source;
use crate::reply::{Media, Part, RawReply};

/// The subjects and the raw reply that a sample stands for.
pub(crate) fn staged(source: &Source, sample: &Sample) -> Result<(Vec<SubjectKey>, RawReply), String> {
    let mut subjects = Vec::new();
    for (index, subject) in sample.subjects.iter().enumerate() {
        let id = subject
            .id_number
            .as_ref()
            .map(|text| ResidentId::parse(text).map_err(|e| format!("subject {}: {e}", index + 1)))
            .transpose()?;
        if id.as_ref().is_some_and(|id| !id.is_invented()) {
            return Err(format!(
                "subject {}: only invented people (area 990000 to 999999) may stand in samples",
                index + 1
            ));
        }
        let number = i64::try_from(index).unwrap_or(i64::MAX) + 1;
        subjects.push(SubjectKey {
            ask: AskId(number),
            person: PersonKey(u32::try_from(number).unwrap_or(u32::MAX)),
            id,
            name: subject.name.clone(),
            account: subject.account.clone(),
            address: subject.address.clone(),
        });
    }
    let media = match &source.manifest.transport {
        Transport::Http(_) | Transport::Dci(_) => Media::Json,
        Transport::Soap(_) => Media::Xml,
        Transport::Files(plan) if plan.get.layout.format.is_text() => Media::Csv,
        // A sheet is written as its rows, in JSON.
        Transport::Files(_) => Media::Grid,
        Transport::Sql(_) => Media::Rows,
        Transport::Drop(_) => Media::Grid,
    };
    let period = sample.period.map(|(from, until)| AskPeriod { from, until });
    // Where a period is asked in windows, a sample writes one page for each, in order.
    let windows: Vec<String> = period
        .zip(source.manifest.ask.window)
        .map_or_else(Vec::new, |(period, months)| period.windows(months).map(|w| format!("{w} page-1")).collect());
    let name = |index: usize| windows.get(index).cloned().unwrap_or_else(|| format!("page-{}", index + 1));
    let mut parts = Vec::new();
    for (index, text) in sample.reply.iter().enumerate() {
        let body = match &source.manifest.transport {
            Transport::Files(plan) if media == Media::Csv => files::encode(plan.get.layout.encoding, text)
                .ok_or_else(|| "the reply holds a character that its encoding lacks".to_owned())?,
            _ => text.clone().into_bytes(),
        };
        parts.push(Part { name: name(index), media, status: Some(200), body });
    }
    for (period, file) in &sample.sheets {
        let (media, body) = match (file, &source.manifest.transport) {
            (serde_json::Value::String(text), Transport::Drop(plan)) => {
                let body = encode(plan.layout.encoding, text);
                (Media::Table, body.ok_or("the file's encoding lacks a character of the sample")?)
            }
            _ => (media, file.to_string().into_bytes()),
        };
        parts.push(Part { name: period.clone(), media, status: None, body });
    }
    let raw = RawReply {
        source: source.id.clone(),
        manifest: source.manifest_hash.clone(),
        received: sample.received.map_or(Timestamp::UNIX_EPOCH, noon),
        period,
        sent: sent(source, &subjects),
        refused: Vec::new(),
        parts,
    };
    Ok((subjects, raw))
}

/// The rows of the request that a sample's reply would answer: one a person and form of the number.
fn sent(source: &Source, subjects: &[SubjectKey]) -> Vec<(u32, AskId)> {
    let rows = subjects.iter().flat_map(|s| forms(&source.manifest.ask, s.id.as_ref()).into_iter().map(|_| s.ask));
    (1..).zip(rows).collect()
}

/// Noon of a day where the institutions are.
fn noon(day: jiff::civil::Date) -> Timestamp {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    day.at(12, 0, 0, 0).to_zoned(zone).map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp())
}

/// Replays every sample; each difference is a diagnostic at the sample's place.
pub(crate) fn check_samples(source: &Source) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for sample in &source.manifest.samples {
        let wrong = |text: String| {
            sample
                .place
                .error("connect::sample_differs", format!("sample \"{}\": {text}", sample.title), "this sample")
                .help("correct the map, the outcome rules or the sample: one of them is wrong")
        };
        let (subjects, raw) = match staged(source, sample) {
            Ok(staged) => staged,
            Err(error) => {
                found.push(wrong(error));
                continue;
            }
        };
        let parsed = parse(source, &subjects, &raw);
        if sample.expect.len() != subjects.len() {
            found.push(wrong(format!("{} subjects, but {} expectations", subjects.len(), sample.expect.len())));
            continue;
        }
        for (answer, expect) in parsed.answers.iter().zip(&sample.expect) {
            for difference in differences(source, answer, expect) {
                found.push(
                    expect
                        .place
                        .error(
                            "connect::sample_differs",
                            format!("sample \"{}\": {difference}", sample.title),
                            "expected here",
                        )
                        .help("correct the map, the outcome rules or the sample: one of them is wrong"),
                );
            }
        }
        let mut reasons: Vec<&str> = parsed.quarantine.iter().map(|q| q.reason.code()).collect();
        let mut wanted: Vec<&str> = sample.quarantine.iter().map(String::as_str).collect();
        reasons.sort_unstable();
        wanted.sort_unstable();
        if reasons != wanted {
            found.push(wrong(format!("quarantine is [{}], expected [{}]", reasons.join(", "), wanted.join(", "))));
        }
    }
    found
}

fn differences(source: &Source, answer: &Answer, expect: &SampleExpect) -> Vec<String> {
    let mut found = Vec::new();
    if answer.outcome != expect.outcome {
        let detail = answer.detail.as_ref().map_or_else(String::new, |d| format!(" ({d})"));
        found.push(format!("outcome is {}{detail}, expected {}", answer.outcome, expect.outcome));
        return found;
    }
    if let Some(wanted) = &expect.as_of {
        let is = answer.as_of.map_or_else(String::new, |d| d.to_string());
        if is != *wanted {
            found.push(format!("as_of is `{is}`, expected `{wanted}`"));
        }
    }
    if matches!(expect.outcome, Outcome::Found | Outcome::Partial) && answer.records.len() != expect.rows.len() {
        found.push(format!("{} rows, expected {}", answer.records.len(), expect.rows.len()));
        return found;
    }
    for (row, wanted) in expect.rows.iter().enumerate() {
        for (column, wanted) in wanted {
            let Some(spec) = source.dataset.columns.get(column) else {
                found.push(format!("dataset `{}` has no column `{column}`", source.dataset.name));
                continue;
            };
            let value = if spec.ty.is_int() {
                answer.records.table.int(column, row).map(Value::Int)
            } else {
                answer.records.table.text(column, row).map(|t| Value::Text(t.into()))
            };
            let is = value.as_ref().map_or_else(String::new, |v| shown(v, spec.ty));
            if !same(&is, wanted, spec.ty.scale() > 0) {
                found.push(format!("row {}: {column} is `{is}`, expected `{wanted}`", row + 1));
            }
        }
    }
    found
}

/// Numbers are equal by value, everything else by text.
fn same(is: &str, wanted: &str, numeric: bool) -> bool {
    let number = |text: &str| rust_decimal::Decimal::from_str_exact(text).ok();
    is == wanted || (numeric && number(is).is_some() && number(is) == number(wanted))
}
