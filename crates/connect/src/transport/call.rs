//! One request over HTTP: signed, encrypted, limited, tried again as the manifest says, and its reply capped.

use std::time::Duration;

use backon::Retryable as _;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::body::{self, Opened, Sealed};
use super::retry::{full_jitter, http_date, pause, retry_after};
use super::{random_hex, tls};
use crate::ask::{Cause, Failure, Observed};
use crate::context::Context;
use crate::gate::Gate;
use crate::manifest::{CipherPlan, Encoding, Given, RetryOn, Signer, Verdict};
use crate::parse::classify;
use crate::registry::Source;
use crate::reply::{MAX_BODY, Media, Part};
use crate::sign::{self, Signed};
use crate::site::{InstitutionSite, given};

/// Where and how requests of a source go.
pub(super) struct Call<'a> {
    pub(super) source: &'a Source,
    pub(super) context: &'a Context,
    pub(super) site: &'a InstitutionSite,
    pub(super) gate: &'a Gate,
    pub(super) path: &'a str,
    pub(super) media: Media,
    pub(super) encoding: Encoding,
    pub(super) headers: &'a [(String, Given)],
    pub(super) signer: Option<&'a Signer>,
    pub(super) cipher: Option<&'a CipherPlan>,
}

/// A failed try, with what the manifest calls its cause.
struct Try {
    failure: Failure,
    on: Option<RetryOn>,
}

impl Try {
    const fn plain(failure: Failure) -> Self {
        Self { failure, on: None }
    }
}

impl Call<'_> {
    /// Sends a body and gives back the reply's, under a name.
    pub(super) async fn send(&self, name: String, body: &str) -> Result<Part, Failure> {
        let sealed = self.sealed()?;
        let bytes = body::write(self.encoding, sealed.as_ref(), body)?;
        let retry = &self.source.manifest.limits.retry;
        let (status, media, body) = (|| self.once(sealed.as_ref(), &bytes))
            .retry(full_jitter(retry).into_iter())
            .when(|attempt: &Try| attempt.on.is_some_and(|on| retry.on.contains(&on)))
            .adjust(|attempt, own| pause(own, attempt.failure.after, retry.cap))
            .await
            .map_err(|attempt| attempt.failure)?;
        Ok(Part { name, media, status: Some(status), body })
    }

    fn sealed(&self) -> Result<Option<Sealed<'_>>, Failure> {
        let Some(plan) = self.cipher else { return Ok(None) };
        let key = given(&plan.key, self.site)?;
        let key = plan.cipher.key(key).map_err(|_| Failure::new(Cause::BadSecret))?;
        Ok(Some(Sealed { plan, key }))
    }

    async fn once(&self, sealed: Option<&Sealed<'_>>, body: &[u8]) -> Result<(u16, Media, Vec<u8>), Try> {
        let seat = self.gate.enter().await;
        let headers = self.headers(body).map_err(Try::plain)?;
        let request = self
            .context
            .client(self.source)
            .post(format!("{}{}", self.site.endpoint, self.path))
            .timeout(self.source.manifest.limits.timeout)
            .headers(headers)
            .body(body.to_owned());
        let mut response = request.send().await.map_err(|e| self.network(&e))?;
        let after = self.observe(&response);
        let status = response.status();
        let named = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).and_then(body::charset);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.network(&e))? {
            if bytes.len() + chunk.len() > MAX_BODY {
                return Err(Try::plain(Failure::new(Cause::TooLarge)));
            }
            bytes.extend_from_slice(&chunk);
        }
        let failure = Failure { after, ..Failure::new(Cause::Status(status.as_u16())) };
        let opened = match body::read(self.media, named.unwrap_or(self.encoding), sealed, bytes) {
            Ok(opened) => opened,
            // What is no ciphertext under an error status is an error page.
            Err(_) if !status.is_success() => return Err(Try { failure, on: retried(status.as_u16()) }),
            Err(damaged) => return Err(Try::plain(damaged)),
        };
        let (media, bytes, is_plain) = match opened {
            Opened::Reply(media, bytes) => (media, bytes, false),
            Opened::Plain(media, bytes) => (media, bytes, true),
        };
        let verdict = classify(self.source, media, status.as_u16(), &bytes);
        if verdict == Some(Verdict::Throttled) || status.as_u16() == 429 || after.is_some() {
            seat.throttled(after);
        } else if status.is_success() {
            seat.went_well();
        }
        match verdict {
            Some(Verdict::Throttled) => {
                Err(Try { failure: Failure { retry: true, ..failure }, on: Some(RetryOn::Throttled) })
            }
            // An answer that should have been encrypted and was not: anybody on the way could have written it.
            Some(Verdict::Ok | Verdict::Found | Verdict::NoRecord) if is_plain => {
                Err(Try::plain(Failure::new(Cause::Cipher)))
            }
            None if !status.is_success() => Err(Try { failure, on: retried(status.as_u16()) }),
            _ => Ok((status.as_u16(), media, bytes)),
        }
    }

    /// Notes what a reply shows of its server; gives back how long it asks us to wait.
    fn observe(&self, response: &reqwest::Response) -> Option<Duration> {
        let now = self.context.now();
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok());
        let theirs = header(DATE).and_then(http_date);
        let skew = theirs.map(|theirs| theirs.as_millisecond() - now.as_millisecond());
        let seen = Observed { certificate_until: tls::certificate_until(response), clock_skew_ms: skew };
        self.context.observe(&self.source.institution, seen);
        matches!(response.status().as_u16(), 429 | 503)
            .then(|| header(RETRY_AFTER).and_then(|text| retry_after(text, theirs.unwrap_or(now))))
            .flatten()
    }

    fn headers(&self, body: &[u8]) -> Result<HeaderMap, Failure> {
        let bad = || Failure::new(Cause::Template);
        let mut headers = HeaderMap::new();
        let content_type = match (self.media, self.encoding) {
            (Media::Xml, Encoding::Utf8) => "text/xml; charset=utf-8",
            (Media::Xml, Encoding::Gbk) => "text/xml; charset=gbk",
            (Media::Xml, Encoding::Gb18030) => "text/xml; charset=gb18030",
            (Media::Xml, Encoding::Utf16Le) => "text/xml; charset=utf-16le",
            (Media::Xml, Encoding::Utf16Be) => "text/xml; charset=utf-16be",
            (_, Encoding::Utf16Le) => "application/json; charset=utf-16le",
            (_, Encoding::Utf16Be) => "application/json; charset=utf-16be",
            (_, Encoding::Utf8) => "application/json",
            (_, Encoding::Gbk) => "application/json; charset=gbk",
            (_, Encoding::Gb18030) => "application/json; charset=gb18030",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut put = |name: &str, text: &str| -> Result<(), Failure> {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(text).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok(())
        };
        for (name, value) in self.headers {
            put(name, given(value, self.site)?)?;
        }
        if let Some(signer) = self.signer {
            let app = signer.app.as_ref().map_or(Ok(""), |app| given(app, self.site))?;
            let key = given(&signer.key, self.site)?;
            let ts = self.context.now().as_millisecond().to_string();
            let nonce = random_hex();
            let signed = Signed { method: "POST", path: self.path, app, ts: &ts, nonce: &nonce, body };
            let signature = sign::sign(signer, key.as_bytes(), &signed).map_err(|_| Failure::new(Cause::BadSecret))?;
            let named = &signer.headers;
            let sent = [(&named.app, app), (&named.ts, &ts), (&named.nonce, &nonce)];
            for (name, text) in sent.into_iter().filter_map(|(name, text)| Some((name.as_ref()?, text))) {
                put(name, text)?;
            }
            put(&named.sign, &signature)?;
        }
        Ok(headers)
    }

    fn network(&self, error: &reqwest::Error) -> Try {
        if let Some((cause, certificate_until)) = tls::refusal(error) {
            self.context.observe(&self.source.institution, Observed { certificate_until, clock_skew_ms: None });
            return Try::plain(Failure::new(cause));
        }
        if error.is_timeout() {
            Try { failure: Failure::new(Cause::Timeout), on: Some(RetryOn::Timeout) }
        } else {
            Try { failure: Failure::new(Cause::Connect), on: Some(RetryOn::Connect) }
        }
    }
}

/// What the manifest calls a status that is no answer.
const fn retried(status: u16) -> Option<RetryOn> {
    match status {
        429 => Some(RetryOn::TooMany),
        500.. => Some(RetryOn::ServerError),
        _ => None,
    }
}
