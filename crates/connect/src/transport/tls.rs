//! What a connection shows of the server behind it, and what its refusals mean.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError};

use crate::ask::Cause;

/// End of validity of the certificate a reply came under.
pub(super) fn certificate_until(response: &reqwest::Response) -> Option<Timestamp> {
    let info = response.extensions().get::<reqwest::tls::TlsInfo>()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(info.peer_certificate()?).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// What a failed connection says: whose fault it is, and when the server's certificate ended, if it has.
pub(super) fn refusal(error: &reqwest::Error) -> Option<(Cause, Option<Timestamp>)> {
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            let seconds = i64::try_from(not_after.as_secs()).ok();
            Some((Cause::Certificate, seconds.and_then(|s| Timestamp::from_second(s).ok())))
        }
        rustls::Error::InvalidCertificate(_) => Some((Cause::Certificate, None)),
        // The server does not accept our certificate, or misses it.
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => Some((Cause::Login, None)),
        _ => None,
    }
}

/// The TLS error inside an error, however deep.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
