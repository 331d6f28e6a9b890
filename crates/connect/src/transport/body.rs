//! Bodies as they travel: in the gateway's encoding, and encrypted where it wants them so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::ask::{Cause, Failure};
use crate::cipher::{self, Key};
use crate::manifest::{CipherEncoding, CipherPlace, CipherPlan, Encoding};
use crate::parse::grid::encode;
use crate::reply::Media;

/// A cipher with its key.
pub(super) struct Sealed<'a> {
    pub(super) plan: &'a CipherPlan,
    pub(super) key: Key,
}

/// Whether an encoding has every character of a text.
pub(super) fn encodable(encoding: Encoding, text: &str) -> bool {
    encode(encoding, text).is_some()
}

/// A request's body as it is sent.
pub(super) fn write(encoding: Encoding, sealed: Option<&Sealed<'_>>, body: &str) -> Result<Vec<u8>, Failure> {
    let bad = || Failure::new(Cause::Template);
    let Some((place, sealed)) = sealed.and_then(|s| Some((s.plan.request.as_ref()?, s))) else {
        return encode(encoding, body).ok_or_else(bad);
    };
    let seal = |plain: &str| {
        let plain = encode(encoding, plain).ok_or_else(bad)?;
        let bytes =
            cipher::seal(sealed.plan.cipher, &sealed.key, &plain).map_err(|_| Failure::new(Cause::BadSecret))?;
        Ok(match sealed.plan.encoding {
            CipherEncoding::Base64 => STANDARD.encode(bytes),
            CipherEncoding::Hex => hex::encode(bytes),
        })
    };
    let text = match place {
        CipherPlace::Body => seal(body)?,
        CipherPlace::Field(keys) => {
            let mut document: Value = serde_json::from_str(body).map_err(|_| bad())?;
            let field = field(&mut document, keys).ok_or_else(bad)?;
            let plain = field.as_str().map_or_else(|| field.to_string(), str::to_owned);
            *field = Value::String(seal(&plain)?);
            document.to_string()
        }
    };
    encode(encoding, &text).ok_or_else(bad)
}

/// What came of undoing a reply's encryption.
pub(super) enum Opened {
    /// The bytes as the parser wants them.
    Reply(Media, Vec<u8>),
    /// There was nothing encrypted where ciphertext belongs: a refusal, perhaps, but never an answer.
    Plain(Media, Vec<u8>),
}

/// A reply's body, decrypted. Its text stays in its encoding, which the media names; what is decrypted is UTF-8.
pub(super) fn read(
    media: Media,
    encoding: Encoding,
    sealed: Option<&Sealed<'_>>,
    bytes: Vec<u8>,
) -> Result<Opened, Failure> {
    let stored = media.in_encoding(encoding);
    let Some((place, sealed)) = sealed.and_then(|s| Some((s.plan.response.as_ref()?, s))) else {
        return Ok(Opened::Reply(stored, bytes));
    };
    let Some(text) = stored.decode(&bytes) else { return Ok(Opened::Plain(stored, bytes)) };
    match place {
        CipherPlace::Body if serde_json::from_str::<Value>(&text).is_ok_and(|v| v.is_object()) => {
            Ok(Opened::Plain(stored, bytes))
        }
        CipherPlace::Body => Ok(Opened::Reply(media, open(sealed, stored, &text)?.into_bytes())),
        CipherPlace::Field(keys) => {
            let Ok(mut document) = serde_json::from_str::<Value>(&text) else {
                return Ok(Opened::Plain(stored, bytes));
            };
            match field(&mut document, keys) {
                None | Some(Value::Null) => return Ok(Opened::Plain(stored, bytes)),
                Some(Value::String(text)) if text.is_empty() => return Ok(Opened::Plain(stored, bytes)),
                Some(value) => {
                    let ciphertext = value.as_str().ok_or(Failure::new(Cause::Cipher))?;
                    let plain = open(sealed, stored, ciphertext)?;
                    let inner = serde_json::from_str(&plain).ok();
                    *value = inner.filter(|v: &Value| v.is_object() || v.is_array()).unwrap_or(Value::String(plain));
                }
            }
            Ok(Opened::Reply(media, document.to_string().into_bytes()))
        }
    }
}

fn open(sealed: &Sealed<'_>, media: Media, ciphertext: &str) -> Result<String, Failure> {
    let damaged = || Failure::new(Cause::Cipher);
    let bytes = match sealed.plan.encoding {
        CipherEncoding::Base64 => STANDARD.decode(ciphertext.trim()).map_err(|_| damaged())?,
        CipherEncoding::Hex => hex::decode(ciphertext.trim()).map_err(|_| damaged())?,
    };
    let plain = cipher::open(sealed.plan.cipher, &sealed.key, &bytes).map_err(|_| damaged())?;
    media.decode(&plain).map(std::borrow::Cow::into_owned).ok_or_else(damaged)
}

fn field<'v>(document: &'v mut Value, keys: &[String]) -> Option<&'v mut Value> {
    keys.iter().try_fold(document, |value, key| value.get_mut(key))
}

/// The encoding that a `Content-Type` names.
pub(super) fn charset(content_type: &str) -> Option<Encoding> {
    let (_, rest) = content_type.split_once("charset=")?;
    let name = rest.split(';').next().unwrap_or(rest).trim().trim_matches('"').to_ascii_lowercase();
    match name.as_str() {
        "utf-8" | "utf8" => Some(Encoding::Utf8),
        "gbk" | "gb2312" | "gb18030" => Some(Encoding::Gb18030),
        _ => None,
    }
}
