//! JSON over HTTP: signed, limited, retried, capped.

use std::time::Duration;

use backon::Retryable as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{MAX_BODY, given, random_hex, scope_subjects};
use crate::ask::{AskPeriod, Cause, Context, Failure, Gate, Subject};
use crate::manifest::{Given, HttpPlan, Retry, RetryOn, Signer, Verdict};
use crate::parse::classify;
use crate::registry::Source;
use crate::reply::{Media, Part};
use crate::sign::{self, Signed};
use crate::site::InstitutionSite;
use crate::template::{Scope, ScopePeriod};

pub(super) async fn ask(
    source: &Source,
    plan: &HttpPlan,
    context: &Context,
    site: &InstitutionSite,
    gate: &Gate,
    subjects: &[&Subject],
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let scope = Scope {
        request_id: &random_hex(),
        subjects: scope_subjects(subjects),
        period: scope_period(period),
        page_no: 1,
        page_size: 0,
    };
    let body = plan.body.render(&scope).map_err(|_| Failure::new(Cause::Template))?;
    let call = Call {
        source,
        context,
        site,
        gate,
        path: &plan.path,
        content_type: "application/json",
        headers: &plan.headers,
        signer: plan.signer.as_ref(),
        media: Media::Json,
        name: "page-1".into(),
    };
    Ok(vec![call.send(body).await?])
}

pub(super) fn scope_period(period: Option<AskPeriod>) -> Option<ScopePeriod> {
    period.map(|p| ScopePeriod { from: p.from.to_string(), until: p.until.to_string() })
}

/// One request, tried as often as the manifest says.
pub(super) struct Call<'a> {
    pub(super) source: &'a Source,
    pub(super) context: &'a Context,
    pub(super) site: &'a InstitutionSite,
    pub(super) gate: &'a Gate,
    pub(super) path: &'a str,
    pub(super) content_type: &'static str,
    pub(super) headers: &'a [(String, Given)],
    pub(super) signer: Option<&'a Signer>,
    pub(super) media: Media,
    pub(super) name: String,
}

/// A failed try, with what the manifest calls its cause.
struct Try {
    failure: Failure,
    on: Option<RetryOn>,
}

impl Call<'_> {
    pub(super) async fn send(&self, body: String) -> Result<Part, Failure> {
        let retry = &self.source.manifest.limits.retry;
        (|| self.once(&body))
            .retry(full_jitter(retry).into_iter())
            .when(|attempt: &Try| attempt.on.is_some_and(|on| retry.on.contains(&on)))
            .await
            .map_err(|attempt| attempt.failure)
    }

    async fn once(&self, body: &str) -> Result<Part, Try> {
        let plain = |failure| Try { failure, on: None };
        let _seat = self.gate.enter().await;
        let headers = self.headers(body).map_err(plain)?;
        let request = self
            .context
            .http
            .post(format!("{}{}", self.site.endpoint, self.path))
            .timeout(self.source.manifest.limits.timeout)
            .headers(headers)
            .body(body.to_owned());
        let mut response = request.send().await.map_err(|e| network(&e))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| network(&e))? {
            if bytes.len() + chunk.len() > MAX_BODY {
                return Err(plain(Failure::new(Cause::TooLarge)));
            }
            bytes.extend_from_slice(&chunk);
        }
        let verdict = classify(self.source, self.media, status.as_u16(), &bytes);
        let failure = Failure::new(Cause::Status(status.as_u16()));
        if verdict == Some(Verdict::Throttled) {
            return Err(Try { failure: Failure { retry: true, ..failure }, on: Some(RetryOn::Throttled) });
        }
        if !status.is_success() && verdict.is_none() {
            let on = match status.as_u16() {
                429 => Some(RetryOn::TooMany),
                500.. => Some(RetryOn::ServerError),
                _ => None,
            };
            return Err(Try { failure, on });
        }
        Ok(Part { name: self.name.clone(), media: self.media, status: Some(status.as_u16()), body: bytes })
    }

    fn headers(&self, body: &str) -> Result<HeaderMap, Failure> {
        let bad = |_| Failure::new(Cause::Template);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let mut put = |name: &str, text: &str| -> Result<(), Failure> {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Failure::new(Cause::Template))?;
            let mut value = HeaderValue::from_str(text).map_err(bad)?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok(())
        };
        for (name, value) in self.headers {
            put(name, given(value, self.site)?)?;
        }
        if let Some(signer) = self.signer {
            let (app, key) = (given(&signer.app, self.site)?, given(&signer.key, self.site)?);
            let ts = self.context.now().as_millisecond().to_string();
            let nonce = random_hex();
            let signed = Signed { method: "POST", path: self.path, app, ts: &ts, nonce: &nonce, body: body.as_bytes() };
            put(&signer.headers.app, app)?;
            put(&signer.headers.ts, &ts)?;
            put(&signer.headers.nonce, &nonce)?;
            put(&signer.headers.sign, &sign::sign(signer, key.as_bytes(), &signed))?;
        }
        Ok(headers)
    }
}

fn network(error: &reqwest::Error) -> Try {
    if error.is_timeout() {
        Try { failure: Failure::new(Cause::Timeout), on: Some(RetryOn::Timeout) }
    } else {
        Try { failure: Failure::new(Cause::Connect), on: Some(RetryOn::Connect) }
    }
}

/// Pauses before each further try: anywhere between nothing and the doubled pause, so that callers spread out.
pub(super) fn full_jitter(retry: &Retry) -> Vec<Duration> {
    let ceiling = |n: usize| retry.base.saturating_mul(1 << n.min(20)).min(retry.cap);
    (0..retry.times).map(|n| ceiling(n).mul_f64(rand::random::<f64>())).collect()
}
