//! Tries a source with one subject.

use crate::ask::{Exchange, Failure, Poll, Subject};
use crate::context::Context;
use crate::parse::{Parsed, parse};
use crate::registry::Source;

/// How trying a source ended.
#[derive(Debug)]
pub enum Tried {
    /// It answered.
    Answered(Box<Parsed>),
    /// It took the request; the reply comes later under this reference.
    Submitted(String),
    /// It did not.
    Failed(Failure),
}

/// Asks a source about one subject and parses the reply; polls once where the reply comes by file.
pub async fn try_source(source: &Source, context: &Context, subject: &Subject) -> Tried {
    let day = context.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let keys = [subject.key()];
    let exchange = source.ask(context, std::slice::from_ref(subject), source.period(day)).await;
    match exchange {
        Exchange::Replied(raw) => Tried::Answered(Box::new(parse(source, &keys, &raw))),
        Exchange::Failed(failure) => Tried::Failed(failure),
        Exchange::Submitted(submission) => match source.poll(context, &submission).await {
            Poll::Ready(raw) => Tried::Answered(Box::new(parse(source, &keys, &raw))),
            Poll::Pending => Tried::Submitted(submission.reference),
            Poll::Failed(failure) => Tried::Failed(failure),
        },
    }
}
