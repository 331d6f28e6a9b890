//! Where a database listens and whether the way there is encrypted, as `site.toml` says it.

use crate::manifest::block::Block;
use crate::manifest::tree::Place;

/// How a connection to a database is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsUse {
    /// Encrypted, and the server's certificate is verified.
    #[default]
    Require,
    /// Encrypted if the server can, unverified: for a network that is trusted.
    Prefer,
    /// In the clear.
    Off,
}

impl TlsUse {
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("require", Self::Require), ("prefer", Self::Prefer), ("off", Self::Off)];
}

/// Where a database listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    pub(crate) name: &'a str,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
}

impl<'a> Host<'a> {
    /// Reads `SCHEME HOST:PORT/DATABASE`; none if it is anything else. A user or options in it are refused.
    pub(crate) fn of(endpoint: &'a str, scheme: &str, port: u16) -> Option<Self> {
        let (authority, database) = endpoint.strip_prefix(scheme)?.split_once('/')?;
        let (name, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((name, port)) => (name, port.parse().ok()?),
            None => (authority, port),
        };
        let plain = |text: &str, also: &[char]| {
            !text.is_empty()
                && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.') || also.contains(&c))
        };
        (plain(name, &['[', ']', ':']) && plain(database, &[])).then_some(Self { name, port, database })
    }
}

/// `SHA256:` and base64 as `ssh-keygen` prints it, or hex with or without colons as `openssl x509 -fingerprint` does.
pub(crate) fn fingerprint(text: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    let bytes = match text.strip_prefix("SHA256:") {
        Some(base64) => base64::engine::general_purpose::STANDARD_NO_PAD.decode(base64.trim_end_matches('=')).ok()?,
        None => hex::decode(text.replace(':', "")).ok()?,
    };
    bytes.try_into().ok()
}

/// A database is named without an account: that belongs to the secrets.
pub(crate) fn check(block: &Block<'_>, endpoint: &str, place: &Place) {
    let Some(scheme) = ["postgres://", "mysql://"].into_iter().find(|scheme| endpoint.starts_with(scheme)) else {
        return;
    };
    if endpoint.contains('@') {
        // Pointed at from afar: the line itself may show a password.
        let report =
            block.place().error("site::login_in_endpoint", "an account stands in the endpoint", "of this table");
        block.report(
            report.help("HOST:PORT/DB only; user and password go under secrets, the manifest's `login` names them"),
        );
    } else if Host::of(endpoint, scheme, 0).is_none() {
        let report = place.error("site::bad_endpoint", "this names no database", "here");
        block.report(report.help(format!("{scheme}HOST:PORT/DATABASE, nothing else")));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::Site;
    use hedui_base::SourceText;

    #[test]
    fn a_database_is_a_host_a_port_and_a_name_and_nothing_else() {
        let of = |text| Host::of(text, "postgres://", 5432).map(|h| (h.name, h.port, h.database));
        assert_eq!(of("postgres://10.0.0.9:6000/registry"), Some(("10.0.0.9", 6000, "registry")));
        assert_eq!(of("postgres://db.example/registry"), Some(("db.example", 5432, "registry")));
        assert_eq!(of("postgres://[::1]:6000/registry"), Some(("[::1]", 6000, "registry")));
        for bad in
            ["postgres://h", "postgres://h/", "postgres:///d", "postgres://h:x/d", "postgres://h/d?sslmode=disable"]
        {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_account_in_an_endpoint_is_refused_and_not_shown() {
        let text = "[housing]\nendpoint = \"postgres://reader:s3cret@h:1/d\"\n[water]\nendpoint = \"mysql://h\"\ntls = \"maybe\"\n";
        let mistakes = Site::parse(&SourceText::new("site.toml", text)).unwrap_err();
        let codes: Vec<_> = mistakes.iter().map(|d| d.code).collect();
        assert_eq!(codes, ["site::login_in_endpoint", "site::bad_endpoint", "connect::unknown_word"]);
        assert!(mistakes.iter().all(|d| !d.to_string().contains("s3cret")));
    }
}
