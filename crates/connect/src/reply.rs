//! Raw replies: what an institution sent, byte for byte, with all that is needed to parse it again later.

use std::borrow::Cow;

use hedui_base::{AskId, SourceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ask::AskPeriod;

/// Bytes of one page or file, at most.
pub(crate) const MAX_BODY: usize = 64 * 1024 * 1024;
use crate::manifest::Encoding;

/// What a part of a reply holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// JSON text.
    Json,
    /// XML text.
    Xml,
    /// JSON text in GB18030 or its subset GBK.
    JsonGb18030,
    /// XML text in GB18030 or its subset GBK.
    XmlGb18030,
    /// A delimited file in the manifest's encoding.
    Csv,
    /// `{"health": n, "rows": [{column: text}]}`: what a view returned.
    Rows,
    /// A workbook.
    Xlsx,
    /// A file with a table; the manifest's layout says of which sort.
    Table,
    /// `[[cell, ..], ..]`: a sheet as samples write it.
    Grid,
    /// A file that could not be unpacked, as it lay there.
    Damaged,
}

impl Media {
    /// The same text in an encoding.
    pub(crate) const fn in_encoding(self, encoding: Encoding) -> Self {
        match (self, encoding) {
            (Self::Json, Encoding::Gbk | Encoding::Gb18030) => Self::JsonGb18030,
            (Self::Xml, Encoding::Gbk | Encoding::Gb18030) => Self::XmlGb18030,
            _ => self,
        }
    }

    /// The bytes of a document as text, without a byte order mark; none if they are no text in its encoding.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        let text = match self {
            Self::JsonGb18030 | Self::XmlGb18030 => {
                encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes)?
            }
            _ => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        };
        Some(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
            owned @ Cow::Owned(_) => owned,
        })
    }
}

/// One part: a page, a file, a month.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// `page-1`, a file name, or a month. Never personal.
    pub name: String,
    /// What it holds.
    pub media: Media,
    /// HTTP status, if there was one.
    pub status: Option<u16>,
    /// The bytes.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({}, {:?}, {} bytes)", self.name, self.media, self.body.len())
    }
}

/// A subject that was not sent, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which ask.
    pub ask: AskId,
    /// Stable code: `key_missing`, `unencodable_name`, `name_too_long` …
    pub detail: String,
}

/// A reply as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReply {
    /// Who sent it.
    pub source: SourceId,
    /// Hash of the manifest it was asked under.
    pub manifest: String,
    /// When it was complete.
    pub received: Timestamp,
    /// Months asked for.
    pub period: Option<AskPeriod>,
    /// Which row of the request was which ask, for replies matched by number.
    pub sent: Vec<(u32, AskId)>,
    /// Subjects that were not sent.
    pub refused: Vec<Refused>,
    /// The bytes, in order.
    pub parts: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    hedui_raw: u8,
    source: SourceId,
    manifest: String,
    received: Timestamp,
    period: Option<AskPeriod>,
    sent: Vec<(u32, AskId)>,
    refused: Vec<Refused>,
    parts: Vec<PartHead>,
}

#[derive(Serialize, Deserialize)]
struct PartHead {
    name: String,
    media: Media,
    status: Option<u16>,
    bytes: usize,
}

/// Bytes are not a stored reply.
#[derive(Debug, thiserror::Error)]
#[error("not a stored reply of hedui, or a damaged one")]
pub struct DamagedReply;

impl RawReply {
    /// One line of JSON, then the bytes of all parts: what is stored, hashed and encrypted.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            hedui_raw: 1,
            source: self.source.clone(),
            manifest: self.manifest.clone(),
            received: self.received,
            period: self.period,
            sent: self.sent.clone(),
            refused: self.refused.clone(),
            parts: self
                .parts
                .iter()
                .map(|p| PartHead { name: p.name.clone(), media: p.media, status: p.status, bytes: p.body.len() })
                .collect(),
        };
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        for part in &self.parts {
            bytes.extend_from_slice(&part.body);
        }
        bytes
    }

    /// The inverse of [`RawReply::to_bytes`].
    ///
    /// # Errors
    /// [`DamagedReply`] if the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DamagedReply> {
        let end = bytes.iter().position(|b| *b == b'\n').ok_or(DamagedReply)?;
        let head: Head = serde_json::from_slice(&bytes[..end]).map_err(|_| DamagedReply)?;
        let mut rest = &bytes[end + 1..];
        let mut parts = Vec::new();
        for part in head.parts {
            let (body, more) = rest.split_at_checked(part.bytes).ok_or(DamagedReply)?;
            rest = more;
            parts.push(Part { name: part.name, media: part.media, status: part.status, body: body.to_vec() });
        }
        if !rest.is_empty() || head.hedui_raw != 1 {
            return Err(DamagedReply);
        }
        Ok(Self {
            source: head.source,
            manifest: head.manifest,
            received: head.received,
            period: head.period,
            sent: head.sent,
            refused: head.refused,
            parts,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_reply_survives_storage_and_damage_is_noticed() {
        let reply = RawReply {
            source: "tax.income".into(),
            manifest: "abc".into(),
            received: Timestamp::UNIX_EPOCH,
            period: None,
            sent: vec![(1, AskId(7))],
            refused: vec![Refused { ask: AskId(8), detail: "key_missing".into() }],
            parts: vec![
                Part { name: "page-1".into(), media: Media::Xml, status: Some(200), body: b"<a>\n</a>".to_vec() },
                Part { name: "page-2".into(), media: Media::Xml, status: None, body: vec![0, 255, b'\n'] },
            ],
        };
        let bytes = reply.to_bytes();
        assert_eq!(RawReply::from_bytes(&bytes).unwrap(), reply);
        assert!(RawReply::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(!format!("{reply:?}").contains("<a>"));
    }
}
